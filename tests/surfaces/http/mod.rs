//! The HTTP server, asked over a real connection.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "how long a client waits is what some tests are about"
)]

mod ageing;
mod alerts_listed;
mod board;
mod client;
mod hostile;
mod made;
mod missing;
mod one_figure;
mod page;
mod pages;
mod session;
mod tls;

use std::net::TcpListener;

use client::{get, request};
use made::{Made, NOW_MS, ago, dismissed, now, open, options, start, uptime_ago};
use serde_json::{Value, json};
use shutterlag::metrics::PipelineStage;
use shutterlag::runtime::health::Restoring;
use shutterlag::runtime::http::{Server, StartError};

fn ids(answer: &Value) -> Vec<String> {
    let windows = answer["windows"].as_array().unwrap();
    windows.iter().map(|w| w["record"]["credential_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn windows_come_the_most_urgent_first_with_their_present_chance() {
    let made = start(options(None));
    made.put(&open("b", 600));
    made.put(&open("a", 60));
    made.put(&dismissed("c", 5000, 4000, "reviewer-03"));
    let all = get(made.address(), "/api/v1/windows").is(200).json();
    assert_eq!(ids(&all), ["c", "b", "a"]);
    assert_eq!(all["as_of"], json!(now()));
    assert_eq!((&all["view"]["windows"], &all["next"]), (&json!(3), &Value::Null));
    let open = get(made.address(), "/api/v1/windows?state=open").is(200).json();
    assert_eq!(ids(&open), ["b", "a"]);
    let [b, a] = [&open["windows"][0], &open["windows"][1]];
    assert_eq!((&b["waiting_ms"], &a["waiting_ms"]), (&json!(600_000), &json!(60_000)));
    let chance = b["attacker_first"]["low"].as_f64().unwrap();
    assert!((chance - (1.0 - (-0.125_f64).exp())).abs() < 1e-12, "ten minutes: {chance}");
    assert_eq!(a["attacker_first"]["low"], 0.0);
    assert_eq!(all["windows"][0]["waiting_ms"], Value::Null);
    let other = get(made.address(), "/api/v1/windows?workflow=policy_change").is(200).json();
    assert!(ids(&other).is_empty());
}

#[test]
fn an_observed_attack_comes_first_page_by_page() {
    let made = start(options(None));
    made.put(&open("old", 2000));
    for (name, detected) in [("attacked-old", 900), ("attacked-new", 60)] {
        let mut record = open(name, detected);
        record["abused_at"] = json!(ago(30));
        made.put(&record);
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/windows?limit=1".to_owned());
    loop {
        let answer = get(made.address(), &path).is(200).json();
        seen.extend(ids(&answer));
        let Some(next) = answer["next"].as_str() else { break };
        path = format!("/api/v1/windows?limit=1&after={next}");
    }
    assert_eq!(seen, ["attacked-old", "attacked-new", "old"]);
}

#[test]
fn a_record_is_shown_byte_for_byte() {
    let made = start(options(None));
    let mut record = open("a", 60);
    record["of_a_newer_version"] = json!({"kept": [1.50, "ü"]});
    made.put(&record);
    let answer = get(made.address(), "/api/v1/windows").is(200);
    assert!(answer.body.contains(&format!("\"record\":{record}")), "{}", answer.body);
}

#[test]
fn pages_follow_their_cursor_to_the_end() {
    let made = start(options(None));
    for n in 0..25 {
        made.put(&open(&format!("k{n:02}"), 1000 - n / 2));
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/windows?limit=10".to_owned());
    for page in 0.. {
        let answer = get(made.address(), &path).is(200).json();
        seen.extend(ids(&answer));
        let Some(next) = answer["next"].as_str() else {
            assert_eq!(page, 2);
            break;
        };
        // What comes before the place, and what was shown and goes, moves nothing.
        made.put(&open(&format!("x{page}"), 2000));
        let gone = answer["windows"][0]["record"]["exposure_id"].as_str().unwrap();
        let _ = made.view.apply(gone.as_bytes(), None, now());
        path = format!("/api/v1/windows?limit=10&after={next}");
    }
    assert_eq!(seen, (0..25).map(|n| format!("k{n:02}")).collect::<Vec<_>>());
}

#[test]
fn a_window_is_found_by_its_name() {
    let made = start(options(None));
    made.put(&open("example-org/payments#12", 60));
    made.put(&open("plain", 60));
    let find = |path: &str| get(made.address(), path);
    let ms = NOW_MS - 60_000;
    let found = find(&format!("/api/v1/windows/secret_exposure/plain/{ms}")).is(200).json();
    assert_eq!(found["window"]["record"]["credential_id"], "plain");
    let encoded = "/api/v1/windows/secret_exposure%2Fexample-org%2Fpayments%2312%2F";
    let found = find(&format!("{encoded}{ms}")).is(200).json();
    assert_eq!(found["window"]["record"]["credential_id"], "example-org/payments#12");
    assert_eq!(find("/api/v1/windows/secret_exposure/plain/1").is(404).code(), "not_found");
    assert_eq!(find("/api/v1/windows/").is(404).code(), "not_found");
}

#[test]
fn the_summary_says_of_which_windows_it_is() {
    let made = start(options(None));
    made.put(&open("ancient", 90_000));
    made.put(&open("late", 700));
    made.put(&dismissed("quick", 1000, 900, "reviewer-03"));
    let answer = get(made.address(), "/api/v1/summary").is(200).json();
    let day_ago = json!(ago(86_400));
    assert_eq!(answer["period"], json!({"from": day_ago, "to": now(), "complete": false}));
    assert_eq!(answer["older"], json!({"open": 1, "reviewed": 0, "contained": 0}));
    assert_eq!(answer["figures"]["windows"]["total"], 2);
    // One is late; when the other was exposed is not known.
    let rate = &answer["figures"]["effective_review_rate"];
    assert_eq!((&rate["low"], &rate["high"]), (&json!(0.0), &json!(0.5)), "{rate}");
    // What no record tells is not there.
    assert!(answer["figures"].get("events").is_none());
    assert!(answer["figures"]["oversight"].get("seeded").is_none());
    made.view.progress(|progress| progress.assigned([(0, 0, 0)]));
    let answer = get(made.address(), "/api/v1/summary?workflow=secret_exposure").is(200).json();
    assert_eq!(answer["period"]["complete"], true);
}

#[test]
fn reviewers_come_by_name_and_in_pages() {
    let made = start(options(None));
    for n in 0..30 {
        made.put(&dismissed(&format!("k{n}"), 1000, 900, &format!("reviewer-{:02}", n % 5)));
    }
    let first = get(made.address(), "/api/v1/reviewers?limit=3").is(200).json();
    let names = |answer: &Value| -> Vec<String> {
        let reviewers = answer["reviewers"].as_array().unwrap();
        reviewers.iter().map(|r| r["reviewer"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["reviewer-00", "reviewer-01", "reviewer-02"]);
    let reviewer = &first["reviewers"][0];
    assert_eq!((&reviewer["reviews"], &reviewer["few"]), (&json!(6), &json!(true)));
    let next = first["next"].as_str().unwrap();
    let rest = get(made.address(), &format!("/api/v1/reviewers?limit=3&after={next}")).json();
    assert_eq!(
        (names(&rest), &rest["next"]),
        (vec!["reviewer-03".into(), "reviewer-04".into()], &Value::Null)
    );
}

#[test]
fn what_did_not_join_is_listed_with_the_nearest_names() {
    let made = start(options(None));
    assert_eq!(get(made.address(), "/api/v1/unjoined").is(200).json()["unjoined"], json!([]));
    made.put(&open("github:acme/payments#7", 3000));
    made.put(&dismissed("github:acme/payments#7", 9000, 8000, "reviewer-03"));
    made.put(&open("hmac:5f2a9c1e", 3000));
    made.unjoined.begin(0);
    made.unjoined("incident-4411", "pagerduty", 1800);
    made.unjoined("acme/payments#7", "slack", 900);
    let answer = get(made.address(), "/api/v1/unjoined").is(200).json();
    assert_eq!((&answer["names"], &answer["events"]), (&json!(2), &json!(4)));
    assert_eq!(answer["partitions"], json!([0]));
    let [latest, older] = &answer["unjoined"].as_array().unwrap()[..] else { panic!("{answer}") };
    assert_eq!(
        latest["nearest"],
        json!(["github:acme/payments#7"]),
        "once, though it had two windows"
    );
    assert_eq!((&latest["source"], &latest["age_ms"]), (&json!("slack"), &json!(900_000)));
    assert_eq!((&older["credential_id"], &older["nearest"]), (&json!("incident-4411"), &json!([])));
    let one = get(made.address(), "/api/v1/unjoined?limit=1").is(200).json();
    assert_eq!((&one["unjoined"].as_array().unwrap().len(), &one["names"]), (&1, &json!(2)));
    let other = get(made.address(), "/api/v1/unjoined?workflow=policy_change").is(200).json();
    assert_eq!(other["unjoined"], json!([]));
    let metrics = get(made.address(), "/metrics").body;
    for (source, events) in [("slack", 2), ("pagerduty", 2), ("", 0)] {
        let line = format!(
            "shutterlag_unjoined_events{{source=\"{source}\",type=\"decision.made\"}} {events}\n"
        );
        assert!(metrics.contains(&line), "{line}");
    }
}

#[test]
fn ready_is_every_worker_with_its_state_and_a_view_that_has_caught_up() {
    let made = start(options(None));
    let missing = |made: &Made| -> Vec<String> {
        let answer = get(made.address(), "/readyz").is(503).json();
        assert_eq!(answer["ready"], false);
        answer["missing"].as_array().unwrap().iter().map(|m| m.as_str().unwrap().into()).collect()
    };
    assert_eq!(
        missing(&made),
        ["no worker has been started", "the view has not caught up with the ledger"]
    );
    let worker = made.health.worker(PipelineStage::Windows, 0, uptime_ago(0));
    made.view.progress(|progress| progress.assigned([(0, 0, 0)]));
    assert_eq!(missing(&made), ["worker 0 of windows waits for its partitions"]);
    worker.restoring(7);
    worker.read_back(7, Restoring { restored: 1, expected: 2 });
    worker.assigned();
    assert_eq!(missing(&made), ["worker 0 of windows restores partition 7: 1 of 2 records"]);
    worker.restored(7);
    let ready = get(made.address(), "/readyz").is(200).json();
    assert_eq!((&ready["ready"], &ready["missing"]), (&json!(true), &json!([])));
    made.health.set_waiting_since(Some(ago(9)));
    get(made.address(), "/readyz").is(200);
    made.health.set_waiting_since(Some(ago(3600)));
    assert!(
        missing(&made)[0].starts_with("a delivery has waited for 3600 s"),
        "{:?}",
        missing(&made)
    );
    made.health.set_waiting_since(None);
    made.health.set_trouble(Some("a.db: the disk is full".into()));
    let full = "deliveries cannot be made durable: a.db: the disk is full";
    assert_eq!(missing(&made), [full]);
    made.health.set_trouble(None);
    get(made.address(), "/readyz").is(200);
    worker.failed("the broker refused it".into());
    assert_eq!(missing(&made), ["worker 0 of windows has ended: the broker refused it"]);
    made.health.stop();
    assert_eq!(missing(&made)[0], "the process is shutting down");
}

#[test]
fn healthy_is_that_no_worker_ended_or_is_stuck_and_says_no_more() {
    let made = start(options(Some("a-token-for-tests")));
    assert_eq!(
        get(made.address(), "/healthz").is(200).json(),
        json!({"healthy": true, "failing": []})
    );
    made.health.worker(PipelineStage::Windows, 1, uptime_ago(61));
    made.health
        .worker(PipelineStage::Intake, 0, uptime_ago(0))
        .failed("a secret of the broker".into());
    let answer = get(made.address(), "/healthz").is(503).json();
    let failing = json!([
        {"stage": "intake", "worker": 0, "ended": true},
        {"stage": "windows", "worker": 1, "ended": false},
    ]);
    assert_eq!(answer, json!({"healthy": false, "failing": failing}));
}

#[test]
fn metrics_tell_what_the_view_holds_now() {
    let made = start(options(None));
    made.put(&open("a", 60));
    let _ = made.view.apply(b"nonsense", Some(b"{}"), now());
    let answer = get(made.address(), "/metrics").is(200);
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "shutterlag_view_windows{state=\"open\"} 1",
        "shutterlag_view_windows{state=\"closed\"} 0",
        "shutterlag_view_foreign_total 1",
        &format!("shutterlag_as_of_timestamp_seconds {}", NOW_MS / 1000),
        &format!("shutterlag_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(answer.body.lines().any(|other| other == line), "{line}\n{}", answer.body);
    }
    // Asked twice it is counted once.
    assert!(get(made.address(), "/metrics").body.contains("shutterlag_view_foreign_total 1\n"));
    // Before the ledger is read nobody knows that there is no attack; what fired before a restart is seen after it.
    let mut attacked = open("b", 90);
    attacked["abused_at"] = json!(ago(30));
    made.put(&attacked);
    let metrics = || get(made.address(), "/metrics").is(200).body;
    assert!(!metrics().contains("shutterlag_view_attacked_windows{"));
    made.view.progress(|progress| progress.assigned([(0, 0, 0)]));
    let told = metrics();
    for line in ["secret_exposure\"} 1\n", "activity_triage\"} 0\n"] {
        let line = format!("shutterlag_view_attacked_windows{{workflow=\"{line}");
        assert!(told.contains(&line), "{line}{told}");
    }
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = options(None);
    options.listen = taken.local_addr().unwrap();
    let error = Server::start(options, made::shown(1)).unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    let expected =
        format!("cannot listen on {}: another program does", taken.local_addr().unwrap());
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn every_answer_is_data_that_is_not_kept() {
    let made = start(options(None));
    for (path, status) in [("/healthz", 200), ("/api/v1/windows", 200), ("/nothing", 404)] {
        let answer = request(made.address(), "GET", path, &[]).is(status);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(answer.headers["content-security-policy"].starts_with("default-src 'none'"));
    }
}
