//! What happens to records, without a transport.
//!
//! ```text
//! sources ──▶ intake ──▶ events ──▶ windows ──▶ windows, alerts, findings
//!             decode,    keyed by ▲  │ ▲ │
//!             name       credential│  ▼ │ └──▶ reviews ──▶ oversight ──▶ findings, alerts
//!               └────▶ dead letters│ state                  │ ▲ │
//!                                  └──── judgements ◀───────┘ ▼ │
//!                                                           reviewers
//! ```
//!
//! A stage takes in [`Record`]s and sends to an [`Outbox`]; the [`Stage`] trait is all
//! that a runtime calls. The Kafka runtime runs the stages between a consumer and a
//! transactional producer, the demo runs them in one thread of its own. `publish` is the
//! only place that turns what the engine emits into records.
//!
//! Invariant: nothing here knows a broker, a database or a thread.

mod arrival;
mod changelog;
mod context;
mod decode;
mod fault;
mod figures;
mod intake;
mod outbox;
mod oversight;
mod pending;
mod publish;
mod record;
mod stage;
mod state;
#[cfg(test)]
mod tests;
mod waiting_reviews;
mod windows;

pub use context::Context;
pub use fault::Fault;
pub use figures::Figures;
pub use intake::Intake;
pub use outbox::{Outbox, Outgoing, Topic, restored_time};
pub use oversight::Oversight;
pub use record::{Headers, Record};
pub use stage::Stage;
pub use state::{Fresh, Refusal, Restored, State};
pub use windows::{OWN_EVENTS, WindowsStage};
