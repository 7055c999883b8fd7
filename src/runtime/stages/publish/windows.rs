//! What the windows emit → records.

use super::publisher::Publisher;
use super::writer::ONLY;
use crate::engine::Output;
use crate::engine::alerts::{Alert, Transition, episodes};
use crate::engine::attacker::Band;
use crate::engine::oversight::{HollowReasons, Judgement, Review};
use crate::engine::windows::{ExposureId, Window};
use crate::formats::{RejectReason, Rejection};
use crate::report::{AlertRecord, Circumstances, Finding, Record as LedgerRecord};
use crate::runtime::stages::dead_letters::EventName;
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::outbox::{Outbox, Topic};
use crate::runtime::stages::reviews::Handed;
use crate::time::Timestamp;

impl Publisher {
    /// Publishes what the windows of `partition` emit at `now`.
    pub(crate) fn windows<O: Outbox>(
        &mut self,
        partition: i32,
        now: Timestamp,
        output: &Output<'_>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        let own = Some(partition);
        match *output {
            Output::Window { window, is_final, reached, hollow, news } => {
                self.pending.window(window, reached, &self.context.race);
                if let Some(reasons) = hollow.filter(|_| news.judged) {
                    self.pending.judged(window, reasons);
                }
                if is_final && hollow.is_none() && window.decision.is_some() {
                    self.pending.unjudged();
                }
                if news.superseded {
                    self.void(window.exposure_id(), outbox)?;
                }
                self.window(partition, now, window, hollow, is_final, outbox)?;
                if news.revised {
                    self.findings(window, outbox)?;
                    self.review(window, hollow.is_some(), outbox)?;
                }
                Ok(())
            }
            Output::Retracted { exposure } => {
                self.void(exposure, outbox)?;
                for finding in Finding::FACTS {
                    self.delete_finding(finding, exposure, outbox)?;
                }
                self.writer.delete(outbox, Topic::Windows, own, exposure)
            }
            Output::Alert { exposure, window, alert, transition } => {
                let at =
                    window.map_or(now, |window| self.happened_at(window, alert, transition, now));
                self.pending.alert(alert, transition);
                let change = AlertRecord::new(alert, transition, at, exposure, window);
                let key = format_args!("{alert}/{exposure}");
                self.writer.alert(outbox, own, key, &change, transition)?;
                self.withdraw(window, alert, transition, outbox)
            }
            Output::Orphan { .. } => Ok(()),
            Output::Late { key, id, kind, events } => {
                let why = "more than the settle time after its window's closing";
                let rejection = Rejection::new(RejectReason::Late, why);
                let event = EventName { credential_id: key.credential_id, id, kind, events };
                self.refuse_event(now, &rejection, event, outbox)
            }
        }
    }

    fn window<O: Outbox>(
        &mut self,
        partition: i32,
        now: Timestamp,
        window: &Window<'_>,
        hollow: Option<HollowReasons>,
        is_final: bool,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        // Of a window without a decision there is nothing to judge.
        let judged = window.decision.is_none() || hollow.is_some();
        let judgement = Judgement {
            reviewed: window.decision.is_some(),
            ahead: window.band() == Some(Band::Ahead),
            reasons: hollow.unwrap_or_default(),
            ..Judgement::default()
        };
        let circumstances = Circumstances {
            judgement: judged.then_some(&judgement),
            race: &self.context.race,
            oversight: &self.context.oversight,
            as_of: now,
            is_final,
        };
        let record = LedgerRecord::new(window, circumstances, &mut self.people);
        let (key, partition) = (window.exposure_id(), Some(partition));
        self.writer.send(outbox, Topic::Windows, partition, key, &record)
    }

    /// Hands a decided window on to whoever judges its reviewer: each time that it
    /// changes, as a higher revision replaces a lower one.
    fn review<O: Outbox>(
        &mut self,
        window: &Window<'_>,
        answered: bool,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        let profile = self.context.profiles.get(window.key.workflow);
        let Some(review) = Review::of(window, profile, &self.context.oversight) else {
            return Ok(());
        };
        let key = self.keys.show(&review.reviewer).to_owned();
        let handed = Handed::Review { review, answered };
        self.writer.send(outbox, Topic::Reviews, ONLY, key, &handed)
    }

    /// Takes back what was handed on of a window.
    fn void<O: Outbox>(&mut self, exposure: ExposureId<'_>, outbox: &mut O) -> Result<(), Fault> {
        let handed = Handed::Void(exposure.into());
        self.writer.send(outbox, Topic::Reviews, ONLY, exposure, &handed)
    }

    /// Takes back the finding that goes with an alert, where the alert ends because a
    /// late event showed that it was none.
    fn withdraw<O: Outbox>(
        &mut self,
        window: Option<&Window<'_>>,
        alert: Alert,
        transition: Transition,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        let (Some(window), Transition::Resolved) = (window, transition) else { return Ok(()) };
        let [ai_acted_first, seeded_case_missed] = Finding::FACTS;
        let gone = match alert {
            Alert::AiActedFirst if window.ai_acted_first_at.is_none() => ai_acted_first,
            Alert::SeededCaseMissed if window.seeded_case_caught() != Some(false) => {
                seeded_case_missed
            }
            _ => return Ok(()),
        };
        self.delete_finding(gone, window.exposure_id(), outbox)
    }

    /// Publishes the facts that are findings, anew with each revision: there is more to
    /// say of one once a person has decided, too.
    fn findings<O: Outbox>(&mut self, window: &Window<'_>, outbox: &mut O) -> Result<(), Fault> {
        let oversight = &self.context.oversight;
        let reviewer = window.decision.map(|decision| oversight.canonical(decision.reviewer));
        let reviewer = reviewer.map(|reviewer| self.people.show(reviewer));
        let facts = [
            Finding::ai_acted_first(window, reviewer),
            Finding::seeded_case_missed(window, reviewer),
        ];
        for finding in facts.iter().flatten() {
            let key = format_args!("{}/{}", finding.name(), window.exposure_id());
            self.writer.send(outbox, Topic::Findings, ONLY, key, finding)?;
        }
        Ok(())
    }

    /// Deletes the finding of this name about a window.
    pub(super) fn delete_finding<O: Outbox>(
        &mut self,
        name: &str,
        exposure: ExposureId<'_>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        self.writer.delete(outbox, Topic::Findings, ONLY, format_args!("{name}/{exposure}"))
    }

    /// When an alert began or ended by the times of the events; the present for
    /// one that a settled window ends.
    fn happened_at(
        &self,
        window: &Window<'_>,
        alert: Alert,
        transition: Transition,
        now: Timestamp,
    ) -> Timestamp {
        if let (Alert::HollowApproval, Transition::Firing, Some(decided)) =
            (alert, transition, window.decided_at())
        {
            return decided.max(window.detected_at);
        }
        let profile = self.context.profiles.get(window.key.workflow);
        let episode = episodes(window, profile).find(|episode| episode.alert == alert);
        let at = episode.and_then(|episode| match transition {
            Transition::Firing => Some(episode.from),
            Transition::Resolved => episode.until,
        });
        at.map_or(now, |at| at.min(now))
    }
}
