//! Recognises the format of a record by its fields, below every envelope.
//!
//! Invariants: a native event needs as many passes as when its format is given; any other
//! record needs one more pass, over its top-level keys; recognition looks at which keys
//! there are, never at free text.

use super::native::{Fallback, Flat};
use super::value::{Seen, object};
use super::{
    Context, Decoded, RejectReason, Rejection, SkipReason, eventbridge, github, gitleaks, json,
    trufflehog,
};
use crate::event::Event;

object! {
    /// The top-level keys that tell sources apart.
    Keys {
        action: Seen = "action",
        alert: Seen = "alert",
        number: Seen = "number",
        secret_type: Seen = "secret_type",
        rule_id: Seen = "RuleID",
        secret: Seen = "Secret",
        detector_name: Seen = "DetectorName",
        source_metadata: Seen = "SourceMetadata",
        detail_type: Seen = "detail-type",
        detail: Seen = "detail",
        level: Seen = "level",
        message: Seen = "msg",
        ts: Seen = "ts",
        logger: Seen = "logger",
    }
}

/// The sources other than the project's own and the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Github,
    Gitleaks,
    Trufflehog,
    /// TruffleHog's log, which shares its output.
    TrufflehogLog,
    Eventbridge,
}

impl Keys<'_> {
    fn source(&self) -> Option<Source> {
        let Seen(webhook) = self.action;
        if webhook && self.alert.0 || self.secret_type.0 && self.number.0 {
            Some(Source::Github)
        } else if self.rule_id.0 && self.secret.0 {
            Some(Source::Gitleaks)
        } else if self.detector_name.0 && self.source_metadata.0 {
            Some(Source::Trufflehog)
        } else if self.detail_type.0 && self.detail.0 {
            Some(Source::Eventbridge)
        } else if self.level.0 && self.message.0 && (self.ts.0 || self.logger.0) {
            Some(Source::TrufflehogLog)
        } else {
            None
        }
    }
}

/// Decodes a record of any format but CloudEvents; `flat` is the same record.
pub(super) fn decode<'a>(
    text: &'a str,
    flat: &mut Flat<'a>,
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let named = flat.known_kind().is_some();
    if !named && (flat.is_typed() || fallback.kind.is_none()) {
        let keys: Keys<'_> = json::object(text)?;
        match keys.source() {
            Some(Source::Github) => return github::decode(text, context, out),
            Some(Source::Gitleaks) => return gitleaks::decode(text, context, out),
            Some(Source::Trufflehog) => return trufflehog::decode(text, context, out),
            Some(Source::TrufflehogLog) => return Ok(Decoded::Skipped(SkipReason::LogLine)),
            Some(Source::Eventbridge) => return eventbridge::decode(text, context, out),
            // An event that lost its `type` is told so; anything else is foreign.
            None if !flat.is_typed() && !flat.looks_native() => {
                return Err(Rejection::new(
                    RejectReason::Unrecognised,
                    "no known source sends records with these fields",
                ));
            }
            None => {}
        }
    }
    out.push(flat.event(fallback, &context.limits)?);
    Ok(Decoded::Events)
}
