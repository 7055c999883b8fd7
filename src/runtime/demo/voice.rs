//! What the engine says, into the view and the metrics.
//!
//! Invariants: a record of the ledger is written as a live run writes it; a judgement
//! goes back into its window and is said with it.

use super::Demo;
use crate::engine::Output;
use crate::engine::alerts::Alert;
use crate::engine::oversight::{Flags, HollowReasons, Judgement, Review, Said, Stage};
use crate::engine::windows::{Window, Windows};
use crate::report::{Circumstances, People, Record};
use crate::runtime::kafka::pending::Pending;
use crate::runtime::suspicions::{Suspected, Turned};
use crate::time::{Span, Timestamp};

/// How often, by the simulated time, it is looked who is on which list.
const LISTS_EVERY: Span = Span::from_mins(10);

pub(super) struct Voice<'d> {
    demo: &'d Demo,
    people: People,
    pub(super) pending: Pending,
    /// Decisions that were judged and whose windows do not know it yet.
    judged: Vec<(Review<'static>, HollowReasons)>,
    listed_at: Option<Timestamp>,
}

impl<'d> Voice<'d> {
    pub(super) fn new(demo: &'d Demo, people: People) -> Voice<'d> {
        let pending = Pending::default();
        Voice { demo, people, pending, judged: Vec::new(), listed_at: None }
    }

    /// The first stage spoke.
    pub(super) fn windows(&mut self, output: &Output<'_>, now: Timestamp, stage: &mut Stage) {
        match *output {
            Output::Window { window, is_final, reached, hollow, news } => {
                self.pending.window(window, reached, &self.demo.race);
                if let Some(reasons) = hollow.filter(|_| news.judged) {
                    let quality = Quality::of(reasons, self.assessed(window));
                    self.pending.judged(window, quality, reasons);
                }
                if is_final && hollow.is_none() && window.decision.is_some() {
                    self.pending.unjudged();
                }
                self.window(window, hollow, is_final, now);
                let profile = self.demo.profiles.get(window.key.workflow);
                let review = Review::of(window, profile, &self.demo.oversight);
                if news.superseded {
                    stage.retract(window.exposure_id());
                }
                if let Some(review) = review.filter(|_| news.revised) {
                    // What comes too late to be judged is counted by the stage.
                    let _ = stage.handle(review);
                }
            }
            Output::ReviewDue { window, due, hollow } => {
                let quality = hollow.map(|reasons| Quality::of(reasons, self.assessed(window)));
                if let Some(outcome) = due.outcome(quality) {
                    self.pending.review_due(window.key.workflow, outcome);
                }
            }
            Output::Retracted { exposure } => {
                stage.retract(exposure);
                let name = exposure.to_string();
                self.demo.view.apply(name.as_bytes(), None, now);
            }
            Output::Alert { alert, transition, .. } => self.pending.alert(alert, transition),
            Output::Orphan { .. } | Output::Late { .. } => {}
        }
    }

    /// Whether there is anything to judge the window's decision by.
    fn assessed(&self, window: &Window<'_>) -> bool {
        let profile = self.demo.profiles.get(window.key.workflow);
        Review::of(window, profile, &self.demo.oversight).is_some_and(|review| review.is_assessed())
    }

    fn window(
        &mut self,
        window: &Window<'_>,
        hollow: Option<HollowReasons>,
        is_final: bool,
        now: Timestamp,
    ) {
        let judged = window.decision.is_none() || hollow.is_some();
        let profile = self.demo.profiles.get(window.key.workflow);
        let reasons = hollow.unwrap_or_default();
        let judgement = Judgement::found(window, reasons, profile, &self.demo.oversight);
        let told = Circumstances {
            judgement: judged.then_some(&judgement),
            race: &self.demo.race,
            oversight: &self.demo.oversight,
            as_of: now,
            is_final,
        };
        // A record always is JSON; without one the view stays as it is.
        if let Ok(json) = serde_json::to_vec(&Record::new(window, told, &mut self.people)) {
            let name = window.exposure_id().to_string();
            self.demo.view.apply(name.as_bytes(), Some(&json), now);
        }
    }

    /// The second stage spoke.
    pub(super) fn oversight(&mut self, said: &Said<'_>) {
        match *said {
            Said::Judged { review, judgement } => {
                self.judged.push((review.clone().into_owned(), judgement.reasons));
            }
            Said::Turned { reviewer, at, transition, suspicion, cited } => {
                self.pending.alert(Alert::RubberStampSuspected, transition);
                let shown = self.people.show(reviewer).to_owned();
                self.demo.suspicions.turn(match suspicion {
                    Some(suspicion) => {
                        let config = &self.demo.oversight;
                        Turned::Begins(Suspected::new(shown, at, config, suspicion, cited))
                    }
                    None => Turned::Ends { reviewer: shown, at },
                });
            }
        }
    }

    /// Hands judgements back to the windows; whether there were any.
    pub(super) fn judge(&mut self, windows: &mut Windows) -> bool {
        let any = !self.judged.is_empty();
        for (review, reasons) in self.judged.drain(..) {
            // Decided otherwise since, or final: then there is nothing to say.
            let _ = windows.judge(review.exposure_id(), review.mark, Some(reasons));
        }
        any
    }

    /// Looks who is on which list.
    pub(super) fn lists(&mut self, stage: &Stage, now: Timestamp) {
        if self.listed_at.is_some_and(|at| now.since(at) < LISTS_EVERY) {
            return;
        }
        self.listed_at = Some(now);
        let mut standings = stage.standings();
        standings.retain(|_, standing| standing.first_at.is_some());
        let flags = Flags::of(standings.values(), stage.rules());
        self.demo.metrics.reviewers(flags.told(stage.rules().config().small_group));
    }

    /// The counters move.
    pub(super) fn count(&mut self) {
        self.pending.apply(&self.demo.metrics, &self.demo.pipeline);
    }
}
