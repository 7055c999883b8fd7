//! The first page.

use super::super::share::Difference;
use super::super::verdict::Halves;
use super::super::{LookAt, Matter, Report, Trend};
use super::Section;
use super::blocks::{Block, Chart};
use super::figures::{
    bounds, count, exposures, limit, minute, number, of, percent, range, rate, share, spoken,
    within,
};
use crate::engine::chances::ChanceFirst;
use crate::engine::effective::{Outcome, Outcomes};
use crate::report::control::evidence::Scope;

pub(super) fn verdict(report: &Report, blocks: &mut Vec<Block>) {
    let verdict = &report.verdict;
    let rate = &verdict.effective;
    blocks.push(Block::Section(Section::Verdict));
    if verdict.windows == 0 {
        blocks.push(Block::Text(
            "No exposure was detected in this period within what was asked for. That is all that can be said: it \
             may mean that nothing leaked, that nothing was detected, or that no data came. See “Quality of the data”."
                .to_owned(),
        ));
    }
    let mut details = Vec::new();
    let outcomes = &rate.outcomes;
    details.push(match rate.low {
        Some(_) => {
            let effective = outcomes.get(Outcome::Effective);
            let most = effective + outcomes.unknown();
            let some = match effective == most {
                true => count(effective),
                false => format!("{} to {}", count(effective), count(most)),
            };
            format!(
                "{some} of {} whose review was due were decided by a person in time, by a real review. \
                 95 % bounds, by incident: {}.",
                within(outcomes.due(), rate.sample.incidents),
                bounds(rate.low_bound, rate.high_bound)
            )
        }
        None if verdict.raced == 0 => {
            "Nothing here that attackers race for: see “In time, and where not” for each workflow.".to_owned()
        }
        None => "No exposure is old enough for its review to be due: there is nothing to take a share of.".to_owned(),
    });
    details.push(trend(report));
    blocks.push(Block::Headline {
        figure: range(rate.low, rate.high),
        label: "effective review rate".to_owned(),
        details,
    });
    unknown(outcomes, blocks);
    if report.time_to_review.windows > 0 {
        blocks.push(Block::Chart(Chart::Waiting));
    }
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
    facts(report, blocks);
    blocks.push(Block::From(Scope::Period));
}

/// What could not be assessed, and what would make the range one number.
fn unknown(outcomes: &Outcomes, blocks: &mut Vec<Block>) {
    let causes = [
        (
            Outcome::UnknownExposure,
            "the time of exposure is not known. Have the source report it, or declare that it detects at once.",
        ),
        (
            Outcome::Unassessed,
            "nothing tells whether it was a review. Have the tools report the words of the advice, or that the case \
             was opened.",
        ),
        (Outcome::Unjudged, "the decision has not been judged yet."),
    ];
    let there = causes.iter().filter(|(outcome, _)| outcomes.get(*outcome) > 0);
    let told: Vec<String> = there
        .map(|(outcome, cause)| format!("For {}, {cause}", count(outcomes.get(*outcome))))
        .collect();
    if told.is_empty() {
        return;
    }
    let unknown = outcomes.unknown() as f64 / outcomes.due() as f64;
    blocks.push(Block::Heading(format!(
        "Not assessable: {} of {}, so the rate is a range",
        percent(Some(unknown)),
        exposures(outcomes.due())
    )));
    blocks.push(Block::Points(told));
}

fn facts(report: &Report, blocks: &mut Vec<Block>) {
    let race = &report.attacker_first;
    let (at, who) = race.first_arrival();
    let decided = report.time_to_review.decided_by(at);
    let (at, fastest) = (limit(at), race.arrivals().0);
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let [published, from_the_start] = [race.laws.first(), race.laws.get(1)]
        .map(|law| law.map(|law| law.first).unwrap_or_default());
    let chance = |first: &ChanceFirst| {
        format!("{} of {}", range(first.low, first.high), within(first.windows, first.incidents))
    };
    let mut facts = vec![
        fact("Exposures", {
            let incidents = of(report.verdict.incidents, "incident", "incidents");
            format!("{} in {incidents}", count(report.verdict.windows))
        }),
        fact(&format!("Decided before {who} ({at}), of those that attackers race for"), {
            let bounds = bounds(decided.low_bound, decided.high_bound);
            format!("{} ({bounds})", range(decided.low, decided.high))
        }),
        fact("Meaningful reviews, of the decisions judged", share(&report.reviews.meaningful)),
        fact(
            &format!("Chance that an attacker came first, the fastest after {}", limit(fastest)),
            chance(&published),
        ),
        fact("… the fastest at once", chance(&from_the_start)),
        fact(
            "Credentials used before they were contained, expected if every leaked key is tried",
            {
                let all = [published, from_the_start];
                let low = all.iter().map(|law| law.expected_low).fold(f64::INFINITY, f64::min);
                let high = all.iter().map(|law| law.expected_high).fold(0.0, f64::max);
                let ends = [low, high].map(|end| number(Some(end), 1));
                if ends[0] == ends[1] { ends[0].clone() } else { ends.join(" to ") }
            },
        ),
    ];
    for group in &report.bands.by_workflow {
        let raced =
            report.question.targets.iter().any(|t| t.raced && t.workflow.as_str() == group.name);
        if !raced {
            let name = format!("Effective review rate of {}", spoken(&group.name));
            let told = match group.effective.low {
                Some(_) => rate(&group.effective),
                None => "no review is due yet".to_owned(),
            };
            facts.push((name, told));
        }
    }
    blocks.push(Block::Facts(facts));
}

/// A change in percentage points, with its bounds.
fn spoken_change(change: Difference) -> String {
    let points = |share: f64| format!("{:+.1}", share * 100.0);
    let (least, most) = (points(change.least), points(change.most));
    let range = if least == most { least } else { format!("{least} to {most}") };
    format!("{range} percentage points ({} to {})", points(change.low), points(change.high))
}

/// The trend within the period, where there is no period before.
fn halves(halves: &Halves) -> String {
    let then = format!(
        "before {} the rate was {}, from then on {}",
        minute(halves.middle),
        rate(&halves.first),
        rate(&halves.second)
    );
    match (halves.trend, halves.change.map(spoken_change)) {
        (Trend::Better, Some(change)) => {
            format!("Better within the period: {then}; the change is {change}.")
        }
        (Trend::Worse, Some(change)) => {
            format!("Worse within the period: {then}; the change is {change}.")
        }
        (Trend::Unclear, Some(change)) => format!(
            "No change within the period that can be told from chance: {then}; the change is {change}."
        ),
        _ => "No trend: in one half of the period no review was due.".to_owned(),
    }
}

fn trend(report: &Report) -> String {
    let verdict = &report.verdict;
    let Some(previous) = &verdict.previous else {
        return halves(&verdict.halves);
    };
    let before = &previous.effective;
    let change = verdict.change.map(spoken_change);
    let then = format!(
        "the period before ({} to {}, {}) had {}",
        minute(previous.from),
        minute(previous.to),
        exposures(previous.windows),
        rate(before)
    );
    match (verdict.trend, change) {
        (Trend::Better, Some(change)) => format!("Better: {then}; the change is {change}."),
        (Trend::Worse, Some(change)) => format!("Worse: {then}; the change is {change}."),
        (Trend::Unclear, Some(change)) => {
            format!("No change that can be told from chance: {then}; the change is {change}.")
        }
        _ if report.quality.previous_begins_late == Some(true) => format!(
            "No trend: the ledger begins within the period before ({} to {}).",
            minute(previous.from),
            minute(previous.to)
        ),
        _ if before.low.is_none() => {
            "No trend: the period before has no exposure whose review was due.".to_owned()
        }
        _ => format!("No trend: no review is due yet; {then}."),
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
            "Nobody has decided about {windows} whose review is overdue. See “{}”.",
            Section::TimeToReview.title()
        ),
        Matter::TooLate => format!(
            "The decision came too late in {windows}. See “{}” and “{}”.",
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
        Matter::Unassessed => format!(
            "Nothing tells whether the decision was a review in {windows}. See “{}”.",
            Section::Reviews.title()
        ),
        Matter::UnknownExposure => format!(
            "It is not known when the credential was exposed in {windows} that were decided in time after their \
             detection. See “{}”.",
            Section::Quality.title()
        ),
        Matter::NoData => format!(
            "There may have been no data while {windows} were detected. See “{}”.",
            Section::Quality.title()
        ),
    }
}
