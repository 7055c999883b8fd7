//! With little data there is an honest report or a clear error.

use std::fs;

use serde_json::{Value, json};

use super::made::{
    DAY, MINUTE, MONDAY, decided, known, lines, no_nonsense, open, report, run, time,
};
use crate::harness::case::CASES;
use crate::harness::{KEY, Run};

const WEEK: [&str; 4] = ["--from", "2026-03-02", "--to", "2026-03-09"];

/// All forms of the report, none of which may hold nonsense; the Markdown.
#[track_caller]
fn told(ledger: &str, args: &[&str]) -> String {
    for form in ["html", "csv", "json"] {
        no_nonsense(&run(ledger, &[args, &["--format", form]].concat()).exits(0).stdout);
    }
    let text = run(ledger, args).exits(0).stdout;
    no_nonsense(&text);
    text
}

#[test]
fn an_empty_period_says_that_nothing_can_be_said() {
    let ledger = lines(&[open("c1", MONDAY - 30 * DAY), open("c2", MONDAY + 30 * DAY)]);
    let text = told(&ledger, &WEEK);
    assert!(text.contains("No exposure was detected in this period"), "{text}");
    let value = report(ledger, &WEEK);
    for empty in [
        "/verdict/effective/low",
        "/verdict/effective/high",
        "/time_to_review/median_ms/low",
        "/attacker_first/laws/0/low",
        "/reviews/hollow/share",
        "/seeded/caught/share",
        "/ownership/without_owner/share",
        "/boundary/ai_acted_first/share",
    ] {
        assert_eq!(value.pointer(empty), Some(&Value::Null), "{empty}");
    }
    assert_eq!(value["time_to_review"]["curve"], json!([]));
    assert_eq!(value["verdict"]["trend"], "unknown");
}

#[test]
fn an_empty_ledger_needs_a_whole_period() {
    let text = told("", &WEEK);
    assert!(text.contains("No exposure was detected"), "{text}");
    let ran = run("", &["--from", "2026-03-02"]).exits(1);
    assert!(ran.stderr.contains("both --from and --to"), "{}", ran.stderr);
    run("", &[]).exits(1);
}

#[test]
fn one_exposure_gives_wide_bounds_and_no_names() {
    let as_of = time(MONDAY + DAY);
    let args = [&WEEK[..], &["--as-of", &as_of]].concat();
    let text = told(&lines(&[decided("c1", MONDAY, 4 * MINUTE, 1)]), &args);
    // When it was exposed is not known, so the rate may be anything.
    assert!(text.contains("95 % bounds, by incident: 0.0 % to 100.0 %"), "{text}");
    assert!(text.contains("fewer than 5"), "{text}");
    assert!(!text.contains("reviewer-0"), "{text}");
}

#[test]
fn all_undecided_is_no_median_and_every_attacker() {
    let all: Vec<Value> = (0..20).map(|n| open(&format!("c{n}"), MONDAY + n * MINUTE)).collect();
    let as_of = time(MONDAY + DAY);
    let args = [&WEEK[..], &["--as-of", &as_of]].concat();
    let text = told(&lines(&all), &args);
    assert!(text.contains("not reached: over half are undecided"), "{text}");
    assert!(text.contains("No person decided"), "{text}");
    let value = report(lines(&all), &args);
    let rate = &value["verdict"]["effective"];
    assert_eq!((&rate["low"], &rate["high"]), (&json!(0.0), &json!(0.0)));
    let law = &value["attacker_first"]["laws"][0];
    assert_eq!(law["high"], 1.0);
    assert!(law["low"].as_f64().unwrap() > 0.99);
    assert_eq!(value["time_to_review"]["reviewed_by"][0]["high"], 0.0);
    // A minute apart they are one incident, which tells next to nothing.
    assert_eq!((&rate["windows"], &rate["incidents"]), (&json!(20), &json!(1)));
    assert!(rate["high_bound"].as_f64().unwrap() > 0.7, "{rate}");
    assert_eq!(value["verdict"]["look_at"][0]["matter"], "overdue");
}

#[test]
fn all_hollow_is_no_effective_review() {
    let hollow = |n: i64| {
        let mut record = decided(&format!("c{n:02}"), MONDAY + n * 3_600_000, MINUTE, n as u32 % 7);
        record["hollow"] = json!(["unauthorized"]);
        record
    };
    let all: Vec<Value> = (0..30).map(hollow).collect();
    let text = told(&lines(&all), &WEEK);
    assert!(text.contains("Every judged decision is hollow"), "{text}");
    let value = report(lines(&all), &WEEK);
    let rate = &value["verdict"]["effective"];
    assert_eq!((&rate["low"], &rate["high"]), (&json!(0.0), &json!(0.0)));
    assert_eq!(value["reviews"]["hollow"]["share"], 1.0);
    assert_eq!(value["reviews"]["certificates"].as_array().unwrap().len(), 30);
}

#[test]
fn what_there_was_nothing_to_judge_by_is_told_and_is_not_hollow() {
    let mut hollow = decided("c1", MONDAY, MINUTE, 1);
    hollow["hollow"] = json!(["unauthorized"]);
    let mut unassessed = decided("c2", MONDAY + DAY, MINUTE, 1);
    unassessed["quality"] = json!("unassessed");
    let ledger = lines(&[hollow, unassessed]);
    let text = told(&ledger, &WEEK);
    assert!(text.contains("2 human decisions: 0 meaningful, 1 unassessed, 1 hollow."), "{text}");
    assert!(text.contains("| unassessed: nothing to judge it by | 1 | 50.0 %"), "{text}");
    assert!(!text.contains("Every judged decision is hollow"), "{text}");
    assert!(text.contains("Meaningful reviews, of the decisions judged: 0.0 %"), "{text}");
}

#[test]
fn decisions_that_are_not_judged_are_neither() {
    let mut waiting = decided("c1", MONDAY, MINUTE, 1);
    waiting["hollow"] = Value::Null;
    waiting["effective"] = Value::Null;
    let ledger = lines(&[waiting, decided("c2", MONDAY + MINUTE, MINUTE, 2)]);
    let as_of = time(MONDAY + DAY);
    let args = [&WEEK[..], &["--as-of", &as_of]].concat();
    let value = report(ledger.clone(), &args);
    assert_eq!(value["reviews"]["unjudged"], 1);
    assert_eq!(value["reviews"]["hollow"]["of"], 1);
    let rate = &value["verdict"]["effective"];
    assert_eq!((&rate["low"], &rate["high"]), (&json!(0.0), &json!(1.0)));
    assert_eq!(rate["outcomes"]["unjudged"], 1);
    assert_eq!(rate["outcomes"]["unknown_exposure"], 1);
    assert!(told(&ledger, &args).contains("the decision has not been judged yet"));
}

#[test]
fn a_period_across_a_change_of_the_clocks_is_elapsed_time() {
    let ledger = lines(&[open("c1", MONDAY), open("c0", MONDAY - 40 * DAY)]);
    let spring = ["--from", "2026-03-01T00:00:00+01:00", "--to", "2026-04-01T00:00:00+02:00"];
    let value = report(ledger.clone(), &spring);
    let period = &value["period"];
    assert_eq!(period["length_ms"], 31 * DAY - 60 * MINUTE);
    assert_eq!(period["from"], "2026-02-28T23:00:00.000Z");
    assert_eq!(value["verdict"]["previous"]["from"], "2026-01-29T00:00:00.000Z");
    assert!(told(&ledger, &spring).contains("different offsets from UTC"));
    // The hour that the clocks repeat is not counted twice: ends are half open.
    let halves = [("2026-03-01", "2026-03-02"), ("2026-03-02", "2026-04-01")];
    let windows: u64 = halves
        .iter()
        .map(|(from, to)| {
            let value = report(ledger.clone(), &["--from", from, "--to", to]);
            value["verdict"]["windows"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(windows, 1);
}

#[test]
fn missing_fields_are_not_known_and_unknown_fields_are_ignored() {
    let mut bare = decided("c1", MONDAY, MINUTE, 1);
    for later in ["summary_words", "batch_id", "rationale_digest", "truth", "effective", "band"] {
        bare.as_object_mut().unwrap().remove(later);
    }
    let mut newer = decided("c2", MONDAY + MINUTE, MINUTE, 2);
    let as_of = time(MONDAY + DAY);
    let args = [&WEEK[..], &["--as-of", &as_of]].concat();
    newer["a_field_of_tomorrow"] = json!({"x": 1});
    let value = report(lines(&[bare, newer]), &args);
    assert_eq!(value["verdict"]["windows"], 2);
    let rate = &value["verdict"]["effective"];
    assert_eq!((&rate["low"], &rate["high"]), (&json!(0.0), &json!(1.0)));
    assert_eq!(value["quality"]["advice_without_length"], 1);
}

#[test]
fn the_median_of_the_decided_is_of_the_workflows_that_attackers_race_for() {
    let raced = [4, 10, 30].map(|minutes| {
        decided(&format!("raced-{minutes}"), MONDAY + minutes * MINUTE, minutes * MINUTE, 1)
    });
    let others = (0..9).map(|n| {
        let other = decided(&format!("rule-{n}"), MONDAY + n * MINUTE, MINUTE, 2);
        under(of_workflow(other, "policy_change"), DAY, 3 * DAY, false)
    });
    let all: Vec<Value> = raced.into_iter().chain(others).collect();
    let waits = &report(lines(&all), &WEEK)["time_to_review"];
    assert_eq!((&waits["windows"], &waits["decided"]), (&json!(3), &json!(3)));
    assert_eq!(waits["decided_median_ms"], 10 * MINUTE);
    let text = told(&lines(&all), &WEEK);
    assert!(text.contains("Median of the decided alone, which flatters: 10 min 00 s"), "{text}");
}

/// The record under other targets, as a configuration may set them.
fn under(mut record: Value, in_time: i64, late: i64, raced: bool) -> Value {
    for (field, value) in
        [("in_time_ms", json!(in_time)), ("late_ms", json!(late)), ("raced", json!(raced))]
    {
        record[field] = value;
    }
    record
}

fn of_workflow(mut record: Value, workflow: &str) -> Value {
    record["workflow"] = json!(workflow);
    let id = record["exposure_id"].as_str().unwrap();
    record["exposure_id"] = json!(id.replace("secret_exposure/", &format!("{workflow}/")));
    record
}

#[test]
fn every_exposure_is_measured_by_the_targets_of_its_own_record() {
    let slow = |n: i64, after: i64| {
        let record = decided(&format!("c{n}"), MONDAY + n * DAY, after * MINUTE, 1);
        under(record, 30 * MINUTE, 60 * MINUTE, true)
    };
    let triage = of_workflow(decided("t1", MONDAY, 20 * MINUTE, 2), "activity_triage");
    let triage = under(triage, 30 * MINUTE, 60 * MINUTE, false);
    // Before the targets were changed.
    let early = decided("c0", MONDAY, 20 * MINUTE, 1);
    let all = [early, slow(1, 20), slow(2, 45), slow(3, 90), triage].map(|record| known(&record));
    let value = report(lines(&all), &WEEK);
    let group = |name: &str| {
        let groups = value["bands"]["by_workflow"].as_array().unwrap();
        let group = groups.iter().find(|group| group["name"] == name).unwrap();
        ["ahead", "contested", "behind"].map(|band| group[band].as_u64().unwrap())
    };
    assert_eq!(group("secret_exposure"), [1, 1, 2]);
    assert_eq!(group("activity_triage"), [1, 0, 0]);
    // Nobody races in triage here, and in time is what was in time then.
    let rate = &value["verdict"]["effective"];
    assert_eq!((&value["verdict"]["raced"], &rate["windows"]), (&json!(4), &json!(4)));
    assert_eq!(rate["outcomes"]["overdue"], 3);
    let targets = value["question"]["targets"].as_array().unwrap();
    let secrets = targets.iter().find(|of| of["workflow"] == "secret_exposure").unwrap();
    assert_eq!(secrets["in_time_ms"], 30 * MINUTE, "those of the latest record");
    let text = told(&lines(&all), &WEEK);
    assert!(text.contains("secret exposure 30 min, late from 1 h"), "{text}");
    assert!(text.contains("Effective review rate of activity triage"), "{text}");
}

#[test]
fn figures_of_the_race_are_told_at_the_times_of_the_attackers_asked_for() {
    let all = [decided("c1", MONDAY, 7 * MINUTE, 1), decided("c2", MONDAY + DAY, MINUTE, 1)];
    let all = lines(&all.map(|record| known(&record)));
    let args = [&WEEK[..], &["--attacker", "5m,11m"]].concat();
    let value = report(all.clone(), &args);
    let waits = &value["time_to_review"];
    let moments = |of: &Value| -> Vec<i64> {
        of.as_array().unwrap().iter().map(|by| by["t_ms"].as_i64().unwrap() / MINUTE).collect()
    };
    assert_eq!(moments(&waits["reviewed_by"]), [5, 11, 60, 240, 1_440, 10_080]);
    assert_eq!(moments(&waits["at_risk"]), [0, 5, 11, 30, 45, 60]);
    assert_eq!(moments(&value["outcomes"]["shares"]), [5, 11, 60, 1_440]);
    assert_eq!(
        (&waits["reviewed_by"][0]["low"], &waits["reviewed_by"][0]["high"]),
        (&json!(0.5), &json!(0.5))
    );
    let text = told(&all, &args);
    let fact =
        "Decided before the fastest attackers (5 min), of those that attackers race for: 50.0 %";
    assert!(text.contains(fact), "{text}");
    assert!(text.contains("the fastest after 5 min"), "{text}");
    // Only the definition of the law names the published times.
    let figures = text.replace("Published are 9 minutes", "");
    assert!(
        figures.lines().all(|line| !line.contains("attacker") || !line.contains("9 min")),
        "{text}"
    );
    let page = run(all, &[&args[..], &["--format", "html"]].concat()).exits(0).stdout;
    assert!(page.contains("After 5 min, 50.0 % had been decided about"), "{page}");
    assert!(page.contains("published 5 min and 11 min"), "{page}");
}

#[test]
fn planted_cases_of_one_incident_are_one_in_sight_and_in_bounds() {
    let planted = |n: i64| {
        let mut record = decided(&format!("c{n:02}"), MONDAY + n * MINUTE, 4 * MINUTE, 1);
        record["incident"] = json!("commit-1");
        let truth = json!({
            "established_at": time(MONDAY + DAY), "correct_action": "dismiss", "seeded": true,
        });
        record["truth"] = truth;
        record
    };
    let all: Vec<Value> = (0..12).map(planted).collect();
    let seeded = &report(lines(&all), &WEEK)["seeded"];
    let missed = &seeded["missed"];
    assert_eq!(
        (&missed["count"], &missed["of"], &missed["incidents"]),
        (&json!(12), &json!(12), &json!(1))
    );
    assert!(missed["low"].as_f64().unwrap() < 0.1, "one observation: {missed}");
    assert_eq!(
        (&seeded["trials"]["wrong_advice"], &seeded["trials"]["challenged"]),
        (&json!(1), &json!(0))
    );
}

#[test]
fn a_cut_off_ledger_is_an_error_or_said() {
    let whole = lines(&[open("c1", MONDAY), open("c2", MONDAY + MINUTE)]);
    let cut = &whole[..whole.len() - 40];
    let ran = run(cut, &WEEK).exits(1);
    assert!(ran.stderr.contains("stdin:2: record: not one JSON object"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--allow-damage"), "{}", ran.stderr);
    let args = [&WEEK[..], &["--allow-damage"]].concat();
    let ran = run(cut, &args).exits(0);
    assert!(ran.stdout.contains("could not be read and were left out: 1"), "{}", ran.stdout);
    assert!(ran.stderr.contains("1 record could not be read"), "{}", ran.stderr);
    for foreign in ["null\n", "[1]\n", "{\"a\":1}\n", "hello\n"] {
        let ran = run(format!("{whole}{foreign}"), &WEEK).exits(1);
        assert!(ran.stderr.contains("1 record is not of the ledger"), "{}", ran.stderr);
    }
    let ran = run(format!("{whole}hello\n[1]\n"), &WEEK).exits(1);
    let said: Vec<&str> = ran.stderr.lines().filter(|line| !line.starts_with("note:")).collect();
    assert_eq!(said.len(), 3, "a line for each, and one for all: {said:?}");
    assert!(said.iter().all(|line| line.starts_with("shutterlag: ")), "{said:?}");
}

#[test]
fn a_cut_off_archive_is_an_error() {
    let whole = lines(&[open("c1", MONDAY), open("c2", MONDAY + MINUTE)]);
    let mut packed = zstd::encode_all(whole.as_bytes(), 3).unwrap();
    packed.truncate(packed.len() - 9);
    for args in [&WEEK[..], &[&WEEK[..], &["--allow-damage"]].concat()] {
        let ran = run(packed.clone(), args).exits(1);
        assert!(ran.stderr.contains("cannot be read further"), "{}", ran.stderr);
    }
}

#[test]
fn a_replays_directory_that_is_not_whole_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        fs::copy(CASES[0].out.0.join(name), directory.path().join(name)).unwrap();
    };
    ["windows.ndjson", "summary.json", "rejected.ndjson"].into_iter().for_each(copy);
    let go =
        |args: &[&str]| Run::program().key(KEY).arg("report").arg(directory.path()).args(args).go();
    go(&[]).exits(0);
    // A line too few is no fault that the lines show.
    let text = fs::read_to_string(directory.path().join("windows.ndjson")).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    fs::write(directory.path().join("windows.ndjson"), rest).unwrap();
    let ran = go(&[]).exits(1);
    assert!(ran.stderr.contains("summary.json next to it counts"), "{}", ran.stderr);
    let ran = go(&["--allow-damage", "--format", "json"]).exits(0);
    assert_eq!(ran.json()["quality"]["damaged_records"], 1);
    copy("windows.ndjson");
    fs::write(directory.path().join("summary.json"), "").unwrap();
    assert!(go(&[]).exits(1).stderr.contains("did not finish"));
    fs::remove_file(directory.path().join("summary.json")).unwrap();
    assert!(go(&[]).exits(1).stderr.contains("summary.json"));
    assert!(run("", &["/no/such/ledger"]).exits(1).stderr.contains("/no/such/ledger"));
}

#[test]
fn people_are_not_named_without_a_wish() {
    let mut named = decided("c1", MONDAY, MINUTE, 1);
    named["reviewer"] = json!("alex.example");
    named["hollow"] = json!(["unauthorized"]);
    let mut all = vec![named];
    for n in 2..9 {
        let mut record = decided(&format!("c{n}"), MONDAY + MINUTE, MINUTE, n);
        record["hollow"] = json!(["unauthorized"]);
        all.push(record);
    }
    let ledger = lines(&all);
    let without_key = || Run::program().arg("report").arg("-").args(WEEK).stdin(ledger.clone());
    let ran = without_key().go().exits(1);
    assert!(ran.stderr.contains("SHUTTERLAG_IDENTITY_KEY"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("alex"), "{}", ran.stderr);
    assert!(without_key().arg("--reviewer-names").go().exits(0).stdout.contains("alex.example"));
    let text = told(&ledger, &WEEK);
    assert!(!text.contains("alex") && text.contains("reviewer-000000000002"), "{text}");
    // Among few nobody is told of.
    let few = lines(&all[..4]);
    let text = run(few, &[&WEEK[..], &["--reviewer-names"]].concat()).exits(0).stdout;
    assert!(!text.contains("alex") && !text.contains("reviewer-0"), "{text}");
    assert!(text.contains("withheld"), "{text}");
}

#[test]
fn a_question_that_is_none_is_told() {
    let ledger = lines(&[decided("c1", MONDAY, MINUTE, 1)]);
    let wrong = |args: &[&str], code, why: &str| {
        let ran = run(ledger.clone(), args).exits(code);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    };
    wrong(&["--from", "2026-03-09", "--to", "2026-03-02"], 1, "must end after it begins");
    wrong(&["--from", "2026-03-02", "--to", "2026-03-02"], 1, "must end after it begins");
    wrong(&["--from", "2026-02-30", "--to", "2026-03-02"], 2, "not an RFC 3339");
    wrong(&["--from", "yesterday"], 2, "not an RFC 3339");
    wrong(&["--from", "2026-03-02T00:00:00"], 2, "without an offset");
    wrong(&["--from", "2000-01-02", "--to", "2026-03-02"], 1, "later --from");
    wrong(&["--as-of", "2026-03-02T00:00:30Z"], 1, "cannot be told as of an earlier");
    wrong(&["--workflow", "gardening"], 2, "gardening");
    wrong(&["--attacker", "1m,3m", "--attacker", "2m,3m"], 2, "set twice");
}

#[test]
fn a_ledger_that_does_not_reach_is_said() {
    let week = (0..80).map(|n| decided(&format!("c{n:03}"), MONDAY + n * 3_600_000, MINUTE, 1));
    let ledger = lines(&week.collect::<Vec<_>>());
    let value = report(ledger.clone(), &["--from", "2026-03-02", "--to", "2026-06-01"]);
    assert_eq!(value["quality"]["ends_early"], true);
    assert_eq!(value["quality"]["begins_late"], false);
    assert_eq!(value["quality"]["previous_begins_late"], true);
    assert_eq!(value["verdict"]["change"], Value::Null);
    let value = report(ledger, &["--from", "2026-02-01", "--to", "2026-03-04"]);
    assert_eq!(value["quality"]["begins_late"], true);
}

#[test]
fn a_stretch_without_decisions_is_told() {
    // An exposure every ten minutes, decided within two, but for six hours in the middle.
    let at = |n: i64| MONDAY + n * 10 * MINUTE;
    let silent = 60..96;
    let all: Vec<Value> = (0..144)
        .map(|n| match silent.contains(&n) {
            true => open(&format!("c{n:03}"), at(n)),
            false => decided(&format!("c{n:03}"), at(n), 2 * MINUTE, 1),
        })
        .collect();
    let args = ["--from", "2026-03-02", "--to", "2026-03-03"];
    let value = report(lines(&all), &args);
    let stretches = value["quality"]["stretches"].as_array().unwrap();
    assert_eq!(stretches.len(), 1, "{stretches:?}");
    assert_eq!(stretches[0]["without"], "decisions");
    assert_eq!(stretches[0]["from"], time(at(59) + 2 * MINUTE));
    assert_eq!(stretches[0]["to"], time(at(96) + 2 * MINUTE));
    assert_eq!(stretches[0]["detections"], 37);
    // Without detections it is a stretch without anything.
    let gap: Vec<Value> = all.iter().filter(|w| w["decided_at"] != Value::Null).cloned().collect();
    let value = report(lines(&gap), &args);
    assert_eq!(value["quality"]["stretches"][0]["without"], "events");
}

#[test]
fn a_mark_has_its_footnote_and_a_footnote_its_mark() {
    let ledger = [decided("c1", MONDAY, 4 * MINUTE, 1), open("c2", MONDAY)];
    let ledger = lines(&ledger.map(|window| known(&window)));
    let marks = |as_of: i64| {
        let as_of = time(as_of);
        let text = told(&ledger, &[&WEEK[..], &["--as-of", &as_of]].concat());
        let rows = text.lines().filter(|line| line.starts_with('|') && line.contains("\\* |"));
        (rows.count(), text.matches("\\* beyond").count())
    };
    // After an hour nobody knows of a day; after ten days everything told was watched.
    let (rows, footnotes) = marks(MONDAY + 60 * MINUTE);
    assert!(rows >= 3 && footnotes == 2, "{rows} rows, {footnotes} footnotes");
    assert_eq!(marks(MONDAY + 10 * DAY), (0, 0));
}

#[test]
fn a_number_beside_a_range_is_explained() {
    let ledger = lines(&[decided("c1", MONDAY, 4 * MINUTE, 1), open("c2", MONDAY)]);
    let text = told(&ledger, &[&WEEK[..], &["--as-of", &time(MONDAY + DAY)]].concat());
    let table = text.split("Expected, if every key is tried").nth(1).unwrap();
    assert!(table.contains("about what was until now"), "{table}");
}

#[test]
fn a_period_of_one_day_is_one_day_and_moments_are_told_to_the_minute() {
    let ledger = lines(&[decided("c1", MONDAY, 4 * MINUTE, 1), open("c2", MONDAY - DAY)]);
    let day = ["--from", "2026-03-02", "--to", "2026-03-03"];
    let text = told(&ledger, &day);
    assert!(text.starts_with("# Control effectiveness, 2026-03-02\n"), "{text}");
    let page = run(ledger, &[&day[..], &["--format", "html"]].concat()).exits(0).stdout;
    let first = page.split("id=\"time-to-review\"").next().unwrap();
    assert!(first.contains("2026-03-01 00:00 UTC to 2026-03-02 00:00 UTC"), "{first}");
    assert!(!first.contains(".000Z"), "{first}");
}
