//! Events that AWS sends through EventBridge: AWS Health about credentials at
//! risk, and GuardDuty findings about their use.
//!
//! Invariants: the access key id names the credential, as in findings of the scanners;
//! descriptions are never read.
//!
//! <https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html>
//! <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html>

use std::borrow::Cow;

use jiff::fmt::rfc2822;

use super::field::{bad_time, invalid, missing, object_or_absent, required, too_long, wrong_type};
use super::value::{Found, List, Scalar, Slot, object};
use super::{Context, Decoded, RejectReason, Rejection, SkipReason, json};
use crate::event::{Actor, Body, Event, LeakDetected, Method, Severity, Workflow};
use crate::time::{TimeError, Timestamp};

object! {
    Envelope {
        id: Scalar<'a> = "id",
        detail_type: Scalar<'a> = "detail-type",
        time: Scalar<'a> = "time",
        detail: Detail<'a> = "detail",
    }
}

object! {
    /// The fields of both sources' details.
    Detail {
        // AWS Health
        event_type_code: Scalar<'a> = "eventTypeCode",
        start_time: Scalar<'a> = "startTime",
        entities: List<Entity<'a>> = "affectedEntities",
        // GuardDuty
        id: Scalar<'a> = "id",
        kind: Scalar<'a> = "type",
        severity: Scalar<'a> = "severity",
        resource: Resource<'a> = "resource",
        // A text for AWS Health, an object for GuardDuty: see `Service`.
        service: Service<'a> = "service",
    }
}

object! {
    Entity { value: Scalar<'a> = "entityValue" }
}

object! {
    Resource { access_key: AccessKey<'a> = "accessKeyDetails" }
}

object! {
    AccessKey { id: Scalar<'a> = "accessKeyId" }
}

object! {
    Service {
        first_seen: Scalar<'a> = "eventFirstSeen",
        additional: Additional<'a> = "additionalInfo",
    }
}

object! {
    /// GuardDuty marks a sample here or in the JSON text `value`.
    Additional {
        sample: Scalar<'a> = "sample",
        value: Scalar<'a> = "value",
    }
}

/// Decodes one event from the bus.
pub(super) fn decode<'a>(
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let envelope: Envelope<'a> = json::object(text)?;
    object_or_absent(envelope.detail.found(), "detail")?;
    let kind = envelope.detail_type.clone().unbounded_text("detail-type")?;
    match required(kind, "detail-type")?.as_ref() {
        "AWS Health Event" => health(envelope, context, out),
        "GuardDuty Finding" => guard_duty(envelope, context, out),
        _ => Ok(Decoded::Skipped(SkipReason::NotMeasured)),
    }
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

fn health<'a>(
    envelope: Envelope<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let limits = &context.limits;
    let detail = envelope.detail;
    let code = detail.event_type_code.unbounded_text("detail.eventTypeCode")?;
    let Some(notice) = Notice::of(&required(code, "detail.eventTypeCode")?) else {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    };
    let time = match start_time(&detail.start_time)? {
        Some(time) => time,
        None => required(envelope.time.time("time")?, "time")?,
    };
    let id = required(envelope.id.text("id", limits.id_bytes)?, "id")?;
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

fn guard_duty<'a>(
    envelope: Envelope<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let limits = &context.limits;
    let detail = envelope.detail;
    object_or_absent(detail.service.found(), "detail.service")?;
    object_or_absent(detail.resource.found(), "detail.resource")?;
    object_or_absent(detail.resource.access_key.found(), "detail.resource.accessKeyDetails")?;
    let service = detail.service;
    if service.additional.is_sample() {
        return Ok(Decoded::Skipped(SkipReason::Sample));
    }
    const KEY: &str = "detail.resource.accessKeyDetails.accessKeyId";
    let key = detail.resource.access_key.id.text(KEY, limits.credential_id_bytes)?;
    // `Policy:` findings report settings, not the use of a key.
    let kind = required(detail.kind.unbounded_text("detail.type")?, "detail.type")?;
    let (Some(credential_id), false) = (key, kind.starts_with("Policy:")) else {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    };
    const SEEN: &str = "detail.service.eventFirstSeen";
    let time = required(service.first_seen.time(SEEN)?, SEEN)?;
    // GuardDuty sends a finding again whenever it grows. All have one id, so the updates are
    // duplicates of the first.
    let id = match detail.id.text("detail.id", limits.id_bytes)? {
        Some(id) => id,
        None => required(envelope.id.text("id", limits.id_bytes)?, "id")?,
    };
    out.push(Event {
        id,
        time,
        credential_id,
        workflow: Workflow::SecretExposure,
        source: Some(Cow::Borrowed("guardduty")),
        severity: severity(&detail.severity)?,
        owner: None,
        body: Body::CredentialAbused,
    });
    Ok(Decoded::Events)
}

impl Additional<'_> {
    fn is_sample(&self) -> bool {
        match (&self.sample, &self.value) {
            (Scalar::Bool(sample), _) => *sample,
            (_, Scalar::Text(value)) => json::object::<Additional<'_>>(value)
                .is_ok_and(|inner| matches!(inner.sample, Scalar::Bool(true))),
            _ => false,
        }
    }
}

/// GuardDuty's levels: low from 1, medium from 4, high from 7, critical from 9.
fn severity(value: &Scalar<'_>) -> Result<Option<Severity>, Rejection> {
    const FIELD: &str = "detail.severity";
    const EXPECTED: &str = "a number from 0 to 10";
    let level = match *value {
        Scalar::Unsigned(level) => level as f64,
        Scalar::Float(level) => level,
        Scalar::Negative => return Err(invalid(FIELD, EXPECTED)),
        Scalar::Absent | Scalar::Null => return Ok(None),
        _ => return Err(wrong_type(FIELD, EXPECTED, value.found())),
    };
    match level {
        0.0..4.0 => Ok(Some(Severity::Low)),
        4.0..7.0 => Ok(Some(Severity::Medium)),
        7.0..9.0 => Ok(Some(Severity::High)),
        9.0..=10.0 => Ok(Some(Severity::Critical)),
        _ => Err(invalid(FIELD, EXPECTED)),
    }
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

    #[test]
    fn severities_by_level() {
        let of = |level| severity(&Scalar::Float(level)).ok().flatten();
        assert_eq!(of(3.9), Some(Severity::Low));
        assert_eq!(of(4.0), Some(Severity::Medium));
        assert_eq!(of(8.9), Some(Severity::High));
        assert_eq!(of(10.0), Some(Severity::Critical));
        assert_eq!(of(10.1), None);
    }
}
