//! Query parameters, and cursors.
//!
//! Invariants: an unknown or repeated parameter is an error, since ignoring it would give
//! another answer than the client wants; a cursor holds only what its answer showed.

use axum::extract::Query;
use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::answer::Problem;
use crate::event::Workflow;
use crate::report::terminal::printable;
use crate::runtime::view::{Attack, SortKey};
use crate::time::Timestamp;

/// Windows or reviewers on a page, if the request does not say.
const LIMIT: usize = 100;

/// The same at most.
const LIMIT_MAX: usize = 1000;

/// Bytes of a cursor at most: enough for the longest name of a window.
const CURSOR_BYTES_MAX: usize = 4 << 10;

/// Characters that an error shows of the name of a parameter.
const NAME_CHARS_MAX: usize = 60;

/// What the cursor of a window begins with whose attack nobody has answered.
const ATTACKED: &str = "attack/";

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters of `uri`. All of them must be `known`.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Parameters, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::Parameter("the query is not name=value&…".to_owned()))?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let name: String = name.chars().take(NAME_CHARS_MAX).collect();
                let name = printable(&name);
                let why = format!("`{name}` is no parameter here; known are: {known}");
                return Err(Problem::Parameter(why));
            }
            if pairs[..at].iter().any(|(before, _)| before == name) {
                return Err(Problem::Parameter(format!("`{name}` is given twice")));
            }
        }
        Ok(Parameters(pairs))
    }

    /// A parameter as it was sent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A parameter whose value is one of a set of words.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        parse: fn(&str) -> Option<T>,
        all: &[T],
        word: fn(&T) -> &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        parse(value).map(Some).ok_or_else(|| {
            let words: Vec<_> = all.iter().map(word).collect();
            Problem::Parameter(format!("`{name}` is one of {}", words.join(", ")))
        })
    }

    /// The parameter `workflow`.
    pub(super) fn workflow(&self) -> Result<Option<Workflow>, Problem> {
        self.word("workflow", Workflow::parse, Workflow::ALL, |workflow| workflow.as_str())
    }

    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let Some(value) = self.get("limit") else { return Ok(LIMIT) };
        let number = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        number.ok_or_else(|| Problem::Parameter(format!("`limit` is from 1 to {LIMIT_MAX}")))
    }

    /// The text in the cursor `after`.
    pub(super) fn after(&self) -> Result<Option<String>, Problem> {
        let Some(cursor) = self.get("after") else { return Ok(None) };
        let text = Some(cursor)
            .filter(|cursor| cursor.len() <= CURSOR_BYTES_MAX)
            .and_then(|cursor| URL_SAFE_NO_PAD.decode(cursor).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Some).ok_or_else(bad_cursor)
    }

    /// The sort key in the cursor `after`.
    pub(super) fn after_sort_key(&self) -> Result<Option<SortKey>, Problem> {
        let Some(text) = self.after()? else { return Ok(None) };
        let parse = |text: &str| {
            let (attack, place) = match text.strip_prefix(ATTACKED) {
                Some(place) => (Attack::Observed, place),
                None => (Attack::None, text),
            };
            let (ms, exposure_id) = place.split_once('/')?;
            let start = Timestamp::from_millis_checked(ms.parse().ok()?).ok()?;
            Some(SortKey { attack, start, exposure_id: exposure_id.into() })
        };
        let key = parse(&text);
        key.map(Some).ok_or_else(bad_cursor)
    }
}

fn bad_cursor() -> Problem {
    Problem::Parameter("`after` must be the unchanged `next` of an earlier answer".to_owned())
}

/// A cursor that holds `text`.
pub(super) fn cursor(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// The cursor of a sort key.
pub(super) fn sort_key_cursor(key: &SortKey) -> String {
    let attack = if key.attack == Attack::Observed { ATTACKED } else { "" };
    cursor(&format!("{attack}{}/{}", key.start.as_millis(), key.exposure_id))
}
