//! What oversight emits → records.

use std::sync::Arc;

use super::publisher::Publisher;
use super::writer::ONLY;
use crate::engine::alerts::{Alert, Transition};
use crate::engine::oversight::{
    Flags, HollowReason, Judgement, List, Review, Rules, Said, Stage, Suspicion,
};
use crate::engine::summary::Flagged as FlaggedCounts;
use crate::engine::windows::ExposureId;
use crate::metrics::PipelineStage;
use crate::report::{Finding, Flagged, ReviewerAlert, ReviewerFinding, RulesShown};
use crate::runtime::reviewer_alerts::{AlertState, Change};
use crate::runtime::stages::context::Context;
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::outbox::{Outbox, Topic};
use crate::runtime::stages::reviews::Judged;
use crate::runtime::stages::state::Listed;
use crate::time::Timestamp;

/// Publishes what oversight emits.
pub(crate) struct OversightPublisher {
    pub(crate) publisher: Publisher,
    rules: Arc<Rules>,
    shown: RulesShown,
    /// Alerts about reviewers that fired or resolved; the board shows them once they are
    /// committed.
    changes: Vec<Change>,
}

impl OversightPublisher {
    pub(crate) fn new(context: &Arc<Context>, rules: &Arc<Rules>) -> OversightPublisher {
        OversightPublisher {
            publisher: Publisher::new(context, PipelineStage::Oversight),
            rules: Arc::clone(rules),
            shown: RulesShown::new(&context.oversight, &context.profiles),
            changes: Vec::new(),
        }
    }

    /// Publishes what follows from the reviews.
    pub(crate) fn reviews<O: Outbox>(
        &mut self,
        said: &Said<'_>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        match *said {
            Said::Judged { review, judgement } => self.judged(review, judgement, outbox),
            Said::Turned { reviewer, at, transition, suspicion, cited } => {
                self.reviewer_alert(reviewer, at, transition, outbox)?;
                let shown = self.publisher.people.show(reviewer).to_owned();
                self.changes.push(match suspicion {
                    Some(suspicion) => {
                        let config = self.rules.config();
                        Change::Fires(AlertState::new(shown, at, config, suspicion, cited))
                    }
                    None => Change::Resolves { reviewer: shown, at },
                });
                match suspicion {
                    Some(suspicion) => self.suspected(reviewer, at, suspicion, cited, outbox),
                    None => Ok(()),
                }
            }
        }
    }

    fn judged<O: Outbox>(
        &mut self,
        review: &Review<'_>,
        judgement: &Judgement,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.judgement(review, Some(judgement), outbox)?;
        let Publisher { writer, people, .. } = &mut self.publisher;
        for reason in judgement.reasons.iter() {
            let exposure = review.exposure_id();
            let reviewer = Some(people.show(&review.reviewer));
            let found = Finding::hollow(reason, exposure, review.decided_at, reviewer, judgement);
            let key = format_args!("{}/{exposure}", found.name());
            writer.send(outbox, Topic::Findings, ONLY, key, &found)?;
        }
        Ok(())
    }

    /// Sends the judgement of a decision to its window; `None`: there will be none.
    pub(crate) fn judgement<O: Outbox>(
        &mut self,
        review: &Review<'_>,
        judgement: Option<&Judgement>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        let key = review.credential_id.as_bytes();
        let judged = Judged::new(review, judgement);
        self.publisher.writer.send_under(outbox, Topic::Events, None, key, &judged)
    }

    /// Deletes what may have been found of a decision that no longer holds.
    pub(crate) fn void<O: Outbox>(
        &mut self,
        exposure: ExposureId<'_>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        HollowReason::ALL
            .iter()
            .try_for_each(|it| self.publisher.delete_finding(it.as_str(), exposure, outbox))
    }

    fn reviewer_alert<O: Outbox>(
        &mut self,
        reviewer: &str,
        at: Timestamp,
        transition: Transition,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        let Publisher { writer, people, keys, pending, .. } = &mut self.publisher;
        let alert = Alert::RubberStampSuspected;
        pending.alert(alert, transition);
        let key = format_args!("{alert}/{}", keys.show(reviewer));
        let change = ReviewerAlert::new(people.show(reviewer), transition, at);
        writer.alert(outbox, None, key, &change, transition)
    }

    fn suspected<O: Outbox>(
        &mut self,
        reviewer: &str,
        at: Timestamp,
        suspicion: &Suspicion,
        cited: &[ExposureId<'_>],
        outbox: &mut O,
    ) -> Result<(), Fault> {
        let Publisher { writer, people, keys, .. } = &mut self.publisher;
        let path = cited.iter().map(ToString::to_string);
        let shown = people.show(reviewer);
        let found = ReviewerFinding::suspected(shown, at, suspicion, path, &self.shown);
        let key = format_args!("{}/{}/{at}", found.name(), keys.show(reviewer));
        writer.send(outbox, Topic::Findings, ONLY, key, &found)
    }

    /// Publishes who is on which list now and was not among `before`, and deletes the
    /// findings about who is not any more: only present evidence counts. Returns who is.
    pub(crate) fn lists<O: Outbox>(
        &mut self,
        stage: &Stage,
        before: &Listed,
        now: Timestamp,
        outbox: &mut O,
    ) -> Result<Listed, Fault> {
        let Publisher { writer, people, keys, context, .. } = &mut self.publisher;
        let mut key =
            |it: &str, list: List| format!("{}/{}/{list}", ReviewerFinding::FLAGGED, keys.show(it));
        // Who has no decision yet counts for nothing.
        let mut standings = stage.standings();
        standings.retain(|_, standing| standing.first_at.is_some());
        let flags = Flags::of(standings.values(), &self.rules);
        let mut listed = Listed::new();
        for (reviewer, standing) in &standings {
            for list in flags.on(standing) {
                let on = ((*reviewer).to_owned(), list);
                if !before.contains(&on) {
                    let path = stage.path(reviewer).into_iter();
                    let path = path.map(|(exposure, point)| (exposure.to_string(), point));
                    let flagged = Flagged { list, flags: &flags, standing };
                    let shown = people.show(reviewer);
                    let found = ReviewerFinding::flagged(shown, now, flagged, path, &self.shown);
                    writer.send(outbox, Topic::Findings, ONLY, key(reviewer, list), &found)?;
                }
                listed.insert(on);
            }
        }
        for (reviewer, list) in before.difference(&listed) {
            writer.delete(outbox, Topic::Findings, ONLY, key(reviewer, *list))?;
        }
        // How things stand, not what has happened: nothing has to be committed first.
        context.metrics.reviewers(&FlaggedCounts::new(&flags, self.rules.config()));
        Ok(listed)
    }

    /// Everything that was published is committed.
    pub(crate) fn committed(&mut self) {
        self.publisher.committed();
        for change in self.changes.drain(..) {
            self.publisher.context.reviewer_alerts.apply(change);
        }
    }
}
