//! Events keyed by credential → windows, alerts, reviews.
//!
//! Invariants: each partition has an engine of its own, and everything said of a
//! credential goes to the same partition number as its events, so that one
//! writer at a time speaks of it; records whose key is not their credential are
//! refused, as they may lie in the wrong partition. Judgements of decisions come
//! back among the events.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Shared;
use super::announce::announce;
use super::decode::Decoder;
use super::error::Fault;
use super::letters::{EventName, Letters, json};
use super::pending::Pending;
use super::producer::{Outbox, Outgoing};
use super::raw::Record;
use super::restore::Restored;
use super::reviews::{Handed, Judged};
use super::state::State;
use super::worker::Stage;
use super::{changelog, topics};
use crate::engine::alerts::{Alert, Cause, Change};
use crate::engine::oversight::{HollowReasons, Judgement, Review};
use crate::engine::windows::{Counts, ExposureId, Key, Window, Windows};
use crate::engine::{Output, Receipt};
use crate::event::{Event, Kind};
use crate::formats::{Decoded, RejectReason, Rejection};
use crate::metrics::PipelineStage;
use crate::report::{AlertRecord, Circumstances, Finding, People, Record as LedgerRecord};
use crate::runtime::clock;
use crate::time::{Span, Timestamp};

/// The stage.
pub(super) struct WindowsStage {
    shared: Arc<Shared>,
    /// By number of the input.
    decoders: Vec<Decoder>,
    partitions: BTreeMap<i32, Partition>,
    voice: Voice,
    state_topic: String,
}

/// One partition's windows.
struct Partition {
    windows: Windows,
    /// How far its time has come. It does not go back: what was due would not be,
    /// and alerts would end that never should. So it lies in the changelog, too,
    /// as the time of each record.
    time: Option<Timestamp>,
    /// Up to when all is said. Behind `time` while one transaction could not hold it.
    said: Option<Timestamp>,
    /// The counts that are in the metrics.
    counted: Counts,
    /// Since when it goes by the clock.
    present_since: Option<Span>,
}

/// Credentials of a partition that are told of in one go: each may leave several
/// records, and one transaction has to hold them.
const ADVANCED_MAX: usize = 50_000;
/// A partition goes by the clock this long before it believes that a judgement which
/// has not come will not come: what waits in a backlog of oversight may be on its way.
const ANSWERS_WITHIN: Span = Span::from_mins(60);
/// Time this close to the clock's is the present.
const PRESENT: Span = Span::from_mins(1);

/// Says what the engine says, in the topics.
struct Voice {
    shared: Arc<Shared>,
    windows_topic: String,
    alerts_topic: String,
    reviews_topic: String,
    findings_topic: String,
    letters: Letters,
    people: People,
    /// Always pseudonyms: keys are seen by more than values.
    reviewers: People,
    pending: Pending,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl WindowsStage {
    pub(super) fn new(shared: &Arc<Shared>) -> WindowsStage {
        let topics = &shared.settings.topics;
        WindowsStage {
            decoders: topics::windows_inputs(&shared.settings)
                .iter()
                .map(|input| shared.decoder(input.format))
                .collect(),
            partitions: BTreeMap::new(),
            voice: Voice {
                windows_topic: topics.windows(),
                alerts_topic: topics.alerts(),
                reviews_topic: topics.reviews(),
                findings_topic: topics.findings(),
                letters: shared.letters(Self::KIND.as_str()),
                people: shared.people(),
                reviewers: People::pseudonyms(shared.identity.clone()),
                pending: Pending::default(),
                key: Vec::new(),
                value: Vec::new(),
                shared: Arc::clone(shared),
            },
            state_topic: topics.state(),
            shared: Arc::clone(shared),
        }
    }
}

impl Stage for WindowsStage {
    const KIND: PipelineStage = PipelineStage::Windows;
    const ALIGNED: bool = true;

    fn begin(&mut self, restored: Restored) {
        let Some(State::Windows(windows)) = restored.state else { return };
        let counted = windows.counts();
        let time = restored.time;
        let windows = *windows;
        let partition = Partition { windows, time, said: time, counted, present_since: None };
        self.tell(restored.partition, &partition);
        self.partitions.insert(restored.partition, partition);
    }

    fn give_up(&mut self, partition: i32) {
        self.partitions.remove(&partition);
        self.shared.standings.forget(partition);
        self.shared.pipeline.forget_state(partition);
    }

    fn take(
        &mut self,
        input: usize,
        record: Record<'_>,
        outbox: &mut Outbox,
    ) -> Result<Option<Timestamp>, Fault> {
        let Some(partition) = self.partitions.get_mut(&record.partition()) else { return Ok(None) };
        let own = input == topics::OWN_EVENTS;
        if own && let Some(judged) = Judged::read(record.payload().unwrap_or_default()) {
            partition.windows.judge(judged.exposure(), judged.mark, judged.reasons());
            return Ok(None);
        }
        let mut events = Vec::new();
        let decoder = &self.decoders[input];
        // What we write has no headers, and looking for them takes a tenth of decoding.
        let decoded = match own {
            true => decoder.decode_value(record, &mut events),
            false => decoder.decode(record, &mut events),
        };
        match decoded {
            Ok(Decoded::Events) => {}
            Ok(Decoded::Skipped(_)) => return Ok(None),
            Err(rejection) => {
                self.voice.refuse(outbox, record, &rejection, None)?;
                return Ok(None);
            }
        }
        let mut latest = None;
        for event in &events {
            if record.key() != Some(event.credential_id.as_bytes()) {
                let why = "the record's key is not its credential_id";
                let rejection = Rejection::new(RejectReason::InvalidValue, why);
                self.voice.refuse(outbox, record, &rejection, Some(name(event)))?;
                continue;
            }
            latest = latest.max(Some(event.time));
            self.voice.pending.event(event);
            let rejection = match partition.windows.handle(event) {
                Receipt::Held => continue,
                Receipt::Late => Rejection::new(RejectReason::Late, "its window was final already"),
                Receipt::Refused => {
                    let why = "a bound of the engine is reached";
                    Rejection::new(RejectReason::BeyondBound, why)
                }
            };
            self.voice.refuse(outbox, record, &rejection, Some(name(event)))?;
        }
        // An event from the future must not take the present with it.
        let arrived = record.timestamp_ms().map(Timestamp::from_millis);
        Ok(latest.map(|latest| arrived.map_or(latest, |arrived| latest.min(arrived))))
    }

    fn time(&self, partition: i32) -> Option<Timestamp> {
        self.partitions.get(&partition)?.said
    }

    fn next_timer(&mut self, partition: i32) -> Option<Timestamp> {
        self.partitions.get_mut(&partition)?.windows.next_timer()
    }

    fn advance(&mut self, number: i32, now: Timestamp, outbox: &mut Outbox) -> Result<bool, Fault> {
        let Some(partition) = self.partitions.get_mut(&number) else { return Ok(true) };
        let now = partition.time.map_or(now, |before| before.max(now));
        partition.time = Some(now);
        let uptime = clock::uptime();
        let present = clock::now().since(now) < PRESENT;
        partition.present_since = partition.present_since.or(Some(uptime)).filter(|_| present);
        let long = |since: Span| uptime >= since + ANSWERS_WITHIN;
        partition.windows.give_up_unjudged(partition.present_since.is_some_and(long));
        let mut said = Ok(());
        let all = partition.windows.advance_some(now, ADVANCED_MAX, &mut |output| {
            if said.is_ok() {
                said = self.voice.say(number, now, &output, outbox);
            }
        });
        if all {
            partition.said = Some(now);
        }
        let counts = partition.windows.counts();
        self.voice.pending.counts(partition.counted, counts);
        partition.counted = counts;
        said.map(|()| all)
    }

    fn checkpoint(&mut self, outbox: &mut Outbox) -> Result<(), Fault> {
        for (number, partition) in &mut self.partitions {
            let mut sent = Ok(());
            // Where no time has passed yet, one that is before all others: without
            // any the record would bear the present.
            let time = Some(partition.time.map_or(1, Timestamp::as_millis));
            partition.windows.checkpoint(&mut |key, state| {
                changelog::write_key(key, &mut self.voice.key);
                if sent.is_ok() {
                    sent = outbox.send(Outgoing {
                        topic: &self.state_topic,
                        partition: Some(*number),
                        key: &self.voice.key,
                        value: state,
                        timestamp_ms: time,
                    });
                }
            });
            sent?;
        }
        Ok(())
    }

    fn committed(&mut self) {
        self.voice.pending.apply(&self.shared.metrics, &self.shared.pipeline);
        for (number, partition) in &self.partitions {
            self.tell(*number, partition);
        }
    }
}

impl Drop for WindowsStage {
    fn drop(&mut self) {
        // Whoever takes them over tells of them then.
        for partition in self.partitions.keys() {
            self.shared.standings.forget(*partition);
            self.shared.pipeline.forget_state(*partition);
        }
    }
}

impl WindowsStage {
    /// Shows what is held of a partition in the metrics.
    fn tell(&self, number: i32, partition: &Partition) {
        let windows = &partition.windows;
        self.shared.standings.publish(number, windows);
        let (credentials, bytes) = (windows.credentials(), windows.state_bytes());
        self.shared.pipeline.state(number, credentials as u64, bytes);
    }
}

impl Voice {
    fn refuse(
        &mut self,
        outbox: &mut Outbox,
        record: Record<'_>,
        rejection: &Rejection,
        event: Option<EventName<'_>>,
    ) -> Result<(), Fault> {
        self.pending.rejected(rejection.reason);
        self.letters.record(outbox, record, rejection, event)
    }

    fn say(
        &mut self,
        partition: i32,
        now: Timestamp,
        output: &Output<'_>,
        outbox: &mut Outbox,
    ) -> Result<(), Fault> {
        match *output {
            Output::Window { window, is_final, reached, hollow, news } => {
                self.pending.window(window, reached, &self.shared.settings.race);
                if let Some(reasons) = hollow.filter(|_| news.judged) {
                    let quality = Quality::of(reasons, self.assessed(window));
                    self.pending.judged(window, quality, reasons);
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
            Output::ReviewDue { window, due, hollow } => {
                let quality = hollow.map(|reasons| Quality::of(reasons, self.assessed(window)));
                if let Some(outcome) = due.outcome(quality) {
                    self.pending.review_due(window.key.workflow, outcome);
                }
                Ok(())
            }
            Output::Retracted { exposure } => {
                self.void(exposure, outbox)?;
                for finding in Finding::FACTS {
                    let key = format!("{finding}/{exposure}");
                    find(outbox, &self.findings_topic, &key, None)?;
                }
                self.write_key(exposure);
                outbox.send(Outgoing {
                    topic: &self.windows_topic,
                    partition: Some(partition),
                    key: &self.key,
                    value: None,
                    timestamp_ms: None,
                })
            }
            Output::Alert { exposure, window, alert, transition, change } => {
                self.pending.alert(alert, transition);
                json(
                    &mut self.value,
                    &AlertRecord::new(alert, transition, change.at, exposure, window),
                )?;
                self.key.clear();
                self.key.extend_from_slice(format!("{alert}/{exposure}").as_bytes());
                let (topic, key) = (&self.alerts_topic, &self.key);
                announce(outbox, topic, Some(partition), key, &self.value, transition)?;
                self.withdraw(exposure, alert, change, outbox)
            }
            Output::Orphan { .. } => Ok(()),
            Output::Late { key, id, kind, events } => self.late(now, key, id, kind, events, outbox),
        }
    }

    /// Whether there is anything to judge the window's decision by.
    fn assessed(&self, window: &Window<'_>) -> bool {
        let profile = self.shared.settings.profiles.get(window.key.workflow);
        Review::of(window, profile, &self.shared.settings.oversight)
            .is_some_and(|review| review.is_assessed())
    }

    fn window(
        &mut self,
        partition: i32,
        now: Timestamp,
        window: &Window<'_>,
        hollow: Option<HollowReasons>,
        is_final: bool,
        outbox: &mut Outbox,
    ) -> Result<(), Fault> {
        let judged = window.decision.is_none() || hollow.is_some();
        let profile = self.shared.settings.profiles.get(window.key.workflow);
        let reasons = hollow.unwrap_or_default();
        let judgement = Judgement::found(window, reasons, profile, &self.shared.settings.oversight);
        let told = Circumstances {
            // Of a window without a decision there is nothing to judge.
            judgement: judged.then_some(&judgement),
            race: &self.shared.settings.race,
            oversight: &self.shared.settings.oversight,
            as_of: now,
            is_final,
        };
        json(&mut self.value, &LedgerRecord::new(window, told, &mut self.people))?;
        self.write_key(window.exposure_id());
        outbox.send(Outgoing {
            topic: &self.windows_topic,
            partition: Some(partition),
            key: &self.key,
            value: Some(&self.value),
            timestamp_ms: None,
        })
    }

    /// Hands a decided window on to whoever judges its reviewer: each time that it
    /// changes, as a higher revision replaces a lower one.
    fn review(
        &mut self,
        window: &Window<'_>,
        answered: bool,
        outbox: &mut Outbox,
    ) -> Result<(), Fault> {
        let profile = self.shared.settings.profiles.get(window.key.workflow);
        let Some(review) = Review::of(window, profile, &self.shared.settings.oversight) else {
            return Ok(());
        };
        self.key.clear();
        self.key.extend_from_slice(self.reviewers.show(&review.reviewer).as_bytes());
        json(&mut self.value, &Handed::Review { review, answered })?;
        self.hand_on(outbox)
    }

    /// Takes back what was handed on of a window.
    fn void(&mut self, exposure: ExposureId<'_>, outbox: &mut Outbox) -> Result<(), Fault> {
        self.write_key(exposure);
        json(&mut self.value, &Handed::Void(exposure.into()))?;
        self.hand_on(outbox)
    }

    fn hand_on(&mut self, outbox: &mut Outbox) -> Result<(), Fault> {
        outbox.send(Outgoing {
            topic: &self.reviews_topic,
            // All reviewers are judged together.
            partition: Some(0),
            key: &self.key,
            value: Some(&self.value),
            timestamp_ms: None,
        })
    }

    /// Takes back the finding that goes with an alert, where the alert ends because a
    /// late event showed that it was none.
    fn withdraw(
        &mut self,
        exposure: ExposureId<'_>,
        alert: Alert,
        change: Change,
        outbox: &mut Outbox,
    ) -> Result<(), Fault> {
        let [ai_acted_first, seeded_case_missed] = Finding::FACTS;
        let gone = match (alert, change.cause) {
            (Alert::AiActedFirst, Cause::Undone) => ai_acted_first,
            (Alert::SeededCaseMissed, Cause::Undone) => seeded_case_missed,
            _ => return Ok(()),
        };
        let key = format!("{gone}/{exposure}");
        find(outbox, &self.findings_topic, &key, None)
    }

    /// Tells the facts that are findings, anew with each revision: what is told of
    /// one is more once a person has decided, too.
    fn findings(&mut self, window: &Window<'_>, outbox: &mut Outbox) -> Result<(), Fault> {
        let oversight = &self.shared.settings.oversight;
        let reviewer = window.decision.map(|decision| oversight.canonical(decision.reviewer));
        let reviewer = reviewer.map(|reviewer| self.people.show(reviewer));
        let facts = [
            Finding::ai_acted_first(window, reviewer),
            Finding::seeded_case_missed(window, reviewer),
        ];
        for found in facts.iter().flatten() {
            json(&mut self.value, found)?;
            let key = format!("{}/{}", found.name(), window.exposure_id());
            find(outbox, &self.findings_topic, &key, Some(&self.value))?;
        }
        Ok(())
    }

    fn late(
        &mut self,
        now: Timestamp,
        key: Key<'_>,
        id: &str,
        kind: Kind,
        events: u64,
        outbox: &mut Outbox,
    ) -> Result<(), Fault> {
        let why = "more than the settle time after its window's closing";
        let rejection = Rejection::new(RejectReason::Late, why);
        self.pending.rejected(rejection.reason);
        let event = EventName { credential_id: key.credential_id, id, kind, events };
        self.letters.event(outbox, now, &rejection, event)
    }

    fn write_key(&mut self, exposure: ExposureId<'_>) {
        use std::io::Write as _;
        self.key.clear();
        // Writing to memory does not fail.
        let _ = write!(self.key, "{exposure}");
    }
}

/// Sends a finding, or takes it back.
fn find(outbox: &mut Outbox, topic: &str, key: &str, value: Option<&[u8]>) -> Result<(), Fault> {
    outbox.send(Outgoing {
        topic,
        partition: Some(0),
        key: key.as_bytes(),
        value,
        timestamp_ms: None,
    })
}

fn name<'e>(event: &'e Event<'_>) -> EventName<'e> {
    EventName { credential_id: &event.credential_id, id: &event.id, kind: event.kind(), events: 1 }
}
