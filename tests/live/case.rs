//! One run of the program over one input, from an empty topic to the verdict.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::checker::{Fault, judge_alerts, judge_findings, judge_ledger, no_faults};
use crate::client::{Client, Record, Sent, Writer};
use crate::input::{Input, replay};
use crate::program::{Config, until_drained};
use crate::scratch;

/// How long the rest of the work may take once nobody disturbs it any more.
const DRAINING: Duration = Duration::from_secs(120);

/// How long alerts and judgements may lag behind the clock.
const CATCHING_UP: Duration = Duration::from_secs(120);

/// Partitions of a source: other than those of the topics behind it, which must
/// not matter.
const SOURCE_PARTITIONS: i32 = 3;

/// An input on its way through the program.
pub(crate) struct Case {
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) source: String,
    input: Input,
    sent: usize,
    writer: Option<Writer>,
}

impl Case {
    /// A case with topics and groups of its own; nothing is sent yet.
    pub(crate) fn new(broker: &Broker, prefix: &str, input: Input) -> Case {
        Case::at(&broker.address(), prefix, input)
    }

    /// The same with the brokers at this address.
    pub(crate) fn at(brokers: &str, prefix: &str, input: Input) -> Case {
        let client = Client::new(brokers.to_owned());
        let source = format!("{prefix}.source");
        // What is too large for the program must get past the broker.
        client.create(&source, SOURCE_PARTITIONS, &[("max.message.bytes", "8000000")]);
        let config = Config::at(brokers, prefix);
        let writer = Some(client.writer());
        Case { client, config, source, input, sent: 0, writer }
    }

    /// Sends the next `count` events, or what is left of them.
    pub(crate) fn send(&mut self, count: usize) {
        let writer = self.writer.as_ref().expect("not all is sent");
        let until = (self.sent + count).min(self.size());
        for record in self.input.records(self.sent..until) {
            writer.send(&self.source, &record);
        }
        self.sent = until;
    }

    /// The next `count` events, or what is left of them, for somebody who delivers them.
    pub(crate) fn taken_for_delivery(&mut self, count: usize) -> String {
        let until = (self.sent + count).min(self.size());
        let body = self.input.lines[self.sent..until].join(&b'\n');
        self.sent = until;
        String::from_utf8(body).unwrap()
    }

    /// Sends a record that is no event.
    pub(crate) fn send_poison(&mut self, poison: &Sent) {
        self.writer.as_ref().expect("not all is sent").send(&self.source, poison);
    }

    /// How many events there are.
    pub(crate) fn size(&self) -> usize {
        self.input.lines.len()
    }

    /// Sends what is left and waits until all of it is there.
    pub(crate) fn send_rest(&mut self) {
        self.send(self.size());
        self.writer.take().expect("not all is sent").finish();
    }

    /// Sends what is left, each event to the topic that `topic` names for it.
    pub(crate) fn send_rest_to(&mut self, topic: impl Fn(&[u8]) -> String) {
        let writer = self.writer.take().expect("not all is sent");
        for at in self.sent..self.size() {
            let topic = topic(&self.input.lines[at]);
            self.input.records(at..at + 1).for_each(|record| writer.send(&topic, &record));
        }
        self.sent = self.size();
        writer.finish();
    }

    /// Waits until everything that was sent has gone all the way, and until the
    /// alerts have caught up with the clock.
    #[track_caller]
    pub(crate) fn until_done(&self) {
        until_drained(&self.client, &self.config, &[&self.source], DRAINING);
        let began = Instant::now();
        loop {
            let faults = self.faults();
            let behind = |fault: &Fault| match fault {
                Fault::Firing { expected: true, .. } => true,
                Fault::Finding { found: None, .. } => self.config.judges(),
                Fault::Differs { field, .. } => {
                    self.config.judges()
                        && ["hollow", "quality", "effective"].contains(&field.as_str())
                }
                _ => false,
            };
            if !faults.iter().any(behind) || began.elapsed() > CATCHING_UP {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Sends so many events, and waits until the ledger has records that it did not have before.
    #[track_caller]
    pub(crate) fn send_until_in_ledger(&mut self, count: usize, limit: Duration) {
        let topic = self.config.topic("windows");
        let before = self.client.ends(&topic, "read_committed");
        self.send(count);
        let began = Instant::now();
        while self.client.ends(&topic, "read_committed") == before {
            assert!(began.elapsed() < limit, "nothing gets into the ledger");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Everything that is wrong with the ledger and the alerts.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let log = self.ledger();
        let alerts = self.client.read(&self.config.topic("alerts"));
        let findings = self.client.read(&self.config.topic("findings"));
        // After reading: what was read is of an earlier moment.
        let mut expected = replay(&self.input.lines);
        expected.judged = self.config.judges();
        let ledger = judge_ledger(&expected, &log, self.input.arrival);
        let mut faults = ledger.faults.clone();
        faults.extend(judge_alerts(&expected, &alerts, &ledger));
        if expected.judged {
            faults.extend(judge_findings(&expected, &findings));
        }
        faults
    }

    /// Fails with what is wrong, if anything is.
    #[track_caller]
    pub(crate) fn must_be_faultless(&self) {
        let faults = self.faults();
        if !faults.is_empty() {
            self.keep(&faults);
        }
        no_faults(&self.config.prefix, &faults);
    }

    /// Writes what the topics hold, and all faults, to files that stay.
    fn keep(&self, faults: &[Fault]) {
        let mut directory = scratch::directory(&format!("{}-topics", self.config.prefix));
        directory.disable_cleanup(true);
        let file = |name: &str| fs::File::create(directory.path().join(name)).unwrap();
        let mut list = file("faults");
        faults.iter().for_each(|fault| writeln!(list, "{fault:?}").unwrap());
        for topic in ["events", "windows", "alerts", "findings", "dead-letters"] {
            let mut list = file(topic);
            for record in self.client.read(&self.config.topic(topic)) {
                let Record { partition, offset, timestamp, .. } = record;
                let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
                let (key, time) = (record.key_text(), timestamp.unwrap_or_default());
                writeln!(list, "{partition} {offset} {time} {key} {value}").unwrap();
            }
        }
        eprintln!("what the topics hold is in {}", directory.path().display());
    }

    /// The ledger's log.
    pub(crate) fn ledger(&self) -> Vec<Record> {
        self.client.read(&self.config.topic("windows"))
    }

    /// The dead letters.
    pub(crate) fn dead_letters(&self) -> Vec<Record> {
        self.client.read(&self.config.topic("dead-letters"))
    }

    /// Where the records of the source are that are none of the events.
    pub(crate) fn poisoned(&self) -> BTreeSet<(i32, i64)> {
        let events: BTreeSet<&[u8]> = self.input.lines.iter().map(Vec::as_slice).collect();
        let source = self.client.read(&self.source);
        let poisoned =
            source.iter().filter(|record| !events.contains(record.value.as_deref().unwrap_or(b"")));
        poisoned.map(|record| (record.partition, record.offset)).collect()
    }
}
