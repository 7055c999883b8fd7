//! Reviews → judgements, findings, alerts about reviewers: the second stage.
//!
//! Invariants: one partition holds all reviewers, since agreement is compared with that
//! of peers and a list keeps its promise among everybody. A review that waits stays in
//! the changelog until all of it is judged. Time is how far the windows have come, so
//! that a decision is judged when everything before it is there, even when the pipeline
//! is behind.

use std::sync::Arc;

use super::changelog::Part;
use super::context::Context;
use super::fault::Fault;
use super::outbox::{Outbox, Outgoing, Topic};
use super::publish::{Lines, OversightPublisher, Publisher, json};
use super::record::{Record, lines};
use super::stage::Stage;
use super::state::{Overseeing, Restored, State};
use super::waiting_reviews::WaitingReviews;
use crate::engine::oversight::{Change, Receipt, Rules};
use crate::formats::{RejectReason, Rejection};
use crate::metrics::PipelineStage;
use crate::records::{Exposure, Handed, RulesShown};
use crate::runtime::reviewer_alerts;
use crate::time::{Span, Timestamp};

/// How often, by the time of the stage, it looks who is on which list.
const LISTS_EVERY: Span = Span::from_secs(10);
/// Decisions and truths that one punctuation judges: one transaction has to hold what
/// follows.
const STEPS_MAX: usize = 50_000;
/// That somebody is on a list: the key says all.
const LISTED: &[u8] = b"{}";
/// The partition that holds all reviewers.
const ONLY: i32 = 0;

/// The stage.
pub struct Oversight {
    context: Arc<Context>,
    held: Option<Held>,
    publisher: Publisher,
    rules: Arc<Rules>,
    shown: RulesShown,
    /// Alerts about reviewers that fired or resolved; the board shows them once they are
    /// committed.
    changes: Vec<reviewer_alerts::Change>,
    /// What goes back to the windows.
    judgements: Lines,
    value: Vec<u8>,
}

/// The one partition.
struct Held {
    overseeing: Overseeing,
    /// How far its time has come; it never goes back.
    time: Option<Timestamp>,
    /// Whether anything was judged since the lists were last looked at.
    news: bool,
    /// When that was.
    looked_at: Option<Timestamp>,
    waiting: WaitingReviews,
    /// What is still to be written again.
    rewriting: Option<Rewriting>,
}

/// How far the state is written again.
struct Rewriting {
    /// Whether the lists are.
    lists: bool,
    /// The reviewer to go on with.
    reviewers: Option<usize>,
    /// Reviews that wait.
    waiting: Vec<Vec<u8>>,
}

impl Oversight {
    /// A stage that judges by `rules`.
    pub fn new(context: &Arc<Context>, rules: &Arc<Rules>) -> Oversight {
        Oversight {
            held: None,
            publisher: Publisher::new(context, Self::KIND),
            rules: Arc::clone(rules),
            shown: RulesShown::new(&context.oversight, &context.profiles),
            changes: Vec::new(),
            judgements: Lines::judgements(),
            value: Vec::new(),
            context: Arc::clone(context),
        }
    }
}

impl Stage for Oversight {
    const KIND: PipelineStage = PipelineStage::Oversight;
    const ALIGNED: bool = true;
    const DEFERS: bool = true;

    fn begin(&mut self, restored: Restored) {
        let Restored { state: State::Oversight(mut overseeing), time, .. } = restored else {
            return;
        };
        let waiting = WaitingReviews::restored(overseeing.resume());
        let overseeing = *overseeing;
        let (news, looked_at, rewriting) = (true, None, None);
        self.held = Some(Held { overseeing, time, news, looked_at, waiting, rewriting });
    }

    fn revoke(&mut self, _partition: i32) {
        self.held = None;
        self.context.metrics.forget_reviewers();
        self.context.reviewer_alerts.clear();
    }

    fn take<O: Outbox>(
        &mut self,
        record: Record<'_>,
        outbox: &mut O,
    ) -> Result<Option<Timestamp>, Fault> {
        for value in lines(record.value) {
            self.take_one(Record { value, ..record }, outbox)?;
        }
        self.judgements.flush(outbox).map(|()| None)
    }

    fn time(&self, _partition: i32) -> Option<Timestamp> {
        self.held.as_ref()?.time
    }

    fn next_punctuation(&mut self, _partition: i32) -> Option<Timestamp> {
        let held = self.held.as_ref()?;
        let look = held.looked_at.filter(|_| held.news).map(|looked| looked + LISTS_EVERY);
        [held.overseeing.stage.next_deadline(), look].into_iter().flatten().min()
    }

    fn punctuate<O: Outbox>(
        &mut self,
        _partition: i32,
        now: Timestamp,
        outbox: &mut O,
    ) -> Result<bool, Fault> {
        let Oversight { held: Some(held), publisher, rules, shown, changes, judgements, .. } = self
        else {
            return Ok(true);
        };
        let now = held.time.map_or(now, |before| before.max(now));
        held.time = Some(now);
        let news = &mut held.news;
        let mut publisher =
            OversightPublisher { publisher, outbox, rules, shown, changes, judgements };
        let Overseeing { stage, listed, .. } = &mut held.overseeing;
        let mut sent = Ok(());
        let all = stage.advance_some(now, STEPS_MAX, &mut |output| {
            if sent.is_ok() {
                *news = true;
                sent = publisher.publish(&output);
            }
        });
        sent?;
        publisher.judgements.flush(publisher.outbox)?;
        if !all {
            return Ok(false);
        }
        if *news && held.looked_at.is_none_or(|looked| looked + LISTS_EVERY <= now) {
            (*news, held.looked_at) = (false, Some(now));
            let now_listed = publisher.lists(stage, listed, now)?;
            for changed in listed.symmetric_difference(&now_listed) {
                let value = now_listed.contains(changed).then_some(LISTED);
                send(outbox, held.time, &Part::Listed.key(changed), value)?;
            }
            *listed = now_listed;
        }
        Ok(true)
    }

    fn checkpoint<O: Outbox>(&mut self, outbox: &mut O) -> Result<(), Fault> {
        let Some(held) = &mut self.held else { return Ok(()) };
        let (time, bytes, waiting) = (held.time, &mut self.value, &mut held.waiting);
        let mut sent = Ok(());
        held.overseeing.stage.changes(&mut |change| {
            if sent.is_err() {
                return;
            }
            sent = match change {
                Change::Reviewer { name, state } => {
                    send(outbox, time, &Part::Reviewer.key(name), Some(state))
                }
                Change::Settled(exposure) => {
                    let key = Part::Review.key(exposure);
                    if waiting.settle(&key) { send(outbox, time, &key, None) } else { Ok(()) }
                }
                Change::Period(counts) => json(bytes, counts).and_then(|()| {
                    send(outbox, time, &Part::Period.key(counts.period), Some(bytes))
                }),
            };
        });
        sent?;
        held.save(outbox)
    }

    fn held(&self, _partition: i32) -> usize {
        self.held.as_ref().map_or(0, |held| {
            let Overseeing { stage, listed, .. } = &held.overseeing;
            stage.reviewers() + listed.len() + held.waiting.len()
        })
    }

    fn rewrite<O: Outbox>(
        &mut self,
        _partition: i32,
        most: usize,
        outbox: &mut O,
    ) -> Result<bool, Fault> {
        let Some(held) = &mut self.held else { return Ok(true) };
        let left = held.rewriting.get_or_insert_with(|| Rewriting {
            lists: true,
            reviewers: Some(0),
            waiting: held.waiting.saved(),
        });
        if std::mem::take(&mut left.lists) {
            for listed in &held.overseeing.listed {
                send(outbox, held.time, &Part::Listed.key(listed), Some(LISTED))?;
            }
        }
        if let Some(from) = left.reviewers {
            left.reviewers = held.overseeing.stage.rewrite(from, most);
            return Ok(false);
        }
        let rest = left.waiting.len().saturating_sub(most);
        left.waiting.drain(rest..).for_each(|key| held.waiting.rewrite(key));
        let all = left.waiting.is_empty();
        if all {
            held.rewriting = None;
        }
        Ok(all)
    }

    fn committed(&mut self) {
        self.publisher.committed();
        for change in self.changes.drain(..) {
            self.context.reviewer_alerts.apply(change);
        }
    }
}

impl Oversight {
    /// Takes in one review, or that one no longer holds.
    fn take_one<O: Outbox>(&mut self, record: Record<'_>, outbox: &mut O) -> Result<(), Fault> {
        let Oversight { held: Some(held), publisher, rules, shown, changes, judgements, .. } = self
        else {
            return Ok(());
        };
        let value = record.value;
        let rejection = match serde_json::from_slice(value) {
            Ok(Handed::Review { review, answered, former }) => {
                let key = Part::Review.key(review.exposure_id());
                let former: Vec<_> = former.iter().map(Exposure::id).collect();
                let receipt = held.overseeing.stage.handle_renamed(review, &former);
                if matches!(receipt, Receipt::Held | Receipt::Learning)
                    && held.waiting.hold(key, value)
                {
                    held.save(outbox)?;
                }
                // Its window waits for an answer. Rare enough to read the review once more.
                if receipt != Receipt::Held
                    && !answered
                    && let Ok(Handed::Review { review, .. }) = serde_json::from_slice(value)
                {
                    let mut publisher =
                        OversightPublisher { publisher, outbox, rules, shown, changes, judgements };
                    publisher.judgement(&review, None)?;
                }
                if receipt != Receipt::Refused {
                    return Ok(());
                }
                let why = "more reviewers than [oversight] reviewers allows";
                Rejection::new(RejectReason::BeyondBound, why)
            }
            Ok(Handed::Void(exposure)) => {
                held.overseeing.stage.retract(exposure.id());
                let mut publisher =
                    OversightPublisher { publisher, outbox, rules, shown, changes, judgements };
                return publisher.void(exposure.id());
            }
            Err(_) => Rejection::new(RejectReason::InvalidValue, "not a review that was handed on"),
        };
        self.publisher.refuse(record, &rejection, None, outbox)
    }
}

impl Held {
    /// Writes the reviews that wait and are not in the changelog yet.
    fn save<O: Outbox>(&mut self, outbox: &mut O) -> Result<(), Fault> {
        let time = self.time;
        self.waiting.save(|key, review| send(outbox, time, key, Some(review)))
    }
}

impl Drop for Oversight {
    fn drop(&mut self) {
        if self.held.is_some() {
            self.revoke(ONLY);
        }
    }
}

/// Sends a record of the changelog.
fn send<O: Outbox>(
    outbox: &mut O,
    time: Option<Timestamp>,
    key: &[u8],
    value: Option<&[u8]>,
) -> Result<(), Fault> {
    outbox.send(Outgoing::changelog(Topic::Reviewers, ONLY, time, key, value))
}
