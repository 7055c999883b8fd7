//! Asks the brokers what is there before the run starts, with patience: which topics there
//! are, which of them this user may see, and what a group has read.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::auth::Tokens;
use super::config::{self, base};
use super::error::{advice, lasting, starting};
use super::probe::Probe;
use super::topics::{Own, own, sources};
use crate::runtime::clock;
use crate::runtime::stages::Fault;
use crate::settings::Settings;
use crate::time::Span;

/// Gives the client its token if it needs one, and waits until the token server has issued it.
pub(super) fn log_in(
    client: &BaseConsumer<Probe>,
    tokens: &Tokens,
    settings: &Settings,
) -> Result<(), Fault> {
    let until = clock::uptime() + settings.kafka.startup_timeout;
    loop {
        match tokens.admit(client.client()) {
            Err(Fault::Passing(why)) if clock::uptime() >= until => {
                return Err(Fault::Lasting(why));
            }
            Err(Fault::Passing(_)) => std::thread::sleep(Duration::from_millis(250)),
            done => return done,
        }
    }
}

/// Waits for a broker to answer, and returns the number of partitions of each existing topic.
pub(super) fn partitions(
    client: &BaseConsumer<Probe>,
    probe: &Probe,
    settings: &Settings,
) -> Result<BTreeMap<String, usize>, Fault> {
    let until = clock::uptime() + settings.kafka.startup_timeout;
    loop {
        let left = Span::from_millis(until.as_millis() - clock::uptime().as_millis());
        let slice = left.min(Span::from_secs(1)).max(Span::from_millis(100));
        match client.fetch_metadata(None, slice.to_std()) {
            Ok(metadata) => {
                return Ok(metadata
                    .topics()
                    .iter()
                    .filter(|topic| topic.error().is_none())
                    .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
                    .filter(|(_, partitions)| *partitions > 0)
                    .collect());
            }
            Err(error) => {
                serve(client);
                if let Some((code, why)) = probe.lasting() {
                    let advice = advice(code).unwrap_or_default();
                    return Err(Fault::Lasting(format!(
                        "{}: {why}; {advice}",
                        settings.kafka.brokers
                    )));
                }
                if clock::uptime() >= until {
                    let why = probe.latest().unwrap_or_else(|| error.to_string());
                    return Err(Fault::Lasting(format!(
                        "no broker answers at {} within {} ms: {why}; check [kafka] brokers, \
                         [kafka.security] and that Kafka runs",
                        settings.kafka.brokers,
                        settings.kafka.startup_timeout.as_millis()
                    )));
                }
            }
        }
    }
}

/// Lets librdkafka report its errors to the client's context. One poll serves one event, and
/// log lines are events, too, so an error behind several log lines needs several polls.
fn serve(client: &BaseConsumer<Probe>) {
    const EVENTS: usize = 64;
    for _ in 0..EVENTS {
        let _ = client.poll(Duration::ZERO);
    }
}

/// Checks that this user may see the topics that the brokers did not list. A broker reports
/// that a topic is forbidden only if it is asked for that topic by name.
pub(super) fn may_see(
    client: &BaseConsumer<Probe>,
    settings: &Settings,
    found: &BTreeMap<String, usize>,
) -> Result<(), Fault> {
    let sources = sources(settings).iter().map(|source| source.topic.clone());
    let own = own(settings).into_iter().map(|own| own.name);
    for name in sources.chain(own).filter(|name| !found.contains_key(name)) {
        let metadata = client
            .fetch_metadata(Some(&name), settings.kafka.startup_timeout.to_std())
            .map_err(|error| lasting(&format!("asking for topic {name}"), &error))?;
        let topics = metadata.topics().iter();
        let code = topics.filter_map(|topic| topic.error()).map(RDKafkaErrorCode::from).next();
        if code == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
            let doing = format!("asking for topic {name}");
            return Err(Fault::of_code(&doing, code, &RDKafkaErrorCode::TopicAuthorizationFailed));
        }
    }
    Ok(())
}

/// Whether the group of `stage` has committed a position in one of `topics`.
pub(super) fn has_positions(
    tokens: &Tokens,
    settings: &Settings,
    stage: &str,
    topics: &[String],
    found: &BTreeMap<String, usize>,
) -> Result<bool, Fault> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let partitions = found.get(topic).copied().unwrap_or(0);
        for partition in (0..).take(partitions) {
            list.add_partition(topic, partition);
        }
    }
    if list.count() == 0 {
        return Ok(false);
    }
    let mut grouped = base(&settings.kafka);
    grouped.set("group.id", config::group(&settings.kafka, stage));
    let client: BaseConsumer<Probe> = grouped
        .create_with_context(Probe::new(tokens))
        .map_err(|error| starting("a client", &error))?;
    log_in(&client, tokens, settings)?;
    let until = clock::uptime() + settings.kafka.startup_timeout;
    loop {
        match client.committed_offsets(list.clone(), Duration::from_secs(5)) {
            Ok(committed) => {
                let mut offsets = committed.elements().into_iter().map(|it| it.offset());
                return Ok(offsets.any(|offset| matches!(offset, Offset::Offset(_))));
            }
            Err(error) => {
                let fault = Fault::of("asking for committed positions", &error);
                // A coordinator may have to be found first.
                if !matches!(fault, Fault::Passing(_)) || clock::uptime() >= until {
                    return Err(lasting("asking for committed positions", &error));
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// Waits until the brokers report a leader for every partition of the topics that were just
/// created.
pub(super) fn until_known(
    client: &BaseConsumer<Probe>,
    settings: &Settings,
    created: &[Own],
) -> Result<(), Fault> {
    let until = clock::uptime() + settings.kafka.startup_timeout;
    for own in created {
        loop {
            let metadata = client.fetch_metadata(Some(&own.name), Duration::from_secs(5));
            let known = metadata.is_ok_and(|metadata| {
                metadata.topics().iter().any(|topic| {
                    topic.error().is_none()
                        && !topic.partitions().is_empty()
                        && topic.partitions().iter().all(|partition| partition.leader() >= 0)
                })
            });
            if known {
                break;
            }
            if clock::uptime() >= until {
                return Err(Fault::Lasting(format!(
                    "topic {} was created, and no broker leads it; see to the brokers",
                    own.name
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}
