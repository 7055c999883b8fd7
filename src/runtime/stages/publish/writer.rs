//! Keys and values of records, written in place of the ones before.

use std::fmt::Display;
use std::io::Write as _;

use serde::Serialize;

use crate::engine::alerts::Transition;
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::outbox::{Outbox, Outgoing, Topic};

/// The partition of topics that have only one.
pub(crate) const ONLY: Option<i32> = Some(0);

/// The space that keys and values are written in.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Writer {
    /// Sends `value` as JSON under `key`.
    pub(crate) fn send<O: Outbox>(
        &mut self,
        outbox: &mut O,
        topic: Topic,
        partition: Option<i32>,
        key: impl Display,
        value: &impl Serialize,
    ) -> Result<(), Fault> {
        write_key(&mut self.key, key);
        json(&mut self.value, value)?;
        let record = Outgoing::new(topic, &self.key, Some(&self.value));
        outbox.send(Outgoing { partition, ..record })
    }

    /// The same where the key is there as bytes.
    pub(crate) fn send_under<O: Outbox>(
        &mut self,
        outbox: &mut O,
        topic: Topic,
        partition: Option<i32>,
        key: &[u8],
        value: &impl Serialize,
    ) -> Result<(), Fault> {
        json(&mut self.value, value)?;
        outbox.send(Outgoing { partition, ..Outgoing::new(topic, key, Some(&self.value)) })
    }

    /// Sends a tombstone: deletes what was sent under `key`.
    pub(crate) fn delete<O: Outbox>(
        &mut self,
        outbox: &mut O,
        topic: Topic,
        partition: Option<i32>,
        key: impl Display,
    ) -> Result<(), Fault> {
        write_key(&mut self.key, key);
        outbox.send(Outgoing { partition, ..Outgoing::new(topic, &self.key, None) })
    }

    /// Sends a change of an alert. A tombstone follows the end of one: the topic is
    /// compacted, late, so that in the end exactly the alerts that fire are left.
    pub(crate) fn alert<O: Outbox>(
        &mut self,
        outbox: &mut O,
        partition: Option<i32>,
        key: impl Display,
        change: &impl Serialize,
        transition: Transition,
    ) -> Result<(), Fault> {
        self.send(outbox, Topic::Alerts, partition, key, change)?;
        match transition {
            Transition::Firing => Ok(()),
            Transition::Resolved => {
                let record = Outgoing::new(Topic::Alerts, &self.key, None);
                outbox.send(Outgoing { partition, ..record })
            }
        }
    }
}

fn write_key(into: &mut Vec<u8>, key: impl Display) {
    into.clear();
    // Writing to memory does not fail.
    let _ = write!(into, "{key}");
}

/// Writes `value` as JSON in place of whatever `into` holds.
pub(crate) fn json(into: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Fault> {
    into.clear();
    append_json(into, value)
}

/// Writes `value` as JSON behind whatever `into` holds.
pub(super) fn append_json(into: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Fault> {
    serde_json::to_writer(into, value)
        .map_err(|error| Fault::Lasting(format!("writing JSON: {error}")))
}
