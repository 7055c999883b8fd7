//! The few calls of librdkafka that its Rust wrapper lacks, or makes too slowly: serving
//! many messages from a queue of our own, committing a transaction without polling in
//! slices of 100 ms, and giving a client a token before it asks.
//!
//! Messages come by callback, not in batches. After a batch that ends in "end of
//! partition", librdkafka 2.12 takes the end itself for read. When the next rebalance makes
//! it resume from there, it skips a record or fails.
//!
//! Safety invariants, which every `unsafe` block below relies on:
//! * a pointer to a client comes from a wrapper that is borrowed, or held by an `Arc`, for
//!   as long as the pointer is used;
//! * a queue is destroyed before its client, since [`Queue`] holds the client;
//! * a message is valid during one callback, and everything read from it borrows it.
#![allow(unsafe_code, reason = "the only file that talks to librdkafka past its wrapper")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::ops::ControlFlow;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings as ffi;
use rdkafka::client::{Client, ClientContext, OAuthToken};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaRespErr;

use crate::runtime::stages::Headers;

/// A queue for the fetched messages of chosen partitions.
pub(crate) struct Queue<C: ConsumerContext> {
    queue: NonNull<ffi::rd_kafka_queue_t>,
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues may be used from any thread, and the client is `Sync`.
unsafe impl<C: ConsumerContext> Send for Queue<C> {}

impl<C: ConsumerContext> Queue<C> {
    /// An empty queue; `None` when librdkafka has no memory for one.
    pub(crate) fn new(consumer: Arc<BaseConsumer<C>>) -> Option<Queue<C>> {
        // SAFETY: the client lives as long as `consumer`, which the queue keeps.
        let queue = unsafe { ffi::rd_kafka_queue_new(consumer.client().native_ptr()) };
        NonNull::new(queue).map(|queue| Queue { queue, consumer })
    }

    /// Routes the messages of a partition to this queue. Call it before each assignment of
    /// the partition, or its first messages go to the consumer's own queue.
    pub(crate) fn adopt(&self, topic: &str, partition: i32) {
        // Topic names hold no zero byte: brokers allow letters, digits and `._-` only.
        let Ok(topic) = CString::new(topic) else { return };
        // SAFETY: the client is alive, the name ends in zero; the partition's queue
        // is given back once it is forwarded, which does not end the forwarding.
        unsafe {
            let client = self.consumer.client().native_ptr();
            let partition = ffi::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition);
            if !partition.is_null() {
                ffi::rd_kafka_queue_forward(partition, self.queue.as_ptr());
                ffi::rd_kafka_queue_destroy(partition);
            }
        }
    }

    /// Calls `each` with up to `max` messages, after waiting up to `timeout_ms` for the
    /// first. Stops early when `each` breaks. Returns the number of messages.
    pub(crate) fn serve(
        &self,
        timeout_ms: u32,
        max: usize,
        each: &mut dyn FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> usize {
        let mut serving = Serving {
            client: self.consumer.client().native_ptr(),
            left: max,
            served: 0,
            each,
            panic: None,
        };
        let timeout = c_int::try_from(timeout_ms).unwrap_or(c_int::MAX);
        // SAFETY: the queue is alive, and `serving` outlives the call, in which
        // alone the callback is called.
        unsafe {
            ffi::rd_kafka_consume_callback_queue(
                self.queue.as_ptr(),
                timeout,
                Some(lend),
                ptr::from_mut(&mut serving).cast(),
            );
        }
        if let Some(panic) = serving.panic {
            std::panic::resume_unwind(panic);
        }
        serving.served
    }
}

/// One round of serving.
struct Serving<'s> {
    client: *mut ffi::rd_kafka_t,
    left: usize,
    served: usize,
    each: &'s mut dyn FnMut(Message<'_>) -> ControlFlow<()>,
    panic: Option<Box<dyn std::any::Any + Send>>,
}

/// Called by librdkafka for each message of a round.
extern "C" fn lend(message: *mut ffi::rd_kafka_message_t, serving: *mut c_void) {
    // SAFETY: `serve` passes a pointer to its `Serving`, which nothing else uses
    // while librdkafka serves; the message is valid until this returns.
    let (message, serving) = unsafe { (&*message, &mut *serving.cast::<Serving<'_>>()) };
    serving.served += 1;
    serving.left = serving.left.saturating_sub(1);
    // A panic must not unwind through librdkafka.
    let each = std::panic::AssertUnwindSafe(|| (serving.each)(Message(message)));
    let flow = std::panic::catch_unwind(each).unwrap_or_else(|panic| {
        serving.panic = Some(panic);
        ControlFlow::Break(())
    });
    if flow.is_break() || serving.left == 0 {
        // SAFETY: the client is alive; this only keeps it from serving on, and
        // what is left stays in the queue.
        unsafe { ffi::rd_kafka_yield(serving.client) }
    }
}

impl<C: ConsumerContext> Drop for Queue<C> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, destroyed nowhere else; the client is alive.
        unsafe { ffi::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// One message: a record, the end of a partition, or an error.
#[derive(Clone, Copy)]
pub(crate) struct Message<'b>(&'b ffi::rd_kafka_message_t);

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A record of the topic.
    Data,
    /// The end of the partition is reached; the offset is the next to be read.
    End,
    /// Reading failed.
    Error(RDKafkaErrorCode),
}

impl<'b> Message<'b> {
    pub(crate) fn kind(self) -> Kind {
        match self.0.err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Kind::Data,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => Kind::End,
            error => Kind::Error(error.into()),
        }
    }

    /// A number that identifies the topic while the client lives. It is faster to compare
    /// than the name.
    pub(crate) fn topic_number(self) -> usize {
        self.0.rkt as usize
    }

    pub(crate) fn topic(self) -> &'b str {
        if self.0.rkt.is_null() {
            return "";
        }
        // SAFETY: the message refers to its topic, whose name ends in zero and
        // lives as long.
        let name = unsafe { CStr::from_ptr(ffi::rd_kafka_topic_name(self.0.rkt)) };
        name.to_str().unwrap_or_default()
    }

    pub(crate) fn partition(self) -> i32 {
        self.0.partition
    }

    pub(crate) fn offset(self) -> i64 {
        self.0.offset
    }

    /// The timestamp in milliseconds since 1970, set by the producer or the broker.
    pub(crate) fn timestamp_ms(self) -> Option<i64> {
        let mut kind = ffi::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: reads from a valid message.
        let time = unsafe { ffi::rd_kafka_message_timestamp(self.0, &mut kind) };
        (time >= 0).then_some(time)
    }

    /// The same, if the producer set it.
    pub(crate) fn created_ms(self) -> Option<i64> {
        let mut kind = ffi::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: reads from a valid message.
        let time = unsafe { ffi::rd_kafka_message_timestamp(self.0, &mut kind) };
        (kind == ffi::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME && time >= 0)
            .then_some(time)
    }

    pub(crate) fn key(self) -> Option<&'b [u8]> {
        // SAFETY: pointer and length of the message's key belong together.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    /// The value; for an error its description.
    pub(crate) fn payload(self) -> Option<&'b [u8]> {
        // SAFETY: pointer and length of the message's value belong together.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    /// The headers whose names are UTF-8, in order.
    pub(crate) fn headers(self) -> Vec<(&'b str, &'b [u8])> {
        let mut found = Vec::new();
        let mut headers = ptr::null_mut();
        // SAFETY: the headers belong to the message; name and value of each are
        // valid as long as it is.
        unsafe {
            let none = ffi::rd_kafka_message_headers(self.0, &mut headers);
            if none != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return found;
            }
            let (mut name, mut value, mut length) = (ptr::null::<c_char>(), ptr::null(), 0);
            let mut at = 0;
            while ffi::rd_kafka_header_get_all(headers, at, &mut name, &mut value, &mut length)
                == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                if let Ok(name) = CStr::from_ptr(name).to_str() {
                    found.push((name, bytes(value, length).unwrap_or_default()));
                }
                at += 1;
            }
        }
        found
    }
}

impl Headers for Message<'_> {
    fn all(&self) -> Vec<(&str, &[u8])> {
        self.headers()
    }
}

/// The bytes at `start`; `None` for a null pointer.
///
/// # Safety
/// `start` is null, or valid for `length` bytes and for the lifetime `'b`.
unsafe fn bytes<'b>(start: *const c_void, length: usize) -> Option<&'b [u8]> {
    // SAFETY: as the caller promises.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), length) })
}

/// Why a transaction was not committed.
#[derive(Clone, Debug)]
pub(crate) struct TransactionError {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) text: String,
    /// The same call may be made again and goes on where it stopped.
    pub(crate) retriable: bool,
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The generation of the group that the consumer is a member of, or with KIP-848 the epoch of the
/// member; zero or negative if it is not a member.
pub(crate) fn generation<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> i32 {
    // SAFETY: the consumer is borrowed; what it tells is read before it is destroyed.
    unsafe {
        let group = ffi::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if group.is_null() {
            return -1;
        }
        let generation = ffi::rd_kafka_consumer_group_metadata_generation_id(group);
        ffi::rd_kafka_consumer_group_metadata_destroy(group);
        generation
    }
}

/// Commits the current transaction when all of its messages are delivered. The producer
/// must be configured to report failed deliveries only, or this never returns.
pub(crate) fn commit_transaction<C: ProducerContext>(
    producer: &BaseProducer<C>,
    timeout_ms: u32,
) -> Result<(), TransactionError> {
    let timeout = c_int::try_from(timeout_ms).unwrap_or(c_int::MAX);
    // SAFETY: the producer is borrowed; the error is read before it is destroyed.
    unsafe {
        let error = ffi::rd_kafka_commit_transaction(producer.client().native_ptr(), timeout);
        if error.is_null() {
            return Ok(());
        }
        let failure = TransactionError {
            code: ffi::rd_kafka_error_code(error).into(),
            text: CStr::from_ptr(ffi::rd_kafka_error_string(error)).to_string_lossy().into_owned(),
            retriable: ffi::rd_kafka_error_is_retriable(error) != 0,
        };
        ffi::rd_kafka_error_destroy(error);
        Err(failure)
    }
}

/// Sets the token that a client logs in with from now on.
///
/// # Errors
/// Why librdkafka does not accept the token, in its words. They do not contain the token.
pub(crate) fn set_token<C: ClientContext>(
    client: &Client<C>,
    token: &OAuthToken,
) -> Result<(), String> {
    const ROOM: usize = 512;
    let text = |text: &str| CString::new(text).map_err(|_| "a zero byte in it".to_owned());
    let (value, principal) = (text(&token.token)?, text(&token.principal_name)?);
    let mut why: [c_char; ROOM] = [0; ROOM];
    // SAFETY: the client is borrowed; both texts end in zero and are copied; there
    // are no extensions; what is wrong is written within its room, with a zero at
    // its end, and read only after that.
    unsafe {
        let code = ffi::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            token.lifetime_ms,
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            why.as_mut_ptr(),
            ROOM,
        );
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        Err(CStr::from_ptr(why.as_ptr()).to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::BaseRecord;

    #[test]
    fn a_batch_has_records_with_all_their_parts_and_the_end() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("here", 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer: BaseProducer = config.create().unwrap();
        let headers = rdkafka::message::OwnedHeaders::new()
            .insert(rdkafka::message::Header { key: "a", value: Some("1") })
            .insert(rdkafka::message::Header { key: "b", value: None::<&str> });
        let record = BaseRecord::to("here").key("k").payload("v").timestamp(17).headers(headers);
        producer.send(record).unwrap();
        producer.send(BaseRecord::<str, str>::to("here")).unwrap();
        producer.flush(std::time::Duration::from_secs(10)).unwrap();

        let consumer: BaseConsumer = config
            .set("group.id", "g")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        let consumer = Arc::new(consumer);
        let queue = Queue::new(Arc::clone(&consumer)).unwrap();
        queue.adopt("here", 0);
        let mut assignment = rdkafka::TopicPartitionList::new();
        assignment.add_partition_offset("here", 0, rdkafka::Offset::Offset(0)).unwrap();
        consumer.assign(&assignment).unwrap();
        let mut seen = Vec::new();
        while seen.len() < 3 {
            // One at a time: what is not taken stays.
            queue.serve(10_000, 1, &mut |record| {
                assert_eq!((record.topic(), record.partition()), ("here", 0));
                seen.push(match record.kind() {
                    Kind::Data => format!(
                        "{} {:?} {:?} {:?} {:?}",
                        record.offset(),
                        record.key(),
                        record.payload(),
                        record.timestamp_ms().filter(|time| *time == 17),
                        record.headers()
                    ),
                    Kind::End => format!("end {}", record.offset()),
                    Kind::Error(code) => panic!("{code}"),
                });
                ControlFlow::Continue(())
            });
        }
        // The end was seen, and is still where reading goes on.
        let position = consumer.position().unwrap();
        let here = position.find_partition("here", 0).unwrap();
        assert_eq!(here.offset(), rdkafka::Offset::Offset(2));
        assert_eq!(
            seen,
            [
                "0 Some([107]) Some([118]) Some(17) [(\"a\", [49]), (\"b\", [])]",
                "1 None None None []",
                "end 2"
            ]
        );
    }
}
