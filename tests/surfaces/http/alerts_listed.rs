//! The windows behind a count of the board: those for which an alert fires, or whose decision
//! was judged so.

use serde_json::{Value, json};

use super::board::Board;
use super::client::get;
use super::made::{Made, ago, dismissed, open, options, start};

fn with(mut record: Value, changes: &Value) -> Value {
    for (field, value) in changes.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

/// Windows of every age, and one for each other alert.
fn alarmed() -> Made {
    let made = start(options(None));
    for (name, seconds) in [("fresh", 60), ("due-soon", 400), ("overdue", 700), ("late", 2_000)] {
        made.put(&open(name, seconds));
    }
    let slow = json!({
        "workflow": "policy_change", "in_time_ms": 86_400_000, "late_ms": 259_200_000,
        "raced": false, "exposure_id": format!("policy_change/slow/{}", ago(400_000).as_millis()),
    });
    made.put(&with(open("slow", 400_000), &slow));
    made.put(&with(open("attacked", 2_100), &json!({"abused_at": ago(30)})));
    let revoked = json!({"state": "reviewed", "action": "revoke", "final_action": "revoke"});
    made.put(&with(dismissed("uncontained", 90_000, 89_900, "r"), &revoked));
    for (name, hollow, quality) in [
        ("hollow", json!(["self_approval"]), json!("hollow")),
        ("unassessed", json!([]), json!("unassessed")),
        ("unjudged", Value::Null, Value::Null),
    ] {
        made.put(&with(
            dismissed(name, 600, 500, "r"),
            &json!({"hollow": hollow, "quality": quality}),
        ));
    }
    made
}

fn names(made: &Made, query: &str) -> Vec<String> {
    let answer = get(made.address(), &format!("/api/v1/board/windows{query}")).is(200).json();
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(answer["matching"], rows.len(), "{query}");
    let mut names: Vec<String> =
        rows.iter().map(|row| row["credential"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_list_has_the_windows_that_the_board_counts_for_an_alert() {
    let made = alarmed();
    let (_, whole) = Board::open(made.address()).next();
    let firing = whole["parts"]["firing"].as_object().unwrap();
    for (alert, expected) in [
        ("ReviewDueSoon", vec!["due-soon"]),
        ("ReviewOverdue", vec!["overdue", "slow"]),
        ("AttackerLikelyPresent", vec!["attacked", "late"]),
        ("AttackObserved", vec!["attacked"]),
        ("HollowApproval", vec!["hollow"]),
        ("ContainmentOverdue", vec!["uncontained"]),
    ] {
        let query = format!("?alert={alert}&state=all");
        assert_eq!(names(&made, &query), expected, "{alert}");
        assert_eq!(firing[alert], expected.len(), "{alert}: {firing:?}");
        let csv = get(made.address(), &format!("/api/v1/board/windows.csv{query}")).is(200).body;
        assert_eq!(csv.split("\r\n").count(), expected.len() + 2, "{alert}");
    }
    assert_eq!(names(&made, "?alert=HollowApproval"), [""; 0], "decided ones do not wait");
    for bad in ["RubberStampSuspected", "Other", ""] {
        let answer = get(made.address(), &format!("/api/v1/board/windows?alert={bad}"));
        assert_eq!(answer.is(400).code(), "bad_parameter", "{bad}");
    }
}

#[test]
fn the_latest_notes_have_the_strongest_alert_of_each_exposure() {
    let made = alarmed();
    let (_, whole) = Board::open(made.address()).next();
    let mut notes: Vec<(&str, &str)> = whole["lists"]["notes"]["set"]
        .as_object()
        .unwrap()
        .values()
        .map(|note| (note["credential"].as_str().unwrap(), note["what"].as_str().unwrap()))
        .filter(|(name, _)| ["fresh", "due-soon", "overdue", "late", "slow"].contains(name))
        .collect();
    notes.sort_unstable();
    let expected = [
        ("due-soon", "ReviewDueSoon"),
        ("late", "AttackerLikelyPresent"),
        ("overdue", "ReviewOverdue"),
        ("slow", "ReviewOverdue"),
    ];
    assert_eq!(notes, expected);
}

#[test]
fn decisions_are_listed_by_how_they_were_judged() {
    let made = alarmed();
    for (quality, expected) in [
        ("hollow", ["hollow"]),
        ("unassessed", ["unassessed"]),
        ("unjudged", ["unjudged"]),
        ("meaningful", ["uncontained"]),
    ] {
        assert_eq!(names(&made, &format!("?quality={quality}&state=all")), expected);
    }
    let answer = get(made.address(), "/api/v1/board/windows?quality=good");
    assert_eq!(answer.is(400).code(), "bad_parameter");
}
