//! The document as one HTML page that needs nothing else.
//!
//! Invariants: every text is escaped by the writer (`maud`), none is put in raw but
//! the style sheet, which is a constant; the page fetches nothing and runs nothing,
//! and says so to the browser.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::Report;
use super::Section;
use super::blocks::{Block, Table};
use super::document::{document, title};
use super::figures::{minute, short};
use super::ground::scope_name;
use super::style::SHEET;
use super::svg;
use crate::report::control::evidence::Scope;
use crate::report::terminal::printable;

/// What a browser may do for this page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

pub(super) fn page(report: &Report) -> String {
    let title = printable(&title(report));
    let sections = split(document(report));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(format!("{} {}", report.tool.name, report.tool.version));
                title { (title) }
                style { (PreEscaped(SHEET)) }
            }
            body {
                header {
                    h1 { (title) }
                    p class="soft" {
                        "Human review of leaked credentials and other cases, against each workflow's targets: exposures detected from "
                        (minute(report.period.from)) " to before " (minute(report.period.to)) ", as they stood at " (minute(report.as_of)) "."
                    }
                    dl class="facts" {
                        @if let Some(organisation) = &report.question.organisation {
                            dt { "Organisation" } dd { (printable(organisation)) }
                        }
                        dt { "Period" } dd { (minute(report.period.from)) " to " (minute(report.period.to)) }
                        @if let Some(person) = &report.question.prepared_by {
                            dt { "Prepared by" } dd { (printable(person)) }
                        }
                    }
                    nav aria-label="Contents" {
                        ol { @for (section, _) in &sections {
                            li { a href=(format!("#{section}")) { (section.title()) } }
                        } }
                    }
                }
                main {
                    @for (section, blocks) in &sections {
                        section id=(section) class=(if *section == Section::Verdict { "verdict" } else { "" })
                            aria-labelledby=(format!("{section}-title")) {
                            h2 id=(format!("{section}-title")) { (section.title()) }
                            @for (number, block) in blocks.iter().enumerate() { (shown(report, *section, number, block)) }
                        }
                    }
                }
                footer {
                    p class="soft" {
                        "Made by " (report.tool.name) " " (report.tool.version)
                        ". Figures about reviewers say where time, context or authority was missing; they are no measure of a person."
                    }
                }
            }
        }
    }
    .into_string()
}

/// The document by sections.
fn split(blocks: Vec<Block>) -> Vec<(Section, Vec<Block>)> {
    let mut sections: Vec<(Section, Vec<Block>)> = Vec::new();
    for block in blocks {
        match (block, sections.last_mut()) {
            (Block::Section(section), _) => sections.push((section, Vec::new())),
            (block, Some((_, blocks))) => blocks.push(block),
            // A document begins with a section.
            (_, None) => {}
        }
    }
    sections
}

fn shown(report: &Report, section: Section, number: usize, block: &Block) -> Markup {
    match block {
        Block::Section(_) => html! {},
        Block::Heading(text) => html! { h3 { (printable(text)) } },
        Block::Text(text) => html! { p { (printable(text)) } },
        Block::Headline { figure, label, details } => html! {
            div class="headline" {
                div { p class="figure" { (figure) } p class="label" { (label) } }
                div class="details" { @for detail in details { p { (printable(detail)) } } }
            }
        },
        Block::Points(points) => html! {
            ol class="points" { @for point in points { li { (printable(point)) } } }
        },
        Block::Facts(facts) => html! {
            dl class="facts" { @for (name, value) in facts { dt { (printable(name)) } dd { (printable(value)) } } }
        },
        Block::Table(table) => shown_table(section, number, table),
        Block::Chart(chart) => svg::chart(report, *chart),
        Block::Words(words) => html! {
            dl class="words" { @for word in *words { dt { (word.word) } dd { (word.meaning) } } }
        },
        Block::From(scope) => from(report, *scope),
    }
}

fn shown_table(section: Section, number: usize, table: &Table) -> Markup {
    let class = |at: usize| match (table.long.contains(&at), table.texts.contains(&at)) {
        (true, _) => "text long",
        (false, true) => "text",
        (false, false) => "",
    };
    let name = format!("{section}-{number}");
    html! {
        // Where it is wider than the screen it scrolls, and must be reachable by key.
        div class="table" role="group" tabindex="0" aria-labelledby=(name) {
            table {
                caption id=(name) { (printable(&table.caption)) }
                thead { tr { @for (at, head) in table.head.iter().enumerate() {
                    @if head.is_empty() { td class=(class(at)) {} } @else { th scope="col" class=(class(at)) { (head) } }
                } } }
                tbody { @for row in &table.rows { tr { @for (at, cell) in row.iter().enumerate() {
                    @if at == 0 { th scope="row" class=(format!("{}{}", class(at), whole(cell))) { (printable(cell)) } }
                    @else { td class=(format!("{}{}", class(at), whole(cell))) { (printable(cell)) } }
                } } } }
            }
        }
        @if table.rows.is_empty() { p class="soft" { "No rows." } }
        @if let Some(left_out) = &table.left_out { p class="soft" { (printable(left_out)) } }
    }
}

/// A short word, or a time, is not broken at its hyphens.
fn whole(cell: &str) -> &'static str {
    const LONGEST: usize = 24;
    if cell.len() <= LONGEST && !cell.contains(' ') { " whole" } else { "" }
}

fn from(report: &Report, scope: Scope) -> Markup {
    let records = report.evidence.scopes.iter().find(|of| of.scope == scope);
    html! {
        @if let Some(of) = records {
            p class="from" {
                "From " (super::figures::count(of.records.records)) " records of " (scope_name(scope)) ", SHA-256 "
                (short(&of.records.sha256)) "…; "
                a href="#evidence" { "evidence chain" } ". " (report.tool.name) " " (report.tool.version) "."
            }
        }
    }
}
