#![doc = include_str!("../README.md")]

pub mod cli;
pub mod config;
pub mod engine;
pub mod event;
pub mod formats;
pub mod metrics;
pub mod records;
pub mod report;
pub mod runtime;
pub mod settings;
pub mod simulate;
pub mod time;
