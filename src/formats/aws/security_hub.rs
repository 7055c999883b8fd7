//! GuardDuty findings as Security Hub passes them on.
//!
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html>

use std::borrow::Cow;

use super::keys;
use crate::event::{Body, Event, Severity, Workflow, is_access_key_id};
use crate::formats::field::{required, too_long};
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
    let key = finding.resources.items.into_iter().find_map(|resource| {
        match (resource.kind, resource.id) {
            (Scalar::Text(kind), Scalar::Text(id)) if kind == "AwsIamAccessKey" => {
                Some(keys::key(id)).filter(|key| is_access_key_id(key))
            }
            _ => None,
        }
    });
    let (Some(credential_id), false) = (key, archived) else {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    };
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
    let mut id = required(finding.id.text("Id", limits.id_bytes)?, "Id")?.into_owned();
    if let Some(severity) = severity {
        id.push_str(&format!("/{severity}"));
    }
    if id.len() > limits.id_bytes {
        return Err(too_long("Id", id.len(), limits.id_bytes));
    }
    out.push(Event {
        id: Cow::Owned(id),
        time,
        credential_id,
        workflow: Workflow::SecretExposure,
        source: Some(Cow::Borrowed("security_hub")),
        severity,
        owner: None,
        noted: crate::event::Noted::default(),
        body: Body::CredentialAbused,
    });
    Ok(Decoded::Events)
}
