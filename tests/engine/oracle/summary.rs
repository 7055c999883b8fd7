//! The summary of a ledger, computed as plainly as its fields are defined.
//!
//! It follows `docs/semantics.md`, `docs/oversight.md` and the meaning of the fields only:
//! sorted vectors, sums in a loop, a survival curve that goes through all windows again at
//! every step. The result is JSON, so that the figures of the engine and the output of the
//! command are compared with it in the same way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use shutterlag::engine::windows::{Clock, State};
use shutterlag::event::Workflow;
use shutterlag::time::Timestamp;

use super::Ledger;
use super::evidence;
use super::incidents::{Worth, incidents};
use super::numbers::{MANY, Z, product_bounds, share_bounds};
use super::record::Record;
use super::setting::Setting;

const FASTEST_MS: i64 = 540_000;
const MEAN_MS: i64 = 1_020_000;
const HOUR_MS: i64 = 3_600_000;
const REASONS: [&str; 5] = [
    "impossible_reading",
    "evidence_unopened",
    "unauthorized",
    "self_approval",
    "templated_rationale",
];
const OUTCOMES: [&str; 6] =
    ["effective", "hollow", "overdue", "unjudged", "unknown_exposure", "unassessed"];
const UNKNOWN: [&str; 3] = ["unjudged", "unknown_exposure", "unassessed"];

/// What was asked for beside the events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The moment told; `None` if there is no event.
    pub(crate) as_of: Option<Timestamp>,
    /// Other curves: location, fastest and mean in ms.
    pub(crate) curves: Vec<(&'static str, i64, i64)>,
    /// Workflows whose tools report every opening.
    pub(crate) expect_opening: Vec<Workflow>,
    /// Records refused, and records or events left out.
    pub(crate) rejected: u64,
    pub(crate) skipped: u64,
    /// What is configured.
    pub(crate) setting: Setting,
}

/// What is known of each window beside its record.
struct Seen<'r> {
    windows: &'r [Record],
    asked: &'r Asked,
    /// Of decided windows.
    quality: Vec<Option<&'static str>>,
    incidents: Vec<usize>,
}

/// `summary.json`.
pub(crate) fn summary(ledger: &Ledger, asked: &Asked) -> Value {
    let windows = &ledger.windows;
    let judged = evidence::judged(windows, asked);
    let quality = |at: usize| {
        judged.get(&at).map(|(reasons, assessed)| match (reasons.is_empty(), assessed) {
            (false, _) => "hollow",
            (true, true) => "meaningful",
            (true, false) => "unassessed",
        })
    };
    let seen = Seen {
        windows,
        asked,
        quality: (0..windows.len()).map(quality).collect(),
        incidents: incidents(windows, &asked.setting),
    };
    let of_quality = |name| seen.quality.iter().filter(|quality| **quality == Some(name)).count();
    let count = |wanted: &dyn Fn(&Record) -> bool| windows.iter().filter(|w| wanted(w)).count();
    let state = |name| count(&|window| window.figures.state == name);
    let decided = |window: &Record| window.decision.is_some();
    let by_reason: BTreeMap<_, _> = REASONS
        .iter()
        .map(|reason| (reason, judged.values().filter(|(found, _)| found.contains(reason)).count()))
        .collect();
    let of_race = |at: usize| asked.setting.reading.raced(windows[at].workflow);
    let mut attacker_window = seen.bands(&of_race);
    attacker_window.insert("fastest_ms".into(), FASTEST_MS.into());
    attacker_window.insert("mean_ms".into(), MEAN_MS.into());
    attacker_window.insert("attacker_first".into(), seen.attacker_first(FASTEST_MS));
    attacker_window.insert("attacker_first_from_the_start".into(), seen.attacker_first(0));
    json!({
        "as_of": asked.as_of,
        "events": {
            "read": ledger.accepted + ledger.duplicate + asked.rejected + asked.skipped,
            "accepted": ledger.accepted,
            "duplicate": ledger.duplicate,
            "rejected": asked.rejected,
            "unsupported": 0,
            "late": 0,
            "skipped": asked.skipped,
            "linked": 0,
            "orphan": ledger.orphan,
            "clock_skew": windows.iter().map(|window| window.figures.skew_faults).sum::<u64>(),
        },
        "windows": {
            "total": windows.len(),
            "open": state(State::Open),
            "reviewed": state(State::Reviewed),
            "contained": state(State::Contained),
            "closed": state(State::Closed),
            "withdrawn": state(State::Withdrawn),
        },
        "clock_skew_windows": count(&|window| window.figures.clock_skew),
        "stages": stages(windows),
        "attacker_window": attacker_window,
        "survival": { "time_to_review": seen.survival() },
        "oversight": {
            "reviews": count(&decided),
            "meaningful": of_quality("meaningful"),
            "hollow": of_quality("hollow"),
            "unassessed": of_quality("unassessed"),
            // All input is read before anything is judged.
            "unjudged": 0,
            "by_reason": by_reason,
            "agreed": count(&|window| window.figures.agreed == Some(true)),
            "disagreed": count(&|window| window.figures.agreed == Some(false)),
            "unadvised": count(&|window| decided(window) && window.advice.is_none()),
            "nonhuman_decisions":
                ledger.windows.iter().map(|window| window.nonhuman_decisions).sum::<u64>(),
            "ai_acted_first": count(&|window| window.ai_acted_first_at.is_some()),
            "seeded": {
                "caught": count(&|window| window.figures.seeded_case_caught == Some(true)),
                "missed": count(&|window| window.figures.seeded_case_caught == Some(false)),
            },
            "reviewers": evidence::reviewers(windows, asked),
        },
        "effective_review_rate": seen.effective_rate(&of_race),
        "workflows": seen.workflows(),
    })
}

fn time_to_review(window: &Record) -> Option<i64> {
    stage(window, "time_to_review").0
}

fn stage(window: &Record, name: &str) -> (Option<i64>, bool) {
    let (_, length, censored) =
        window.figures.stages.iter().find(|(stage, ..)| *stage == name).unwrap();
    (*length, *censored)
}

/// Nearest rank: the smallest that at least `percent` of all do not exceed.
fn quantile(sorted: &[i64], percent: usize) -> Option<i64> {
    (1..=sorted.len())
        .find(|rank| rank * 100 >= percent * sorted.len())
        .map(|rank| sorted[rank - 1])
}

fn stages(windows: &[Record]) -> Value {
    ["detection", "triage", "first_touch", "review", "time_to_review", "containment", "exposure"]
        .iter()
        .map(|name| {
            let all: Vec<_> = windows.iter().map(|window| stage(window, name)).collect();
            let mut done: Vec<i64> = all.iter().filter_map(|(length, _)| *length).collect();
            done.sort_unstable();
            let figures = json!({
                "count": done.len(),
                "censored": all.iter().filter(|(_, censored)| *censored).count(),
                "p50_ms": quantile(&done, 50),
                "p90_ms": quantile(&done, 90),
                "p99_ms": quantile(&done, 99),
                "max_ms": done.last(),
            });
            (name.to_string(), figures)
        })
        .collect::<Map<_, _>>()
        .into()
}

impl Seen<'_> {
    fn as_of_ms(&self) -> i64 {
        self.asked.as_of.unwrap().as_millis()
    }

    fn raced(&self, workflow: Workflow) -> bool {
        self.asked.setting.reading.raced(workflow)
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.windows.len()
    }

    fn worth(&self, wanted: &[usize]) -> Worth {
        Worth::of(wanted, &self.incidents)
    }

    /// How many windows fell into each band.
    fn bands(&self, wanted: &dyn Fn(usize) -> bool) -> Map<String, Value> {
        let band = |at: usize| {
            let window = &self.windows[at];
            match (&window.decision, window.figures.band) {
                (_, Some(band)) => band,
                (Some(_), None) => "unknown",
                (None, None) if window.figures.state == State::Withdrawn => "withdrawn",
                (None, None) => "unreviewed",
            }
        };
        ["ahead", "contested", "behind", "unreviewed", "unknown", "withdrawn"]
            .into_iter()
            .map(|name| {
                let count = self.all().filter(|at| wanted(*at) && band(*at) == name).count();
                (name.to_owned(), count.into())
            })
            .collect()
    }

    /// What became of the review of a window; `None` where none was due.
    fn outcome(&self, at: usize) -> Option<&'static str> {
        let window = &self.windows[at];
        let (in_time, _) = self.asked.setting.reading.targets(window.workflow);
        let start = window.figures.start.as_millis();
        if self.as_of_ms() - start < in_time {
            return None;
        }
        let Some(decision) = &window.decision else {
            let withdrawn = window.withdrawn_at.is_some_and(|at| at.as_millis() - start < in_time);
            return (!withdrawn).then_some("overdue");
        };
        if decision.decided_at.as_millis() - start >= in_time {
            return Some("overdue");
        }
        let exposure_known = (window.figures.clock == Clock::Exposed
            || !self.raced(window.workflow))
            && time_to_review(window).is_some();
        Some(match (self.quality[at], exposure_known) {
            (None, _) => "unjudged",
            (Some("hollow"), _) => "hollow",
            (_, false) => "unknown_exposure",
            (Some("unassessed"), _) => "unassessed",
            _ => "effective",
        })
    }

    fn effective_rate(&self, wanted: &dyn Fn(usize) -> bool) -> Value {
        let due: Vec<(usize, &str)> = self
            .all()
            .filter(|at| wanted(*at))
            .filter_map(|at| Some((at, self.outcome(at)?)))
            .collect();
        let numbers: Vec<usize> = due.iter().map(|(at, _)| *at).collect();
        let worth = self.worth(&numbers);
        let count = |name: &str| due.iter().filter(|(_, outcome)| *outcome == name).count();
        let unknown: usize = UNKNOWN.iter().map(|name| count(name)).sum();
        let share = |n: usize| (!due.is_empty()).then(|| n as f64 / due.len() as f64);
        let (low, high) = (share(count("effective")), share(count("effective") + unknown));
        let bounds = |share: Option<f64>| share_bounds(share?, worth.effective);
        let outcomes: BTreeMap<_, _> = OUTCOMES.iter().map(|name| (name, count(name))).collect();
        json!({
            "low": low,
            "high": high,
            "low_bound": bounds(low).map(|(low, _)| low),
            "high_bound": bounds(high).map(|(_, high)| high),
            "windows": worth.windows,
            "incidents": worth.incidents,
            "effective": worth.effective,
            "outcomes": outcomes,
        })
    }

    fn workflows(&self) -> Value {
        let of = |workflow: Workflow| {
            let wanted = |at: usize| self.windows[at].workflow == workflow;
            let windows = self.all().filter(|at| wanted(*at)).count();
            let (in_time, late) = self.asked.setting.reading.targets(workflow);
            let mut figures = self.bands(&wanted);
            figures.insert("raced".into(), self.raced(workflow).into());
            figures.insert("in_time_ms".into(), in_time.into());
            figures.insert("late_ms".into(), late.into());
            figures.insert("windows".into(), windows.into());
            figures.insert("effective_review_rate".into(), self.effective_rate(&wanted));
            (windows > 0).then(|| (workflow.as_str().to_owned(), Value::Object(figures)))
        };
        Workflow::ALL.iter().filter_map(|workflow| of(*workflow)).collect::<Map<_, _>>().into()
    }

    /// The chance that an attacker came first, with the fastest attackers after so long.
    fn attacker_first(&self, fastest_ms: i64) -> Value {
        let (mut low, mut high, mut numbers) = (vec![], vec![], vec![]);
        let (mut expected_low, mut expected_high, mut at_least) = (0.0, 0.0, 0.0);
        for (number, window) in self.windows.iter().enumerate() {
            if !self.races(window) || window.figures.state == State::Withdrawn {
                continue;
            }
            let place = window.location.as_deref();
            let own = self.asked.curves.iter().find(|(location, ..)| place == Some(*location));
            let (fastest, mean) =
                own.map_or((fastest_ms, MEAN_MS), |(_, fastest, mean)| (*fastest, *mean));
            let law = |t: i64| match t - fastest {
                late if late > 0 => -(-late as f64 / (mean - fastest) as f64).exp_m1(),
                _ => 0.0,
            };
            let markov = |t: i64| match t > mean {
                true => 1.0 - (mean - fastest) as f64 / (t - fastest) as f64,
                false => 0.0,
            };
            // How long until an end, and whether that is known: of an exposure at an unknown
            // time, or after its end, no more is known than that it was that long at least.
            let until = |end: Option<Timestamp>| {
                let start = window.figures.start.as_millis();
                let length = end.map_or(self.as_of_ms(), |at| at.as_millis()) - start;
                let known = window.figures.clock == Clock::Exposed;
                (length.max(0), known && (end.is_none() || length >= 0))
            };
            // Whoever was seen by then came for certain.
            let seen = |by: Option<Timestamp>| {
                let abused = window.abused_at.filter(|at| by.is_none_or(|by| *at < by));
                abused.is_some()
            };
            numbers.push(number);
            let decided = window.decision.as_ref().map(|decision| decision.decided_at);
            let answered = decided.into_iter().chain(window.contained_at).min();
            let (waited, known) = until(answered);
            let lost = if seen(answered) { 1.0 } else { law(waited) };
            low.push(lost);
            high.push(if answered.is_some() && known { lost } else { 1.0 });
            let end = window.contained_at.or(decided);
            let (usable, known) = until(end);
            let used = seen(end);
            let least = if used { 1.0 } else { law(usable) };
            expected_low += least;
            expected_high += if known { least } else { 1.0 };
            at_least += if used { 1.0 } else { markov(usable) };
        }
        let mean = |of: &[f64]| (!of.is_empty()).then(|| of.iter().sum::<f64>() / of.len() as f64);
        json!({
            "windows": low.len(),
            "incidents": self.worth(&numbers).incidents,
            "low": mean(&low),
            "high": mean(&high),
            "expected_low": expected_low,
            "expected_high": expected_high,
            "expected_at_least": at_least,
        })
    }

    /// Whether attackers race for what leaked: in raced workflows, in public places.
    fn races(&self, window: &Record) -> bool {
        let place = window.location.as_deref();
        let public = place.is_none_or(|place| self.asked.setting.public.contains(place));
        self.raced(window.workflow) && public
    }

    /// How long a window was watched, whether a review ended that, and whether that is known to
    /// be all of its wait.
    fn watched(&self, at: usize) -> Option<(i64, bool, bool)> {
        let window = &self.windows[at];
        if !self.races(window) {
            return None;
        }
        let start = window.figures.start.as_millis();
        let known = window.figures.clock == Clock::Exposed;
        if window.decision.is_some() {
            let took = time_to_review(window);
            return Some((took.unwrap_or(0), true, known && took.is_some()));
        }
        let until = window.withdrawn_at.map_or(self.as_of_ms(), |at| at.as_millis());
        (until >= start).then_some((until - start, false, known))
    }

    /// Between two curves: one in which all whose exposure is not known were exposed at their
    /// detection, and one in which none of them is ever decided.
    fn survival(&self) -> Value {
        let numbers: Vec<usize> = self.all().filter(|at| self.watched(*at).is_some()).collect();
        let all: Vec<_> = numbers.iter().filter_map(|at| self.watched(*at)).collect();
        let worth = self.worth(&numbers);
        let early: Vec<(i64, bool)> = all.iter().map(|(at, came, _)| (*at, *came)).collect();
        let late: Vec<(i64, bool)> = all
            .iter()
            .map(|(at, came, known)| if *known { (*at, *came) } else { (i64::MAX, false) })
            .collect();
        let [early, late] = [&early, &late].map(|watched| Curve { watched, worth });
        let by = |t: i64| {
            let (low, high) = (late.reviewed_by(t), early.reviewed_by(t));
            json!({
                "low": low["estimate"],
                "high": high["estimate"],
                "low_bound": low["low"],
                "high_bound": high["high"],
            })
        };
        json!({
            "reviewed_by_fastest": by(FASTEST_MS),
            "reviewed_by_mean": by(MEAN_MS),
            "median_ms": { "low": early.median(), "high": late.median() },
            "rmst_1h_ms": { "low": early.mean_of_hour(), "high": late.mean_of_hour() },
            "observed_up_to_ms": all.iter().map(|(at, ..)| *at).max(),
            "unknown_exposure": all.iter().filter(|(.., known)| !known).count(),
            "sample": worth.json(),
        })
    }
}

/// Kaplan–Meier over what was watched.
struct Curve<'w> {
    watched: &'w [(i64, bool)],
    worth: Worth,
}

/// A time at which reviews came: those at risk, those that came, and the share that waits on.
struct CurveStep {
    at: i64,
    at_risk: f64,
    came: f64,
    survival: f64,
}

impl Curve<'_> {
    fn steps(&self) -> Vec<CurveStep> {
        let came = |time: i64| self.watched.iter().filter(move |it| **it == (time, true)).count();
        let times: BTreeSet<i64> =
            self.watched.iter().filter(|(_, came)| *came).map(|(at, _)| *at).collect();
        let mut survival = 1.0;
        times
            .into_iter()
            .map(|at| {
                let at_risk = self.watched.iter().filter(|(other, _)| *other >= at).count() as f64;
                let came = came(at) as f64;
                survival *= (at_risk - came) / at_risk;
                CurveStep { at, at_risk, came, survival }
            })
            .collect()
    }

    fn median(&self) -> Option<i64> {
        // A product of fractions may miss one half by its roundings.
        self.steps().iter().find(|step| step.survival <= 0.5 + 1e-10).map(|step| step.at)
    }

    fn mean_of_hour(&self) -> Option<f64> {
        let (mut area, mut from, mut height) = (0.0, 0, 1.0);
        for step in self.steps().iter().filter(|step| step.at < HOUR_MS) {
            area += height * (step.at - from) as f64;
            (from, height) = (step.at, step.survival);
        }
        area += height * (HOUR_MS - from) as f64;
        (!self.watched.is_empty()).then_some(area)
    }

    fn reviewed_by(&self, t: i64) -> Value {
        if self.watched.is_empty() {
            return json!({ "estimate": null, "low": null, "high": null });
        }
        let steps: Vec<CurveStep> = self.steps().into_iter().filter(|it| it.at <= t).collect();
        let survival = steps.last().map_or(1.0, |step| step.survival);
        let left = self.watched.iter().filter(|(at, _)| *at > t).count();
        let weight = self.worth.effective / self.worth.windows as f64;
        let exact = self.worth.effective < MANY || left == 0 || survival <= 0.0 || survival >= 1.0;
        let (low, high) = if exact {
            let events: Vec<(f64, f64)> =
                steps.iter().map(|it| (it.at_risk * weight, it.came * weight)).collect();
            let left = left as f64 * weight;
            let (low, high) = product_bounds(&events, left, self.worth.effective);
            (1.0 - high, 1.0 - low)
        } else {
            let greenwood: f64 = steps
                .iter()
                .map(|it| it.came / (it.at_risk * (it.at_risk - it.came)) / weight)
                .sum();
            let theta = Z * greenwood.sqrt() / survival.ln().abs();
            (1.0 - survival.powf((-theta).exp()), 1.0 - survival.powf(theta.exp()))
        };
        let estimate = 1.0 - survival;
        json!({ "estimate": estimate, "low": low.min(estimate), "high": high.max(estimate) })
    }
}

/// Every place in which `got` is not `wanted`.
///
/// Numbers with a fraction may differ by a few roundings, bounds by what two ways to compute
/// the beta law differ, quantiles by the width of a bucket, all else not at all; neither may
/// have a field more.
pub(crate) fn differences(got: &Value, wanted: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", got, wanted, &mut found);
    found
}

fn compare(path: &str, got: &Value, wanted: &Value, found: &mut Vec<String>) {
    let same = match (got, wanted) {
        (Value::Object(got), Value::Object(wanted)) => {
            let keys: BTreeSet<&String> = got.keys().chain(wanted.keys()).collect();
            for key in keys {
                let path = format!("{path}/{key}");
                match (got.get(key), wanted.get(key)) {
                    (Some(got), Some(wanted)) => compare(&path, got, wanted, found),
                    (got, wanted) => found.push(format!("{path}: {got:?}, wanted {wanted:?}")),
                }
            }
            return;
        }
        (Value::Number(got), Value::Number(wanted)) if wanted.is_f64() => {
            let (got, wanted) = (got.as_f64().unwrap(), wanted.as_f64().unwrap());
            let close = if is_bound(path) { 1e-7 } else { 1e-12 };
            (got - wanted).abs() <= f64::max(close * wanted.abs(), close / 10.0)
        }
        (Value::Number(got), Value::Number(wanted)) if is_quantile(path) => {
            let (got, wanted) = (got.as_i64().unwrap(), wanted.as_i64().unwrap());
            let width = if wanted < 2_048 { 0 } else { wanted / 500 };
            (wanted - width..=wanted + width).contains(&got)
        }
        _ => got == wanted,
    };
    if !same {
        found.push(format!("{path}: {got}, wanted {wanted}"));
    }
}

fn is_bound(path: &str) -> bool {
    path.ends_with("_bound")
}

fn is_quantile(path: &str) -> bool {
    ["/p50_ms", "/p90_ms", "/p99_ms"].iter().any(|quantile| path.ends_with(quantile))
}
