//! Windows and figures as text: the ledger, findings, alerts, the summary.

mod conclude;
mod people;
mod record;
pub mod terminal;

pub use conclude::{Ledger, Telling, conclude};
pub use people::People;
pub use record::{Circumstances, Record};
