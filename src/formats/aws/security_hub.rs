//! GuardDuty findings as Security Hub passes them on.
//!
//! Invariant: a finding about several access keys is one event for each.
//!
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html>

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::keys;
use super::uses::{self, Uses};
use crate::event::{Event, Severity, is_access_key_id};
use crate::formats::field::required;
use crate::formats::value::{List, Scalar, object};
use crate::formats::{Context, Decoded, Rejection, SkipReason, json};

object! {
    Finding {
        id: Scalar<'a> = "Id",
        product: Scalar<'a> = "ProductArn",
        record_state: Scalar<'a> = "RecordState",
        sample: Scalar<'a> = "Sample",
        first_observed: Scalar<'a> = "FirstObservedAt",
        severity: Level<'a> = "Severity",
        resources: List<Resource<'a>> = "Resources",
    }
}

object! {
    Level { label: Scalar<'a> = "Label" }
}

object! {
    Resource {
        kind: Scalar<'a> = "Type",
        id: Scalar<'a> = "Id",
    }
}

/// Decodes one finding.
pub(in crate::formats) fn decode<'a>(
    finding: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let limits = &context.limits;
    let finding: Finding<'a> = json::object(finding)?;
    let product = finding.product.unbounded_text("ProductArn")?;
    if !required(product, "ProductArn")?.ends_with("/aws/guardduty") {
        return Err(Rejection::unsupported(
            "a Security Hub finding of another product than GuardDuty",
        ));
    }
    if matches!(finding.sample, Scalar::Bool(true)) {
        return Ok(Decoded::Skipped(SkipReason::Sample));
    }
    // An archived finding was sent before, while it was active.
    let archived = matches!(&finding.record_state, Scalar::Text(state) if state == "ARCHIVED");
    let keys = finding.resources.items.into_iter().filter_map(|resource| {
        match (resource.kind, resource.id) {
            (Scalar::Text(kind), Scalar::Text(id)) if kind == "AwsIamAccessKey" => {
                Some(keys::key(id)).filter(|key| is_access_key_id(key))
            }
            _ => None,
        }
    });
    let keys: BTreeSet<Cow<'a, str>> = keys.collect();
    if archived || keys.is_empty() {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    }
    uses::bounded(&keys, limits)?;
    let time = required(finding.first_observed.time("FirstObservedAt")?, "FirstObservedAt")?;
    let severity = match finding.severity.label {
        Scalar::Text(label) => match label.as_ref() {
            "LOW" | "INFORMATIONAL" => Some(Severity::Low),
            "MEDIUM" => Some(Severity::Medium),
            "HIGH" => Some(Severity::High),
            "CRITICAL" => Some(Severity::Critical),
            _ => None,
        },
        _ => None,
    };
    let id = required(finding.id.text("Id", limits.id_bytes)?, "Id")?;
    Uses { source: "security_hub", id_field: "Id", id, time, severity }.of(keys, limits, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::formats::Identity;
    use crate::formats::maps::Maps;

    #[test]
    fn a_finding_about_several_keys_is_an_event_for_each() {
        let context = Context {
            identity: &Identity::new(b"a key for tests only").unwrap(),
            detected_at: None,
            limits: Limits::DEFAULT,
            maps: Maps::NONE,
        };
        let resource = |id: &str| format!(r#"{{"Type":"AwsIamAccessKey","Id":"{id}"}}"#);
        let finding = |ids: &[&str]| {
            let resources: Vec<String> = ids.iter().map(|id| resource(id)).collect();
            format!(
                r#"{{"SchemaVersion":"2018-10-08","Id":"f","ProductArn":"arn:aws:securityhub:eu-west-1::product/aws/guardduty","FirstObservedAt":"2026-01-05T09:00:00Z","Severity":{{"Label":"HIGH"}},"Resources":[{}]}}"#,
                resources.join(",")
            )
        };
        let given = |ids: &[&str]| -> Vec<(String, String)> {
            let text = finding(ids);
            let mut events = Vec::new();
            assert_eq!(decode(&text, &context, &mut events), Ok(Decoded::Events));
            events.iter().map(|it| (it.id.to_string(), it.credential_id.to_string())).collect()
        };
        let (one, other) = ("AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE");
        assert_eq!(given(&[one]), [("f/high".to_owned(), one.to_owned())]);
        assert_eq!(
            given(&[one, other, one]),
            [other, one].map(|key| (format!("f/high/{key}"), key.to_owned()))
        );
    }
}
