//! The reviewers' evidence, taken again from the ledger.
//!
//! Invariants: every decision of the ledger is gone through, because what came
//! before bears on the next; only the acts of the period count as evidence, which
//! begins anew with it, so that a report of a quarter says nothing of the year
//! before. What is promised of e-values holds for it: which acts count is settled
//! before they are decided.

use std::collections::BTreeMap;

use super::question::Question;
use super::row::Row;
use super::rows::Rows;
use crate::config::OversightFault;
use crate::engine::oversight::{
    BySignal, Comparison, Evidence, Factors, Judgement, Reviews, Rules, Signal, SignalStanding,
    Standing, Trials, Watched, weighted,
};
use crate::time::Timestamp;

/// One reviewer's part in the period.
#[derive(Clone, Debug, Default)]
pub(super) struct Person {
    pub(super) decisions: u64,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    signals: BySignal<Evidence>,
    pub(super) trials: Trials,
}

/// What came of judging again.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) rules: Rules,
    /// The places of decided windows in the order of the rows.
    places: Vec<u32>,
    /// What was found there.
    judgements: Vec<Judgement>,
    /// By reviewer, those with a decision in the period.
    pub(super) people: BTreeMap<String, Person>,
}

impl Judged {
    /// Judges all of `rows`; `counts` says which of them are of the period.
    pub(super) fn new(
        rows: &Rows,
        order: &[&Row],
        counts: &[bool],
        question: &Question,
    ) -> Result<Judged, OversightFault> {
        let rules = Rules::new(question.oversight())?;
        let decided = order.iter().filter(|row| rows.reviewer(row).is_some()).count();
        let (mut reviews, mut places) =
            (Reviews::with_capacity(decided), Vec::with_capacity(decided));
        let mut people: BTreeMap<String, Person> = BTreeMap::new();
        for (place, row) in (0_u32..).zip(order) {
            let review = rows.review(row, question.expects_opening(row.workflow()));
            let Some(review) = review else { continue };
            if counts[place as usize] {
                if !people.contains_key(review.reviewer.as_ref()) {
                    people.insert(review.reviewer.clone().into_owned(), Person::default());
                }
                if let Some(person) = people.get_mut(review.reviewer.as_ref()) {
                    person.decided(review.decided_at);
                }
            }
            reviews.add(Some(&review));
            places.push(place);
        }
        let overseen = reviews.judge_watched(&rules, &mut |watched: &Watched<'_>| {
            let place = places.get(watched.number as usize);
            if !place.is_some_and(|place| counts[*place as usize]) {
                return;
            }
            let Some(person) = people.get_mut(watched.reviewer) else { return };
            person.last_at = person.last_at.max(Some(watched.step.at));
            for (signal, seen) in Signal::ALL.iter().zip(&watched.step.observed) {
                if let Some((seen, factors)) = seen.zip(rules.factors(*signal)) {
                    person.signals[*signal as usize].step(factors, seen.sign);
                }
            }
            if let Some(comparison) = &watched.step.comparison {
                let Comparison { acts, agreed, log_factors, .. } = comparison;
                person.signals[Signal::Agreement as usize].compare(log_factors, *acts, *agreed);
            }
        });
        for answered in &overseen.answered {
            let place = places.get(answered.number as usize).copied();
            let row = place.filter(|place| counts[*place as usize]);
            let row = row.and_then(|place| order.get(place as usize));
            if let Some(reviewer) = row.and_then(|row| rows.reviewer(row))
                && let Some(person) = people.get_mut(reviewer)
            {
                person.trials.add(answered.wrong, answered.challenged);
            }
        }
        Ok(Judged { rules, places, judgements: overseen.judgements, people })
    }

    /// The judgement that was found again for the row at `place`, where there is a
    /// reading floor.
    pub(super) fn at(&self, place: u32) -> Option<&Judgement> {
        let at = self.places.binary_search(&place).ok()?;
        // Only where a floor is known is there anything beyond what is recorded.
        self.judgements.get(at).filter(|judgement| judgement.usual.is_some())
    }
}

impl Person {
    fn decided(&mut self, at: Timestamp) {
        self.decisions += 1;
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
    }

    /// Where the reviewer stands, by the acts of the period.
    pub(super) fn standing(&self, rules: &Rules) -> Standing {
        let signal = |number: usize| {
            let (evidence, signal) = (&self.signals[number], Signal::ALL[number]);
            SignalStanding {
                steps: evidence.steps(),
                signs: evidence.ones(),
                log_e: evidence.log_report(rules.alternatives(signal)),
            }
        };
        let signals: BySignal<SignalStanding> = std::array::from_fn(signal);
        let logs: BySignal<f64> = signals.map(|signal| signal.log_e);
        let dwell = &signals[Signal::Dwell as usize];
        let allowed = rules.factors(Signal::Dwell).map_or(1.0, Factors::null);
        Standing {
            decisions: self.decisions,
            first_at: self.first_at,
            last_at: self.last_at,
            signals,
            alone: 0,
            log_e: weighted(&logs, &rules.config().weights()),
            firing: None,
            log_burst: 0.0,
            sight: self.trials.sight(dwell.signs as f64 > allowed * dwell.steps as f64),
        }
    }
}
