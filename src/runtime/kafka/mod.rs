//! The Kafka runtime: topics in, topics out, state in Kafka alone.
//!
//! It runs the stages (`crate::runtime::stages`) between consumers and transactional
//! producers. `client` is what all clients of librdkafka share, `worker` is the loop of one
//! worker, `restore` brings state back, `progress` watches how far the stages before one's
//! own have come, `receive` writes what the receivers got, and `tail` follows a topic for the
//! read side. `export` copies a local store's events. Each stage has workers, and
//! the consumer group decides which worker reads which partition.
//!
//! Invariants: no state outside Kafka that matters; results, state and positions are
//! committed together; a worker that has lost a partition cannot commit for it.

pub mod client;
pub mod export;
pub mod feed;
mod progress;
mod receive;
mod restore;
mod shared;
pub mod tail;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use client::auth::Tokens;
pub use receive::Receiving;
pub use shared::Shared;

use self::client::topics;
use self::progress::monitor;
use self::progress::signals::Signals;
use self::worker::prepare::{self, Setups};
use self::worker::session;
use crate::engine::oversight::Rules;
use crate::formats::Format;
use crate::metrics::PipelineStage;
use crate::runtime::clock;
use crate::runtime::health::WorkerHealth;
use crate::runtime::stages::{Fault, Intake, Oversight, WindowsStage};
use crate::settings::{Role, Settings};
use crate::time::Timestamp;

/// Checks the topics, creating those that are missing if that is allowed. Returns how many
/// partitions our topic of events has.
///
/// # Errors
/// Everything that keeps a run from starting.
pub fn check(settings: &Settings, tokens: &Tokens) -> Result<usize, Fault> {
    client::ensure::ensure(settings, tokens)
}

/// Compares this machine's clock with that of the brokers.
///
/// # Errors
/// They are so far apart that one of them is wrong.
pub fn compare_clocks(settings: &Settings, tokens: &Tokens) -> Result<(), Fault> {
    client::append_time::compare(settings, tokens)
}

/// Visits every record of our topic of events, and when it was written.
///
/// # Errors
/// A topic that cannot be read.
pub fn kept_events(
    settings: &Settings,
    tokens: &Tokens,
    visit: &mut dyn FnMut(&[u8], Option<Timestamp>),
) -> Result<(), String> {
    let topic = tail::Topic::new(&settings.kafka, tokens, settings.topics.events());
    let end = |_, _, high| Ok(high);
    tail::snapshot(&topic, "compare", end, &mut |record| {
        if let Some(event) = record.value {
            visit(event, record.published_at);
        }
    })
    .map(drop)
}

/// All workers, set up and entered in the process's health, but not started yet.
#[derive(Debug)]
pub struct Prepared {
    setups: Setups,
    signals: Signals,
    rules: Arc<Rules>,
    receiving: Option<(Receiving, Arc<WorkerHealth>)>,
}

/// Sets up all workers, and what takes deliveries if the process has receivers.
///
/// # Errors
/// Rules of oversight on which no promise can rest; checked settings have none.
pub fn prepare(
    shared: &Arc<Shared>,
    receiving: Option<Receiving>,
    stop: &Arc<AtomicBool>,
) -> Result<Prepared, Fault> {
    let rules = Rules::new(shared.settings.oversight.clone())
        .map_err(|fault| Fault::Lasting(fault.to_string()))?;
    let (signals, rules) = (Signals::default(), Arc::new(rules));
    let setups = match shared.settings.kafka.role {
        Role::All => prepare::all(shared, stop, &signals, &rules),
        Role::Receiver => Setups::default(),
    };
    let worker = || shared.health.worker(PipelineStage::Receivers, 0, clock::uptime());
    let receiving = receiving.map(|receiving| (receiving, worker()));
    Ok(Prepared { setups, signals, rules, receiving })
}

/// Runs all workers until `stop` is set or one of them cannot go on.
///
/// # Errors
/// The first fault that lasts; all workers have ended then.
pub fn run(shared: &Arc<Shared>, prepared: Prepared, stop: &Arc<AtomicBool>) -> Result<(), Fault> {
    let Prepared { setups, signals, rules, receiving } = prepared;
    let (settings, context) = (&shared.settings, &shared.stages);
    let sources = settings.sources.iter().filter(|source| !source.prekeyed);
    let sources: Vec<Format> = sources.map(|source| source.format).collect();
    let inputs = topics::windows_inputs(settings);
    let inputs: Vec<Format> = inputs.iter().map(|input| input.format).collect();
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for setup in &setups.intake {
            workers.push(named(scope, "intake", setup.number, stop, || {
                session::run(setup, &|| Intake::new(context, &sources))
            })?);
        }
        for setup in &setups.windows {
            workers.push(named(scope, "windows", setup.number, stop, || {
                session::run(setup, &|| WindowsStage::new(context, &inputs))
            })?);
        }
        for setup in &setups.oversight {
            workers.push(named(scope, "oversight", setup.number, stop, || {
                session::run(setup, &|| Oversight::new(context, &rules))
            })?);
        }
        if let Some((receiving, health)) = &receiving {
            let receive = || receive::run(shared, receiving, health, stop);
            workers.push(named(scope, "receivers", 0, stop, receive)?);
        }
        if settings.kafka.role == Role::All {
            let watch = || monitor::watch(shared, &signals, stop);
            workers.push(named(scope, "progress", 0, stop, watch)?);
        }
        workers
            .into_iter()
            .map(|worker| {
                // A panic of its work has become a fault already.
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .fold(Ok(()), Result::and)
    })
}

/// A thread that stops all others when it ends with a fault.
fn named<'s, 'e: 's>(
    scope: &'s std::thread::Scope<'s, 'e>,
    name: &str,
    number: usize,
    stop: &'e AtomicBool,
    work: impl FnOnce() -> Result<(), Fault> + Send + 's,
) -> Result<std::thread::ScopedJoinHandle<'s, Result<(), Fault>>, Fault> {
    std::thread::Builder::new()
        .name(format!("{name}-{number}"))
        .spawn_scoped(scope, move || {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let ended = ended.unwrap_or_else(|_| {
                Err(Fault::Lasting("a worker panicked; this is a bug".to_owned()))
            });
            if let Err(fault) = &ended {
                tracing::error!("{fault}");
                stop.store(true, Ordering::Release);
            }
            ended
        })
        .map_err(|error| {
            // The others are waited for.
            stop.store(true, Ordering::Release);
            Fault::Lasting(format!("starting a thread: {error}"))
        })
}
