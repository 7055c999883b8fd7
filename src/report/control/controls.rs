//! Which controls the figures are evidence for, and what they cannot show.
//!
//! Invariants: identifiers are those of the published catalogues; a label that only
//! another text uses for one of them is told as cited there; nothing here claims
//! that a control is met.

use serde::Serialize;

use super::render::Section;

/// One control of a framework.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Control {
    /// The framework.
    pub framework: &'static str,
    /// The control's identifier in it.
    pub id: &'static str,
    /// What it asks for: a title, or the outcome, as published.
    pub asks: &'static str,
    /// How other texts label it.
    pub cited_as: Option<&'static str>,
    /// The sections of this report that are evidence for it.
    pub evidence: &'static [Section],
    /// Their figures, by their paths in this report.
    pub figures: Vec<&'static str>,
    /// In which way.
    pub shows: &'static str,
    /// What the report cannot show of it.
    pub cannot_show: &'static str,
}

const CSF: &str = "NIST CSF 2.0";
const AI_RMF: &str = "NIST AI RMF 1.0";
const NHI: &str = "OWASP NHI Top 10 2025";
const AGENTIC: &str = "OWASP Top 10 for Agentic Applications 2026";
const AI_ACT: &str = "EU AI Act (voluntary mapping)";

/// All controls, by framework.
pub(super) fn all() -> Vec<Control> {
    let mut all = nist();
    all.extend(owasp());
    all.extend(ai_act());
    all
}

fn control(
    framework: &'static str,
    id: &'static str,
    asks: &'static str,
    evidence: &'static [Section],
    shows: &'static str,
    cannot_show: &'static str,
) -> Control {
    let figures = evidence.iter().flat_map(|section| section.figures()).copied().collect();
    Control { framework, id, asks, cited_as: None, evidence, figures, shows, cannot_show }
}

fn nist() -> Vec<Control> {
    use Section::{
        AttackerFirst, Bands, Boundary, Outcomes, Ownership, Quality, Reviewers, Reviews, Seeded,
        Stages, TimeToReview, Verdict,
    };
    vec![
        control(
            CSF,
            "GV.OV-01",
            "Cybersecurity risk management strategy outcomes are reviewed to inform and adjust strategy and direction",
            &[Verdict, AttackerFirst],
            "The outcome that a review can start from: the effective review rate with its bounds, its change against \
             the previous period, and how many credentials an attacker is expected to have reached first.",
            "That anybody reviewed it, or adjusted anything. Attach the minutes.",
        ),
        control(
            CSF,
            "GV.OV-02",
            "The cybersecurity risk management strategy is reviewed and adjusted to ensure coverage of organizational \
             requirements and risks",
            &[Bands, Ownership, Quality],
            "Where coverage ends: workflows, severities and places in which reviews are late, exposures without an \
             owner, and stretches without data.",
            "Leaks that no detector saw, and workflows that send no events.",
        ),
        control(
            CSF,
            "GV.OV-03",
            "Organizational cybersecurity risk management performance is evaluated and reviewed for adjustments needed",
            &[Verdict, TimeToReview, Stages],
            "Performance of the control itself: time to review with the undecided counted in, and the stage in which \
             the time goes.",
            "Whether the limits that performance is held against suit the organisation.",
        ),
        control(
            AI_RMF,
            "GOVERN 3.2",
            "Policies and procedures define and differentiate roles and responsibilities for human-AI configurations \
             and oversight of AI systems",
            &[Boundary, Reviews, Ownership],
            "Whether practice keeps to such roles: actions of an AI before any person, decisions without authority, \
             approvals of one's own request, exposures for which nobody answers.",
            "The policies, and whether roles were understood.",
        ),
        control(
            AI_RMF,
            "MAP 3.5",
            "Processes for human oversight are defined, assessed, and documented",
            &[Reviews, Seeded, Reviewers],
            "An assessment of oversight as it is done: certificates that decisions were no reviews, planted cases, \
             reviewers flagged at a stated rate of false discoveries.",
            "The definition of the process; this report documents its effect alone.",
        ),
        control(
            AI_RMF,
            "MEASURE 2.4",
            "The functionality and behavior of the AI system and its components are monitored when in production",
            &[Reviews, Seeded, Boundary],
            "How often people decide otherwise than advised, how often the advice was wrong where the right answer is \
             known, and whether the AI stays within its part.",
            "The quality of the advice where no right answer became known.",
        ),
        control(
            AI_RMF,
            "MEASURE 2.8",
            "Risks associated with transparency and accountability are examined and documented",
            &[Reviews, Ownership],
            "Whether there was time to read the advice, whether evidence was opened, and who answers for the exposure.",
            "Whether the advice was understandable.",
        ),
        control(
            AI_RMF,
            "MANAGE 4.1",
            "Post-deployment monitoring plans are implemented, including mechanisms for appeal and override",
            &[Reviews, Seeded, Outcomes],
            "That override is possible and used: decisions against the advice, and wrong advice that was challenged.",
            "Appeals by those whom a decision concerns.",
        ),
    ]
}

fn owasp() -> Vec<Control> {
    use Section::{
        AttackerFirst, Boundary, Outcomes, Ownership, Reviewers, Reviews, Seeded, Stages,
        TimeToReview,
    };
    let mut human = control(
        NHI,
        "NHI10:2025",
        "Human Use of NHI",
        &[Reviews, Reviewers],
        "Human decisions about non-human identities: with or without authority, read or waved through.",
        "People who use a machine's identity; no event tells of it.",
    );
    human.cited_as = Some(
        "Some glossaries label human oversight of identities NHI-06; the published NHI6:2025 is Insecure Cloud \
         Deployment Configurations.",
    );
    let mut trust = control(
        AGENTIC,
        "ASI09",
        "Human-Agent Trust Exploitation",
        &[Reviews, Seeded, Reviewers],
        "Whether trust in the AI replaces review: reading time, unopened evidence, templated reasons, wrong advice \
         let through.",
        "Attempts to exploit that trust.",
    );
    trust.cited_as = Some("Some glossaries label missing human oversight of agents AGENT-03.");
    vec![
        control(
            NHI,
            "NHI2:2025",
            "Secret Leakage",
            &[TimeToReview, AttackerFirst, Stages],
            "What happens after a leak: how long until a person decides, and how likely an attacker was first.",
            "Prevention of leaks, and leaks that were not detected.",
        ),
        control(
            NHI,
            "NHI7:2025",
            "Long-Lived Secrets",
            &[Outcomes, Stages],
            "How long leaked credentials stay valid after the leak.",
            "The age of credentials that have not leaked.",
        ),
        human,
        control(
            AGENTIC,
            "ASI03",
            "Identity and Privilege Abuse",
            &[Boundary, Reviews],
            "Actions of an AI before a person, and decisions without authority.",
            "Privileges that an agent holds and does not use.",
        ),
        trust,
        control(
            AGENTIC,
            "ASI10",
            "Rogue Agents",
            &[Boundary, Ownership],
            "Every exposure in which an AI acted where a person should have decided.",
            "Agents that send no events.",
        ),
    ]
}

fn ai_act() -> Vec<Control> {
    use Section::{Reviewers, Reviews, Seeded, Stages};
    vec![
        control(
            AI_ACT,
            "Article 14(4)(b)",
            "Those who oversee remain aware of the tendency to rely on the output too much (automation bias)",
            &[Seeded, Reviews, Reviewers],
            "Automation bias as it shows: planted wrong advice let through, agreement beyond that of peers, decisions \
             in less time than reading takes.",
            "Awareness. Whether the system is a high-risk one, and whether the article applies, is a legal question.",
        ),
        control(
            AI_ACT,
            "Article 14(4)(d)",
            "Those who oversee can decide not to use the output, or disregard, override or reverse it",
            &[Reviews, Seeded],
            "That output is disregarded in fact: decisions against the advice, and before any advice.",
            "Whether somebody who never did so could have.",
        ),
        control(
            AI_ACT,
            "Article 26(2)",
            "Human oversight is assigned to people with the necessary competence, training and authority, and support",
            &[Seeded, Reviewers, Stages],
            "Signs of what is missing: no time, no authority, or no context, read from planted cases and reading time.",
            "Training, and competence beyond the cases whose answer is known.",
        ),
    ]
}
