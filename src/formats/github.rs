//! GitHub `secret_scanning_alert` webhooks, and alerts as the REST API lists them.
//!
//! Invariants: `alert.secret` is never read; of a comment only its length and a keyed digest
//! remain; an alert that GitHub itself closes is not a human decision.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads#secret_scanning_alert>

use std::borrow::Cow;

use super::field::{invalid, missing, object_or_absent, required, too_long};
use super::value::{Found, Scalar, Seen, Slot, object};
use super::{Context, Decoded, RejectReason, Rejection, SkipReason, json, names};
use crate::event::{
    Action, Actor, Body, DecisionMade, Event, ExposedAtQuality, LeakDetected, Method, Workflow,
};
use crate::time::Timestamp;

const SOURCE: &str = "github";

object! {
    /// A delivery; `location` marks the notifications about further places.
    Delivery {
        action: Scalar<'a> = "action",
        alert: Alert<'a> = "alert",
        location: Seen = "location",
        repository: Repository<'a> = "repository",
    }
}

object! {
    Repository { full_name: Scalar<'a> = "full_name" }
}

object! {
    Account {
        login: Scalar<'a> = "login",
        kind: Scalar<'a> = "type",
    }
}

object! {
    /// An alert, in a delivery or (with the repository inside) as listed.
    Alert {
        number: Scalar<'a> = "number",
        state: Scalar<'a> = "state",
        secret_type: Scalar<'a> = "secret_type",
        url: Scalar<'a> = "url",
        repository: Repository<'a> = "repository",
        created_at: Scalar<'a> = "created_at",
        updated_at: Scalar<'a> = "updated_at",
        push_protection_bypassed_at: Scalar<'a> = "push_protection_bypassed_at",
        resolution: Scalar<'a> = "resolution",
        resolved_at: Scalar<'a> = "resolved_at",
        resolved_by: Account<'a> = "resolved_by",
        resolution_comment: Scalar<'a> = "resolution_comment",
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

/// The decision behind a resolution.
fn decision(resolution: &str) -> Result<Option<Action>, Rejection> {
    match RESOLUTIONS.iter().find(|(word, _)| *word == resolution) {
        Some((_, action)) => Ok(*action),
        None => {
            let words: Vec<&str> = RESOLUTIONS.iter().map(|(word, _)| *word).collect();
            Err(invalid("alert.resolution", &format!("one of {}", words.join(", "))))
        }
    }
}

/// Decodes one delivery, or one listed alert.
pub(super) fn decode<'a>(
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let delivery: Delivery<'a> = json::object(text)?;
    if delivery.alert.found() == Found::Absent && delivery.action.found() == Found::Absent {
        return listed(json::object(text)?, context, out);
    }
    if delivery.alert.found() == Found::Absent {
        return Err(missing("alert"));
    }
    object_or_absent(delivery.alert.found(), "alert")?;
    let action = required(delivery.action.unbounded_text("action")?, "action")?;
    let alert = delivery.alert;
    // Alerts of other kinds (code scanning, Dependabot) have no `secret_type`;
    // a further location belongs to an alert that is already known.
    if alert.secret_type.found() == Found::Absent || delivery.location.0 {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    }
    match action.as_ref() {
        "created" => {
            let case = Case::new(&alert, delivery.repository, context)?;
            out.push(case.created(alert)?);
        }
        "reopened" | "publicly_leaked" => {
            let case = Case::new(&alert, delivery.repository, context)?;
            out.push(case.noticed_again(alert, action == "reopened")?);
        }
        "resolved" | "revoked" => {
            let case = Case::new(&alert, delivery.repository, context)?;
            if !case.resolved(alert, out)? {
                return Ok(Decoded::Skipped(SkipReason::NotHuman));
            }
        }
        _ => return Ok(Decoded::Skipped(SkipReason::NotMeasured)),
    }
    Ok(Decoded::Events)
}

/// A listed alert gives its creation and, if it is resolved, the decision.
fn listed<'a>(
    mut alert: Alert<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    required(alert.secret_type.clone().unbounded_text("secret_type")?, "secret_type")?;
    let repository = std::mem::take(&mut alert.repository);
    let case = Case::new(&alert, repository, context)?;
    let resolved = match alert.state.clone().unbounded_text("state")?.as_deref() {
        Some("resolved") => true,
        Some("open") => false,
        Some(_) => return Err(invalid("state", "one of open, resolved")),
        None => return Err(missing("state")),
    };
    let created = Alert {
        created_at: alert.created_at.clone(),
        updated_at: Scalar::Absent,
        push_protection_bypassed_at: alert.push_protection_bypassed_at.clone(),
        secret_type: alert.secret_type.clone(),
        ..Alert::default()
    };
    out.push(case.created(created)?);
    if resolved {
        case.resolved(alert, out)?;
    }
    Ok(Decoded::Events)
}

/// What all events of one alert share.
struct Case<'c> {
    credential_id: String,
    context: &'c Context<'c>,
}

impl<'c> Case<'c> {
    fn new(
        alert: &Alert<'_>,
        repository: Repository<'_>,
        context: &'c Context<'c>,
    ) -> Result<Case<'c>, Rejection> {
        object_or_absent(repository.found(), "repository")?;
        let number = match alert.number {
            Scalar::Unsigned(number) => number,
            Scalar::Absent | Scalar::Null => return Err(missing("alert.number")),
            _ => return Err(invalid("alert.number", "a whole number from 0 up")),
        };
        let name = match repository.full_name.unbounded_text("repository.full_name")? {
            Some(name) => name.into_owned(),
            None => alert
                .url
                .clone()
                .unbounded_text("alert.url")?
                .and_then(|url| repository_in(&url).map(str::to_owned))
                .ok_or_else(|| missing("repository.full_name"))?,
        };
        let credential_id = format!("github:{name}#{number}");
        let bytes_max = context.limits.credential_id_bytes;
        if credential_id.len() > bytes_max {
            return Err(too_long("repository.full_name", credential_id.len(), bytes_max));
        }
        Ok(Case { credential_id, context })
    }

    fn event<'a>(&self, time: Timestamp, body: Body<'a>) -> Event<'a> {
        let mut event = Event {
            id: Cow::Borrowed(""),
            time,
            credential_id: Cow::Owned(self.credential_id.clone()),
            workflow: Workflow::SecretExposure,
            source: Some(Cow::Borrowed(SOURCE)),
            severity: None,
            owner: None,
            body,
        };
        event.id = Cow::Owned(names::event_id(&event, "", self.context.identity));
        event
    }

    fn leak<'a>(
        &self,
        time: Option<Timestamp>,
        exposed_at: Option<Timestamp>,
        secret_type: Scalar<'a>,
        reopened: bool,
    ) -> Result<Event<'a>, Rejection> {
        let time = time.or(self.context.detected_at).ok_or_else(|| {
            Rejection::new(
                RejectReason::NoDetectionTime,
                "the alert has no time of its own: pass --detected-at",
            )
        })?;
        let provider = secret_type.text("alert.secret_type", self.context.limits.text_bytes)?;
        Ok(self.event(
            time,
            Body::LeakDetected(LeakDetected {
                exposed_at,
                exposed_at_quality: exposed_at.map(|_| ExposedAtQuality::Exact),
                location: Some(Cow::Borrowed("github")),
                provider,
                incident: None,
                reopened,
            }),
        ))
    }

    /// The first detection. The push that bypassed the protection made the secret public.
    fn created<'a>(&self, alert: Alert<'a>) -> Result<Event<'a>, Rejection> {
        let exposed_at =
            alert.push_protection_bypassed_at.time("alert.push_protection_bypassed_at")?;
        self.leak(alert.created_at.time("alert.created_at")?, exposed_at, alert.secret_type, false)
    }

    /// Reopened, or also found in public: a detection, which opens the next window if the first
    /// one is closed. Its time is that of the change, never `created_at`, which is before the
    /// closing. Only this notice tells when the secret became public, so `exposed_at` stays
    /// unknown.
    fn noticed_again<'a>(&self, alert: Alert<'a>, reopened: bool) -> Result<Event<'a>, Rejection> {
        self.leak(alert.updated_at.time("alert.updated_at")?, None, alert.secret_type, reopened)
    }

    /// The decision and its effect; `false` if nobody decided.
    fn resolved<'a>(&self, alert: Alert<'a>, out: &mut Vec<Event<'a>>) -> Result<bool, Rejection> {
        let resolution = alert.resolution.unbounded_text("alert.resolution")?;
        let Some(action) = decision(&required(resolution, "alert.resolution")?)? else {
            return Ok(false);
        };
        let time = match alert.resolved_at.time("alert.resolved_at")? {
            Some(time) => time,
            None => required(alert.updated_at.time("alert.updated_at")?, "alert.resolved_at")?,
        };
        let (reviewer, actor_kind) = self.resolver(alert.resolved_by)?;
        let comment = alert.resolution_comment.unbounded_text("alert.resolution_comment")?;
        out.push(self.event(
            time,
            Body::DecisionMade(DecisionMade {
                reviewer,
                action,
                actor_kind,
                verdict: None,
                rationale_words: comment.as_deref().map(names::words),
                rationale_digest:
                    comment.map(|text| Cow::Owned(names::rationale(&text, self.context.identity))),
                batch_id: None,
                batch_size: None,
                items_opened: None,
                authorized: None,
            }),
        ));
        if action == Action::Revoke {
            let contained = Body::CredentialContained { method: Method::Revoked, actor_kind };
            out.push(self.event(time, contained));
        }
        Ok(true)
    }

    /// Who resolved it. Nobody, GitHub itself and bots are automation.
    fn resolver<'a>(&self, account: Account<'a>) -> Result<(Cow<'a, str>, Actor), Rejection> {
        object_or_absent(account.found(), "alert.resolved_by")?;
        let bytes_max = self.context.limits.text_bytes;
        let kind = account.kind.unbounded_text("alert.resolved_by.type")?;
        let Some(login) = account.login.text("alert.resolved_by.login", bytes_max)? else {
            return Ok((Cow::Borrowed(SOURCE), Actor::Automation));
        };
        let person =
            kind.as_deref() != Some("Bot") && login != "github" && !login.ends_with("[bot]");
        Ok((login, if person { Actor::Human } else { Actor::Automation }))
    }
}

/// `owner/name` in an alert's API address, for lists that leave it out.
fn repository_in(url: &str) -> Option<&str> {
    let (_, path) = url.split_once("/repos/")?;
    let (name, _) = path.split_once("/secret-scanning/")?;
    let (owner, repository) = name.split_once('/')?;
    (!owner.is_empty() && !repository.is_empty() && !repository.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_repository_in_an_alert_address() {
        let api = "https://api.github.com/repos/example-org/payments/secret-scanning/alerts/2";
        assert_eq!(repository_in(api), Some("example-org/payments"));
        assert_eq!(repository_in("https://api.github.com/repos/x/secret-scanning/alerts/2"), None);
        assert_eq!(repository_in("https://example.org/"), None);
    }
}
