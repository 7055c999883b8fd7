//! The local runtime: one process, one thread, one SQLite file.
//!
//! ```text
//! receivers ──▶ queue ──▶ intake ──▶ windows ◀──▶ oversight
//!     ▲                     └───────────┴────────────┘
//!     │                     one transaction: events, state, ledger, alerts, findings,
//!     └── 2xx ◀── commit ── dead letters ──▶ view, notifier
//! ```
//!
//! The same stages run as on Kafka. Invariants: everything that follows from a delivery is
//! committed in one transaction, which is synced before the delivery is answered; deliveries
//! that wait together share a transaction; what is shown was committed.

mod check;
mod events;
mod expire;
mod export;
mod file;
mod lock;
mod outbox;
mod pipeline;
mod read;
mod session;
mod transactions;

pub use events::StoredEvent;
pub use export::{ExportError, export};
pub use file::StoreFile;
pub use lock::{Lock, beside};
pub use read::{Reader, Visit};
pub use session::Local;
pub use transactions::Transactions;
