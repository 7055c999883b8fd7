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

use super::field::{missing, object_or_absent, required};
use super::value::{Found, Scalar, Seen, Slot, object};
use super::{Context, Decoded, Rejection, SkipReason, json, names, scan};
use crate::event::{Event, ExposedAtQuality, LeakDetected};
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
    Metadata { data: Places<'a> = "Data" }
}

object! {
    /// Where it was found. TruffleHog sets one of these.
    Places {
        azure_repos: Place<'a> = "AzureRepos",
        bitbucket: Place<'a> = "Bitbucket",
        confluence: Place<'a> = "Confluence",
        docker: Place<'a> = "Docker",
        filesystem: Place<'a> = "Filesystem",
        gcs: Place<'a> = "GCS",
        gerrit: Place<'a> = "Gerrit",
        git: Place<'a> = "Git",
        github: Place<'a> = "Github",
        gitlab: Place<'a> = "Gitlab",
        huggingface: Place<'a> = "Huggingface",
        jira: Place<'a> = "Jira",
        npm: Place<'a> = "Npm",
        postman: Place<'a> = "Postman",
        pypi: Place<'a> = "Pypi",
        s3: Place<'a> = "S3",
        slack: Place<'a> = "Slack",
    }
}

object! {
    Place {
        timestamp: Scalar<'a> = "timestamp",
        repository: Scalar<'a> = "repository",
        bucket: Scalar<'a> = "bucket",
        commit: Scalar<'a> = "commit",
        file: Scalar<'a> = "file",
        line: Scalar<'a> = "line",
        link: Scalar<'a> = "link",
    }
}

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
    let secret = match (raw, raw_v2) {
        // Both parts of an AWS key: the first one is its public name.
        (Some(raw), _) if names::is_aws_key_id(&raw) => raw,
        (_, Some(both)) => both,
        (Some(raw), None) => raw,
        (None, None) => return Err(missing("Raw")),
    };
    object_or_absent(finding.metadata.found(), "SourceMetadata")?;
    object_or_absent(finding.metadata.data.found(), "SourceMetadata.Data")?;
    let (location, committed, place) = finding.metadata.data.only();
    let exposed_at = if committed { commit_time(&place.timestamp) } else { None };
    let leak = LeakDetected {
        exposed_at,
        exposed_at_quality: exposed_at.map(|_| ExposedAtQuality::Commit),
        location: location.map(Cow::Borrowed),
        provider: Some(required(detector, "DetectorName")?),
        incident: None,
        reopened: false,
    };
    out.push(scan::finding("trufflehog", &secret, leak, &place.fingerprint(), context)?);
    Ok(Decoded::Events)
}

/// The bytes that TruffleHog found, as text.
///
/// Before TruffleHog printed the field `DecoderName`, it printed bytes, which Go's JSON writes
/// in base64. Since then it prints the text itself. The older form is decoded, so that both
/// give a credential the same name. Without `DecoderName`, a text that is not padded base64 of
/// UTF-8 is used as it is.
fn as_found(raw: Cow<'_, str>, plain: bool) -> Cow<'_, str> {
    if plain || names::is_aws_key_id(&raw) {
        return raw;
    }
    match STANDARD.decode(raw.as_bytes()).map(String::from_utf8) {
        Ok(Ok(decoded)) if !decoded.is_empty() => Cow::Owned(decoded),
        _ => raw,
    }
}

/// The time of a commit: `2022-06-16 10:17:40 -0700`, possibly with the zone repeated, or RFC
/// 3339. `None` if it cannot be read.
fn commit_time(timestamp: &Scalar<'_>) -> Option<Timestamp> {
    let Scalar::Text(text) = timestamp else { return None };
    if let Ok(time) = Timestamp::parse_rfc3339(text) {
        return Some(time);
    }
    let mut parts = text.split(' ');
    let (date, time, offset) = (parts.next()?, parts.next()?, parts.next()?);
    let (hours, minutes) = offset.split_at_checked(3)?;
    Timestamp::parse_rfc3339(&format!("{date}T{time}{hours}:{minutes}")).ok()
}

impl<'a> Places<'a> {
    /// The place that is set: its kind in our words, whether its timestamp is that of a commit,
    /// and its fields. A Git URL does not say where the repository is hosted.
    fn only(self) -> (Option<&'static str>, bool, Place<'a>) {
        let places = [
            (Some("azure_repos"), true, self.azure_repos),
            (Some("bitbucket"), true, self.bitbucket),
            (Some("confluence"), false, self.confluence),
            (Some("docker"), false, self.docker),
            (None, false, self.filesystem),
            (Some("gcs"), false, self.gcs),
            (Some("gerrit"), true, self.gerrit),
            (None, true, self.git),
            (Some("github"), true, self.github),
            (Some("gitlab"), true, self.gitlab),
            (Some("huggingface"), true, self.huggingface),
            (Some("jira"), false, self.jira),
            (Some("npm"), false, self.npm),
            (Some("postman"), false, self.postman),
            (Some("pypi"), false, self.pypi),
            (Some("s3"), false, self.s3),
            (Some("slack"), false, self.slack),
        ];
        places.into_iter().find(|(_, _, place)| place.found() == Found::Object).unwrap_or((
            None,
            false,
            Place::default(),
        ))
    }
}

impl Place<'_> {
    /// One text that differs between places.
    fn fingerprint(&self) -> String {
        let mut text = String::new();
        let fields =
            [&self.repository, &self.bucket, &self.commit, &self.file, &self.link, &self.line];
        for field in fields {
            match field {
                Scalar::Text(part) => text.push_str(part),
                Scalar::Unsigned(number) => text.push_str(&number.to_string()),
                _ => {}
            }
            text.push('\0');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_notations_of_a_commit_time() {
        let at = |text: &'static str| {
            commit_time(&Scalar::Text(Cow::Borrowed(text))).map(Timestamp::as_millis)
        };
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
        assert_eq!(commit_time(&Scalar::Unsigned(1)), None);
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
