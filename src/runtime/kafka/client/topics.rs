//! Checks the topics before the run starts, and creates those of our own that are missing.
//!
//! Invariants: an existing topic is never changed; the run starts only if all topics fit,
//! and otherwise the error names every topic that does not.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::auth::Tokens;
use super::config::{self, base};
use super::error::advice;
use super::probe::Probe;
use crate::formats::Format;
use crate::runtime::clock;
use crate::runtime::stages::Fault;
use crate::runtime::stages::Topic;
use crate::settings::{Role, Settings, Source, Topics};
use crate::time::Span;

/// A topic that the windows stage reads, and the format of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WindowsInput {
    pub(crate) topic: String,
    pub(crate) format: Format,
}

/// The names of our own topics, in the order of [`Topic::ALL`].
pub(crate) fn names(topics: &Topics) -> [String; Topic::ALL.len()] {
    std::array::from_fn(|at| match Topic::ALL[at] {
        Topic::Events => topics.events(),
        Topic::State => topics.state(),
        Topic::Windows => topics.windows(),
        Topic::Alerts => topics.alerts(),
        Topic::Reviews => topics.reviews(),
        Topic::Reviewers => topics.reviewers(),
        Topic::Findings => topics.findings(),
        Topic::DeadLetters => topics.dead_letters(),
    })
}

/// The inputs of the windows stage: first our own topic of events, which also carries the
/// judgements of the oversight stage, then the sources that are keyed by credential.
pub(crate) fn windows_inputs(settings: &Settings) -> Vec<WindowsInput> {
    let own = WindowsInput { topic: settings.topics.events(), format: Format::Native };
    let prekeyed = settings.sources.iter().filter(|source| source.prekeyed);
    let prekeyed =
        prekeyed.map(|source| WindowsInput { topic: source.topic.clone(), format: source.format });
    std::iter::once(own).chain(prekeyed).collect()
}

/// How a topic is cleaned up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cleanup {
    /// Kafka deletes old records.
    Delete,
    /// Kafka keeps the last record of each key.
    Compact,
    /// Kafka keeps every record for a week, and after that the last record of each key.
    CompactLater,
}

/// How long every change of an alert stays in its topic: a week, in milliseconds.
const HISTORY_MS: &str = "604800000";

/// One of our own topics.
#[derive(Clone, Debug)]
struct Own {
    name: String,
    cleanup: Cleanup,
    /// How many partitions it must have.
    partitions: Partitions,
}

/// How many partitions a topic must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Partitions {
    /// As many as the inputs of the windows stage.
    Aligned,
    /// One: all reviewers are judged together.
    One,
    /// Any number.
    Any,
}

impl Own {
    /// How many partitions the topic gets if the windows stage's inputs have `aligned`.
    fn wanted(&self, aligned: usize) -> usize {
        if self.partitions == Partitions::One { 1 } else { aligned }
    }
}

/// Our own topics that this process uses.
fn own(settings: &Settings) -> Vec<Own> {
    let topics = &settings.topics;
    let one = |name, cleanup, partitions| Own { name, cleanup, partitions };
    let events = one(topics.events(), Cleanup::Delete, Partitions::Aligned);
    let dead_letters = one(topics.dead_letters(), Cleanup::Delete, Partitions::Any);
    if settings.kafka.role == Role::Receiver {
        // It may have no right to see the others.
        return vec![events, dead_letters];
    }
    vec![
        events,
        one(topics.windows(), Cleanup::Compact, Partitions::Aligned),
        one(topics.state(), Cleanup::Compact, Partitions::Aligned),
        one(topics.alerts(), Cleanup::CompactLater, Partitions::Aligned),
        one(topics.reviews(), Cleanup::Delete, Partitions::One),
        one(topics.reviewers(), Cleanup::Compact, Partitions::One),
        one(topics.findings(), Cleanup::Compact, Partitions::One),
        dead_letters,
    ]
}

/// The sources that this process reads.
fn sources(settings: &Settings) -> &[Source] {
    match settings.kafka.role {
        Role::All => &settings.sources,
        Role::Receiver => &[],
    }
}

/// Creates the topics that are missing, and checks that every topic exists and fits. Returns how
/// many partitions our topic of events has.
///
/// # Errors
/// [`Fault::Lasting`], which lists everything that does not fit.
pub(crate) fn ensure(settings: &Settings, tokens: &Tokens) -> Result<usize, Fault> {
    let probe = Probe::new(tokens);
    let mut config = base(&settings.kafka);
    config.set("allow.auto.create.topics", "false");
    let client: BaseConsumer<Probe> =
        config.create_with_context(probe.clone()).map_err(|error| starting("a client", &error))?;
    log_in(&client, tokens, settings)?;
    let found = partitions(&client, &probe, settings)?;
    may_see(&client, settings, &found)?;
    let mut faults = Vec::new();
    for source in sources(settings) {
        if !found.contains_key(&source.topic) {
            faults.push(format!(
                "source topic {} does not exist; create it, or correct [[sources]]",
                source.topic
            ));
        }
    }
    let (wanted, model) = wanted_partitions(settings, &found, &mut faults);
    let missing: Vec<Own> =
        own(settings).into_iter().filter(|own| !found.contains_key(&own.name)).collect();
    for own in own(settings) {
        match found.get(&own.name) {
            Some(count) if own.partitions == Partitions::One && *count != 1 => {
                faults.push(format!(
                    "topic {} has {count} partitions, and reviewers are judged together in one; \
                     delete it to begin anew, or choose another [topics] prefix",
                    own.name
                ));
            }
            Some(count)
                if own.partitions == Partitions::Aligned
                    && own.name != model
                    && *count != wanted =>
            {
                faults.push(format!(
                    "topic {} has {count} partitions, and {model} has {wanted}: credentials would \
                     not find what is known of them; give {model} {count} again, or begin anew \
                     under another [topics] prefix",
                    own.name
                ));
            }
            None if !settings.topics.create => faults.push(format!(
                "topic {} does not exist; create it with {} partitions and \
                 cleanup.policy={}, or set [topics] create = true",
                own.name,
                own.wanted(wanted),
                own.cleanup.as_str()
            )),
            _ => {}
        }
    }
    if faults.is_empty() {
        lost(tokens, settings, &found, &missing, &mut faults)?;
    }
    if faults.is_empty() {
        create(&config, tokens, settings, &missing, wanted)?;
        until_known(&client, settings, &missing)?;
        let existing: Vec<Own> =
            own(settings).into_iter().filter(|own| found.contains_key(&own.name)).collect();
        check_settings(&config, tokens, settings, &existing, &mut faults);
    }
    if faults.is_empty() { Ok(wanted) } else { Err(Fault::Lasting(faults.join("; "))) }
}

/// The stage whose committed positions show that a topic of ours was there before, and what
/// that stage reads. `None` for a topic that nothing depends on.
fn written_by(topic: &Own, settings: &Settings) -> Option<(&'static str, Vec<String>)> {
    let topics = &settings.topics;
    let name = &topic.name;
    if *name == topics.events() {
        let sources = settings.sources.iter().filter(|source| !source.prekeyed);
        return Some(("intake", sources.map(|source| source.topic.clone()).collect()));
    }
    if [topics.findings(), topics.reviewers()].contains(name) {
        return Some(("oversight", vec![topics.reviews()]));
    }
    let by_windows = [topics.state(), topics.windows(), topics.alerts(), topics.reviews()];
    let inputs = || windows_inputs(settings).into_iter().map(|input| input.topic).collect();
    by_windows.contains(name).then(|| ("windows", inputs()))
}

/// Refuses to make a topic anew whose records are lost: what was read already would never come
/// into it again.
fn lost(
    tokens: &Tokens,
    settings: &Settings,
    found: &BTreeMap<String, usize>,
    missing: &[Own],
    faults: &mut Vec<String>,
) -> Result<(), Fault> {
    if settings.kafka.role == Role::Receiver {
        return Ok(());
    }
    let mut have_read: BTreeMap<&str, bool> = BTreeMap::new();
    for topic in missing {
        let Some((stage, inputs)) = written_by(topic, settings) else { continue };
        let has_read = match have_read.get(stage) {
            Some(known) => *known,
            None => has_positions(tokens, settings, stage, &inputs, found)?,
        };
        have_read.insert(stage, has_read);
        if has_read {
            let group = config::group(&settings.kafka, stage);
            faults.push(format!(
                "topic {} does not exist, but group {group} has read {} already: what followed \
                 from it is lost with the topic; if somebody changed [topics] prefix, change it \
                 back; to begin anew, choose another [kafka] group, or stop all instances and run \
                 kafka-consumer-groups.sh --delete --group {group}",
                topic.name,
                inputs.join(" and "),
            ));
        }
    }
    Ok(())
}

/// Whether the group of `stage` has committed a position in one of `topics`.
fn has_positions(
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
fn until_known(
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

/// Gives the client its token if it needs one, and waits until the token server has issued it.
fn log_in(client: &BaseConsumer<Probe>, tokens: &Tokens, settings: &Settings) -> Result<(), Fault> {
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
fn partitions(
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
fn may_see(
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

/// How many partitions the topics of the windows stage must have, as its inputs have them,
/// and the name of the topic or setting that says so.
fn wanted_partitions(
    settings: &Settings,
    found: &BTreeMap<String, usize>,
    faults: &mut Vec<String>,
) -> (usize, String) {
    let inputs: Vec<(String, usize)> = windows_inputs(settings)
        .into_iter()
        .filter_map(|input| found.get(&input.topic).map(|count| (input.topic, *count)))
        .collect();
    let Some((first, wanted)) = inputs.first() else {
        return (settings.topics.partitions as usize, "[topics] partitions".to_owned());
    };
    for (topic, count) in &inputs[1..] {
        if count != wanted {
            faults.push(format!(
                "topics {first} and {topic} have {wanted} and {count} partitions: topics that \
                 are keyed by credential must have the same number"
            ));
        }
    }
    (*wanted, first.clone())
}

fn create(
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

fn check_settings(
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

impl Cleanup {
    const fn as_str(self) -> &'static str {
        match self {
            Cleanup::Delete => "delete",
            Cleanup::Compact | Cleanup::CompactLater => "compact",
        }
    }
}

fn admin(config: &ClientConfig, tokens: &Tokens) -> Result<AdminClient<Probe>, Fault> {
    let admin: AdminClient<Probe> = config
        .create_with_context(Probe::new(tokens))
        .map_err(|error| starting("an admin client", &error))?;
    // Its wrapper never serves what would ask for one.
    tokens.admit(admin.inner())?;
    Ok(admin)
}

/// Why a client could not be made, in the words of the settings.
fn starting(what: &str, error: &KafkaError) -> Fault {
    const FILES: &[(&str, &str)] = &[
        ("ssl.ca.location", "ca_file"),
        ("ssl.certificate.location", "certificate_file"),
        ("ssl.key.location", "key_file"),
    ];
    let words = error.to_string();
    let file = FILES.iter().find(|(option, _)| words.contains(option));
    let advice = file.map(|(_, setting)| format!("; check [kafka.security] {setting}"));
    Fault::Lasting(format!("starting {what}: {words}{}", advice.unwrap_or_default()))
}

fn lasting(doing: &str, error: &KafkaError) -> Fault {
    match Fault::of(doing, error) {
        Fault::Passing(why) | Fault::Doubtful(why) | Fault::Lasting(why) => Fault::Lasting(why),
    }
}

/// Waits for an answer on this thread.
fn wait<T>(answer: impl Future<Output = T>) -> Result<T, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map(|runtime| runtime.block_on(answer))
        .map_err(|error| Fault::Lasting(format!("starting to wait: {error}")))
}
