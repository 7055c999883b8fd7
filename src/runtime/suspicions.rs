//! Reviewers whose page is on, with what it rests on, for people to look at.
//!
//! Invariants: reviewers stand by the name they are shown by; what is held is
//! bounded, and what found no room is counted; a page that ended stays a while as
//! ended, so that nobody wonders where it went.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::config::OversightConfig;
use crate::engine::oversight::{Point, Signal, Suspicion};
use crate::engine::windows::ExposureId;
use crate::time::Timestamp;

/// Reviewers held at most.
const REVIEWERS_MAX: usize = 1_000;

/// What the evidence of one signal came to since the page's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Counted {
    /// Which signal.
    pub signal: Signal,
    /// How often it could be observed.
    pub observed: u32,
    /// How often the sign was there.
    pub signs: u32,
    /// The rate that is allowed, from 0 to 1; null of agreement, which is compared with
    /// that of peers.
    pub allowed: Option<f64>,
    /// Its paging statistic.
    pub statistic: f64,
}

/// One step that the page cites.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cited {
    /// When.
    pub at: Timestamp,
    /// The window.
    pub exposure_id: String,
    /// The signs that were there.
    pub signs: Vec<Signal>,
    /// The combined statistic after it.
    pub statistic: f64,
}

/// One reviewer's page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspected {
    /// As people are shown.
    pub reviewer: String,
    /// When the page began.
    pub at: Timestamp,
    /// When it ended; null while it is on.
    pub ended_at: Option<Timestamp>,
    /// The estimated beginning of what it is about.
    pub since: Timestamp,
    /// The combined statistic when it began.
    pub statistic: f64,
    /// The threshold: the promised mean number of decisions to a false page.
    pub threshold: f64,
    /// By signal, those that were observed.
    pub signals: Vec<Counted>,
    /// The latest steps, oldest first.
    pub path: Vec<Cited>,
}

impl Suspected {
    /// The page of `reviewer` that begins `at`, resting on `suspicion` under `config`.
    pub fn new(
        reviewer: String,
        at: Timestamp,
        config: &OversightConfig,
        suspicion: &Suspicion,
        cited: &[ExposureId<'_>],
    ) -> Suspected {
        let allowed = config.by_rate().map(|signal| signal.map(|signal| signal.null));
        let signals = Signal::ALL.iter().zip(suspicion.counts).zip(suspicion.pages).zip(allowed);
        let signals = signals.filter(|(((_, (observed, _)), _), _)| *observed > 0);
        let found = |point: &Point| {
            let signs = Signal::ALL.iter().zip(point.signs);
            signs.filter(|(_, sign)| *sign == Some(true)).map(|(signal, _)| *signal).collect()
        };
        Suspected {
            reviewer,
            at,
            ended_at: None,
            since: suspicion.since,
            statistic: suspicion.statistic,
            threshold: config.paging_decisions,
            signals: signals
                .map(|(((signal, (observed, signs)), statistic), allowed)| Counted {
                    signal: *signal,
                    observed,
                    signs,
                    allowed,
                    statistic,
                })
                .collect(),
            path: suspicion
                .path
                .iter()
                .zip(cited)
                .map(|(point, exposure)| Cited {
                    at: point.at,
                    exposure_id: exposure.to_string(),
                    signs: found(point),
                    statistic: point.statistic,
                })
                .collect(),
        }
    }
}

/// A page begins or ends.
#[derive(Clone, Debug)]
pub enum Turned {
    /// It begins.
    Begins(Suspected),
    /// It ends.
    Ends {
        /// Whose.
        reviewer: String,
        /// When.
        at: Timestamp,
    },
}

/// The pages of all reviewers.
#[derive(Debug, Default)]
pub struct Suspicions(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    by_reviewer: BTreeMap<String, Suspected>,
    not_kept: u64,
}

impl Suspicions {
    /// Takes in that a page begins or ends.
    pub fn turn(&self, turned: Turned) {
        match turned {
            Turned::Begins(suspected) => self.begins(suspected),
            Turned::Ends { reviewer, at } => self.ends(&reviewer, at),
        }
    }

    fn begins(&self, suspected: Suspected) {
        let held = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.by_reviewer.contains_key(&suspected.reviewer);
        if !known && held.by_reviewer.len() >= REVIEWERS_MAX {
            // What is over makes room first.
            let ended = held.by_reviewer.values().filter(|it| it.ended_at.is_some());
            let Some(first) = ended.min_by_key(|it| it.ended_at).map(|it| it.reviewer.clone())
            else {
                held.not_kept += 1;
                return;
            };
            held.by_reviewer.remove(&first);
        }
        held.by_reviewer.insert(suspected.reviewer.clone(), suspected);
    }

    fn ends(&self, reviewer: &str, at: Timestamp) {
        let held = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(suspected) = held.by_reviewer.get_mut(reviewer) {
            suspected.ended_at = Some(at);
        }
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_reviewer.clear();
    }

    /// All pages, the latest first, and how many found no room.
    pub fn all(&self) -> (Vec<Suspected>, u64) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Suspected> = held.by_reviewer.values().cloned().collect();
        all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.reviewer.cmp(&b.reviewer)));
        (all, held.not_kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(reviewer: &str, second: i64) -> Suspected {
        let at = Timestamp::from_millis(1_772_452_800_000 + second * 1000);
        Suspected {
            reviewer: reviewer.to_owned(),
            at,
            ended_at: None,
            since: at,
            statistic: 1_200.0,
            threshold: 1_000.0,
            signals: Vec::new(),
            path: Vec::new(),
        }
    }

    #[test]
    fn the_latest_stands_first_and_one_that_ended_says_when() {
        let suspicions = Suspicions::default();
        suspicions.turn(Turned::Begins(page("reviewer-b", 1)));
        suspicions.turn(Turned::Begins(page("reviewer-a", 2)));
        let ended = page("", 9).at;
        suspicions.turn(Turned::Ends { reviewer: "reviewer-b".to_owned(), at: ended });
        suspicions.turn(Turned::Ends { reviewer: "nobody".to_owned(), at: ended });
        let (all, not_kept) = suspicions.all();
        let told: Vec<_> = all.iter().map(|p| (p.reviewer.as_str(), p.ended_at)).collect();
        assert_eq!(told, [("reviewer-a", None), ("reviewer-b", Some(ended))]);
        assert_eq!(not_kept, 0);
    }

    #[test]
    fn one_too_many_is_counted() {
        let suspicions = Suspicions::default();
        for number in 0..=REVIEWERS_MAX as i64 {
            suspicions.turn(Turned::Begins(page(&format!("reviewer-{number}"), number)));
        }
        suspicions.turn(Turned::Begins(page("reviewer-0", 7)));
        let (all, not_kept) = suspicions.all();
        assert_eq!((all.len(), not_kept), (REVIEWERS_MAX, 1));
    }

    #[test]
    fn a_page_that_ended_makes_room_for_a_new_one() {
        let suspicions = Suspicions::default();
        for number in 0..REVIEWERS_MAX as i64 {
            suspicions.turn(Turned::Begins(page(&format!("reviewer-{number}"), number)));
        }
        for (reviewer, second) in [("reviewer-5", 2_000), ("reviewer-7", 1_999)] {
            let at = page("", second).at;
            suspicions.turn(Turned::Ends { reviewer: reviewer.to_owned(), at });
        }
        suspicions.turn(Turned::Begins(page("new", 3_000)));
        let (all, not_kept) = suspicions.all();
        assert_eq!((all.len(), not_kept), (REVIEWERS_MAX, 0));
        let held = |name: &str| all.iter().any(|page| page.reviewer == name);
        assert!(held("new") && held("reviewer-5") && !held("reviewer-7"), "the first that ended");
    }
}
