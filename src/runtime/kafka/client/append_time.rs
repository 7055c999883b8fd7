//! Compares this machine's clock with that of the brokers before a run starts.
//!
//! Brokers tell their time only where they append a record to a topic with
//! `message.timestamp.type=LogAppendTime`. So the run appends one to its topic of dead letters,
//! in a transaction that it aborts: consumers with `read_committed` never see the record.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::message::{DeliveryResult, Message, Timestamp as Stamp};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::auth::Tokens;
use super::config;
use super::context::{ClientEvents, Context};
use crate::runtime::clock;
use crate::runtime::stages::Fault;
use crate::settings::{Delivery, Role, Settings};
use crate::time::{Span, Timestamp};

/// A clock that is further off keeps the run from starting: deadlines would pass too early, or too
/// late, and what fired cannot be taken back.
const OFF_MAX: Span = Span::from_mins(5);
/// A clock that is further off is reported.
const OFF_TOLERATED: Span = Span::from_secs(2);
/// How long the comparison may take.
const WITHIN: Span = Span::from_secs(10);

/// Compares the clocks, unless the brokers do not let this run append with a time of theirs.
///
/// # Errors
/// The clocks are so far apart that one of them is wrong.
pub(crate) fn compare(settings: &Settings, tokens: &Tokens) -> Result<(), Fault> {
    if settings.kafka.role == Role::Receiver || settings.kafka.delivery != Delivery::ExactlyOnce {
        return Ok(());
    }
    match append(settings, tokens) {
        Ok(Some(appended)) => judge(&appended),
        Ok(None) => {
            tracing::debug!("the brokers do not stamp dead letters; clocks are not compared");
            Ok(())
        }
        Err(fault) => {
            tracing::warn!("this machine's clock could not be compared with the brokers': {fault}");
            Ok(())
        }
    }
}

/// When a broker appended a record, between two looks at this machine's clock.
#[derive(Clone, Copy, Debug)]
struct Appended {
    before: Timestamp,
    at: Timestamp,
    after: Timestamp,
}

impl Appended {
    /// How far this machine's clock is ahead of the broker's, at least; negative if behind.
    fn ahead(&self) -> Span {
        if self.at < self.before {
            return self.before.since(self.at);
        }
        Span::from_millis(-self.at.since(self.after).max(Span::ZERO).as_millis())
    }
}

fn judge(appended: &Appended) -> Result<(), Fault> {
    let ahead = appended.ahead();
    let off = Span::from_millis(ahead.as_millis().abs());
    let (seconds, word) =
        (off.as_millis() / 1000, if ahead > Span::ZERO { "ahead of" } else { "behind" });
    if off > OFF_MAX {
        return Err(Fault::Lasting(format!(
            "this machine's clock ({}) is {seconds} s {word} that of the brokers ({}): deadlines \
             would pass at wrong times; set the wrong clock, for example with an NTP service, and \
             start again",
            appended.after, appended.at
        )));
    }
    if off > OFF_TOLERATED {
        tracing::warn!("this machine's clock is {seconds} s {word} that of the brokers");
    }
    Ok(())
}

/// Keeps what became of the one record.
#[derive(Debug, Default)]
struct Outcome(Mutex<Option<Result<Option<Timestamp>, String>>>);

impl ClientEvents for Outcome {}

impl ProducerContext for Context<Outcome> {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let outcome = match result {
            Ok(message) => Ok(match message.timestamp() {
                Stamp::LogAppendTime(ms) => Some(Timestamp::from_millis(ms)),
                Stamp::CreateTime(_) | Stamp::NotAvailable => None,
            }),
            Err((error, _)) => Err(error.to_string()),
        };
        *self.own.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }
}

/// Appends the record; `None` where the brokers do not stamp it.
fn append(settings: &Settings, tokens: &Tokens) -> Result<Option<Appended>, Fault> {
    /// More than the record has.
    const RECORD_BYTES_MAX: usize = 1 << 10;
    let failed = |error| Fault::of("comparing clocks", &error);
    let instance = settings.kafka.instance.as_deref().unwrap_or("any");
    let within = WITHIN.as_millis().to_string();
    let mut config = config::producer(&settings.kafka, RECORD_BYTES_MAX);
    config
        .set("transactional.id", format!("{}.clock.{instance}", settings.kafka.group))
        .set("transaction.timeout.ms", &within)
        .set("message.timeout.ms", &within)
        .set("socket.timeout.ms", &within);
    let producer: BaseProducer<Context<Outcome>> =
        config.create_with_context(Context::with(tokens, Outcome::default())).map_err(failed)?;
    tokens.admit(producer.client())?;
    producer.init_transactions(WITHIN.to_std()).map_err(failed)?;
    producer.begin_transaction().map_err(failed)?;
    let topic = settings.topics.dead_letters();
    let before = clock::now();
    let record: BaseRecord<'_, [u8], [u8]> =
        BaseRecord::to(&topic).key(&b"clock"[..]).payload(&b"{}"[..]).partition(0);
    producer.send(record).map_err(|(error, _)| failed(error))?;
    let until = clock::uptime() + WITHIN;
    let outcome = loop {
        producer.poll(Duration::from_millis(10));
        let outcome = producer.context().own.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = outcome.clone() {
            break outcome;
        }
        drop(outcome);
        if clock::uptime() >= until {
            break Err("no broker took the record in time".to_owned());
        }
    };
    let after = clock::now();
    producer.abort_transaction(WITHIN.to_std()).map_err(failed)?;
    let at = outcome.map_err(|why| Fault::Passing(format!("comparing clocks: {why}")))?;
    Ok(at.map(|at| Appended { before, at, after }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The looks at the clock are 100 ms apart.
    fn judged(broker_ms: i64) -> Result<(), Fault> {
        let at = |ms| Timestamp::from_millis(1_800_000_000_000 + ms);
        judge(&Appended { before: at(0), at: at(broker_ms), after: at(100) })
    }

    #[test]
    fn a_clock_that_is_more_than_five_minutes_off_is_refused() {
        for near in [-300_000, -1, 50, 101, 300_100] {
            judged(near).unwrap();
        }
        let Err(Fault::Lasting(why)) = judged(-300_001) else { panic!() };
        assert!(why.contains("300 s ahead of that of the brokers"), "{why}");
        let Err(Fault::Lasting(why)) = judged(3_600_100) else { panic!() };
        assert!(why.contains("3600 s behind that of the brokers"), "{why}");
    }
}
