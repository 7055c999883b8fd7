//! AWS Health about credentials at risk.
//!
//! Invariants: descriptions are never read; a notice that comes through two regions, or again
//! after a change of its text, is one notice.
//!
//! <https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html>

use std::borrow::Cow;

use jiff::fmt::rfc2822;

use super::keys;
use crate::event::{Actor, Body, Event, LeakDetected, Method, Workflow};
use crate::formats::field::{bad_time, missing, object_or_absent, required, too_long, wrong_type};
use crate::formats::value::{Found, List, Scalar, Slot, object};
use crate::formats::{Context, Decoded, RejectReason, Rejection, SkipReason, json};
use crate::time::{TimeError, Timestamp};

object! {
    Detail {
        arn: Scalar<'a> = "eventArn",
        communication: Scalar<'a> = "communicationId",
        status: Scalar<'a> = "statusCode",
        code: Scalar<'a> = "eventTypeCode",
        start_time: Scalar<'a> = "startTime",
        entities: List<Entity<'a>> = "affectedEntities",
    }
}

object! {
    Entity { value: Scalar<'a> = "entityValue" }
}

/// What an AWS Health code says about each key that it names.
#[derive(Clone, Copy)]
enum Notice {
    /// Found in public, or suspected to be.
    Leaked,
    /// Used by somebody else. This is also a detection: if nobody had seen the leak, the wait
    /// for a review starts now.
    LeakedAndAbused,
    /// AWS restricted what the key can do.
    Quarantined,
}

impl Notice {
    fn of(code: &str) -> Option<Notice> {
        match code {
            "AWS_RISK_CREDENTIALS_EXPOSED"
            | "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED"
            | "AWS_RISK_CREDENTIALS_COMPROMISE_SUSPECTED" => Some(Notice::Leaked),
            "AWS_RISK_CREDENTIALS_COMPROMISED" => Some(Notice::LeakedAndAbused),
            "AWS_RISK_IAM_QUARANTINE" => Some(Notice::Quarantined),
            _ => None,
        }
    }

    /// The events, each with the word that makes its id unique.
    fn bodies(self) -> &'static [(&'static str, Body<'static>)] {
        const LEAK: (&str, Body<'static>) = (
            "leak",
            Body::LeakDetected(LeakDetected {
                exposed_at: None,
                exposed_at_quality: None,
                location: None,
                provider: Some(Cow::Borrowed("aws")),
                requested_by: None,
                incident: None,
                reopened: false,
            }),
        );
        const ABUSE: (&str, Body<'static>) = ("abuse", Body::CredentialAbused);
        const CONTAINED: (&str, Body<'static>) = (
            "contained",
            Body::CredentialContained {
                method: Method::Quarantined,
                actor_kind: Actor::Automation,
            },
        );
        match self {
            Notice::Leaked => &[LEAK],
            Notice::LeakedAndAbused => &[LEAK, ABUSE],
            Notice::Quarantined => &[CONTAINED],
        }
    }
}

/// Decodes a notice. `id` and `time` are those of the envelope.
pub(in crate::formats) fn decode<'a>(
    detail: &'a str,
    id: Scalar<'a>,
    time: &Scalar<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let limits = &context.limits;
    let detail: Detail<'a> = json::object(detail)?;
    let code = detail.code.unbounded_text("detail.eventTypeCode")?;
    let Some(notice) = Notice::of(&required(code, "detail.eventTypeCode")?) else {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    };
    // AWS closes its own notice. Nothing happens to the key at that moment.
    if matches!(&detail.status, Scalar::Text(status) if status == "closed") {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    }
    let time = match start_time(&detail.start_time)? {
        Some(time) => time,
        None => required(time.time("time")?, "time")?,
    };
    let arn = detail.arn.unbounded_text("detail.eventArn")?;
    let communication = detail.communication.unbounded_text("detail.communicationId")?;
    let id = match (arn, communication) {
        // AWS sends each notice through the region and through a backup region. Their envelopes
        // have ids of their own.
        (Some(arn), Some(communication)) => {
            let notice = format!("health\0{arn}\0{communication}");
            Cow::Owned(context.identity.name(notice.as_bytes()))
        }
        _ => required(id.text("id", limits.id_bytes)?, "id")?,
    };
    match detail.entities.found() {
        Found::Array => {}
        Found::Absent | Found::Null => return Err(missing("detail.affectedEntities")),
        found => return Err(wrong_type("detail.affectedEntities", "an array", found)),
    }
    let events = detail.entities.len.saturating_mul(notice.bodies().len());
    if events > limits.events_per_record || detail.entities.len > List::<Entity<'_>>::KEPT_MAX {
        return Err(Rejection::new(
            RejectReason::TooLong,
            format!("stands for {events} events, the limit is {}", limits.events_per_record),
        ));
    }
    if events == 0 {
        return Err(missing("detail.affectedEntities"));
    }
    const ENTITY: &str = "detail.affectedEntities[].entityValue";
    for entity in detail.entities.items {
        object_or_absent(entity.found(), "detail.affectedEntities[]")?;
        let name = required(entity.value.text(ENTITY, limits.credential_id_bytes)?, ENTITY)?;
        let name = keys::key(name);
        for (word, body) in notice.bodies() {
            let id = format!("{id}/{name}/{word}");
            if id.len() > limits.id_bytes {
                return Err(too_long("id", id.len(), limits.id_bytes));
            }
            out.push(Event {
                id: Cow::Owned(id),
                time,
                credential_id: name.clone(),
                workflow: Workflow::SecretExposure,
                source: Some(Cow::Borrowed("aws_health")),
                severity: None,
                owner: None,
                noted: crate::event::Noted::default(),
                body: body.clone(),
            });
        }
    }
    Ok(Decoded::Events)
}

/// RFC 2822 as documented, or RFC 3339. The weekday is not checked: it is wrong in the example
/// that AWS publishes.
fn start_time(value: &Scalar<'_>) -> Result<Option<Timestamp>, Rejection> {
    const FIELD: &str = "detail.startTime";
    const PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let Scalar::Text(text) = value else { return value.time(FIELD) };
    if text.is_empty() || Timestamp::parse_rfc3339(text) != Err(TimeError::Malformed) {
        return value.time(FIELD);
    }
    let time = PARSER.parse_timestamp(text.as_bytes()).map_err(|_| {
        Rejection::new(
            RejectReason::InvalidTime,
            format!("field `{FIELD}`: neither an RFC 2822 nor an RFC 3339 date and time"),
        )
    })?;
    Timestamp::from_millis_checked(time.as_millisecond())
        .map(Some)
        .map_err(|error| bad_time(FIELD, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times_in_both_notations_and_with_a_wrong_weekday() {
        let at = |text: &'static str| {
            start_time(&Scalar::Text(Cow::Borrowed(text)))
                .map(|time| time.map(Timestamp::as_millis))
                .map_err(|rejection| rejection.reason)
        };
        let ms = Ok(Some(1_767_323_045_000));
        assert_eq!(at("Fri, 02 Jan 2026 03:04:05 GMT"), ms);
        assert_eq!(at("Mon, 02 Jan 2026 03:04:05 GMT"), ms);
        assert_eq!(at("Fri, 2 Jan 2026 04:04:05 +0100"), ms);
        assert_eq!(at("2026-01-02T03:04:05Z"), ms);
        assert_eq!(at(""), Ok(None));
        assert_eq!(at("2026-01-02T03:04:05"), Err(RejectReason::InvalidTime));
        assert_eq!(at("Fri, 02 Jan 1926 03:04:05 GMT"), Err(RejectReason::InvalidTime));
        assert_eq!(at("soon"), Err(RejectReason::InvalidTime));
    }
}
