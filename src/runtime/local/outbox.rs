//! Where the stages send to: the tables of the open transaction, and each other.

use rusqlite::{Statement, params};

use super::file::{StoreFile, sum};
use crate::formats::Identity;
use crate::records::{Declared, WindowRecord};
use crate::runtime::receive::dead_letter_name;
use crate::runtime::stages::{Fault, Outbox, Outgoing, Topic};
use crate::time::Timestamp;

const WRITE_WINDOW_STATE: &str = "INSERT INTO window_state VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (key) DO UPDATE SET time = excluded.time, value = excluded.value, sum = excluded.sum";
const WRITE_REVIEWER_STATE: &str = "INSERT INTO reviewer_state VALUES (?1, ?2, ?3, ?4) \
    ON CONFLICT (key) DO UPDATE SET time = excluded.time, value = excluded.value, sum = excluded.sum";

const WRITE_WINDOW: &str = "INSERT INTO windows (exposure_id, closed_at, record, sum) \
    VALUES (?1, ?2, ?3, ?4) ON CONFLICT (exposure_id) DO UPDATE SET \
    closed_at = excluded.closed_at, record = excluded.record, sum = excluded.sum";

/// A dead letter that was stored before is only counted.
const WRITE_DEAD_LETTER: &str = "INSERT INTO dead_letters (identity, written_at, times, record) \
    VALUES (?1, ?2, 1, ?3) ON CONFLICT (identity) DO UPDATE SET times = times + 1";

/// Key and value of a record.
pub(super) type Sent = (Vec<u8>, Option<Vec<u8>>);

/// A change of the ledger.
#[derive(Debug)]
pub(super) struct Revised {
    /// The window's name.
    pub(super) exposure_id: Box<str>,
    /// Its record, and what that says; `None` when the window is gone.
    pub(super) record: Option<(Box<str>, WindowRecord)>,
}

/// What the open transaction holds besides its rows.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// From intake to windows.
    pub(super) events: Vec<Sent>,
    /// From windows to oversight.
    pub(super) reviews: Vec<Sent>,
    /// From oversight to windows, and among the windows: judgements, and what names send each
    /// other.
    pub(super) to_windows: Vec<Sent>,
    /// Changes of the ledger, for the view.
    pub(super) ledger: Vec<Revised>,
    /// Changes of alerts, for the notifier.
    pub(super) alerts: Vec<Sent>,
    /// Rows that were written.
    pub(super) rows: u64,
}

impl Transaction {
    /// Empty again, with its memory.
    pub(super) fn clear(&mut self) {
        let lists = [&mut self.events, &mut self.reviews, &mut self.to_windows, &mut self.alerts];
        lists.into_iter().for_each(Vec::clear);
        self.ledger.clear();
        self.rows = 0;
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
    /// Names dead letters.
    pub(super) identity: &'t Identity,
    /// The record that the stage looks at; empty if it looks at none.
    pub(super) record: Vec<u8>,
    /// Dead letters about that record.
    pub(super) of_record: u64,
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
            self.transaction.ledger.push(Revised { exposure_id: exposure_id.into(), record: None });
            return self
                .run("DELETE FROM windows WHERE exposure_id = ?1", |it| it.execute([exposure_id]));
        };
        let record = WindowRecord::read(value).map_err(|error| ours(&error))?;
        let closed_at = record.closed_at().map(Timestamp::as_millis);
        let (json, sum) = (text(value)?, sum(key, value));
        self.run(WRITE_WINDOW, |it| it.execute(params![exposure_id, closed_at, json, sum]))?;
        let record = Some((json.into(), record));
        self.transaction.ledger.push(Revised { exposure_id: exposure_id.into(), record });
        Ok(())
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

    /// Stores a dead letter. A sender that got no answer sends the same again, and it must
    /// not look like two faults then: a letter is named by what it is about.
    fn dead_letter(&mut self, value: &[u8]) -> Result<(), Fault> {
        let of_record = self.of_record;
        self.of_record += 1;
        let identity = dead_letter_name(self.identity, value, &self.record, of_record);
        let (identity, at) = (identity.map_err(|error| ours(&error))?, self.now.as_millis());
        let value = text(value)?;
        self.run(WRITE_DEAD_LETTER, |it| it.execute(params![identity, at, value]))
    }

    /// A change of an alert. A tombstone follows the end of one.
    fn alert(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
        let (at, key) = (self.now.as_millis(), text(key)?);
        self.run("UPDATE alerts SET firing = 0 WHERE key = ?1 AND firing", |it| it.execute([key]))?;
        let Some(value) = value else { return Ok(()) };
        let value = text(value)?;
        self.run(
            "INSERT INTO alerts (key, written_at, firing, record) VALUES (?1, ?2, 1, ?3)",
            |it| it.execute(params![key, at, value]),
        )
    }
}

impl Outbox for LocalOutbox<'_> {
    fn follows_from(&mut self, record: &[u8]) {
        self.record.clear();
        self.record.extend_from_slice(record);
        self.of_record = 0;
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Fault> {
        let Outgoing { topic, key, value, .. } = record;
        let sent = || (key.to_vec(), value.map(<[u8]>::to_vec));
        match topic {
            Topic::Events if self.intake => {
                self.transaction.events.push(sent());
                self.event(key, value.unwrap_or_default())
            }
            Topic::Events => {
                self.transaction.to_windows.push(sent());
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
            Topic::Windows => self.window(key, value),
            Topic::Alerts => {
                self.transaction.alerts.push(sent());
                self.alert(key, value)
            }
            Topic::Findings => self.finding(key, value),
            Topic::DeadLetters => self.dead_letter(value.unwrap_or_default()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::local::file::tests::new_store;

    /// One alert fires for long, one has ended long ago, one fires again, one has just ended.
    #[test]
    fn a_start_tells_of_alerts_that_fire_and_of_recent_changes() {
        let directory = tempfile::tempdir().unwrap();
        let store = new_store(directory.path());
        let identity = Identity::new(b"sixteen bytes...").unwrap();
        let mut transaction = Transaction::default();
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let mut change = |minute, key: &str, state: &str| {
            let mut outbox = LocalOutbox {
                store: &store,
                transaction: &mut transaction,
                now: at(minute),
                intake: false,
                identity: &identity,
                record: Vec::new(),
                of_record: 0,
            };
            let send = |outbox: &mut LocalOutbox<'_>, value: Option<&str>| {
                let value = value.map(str::as_bytes);
                outbox.send(Outgoing::new(Topic::Alerts, key.as_bytes(), value)).unwrap();
            };
            send(&mut outbox, Some(state));
            if state == "ends" {
                send(&mut outbox, None);
            }
        };
        change(1, "long", "fires");
        change(2, "ended", "fires");
        change(3, "again", "fires");
        change(4, "again", "ends");
        change(5, "ended", "ends");
        change(6, "again", "fires");
        change(7, "just ended", "fires");
        change(90, "just ended", "ends");
        change(91, "new", "fires");
        let mut told = Vec::new();
        let mut tell = |key: &str, state: &[u8], at: Timestamp| {
            let state = String::from_utf8(state.to_vec()).unwrap();
            told.push(format!("{} {key} {state}", at.as_millis() / 60_000));
        };
        store.alerts(at(60), &mut tell).unwrap();
        assert_eq!(told, ["1 long fires", "6 again fires", "90 just ended ends", "91 new fires"]);
    }
}
