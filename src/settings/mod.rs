//! The configuration of a live run: a TOML file, overrides from the environment,
//! checks, plain types.
//!
//! Each setting is declared once (`declare`); `kafka`, `alerts`, `engine` and
//! `live` hold the declarations, `relations` what several settings must satisfy
//! together.
//!
//! Invariants: whatever is in a [`Settings`] has been checked, so that a run
//! either starts with all of its settings or not at all; no message, no `Debug`
//! and no printed configuration shows a secret; the same file and environment
//! give the same settings.

mod address;
mod alerts;
mod declare;
mod engine;
mod error;
mod groups;
mod kafka;
mod librdkafka;
mod live;
mod load;
mod maps;
mod reader;
mod receivers;
mod reference;
mod relations;
mod secret;
mod source;
mod store;
mod tree;
mod values;

pub use self::alerts::{AlertRule, Alertmanager, Alerts, Login};
pub use self::engine::WindowsStage;
pub use self::error::{Fault, SettingsError};
pub use self::groups::Groups;
pub use self::kafka::{
    Delivery, GroupProtocol, Kafka, Mechanism, Protocol, Role, Sasl, Security, Source, Start,
    Topics,
};
pub use self::live::{Http, Intake, Log, LogFormat, People, PeopleShown, Settings};
pub use self::load::{Effective, reference};
pub use self::maps::{OwnMaps, source as map_source};
pub use self::receivers::{Digest, Encoding, Receiver, Verify, standard_key};
pub use self::reference::{Row, Section};
pub use self::secret::Secret;
pub use self::store::{Store, StorePath};
