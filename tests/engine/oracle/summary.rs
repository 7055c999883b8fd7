//! The summary of a ledger, computed as plainly as its fields are told.
//!
//! Written from `docs/semantics.md` and the meaning of the fields alone: sorted
//! vectors, sums in a loop, a survival curve that looks at everybody again for
//! every step. The result is JSON, so that the engine's figures and what the
//! command prints are compared with it in the same way.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shutterlag::event::Workflow;
use shutterlag::time::Timestamp;

use super::Ledger;
use super::oversight;
use super::record::{Advice, Decision, Record};

const FASTEST_MS: i64 = 540_000;
const MEAN_MS: i64 = 1_020_000;
const HOUR_MS: i64 = 3_600_000;
/// 300 words a minute.
const MS_PER_WORD: i64 = 200;
/// The 97.5 % quantile of the normal law.
const Z: f64 = 1.959_963_984_540_054;
const REASONS: [&str; 5] = [
    "impossible_reading",
    "evidence_unopened",
    "unauthorized",
    "self_approval",
    "templated_rationale",
];

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
}

/// `summary.json`.
pub(crate) fn summary(ledger: &Ledger, asked: &Asked) -> Value {
    let windows = &ledger.windows;
    let reasons = reasons(windows, asked);
    let count = |wanted: &dyn Fn(&Record) -> bool| windows.iter().filter(|w| wanted(w)).count();
    let band = |name| count(&|window| window.figures.band == Some(name));
    let state = |name| count(&|window| window.figures.state.as_str() == name);
    let decided = |window: &Record| window.decision.is_some();
    let reviews = count(&decided);
    let hollow = reasons.values().filter(|reasons| !reasons.is_empty()).count();
    let by_reason: BTreeMap<_, _> = REASONS
        .iter()
        .map(|reason| (reason, reasons.values().filter(|found| found.contains(reason)).count()))
        .collect();
    let effective = (0..windows.len())
        .filter(|at| windows[*at].figures.band == Some("ahead"))
        .filter(|at| reasons[at].is_empty())
        .count();
    let owed = count(&|window| {
        decided(window) || asked.age_ms(window).is_some_and(|age| age >= FASTEST_MS)
    });
    json!({
        "as_of": asked.as_of,
        "events": {
            "read": ledger.accepted + ledger.duplicate + asked.rejected + asked.skipped,
            "accepted": ledger.accepted,
            "duplicate": ledger.duplicate,
            "rejected": asked.rejected,
            "late": 0,
            "skipped": asked.skipped,
            "orphan": ledger.orphan,
            "clock_skew": windows.iter().map(|window| window.figures.skew_faults).sum::<u64>(),
        },
        "windows": {
            "total": windows.len(),
            "open": state("open"),
            "reviewed": state("reviewed"),
            "contained": state("contained"),
            "closed": state("closed"),
        },
        "stages": stages(windows),
        "attacker_window": {
            "fastest_ms": FASTEST_MS,
            "mean_ms": MEAN_MS,
            "ahead": band("ahead"),
            "contested": band("contested"),
            "behind": band("behind"),
            "unreviewed": windows.len() - reviews,
            "unknown": count(&|window| decided(window) && time_to_review(window).is_none()),
            "expected_attacker_first": asked.expected_attacker_first(windows),
        },
        "survival": { "time_to_review": survival(windows, asked) },
        "oversight": {
            "reviews": reviews,
            "meaningful": reviews - hollow,
            "hollow": hollow,
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
            "reviewers": oversight::reviewers(windows, asked),
        },
        "effective_review_rate": (owed > 0).then(|| effective as f64 / owed as f64),
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
    ["detection", "triage", "review", "time_to_review", "containment", "exposure"]
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
        .collect::<serde_json::Map<_, _>>()
        .into()
}

impl Asked {
    /// Since when the window has been open, for an undecided one.
    fn age_ms(&self, window: &Record) -> Option<i64> {
        Some(self.as_of?.as_millis() - window.figures.start.as_millis())
    }

    fn expected_attacker_first(&self, windows: &[Record]) -> f64 {
        let mut expected = 0.0;
        for window in windows {
            let decided = window.decision.as_ref().map(|decision| decision.decided_at);
            let until = match (window.contained_at, decided) {
                (Some(contained), _) => contained,
                (None, Some(decided)) => decided,
                (None, None) => self.as_of.unwrap(),
            };
            let (_, fastest, mean) = self
                .curves
                .iter()
                .find(|(location, ..)| window.location.as_deref() == Some(*location))
                .unwrap_or(&("", FASTEST_MS, MEAN_MS));
            let t = until.as_millis() - window.figures.start.as_millis();
            if t > *fastest {
                let x = (t - fastest) as f64 / (mean - fastest) as f64;
                expected += -(-x).exp_m1();
            }
        }
        expected
    }
}

/// One subject's time in ms, and whether the review came then.
type Watched = (i64, bool);

/// Kaplan-Meier: from each time on at which a review came, `S` and Greenwood's sum.
fn curve(watched: &[Watched]) -> Vec<(i64, f64, f64)> {
    let times: BTreeSet<i64> =
        watched.iter().filter(|(_, came)| *came).map(|(at, _)| *at).collect();
    let (mut s, mut sum) = (1.0, 0.0);
    let step = |time| {
        let at_risk = watched.iter().filter(|(at, _)| *at >= time).count() as f64;
        let came = watched.iter().filter(|(at, came)| *at == time && *came).count() as f64;
        s *= 1.0 - came / at_risk;
        sum += came / (at_risk * (at_risk - came));
        (time, s, sum)
    };
    times.into_iter().map(step).collect()
}

fn reviewed_by(curve: &[(i64, f64, f64)], t: i64) -> Value {
    let (_, s, sum) = curve.iter().rfind(|(from, ..)| *from <= t).copied().unwrap_or((0, 1.0, 0.0));
    // At both ends there is nothing to vary, and no bounds.
    let bound = |sign: f64| {
        let theta = Z * sum.sqrt() / s.ln().abs();
        (s > 0.0 && s < 1.0).then(|| 1.0 - s.powf((sign * theta).exp()))
    };
    json!({ "estimate": 1.0 - s, "low": bound(-1.0), "high": bound(1.0) })
}

fn survival(windows: &[Record], asked: &Asked) -> Value {
    let watched: Vec<Watched> = windows
        .iter()
        .filter_map(|window| match window.decision {
            Some(_) => time_to_review(window).map(|at| (at, true)),
            None => asked.age_ms(window).filter(|age| *age >= 0).map(|age| (age, false)),
        })
        .collect();
    if watched.is_empty() {
        let nothing = json!({ "estimate": null, "low": null, "high": null });
        return json!({
            "reviewed_by_fastest": nothing,
            "reviewed_by_mean": nothing,
            "median_ms": null,
            "rmst_1h_ms": null,
            "observed_up_to_ms": null,
        });
    }
    let curve = curve(&watched);
    // A product of fractions may miss one half by its roundings.
    let median = curve.iter().find(|(_, s, _)| *s <= 0.5 + 1e-10).map(|(at, ..)| *at);
    let (mut area, mut from, mut height) = (0.0, 0, 1.0);
    for (at, s, _) in curve.iter().filter(|(at, ..)| *at < HOUR_MS) {
        area += height * (at - from) as f64;
        (from, height) = (*at, *s);
    }
    area += height * (HOUR_MS - from) as f64;
    json!({
        "reviewed_by_fastest": reviewed_by(&curve, FASTEST_MS),
        "reviewed_by_mean": reviewed_by(&curve, MEAN_MS),
        "median_ms": median,
        "rmst_1h_ms": area,
        "observed_up_to_ms": watched.iter().map(|(at, _)| *at).max(),
    })
}

/// One decided window, as its reviewer's reviews are gone through.
pub(super) struct Review<'r> {
    /// Its place among the windows.
    pub(super) at: usize,
    pub(super) window: &'r Record,
    pub(super) decision: &'r Decision,
}

impl Review<'_> {
    pub(super) fn decided_ms(&self) -> i64 {
        self.decision.decided_at.as_millis()
    }

    fn advice(&self) -> Option<&Advice> {
        self.window.advice.as_ref()
    }

    fn presented_ms(&self) -> Option<i64> {
        self.advice().map(|advice| advice.presented_at.as_millis())
    }

    fn floor_ms(&self) -> Option<i64> {
        self.advice()?.summary_words.map(|words| i64::from(words) * MS_PER_WORD)
    }
}

/// Every reviewer's reviews in order.
pub(super) fn by_reviewer(windows: &[Record]) -> BTreeMap<&str, Vec<Review<'_>>> {
    let mut reviewers: BTreeMap<&str, Vec<Review<'_>>> = BTreeMap::new();
    for (at, window) in windows.iter().enumerate() {
        if let Some(decision) = &window.decision {
            let review = Review { at, window, decision };
            reviewers.entry(&decision.reviewer).or_default().push(review);
        }
    }
    for reviews in reviewers.values_mut() {
        reviews.sort_by_key(|review| {
            let Record { workflow, credential_id, detected_at, .. } = review.window;
            let exposure_id = format!("{workflow}/{credential_id}/{}", detected_at.as_millis());
            (review.decided_ms(), exposure_id)
        });
    }
    reviewers
}

/// The certificates of every decided window, by its place among the windows.
fn reasons(windows: &[Record], asked: &Asked) -> BTreeMap<usize, BTreeSet<&'static str>> {
    let mut found = BTreeMap::new();
    for reviews in by_reviewer(windows).values() {
        for n in 0..reviews.len() {
            found.insert(reviews[n].at, of_one(reviews, n, asked));
        }
    }
    found
}

fn of_one(reviews: &[Review<'_>], n: usize, asked: &Asked) -> BTreeSet<&'static str> {
    let review = &reviews[n];
    let Decision { reviewer, rationale_digest, opened_at, authorized, .. } = review.decision;
    let requested_by = review.advice().and_then(|advice| advice.requested_by.as_ref());
    let alike = rationale_digest.as_ref().map_or(0, |digest| {
        reviews[n.saturating_sub(20)..n]
            .iter()
            .filter(|earlier| earlier.decision.rationale_digest.as_ref() == Some(digest))
            .count()
    });
    let unopened = asked.expect_opening.contains(&review.window.workflow) && opened_at.is_none();
    [
        ("impossible_reading", impossible_reading(reviews, n)),
        ("evidence_unopened", unopened),
        ("unauthorized", *authorized == Some(false)),
        ("self_approval", requested_by == Some(reviewer)),
        ("templated_rationale", alike >= 5),
    ]
    .into_iter()
    .filter_map(|(reason, holds)| holds.then_some(reason))
    .collect()
}

/// Whether there was less time than reading takes; without a floor nobody can say.
fn impossible_reading(reviews: &[Review<'_>], n: usize) -> bool {
    attention(reviews, n).is_some_and(|(attention, floor)| attention < floor)
}

/// Attention and floor of a case, or of the batch that it belongs to.
pub(super) fn attention(reviews: &[Review<'_>], n: usize) -> Option<(i64, i64)> {
    match &reviews[n].decision.batch_id {
        None => alone(reviews, n),
        Some(batch) => together(reviews, batch),
    }
}

/// Attention and floor of a case decided by itself.
fn alone(reviews: &[Review<'_>], n: usize) -> Option<(i64, i64)> {
    let review = &reviews[n];
    let presented = review.presented_ms()?;
    let opened = review.decision.opened_at.map(Timestamp::as_millis);
    let previous = n.checked_sub(1).map(|previous| reviews[previous].decided_ms());
    let from = presented.max(opened.unwrap_or(presented)).max(previous.unwrap_or(presented));
    Some((review.decided_ms() - from, review.floor_ms()?))
}

/// Attention and floors of all cases that the reviewer decided as one batch: all
/// are hollow or none, those of unknown length too.
fn together(reviews: &[Review<'_>], batch: &String) -> Option<(i64, i64)> {
    let members: Vec<usize> = (0..reviews.len())
        .filter(|at| reviews[*at].decision.batch_id.as_ref() == Some(batch))
        .collect();
    let cases = || members.iter().map(|at| &reviews[*at]);
    // A floor needs advice with words in it; any advice begins the batch.
    let floors: Vec<i64> = cases().filter_map(Review::floor_ms).collect();
    let presented = cases().filter_map(Review::presented_ms).min()?;
    // What was decided before the first of the batch is outside of it.
    let previous = members[0].checked_sub(1).map(|previous| reviews[previous].decided_ms());
    let last = reviews[*members.last()?].decided_ms();
    let from = presented.max(previous.unwrap_or(presented));
    (!floors.is_empty()).then(|| (last - from, floors.iter().sum()))
}

/// Every place in which `got` is not `wanted`.
///
/// Numbers with a fraction may differ by a few roundings, quantiles by the width
/// of a bucket, all else not at all; neither may have a field more.
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
            (got - wanted).abs() <= f64::max(1e-12 * wanted.abs(), 1e-13)
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

fn is_quantile(path: &str) -> bool {
    ["/p50_ms", "/p90_ms", "/p99_ms"].iter().any(|quantile| path.ends_with(quantile))
}
