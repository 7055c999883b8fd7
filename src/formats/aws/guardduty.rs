//! GuardDuty findings about the use of access keys.
//!
//! EventBridge and exports write keys as `accessKeyId`, the API and the CLI as `AccessKeyId`.
//!
//! Invariants: an update of a finding is another event only if it raises the severity, so that the
//! highest one counts; findings about settings and samples give nothing.
//!
//! - <https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html>
//! - <https://docs.aws.amazon.com/guardduty/latest/APIReference/API_Sequence.html>

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::keys;
use super::uses::{self, Uses};
use crate::event::{Event, Severity, is_access_key_id};
use crate::formats::field::{invalid, object_or_absent, required, wrong_type};
use crate::formats::value::{List, Scalar, Slot, object};
use crate::formats::{Context, Decoded, Rejection, SkipReason, json};

object! {
    Finding {
        id: Scalar<'a> = "id" or "Id",
        kind: Scalar<'a> = "type" or "Type",
        severity: Scalar<'a> = "severity" or "Severity",
        resource: Resource<'a> = "resource" or "Resource",
        service: Service<'a> = "service" or "Service",
    }
}

object! {
    Resource { access_key: AccessKey<'a> = "accessKeyDetails" or "AccessKeyDetails" }
}

object! {
    AccessKey { id: Scalar<'a> = "accessKeyId" or "AccessKeyId" }
}

object! {
    Service {
        first_seen: Scalar<'a> = "eventFirstSeen" or "EventFirstSeen",
        additional: Additional<'a> = "additionalInfo" or "AdditionalInfo",
        detection: Detection<'a> = "detection" or "Detection",
    }
}

object! {
    /// GuardDuty marks a sample here or in the JSON text `value`.
    Additional {
        sample: Scalar<'a> = "sample" or "Sample",
        value: Scalar<'a> = "value" or "Value",
    }
}

object! {
    Detection { sequence: Sequence<'a> = "sequence" or "Sequence" }
}

object! {
    /// An attack in several steps: who acted, and on what.
    Sequence {
        actors: List<AttackActor<'a>> = "actors" or "Actors",
        resources: List<Involved<'a>> = "resources" or "Resources",
    }
}

object! {
    AttackActor { user: User<'a> = "user" or "User" }
}

object! {
    User { credential: Scalar<'a> = "credentialUid" or "CredentialUid" }
}

object! {
    Involved {
        kind: Scalar<'a> = "resourceType" or "ResourceType",
        uid: Scalar<'a> = "uid" or "Uid",
    }
}

/// Decodes a finding. `envelope_id` stands in for an id of its own.
pub(in crate::formats) fn decode<'a>(
    finding: &'a str,
    envelope_id: Scalar<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let limits = &context.limits;
    let finding: Finding<'a> = json::object(finding)?;
    object_or_absent(finding.service.found(), "detail.service")?;
    object_or_absent(finding.resource.found(), "detail.resource")?;
    object_or_absent(finding.resource.access_key.found(), "detail.resource.accessKeyDetails")?;
    let service = finding.service;
    if service.additional.is_sample() {
        return Ok(Decoded::Skipped(SkipReason::Sample));
    }
    // `Policy:` findings report settings, not the use of a key.
    let kind = required(finding.kind.unbounded_text("detail.type")?, "detail.type")?;
    const KEY: &str = "detail.resource.accessKeyDetails.accessKeyId";
    let key = finding.resource.access_key.id.text(KEY, limits.credential_id_bytes)?;
    let mut found: BTreeSet<Cow<'a, str>> = key.map(keys::key).into_iter().collect();
    found.extend(service.detection.sequence.keys());
    if found.is_empty() || kind.starts_with("Policy:") {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    }
    uses::bounded(&found, limits)?;
    const SEEN: &str = "detail.service.eventFirstSeen";
    let time = required(service.first_seen.time(SEEN)?, SEEN)?;
    let id = match finding.id.text("detail.id", limits.id_bytes)? {
        Some(id) => id,
        None => required(envelope_id.text("id", limits.id_bytes)?, "id")?,
    };
    let severity = severity(&finding.severity)?;
    // GuardDuty sends a finding again whenever it grows, under one id.
    Uses { source: "guardduty", id_field: "detail.id", id, time, severity }.of(found, limits, out)
}

impl<'a> Sequence<'a> {
    /// The access keys among those who acted and what was acted on.
    fn keys(self) -> impl Iterator<Item = Cow<'a, str>> {
        let actors = self.actors.items.into_iter().map(|actor| actor.user.credential);
        let is_key = |resource: &Involved<'a>| match &resource.kind {
            Scalar::Text(kind) => kind == "ACCESS_KEY",
            _ => false,
        };
        let resources =
            self.resources.items.into_iter().filter(is_key).map(|resource| resource.uid);
        actors.chain(resources).filter_map(|name| match name {
            Scalar::Text(name) => Some(keys::key(name)).filter(|name| is_access_key_id(name)),
            _ => None,
        })
    }
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
    fn severities_by_level() {
        let of = |level| severity(&Scalar::Float(level)).ok().flatten();
        assert_eq!(of(3.9), Some(Severity::Low));
        assert_eq!(of(4.0), Some(Severity::Medium));
        assert_eq!(of(8.9), Some(Severity::High));
        assert_eq!(of(10.0), Some(Severity::Critical));
        assert_eq!(of(10.1), None);
    }
}
