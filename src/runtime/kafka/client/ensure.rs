//! Checks the topics before the run starts, and creates those of our own that are missing.
//!
//! Invariants: an existing topic is never changed; the run starts only if all topics fit,
//! and otherwise the error names every topic that does not.

use std::collections::BTreeMap;

use rdkafka::consumer::BaseConsumer;

use super::admin::{check_settings, create};
use super::asking::{has_positions, log_in, may_see, partitions, until_known};
use super::auth::Tokens;
use super::config::{self, base};
use super::error::starting;
use super::probe::Probe;
use super::topics::{Own, Partitions, own, sources, windows_inputs};
use crate::runtime::stages::Fault;
use crate::settings::{Role, Settings};

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
