//! Recognises the format of a record by its fields.
//!
//! Invariants: a plain native event does not come here; any other record of a frequent source
//! needs one more pass than when its format is given, over its top-level keys; recognition looks
//! at which keys there are, never at free text.

use super::aws::{cloudtrail, guardduty, security_hub};
use super::envelope::{self, Outcome};
use super::native::{self, Fallback};
use super::rare::{self, Source};
use super::value::{Scalar, Seen, object};
use super::{
    Context, Decoded, RejectReason, Rejection, SkipReason, eventbridge, github, gitleaks, json,
    maps, trufflehog,
};
use crate::event::Event;

object! {
    /// The top-level keys by which sources differ, and the `type` of native events.
    Keys {
        kind: Scalar<'a> = "type",
        credential_id: Seen = "credential_id",
        specversion: Seen = "specversion",
        action: Seen = "action",
        alert: Seen = "alert",
        number: Seen = "number",
        secret_type: Seen = "secret_type",
        audit_time: Seen = "@timestamp",
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

impl Keys<'_> {
    fn source(&self) -> Option<Source> {
        let Seen(webhook) = self.action;
        // Entries of the audit log have the keys of a listed alert, too, and a time of their own.
        let listed = self.secret_type.0 && self.number.0 && !self.audit_time.0;
        if webhook && self.alert.0 || listed {
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

/// The keys of a record. A key that is there twice counts once: the decoder that reads its value
/// reports it.
pub(super) fn keys(text: &str) -> Result<Keys<'_>, Rejection> {
    json::object_with_repeats(text)
}

/// Decodes a record of any format but CloudEvents; `keys` are those of the same record.
pub(super) fn decode<'a>(
    text: &'a str,
    keys: &Keys<'a>,
    fallback: Fallback<'a>,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Outcome<'a>, Rejection> {
    let named = matches!(&keys.kind, Scalar::Text(word) if native::is_named(word));
    let typed = !matches!(keys.kind, Scalar::Absent | Scalar::Null);
    if !named && (typed || fallback.kind.is_none()) {
        let source = match keys.source() {
            Some(source) => Some(source),
            None => match envelope::open(text)? {
                Some(outcome) => return Ok(outcome.within(fallback, context.detected_at)),
                None => rare::source(text)?,
            },
        };
        // A record that nothing here reads may be one of a map's.
        if matches!(source, None | Some(Source::Unsupported(_)))
            && let Some(decoded) = maps::decode_recognised(text, context, out)?
        {
            return Ok(decoded.into());
        }
        let outcome = match source {
            Some(Source::Github) => github::decode(text, context, out)?.into(),
            Some(Source::Gitleaks) => gitleaks::decode(text, context, out)?.into(),
            Some(Source::Trufflehog) => trufflehog::decode(text, context, out)?.into(),
            Some(Source::TrufflehogLog) => Decoded::Skipped(SkipReason::LogLine).into(),
            Some(Source::Eventbridge) => {
                eventbridge::decode(text, context, out)?.within(fallback, context.detected_at)
            }
            Some(Source::Guardduty) => {
                guardduty::decode(text, Scalar::Absent, context, out)?.into()
            }
            Some(Source::Cloudtrail) => cloudtrail::decode(text, context, out)?.into(),
            Some(Source::SecurityHub) => security_hub::decode(text, context, out)?.into(),
            Some(Source::Unsupported(what)) => return Err(Rejection::unsupported(what)),
            // A record that looks like a native event with a wrong `type`, or with none, gets
            // that error. Whatever else has a `type` never meant ours.
            None if keys.credential_id.0 => native::decode(text, fallback, context, out)?.into(),
            None => {
                return Err(Rejection::new(
                    RejectReason::Unrecognised,
                    "no known source sends records with these fields",
                ));
            }
        };
        // Where a built-in format finds nothing to measure, a map may: of all that GitHub sends,
        // the program itself reads little.
        if matches!(outcome, Outcome::Done(Decoded::Skipped(SkipReason::NotMeasured)))
            && let Some(decoded) = maps::decode_recognised(text, context, out)?
        {
            return Ok(decoded.into());
        }
        return Ok(outcome);
    }
    native::decode(text, fallback, context, out).map(Outcome::Done)
}
