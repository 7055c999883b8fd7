//! The first page.

use super::super::{LookAt, Matter, Report, Trend};
use super::Section;
use super::blocks::Block;
use super::figures::{bounds, count, exposures, of, percent, share};
use crate::report::control::evidence::Scope;

pub(super) fn verdict(report: &Report, blocks: &mut Vec<Block>) {
    let verdict = &report.verdict;
    let rate = &verdict.effective.share;
    blocks.push(Block::Section(Section::Verdict));
    if verdict.windows == 0 {
        blocks.push(Block::Text(
            "No exposure was detected in this period within what was asked for. That is all that can be said: it \
             may mean that nothing leaked, that nothing was detected, or that no data came. See “Quality of the data”."
                .to_owned(),
        ));
    }
    let mut details = Vec::new();
    details.push(match rate.share {
        Some(_) => format!(
            "{} of {} were decided by a person within 9 minutes, and nothing shows that it was no real review. \
             95 % bounds: {}.",
            count(rate.count),
            exposures(rate.of),
            bounds(rate.low, rate.high)
        ),
        None => "No exposure was decided, or has waited 9 minutes: there is nothing to take a share of.".to_owned(),
    });
    if verdict.effective.unjudged > 0 {
        details.push(format!(
            "{} in time have not been judged yet and count as not effective; were all of them real reviews, it would \
             be {}.",
            of(verdict.effective.unjudged, "decision", "decisions"),
            percent(verdict.effective.at_most)
        ));
    }
    details.push(trend(report));
    blocks.push(Block::Headline {
        figure: percent(rate.share),
        label: "effective review rate".to_owned(),
        details,
    });
    facts(report, blocks);
    blocks.push(Block::Heading(match verdict.look_at.len() {
        1 => "What to look at".to_owned(),
        _ => format!(
            "The {} things to look at",
            ["", "", "two", "three"][verdict.look_at.len().min(3)]
        ),
    }));
    if verdict.look_at.is_empty() {
        blocks.pop();
        blocks.push(Block::Text("Nothing in these figures asks to be looked at first.".to_owned()));
    } else {
        blocks
            .push(Block::Points(verdict.look_at.iter().map(|look| matter(look, report)).collect()));
    }
    blocks.push(Block::From(Scope::Period));
}

fn facts(report: &Report, blocks: &mut Vec<Block>) {
    let fastest = report.time_to_review.reviewed_by.first();
    let decided = fastest.map(|by| by.chance).unwrap_or_default();
    let race = &report.attacker_first;
    let fact = |name: &str, value: String| (name.to_owned(), value);
    blocks.push(Block::Facts(vec![
        fact("Exposures", count(report.verdict.windows)),
        fact("Decided within 9 minutes", {
            let bounds = bounds(decided.low, decided.high);
            format!("{} ({bounds})", percent(decided.estimate))
        }),
        fact("Decisions that bear no sign of being hollow", share(&report.reviews.meaningful)),
        fact("Chance that an attacker came before the decision", bounds(race.low, race.high)),
        fact("Credentials expected to be reached first", format!("{:.1}", race.expected)),
    ]));
}

fn trend(report: &Report) -> String {
    let verdict = &report.verdict;
    let Some(previous) = &verdict.previous else {
        return "No trend: no beginning was asked for, so there is no period before.".to_owned();
    };
    let before = &previous.effective.share;
    let change = verdict.change.map(|change| {
        let points = |share: f64| format!("{:+.1}", share * 100.0);
        format!(
            "{} percentage points ({} to {})",
            points(change.estimate),
            points(change.low),
            points(change.high)
        )
    });
    let then = format!(
        "the period before ({} to {}, {}) had {}",
        previous.from,
        previous.to,
        exposures(previous.windows),
        share(before)
    );
    match (verdict.trend, change) {
        (Trend::Better, Some(change)) => format!("Better: {then}; the change is {change}."),
        (Trend::Worse, Some(change)) => format!("Worse: {then}; the change is {change}."),
        (Trend::Unclear, Some(change)) => {
            format!("No change that can be told from chance: {then}; the change is {change}.")
        }
        _ if report.quality.previous_begins_late == Some(true) => format!(
            "No trend: the ledger begins within the period before ({} to {}).",
            previous.from, previous.to
        ),
        _ if before.of == 0 => {
            "No trend: the period before has no exposure that should have had a review.".to_owned()
        }
        _ => format!("No trend yet: decisions have not all been judged; {then}."),
    }
}

fn matter(look: &LookAt, report: &Report) -> String {
    let windows = exposures(look.windows);
    match look.matter {
        Matter::AiActedFirst => format!(
            "An AI acted before any person had decided, in {windows}. See “{}”.",
            Section::Boundary.title()
        ),
        Matter::AbuseFirst => format!(
            "An attacker was seen using the credential before decision and containment, in {windows}. See “{}”.",
            Section::AttackerFirst.title()
        ),
        Matter::WrongAdvicePasses => format!(
            "Planted wrong advice passes: {} of {} decided cases, {}; allowed are {}. See “{}”.",
            count(look.windows),
            count(report.seeded.missed.of),
            share(&report.seeded.missed),
            percent(Some(report.seeded.allowed_miss_rate)),
            Section::Seeded.title()
        ),
        Matter::Overdue => format!(
            "Nobody has decided about {windows} that are older than 9 minutes. See “{}”.",
            Section::TimeToReview.title()
        ),
        Matter::TooLate => format!(
            "The decision came after the fastest attackers in {windows}. See “{}” and “{}”.",
            Section::Bands.title(),
            Section::Stages.title()
        ),
        Matter::Hollow => format!(
            "The decision bears signs of not having been a review in {windows}. See “{}”.",
            Section::Reviews.title()
        ),
        Matter::NoOwner => format!(
            "Nobody is named as answering for {windows}. See “{}”.",
            Section::Ownership.title()
        ),
        Matter::Unjudged => format!(
            "The decision has not been judged in {windows}. See “{}”.",
            Section::Reviews.title()
        ),
        Matter::NoData => format!(
            "There may have been no data while {windows} were detected. See “{}”.",
            Section::Quality.title()
        ),
    }
}
