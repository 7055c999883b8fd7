//! CloudTrail records of what was done with access keys: created, made inactive, deleted, or
//! quarantined together with all keys of their user.
//!
//! A quarantine names a user and no key. The creation of a key tells whose it is, so a user's name
//! covers the keys: `aws:{account}/{user}`.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use std::borrow::Cow;

use super::keys;
use crate::event::{Actor, Body, Event, IdentityLinked, Method, Relation, Workflow};
use crate::formats::field::{object_or_absent, required, too_long};
use crate::formats::value::{Found, Scalar, Slot, object};
use crate::formats::{Context, Decoded, Rejection, SkipReason, json};

object! {
    Record {
        id: Scalar<'a> = "eventID",
        name: Scalar<'a> = "eventName",
        source: Scalar<'a> = "eventSource",
        time: Scalar<'a> = "eventTime",
        error: Scalar<'a> = "errorCode",
        account: Scalar<'a> = "recipientAccountId",
        user: User<'a> = "userIdentity",
        parameters: Parameters<'a> = "requestParameters",
        response: Response<'a> = "responseElements",
    }
}

object! {
    User {
        kind: Scalar<'a> = "type",
        arn: Scalar<'a> = "arn",
        account: Scalar<'a> = "accountId",
    }
}

object! {
    Parameters {
        access_key: Scalar<'a> = "accessKeyId",
        status: Scalar<'a> = "status",
        user: Scalar<'a> = "userName",
        policy: Scalar<'a> = "policyArn",
    }
}

object! {
    Response {
        created: Created<'a> = "accessKey",
    }
}

object! {
    Created {
        access_key: Scalar<'a> = "accessKeyId",
        user: Scalar<'a> = "userName",
    }
}

/// What a call did.
#[derive(Clone, Copy)]
enum Call {
    /// A user has a new key.
    Create,
    /// A key is no longer usable.
    End(Method),
    /// AWS, or somebody, attached the policy that AWS has for leaked keys to a user.
    Quarantine,
}

impl Call {
    fn of(record: &Record<'_>) -> Option<Call> {
        let is =
            |value: &Scalar<'_>, word: &str| matches!(value, Scalar::Text(text) if text == word);
        let Scalar::Text(name) = &record.name else { return None };
        let failed = !matches!(record.error.found(), Found::Absent | Found::Null);
        if failed || !is(&record.source, "iam.amazonaws.com") {
            return None;
        }
        match name.as_ref() {
            "CreateAccessKey" => Some(Call::Create),
            "DeleteAccessKey" => Some(Call::End(Method::Revoked)),
            "UpdateAccessKey" if is(&record.parameters.status, "Inactive") => {
                Some(Call::End(Method::Quarantined))
            }
            "AttachUserPolicy" => match &record.parameters.policy {
                Scalar::Text(policy) if is_quarantine(policy) => Some(Call::Quarantine),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether a policy is one of those that AWS attaches to the users of leaked keys.
fn is_quarantine(policy: &str) -> bool {
    policy.rsplit('/').next().is_some_and(|name| name.starts_with("AWSCompromisedKeyQuarantine"))
}

/// Decodes one record. Of the many that there are, four kinds matter.
pub(in crate::formats) fn decode<'a>(
    record: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let limits = &context.limits;
    let record: Record<'a> = json::object(record)?;
    let Some(call) = Call::of(&record) else {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    };
    let Record { id, time, account, user, parameters, response, .. } = record;
    object_or_absent(user.found(), "detail.userIdentity")?;
    const KEY: &str = "detail.requestParameters.accessKeyId";
    const CREATED: &str = "detail.responseElements.accessKey.accessKeyId";
    let actor_kind = user.actor();
    let (credential_id, body) = match call {
        Call::End(method) => {
            let key = required(parameters.access_key.text(KEY, limits.credential_id_bytes)?, KEY)?;
            (keys::key(key), Body::CredentialContained { method, actor_kind })
        }
        Call::Create => {
            let created = response.created;
            let key = created.access_key.text(CREATED, limits.credential_id_bytes)?;
            let aliases = vec![keys::key(required(key, CREATED)?)];
            let owner = owner(account, user.account, created.user, context)?;
            (owner, Body::IdentityLinked(IdentityLinked { aliases, relation: Relation::Covers }))
        }
        Call::Quarantine => {
            let owner = owner(account, user.account, parameters.user, context)?;
            (owner, Body::CredentialContained { method: Method::Quarantined, actor_kind })
        }
    };
    out.push(Event {
        id: required(id.text("detail.eventID", limits.id_bytes)?, "detail.eventID")?,
        time: required(time.time("detail.eventTime")?, "detail.eventTime")?,
        credential_id,
        workflow: Workflow::SecretExposure,
        source: Some(Cow::Borrowed("cloudtrail")),
        severity: None,
        owner: None,
        body,
    });
    Ok(Decoded::Events)
}

/// The name of a user, which covers all of the user's keys.
fn owner<'a>(
    account: Scalar<'a>,
    caller: Scalar<'a>,
    user: Scalar<'a>,
    context: &Context<'_>,
) -> Result<Cow<'a, str>, Rejection> {
    const ACCOUNT: &str = "detail.recipientAccountId";
    const USER: &str = "detail.requestParameters.userName";
    let account = match account.unbounded_text(ACCOUNT)? {
        Some(account) => account,
        None => required(caller.unbounded_text("detail.userIdentity.accountId")?, ACCOUNT)?,
    };
    let user = required(user.unbounded_text(USER)?, USER)?;
    let name = format!("aws:{account}/{user}");
    let limit = context.limits.credential_id_bytes;
    if name.len() > limit {
        return Err(too_long("credential_id", name.len(), limit));
    }
    Ok(Cow::Owned(name))
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
