//! Reviewers whose record of the period speaks against the limits, at a stated rate
//! of false discoveries.
//!
//! Invariants: pseudonyms, in their order, which says nothing; among fewer
//! reviewers than the least group neither names nor counts.

use serde::Serialize;

use super::Context;
use crate::engine::oversight::{Flags, Sight, Signal, Standing};

/// Reviewers told one by one.
const LISTED_MAX: usize = 50;

/// The people who decide, as a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reviewers {
    /// Reviewers with a decision.
    pub reviewers: u64,
    /// Below so many nothing more is told.
    pub small_group: u32,
    /// Whether nothing more is told.
    pub withheld: bool,
    /// Reviewers whose agreement was compared with nobody's, because too few peers decided
    /// like cases. That is no finding. `None` where a number would single somebody out.
    pub cannot_be_compared: Option<u64>,
    /// The promised rate of false discoveries among those who are named.
    pub false_discovery_rate: f64,
    /// Who is named; `None` where nothing is told.
    pub named: Option<Flagged>,
}

/// Those who are named, on the evidence of all signals together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flagged {
    /// How many.
    pub count: u64,
    /// What an e-value had to reach, its logarithm to base 10; `None` when none did.
    pub log10_threshold: Option<f64>,
    /// Who.
    pub reviewers: Vec<FlaggedReviewer>,
}

/// One reviewer who is named.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FlaggedReviewer {
    /// The pseudonym.
    pub reviewer: String,
    /// Decisions in the period.
    pub decisions: u64,
    /// The e-value, its logarithm to base 10.
    pub log10_e_value: f64,
    /// What the e-value is of.
    pub signals: Vec<SignalSeen>,
    /// Right and wrong advice told apart.
    pub sight: Sight,
}

/// One signal of a reviewer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SignalSeen {
    /// Which.
    pub signal: Signal,
    /// How often it could be observed.
    pub observed: u64,
    /// … and showed the sign.
    pub signs: u64,
}

/// Who is flagged.
pub(super) fn flagged(context: &Context<'_>) -> Reviewers {
    let rules = &context.judged.rules;
    let people = &context.judged.people;
    let standings: Vec<(&str, Standing)> = people
        .iter()
        .map(|(reviewer, person)| (reviewer.as_str(), person.standing(rules)))
        .collect();
    let flags = Flags::of(standings.iter().map(|(_, standing)| standing), rules);
    let reviewers = people.len() as u64;
    let alone = standings.iter().filter(|(_, standing)| !standing.can_be_compared()).count() as u64;
    let told = !context.few_reviewers || alone == reviewers;
    Reviewers {
        reviewers,
        cannot_be_compared: told.then_some(alone),
        small_group: context.question.small_group,
        withheld: context.few_reviewers,
        false_discovery_rate: rules.config().alpha,
        named: (!context.few_reviewers).then(|| named(&flags, &standings, context)),
    }
}

fn named(flags: &Flags, standings: &[(&str, Standing)], context: &Context<'_>) -> Flagged {
    let there = standings.iter().filter(|(_, standing)| flags.includes(standing));
    let mut reviewers: Vec<FlaggedReviewer> = there
        .filter_map(|(reviewer, standing)| {
            let seen = Signal::ALL.iter().map(|signal| {
                let of = &standing.signals[*signal as usize];
                SignalSeen { signal: *signal, observed: of.steps, signs: of.signs }
            });
            Some(FlaggedReviewer {
                reviewer: context.show(reviewer)?,
                decisions: standing.decisions,
                log10_e_value: log10(standing.log_e),
                signals: seen.filter(|signal| signal.observed > 0).collect(),
                sight: standing.sight,
            })
        })
        .collect();
    reviewers.sort_by(|a, b| a.reviewer.cmp(&b.reviewer));
    let count = reviewers.len() as u64;
    reviewers.truncate(LISTED_MAX);
    let threshold = Some(log10(flags.log_threshold())).filter(|log| log.is_finite());
    Flagged { count, log10_threshold: threshold, reviewers }
}

fn log10(natural: f64) -> f64 {
    natural / std::f64::consts::LN_10
}
