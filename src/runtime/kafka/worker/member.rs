//! The consumer of a worker: a member of its stage's group.
//!
//! Invariants: the callback only notes a change of the assignment. The worker carries it
//! out between two records, where it can commit first. A partition's messages go to the
//! worker's queue and nowhere else.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::fetched::{self, Fetched};
use crate::runtime::kafka::client::auth::Tokens;
use crate::runtime::kafka::client::context::{ClientEvents, Context};
use crate::runtime::kafka::client::raw::{self, Queue};
use crate::runtime::kafka::progress::look::TopicPartition;
use crate::runtime::logging;
use crate::runtime::stages::Fault;

/// What the group wants of a member.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// These partitions are ours from now on.
    Assigned(Vec<TopicPartition>),
    /// These are revoked.
    Revoked(Vec<TopicPartition>),
    /// The group could not agree.
    Failed(String),
}

/// The context of a member of a group.
type Membership = Context<Changes>;

/// Hands changes of the assignment on to the worker, and how far the client has fetched.
pub(super) struct Changes {
    changes: Sender<Change>,
    closing: AtomicBool,
    /// What the latest statistics say, until the worker takes it.
    fetched: Mutex<Option<Vec<Fetched>>>,
}

impl ClientEvents for Changes {
    fn statistics(&self, json: &[u8]) {
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched::read(json));
    }
}

impl ConsumerContext for Membership {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.own.closing.load(Ordering::Acquire) {
            // Nobody is left to carry it out.
            let _ = consumer.unassign();
            return;
        }
        let all = partitions
            .elements()
            .iter()
            .map(|element| (element.topic().to_owned(), element.partition()))
            .collect();
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assigned(all),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => Change::Revoked(all),
            error => Change::Failed(format!("{error:?}")),
        };
        let _ = self.own.changes.send(change);
    }
}

/// The consumer with its queue.
pub(super) struct Member {
    queue: Queue<Membership>,
    consumer: Arc<BaseConsumer<Membership>>,
    changes: Receiver<Change>,
    /// Whether the brokers assign partitions, instead of a member of the group.
    by_brokers: bool,
    /// The last change, until it is carried out: librdkafka reports no other before.
    owed: RefCell<Option<Change>>,
}

impl Member {
    /// Joins the group that `config` names and subscribes to `topics`.
    pub(super) fn join(
        config: &ClientConfig,
        tokens: &Tokens,
        topics: &[&str],
    ) -> Result<Member, Fault> {
        let (sender, changes) = unbounded();
        let own =
            Changes { changes: sender, closing: AtomicBool::new(false), fetched: Mutex::default() };
        let context = Context::with(tokens, own);
        let failed = |error| Fault::of("joining the consumer group", &error);
        let consumer: BaseConsumer<Membership> =
            config.create_with_context(context).map_err(failed)?;
        consumer.subscribe(topics).map_err(failed)?;
        let consumer = Arc::new(consumer);
        let queue = Queue::new(Arc::clone(&consumer))
            .ok_or_else(|| Fault::Passing("no memory for a queue".to_owned()))?;
        let by_brokers = config.get("group.protocol") == Some("consumer");
        Ok(Member { queue, consumer, changes, by_brokers, owed: RefCell::default() })
    }

    /// Whether brokers have taken it in that assign partitions. They do not tell a member that
    /// there is nothing for it.
    pub(super) fn is_known_to_brokers(&self) -> bool {
        self.by_brokers && raw::generation(&self.consumer) > 0
    }

    pub(super) fn consumer(&self) -> &BaseConsumer<Membership> {
        &self.consumer
    }

    pub(super) fn queue(&self) -> &Queue<Membership> {
        &self.queue
    }

    /// Serves the group and returns the next change.
    pub(super) fn serve(&self) -> Result<Option<Change>, Fault> {
        self.poll()?;
        let change = self.changes.try_recv().ok();
        if change.is_some() {
            self.owed.replace(change.clone());
        }
        Ok(change)
    }

    fn poll(&self) -> Result<(), Fault> {
        match self.consumer.poll(std::time::Duration::ZERO) {
            Some(Err(error)) if !logging::passes_by_itself(&error) => {
                Err(self.consumer.context().tokens.fault("reading", &error))
            }
            _ => Ok(()),
        }
    }

    /// The partitions that are fetched up to their ends, by statistics that came since the last
    /// call and are not older than [`fetched::EVERY`].
    pub(super) fn fetched(&self) -> Result<Vec<Fetched>, Fault> {
        let slot = &self.consumer.context().own.fetched;
        let mut latest = Vec::new();
        loop {
            let newer = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(newer) = newer else { return Ok(latest) };
            latest = newer;
            // After a long step several wait, and a poll takes one of them.
            self.poll()?;
        }
    }

    /// Takes on partitions without reading them yet.
    pub(super) fn take_on(&self, partitions: &[TopicPartition]) -> Result<(), Fault> {
        let failed = |error| Fault::of("taking on partitions", &error);
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            // Before the assignment, or its first messages go elsewhere.
            self.queue.adopt(topic, *partition);
            // Where to read from is known later; no position that is looked up
            // now may come in between.
            list.add_partition_offset(topic, *partition, Offset::Offset(0)).map_err(failed)?;
        }
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&list),
            _ => self.consumer.assign(&list),
        }
        .map_err(failed)?;
        self.owed.take();
        self.consumer.pause(&list).map_err(failed)
    }

    /// Begins to read a partition that was taken on.
    pub(super) fn start(&self, topic: &str, partition: i32, offset: i64) -> Result<(), Fault> {
        let failed = |error| Fault::of("seeking", &error);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).map_err(failed)?;
        let sought = self
            .consumer
            .seek_partitions(list.clone(), std::time::Duration::from_secs(10))
            .map_err(failed)?;
        for element in sought.elements() {
            element.error().map_err(failed)?;
        }
        self.consumer.resume(&list).map_err(failed)
    }

    /// Lets revoked partitions go.
    pub(super) fn revoke(&self, partitions: &[TopicPartition]) -> Result<(), Fault> {
        let failed = |error| Fault::of("letting partitions go", &error);
        if matches!(self.consumer.rebalance_protocol(), RebalanceProtocol::Cooperative) {
            let mut list = TopicPartitionList::new();
            for (topic, partition) in partitions {
                list.add_partition(topic, *partition);
            }
            self.consumer.incremental_unassign(&list).map_err(failed)?;
        } else {
            self.consumer.unassign().map_err(failed)?;
        }
        self.owed.take();
        Ok(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.consumer.context().own.closing.store(true, Ordering::Release);
        // A change that was reported and not carried out is an answer still owed:
        // librdkafka would wait for it for ever before it closes.
        match self.owed.take().or_else(|| self.changes.try_recv().ok()) {
            Some(Change::Assigned(all)) => drop(self.take_on(&all)),
            Some(Change::Revoked(all)) => drop(self.revoke(&all)),
            Some(Change::Failed(_)) => drop(self.consumer.unassign()),
            None => {}
        }
        // The wrapper's drop waits until the group is left.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    use std::ops::ControlFlow;
    use std::time::Duration;

    /// Joins a group at a mock of a broker, and leaves it without having carried out the
    /// first change.
    fn join_and_leave(strategy: &str) {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("here", 2, 1).unwrap();
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("group.id", "g")
            .set("partition.assignment.strategy", strategy);
        let member = Member::join(&config, &Tokens::default(), &["here"]).unwrap();
        let first = (0..3_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            member.serve().unwrap()
        });
        assert!(matches!(first, Some(Change::Assigned(all)) if all.len() == 2));
        let (left, leaving) = crossbeam_channel::bounded(1);
        std::thread::spawn(move || {
            drop(member);
            left.send(())
        });
        leaving.recv_timeout(Duration::from_secs(20)).expect("it still waits");
    }

    #[test]
    fn a_member_knows_that_everything_is_fetched_while_nothing_says_so() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("here", 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer: BaseProducer = config.create().unwrap();
        for _ in 0..3 {
            producer.send(BaseRecord::to("here").key("k").payload("v")).unwrap();
        }
        producer.flush(Duration::from_secs(10)).unwrap();
        config
            .set("group.id", "g")
            .set("isolation.level", "read_committed")
            .set("statistics.interval.ms", "20");
        let member = Member::join(&config, &Tokens::default(), &["here"]).unwrap();
        let mut taken = 0;
        let known = (0..3_000).any(|_| {
            match member.serve().unwrap() {
                Some(Change::Assigned(all)) => {
                    member.take_on(&all).unwrap();
                    member.start("here", 0, 1).unwrap();
                }
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            let fetched = member.fetched().unwrap();
            taken += member.queue().serve(10, 10, &mut |_| ControlFlow::Continue(()));
            fetched == [Fetched { topic: "here".to_owned(), partition: 0, next: 3 }]
        });
        assert!(known, "the client never says that it has fetched everything");
        assert_eq!(taken, 2, "from where it started to the end");
    }

    #[test]
    fn a_member_leaves_even_if_it_owes_an_answer() {
        join_and_leave("cooperative-sticky");
        join_and_leave("range");
    }
}
