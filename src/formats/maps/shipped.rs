//! The maps that come with the program.

use std::borrow::Cow;

use super::source::MapSource;

/// The files of a map in the folder `maps/`.
macro_rules! shipped {
    ($($name:literal: $($fixture:literal),+;)+) => {
        [$((
            $name,
            include_str!(concat!("../../../maps/", $name, "/map.toml")),
            include_str!(concat!("../../../maps/", $name, "/map.jq")),
            &[$((
                $fixture,
                include_str!(concat!("../../../maps/", $name, "/fixtures/", $fixture)),
            )),+] as &[(&str, &str)],
        )),+]
    };
}

/// All of them.
pub(super) fn sources() -> impl Iterator<Item = MapSource> {
    let shipped = shipped! {
        "detect-secrets": "baselines.ndjson", "baselines.expected";
        "entra": "items.ndjson", "items.expected";
        "ggshield": "scans.ndjson", "scans.expected";
        "gitguardian": "incidents.ndjson", "incidents.expected";
        "github-audit": "entries.ndjson", "entries.expected";
        "github-reviews": "deliveries.ndjson", "deliveries.expected";
        "gitlab": "vulnerabilities.ndjson", "vulnerabilities.expected";
        "gitlab-report": "reports.ndjson", "reports.expected";
        "google-secops": "investigations.ndjson", "investigations.expected";
        "jira": "issues.ndjson", "issues.expected";
        "kingfisher": "findings.ndjson", "findings.expected";
        "noseyparker": "findings.ndjson", "findings.expected";
        "ocsf": "findings.ndjson", "findings.expected";
        "otel-genai": "logs.ndjson", "logs.expected";
        "pagerduty": "incidents.ndjson", "incidents.expected";
        "sailpoint": "certifications.ndjson", "certifications.expected";
        "sarif": "reports.ndjson", "reports.expected";
        "sentinel": "incidents.ndjson", "incidents.expected";
        "servicenow": "incidents.ndjson", "incidents.expected";
        "slack": "buttons.ndjson", "buttons.expected";
        "thehive": "cases.ndjson", "cases.expected";
        "tines": "cases.ndjson", "cases.expected";
        "vault": "audit.ndjson", "audit.expected";
    };
    shipped.into_iter().map(|(folder, manifest, program, fixtures)| MapSource {
        folder: Cow::Borrowed(folder),
        manifest: Cow::Borrowed(manifest),
        program: Cow::Borrowed(program),
        fixtures: fixtures
            .iter()
            .map(|(name, text)| (Cow::Borrowed(*name), Cow::Borrowed(*text)))
            .collect(),
    })
}
