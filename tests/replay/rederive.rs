//! What the semantics say, written a second time for the tests: targets, outcomes, incidents
//! and bounds, computed from the records of a ledger and from nothing else.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::HashMap;

use serde_json::Value;

use crate::harness::case::{MINUTE, start};
use crate::harness::ms;

/// Places that attackers watch unless the configuration says otherwise.
const PUBLIC: [&str; 10] = [
    "bitbucket",
    "crates",
    "dockerhub",
    "github",
    "gitlab",
    "npm",
    "pastebin",
    "pypi",
    "rubygems",
    "s3",
];

/// Detections of one source, owner and place this far apart are two incidents.
const INCIDENT_GAP: i64 = 5 * MINUTE;
/// One batch of decisions lasts no longer than this.
const BATCH_HOLD: i64 = 60 * MINUTE;
const DAY: i64 = 24 * 60 * MINUTE;

/// How fast the decisions of a workflow have to be, in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Targets {
    pub(crate) in_time: i64,
    pub(crate) late: i64,
    pub(crate) raced: bool,
}

/// The targets of the window's workflow, as the table in the documentation has them.
pub(crate) fn targets(window: &Value) -> Targets {
    let (in_time, late, raced) = match window["workflow"].as_str().unwrap() {
        "secret_exposure" | "activity_triage" | "soc_classification" => {
            (9 * MINUTE, 17 * MINUTE, true)
        }
        "policy_change" => (DAY, 3 * DAY, false),
        "entitlement_review" => (7 * DAY, 14 * DAY, false),
        other => panic!("workflow {other}"),
    };
    Targets { in_time, late, raced }
}

/// Whether attackers race for what leaked.
pub(crate) fn is_raced_for(window: &Value) -> bool {
    targets(window).raced && window["location"].as_str().is_none_or(|at| PUBLIC.contains(&at))
}

/// The least milliseconds in which anybody can read the advice; `None` where its length says
/// nothing.
pub(crate) fn floor_ms(window: &Value) -> Option<i64> {
    let words = window["summary_words"].as_i64().filter(|words| *words >= 20);
    let characters = window["summary_chars"].as_i64().filter(|characters| *characters >= 120);
    words.map(|words| words * 60).or(characters.map(|characters| characters * 10))
}

/// Whether the measurement starts at the beginning. Where nobody races a case begins at its opening.
pub(crate) fn starts_known(window: &Value) -> bool {
    window["clock"] == "exposed" || window["raced"] == false
}

/// What became of the review of a window, if it was due or decided by `as_of`.
pub(crate) fn outcome(window: &Value) -> Option<&'static str> {
    let decided = ms(&window["decided_at"])?;
    let taken = decided - start(window);
    if taken >= targets(window).in_time {
        return Some("overdue");
    }
    let quality = window["quality"].as_str();
    Some(match quality {
        None => "unjudged",
        Some("hollow") => "hollow",
        // Decided before the exposure, say the clocks; or nobody knows when that was.
        _ if taken < 0 || !starts_known(window) => "unknown_exposure",
        Some("unassessed") => "unassessed",
        Some(_) => "effective",
    })
}

/// The same for a window that is old enough for its review to be due.
pub(crate) fn due(window: &Value, as_of: i64) -> Option<&'static str> {
    let due_at = start(window) + targets(window).in_time;
    if as_of < due_at {
        return None;
    }
    match ms(&window["withdrawn_at"]) {
        Some(withdrawn) if window["decided_at"].is_null() && withdrawn < due_at => None,
        _ => Some(outcome(window).unwrap_or("overdue")),
    }
}

/// Windows, incidents and Kish's effective number of some windows of a ledger.
pub(crate) struct Worth {
    pub(crate) windows: u64,
    pub(crate) incidents: u64,
    pub(crate) effective: f64,
}

impl Worth {
    /// Of those windows that `wanted` picks; incidents are those of the whole ledger.
    pub(crate) fn of(windows: &[Value], wanted: impl Fn(&Value) -> bool) -> Worth {
        let incidents = incidents(windows);
        let mut sizes: HashMap<usize, u64> = HashMap::new();
        for (window, incident) in windows.iter().zip(incidents) {
            if wanted(window) {
                *sizes.entry(incident).or_default() += 1;
            }
        }
        let windows: u64 = sizes.values().sum();
        let squares: u64 = sizes.values().map(|size| size * size).sum();
        let effective =
            if squares == 0 { 0.0 } else { (windows * windows) as f64 / squares as f64 };
        Worth { windows, incidents: sizes.len() as u64, effective }
    }
}

/// By window, a number that is the same for all windows of one incident.
fn incidents(windows: &[Value]) -> Vec<usize> {
    let mut of: Vec<usize> = (0..windows.len()).collect();
    let mut join = |a: usize, b: usize| {
        let (to, from) = (of[a], of[b]);
        of.iter_mut().filter(|incident| **incident == from).for_each(|incident| *incident = to);
    };
    let mut named: HashMap<&str, usize> = HashMap::new();
    let mut placed: HashMap<[&Value; 3], Vec<(i64, usize)>> = HashMap::new();
    let mut batched: HashMap<[&Value; 2], Vec<(i64, usize)>> = HashMap::new();
    for (number, window) in windows.iter().enumerate() {
        match window["incident"].as_str() {
            Some(incident) => join(*named.entry(incident).or_insert(number), number),
            None => {
                let key = [&window["source"], &window["owner"], &window["location"]];
                let at = ms(&window["detected_at"]).unwrap();
                placed.entry(key).or_default().push((at, number));
            }
        }
        if let Some(at) = ms(&window["decided_at"]).filter(|_| window["batch_id"].is_string()) {
            let key = [&window["reviewer"], &window["batch_id"]];
            batched.entry(key).or_default().push((at, number));
        }
    }
    for places in placed.values_mut() {
        places.sort_unstable();
        for pair in places.windows(2) {
            if pair[1].0 - pair[0].0 < INCIDENT_GAP {
                join(pair[0].1, pair[1].1);
            }
        }
    }
    for batch in batched.values_mut() {
        batch.sort_unstable();
        let mut first = batch[0];
        for (at, number) in &batch[1..] {
            if at - first.0 <= BATCH_HOLD {
                join(first.1, *number);
            } else {
                first = (*at, *number);
            }
        }
    }
    of
}

/// The 97.5 % quantile of the normal law.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// The two-sided 95 % bounds of a share of so many independent observations: Wilson's, below
/// thirty those of Clopper and Pearson.
pub(crate) fn bounds(share: f64, number: f64) -> (f64, f64) {
    if number >= 30.0 {
        // The roots of (p − share)² = z² p (1 − p) / n.
        let (a, b) = (1.0 + Z * Z / number, 2.0 * share + Z * Z / number);
        let reach = (b * b - 4.0 * a * share * share).max(0.0).sqrt();
        return ((b - reach) / (2.0 * a), (b + reach) / (2.0 * a));
    }
    let (some, rest) = (share * number, (1.0 - share) * number);
    let low = if some > 0.0 { quantile(some, rest + 1.0, 0.025) } else { 0.0 };
    let high = if rest > 0.0 { quantile(some + 1.0, rest, 0.975) } else { 1.0 };
    (low, high)
}

/// The quantile of the beta law, by halving.
fn quantile(a: f64, b: f64, probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if beta(middle, a, b) < probability { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The regularised incomplete beta function, by its series of positive terms.
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x > 0.5 {
        return 1.0 - beta(1.0 - x, b, a);
    }
    let (mut term, mut sum, mut n) = (1.0, 1.0, 0.0);
    while term > sum * 1e-18 {
        term *= x * (a + b + n) / (a + 1.0 + n);
        sum += term;
        n += 1.0;
    }
    let scale = ln_gamma(a + b) - ln_gamma(a + 1.0) - ln_gamma(b);
    sum * (scale + a * x.ln() + b * (1.0 - x).ln()).exp()
}

/// Stirling's series, where its argument is large enough for it.
fn ln_gamma(x: f64) -> f64 {
    if x < 20.0 {
        return ln_gamma(x + 1.0) - x.ln();
    }
    let tail = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + tail
}

#[test]
fn bounds_are_those_of_the_tables() {
    let near = |(low, high): (f64, f64), expected: (f64, f64)| {
        assert!((low - expected.0).abs() < 1e-9, "{low} {expected:?}");
        assert!((high - expected.1).abs() < 1e-9, "{high} {expected:?}");
    };
    // Clopper and Pearson where there is a closed form: all and none of n.
    near(bounds(1.0, 4.0), (0.025_f64.powf(0.25), 1.0));
    near(bounds(0.0, 9.0), (0.0, 1.0 - 0.025_f64.powf(1.0 / 9.0)));
    // Half of two: the roots of p² = 0.025 and of 1 − (1 − p)² = 0.025 mirrored.
    near(bounds(0.5, 2.0), (1.0 - 0.975_f64.sqrt(), 0.975_f64.sqrt()));
    let (low, high) = bounds(0.5, 100.0);
    assert!((low - 0.4038).abs() < 5e-5 && (high - 0.5962).abs() < 5e-5, "{low} {high}");
}
