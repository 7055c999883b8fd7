//! CloudEvents 1.0 around a record of any other format: in structured JSON, or in binary
//! mode, where the transport carries the attributes.
//!
//! Invariants: an envelope holds one record and never another CloudEvent; the fields of the
//! record take precedence over the attributes of the envelope.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::envelope::Outcome;
use super::field::{invalid, required, too_long, wrong_type};
use super::native::{self, Fallback};
use super::value::{Found, Scalar, Slot, Verbatim, object};
use super::{Context, RejectReason, Rejection, json, recognise};
use crate::config::Limits;
use crate::event::{Event, Kind};

object! {
    /// The context attributes that this decoder needs, and the payload.
    Envelope {
        specversion: Scalar<'a> = "specversion",
        id: Scalar<'a> = "id",
        source: Scalar<'a> = "source",
        kind: Scalar<'a> = "type",
        time: Scalar<'a> = "time",
        content_type: Scalar<'a> = "datacontenttype",
        data: Verbatim<'a> = "data",
        data_base64: Scalar<'a> = "data_base64",
    }
}

/// The attributes of a CloudEvent in binary mode, which the transport carries. On Kafka they
/// are the headers `ce_specversion`, `ce_id`, `ce_source`, `ce_type`, `ce_time` and
/// `content-type`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attributes<'a> {
    /// The version of the specification.
    pub specversion: Option<&'a str>,
    /// Unique within the source.
    pub id: Option<&'a str>,
    /// Where the event comes from, a URI reference.
    pub source: Option<&'a str>,
    /// The kind of event.
    pub kind: Option<&'a str>,
    /// When it happened, in RFC 3339.
    pub time: Option<&'a str>,
    /// The media type of the record.
    pub content_type: Option<&'a str>,
}

/// Decodes one record whose attributes the transport carried.
pub(super) fn decode_binary<'a>(
    attributes: &Attributes<'a>,
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Outcome<'a>, Rejection> {
    let scalar = |text: Option<&'a str>| match text {
        Some(text) => Scalar::Text(Cow::Borrowed(text)),
        None => Scalar::Absent,
    };
    let mut envelope = Envelope {
        specversion: scalar(attributes.specversion),
        id: scalar(attributes.id),
        source: scalar(attributes.source),
        kind: scalar(attributes.kind),
        time: scalar(attributes.time),
        content_type: scalar(attributes.content_type),
        ..Envelope::default()
    };
    let fallback = envelope.fallback(&context.limits)?;
    decode_data(text, fallback, context, out)
}

/// Decodes one enveloped record.
pub(super) fn decode<'a>(
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Outcome<'a>, Rejection> {
    let mut envelope: Envelope<'a> = json::object(text)?;
    let fallback = envelope.fallback(&context.limits)?;
    match (envelope.data.found(), envelope.data_base64.unbounded_text("data_base64")?) {
        (Found::Object, None) => {
            let data = envelope.data.json().unwrap_or_default();
            decode_data(data, fallback, context, out)
        }
        (Found::Absent | Found::Null, Some(data)) => {
            let data = STANDARD
                .decode(data.as_bytes())
                .map_err(|_| invalid("data_base64", "padded standard base64"))?;
            let data = json::text(&data, &context.limits)?;
            json::check_depth(data, &context.limits)?;
            let mut events = Vec::new();
            let outcome = decode_data(data, fallback, context, &mut events)?;
            out.extend(events.into_iter().map(|event| -> Event<'a> { event.into_owned() }));
            Ok(outcome.into_owned())
        }
        (Found::Absent | Found::Null, None) => Err(super::field::missing("data")),
        (_, Some(_)) => Err(invalid("data", "either this or `data_base64`, not both")),
        (found, None) => Err(wrong_type("data", "an object", found)),
    }
}

impl<'a> Envelope<'a> {
    /// Checks the attributes, and returns those that stand in for missing fields of the record.
    fn fallback(&mut self, limits: &Limits) -> Result<Fallback<'a>, Rejection> {
        let version = self.specversion.take().text("specversion", limits.text_bytes)?;
        if !required(version, "specversion")?.starts_with("1.") {
            return Err(invalid("specversion", "version 1.x"));
        }
        let content_type = self.content_type.take().text("datacontenttype", limits.text_bytes)?;
        if content_type.is_some_and(|media_type| !is_json(&media_type)) {
            return Err(invalid("datacontenttype", "a JSON media type"));
        }
        let kind = required(self.kind.take().unbounded_text("type")?, "type")?;
        Ok(Fallback {
            id: Some(qualified_id(self.id.take(), self.source.take(), limits.id_bytes)?),
            time: self.time.time("time")?,
            kind: event_kind(&kind),
        })
    }
}

fn decode_data<'a>(
    data: &'a str,
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Outcome<'a>, Rejection> {
    // A source makes the envelope when it notices something. For a finding without a time of
    // its own, that is the detection.
    let context = &Context { detected_at: fallback.time.or(context.detected_at), ..*context };
    let mut fallback = fallback;
    if let Some(decoded) = native::decode_plain(data, &mut fallback, &context.limits, out) {
        return decoded.map(Outcome::Done);
    }
    let keys = recognise::keys(data)?;
    if keys.specversion.0 {
        return Err(Rejection::new(RejectReason::Unrecognised, "a CloudEvent within a CloudEvent"));
    }
    recognise::decode(data, &keys, fallback, context, out)
}

/// Event ids are unique only within their source, so the source comes first. A URI reference
/// has no space, so the space marks where the id begins.
fn qualified_id<'a>(
    id: Scalar<'a>,
    source: Scalar<'a>,
    bytes_max: usize,
) -> Result<Cow<'a, str>, Rejection> {
    let id = required(id.unbounded_text("id")?, "id")?;
    let source = required(source.unbounded_text("source")?, "source")?;
    if source.contains(' ') {
        return Err(invalid("source", "a URI reference"));
    }
    let bytes = source.len() + 1 + id.len();
    if bytes > bytes_max {
        return Err(too_long("id", bytes, bytes_max));
    }
    Ok(Cow::Owned(format!("{source} {id}")))
}

/// The kind that an envelope's `type` names: one of the words, alone or
/// after a reverse-DNS prefix as the specification recommends.
fn event_kind(kind: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|known| {
        kind.strip_suffix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Whether a media type is JSON: its subtype is `json` or ends in `+json`.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .split_once('/')
        .is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::maps::Maps;
    use crate::formats::{Format, Identity, decode};

    /// Whatever stands between the CloudEvent and the record, its time is that of the detection, and
    /// its id and its time are those of a native event that has none.
    #[test]
    fn what_it_tells_reaches_a_record_within_another_envelope() {
        let context = Context {
            identity: &Identity::new(b"a key for tests only").unwrap(),
            detected_at: None,
            limits: Limits::DEFAULT,
            maps: Maps::NONE,
        };
        let finding = r#"{"RuleID":"r","Secret":"synthetic-secret-1","Fingerprint":"f"}"#;
        let event = r#"{"type":"credential.abused","credential_id":"c"}"#;
        let text = |json: &str| serde_json::to_string(json).unwrap();
        let connect = |record: &str| format!(r#"{{"schema":null,"payload":{record}}}"#);
        let sns = |record: &str| format!(r#"{{"TopicArn":"t","Message":{}}}"#, text(record));
        let bus = |record: &str| format!(r#"{{"detail-type":"x","source":"s","detail":{record}}}"#);
        for record in [finding, event] {
            for within in [
                connect(record),
                sns(record),
                bus(record),
                sns(&connect(record)),
                format!("{{\"Records\":[{record}]}}"),
            ] {
                let envelope = format!(
                    r#"{{"specversion":"1.0","id":"7","source":"s","type":"x","time":"2026-01-05T09:00:00Z","data":{within}}}"#
                );
                for format in [Format::Auto, Format::CloudEvents] {
                    let mut events = Vec::new();
                    let decoded = decode(format, envelope.as_bytes(), &context, &mut events);
                    assert!(decoded.is_ok(), "{within}: {decoded:?}");
                    assert_eq!(events[0].time.to_string(), "2026-01-05T09:00:00.000Z", "{within}");
                }
            }
        }
        // A time that is nearer counts.
        let near = format!(
            r#"{{"specversion":"1.0","id":"7","source":"s","type":"x","time":"2026-01-05T09:00:00Z","data":{{"TopicArn":"t","Timestamp":"2026-01-05T08:00:00Z","Message":{}}}}}"#,
            text(finding)
        );
        let mut events = Vec::new();
        assert!(decode(Format::Auto, near.as_bytes(), &context, &mut events).is_ok());
        assert_eq!(events[0].time.to_string(), "2026-01-05T08:00:00.000Z");
    }

    #[test]
    fn json_media_types() {
        for yes in ["application/json", "Application/JSON; charset=utf-8", "text/json", "a/b+json"]
        {
            assert!(is_json(yes), "{yes}");
        }
        for no in ["text/plain", "json", "application/jsonl", "application/xml;json", ""] {
            assert!(!is_json(no), "{no}");
        }
    }

    #[test]
    fn kinds_with_and_without_prefix() {
        assert_eq!(event_kind("leak.detected"), Some(Kind::LeakDetected));
        assert_eq!(event_kind("org.example.leak.detected"), Some(Kind::LeakDetected));
        assert_eq!(event_kind("leak.detected.v2"), None);
        assert_eq!(event_kind("soleak.detected"), None);
    }
}
