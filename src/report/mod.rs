//! Windows and figures as text: the ledger, findings, alerts, the summary.

mod conclude;
pub mod control;
pub mod explain;
pub mod figures;
mod joining;
mod numbers;
mod oversight;
pub mod terminal;

pub use conclude::{Ledger, Telling, conclude};
pub use joining::{NotJoined, not_joined, suggest};

use std::io::{self, Write};

/// Writes one line of JSON.
fn line(out: &mut dyn Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
