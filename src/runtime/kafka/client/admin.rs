//! Creates topics and reads their settings, with an admin client.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;

use super::auth::Tokens;
use super::config::base;
use super::error::{advice, lasting, starting};
use super::probe::Probe;
use super::topics::{Cleanup, HISTORY_MS, Own};
use crate::runtime::stages::Fault;
use crate::settings::Settings;

/// Creates the topics that are missing.
pub(super) fn create(
    config: &ClientConfig,
    tokens: &Tokens,
    settings: &Settings,
    missing: &[Own],
    partitions: usize,
) -> Result<(), Fault> {
    if missing.is_empty() {
        return Ok(());
    }
    let admin = admin(config, tokens)?;
    let topics: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|own| {
            let partitions = i32::try_from(own.wanted(partitions)).unwrap_or(i32::MAX);
            let replication = TopicReplication::Fixed(settings.topics.replication_factor);
            let new = NewTopic::new(&own.name, partitions, replication)
                .set("cleanup.policy", own.cleanup.as_str());
            let times = "message.timestamp.type";
            match own.cleanup {
                // With the source's time a record that was read late could be past its
                // retention as soon as it is written.
                Cleanup::Delete => new.set(times, "LogAppendTime"),
                // A restore reads from the records' times how far time had come.
                Cleanup::Compact => new.set(times, "CreateTime"),
                Cleanup::CompactLater => {
                    new.set(times, "CreateTime").set("min.compaction.lag.ms", HISTORY_MS)
                }
            }
        })
        .collect();
    let timeout = settings.kafka.startup_timeout.to_std();
    let options =
        AdminOptions::new().operation_timeout(Some(timeout)).request_timeout(Some(timeout));
    let results = wait(admin.create_topics(&topics, &options))?
        .map_err(|error| lasting("creating topics", &error))?;
    for result in results {
        match result {
            Ok(topic) => tracing::info!(topic, "topic created"),
            // Another instance has created it in the meantime.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                let advice = advice(code).unwrap_or(
                    "create it by hand, or correct [topics] partitions and replication_factor",
                );
                return Err(Fault::Lasting(format!("creating topic {topic}: {code}; {advice}")));
            }
        }
    }
    Ok(())
}

/// Compares the settings of our own topics with what they must be.
pub(super) fn check_settings(
    config: &ClientConfig,
    tokens: &Tokens,
    settings: &Settings,
    existing: &[Own],
    faults: &mut Vec<String>,
) {
    if existing.is_empty() {
        return;
    }
    let Ok(admin) = admin(config, tokens) else { return };
    let resources: Vec<ResourceSpecifier<'_>> =
        existing.iter().map(|own| ResourceSpecifier::Topic(&own.name)).collect();
    let timeout = settings.kafka.startup_timeout.to_std();
    let options = AdminOptions::new().request_timeout(Some(timeout));
    let described = match wait(admin.describe_configs(&resources, &options)) {
        Ok(Ok(described)) => described,
        Ok(Err(error)) => return not_checked(&error.to_string()),
        Err(fault) => return not_checked(&fault.to_string()),
    };
    for (own, described) in existing.iter().zip(described) {
        let described = match described {
            Ok(described) => described,
            Err(code) => {
                not_checked(&code.to_string());
                continue;
            }
        };
        let setting = |name| described.get(name).and_then(|entry| entry.value.clone());
        let times = setting("message.timestamp.type");
        // A restore reads from the times of these records how far time had come.
        let state = [settings.topics.state(), settings.topics.reviewers()].contains(&own.name);
        if let Some(times) = times.filter(|times| state && times != "CreateTime") {
            faults.push(format!(
                "topic {} has message.timestamp.type={times} and needs CreateTime; change it with \
                 kafka-configs --alter",
                own.name
            ));
        }
        let Some(policy) = setting("cleanup.policy") else { continue };
        let compacts = policy.split(',').any(|policy| policy.trim() == "compact");
        let fits = match own.cleanup {
            // With deletion by age Kafka would delete state that is still needed.
            Cleanup::Compact | Cleanup::CompactLater => policy.trim() == "compact",
            Cleanup::Delete => !compacts,
        };
        if !fits {
            faults.push(format!(
                "topic {} has cleanup.policy={policy} and needs {}; change it with kafka-configs \
                 --alter",
                own.name,
                own.cleanup.as_str()
            ));
        }
    }
}

fn not_checked(why: &str) {
    tracing::warn!("the settings of topics could not be read: {why}");
}

/// How many replicas of our topic of events must have a record before it is acknowledged; 1 if
/// the brokers do not say.
pub(crate) fn replicas_min(settings: &Settings, tokens: &Tokens) -> usize {
    const ANSWER_WITHIN: Duration = Duration::from_secs(2);
    let Ok(admin) = admin(&base(&settings.kafka), tokens) else { return 1 };
    let name = settings.topics.events();
    let options = AdminOptions::new().request_timeout(Some(ANSWER_WITHIN));
    let described = wait(admin.describe_configs(&[ResourceSpecifier::Topic(&name)], &options));
    let Ok(Ok(described)) = described else { return 1 };
    let described = described.into_iter().next().and_then(Result::ok);
    let entry = described
        .as_ref()
        .and_then(|described| described.get("min.insync.replicas"))
        .and_then(|entry| entry.value.as_deref()?.parse().ok());
    entry.unwrap_or(1)
}

fn admin(config: &ClientConfig, tokens: &Tokens) -> Result<AdminClient<Probe>, Fault> {
    let admin: AdminClient<Probe> = config
        .create_with_context(Probe::new(tokens))
        .map_err(|error| starting("an admin client", &error))?;
    // Its wrapper never serves what would ask for one.
    tokens.admit(admin.inner())?;
    Ok(admin)
}

/// Waits for an answer on this thread.
fn wait<T>(answer: impl Future<Output = T>) -> Result<T, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map(|runtime| runtime.block_on(answer))
        .map_err(|error| Fault::Lasting(format!("starting to wait: {error}")))
}
