//! The sections of the report: their titles, and where their figures are in the JSON form.

use crate::event::words;

words! {
    /// A section of the report; its word is the anchor in HTML.
    Section {
        /// The headline.
        Verdict = "verdict",
        /// How long exposures wait.
        TimeToReview = "time-to-review",
        /// Who comes first.
        AttackerFirst = "attacker-first",
        /// Where the time goes.
        Stages = "stages",
        /// In time or not, by what they are.
        Bands = "bands",
        /// Real or not.
        Reviews = "reviews",
        /// Would wrong advice be noticed?
        Seeded = "seeded",
        /// Who is flagged.
        Reviewers = "reviewers",
        /// Where an AI acted first.
        Boundary = "boundary",
        /// What ended the wait.
        Outcomes = "outcomes",
        /// Who answers for it.
        Ownership = "ownership",
        /// Where the part for auditors begins.
        Appendix = "appendix",
        /// What the figures stand on.
        Quality = "quality",
        /// What they are evidence for.
        Controls = "controls",
        /// Where they come from.
        Evidence = "evidence",
        /// What the words mean.
        Definitions = "definitions",
    }
}

impl Section {
    /// Its figures in the JSON form, by their path.
    pub const fn figures(self) -> &'static [&'static str] {
        match self {
            Section::Verdict => &["verdict.effective", "verdict.change"],
            Section::TimeToReview => &["time_to_review.reviewed_by", "time_to_review.median_ms"],
            Section::AttackerFirst => &["attacker_first.laws", "attacker_first.by_place"],
            Section::Stages => &["stages"],
            Section::Bands => &["bands.by_workflow", "bands.by_severity", "bands.by_location"],
            Section::Reviews => &[
                "reviews.hollow",
                "reviews.by_reason",
                "reviews.agreed",
                "reviews.disagreed",
                "reviews.unadvised",
                "reviews.evidence",
                "reviews.per_reviewer_hour",
            ],
            Section::Seeded => &["seeded.caught", "seeded.sight"],
            Section::Reviewers => &["reviewers.named"],
            Section::Boundary => &["boundary.ai_acted_first"],
            Section::Outcomes => &["outcomes.shares"],
            Section::Ownership => &["ownership.without_owner"],
            Section::Quality => &["quality.stretches", "quality.clock_skew", "quality.input"],
            Section::Appendix | Section::Controls | Section::Evidence | Section::Definitions => &[],
        }
    }

    /// What stands above it.
    pub const fn title(self) -> &'static str {
        match self {
            Section::Verdict => "Verdict",
            Section::TimeToReview => "Time to review",
            Section::AttackerFirst => "Was the attacker first?",
            Section::Stages => "Where the time goes",
            Section::Bands => "In time, and where not",
            Section::Reviews => "Were they reviews?",
            Section::Seeded => "Would wrong advice be noticed?",
            Section::Reviewers => "Flagged reviewers",
            Section::Boundary => "Boundary violations",
            Section::Outcomes => "What ended the wait",
            Section::Ownership => "Ownership gaps",
            Section::Appendix => "Appendix for auditors",
            Section::Quality => "Quality of the data",
            Section::Controls => "Controls",
            Section::Evidence => "Evidence chain",
            Section::Definitions => "Definitions",
        }
    }
}
