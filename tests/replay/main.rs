//! The commands that read and write files, run as processes: `replay`, `report`, `explain` and
//! `simulate`.

mod alerts;
mod bad_input;
mod canary;
mod examples;
mod explain;
mod failures;
mod figures;
mod hand;
mod harness;
mod ledger_figures;
mod maps;
mod odd;
mod options;
mod order;
mod outputs;
mod rederive;
mod report;
mod simulate;
mod sources;
mod stories;
mod truth;
