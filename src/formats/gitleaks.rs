//! gitleaks v8 findings: one element of its JSON report.
//!
//! Invariants: `Secret` goes into the keyed function and nowhere else;
//! `Match`, `Line` and `Message` are never read.
//!
//! <https://github.com/gitleaks/gitleaks#reporting>

use std::borrow::Cow;

use super::field::{invalid, required};
use super::value::{Scalar, object};
use super::{Context, Decoded, Rejection, json, scan};
use crate::event::{Event, ExposedAtQuality, LeakDetected};
use crate::time::Timestamp;

object! {
    Finding {
        rule_id: Scalar<'a> = "RuleID",
        secret: Scalar<'a> = "Secret",
        date: Scalar<'a> = "Date",
        fingerprint: Scalar<'a> = "Fingerprint",
    }
}

/// Decodes one finding.
pub(super) fn decode<'a>(
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let finding: Finding<'a> = json::object(text)?;
    let secret = required(finding.secret.unbounded_text("Secret")?, "Secret")?;
    if secret == "REDACTED" || secret.ends_with("...") {
        // With redaction all credentials would have the same name.
        return Err(invalid("Secret", "the secret itself: run gitleaks without --redact"));
    }
    let rule_id = finding.rule_id.text("RuleID", context.limits.text_bytes)?;
    let exposed_at = match finding.date {
        // A value that is not a date (empty, year 1, another notation) counts as unknown.
        Scalar::Text(date) => Timestamp::parse_rfc3339(&date).ok(),
        _ => None,
    };
    let leak = LeakDetected {
        exposed_at,
        exposed_at_quality: exposed_at.map(|_| ExposedAtQuality::Commit),
        location: None,
        provider: Some(required(rule_id, "RuleID")?),
        incident: None,
        reopened: false,
    };
    // A credential in two places gives two findings.
    let place = finding.fingerprint.unbounded_text("Fingerprint")?.unwrap_or(Cow::Borrowed(""));
    out.push(scan::finding("gitleaks", &secret, leak, &place, context)?);
    Ok(Decoded::Events)
}
