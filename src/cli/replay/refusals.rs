//! Records that could not be used: counts them all, keeps the first for the terminal,
//! and writes them to a file if there is one.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::files::Output;
use crate::formats::RejectReason;
use crate::report::NotJoined;
use crate::report::terminal::RefusedLine;
use crate::runtime::replay::Refused;

/// Refusals shown on the terminal.
const SHOWN_MAX: usize = 10;

/// Collects refusals while the input is read.
#[derive(Debug)]
pub(super) struct Refusals {
    names: Vec<String>,
    file: Option<Output>,
    failed: Option<io::Error>,
    totals: Totals,
}

/// The refusals of a whole run.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) first: Vec<RefusedLine>,
    pub(super) by_reason: BTreeMap<RejectReason, u64>,
    /// Inputs that could not be read to their end, one line each.
    pub(super) unreadable: Vec<RefusedLine>,
}

#[derive(Serialize)]
struct Line<'l> {
    input: Option<&'l str>,
    line: Option<u64>,
    reason: RejectReason,
    detail: &'l str,
    excerpt: Option<&'l str>,
}

impl Refusals {
    pub(super) fn new(names: Vec<String>, file: Option<Output>) -> Refusals {
        Refusals { names, file, failed: None, totals: Totals::default() }
    }

    pub(super) fn add(&mut self, refused: &Refused) {
        let input = refused.input.and_then(|input| self.names.get(input as usize));
        let input = input.map(String::as_str);
        let reason = refused.rejection.reason;
        let detail = refused.rejection.detail.as_ref();
        *self.totals.by_reason.entry(reason).or_default() += refused.events;
        let unreadable = reason == RejectReason::Unreadable;
        if unreadable || self.totals.first.len() < SHOWN_MAX {
            let place = match (input, refused.line) {
                (Some(input), Some(line)) => format!("{input}:{line}"),
                (input, _) => input.unwrap_or("–").to_owned(),
            };
            let line = RefusedLine { place, reason, detail: detail.to_owned() };
            if unreadable {
                self.totals.unreadable.push(line.clone());
            }
            if self.totals.first.len() < SHOWN_MAX {
                self.totals.first.push(line);
            }
        }
        if let Some(file) = self.file.as_mut().filter(|_| self.failed.is_none()) {
            let excerpt = refused.excerpt.as_deref();
            let line = Line { input, line: refused.line, reason, detail, excerpt };
            let written = serde_json::to_writer(&mut *file, &line).map_err(io::Error::from);
            self.failed = written.and_then(|()| file.write_all(b"\n")).err();
        }
    }

    /// A name that did not join. Its events are accepted, so they count as no refusal; but
    /// whoever looks for them finds them in the same file.
    pub(super) fn not_joined(&mut self, name: &NotJoined) {
        let Some(file) = self.file.as_mut().filter(|_| self.failed.is_none()) else { return };
        let detail = name.to_string();
        let reason = RejectReason::NotJoined;
        let line = Line { input: None, line: None, reason, detail: &detail, excerpt: None };
        let written = serde_json::to_writer(&mut *file, &line).map_err(io::Error::from);
        self.failed = written.and_then(|()| file.write_all(b"\n")).err();
    }

    /// Closes the file.
    pub(super) fn finish(self) -> io::Result<Totals> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.file.map_or(Ok(()), Output::finish)?;
        Ok(self.totals)
    }
}
