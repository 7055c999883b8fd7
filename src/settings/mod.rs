//! The configuration of a live run: a TOML file, overrides from the environment,
//! checks, plain types.
//!
//! Invariants: whatever is in a [`Settings`] has been checked, so that a run
//! never starts half; a secret shows in no message, no `Debug` and no printed
//! configuration; the same file and environment give the same settings.

mod alerts;
mod check;
mod error;
mod file;
mod kafka;
mod owned;
mod read;
mod secret;
mod show;
mod value;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

pub use self::alerts::{AlertRule, Alertmanager, Alerts, Login};
pub use self::error::{Fault, SettingsError};
pub use self::kafka::{
    Delivery, Kafka, Mechanism, Protocol, Sasl, Security, Source, Start, Topics,
};
pub use self::secret::Secret;
pub use self::show::Effective;

use crate::config::{EngineConfig, FiguresConfig, Limits, OversightConfig, Profiles};
use crate::engine::attacker::Race;
use crate::event::words;
use crate::time::Span;

/// Everything a live run is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How Kafka is reached, and what is asked of it.
    pub kafka: Kafka,
    /// The topics that belong to shutterlag.
    pub topics: Topics,
    /// The topics that are read; at least one.
    pub sources: Vec<Source>,
    /// The stage that decodes records and keys them by credential.
    pub intake: Intake,
    /// The stage that holds windows.
    pub windows: WindowsStage,
    /// The rules by which reviews are judged.
    pub oversight: OversightConfig,
    /// Deadlines of each workflow; the same as in `windows.engine`.
    pub profiles: Profiles,
    /// What figures about exposures rest on.
    pub figures: FiguresConfig,
    /// When attackers arrive.
    pub race: Race,
    /// What is too large to decode.
    pub limits: Limits,
    /// How alerts reach people.
    pub alerts: Alerts,
    /// How reviewers appear.
    pub people: PeopleShown,
    /// The HTTP server.
    pub http: Http,
    /// The program's own log.
    pub log: Log,
}

impl Settings {
    /// Reads the file, then what `environment` overrides of it, then checks all.
    /// Relative paths in it start at the file's directory.
    ///
    /// A variable names a key in capitals, with `SHUTTERLAG__` in front and two
    /// underscores between its parts: `SHUTTERLAG__KAFKA__BROKERS`.
    ///
    /// # Errors
    /// All that is wrong, without quoting any value.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Settings, SettingsError> {
        let found = read::Found::read(path, environment)?;
        check::settings(&found, path.parent().unwrap_or(Path::new("")))
    }
}

/// The stage that decodes records and keys them by credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Intake {
    /// Workers, each with a consumer and a producer of its own; at least one.
    pub workers: usize,
}

impl Default for Intake {
    fn default() -> Intake {
        Intake { workers: 1 }
    }
}

/// The stage that holds windows.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowsStage {
    /// Workers, each with a consumer and a producer of its own; at least one.
    pub workers: usize,
    /// How the engine treats time, and how much each worker may hold.
    pub engine: EngineConfig,
}

impl Default for WindowsStage {
    fn default() -> WindowsStage {
        WindowsStage {
            workers: 1,
            engine: EngineConfig {
                settle: Some(Span::from_mins(10)),
                keep_settled: false,
                // A state is one record of a changelog, and brokers take a
                // mebibyte unless told otherwise.
                credential_bytes: 256 << 10,
                ..EngineConfig::default()
            },
        }
    }
}

words! {
    /// How reviewers appear on every surface.
    PeopleShown {
        /// As `reviewer-` and a keyed digest.
        Pseudonyms = "pseudonyms",
        /// As the sources name them.
        Names = "names",
    }
}

/// The HTTP server.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Where it listens; `None` for nowhere.
    pub listen: Option<SocketAddr>,
    /// What a request must bear; always there where others than this machine
    /// can reach the server.
    pub token: Option<Secret>,
    /// Windows that the published view holds at most.
    pub view_windows_max: usize,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            listen: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464)),
            token: None,
            view_windows_max: 200_000,
        }
    }
}

/// The program's own log.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// What is logged, in the words of `tracing`'s `EnvFilter`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Log {
        Log { format: LogFormat::Pretty, filter: "info".to_owned() }
    }
}

words! {
    /// The form of the program's own log.
    LogFormat {
        /// Lines for people.
        Pretty = "pretty",
        /// One JSON object a line.
        Json = "json",
    }
}
