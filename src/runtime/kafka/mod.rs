//! The live runtime: topics in, topics out, state in Kafka alone.
//!
//! ```text
//! sources ──▶ intake ──▶ <prefix>.events ──▶ windows ──▶ .windows, .alerts, .findings
//!             decode,      keyed by  ▲         │ ▲ │
//!             name         credential│         ▼ │ └──▶ .reviews ──▶ oversight ──▶ .findings, .alerts
//!               └────▶ .dead-letters │      .state                     │ ▲ │
//!                                    └──── judgements ◀────────────────┘ ▼ │
//!                                                                   .reviewers
//! ```
//!
//! Each stage has workers, each worker one consumer and one transactional
//! producer; who reads which partition is the consumer group's business. A
//! worker's loop is in `worker`, what a stage does to records in `intake`,
//! `windows` and `oversight`, how state comes back in `restore`.
//!
//! Invariants: no state outside Kafka that matters; results, state and positions
//! are committed together; whoever lost a partition cannot commit for it.

mod announce;
mod backlog;
mod changelog;
pub mod client;
mod consumer;
mod context;
mod decode;
mod deliveries;
mod error;
pub mod feed;
mod inputs;
mod intake;
mod letters;
mod oauth;
mod oversight;
pub(in crate::runtime) mod pending;
mod probe;
mod producer;
mod raw;
mod restore;
mod setup;
mod state;
pub mod tail;
mod topics;
mod upstream;
mod watermark;
mod windows;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use error::Fault;
pub use oauth::Tokens;

use crate::engine::oversight::Rules;
use crate::formats::{Format, Identity};
use crate::metrics::{Metrics, Pipeline};
use crate::records::People;
use crate::runtime::health::Health;
use crate::runtime::standings::PartitionStandings;
use crate::runtime::suspicions::Suspicions;
use crate::settings::{PeopleShown, Settings};

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// The configuration.
    pub settings: Settings,
    /// Names for secrets and pseudonyms for people.
    pub identity: Identity,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The counters of the pipeline itself.
    pub pipeline: Pipeline,
    /// How the workers are.
    pub health: Arc<Health>,
    /// The windows that wait.
    pub standings: Arc<PartitionStandings>,
    /// Reviewers whose page is on, as far as this process judges.
    pub suspicions: Arc<Suspicions>,
    /// What clients log in with where brokers ask for tokens.
    pub tokens: Tokens,
}

impl Shared {
    fn decoder(&self, format: Format) -> decode::Decoder {
        decode::Decoder { format, identity: self.identity.clone(), limits: self.settings.limits }
    }

    fn letters(&self, stage: &'static str) -> letters::Letters {
        letters::Letters { topic: self.settings.topics.dead_letters(), stage, value: Vec::new() }
    }

    fn people(&self) -> People {
        match self.settings.people.show {
            PeopleShown::Names => People::names(self.identity.clone()),
            PeopleShown::Pseudonyms => People::pseudonyms(self.identity.clone()),
        }
    }
}

/// Checks the topics, creating those that are missing if that is allowed.
///
/// # Errors
/// Everything that keeps a run from starting.
pub fn check(settings: &Settings, tokens: &Tokens) -> Result<(), Fault> {
    topics::ensure(settings, tokens)
}

/// All workers, set up and entered in the book of health, not started yet.
#[derive(Debug)]
pub struct Prepared {
    setups: setup::Setups,
    told: upstream::Told,
    rules: Arc<Rules>,
}

/// Sets up all workers.
///
/// # Errors
/// Rules of oversight on which no promise can rest; checked settings have none.
pub fn prepare(shared: &Arc<Shared>, stop: &Arc<AtomicBool>) -> Result<Prepared, Fault> {
    let rules = Rules::new(shared.settings.oversight.clone())
        .map_err(|fault| Fault::Lasting(fault.to_string()))?;
    let (told, rules) = (upstream::Told::default(), Arc::new(rules));
    Ok(Prepared { setups: setup::all(shared, stop, &told, &rules), told, rules })
}

/// Runs all workers until `stop` is set or one of them cannot go on.
///
/// # Errors
/// The first fault that lasts; all workers have ended then.
pub fn run(shared: &Arc<Shared>, prepared: Prepared, stop: &Arc<AtomicBool>) -> Result<(), Fault> {
    let Prepared { setups, told, rules } = prepared;
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for setup in &setups.intake {
            workers.push(named(scope, "intake", setup.number, stop, || {
                worker::run(setup, &|| intake::Intake::new(shared))
            })?);
        }
        for setup in &setups.windows {
            workers.push(named(scope, "windows", setup.number, stop, || {
                worker::run(setup, &|| windows::WindowsStage::new(shared))
            })?);
        }
        for setup in &setups.oversight {
            workers.push(named(scope, "oversight", setup.number, stop, || {
                worker::run(setup, &|| oversight::Oversight::new(shared, &rules))
            })?);
        }
        workers.push(named(scope, "upstream", 0, stop, || upstream::watch(shared, &told, stop))?);
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
