//! Recognises what is rare or not supported. Only records that are nothing else come here.
//!
//! Invariants: recognition looks at which keys there are, never at free text.

use super::value::{Seen, object};
use super::{Rejection, json};

/// The sources other than the project's own and the envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Github,
    Gitleaks,
    Trufflehog,
    /// TruffleHog's log, which shares its output.
    TrufflehogLog,
    Eventbridge,
    /// A finding without its envelope, as GuardDuty writes it to S3.
    Guardduty,
    /// A record without its envelope, as CloudTrail writes it to S3.
    Cloudtrail,
    /// A finding without its envelope.
    SecurityHub,
    /// Something well known that nothing here reads; the text says what.
    Unsupported(&'static str),
}

object! {
    /// Top-level keys of further sources.
    Keys {
        sender: Seen = "sender",
        repository: Seen = "repository",
        organization: Seen = "organization",
        enterprise: Seen = "enterprise",
        hook_id: Seen = "hook_id",
        zen: Seen = "zen",
        schema_version: Seen = "schemaVersion",
        account: Seen = "accountId",
        resource: Seen = "resource",
        service: Seen = "service",
        event_source: Seen = "eventSource",
        event_name: Seen = "eventName",
        user_identity: Seen = "userIdentity",
        product_arn: Seen = "ProductArn",
        asff_version: Seen = "SchemaVersion",
        resources: Seen = "Resources",
        listed_account: Seen = "AccountId",
        listed_resource: Seen = "Resource",
        listed_service: Seen = "Service",
        topic: Seen = "TopicArn",
        subscribe: Seen = "SubscribeURL",
        audit_time: Seen = "@timestamp",
        action: Seen = "action",
        actor: Seen = "actor",
        request_type: Seen = "request_type",
        requester: Seen = "requester",
        offender: Seen = "offender",
        rule: Seen = "rule",
        runs: Seen = "runs",
        version: Seen = "version",
        object_kind: Seen = "object_kind",
        scan: Seen = "scan",
        vulnerabilities: Seen = "vulnerabilities",
        incident: Seen = "incident",
        class_uid: Seen = "class_uid",
        metadata: Seen = "metadata",
        plugins: Seen = "plugins_used",
        results: Seen = "results",
        webhook_event: Seen = "webhookEvent",
        issue: Seen = "issue",
        trigger: Seen = "trigger_id",
        actions: Seen = "actions",
        object_type: Seen = "objectType",
        operation: Seen = "operation",
    }
}

/// The source of a record, if any is known.
pub(super) fn source(text: &str) -> Result<Option<Source>, Rejection> {
    use Source::Unsupported;
    let keys: Keys<'_> = json::object(text)?;
    let all = |seen: &[Seen]| seen.iter().all(|seen| seen.0);
    let somewhere = keys.repository.0 || keys.organization.0 || keys.enterprise.0;
    let sources = [
        (Source::Github, keys.sender.0 && somewhere || all(&[keys.zen, keys.hook_id])),
        (Source::Guardduty, all(&[keys.schema_version, keys.account, keys.resource, keys.service])),
        // The same as the API lists it.
        (
            Source::Guardduty,
            all(&[
                keys.asff_version,
                keys.listed_account,
                keys.listed_resource,
                keys.listed_service,
            ]),
        ),
        (Source::Cloudtrail, all(&[keys.event_source, keys.event_name, keys.user_identity])),
        (Source::SecurityHub, all(&[keys.product_arn, keys.asff_version, keys.resources])),
        (
            Unsupported("a message of SNS that asks to confirm a subscription: open its address"),
            all(&[keys.topic, keys.subscribe]),
        ),
        (
            Unsupported("an entry of the GitHub audit log of a kind that no map recognises"),
            all(&[keys.audit_time, keys.action, keys.actor]),
        ),
        (
            Unsupported("a request as the GitHub API lists it: use webhooks"),
            all(&[keys.request_type, keys.requester]),
        ),
        (
            Unsupported("a finding of gitleaks 7 or older: use gitleaks 8"),
            all(&[keys.offender, keys.rule]),
        ),
        (
            Unsupported("a SARIF report of a kind that no map recognises"),
            all(&[keys.runs, keys.version]),
        ),
        (Unsupported("a webhook of GitLab"), keys.object_kind.0),
        (Unsupported("a report of GitLab"), all(&[keys.scan, keys.vulnerabilities])),
        (Unsupported("a webhook of GitGuardian"), all(&[keys.incident, keys.action])),
        (
            Unsupported("an OCSF event of a kind that no map recognises"),
            all(&[keys.class_uid, keys.metadata]),
        ),
        (Unsupported("a report of detect-secrets"), all(&[keys.plugins, keys.results])),
        (Unsupported("a webhook of Jira"), all(&[keys.webhook_event, keys.issue])),
        (Unsupported("an interaction of Slack"), all(&[keys.trigger, keys.actions])),
        (Unsupported("a webhook of TheHive"), all(&[keys.object_type, keys.operation])),
    ];
    Ok(sources.into_iter().find_map(|(source, is)| is.then_some(source)))
}
