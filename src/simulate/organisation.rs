//! What the organisation is made of: workflows, detectors, owners, and how fast
//! exposures are noticed.
//!
//! Invariants: everything here is fixed text and fixed proportions; all names are
//! fictional except those of well-known products.

use crate::event::{Action, ExposedAtQuality, Severity, Workflow};
use crate::time::{Span, Timestamp};

use super::dice::{Dice, scramble};

/// A system that reports exposures.
#[derive(Debug)]
pub(super) struct Detector {
    pub(super) source: &'static str,
    pub(super) location: Option<&'static str>,
    pub(super) providers: &'static [&'static str],
    /// Whether strangers can read what is exposed there.
    pub(super) public: bool,
}

const CLOUDS: &[&str] = &["aws", "gcp", "azure"];
const SERVICES: &[&str] = &["aws", "slack", "stripe", "github", "datadog", "openai"];

const fn detector(
    source: &'static str,
    location: Option<&'static str>,
    providers: &'static [&'static str],
    public: bool,
) -> Detector {
    Detector { source, location, providers, public }
}

/// Detectors of the workflow `secret_exposure`, by how much they find.
const SECRET_DETECTORS: &[(u32, Detector)] = &[
    (30, detector("github-secret-scanning", Some("github"), SERVICES, true)),
    (14, detector("gitleaks-nightly", Some("internal"), SERVICES, false)),
    (12, detector("gitleaks-pre-receive", Some("github"), SERVICES, true)),
    (12, detector("trufflehog-scheduled", Some("s3"), CLOUDS, true)),
    (10, detector("trufflehog-scheduled", Some("npm"), SERVICES, true)),
    (10, detector("aws-health", Some("github"), &["aws"], true)),
    (6, detector("package-registry-watch", Some("pypi"), SERVICES, true)),
    (6, detector("paste-site-monitor", Some("pastebin"), SERVICES, true)),
];
const ACTIVITY_DETECTORS: &[(u32, Detector)] = &[
    (3, detector("cloudtrail-anomaly", None, &["aws"], false)),
    (2, detector("identity-analytics", None, CLOUDS, false)),
];
const SOC_DETECTORS: &[(u32, Detector)] = &[(1, detector("api-gateway-siem", None, CLOUDS, false))];
const POLICY_DETECTORS: &[(u32, Detector)] =
    &[(1, detector("vault-policy-drafts", None, &["vault"], false))];
const ENTITLEMENT_DETECTORS: &[(u32, Detector)] =
    &[(1, detector("access-review-campaign", None, CLOUDS, false))];

pub(super) const WORKFLOWS: &[(u32, Workflow)] = &[
    (70, Workflow::SecretExposure),
    (12, Workflow::ActivityTriage),
    (8, Workflow::SocClassification),
    (6, Workflow::PolicyChange),
    (4, Workflow::EntitlementReview),
];

pub(super) const OWNERS: &[&str] = &[
    "team-payments@engineering.example.org",
    "team-checkout@engineering.example.org",
    "team-data-platform@engineering.example.org",
    "team-identity@engineering.example.org",
    "team-mobile-clients@engineering.example.org",
    "team-search-ranking@engineering.example.org",
    "team-site-reliability@engineering.example.org",
    "team-warehouse-robots@engineering.example.org",
];

pub(super) const REPOSITORIES: &[&str] = &[
    "payments-api",
    "checkout-web",
    "infrastructure",
    "data-pipelines",
    "mobile-client",
    "identity-service",
    "search-indexer",
    "robot-firmware",
];

/// The model that advises at the beginning, and the one after the upgrade.
pub(super) const MODELS: [&str; 2] = ["triage-assistant-2026-01", "triage-assistant-2026-04-mini"];

/// Systems that everybody shares.
pub(super) const TRIAGE_SERVICE: &str = "triage-service-eu-1";
pub(super) const REVIEW_DESK: &str = "review-desk-eu-1";
pub(super) const PROVIDER_EVENTS: &str = "provider-event-bridge";
pub(super) const SECOND_DETECTOR: &str = "trufflehog-scheduled";
pub(super) const SEEDING: &str = "seeded-case-registry";
pub(super) const POST_INCIDENT: &str = "post-incident-review";

/// Under which name decisions of no person are recorded.
pub(super) const AI_AGENT: &str = "triage-assistant";
pub(super) const AUTOMATION: &str = "provider-automation";

pub(super) fn pick_detector(workflow: Workflow, dice: &mut Dice) -> &'static Detector {
    dice.weighted(match workflow {
        Workflow::SecretExposure => SECRET_DETECTORS,
        Workflow::ActivityTriage => ACTIVITY_DETECTORS,
        Workflow::SocClassification => SOC_DETECTORS,
        Workflow::PolicyChange => POLICY_DETECTORS,
        Workflow::EntitlementReview => ENTITLEMENT_DETECTORS,
    })
}

pub(super) fn pick_severity(public: bool, dice: &mut Dice) -> Severity {
    *dice.weighted(if public {
        &[
            (10, Severity::Low),
            (25, Severity::Medium),
            (40, Severity::High),
            (25, Severity::Critical),
        ]
    } else {
        &[
            (30, Severity::Low),
            (40, Severity::Medium),
            (24, Severity::High),
            (6, Severity::Critical),
        ]
    })
}

/// What would be right to do.
pub(super) fn pick_correct(workflow: Workflow, dice: &mut Dice) -> Action {
    *dice.weighted(match workflow {
        Workflow::SecretExposure => &[
            (42, Action::Revoke),
            (30, Action::Rotate),
            (10, Action::Quarantine),
            (13, Action::Dismiss),
            (5, Action::Monitor),
        ],
        _ => &[
            (20, Action::Revoke),
            (12, Action::Rotate),
            (18, Action::Quarantine),
            (32, Action::Dismiss),
            (18, Action::Monitor),
        ],
    })
}

/// Wrong advice: it calls the harmless harmful, or the harmful harmless.
pub(super) fn pick_wrong(correct: Action, dice: &mut Dice) -> Action {
    *dice.weighted(if correct.closes() {
        &[(50, Action::Revoke), (35, Action::Rotate), (15, Action::Quarantine)]
    } else {
        &[(65, Action::Dismiss), (30, Action::Monitor), (5, Action::Escalate)]
    })
}

/// When a credential became readable, and what the detector knows of that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exposure {
    pub(super) at: Timestamp,
    pub(super) reported: Option<(Timestamp, ExposedAtQuality)>,
}

/// Draws how long before its detection an exposure began: seconds for a provider that scans
/// every push, days for a scan that runs now and then.
pub(super) fn exposure_before(detected_at: Timestamp, dice: &mut Dice) -> Exposure {
    const RANGES: &[(u32, (i64, i64))] = &[
        (50, (2_000, 90_000)),
        (25, (90_000, 600_000)),
        (12, (600_000, 10_800_000)),
        (9, (10_800_000, 172_800_000)),
        (4, (172_800_000, 864_000_000)),
    ];
    let &(low, high) = dice.weighted(RANGES);
    let at = before(detected_at, Span::from_millis(dice.between(low, high)));
    let reported = match dice.below(100) {
        0..30 => None,
        30..82 => Some((at, ExposedAtQuality::Exact)),
        // A commit is pushed later, so its time is too early.
        _ => {
            let unpushed = dice.lognormal_span(Span::from_mins(12), 1.0);
            Some((before(at, unpushed), ExposedAtQuality::Commit))
        }
    };
    Exposure { at, reported }
}

fn before(time: Timestamp, span: Span) -> Timestamp {
    time + Span::from_millis(-span.as_millis())
}

/// What a detector calls the credentials of each issuer.
const KINDS: &[(&str, &str)] = &[
    ("aws", "aws-access-key"),
    ("azure", "azure-client-secret"),
    ("datadog", "datadog-app-key"),
    ("gcp", "gcp-service-account"),
    ("github", "github-deploy-key"),
    ("openai", "openai-project-key"),
    ("slack", "slack-webhook"),
    ("stripe", "stripe-restricted-key"),
];

/// Of what kind a credential is that `provider` issued.
pub(super) fn kind_of(provider: &str) -> &'static str {
    KINDS.iter().find(|(issuer, _)| *issuer == provider).map_or("api-key", |(_, kind)| kind)
}

/// What a case is about in which nothing leaked.
pub(super) const fn subject_of(workflow: Workflow) -> &'static str {
    match workflow {
        Workflow::SecretExposure => "api-key",
        Workflow::ActivityTriage => "role-session",
        Workflow::SocClassification => "api-client",
        Workflow::PolicyChange => "policy-draft",
        Workflow::EntitlementReview => "role-grant",
    }
}

/// The credential's non-secret name, if its detector names the place where it was found.
/// `number` is in it, so that no two windows share a name by accident.
pub(super) fn name_by_place(number: u64, detector: &Detector, dice: &mut Dice) -> Option<String> {
    match detector.location {
        Some(place @ ("github" | "npm" | "pypi")) if dice.chance(0.7) => {
            let repository = dice.pick(REPOSITORIES);
            let copy = dice.below(40);
            Some(format!("{place}:example-org/{repository}-{copy}#{number}"))
        }
        _ => None,
    }
}

/// The credential's non-secret name by what it is: its kind, the system that uses it, and a
/// fingerprint. `number` is in that through a bijection, so that no two windows share a name
/// by accident.
pub(super) fn name_by_kind(number: u64, key: u64, kind: &str) -> String {
    let unique = scramble(number ^ key);
    let system = REPOSITORIES[(unique % REPOSITORIES.len() as u64) as usize];
    format!("{kind}:{system}:{unique:016x}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_provider_has_a_kind_of_credential_of_its_own() {
        let providers: BTreeSet<_> =
            SECRET_DETECTORS.iter().flat_map(|(_, detector)| detector.providers).collect();
        for provider in &providers {
            let kind = KINDS.iter().filter(|(_, kind)| *kind == kind_of(provider));
            assert_eq!(kind.map(|(of, _)| of).collect::<Vec<_>>(), [*provider]);
        }
    }
}
