//! The report as HTML, Markdown, JSON and CSV.
//!
//! Invariants: all forms tell the same figures; HTML and Markdown are two writings
//! of one document; whatever comes from a source is escaped where it is written.

mod blocks;
mod document;
mod figures;
mod ground;
mod html;
mod markdown;
mod oversight;
mod section;
mod speed;
mod style;
mod svg;
mod tabular;
mod verdict;

use std::io::{self, Write};

pub use self::section::Section;
use super::Report;
use crate::event::words;

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
