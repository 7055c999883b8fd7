//! What the board shows, made from the view.
//!
//! Invariants: every figure is the view's or the engine's; lists have a bounded
//! length and say how much they leave out; a record is read again only if it changed.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::frame::{Picture, Rows};
use super::notes::{self, Note};
use super::reviews::{self, Told};
use super::text;
use crate::config::OversightConfig;
use crate::engine::alerts::Alert;
use crate::engine::attacker::Band;
use crate::engine::oversight::{HollowReason, Rules, Signal};
use crate::engine::survival::Estimate;
use crate::engine::windows::{Awaiting, State};
use crate::event::{Action, Severity, Workflow};
use crate::report::ledger::{EffectiveBounds, LedgerRecord};
use crate::runtime::clock;
use crate::runtime::http::{Shown, status};
use crate::runtime::suspicions::{self, Counted};
use crate::runtime::view::Row;
use crate::time::{Span, Timestamp};

/// Windows shown: of those whose race can still be won, of those that owe their
/// review alone, and of those that are lost.
const RACING_MAX: usize = 60;
const OWED_MAX: usize = 6;
const LOST_MAX: usize = 12;
/// Decisions shown, and how many more are read so that each reviewer's have one before.
const DECISIONS_MAX: usize = 240;
const DECISIONS_READ: usize = 480;
/// Notes shown, and of how many windows they are.
const NOTES_MAX: usize = 40;
const NOTED_WINDOWS: usize = 400;
/// Reviewers shown.
const SUSPECTED_MAX: usize = 4;
/// A figure that took long to make is made so many times as seldom.
const REST_SHARE: i64 = 20;

/// Makes pictures, and remembers what it has read.
pub(super) struct Painter {
    rules: Option<Rules>,
    read: HashMap<usize, Read>,
    rate: Option<(Span, Rate)>,
}

/// A record that was read. The row is held, so that its place is not another's.
struct Read {
    row: Arc<Row>,
    told: Told,
    record: LedgerRecord,
    used: bool,
}

/// The moment, and what kind of time it is.
#[derive(Serialize)]
struct Moment {
    as_of_ms: i64,
    speed: f64,
    demo: bool,
    version: &'static str,
}

/// Windows that wait, by how far the race has come.
#[derive(Default, Serialize)]
struct Waiting {
    open: u64,
    ahead: u64,
    contested: u64,
    behind: u64,
    reviewed: u64,
    contained: u64,
    shown: usize,
    fastest_ms: i64,
    mean_ms: i64,
}

/// One window that waits.
#[derive(Serialize)]
struct Waits {
    credential: String,
    workflow: Workflow,
    source: Option<String>,
    location: Option<String>,
    owner: Option<String>,
    severity: Option<Severity>,
    state: State,
    awaiting: Option<Awaiting>,
    start_ms: i64,
    contained_ms: Option<i64>,
    recommendation: Option<Action>,
    detections: u64,
}

/// The headline and what it is made of.
#[derive(Clone, Serialize)]
struct Rate {
    complete: bool,
    total: u64,
    open: u64,
    older_open: u64,
    effective: Option<f64>,
    bounds: Option<EffectiveBounds>,
    ahead: u64,
    contested: u64,
    behind: u64,
    unreviewed: u64,
    reviews: u64,
    judged: u64,
    meaningful: Option<u64>,
    hollow: Option<u64>,
    by_reason: BTreeMap<&'static str, u64>,
    by_fastest: Estimate,
    p50_ms: Option<i64>,
    median_ms: Option<i64>,
    attacker_first: f64,
}

/// How the pipeline is.
#[derive(Serialize)]
struct Health {
    healthy: bool,
    ready: bool,
    missing: Vec<String>,
    lag_records: u64,
    not_kept: u64,
    foreign: u64,
    windows: u64,
    workers: usize,
}

/// Reviewers whose page is on, or was.
#[derive(Serialize)]
struct Suspected {
    more: usize,
    pages: Vec<Page>,
}

/// One reviewer's page.
#[derive(Serialize)]
struct Page {
    reviewer: String,
    at: Timestamp,
    ended_at: Option<Timestamp>,
    since: Timestamp,
    statistic: f64,
    threshold: f64,
    signals: Vec<Counted>,
    path: Vec<Step>,
}

/// One decision that a page rests on.
#[derive(Serialize)]
struct Step {
    at: Timestamp,
    credential: String,
    signs: Vec<Signal>,
    statistic: f64,
}

impl Page {
    fn of(page: suspicions::Suspected) -> Page {
        let step = |step: suspicions::Cited| Step {
            at: step.at,
            // The name without the workflow before it and the time behind it.
            credential: text::shown(
                step.exposure_id
                    .split_once('/')
                    .and_then(|(_, rest)| rest.rsplit_once('/'))
                    .map_or(step.exposure_id.as_str(), |(credential, _)| credential),
            ),
            signs: step.signs,
            statistic: step.statistic,
        };
        Page {
            reviewer: text::shown(&page.reviewer),
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

/// The rows that a picture needs, picked in one walk.
#[derive(Default)]
struct Picked {
    waiting: Waiting,
    firing: BTreeMap<Alert, u64>,
    racing: Vec<(Timestamp, Arc<Row>)>,
    owed: Vec<(Timestamp, Arc<Row>)>,
    lost: Vec<(Timestamp, Arc<Row>)>,
    decided: Vec<(Timestamp, Arc<Row>)>,
    lately: Vec<(Timestamp, Arc<Row>)>,
}

impl Painter {
    pub(super) fn new() -> Painter {
        // The rules are the default ones, which hold what they promise.
        let rules = Rules::new(OversightConfig::default()).ok();
        Painter { rules, read: HashMap::new(), rate: None }
    }

    /// The picture at this moment.
    pub(super) fn paint(&mut self, shown: &Shown) -> Picture {
        let now = shown.clock.now();
        let picked = pick(shown, now);
        self.read.values_mut().for_each(|read| read.used = false);
        let mut picture = Picture::default();
        let parts = &mut picture.parts;
        let moment = Moment {
            as_of_ms: now.as_millis(),
            speed: shown.clock.speed(),
            demo: shown.demo,
            version: env!("CARGO_PKG_VERSION"),
        };
        part(parts, "moment", &moment);
        part(parts, "rate", &self.rate(shown, now));
        part(parts, "health", &health(shown));
        let mut firing = picked.firing;
        let (pages, _) = shown.suspicions.all();
        let on = pages.iter().filter(|page| page.ended_at.is_none()).count() as u64;
        firing.entry(Alert::RubberStampSuspected).and_modify(|n| *n += on).or_insert(on);
        let more = pages.len().saturating_sub(SUSPECTED_MAX);
        let pages = pages.into_iter().take(SUSPECTED_MAX).map(Page::of).collect();
        part(parts, "suspected", &Suspected { more, pages });
        let urgent = [picked.racing, picked.owed, picked.lost].concat();
        let waits = self.waits(&urgent);
        let mut waiting = picked.waiting;
        waiting.shown = waits.len();
        part(parts, "waiting", &waiting);
        let noted = self.notes(&picked.lately, shown, now);
        firing.retain(|_, count| *count > 0);
        part(parts, "firing", &firing);
        let decisions = self.decisions(&picked.decided);
        picture.lists = [("windows", waits), ("decisions", decisions), ("notes", noted)].into();
        self.read.retain(|_, read| read.used);
        picture
    }

    fn read(&mut self, row: &Arc<Row>) -> Option<&Read> {
        let at = place(row);
        if let Entry::Vacant(vacant) = self.read.entry(at) {
            let told = Told::read(&row.record)?;
            vacant.insert(Read { row: Arc::clone(row), told, record: row.read()?, used: true });
        }
        let read = self.read.get_mut(&at)?;
        debug_assert!(Arc::ptr_eq(&read.row, row), "a row that is held keeps its place");
        read.used = true;
        Some(read)
    }

    fn waits(&mut self, urgent: &[(Timestamp, Arc<Row>)]) -> Rows {
        let mut rows = Rows::new();
        for (_, row) in urgent {
            let Some(Read { told, record, .. }) = self.read(row) else { continue };
            let text = |text: &Option<String>| text.as_deref().map(text::shown);
            let waits = Waits {
                credential: text::shown(&record.credential_id),
                workflow: record.workflow,
                source: text(&record.source),
                location: text(&record.location),
                owner: text(&record.owner),
                severity: record.severity,
                state: row.state,
                awaiting: record.window().awaiting(),
                start_ms: row.start.as_millis(),
                contained_ms: record.contained_at.map(Timestamp::as_millis),
                recommendation: record.advice.map(|advice| advice.recommendation),
                detections: record.detections,
            };
            insert(&mut rows, text::key(&told.exposure_id), &waits);
        }
        rows
    }

    fn decisions(&mut self, decided: &[(Timestamp, Arc<Row>)]) -> Rows {
        let mut names = BTreeMap::new();
        for (_, row) in decided {
            if let Some(read) = self.read(row) {
                names.insert(read.told.exposure_id.clone(), place(row));
            }
        }
        let told: Vec<&Told> =
            names.values().filter_map(|at| self.read.get(at)).map(|read| &read.told).collect();
        let mut rows = Rows::new();
        if let Some(rules) = &self.rules {
            for (key, row) in reviews::rows(&told, rules, DECISIONS_MAX) {
                insert(&mut rows, key, &row);
            }
        }
        rows
    }

    /// The latest notes.
    fn notes(&mut self, lately: &[(Timestamp, Arc<Row>)], shown: &Shown, now: Timestamp) -> Rows {
        let mut all: Vec<(String, Note)> = Vec::new();
        for (_, row) in lately {
            let Some(Read { told, record, .. }) = self.read(row) else { continue };
            let profile = shown.profiles.get(record.workflow);
            all.extend(notes::of(told, record, profile, now));
        }
        all.sort_by(|a, b| b.1.at.cmp(&a.1.at).then_with(|| a.0.cmp(&b.0)));
        all.truncate(NOTES_MAX);
        let mut rows = Rows::new();
        for (key, note) in all {
            insert(&mut rows, key, &note);
        }
        rows
    }

    /// The figures of the last day. They look at all of its windows, so the more
    /// there are the less often it is done.
    fn rate(&mut self, shown: &Shown, now: Timestamp) -> Rate {
        let began = clock::uptime();
        if let Some((next, rate)) = &self.rate
            && began < *next
        {
            return rate.clone();
        }
        let summary = shown.view.summary(&shown.race, None, now);
        let figures = summary.figures;
        let (race, oversight) = (figures.attacker_window, figures.oversight);
        let review = figures.stages.get(crate::engine::windows::Stage::TimeToReview);
        let survival = figures.survival.time_to_review;
        let reasons = HollowReason::ALL.iter().filter_map(|reason| {
            let found = oversight.by_reason.as_ref()?.get(*reason);
            (found > 0).then_some((reason.as_str(), found))
        });
        let rate = Rate {
            complete: summary.period.complete,
            total: figures.windows.total(),
            open: figures.windows.get(State::Open) + figures.windows.get(State::Contained),
            older_open: summary.older.open + summary.older.contained,
            effective: figures.effective_review_rate,
            bounds: figures.effective_review_rate_bounds,
            ahead: race.ahead,
            contested: race.contested,
            behind: race.behind,
            unreviewed: race.unreviewed,
            reviews: oversight.reviews,
            judged: oversight.judged,
            meaningful: oversight.meaningful,
            hollow: oversight.hollow,
            by_reason: reasons.collect(),
            by_fastest: survival.reviewed_by_fastest,
            p50_ms: review.p50_ms,
            median_ms: survival.median_ms,
            attacker_first: (race.expected_attacker_first * 10.0).round() / 10.0,
        };
        let took_ms = clock::uptime().as_millis() - began.as_millis();
        let rest = Span::from_millis((took_ms * REST_SHARE).max(1_000));
        self.rate = Some((began + rest, rate.clone()));
        rate
    }
}

fn pick(shown: &Shown, now: Timestamp) -> Picked {
    let mut picked = Picked {
        waiting: Waiting {
            fastest_ms: crate::config::FASTEST_ATTACKER.as_millis(),
            mean_ms: crate::config::MEAN_ATTACKER.as_millis(),
            ..Waiting::default()
        },
        ..Picked::default()
    };
    shown.view.each(|row| picked.take(row, shown, now));
    // Where something can still be won, who has the least time left comes first;
    // everywhere else the latest.
    best(&mut picked.racing, RACING_MAX, |(at, _)| *at);
    let latest = [
        (&mut picked.owed, OWED_MAX),
        (&mut picked.lost, LOST_MAX),
        (&mut picked.decided, DECISIONS_READ),
        (&mut picked.lately, NOTED_WINDOWS),
    ];
    for (rows, most) in latest {
        best(rows, most, |(at, _)| Reverse(*at));
    }
    picked
}

impl Picked {
    fn take(&mut self, row: &Arc<Row>, shown: &Shown, now: Timestamp) {
        let profile = shown.profiles.get(row.workflow);
        for alert in row.moments.iter().flat_map(|moments| moments.at(profile, now).0.iter()) {
            *self.firing.entry(alert).or_default() += 1;
        }
        let waiting = &mut self.waiting;
        let waits = match row.state {
            State::Open => {
                waiting.open += 1;
                let band = Band::of(now.since(row.start), profile.targets);
                let (count, rows) = match band {
                    Band::Ahead => (&mut waiting.ahead, &mut self.racing),
                    Band::Contested => (&mut waiting.contested, &mut self.racing),
                    Band::Behind => (&mut waiting.behind, &mut self.lost),
                };
                *count += 1;
                Some(rows)
            }
            State::Contained => {
                waiting.contained += 1;
                Some(&mut self.owed)
            }
            State::Reviewed => {
                waiting.reviewed += 1;
                None
            }
            State::Closed | State::Withdrawn => None,
        };
        if let Some(rows) = waits {
            rows.push((row.start, Arc::clone(row)));
        }
        if let Some(decided_at) = row.decided_at {
            self.decided.push((decided_at, Arc::clone(row)));
        }
        self.lately.push((row.detected_at, Arc::clone(row)));
    }
}

/// The first `most` by `order`, sorted; the others are not.
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
    // Texts and numbers always are JSON.
    if let Ok(json) = to_raw_value(value) {
        parts.insert(name, json);
    }
}

/// Where a row is: as long as it is held, no other is there.
fn place(row: &Arc<Row>) -> usize {
    Arc::as_ptr(row).addr()
}

fn insert(rows: &mut Rows, key: String, row: &impl Serialize) {
    // Texts and numbers always are JSON.
    if let Ok(json) = to_raw_value(row) {
        rows.insert(key, json);
    }
}

fn health(shown: &Shown) -> Health {
    let alive = status::alive(shown);
    let ready = status::ready(shown);
    let view = shown.view.status();
    Health {
        healthy: alive.healthy,
        ready: ready.ready,
        missing: ready.missing().iter().map(|why| text::shown(why)).collect(),
        lag_records: view.lag_records,
        not_kept: view.not_kept,
        foreign: view.foreign,
        windows: view.windows,
        workers: ready.workers(),
    }
}
