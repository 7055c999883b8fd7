//! The read view: the ledger's windows as they are now, for people to look at.
//!
//! ```text
//! ledger topic ──reader (one thread)──▶ apply ──▶ View ──▶ HTTP, metrics
//! ```
//!
//! Invariants:
//! * There is one writer and any number of readers. Nobody waits for another for longer
//!   than it takes to copy a page.
//! * The last record of a window counts, whatever its revision: a late event can leave
//!   a window with fewer events than before.
//! * Memory is bounded. What finds no room is counted, and every answer says so.
//! * Time is an argument.
//!
//! An open window always stays. A closed one stays for a while after its closing. So all
//! windows that were detected within that while are there, and figures over them leave
//! nobody out. Of one that leaves, the outcome of its review is kept for the trend.

mod apply;
mod choice;
mod figures;
mod marks;
mod packed;
mod page;
pub mod reader;
mod row;
mod store;
#[cfg(test)]
mod tests;
pub(in crate::runtime) mod trend;

pub use apply::{Applied, Foreign};
pub use choice::{Judged, Sort, Which};
pub use figures::{Bands, Older, Period, Reviewer, Reviewers, Summary};
pub use page::{Filter, Page};
pub use row::{Attack, Row, SortKey};
pub use store::{Bounds, Status, View};
pub use trend::TrendPeriod;
