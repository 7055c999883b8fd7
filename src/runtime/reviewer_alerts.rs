//! The alerts about reviewers that fire now or did so lately, with their evidence, for
//! people to look at.
//!
//! Invariants: reviewers stand under the name they are shown by; what is held is bounded,
//! and an alert that finds no room is counted; one that has resolved stays a while as
//! resolved, so that nobody wonders where it went.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::config::OversightConfig;
use crate::engine::oversight::{AlertEvidence, Point, Signal};
use crate::engine::windows::ExposureId;
use crate::time::Timestamp;

/// Reviewers held at most.
const REVIEWERS_MAX: usize = 1_000;

/// What the evidence of one signal has come to since the beginning of what the alert is about.
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

/// One decision that the alert cites.
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

/// The alert about one reviewer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertState {
    /// As people are shown.
    pub reviewer: String,
    /// When it fired.
    pub at: Timestamp,
    /// When it resolved; null while it fires.
    pub ended_at: Option<Timestamp>,
    /// The estimated beginning of what it is about.
    pub since: Timestamp,
    /// The combined statistic when it fired.
    pub statistic: f64,
    /// The threshold: the promised mean number of decisions to a false alert.
    pub threshold: f64,
    /// The signals that were observed.
    pub signals: Vec<Counted>,
    /// The latest decisions, oldest first.
    pub path: Vec<Cited>,
}

impl AlertState {
    /// The alert about `reviewer` that fires `at`, for `evidence`, by the rules of `config`.
    pub fn new(
        reviewer: String,
        at: Timestamp,
        config: &OversightConfig,
        evidence: &AlertEvidence,
        cited: &[ExposureId<'_>],
    ) -> AlertState {
        let allowed = config.by_rate().map(|signal| signal.map(|signal| signal.null));
        let signals = Signal::ALL.iter().zip(evidence.counts).zip(evidence.pages).zip(allowed);
        let signals = signals.filter(|(((_, (observed, _)), _), _)| *observed > 0);
        let found = |point: &Point| {
            let signs = Signal::ALL.iter().zip(point.signs);
            signs.filter(|(_, sign)| *sign == Some(true)).map(|(signal, _)| *signal).collect()
        };
        AlertState {
            reviewer,
            at,
            ended_at: None,
            since: evidence.since,
            statistic: evidence.statistic,
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
            path: evidence
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

/// An alert about a reviewer fires or resolves.
#[derive(Clone, Debug)]
pub enum Change {
    /// It fires.
    Fires(AlertState),
    /// It resolves.
    Resolves {
        /// Whose.
        reviewer: String,
        /// When.
        at: Timestamp,
    },
}

/// The alerts about all reviewers.
#[derive(Debug, Default)]
pub struct ReviewerAlerts(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    by_reviewer: BTreeMap<String, AlertState>,
    not_kept: u64,
}

impl ReviewerAlerts {
    /// Takes in that an alert fires or resolves.
    pub fn apply(&self, change: Change) {
        match change {
            Change::Fires(alert) => self.fire(alert),
            Change::Resolves { reviewer, at } => self.resolve(&reviewer, at),
        }
    }

    fn fire(&self, alert: AlertState) {
        let held = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.by_reviewer.contains_key(&alert.reviewer);
        if !known && held.by_reviewer.len() >= REVIEWERS_MAX {
            // Those that have resolved make room first.
            let ended = held.by_reviewer.values().filter(|it| it.ended_at.is_some());
            let Some(first) = ended.min_by_key(|it| it.ended_at).map(|it| it.reviewer.clone())
            else {
                held.not_kept += 1;
                return;
            };
            held.by_reviewer.remove(&first);
        }
        held.by_reviewer.insert(alert.reviewer.clone(), alert);
    }

    fn resolve(&self, reviewer: &str, at: Timestamp) {
        let held = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(alert) = held.by_reviewer.get_mut(reviewer) {
            alert.ended_at = Some(at);
        }
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_reviewer.clear();
    }

    /// All alerts, the latest first, and how many found no room.
    pub fn all(&self) -> (Vec<AlertState>, u64) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<AlertState> = held.by_reviewer.values().cloned().collect();
        all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.reviewer.cmp(&b.reviewer)));
        (all, held.not_kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(reviewer: &str, second: i64) -> AlertState {
        let at = Timestamp::from_millis(1_772_452_800_000 + second * 1000);
        AlertState {
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
    fn the_latest_stands_first_and_one_that_resolved_says_when() {
        let alerts = ReviewerAlerts::default();
        alerts.apply(Change::Fires(alert("reviewer-b", 1)));
        alerts.apply(Change::Fires(alert("reviewer-a", 2)));
        let ended = alert("", 9).at;
        alerts.apply(Change::Resolves { reviewer: "reviewer-b".to_owned(), at: ended });
        alerts.apply(Change::Resolves { reviewer: "nobody".to_owned(), at: ended });
        let (all, not_kept) = alerts.all();
        let told: Vec<_> = all.iter().map(|p| (p.reviewer.as_str(), p.ended_at)).collect();
        assert_eq!(told, [("reviewer-a", None), ("reviewer-b", Some(ended))]);
        assert_eq!(not_kept, 0);
    }

    #[test]
    fn one_too_many_is_counted() {
        let alerts = ReviewerAlerts::default();
        for number in 0..=REVIEWERS_MAX as i64 {
            alerts.apply(Change::Fires(alert(&format!("reviewer-{number}"), number)));
        }
        alerts.apply(Change::Fires(alert("reviewer-0", 7)));
        let (all, not_kept) = alerts.all();
        assert_eq!((all.len(), not_kept), (REVIEWERS_MAX, 1));
    }

    #[test]
    fn an_alert_that_resolved_makes_room_for_a_new_one() {
        let alerts = ReviewerAlerts::default();
        for number in 0..REVIEWERS_MAX as i64 {
            alerts.apply(Change::Fires(alert(&format!("reviewer-{number}"), number)));
        }
        for (reviewer, second) in [("reviewer-5", 2_000), ("reviewer-7", 1_999)] {
            let at = alert("", second).at;
            alerts.apply(Change::Resolves { reviewer: reviewer.to_owned(), at });
        }
        alerts.apply(Change::Fires(alert("new", 3_000)));
        let (all, not_kept) = alerts.all();
        assert_eq!((all.len(), not_kept), (REVIEWERS_MAX, 0));
        let held = |name: &str| all.iter().any(|alert| alert.reviewer == name);
        assert!(
            held("new") && held("reviewer-5") && !held("reviewer-7"),
            "the first that resolved"
        );
    }
}
