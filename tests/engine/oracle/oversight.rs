//! Reviewers' evidence, computed as plainly as `docs/oversight.md` tells it.
//!
//! Plain products of plain numbers, everybody looked at again for every question,
//! and the rules written out: no logarithm, no state that is carried along. It is
//! meant for some hundred reviews a person, not for more.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shutterlag::event::{Severity, Verdict};

use super::record::Record;
use super::summary::{Asked, Review, attention, by_reviewer};

/// Allowed rate, alternatives and weight of: wrong advice let through, too little
/// time, evidence not opened, agreement.
const SIGNALS: [(f64, &[f64], f64); 4] = [
    (0.20, &[0.4, 0.6, 0.8, 0.95], 0.25),
    (0.10, &[0.2, 0.4, 0.7, 0.95], 0.25),
    (0.10, &[0.3, 0.6, 0.9], 0.15),
    (0.90, &[0.95, 0.98, 0.995, 0.999], 0.35),
];
const LISTS: [&str; 5] = ["seeded", "dwell", "context", "agreement", "combined"];
const ALPHA: f64 = 0.05;
const PAGE_AT: f64 = 1000.0;
const END_AT: f64 = 1.0;
const DAY_MS: i64 = 86_400_000;
const SMALL_GROUP: usize = 5;

/// What came of one reviewer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub(crate) reviewer: String,
    pub(crate) steps: Vec<Step>,
    /// Each signal's e-value, and the combined one.
    pub(crate) e: [f64; 5],
    pub(crate) firing: bool,
}

/// One step of the evidence.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at_ms: i64,
    /// The exposure's place in the ledger.
    pub(crate) window: usize,
    pub(crate) signs: [Option<bool>; 4],
    /// The combined paging statistic before it is held at its threshold.
    pub(crate) page: f64,
    /// Whether a page begins (true) or ends (false) here.
    pub(crate) turned: Option<bool>,
}

type Stratum = (Option<Severity>, u8);

/// An act of review, or a truth that became known.
struct Act {
    order_ms: i64,
    at_ms: i64,
    is_truth: bool,
    window: usize,
    signs: [Option<bool>; 3],
    agreed: Option<(bool, Stratum)>,
}

/// All reviewers, by name.
pub(crate) fn people(windows: &[Record], asked: &Asked) -> Vec<Person> {
    let acts: BTreeMap<String, Vec<Act>> = by_reviewer(windows)
        .into_iter()
        .map(|(name, reviews)| (name.to_owned(), acts(&reviews, asked)))
        .collect();
    acts.keys().map(|name| person(name, &acts)).collect()
}

fn acts(reviews: &[Review<'_>], asked: &Asked) -> Vec<Act> {
    let mut acts = Vec::new();
    for (n, review) in reviews.iter().enumerate() {
        let batch = review.decision.batch_id.as_ref();
        let members: Vec<usize> = match batch {
            None => vec![n],
            Some(batch) => (0..reviews.len())
                .filter(|at| reviews[*at].decision.batch_id.as_ref() == Some(batch))
                .collect(),
        };
        if let (Some(truth), Some(advice)) = (review.window.truth, &review.window.advice)
            && truth.correct_action != advice.recommendation
        {
            let missed = match review.decision.verdict {
                Some(verdict) => verdict == Verdict::Approve,
                None => review.decision.action == advice.recommendation,
            };
            let at_ms = truth.established_at.max(review.decision.decided_at).as_millis();
            acts.push(Act {
                order_ms: at_ms,
                at_ms,
                is_truth: true,
                window: review.at,
                signs: [Some(missed), None, None],
                agreed: None,
            });
        }
        if members[0] != n {
            continue;
        }
        let cases = || members.iter().map(|at| &reviews[*at]);
        let opened: Vec<bool> = cases()
            .filter(|case| asked.expect_opening.contains(&case.window.workflow))
            .map(|case| case.decision.opened_at.is_some())
            .collect();
        let agreed: Vec<(bool, Stratum)> = cases()
            .filter_map(|case| {
                let advice = case.window.advice.as_ref()?;
                let band = advice.confidence.map_or(0, |confidence| match confidence {
                    x if x < 0.7 => 1,
                    x if x < 0.9 => 2,
                    _ => 3,
                });
                Some((case.window.figures.agreed?, (case.window.severity, band)))
            })
            .collect();
        let dwell = attention(reviews, n).map(|(attention, floor)| attention < floor);
        let unopened = (!opened.is_empty()).then(|| opened.iter().all(|opened| !opened));
        acts.push(Act {
            order_ms: review.decided_ms(),
            at_ms: cases().map(Review::decided_ms).max().unwrap(),
            is_truth: false,
            window: review.at,
            signs: [None, dwell, unopened],
            agreed: agreed.first().map(|(_, s)| (agreed.iter().all(|(agreed, _)| *agreed), *s)),
        });
    }
    // Decisions are in their order already; a stable sort keeps it.
    acts.sort_by_key(|act| (act.order_ms, act.is_truth));
    let truths =
        |act: &Act| (act.order_ms, act.is_truth, if act.is_truth { act.window } else { 0 });
    acts.sort_by_key(truths);
    acts
}

/// The rate of agreement that is allowed the reviewer in this act.
fn allowed(name: &str, act: &Act, stratum: Stratum, all: &BTreeMap<String, Vec<Act>>) -> f64 {
    let day = |act: &Act| act.order_ms.div_euclid(DAY_MS);
    let peers: Vec<bool> = all
        .iter()
        .filter(|(other, _)| *other != name)
        .flat_map(|(_, acts)| acts)
        .filter(|other| day(other) <= day(act) - 2)
        .filter_map(|other| other.agreed.filter(|(_, s)| *s == stratum).map(|(agreed, _)| agreed))
        .collect();
    if peers.len() < 50 {
        return 0.9;
    }
    let rate = peers.iter().filter(|agreed| **agreed).count() as f64 / peers.len() as f64;
    ((rate + 0.02) * 1000.0 - 1e-9).ceil().max(900.0) / 1000.0
}

fn person(name: &str, all: &BTreeMap<String, Vec<Act>>) -> Person {
    let mut person = Person { reviewer: name.to_owned(), ..Person::default() };
    let mut e: [Vec<f64>; 4] = SIGNALS.map(|(_, qs, _)| vec![1.0; qs.len()]);
    let mut m: [Vec<f64>; 4] = SIGNALS.map(|(_, qs, _)| vec![0.0; qs.len()]);
    let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let combined = |of: &[Vec<f64>; 4]| -> f64 {
        of.iter().zip(SIGNALS).map(|(values, (_, _, weight))| weight * mean(values)).sum()
    };
    let mut latest_ms = i64::MIN;
    for act in &all[name] {
        let [seeded, dwell, context] = act.signs;
        let mut nulls = SIGNALS.map(|(null, _, _)| null);
        let mut agreed = None;
        if let Some((sign, stratum)) = act.agreed {
            nulls[3] = allowed(name, act, stratum, all);
            // Against peers who nearly always agree there is nothing to bet on.
            agreed = SIGNALS[3].1.iter().any(|q| *q > nulls[3]).then_some(sign);
        }
        let signs = [seeded, dwell, context, agreed];
        if signs == [None; 4] {
            continue;
        }
        for (at, (_, qs, _)) in SIGNALS.iter().enumerate() {
            let Some(sign) = signs[at] else { continue };
            for (number, q) in qs.iter().enumerate().filter(|(_, q)| **q > nulls[at]) {
                let l = if sign { q / nulls[at] } else { (1.0 - q) / (1.0 - nulls[at]) };
                e[at][number] *= l;
                m[at][number] = l * (m[at][number] + 1.0);
            }
        }
        let page = combined(&m);
        let begins = !person.firing && page >= PAGE_AT;
        let ends = person.firing && page <= END_AT;
        if page > PAGE_AT {
            m.iter_mut().flatten().for_each(|value| *value *= PAGE_AT / page);
        }
        if ends {
            m.iter_mut().flatten().for_each(|value| *value = 0.0);
        }
        person.firing = (person.firing || begins) && !ends;
        latest_ms = latest_ms.max(act.at_ms);
        let turned = (begins || ends).then_some(begins);
        person.steps.push(Step { at_ms: latest_ms, window: act.window, signs, page, turned });
    }
    for (to, values) in person.e.iter_mut().zip(&e) {
        *to = mean(values);
    }
    person.e[4] = combined(&e);
    person
}

/// e-BH as it is defined: the greatest `k` whose `k`-th largest e-value is large enough.
pub(crate) fn e_bh(e: &[f64], alpha: f64) -> usize {
    let mut sorted = e.to_vec();
    sorted.sort_by(|a, b| b.partial_cmp(a).unwrap());
    let all = e.len() as f64;
    (1..=e.len()).filter(|k| sorted[k - 1] >= all / (*k as f64 * alpha)).max().unwrap_or(0)
}

/// What the summary tells of reviewers.
pub(crate) fn reviewers(windows: &[Record], asked: &Asked) -> Value {
    let people = people(windows, asked);
    let told = people.len() >= SMALL_GROUP;
    let flagged: BTreeMap<&str, Option<usize>> = LISTS
        .iter()
        .enumerate()
        .map(|(at, list)| {
            let e: Vec<f64> = people.iter().map(|person| person.e[at]).collect();
            (*list, told.then(|| e_bh(&e, ALPHA)))
        })
        .collect();
    let suspected = people.iter().filter(|person| person.firing).count();
    json!({
        "count": people.len(),
        "false_discovery_rate": ALPHA,
        "flagged": flagged,
        "suspected": told.then_some(suspected),
    })
}
