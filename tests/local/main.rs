//! The local runtime as its users meet it: a process, its HTTP address, its file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests are tests, and they wait for another process"
)]

mod equal;
mod files;
mod kills;
mod maps;
mod power;
mod process;
mod receivers;
mod recovered;
mod tls;
