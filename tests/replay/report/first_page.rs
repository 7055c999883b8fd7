//! What the first page says: the trend without asking, who and what the report is about, and
//! what is not assessable.

use serde_json::{Value, json};

use super::made::{DAY, MINUTE, MONDAY, decided, lines, report, run, time};

const HOUR: i64 = 60 * MINUTE;

/// A decision after so long, about an exposure whose time is known, that was a review.
fn reviewed(number: i64, detected: i64, after: i64) -> Value {
    let mut record = decided(&format!("c{number:03}"), detected, after, number as u32 % 7);
    record["exposed_at"] = json!(time(detected));
    record["quality"] = json!("meaningful");
    record
}

/// A week in which every decision is late, and a week in which every decision is in time.
fn two_weeks() -> Vec<Value> {
    let late = (0..60).map(|n| reviewed(n, MONDAY + n * 2 * HOUR, 2 * HOUR));
    let soon = (60..120).map(|n| reviewed(n, MONDAY + 7 * DAY + (n - 60) * 2 * HOUR, MINUTE));
    late.chain(soon).collect()
}

#[test]
fn the_trend_needs_no_beginning() {
    let ledger = lines(&two_weeks());
    let value = report(ledger.clone(), &["--to", "2026-03-16"]);
    assert_eq!(value["verdict"]["previous"], Value::Null);
    let halves = &value["verdict"]["halves"];
    assert_eq!((&halves["first"]["high"], &halves["second"]["low"]), (&json!(0.0), &json!(1.0)));
    assert_eq!(
        (&halves["trend"], &halves["middle"]),
        (&json!("better"), &json!(time(MONDAY + 7 * DAY)))
    );
    let text = run(ledger.clone(), &["--to", "2026-03-16"]).exits(0).stdout;
    assert!(text.contains("Better within the period: before 2026-03-09 00:00 UTC"), "{text}");
    // Turned around it is worse, and of little it is not known.
    let mut turned = two_weeks();
    let swap = |record: &Value, number: i64| {
        let week = number / 60;
        let taken = if week == 0 { MINUTE } else { 2 * HOUR };
        let detected = MONDAY + week * 7 * DAY + number % 60 * 2 * HOUR;
        assert!(record.is_object());
        reviewed(number, detected, taken)
    };
    turned = turned.iter().zip(0..).map(|(record, number)| swap(record, number)).collect();
    let value = report(lines(&turned), &["--to", "2026-03-16"]);
    assert_eq!(value["verdict"]["halves"]["trend"], "worse");
    let few = lines(&[reviewed(1, MONDAY, MINUTE), reviewed(2, MONDAY + 10 * DAY, 2 * HOUR)]);
    assert_eq!(report(few, &["--to", "2026-03-16"])["verdict"]["halves"]["trend"], "unclear");
    let one = lines(&[reviewed(1, MONDAY, MINUTE)]);
    let text = run(one, &["--to", "2026-03-16"]).exits(0).stdout;
    assert!(text.contains("No trend: in one half of the period no review was due."), "{text}");
}

#[test]
fn evidence_that_nothing_tells_of_is_a_range() {
    let mut all = two_weeks();
    for (number, record) in all.iter_mut().enumerate() {
        match number % 4 {
            0 => record["evidence"] = json!("raw"),
            1 => record["evidence"] = json!("summary"),
            _ => {}
        }
    }
    let value = report(lines(&all), &["--to", "2026-03-16"]);
    let opened = json!({"raw": 30, "summary": 30, "unknown": 60, "low": 0.25, "high": 0.75});
    assert_eq!(value["reviews"]["evidence"], opened);
    // Every decision has an hour of its own.
    assert_eq!(value["reviews"]["per_reviewer_hour"], 1.0);
    let same_hour = (0..6).map(|n| reviewed(n * 7, MONDAY + n * 6 * MINUTE, MINUTE));
    let value = report(lines(&same_hour.collect::<Vec<_>>()), &["--to", "2026-03-16"]);
    assert_eq!(value["reviews"]["per_reviewer_hour"], 6.0);
    let nobody = report("", &["--from", "2026-03-02", "--to", "2026-03-16"]);
    assert_eq!(nobody["reviews"]["per_reviewer_hour"], Value::Null);
}

#[test]
fn the_page_names_whom_it_is_about_and_who_prepared_it() {
    let ledger = lines(&two_weeks());
    let names =
        ["--organisation", "A <b> & Co", "--prepared-by", "R. *Auditor*", "--to", "2026-03-16"];
    let page = run(ledger.clone(), &[&names[..], &["--format", "html"]].concat()).exits(0).stdout;
    for part in [
        "A &lt;b&gt; &amp; Co",
        "R. *Auditor*",
        "2026-03-02 00:00 UTC",
        "counter(pages)",
        "Appendix for auditors",
        "2 December 2027",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<b>"));
    let text = run(ledger.clone(), &names).exits(0).stdout;
    assert!(text.contains("Organisation: A \\<b\\> \\& Co\n") && text.contains("R. \\*Auditor\\*"));
    // Both are part of the question, so a check of the report knows them.
    let value = report(ledger.clone(), &names);
    assert_eq!(value["question"]["organisation"], "A <b> & Co");
    let nameless = run(ledger, &["--to", "2026-03-16"]).exits(0).stdout;
    assert!(!nameless.contains("Organisation:"));
}
