//! Windows and figures as text: the ledger, findings, alerts, the summary.

mod people;
mod record;

pub use people::People;
pub use record::{Circumstances, Record};
