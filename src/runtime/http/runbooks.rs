//! The runbooks as pages, so that a link in an alert leads to the text for this version.
//!
//! Invariant: the texts are part of the program; nothing that anybody sends gets into a page.

use axum::response::{IntoResponse, Response};

use super::document::{HEADERS, document};

/// Declares the runbooks: the name of each, and its text.
macro_rules! runbooks {
    ($($name:literal)*) => {
        /// Each runbook's name and text.
        const RUNBOOKS: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbooks/", $name, ".md")),
        ),)*];
    };
}

runbooks! {
    "AiActedFirst" "AiDisagreementCollapsed" "AlertmanagerClockSkewed" "AlertsLate" "AlertsNotKept"
    "AlertsNotPushed" "AlertsNotRead" "AttackObserved" "AttackerLikelyPresent" "ClockJumped"
    "ContainmentOverdue" "DeadLetters" "EffectiveReviewBudgetBurning" "EffectiveReviewRateLow"
    "EventsDidNotJoin" "HollowApproval" "HollowShareHigh" "NoEvents" "PipelineLagging" "README"
    "RebalancingOften" "ReceiverSilent" "RestoreSlow" "ReviewDueSoon" "ReviewOverdue"
    "RubberStampSuspected" "SeededCaseMissed" "SeededCatchRateLow" "ShutterlagDown"
    "SourceClocksSkewed" "TransactionsFailing" "Watchdog"
}

/// The page of the runbook `name`; `README` is the list of all.
pub(super) fn page(name: &str) -> Option<Response> {
    let (_, text) = RUNBOOKS.iter().find(|(known, _)| *known == name)?;
    let title = text.lines().next().unwrap_or_default().trim_start_matches("# ");
    let (mut head, mut html) = (String::new(), String::new());
    escape(&mut head, title);
    head.push_str(" – shutterlag runbook");
    blocks(&mut html, text);
    Some((HEADERS, document(&head, &html)).into_response())
}

/// What kind of block lines belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    Paragraph,
    Bullets,
    Numbers,
    Code,
}

impl Block {
    const fn tag(self) -> Option<&'static str> {
        match self {
            Block::None => None,
            Block::Paragraph => Some("p"),
            Block::Bullets => Some("ul"),
            Block::Numbers => Some("ol"),
            Block::Code => Some("pre"),
        }
    }
}

/// The part of Markdown that the runbooks use: headings, paragraphs, lists, code.
fn blocks(html: &mut String, text: &str) {
    let mut block = Block::None;
    for line in text.lines() {
        if line.starts_with("```") {
            let next = if block == Block::Code { Block::None } else { Block::Code };
            change(html, &mut block, next);
            continue;
        }
        if block == Block::Code {
            escape(html, line);
            html.push('\n');
            continue;
        }
        let number = line.split_once(". ").filter(|(n, _)| n.parse::<u8>().is_ok());
        if let Some((level, title)) = heading(line) {
            change(html, &mut block, Block::None);
            html.push_str(&format!("<h{level}>"));
            inline(html, title);
            html.push_str(&format!("</h{level}>\n"));
        } else if let Some(item) = line.strip_prefix("- ") {
            change(html, &mut block, Block::Bullets);
            html.push_str("<li>");
            inline(html, item);
        } else if let Some((_, item)) = number {
            change(html, &mut block, Block::Numbers);
            html.push_str("<li>");
            inline(html, item);
        } else if line.is_empty() {
            // A list goes on after an empty line; a paragraph does not.
            if block == Block::Paragraph {
                change(html, &mut block, Block::None);
            }
        } else {
            let goes_on =
                line.starts_with("  ") && matches!(block, Block::Bullets | Block::Numbers);
            if !goes_on && block != Block::Paragraph {
                change(html, &mut block, Block::Paragraph);
            }
            html.push(' ');
            inline(html, line.trim_start());
        }
    }
    change(html, &mut block, Block::None);
}

fn heading(line: &str) -> Option<(u8, &str)> {
    let levels = [("### ", 3), ("## ", 2), ("# ", 1)];
    levels.iter().find_map(|(mark, level)| Some((*level, line.strip_prefix(mark)?)))
}

/// Ends one block and begins another, unless both are the same.
fn change(html: &mut String, block: &mut Block, next: Block) {
    if *block == next {
        return;
    }
    if let Some(tag) = block.tag() {
        html.push_str(&format!("</{tag}>\n"));
    }
    if let Some(tag) = next.tag() {
        // A long line of code scrolls, also by keyboard.
        let more = if next == Block::Code { " tabindex=\"0\"" } else { "" };
        html.push_str(&format!("<{tag}{more}>"));
    }
    *block = next;
}

/// Code, bold text and links within a line.
fn inline(html: &mut String, line: &str) {
    let mut rest = line;
    while let Some(at) = rest.find(['`', '*', '[']) {
        escape(html, &rest[..at]);
        rest = &rest[at..];
        rest = code(html, rest)
            .or_else(|| bold(html, rest))
            .or_else(|| link(html, rest))
            .unwrap_or_else(|| {
                html.push_str(&rest[..1]);
                &rest[1..]
            });
    }
    escape(html, rest);
}

fn code<'t>(html: &mut String, text: &'t str) -> Option<&'t str> {
    let (code, rest) = text.strip_prefix('`')?.split_once('`')?;
    html.push_str("<code>");
    escape(html, code);
    html.push_str("</code>");
    Some(rest)
}

fn bold<'t>(html: &mut String, text: &'t str) -> Option<&'t str> {
    let (bold, rest) = text.strip_prefix("**")?.split_once("**")?;
    html.push_str("<strong>");
    escape(html, bold);
    html.push_str("</strong>");
    Some(rest)
}

/// A link to another runbook. Other pages of the documentation are named without a link.
fn link<'t>(html: &mut String, text: &'t str) -> Option<&'t str> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (target, rest) = rest.split_once(')')?;
    let name = target.strip_suffix(".md").unwrap_or(target);
    if RUNBOOKS.iter().any(|(known, _)| *known == name) {
        html.push_str(&format!("<a href=\"/runbook/{name}\">"));
        escape(html, label);
        html.push_str("</a>");
    } else {
        escape(html, label);
    }
    Some(rest)
}

fn escape(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_runbook_is_in_the_program() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbooks");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
            .collect();
        let known: BTreeSet<String> = RUNBOOKS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(known, files);
        assert!(page("AttackObserved").is_some() && page("../README").is_none());
    }

    #[test]
    fn what_runbooks_use_of_markdown_becomes_html() {
        let mut html = String::new();
        let text = "# A <b>\n\nOne `x<y` and\n**two** [Watchdog](Watchdog.md), [docs](../a.md).\n\n\
                    1. first\n2. second\n   goes on\n\n- bullet * [ `\n\n```sh\na \"b\" <c>\n```\n";
        blocks(&mut html, text);
        assert_eq!(
            html,
            "<h1>A &lt;b&gt;</h1>\n<p> One <code>x&lt;y</code> and <strong>two</strong> \
             <a href=\"/runbook/Watchdog\">Watchdog</a>, docs.</p>\n<ol><li>first<li>second goes on</ol>\n\
             <ul><li>bullet * [ `</ul>\n<pre tabindex=\"0\">a &quot;b&quot; &lt;c&gt;\n</pre>\n"
        );
    }

    #[test]
    fn every_runbook_becomes_a_page_whose_links_lead_somewhere() {
        for (name, text) in RUNBOOKS {
            let mut html = String::new();
            blocks(&mut html, text);
            assert!(html.starts_with("<h1>"), "{name}");
            assert!(!html.contains("]("), "{name}");
            for target in html.split("href=\"/runbook/").skip(1) {
                let target = target.split('"').next().unwrap();
                assert!(page(target).is_some(), "{name}: {target}");
            }
        }
    }
}
