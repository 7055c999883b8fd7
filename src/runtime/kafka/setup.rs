//! Settings → how each worker's clients are configured.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rdkafka::config::ClientConfig;

use super::Shared;
use super::client::base;
use super::restore::Plan;
use super::state::Fresh;
use super::topics::windows_inputs;
use super::upstream::Told;
use super::worker::{Clock, Setup};
use crate::config::EngineConfig;
use crate::engine::oversight::Rules;
use crate::metrics::PipelineStage;
use crate::runtime::clock;
use crate::settings::{Delivery, Kafka, Settings, Start};
use crate::time::Span;

/// All workers of a process.
#[derive(Debug)]
pub(super) struct Setups {
    pub(super) intake: Vec<Setup>,
    pub(super) windows: Vec<Setup>,
    pub(super) oversight: Vec<Setup>,
}

pub(super) fn all(
    shared: &Arc<Shared>,
    stop: &Arc<AtomicBool>,
    told: &Told,
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
    let one = |kind: PipelineStage, number, inputs: &[String], state: Option<(String, Fresh)>| {
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
                // What our own stages hand on is for whoever comes later, too.
                starts: inputs
                    .iter()
                    .map(|topic| match settings.sources.iter().any(|it| it.topic == *topic) {
                        true => settings.kafka.start,
                        false => Start::Earliest,
                    })
                    .collect(),
                patience: patience(&settings.kafka),
                // Positions are answered once open transactions have run out.
                answer_within: settings.kafka.transaction_timeout + Span::from_secs(2),
            },
            consumer,
            tokens: shared.tokens.clone(),
            delivery: settings.kafka.delivery,
            commit_interval: settings.kafka.commit_interval,
            patience: settings.kafka.transaction_timeout,
            clock: match kind {
                PipelineStage::Intake => Clock::None,
                PipelineStage::Windows => Clock::Records {
                    upstream: Arc::clone(&told.caught_up),
                    watermark: Arc::clone(&told.events),
                },
                PipelineStage::Oversight => Clock::Watermark(Arc::clone(&told.reviews)),
            },
            stop: Arc::clone(stop),
            health: shared.health.worker(kind, number as u32, clock::now()),
            pipeline: shared.pipeline.clone(),
        }
    };
    let intake = if sources.is_empty() { 0 } else { settings.intake.workers };
    let inputs: Vec<String> =
        windows_inputs(settings).into_iter().map(|input| input.topic).collect();
    let engine = EngineConfig {
        checkpoints: true,
        keep_settled: false,
        profiles: settings.profiles,
        judged_after: Some(settings.oversight.delay),
        ..settings.windows.engine.clone()
    };
    Setups {
        intake: (0..intake)
            .map(|number| one(PipelineStage::Intake, number, &sources, None))
            .collect(),
        windows: (0..settings.windows.workers)
            .map(|number| {
                let fresh = Fresh::Windows(Box::new(engine.clone()));
                one(PipelineStage::Windows, number, &inputs, Some((settings.topics.state(), fresh)))
            })
            .collect(),
        // All reviewers are in one partition, so more workers would have nothing to do.
        oversight: vec![one(
            PipelineStage::Oversight,
            0,
            &[settings.topics.reviews()],
            Some((settings.topics.reviewers(), Fresh::Oversight(Arc::clone(rules)))),
        )],
    }
}

/// How long a restore may go without anything coming: somebody's transaction may
/// have to run out first.
fn patience(kafka: &Kafka) -> Span {
    // Brokers look for those that have every ten seconds, unless told otherwise.
    kafka.transaction_timeout + kafka.transaction_timeout + Span::from_secs(15)
}

/// The group of a stage.
pub(super) fn group(kafka: &Kafka, stage: &str) -> String {
    format!("{}.{stage}", kafka.group)
}

fn consumer(settings: &Settings, stage: &str, number: usize, several: bool) -> ClientConfig {
    let kafka = &settings.kafka;
    let mut config = base(kafka);
    config
        .set("group.id", group(kafka, stage))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Positions are always told; whatever is not there any more is an error.
        .set("auto.offset.reset", "error")
        // Committed positions are answered stably because of this, too.
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("allow.auto.create.topics", "false")
        .set("session.timeout.ms", kafka.session_timeout.as_millis().to_string())
        // From the answer to a heartbeat a member learns that the group shares out anew:
        // whoever takes over waits for one, twice where assignment is cooperative.
        .set("heartbeat.interval.ms", heartbeat(kafka.session_timeout).as_millis().to_string())
        // Cooperative assignment does not give one member the same partition of
        // several topics; by range it does. And it takes two rounds to move a
        // partition: a static member that comes back between them is given what it
        // had without a second round, and what it was to give up is nobody's.
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
    // The default of a second starves a consumer that is fast.
    unless_set(&mut config, "fetch.queue.backoff.ms", "5");
    unless_set(&mut config, "max.partition.fetch.bytes", "4194304");
    // Partitions that a topic gains are seen this soon; the default is five minutes.
    unless_set(&mut config, "topic.metadata.refresh.interval.ms", "30000");
    // The end of a partition is only seen when an empty fetch comes back.
    unless_set(&mut config, "fetch.wait.max.ms", "100");
    config
}

/// How often a member gives a sign of life: no less often than Kafka's own clients do.
fn heartbeat(session_timeout: Span) -> Span {
    const LONGEST_MS: i64 = 3_000;
    Span::from_millis((session_timeout.as_millis() / 10).min(LONGEST_MS))
}

fn producer(settings: &Settings, id: &str) -> ClientConfig {
    let kafka = &settings.kafka;
    let mut config = base(kafka);
    let timeout = kafka.transaction_timeout.as_millis().to_string();
    config
        .set("enable.idempotence", "true")
        // As Java's producers do it, so that topics written by either align.
        .set("partitioner", "murmur2_random")
        // Only failures are polled for; see `raw::commit_transaction`.
        .set("delivery.report.only.error", "true");
    if kafka.delivery == Delivery::ExactlyOnce {
        config
            .set("transactional.id", format!("{}.{id}", kafka.group))
            .set("transaction.timeout.ms", &timeout)
            // A request that is answered late must not reach into the next
            // transaction: give up on it when the broker does.
            .set("socket.timeout.ms", &timeout)
            .set("message.timeout.ms", &timeout);
        // The broker refuses a transaction while it still writes the marks of the one
        // before, which takes it some milliseconds; the library would wait for 100.
        unless_set(&mut config, "retry.backoff.ms", "5");
    }
    // A credential's state is one record; an event more than the bound may be in it.
    let record_bytes = settings.windows.engine.credential_bytes + RECORD_SPARE_BYTES;
    let record_bytes = record_bytes.max(RECORD_BYTES);
    unless_set(&mut config, "message.max.bytes", &record_bytes.to_string());
    // A backlog fills batches while others are under way; a deadline is waited for.
    unless_set(&mut config, "linger.ms", "1");
    unless_set(&mut config, "compression.type", "lz4");
    unless_set(&mut config, "queue.buffering.max.messages", "1000000");
    unless_set(&mut config, "queue.buffering.max.kbytes", "262144");
    config
}

/// librdkafka's own bound on a record.
const RECORD_BYTES: usize = 1_000_000;
/// Beside a state: the event that went beyond the bound, its key, headers.
const RECORD_SPARE_BYTES: usize = 64 << 10;

fn unless_set(config: &mut ClientConfig, option: &str, value: &str) {
    if config.get(option).is_none() {
        config.set(option, value);
    }
}
