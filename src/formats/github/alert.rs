//! Secret-scanning alerts: found, bypassed, closed, opened again.
//!
//! Invariants: `secret` is never read; of a comment only its length and a keyed digest remain;
//! an alert that GitHub closes because of a setting is withdrawn, and nobody decided.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads#secret_scanning_alert>
//! <https://docs.github.com/en/rest/secret-scanning/secret-scanning>

use std::borrow::Cow;

use super::account::{self, Account};
use super::repository::{self, Repository};
use super::subject::Subject;
use crate::event::{
    Action, Body, DecisionMade, Event, ExposedAtQuality, LeakDetected, Method, Workflow,
};
use crate::formats::field::{invalid, missing, object_or_absent, required, wrong_type};
use crate::formats::value::{Found, Scalar, Slot, Verbatim, object};
use crate::formats::{Context, Decoded, RejectReason, Rejection, SkipReason, names};
use crate::time::Timestamp;

object! {
    /// An alert, in a delivery or (with the repository inside) as listed.
    Alert {
        number: Scalar<'a> = "number",
        state: Scalar<'a> = "state",
        secret_type: Scalar<'a> = "secret_type",
        url: Scalar<'a> = "url",
        html_url: Scalar<'a> = "html_url",
        repository: Repository<'a> = "repository",
        created_at: Scalar<'a> = "created_at",
        updated_at: Scalar<'a> = "updated_at",
        push_protection_bypassed_at: Scalar<'a> = "push_protection_bypassed_at",
        push_protection_bypassed_by: Account<'a> = "push_protection_bypassed_by",
        resolution: Scalar<'a> = "resolution",
        resolved_at: Scalar<'a> = "resolved_at",
        resolved_by: Account<'a> = "resolved_by",
        resolution_comment: Verbatim<'a> = "resolution_comment",
    }
}

/// Why an alert was closed. If a change of settings closed it, nothing was decided.
const RESOLUTIONS: &[(&str, Option<Action>)] = &[
    ("false_positive", Some(Action::Dismiss)),
    ("wont_fix", Some(Action::Dismiss)),
    ("used_in_tests", Some(Action::Dismiss)),
    ("revoked", Some(Action::Revoke)),
    ("pattern_deleted", None),
    ("pattern_edited", None),
    ("hidden_by_config", None),
];

/// The resolution in our own text, and the decision behind it.
fn resolution(word: &str) -> Result<(&'static str, Option<Action>), Rejection> {
    match RESOLUTIONS.iter().find(|(known, _)| *known == word) {
        Some(known) => Ok(*known),
        None => {
            let words: Vec<&str> = RESOLUTIONS.iter().map(|(word, _)| *word).collect();
            Err(invalid("alert.resolution", &format!("one of {}", words.join(", "))))
        }
    }
}

/// The alert of this number in a repository, as `names` of [`repository::name`] have it.
pub(super) fn credential_id(repository: &str, number: u64) -> String {
    format!("{repository}#{number}")
}

/// Decodes the alert of a delivery.
pub(super) fn delivered<'a>(
    action: &str,
    alert: Alert<'a>,
    repository: &Repository<'_>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    match action {
        "created" => {
            let subject = subject(&alert, repository, context)?;
            // The reason given for a bypass can close an alert at its birth. Then no other
            // delivery says so.
            let closed = matches!(&alert.state, Scalar::Text(state) if state == "resolved");
            out.push(created(&subject, &alert)?);
            if closed {
                resolved(&subject, alert, out)?;
            }
        }
        "reopened" | "publicly_leaked" => {
            let subject = subject(&alert, repository, context)?;
            out.push(noticed_again(&subject, alert, action == "reopened")?);
        }
        "resolved" | "revoked" => {
            let subject = subject(&alert, repository, context)?;
            resolved(&subject, alert, out)?;
        }
        _ => return Ok(Decoded::Skipped(SkipReason::NotMeasured)),
    }
    Ok(Decoded::Events)
}

/// Decodes a listed alert: it gives its creation and, if it is resolved, the decision.
pub(super) fn listed<'a>(
    mut alert: Alert<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    required(alert.secret_type.clone().unbounded_text("secret_type")?, "secret_type")?;
    let repository = std::mem::take(&mut alert.repository);
    object_or_absent(repository.found(), "repository")?;
    let subject = subject(&alert, &repository, context)?;
    let closed = match alert.state.clone().unbounded_text("state")?.as_deref() {
        Some("resolved") => true,
        Some("open") => false,
        Some(_) => return Err(invalid("state", "one of open, resolved")),
        None => return Err(missing("state")),
    };
    out.push(created(&subject, &alert)?);
    if closed {
        resolved(&subject, alert, out)?;
    }
    Ok(Decoded::Events)
}

fn subject<'c>(
    alert: &Alert<'_>,
    repository: &Repository<'_>,
    context: &'c Context<'c>,
) -> Result<Subject<'c>, Rejection> {
    let number = match alert.number.whole() {
        Some(number) => number,
        None if matches!(alert.number.found(), Found::Absent | Found::Null) => {
            return Err(missing("alert.number"));
        }
        None => return Err(invalid("alert.number", "a whole number from 0 up")),
    };
    let repository = repository::name(repository, [&alert.html_url, &alert.url])?;
    Subject::new(credential_id(&repository, number), Workflow::SecretExposure, context)
}

fn leak<'a>(
    subject: &Subject<'_>,
    time: Option<Timestamp>,
    leak: LeakDetected<'a>,
) -> Result<Event<'a>, Rejection> {
    let time = time.or(subject.context.detected_at).ok_or_else(|| {
        Rejection::new(
            RejectReason::NoDetectionTime,
            "the alert has no time of its own: pass --detected-at",
        )
    })?;
    let location = Some(Cow::Borrowed("github"));
    Ok(subject.event(time, Body::LeakDetected(LeakDetected { location, ..leak })))
}

/// The first detection. The push that bypassed the protection made the secret public.
fn created<'a>(subject: &Subject<'_>, alert: &Alert<'a>) -> Result<Event<'a>, Rejection> {
    let text_bytes = subject.context.limits.text_bytes;
    let exposed_at = alert.push_protection_bypassed_at.time("alert.push_protection_bypassed_at")?;
    let provider = alert.secret_type.clone().text("alert.secret_type", text_bytes)?;
    const BYPASSER: &str = "alert.push_protection_bypassed_by";
    object_or_absent(alert.push_protection_bypassed_by.found(), BYPASSER)?;
    let requested_by =
        alert.push_protection_bypassed_by.login.clone().text(BYPASSER, text_bytes)?;
    leak(
        subject,
        alert.created_at.time("alert.created_at")?,
        LeakDetected {
            exposed_at,
            exposed_at_quality: exposed_at.map(|_| ExposedAtQuality::Exact),
            provider,
            requested_by,
            ..LeakDetected::default()
        },
    )
}

/// Reopened, or also found in public: a detection, which opens the next window if the first
/// one is closed. Its time is that of the change, never `created_at`, which is before the
/// closing. Only this notice tells when the secret became public, so `exposed_at` stays
/// unknown.
fn noticed_again<'a>(
    subject: &Subject<'_>,
    alert: Alert<'a>,
    reopened: bool,
) -> Result<Event<'a>, Rejection> {
    let text_bytes = subject.context.limits.text_bytes;
    let provider = alert.secret_type.text("alert.secret_type", text_bytes)?;
    let time = alert.updated_at.time("alert.updated_at")?;
    leak(subject, time, LeakDetected { provider, reopened, ..LeakDetected::default() })
}

/// The decision and its effect, or the withdrawal of the alert.
fn resolved<'a>(
    subject: &Subject<'_>,
    alert: Alert<'a>,
    out: &mut Vec<Event<'a>>,
) -> Result<(), Rejection> {
    let word = required(alert.resolution.unbounded_text("alert.resolution")?, "alert.resolution")?;
    let (word, action) = resolution(&word)?;
    let time = match alert.resolved_at.time("alert.resolved_at")? {
        Some(time) => time,
        None => required(alert.updated_at.time("alert.updated_at")?, "alert.resolved_at")?,
    };
    let Some(action) = action else {
        out.push(subject.event(time, Body::CaseWithdrawn { reason: Some(Cow::Borrowed(word)) }));
        return Ok(());
    };
    let comment = comment(alert.resolution_comment)?;
    let id = &subject.credential_id;
    let context = subject.context;
    let (reviewer, actor_kind) = account::actor(alert.resolved_by, comment.is_some(), id, context)?;
    out.push(subject.event(
        time,
        Body::DecisionMade(DecisionMade {
            rationale_words: comment.as_deref().map(names::words),
            rationale_digest:
                comment.map(|text| Cow::Owned(names::rationale(&text, context.identity))),
            ..DecisionMade::by(reviewer, actor_kind, action)
        }),
    ));
    if action == Action::Revoke {
        let contained = Body::CredentialContained { method: Method::Revoked, actor_kind };
        out.push(subject.event(time, contained));
    }
    Ok(())
}

/// A comment, which is only counted and compared: a character that cannot be read does not
/// matter.
fn comment(value: Verbatim<'_>) -> Result<Option<Cow<'_, str>>, Rejection> {
    match value.found() {
        Found::Absent | Found::Null => Ok(None),
        Found::Text => Ok(value.lossy_text().filter(|text| !text.is_empty())),
        found => Err(wrong_type("alert.resolution_comment", "a string", found)),
    }
}
