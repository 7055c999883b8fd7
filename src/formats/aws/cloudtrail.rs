//! CloudTrail records of what was done with access keys: made inactive, or deleted.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use std::borrow::Cow;

use super::keys;
use crate::event::{Actor, Body, Event, Method, Workflow};
use crate::formats::field::{object_or_absent, required};
use crate::formats::value::{Found, Scalar, Slot, object};
use crate::formats::{Context, Decoded, Rejection, SkipReason, json};

object! {
    Record {
        id: Scalar<'a> = "eventID",
        name: Scalar<'a> = "eventName",
        source: Scalar<'a> = "eventSource",
        time: Scalar<'a> = "eventTime",
        error: Scalar<'a> = "errorCode",
        user: User<'a> = "userIdentity",
        parameters: Parameters<'a> = "requestParameters",
    }
}

object! {
    User {
        kind: Scalar<'a> = "type",
        arn: Scalar<'a> = "arn",
    }
}

object! {
    Parameters {
        access_key: Scalar<'a> = "accessKeyId",
        status: Scalar<'a> = "status",
    }
}

/// Decodes one record. Of the many that there are, two kinds matter.
pub(in crate::formats) fn decode<'a>(
    record: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let limits = &context.limits;
    let record: Record<'a> = json::object(record)?;
    let is = |value: &Scalar<'_>, word: &str| matches!(value, Scalar::Text(text) if text == word);
    let inactive = is(&record.parameters.status, "Inactive");
    let method = match &record.name {
        Scalar::Text(name) if name == "UpdateAccessKey" && inactive => Method::Quarantined,
        Scalar::Text(name) if name == "DeleteAccessKey" => Method::Revoked,
        _ => return Ok(Decoded::Skipped(SkipReason::NotMeasured)),
    };
    let failed = !matches!(record.error.found(), Found::Absent | Found::Null);
    if failed || !is(&record.source, "iam.amazonaws.com") {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    }
    const KEY: &str = "detail.requestParameters.accessKeyId";
    let key = record.parameters.access_key.text(KEY, limits.credential_id_bytes)?;
    let time = required(record.time.time("detail.eventTime")?, "detail.eventTime")?;
    object_or_absent(record.user.found(), "detail.userIdentity")?;
    out.push(Event {
        id: required(record.id.text("detail.eventID", limits.id_bytes)?, "detail.eventID")?,
        time,
        credential_id: keys::key(required(key, KEY)?),
        workflow: Workflow::SecretExposure,
        source: Some(Cow::Borrowed("cloudtrail")),
        severity: None,
        owner: None,
        noted: crate::event::Noted::default(),
        body: Body::CredentialContained { method, actor_kind: record.user.actor() },
    });
    Ok(Decoded::Events)
}

impl User<'_> {
    /// Who acted. People have users of their own or sign in through IAM Identity Center, whose
    /// roles have names that nobody else can give. Any other role may be a program's.
    fn actor(&self) -> Actor {
        let Scalar::Text(kind) = &self.kind else { return Actor::Automation };
        let signed_in = matches!(&self.arn, Scalar::Text(arn) if arn.contains("/AWSReservedSSO_"));
        match kind.as_ref() {
            "IAMUser" | "Root" | "IdentityCenterUser" => Actor::Human,
            "AssumedRole" if signed_in => Actor::Human,
            _ => Actor::Automation,
        }
    }
}
