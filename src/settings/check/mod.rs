//! Tables → settings: defaults where nothing is said, and every check.
//!
//! Invariants: all faults of a configuration are told at once; a setting whose
//! check failed never leaves here, since one fault is enough to yield none.

mod alerts;
mod kafka;
mod oversight;
mod security;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use tracing_subscriber::EnvFilter;

use super::error::{Fault, SettingsError};
use super::file::{
    File, HttpTable, LimitsTable, LogTable, ProfileTable, SourceTable, WindowsTable,
};
use super::read::{Found, bounded};
use super::value::{Curve, SpanText, Whole, Word};
use super::{Http, Intake, Log, PeopleShown, Secret, Settings, Source, Topics, WindowsStage};
use crate::config::{EngineConfig, FiguresConfig, Limits, Profile, Profiles, Targets};
use crate::engine::attacker::{CurveSetting, Race};
use crate::event::Workflow;
use crate::formats::Format;
use crate::time::Span;

/// Fewer bytes can be guessed.
const TOKEN_BYTES_MIN: usize = 16;
/// A file larger than this holds no secret of ours.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// More workers than any machine has cores.
const WORKERS_MAX: i64 = 1024;

/// The settings that `found` asks for; relative paths start at `base`.
pub(super) fn settings(found: &Found, base: &Path) -> Result<Settings, SettingsError> {
    let mut check = Check { found, base, faults: Vec::new() };
    let settings = check.settings(&found.file);
    if check.faults.is_empty() { Ok(settings) } else { Err(SettingsError { faults: check.faults }) }
}

/// Collects what is wrong.
struct Check<'f> {
    found: &'f Found,
    base: &'f Path,
    faults: Vec<Fault>,
}

impl Check<'_> {
    fn settings(&mut self, file: &File) -> Settings {
        let kafka = self.kafka(&file.kafka.clone().unwrap_or_default());
        let topics = self.topics(&file.topics.clone().unwrap_or_default());
        let sources = self.sources(file.sources.as_deref().unwrap_or_default(), &topics);
        let intake = Intake {
            workers: self.whole(
                &["intake", "workers"],
                file.intake.as_ref().and_then(|intake| intake.workers),
                Intake::default().workers,
                1..=WORKERS_MAX,
            ),
        };
        let profiles = self.profiles(file.profiles.as_ref());
        let windows = self.windows(&file.windows.clone().unwrap_or_default(), profiles);
        let oversight = OversightConfig {
            skew_tolerance: windows.engine.skew_tolerance,
            ..self.oversight(&file.oversight.clone().unwrap_or_default())
        };
        Settings {
            kafka,
            topics,
            sources,
            intake,
            windows,
            oversight,
            profiles,
            figures: FiguresConfig::default(),
            race: self.race(file.attackers.as_ref()).between(&profiles, &FiguresConfig::default()),
            limits: self.limits(&file.limits.clone().unwrap_or_default()),
            alerts: self.alerts(&file.alerts.clone().unwrap_or_default()),
            people: match file.people.as_ref().and_then(|people| people.show) {
                Some(Word(shown)) => shown,
                None => PeopleShown::Pseudonyms,
            },
            http: self.http(&file.http.clone().unwrap_or_default()),
            log: self.log(&file.log.clone().unwrap_or_default()),
        }
    }

    fn sources(&mut self, tables: &[SourceTable], topics: &Topics) -> Vec<Source> {
        if tables.is_empty() {
            self.fault(&["sources"], "no topic to read; add [[sources]] with topic = \"…\"");
        }
        let mut sources: Vec<Source> = Vec::new();
        for (index, table) in tables.iter().enumerate() {
            let index = index.to_string();
            let key = ["sources", &index, "topic"];
            let Some(topic) = table.topic.clone() else {
                self.fault(&key[..2], "no topic; add topic = \"…\" with the name of a topic");
                continue;
            };
            self.topic_name(&key, &topic);
            if topics.all().any(|(_, own)| own == topic) {
                self.fault(
                    &key,
                    "one of the topics that shutterlag writes; name a topic of yours, or choose \
                     another topics.prefix",
                );
            } else if sources.iter().any(|source| source.topic == topic) {
                self.fault(&key, "listed before; remove one of the two");
            }
            sources.push(Source {
                topic,
                format: table.format.map_or(Format::Auto, |Word(format)| format),
                prekeyed: table.prekeyed.unwrap_or(false),
            });
        }
        sources
    }

    fn windows(&mut self, table: &WindowsTable, profiles: Profiles) -> WindowsStage {
        let WindowsStage { workers, engine } = WindowsStage::default();
        let key = |name| ["windows", name];
        let count = |check: &mut Self, name, given, default: usize| {
            check.whole(&key(name), given, default, 1..=1 << 40)
        };
        WindowsStage {
            workers: self.whole(&key("workers"), table.workers, workers, 1..=WORKERS_MAX),
            engine: EngineConfig {
                checkpoints: engine.checkpoints,
                settle: Some(self.positive(
                    &key("settle"),
                    table.settle,
                    // Always there: a live run has no end of input to settle at.
                    engine.settle.unwrap_or(Span::ZERO),
                )),
                // Nothing is wrong with none.
                skew_tolerance: table
                    .skew_tolerance
                    .map_or(engine.skew_tolerance, |SpanText(span)| span),
                orphan_timeout: self.positive(
                    &key("orphan_timeout"),
                    table.orphan_timeout,
                    engine.orphan_timeout,
                ),
                events_per_window: self.whole(
                    &key("events_per_window"),
                    table.events_per_window,
                    engine.events_per_window,
                    1..=1 << 20,
                ),
                undetected_credentials: count(
                    self,
                    "undetected_credentials",
                    table.undetected_credentials,
                    engine.undetected_credentials,
                ),
                credentials: count(self, "credentials", table.credentials, engine.credentials),
                credential_bytes: self.whole(
                    &key("credential_bytes"),
                    table.credential_bytes,
                    engine.credential_bytes,
                    4096..=64 << 20,
                ),
                profiles,
                remember_closed: engine.remember_closed,
                reopen: engine.reopen,
                detects_at_once: engine.detects_at_once,
                judged_after: engine.judged_after,
                keep_settled: engine.keep_settled,
            },
        }
    }

    fn profiles(&mut self, tables: Option<&BTreeMap<Word<Workflow>, ProfileTable>>) -> Profiles {
        let mut profiles = Profiles::default();
        for (Word(workflow), table) in tables.into_iter().flatten() {
            let key = |name| ["profiles", workflow.as_str(), name];
            let profile = profiles.get_mut(*workflow);
            let default = *profile;
            *profile = Profile {
                review_due_soon: self.positive(
                    &key("review_due_soon"),
                    table.review_due_soon,
                    default.review_due_soon,
                ),
                targets: Targets {
                    in_time: self.positive(
                        &key("review_overdue"),
                        table.review_overdue,
                        default.targets.in_time,
                    ),
                    late: self.positive(
                        &key("attacker_likely"),
                        table.attacker_likely,
                        default.targets.late,
                    ),
                    raced: default.targets.raced,
                },
                approver: default.approver,
                containment_limit: self.positive(
                    &key("containment_limit"),
                    table.containment_limit,
                    default.containment_limit,
                ),
                expects_opening: table.expects_opening.unwrap_or(default.expects_opening),
                ..default
            };
            let in_order = profile.review_due_soon < profile.targets.in_time
                && profile.targets.in_time < profile.targets.late;
            if !in_order {
                let (soon, overdue, likely) = (
                    SpanText(profile.review_due_soon),
                    SpanText(profile.targets.in_time),
                    SpanText(profile.targets.late),
                );
                self.fault(
                    &["profiles", workflow.as_str()],
                    format!(
                        "a review is first due soon ({soon}), then overdue ({overdue}), and then an \
                         attacker is likely ({likely}); set review_due_soon < review_overdue < \
                         attacker_likely"
                    ),
                );
            }
        }
        profiles
    }

    fn race(&mut self, curves: Option<&BTreeMap<String, Curve>>) -> Race {
        let settings = curves.into_iter().flatten().map(|(place, Curve(curve))| CurveSetting {
            location: (place != DEFAULT_PLACE).then(|| place.clone()),
            curve: *curve,
        });
        Race::from_settings(settings).unwrap_or_else(|error| {
            self.fault(&["attackers"], error.to_string());
            Race::default()
        })
    }

    fn limits(&mut self, table: &LimitsTable) -> Limits {
        let default = Limits::DEFAULT;
        let mut limit = |name, given, default: usize, max: i64| {
            self.whole(&["limits", name], given, default, 1..=max)
        };
        Limits {
            record_bytes: limit("record_bytes", table.record_bytes, default.record_bytes, 64 << 20),
            // The reader of JSON stops at 128 by itself.
            depth: limit("depth", table.depth, default.depth, 127),
            id_bytes: limit("id_bytes", table.id_bytes, default.id_bytes, 4096),
            credential_id_bytes: limit(
                "credential_id_bytes",
                table.credential_id_bytes,
                default.credential_id_bytes,
                4096,
            ),
            text_bytes: limit("text_bytes", table.text_bytes, default.text_bytes, 4096),
            events_per_record: limit(
                "events_per_record",
                table.events_per_record,
                default.events_per_record,
                1_000_000,
            ),
        }
    }

    fn http(&mut self, table: &HttpTable) -> Http {
        let default = Http::default();
        let listen = table.listen.map_or(default.listen, |listen| listen.0);
        let token =
            self.secret(&["http", "token"], table.token.as_ref(), table.token_file.as_deref());
        let given = table.token.is_some() || table.token_file.is_some();
        match &token {
            Some(token)
                if token.reveal().len() < TOKEN_BYTES_MIN
                    || !token.reveal().bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                self.fault(
                    &["http", if table.token.is_some() { "token" } else { "token_file" }],
                    format!(
                        "the token needs at least {TOKEN_BYTES_MIN} visible ASCII characters and no \
                         space, as it stands in a request's header; `openssl rand -hex 32` makes one"
                    ),
                );
            }
            None if !given && listen.is_some_and(|address| !address.ip().is_loopback()) => {
                self.fault(
                    &["http", "listen"],
                    "others than this machine can reach this address; add token_file or token, or \
                     listen on 127.0.0.1",
                );
            }
            _ => {}
        }
        Http {
            listen,
            token,
            view_windows_max: self.whole(
                &["http", "view_windows_max"],
                table.view_windows_max,
                default.view_windows_max,
                1..=10_000_000,
            ),
        }
    }

    fn log(&mut self, table: &LogTable) -> Log {
        let default = Log::default();
        let filter = table.filter.clone().unwrap_or(default.filter);
        if EnvFilter::builder().parse(&filter).is_err() {
            self.fault(
                &["log", "filter"],
                "no filter; write a level (error, warn, info, debug, trace), or parts with levels, \
                 like \"info,shutterlag::runtime=debug\"",
            );
        }
        Log { format: table.format.map_or(default.format, |Word(format)| format), filter }
    }

    fn fault(&mut self, key: &[&str], why: impl Into<String>) {
        let mut name = String::new();
        for part in key {
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                name.push_str(&format!("[{part}]"));
                continue;
            }
            let dot = if name.is_empty() { "" } else { "." };
            let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            name.push_str(&if plain { format!("{dot}{part}") } else { format!("{dot}{part:?}") });
        }
        self.faults.push(Fault { place: self.found.place(key), key: Some(name), why: why.into() });
    }

    /// A number within `range`; the default is returned for one that is not.
    fn whole<T: TryFrom<i64>>(
        &mut self,
        key: &[&str],
        given: Option<Whole>,
        default: T,
        range: RangeInclusive<i64>,
    ) -> T {
        let Some(Whole(number)) = given else { return default };
        match T::try_from(number) {
            Ok(value) if range.contains(&number) => value,
            _ => {
                let (min, max) = range.into_inner();
                self.fault(key, format!("out of range; set it to {min} or more, at most {max}"));
                default
            }
        }
    }

    /// A span above zero.
    fn positive(&mut self, key: &[&str], given: Option<SpanText>, default: Span) -> Span {
        match given {
            Some(SpanText(span)) if span > Span::ZERO => span,
            Some(_) => {
                self.fault(key, "must be longer than nothing; 1ms is the shortest");
                default
            }
            None => default,
        }
    }

    /// A secret that stands here or in a file.
    fn secret(
        &mut self,
        key: &[&str],
        inline: Option<&Secret>,
        file: Option<&Path>,
    ) -> Option<Secret> {
        let (name, tables) = key.split_last()?;
        let file_name = format!("{name}_file");
        let file_key: Vec<&str> = tables.iter().copied().chain([file_name.as_str()]).collect();
        let (secret, key) = match (inline, file) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                self.fault(key, format!("{file_name} is set as well; remove one of the two"));
                return None;
            }
            (Some(secret), None) => (secret.clone(), key),
            (None, Some(path)) => match bounded(&self.base.join(path), SECRET_BYTES_MAX) {
                Ok(text) => {
                    // The line's end that editors and `echo` put there.
                    let text = text.strip_suffix('\n').unwrap_or(&text);
                    (Secret::new(text.strip_suffix('\r').unwrap_or(text)), &file_key[..])
                }
                Err(why) => {
                    self.fault(&file_key, format!("the file cannot be read: {why}"));
                    return None;
                }
            },
        };
        if secret.reveal().is_empty() {
            self.fault(key, "empty; give the secret, or remove the key");
        }
        Some(secret)
    }

    /// The path of a file that can be read.
    fn path(&mut self, key: &[&str], given: Option<&Path>) -> Option<PathBuf> {
        let path = self.base.join(given?);
        match std::fs::File::open(&path).and_then(|file| file.metadata()) {
            Ok(about) if about.is_file() => {}
            Ok(_) => self.fault(key, "not a file; give the path of a PEM file"),
            Err(error) => self.fault(key, format!("the file cannot be read: {error}")),
        }
        Some(path)
    }
}

/// The name under `[attackers]` that stands for all places without a curve.
pub(super) const DEFAULT_PLACE: &str = "default";
