//! `shutterlag report`: its figures compared with independent ones, its forms, its check of a
//! ledger, and reports on little data.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod figures;
mod first_page;
mod forms;
mod lifelines;
mod little;
mod made;
mod naive;
mod verify;
