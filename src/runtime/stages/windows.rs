//! Events keyed by credential → windows, alerts, reviews.
//!
//! Invariants: each partition has an engine of its own, and everything about a credential
//! goes to the same partition number as its events, so that there is one writer at a
//! time. A record whose key is not its credential is refused, since it may lie in the
//! wrong partition. Judgements of decisions come back among the events.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arrival::correct;
use super::changelog;
use super::context::Context;
use super::decode::Decoder;
use super::fault::Fault;
use super::outbox::{Outbox, Outgoing, Topic};
use super::publish::{Lines, Publisher, WindowsPublisher, Writer};
use super::record::{Record, lines};
use super::stage::Stage;
use super::state::{Restored, State};
use crate::engine::Receipt;
use crate::engine::identity::{Message, Names, Refusal, Sent};
use crate::engine::windows::{Bounds, Counts, Windows};
use crate::event::{Event, Kind};
use crate::formats::{Decoded, Format, RejectReason, Rejection};
use crate::metrics::PipelineStage;
use crate::records::{EventName, Forwarded, Judged, write_node};
use crate::runtime::clock;
use crate::time::{Span, Timestamp};

/// The number of our own events among the inputs.
pub const OWN_EVENTS: usize = 0;
/// Credentials of a partition that one punctuation looks at: each may leave several
/// records, and one transaction has to hold them.
const CREDENTIALS_MAX: usize = 50_000;
/// How long a partition goes by the clock before it stops waiting for judgements: those
/// that oversight has yet to make may still be on their way.
const JUDGED_WITHIN: Span = Span::from_mins(60);
/// How many further credentials a partition may hold without asking again what the others hold.
const ROOM: usize = 2_000;
/// Time this close to the clock's is the present.
const PRESENT: Span = Span::from_mins(1);

/// The stage.
pub struct WindowsStage {
    context: Arc<Context>,
    /// By number of the input.
    decoders: Vec<Decoder>,
    partitions: BTreeMap<i32, Partition>,
    /// How many credentials all partitions together may hold.
    bounds: Bounds,
    publisher: Publisher,
    key: Vec<u8>,
    /// What is handed on to oversight.
    reviews: Lines,
}

/// One partition's windows.
struct Partition {
    windows: Windows,
    names: Names,
    /// How far its time has come. It never goes back: what was due would not be any more,
    /// and alerts would end that should not. So the changelog has it, too, as the time of
    /// each record.
    time: Option<Timestamp>,
    /// Up to when everything is emitted. Behind `time` while one transaction could not
    /// hold it all.
    emitted: Option<Timestamp>,
    /// The counts that are in the metrics.
    counted: Counts,
    /// Since when it goes by the clock, as uptime.
    present_since: Option<Span>,
    /// What is still to be written again.
    rewriting: Option<Rewriting>,
}

/// How far the state of a partition is written again.
struct Rewriting {
    /// The place of the windows to go on with.
    windows: Option<usize>,
    names: Vec<Box<str>>,
}

impl WindowsStage {
    /// A stage whose inputs have these formats; the first are our own events.
    pub fn new(context: &Arc<Context>, formats: &[Format]) -> WindowsStage {
        WindowsStage {
            decoders: Decoder::all(context, formats),
            partitions: BTreeMap::new(),
            bounds: Bounds::default(),
            publisher: Publisher::new(context, Self::KIND),
            key: Vec::new(),
            reviews: Lines::reviews(),
            context: Arc::clone(context),
        }
    }

    /// Lets a partition that is near its bounds hold more, as far as all partitions together
    /// may.
    fn make_room(&mut self, number: i32) {
        let partition = self.partitions.get(&number);
        if !partition.is_some_and(|partition| partition.windows.is_near_bounds(ROOM)) {
            return;
        }
        let all = self.partitions.values().map(|partition| partition.windows.held());
        let left = self.bounds.left(all.fold(Bounds::default(), Bounds::plus), 2 * ROOM);
        if let Some(partition) = self.partitions.get_mut(&number) {
            partition.windows.set_bounds(partition.windows.held().plus(left));
        }
    }

    /// Shows what is held of a partition in the metrics.
    fn show(&self, number: i32, windows: &Windows) {
        self.context.standings.publish(number, windows);
        let (credentials, bytes) = (windows.credentials(), windows.state_bytes());
        self.context.pipeline.state(number, credentials as u64, bytes);
    }

    fn hide(&self, number: i32) {
        self.context.standings.forget(number);
        self.context.unjoined.forget(number);
        self.context.pipeline.forget_state(number);
    }
}

impl Stage for WindowsStage {
    const KIND: PipelineStage = PipelineStage::Windows;
    const ALIGNED: bool = true;

    fn begin(&mut self, restored: Restored) {
        let Restored { partition, state: State::Windows(windows, names), time } = restored else {
            return;
        };
        let (counted, mut windows) = (windows.counts(), *windows);
        self.bounds = windows.bounds();
        windows.set_bounds(windows.held());
        let names = names.at_home(partition);
        names.resume(&mut windows);
        self.show(partition, &windows);
        self.context.unjoined.begin(partition);
        let (present_since, rewriting) = (None, None);
        let fresh =
            Partition { windows, names, time, emitted: time, counted, present_since, rewriting };
        self.partitions.insert(partition, fresh);
    }

    fn revoke(&mut self, partition: i32) {
        self.partitions.remove(&partition);
        self.hide(partition);
    }

    fn take<O: Outbox>(
        &mut self,
        record: Record<'_>,
        outbox: &mut O,
    ) -> Result<Option<Timestamp>, Fault> {
        self.make_room(record.partition);
        let Some(partition) = self.partitions.get_mut(&record.partition) else { return Ok(None) };
        let own = record.input == OWN_EVENTS;
        if own && Judged::is(record.value) {
            let now = arrived(partition.time, &record, &self.context);
            for line in lines(record.value) {
                let Some(judged) = Judged::read(line) else {
                    let why = "not a judgement that this program can read";
                    let rejection = Rejection::new(RejectReason::InvalidValue, why);
                    self.publisher.refuse(record, &rejection, None, outbox)?;
                    continue;
                };
                let Partition { windows, names, .. } = &mut *partition;
                let (exposure, found) = (judged.exposure(), (judged.mark, judged.hollow));
                let judge = |send: &mut dyn FnMut(Sent<'_>)| {
                    names.judge(exposure, found, now, windows, send);
                    Ok(Receipt::Held)
                };
                forwarding(&mut self.publisher.writer, outbox, judge)?;
            }
            return Ok(None);
        }
        if own && Forwarded::is(record.value) {
            let Some(sent) = Forwarded::read(record.value) else {
                let why = "not a message between names that this program can read";
                let rejection = Rejection::new(RejectReason::InvalidValue, why);
                return self.publisher.refuse(record, &rejection, None, outbox).map(|()| None);
            };
            return self.forwarded(sent, record, outbox).map(|()| None);
        }
        let mut events = Vec::new();
        let decoder = &self.decoders[record.input];
        // What we write has no headers.
        let decoded = match own {
            true => decoder.decode_value(record, &mut events),
            false => decoder.decode(record, &mut events),
        };
        match decoded {
            Ok(Decoded::Events) => {}
            Ok(Decoded::Skipped(_)) => return Ok(None),
            Ok(Decoded::Mixed(parts)) => self.publisher.refuse_parts(record, &parts, outbox)?,
            Err(rejection) => {
                self.publisher.refuse(record, &rejection, None, outbox)?;
                return Ok(None);
            }
        }
        let now = arrived(partition.time, &record, &self.context);
        if !own {
            let tolerance = self.context.skew_tolerance;
            events.iter_mut().for_each(|event| correct(event, record.written_at, tolerance));
        }
        let mut latest = None;
        for event in &events {
            let refused = if record.key == Some(event.credential_id.as_bytes()) {
                latest = latest.max(Some(event.time));
                self.publisher.pending.event(event);
                let Partition { windows, names, .. } = &mut *partition;
                let writer = &mut self.publisher.writer;
                let refused =
                    forwarding(writer, outbox, |send| names.handle(event, now, windows, send));
                match refused? {
                    None => continue,
                    Some(refused) => refused,
                }
            } else {
                (RejectReason::InvalidValue, "the record's key is not its credential_id")
            };
            let rejection = Rejection::new(refused.0, refused.1);
            self.publisher.refuse(record, &rejection, Some(name(event)), outbox)?;
        }
        Ok(record.bound(latest))
    }

    fn time(&self, partition: i32) -> Option<Timestamp> {
        self.partitions.get(&partition)?.emitted
    }

    fn forwards(&self, partition: i32) -> bool {
        self.partitions.get(&partition).is_some_and(|partition| !partition.names.is_empty())
    }

    fn next_punctuation(&mut self, partition: i32) -> Option<Timestamp> {
        self.partitions.get_mut(&partition)?.windows.next_punctuation()
    }

    fn punctuate<O: Outbox>(
        &mut self,
        number: i32,
        now: Timestamp,
        outbox: &mut O,
    ) -> Result<bool, Fault> {
        let Some(partition) = self.partitions.get_mut(&number) else { return Ok(true) };
        let now = partition.time.map_or(now, |before| before.max(now));
        partition.time = Some(now);
        let uptime = clock::uptime();
        let present = self.context.clock.now().since(now) < PRESENT;
        partition.present_since = partition.present_since.or(Some(uptime)).filter(|_| present);
        let long = |since: Span| uptime >= since + JUDGED_WITHIN;
        partition.windows.expire_unjudged(partition.present_since.is_some_and(long));
        let forgotten = Span::from_millis(-partition.windows.remembers().as_millis());
        partition.names.expire(now + forgotten);
        let Partition { windows, names, .. } = partition;
        let (publisher, reviews) = (&mut self.publisher, &mut self.reviews);
        let mut publisher =
            WindowsPublisher { publisher, outbox, names, partition: number, now, reviews };
        let mut sent = Ok(());
        let all = windows.advance_some(now, CREDENTIALS_MAX, &mut |output| {
            if sent.is_ok() {
                sent = publisher.publish(&output);
            }
        });
        sent?;
        self.reviews.flush(outbox)?;
        if all {
            partition.emitted = Some(now);
        }
        let mut counts = partition.windows.counts();
        counts.duplicate += partition.names.counts().duplicate;
        self.publisher.pending.counts(partition.counted, counts);
        partition.counted = counts;
        Ok(all)
    }

    fn checkpoint<O: Outbox>(&mut self, outbox: &mut O) -> Result<(), Fault> {
        for (number, partition) in &mut self.partitions {
            let mut sent = Ok(());
            partition.windows.checkpoint(&mut |key, state| {
                changelog::write_key(key, &mut self.key);
                if sent.is_ok() {
                    let (key, time) = (&self.key, partition.time);
                    sent =
                        outbox.send(Outgoing::changelog(Topic::State, *number, time, key, state));
                }
            });
            sent?;
            let mut sent = Ok(());
            partition.names.checkpoint(&mut |name, node| {
                changelog::write_name(name, &mut self.key);
                if sent.is_ok() {
                    let (key, time) = (&self.key, partition.time);
                    let state = node.map(write_node).transpose();
                    sent = state.map_err(|error| not_written(&error)).and_then(|state| {
                        let state = state.as_deref();
                        outbox.send(Outgoing::changelog(Topic::State, *number, time, key, state))
                    });
                }
            });
            sent?;
        }
        Ok(())
    }

    fn held(&self, partition: i32) -> usize {
        let partition = self.partitions.get(&partition);
        partition.map_or(0, |held| held.windows.credentials() + held.names.len())
    }

    fn rewrite<O: Outbox>(
        &mut self,
        partition: i32,
        most: usize,
        _outbox: &mut O,
    ) -> Result<bool, Fault> {
        let Some(partition) = self.partitions.get_mut(&partition) else { return Ok(true) };
        let Partition { windows, names, rewriting, .. } = partition;
        let left = rewriting.get_or_insert_with(|| Rewriting {
            windows: Some(0),
            names: names.all().map(Into::into).collect(),
        });
        if let Some(from) = left.windows {
            left.windows = windows.rewrite(from, most);
            if left.windows.is_some() || !left.names.is_empty() {
                return Ok(false);
            }
        }
        let rest = left.names.len().saturating_sub(most);
        left.names.drain(rest..).for_each(|name| names.rewrite(name));
        let all = left.names.is_empty();
        if all {
            *rewriting = None;
        }
        Ok(all)
    }

    fn committed(&mut self) {
        self.publisher.committed();
        for (number, partition) in &self.partitions {
            self.show(*number, &partition.windows);
        }
    }
}

impl WindowsStage {
    /// Takes in what another name sent to one of this partition's.
    fn forwarded<O: Outbox>(
        &mut self,
        sent: Sent<'_>,
        record: Record<'_>,
        outbox: &mut O,
    ) -> Result<(), Fault> {
        let Some(partition) = self.partitions.get_mut(&record.partition) else { return Ok(()) };
        let (id, kind) = match &sent.message {
            Message::Event { event, .. } => (event.id.to_string(), event.kind()),
            Message::Reported(link) => (link.id.to_string(), Kind::IdentityLinked),
            Message::Link { link, .. } => (link.id.to_string(), Kind::IdentityLinked),
            // They move names that are joined already, which is not refused.
            _ => (String::new(), Kind::IdentityLinked),
        };
        let to = sent.to.to_string();
        let now = arrived(partition.time, &record, &self.context);
        let Partition { windows, names, .. } = partition;
        let writer = &mut self.publisher.writer;
        let refused = forwarding(writer, outbox, |send| names.take(sent, now, windows, send))?;
        let Some((reason, why)) = refused else { return Ok(()) };
        let name = EventName { credential_id: &*to, id: &*id, kind, events: 1 };
        self.publisher.refuse(record, &Rejection::new(reason, why), Some(name), outbox)
    }
}

impl Drop for WindowsStage {
    fn drop(&mut self) {
        // Whoever takes the partitions over shows them from then on.
        self.partitions.keys().for_each(|number| self.hide(*number));
    }
}

/// When a record arrived, by the time of its partition. The times within the record are those of
/// sources, whose clocks can be wrong.
fn arrived(time: Option<Timestamp>, record: &Record<'_>, context: &Context) -> Timestamp {
    time.or(record.written_at).unwrap_or_else(|| context.clock.now())
}

/// The JSON library has no errors for what is written.
fn not_written(error: &serde_json::Error) -> Fault {
    Fault::Lasting(format!("writing JSON: {error}"))
}

/// Lets a partition's names take something in, and sends their messages to other names,
/// wherever those are held. Returns why it was not taken, if it was not.
fn forwarding<O: Outbox>(
    writer: &mut Writer,
    outbox: &mut O,
    take: impl FnOnce(&mut dyn FnMut(Sent<'_>)) -> Result<Receipt, Refusal>,
) -> Result<Option<(RejectReason, &'static str)>, Fault> {
    let mut sent = Ok(());
    let receipt = take(&mut |message| {
        if sent.is_ok() {
            let (key, message) = (message.to.as_bytes(), Forwarded(&message));
            sent = writer.send_under(outbox, Topic::Events, None, key, &message);
        }
    });
    sent.map(|()| reason(receipt))
}

/// Why an event or a message was not taken, if it was not.
fn reason(receipt: Result<Receipt, Refusal>) -> Option<(RejectReason, &'static str)> {
    Some(match receipt {
        Ok(Receipt::Held) => return None,
        Ok(Receipt::Late) => (RejectReason::Late, "its window was final already"),
        Ok(Receipt::Refused) => (RejectReason::BeyondBound, "a bound of the engine is reached"),
        Err(Refusal::Late) => (RejectReason::Late, Refusal::Late.text()),
        Err(Refusal::Full) => (RejectReason::BeyondBound, Refusal::Full.text()),
        Err(refusal) => (RejectReason::TooManyAliases, refusal.text()),
    })
}

fn name<'e>(event: &'e Event<'_>) -> EventName<&'e str> {
    EventName { credential_id: &event.credential_id, id: &event.id, kind: event.kind(), events: 1 }
}
