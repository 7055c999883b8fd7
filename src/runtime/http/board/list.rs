//! The board's list as somebody asks for it: searched, filtered and sorted, as rows or as
//! CSV.
//!
//! Invariants: the answer counts all windows that match, however few it shows; choices that
//! a filter offers come from the windows themselves; the order is the same for the same
//! windows.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::csv;
use super::waiting_row::{self, WaitingRow};
use crate::event::{Severity, Workflow};
use crate::records::WindowRecord;
use crate::runtime::http::answer::{Problem, json};
use crate::runtime::http::options::Shown;
use crate::runtime::http::query::Parameters;
use crate::runtime::view::{Row, Sort, Status, Which};
use crate::time::Timestamp;

/// Lines of a CSV at most.
const LINES_MAX: usize = 50_000;

/// Owners and sources that are offered as choices.
const CHOICES_MAX: usize = 200;

/// Characters of a search that are looked for.
const SEARCH_CHARS_MAX: usize = 200;

/// What somebody asks for.
#[derive(Debug)]
pub(in crate::runtime::http) struct ListQuery {
    words: Vec<String>,
    which: Which,
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
        Ok(ListQuery {
            words,
            which: which.unwrap_or(Which::Waiting),
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
    pub(in crate::runtime::http) const KNOWN: &[&str] =
        &["q", "state", "workflow", "severity", "owner", "source", "sort", "limit"];

    fn matches(&self, row: &Row, record: &WindowRecord) -> bool {
        let is =
            |wanted: &Option<String>, text: &Option<String>| wanted.is_none() || wanted == text;
        self.workflow.is_none_or(|workflow| row.workflow == workflow)
            && self.severity.is_none_or(|severity| row.severity == Some(severity))
            && self.owner.as_ref().is_none_or(|owner| owner.is_in(record))
            && is(&self.source, &record.source)
            && self.finds(record)
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

/// What the windows in these states could be filtered by, with the number of windows of each.
#[derive(Default, Serialize)]
struct Choices {
    workflow: BTreeMap<Workflow, u64>,
    severity: BTreeMap<Severity, u64>,
    owner: BTreeMap<String, u64>,
    source: BTreeMap<String, u64>,
}

impl Choices {
    fn count(&mut self, row: &Row, record: &WindowRecord) {
        *self.workflow.entry(row.workflow).or_default() += 1;
        if let Some(severity) = row.severity {
            *self.severity.entry(severity).or_default() += 1;
        }
        for (choices, text) in
            [(&mut self.owner, &record.owner), (&mut self.source, &record.source)]
        {
            let Some(text) = text else { continue };
            if let Some(count) = choices.get_mut(text) {
                *count += 1;
            } else if choices.len() < CHOICES_MAX {
                choices.insert(text.clone(), 1);
            }
        }
    }
}

/// A window that matches.
struct Match {
    row: Arc<Row>,
    record: WindowRecord,
}

/// The windows that match, in order; and what could be asked for.
fn select(query: &ListQuery, shown: &Shown, now: Timestamp) -> (Vec<Match>, Choices) {
    let (mut found, mut choices) = (Vec::new(), Choices::default());
    let mut whole = false;
    shown.view.each(|row| {
        if !query.which.is(row) {
            return;
        }
        let Some(record) = row.read() else { return };
        choices.count(row, &record);
        whole |= query.owner.as_ref().is_some_and(|owner| owner.is(&record));
        if query.matches(row, &record) {
            found.push(Match { row: Arc::clone(row), record });
        }
    });
    // An owner of exactly this name is meant, and not those whose names it is a part of.
    if let Some(owner) = query.owner.as_ref().filter(|_| whole) {
        found.retain(|it| owner.is(&it.record));
    }
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
