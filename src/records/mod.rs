//! Every record that goes over the wire or into a file, declared once.
//!
//! A record is a struct with one field per JSON field, declared by the `record!`
//! macro (`declare.rs`). From the declaration follow the writer, the fast reader
//! (one pass over the JSON) and the strict reader, which runs only after the fast
//! one has failed and names the field that is wrong.
//!
//! Invariants: fields are written in the order of the declaration; unknown fields
//! are ignored, so that records of a newer version can be read; null and absent are
//! the same. Text parameters: a record is written from borrowed texts
//! (`Cow<str>`) and read into owned ones (`String`, the default).

mod alert;
mod dead_letter;
mod declare;
mod error;
pub mod exposure_id;
mod field;
mod finding;
mod identity;
mod link;
mod object;
mod people;
mod recorded;
mod review;
mod reviewer_finding;
mod rules;
mod window;
mod window_reading;
mod window_writing;

pub use alert::{AlertRecord, ReviewerAlert};
pub use dead_letter::{DeadLetter, EventName, Origin};
pub use declare::Declared;
pub use error::{Fault, RECORD_BYTES_MAX, RecordError};
pub use exposure_id::ExposureName;
pub use finding::{Finding, WindowEvidence, WindowRules};
pub use identity::{Forwarded, read_node, write_node};
pub use link::LinkRecord;
pub use object::Object;
pub use people::{People, is_pseudonym, label, pseudonym};
pub use recorded::{judgement, review};
pub use review::{Exposure, Handed, Judged};
pub use reviewer_finding::{Flagged, PathStep, ReviewerEvidence, SignalEvidence};
pub use rules::{RulesShown, SignalRules};
pub use window::{AttackerChance, Durations, RecordedTruth, WindowRecord};
pub use window_writing::Circumstances;

#[cfg(test)]
mod tests;
