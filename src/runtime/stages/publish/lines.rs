//! Records that hold many messages between stages, one a line.
//!
//! Invariant: messages of one partition stay in their order, and all are sent before the commit
//! of what they follow from. Every record costs its sender, the broker and its reader about as
//! much as a message itself, so a backlog would pay for each decision twice.

use std::collections::BTreeMap;

use serde::Serialize;

use super::writer::{ONLY, append_json};
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::outbox::{Outbox, Outgoing, Topic};

/// A record takes about this many bytes at most, well below what brokers accept.
const RECORD_BYTES: usize = 128 << 10;

/// Messages that are not sent yet, by the partition of windows that they are about.
#[derive(Debug)]
pub(crate) struct Lines {
    topic: Topic,
    /// The partition that they all go to; `None`: to the one that they are about.
    to: Option<i32>,
    lines: BTreeMap<i32, Vec<u8>>,
}

impl Lines {
    /// Reviews, to oversight.
    pub(crate) fn reviews() -> Lines {
        Lines { topic: Topic::Reviews, to: ONLY, lines: BTreeMap::new() }
    }

    /// Judgements, back to the windows.
    pub(crate) fn judgements() -> Lines {
        Lines { topic: Topic::Events, to: None, lines: BTreeMap::new() }
    }

    /// Adds a message to the next record about a partition.
    pub(crate) fn add<O: Outbox>(
        &mut self,
        about: i32,
        message: &impl Serialize,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        let lines = self.lines.entry(about).or_default();
        append_json(lines, message)?;
        lines.push(b'\n');
        if lines.len() < RECORD_BYTES { Ok(()) } else { self.flush(outbox) }
    }

    /// Sends what is left.
    pub(crate) fn flush<O: Outbox>(&mut self, outbox: &mut O) -> Result<(), Fault> {
        for (about, lines) in self.lines.iter_mut().filter(|(_, lines)| !lines.is_empty()) {
            let key = about.to_string();
            let record = Outgoing::new(self.topic, key.as_bytes(), Some(lines));
            outbox.send(Outgoing { partition: self.to.or(Some(*about)), ..record })?;
            lines.clear();
        }
        Ok(())
    }
}
