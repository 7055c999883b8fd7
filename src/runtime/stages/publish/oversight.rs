//! What oversight emits → records.

use super::lines::Lines;
use super::publisher::Publisher;
use super::writer::ONLY;
use crate::engine::alerts::Alert;
use crate::engine::oversight::{Emitted, Flags, HollowReason, Judgement, Review, Rules, Stage};
use crate::engine::windows::ExposureId;
use crate::records::{Finding, Flagged, Judged, ReviewerAlert, RulesShown};
use crate::runtime::reviewer_alerts::{AlertState, Change};
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::outbox::{Outbox, Topic};
use crate::runtime::stages::state::Listed;
use crate::time::Timestamp;

/// Publishes what oversight emits.
pub(crate) struct OversightPublisher<'p, O> {
    pub(crate) publisher: &'p mut Publisher,
    pub(crate) outbox: &'p mut O,
    pub(crate) rules: &'p Rules,
    pub(crate) shown: &'p RulesShown,
    /// Alerts about reviewers that fired or resolved since the last commit.
    pub(crate) changes: &'p mut Vec<Change>,
    /// What goes back to the windows and is not sent yet.
    pub(crate) judgements: &'p mut Lines,
}

impl<O: Outbox> OversightPublisher<'_, O> {
    /// Publishes one output.
    pub(crate) fn publish(&mut self, output: &Emitted<'_>) -> Result<(), Fault> {
        match *output {
            Emitted::Judged { review, judgement } => self.judged(review, judgement),
            Emitted::Act { review, quality } => {
                self.publisher.pending.act(review.workflow, review.verdict, quality);
                Ok(())
            }
            Emitted::Planted { workflow, caught } => {
                self.publisher.pending.planted(workflow, caught);
                Ok(())
            }
            Emitted::Alert { reviewer, at, transition, evidence, cited } => {
                let Publisher { writer, people, keys, pending, .. } = &mut *self.publisher;
                let alert = Alert::RubberStampSuspected;
                pending.alert(None, alert, transition);
                let (shown, key) = (people.show(reviewer), keys.show(reviewer));
                let change = ReviewerAlert::new(shown, transition, at);
                let key_of_alert = format_args!("{alert}/{key}");
                writer.alert(self.outbox, None, key_of_alert, &change, transition)?;
                let Some(evidence) = evidence else {
                    self.changes.push(Change::Resolves { reviewer: shown.to_owned(), at });
                    return Ok(());
                };
                let (config, name) = (self.rules.config(), shown.to_owned());
                let fired = AlertState::new(name, at, config, evidence, cited);
                self.changes.push(Change::Fires(fired));
                let path = cited.iter().map(ToString::to_string);
                let found = Finding::suspected(shown, at, evidence, path, self.shown);
                let key = format_args!("{}/{key}/{at}", found.name());
                writer.send(self.outbox, Topic::Findings, ONLY, key, &found)
            }
        }
    }

    fn judged(&mut self, review: &Review<'_>, judgement: &Judgement) -> Result<(), Fault> {
        self.judgement(review, Some(judgement))?;
        let (Publisher { writer, people, .. }, rules) = (&mut *self.publisher, self.rules.config());
        let (exposure, reviewer) = (review.exposure_id(), Some(people.show(&review.reviewer)));
        judgement.reasons.iter().try_for_each(|reason| {
            let at = review.decided_at;
            let found = Finding::hollow(reason, exposure, at, reviewer, judgement, rules);
            let key = format_args!("{}/{exposure}", found.name());
            writer.send(self.outbox, Topic::Findings, ONLY, key, &found)
        })
    }

    /// Sends the judgement of a decision to its window; `None`: there will be none.
    pub(crate) fn judgement(
        &mut self,
        review: &Review<'_>,
        judgement: Option<&Judgement>,
    ) -> Result<(), Fault> {
        let judged = Judged::new(review, judgement);
        self.judgements.add(review.origin, &judged, self.outbox)
    }

    /// Deletes what may have been found of a decision that no longer holds.
    pub(crate) fn void(&mut self, exposure: ExposureId<'_>) -> Result<(), Fault> {
        let mut reasons = HollowReason::ALL.iter();
        reasons.try_for_each(|reason| {
            self.publisher.delete_finding(reason.as_str(), exposure, self.outbox)
        })
    }

    /// Publishes who is named now and was not among `before`, and deletes the findings
    /// about those who are not any more: only present evidence counts. Returns who is.
    pub(crate) fn lists(
        &mut self,
        stage: &Stage,
        before: &Listed,
        now: Timestamp,
    ) -> Result<Listed, Fault> {
        let Publisher { writer, people, keys, context, .. } = &mut *self.publisher;
        let mut key = |it: &str| format!("{}/{}", Finding::FLAGGED, keys.show(it));
        // Who has no decision yet counts for nothing.
        let mut standings = stage.standings();
        standings.retain(|_, standing| standing.first_at.is_some());
        let flags = Flags::of(standings.values(), self.rules);
        let mut listed = Listed::new();
        for (reviewer, standing) in standings.iter().filter(|(_, it)| flags.includes(it)) {
            if !before.contains(*reviewer) {
                let path = stage.path(reviewer).into_iter();
                let path = path.map(|(exposure, point)| (exposure.to_string(), point));
                let flagged = Flagged { flags: &flags, standing };
                let shown = people.show(reviewer);
                let found = Finding::flagged(shown, now, flagged, path, self.shown);
                writer.send(self.outbox, Topic::Findings, ONLY, key(reviewer), &found)?;
            }
            listed.insert((*reviewer).to_owned());
        }
        for reviewer in before.difference(&listed) {
            writer.delete(self.outbox, Topic::Findings, ONLY, key(reviewer))?;
        }
        // How things stand, not what has happened: nothing has to be committed first.
        context.metrics.reviewers(flags.told(self.rules.config().small_group));
        Ok(listed)
    }
}
