//! What transports put around records: queues, topics, change capture, and lists of deliveries.
//!
//! Invariants: an envelope is told by its keys, never by free text; its parts are taken as they
//! are, and none is looked into here; a part that cannot be taken out does not harm the others.
//!
//! - SNS: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html>
//! - SQS: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
//! - MSK: <https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html>
//! - Kafka Connect: <https://kafka.apache.org/documentation/#connect_json_converter>
//! - Debezium: <https://debezium.io/documentation/reference/stable/connectors/postgresql.html>
//! - GitHub: <https://docs.github.com/en/rest/repos/webhooks#get-a-delivery-for-a-repository-webhook>

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::field::{invalid, missing, object_or_absent, wrong_type};
use super::native::Fallback;
use super::value::{Found, Scalar, Seen, Slot, Verbatim, object};
use super::{Decoded, Rejection, SkipReason, json};
use crate::time::Timestamp;

/// What a decoder made of a record.
pub(super) enum Outcome<'a> {
    /// It is decoded.
    Done(Decoded),
    /// It is an envelope, whose content is to be decoded next.
    Wrapped(Wrapped<'a>),
}

impl From<Decoded> for Outcome<'_> {
    fn from(decoded: Decoded) -> Self {
        Outcome::Done(decoded)
    }
}

/// The content of an envelope.
pub(super) struct Wrapped<'a> {
    /// The records within it, or why one could not be taken out.
    pub(super) parts: Vec<Result<Cow<'a, [u8]>, Rejection>>,
    /// What stands in for missing fields of a native event within it.
    pub(super) fallback: Fallback<'a>,
    /// When the envelope was made: the detection time of findings that have none.
    pub(super) detected_at: Option<Timestamp>,
    /// Whether it counts as a level of nesting. A mere list does not.
    pub(super) nests: bool,
}

impl<'a> Wrapped<'a> {
    /// One record in an envelope.
    pub(super) fn one(record: Cow<'a, [u8]>) -> Wrapped<'a> {
        Wrapped { nests: true, ..Wrapped::list(vec![Ok(record)]) }
    }

    /// Records side by side.
    pub(super) fn list(parts: Vec<Result<Cow<'a, [u8]>, Rejection>>) -> Wrapped<'a> {
        Wrapped { parts, fallback: Fallback::default(), detected_at: None, nests: false }
    }
}

impl<'a> Outcome<'a> {
    /// The same, found within another envelope: what that one tells stands in for what this one
    /// does not.
    pub(super) fn within(self, outer: Fallback<'a>, detected_at: Option<Timestamp>) -> Outcome<'a> {
        match self {
            Outcome::Wrapped(wrapped) => Outcome::Wrapped(Wrapped {
                fallback: wrapped.fallback.or(outer),
                detected_at: wrapped.detected_at.or(detected_at),
                ..wrapped
            }),
            done @ Outcome::Done(_) => done,
        }
    }

    /// The same with a copy of every text.
    pub(super) fn into_owned(self) -> Outcome<'static> {
        match self {
            Outcome::Done(decoded) => Outcome::Done(decoded),
            Outcome::Wrapped(wrapped) => Outcome::Wrapped(Wrapped {
                parts: wrapped
                    .parts
                    .into_iter()
                    .map(|part| part.map(|record| Cow::Owned(record.into_owned())))
                    .collect(),
                fallback: wrapped.fallback.into_owned(),
                detected_at: wrapped.detected_at,
                nests: wrapped.nests,
            }),
        }
    }
}

object! {
    /// The keys by which envelopes differ.
    Keys {
        topic: Seen = "TopicArn",
        sns_message: Seen = "Message",
        // Only a message that asks to confirm a subscription has it.
        subscribe: Seen = "SubscribeURL",
        records: Seen = "Records",
        messages: Seen = "Messages",
        findings: Seen = "Findings",
        topics: Seen = "records",
        event_source: Seen = "eventSource",
        lambda_source: Seen = "EventSource",
        sns: Seen = "Sns",
        kinesis: Seen = "kinesis",
        body: Seen = "body",
        receipt: Seen = "receiptHandle",
        body_listed: Seen = "Body",
        receipt_listed: Seen = "ReceiptHandle",
        schema: Seen = "schema",
        payload: Seen = "payload",
        after: Seen = "after",
        operation: Seen = "op",
        guid: Seen = "guid",
        delivered_at: Seen = "delivered_at",
    }
}

/// The kinds of envelope.
#[derive(Clone, Copy)]
enum Kind {
    Sns,
    /// The records of one invocation of a Lambda function, or of a CloudTrail log file.
    Records,
    SqsList,
    /// What the APIs of GuardDuty and Security Hub list.
    Findings,
    SqsRecord,
    SqsMessage,
    SnsRecord,
    KinesisRecord,
    Msk,
    Connect,
    Debezium,
    HookDelivery,
}

impl Keys<'_> {
    fn kind(&self) -> Option<Kind> {
        let kinds = [
            (Kind::Sns, self.topic.0 && self.sns_message.0 && !self.subscribe.0),
            (Kind::Records, self.records.0),
            (Kind::SqsList, self.messages.0),
            (Kind::Findings, self.findings.0),
            (Kind::SqsRecord, self.body.0 && self.receipt.0),
            (Kind::SqsMessage, self.body_listed.0 && self.receipt_listed.0),
            (Kind::SnsRecord, self.sns.0 && self.lambda_source.0),
            (Kind::KinesisRecord, self.kinesis.0 && self.event_source.0),
            (Kind::Msk, self.topics.0 && self.event_source.0),
            (Kind::Connect, self.schema.0 && self.payload.0),
            (Kind::Debezium, self.after.0 && self.operation.0),
            (Kind::HookDelivery, self.guid.0 && self.delivered_at.0),
        ];
        kinds.into_iter().find_map(|(kind, is)| is.then_some(kind))
    }
}

object! {
    /// The fields in which the envelopes hold their content.
    Fields {
        message: Verbatim<'a> = "Message",
        timestamp: Scalar<'a> = "Timestamp",
        records: Verbatim<'a> = "Records",
        messages: Verbatim<'a> = "Messages",
        findings: Verbatim<'a> = "Findings",
        topics: Verbatim<'a> = "records",
        sns: Sns<'a> = "Sns",
        kinesis: Kinesis<'a> = "kinesis",
        body: Verbatim<'a> = "body",
        body_listed: Verbatim<'a> = "Body",
        payload: Verbatim<'a> = "payload",
        after: Verbatim<'a> = "after",
        request: Request<'a> = "request",
    }
}

object! {
    Sns {
        message: Verbatim<'a> = "Message",
        timestamp: Scalar<'a> = "Timestamp",
    }
}

object! {
    Kinesis { data: Verbatim<'a> = "data" }
}

object! {
    Request { payload: Verbatim<'a> = "payload" }
}

object! {
    /// A record of a Kafka topic, as Lambda gets it.
    TopicRecord { value: Verbatim<'a> = "value" }
}

/// The content of `text` if it is an envelope, `None` if it is none.
pub(super) fn open(text: &str) -> Result<Option<Outcome<'_>>, Rejection> {
    let keys: Keys<'_> = json::object(text)?;
    let Some(kind) = keys.kind() else { return Ok(None) };
    let fields: Fields<'_> = json::object(text)?;
    let opened = match kind {
        Kind::Sns => message("Message", fields.message, &fields.timestamp),
        Kind::SnsRecord => {
            object_or_absent(fields.sns.found(), "Sns")?;
            message("Sns.Message", fields.sns.message, &fields.sns.timestamp)
        }
        Kind::Records => list("Records", fields.records),
        Kind::SqsList => list("Messages", fields.messages),
        Kind::Findings => list("Findings", fields.findings),
        Kind::SqsRecord => one("body", fields.body),
        Kind::SqsMessage => one("Body", fields.body_listed),
        Kind::KinesisRecord => {
            object_or_absent(fields.kinesis.found(), "kinesis")?;
            encoded("kinesis.data", fields.kinesis.data).map(|record| match record {
                Some(record) => Outcome::Wrapped(Wrapped::one(record)),
                None => empty(),
            })
        }
        Kind::Msk => topics(fields.topics),
        Kind::Connect => one("payload", fields.payload),
        Kind::Debezium => one("after", fields.after),
        Kind::HookDelivery => match fields.request.found() {
            Found::Object => one("request.payload", fields.request.payload),
            _ => Err(Rejection::unsupported(
                "a delivery of a GitHub hook without its request: get each delivery by its id",
            )),
        },
    };
    opened.map(Some)
}

fn empty<'a>() -> Outcome<'a> {
    Outcome::Done(Decoded::Skipped(SkipReason::Empty))
}

/// A record as an object, or as a text that holds one.
fn one<'a>(field: &'static str, value: Verbatim<'a>) -> Result<Outcome<'a>, Rejection> {
    match value.found() {
        Found::Object | Found::Array => {
            let json = value.json().unwrap_or_default();
            Ok(Outcome::Wrapped(Wrapped::one(Cow::Borrowed(json.as_bytes()))))
        }
        Found::Text => match value.lossy_text().unwrap_or_default() {
            Cow::Borrowed("") => Ok(empty()),
            Cow::Borrowed(text) => {
                Ok(Outcome::Wrapped(Wrapped::one(Cow::Borrowed(text.as_bytes()))))
            }
            Cow::Owned(text) => Ok(Outcome::Wrapped(Wrapped::one(Cow::Owned(text.into_bytes())))),
        },
        Found::Null => Ok(empty()),
        Found::Absent => Err(missing(field)),
        found => Err(wrong_type(field, "an object, or a text that holds one", found)),
    }
}

/// A record that SNS delivers, with the time of its publication.
fn message<'a>(
    field: &'static str,
    message: Verbatim<'a>,
    published: &Scalar<'_>,
) -> Result<Outcome<'a>, Rejection> {
    let mut opened = one(field, message)?;
    if let Outcome::Wrapped(wrapped) = &mut opened {
        // A time that cannot be read is no reason to lose the record.
        wrapped.detected_at = published.time("Timestamp").unwrap_or_default();
    }
    Ok(opened)
}

fn list<'a>(field: &'static str, value: Verbatim<'a>) -> Result<Outcome<'a>, Rejection> {
    let Some(elements) = value.elements() else {
        return Err(wrong_type(field, "an array", value.found()));
    };
    Ok(Outcome::Wrapped(Wrapped::list(elements.into_iter().map(whole).collect())))
}

/// An element of an array, as it is.
pub(super) fn whole(element: Verbatim<'_>) -> Result<Cow<'_, [u8]>, Rejection> {
    Ok(Cow::Borrowed(element.json().unwrap_or_default().as_bytes()))
}

/// Bytes in base64; `None` for a tombstone.
fn encoded<'a>(
    field: &'static str,
    value: Verbatim<'a>,
) -> Result<Option<Cow<'a, [u8]>>, Rejection> {
    match value.found() {
        Found::Text => STANDARD
            .decode(value.lossy_text().unwrap_or_default().as_bytes())
            .map(|bytes| Some(Cow::Owned(bytes)))
            .map_err(|_| invalid(field, "padded standard base64")),
        Found::Null | Found::Absent => Ok(None),
        found => Err(wrong_type(field, "a string", found)),
    }
}

/// The records of one invocation by MSK: an object whose values are arrays.
fn topics(value: Verbatim<'_>) -> Result<Outcome<'_>, Rejection> {
    const FIELD: &str = "records";
    let topics =
        value.values().ok_or_else(|| wrong_type(FIELD, "an object of arrays", value.found()))?;
    let mut parts = Vec::new();
    for topic in topics {
        let records = topic
            .elements()
            .ok_or_else(|| wrong_type(FIELD, "an object of arrays", topic.found()))?;
        for record in records {
            let value = json::object::<TopicRecord<'_>>(record.json().unwrap_or_default())
                .and_then(|record| encoded("records.value", record.value));
            parts.push(value.map(|bytes| bytes.unwrap_or(Cow::Borrowed(b"null"))));
        }
    }
    Ok(Outcome::Wrapped(Wrapped { nests: true, ..Wrapped::list(parts) }))
}
