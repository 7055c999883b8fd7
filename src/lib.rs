//! Measures the exposure windows of leaked credentials.

pub mod config;
pub mod event;
pub mod formats;
pub mod runtime;
pub mod time;
