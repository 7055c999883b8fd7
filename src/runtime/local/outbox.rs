//! Where the stages send to: the tables of the open transaction, and each other.

use rusqlite::{Statement, params};

use super::file::{StoreFile, sum};
use crate::records::{Declared, WindowRecord};
use crate::runtime::stages::{Fault, Outbox, Outgoing, Topic};
use crate::time::Timestamp;

const WRITE_WINDOW_STATE: &str = "INSERT INTO window_state VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (key) DO UPDATE SET time = excluded.time, value = excluded.value, sum = excluded.sum";
const WRITE_REVIEWER_STATE: &str = "INSERT INTO reviewer_state VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (key) DO UPDATE SET time = excluded.time, value = excluded.value, sum = excluded.sum";

/// Key and value of a record.
pub(super) type Sent = (Vec<u8>, Option<Vec<u8>>);

/// What the open transaction holds besides its rows.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// From intake to windows.
    pub(super) events: Vec<Sent>,
    /// From windows to oversight.
    pub(super) reviews: Vec<Sent>,
    /// From oversight to windows, and among the windows: judgements, and what names send each
    /// other.
    pub(super) judgements: Vec<Sent>,
    /// Changes of the ledger, for the view.
    pub(super) ledger: Vec<Sent>,
    /// Changes of alerts, for the notifier.
    pub(super) alerts: Vec<Sent>,
    /// Dead letters.
    pub(super) dead_letters: u64,
    /// Rows that were written.
    pub(super) rows: u64,
}

impl Transaction {
    /// Empty again, with its memory.
    pub(super) fn clear(&mut self) {
        let lists = [
            &mut self.events,
            &mut self.reviews,
            &mut self.judgements,
            &mut self.ledger,
            &mut self.alerts,
        ];
        lists.into_iter().for_each(Vec::clear);
        (self.dead_letters, self.rows) = (0, 0);
    }
}

/// The outbox of one stage within the open transaction.
pub(super) struct LocalOutbox<'t> {
    pub(super) store: &'t StoreFile,
    pub(super) transaction: &'t mut Transaction,
    pub(super) now: Timestamp,
    /// Whether it is that of intake, whose events are kept. All others are on their way within
    /// the transaction.
    pub(super) intake: bool,
}

impl LocalOutbox<'_> {
    fn run(
        &mut self,
        sql: &str,
        run: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<usize>,
    ) -> Result<(), Fault> {
        let done = self.store.connection.prepare_cached(sql).and_then(|mut it| run(&mut it));
        done.map_err(|error| self.store.fault("writing to it", &error))?;
        self.transaction.rows += 1;
        Ok(())
    }

    /// A row of a changelog: the last record of each key.
    fn state(&mut self, write: &str, delete: &str, record: &Outgoing<'_>) -> Result<(), Fault> {
        let Outgoing { key, value, written_at, .. } = *record;
        let Some(value) = value else { return self.run(delete, |it| it.execute([key])) };
        let time = written_at.unwrap_or(self.now).as_millis();
        self.run(write, |it| it.execute(params![key, time, value, sum(key, value)]))
    }

    fn event(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let (credential_id, event) = (text(key)?, text(value)?);
        let (at, sum) = (self.now.as_millis(), sum(key, value));
        self.run(
            "INSERT INTO events (arrived_at, credential_id, event, sum) VALUES (?1, ?2, ?3, ?4)",
            |it| it.execute(params![at, credential_id, event, sum]),
        )
    }

    fn window(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
        let exposure_id = text(key)?;
        let Some(value) = value else {
            return self
                .run("DELETE FROM windows WHERE exposure_id = ?1", |it| it.execute([exposure_id]));
        };
        let record = WindowRecord::read(value).map_err(|error| ours(&error))?;
        let closed_at = record.closed_at().map(Timestamp::as_millis);
        let (record, sum) = (text(value)?, sum(key, value));
        self.run(
            "INSERT INTO windows VALUES (?1, ?2, ?3, ?4) ON CONFLICT (exposure_id) DO UPDATE SET \
             closed_at = excluded.closed_at, record = excluded.record, sum = excluded.sum",
            |it| it.execute(params![exposure_id, closed_at, record, sum]),
        )
    }

    fn finding(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
        let key = text(key)?;
        let Some(value) = value else {
            return self.run("DELETE FROM findings WHERE key = ?1", |it| it.execute([key]));
        };
        let value = text(value)?;
        self.run(
            "INSERT INTO findings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET \
             record = excluded.record",
            |it| it.execute([key, value]),
        )
    }

    /// A row of a table that only grows. A tombstone after the end of an alert says nothing
    /// new here.
    fn append(&mut self, sql: &str, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
        let Some(value) = value else { return Ok(()) };
        let (at, key, value) = (self.now.as_millis(), text(key)?, text(value)?);
        self.run(sql, |it| it.execute(params![key, at, value]))
    }
}

impl Outbox for LocalOutbox<'_> {
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Fault> {
        let Outgoing { topic, key, value, .. } = record;
        let sent = || (key.to_vec(), value.map(<[u8]>::to_vec));
        match topic {
            Topic::Events if self.intake => {
                self.transaction.events.push(sent());
                self.event(key, value.unwrap_or_default())
            }
            Topic::Events => {
                self.transaction.judgements.push(sent());
                Ok(())
            }
            Topic::Reviews => {
                self.transaction.reviews.push(sent());
                Ok(())
            }
            Topic::State => {
                self.state(WRITE_WINDOW_STATE, "DELETE FROM window_state WHERE key = ?1", &record)
            }
            Topic::Reviewers => self.state(
                WRITE_REVIEWER_STATE,
                "DELETE FROM reviewer_state WHERE key = ?1",
                &record,
            ),
            Topic::Windows => {
                self.transaction.ledger.push(sent());
                self.window(key, value)
            }
            Topic::Alerts => {
                self.transaction.alerts.push(sent());
                self.append(
                    "INSERT INTO alerts (key, written_at, record) VALUES (?1, ?2, ?3)",
                    key,
                    value,
                )
            }
            Topic::Findings => self.finding(key, value),
            Topic::DeadLetters => {
                self.transaction.dead_letters += 1;
                self.append(
                    "INSERT INTO dead_letters (key, written_at, record) VALUES (?1, ?2, ?3)",
                    key,
                    value,
                )
            }
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| ours(&error))
}

/// A record of ours that we cannot read.
fn ours(error: &dyn std::fmt::Display) -> Fault {
    Fault::Lasting(format!("a stage wrote a record that it cannot read: {error}; this is a bug"))
}
