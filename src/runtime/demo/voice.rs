//! What the engine says, into the view and the metrics.
//!
//! Invariant: a record of the ledger is written as a live run writes it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Demo;
use crate::engine::Output;
use crate::engine::alerts::Alert;
use crate::engine::oversight::{Judgement, Review, Said, Stage};
use crate::engine::windows::{Window, Windows};
use crate::report::{Circumstances, People, Record};
use crate::runtime::kafka::pending::Pending;
use crate::runtime::suspicions::Suspected;
use crate::time::Timestamp;

pub(super) struct Voice<'d> {
    demo: &'d Demo,
    people: People,
    pub(super) pending: Pending,
    judgements: BTreeMap<String, Judgement>,
}

impl<'d> Voice<'d> {
    pub(super) fn new(demo: &'d Demo, people: People) -> Voice<'d> {
        Voice { demo, people, pending: Pending::default(), judgements: BTreeMap::new() }
    }

    /// The first stage spoke.
    pub(super) fn windows(&mut self, output: &Output<'_>, now: Timestamp, stage: &mut Stage) {
        match *output {
            Output::Window { window, is_final, reached } => {
                self.pending.window(window, reached, &self.demo.race);
                self.window(window, is_final, now);
                let profile = self.demo.profiles.get(window.key.workflow);
                if let Some(review) = Review::of(window, profile, &self.demo.oversight) {
                    // What comes too late to be judged is counted by the stage.
                    let _ = stage.handle(review);
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

    fn window(&mut self, window: &Window<'_>, is_final: bool, now: Timestamp) {
        let name = window.exposure_id().to_string();
        let undecided = Judgement::default();
        let judgement = match window.decision {
            None => Some(&undecided),
            Some(_) => self.judgements.get(&name),
        };
        let told = Circumstances {
            judgement,
            race: &self.demo.race,
            oversight: &self.demo.oversight,
            as_of: now,
            is_final,
        };
        // A record always is JSON; without one the view stays as it is.
        if let Ok(json) = serde_json::to_vec(&Record::new(window, told, &mut self.people)) {
            self.demo.view.apply(name.as_bytes(), Some(&json), now);
        }
        if is_final {
            self.judgements.remove(&name);
        }
    }

    /// The second stage spoke.
    pub(super) fn oversight(&mut self, said: &Said<'_>, now: Timestamp) {
        match said {
            Said::Judged { review, judgement } => {
                let name = review.exposure_id().to_string();
                self.judgements.insert(name.clone(), **judgement);
                let Some(row) = self.demo.view.get(&name) else { return };
                let Ok(mut record) = serde_json::from_str::<Value>(row.record.get()) else {
                    return;
                };
                record["hollow"] = serde_json::to_value(judgement.reasons).unwrap_or_default();
                record["effective"] = Value::Bool(judgement.effective());
                self.demo.view.apply(name.as_bytes(), Some(record.to_string().as_bytes()), now);
            }
            Said::Turned { reviewer, at, transition, suspicion, cited } => {
                self.pending.alert(Alert::RubberStampSuspected, *transition);
                let shown = self.people.show(reviewer).to_owned();
                let Some(suspicion) = suspicion else {
                    return self.demo.suspicions.ends(&shown, *at);
                };
                let config = &self.demo.oversight;
                let allowed = [&config.seeded, &config.dwell, &config.context, &config.agreement]
                    .map(|signal| signal.null);
                let threshold = config.paging_decisions;
                self.demo.suspicions.begins(Suspected::new(
                    shown, *at, threshold, allowed, suspicion, cited,
                ));
            }
            Said::Peers(_) => {}
        }
    }

    /// Hands judgements back to the windows.
    pub(super) fn judge(&mut self, _windows: &mut Windows, _now: Timestamp, _stage: &mut Stage) {}

    /// The counters move.
    pub(super) fn count(&mut self) {
        self.pending.apply(&self.demo.metrics, &self.demo.pipeline);
    }
}
