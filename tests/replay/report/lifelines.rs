//! A report on a ledger of recorded observations gives the figures that the Python
//! package lifelines gave for them, to a millionth.

use serde_json::{Value, json};

use super::made::{decided, known, lines, open, report, time};

/// 2096-01-01T00:00:00Z: a ledger may reach back ninety years from here.
const AS_OF: i64 = 3_976_214_400_000;
const TOLERANCE: f64 = 1e-6;

fn recorded(text: &str) -> Vec<Value> {
    let recorded: Value = serde_json::from_str(text).unwrap();
    recorded["sets"].as_array().unwrap().clone()
}

fn close(ours: &Value, theirs: &Value) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0),
        (ours, theirs) => ours.is_none() && theirs.is_none(),
    }
}

fn told(records: &[Value]) -> Value {
    let as_of = time(AS_OF);
    // Each is an incident of its own, as the observations of lifelines are independent.
    // Those have seen each from its beginning.
    let mut records: Vec<Value> = records.iter().map(known).collect();
    for record in &mut records {
        record["incident"] = record["credential_id"].clone();
    }
    report(lines(&records), &["--as-of", &as_of])
}

#[test]
fn the_waiting_curve_is_that_of_lifelines() {
    let mut compared = 0;
    for set in recorded(include_str!("../../fixtures/survival/lifelines.json")) {
        let name = &set["name"];
        let all = |field: &str| set[field].as_array().unwrap().clone();
        let mut records = Vec::new();
        for (number, ms) in all("events_ms").iter().enumerate() {
            let ms = ms.as_i64().unwrap();
            records.push(decided(&format!("d{number}"), AS_OF - ms, ms, 1));
        }
        for (number, ms) in all("censored_ms").iter().enumerate() {
            records.push(open(&format!("o{number}"), AS_OF - ms.as_i64().unwrap()));
        }
        let told = told(&records);
        let waits = &told["time_to_review"];
        assert_eq!(waits["windows"], records.len(), "{name}");
        for (at, horizon) in ["fastest", "mean"].iter().enumerate() {
            let (ours, theirs) = (&waits["reviewed_by"][at], &set["reviewed_by"][*horizon]);
            let chance = json!(1.0 - theirs["survival"].as_f64().unwrap());
            assert!(close(&ours["low"], &chance), "{name} {horizon}: {ours} {theirs}");
            assert_eq!(ours["low"], ours["high"], "{name} {horizon}: all is known");
            if theirs["t_ms"].as_i64() > waits["observed_up_to_ms"].as_i64() {
                // Nobody was watched for so long: lifelines keeps its last bounds.
                assert_eq!(ours["high_bound"], 1.0, "{name} {horizon}: {ours}");
                assert!(ours["low_bound"].as_f64() <= ours["low"].as_f64(), "{name}: {ours}");
            } else if records.len() >= 30 && !theirs["low"].is_null() {
                // Below thirty, and where lifelines has no bounds, other bounds hold.
                for (bound, of) in [("low_bound", "low"), ("high_bound", "high")] {
                    assert!(close(&ours[bound], &theirs[of]), "{name} {horizon}: {ours} {theirs}");
                }
                compared += 1;
            }
        }
        for figure in ["median_ms", "rmst_1h_ms"] {
            let ours = &waits[figure];
            assert!(close(&ours["low"], &set[figure]), "{name}: {figure} {ours}");
            assert_eq!(ours["low"], ours["high"], "{name}: {figure}");
        }
    }
    assert!(compared >= 8, "{compared} bounds");
}

#[test]
fn what_ended_the_wait_is_that_of_lifelines() {
    let mut compared = 0;
    for set in recorded(include_str!("../../fixtures/survival/aalen_johansen.json")) {
        let observations = set["observations"].as_array().unwrap();
        let record = |(number, one): (usize, &Value)| {
            let (ms, end) = (one[0].as_i64().unwrap(), one[1].as_u64());
            let (name, at) = (format!("c{number}"), AS_OF - ms);
            let mut record = open(&name, at);
            match end {
                Some(0) => return decided(&name, at, ms, 1),
                Some(1) => {
                    record["state"] = json!("contained");
                    record["contained_at"] = json!(time(AS_OF));
                }
                Some(_) => record["abused_at"] = json!(time(AS_OF)),
                None => {}
            }
            record
        };
        let records: Vec<Value> = observations.iter().enumerate().map(record).collect();
        let told = told(&records);
        for by in told["outcomes"]["shares"].as_array().unwrap() {
            let recorded = set["at"].as_array().unwrap();
            let theirs = recorded.iter().find(|at| at["t_ms"] == by["t_ms"]).unwrap();
            for (end, name) in ["decision", "containment", "abuse"].iter().enumerate() {
                assert!(close(&by[*name], &theirs["ended"][end]), "{}: {by} {theirs}", set["name"]);
            }
            assert!(close(&by["waiting"], &theirs["waiting"]), "{}: {by} {theirs}", set["name"]);
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared}");
}
