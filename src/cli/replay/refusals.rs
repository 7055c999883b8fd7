//! What was not used: counted, the first shown, all written if asked.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::files::Output;
use crate::formats::RejectReason;
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
    told: Told,
}

/// The refusals of a whole run.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) first: Vec<RefusedLine>,
    pub(super) by_reason: BTreeMap<RejectReason, u64>,
    /// Inputs that could not be read, or not to their end: one line each.
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
        Refusals { names, file, failed: None, told: Told::default() }
    }

    pub(super) fn add(&mut self, refused: &Refused) {
        let input = refused.input.and_then(|input| self.names.get(input as usize));
        let input = input.map(String::as_str);
        let reason = refused.rejection.reason;
        let detail = refused.rejection.detail.as_ref();
        *self.told.by_reason.entry(reason).or_default() += refused.events;
        let unreadable = reason == RejectReason::Unreadable;
        if unreadable || self.told.first.len() < SHOWN_MAX {
            let place = match (input, refused.line) {
                (Some(input), Some(line)) => format!("{input}:{line}"),
                (input, _) => input.unwrap_or("–").to_owned(),
            };
            let line = RefusedLine { place, reason, detail: detail.to_owned() };
            if unreadable {
                self.told.unreadable.push(line.clone());
            }
            if self.told.first.len() < SHOWN_MAX {
                self.told.first.push(line);
            }
        }
        if let Some(file) = self.file.as_mut().filter(|_| self.failed.is_none()) {
            let excerpt = refused.excerpt.as_deref();
            let line = Line { input, line: refused.line, reason, detail, excerpt };
            let written = serde_json::to_writer(&mut *file, &line).map_err(io::Error::from);
            self.failed = written.and_then(|()| file.write_all(b"\n")).err();
        }
    }

    /// Closes the file.
    pub(super) fn finish(self) -> io::Result<Told> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.file.map_or(Ok(()), Output::finish)?;
        Ok(self.told)
    }
}
