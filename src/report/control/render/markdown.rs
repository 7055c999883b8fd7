//! The document as Markdown (GitHub's, for the tables).
//!
//! Invariant: text from a source cannot become markup: every character that could
//! is escaped, and no line break gets into a cell.

use super::super::Report;
use super::blocks::{Block, Table};
use super::document::{document, title};
use super::ground::scope_name;
use crate::report::terminal::printable;

pub(super) fn text(report: &Report) -> String {
    let mut out = format!("# {}\n", escaped(&title(report)));
    let question = &report.question;
    let about = [("Organisation", &question.organisation), ("Prepared by", &question.prepared_by)];
    for (name, value) in about {
        if let Some(value) = value {
            out.push_str(&format!("\n{name}: {}\n", escaped(value)));
        }
    }
    for block in document(report) {
        out.push('\n');
        match block {
            Block::Section(section) => out.push_str(&format!("## {}\n", section.title())),
            Block::Heading(text) => out.push_str(&format!("### {}\n", escaped(&text))),
            Block::Text(text) => out.push_str(&format!("{}\n", escaped(&text))),
            Block::Headline { figure, label, details } => {
                out.push_str(&format!("**{}** {}\n", escaped(&figure), escaped(&label)));
                for detail in details {
                    out.push_str(&format!("\n{}\n", escaped(&detail)));
                }
            }
            Block::Points(points) => {
                for (number, point) in (1..).zip(points) {
                    out.push_str(&format!("{number}. {}\n", escaped(&point)));
                }
            }
            Block::Facts(facts) => {
                for (name, value) in facts {
                    out.push_str(&format!("- {}: {}\n", escaped(&name), escaped(&value)));
                }
            }
            Block::Table(table) => write_table(&mut out, &table),
            // Its figures stand in the table that follows.
            Block::Chart(_) => drop(out.pop()),
            Block::Words(words) => {
                for word in words {
                    out.push_str(&format!(
                        "- **{}**: {}\n",
                        escaped(word.word),
                        escaped(word.meaning)
                    ));
                }
            }
            Block::From(scope) => out.push_str(&format!(
                "_From the records of {}, see “Evidence chain”._\n",
                scope_name(scope)
            )),
        }
    }
    out
}

fn write_table(out: &mut String, table: &Table) {
    out.push_str(&format!("**{}**\n\n|", escaped(&table.caption)));
    table.head.iter().for_each(|head| out.push_str(&format!(" {} |", escaped(head))));
    out.push_str("\n|");
    for at in 0..table.head.len() {
        out.push_str(if table.texts.contains(&at) { " --- |" } else { " ---: |" });
    }
    out.push('\n');
    for row in &table.rows {
        out.push('|');
        row.iter().for_each(|cell| out.push_str(&format!(" {} |", escaped(cell))));
        out.push('\n');
    }
    if table.rows.is_empty() {
        out.push_str("\nNo rows.\n");
    }
    if let Some(left_out) = &table.left_out {
        out.push_str(&format!("\n{}\n", escaped(left_out)));
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in printable(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '!')
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
