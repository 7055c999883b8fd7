//! The evidence about reviewers, computed as plainly as `docs/oversight.md` defines it.
//!
//! It multiplies plain numbers, without state that is kept from step to step but the products
//! themselves. It is meant for some hundred acts a person: more would overflow a double.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shutterlag::event::Verdict;

use super::numbers::noncentral_factor;
use super::record::Record;
use super::reviews::{Case, Groups, Outcome, Stratum, outcomes, used_last};
use super::setting::Setting;
use super::summary::Asked;

/// Allowed rate, alternatives and weight of `seeded`, `dwell` and `context`.
const RATES: [(f64, &[f64], f64); 3] = [
    (0.20, &[0.45, 0.55], 0.90),
    (0.10, &[0.2, 0.4, 0.7, 0.95], 0.02),
    (0.10, &[0.3, 0.6, 0.9], 0.01),
];
/// Allowed odds, alternatives and weight of `agreement`.
const ODDS: (f64, &[f64], f64) = (2.0, &[4.0, 8.0, 32.0, 128.0], 0.07);
/// With fewer peers, or acts of theirs, nothing is compared.
const PEERS_MIN: usize = 3;
const PEER_ACTS_MIN: u64 = 50;
const ALPHA: f64 = 0.05;
const PAGE_AT: f64 = 1000.0;
const END_AT: f64 = 100.0;
const SMALL_GROUP: usize = 5;
/// Texts of which a truth is remembered.
const TAUGHT_MAX: usize = 8;

/// What came of one reviewer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub(crate) reviewer: String,
    pub(crate) steps: Vec<Step>,
    /// Each signal's e-value, and the combined one.
    pub(crate) e: [f64; 5],
    /// Acts that agreed or disagreed where too few peers decided like cases.
    pub(crate) alone: u64,
    pub(crate) firing: bool,
}

/// One step of the evidence.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) at_ms: i64,
    /// The exposure's place in the ledger.
    pub(crate) window: usize,
    pub(crate) signs: [Option<bool>; 3],
    /// Acts that were compared with peers', and those that agreed.
    pub(crate) compared: Option<(u64, u64)>,
    /// The combined paging statistic before it is held at its threshold.
    pub(crate) page: f64,
    /// Whether a page begins (true) or ends (false) here.
    pub(crate) turned: Option<bool>,
}

/// The products of one reviewer, by signal and alternative.
struct Products {
    e: [Vec<f64>; 4],
    m: [Vec<f64>; 4],
}

/// A known truth about a decision.
struct Truth<'r> {
    at_ms: i64,
    case: Case<'r>,
}

/// Own acts of a period in a stratum, and those that agreed.
type Own = BTreeMap<i64, Vec<(Stratum, u64, u64)>>;

/// All reviewers, by name.
pub(crate) fn people(windows: &[Record], asked: &Asked) -> Vec<Person> {
    let all = outcomes(windows, asked);
    let owns: BTreeMap<&str, Own> =
        all.iter().map(|(reviewer, outcomes)| (*reviewer, own(outcomes))).collect();
    all.iter()
        .map(|(reviewer, outcomes)| {
            let mut person = Person { reviewer: (*reviewer).to_owned(), ..Person::default() };
            let truths = truths(windows, reviewer, &asked.setting);
            person.go_through(outcomes, &truths, &owns, &asked.setting);
            person
        })
        .collect()
}

fn own(outcomes: &[Outcome]) -> Own {
    let mut own = Own::new();
    for (period, stratum, agreed) in outcomes.iter().filter_map(|act| act.compared.as_ref()) {
        let strata = own.entry(*period).or_default();
        let at = strata.iter().position(|(other, ..)| other == stratum).unwrap_or_else(|| {
            strata.push((stratum.clone(), 0, 0));
            strata.len() - 1
        });
        strata[at].1 += 1;
        strata[at].2 += u64::from(*agreed);
    }
    own
}

fn truths<'r>(windows: &'r [Record], reviewer: &str, setting: &Setting) -> Vec<Truth<'r>> {
    let mut truths: Vec<Truth<'r>> = windows
        .iter()
        .enumerate()
        .filter_map(|(at, window)| {
            let decision = window.decision.as_ref()?;
            let truth = window.truth?;
            window.advice.as_ref()?;
            let at_ms = truth.established_at.max(decision.decided_at).as_millis();
            let mine = setting.person(&decision.reviewer) == reviewer;
            mine.then_some(Truth { at_ms, case: Case { at, window, decision } })
        })
        .collect();
    truths.sort_by_key(|truth| (truth.at_ms, truth.case.at));
    truths
}

impl Truth<'_> {
    /// Whether planted wrong advice was let through; `None` where nothing was planted.
    fn missed(&self, all_truths: bool) -> Option<bool> {
        let (truth, advice) = self.case.window.truth.zip(self.case.window.advice.as_ref())?;
        let counts = truth.seeded || all_truths;
        let wrong = counts && truth.correct_action != advice.recommendation;
        wrong.then(|| match self.case.decision.verdict {
            Some(verdict) => verdict == Verdict::Approve,
            None => self.case.decision.action == advice.recommendation,
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The weighted mean over the signals of the means over their alternatives.
fn combined(of: &[Vec<f64>; 4]) -> f64 {
    let weights = RATES.iter().map(|(.., weight)| *weight).chain([ODDS.2]);
    of.iter().zip(weights).map(|(values, weight)| weight * mean(values)).sum()
}

impl Person {
    fn go_through(
        &mut self,
        outcomes: &[Outcome],
        truths: &[Truth<'_>],
        owns: &BTreeMap<&str, Own>,
        setting: &Setting,
    ) {
        let each = |value: f64| {
            let of = |qs: &[f64]| vec![value; qs.len()];
            [of(RATES[0].1), of(RATES[1].1), of(RATES[2].1), of(ODDS.1)]
        };
        let mut products = Products { e: each(1.0), m: each(0.0) };
        // Decisions, truths and settlements of one moment come in this order.
        let acts = outcomes.iter().enumerate().map(|(at, act)| (act.due_ms, 0, at as i64));
        let known = truths.iter().enumerate().map(|(at, truth)| (truth.at_ms, 1, at as i64));
        let own = &owns[self.reviewer.as_str()];
        let settled = own.keys().map(|period| (setting.settled_ms(*period), 2, *period));
        let mut order: Vec<(i64, i32, i64)> = acts.chain(known).chain(settled).collect();
        order.sort_unstable();

        let mut taught = Groups::default();
        let mut taught_by = Vec::new();
        let mut latest = 0;
        let mut waiting = Waiting::new();
        for (at_ms, kind, number) in order {
            match kind {
                0 => {
                    let act = &outcomes[number as usize];
                    latest = act.window;
                    if act.is_new {
                        let signs = [None, act.hasty, act.unopened];
                        self.step(at_ms, act.window, signs, None, &mut products);
                    }
                }
                1 => {
                    let Truth { case, .. } = &truths[number as usize];
                    let decided = case.decided_ms();
                    let hold_ms = setting.batch_hold_ms;
                    let mut enter = |group| taught.enter(group, decided, hold_ms);
                    let is_new = case.group().is_none_or(&mut enter);
                    let events = case.events();
                    let known = events.iter().any(|event| taught_by.contains(event));
                    for event in events {
                        used_last(&mut taught_by, event, TAUGHT_MAX);
                    }
                    if is_new && !known {
                        let missed = truths[number as usize].missed(setting.all_truths);
                        let signs = [missed, None, None];
                        self.step(at_ms, case.at, signs, None, &mut products);
                    }
                }
                _ => {
                    self.alone += waiting.settle(&self.reviewer, number, owns);
                    if let Some(comparison) = waiting.ripe() {
                        self.step(at_ms, latest, [None; 3], Some(&comparison), &mut products);
                    }
                }
            }
        }
        for (to, values) in self.e.iter_mut().zip(&products.e) {
            *to = mean(values);
        }
        self.e[4] = combined(&products.e);
    }

    fn step(
        &mut self,
        at_ms: i64,
        window: usize,
        signs: [Option<bool>; 3],
        comparison: Option<&Waiting>,
        products: &mut Products,
    ) {
        if signs == [None; 3] && comparison.is_none() {
            return;
        }
        for (signal, (null, qs, _)) in RATES.iter().enumerate() {
            let Some(sign) = signs[signal] else { continue };
            for (number, q) in qs.iter().enumerate() {
                let factor = if sign { q / null } else { (1.0 - q) / (1.0 - null) };
                products.e[signal][number] *= factor;
                products.m[signal][number] = factor * (products.m[signal][number] + 1.0);
            }
        }
        if let Some(comparison) = comparison {
            for (number, factor) in comparison.factors.iter().enumerate() {
                products.e[3][number] *= factor;
                let before = products.m[3][number] + comparison.acts as f64;
                products.m[3][number] = factor * before;
            }
        }
        let page = combined(&products.m);
        let begins = !self.firing && page >= PAGE_AT;
        let ends = self.firing && page <= END_AT;
        let share = if ends { 0.0 } else { (PAGE_AT / page).min(1.0) };
        products.m.iter_mut().flatten().for_each(|value| *value *= share);
        self.firing = (self.firing || begins) && !ends;
        let before = self.steps.last().map_or(at_ms, |step| step.at_ms);
        self.steps.push(Step {
            at_ms: at_ms.max(before),
            window,
            signs,
            compared: comparison.map(|comparison| (comparison.acts, comparison.agreed)),
            page,
            turned: (begins || ends).then_some(begins),
        });
    }
}

/// Comparisons that wait for enough acts of peers.
#[derive(Clone, Debug)]
struct Waiting {
    acts: u64,
    agreed: u64,
    peer_acts: u64,
    factors: Vec<f64>,
}

impl Waiting {
    fn new() -> Waiting {
        Waiting { acts: 0, agreed: 0, peer_acts: 0, factors: vec![1.0; ODDS.1.len()] }
    }

    /// Takes in a period, and says how many acts could not be compared.
    fn settle(&mut self, reviewer: &str, period: i64, owns: &BTreeMap<&str, Own>) -> u64 {
        let mut alone = 0;
        for (stratum, acts, agreed) in &owns[reviewer][&period] {
            let peers: Vec<&(Stratum, u64, u64)> = owns
                .iter()
                .filter(|(other, _)| **other != reviewer)
                .filter_map(|(_, own)| own.get(&period)?.iter().find(|(of, ..)| of == stratum))
                .collect();
            if peers.len() < PEERS_MIN {
                alone += acts;
                continue;
            }
            let peer_acts: u64 = peers.iter().map(|(_, acts, _)| acts).sum();
            let peer_agreed: u64 = peers.iter().map(|(.., agreed)| agreed).sum();
            self.acts += acts;
            self.agreed += agreed;
            self.peer_acts += peer_acts;
            for (factor, odds) in self.factors.iter_mut().zip(ODDS.1) {
                let all = (acts + peer_acts, agreed + peer_agreed);
                *factor *= noncentral_factor((*acts, *agreed), all, *odds, ODDS.0);
            }
        }
        alone
    }

    /// What waited, once there is enough to compare with.
    fn ripe(&mut self) -> Option<Waiting> {
        let enough = self.acts > 0 && self.peer_acts >= PEER_ACTS_MIN;
        enough.then(|| std::mem::replace(self, Waiting::new()))
    }
}

/// e-BH as it is defined: the greatest `k` whose `k`-th largest e-value is large enough.
pub(crate) fn e_bh(e: &[f64], alpha: f64) -> usize {
    let mut sorted = e.to_vec();
    sorted.sort_by(|a, b| b.partial_cmp(a).unwrap());
    let all = e.len() as f64;
    (1..=e.len()).filter(|k| sorted[k - 1] >= all / (*k as f64 * alpha)).max().unwrap_or(0)
}

/// The certificates of every decided window, by its place among the windows, and whether
/// there was anything to judge it by.
pub(crate) fn judged(
    windows: &[Record],
    asked: &Asked,
) -> BTreeMap<usize, (BTreeSet<&'static str>, bool)> {
    let outcomes = outcomes(windows, asked);
    let all = outcomes.into_values().flatten().flat_map(|act| act.reasons);
    all.filter_map(|(at, reasons)| {
        let window = &windows[at];
        let case = Case { at, window, decision: window.decision.as_ref()? };
        Some((at, (reasons, case.is_assessed(asked))))
    })
    .collect()
}

/// What the summary tells of reviewers.
pub(crate) fn reviewers(windows: &[Record], asked: &Asked) -> Value {
    let people = people(windows, asked);
    let told = people.len() >= SMALL_GROUP;
    let e: Vec<f64> = people.iter().map(|person| person.e[4]).collect();
    let compared = |person: &&Person| person.steps.iter().any(|step| step.compared.is_some());
    let alone = people.iter().filter(|person| !compared(person)).count();
    let suspected = people.iter().filter(|person| person.firing).count();
    json!({
        "count": people.len(),
        "false_discovery_rate": ALPHA,
        "flagged": told.then(|| e_bh(&e, ALPHA)),
        "suspected": told.then_some(suspected),
        "cannot_be_compared": (told || alone == people.len()).then_some(alone),
    })
}
