//! How many records the stages write for an event while they work off a backlog.

use std::collections::BTreeMap;

use super::memory::{Pipe, Sent, context_with, record};
use crate::config::Profiles;
use crate::runtime::stages::{Record, Stage, Topic};
use crate::simulate::{Extent, Options, Simulation};
use crate::time::{Span, Timestamp};

const EVENTS: u64 = 40_000;
/// Events of one commit of the windows.
const COMMIT_EVENTS: usize = 8_000;
/// What all topics together may get for an event.
const RECORDS_MAX: f64 = 0.95;

/// What was written to the topics.
#[derive(Default)]
struct Written(BTreeMap<Topic, [usize; 3]>);

impl Written {
    /// Takes everything out of the outbox, and returns what is for the other stage.
    fn note(&mut self, pipe: &mut Pipe) -> Vec<Sent> {
        for sent in &pipe.outbox.0 {
            let [records, tombstones, bytes] = self.0.entry(sent.topic).or_default();
            *records += 1;
            *tombstones += usize::from(sent.value.is_none());
            *bytes += sent.key.len() + sent.value.as_ref().map_or(0, Vec::len);
        }
        let mut sent = std::mem::take(&mut pipe.outbox.0);
        sent.retain(|sent| matches!(sent.topic, Topic::Reviews | Topic::Events));
        sent
    }

    fn per_event(&self) -> f64 {
        for (topic, [records, tombstones, bytes]) in &self.0 {
            println!(
                "{:<12} {:.3} records an event, {:.3} of them tombstones, {:.0} bytes",
                topic.as_str(),
                *records as f64 / EVENTS as f64,
                *tombstones as f64 / EVENTS as f64,
                *bytes as f64 / EVENTS as f64
            );
        }
        let records: usize = self.0.values().map(|[records, ..]| records).sum();
        println!("together     {:.3}", records as f64 / EVENTS as f64);
        records as f64 / EVENTS as f64
    }
}

/// One commit of both stages. What they send each other comes with the next commit.
fn commit(pipe: &mut Pipe, written: &mut Written, now: Timestamp) {
    let mut reviews = Vec::new();
    loop {
        let all = pipe.windows.punctuate(0, now, &mut pipe.outbox).unwrap();
        pipe.windows.checkpoint(&mut pipe.outbox).unwrap();
        pipe.windows.committed();
        reviews.append(&mut written.note(pipe));
        if all {
            break;
        }
    }
    for sent in reviews {
        let record = record(&sent.key, sent.value.as_deref().unwrap());
        pipe.oversight.take(record, &mut pipe.outbox).unwrap();
    }
    while !pipe.oversight.punctuate(0, now, &mut pipe.outbox).unwrap() {}
    pipe.oversight.checkpoint(&mut pipe.outbox).unwrap();
    pipe.oversight.committed();
    for sent in written.note(pipe) {
        let record = record(&sent.key, sent.value.as_deref().unwrap());
        pipe.windows.take(record, &mut pipe.outbox).unwrap();
    }
}

#[test]
fn a_backlog_is_worked_off_with_few_records() {
    let mut pipe = Pipe::with(context_with(Profiles::default()), Span::from_mins(10));
    let mut written = Written::default();
    let options = Options { seed: 3, extent: Extent::Events(EVENTS), ..Options::DEFAULT };
    let (mut taken, mut now) = (0, Timestamp::MIN);
    for event in Simulation::new(options).unwrap().events() {
        let value = serde_json::to_vec(&event).unwrap();
        let record = record(event.credential_id.as_bytes(), &value);
        let record = Record { input: 1, ..record };
        pipe.windows.take(record, &mut pipe.outbox).unwrap();
        now = now.max(event.time);
        taken += 1;
        if taken % COMMIT_EVENTS == 0 {
            commit(&mut pipe, &mut written, now);
        }
    }
    // Until everything is quiet.
    for minutes in [0, 11, 22, 33] {
        commit(&mut pipe, &mut written, now + Span::from_mins(minutes));
    }
    assert!(written.per_event() <= RECORDS_MAX);
}
