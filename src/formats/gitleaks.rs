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
        commit: Scalar<'a> = "Commit",
        file: Scalar<'a> = "File",
        line: Scalar<'a> = "StartLine",
        column: Scalar<'a> = "StartColumn",
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
    let rule_id = required(rule_id, "RuleID")?;
    // A credential in two places gives two findings.
    let mut place = match finding.fingerprint.unbounded_text("Fingerprint")? {
        Some(fingerprint) => fingerprint.into_owned(),
        // What gitleaks makes its fingerprint of.
        None => {
            let parts =
                [part(&finding.commit), part(&finding.file), rule_id.clone(), part(&finding.line)];
            let parts: Vec<&str> =
                parts.iter().map(AsRef::as_ref).filter(|part| !part.is_empty()).collect();
            parts.join(":")
        }
    };
    // Two on one line.
    if let Some(column) = finding.column.whole() {
        place.push_str(&format!("\0{column}"));
    }
    let leak = LeakDetected {
        exposed_at,
        exposed_at_quality: exposed_at.map(|_| ExposedAtQuality::Commit),
        location: None,
        provider: Some(rule_id),
        ..LeakDetected::default()
    };
    out.push(scan::finding("gitleaks", &secret, leak, &place, context)?);
    Ok(Decoded::Events)
}

/// A part of a place as text; empty if it is not given.
fn part<'s>(value: &'s Scalar<'_>) -> Cow<'s, str> {
    match value {
        Scalar::Text(text) => Cow::Borrowed(text),
        value => value.whole().map_or(Cow::Borrowed(""), |number| Cow::Owned(number.to_string())),
    }
}
