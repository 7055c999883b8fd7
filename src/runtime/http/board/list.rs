//! The board's list as somebody asks for it: searched, filtered and sorted, as rows or as
//! CSV.
//!
//! Invariants: the answer counts all windows that match, however few it shows; choices that
//! a filter offers come from the windows themselves; an alert has as many windows here as the
//! board counts; the order is the same for the same windows.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::choices::{Choices, Misses};
use super::csv;
use super::strongest::strongest;
use super::waiting_row::{self, WaitingRow};
use crate::engine::alerts::Alert;
use crate::event::{Severity, Workflow};
use crate::records::WindowRecord;
use crate::runtime::http::answer::{Problem, json};
use crate::runtime::http::options::Shown;
use crate::runtime::http::query::Parameters;
use crate::runtime::view::{Judged, Row, Sort, Status, Which};
use crate::time::Timestamp;

/// Lines of a CSV at most.
const LINES_MAX: usize = 50_000;

/// The alerts that have a window. The last one is about a reviewer.
const ALERTS: &[Alert] = Alert::ALL.split_at(Alert::ALL.len() - 1).0;

/// Characters of a search that are looked for.
const SEARCH_CHARS_MAX: usize = 200;

/// What somebody asks for.
#[derive(Debug)]
pub(in crate::runtime::http) struct ListQuery {
    words: Vec<String>,
    which: Which,
    alert: Option<Alert>,
    judged: Option<Judged>,
    workflow: Option<Workflow>,
    severity: Option<Severity>,
    owner: Option<OwnerQuery>,
    source: Option<String>,
    sort: Sort,
    limit: usize,
}

/// Whose windows somebody asks for. The whole name means this owner and no other; anything
/// else is a part of the name, in letters of any case.
#[derive(Debug)]
struct OwnerQuery {
    name: String,
    lower: String,
}

impl OwnerQuery {
    fn new(name: String) -> OwnerQuery {
        OwnerQuery { lower: name.to_lowercase(), name }
    }

    fn matches(&self, record: &WindowRecord, whole: bool) -> bool {
        if whole { self.is(record) } else { self.is_in(record) }
    }

    fn is_in(&self, record: &WindowRecord) -> bool {
        record.owner.as_ref().is_some_and(|owner| owner.to_lowercase().contains(&self.lower))
    }

    fn is(&self, record: &WindowRecord) -> bool {
        record.owner.as_ref() == Some(&self.name)
    }
}

impl ListQuery {
    /// Reads the parameters of a request.
    pub(in crate::runtime::http) fn read(parameters: &Parameters) -> Result<ListQuery, Problem> {
        let text = |name| parameters.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let search = text("q").unwrap_or_default();
        if search.chars().count() > SEARCH_CHARS_MAX {
            let why = format!("`q` has at most {SEARCH_CHARS_MAX} characters");
            return Err(Problem::Parameter(why));
        }
        let words = search.split_whitespace().map(str::to_lowercase).collect();
        let which = parameters.word("state", Which::parse, Which::ALL, |it| it.as_str())?;
        let sort = parameters.word("sort", Sort::parse, Sort::ALL, |it| it.as_str())?;
        let alert = |word: &str| Alert::parse(word).filter(|alert| ALERTS.contains(alert));
        Ok(ListQuery {
            words,
            which: which.unwrap_or(Which::Waiting),
            alert: parameters.word("alert", alert, ALERTS, |it| it.as_str())?,
            judged: parameters.word("quality", Judged::parse, Judged::ALL, |it| it.as_str())?,
            workflow: parameters.workflow()?,
            severity: parameters
                .word("severity", Severity::parse, Severity::ALL, |it| it.as_str())?,
            owner: text("owner").map(OwnerQuery::new),
            source: text("source"),
            sort: sort.unwrap_or(Sort::Urgency),
            limit: parameters.limit()?,
        })
    }

    /// The parameters that there are.
    pub(in crate::runtime::http) const KNOWN: &[&str] = &[
        "q", "state", "alert", "quality", "workflow", "severity", "owner", "source", "sort",
        "limit",
    ];

    /// Whether the window is in the list, unless a filter with choices keeps it out.
    fn may_show(&self, row: &Row, record: &WindowRecord, shown: &Shown, now: Timestamp) -> bool {
        self.alert.is_none_or(|alert| fires(alert, row, shown, now))
            && self.judged.is_none_or(|judged| judged.is(record))
            && self.finds(record)
    }

    /// The filters with choices that keep the window out; `whole` is whether the owner's whole
    /// name is meant.
    fn misses(&self, row: &Row, record: &WindowRecord, whole: bool) -> Misses {
        let owner = self.owner.as_ref();
        Misses {
            workflow: self.workflow.is_some_and(|workflow| row.workflow != workflow),
            severity: self.severity.is_some_and(|severity| row.severity != Some(severity)),
            owner: owner.is_some_and(|owner| !owner.matches(record, whole)),
            source: self.source.is_some() && self.source != record.source,
        }
    }

    /// Whether every word occurs in the window's names and places.
    fn finds(&self, record: &WindowRecord) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let texts = [
            &record.location,
            &record.owner,
            &record.source,
            &record.incident,
            &record.reviewer,
            &record.model,
        ];
        let mut text = record.credential_id.to_lowercase();
        let more = texts.into_iter().flatten().chain(record.aliases.iter().flatten());
        for other in more {
            text.push('\n');
            text.push_str(&other.to_lowercase());
        }
        self.words.iter().all(|word| text.contains(word))
    }
}

/// The list.
#[derive(Serialize)]
struct ListAnswer {
    as_of: Timestamp,
    view: Status,
    /// Windows that match.
    matching: usize,
    rows: Vec<WaitingRow>,
    choices: Choices,
}

/// A window that matches.
struct Match {
    row: Arc<Row>,
    record: WindowRecord,
}

/// Whether the board counts this alert of the window of `row` now.
fn fires(alert: Alert, row: &Row, shown: &Shown, now: Timestamp) -> bool {
    let profile = shown.profiles.get(row.workflow);
    let holding = row.moments.as_ref().map(|moments| moments.at(profile, now).0);
    holding.is_some_and(|holding| strongest(holding).any(|other| other == alert))
}

/// The windows that match, in order; and what could be asked for.
fn select(query: &ListQuery, shown: &Shown, now: Timestamp) -> (Vec<Match>, Choices) {
    let mut found = Vec::new();
    // Where only a part of the owner's name is meant, and where the whole is.
    let (mut part, mut exact) = (Choices::default(), Choices::default());
    let mut whole = false;
    shown.view.each(|row| {
        if !query.which.is(row) {
            return;
        }
        let Some(record) = row.read() else { return };
        whole |= query.owner.as_ref().is_some_and(|owner| owner.is(&record));
        if !query.may_show(row, &record, shown, now) {
            return;
        }
        let misses = query.misses(row, &record, false);
        part.count(row, &record, misses);
        exact.count(row, &record, query.misses(row, &record, true));
        if misses.none() {
            found.push(Match { row: Arc::clone(row), record });
        }
    });
    // An owner of exactly this name is meant, and not those whose names it is a part of.
    if let Some(owner) = query.owner.as_ref().filter(|_| whole) {
        found.retain(|it| owner.is(&it.record));
    }
    let choices = if whole { exact } else { part };
    // The view's own order, which is the same each time, decides between equals.
    match query.sort {
        Sort::Urgency => {
            found.sort_by_cached_key(|it| waiting_row::urgency(&it.row, &shown.profiles, now));
        }
        Sort::Oldest => found.sort_by_key(|it| it.row.start),
        Sort::Newest => found.sort_by_key(|it| Reverse(it.row.start)),
        Sort::Credential => {
            found.sort_by_cached_key(|it| it.record.known_as(&shown.names).best.to_owned());
        }
        Sort::Owner => found.sort_by(|a, b| {
            let key = |it: &Match| (it.record.owner.is_none(), it.record.owner.clone());
            key(a).cmp(&key(b))
        }),
    }
    (found, choices)
}

/// The list as JSON.
pub(in crate::runtime::http) fn rows(query: &ListQuery, shown: &Shown) -> Response {
    let as_of = shown.clock.now();
    let (found, choices) = select(query, shown, as_of);
    let rows = found.iter().take(query.limit);
    let rows =
        rows.map(|it| WaitingRow::of(&it.row, &it.record, &shown.profiles, &shown.names)).collect();
    let view = shown.view.status();
    json(StatusCode::OK, &ListAnswer { as_of, view, matching: found.len(), rows, choices })
}

/// The whole list as CSV.
pub(in crate::runtime::http) fn csv(query: &ListQuery, shown: &Shown) -> Response {
    let (found, _) = select(query, shown, shown.clock.now());
    let lines = found.iter().take(LINES_MAX).map(|it| (&*it.row, &it.record));
    csv::response(lines, &shown.names)
}
