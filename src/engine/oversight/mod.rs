//! Stage 2: was the human review real? Keyed by reviewer.
//!
//! Invariants: a judgement cites only what the events say and can be repeated
//! by hand; it does not depend on the order in which windows are handed in.

mod acts;
mod advice;
mod agreement;
mod batch;
mod burst;
mod bytes;
mod certificates;
mod combine;
mod detection;
mod emitted;
mod entry;
mod evidence;
mod flags;
mod hash;
mod hollow;
mod memory;
mod peers;
mod review;
mod reviewer;
mod schedule;
mod signals;
mod stage;
mod texts;
mod whole;

pub use agreement::{LogFactors, Odds, Table};
pub use burst::Burst;
pub use certificates::{Judgement, Quality};
pub use combine::{Discoveries, e_bh, weighted};
pub use detection::{Reading, Sight, Trials, normal_quantile};
pub use emitted::{Change, Emitted, Receipt};
pub use evidence::{Evidence, Factors};
pub use flags::{Flags, by_word};
pub use hollow::{HollowReason, HollowReasons};
pub use peers::{Counts, PeerCounts, Stratum};
pub use review::{Advised, FASTEST_MS_PER_CHARACTER, FASTEST_MS_PER_WORD, Known, Review};
pub use reviewer::{AlertEvidence, PATH_MAX, Point, Reviewer, SignalStanding, Standing, Step};
pub use schedule::{Certificate, INTERVALS_MAX, Job, PACES, Pace, Schedule};
pub use signals::{BySignal, Comparison, Observed, Rules, SIGNALS, Signal};
pub use stage::Stage;
pub use whole::{Answered, JudgedAct, Overseen, Person, Reviews, Turn, Watched};
