//! Brokers that are one cluster.
//!
//! Invariants: every node is broker and controller, and has its place for good. Of several,
//! each partition has three replicas, of which two must be in sync. The first node has a disk
//! of its own, if the system lets us mount one.

use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::broker::{Broker, Node, Ports};

/// How long the replicas of all partitions may take to be in sync again.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running nodes of a cluster, and those that were stopped.
#[derive(Debug)]
pub(crate) struct Cluster {
    brokers: Vec<Broker>,
    /// Transactions that each has given up, when it was last asked.
    given_up: Vec<usize>,
}

impl Cluster {
    /// A new cluster of so many nodes.
    pub(crate) fn start(nodes: usize) -> Cluster {
        let ports: Vec<Ports> = (0..nodes).map(|_| Ports::choose()).collect();
        let prepare = |place| {
            let node = Node { place, ports: ports.clone() };
            Broker::prepare(node, false, nodes > 1 && place == 0)
        };
        let brokers = (0..nodes).map(prepare).collect();
        let mut cluster = Cluster { brokers, given_up: vec![0; nodes] };
        // A controller alone has nobody who votes for it.
        cluster.brokers.iter_mut().for_each(Broker::launch);
        cluster.brokers.iter_mut().for_each(Broker::until_up);
        cluster
    }

    /// Where clients connect: to any of them.
    pub(crate) fn address(&self) -> String {
        let addresses: Vec<String> = self.brokers.iter().map(Broker::address).collect();
        addresses.join(",")
    }

    /// How many nodes there are, running or not.
    pub(crate) fn size(&self) -> usize {
        self.brokers.len()
    }

    pub(crate) fn broker(&mut self, place: usize) -> &mut Broker {
        &mut self.brokers[place]
    }

    /// Restarts the brokers that have given up a transaction since the last call. Returns how many
    /// those are.
    pub(crate) fn restart_those_that_gave_up(&mut self) -> usize {
        let mut restarted = 0;
        for (broker, before) in self.brokers.iter_mut().zip(&mut self.given_up) {
            let now = broker.transactions_given_up();
            if now > std::mem::replace(before, now) {
                broker.restart();
                restarted += 1;
            }
        }
        restarted
    }

    /// Waits until every replica of every partition is in sync.
    #[track_caller]
    pub(crate) fn until_in_sync(&self) {
        let began = Instant::now();
        loop {
            let behind = self.behind();
            if behind.as_ref().is_some_and(Vec::is_empty) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "replicas are missing: {behind:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The partitions of which a replica is missing; `None` while nobody tells.
    fn behind(&self) -> Option<Vec<String>> {
        let mut config = ClientConfig::new();
        let client: BaseConsumer =
            config.set("bootstrap.servers", self.address()).create().unwrap();
        let metadata = client.fetch_metadata(None, Duration::from_secs(2)).ok()?;
        let mut behind = Vec::new();
        for topic in metadata.topics() {
            let missing = topic.partitions().iter().filter(|partition| {
                partition.leader() < 0 || partition.isr().len() < partition.replicas().len()
            });
            behind.extend(missing.map(|partition| format!("{}/{}", topic.name(), partition.id())));
        }
        (metadata.brokers().len() == self.size()).then_some(behind)
    }

    /// Which node leads each partition of a topic.
    pub(crate) fn leaders(&self, topic: &str) -> Vec<i32> {
        let mut config = ClientConfig::new();
        let client: BaseConsumer =
            config.set("bootstrap.servers", self.address()).create().unwrap();
        let metadata = client.fetch_metadata(Some(topic), PATIENCE).unwrap();
        let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        partitions.map(|partition| partition.leader()).collect()
    }
}
