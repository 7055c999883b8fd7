//! All that is known about one exposure: its record, its alerts, and how its decision was
//! read.
//!
//! Invariants: alerts come from the engine's rules, attention and certificate from the
//! oversight stage's code; a name under which nothing is held any more leads on to the
//! window that holds its events now.

use std::sync::Arc;

use serde::Serialize;

use super::catching_up::CatchingUp;
use super::options::Shown;
use super::window_now::WindowNow;
use crate::engine::alerts::{Alert, Phase, Urgency};
use crate::engine::oversight::{Reviews, Rules};
use crate::records::{WindowRecord, exposure_id, label};
use crate::runtime::view::{Row, Status, View};
use crate::time::{Span, Timestamp};

/// Decisions of one reviewer that are read to judge one of them.
const DECISIONS_READ: usize = 2_000;

/// Cases of a certificate that are listed.
const CASES_MAX: usize = 100;

/// The answer about one exposure.
#[derive(Serialize)]
pub(super) struct ExposureAnswer {
    as_of: Timestamp,
    view: Status,
    /// How far all this is behind the present; null unless a start still catches up.
    catching_up: Option<CatchingUp>,
    /// The name of the window, which is not the one that was asked for if that leads on.
    exposure_id: String,
    /// Where its measurement starts.
    started_at: Timestamp,
    window: WindowNow,
    /// The further names of its credential, the better-known first.
    other_names: Vec<String>,
    /// The labels that its alerts have.
    labels: Labels,
    /// What calls for attention now, did so, or will unless something is done.
    alerts: Vec<AlertNow>,
    /// How the decision was read; null without one.
    reading: Option<Reading>,
}

/// The labels by which Alertmanager knows the window's alerts.
#[derive(Serialize)]
struct Labels {
    credential: String,
    exposure: String,
}

/// One alert about the window.
#[derive(Serialize)]
struct AlertNow {
    alert: Alert,
    urgency: Urgency,
    phase: Phase,
    from: Timestamp,
    until: Option<Timestamp>,
    /// The path of its runbook.
    runbook: String,
}

/// How the deciding person could have read the case.
#[derive(Serialize)]
struct Reading {
    /// The time that there was to read; null if the length of the advice is unknown.
    attention_ms: Option<Span>,
    /// The time that reading takes most adults.
    usual_ms: Option<Span>,
    certificate: Option<Certificate>,
}

/// An interval that was too short to read what was approved within it.
#[derive(Serialize)]
struct Certificate {
    from: Timestamp,
    to: Timestamp,
    needed_ms: Span,
    unread_ms: Span,
    available_ms: Span,
    cases: Vec<Case>,
}

/// One case that was approved within the interval.
#[derive(Serialize)]
struct Case {
    exposure_id: String,
    credential_id: String,
    /// The name of the credential that people know best.
    known_as: String,
    released_at: Option<Timestamp>,
    decided_at: Timestamp,
    floor_ms: u32,
}

/// The row of the window that is called `asked`, or holds the events of that window now.
pub(super) fn find(view: &View, asked: &str) -> Option<Arc<Row>> {
    view.get(asked).or_else(|| leads_to(view, asked))
}

/// The window that has taken in the events of `asked`: its credential was found to be one
/// with another, or a late event gave the window an earlier beginning.
fn leads_to(view: &View, asked: &str) -> Option<Arc<Row>> {
    let asked = exposure_id::parse(asked)?;
    let name = asked.key.credential_id;
    // Texts and their JSON differ in escapes only, so a record without this part of it
    // cannot hold the name.
    let part = serde_json::to_string(name).ok()?;
    // To unpack all would take long, and the writer would wait for it.
    let near = rows(view, |row| row.workflow == asked.key.workflow && row.may_be_of(name));
    let has_the_name = |row: &Arc<Row>| {
        let Some(record) = row.read_if_it_has(&part) else { return false };
        let aliases = record.aliases.as_deref().unwrap_or_default();
        record.credential_id == name || aliases.iter().any(|alias| alias == name)
    };
    let mut found: Vec<_> = near.into_iter().filter(has_the_name).collect();
    found.sort_by_key(|row| row.detected_at);
    let later = found.partition_point(|row| row.detected_at <= asked.detected_at);
    found.into_iter().nth(later.saturating_sub(1))
}

/// The windows that are `wanted`, the most urgent first.
fn rows(view: &View, wanted: impl Fn(&Row) -> bool) -> Vec<Arc<Row>> {
    let mut rows = Vec::new();
    view.each(|row| {
        if wanted(row) {
            rows.push(Arc::clone(row));
        }
    });
    rows
}

impl ExposureAnswer {
    /// The answer about the window of `row`.
    pub(super) fn of(row: &Row, shown: &Shown) -> Option<ExposureAnswer> {
        let as_of = shown.clock.now();
        let record = row.read()?;
        let exposure_id = record.exposure_id.to_string();
        let others = record.known_as(&shown.names).others;
        Some(ExposureAnswer {
            labels: Labels {
                credential: label("credential", &record.credential_id, &shown.identity),
                exposure: label("exposure", &exposure_id, &shown.identity),
            },
            as_of,
            view: shown.view.status(),
            catching_up: CatchingUp::of(shown),
            exposure_id,
            started_at: row.start,
            window: WindowNow::of(row, shown, as_of),
            other_names: others.into_iter().map(str::to_owned).collect(),
            alerts: alerts(row, shown, as_of),
            reading: reading(&record, shown),
        })
    }
}

fn alerts(row: &Row, shown: &Shown, now: Timestamp) -> Vec<AlertNow> {
    let Some(moments) = &row.moments else { return Vec::new() };
    let mut alerts: Vec<AlertNow> = moments
        .episodes(shown.profiles.get(row.workflow))
        .map(|episode| AlertNow {
            alert: episode.alert,
            urgency: episode.alert.urgency(),
            phase: episode.phase(now),
            from: episode.from,
            until: episode.until,
            runbook: format!("/runbook/{}", episode.alert),
        })
        .collect();
    alerts.sort_by_key(|alert| (alert.from, alert.alert));
    alerts
}

/// Judges the decision of `record` again, among the decisions of the same person that the
/// view holds.
fn reading(record: &WindowRecord, shown: &Shown) -> Option<Reading> {
    let reviewer = record.reviewer.as_deref()?;
    let part = serde_json::to_string(reviewer).ok()?;
    let mut near = rows(&shown.view, |row| row.may_be_by(reviewer));
    near.sort_by_key(|row| std::cmp::Reverse(row.decided_at));
    let is_own = |other: &WindowRecord| other.reviewer.as_deref() == Some(reviewer);
    let read = near.iter().filter_map(|row| row.read_if_it_has(&part));
    let mut own: Vec<WindowRecord> = read.filter(is_own).take(DECISIONS_READ).collect();
    // Within a batch cases are judged by their names.
    own.sort_by_cached_key(|other| other.exposure_id.to_string());
    let mut reviews = Reviews::new();
    for other in &own {
        reviews.add(other.review(false).as_ref());
    }
    let judged = reviews.judge(&Rules::new(shown.oversight.clone()).ok()?).judgements;
    let at = own.iter().position(|other| other.exposure_id == record.exposure_id)?;
    let judgement = judged.get(at)?;
    let certificate = judgement.certificate.map(|found| {
        let mut cases: Vec<Case> = own
            .iter()
            .filter_map(|other| {
                let review = other.review(false)?;
                let released_at = review.released_at();
                let within = released_at >= Some(found.from) && review.decided_at <= found.to;
                let floor_ms = review.advice.and_then(|advice| advice.floor_ms());
                let floor_ms = floor_ms.filter(|_| within && review.agreed == Some(true))?;
                Some(Case {
                    exposure_id: other.exposure_id.to_string(),
                    credential_id: other.credential_id.clone(),
                    known_as: other.known_as(&shown.names).best.to_owned(),
                    released_at,
                    decided_at: review.decided_at,
                    floor_ms,
                })
            })
            .collect();
        cases.sort_by_key(|case| case.decided_at);
        cases.truncate(CASES_MAX);
        Certificate {
            from: found.from,
            to: found.to,
            needed_ms: found.needed,
            unread_ms: found.unread,
            available_ms: found.available,
            cases,
        }
    });
    Some(Reading { attention_ms: judgement.attention, usual_ms: judgement.usual, certificate })
}
