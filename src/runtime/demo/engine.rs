//! Both stages in one thread, handing records to each other.

use std::sync::Arc;

use super::outbox::{DemoOutbox, Sent};
use crate::engine::oversight::Rules;
use crate::event::Event;
use crate::formats::Format;
use crate::runtime::stages::{
    Context, Fault, Fresh, OWN_EVENTS, Oversight, Record, Restored, Stage, WindowsStage,
};
use crate::runtime::view::View;
use crate::time::{Span, Timestamp};

/// The longest step of the demo's time.
const STEP_MAX: Span = Span::from_mins(1);

/// The partition of both stages: there is one.
pub(super) const PARTITION: i32 = 0;

/// The stages and how far their time has come.
pub(super) struct Engine {
    windows: WindowsStage,
    oversight: Oversight,
    outbox: DemoOutbox,
    value: Vec<u8>,
    reached: Option<Timestamp>,
}

impl Engine {
    /// Both stages with nothing in them; `windows` is the empty state of the first.
    pub(super) fn new(
        context: &Arc<Context>,
        view: &Arc<View>,
        windows: &Fresh,
        rules: Rules,
    ) -> Engine {
        let rules = Arc::new(rules);
        let mut engine = Engine {
            windows: WindowsStage::new(context, &[Format::Native]),
            oversight: Oversight::new(context, &rules),
            outbox: DemoOutbox {
                view: Arc::clone(view),
                now: Timestamp::MIN,
                reviews: Vec::new(),
                judgements: Vec::new(),
            },
            value: Vec::new(),
            reached: None,
        };
        let empty =
            |fresh: &Fresh| Restored { partition: PARTITION, state: fresh.state(), time: None };
        engine.windows.begin(empty(windows));
        engine.oversight.begin(empty(&Fresh::Oversight(rules)));
        engine
    }

    /// How far time may go in one step towards `now`. Over a stretch without events,
    /// such as that before the first one, it goes at once.
    pub(super) fn step_until(&self, now: Timestamp, next: Option<Timestamp>) -> Timestamp {
        match self.reached.or(next) {
            Some(reached) => now.min(reached + STEP_MAX),
            None => now,
        }
    }

    /// Takes in an event.
    pub(super) fn take(&mut self, event: &Event<'_>) -> Result<(), Fault> {
        self.value.clear();
        serde_json::to_writer(&mut self.value, event)
            .map_err(|error| Fault::Lasting(error.to_string()))?;
        let record = record(event.credential_id.as_bytes(), &self.value);
        self.windows.take(record, &mut self.outbox).map(drop)
    }

    /// Brings both stages up to `now`.
    pub(super) fn advance(&mut self, now: Timestamp) -> Result<(), Fault> {
        self.reached = Some(now);
        self.outbox.now = now;
        while !self.windows.punctuate(PARTITION, now, &mut self.outbox)? {}
        let reviews = std::mem::take(&mut self.outbox.reviews);
        take_all(&mut self.oversight, &reviews, &mut self.outbox)?;
        while !self.oversight.punctuate(PARTITION, now, &mut self.outbox)? {}
        let judgements = std::mem::take(&mut self.outbox.judgements);
        if !judgements.is_empty() {
            take_all(&mut self.windows, &judgements, &mut self.outbox)?;
            while !self.windows.punctuate(PARTITION, now, &mut self.outbox)? {}
        }
        // Nothing keeps the state, but a stage remembers what changed until it is asked.
        self.oversight.checkpoint(&mut self.outbox)?;
        self.windows.committed();
        self.oversight.committed();
        Ok(())
    }

    /// When something happens next, the next event coming at `next`.
    pub(super) fn next_deadline(&mut self, next: Timestamp) -> Timestamp {
        let own =
            [self.windows.next_punctuation(PARTITION), self.oversight.next_punctuation(PARTITION)];
        own.into_iter().flatten().fold(next, Timestamp::min)
    }
}

fn take_all<S: Stage>(
    stage: &mut S,
    records: &[Sent],
    outbox: &mut DemoOutbox,
) -> Result<(), Fault> {
    records.iter().try_for_each(|(key, value)| stage.take(record(key, value), outbox).map(drop))
}

fn record<'r>(key: &'r [u8], value: &'r [u8]) -> Record<'r> {
    Record {
        input: OWN_EVENTS,
        topic: "demo",
        partition: PARTITION,
        offset: 0,
        written_at: None,
        key: Some(key),
        value,
        headers: None,
    }
}
