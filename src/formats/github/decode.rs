//! Which kind of delivery it is.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use super::alert::{self, Alert};
use super::repository::Repository;
use super::request::{self, Request, Response};
use crate::event::Event;
use crate::formats::field::{missing, object_or_absent, required};
use crate::formats::value::{Found, Scalar, Seen, Slot, object};
use crate::formats::{Context, Decoded, Rejection, SkipReason, json};

object! {
    /// A delivery; `location` marks the notifications about further places, `zen` the greeting of
    /// a new hook. All but listed alerts have a `sender`.
    Delivery {
        action: Scalar<'a> = "action",
        alert: Alert<'a> = "alert",
        request: Request<'a> = "exemption_request",
        response: Response<'a> = "exemption_response",
        location: Seen = "location",
        repository: Repository<'a> = "repository",
        sender: Seen = "sender",
        zen: Seen = "zen",
    }
}

/// Decodes one delivery, or one listed alert.
pub(in crate::formats) fn decode<'a>(
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let delivery: Delivery<'a> = json::object(text)?;
    object_or_absent(delivery.repository.found(), "repository")?;
    if delivery.alert.found() == Found::Absent {
        if delivery.request.found() == Found::Object {
            let action = required(delivery.action.unbounded_text("action")?, "action")?;
            let repository = delivery.repository;
            return request::decode(
                &action,
                delivery.request,
                delivery.response,
                &repository,
                context,
                out,
            );
        }
        if delivery.sender.0 || delivery.zen.0 {
            return Ok(Decoded::Skipped(SkipReason::NotMeasured));
        }
        if delivery.action.found() == Found::Absent {
            return alert::listed(json::object(text)?, context, out);
        }
        return Err(missing("alert"));
    }
    object_or_absent(delivery.alert.found(), "alert")?;
    let action = required(delivery.action.unbounded_text("action")?, "action")?;
    // Alerts of other kinds (code scanning, Dependabot) have no `secret_type`;
    // a further location belongs to an alert that is already known.
    if delivery.alert.secret_type.found() == Found::Absent || delivery.location.0 {
        return Ok(Decoded::Skipped(SkipReason::NotMeasured));
    }
    alert::delivered(&action, delivery.alert, &delivery.repository, context, out)
}
