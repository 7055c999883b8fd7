//! Settings of the engine: the keys of the structs in `config.rs`, which hold the
//! defaults that replay and a live run share.

use std::collections::BTreeMap;

use super::declare::{Value, keys, read_over};
use super::reader::{Reader, join};
use super::reference::{Row, Section, Shown};
use super::tree::{self, Node};
use super::values::{span_text, word};
use crate::config::{
    Approver, EngineConfig, FiguresConfig, Limits, OversightConfig, Profile, Profiles, Reopen,
};
use crate::engine::attacker::{AttackerCurve, CurveSetting, Race};
use crate::engine::identity::NameOrder;
use crate::event::Workflow;
use crate::time::Span;

word!(Approver, Reopen);

/// No machine has more cores.
pub(super) const WORKERS_MAX: usize = 1024;
/// No machine holds more credentials.
const CREDENTIALS_MAX: usize = 1 << 40;
/// No organisation has more ids of people with several.
const ALIASES_MAX: usize = 100_000;
/// The shortest span where zero makes no sense.
const SHORTEST: Span = Span::from_millis(1);
/// The longest span by which clocks may disagree, a batch may last, or windows of one incident
/// may lie apart.
const DAY: Span = Span::from_mins(24 * 60);
/// The name under `[attackers]` of all places without a curve of their own.
const DEFAULT_PLACE: &str = "default";

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
                // A record of the changelog may be as large, and brokers accept a
                // mebibyte unless configured otherwise.
                credential_bytes: 256 << 10,
                // Half a gigabyte, which a small machine has.
                credentials: 2_000_000,
                ..EngineConfig::default()
            },
        }
    }
}

keys! { WindowsStage {
    /// Workers that hold windows, each with a consumer and a producer of its own.
    workers: usize, in 1..=WORKERS_MAX;
    /// How long after its closing a window becomes final; what arrives later is late.
    settle: Option<Span>, in SHORTEST.., at engine.settle;
    /// How far before a detection an event may lie and still belong to it.
    skew_tolerance: Span, in Span::ZERO..=DAY, at engine.skew_tolerance;
    /// How long an event without a window waits for one. A look up to half of it before a detection is a look at that case.
    orphan_timeout: Span, in SHORTEST.., at engine.orphan_timeout;
    /// How long a closed credential is remembered after its closing or its last sighting, so
    /// that a further sighting does not open a window.
    remember_closed: Span, in SHORTEST.., at engine.remember_closed;
    /// Which detections after the closing open the next window: `new_exposure`, those of a new
    /// exposure, or `always`, all.
    reopen: Reopen, at engine.reopen;
    /// Sources that find leaks as they happen: their detection is the time of exposure.
    detects_at_once: Vec<String>, check |names: &mut Vec<String>| named(names, "a source"),
        via (|it| it.engine.detects_at_once.iter().cloned().collect(), |it, names| it.engine.detects_at_once = names.into_iter().collect());
    /// Events held for one window before its older repeats are folded into counts.
    events_per_window: u32, in 1..=1 << 20, at engine.events_per_window;
    /// Credentials held by a worker for which no leak has been seen; beyond that the oldest
    /// expires.
    undetected_credentials: usize, in 1..=CREDENTIALS_MAX, at engine.undetected_credentials;
    /// Credentials held by a worker in all, about 250 bytes each; events of further ones become
    /// dead letters.
    credentials: usize, in 1..=CREDENTIALS_MAX, at engine.credentials;
    /// Bytes of one credential's state, in memory and as written; events beyond it are refused.
    /// A record of the changelog may be as large: keep this below the broker's
    /// `message.max.bytes`.
    credential_bytes: usize, in 4096..=64 << 20, at engine.credential_bytes;
} }

keys! { OversightConfig {
    /// How long after a decision it is judged, so that everything that precedes it has arrived.
    delay: Span, in SHORTEST..;
    /// How long to wait for the other decisions of a batch; `0s` judges them separately.
    batch_hold: Span, in Span::ZERO..=DAY;
    /// The mean number of decisions until a `RubberStampSuspected` that is false.
    paging_decisions: u32, in 20..=1_000_000,
        via (|it| it.paging_decisions as u32, |it, decisions| it.paging_decisions = f64::from(decisions));
    /// The average share of named reviewers who are named by mistake, at most.
    false_discovery_percent: u32, in 1..=50,
        via (|it| (it.alpha * 100.0).round() as u32, |it, percent| it.alpha = f64::from(percent) / 100.0);
    /// Whether every known truth counts as evidence, not only that of planted cases.
    all_truths: bool;
    /// Reviewers held, about 4 KB each; reviews of further ones become dead letters.
    reviewers_max: usize, key "reviewers", in 1..=10_000_000;
    /// With fewer reviewers than this, figures that would single one out are not shown.
    small_group: u32, in 1..=1_000;
    /// Further ids of a person, each with the id that counts:
    /// `{ "reviewer-17@old.example" = "reviewer-17" }`.
    aliases: BTreeMap<String, String>, check aliases;
} }

keys! { Profile {
    /// An undecided window of this age is due soon.
    review_due_soon: Span, in SHORTEST..;
    /// A decision before this age is in time; an undecided window of this age is overdue.
    in_time: Span, in SHORTEST.., at targets.in_time;
    /// A decision from this age on is late.
    late: Span, in SHORTEST.., at targets.late;
    /// Whether attackers race against the decision.
    raced: bool, at targets.raced;
    /// Who may decide: `any`, the `owner` of the case, or a member of the owner's `group`.
    approver: Approver;
    /// How long containment may take after a decision to act.
    containment_limit: Span, in SHORTEST..;
    /// Whether the workflow's tools report `review.opened`, so that a decision without one is
    /// hollow.
    expects_opening: bool;
} }

keys! { NameOrder {
    /// Which of the names of one credential is shown, the first that there is: `ticket`,
    /// `incident`, `alert`, `key_id`, `digest`, `other`, or the beginning of names and a `*`. Its id stays the smallest name.
    names: Vec<String>, check |names: &mut Vec<String>| NameOrder::parse(names).map(drop).map_err(|why| why.to_string()),
        via (|it| it.words(), |it, names| *it = NameOrder::parse(&names).unwrap_or_default());
} }

keys! { FiguresConfig {
    /// Places of exposure that attackers watch; a leak whose place is not known counts as
    /// public.
    public: Vec<String>, check |places: &mut Vec<String>| named(places, "a place"),
        via (|it| it.public.iter().cloned().collect(), |it, places| it.public = places.into_iter().collect());
    /// Windows of one source, owner and place with shorter gaps than this are one incident.
    incident_gap: Span, in SHORTEST..=DAY;
} }

keys! { Limits {
    /// Bytes of one record.
    record_bytes: usize, in 1..=64 << 20;
    /// Nesting of objects and arrays; the JSON reader itself stops at 128.
    depth: usize, in 1..=127;
    /// Bytes of an event's id.
    id_bytes: usize, in 1..=4096;
    /// Bytes of a credential's id.
    credential_id_bytes: usize, in 1..=4096;
    /// Bytes of any other text that is kept.
    text_bytes: usize, in 1..=4096;
    /// Events that one record may stand for.
    events_per_record: usize, in 1..=1_000_000;
} }

/// Every one of `names` names something.
fn named(names: &[String], what: &str) -> Result<(), String> {
    if names.iter().any(String::is_empty) {
        return Err(format!("empty text is not the name of {what}; write the name, or remove it"));
    }
    Ok(())
}

fn aliases(aliases: &BTreeMap<String, String>) -> Result<(), String> {
    if aliases.len() > ALIASES_MAX {
        return Err(format!("more than {ALIASES_MAX} aliases; remove some"));
    }
    Ok(())
}

/// One table for each workflow that differs from the defaults.
impl Value for Profiles {
    type Core = Profiles;
    const SECTIONS: bool = true;

    fn about() -> String {
        "table".to_owned()
    }

    fn read(reader: &mut Reader<'_>, key: &str, node: &Node) -> Option<Profiles> {
        let tree::Value::Table(entries) = &node.value else {
            reader.wrong_type(key, node, "a table");
            return None;
        };
        let mut profiles = Profiles::default();
        for (name, node) in entries {
            let at = join(key, name);
            reader.give(&at, &node.place);
            match Workflow::parse(name) {
                Some(workflow) => {
                    read_over(profiles.get_mut(workflow), reader, &at, node);
                }
                None => {
                    let known: Vec<_> = Workflow::ALL.iter().map(ToString::to_string).collect();
                    reader.unknown(key, name, &node.name, &known);
                }
            }
        }
        Some(profiles)
    }

    fn core(&mut self) -> Option<&mut Profiles> {
        Some(self)
    }

    fn show(&self) -> Option<Shown> {
        let one = |it: &Workflow| Some((it.as_str().to_owned(), self.get(*it).show()?));
        Some(Shown::Table(Workflow::ALL.iter().filter_map(one).collect()))
    }

    fn sections(path: &str, out: &mut Vec<Section>) {
        Profile::sections(path, out);
    }
}

/// A curve for each place that differs from the default, as `9m,17m`.
impl Value for Race {
    type Core = Race;
    const SECTIONS: bool = true;

    fn about() -> String {
        "two time spans".to_owned()
    }

    fn read(reader: &mut Reader<'_>, key: &str, node: &Node) -> Option<Race> {
        const EXPECTED: &str = "the fastest and the mean arrival in quotes, like \"9m,17m\"";
        let tree::Value::Table(entries) = &node.value else {
            reader.wrong_type(key, node, "a table");
            return None;
        };
        let mut curves = Vec::new();
        for (place, node) in entries {
            let at = join(key, place);
            let location = (place != DEFAULT_PLACE).then(|| place.clone());
            match node.text().map(str::parse::<AttackerCurve>) {
                Some(Ok(curve)) => curves.push(CurveSetting { location, curve }),
                Some(Err(error)) => reader.fault(&at, &node.place, error.to_string()),
                None => reader.wrong_type(&at, node, EXPECTED),
            }
        }
        Race::from_settings(curves)
            .map_err(|error| reader.fault(key, &node.place, error.to_string()))
            .ok()
    }

    fn core(&mut self) -> Option<&mut Race> {
        Some(self)
    }

    fn show(&self) -> Option<Shown> {
        let text = |curve: &AttackerCurve| {
            Shown::Text(format!("{},{}", span_text(curve.fastest()), span_text(curve.mean())))
        };
        let default = (DEFAULT_PLACE, self.curve(None));
        let curves = [default].into_iter().chain(self.locations());
        let shown = curves.map(|(place, curve)| (place.to_owned(), text(curve)));
        Some(Shown::Table(shown.collect()))
    }

    fn sections(path: &str, out: &mut Vec<Section>) {
        let row = |key: &str, default: &str, meaning: &str| Row {
            key: key.to_owned(),
            about: Race::about(),
            default: default.to_owned(),
            meaning: meaning.to_owned(),
        };
        let default = match Race::default().show() {
            Some(Shown::Table(curves)) => curves.first().map(|(_, shown)| format!("`{shown}`")),
            _ => None,
        };
        out.push(Section {
            name: path.to_owned(),
            rows: vec![
                row(
                    DEFAULT_PLACE,
                    &default.unwrap_or_default(),
                    "The curve of all places without one of their own.",
                ),
                row(
                    "<place>",
                    "none",
                    "The curve of a place of exposure, named as in events; letter case matters.",
                ),
            ],
        });
    }
}
