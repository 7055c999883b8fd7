//! Reading what the store holds: its ledger, its alerts, its dead letters.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{OptionalExtension as _, Row};

use super::file::{StoreFile, sum};
use crate::runtime::stages::Fault;
use crate::time::Timestamp;

/// Gets the key and the record of each row.
pub type Visit<'v> = dyn FnMut(&str, &[u8]) -> Result<(), Fault> + 'v;

/// A store that is only read. Another process may write to it meanwhile: every call sees
/// what was committed when it began.
#[derive(Debug)]
pub struct Reader(pub(super) StoreFile);

impl Reader {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn open(path: &Path) -> Result<Reader, Fault> {
        StoreFile::open_to_read(path).map(Reader)
    }

    /// Visits every record of the ledger, by its exposure.
    ///
    /// # Errors
    /// What `visit` returns, and a store that cannot be read or is damaged.
    pub fn windows(&self, visit: &mut Visit<'_>) -> Result<(), Fault> {
        self.0.windows(None, visit)
    }

    /// Visits every finding, by its key.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn findings(&self, visit: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        self.0.each("SELECT record FROM findings ORDER BY key", &mut |row| {
            visit(row.get_ref(0)?.as_bytes()?);
            Ok(())
        })
    }

    /// How many dead letters there are of each reason.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn dead_letters(&self) -> Result<BTreeMap<String, u64>, Fault> {
        let sql = "SELECT record ->> 'reason', count(*) FROM dead_letters GROUP BY 1";
        let mut counts = BTreeMap::new();
        self.0.each(sql, &mut |row| {
            counts.insert(row.get(0)?, row.get::<_, i64>(1)? as u64);
            Ok(())
        })?;
        Ok(counts)
    }

    /// When the first event that is still there arrived; `None` if there is none.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn first_arrival(&self) -> Result<Option<Timestamp>, Fault> {
        let sql = "SELECT arrived_at FROM events ORDER BY position LIMIT 1";
        let found = self.0.connection.query_row(sql, [], |row| row.get(0)).optional();
        let found = found.map_err(|error| self.0.fault("reading it", &error))?;
        Ok(found.map(Timestamp::from_millis))
    }

    /// Visits every event in the order of arrival.
    ///
    /// # Errors
    /// What `visit` returns, and a store that cannot be read or is damaged.
    pub fn events(&self, visit: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        let sql = "SELECT credential_id, event, sum FROM events ORDER BY position";
        self.0.checked("events", sql, &mut |_, event| visit(event))
    }
}

impl StoreFile {
    /// Visits the records of the ledger: all, or those that have not closed before `since`.
    pub(super) fn windows(
        &self,
        since: Option<Timestamp>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Fault> {
        let some = since
            .map(|since| format!(" WHERE closed_at IS NULL OR closed_at >= {}", since.as_millis()));
        let sql =
            format!("SELECT exposure_id, record, sum FROM windows{}", some.unwrap_or_default());
        self.checked("windows", &sql, visit)
    }

    /// Visits the alerts that fire, and every change of an alert since `since`, in the order in
    /// which they were written.
    pub(super) fn alerts(
        &self,
        since: Timestamp,
        visit: &mut dyn FnMut(&str, &[u8], Timestamp),
    ) -> Result<(), Fault> {
        let mut shown = |row: &Row<'_>| {
            let (key, record) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_bytes()?);
            visit(key, record, Timestamp::from_millis(row.get(2)?));
            Ok(())
        };
        let first = self.first_alert_since(since)?;
        let columns = "SELECT key, record, written_at FROM alerts";
        let firing = "INDEXED BY alerts_that_fire WHERE firing";
        let older = format!("{columns} {firing} AND position < {first} ORDER BY position");
        self.each(&older, &mut shown)?;
        self.each(&format!("{columns} WHERE position >= {first} ORDER BY position"), &mut shown)
    }

    /// The position of the first change since `since`. Changes are written in the order of time,
    /// so this looks at those alone.
    fn first_alert_since(&self, since: Timestamp) -> Result<i64, Fault> {
        let failed = |error| self.fault("reading it", &error);
        let first = (|| {
            let sql = "SELECT position, written_at FROM alerts ORDER BY position DESC";
            let mut statement = self.connection.prepare(sql)?;
            let (mut rows, mut first) = (statement.query([])?, i64::MAX);
            while let Some(row) = rows.next()? {
                if row.get::<_, i64>(1)? < since.as_millis() {
                    break;
                }
                first = row.get(0)?;
            }
            Ok(first)
        })();
        first.map_err(failed)
    }

    /// Visits rows of a key, a value and their check value.
    fn checked(&self, table: &str, sql: &str, visit: &mut Visit<'_>) -> Result<(), Fault> {
        let mut visited = Ok(());
        self.each(sql, &mut |row| {
            if visited.is_err() {
                return Ok(());
            }
            let (key, value) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_bytes()?);
            visited = match sum(key.as_bytes(), value) == row.get::<_, i64>(2)? {
                true => visit(key, value),
                false => Err(self.damaged(table)),
            };
            Ok(())
        })?;
        visited
    }

    fn each(
        &self,
        sql: &str,
        visit: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), Fault> {
        let visited = (|| {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                visit(row)?;
            }
            Ok(())
        })();
        visited.map_err(|error: rusqlite::Error| self.fault("reading it", &error))
    }
}
