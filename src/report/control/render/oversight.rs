//! The sections about people and machines: was it a review, and whose part was it?

use super::super::Report;
use super::super::evidence::Scope;
use super::super::flagged::Reviewers;
use super::Section;
use super::blocks::{Block, Chart, Table};
use super::figures::{
    NOTHING, bounds, count, exposures, length, number, of, percent, range, share, spoken,
};
use super::speed::{GROUP_HEAD, Level, group_row};
use crate::engine::oversight::Reading;

pub(super) fn sections(report: &Report, blocks: &mut Vec<Block>) {
    reviews(report, blocks);
    seeded(report, blocks);
    reviewers(report, blocks);
    boundary(report, blocks);
    outcomes(report, blocks);
    ownership(report, blocks);
}

fn reviews(report: &Report, blocks: &mut Vec<Block>) {
    let reviews = &report.reviews;
    blocks.push(Block::Section(Section::Reviews));
    if reviews.decisions == 0 {
        blocks.push(Block::Text("No person decided about any of these exposures.".to_owned()));
        return blocks.push(Block::From(Scope::Period));
    }
    let mut text = format!(
        "{}: {} meaningful, {} unassessed, {} hollow.",
        of(reviews.decisions, "human decision", "human decisions"),
        count(reviews.meaningful.count),
        count(reviews.unassessed.count),
        count(reviews.hollow.count)
    );
    if reviews.unjudged > 0 {
        text.push_str(&format!(
            " {} not been judged yet and {} none of these.",
            if reviews.unjudged == 1 {
                "One has".to_owned()
            } else {
                format!("{} have", count(reviews.unjudged))
            },
            if reviews.unjudged == 1 { "is" } else { "are" }
        ));
    }
    if reviews.hollow.of > 0 && reviews.hollow.count == reviews.hollow.of {
        text.push_str(
            " Every judged decision is hollow: by these signs, nothing here was a review.",
        );
    }
    blocks.push(Block::Text(text));
    let opened = &reviews.evidence;
    blocks.push(Block::Facts(vec![
        (
            "Decided with the raw evidence opened".to_owned(),
            format!(
                "{} (raw evidence {}, the AI's text only {}, not known {})",
                range(opened.low, opened.high),
                count(opened.raw),
                count(opened.summary),
                count(opened.unknown)
            ),
        ),
        (
            "Decisions per reviewer and hour, of the hours in which the reviewer decided"
                .to_owned(),
            number(reviews.per_reviewer_hour, 1),
        ),
    ]));
    let mut table = Table::new("Decisions judged", &["", "Decisions", "Share (95 % bounds)"]);
    table.row([
        "meaningful".to_owned(),
        count(reviews.meaningful.count),
        share(&reviews.meaningful),
    ]);
    table.row([
        "unassessed: nothing to judge it by".to_owned(),
        count(reviews.unassessed.count),
        share(&reviews.unassessed),
    ]);
    table.row(["hollow".to_owned(), count(reviews.hollow.count), share(&reviews.hollow)]);
    for by in &reviews.by_reason {
        table.row([
            format!("… {}", spoken(by.reason.as_str())),
            count(by.share.count),
            share(&by.share),
        ]);
    }
    table.left_out = Some(format!(
        "A decision can have several signs. Decided as advised: {}; otherwise: {}; before any advice: {}.",
        count(reviews.agreed),
        count(reviews.disagreed),
        count(reviews.unadvised)
    ));
    blocks.push(Block::Table(table));
    let found = &reviews.reading;
    blocks.push(Block::Text(format!(
        "Reading times were computed again from the ledger: {} recorded as impossible and found so again; {} recorded \
         and not found again, as when the ledger does not reach back to the reviewer's decision before; {} found and \
         not recorded.",
        count(found.confirmed),
        count(found.recorded_only),
        count(found.found_only)
    )));
    certificates(report, blocks);
    blocks.push(Block::From(Scope::Period));
}

fn certificates(report: &Report, blocks: &mut Vec<Block>) {
    let reviews = &report.reviews;
    if reviews.certificates.is_empty() {
        return;
    }
    let head =
        ["Exposure", "Severity", "Decided", "Reviewer", "Signs", "Time to read", "Reading takes"];
    let mut table = Table::new("Certificates", &head);
    table.texts = &[0, 1, 2, 3, 4];
    table.long = &[0];
    for one in &reviews.certificates {
        let signs: Vec<String> = one.reasons.iter().map(|reason| spoken(reason.as_str())).collect();
        table.row([
            one.named.shown(),
            one.severity.map_or(NOTHING.to_owned(), |severity| severity.to_string()),
            one.decided_at.to_string(),
            one.reviewer.clone().unwrap_or_else(|| "withheld".to_owned()),
            signs.join(", "),
            length(one.available_ms.map(crate::time::Span::as_millis)),
            length(one.needed_ms.map(crate::time::Span::as_millis)),
        ]);
    }
    if reviews.certificates_not_listed > 0 {
        table.left_out = Some(format!(
            "{} more are not listed: they are the records of the ledger with signs in the field “hollow”. Listed are those \
             of the highest severity, the latest first.",
            count(reviews.certificates_not_listed)
        ));
    }
    blocks.push(Block::Table(table));
}

fn seeded(report: &Report, blocks: &mut Vec<Block>) {
    let seeded = &report.seeded;
    blocks.push(Block::Section(Section::Seeded));
    if seeded.caught.of == 0 {
        blocks.push(Block::Text(format!(
            "No decided planted case with wrong advice is known of this period{}. A planted case is known once its truth is \
             established. Whether wrong advice would be noticed cannot be said: agreement alone measures the AI. Plant cases \
             to find out.",
            if seeded.undecided > 0 {
                format!(" ({} undecided)", count(seeded.undecided))
            } else {
                String::new()
            }
        )));
    } else {
        let mut table = Table::new(
            "Planted cases with wrong advice, decided",
            &["", "Cases", "Share (95 % bounds)"],
        );
        table.row(["caught".to_owned(), count(seeded.caught.count), share(&seeded.caught)]);
        table.row(["missed".to_owned(), count(seeded.missed.count), share(&seeded.missed)]);
        table.left_out = Some(format!(
            "Allowed to be missed: {}. Not decided: {}. What is caught of planted cases is the best that can be hoped \
             for in real ones.",
            percent(Some(seeded.allowed_miss_rate)),
            count(seeded.undecided)
        ));
        blocks.push(Block::Table(table));
    }
    let (trials, sight) = (&seeded.trials, &seeded.sight);
    blocks.push(Block::Facts(vec![
        (
            "Wrong advice challenged, planted or found out later (of an incident or batch the first case)"
                .to_owned(),
            format!("{} of {}", count(trials.challenged.into()), count(trials.wrong_advice.into())),
        ),
        (
            "Right advice challenged".to_owned(),
            format!(
                "{} of {}",
                count(trials.false_alarms.into()),
                count(trials.right_advice.into())
            ),
        ),
        ("Sensitivity d′".to_owned(), number(sight.d_prime, 2)),
        ("Criterion c".to_owned(), number(sight.criterion, 2)),
        ("What that suggests".to_owned(), reading(sight.reading).to_owned()),
    ]));
    blocks.push(Block::From(Scope::Period));
}

fn reading(reading: Option<Reading>) -> &'static str {
    match reading {
        Some(Reading::Sound) => "right and wrong advice are told apart, and said",
        Some(Reading::NoTime) => {
            "wrong advice is seen but rarely challenged, and there is too little time to read"
        }
        Some(Reading::NoAuthority) => {
            "wrong advice is seen but rarely challenged, though there is time: is there authority?"
        }
        Some(Reading::NoContext) => {
            "right and wrong advice are hardly told apart: context is missing"
        }
        None => "nothing yet: fewer than 10 cases of each kind",
    }
}

fn reviewers(report: &Report, blocks: &mut Vec<Block>) {
    let reviewers = &report.reviewers;
    blocks.push(Block::Section(Section::Reviewers));
    if reviewers.withheld {
        blocks.push(Block::Text(format!(
            "{} with a decision: fewer than {}, so neither names nor numbers are told here or in the list of certificates. \
             In so small a group a number is a name.",
            of(reviewers.reviewers, "reviewer", "reviewers"),
            reviewers.small_group
        )));
        compared(reviewers, blocks);
        return blocks.push(Block::From(Scope::Period));
    }
    blocks.push(Block::Text(format!(
        "{} with a decision. The list promises that on average at most {} of those on it are there by chance, however the \
         decisions depend on each other. Only decisions of the period count. A flag is a reason \
         to look for missing time, context or authority, never a finding of fault.",
        of(reviewers.reviewers, "reviewer", "reviewers"),
        percent(Some(reviewers.false_discovery_rate))
    )));
    compared(reviewers, blocks);
    let named = reviewers.named.iter();
    if let Some(needed) = named.clone().find_map(|named| named.log10_threshold) {
        blocks.push(Block::Text(format!(
            "Named is who has an e-value of 10 to the power of {} or more, of all evidence together.",
            number(Some(needed), 2)
        )));
    }
    let head = ["Reviewer", "Decisions", "Signs of those observed", "e-value, as a power of ten"];
    let mut table = Table::new("Flagged reviewers, by pseudonym", &head);
    table.texts = &[0, 2];
    for one in named.clone().flat_map(|named| &named.reviewers) {
        let signs = one.signals.iter().map(|seen| {
            format!(
                "{} {} of {}",
                spoken(seen.signal.as_str()),
                count(seen.signs),
                count(seen.observed)
            )
        });
        table.row([
            one.reviewer.clone(),
            count(one.decisions),
            signs.collect::<Vec<_>>().join(", "),
            number(Some(one.log10_e_value), 2),
        ]);
    }
    let hidden: u64 = named.map(|named| named.count - named.reviewers.len() as u64).sum();
    if hidden > 0 {
        table.left_out = Some(format!("{} more are not listed.", count(hidden)));
    }
    if table.rows.is_empty() {
        blocks.push(Block::Text("Nobody is flagged.".to_owned()));
    } else {
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::From(Scope::Period));
}

/// Whose agreement says nothing, as there is nobody to compare it with.
fn compared(reviewers: &Reviewers, blocks: &mut Vec<Block>) {
    if let Some(alone) = reviewers.cannot_be_compared.filter(|alone| *alone > 0) {
        blocks.push(Block::Text(format!(
            "The agreement of {} cannot be compared: there are too few peers, or too few acts of theirs, in like cases of the \
             period. That is no finding, neither for nor against anybody.",
            of(alone, "reviewer", "reviewers")
        )));
    }
}

fn boundary(report: &Report, blocks: &mut Vec<Block>) {
    let boundary = &report.boundary;
    blocks.push(Block::Section(Section::Boundary));
    let share = &boundary.ai_acted_first;
    blocks.push(Block::Text(match share.count {
        0 => format!("In none of {} did an AI act before a person had decided.", exposures(share.of)),
        some => format!(
            "In {} of {} an AI revoked, rotated, quarantined or contained before any person had decided: {}.",
            count(some),
            exposures(share.of),
            super::figures::share(share)
        ),
    }));
    if !boundary.violations.is_empty() {
        let mut table =
            Table::new("Where an AI acted first", &["Exposure", "Detected", "A person decided"]);
        table.texts = &[0, 1, 2];
        table.long = &[0];
        for one in &boundary.violations {
            table.row([
                one.named.shown(),
                one.detected_at.to_string(),
                one.decided_at.map_or("not yet".to_owned(), |at| at.to_string()),
            ]);
        }
        if boundary.not_listed > 0 {
            table.left_out =
                Some(format!("The latest; {} more are not listed.", count(boundary.not_listed)));
        }
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::From(Scope::Period));
}

fn outcomes(report: &Report, blocks: &mut Vec<Block>) {
    let outcomes = &report.outcomes;
    blocks.push(Block::Section(Section::Outcomes));
    let ended = |at: usize| outcomes.ended.get(at).map_or(0, |end| end.windows);
    blocks.push(Block::Text(format!(
        "What came first: a person decided {} times, the credential was contained before that {} times (as by a provider's \
         quarantine; the ledger does not say by whom), an attacker was seen before both {} times; {} still waited.{}",
        count(ended(0)),
        count(ended(1)),
        count(ended(2)),
        count(outcomes.waiting),
        match outcomes.left_out {
            0 => String::new(),
            some => format!(
                " Left out of the shares, because it is not known how long they lasted (nobody knows when they were \
                 exposed, or their times contradict each other): {}.",
                count(some)
            ),
        }
    )));
    if !outcomes.shares.is_empty() {
        blocks.push(Block::Chart(Chart::Outcomes));
        let head =
            ["By", "Decided first", "Contained first", "Attacker seen first", "Waiting", "At risk"];
        let mut table =
            Table::new("Shares, those still waiting counted in (Aalen–Johansen)", &head);
        let mut level = Level::new(outcomes.observed_up_to_ms);
        for by in &outcomes.shares {
            table.row([
                level.moment(by.t_ms),
                percent(Some(by.decision)),
                percent(Some(by.containment)),
                percent(Some(by.abuse)),
                percent(Some(by.waiting)),
                count(by.at_risk),
            ]);
        }
        table.left_out = level.footnote();
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::From(Scope::Period));
}

fn ownership(report: &Report, blocks: &mut Vec<Block>) {
    let ownership = &report.ownership;
    blocks.push(Block::Section(Section::Ownership));
    blocks.push(Block::Text(format!(
        "No event names an owner for {} of {} ({}); {} of them are not closed. Owners named: {}.",
        count(ownership.without_owner.count),
        exposures(ownership.without_owner.of),
        bounds(ownership.without_owner.low, ownership.without_owner.high),
        count(ownership.unclosed_without_owner),
        count(ownership.owners)
    )));
    let mut head = GROUP_HEAD;
    head[0] = "Owner";
    let mut table =
        Table::new("With and without an owner, and the owners with most undecided", &head);
    table.long = &[0];
    table.row(group_row(&ownership.with));
    table.row(group_row(&ownership.without));
    for owner in &ownership.by_owner {
        let mut row = group_row(owner);
        row[0].clone_from(&owner.name);
        table.row(row);
    }
    if ownership.owners_not_listed > 0 {
        table.left_out =
            Some(format!("{} more owners are not listed.", count(ownership.owners_not_listed)));
    }
    blocks.push(Block::Table(table));
    if !ownership.oldest.is_empty() {
        let mut table =
            Table::new("The oldest unclosed exposures without an owner", &["Exposure", "Detected"]);
        table.texts = &[0, 1];
        table.long = &[0];
        for one in &ownership.oldest {
            table.row([one.named.shown(), one.detected_at.to_string()]);
        }
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::From(Scope::Period));
}
