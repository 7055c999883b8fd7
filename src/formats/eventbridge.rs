//! Events from Amazon EventBridge: AWS Health, GuardDuty, Security Hub and CloudTrail by their
//! `detail-type`, and any other record that somebody put on the bus.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html>

use std::borrow::Cow;

use super::aws::{cloudtrail, guardduty, health};
use super::envelope::{self, Outcome, Wrapped};
use super::field::{missing, required, wrong_type};
use super::native::Fallback;
use super::value::{Found, Scalar, Slot, Verbatim, object};
use super::{Context, Decoded, Rejection, SkipReason, json};
use crate::event::{Event, Kind};

object! {
    Envelope {
        id: Scalar<'a> = "id",
        detail_type: Scalar<'a> = "detail-type",
        source: Scalar<'a> = "source",
        time: Scalar<'a> = "time",
        detail: Verbatim<'a> = "detail",
    }
}

object! {
    /// The findings of Security Hub.
    Findings { list: Verbatim<'a> = "findings" }
}

/// Decodes one event from the bus.
pub(super) fn decode<'a>(
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Outcome<'a>, Rejection> {
    let envelope: Envelope<'a> = json::object(text)?;
    let kind = envelope.detail_type.clone().unbounded_text("detail-type")?;
    let kind = required(kind, "detail-type")?;
    let detail = match envelope.detail.found() {
        Found::Object => envelope.detail.json().unwrap_or_default(),
        Found::Absent | Found::Null => return Err(missing("detail")),
        found => return Err(wrong_type("detail", "an object", found)),
    };
    let (id, time) = (envelope.id, envelope.time);
    match kind.as_ref() {
        "AWS Health Event" => health::decode(detail, id, &time, context, out).map(Outcome::Done),
        "GuardDuty Finding" => guardduty::decode(detail, id, context, out).map(Outcome::Done),
        "AWS API Call via CloudTrail" => {
            cloudtrail::decode(detail, context, out).map(Outcome::Done)
        }
        "Security Hub Findings - Imported" => findings(detail),
        // Other services of AWS have nothing to measure.
        _ if matches!(&envelope.source, Scalar::Text(source) if source.starts_with("aws.")) => {
            Ok(Outcome::Done(Decoded::Skipped(SkipReason::NotMeasured)))
        }
        _ => {
            let source = envelope.source.unbounded_text("source")?;
            let id = id.unbounded_text("id")?.zip(source).map(|(id, source)| {
                // Ids are unique within their source only.
                Cow::Owned(format!("{source} {id}"))
            });
            let time = time.time("time")?;
            let id = id.filter(|id: &Cow<'_, str>| id.len() <= context.limits.id_bytes);
            let fallback = Fallback { id, time, kind: Kind::parse(&kind) };
            let record = Wrapped::one(Cow::Borrowed(detail.as_bytes()));
            Ok(Outcome::Wrapped(Wrapped { fallback, detected_at: time, ..record }))
        }
    }
}

/// One event carries several findings, each a record by itself.
fn findings(detail: &str) -> Result<Outcome<'_>, Rejection> {
    let findings: Findings<'_> = json::object(detail)?;
    match findings.list.elements() {
        Some(list) => {
            Ok(Outcome::Wrapped(Wrapped::list(list.into_iter().map(envelope::whole).collect())))
        }
        None => Err(wrong_type("detail.findings", "an array", findings.list.found())),
    }
}
