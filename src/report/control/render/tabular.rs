//! The report as CSV: one figure a line.
//!
//! Invariants: every figure of the JSON form is a line, sections and figures by
//! their names, lists in their order; no cell
//! begins with a character that a spreadsheet would take for a formula, unless it is
//! a number.

use std::io::{self, Write};

use serde_json::Value;

use super::super::Report;
use crate::report::spreadsheet::cell;

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record(["section", "entry", "figure", "value"])?;
    let Value::Object(sections) = serde_json::to_value(report)? else { return Ok(()) };
    for (section, value) in &sections {
        lines(section, "", "", value, &mut csv)?;
    }
    csv.flush()
}

/// The lines of a value: entries are the places in lists, figures the names in objects.
fn lines(
    section: &str,
    entry: &str,
    figure: &str,
    value: &Value,
    csv: &mut ::csv::Writer<&mut dyn Write>,
) -> io::Result<()> {
    let below = |path: &str, name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                lines(section, entry, &below(figure, name), value, csv)?;
            }
            Ok(())
        }
        Value::Array(items) => {
            for (number, value) in (1..).zip(items) {
                let at: i32 = number;
                let place =
                    if figure.is_empty() { at.to_string() } else { format!("{figure} {at}") };
                lines(section, &below(entry, &place), "", value, csv)?;
            }
            Ok(())
        }
        Value::Null => Ok(csv.write_record([section, entry, figure, ""])?),
        Value::String(text) => Ok(csv.write_record([section, entry, figure, &cell(text)])?),
        value => Ok(csv.write_record([section, entry, figure, &value.to_string()])?),
    }
}
