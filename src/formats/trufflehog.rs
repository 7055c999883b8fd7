//! TruffleHog v3 findings: one line of its `--json` output.
//!
//! Invariants: `Raw` and `RawV2` go into the keyed function and nowhere else;
//! `Redacted`, `ExtraData` and `StructuredData` are never read (the first may
//! be the whole secret).
//!
//! <https://github.com/trufflesecurity/trufflehog/blob/main/pkg/output/json.go>

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::field::{missing, object_or_absent, required};
use super::value::{Found, Scalar, Seen, Slot, Verbatim, object};
use super::{Context, Decoded, Rejection, SkipReason, json, links, scan};
use crate::event::{Event, ExposedAtQuality, LeakDetected, is_access_key_id};
use crate::time::Timestamp;

object! {
    Finding {
        metadata: Metadata<'a> = "SourceMetadata",
        detector: Scalar<'a> = "DetectorName",
        decoder: Seen = "DecoderName",
        raw: Scalar<'a> = "Raw",
        raw_v2: Scalar<'a> = "RawV2",
        level: Seen = "level",
        message: Seen = "msg",
    }
}

object! {
    /// Where it was found: an object with one field, named after the kind of source.
    Metadata { data: Verbatim<'a> = "Data" }
}

/// The kinds of source as TruffleHog names them, in our words, and whether their timestamp is
/// that of a commit. A Git address does not say where the repository is hosted, and a file is
/// nowhere in particular.
///
/// <https://github.com/trufflesecurity/trufflehog/blob/main/proto/source_metadata.proto>
const PLACES: &[(&str, Option<&str>, bool)] = &[
    ("Artifactory", Some("artifactory"), false),
    ("AwsSecretsManager", Some("aws_secrets_manager"), false),
    ("Azure", Some("azure"), false),
    ("AzureRepos", Some("azure_repos"), true),
    ("Bitbucket", Some("bitbucket"), true),
    ("Buildkite", Some("buildkite"), false),
    ("Circleci", Some("circleci"), false),
    ("Confluence", Some("confluence"), false),
    ("Docker", Some("docker"), false),
    ("Ecr", Some("ecr"), false),
    ("Elasticsearch", Some("elasticsearch"), false),
    ("Filesystem", None, false),
    ("Gcs", Some("gcs"), false),
    ("Gerrit", Some("gerrit"), true),
    ("Git", None, true),
    ("Github", Some("github"), true),
    ("Gitlab", Some("gitlab"), true),
    ("GoogleDrive", Some("google_drive"), false),
    ("Huggingface", Some("huggingface"), true),
    ("Jenkins", Some("jenkins"), false),
    ("Jira", Some("jira"), false),
    ("Npm", Some("npm"), false),
    ("Postman", Some("postman"), false),
    ("Pypi", Some("pypi"), false),
    ("S3", Some("s3"), false),
    ("Sentry", Some("sentry"), false),
    ("SharePoint", Some("sharepoint"), false),
    ("Slack", Some("slack"), false),
    ("Syslog", Some("syslog"), false),
    ("Teams", Some("teams"), false),
    ("TravisCI", Some("travisci"), false),
    ("Webhook", Some("webhook"), false),
];

/// Fields of a place that can change while the place stays the same.
const FLEETING: &[&str] = &["timestamp", "visibility", "email"];

/// Decodes one finding; skips lines of TruffleHog's log.
pub(super) fn decode<'a>(
    text: &'a str,
    context: &Context<'_>,
    out: &mut Vec<Event<'a>>,
) -> Result<Decoded, Rejection> {
    let finding: Finding<'a> = json::object(text)?;
    if finding.detector.found() == Found::Absent && finding.level.0 && finding.message.0 {
        return Ok(Decoded::Skipped(SkipReason::LogLine));
    }
    let detector = finding.detector.text("DetectorName", context.limits.text_bytes)?;
    let plain = finding.decoder.0;
    let raw = finding.raw.unbounded_text("Raw")?.map(|raw| as_found(raw, plain));
    let raw_v2 = finding.raw_v2.unbounded_text("RawV2")?.map(|raw| as_found(raw, plain));
    let mut key = None;
    let secret = match (raw, raw_v2) {
        // Both parts of an AWS key: the first one is its public name.
        (Some(raw), both) if is_access_key_id(&raw) => {
            key = both.as_deref().and_then(|both| secret_key(both, &raw)).map(str::to_owned);
            raw
        }
        (_, Some(both)) => both,
        (Some(raw), None) => raw,
        (None, None) => return Err(missing("Raw")),
    };
    object_or_absent(finding.metadata.found(), "SourceMetadata")?;
    object_or_absent(finding.metadata.data.found(), "SourceMetadata.Data")?;
    let place = Place::of(finding.metadata.data);
    let exposed_at = place.committed_at;
    let leak = LeakDetected {
        exposed_at,
        exposed_at_quality: exposed_at.map(|_| ExposedAtQuality::Commit),
        location: place.location.map(Cow::Borrowed),
        provider: Some(required(detector, "DetectorName")?),
        ..LeakDetected::default()
    };
    let event = scan::finding("trufflehog", &secret, leak, &place.fingerprint, context)?;
    if let Some(key) = key {
        // Scanners that see the second part alone know it by this name.
        let alias = Cow::Owned(context.identity.name(key.as_bytes()));
        out.push(links::link(&event, vec![alias]));
    }
    out.push(event);
    Ok(Decoded::Events)
}

/// The secret access key in `both` parts of an AWS key, behind the `id`: 40 letters of base64, and
/// nothing or a session token after them. Any other text is not sure to be a secret of this key
/// alone.
///
/// <https://github.com/trufflesecurity/trufflehog/tree/main/pkg/detectors/aws>
fn secret_key<'s>(both: &'s str, id: &str) -> Option<&'s str> {
    const LENGTH: usize = 40;
    let rest = both.strip_prefix(id)?;
    // Earlier versions put nothing between the two.
    let (key, rest) = rest.strip_prefix(':').unwrap_or(rest).split_at_checked(LENGTH)?;
    let alone = rest.is_empty() || rest.starts_with(':');
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+');
    (alone && key.bytes().all(base64)).then_some(key)
}

/// The bytes that TruffleHog found, as text.
///
/// Before TruffleHog printed the field `DecoderName`, it printed bytes, which Go's JSON writes
/// in base64. Since then it prints the text itself. The older form is decoded, so that both
/// give a credential the same name. Without `DecoderName`, a text that is not padded base64 of
/// UTF-8 is used as it is.
fn as_found(raw: Cow<'_, str>, plain: bool) -> Cow<'_, str> {
    if plain || is_access_key_id(&raw) {
        return raw;
    }
    match STANDARD.decode(raw.as_bytes()).map(String::from_utf8) {
        Ok(Ok(decoded)) if !decoded.is_empty() => Cow::Owned(decoded),
        _ => raw,
    }
}

/// The time of a commit: `2022-06-16 10:17:40 -0700`, possibly with the zone repeated, or RFC
/// 3339. `None` if it cannot be read.
fn commit_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::parse_rfc3339(text) {
        return Some(time);
    }
    let mut parts = text.split(' ');
    let (date, time, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let (hours, minutes) = offset.split_at_checked(3)?;
    Timestamp::parse_rfc3339(&format!("{date}T{time}{hours}:{minutes}")).ok()
}

/// Where a secret was found.
#[derive(Default)]
struct Place {
    location: Option<&'static str>,
    committed_at: Option<Timestamp>,
    /// A text that differs between places and stays the same in another delivery.
    fingerprint: String,
}

impl Place {
    /// Takes the place whole: whatever fields it has, all of them tell it from others.
    fn of(data: Verbatim<'_>) -> Place {
        // Objects are maps ordered by key, so the order in the record does not matter.
        let Some(Ok(Value::Object(mut places))) = data.json().map(serde_json::from_str) else {
            return Place::default();
        };
        let mut place = Place::default();
        if let Some((kind, fields)) = places.iter_mut().find(|(_, fields)| fields.is_object())
            && let Some((_, location, commits)) = PLACES.iter().find(|(name, ..)| name == kind)
        {
            let timestamp = fields.get("timestamp").and_then(Value::as_str);
            place.location = *location;
            place.committed_at = timestamp.filter(|_| *commits).and_then(commit_time);
        }
        for fields in places.values_mut().filter_map(Value::as_object_mut) {
            fields.retain(|name, _| !FLEETING.contains(&name.as_str()));
        }
        place.fingerprint = Value::Object(places).to_string();
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_an_aws_key_is_known_by_its_form_alone() {
        const ID: &str = "AKIAIOSFODNN7EXAMPLE";
        const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        for both in [
            format!("{ID}:{SECRET}"),
            format!("{ID}{SECRET}"),
            format!("{ID}:{SECRET}:a-session-token"),
        ] {
            assert_eq!(secret_key(&both, ID), Some(SECRET), "{both}");
        }
        for both in [
            ID.to_owned(),
            format!("{ID}:prod"),
            format!("{ID}:{SECRET}="),
            format!("{ID}:{}", "é".repeat(20)),
            SECRET.to_owned(),
        ] {
            assert_eq!(secret_key(&both, ID), None, "{both}");
        }
    }

    #[test]
    fn reads_the_notations_of_a_commit_time() {
        let at = |text: &str| commit_time(text).map(Timestamp::as_millis);
        let ms = Some(1_767_323_045_000);
        assert_eq!(at("2026-01-02 03:04:05 +0000"), ms);
        assert_eq!(at("2026-01-01 20:04:05 -0700 -0700"), ms);
        assert_eq!(at("2026-01-02 03:04:05 +0000 UTC"), ms);
        assert_eq!(at("2026-01-02T03:04:05Z"), ms);
        for unknown in [
            "",
            "yesterday",
            "2026-01-02",
            "2026-01-02 03:04:05",
            "a b ‹›",
            "0001-01-01 00:00:00 +0000",
        ] {
            assert_eq!(at(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn both_ages_of_output_mean_the_same_secret() {
        let found = |raw: &'static str, plain| as_found(Cow::Borrowed(raw), plain).into_owned();
        assert_eq!(found("c3ludGhldGljLXNlY3JldA==", false), "synthetic-secret");
        assert_eq!(found("synthetic-secret", true), "synthetic-secret");
        assert_eq!(found("c3ludGhldGljLXNlY3JldA==", true), "c3ludGhldGljLXNlY3JldA==");
        assert_eq!(found("synthetic-secret", false), "synthetic-secret");
        assert_eq!(found("AKIAIOSFODNN7EXAMPLE", false), "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(found("QUtJQUlPU0ZPRE5ON0VYQU1QTEU=", false), "AKIAIOSFODNN7EXAMPLE");
    }
}
