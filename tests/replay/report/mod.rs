//! `shutterlag report`: its figures against independent ones, its forms, its check
//! against a ledger, and what it says where little can be said.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

mod figures;
mod forms;
mod lifelines;
mod little;
mod made;
mod naive;
mod verify;
