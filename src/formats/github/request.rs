//! Requests that somebody else must answer: to push in spite of the protection, or to dismiss an
//! alert.
//!
//! A request to dismiss belongs to the window of its alert: asking hands the decision on, and
//! the answer is the decision. A request to push comes before there is an alert, so it is a case
//! of its own, of the workflow `policy_change`.
//!
//! Invariants: comments are not read; what carries a request out is no decision.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads#bypass_request_secret_scanning>
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads#dismissal_request_secret_scanning>

use std::borrow::Cow;

use super::account::is_program;
use super::alert;
use super::repository::{self, Repository};
use super::subject::{SOURCE, Subject};
use crate::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, Method, ReviewOpened, Workflow,
};
use crate::formats::field::{invalid, missing, object_or_absent, required, wrong_type};
use crate::formats::value::{Found, List, Scalar, Slot, object};
use crate::formats::{Context, Decoded, Rejection, SkipReason};

object! {
    Request {
        number: Scalar<'a> = "number",
        kind: Scalar<'a> = "request_type",
        data: Data<'a> = "exemption_request_data",
        requester: Scalar<'a> = "requester_login",
        created_at: Scalar<'a> = "created_at",
        html_url: Scalar<'a> = "html_url",
    }
}

object! {
    Data { alerts: List<AlertNumber<'a>> = "data" }
}

object! {
    AlertNumber { number: Scalar<'a> = "alert_number" }
}

object! {
    Response {
        reviewer: Scalar<'a> = "reviewer_login",
        status: Scalar<'a> = "status",
        created_at: Scalar<'a> = "created_at",
    }
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// To push a secret.
    Push,
    /// To dismiss alerts.
    Dismissal,
}

/// Decodes one step of a request.
pub(super) fn decode<'a>(
    action: &str,
    request: Request<'a>,
    response: Response<'a>,
    repository: &Repository<'_>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let skipped = Ok(Decoded::Skipped(SkipReason::NotMeasured));
    let wish = match request.kind.clone().unbounded_text("exemption_request.request_type")? {
        Some(kind) if kind == "secret_scanning" => Wish::Push,
        Some(kind) if kind == "secret_scanning_closure" => Wish::Dismissal,
        // Requests about code scanning, Dependabot and rulesets.
        Some(_) => return skipped,
        None => return Err(missing("exemption_request.request_type")),
    };
    match action {
        "created" => {
            let subjects = subjects(wish, &request, repository, context)?;
            asked(wish, request, &subjects, context, out)?;
        }
        "response_submitted" => {
            let subjects = subjects(wish, &request, repository, context)?;
            answered(wish, response, &subjects, context, out)?;
        }
        // A request that nobody answered waits for nobody any more. There is no time of the
        // change in the delivery but that of the request, so the arrival stands for it.
        "cancelled" | "expired" if wish == Wish::Push => {
            let Some(time) = context.detected_at else { return skipped };
            for subject in subjects(wish, &request, repository, context)? {
                let reason = if action == "expired" { "expired" } else { "cancelled" };
                let withdrawn = Body::CaseWithdrawn { reason: Some(Cow::Borrowed(reason)) };
                out.push(subject.event(time, withdrawn));
            }
        }
        _ => return skipped,
    }
    Ok(Decoded::Events)
}

/// The cases that a request is about.
fn subjects<'c>(
    wish: Wish,
    request: &Request<'_>,
    repository: &Repository<'_>,
    context: &'c Context<'c>,
) -> Result<Vec<Subject<'c>>, Rejection> {
    let mut name = repository::name(repository, [&request.html_url, &Scalar::Absent])?;
    if wish == Wish::Push {
        const NUMBER: &str = "exemption_request.number";
        let number = required(request.number.count(NUMBER)?, NUMBER)?;
        name.push_str(&format!("/exemptions/{number}"));
        return Ok(vec![Subject::new(name, Workflow::PolicyChange, context)?]);
    }
    const DATA: &str = "exemption_request.exemption_request_data.data";
    object_or_absent(request.data.found(), "exemption_request.exemption_request_data")?;
    let alerts = &request.data.alerts;
    match alerts.found() {
        Found::Array if alerts.len > context.limits.events_per_record => {
            return Err(invalid(DATA, "fewer alerts"));
        }
        Found::Array if alerts.len > 0 => {}
        Found::Array | Found::Absent | Found::Null => return Err(missing(DATA)),
        found => return Err(wrong_type(DATA, "an array", found)),
    }
    let subject = |alert: &AlertNumber<'_>| {
        const NUMBER: &str = "exemption_request.exemption_request_data.data[].alert_number";
        // GitHub writes this one as a text.
        let number = match &alert.number {
            Scalar::Text(text) => text.parse().ok(),
            number => number.whole(),
        };
        let number = number.ok_or_else(|| invalid(NUMBER, "the number of an alert"))?;
        Subject::new(alert::credential_id(&name, number), Workflow::SecretExposure, context)
    };
    alerts.items.iter().map(subject).collect()
}

fn asked<'a>(
    wish: Wish,
    request: Request<'a>,
    subjects: &[Subject<'_>],
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<(), Rejection> {
    const REQUESTER: &str = "exemption_request.requester_login";
    const TIME: &str = "exemption_request.created_at";
    let requester = request.requester.text(REQUESTER, context.limits.text_bytes)?;
    let time = required(request.created_at.time(TIME)?, TIME)?;
    for subject in subjects {
        let body = match wish {
            Wish::Push => Body::CaseOpened(CaseOpened {
                requested_by: requester.clone(),
                ..CaseOpened::default()
            }),
            Wish::Dismissal => {
                let requester = required(requester.clone(), REQUESTER)?;
                Body::DecisionMade(decision(requester, Action::Escalate))
            }
        };
        out.push(subject.event(time, body));
    }
    Ok(())
}

fn answered<'a>(
    wish: Wish,
    response: Response<'a>,
    subjects: &[Subject<'_>],
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<(), Rejection> {
    const REVIEWER: &str = "exemption_response.reviewer_login";
    const TIME: &str = "exemption_response.created_at";
    const STATUS: &str = "exemption_response.status";
    object_or_absent(response.found(), "exemption_response")?;
    let reviewer = response.reviewer.text(REVIEWER, context.limits.text_bytes)?;
    let reviewer = required(reviewer, REVIEWER)?;
    let time = required(response.created_at.time(TIME)?, TIME)?;
    let status = required(response.status.unbounded_text(STATUS)?, STATUS)?;
    let approved = match status.as_ref() {
        "approved" => true,
        "denied" | "rejected" => false,
        _ => return Err(invalid(STATUS, "one of approved, denied")),
    };
    for subject in subjects {
        let reviewer = reviewer.clone();
        let body = match (wish, approved) {
            (_, true) => Body::DecisionMade(decision(reviewer, Action::Dismiss)),
            // The push stays blocked, so the secret stays where it is.
            (Wish::Push, false) => Body::DecisionMade(decision(reviewer, Action::Quarantine)),
            // Somebody looked, and the alert stays open.
            (Wish::Dismissal, false) => Body::ReviewOpened(ReviewOpened::by(reviewer)),
        };
        let mut event = subject.event(time, body);
        if wish == Wish::Dismissal {
            // GitHub closes the alert in the name of the requester in the same second. Of
            // events of one time the one with the smaller id is first, and the answer must be.
            event.id = Cow::Owned(format!("!{}", event.id));
        }
        out.push(event);
        if (wish, approved) == (Wish::Push, false) {
            let actor_kind = Actor::Automation;
            let blocked = Body::CredentialContained { method: Method::Quarantined, actor_kind };
            out.push(subject.event(time, blocked));
        }
    }
    Ok(())
}

fn decision(reviewer: Cow<'_, str>, action: Action) -> DecisionMade<'_> {
    let program = is_program(&reviewer) || reviewer == SOURCE;
    let actor_kind = if program { Actor::Automation } else { Actor::Human };
    DecisionMade::by(reviewer, actor_kind, action)
}
