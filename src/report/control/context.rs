//! What the sections of the report are made from: the question and the ledger, and one
//! window of the period.

use std::cell::RefCell;

use super::evidence::Inputs;
use super::judged::Judged;
use super::question::{Period, Question};
use super::row::Row;
use super::rows::Rows;
use crate::engine::identity::NameOrder;
use crate::engine::oversight::Judgement;
use crate::engine::windows::Window;
use crate::records::{People, is_pseudonym};
use crate::time::Timestamp;

/// How far the ledger reaches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Its earliest detection; the end of the period where there is none.
    pub(super) first: Timestamp,
    /// The moment up to which it tells.
    pub(super) as_of: Timestamp,
}

/// What every section knows.
pub(super) struct Context<'c> {
    pub(super) question: &'c Question,
    pub(super) period: Period,
    pub(super) extent: Extent,
    pub(super) rows: &'c Rows,
    pub(super) order: &'c [&'c Row],
    pub(super) judged: &'c Judged,
    pub(super) few_reviewers: bool,
    pub(super) people: Option<&'c RefCell<People>>,
    /// Which of a credential's names is shown.
    pub(super) names: &'c NameOrder,
    pub(super) inputs: &'c Inputs,
}

impl Context<'_> {
    /// How a reviewer is shown; `None` among few.
    pub(super) fn show(&self, reviewer: &str) -> Option<String> {
        let shown = || {
            // The ledger's own pseudonyms stay what they are, to be found there.
            if is_pseudonym(reviewer) {
                return Some(reviewer.to_owned());
            }
            let people = self.people?;
            Some(people.borrow_mut().show(reviewer).to_owned())
        };
        if self.few_reviewers { None } else { shown() }
    }
}

/// One window of the period.
pub(super) struct Case<'c> {
    pub(super) place: u32,
    /// The incident that it belongs to, by number.
    pub(super) incident: u32,
    pub(super) row: &'c Row,
    pub(super) window: Window<'c>,
    /// As recorded; `None` while it has not been judged.
    pub(super) judgement: Option<Judgement>,
}
