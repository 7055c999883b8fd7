//! The pages about one exposure and one reviewer, and the list as somebody asks for it.

use serde_json::{Value, json};
use shutterlag::engine::oversight::Signal;
use shutterlag::runtime::reviewer_alerts::{AlertState, Change, Cited, Counted};

use super::client::{get, request};
use super::made::{Made, NOW_MS, ago, dismissed, now, open, options, start};

/// `text` as a part of a path.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes()
        .map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn with(mut record: Value, changes: &Value) -> Value {
    for (field, value) in changes.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["rows"].as_array().unwrap().iter().map(|r| r["credential"].as_str().unwrap()).collect()
}

/// Six windows that wait, and one that was closed.
fn organisation() -> Made {
    let made = start(options(None));
    let window = |name, seconds, changes: Value| made.put(&with(open(name, seconds), &changes));
    window("late-critical", 4_000, json!({"severity": "critical", "owner": "payments"}));
    window("racing-critical", 700, json!({"severity": "critical", "owner": "Payments"}));
    window(
        "racing-high",
        60,
        json!({"severity": "high", "owner": "payments", "location": "Repo A"}),
    );
    window("attacked-low", 300, json!({"severity": "low", "abused_at": ago(30), "source": "aws"}));
    window("plain", 120, json!({"incident": "push-7", "aliases": ["plain-AKIA-OTHER-NAME"]}));
    window(
        "contained-critical",
        900,
        json!({"severity": "critical", "state": "contained", "contained_at": ago(600)}),
    );
    made.put(&dismissed("closed", 5_000, 4_000, "reviewer-03"));
    made
}

#[test]
fn the_list_shows_attacks_first_then_severity_then_what_can_still_be_won() {
    let made = organisation();
    let list = |query: &str| get(made.address(), &format!("/api/v1/board/windows{query}")).is(200);
    let all = list("").json();
    let urgent = [
        "attacked-low",
        "racing-critical",
        "contained-critical",
        "late-critical",
        "racing-high",
        "plain",
    ];
    assert_eq!(ids(&all), urgent);
    assert_eq!(
        (&all["matching"], &all["rows"][0]["attacked_ms"]),
        (&json!(6), &json!(NOW_MS - 30_000))
    );
    assert_eq!(all["choices"]["severity"], json!({"low": 1, "high": 1, "critical": 3}));
    assert_eq!(all["choices"]["owner"], json!({"Payments": 1, "payments": 2}));
    assert_eq!(all["choices"]["source"], json!({"aws": 1, "github": 5}));
    // A count follows every other filter, and not that of its own field.
    let choices = |query: &str| list(query).json()["choices"].clone();
    let team = choices("?severity=critical&owner=payments");
    assert_eq!(team["severity"], json!({"high": 1, "critical": 1}));
    assert_eq!(team["owner"], json!({"Payments": 1, "payments": 1}));
    assert_eq!(
        (&team["source"], &team["workflow"]),
        (&json!({"github": 1}), &json!({"secret_exposure": 1}))
    );
    assert_eq!(choices("?owner=PAY")["severity"], json!({"high": 1, "critical": 2}));
    assert_eq!(choices("?q=push-7&source=aws")["source"], json!({"github": 1}));
    assert_eq!(choices("?state=attacked")["severity"], json!({"low": 1}));
    for (query, expected) in [
        ("?severity=critical&owner=payments", vec!["late-critical"]),
        ("?q=PAYMENTS", vec!["racing-critical", "late-critical", "racing-high"]),
        ("?q=repo%20racing", vec!["racing-high"]),
        ("?q=akia", vec!["plain"]),
        ("?q=push-7", vec!["plain"]),
        ("?q=nothing", vec![]),
        ("?owner=PAY", vec!["racing-critical", "late-critical", "racing-high"]),
        ("?owner=ments&severity=high", vec!["racing-high"]),
        ("?owner=Payments", vec!["racing-critical"]),
        ("?owner=nobody", vec![]),
        ("?state=attacked", vec!["attacked-low"]),
        ("?state=contained", vec!["contained-critical"]),
        ("?state=closed", vec!["closed"]),
        ("?source=aws", vec!["attacked-low"]),
        ("?workflow=policy_change", vec![]),
        ("?sort=oldest&limit=2", vec!["late-critical", "contained-critical"]),
        ("?sort=newest&limit=1", vec!["racing-high"]),
        ("?sort=credential&limit=2", vec!["attacked-low", "contained-critical"]),
        ("?sort=owner&limit=3", vec!["racing-critical", "late-critical", "racing-high"]),
        ("?state=all&sort=oldest&limit=1", vec!["closed"]),
    ] {
        assert_eq!(ids(&list(query).json()), expected, "{query}");
    }
    assert_eq!(list("?limit=1").json()["matching"], 6);
    for bad in ["?state=x", "?sort=x", "?severity=x", "?limit=0", "?colour=red", "?q=a&q=b"] {
        let answer = get(made.address(), &format!("/api/v1/board/windows{bad}"));
        assert_eq!(answer.is(400).code(), "bad_parameter", "{bad}");
    }
    let long = format!("/api/v1/board/windows?q={}", "x".repeat(201));
    assert_eq!(get(made.address(), &long).is(400).code(), "bad_parameter");
}

#[test]
fn the_list_is_saved_as_csv_without_formulas() {
    let made = start(options(None));
    for (number, text) in
        ["=1+1", "+1", "-1", "@x", "\t=1", "a\",\r\n=2", "\u{202e}x"].iter().enumerate()
    {
        let name = format!("{text}{number}");
        let changes = json!({"owner": text, "location": text, "source": text, "incident": text});
        made.put(&with(open(&name, 60 + number as i64), &changes));
    }
    let answer = get(made.address(), "/api/v1/board/windows.csv?sort=newest").is(200);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert!(answer.headers["content-disposition"].starts_with("attachment; "));
    let lines: Vec<&str> = answer.body.split("\r\n").collect();
    assert_eq!(lines.len(), 9, "one line a window, one of names, and the end of the last");
    let names = "\"exposure_id\",\"credential_id\",\"known_as\",\"other_names\",\"workflow\",";
    assert!(lines[0].starts_with(names));
    for line in &lines[1..8] {
        let inner = line.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        let cells: Vec<&str> = inner.split("\",\"").collect();
        assert!(cells.len() >= 28, "{line}");
        for cell in cells {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{line}");
            assert!(!cell.contains(['\u{202e}', '\t', '\n']), "{line}");
        }
    }
    let one = get(made.address(), "/api/v1/board/windows.csv?q=nothing").is(200);
    assert_eq!(one.body.split("\r\n").count(), 2);
}

#[test]
fn a_saved_decision_has_its_reasons_and_its_targets() {
    let made = hollow();
    let answer = get(made.address(), "/api/v1/board/windows.csv?state=all&quality=hollow").is(200);
    let mut lines = answer.body.split("\r\n").map(|line| line.trim_matches('"').split("\",\""));
    let names: Vec<&str> = lines.next().unwrap().collect();
    let cells: Vec<&str> = lines.next().unwrap().collect();
    let cell = |name| cells[names.iter().position(|known| *known == name).unwrap()];
    assert_eq!((cell("quality"), cell("hollow")), ("hollow", "impossible_reading"));
    assert_eq!((cell("in_time_ms"), cell("late_ms")), ("540000", "1020000"));
}

/// A hollow decision among others of the same person, too fast to be read.
fn hollow() -> Made {
    let made = start(options(None));
    for number in 0..3 {
        let record = with(
            dismissed(
                &format!("github:example-org/payments#{number}"),
                1_000,
                880 - number,
                "reviewer-03",
            ),
            &json!({
                "presented_at": ago(900), "first_presented_at": ago(900), "recommendation": "dismiss",
                "summary_words": 400, "verdict": "approve", "agreed": true, "advice_source": "ai",
                "opened_at": ago(890), "first_opened_at": ago(890), "quality": "hollow",
                "hollow": ["impossible_reading"], "advice_same_clock": true,
                "durations_ms": {"time_to_review": 120_000, "exposure": 120_000},
            }),
        );
        made.put(&record);
    }
    made
}

#[test]
fn an_exposure_tells_what_leaked_who_decided_and_why_it_is_hollow() {
    let made = hollow();
    let id = format!("secret_exposure/github:example-org/payments#2/{}", NOW_MS - 1_000_000);
    let answer = get(made.address(), &format!("/api/v1/exposures/{}", encoded(&id))).is(200).json();
    assert_eq!(answer["exposure_id"], id.as_str());
    let record = &answer["window"]["record"];
    assert_eq!(
        (&record["reviewer"], &record["action"]),
        (&json!("reviewer-03"), &json!("dismiss"))
    );
    let alerts = answer["alerts"].as_array().unwrap();
    let hollow = alerts.iter().find(|alert| alert["alert"] == "HollowApproval").unwrap();
    assert_eq!((&hollow["phase"], &hollow["urgency"]), (&json!("firing"), &json!("warning")));
    assert_eq!(hollow["runbook"], "/runbook/HollowApproval");
    get(made.address(), hollow["runbook"].as_str().unwrap()).is(200);
    let found = &answer["reading"]["certificate"];
    assert_eq!(found["cases"].as_array().unwrap().len(), 3, "{found}");
    let ms = |field: &str| found[field].as_i64().unwrap();
    assert!(ms("needed_ms") - ms("unread_ms") > ms("available_ms"), "{found}");
    assert!(answer["labels"]["credential"].as_str().unwrap().starts_with("credential-"));
    get(made.address(), "/api/v1/exposures/secret_exposure/none/1").is(404);
    get(made.address(), "/api/v1/exposures/").is(404);
    get(made.address(), &format!("/api/v1/exposures/{}?x=1", encoded(&id))).is(400);
}

#[test]
fn the_name_of_a_window_that_became_part_of_another_leads_on() {
    let made = start(options(None));
    let late = with(open("a", 500), &json!({"aliases": ["merged", "with \"quotes\""]}));
    made.put(&with(dismissed("a", 5_000, 4_000, "r"), &json!({"aliases": ["merged"]})));
    made.put(&late);
    let find = |id: String| get(made.address(), &format!("/api/v1/exposures/{}", encoded(&id)));
    let at = |seconds: i64| NOW_MS - seconds * 1000;
    for (asked, found) in [
        (format!("secret_exposure/merged/{}", at(450)), 500),
        (format!("secret_exposure/merged/{}", at(4_500)), 5_000),
        (format!("secret_exposure/merged/{}", at(9_000)), 5_000),
        (format!("secret_exposure/with \"quotes\"/{}", at(1)), 500),
        // A late event gave the window an earlier beginning.
        (format!("secret_exposure/a/{}", at(400)), 500),
    ] {
        let answer = find(asked.clone()).is(200).json();
        assert_eq!(answer["exposure_id"], format!("secret_exposure/a/{}", at(found)), "{asked}");
    }
    find(format!("policy_change/merged/{}", at(450))).is(404);
    find(format!("secret_exposure/erged/{}", at(450))).is(404);
    find("no name".to_owned()).is(404);
}

#[test]
fn a_reviewers_alert_has_its_evidence() {
    let made = hollow();
    let cited = Cited {
        at: ago(880),
        exposure_id: format!(
            "secret_exposure/github:example-org/payments#0/{}",
            NOW_MS - 1_000_000
        ),
        signs: vec![Signal::Dwell],
        statistic: 1_200.0,
    };
    let counted = Counted {
        signal: Signal::Dwell,
        observed: 4,
        signs: 3,
        allowed: Some(0.1),
        statistic: 7.0,
    };
    made.reviewer_alerts.apply(Change::Fires(AlertState {
        reviewer: "reviewer-03".to_owned(),
        at: ago(100),
        ended_at: None,
        since: ago(900),
        statistic: 1_200.0,
        threshold: 1_000.0,
        signals: vec![counted],
        path: vec![cited],
    }));
    let all = get(made.address(), "/api/v1/reviewer-alerts").is(200).json();
    assert_eq!(
        (&all["alerts"][0]["reviewer"], &all["not_kept"]),
        (&json!("reviewer-03"), &json!(0))
    );
    let one = get(made.address(), "/api/v1/reviewer-alerts/reviewer-03").is(200).json();
    assert_eq!((&one["alert"], &one["as_of"]), (&all["alerts"][0], &json!(now())));
    assert_eq!(
        (&one["figures"]["reviews"], &one["runbook"]),
        (&json!(3), &json!("/runbook/RubberStampSuspected"))
    );
    let step = one["alert"]["path"][0]["exposure_id"].as_str().unwrap();
    let case = get(made.address(), &format!("/api/v1/exposures/{}", encoded(step))).is(200).json();
    assert_eq!(
        one["catching_up"],
        json!({"behind_ms": null, "records": 0}),
        "nothing was read yet"
    );
    assert_eq!(one["catching_up"], case["catching_up"]);
    get(made.address(), "/api/v1/reviewer-alerts/reviewer-04").is(404);
}

#[test]
fn pages_need_no_token_hold_no_figures_and_have_the_boards_policy() {
    let made = start(options(Some("a-token-for-tests")));
    made.put(&open("secret-name", 60));
    let policy = get(made.address(), "/").headers["content-security-policy"].clone();
    let id = format!("secret_exposure%2Fsecret-name%2F{}", NOW_MS - 60_000);
    for path in [&format!("/exposure/{id}"), "/exposure/none", "/reviewer/none", "/runbook/README"]
    {
        let page = get(made.address(), path).is(200);
        assert_eq!(page.headers["content-security-policy"], policy, "{path}");
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        assert!(!page.body.contains("secret-name") && !page.body.contains(" style="), "{path}");
    }
    for path in [
        &format!("/api/v1/exposures/{id}"),
        "/api/v1/board/windows",
        "/api/v1/board/windows.csv",
        "/api/v1/reviewer-alerts",
    ] {
        get(made.address(), path).is(401);
    }
    let token = [("Authorization", "Bearer a-token-for-tests")];
    request(made.address(), "GET", "/runbook/none", &token).is(404);
    request(made.address(), "GET", "/exposure/", &token).is(404);
    let without = start(options(None));
    for path in ["/exposure/x", "/runbook/README", "/api/v1/session"] {
        request(without.address(), "GET", path, &[("Host", "attacker.example")]).is(421);
    }
}

#[test]
fn the_best_known_name_is_shown_and_the_others_are_behind_it() {
    let made = start(options(None));
    let names = json!({"aliases": ["SEC-42", "gg:31605", "hmac:1", "github:github.com/4711#12"]});
    made.put(&with(open("AKIAIOSFODNN7EXAMPLE", 500), &names));
    made.put(&open("alone", 400));
    let all = ["SEC-42", "gg:31605", "github:github.com/4711#12", "AKIAIOSFODNN7EXAMPLE", "hmac:1"];

    let rows = get(made.address(), "/api/v1/board/windows?sort=credential").is(200).json();
    assert_eq!(ids(&rows), ["SEC-42", "alone"]);
    assert_eq!(rows["rows"][0]["other_names"], json!(all[1..4]));
    assert_eq!(rows["rows"][0]["names_left_out"], 1);
    assert!(rows["rows"][1].get("other_names").is_none(), "{rows}");

    let csv = get(made.address(), "/api/v1/board/windows.csv").is(200).body;
    assert!(csv.contains(&format!("\"SEC-42\",\"{}\"", all[1..].join(" "))), "{csv}");

    let id = rows["rows"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("secret_exposure/AKIAIOSFODNN7EXAMPLE/"), "the id is the smallest");
    let page = get(made.address(), &format!("/api/v1/exposures/{}", encoded(id))).is(200).json();
    assert_eq!(page["window"]["known_as"], "SEC-42");
    assert_eq!(page["other_names"], json!(all[1..]));
}
