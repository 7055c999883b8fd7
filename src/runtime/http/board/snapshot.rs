//! Builds snapshots: what the board shows at one moment, made from the view.
//!
//! Invariants: every figure comes from the view or the engine; lists have a bounded
//! length and say how much they leave out; a record is parsed again only if it changed.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::frame::{Rows, Snapshot};
use super::headline::Headline;
use super::notes::{self, Note};
use super::rest::Rested;
use super::reviews;
use super::strongest::strongest;
use super::text;
use super::unjoined::UnjoinedPart;
use super::waiting_row::{self, Urgency, WaitingRow};
use crate::engine::alerts::Alert;
use crate::engine::attacker::Band;
use crate::engine::oversight::{Rules, Signal};
use crate::engine::windows::State;
use crate::records::{WindowRecord, exposure_id};
use crate::runtime::http::catching_up::CatchingUp;
use crate::runtime::http::options::Shown;
use crate::runtime::http::status;
use crate::runtime::reviewer_alerts::{AlertState, Cited, Counted};
use crate::runtime::view::{Attack, Row, TrendPeriod};
use crate::time::Timestamp;

/// Windows shown, the most urgent.
const WINDOWS_MAX: usize = 100;
/// Decisions shown, and decisions read. More are read than shown because attention depends
/// on the reviewer's decision before.
const DECISIONS_MAX: usize = 240;
const DECISIONS_READ: usize = 480;
/// Notes shown, and windows that are searched for them.
const NOTES_MAX: usize = 40;
const NOTED_WINDOWS: usize = 400;
/// Reviewers shown.
const SUSPECTED_MAX: usize = 4;

/// Builds snapshots, and keeps the records that it has parsed.
pub(super) struct SnapshotBuilder {
    read: HashMap<usize, Read>,
    headline: Rested<Headline>,
    trend: Rested<Vec<TrendPeriod>>,
    unjoined: Rested<UnjoinedPart>,
}

/// A parsed record. It holds the row, so no other row can get the same address.
struct Read {
    row: Arc<Row>,
    record: WindowRecord,
    used: bool,
}

/// The time of the snapshot, and how fast time goes.
#[derive(Serialize)]
struct Moment {
    as_of_ms: i64,
    speed: f64,
    demo: bool,
    version: &'static str,
}

/// Windows that wait: open ones by band, and those in the other states. A window with an
/// attack that nobody has answered also counts as `attacked`.
#[derive(Default, Serialize)]
struct Waiting {
    open: u64,
    attacked: u64,
    ahead: u64,
    contested: u64,
    behind: u64,
    reviewed: u64,
    contained: u64,
    /// Windows that belong in the list, and how many of them it shows.
    listed: u64,
    shown: usize,
}

/// The health of the pipeline.
#[derive(Serialize)]
struct PipelineHealth {
    healthy: bool,
    ready: bool,
    missing: Vec<String>,
    lag_records: u64,
    not_kept: u64,
    foreign: u64,
    windows: u64,
    workers: usize,
    /// Null unless what is shown is of an earlier time, since the program has just started.
    catching_up: Option<CatchingUp>,
}

/// Reviewers with an alert, now or lately.
#[derive(Serialize)]
struct Suspected {
    more: usize,
    pages: Vec<ReviewerAlert>,
}

/// The alert about one reviewer.
#[derive(Serialize)]
struct ReviewerAlert {
    /// The reviewer's name, uncut: the address of the page.
    id: String,
    reviewer: String,
    at: Timestamp,
    ended_at: Option<Timestamp>,
    since: Timestamp,
    statistic: f64,
    threshold: f64,
    signals: Vec<Counted>,
    path: Vec<Step>,
}

/// One decision that such an alert is based on.
#[derive(Serialize)]
struct Step {
    at: Timestamp,
    /// The name of the window: the address of its page.
    id: String,
    credential: String,
    signs: Vec<Signal>,
    statistic: f64,
}

impl ReviewerAlert {
    /// `name` gives the credential of an exposure as it is shown.
    fn of(page: AlertState, mut name: impl FnMut(&str) -> String) -> ReviewerAlert {
        let step = |step: Cited| Step {
            at: step.at,
            credential: name(&step.exposure_id),
            id: step.exposure_id,
            signs: step.signs,
            statistic: step.statistic,
        };
        ReviewerAlert {
            reviewer: text::shown(&page.reviewer),
            id: page.reviewer,
            at: page.at,
            ended_at: page.ended_at,
            since: page.since,
            statistic: page.statistic,
            threshold: page.threshold,
            signals: page.signals,
            path: page.path.into_iter().map(step).collect(),
        }
    }
}

/// The rows that a snapshot needs, found in one pass over the view.
#[derive(Default)]
struct Picked {
    waiting: Waiting,
    firing: BTreeMap<Alert, u64>,
    urgent: Vec<(Urgency, Arc<Row>)>,
    decided: Vec<(Timestamp, Arc<Row>)>,
    lately: Vec<(Timestamp, Arc<Row>)>,
}

impl SnapshotBuilder {
    pub(super) fn new() -> SnapshotBuilder {
        SnapshotBuilder {
            read: HashMap::new(),
            headline: Rested::new(),
            trend: Rested::new(),
            unjoined: Rested::new(),
        }
    }

    /// The snapshot of this moment.
    pub(super) fn build(&mut self, shown: &Shown) -> Snapshot {
        let now = shown.clock.now();
        let picked = pick(shown, now);
        self.read.values_mut().for_each(|read| read.used = false);
        let mut snapshot = Snapshot::default();
        let parts = &mut snapshot.parts;
        let moment = Moment {
            as_of_ms: now.as_millis(),
            speed: shown.clock.speed(),
            demo: shown.demo,
            version: env!("CARGO_PKG_VERSION"),
        };
        part(parts, "moment", &moment);
        part(parts, "rate", &self.headline.get(|| Headline::of(shown, now)));
        let trend = || shown.view.trend(&shown.figure_rules(), now);
        part(parts, "trend", &self.trend.get(trend));
        part(parts, "health", &health(shown));
        let receivers = shown.receivers.as_ref().map(|receivers| receivers.health());
        part(parts, "receivers", &receivers.unwrap_or_default());
        part(parts, "unjoined", &self.unjoined.get(|| UnjoinedPart::of(shown)));
        let mut firing = picked.firing;
        let (pages, _) = shown.reviewer_alerts.all();
        let on = pages.iter().filter(|page| page.ended_at.is_none()).count() as u64;
        firing.entry(Alert::RubberStampSuspected).and_modify(|n| *n += on).or_insert(on);
        let more = pages.len().saturating_sub(SUSPECTED_MAX);
        let pages = pages.into_iter().take(SUSPECTED_MAX);
        let pages = pages.map(|page| self.suspected(page, shown)).collect();
        part(parts, "suspected", &Suspected { more, pages });
        let waits = self.waits(&picked.urgent, shown);
        let mut waiting = picked.waiting;
        waiting.shown = waits.len();
        part(parts, "waiting", &waiting);
        let noted = self.notes(&picked.lately, shown, now);
        firing.retain(|_, count| *count > 0);
        part(parts, "firing", &firing);
        let decisions = self.decisions(&picked.decided, shown);
        snapshot.lists = [("windows", waits), ("decisions", decisions), ("notes", noted)].into();
        self.read.retain(|_, read| read.used);
        snapshot
    }

    fn read(&mut self, row: &Arc<Row>) -> Option<&Read> {
        let at = address(row);
        if let Entry::Vacant(vacant) = self.read.entry(at) {
            vacant.insert(Read { row: Arc::clone(row), record: row.read()?, used: true });
        }
        let read = self.read.get_mut(&at)?;
        debug_assert!(Arc::ptr_eq(&read.row, row), "a row that is held keeps its address");
        read.used = true;
        Some(read)
    }

    /// The alert about a reviewer.
    fn suspected(&mut self, page: AlertState, shown: &Shown) -> ReviewerAlert {
        ReviewerAlert::of(page, |id| {
            let row = shown.view.get(id);
            match row.as_ref().and_then(|row| self.read(row)) {
                Some(Read { record, .. }) => text::shown(record.known_as(&shown.names).best),
                // The exposure's name without its workflow and time.
                None => text::shown(exposure_id::parse(id).map_or(id, |id| id.key.credential_id)),
            }
        })
    }

    fn waits(&mut self, urgent: &[(Urgency, Arc<Row>)], shown: &Shown) -> Rows {
        let mut rows = Rows::new();
        for (_, row) in urgent {
            let Some(Read { record, .. }) = self.read(row) else { continue };
            let waits = WaitingRow::of(row, record, &shown.profiles, &shown.names);
            insert(&mut rows, text::key(&waits.id), &waits);
        }
        rows
    }

    fn decisions(&mut self, decided: &[(Timestamp, Arc<Row>)], shown: &Shown) -> Rows {
        let mut names = BTreeMap::new();
        for (_, row) in decided {
            if let Some(read) = self.read(row) {
                names.insert(read.record.exposure_id.to_string(), address(row));
            }
        }
        let records = names.values().filter_map(|at| self.read.get(at));
        let records: Vec<&WindowRecord> = records.map(|read| &read.record).collect();
        let mut rows = Rows::new();
        // Rules that cannot be used keep a run from starting.
        if let Ok(rules) = Rules::new(shown.oversight.clone()) {
            for (key, row) in reviews::rows(&records, &rules, shown, DECISIONS_MAX) {
                insert(&mut rows, key, &row);
            }
        }
        rows
    }

    /// The latest notes.
    fn notes(&mut self, lately: &[(Timestamp, Arc<Row>)], shown: &Shown, now: Timestamp) -> Rows {
        let mut all: Vec<(String, Note)> = Vec::new();
        for (_, row) in lately {
            let Some(Read { record, .. }) = self.read(row) else { continue };
            let profile = shown.profiles.get(record.workflow);
            all.extend(notes::of(record, profile, &shown.names, now));
        }
        all.sort_by(|a, b| b.1.at.cmp(&a.1.at).then_with(|| a.0.cmp(&b.0)));
        all.truncate(NOTES_MAX);
        let mut rows = Rows::new();
        for (key, note) in all {
            insert(&mut rows, key, &note);
        }
        rows
    }
}

fn pick(shown: &Shown, now: Timestamp) -> Picked {
    let mut picked = Picked::default();
    shown.view.each(|row| picked.take(row, shown, now));
    best(&mut picked.urgent, WINDOWS_MAX, |(urgency, _)| *urgency);
    let latest = [(&mut picked.decided, DECISIONS_READ), (&mut picked.lately, NOTED_WINDOWS)];
    for (rows, most) in latest {
        best(rows, most, |(at, _)| Reverse(*at));
    }
    picked
}

impl Picked {
    fn take(&mut self, row: &Arc<Row>, shown: &Shown, now: Timestamp) {
        let profile = shown.profiles.get(row.workflow);
        let holding = row.moments.iter().map(|moments| moments.at(profile, now).0);
        for alert in holding.flat_map(strongest) {
            *self.firing.entry(alert).or_default() += 1;
        }
        let waiting = &mut self.waiting;
        let waits = match row.state {
            State::Open => {
                waiting.open += 1;
                let count = match Band::of(now.since(row.start), profile.targets) {
                    Band::Ahead => &mut waiting.ahead,
                    Band::Contested => &mut waiting.contested,
                    Band::Behind => &mut waiting.behind,
                };
                *count += 1;
                true
            }
            State::Contained => {
                waiting.contained += 1;
                true
            }
            State::Reviewed => {
                waiting.reviewed += 1;
                false
            }
            State::Closed | State::Withdrawn => false,
        };
        let attacked = row.attack == Attack::Observed;
        waiting.attacked += u64::from(attacked);
        if waits || attacked {
            waiting.listed += 1;
            let urgency = waiting_row::urgency(row, &shown.profiles, now);
            self.urgent.push((urgency, Arc::clone(row)));
        }
        if let Some(decided_at) = row.decided_at {
            self.decided.push((decided_at, Arc::clone(row)));
        }
        self.lately.push((row.detected_at, Arc::clone(row)));
    }
}

/// Keeps the first `most` by `order`, sorted.
fn best<T, K: Ord>(all: &mut Vec<T>, most: usize, order: impl Fn(&T) -> K) {
    if all.len() > most {
        all.select_nth_unstable_by_key(most, &order);
        all.truncate(most);
    }
    all.sort_unstable_by_key(order);
}

fn part(
    parts: &mut BTreeMap<&'static str, Box<RawValue>>,
    name: &'static str,
    value: &impl Serialize,
) {
    // Texts and numbers can always be written as JSON.
    if let Ok(json) = to_raw_value(value) {
        parts.insert(name, json);
    }
}

/// The address of a row. No other row has it as long as this one is held.
fn address(row: &Arc<Row>) -> usize {
    Arc::as_ptr(row).addr()
}

fn insert(rows: &mut Rows, key: String, row: &impl Serialize) {
    // Texts and numbers can always be written as JSON.
    if let Ok(json) = to_raw_value(row) {
        rows.insert(key, json);
    }
}

fn health(shown: &Shown) -> PipelineHealth {
    let alive = status::alive(shown);
    let ready = status::ready(shown);
    let view = shown.view.status();
    PipelineHealth {
        healthy: alive.healthy,
        ready: ready.ready,
        missing: ready.missing().iter().map(|why| text::shown(why)).collect(),
        lag_records: view.lag_records,
        not_kept: view.not_kept,
        foreign: view.foreign,
        windows: view.windows,
        workers: ready.workers(),
        catching_up: CatchingUp::of(shown),
    }
}
