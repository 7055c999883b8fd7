//! What touches the world: files, streams, clocks.

pub mod clock;
pub mod demo;
pub mod health;
pub mod http;
pub mod input;
pub mod kafka;
pub mod ledger;
pub mod logging;
pub mod notify;
mod percent;
pub mod replay;
pub mod standings;
pub mod suspicions;
mod trust;
pub mod view;
