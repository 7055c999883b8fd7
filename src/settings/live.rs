//! All settings of a live run.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tracing_subscriber::filter::Targets;

use super::alerts::Alerts;
use super::declare::settings;
use super::engine::{WORKERS_MAX, WindowsStage};
use super::groups::Groups;
use super::kafka::{Kafka, Source, Topics};
use super::maps::OwnMaps;
use super::receivers::Receiver;
use super::secret::Secret;
use super::store::Store;
use super::values::word;
use crate::config::{EngineConfig, FiguresConfig, Limits, OversightConfig, Profiles};
use crate::engine::attacker::Race;
use crate::engine::identity::NameOrder;
use crate::event::words;
use crate::formats::maps::Maps;

/// A shorter token can be guessed.
const TOKEN_BYTES_MIN: usize = 16;

settings! {
    /// Everything that a live run is configured with.
    pub struct Settings {
        /// How Kafka is reached, and what is asked of it.
        kafka: Kafka;
        /// The topics that belong to shutterlag.
        topics: Topics;
        /// The topics that are read; on Kafka at least one.
        sources: Vec<Source>;
        /// The paths of the HTTP server at which other programs deliver their events.
        receivers: Vec<Receiver>;
        /// The file that holds everything where there is no Kafka.
        store: Store;
        /// The stage that decodes records and keys them by credential.
        intake: Intake;
        /// The stage that holds windows.
        windows: WindowsStage;
        /// The rules by which reviews are judged.
        oversight: OversightConfig;
        /// Deadlines of each workflow; the same as in `windows.engine`.
        profiles: Profiles;
        /// The members of each group that owns credentials: `payments = ["reviewer-17"]`.
        owners: Groups;
        /// What figures about exposures rest on.
        figures: FiguresConfig;
        /// When attackers arrive.
        race: Race, key "attackers";
        /// What is too large to decode.
        limits: Limits;
        /// How alerts reach people.
        alerts: Alerts;
        /// Which of a credential's names is shown.
        identity: NameOrder;
        /// How reviewers appear.
        people: People;
        /// The HTTP server.
        http: Http;
        /// The program's own log.
        log: Log;
    }

    /// The stage that decodes records and keys them by credential.
    pub struct Intake {
        /// Workers that decode records and key them by credential, each with a consumer and a
        /// producer of its own.
        workers: usize = 1, in 1..=WORKERS_MAX;
        /// The directory of your own maps; one of them takes the place of a shipped map with its
        /// name.
        maps_dir: Option<OwnMaps>;
    }

    /// How reviewers appear.
    pub struct People {
        /// How reviewers appear on every surface: by a pseudonym, or as the sources name them.
        show: PeopleShown = PeopleShown::Pseudonyms;
    }

    /// The HTTP server.
    pub struct Http {
        /// Where the server listens; an address that other machines can reach needs a token.
        listen: Option<SocketAddr> = Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464));
        /// The server's PEM certificate, followed by those that lead to its authority: with it the
        /// server speaks HTTPS. Together with `key_file`; both are read again when they change.
        certificate_file: Option<PathBuf>;
        /// The private key of the certificate, as PEM without a passphrase.
        key_file: Option<PathBuf>;
        /// The token that requests must carry: 16 or more visible ASCII characters, for instance
        /// from `openssl rand -hex 32`.
        token: Option<Secret>, check token;
        /// Windows that can be queried, at most; about 1 kB of memory each.
        view_windows_max: usize = 200_000, in 1..=10_000_000;
    }

    /// The program's own log.
    pub struct Log {
        /// `pretty` for people, `json` for machines.
        format: LogFormat = LogFormat::Pretty;
        /// A level (`error`, `warn`, `info`, `debug`, `trace`), or parts of the program with
        /// levels, like `"info,shutterlag::runtime=debug"`.
        filter: String = "info".to_owned(), check filter;
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

words! {
    /// The form of the program's own log.
    LogFormat {
        /// Lines for people.
        Pretty = "pretty",
        /// One JSON object a line.
        Json = "json",
    }
}

word!(PeopleShown, LogFormat);

impl Settings {
    /// Whether the run reads and writes topics of Kafka, not one local file.
    pub fn uses_kafka(&self) -> bool {
        !self.kafka.brokers.is_empty()
    }

    /// The maps that records may come through: your own, and those that come with the program.
    pub fn maps(&self) -> Arc<Maps> {
        match &self.intake.maps_dir {
            Some(own) => Arc::clone(&own.maps),
            None => Arc::new(Maps::shipped()),
        }
    }

    /// How the engine of a live run works: it keeps checkpoints, and waits for judgements.
    pub fn engine(&self) -> EngineConfig {
        EngineConfig {
            checkpoints: true,
            keep_settled: false,
            profiles: self.profiles,
            judged_after: Some(self.oversight.delay),
            aliases: self.oversight.aliases.clone(),
            ..self.windows.engine.clone()
        }
    }
}

fn token(token: &Secret) -> Result<(), String> {
    let token = token.reveal();
    if token.len() >= TOKEN_BYTES_MIN && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(format!(
        "a token needs at least {TOKEN_BYTES_MIN} visible ASCII characters and no space, because \
         it is sent in a request's header; `openssl rand -hex 32` makes one"
    ))
}

fn filter(filter: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    // The parser of the log takes an empty part for a level, and a stray `=` for a name.
    let part = |part: &str| {
        let (target, level) = part.rsplit_once('=').unwrap_or(("shutterlag", part));
        let named = |letter: char| letter.is_ascii_alphanumeric() || "_-:".contains(letter);
        !target.is_empty() && target.chars().all(named) && LEVELS.contains(&level)
    };
    if filter.split(',').all(part) && filter.parse::<Targets>().is_ok() {
        return Ok(());
    }
    Err("not a filter; write a level (error, warn, info, debug, trace), or parts of the program \
         with levels, like \"info,shutterlag::runtime=debug\""
        .to_owned())
}
