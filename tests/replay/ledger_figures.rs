//! The figures from a ledger that is read back equal those of the run that wrote it.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use serde_json::Value;
use shutterlag::config::{FiguresConfig, Profiles};
use shutterlag::engine::attacker::Race;
use shutterlag::engine::summary::FigureRules;
use shutterlag::engine::windows::Stage;
use shutterlag::records::{Declared, WindowRecord};
use shutterlag::report::figures::LedgerTally;
use shutterlag::time::{Span, Timestamp};

use crate::harness::case::{CASES, Case, close, start};
use crate::harness::{ms, number};

fn records(case: &Case) -> Vec<WindowRecord> {
    let text = case.out.text("windows.ndjson");
    text.lines().map(|line| WindowRecord::read(line.as_bytes()).unwrap()).collect()
}

fn race(case: &Case) -> Race {
    let settings = case.args.windows(2).filter(|pair| pair[0] == "--attacker");
    Race::from_settings(settings.map(|pair| pair[1].parse().unwrap())).unwrap()
}

#[test]
fn the_figures_of_a_ledger_are_those_of_its_run() {
    for case in CASES.iter() {
        let as_of = Timestamp::from_millis(case.as_of());
        let (profiles, figures) = (Profiles::default(), FiguresConfig::default());
        let race = race(case).between(&profiles, &figures);
        let rules = FigureRules { race: &race, profiles: &profiles, figures: &figures };
        // In two parts, the later one first: neither cut nor order may matter.
        let records = records(case);
        let mut parts = [LedgerTally::new(), LedgerTally::new()];
        for (at, record) in records.iter().enumerate().rev() {
            parts[at % 2].add(record, &rules, as_of);
        }
        let [mut tally, other] = parts;
        tally.merge(&other);
        let figures = serde_json::to_value(tally.figures(&rules, as_of)).unwrap();

        for same in ["as_of", "windows", "stages", "attacker_window", "survival", "workflows"] {
            assert_eq!(figures[same], case.summary[same], "{}: {same}", case.name);
        }
        assert_eq!(figures["effective_review_rate"], case.summary["effective_review_rate"]);
        let oversight = figures["oversight"].as_object().unwrap();
        for (field, value) in oversight.iter().filter(|(field, _)| *field != "judged") {
            assert_eq!(value, &case.summary["oversight"][field], "{}: {field}", case.name);
        }
        assert_eq!(oversight["judged"], oversight["reviews"]);
        assert!(number(&figures, "oversight.hollow") > 0, "{}: nothing to compare", case.name);

        // What no record holds is not there, while the run did find some.
        assert!(number(&case.summary, "oversight.nonhuman_decisions") > 0);
        for absent in ["nonhuman_decisions", "seeded"] {
            assert!(!oversight.contains_key(absent), "{absent}");
        }
        assert!(figures.get("events").is_none());
    }
}

#[test]
fn a_window_read_back_says_what_its_record_says() {
    for case in CASES.iter() {
        let as_of = Timestamp::from_millis(case.as_of());
        let (profiles, figures) = (Profiles::default(), FiguresConfig::default());
        let race = race(case).between(&profiles, &figures);
        for (record, line) in records(case).iter().zip(&case.windows) {
            let window = record.window();
            let id = &line["exposure_id"];
            assert_eq!(record.exposure_id().to_string(), *id);
            assert_eq!(window.start().as_millis(), start(line), "{id}");
            assert_eq!(window.clock_skew(), line["clock_skew"], "{id}");
            for stage in Stage::ALL {
                let ms = window.duration(*stage).map(Span::as_millis);
                assert_eq!(ms, line["durations_ms"][stage.as_str()].as_i64(), "{id} {stage}");
            }
            let json = |value: Option<Value>| value.unwrap_or_default();
            assert_eq!(json(window.band().map(|band| band.as_str().into())), line["band"], "{id}");
            assert_eq!(json(window.agreed().map(Value::from)), line["agreed"], "{id}");
            assert_eq!(json(window.final_action.map(|a| a.as_str().into())), line["final_action"]);
            assert_eq!(window.decided_at().map(Timestamp::as_millis), ms(&line["decided_at"]));
            let judgement = record.judgement().unwrap();
            let quality = judgement.quality().map(|quality| quality.as_str());
            assert_eq!(quality, line["quality"].as_str(), "{id}");
            assert_eq!(serde_json::to_value(judgement.reasons).unwrap(), line["hollow"], "{id}");
            match (window.attacker_first(&race, as_of), &line["attacker_first"]) {
                (None, written) => assert!(written.is_null(), "{id}"),
                (Some(first), written) => {
                    assert!(close(first.low, written["low"].as_f64().unwrap()));
                    assert!(close(first.high, written["high"].as_f64().unwrap()));
                    let recorded = record.attacker_first.unwrap().0;
                    assert_eq!((recorded.low, recorded.high), (first.low, first.high), "{id}");
                    assert_eq!(recorded.lower_bound, first.lower_bound, "{id}");
                }
            }
            let closed = line["state"] == "closed" || line["state"] == "withdrawn";
            assert_eq!(record.closed_at().is_some(), closed, "{id}");
        }
    }
}
