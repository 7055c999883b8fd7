//! Windows and figures as text: the ledger, findings, alerts, the summary.

mod alert;
mod conclude;
pub mod control;
pub mod explain;
mod finding;
pub mod ledger;
pub(crate) mod oversight;
mod people;
mod record;
pub mod terminal;

pub use alert::AlertRecord;
pub use conclude::{Ledger, Telling, conclude};
pub use finding::Finding;
pub use oversight::{
    AgreementRules, Flagged, ReviewerAlert, ReviewerFinding, RulesShown, SignalRules,
};
pub use people::People;
pub use record::{Circumstances, Record};

use std::io::{self, Write};

/// Writes one line of JSON.
fn line(out: &mut dyn Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
