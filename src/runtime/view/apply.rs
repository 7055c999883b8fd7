//! Applies one record of the ledger to the view.
//!
//! Invariants: the rows and their sorted copies change together, under one lock; a
//! record that is not of the ledger changes nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::marks::Marks;
use super::packed::Packed;
use super::row::{Attack, Row};
use super::store::{Orders, View};
use super::trend::{Past, Reviewed};
use crate::engine::alerts::Moments;
use crate::records::{Declared, RecordError, WindowRecord, exposure_id};
use crate::time::Timestamp;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The view holds the window as the record describes it.
    Kept,
    /// A tombstone removed the window, if it was there.
    Removed,
    /// The window closed too long ago to be shown.
    Expired,
    /// There is no room for the window.
    NotKept,
    /// Not a record of the ledger: nothing changed.
    Foreign(Foreign),
}

/// Why a record is not of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// The key is not the name of a window.
    Key,
    /// The value is not a record.
    Value(RecordError),
    /// The key names another window than the record.
    OtherKey,
}

impl View {
    /// Applies the next record of the ledger's topic; `None` is a tombstone.
    pub fn apply(&self, key: &[u8], value: Option<&[u8]>, now: Timestamp) -> Applied {
        self.try_apply(key, value, now).unwrap_or_else(|why| {
            self.foreign.fetch_add(1, Ordering::Relaxed);
            Applied::Foreign(why)
        })
    }

    fn try_apply(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Applied, Foreign> {
        let key = std::str::from_utf8(key).map_err(|_| Foreign::Key)?;
        let Some(value) = value else {
            exposure_id::parse(key).ok_or(Foreign::Key)?;
            self.remove(&mut self.orders_mut(), key);
            self.past().forget(key);
            return Ok(Applied::Removed);
        };
        let record = WindowRecord::read(value).map_err(Foreign::Value)?;
        if !record.is_of(key) {
            return Err(Foreign::OtherKey);
        }
        // Never fails: these bytes were just parsed as JSON.
        let text = std::str::from_utf8(value).map_err(|_| Foreign::Key)?;
        Ok(self.keep(key, text, &record, now))
    }

    /// Keeps the window of this name as `record` describes it, which is what `json` says.
    pub(in crate::runtime) fn keep(
        &self,
        key: &str,
        json: &str,
        record: &WindowRecord,
        now: Timestamp,
    ) -> Applied {
        let moments = moments(record);
        let row = Row {
            record: Packed::new(json),
            marks: Marks::of(record),
            workflow: record.workflow,
            state: record.state,
            attack: Attack::of(moments.as_ref()),
            start: record.start(),
            severity: record.severity,
            detected_at: record.detected_at,
            decided_at: record.decided_at,
            moments,
            closed_at: record.closed_at(),
            reviewed: Reviewed::of(record),
        };
        let orders = &mut self.orders_mut();
        self.remove(orders, key);
        self.past().forget(key);
        if self.expired(row.closed_at, now) {
            self.past().keep(key, row.reviewed, now);
            return Applied::Expired;
        }
        let name: Arc<str> = key.into();
        self.insert(orders, Arc::clone(&name), row);
        let applied = self.make_room(orders, &name, now);
        if applied == Applied::NotKept {
            self.not_kept.fetch_add(1, Ordering::Relaxed);
        }
        applied
    }

    /// Adds windows of before to the trend, by their names, without showing them. They come all at
    /// once, since a rate of some of them would be a wrong figure. And they come as what is kept of
    /// them, since whoever asks for the view waits while they are added.
    pub(in crate::runtime) fn remember(
        &self,
        now: Timestamp,
        windows: Vec<(String, Option<Reviewed>)>,
    ) {
        let mut past = self.past();
        for (name, reviewed) in windows {
            past.keep(&name, reviewed, now);
        }
    }

    /// Removes windows that closed too long ago.
    pub fn expire(&self, now: Timestamp) {
        let orders = &mut self.orders_mut();
        while let Some((closed_at, name)) = orders.by_closing.first().cloned() {
            if !self.expired(Some(closed_at), now) {
                break;
            }
            if let Some(row) = self.remove(orders, &name) {
                self.past().keep(&name, row.reviewed, now);
            }
        }
    }

    /// Removes all windows, to read the ledger again.
    pub fn clear(&self) {
        let orders = &mut self.orders_mut();
        **orders = Orders { lost_up_to: orders.lost_up_to, ..Orders::default() };
        self.rows.clear();
        *self.past() = Past::default();
    }

    fn expired(&self, closed_at: Option<Timestamp>, now: Timestamp) -> bool {
        closed_at.is_some_and(|closed| closed + self.bounds.closed_kept < now)
    }

    fn insert(&self, orders: &mut Orders, name: Arc<str>, row: Row) {
        let row = Arc::new(row);
        orders.states[row.state as usize] += 1;
        if let Some(closed_at) = row.closed_at {
            orders.by_closing.insert((closed_at, Arc::clone(&name)));
        }
        orders.by_urgency.insert(row.sort_key(Arc::clone(&name)), Arc::clone(&row));
        self.rows.insert(name, row);
    }

    fn remove(&self, orders: &mut Orders, name: &str) -> Option<Arc<Row>> {
        let (name, row) = self.rows.remove(name)?;
        orders.states[row.state as usize] -= 1;
        if let Some(closed_at) = row.closed_at {
            orders.by_closing.remove(&(closed_at, Arc::clone(&name)));
        }
        orders.by_urgency.remove(&row.sort_key(name));
        Some(row)
    }

    /// Removes one window if there is one too many: the window that closed first, or
    /// the new one if none has closed.
    fn make_room(&self, orders: &mut Orders, new: &Arc<str>, now: Timestamp) -> Applied {
        if orders.by_urgency.len() <= self.bounds.windows_max {
            return Applied::Kept;
        }
        let first_closed = orders.by_closing.first().map(|(_, name)| Arc::clone(name));
        let goes = first_closed.unwrap_or_else(|| Arc::clone(new));
        let Some(gone) = self.remove(orders, &goes) else { return Applied::Kept };
        orders.lost_up_to = orders.lost_up_to.max(Some(gone.detected_at));
        if gone.closed_at.is_none() {
            self.past().lose(gone.detected_at);
            return Applied::NotKept;
        }
        self.past().keep(&goes, gone.reviewed, now);
        self.closed_dropped.fetch_add(1, Ordering::Relaxed);
        if goes == *new { Applied::Expired } else { Applied::Kept }
    }
}

/// What the alerts of a record are derived from, unless it is final.
fn moments(record: &WindowRecord) -> Option<Moments> {
    let hollow = record.hollow.is_some_and(|reasons| !reasons.is_empty());
    (!record.r#final).then(|| Moments::of(&record.window(), hollow))
}
