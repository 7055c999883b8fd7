//! One page: the headline, whether it got better, and what to look at.
//!
//! Invariants: "better" and "worse" are said only where the bounds of the difference
//! exclude its opposite; what to look at is chosen by a rule that the report tells.

use serde::Serialize;

use super::bands::Counts;
use super::outcomes::Boundary;
use super::owners::Ownership;
use super::quality::Quality;
use super::seeded::Seeded;
use super::share::Difference;
use super::waiting::AttackerFirst;
use crate::engine::attacker::Band;
use crate::engine::effective::{EffectiveRate, Outcome};
use crate::event::words;
use crate::time::Timestamp;

/// How many things to look at are named.
const LOOK_AT: usize = 3;

/// The sections that the verdict looks at.
pub(super) struct Figures<'f> {
    /// Incidents of the period.
    pub(super) incidents: u64,
    pub(super) attacker_first: &'f AttackerFirst,
    pub(super) seeded: &'f Seeded,
    pub(super) boundary: &'f Boundary,
    pub(super) ownership: &'f Ownership,
    pub(super) quality: &'f Quality,
    pub(super) halves: Halves,
}

words! {
    /// Where the rate is going.
    Trend {
        /// Better, beyond what chance would do.
        Better = "better",
        /// Worse, beyond what chance would do.
        Worse = "worse",
        /// No difference that can be told from chance.
        Unclear = "unclear",
        /// There is nothing to compare.
        Unknown = "unknown",
    }
}

/// The previous period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Previous {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// Exposures.
    pub windows: u64,
    /// Its rate.
    pub effective: EffectiveRate,
}

words! {
    /// What to look at.
    Matter {
        /// An AI acted before any person had decided.
        AiActedFirst = "ai_acted_first",
        /// An attacker was seen before decision and containment.
        AbuseFirst = "abuse_first",
        /// Planted wrong advice is let through more often than allowed.
        WrongAdvicePasses = "wrong_advice_passes",
        /// Exposures wait for a decision that is overdue.
        Overdue = "overdue",
        /// Decisions come too late.
        TooLate = "too_late",
        /// Decisions bear signs of not having been reviews.
        Hollow = "hollow",
        /// Exposures have no owner.
        NoOwner = "no_owner",
        /// Decisions have not been judged.
        Unjudged = "unjudged",
        /// Nothing is there to tell by whether decisions in time were reviews.
        Unassessed = "unassessed",
        /// Decided in time after the detection, and nobody knows whether after the exposure.
        UnknownExposure = "unknown_exposure",
        /// There may have been no data for some time.
        NoData = "no_data",
    }
}

impl Matter {
    /// What must never happen comes first, whatever its number; then what shows that
    /// reviews would not notice; then the rest by number.
    const fn rank(self) -> u8 {
        match self {
            Matter::AiActedFirst | Matter::AbuseFirst => 0,
            Matter::WrongAdvicePasses => 1,
            _ => 2,
        }
    }
}

/// One thing to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LookAt {
    /// What.
    pub matter: Matter,
    /// How many exposures it concerns; of `no_data` the exposures detected in the stretches.
    pub windows: u64,
}

/// The two halves of the period: a trend that needs no period before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Halves {
    /// The first moment of the second half.
    pub middle: Timestamp,
    /// The effective review rate of the exposures detected in the first half.
    pub first: EffectiveRate,
    /// … in the second half.
    pub second: EffectiveRate,
    /// By how much the second differs from the first.
    pub change: Option<Difference>,
    /// Where the rate is going.
    pub trend: Trend,
}

impl Halves {
    pub(super) fn new(middle: Timestamp, first: &Counts, second: &Counts) -> Halves {
        let (first, second) = (first.effective(), second.effective());
        let change = Difference::between(&second, &first);
        Halves { middle, first, second, change, trend: Trend::of(change) }
    }
}

impl Trend {
    /// The trend of a rate that changed so.
    fn of(change: Option<Difference>) -> Trend {
        match change {
            None => Trend::Unknown,
            Some(change) if change.low > 0.0 => Trend::Better,
            Some(change) if change.high < 0.0 => Trend::Worse,
            Some(_) => Trend::Unclear,
        }
    }
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Exposures of the period.
    pub windows: u64,
    /// Incidents that they belong to.
    pub incidents: u64,
    /// … that attackers race for.
    pub raced: u64,
    /// The effective review rate of those that attackers race for.
    pub effective: EffectiveRate,
    /// The previous period.
    pub previous: Option<Previous>,
    /// By how much the rate differs from it.
    pub change: Option<Difference>,
    /// Where the rate is going.
    pub trend: Trend,
    /// How the rate changed within the period.
    pub halves: Halves,
    /// What to look at first.
    pub look_at: Vec<LookAt>,
}

/// The verdict on all figures; the rate is that of `raced`.
pub(super) fn verdict(
    all: &Counts,
    raced: &Counts,
    previous: Option<Previous>,
    comparable: bool,
    figures: &Figures<'_>,
) -> Verdict {
    let effective = raced.effective();
    let change = previous
        .filter(|_| comparable)
        .and_then(|previous| Difference::between(&effective, &previous.effective));
    Verdict {
        windows: all.windows,
        incidents: figures.incidents,
        raced: raced.windows,
        effective,
        previous,
        change,
        trend: Trend::of(change),
        halves: figures.halves,
        look_at: look_at(all, figures),
    }
}

fn look_at(all: &Counts, figures: &Figures<'_>) -> Vec<LookAt> {
    let seeded = figures.seeded;
    let too_lenient = seeded.missed.low.is_some_and(|low| low > seeded.allowed_miss_rate);
    let silent = figures.quality.stretches.iter().map(|stretch| stretch.detections).sum();
    let matters = [
        (Matter::AiActedFirst, figures.boundary.ai_acted_first.count),
        (Matter::AbuseFirst, figures.attacker_first.abuse_seen_first),
        (Matter::WrongAdvicePasses, if too_lenient { seeded.missed.count } else { 0 }),
        (Matter::Overdue, all.overdue),
        (Matter::TooLate, all.get(Band::Contested) + all.get(Band::Behind)),
        (Matter::Hollow, all.hollow),
        (Matter::NoOwner, figures.ownership.without_owner.count),
        (Matter::Unjudged, all.unjudged),
        (Matter::Unassessed, all.outcome(Outcome::Unassessed)),
        (Matter::UnknownExposure, all.outcome(Outcome::UnknownExposure)),
        (Matter::NoData, silent),
    ];
    let mut there: Vec<LookAt> = matters
        .into_iter()
        .filter(|(_, windows)| *windows > 0)
        .map(|(matter, windows)| LookAt { matter, windows })
        .collect();
    there.sort_by_key(|look| (look.matter.rank(), std::cmp::Reverse(look.windows), look.matter));
    there.truncate(LOOK_AT);
    there
}
