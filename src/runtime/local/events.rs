//! The events of a store, for an export that goes on where an earlier one stopped.

use rusqlite::OptionalExtension as _;

use super::file::{CHECKED, sum};
use super::read::Reader;
use crate::formats::Identity;
use crate::runtime::stages::Fault;

/// One event of a store.
#[derive(Clone, Copy, Debug)]
pub struct StoredEvent<'e> {
    /// Its place in the order of arrival. The first one has 1, and none is used twice.
    pub position: i64,
    /// The name of its credential.
    pub credential_id: &'e str,
    /// The event as JSON.
    pub event: &'e [u8],
    /// The check value of credential and event.
    pub sum: i64,
}

impl Reader {
    /// Visits the events after `position` in the order of arrival.
    ///
    /// # Errors
    /// What `visit` returns, and a store that cannot be read or is damaged.
    pub fn events_after(
        &self,
        position: i64,
        visit: &mut dyn FnMut(StoredEvent<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let failed = |error: rusqlite::Error| self.0.fault("reading it", &error);
        let sql = "SELECT position, credential_id, event, sum FROM events WHERE position > ?1 \
                   ORDER BY position";
        let mut statement = self.0.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([position]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let read = || -> rusqlite::Result<StoredEvent<'_>> {
                Ok(StoredEvent {
                    position: row.get(0)?,
                    credential_id: row.get_ref(1)?.as_str()?,
                    event: row.get_ref(2)?.as_bytes()?,
                    sum: row.get(3)?,
                })
            };
            let event = read().map_err(failed)?;
            if sum(event.credential_id.as_bytes(), event.event) != event.sum {
                return Err(self.0.damaged("events"));
            }
            visit(event)?;
        }
        Ok(())
    }

    /// The check value of the event at `position`, if it is still there.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn event_sum(&self, position: i64) -> Result<Option<i64>, Fault> {
        let sql = "SELECT sum FROM events WHERE position = ?1";
        let found = self.0.connection.query_row(sql, [position], |row| row.get(0)).optional();
        found.map_err(|error| self.0.fault("reading it", &error))
    }

    /// The position of the latest event that there ever was; 0 if there was none.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn last_position(&self) -> Result<i64, Fault> {
        // Old events may be deleted: SQLite itself remembers the position.
        let sql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)";
        let found = self.0.connection.query_row(sql, [], |row| row.get(0));
        found.map_err(|error| self.0.fault("reading it", &error))
    }

    /// Whether the store was made with the key of this identity.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn is_made_with(&self, identity: &Identity) -> Result<bool, Fault> {
        let sql = "SELECT value FROM meta WHERE name = 'identity'";
        let found = self.0.connection.query_row(sql, [], |row| row.get::<_, String>(0));
        let known = found.map_err(|error| self.0.fault("reading it", &error))?;
        Ok(known == identity.name(CHECKED))
    }
}
