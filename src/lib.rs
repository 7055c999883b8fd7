//! Measures the exposure windows of leaked credentials.

pub mod config;
pub mod engine;
pub mod event;
pub mod formats;
pub mod time;
