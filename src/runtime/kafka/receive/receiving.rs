//! The thread that takes deliveries.
//!
//! A session lasts from a new producer to a fault of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::producer::IdempotentProducer;
use super::recent::RecentLetters;
use super::unanswered::Unanswered;
use crate::formats::{Format, Identity};
use crate::runtime::clock;
use crate::runtime::health::WorkerHealth;
use crate::runtime::kafka::client::admin;
use crate::runtime::kafka::shared::Shared;
use crate::runtime::receive::{Delivery, DeliveryIntake, refuse};
use crate::runtime::retry::Retry;
use crate::runtime::stages::Fault;
use crate::time::Span;

/// How long it waits for deliveries at most, and so how soon a stop is seen.
const WAIT_MAX: Span = Span::from_millis(50);
/// How long the brokers may take to say that they are there.
const ASK_WITHIN: Span = Span::from_millis(500);
/// How long deliveries are refused until the brokers are asked again.
const ASK_EVERY: Span = Span::from_millis(500);

/// How often the brokers are asked whether they can acknowledge what is written.
const DOUBT_EVERY: Span = Span::from_secs(1);

/// How many times `transaction_timeout` a producer may find no broker before another one tries.
const UNANSWERED_MAX: i64 = 2;
/// How long a new producer has before another one may replace it. Metadata may show nothing of
/// what is wrong with a partition. Then no producer gets to it, and each replacement interrupts the
/// deliveries to the other partitions.
const REPLACE_EVERY: Span = Span::from_secs(300);
/// How long records on their way to other partitions have before a producer is replaced.
const FLUSH_WITHIN: Span = Span::from_secs(1);

/// Why deliveries are refused while that is so.
const NO_ANSWER: &str = "no broker answers";

/// What the receivers of a process hand over, and how it is read.
#[derive(Debug)]
pub struct Receiving {
    /// Name and format of each receiver, in the order of their numbers.
    pub receivers: Vec<(String, Format)>,
    /// What they got.
    pub deliveries: Receiver<Delivery>,
}

/// Takes deliveries until `stop` is set.
///
/// # Errors
/// A fault that lasts.
pub(crate) fn run(
    shared: &Shared,
    receiving: &Receiving,
    health: &WorkerHealth,
    stop: &AtomicBool,
) -> Result<(), Fault> {
    let (mut retry, recent, mut kept) = (Retry::new(), Arc::default(), Kept::default());
    loop {
        let began = clock::uptime();
        let ended = session(shared, receiving, &recent, &mut kept, health, stop);
        let Err(fault) = ended else { return Ok(()) };
        let after = retry.after(fault, clock::since(began));
        let (why, pause) = after.inspect_err(|fault| health.failed(fault.to_string()))?;
        shared.health.set_trouble(Some(why.clone()));
        tracing::warn!("the receivers begin anew: {why}");
        refuse(&receiving.deliveries, pause, stop, &why);
    }
}

/// What one session leaves to the next.
#[derive(Default)]
struct Kept {
    /// When a producer was last replaced because it got nowhere, as uptime.
    replaced_at: Option<Span>,
    /// How many replicas must have a record, as far as the brokers have said so.
    replicas_min: usize,
}

fn session(
    shared: &Shared,
    receiving: &Receiving,
    recent: &Arc<RecentLetters>,
    kept: &mut Kept,
    health: &WorkerHealth,
    stop: &AtomicBool,
) -> Result<(), Fault> {
    let deliveries = &receiving.deliveries;
    let patience = shared.settings.kafka.transaction_timeout;
    // The brokers may be away by now, and then they do not say.
    let replicas_min = admin::replicas_min(&shared.settings, &shared.tokens);
    kept.replicas_min = kept.replicas_min.max(replicas_min);
    let mut session = Session {
        producer: IdempotentProducer::new(shared, kept.replicas_min)?,
        intake: DeliveryIntake::new(&shared.stages, &receiving.receivers),
        number: 0,
        recent: Arc::clone(recent),
        identity: shared.stages.identity.clone(),
        doubt_at: Span::ZERO,
        unanswered_since: None,
    };
    while !stop.load(Ordering::Acquire) {
        health.progressed(clock::uptime());
        session.producer.acknowledgements().usable()?;
        let answered = session.is_answered();
        let now = clock::uptime();
        if kept.replaced_at.is_none_or(|at| now >= at + REPLACE_EVERY)
            && let Some(why) = session.gets_nowhere(patience)
        {
            kept.replaced_at = Some(now);
            session.producer.flush(FLUSH_WITHIN);
            return Err(Fault::Passing(format!("{why}: a new producer begins")));
        }
        if !answered {
            // Whoever balances deliveries should send them elsewhere meanwhile.
            shared.health.set_trouble(Some(NO_ANSWER.to_owned()));
            refuse(deliveries, ASK_EVERY, stop, NO_ANSWER);
            session.doubt_at = Span::ZERO;
            continue;
        }
        if clock::uptime() >= session.doubt_at {
            session.doubt_at = clock::uptime() + DOUBT_EVERY;
            // Deliveries are taken all the same: some partitions may acknowledge them.
            shared.health.set_trouble(session.producer.doubt(ASK_WITHIN));
        }
        health.assigned();
        match deliveries.recv_timeout(WAIT_MAX.to_std()) {
            Ok(delivery) => session.take(delivery)?,
            Err(RecvTimeoutError::Timeout) => health.caught_up(true),
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(WAIT_MAX.to_std()),
        }
    }
    // What waits in the queue was not answered yet.
    for delivery in deliveries.try_iter() {
        session.take(delivery)?;
    }
    session.producer.flush(patience);
    Ok(())
}

/// The receivers between a new producer and a fault of it.
struct Session {
    producer: IdempotentProducer,
    intake: DeliveryIntake,
    /// The number of the latest delivery, which dead letters cite as its offset.
    number: i64,
    recent: Arc<RecentLetters>,
    identity: Identity,
    /// When to ask again whether the brokers can acknowledge what is written, as uptime.
    doubt_at: Span,
    /// Since when no broker answers, as uptime.
    unanswered_since: Option<Span>,
}

impl Session {
    /// Whether some broker answers.
    fn is_answered(&mut self) -> bool {
        let known = self.producer.acknowledgements().is_answered();
        let answered = known || self.producer.ask(ASK_WITHIN);
        if answered {
            self.unanswered_since = None;
        } else {
            self.unanswered_since.get_or_insert_with(clock::uptime);
        }
        answered
    }

    /// Why another producer may do better.
    fn gets_nowhere(&self, patience: Span) -> Option<String> {
        match self.unanswered_since {
            Some(since) => {
                let most = patience.as_millis() * UNANSWERED_MAX;
                (clock::since(since).as_millis() >= most).then(|| NO_ANSWER.to_owned())
            }
            None => self.producer.stuck(patience, ASK_WITHIN),
        }
    }

    fn take(&mut self, delivery: Delivery) -> Result<(), Fault> {
        let Delivery { mut received, permit, answer } = delivery;
        // It grows over restarts, and leads to the entry in the sender's list of deliveries.
        self.number = (self.number + 1).max(received.arrived_at.as_millis());
        let unanswered = Arc::new(Unanswered::new(answer, permit, &self.recent));
        let mut outbox = self.producer.outbox(&unanswered, &self.identity);
        let taken = self.intake.take(&mut received, self.number, &mut outbox);
        let figures = self.intake.figures();
        match taken {
            Ok(taken) => unanswered.sent(taken, figures),
            Err(fault) => {
                unanswered.fail(fault.to_string());
                // A queue that is full, for instance, is the fault of this delivery alone.
                if !matches!(fault, Fault::Passing(_)) {
                    return Err(fault);
                }
            }
        }
        Ok(())
    }
}
