//! The program against a real Apache Kafka.
//!
//! `tests/live/run` fetches the broker and starts these tests; without it they
//! fail and say so. Each test has topics and groups of its own on the shared
//! broker, or a broker of its own if it stops it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]
#![expect(clippy::disallowed_methods, reason = "processes and brokers live in real time")]

mod acl;
mod alerts;
mod bad_setup;
mod broker;
mod broker_itself;
mod case;
mod checker;
mod checker_itself;
mod client;
mod clock;
mod cluster;
mod cluster_itself;
mod disk;
mod export;
mod faults;
mod fleet;
mod guard;
#[path = "../replay/harness/mod.rs"]
mod harness;
#[path = "../repository/home.rs"]
mod home;
mod input;
mod lost;
mod monitoring;
mod month;
mod organisations;
mod pages;
mod poison;
mod program;
mod receivers;
mod recovery;
mod report;
mod scenarios;
mod scratch;
mod soak;
mod steps;
mod tokens;
