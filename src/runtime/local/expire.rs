//! Old events, on their way out of the store.
//!
//! Invariant: an event stays as long as its credential is held, since an export has to lead to
//! the same windows. It is looked at again in each round, and a round begins every hour at most,
//! so that a call costs nothing most of the time.

use rusqlite::params;

use super::file::StoreFile;
use crate::runtime::stages::Fault;
use crate::time::{Span, Timestamp};

/// Events that one call looks at.
const LOOKED_AT_MAX: i64 = 10_000;
/// The shortest time between two rounds.
const ROUND_EVERY: Span = Span::from_mins(60);

const OLD: &str = "SELECT position, arrived_at FROM events WHERE position > ?1 ORDER BY position \
    LIMIT ?2";
/// Events of a name that is linked may be held under another name.
const DELETE: &str = "DELETE FROM events WHERE position > ?1 AND position <= ?2 AND NOT EXISTS \
    (SELECT 1 FROM window_state WHERE key IN ( \
    CAST((events.event ->> 'workflow') || '/' || events.credential_id AS BLOB), \
    CAST('identity/' || events.credential_id AS BLOB)))";

/// How far the present round has come.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    /// The last event that was looked at.
    position: i64,
    /// When the next round begins; `None` in the middle of one.
    next_round: Option<Timestamp>,
}

impl Expiry {
    /// Deletes some of the events that arrived before `before` and that nobody needs.
    ///
    /// # Errors
    /// A store that cannot be read or written.
    pub(super) fn step(
        &mut self,
        store: &StoreFile,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<(), Fault> {
        if self.next_round.is_some_and(|next| now < next) {
            return Ok(());
        }
        self.next_round = None;
        let last = last_old(store, self.position, before);
        let last = last.map_err(|error| store.fault("reading it", &error))?;
        let Some(last) = last else {
            *self = Expiry { position: 0, next_round: Some(now + ROUND_EVERY) };
            return Ok(());
        };
        let deleted = store.connection.prepare_cached(DELETE);
        let deleted = deleted.and_then(|mut it| it.execute(params![self.position, last]));
        deleted.map_err(|error| store.fault("deleting old events", &error))?;
        self.position = last;
        Ok(())
    }
}

/// The last of the events behind `position` that arrived before `before`. Events lie in the
/// order of arrival, so none is looked at behind the first younger one.
fn last_old(store: &StoreFile, position: i64, before: Timestamp) -> rusqlite::Result<Option<i64>> {
    let mut statement = store.connection.prepare_cached(OLD)?;
    let mut rows = statement.query(params![position, LOOKED_AT_MAX])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before.as_millis() {
            break;
        }
        last = Some(row.get(0)?);
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::local::file::tests::new_store;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * 60_000)
    }

    #[test]
    fn old_events_go_unless_their_credential_is_held() {
        let directory = tempfile::tempdir().unwrap();
        let store = new_store(directory.path());
        let run = |sql: &str| store.connection.execute_batch(sql).unwrap();
        for minute in 0..30_000 {
            let name = minute % 3;
            let (insert, key) = ("INSERT INTO events VALUES", format!("key-{name}"));
            let event = r#"{"workflow":"secret_exposure"}"#;
            let arrived = at(minute).as_millis();
            if minute == 0 {
                run("BEGIN");
            }
            run(&format!("{insert} (NULL, {arrived}, '{key}', '{event}', 0)"));
        }
        run("COMMIT");
        let held = "CAST('secret_exposure/key-1' AS BLOB)";
        run(&format!("INSERT INTO window_state VALUES ({held}, 0, x'00', 0)"));
        let left = || -> (i64, i64) {
            let sql =
                "SELECT count(*), count(*) FILTER (WHERE credential_id = 'key-1') FROM events";
            store.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
        };
        let mut expiry = Expiry::default();
        let mut step = |now| expiry.step(&store, at(15_000), now).unwrap();
        step(at(30_000));
        assert_eq!(left(), (30_000 - 6_667, 10_000));
        step(at(30_000));
        assert_eq!(left(), (20_000, 10_000));
        // The round is over. What is held under another name stays in the next one as well.
        step(at(30_000));
        run("UPDATE window_state SET key = CAST('identity/key-1' AS BLOB)");
        (0..3).for_each(|_| step(at(30_060)));
        assert_eq!(left(), (20_000, 10_000));
        run("DELETE FROM window_state");
        step(at(30_119));
        assert_eq!(left(), (20_000, 10_000));
        step(at(30_120));
        step(at(30_120));
        assert_eq!(left(), (15_000, 5_000));
    }
}
