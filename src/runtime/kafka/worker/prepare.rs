//! Settings → how each worker is set up.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rdkafka::config::ClientConfig;

use super::fetched;
use super::setup::{Setup, TimeSource};
use crate::engine::oversight::Rules;
use crate::metrics::PipelineStage;
use crate::runtime::clock;
use crate::runtime::kafka::client::config::{self, base, group, unless_set};
use crate::runtime::kafka::client::topics::windows_inputs;
use crate::runtime::kafka::progress::signals::Signals;
use crate::runtime::kafka::restore::{Changelog, Plan};
use crate::runtime::kafka::shared::Shared;
use crate::runtime::stages::{Fresh, Topic};
use crate::settings::{Delivery, GroupProtocol, Kafka, Settings, Start};
use crate::time::Span;

/// All workers of a process.
#[derive(Debug, Default)]
pub(crate) struct Setups {
    pub(crate) intake: Vec<Setup>,
    pub(crate) windows: Vec<Setup>,
    pub(crate) oversight: Vec<Setup>,
}

/// The setups of all workers, each entered in the process's health.
pub(crate) fn all(
    shared: &Arc<Shared>,
    stop: &Arc<AtomicBool>,
    signals: &Signals,
    rules: &Arc<Rules>,
) -> Setups {
    let settings = &shared.settings;
    // Without a name of its own an instance must still never share its
    // transactional ids with another.
    let instance = settings.kafka.instance.clone().unwrap_or_else(|| {
        let mut bytes = [0; 8];
        // All zeros fence another instance at worst, which then says so.
        let _ = getrandom::fill(&mut bytes);
        format!("{:016x}", u64::from_be_bytes(bytes))
    });
    let sources: Vec<String> = settings
        .sources
        .iter()
        .filter(|source| !source.prekeyed)
        .map(|source| source.topic.clone())
        .collect();
    let one = |kind: PipelineStage, number, inputs: &[String], state: Option<Changelog>| {
        let stage = kind.as_str();
        let consumer = consumer(settings, stage, number, inputs.len() > 1);
        Setup {
            number,
            producer: producer(settings, &format!("{stage}.{instance}.{number}")),
            plan: Plan {
                config: consumer.clone(),
                tokens: shared.tokens.clone(),
                inputs: inputs.to_vec(),
                state,
                // What our own stages hand on is read from its beginning.
                starts: inputs
                    .iter()
                    .map(|topic| match settings.sources.iter().any(|it| it.topic == *topic) {
                        true => settings.kafka.start,
                        false => Start::Earliest,
                    })
                    .collect(),
                patience: patience(&settings.kafka),
                // Brokers answer with positions once open transactions have ended.
                answer_within: settings.kafka.transaction_timeout + Span::from_secs(2),
            },
            consumer,
            topics: settings.topics.clone(),
            partitions: shared.partitions,
            tokens: shared.tokens.clone(),
            delivery: settings.kafka.delivery,
            commit_interval: settings.kafka.commit_interval,
            state_bytes_max: settings.windows.engine.credential_bytes,
            patience: settings.kafka.transaction_timeout,
            time: match kind {
                PipelineStage::Receivers | PipelineStage::Intake => TimeSource::None,
                PipelineStage::Windows => TimeSource::Records {
                    gate_open: Arc::clone(&signals.gate_open),
                    watermarks: Arc::clone(&signals.events),
                },
                PipelineStage::Oversight => TimeSource::Watermarks(Arc::clone(&signals.reviews)),
            },
            stop: Arc::clone(stop),
            health: shared.health.worker(kind, number as u32, clock::uptime()),
            pipeline: shared.stages.pipeline.clone(),
        }
    };
    let intake = if sources.is_empty() { 0 } else { settings.intake.workers };
    let inputs: Vec<String> =
        windows_inputs(settings).into_iter().map(|input| input.topic).collect();
    let engine = settings.engine();
    let changelog = |topic, name, fresh| {
        let identity = shared.stages.identity.clone();
        Some(Changelog { topic, name, fresh, identity })
    };
    Setups {
        intake: (0..intake)
            .map(|number| one(PipelineStage::Intake, number, &sources, None))
            .collect(),
        windows: (0..settings.windows.workers)
            .map(|number| {
                let fresh = Fresh::Windows(Box::new(engine.clone()));
                let state = changelog(Topic::State, settings.topics.state(), fresh);
                one(PipelineStage::Windows, number, &inputs, state)
            })
            .collect(),
        // All reviewers are in one partition, so more workers would have nothing to do.
        oversight: vec![one(
            PipelineStage::Oversight,
            0,
            &[settings.topics.reviews()],
            changelog(
                Topic::Reviewers,
                settings.topics.reviewers(),
                Fresh::Oversight(Arc::clone(rules)),
            ),
        )],
    }
}

/// How long a restore may go without a record: another producer's transaction may have
/// to time out first.
fn patience(kafka: &Kafka) -> Span {
    // Unless configured otherwise, brokers look every ten seconds for transactions that
    // have timed out.
    kafka.transaction_timeout + kafka.transaction_timeout + Span::from_secs(15)
}

fn consumer(settings: &Settings, stage: &str, number: usize, several: bool) -> ClientConfig {
    let kafka = &settings.kafka;
    let mut config = base(kafka);
    config
        .set("group.id", group(kafka, stage))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // We always say where to read from; a position that is not there any more is an
        // error.
        .set("auto.offset.reset", "error")
        // This also makes brokers answer with stable committed positions.
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("allow.auto.create.topics", "false");
    match kafka.group_protocol {
        GroupProtocol::Classic => classic(kafka, stage, number, several, &mut config),
        // Members are never static with it: a static member that was killed could not come back
        // before its session is over, and one that leaves keeps its partitions for as long.
        GroupProtocol::Consumer => {
            config.set("group.protocol", "consumer").set("group.remote.assignor", "uniform");
        }
    }
    // The default of a second starves a consumer that is fast.
    unless_set(&mut config, "fetch.queue.backoff.ms", "5");
    unless_set(&mut config, "max.partition.fetch.bytes", "4194304");
    // How soon new partitions of a topic are seen; the default is five minutes.
    unless_set(&mut config, "topic.metadata.refresh.interval.ms", "30000");
    // How far it has fetched: see `fetched`.
    config.set("statistics.interval.ms", fetched::EVERY.as_millis().to_string());
    // An empty fetch comes back after this time.
    unless_set(&mut config, "fetch.wait.max.ms", "100");
    config
}

/// What a member says where the members agree on everything among themselves.
fn classic(kafka: &Kafka, stage: &str, number: usize, several: bool, config: &mut ClientConfig) {
    config
        .set("session.timeout.ms", kafka.session_timeout.as_millis().to_string())
        // A member learns of a rebalance from the answer to a heartbeat: whoever takes a
        // partition over waits for one, twice where assignment is cooperative.
        .set("heartbeat.interval.ms", heartbeat(kafka.session_timeout).as_millis().to_string())
        // Range assignment gives one member the same partition of several topics;
        // cooperative assignment does not. And cooperative assignment moves a partition
        // in two rounds: a static member that comes back between them gets what it had
        // without a second round, and the partition that it should have lost belongs to
        // nobody.
        .set(
            "partition.assignment.strategy",
            if kafka.instance.is_some() || (stage == "windows" && several) {
                "range"
            } else {
                "cooperative-sticky"
            },
        );
    if let Some(instance) = &kafka.instance {
        config.set("group.instance.id", format!("{instance}.{stage}.{number}"));
    }
}

/// The time between two heartbeats: no longer than that of Kafka's own clients.
fn heartbeat(session_timeout: Span) -> Span {
    const LONGEST_MS: i64 = 3_000;
    Span::from_millis((session_timeout.as_millis() / 10).min(LONGEST_MS))
}

fn producer(settings: &Settings, id: &str) -> ClientConfig {
    let kafka = &settings.kafka;
    // A credential's state may fill a record; an event more than the bound may be in it.
    let record_bytes = settings.windows.engine.credential_bytes + RECORD_SPARE_BYTES;
    let mut config = match kafka.delivery {
        Delivery::ExactlyOnce => {
            let id = format!("{}.{id}", kafka.group);
            let mut config = config::transactional(kafka, record_bytes, &id);
            // The broker refuses a transaction while it still writes the markers of the one
            // before, which takes some milliseconds; the library would wait for 100.
            unless_set(&mut config, "retry.backoff.ms", "5");
            config
        }
        Delivery::AtLeastOnce => {
            let mut config = config::producer(kafka, record_bytes);
            // A block that was refused must not be followed by the next one.
            config.set("enable.gapless.guarantee", "true");
            config
        }
    };
    // Only failures are polled for; see `raw::commit_transaction`.
    config.set("delivery.report.only.error", "true");
    config
}

/// Beside a state: the event that went beyond the bound, its key, headers.
const RECORD_SPARE_BYTES: usize = 64 << 10;
