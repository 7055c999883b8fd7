//! Windows and figures as text: the ledger, findings, alerts, the summary.

mod conclude;
pub mod control;
pub mod explain;
pub mod figures;
mod joining;
mod ledger;
mod numbers;
mod oversight;
mod spelling;
pub mod spreadsheet;
pub mod terminal;

pub use conclude::{Conclusion, conclude};
pub use joining::{NotJoined, suggest};
pub use ledger::{Ledger, Telling};

use std::io::{self, Write};

/// Writes one line of JSON.
fn line<W: Write + ?Sized>(out: &mut W, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}
