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
    let (mut retry, recent) = (Retry::new(), Arc::default());
    loop {
        let began = clock::uptime();
        let Err(fault) = session(shared, receiving, &recent, health, stop) else { return Ok(()) };
        let after = retry.after(fault, clock::since(began));
        let (why, pause) = after.inspect_err(|fault| health.failed(fault.to_string()))?;
        shared.health.set_trouble(Some(why.clone()));
        tracing::warn!("the receivers begin anew: {why}");
        refuse(&receiving.deliveries, pause, stop, &why);
    }
}

fn session(
    shared: &Shared,
    receiving: &Receiving,
    recent: &Arc<RecentLetters>,
    health: &WorkerHealth,
    stop: &AtomicBool,
) -> Result<(), Fault> {
    let deliveries = &receiving.deliveries;
    let mut session = Session {
        producer: IdempotentProducer::new(shared)?,
        intake: DeliveryIntake::new(&shared.stages, &receiving.receivers),
        number: 0,
        recent: Arc::clone(recent),
        identity: shared.stages.identity.clone(),
        doubt_at: Span::ZERO,
    };
    while !stop.load(Ordering::Acquire) {
        health.progressed(clock::uptime());
        let patience = shared.settings.kafka.transaction_timeout;
        session.producer.check(patience, ASK_WITHIN)?;
        let answered = session.producer.acknowledgements().is_answered();
        if !answered && !session.producer.ask(ASK_WITHIN) {
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
    session.producer.flush(shared.settings.kafka.transaction_timeout);
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
}

impl Session {
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
