//! What other programs deliver, on its way from the HTTP server to whoever makes it durable.
//!
//! ```text
//! HTTP server ──▶ Deliveries ──▶ DeliveryIntake ──▶ outbox: the local store, or Kafka
//!      ▲                                              │
//!      └──────────── Taken or NotTaken ◀──────────────┘
//! ```

mod dead_letter;
mod delivery;
mod intake;
mod queue;

pub use dead_letter::dead_letter_name;
pub use delivery::{Delivery, DeliveryHeaders, NotTaken, Received, Taken, Why};
pub use intake::DeliveryIntake;
pub use queue::{Deliveries, refuse};
