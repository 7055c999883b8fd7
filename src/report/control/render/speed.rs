//! The sections about time.

use super::super::evidence::Scope;
use super::super::{Group, Report};
use super::Section;
use super::blocks::{Block, Chart, Table};
use super::figures::{
    bounds, count, expected, length, lengths, limit, percent, range, rate, spoken, within,
};
use crate::engine::attacker::Band;
use crate::engine::waits::Between;
use crate::time::Span;

pub(super) fn sections(report: &Report, blocks: &mut Vec<Block>) {
    time_to_review(report, blocks);
    attacker_first(report, blocks);
    stages(report, blocks);
    bands(report, blocks);
}

/// Marks the moments beyond which nothing was watched, and explains the mark where it was made.
pub(super) struct Level {
    observed_up_to_ms: Option<i64>,
    marked: bool,
}

impl Level {
    pub(super) const fn new(observed_up_to_ms: Option<i64>) -> Level {
        Level { observed_up_to_ms, marked: false }
    }

    pub(super) fn moment(&mut self, at: Span) -> String {
        let shown = length(Some(at.as_millis()));
        if self.observed_up_to_ms.is_none_or(|last| at.as_millis() <= last) {
            return shown;
        }
        self.marked = true;
        format!("{shown} *")
    }

    pub(super) fn footnote(&self) -> Option<String> {
        let last = length(self.observed_up_to_ms);
        self.marked.then(|| {
            format!(
                "* beyond {last}, the longest that any exposure was watched: taken to stay level, which nobody knows."
            )
        })
    }
}

fn time_to_review(report: &Report, blocks: &mut Vec<Block>) {
    let waits = &report.time_to_review;
    blocks.push(Block::Section(Section::TimeToReview));
    blocks.push(Block::Text(format!(
        "How long {}, which attackers race for, waited for a person: {} decided, {} still undecided and counted for as long as they were watched.{}{}",
        within(waits.windows, waits.incidents),
        count(waits.decided),
        count(waits.undecided),
        match waits.unknown_exposure {
            0 => String::new(),
            some => format!(
                " For {} the time of the exposure is not known, so figures are ranges: at best these were exposed when \
                 they were detected, at worst none of them was decided in time.",
                count(some)
            ),
        },
        match waits.left_out {
            0 => String::new(),
            some => format!(" Left out, because they end before they begin: {}.", count(some)),
        }
    )));
    if waits.windows == 0 {
        blocks.push(Block::Text("Without exposures there is no curve.".to_owned()));
        return blocks.push(Block::From(Scope::Period));
    }
    let mut by = Table::new(
        "Decided by a person within …, the undecided counted in (Kaplan–Meier)",
        &["Within", "Decided", "95 % bounds"],
    );
    let mut level = Level::new(waits.observed_up_to_ms);
    for told in &waits.reviewed_by {
        by.row([
            level.moment(told.t_ms),
            range(told.chance.low, told.chance.high),
            bounds(told.chance.low_bound, told.chance.high_bound),
        ]);
    }
    by.left_out = Some(format!(
        "{}Bounds take exposures of one incident together: these are worth {:.1} independent ones.",
        level.footnote().map(|note| format!("{note} ")).unwrap_or_default(),
        waits.effective
    ));
    blocks.push(Block::Table(by));
    blocks.push(Block::Facts(vec![
        (
            "Median, the undecided counted in".to_owned(),
            match waits.median_ms {
                Between { low: None, .. } => "not reached: over half are undecided".to_owned(),
                Between { low, high: None } => format!("{} or more", length(low)),
                Between { low, high } => lengths(low, high),
            },
        ),
        ("Median of the decided alone, which flatters".to_owned(), length(waits.decided_median_ms)),
        (
            "Mean wait within the first hour".to_owned(),
            lengths(
                waits.rmst_1h_ms.low.map(|ms| ms as i64),
                waits.rmst_1h_ms.high.map(|ms| ms as i64),
            ),
        ),
    ]));
    let mut risk =
        Table::new("Number at risk: exposures still waiting just before …", &["After", "Waiting"]);
    for told in &waits.at_risk {
        risk.row([length(Some(told.t_ms.as_millis())), count(told.windows)]);
    }
    blocks.push(Block::Table(risk));
    blocks.push(Block::From(Scope::Period));
}

fn attacker_first(report: &Report, blocks: &mut Vec<Block>) {
    let race = &report.attacker_first;
    blocks.push(Block::Section(Section::AttackerFirst));
    blocks.push(Block::Text(
        "The chance that an attacker came before a person decided and before the credential was contained. What \
         becomes of the undecided is not known, nor how long a credential was exposed before its detection where no \
         source tells, so it is a range. Attackers and reviewers are taken not to wait for \
         each other. How soon the very fastest attackers come is disputed: both laws have the same mean."
            .to_owned(),
    ));
    let head = [
        "Where exposed",
        "Fastest attacker",
        "On average",
        "Exposures",
        "Incidents",
        "Chance, at least to at most",
        "Expected, if every key is tried",
    ];
    let mut table = Table::new("Chance that an attacker came first", &head);
    let places = race.by_place.iter().filter(|curve| curve.first.windows > 0);
    for curve in race.laws.iter().chain(places) {
        table.row([
            curve.location.clone().unwrap_or_else(|| "all public places".to_owned()),
            limit(curve.fastest_ms),
            limit(curve.mean_ms),
            count(curve.first.windows),
            count(curve.first.incidents),
            range(curve.first.low, curve.first.high),
            expected(&curve.first),
        ]);
    }
    table.left_out = Some(
        "In places with a curve of their own it is that one, in the rows of all places, too. Expected are credentials \
         that attackers used before they were contained. That is about what was until now; the chance is wider, as it is \
         also about what becomes of those that still wait."
            .to_owned(),
    );
    blocks.push(Block::Table(table));
    blocks.push(Block::Facts(vec![
        ("Exposures in places that attackers do not watch".to_owned(), count(race.not_public)),
        ("Exposures in which an attacker was seen".to_owned(), count(race.abuse_seen)),
        ("… before decision and containment".to_owned(), count(race.abuse_seen_first)),
    ]));
    blocks.push(Block::From(Scope::Period));
}

fn stages(report: &Report, blocks: &mut Vec<Block>) {
    blocks.push(Block::Section(Section::Stages));
    blocks.push(Block::Text(
        "Quantiles are of the exposures that completed the step (HdrHistogram, three digits); those that have begun it \
         and not completed it stand beside them and are in no quantile. Queue and human step can be told apart only \
         where the tools report that the reviewer opened the case."
            .to_owned(),
    ));
    blocks.push(Block::Chart(Chart::Stages));
    let head =
        ["Step", "Completed", "Not yet", "Median", "90 %", "99 %", "Longest", "Share of time"];
    let mut table = Table::new("Steps, and stretches over several of them", &head);
    for part in &report.stages {
        table.row([
            spoken(part.part.as_str()),
            count(part.completed),
            count(part.censored),
            length(part.p50_ms),
            length(part.p90_ms),
            length(part.p99_ms),
            length(part.max_ms),
            percent(part.share_of_time),
        ]);
    }
    table.left_out = Some(
        "The last three stretches span several steps and have no share of their own. A share is of the time that all \
         completed steps took together: a few very long ones can make most of it."
            .to_owned(),
    );
    blocks.push(Block::Table(table));
    blocks.push(Block::From(Scope::Period));
}

pub(super) const GROUP_HEAD: [&str; 10] = [
    "",
    "Exposures",
    "Incidents",
    "Ahead",
    "Contested",
    "Behind",
    "Undecided",
    "Not known",
    "Hollow",
    "Effective (95 % bounds)",
];

pub(super) fn group_row(group: &Group) -> Vec<String> {
    vec![
        spoken(&group.name),
        count(group.windows),
        count(group.incidents),
        count(group.ahead),
        count(group.contested),
        count(group.behind),
        count(group.undecided),
        count(group.unknown),
        format!("{} of {}", count(group.hollow.count), count(group.hollow.of)),
        rate(&group.effective),
    ]
}

/// `secret exposure 9 min, late from 17 min; …` of the workflows there are.
fn targets(report: &Report) -> String {
    let there = report.question.targets.iter().filter(|target| {
        report.bands.by_workflow.iter().any(|group| group.name == target.workflow.as_str())
    });
    let told: Vec<String> = there
        .map(|target| {
            let [in_time, late] =
                [target.in_time_ms, target.late_ms].map(|ms| limit(Span::from_millis(ms)));
            format!("{} {in_time}, late from {late}", spoken(target.workflow.as_str()))
        })
        .collect();
    told.join("; ")
}

fn bands(report: &Report, blocks: &mut Vec<Block>) {
    blocks.push(Block::Section(Section::Bands));
    blocks.push(Block::Text(format!(
        "{}: decided in time; {}: neither in time nor late; {}: late. What is in time depends on the workflow, at present: \
         {}. An exposure is measured by what was in force when its record was written. Effective is in time and a real review, of those old enough for a review to be due.",
        Band::Ahead,
        Band::Contested,
        Band::Behind,
        targets(report)
    )));
    blocks.push(Block::Chart(Chart::Bands));
    let by = [
        ("By workflow", "Workflow", &report.bands.by_workflow),
        ("By severity", "Severity", &report.bands.by_severity),
        ("By place of exposure", "Place", &report.bands.by_location),
    ];
    for (caption, first, groups) in by {
        let mut head = GROUP_HEAD;
        head[0] = first;
        let mut table = Table::new(caption, &head);
        if first == "Place" {
            table.long = &[0];
        }
        let named = |group: &Group| {
            let mut row = group_row(group);
            if first == "Place" {
                row[0].clone_from(&group.name);
            }
            row
        };
        table.rows = groups.iter().map(named).collect();
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::From(Scope::Period));
}
