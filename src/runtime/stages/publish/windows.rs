//! What the windows emit → records.

use super::lines::Lines;
use super::publisher::Publisher;
use super::writer::ONLY;
use crate::engine::Output;
use crate::engine::alerts::{Alert, Cause};
use crate::engine::identity::Names;
use crate::engine::oversight::{HollowReasons, Judgement, Quality, Review};
use crate::engine::windows::{ExposureId, Key, Window};
use crate::event::Kind;
use crate::formats::{RejectReason, Rejection};
use crate::records::{AlertRecord, Circumstances, EventName, Finding, Handed, WindowRecord};
use crate::runtime::stages::fault::Fault;
use crate::runtime::stages::outbox::{Outbox, Topic};
use crate::time::Timestamp;

/// Publishes what the windows of one partition emit at one time.
pub(crate) struct WindowsPublisher<'p, O> {
    pub(crate) publisher: &'p mut Publisher,
    pub(crate) outbox: &'p mut O,
    pub(crate) names: &'p Names,
    pub(crate) partition: i32,
    pub(crate) now: Timestamp,
    /// What is handed on to oversight and not sent yet.
    pub(crate) reviews: &'p mut Lines,
}

impl<O: Outbox> WindowsPublisher<'_, O> {
    /// Publishes one output.
    pub(crate) fn publish(&mut self, output: &Output<'_>) -> Result<(), Fault> {
        let own = Some(self.partition);
        let Publisher { pending, context, .. } = &mut *self.publisher;
        match *output {
            Output::Window { window, is_final, reached, hollow, news, former } => {
                pending.window(window, reached);
                if is_final {
                    pending.is_final(window, &context.race, self.now);
                }
                if let Some(reasons) = hollow.filter(|_| news.judged) {
                    let profile = context.profiles.get(window.key.workflow);
                    let judged = Judgement::found(window, reasons, profile, &context.oversight);
                    let quality = Quality::of(reasons, judged.assessed);
                    pending.judged(window, quality, reasons);
                }
                if is_final && hollow.is_none() && window.decision.is_some() {
                    pending.unjudged();
                }
                if news.superseded {
                    self.void(window.exposure_id())?;
                }
                self.window(window, hollow, is_final)?;
                if let Some(reasons) = hollow.filter(|_| news.taken_over) {
                    self.taken_over(window, reasons)?;
                }
                if news.revised {
                    self.facts(window)?;
                    self.review(window, hollow.is_some(), former)?;
                }
                Ok(())
            }
            Output::ReviewDue { window, due, hollow } => {
                let quality = hollow.and_then(|reasons| {
                    let profile = context.profiles.get(window.key.workflow);
                    Judgement::found(window, reasons, profile, &context.oversight).quality()
                });
                if let Some(outcome) = due.outcome(quality) {
                    pending.review_due(window.key.workflow, outcome);
                }
                Ok(())
            }
            Output::Retracted { exposure } => {
                self.void(exposure)?;
                for finding in Finding::FACTS {
                    self.publisher.delete_finding(finding, exposure, self.outbox)?;
                }
                self.publisher.writer.delete(self.outbox, Topic::Windows, own, exposure)
            }
            Output::Alert { exposure, home, window, alert, transition, change } => {
                if change.cause != Cause::Renamed {
                    pending.alert(Some(exposure.key.workflow), alert, transition);
                }
                let record = {
                    let (at, names) = (change.at, self.names);
                    AlertRecord::new(alert, transition, at, exposure, window, names)
                };
                let key = format_args!("{alert}/{exposure}");
                let home = home.or(own);
                self.publisher.writer.alert(self.outbox, home, key, &record, transition)?;
                // Where a late event shows that there was no alert, there was no finding.
                let [ai_acted_first, seeded_case_missed] = Finding::FACTS;
                match (alert, change.cause) {
                    (Alert::AiActedFirst, Cause::Undone) => {
                        self.publisher.delete_finding(ai_acted_first, exposure, self.outbox)
                    }
                    (Alert::SeededCaseMissed, Cause::Undone) => {
                        self.publisher.delete_finding(seeded_case_missed, exposure, self.outbox)
                    }
                    _ => Ok(()),
                }
            }
            Output::Orphan { unjoined: false, .. } => Ok(()),
            Output::Orphan { key, id, kind, events, unjoined: true } => {
                let why = "nothing was detected under its name within the orphan timeout";
                self.put_aside(RejectReason::NotJoined, why, (key, id, kind, events))
            }
            Output::Unjoined { key, before, after } => {
                context.unjoined.change(self.partition, key, before, after);
                Ok(())
            }
            Output::Late { key, id, kind, events } => {
                let why = "more than the settle time after its window's closing";
                self.put_aside(RejectReason::Late, why, (key, id, kind, events))
            }
        }
    }

    /// Sends a dead letter about an event that was held and will not be used.
    fn put_aside(
        &mut self,
        reason: RejectReason,
        why: &'static str,
        (key, id, kind, events): (Key<'_>, &str, Kind, u64),
    ) -> Result<(), Fault> {
        let rejection = Rejection::new(reason, why);
        let event = EventName { credential_id: key.credential_id, id, kind, events };
        self.publisher.dead_letter(self.now, None, &rejection, Some(event), self.outbox)
    }

    fn window(
        &mut self,
        window: &Window<'_>,
        hollow: Option<HollowReasons>,
        is_final: bool,
    ) -> Result<(), Fault> {
        let Publisher { writer, people, context, .. } = &mut *self.publisher;
        let circumstances = Circumstances {
            hollow,
            profile: context.profiles.get(window.key.workflow),
            race: &context.race,
            oversight: &context.oversight,
            names: self.names,
            as_of: self.now,
            is_final,
        };
        let record = WindowRecord::new(window, circumstances, people);
        let (key, own) = (window.exposure_id(), Some(self.partition));
        writer.send(self.outbox, Topic::Windows, own, key, &record)
    }

    /// Hands a decided window on to whoever judges its reviewer: each time that it
    /// changes, as a higher revision replaces a lower one.
    fn review(
        &mut self,
        window: &Window<'_>,
        answered: bool,
        former: &[ExposureId<'_>],
    ) -> Result<(), Fault> {
        let context = &self.publisher.context;
        let profile = context.profiles.get(window.key.workflow);
        let Some(review) = Review::of(window, profile, &context.oversight) else { return Ok(()) };
        let review = Review { origin: self.partition, ..review };
        let former = former.iter().map(|name| (*name).into()).collect();
        let handed = Handed::Review { review, answered, former };
        self.reviews.add(self.partition, &handed, self.outbox)
    }

    /// Publishes the findings about a decision that was judged while its window had another
    /// name: those under that name are deleted.
    fn taken_over(&mut self, window: &Window<'_>, reasons: HollowReasons) -> Result<(), Fault> {
        let Publisher { writer, people, context, .. } = &mut *self.publisher;
        let (rules, profile) = (&context.oversight, context.profiles.get(window.key.workflow));
        let Some(decision) = window.decision else { return Ok(()) };
        let judged = Judgement::found(window, reasons, profile, rules);
        let reviewer = Some(people.show(rules.canonical(decision.reviewer)));
        let (exposure, at) = (window.exposure_id(), decision.decided_at);
        reasons.iter().try_for_each(|reason| {
            let found = Finding::hollow(reason, exposure, at, reviewer, &judged, rules);
            let key = format_args!("{}/{exposure}", found.name());
            writer.send(self.outbox, Topic::Findings, ONLY, key, &found)
        })
    }

    /// Takes back what was handed on of a window.
    fn void(&mut self, exposure: ExposureId<'_>) -> Result<(), Fault> {
        self.reviews.add(self.partition, &Handed::Void(exposure.into()), self.outbox)
    }

    /// Publishes the facts that are findings, anew with each revision: there is more to
    /// say of one once a person has decided, too.
    fn facts(&mut self, window: &Window<'_>) -> Result<(), Fault> {
        let Publisher { writer, people, context, .. } = &mut *self.publisher;
        let reviewer = window.decision.map(|it| context.oversight.canonical(it.reviewer));
        let reviewer = reviewer.map(|reviewer| people.show(reviewer));
        let facts = [
            Finding::ai_acted_first(window, reviewer),
            Finding::seeded_case_missed(window, reviewer),
        ];
        facts.iter().flatten().try_for_each(|finding| {
            let key = format_args!("{}/{}", finding.name(), window.exposure_id());
            writer.send(self.outbox, Topic::Findings, ONLY, key, finding)
        })
    }
}
