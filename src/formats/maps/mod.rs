//! Sources that are described in jq instead of Rust.
//!
//! A map is a folder: `map.toml` says how its records are recognised and which paths in them
//! hold secrets; `map.jq` makes native events of a record; `fixtures/` holds records and what
//! must become of them. `docs/maps.md` is the manual.
//!
//! Each output of a program is used or told by itself, and so is each item of a list that a map names
//! in `each`.
//!
//! Invariants: a program sees a secret only as its name; what it gives goes through the native
//! decoder; the same record always gives the same events, so a program is bounded by steps and
//! not by a clock; no error quotes a record.

mod catalogue;
mod extent;
mod fixtures;
mod functions;
mod guard;
mod items;
mod manifest;
mod mark;
mod path;
mod program;
mod rewrite;
mod run;
mod secrets;
mod shipped;
mod source;
mod stop;
mod times;
mod value;
mod world;

pub use catalogue::{Map, MapFault, Maps};
pub use fixtures::{Fixture, FixtureFault, outcomes, test};
pub(super) use manifest::is_name;
pub(super) use run::{decode, decode_recognised};
pub use source::MapSource;
