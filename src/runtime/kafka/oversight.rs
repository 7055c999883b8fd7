//! Reviews → judgements, findings, pages: the second stage on Kafka.
//!
//! Invariants: one partition holds all reviewers, since agreement is compared with
//! that of peers and a list keeps its promise among everybody; a review that waits
//! lies in the changelog until all of it is judged; time is how far the windows
//! have come, so that a decision is judged when everything before it is there, in
//! a backlog too.

use std::sync::Arc;

use super::Shared;
use super::announce::announce;
use super::changelog::Part;
use super::error::Fault;
use super::letters::{Letters, json};
use super::pending::Pending;
use super::producer::{Outbox, Outgoing};
use super::raw::Record;
use super::restore::Restored;
use super::reviews::{Handed, Judged};
use super::state::{Listed, Overseeing, State};
use super::worker::Stage as WorkerStage;
use crate::engine::alerts::{Alert, Transition};
use crate::engine::oversight::{
    Change, Flags, HollowReason, Judgement, Receipt, Review, Rules, Said, Suspicion,
};
use crate::engine::windows::ExposureId;
use crate::formats::{RejectReason, Rejection};
use crate::metrics::{Metrics, PipelineStage};
use crate::report::{Finding, Flagged, People, ReviewerAlert, ReviewerFinding, RulesShown};
use crate::runtime::suspicions::{Suspected, Turned};
use crate::time::{Span, Timestamp};

/// How often, by the time of the stage, it is looked who is on which list.
const LISTS_EVERY: Span = Span::from_secs(10);
/// Decisions and truths judged in one go: one transaction has to hold what follows.
const STEPS_MAX: usize = 50_000;

/// The stage.
pub(super) struct Oversight {
    shared: Arc<Shared>,
    held: Option<Held>,
    voice: Voice,
    letters: Letters,
    changelog: String,
}

/// The one partition.
struct Held {
    overseeing: Overseeing,
    /// How far its time has come; it does not go back.
    time: Option<Timestamp>,
    /// Whether anything was judged since the lists were last looked at.
    news: bool,
    /// When that was.
    looked_at: Option<Timestamp>,
}

/// Says what is found, in the topics.
struct Voice {
    events: String,
    findings: String,
    alerts: String,
    people: People,
    /// Always pseudonyms: keys are seen by more than values.
    keys: People,
    rules: Arc<Rules>,
    metrics: Arc<Metrics>,
    shown: RulesShown,
    pending: Pending,
    /// Pages that began or ended, for the board once they are committed.
    turned: Vec<Turned>,
    value: Vec<u8>,
}

impl Oversight {
    pub(super) fn new(shared: &Arc<Shared>, rules: &Arc<Rules>) -> Oversight {
        let topics = &shared.settings.topics;
        Oversight {
            held: None,
            voice: Voice {
                events: topics.events(),
                findings: topics.findings(),
                alerts: topics.alerts(),
                people: shared.people(),
                keys: People::pseudonyms(shared.identity.clone()),
                shown: RulesShown::new(&shared.settings.oversight, &shared.settings.profiles),
                rules: Arc::clone(rules),
                metrics: Arc::clone(&shared.metrics),
                pending: Pending::default(),
                turned: Vec::new(),
                value: Vec::new(),
            },
            letters: shared.letters(Self::KIND.as_str()),
            changelog: topics.reviewers(),
            shared: Arc::clone(shared),
        }
    }
}

impl WorkerStage for Oversight {
    const KIND: PipelineStage = PipelineStage::Oversight;
    const ALIGNED: bool = true;

    fn begin(&mut self, restored: Restored) {
        let Some(State::Oversight(mut overseeing)) = restored.state else { return };
        overseeing.go_on();
        let time = restored.time;
        self.held = Some(Held { overseeing: *overseeing, time, news: true, looked_at: None });
    }

    fn give_up(&mut self, _partition: i32) {
        self.held = None;
        self.shared.metrics.forget_reviewers();
        self.shared.suspicions.clear();
    }

    fn take(
        &mut self,
        _input: usize,
        record: Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Option<Timestamp>, Fault> {
        let Some(held) = &mut self.held else { return Ok(None) };
        let value = record.payload().unwrap_or_default();
        match serde_json::from_slice(value) {
            Ok(Handed::Review { review, answered }) => {
                let key = Part::Review.key(review.exposure_id());
                let receipt = held.overseeing.stage.handle(review);
                if matches!(receipt, Receipt::Held | Receipt::Learning) {
                    send(outbox, &self.changelog, &key, Some(value), stamp(held.time))?;
                }
                if receipt == Receipt::Refused {
                    let why = "more reviewers than [oversight] reviewers allows";
                    let rejection = Rejection::new(RejectReason::BeyondBound, why);
                    self.voice.pending.rejected(rejection.reason);
                    self.letters.record(outbox, record, &rejection, None)?;
                }
                // Its window waits to be told. Rare enough to read the review once more.
                if receipt != Receipt::Held
                    && !answered
                    && let Ok(Handed::Review { review, .. }) = serde_json::from_slice(value)
                {
                    json(&mut self.voice.value, &Judged::new(&review, None))?;
                    let key = review.credential_id.as_bytes();
                    send(outbox, &self.voice.events, key, Some(&self.voice.value), None)?;
                }
            }
            Ok(Handed::Void(exposure)) => {
                held.overseeing.stage.retract(exposure.id());
                // What may have been found of it is void, too.
                for reason in HollowReason::ALL {
                    let key = format!("{reason}/{}", exposure.id());
                    send(outbox, &self.voice.findings, key.as_bytes(), None, None)?;
                }
            }
            Err(_) => {
                let rejection =
                    Rejection::new(RejectReason::InvalidValue, "not a review that was handed on");
                self.voice.pending.rejected(rejection.reason);
                self.letters.record(outbox, record, &rejection, None)?;
            }
        }
        Ok(None)
    }

    fn time(&self, _partition: i32) -> Option<Timestamp> {
        self.held.as_ref()?.time
    }

    fn next_timer(&mut self, _partition: i32) -> Option<Timestamp> {
        let held = self.held.as_ref()?;
        let look = held.looked_at.filter(|_| held.news).map(|looked| looked + LISTS_EVERY);
        [held.overseeing.stage.next_deadline(), look].into_iter().flatten().min()
    }

    fn advance(
        &mut self,
        _partition: i32,
        now: Timestamp,
        outbox: &mut Outbox,
    ) -> Result<bool, Fault> {
        let Some(held) = &mut self.held else { return Ok(true) };
        let now = held.time.map_or(now, |before| before.max(now));
        held.time = Some(now);
        let mut said = Ok(());
        let (voice, news) = (&mut self.voice, &mut held.news);
        let all = held.overseeing.stage.advance_some(now, STEPS_MAX, &mut |output| {
            if said.is_ok() {
                *news = true;
                said = voice.say(&output, outbox);
            }
        });
        said?;
        if !all {
            return Ok(false);
        }
        if held.news && held.looked_at.is_none_or(|looked| looked + LISTS_EVERY <= now) {
            (held.news, held.looked_at) = (false, Some(now));
            let Overseeing { stage, listed, .. } = &mut held.overseeing;
            let now_listed = self.voice.lists(stage, listed, now, outbox)?;
            for reviewer in listed.symmetric_difference(&now_listed) {
                let value = now_listed.contains(reviewer).then_some(&b"{}"[..]);
                let key = Part::Listed.key(reviewer);
                send(outbox, &self.changelog, &key, value, stamp(Some(now)))?;
                if value.is_none() {
                    // Present evidence counts: whoever was flagged once and is not now is not.
                    let key = self.voice.flagged_key(reviewer);
                    send(outbox, &self.voice.findings, key.as_bytes(), None, None)?;
                }
            }
            *listed = now_listed;
        }
        Ok(true)
    }

    fn checkpoint(&mut self, outbox: &mut Outbox) -> Result<(), Fault> {
        let Some(held) = &mut self.held else { return Ok(()) };
        let (changelog, time, value) = (&self.changelog, stamp(held.time), &mut self.voice.value);
        let mut sent = Ok(());
        held.overseeing.stage.changes(&mut |change| {
            if sent.is_err() {
                return;
            }
            sent = match change {
                Change::Reviewer { name, state } => {
                    send(outbox, changelog, &Part::Reviewer.key(name), Some(state), time)
                }
                Change::Settled(exposure) => {
                    send(outbox, changelog, &Part::Review.key(exposure), None, time)
                }
                Change::Period(counts) => json(value, counts).and_then(|()| {
                    send(outbox, changelog, &Part::Period.key(counts.period), Some(value), time)
                }),
            };
        });
        sent
    }

    fn committed(&mut self) {
        self.voice.pending.apply(&self.shared.metrics, &self.shared.pipeline);
        for turned in self.voice.turned.drain(..) {
            self.shared.suspicions.turn(turned);
        }
    }
}

impl Drop for Oversight {
    fn drop(&mut self) {
        if self.held.is_some() {
            self.shared.metrics.forget_reviewers();
            self.shared.suspicions.clear();
        }
    }
}

impl Voice {
    fn say(&mut self, said: &Said<'_>, outbox: &mut Outbox) -> Result<(), Fault> {
        match *said {
            Said::Judged { review, judgement } => self.judged(review, judgement, outbox),
            Said::Turned { reviewer, at, transition, suspicion, cited } => {
                self.turned(reviewer, at, transition, outbox)?;
                let shown = self.people.show(reviewer).to_owned();
                self.turned.push(match suspicion {
                    Some(suspicion) => {
                        let config = self.rules.config();
                        Turned::Begins(Suspected::new(shown, at, config, suspicion, cited))
                    }
                    None => Turned::Ends { reviewer: shown, at },
                });
                match suspicion {
                    Some(suspicion) => self.suspected(reviewer, at, suspicion, cited, outbox),
                    None => Ok(()),
                }
            }
        }
    }

    fn judged(
        &mut self,
        review: &Review<'_>,
        judgement: &Judgement,
        outbox: &mut Outbox,
    ) -> Result<(), Fault> {
        json(&mut self.value, &Judged::new(review, Some(judgement)))?;
        let key = review.credential_id.as_bytes();
        send(outbox, &self.events, key, Some(&self.value), None)?;
        for reason in judgement.reasons.iter() {
            let exposure = review.exposure_id();
            let reviewer = Some(self.people.show(&review.reviewer));
            let found = Finding::hollow(reason, exposure, review.decided_at, reviewer, judgement);
            json(&mut self.value, &found)?;
            let key = format!("{}/{exposure}", found.name());
            send(outbox, &self.findings, key.as_bytes(), Some(&self.value), None)?;
        }
        Ok(())
    }

    fn turned(
        &mut self,
        reviewer: &str,
        at: Timestamp,
        transition: Transition,
        outbox: &mut Outbox,
    ) -> Result<(), Fault> {
        let alert = Alert::RubberStampSuspected;
        self.pending.alert(alert, transition);
        json(&mut self.value, &ReviewerAlert::new(self.people.show(reviewer), transition, at))?;
        let key = format!("{alert}/{}", self.keys.show(reviewer));
        announce(outbox, &self.alerts, None, key.as_bytes(), &self.value, transition)
    }

    fn suspected(
        &mut self,
        reviewer: &str,
        at: Timestamp,
        suspicion: &Suspicion,
        cited: &[ExposureId<'_>],
        outbox: &mut Outbox,
    ) -> Result<(), Fault> {
        let path = cited.iter().map(ToString::to_string);
        let shown = self.people.show(reviewer);
        let found = ReviewerFinding::suspected(shown, at, suspicion, path, &self.shown);
        json(&mut self.value, &found)?;
        let key = format!("{}/{}/{at}", found.name(), self.keys.show(reviewer));
        send(outbox, &self.findings, key.as_bytes(), Some(&self.value), None)
    }

    fn flagged_key(&mut self, reviewer: &str) -> String {
        format!("{}/{}", ReviewerFinding::FLAGGED, self.keys.show(reviewer))
    }

    /// Looks who is named now, and tells who was not before.
    fn lists(
        &mut self,
        stage: &crate::engine::oversight::Stage,
        before: &Listed,
        now: Timestamp,
        outbox: &mut Outbox,
    ) -> Result<Listed, Fault> {
        // Who has no decision yet counts for nothing.
        let mut standings = stage.standings();
        standings.retain(|_, standing| standing.first_at.is_some());
        let flags = Flags::of(standings.values(), &self.rules);
        let mut listed = Listed::new();
        for (reviewer, standing) in standings.iter().filter(|(_, of)| flags.includes(of)) {
            if !before.contains(*reviewer) {
                let path = stage.path(reviewer).into_iter();
                let path = path.map(|(exposure, point)| (exposure.to_string(), point));
                let flagged = Flagged { flags: &flags, standing };
                let shown = self.people.show(reviewer);
                let found = ReviewerFinding::flagged(shown, now, flagged, path, &self.shown);
                json(&mut self.value, &found)?;
                let key = self.flagged_key(reviewer);
                send(outbox, &self.findings, key.as_bytes(), Some(&self.value), None)?;
            }
            listed.insert((*reviewer).to_owned());
        }
        // How things stand, not what has happened: nothing has to be committed first.
        self.metrics.reviewers(flags.told(self.rules.config().small_group));
        Ok(listed)
    }
}

/// Sends to the topic's only partition, or to that of the key where there are more.
fn send(
    outbox: &mut Outbox,
    topic: &str,
    key: &[u8],
    value: Option<&[u8]>,
    timestamp_ms: Option<i64>,
) -> Result<(), Fault> {
    outbox.send(Outgoing { topic, partition: None, key, value, timestamp_ms })
}

/// A record of the changelog bears the time that its partition had come to; where
/// none is known, one that is before all others.
fn stamp(time: Option<Timestamp>) -> Option<i64> {
    Some(time.map_or(1, Timestamp::as_millis))
}
