//! The topics that a run needs: our own and what they must be like, and what the windows
//! stage reads.

use crate::formats::Format;
use crate::runtime::stages::Topic;
use crate::settings::{Role, Settings, Source, Topics};

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
pub(super) enum Cleanup {
    /// Kafka deletes old records.
    Delete,
    /// Kafka keeps the last record of each key.
    Compact,
    /// Kafka keeps every record for a week, and after that the last record of each key.
    CompactLater,
}

impl Cleanup {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Cleanup::Delete => "delete",
            Cleanup::Compact | Cleanup::CompactLater => "compact",
        }
    }
}

/// How long every change of an alert stays in its topic: a week, in milliseconds.
pub(super) const HISTORY_MS: &str = "604800000";

/// One of our own topics.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) name: String,
    pub(super) cleanup: Cleanup,
    /// How many partitions it must have.
    pub(super) partitions: Partitions,
}

/// How many partitions a topic must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partitions {
    /// As many as the inputs of the windows stage.
    Aligned,
    /// One: all reviewers are judged together.
    One,
    /// Any number.
    Any,
}

impl Own {
    /// How many partitions the topic gets if the windows stage's inputs have `aligned`.
    pub(super) fn wanted(&self, aligned: usize) -> usize {
        if self.partitions == Partitions::One { 1 } else { aligned }
    }
}

/// Our own topics that this process uses.
pub(super) fn own(settings: &Settings) -> Vec<Own> {
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
pub(super) fn sources(settings: &Settings) -> &[Source] {
    match settings.kafka.role {
        Role::All => &settings.sources,
        Role::Receiver => &[],
    }
}
