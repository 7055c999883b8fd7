//! The report as HTML, Markdown, JSON and CSV.
//!
//! Invariants: all forms tell the same figures; HTML and Markdown are two writings
//! of one document; whatever comes from a source is escaped where it is written.

mod blocks;

mod figures;
mod ground;
mod html;
mod markdown;
mod oversight;
mod speed;
mod style;
mod svg;
mod tabular;
mod verdict;

use std::io::{self, Write};

use super::Report;
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
            Section::AttackerFirst => {
                &["attacker_first.laws", "attacker_first.by_place"]
            }
            Section::Stages => &["stages"],
            Section::Bands => &["bands.by_workflow", "bands.by_severity", "bands.by_location"],
            Section::Reviews => &[
                "reviews.hollow",
                "reviews.by_reason",
                "reviews.agreed",
                "reviews.disagreed",
                "reviews.unadvised",
            ],
            Section::Seeded => &["seeded.caught", "seeded.sight"],
            Section::Reviewers => &["reviewers.lists"],
            Section::Boundary => &["boundary.ai_acted_first"],
            Section::Outcomes => &["outcomes.shares"],
            Section::Ownership => &["ownership.without_owner"],
            Section::Quality => &["quality.stretches", "quality.clock_skew", "quality.input"],
            Section::Controls | Section::Evidence | Section::Definitions => &[],
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
            Section::Quality => "Quality of the data",
            Section::Controls => "Controls",
            Section::Evidence => "Evidence chain",
            Section::Definitions => "Definitions",
        }
    }
}

words! {
    /// A form of the report.
    Form {
        /// One page that stands alone.
        Html = "html",
        /// For reading as text.
        Markdown = "markdown",
        /// For machines, and to verify.
        Json = "json",
        /// For spreadsheets: one figure a line.
        Csv = "csv",
    }
}

impl Form {
    /// The form that a file's name asks for by its ending.
    pub fn of_ending(ending: &str) -> Option<Form> {
        match ending {
            "html" | "htm" => Some(Form::Html),
            "md" | "markdown" => Some(Form::Markdown),
            "json" => Some(Form::Json),
            "csv" => Some(Form::Csv),
            _ => None,
        }
    }
}

/// Writes the report in one form.
///
/// # Errors
/// What the writer returns.
pub fn write(report: &Report, form: Form, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Form::Html => out.write_all(html::page(report).as_bytes()),
        Form::Markdown => out.write_all(markdown::text(report).as_bytes()),
        Form::Json => {
            serde_json::to_writer_pretty(&mut *out, report)?;
            out.write_all(b"\n")
        }
        Form::Csv => tabular::write(report, out),
    }
}
