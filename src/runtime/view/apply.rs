//! One record of the ledger into the view.
//!
//! Invariants: the rows and their orders change together, under the orders' lock;
//! what is none of ours changes nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Orders, Place, Row, View};
use crate::engine::alerts::Moments;
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::report::ledger::{LedgerError, LedgerRecord};
use crate::time::Timestamp;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The window stands in the view as the record says.
    Kept,
    /// The window is void; it may not have been there.
    Removed,
    /// The window closed too long ago to be shown.
    Expired,
    /// There is no room for the window.
    NotKept,
    /// Not one of ours: nothing changed.
    Foreign(Foreign),
}

/// Why a record is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// The key is not the name of a window.
    Key,
    /// The value is not a record.
    Value(LedgerError),
    /// The record is that of another window than the key names.
    OtherKey,
}

impl View {
    /// Takes in the next record of the ledger's log; `None` is a tombstone.
    pub fn apply(&self, key: &[u8], value: Option<&[u8]>, now: Timestamp) -> Applied {
        let applied = self.try_apply(key, value, now).unwrap_or_else(Applied::Foreign);
        let counter = match applied {
            Applied::Foreign(_) => &self.foreign,
            Applied::NotKept => &self.not_kept,
            Applied::Kept | Applied::Removed | Applied::Expired => return applied,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        applied
    }

    fn try_apply(
        &self,
        key: &[u8],
        value: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Applied, Foreign> {
        let key = std::str::from_utf8(key).map_err(|_| Foreign::Key)?;
        let Some(value) = value else {
            if !is_exposure_id(key) {
                return Err(Foreign::Key);
            }
            self.remove(&mut self.orders_mut(), key);
            return Ok(Applied::Removed);
        };
        let record = LedgerRecord::parse(value).map_err(Foreign::Value)?;
        if !record.is_of(key) {
            return Err(Foreign::OtherKey);
        }
        // It was read from these bytes: they are text, and JSON.
        let text = std::str::from_utf8(value).map_err(|_| Foreign::Key)?;
        let row = Row {
            record: text.into(),
            workflow: record.workflow,
            state: record.state,
            start: record.start(),
            detected_at: record.detected_at,
            decided_at: record.decision.as_ref().map(|decision| decision.decided_at),
            moments: moments(&record),
            closed_at: record.closed_at(),
        };
        let orders = &mut self.orders_mut();
        self.remove(orders, key);
        if self.expired(row.closed_at, now) {
            return Ok(Applied::Expired);
        }
        let name: Arc<str> = key.into();
        self.insert(orders, Arc::clone(&name), row);
        Ok(self.make_room(orders, &name))
    }

    /// Lets go of windows that closed too long ago.
    pub fn expire(&self, now: Timestamp) {
        let orders = &mut self.orders_mut();
        while let Some((closed_at, name)) = orders.by_closing.first().cloned() {
            if !self.expired(Some(closed_at), now) {
                break;
            }
            self.remove(orders, &name);
        }
    }

    /// Forgets all windows, to read the ledger anew.
    pub fn clear(&self) {
        let orders = &mut self.orders_mut();
        **orders = Orders { lost_up_to: orders.lost_up_to, ..Orders::default() };
        self.rows.clear();
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
        let place = Place { start: row.start, exposure_id: Arc::clone(&name) };
        orders.by_start.insert(place, Arc::clone(&row));
        self.rows.insert(name, row);
    }

    fn remove(&self, orders: &mut Orders, name: &str) -> Option<Arc<Row>> {
        let (name, row) = self.rows.remove(name)?;
        orders.states[row.state as usize] -= 1;
        if let Some(closed_at) = row.closed_at {
            orders.by_closing.remove(&(closed_at, Arc::clone(&name)));
        }
        orders.by_start.remove(&Place { start: row.start, exposure_id: name });
        Some(row)
    }

    /// One too many: the window that closed first goes, or the new one where
    /// none has closed.
    fn make_room(&self, orders: &mut Orders, new: &Arc<str>) -> Applied {
        if orders.by_start.len() <= self.bounds.windows_max {
            return Applied::Kept;
        }
        let first_closed = orders.by_closing.first().map(|(_, name)| Arc::clone(name));
        let goes = first_closed.unwrap_or_else(|| Arc::clone(new));
        let Some(gone) = self.remove(orders, &goes) else { return Applied::Kept };
        orders.lost_up_to = orders.lost_up_to.max(Some(gone.detected_at));
        if gone.state != State::Closed {
            return Applied::NotKept;
        }
        self.closed_dropped.fetch_add(1, Ordering::Relaxed);
        if goes == *new { Applied::Expired } else { Applied::Kept }
    }
}

/// What the alerts of a record that is not final follow from.
fn moments(record: &LedgerRecord) -> Option<Moments> {
    let hollow = record.hollow.is_some_and(|reasons| !reasons.is_empty());
    (!record.is_final).then(|| Moments::of(&record.window(), hollow))
}

/// Whether a text has the form `{workflow}/{credential_id}/{detected_at in ms}`.
fn is_exposure_id(text: &str) -> bool {
    let parts = text.split_once('/').and_then(|(workflow, rest)| {
        let (credential, ms) = rest.rsplit_once('/')?;
        Some((Workflow::parse(workflow)?, credential, ms.parse::<i64>().ok()?))
    });
    parts.is_some_and(|(_, credential, _)| !credential.is_empty())
}
