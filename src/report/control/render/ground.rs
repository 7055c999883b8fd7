//! The sections about what the figures stand on, what they are evidence for, where
//! they come from, and what the words mean.

use super::super::evidence::{Scope, Source};
use super::super::{Report, Without, definitions};
use super::Section;
use super::blocks::{Block, Table};
use super::figures::{
    count, expected, exposures, length, limit, number, percent, range, rate, share, short, spoken,
};
use crate::event::Workflow;
use crate::report::numbers::many;

pub(super) fn sections(report: &Report, blocks: &mut Vec<Block>) {
    appendix(blocks);
    quality(report, blocks);
    controls(report, blocks);
    evidence(report, blocks);
    blocks.push(Block::Section(Section::Definitions));
    blocks.push(Block::Words(definitions::ALL));
}

fn appendix(blocks: &mut Vec<Block>) {
    blocks.push(Block::Section(Section::Appendix));
    blocks.push(Block::Text(
        "What follows lets an auditor check the figures: how good the data are, which controls the figures are \
         evidence for, which records they follow from, and what each word means."
            .to_owned(),
    ));
    blocks.push(Block::Points(
        [
            "Have the ledger handed over, and this report in its JSON form.",
            "Compare the SHA-256 digests of “Evidence chain” with those of the ledger.",
            "Recompute every figure: shutterlag report --verify REPORT.json LEDGER. The answer is “Equal”, or what \
             differs.",
            "Recompute single findings: shutterlag explain FINDING --ledger LEDGER shows the arithmetic.",
        ]
        .map(str::to_owned)
        .to_vec(),
    ));
}

fn quality(report: &Report, blocks: &mut Vec<Block>) {
    let quality = &report.quality;
    blocks.push(Block::Section(Section::Quality));
    for caveat in caveats(report) {
        blocks.push(Block::Text(caveat));
    }
    let mut table = Table::new("Exposures by what is known of their times", &["", "Exposures"]);
    let rows = [
        ("exposure known exactly", quality.exposed_exactly),
        (
            "exposure known by commit, which may be earlier than publication",
            quality.exposed_by_commit,
        ),
        ("exposure known, how well is not stated", quality.exposed_unqualified),
        (
            "exposure not known: measured from detection, so the wait is told too short",
            quality.from_detection,
        ),
        ("clocks contradict each other", quality.clock_skew),
        ("decision not judged yet", quality.unjudged),
        ("decision that nobody delivered, found in a list of its source", quality.recovered),
        ("advice of unknown length: no reading time can be judged", quality.advice_without_length),
        ("record written under other attackers' curves than this report's", quality.other_curves),
    ];
    rows.iter().for_each(|(name, windows)| table.row([(*name).to_owned(), count(*windows)]));
    blocks.push(Block::Table(table));
    if let Some(letters) = &quality.dead_letters {
        let mut table =
            Table::new("Dead letters of the live run, by reason", &["Reason", "Dead letters"]);
        for (reason, number) in letters {
            table.row([spoken(reason), count(*number)]);
        }
        table.left_out = Some("All that their topic holds, whatever the period.".to_owned());
        blocks.push(Block::Table(table));
    }
    match &quality.input {
        None if quality.dead_letters.is_some() => {}
        None => blocks.push(Block::Text(
            "How the input fared (late, refused, dead letters) is not known: only records of the ledger were read, and \
             none tells of it."
                .to_owned(),
        )),
        Some(told) => {
            let mut table = Table::new("How the whole input fared, by the run that wrote the ledger", &["", "Events"]);
            let rows = [
                ("read", told.read),
                ("accepted", told.accepted),
                ("duplicate", told.duplicate),
                ("rejected", told.rejected),
                ("unsupported", told.unsupported),
                ("late", told.late),
                ("without a window", told.orphan),
                ("contradictions between clocks", told.clock_skew),
            ];
            rows.iter().for_each(|(name, events)| table.row([(*name).to_owned(), count(*events)]));
            for (reason, events) in &told.by_reason {
                table.row([format!("not used: {}", spoken(reason)), count(*events)]);
            }
            blocks.push(Block::Table(table));
        }
    }
    stretches(report, blocks);
    blocks.push(Block::From(Scope::Period));
}

fn caveats(report: &Report) -> Vec<String> {
    let (quality, period) = (&report.quality, &report.period);
    let mut told = vec![format!(
        "The period reaches from {} to before {}, {} long. An exposure belongs to it by its detection, and is told as it \
         stood at {}.",
        period.from,
        period.to,
        length(Some(period.length_ms.as_millis())),
        report.as_of
    )];
    if period.offsets_differ {
        told.push(
            "Its beginning and end were given with different offsets from UTC, as across a change of the clocks. Its \
             length, and that of the period before, is elapsed time."
                .to_owned(),
        );
    }
    if quality.begins_late {
        told.push(
            "The ledger begins after the period does: what was before is not known.".to_owned(),
        );
    }
    if quality.ends_early {
        told.push(
            "The ledger ends before the period does: what came after is not known.".to_owned(),
        );
    }
    if quality.previous_begins_late == Some(true) {
        told.push(
            "The ledger begins within the period before: the two are not compared.".to_owned(),
        );
    }
    if quality.damaged_records > 0 {
        told.push(format!(
            "Records that could not be read and were left out: {}. Every figure may be wrong by as many exposures.",
            count(quality.damaged_records)
        ));
    }
    if many(quality.clock_skew, report.verdict.windows) {
        told.push(format!(
            "Clocks contradict each other in {} of {}. Look for a source whose clock or time zone is wrong: what it reports \
             makes waits too short, too long or impossible.",
            count(quality.clock_skew),
            exposures(report.verdict.windows)
        ));
    }
    if let Some(input) = quality.input.as_ref().filter(|input| many(input.orphan, input.accepted)) {
        told.push(format!(
            "{} of {} accepted events found no exposure: they lie before a detection by more than clocks may differ, or after \
             a closing. If that is not expected, the clock or time zone of a source is wrong, or its names do not join.",
            count(input.orphan),
            count(input.accepted)
        ));
    }
    if quality.other_curves > 0 {
        told.push(
            "Some records were written under other attackers' curves. This report computes with its own throughout."
                .to_owned(),
        );
    }
    told
}

fn stretches(report: &Report, blocks: &mut Vec<Block>) {
    let stretches = &report.quality.stretches;
    if stretches.is_empty() {
        let none = "No stretch of the period is without events, or without decisions, for longer than chance explains.";
        return blocks.push(Block::Text(none.to_owned()));
    }
    let head = ["From", "To", "Long", "Without", "Detected in it"];
    let mut table = Table::new("Stretches in which “no decision” may mean “no data”", &head);
    table.texts = &[0, 1, 3];
    for stretch in stretches {
        table.row([
            stretch.from.to_string(),
            stretch.to.to_string(),
            length(Some(stretch.to.since(stretch.from).as_millis())),
            match stretch.without {
                Without::Events => "any event".to_owned(),
                Without::Decisions => "any decision".to_owned(),
            },
            count(stretch.detections),
        ]);
    }
    table.left_out = Some(
        "Nights and holidays look the same as an outage: compare with the calendar. At most five of each kind.".to_owned(),
    );
    blocks.push(Block::Table(table));
}

fn controls(report: &Report, blocks: &mut Vec<Block>) {
    blocks.push(Block::Section(Section::Controls));
    blocks.push(Block::Text(
        "Which controls these figures are evidence for. It is evidence, not a finding that a control is met."
            .to_owned(),
    ));
    let head = ["Control", "Asks for", "Evidence here", "Cannot be shown here"];
    let mut begun = "";
    let mut table = Table::default();
    for control in &report.controls {
        if control.framework != begun {
            if !table.rows.is_empty() {
                blocks.push(Block::Table(std::mem::take(&mut table)));
            }
            begun = control.framework;
            table = Table::new(begun, &head);
            table.texts = &[0, 1, 2, 3];
        }
        let sections: Vec<String> =
            control.evidence.iter().map(|section| figure(*section, report)).collect();
        let mut asks = control.asks.to_owned();
        if let Some(cited) = control.cited_as {
            asks.push_str(&format!(" ({cited})"));
        }
        table.row([
            control.id.to_owned(),
            asks,
            format!("{} {}.", control.shows, sections.join("; ")),
            control.cannot_show.to_owned(),
        ]);
    }
    if !table.rows.is_empty() {
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::Text(
        "EU AI Act: its duties for high-risk systems apply from 2 December 2027 (Annex III) and from 2 August 2028 \
         (Annex I), as Regulation (EU) 2026/1744 amended it. Whether they apply to a system is a legal question."
            .to_owned(),
    ));
}

/// The figure that a section comes down to.
fn figure(section: Section, report: &Report) -> String {
    let law = report.attacker_first.laws.first().map(|law| law.first).unwrap_or_default();
    let told = match section {
        Section::Verdict => {
            format!("effective review rate {}", rate(&report.verdict.effective))
        }
        Section::TimeToReview => {
            let (at, _) = report.attacker_first.first_arrival();
            let chance = report.time_to_review.decided_by(at);
            format!("decided within {} {}", limit(at), range(chance.low, chance.high))
        }
        Section::AttackerFirst => {
            format!("attacker first {}, {} expected", range(law.low, law.high), expected(&law))
        }
        Section::Stages => {
            let steps = report.stages.iter().filter(|part| part.share_of_time.is_some());
            let most = steps.max_by(|a, b| a.total_ms.cmp(&b.total_ms));
            most.map_or("no step completed".to_owned(), |part| {
                format!("most time in {}", spoken(part.part.as_str()))
            })
        }
        Section::Bands => format!(
            "{} of {} ahead",
            count(report.bands.all.ahead),
            count(report.bands.all.windows)
        ),
        Section::Reviews => format!("hollow {}", share(&report.reviews.hollow)),
        Section::Seeded => format!("planted cases caught {}", share(&report.seeded.caught)),
        Section::Reviewers => match report.reviewers.withheld {
            true => "withheld in so small a group".to_owned(),
            false => format!(
                "{} flagged of {}",
                count(report.reviewers.named.as_ref().map_or(0, |named| named.count)),
                count(report.reviewers.reviewers)
            ),
        },
        Section::Boundary => {
            format!("an AI acted first in {}", share(&report.boundary.ai_acted_first))
        }
        Section::Outcomes => {
            let (_, mean) = report.attacker_first.arrivals();
            let within = report.outcomes.shares.iter().find(|by| by.t_ms == mean);
            let ended = percent(within.map(|by| 1.0 - by.waiting));
            format!("ended within {} {ended}", limit(mean))
        }
        Section::Ownership => {
            format!("without an owner {}", share(&report.ownership.without_owner))
        }
        Section::Quality => {
            format!("{} with contradicting clocks", count(report.quality.clock_skew))
        }
        Section::Appendix | Section::Controls | Section::Evidence | Section::Definitions => {
            String::new()
        }
    };
    format!("“{}”: {told}", section.title())
}

fn evidence(report: &Report, blocks: &mut Vec<Block>) {
    let evidence = &report.evidence;
    blocks.push(Block::Section(Section::Evidence));
    blocks.push(Block::Text(format!(
        "Made by {} {} from the records below. “shutterlag report --verify REPORT.json LEDGER”, with this report as JSON, \
         computes every figure again and tells what differs.",
        report.tool.name, report.tool.version
    )));
    let mut table = Table::new("Sources", &["Source", "Range", "Records", "SHA-256"]);
    table.texts = &[0, 1, 3];
    table.long = &[0, 3];
    for source in &evidence.sources {
        match source {
            Source::File { name, bytes, sha256, records } => table.row([
                name.clone(),
                format!("{} bytes", count(*bytes)),
                count(*records),
                sha256.clone(),
            ]),
            Source::Store { name, records } => table.row([
                name.clone(),
                "local store".to_owned(),
                count(*records),
                "see the records below".to_owned(),
            ]),
            Source::Topic { name, partitions } => {
                for part in partitions {
                    table.row([
                        format!("{name}, partition {}", part.partition),
                        format!("offsets {} to before {}", part.from_offset, part.to_offset),
                        count(part.records),
                        "see the records below".to_owned(),
                    ]);
                }
            }
        }
    }
    table.left_out = Some(format!(
        "Records read: {}; replaced by a later one of the same exposure: {}; made void: {} by {} tombstones; left out as \
         unreadable: {}.",
        count(evidence.read),
        count(evidence.superseded),
        count(evidence.void),
        count(evidence.tombstones),
        count(report.quality.damaged_records)
    ));
    blocks.push(Block::Table(table));
    let mut table = Table::new(
        "Records that figures are of: SHA-256 over the records' SHA-256, in the order of their exposures",
        &["Scope", "Records", "SHA-256"],
    );
    table.texts = &[0, 2];
    table.long = &[2];
    for scope in &evidence.scopes {
        table.row([
            scope_name(scope.scope).to_owned(),
            count(scope.records.records),
            scope.records.sha256.clone(),
        ]);
    }
    blocks.push(Block::Table(table));
    configuration(report, blocks);
    let mut table =
        Table::new("All records, by day of detection", &["Detected", "Records", "SHA-256"]);
    table.texts = &[0, 2];
    for day in &evidence.days {
        table.row([
            day.detected.clone(),
            count(day.records.records),
            format!("{}…", short(&day.records.sha256)),
        ]);
    }
    table.left_out = Some("The whole digests are in the JSON form.".to_owned());
    blocks.push(Block::Table(table));
}

pub(super) const fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Period => "the period",
        Scope::Previous => "the period before",
        Scope::Ledger => "the whole ledger",
    }
}

fn configuration(report: &Report, blocks: &mut Vec<Block>) {
    let question = &report.question;
    let all =
        |words: Vec<String>| if words.is_empty() { "all".to_owned() } else { words.join(", ") };
    let given = |edge: &Option<super::super::Edge>| {
        edge.as_ref().map_or("that of the ledger".to_owned(), |edge| edge.given.clone())
    };
    let rules = &question.rules;
    let openings: Vec<String> = rules.expect_opening.iter().map(Workflow::to_string).collect();
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("Beginning, as asked", given(&question.from)),
        fact("End, as asked", given(&question.to)),
        fact("Told as of", report.as_of.to_string()),
        fact("Workflows", all(question.workflows.iter().map(Workflow::to_string).collect())),
        fact("Severities", all(question.severities.iter().map(|s| s.to_string()).collect())),
        fact("Teams", all(question.teams.clone())),
        fact("Workflows whose tools report that a case was opened", {
            if openings.is_empty() { "none".to_owned() } else { openings.join(", ") }
        }),
        fact("False discovery rate", number(Some(rules.alpha), 3)),
        fact("Least group of reviewers that is told of", question.small_group.to_string()),
    ];
    for signal in &rules.signals {
        let alternatives: Vec<String> = signal.alternatives.iter().map(f64::to_string).collect();
        facts.push(fact(
            &format!("Signal {}", signal.signal),
            format!(
                "allowed {}, looked for {}, weight {}",
                signal.null,
                alternatives.join(", "),
                signal.weight
            ),
        ));
    }
    blocks.push(Block::Heading("Configuration".to_owned()));
    blocks.push(Block::Facts(facts));
}
