//! What touches the world: files, streams, clocks.

pub mod blocks;
pub mod clock;
pub mod demo;
pub mod health;
pub mod http;
pub mod input;
pub mod kafka;
pub mod ledger;
pub mod local;
pub mod logging;
pub mod notify;
mod percent;
pub mod read_progress;
pub mod receive;
pub mod reconcile;
pub mod replay;
mod retry;
pub mod reviewer_alerts;
pub mod stages;
pub mod standings;
mod trust;
pub mod unjoined;
pub mod view;
pub mod watchdog;
