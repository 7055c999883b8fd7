//! From an event to whoever is paged: real Kafka, Alertmanager and Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::case::Case;
use crate::client::{Client, Sent};
use crate::input::{Arrival, Input};
use crate::monitoring::{Alertmanager, Pager, Prometheus, installed, now_ms, root};
use crate::poison;
use crate::program::{Config, Program, READY, until_drained};

/// How long something may take that should take no time.
const SOON: Duration = Duration::from_secs(90);
/// From a deadline to whoever is paged. The aim is a second; a machine that also
/// builds and runs brokers gets more.
const LATE_MS: i64 = 12_000;
/// The deadlines of these tests. The second mutes the first, so a busy machine gets time between them.
const DUE_SOON_MS: i64 = 5_000;
const OVERDUE_MS: i64 = 20_000;

struct Scene {
    client: Client,
    config: Config,
    source: String,
}

impl Scene {
    fn new(prefix: &str, alertmanager: &Alertmanager) -> Scene {
        let client = Client::new(Broker::shared().address());
        let source = format!("{prefix}.source");
        client.create(&source, 2, &[]);
        let mut config = Config::new(Broker::shared(), prefix);
        config
            .set("profiles.secret_exposure.review_due_soon", format!("{DUE_SOON_MS}ms"))
            .set("profiles.secret_exposure.in_time", format!("{OVERDUE_MS}ms"))
            .set("profiles.secret_exposure.late", "1h")
            .set("alerts.resend_interval", "1s")
            .set("alerts.ends_after", "180s")
            .set("alerts.external_url", "https://lag.example.org")
            .alertmanager(&alertmanager.url());
        Scene { client, config, source }
    }

    fn event(&self, credential: &str, more: Value) {
        let mut event = json!({
            "id": format!("{credential}-{more}"),
            "time": Timestamp::now().to_string(),
            "credential_id": credential,
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.client.write(&self.source, [Sent::new(credential, event.to_string())]);
    }

    fn leak(&self, credential: &str) {
        self.event(
            credential,
            json!({"type": "leak.detected", "severity": "high", "owner": "platform",
                   "location": "github", "source": "scanner"}),
        );
    }

    fn decide(&self, credential: &str) {
        let decision = json!({"type": "decision.made", "reviewer": "r1", "action": "revoke"});
        self.event(credential, decision);
    }

    /// Waits until the topic of alerts has this one about a credential.
    #[track_caller]
    fn until_published(&self, name: &str, credential: &str) {
        let is = |value: &[u8]| {
            let alert: Value = serde_json::from_slice(value).unwrap();
            alert["alert"] == name && alert["credential_id"] == credential
        };
        let topic = self.config.topic("alerts");
        let began = Instant::now();
        while !self.client.read(&topic).iter().filter_map(|r| r.value.as_deref()).any(is) {
            assert!(began.elapsed() < SOON, "{name} of {credential} is not published");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Whether an alert is this one about a credential, and stands so.
fn is<'a>(name: &'a str, credential: &'a str, state: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |alert| {
        alert["labels"]["alertname"] == name
            && alert["annotations"]["credential"] == credential
            && alert["status"] == state
    }
}

/// What was sent of each alert, without repeats of what was said right before.
fn turns(pager: &Pager) -> BTreeMap<String, Vec<String>> {
    let mut turns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, alert) in pager.alerts() {
        if alert["labels"]["service"] != "shutterlag" || alert["labels"]["credential"].is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let key = format!(
            "{} {}",
            text(&alert["labels"]["alertname"]),
            text(&alert["annotations"]["credential"])
        );
        let turns = turns.entry(key).or_default();
        if turns.last() != Some(&text(&alert["status"])) {
            turns.push(text(&alert["status"]));
        }
    }
    turns
}

/// Notifications in which nothing is new: the same group, and the same of it fires.
fn repeats(pager: &Pager) -> usize {
    let mut before: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut repeats = 0;
    for sent in pager.sent() {
        let alerts = sent.body["alerts"].as_array().unwrap();
        if alerts.iter().any(|alert| alert["labels"]["credential"].is_null()) {
            continue;
        }
        let now: BTreeSet<String> =
            alerts.iter().map(|alert| format!("{} {}", alert["status"], alert["labels"])).collect();
        let group = sent.body["groupKey"].to_string();
        repeats += usize::from(before.insert(group, now.clone()) == Some(now));
    }
    repeats
}

#[test]
fn a_page_comes_in_time_outlives_what_fails_and_ends_with_the_decision() {
    let pager = Pager::start();
    let mut alertmanager = Alertmanager::start(&pager);
    let scene = Scene::new("paging", &alertmanager);
    let mut program = Program::start(&scene.config);
    program.until_ready(READY);

    // One credential, through two deadlines.
    let began = now_ms();
    scene.leak("first");
    for (name, due) in [("ReviewDueSoon", DUE_SOON_MS), ("ReviewOverdue", OVERDUE_MS)] {
        let (at, alert) = pager.until(name, SOON, is(name, "first", "firing"));
        let late = at - (began + due);
        assert!((0..LATE_MS).contains(&late), "{name} {late} ms after its deadline");
        let annotations = &alert["annotations"];
        assert_eq!(annotations["owner"], "platform");
        assert_eq!(annotations["location"], "github");
        assert_eq!(annotations["runbook_url"], format!("https://lag.example.org/runbook/{name}"));
        let link = annotations["link"].as_str().unwrap();
        assert!(link.starts_with("https://lag.example.org/exposure/"), "{link}");
        assert_eq!(alert["generatorURL"], annotations["link"]);
        let labels = alert["labels"].to_string();
        assert!(!labels.contains("first") && !labels.contains("platform"), "{labels}");
    }

    // The process dies and comes back: it goes on as if nothing had been.
    program.kill();
    let sent = pager.sent().len();
    let mut program = Program::start(&scene.config);
    program.until_ready(READY);
    until_pushed(&program, 4);
    assert_eq!(pager.sent().len(), sent, "nothing new to say: {:#?}", pager.sent());

    // Alertmanager is away over a deadline.
    alertmanager.stop();
    scene.leak("second");
    scene.until_published("ReviewOverdue", "second");
    alertmanager.run();
    pager.until("second", SOON, is("ReviewOverdue", "second", "firing"));

    // Both are decided.
    for credential in ["first", "second"] {
        scene.decide(credential);
    }
    for credential in ["first", "second"] {
        for name in ["ReviewDueSoon", "ReviewOverdue"] {
            pager.until("the end", SOON, is(name, credential, "resolved"));
        }
    }
    program.stop();

    // Held against the topic: each alert that ever fired was paged, and ended, once.
    let mut fired = BTreeSet::new();
    for record in scene.client.read(&scene.config.topic("alerts")) {
        let Some(value) = record.value else { continue };
        let alert: Value = serde_json::from_slice(&value).unwrap();
        let text = |field: &str| alert[field].as_str().unwrap().to_owned();
        fired.insert(format!("{} {}", text("alert"), text("credential_id")));
    }
    let mut turns = turns(&pager);
    assert_eq!(turns.keys().cloned().collect::<BTreeSet<_>>(), fired);
    // When Alertmanager came back, the second deadline had passed as well, and mutes the first
    // as soon as it is known.
    assert!(turns.remove("ReviewDueSoon second").unwrap().ends_with(&["resolved".to_owned()]));
    assert!(turns.values().all(|turns| turns[..] == ["firing", "resolved"]), "{turns:?}");
    assert_eq!(repeats(&pager), 0, "{:#?}", pager.sent());
}

/// What fires in the last notification that is about a credential.
fn firing(pager: &Pager, credential: &str) -> Vec<String> {
    let about = |alert: &&Value| alert["annotations"]["credential"] == credential;
    let sent = pager.sent();
    let last = sent
        .iter()
        .rev()
        .find(|sent| sent.body["alerts"].as_array().unwrap().iter().any(|alert| about(&alert)));
    let alerts = last.map(|sent| sent.body["alerts"].as_array().unwrap().clone());
    let firing = |alert: &&Value| alert["status"] == "firing";
    let names = alerts.iter().flatten().filter(firing).filter(about);
    names.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_page_grows_with_its_window() {
    let pager = Pager::start();
    let alertmanager = Alertmanager::start(&pager);
    let scene = Scene::new("growing", &alertmanager);
    let mut program = Program::start(&scene.config);
    program.until_ready(READY);
    scene.leak("growing");
    pager.until("the first", SOON, is("ReviewDueSoon", "growing", "firing"));
    assert_eq!(firing(&pager, "growing"), ["ReviewDueSoon"]);
    pager.until("the second", SOON, is("ReviewOverdue", "growing", "firing"));
    assert_eq!(firing(&pager, "growing"), ["ReviewOverdue"], "it takes the place of the first");
    scene.event("growing", json!({"type": "credential.abused"}));
    pager.until("the attack", SOON, is("AttackObserved", "growing", "firing"));
    assert_eq!(firing(&pager, "growing"), ["AttackObserved"]);
    // A decision does not end an attack; the containment ends everything.
    scene.decide("growing");
    scene.event("growing", json!({"type": "credential.contained", "method": "revoked"}));
    pager.until("the end", SOON, is("AttackObserved", "growing", "resolved"));
    assert_eq!(firing(&pager, "growing"), [""; 0]);
    // Another exposure is another page: nothing mutes it.
    scene.leak("other");
    pager.until("another", SOON, is("ReviewDueSoon", "other", "firing"));
    program.stop();
}

/// Waits until so many pushes were taken since the program began.
fn until_pushed(program: &Program, pushes: u64) {
    let began = Instant::now();
    let name = "shutterlag_notify_pushed_total{alertmanager=\"0\"} ";
    loop {
        let text = program.metrics();
        let count = text.lines().find_map(|line| line.strip_prefix(name));
        if count.is_some_and(|count| count.parse::<u64>().unwrap() >= pushes) {
            return;
        }
        assert!(began.elapsed() < SOON, "{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn five_hundred_keys_in_one_commit_are_one_page_for_each_deadline() {
    let pager = Pager::start();
    let alertmanager = Alertmanager::start(&pager);
    let scene = Scene::new("storm", &alertmanager);
    let mut program = Program::start(&scene.config);
    program.until_ready(READY);
    // What is published within one minute of the clock is told together: neither of the
    // deadlines, nor the time that a busy machine takes after it, may fall on its edge.
    let into = Timestamp::now().as_second().rem_euclid(60);
    if into > 20 {
        std::thread::sleep(Duration::from_secs(u64::try_from(60 - into).unwrap()));
    }
    // Exposed at the same moment, as keys of one commit are.
    let exposed = Timestamp::now() + SignedDuration::from_millis(-500);
    let leaks = (0..500).map(|n| {
        let event = json!({
            "type": "leak.detected", "id": format!("e{n}"), "time": Timestamp::now().to_string(),
            "exposed_at": exposed.to_string(), "credential_id": format!("c{n}"),
            "severity": if n == 77 { "critical" } else { "low" },
        });
        Sent::new(format!("c{n}"), event.to_string())
    });
    scene.client.write(&scene.source, leaks.collect::<Vec<_>>());
    for name in ["ReviewDueSoon", "ReviewOverdue"] {
        let (_, alert) = pager.until(name, SOON, |alert| {
            alert["labels"]["alertname"] == name && alert["annotations"]["count"] == "500"
        });
        assert_eq!(alert["labels"]["credential"], "many");
        let worst = alert["annotations"]["worst"].as_str().unwrap();
        assert_eq!(worst.lines().count(), 10);
        assert!(worst.starts_with("c77, critical"), "{worst}");
    }
    program.stop();
    let alone =
        pager.alerts().iter().filter(|(_, alert)| alert["labels"]["credential"] != "many").count();
    assert_eq!(alone, 0);
    // The topic has all of them.
    assert_eq!(scene.client.read(&scene.config.topic("alerts")).len(), 1_000);
}

#[test]
fn rules_and_dashboards_speak_of_what_a_scrape_has_and_buckets_are_the_bands() {
    let pager = Pager::start();
    let alertmanager = Alertmanager::start(&pager);
    let mut case =
        Case::new(Broker::shared(), "scrape", Input::simulate(5, 2_500, Arrival::Ordered));
    case.config.judging().alertmanager(&alertmanager.url());
    let mut program = Program::start(&case.config);
    program.until_ready(READY);
    let prometheus = Prometheus::start(&program.address(), &alertmanager);
    case.send_poison(&poison::kinds()[0].0);
    case.send_rest();
    case.client.write(&case.source, planted());
    until_drained(&case.client, &case.config, &[&case.source], READY);
    let began = Instant::now();
    let judged = |metrics: &str| {
        let mut lines = metrics.lines();
        lines.any(|line| line.starts_with("shutterlag_reviews_total{") && !line.ends_with(" 0"))
    };
    while !judged(&program.metrics()) {
        assert!(began.elapsed() < READY, "nothing is judged");
        std::thread::sleep(Duration::from_millis(200));
    }
    pager.until("the watchdog", SOON, |alert| alert["labels"]["alertname"] == "Watchdog");

    let mut wanted = BTreeSet::new();
    let mut folders = vec![root("dashboards")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                wanted.extend(metrics(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(wanted.len() > 20, "{wanted:?}");
    let began = Instant::now();
    loop {
        let scraped = prometheus.get("/api/v1/label/__name__/values");
        let scraped: BTreeSet<&str> =
            scraped.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let missing: Vec<_> =
            wanted.iter().filter(|name| !scraped.contains(name.as_str())).collect();
        if missing.is_empty() {
            break;
        }
        assert!(began.elapsed() < SOON, "no scrape has {missing:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    for rule in prometheus.get("/api/v1/rules")["groups"].as_array().unwrap() {
        for rule in rule["rules"].as_array().unwrap() {
            // Unknown until its group's first turn has come.
            assert!(["ok", "unknown"].iter().any(|health| rule["health"] == *health), "{rule}");
        }
    }

    let ledger = crate::client::compacted(&case.ledger())
        .into_values()
        .map(|record| serde_json::from_slice(record.value.as_deref().unwrap()).unwrap())
        .collect::<Vec<Value>>();
    // Bands follow the targets of a workflow; these are those of the raced ones.
    let raced = || ledger.iter().filter(|window| window["raced"] == true);
    // By how long it took from the start, also where nobody knows when that was too late.
    let took = |window: &Value| window["durations_ms"]["time_to_review"].as_i64();
    let sooner = |than: &str| {
        let is_sooner = |window: &&Value| took(window) < window[than].as_i64();
        raced().filter(|window| took(window).is_some()).filter(is_sooner).count()
    };
    let within = |le: &str| {
        let query = format!(
            "sum(shutterlag_stage_duration_seconds_bucket%7Bstage%3D%22time_to_review%22%2C\
             workflow!~%22policy_change%7Centitlement_review%22%2Cle%3D~%22{le}%22%7D)"
        );
        let data = prometheus.get(&format!("/api/v1/query?query={query}"));
        data["result"][0]["value"][1].as_str().unwrap().parse::<usize>().unwrap()
    };
    let decided = raced().filter(|window| took(window).is_some()).count();
    assert!(sooner("in_time_ms") > 20 && decided > sooner("late_ms") + 20);
    // A scrape may be a moment behind the program.
    let began = Instant::now();
    while within("%5B%2B%5DInf") < decided && began.elapsed() < SOON {
        std::thread::sleep(Duration::from_millis(200));
    }
    // Prometheus 3 writes bounds with a fraction.
    assert_eq!(within("540(%5B.%5D0)%3F"), sooner("in_time_ms"));
    assert_eq!(within("1020(%5B.%5D0)%3F"), sooner("late_ms"));
    assert_eq!(within("%5B%2B%5DInf"), decided);
    program.stop();
}

/// A planted case whose wrong advice is let through.
fn planted() -> impl Iterator<Item = Sent> {
    [
        json!({"type": "leak.detected"}),
        json!({"type": "triage.completed", "recommendation": "dismiss"}),
        json!({"type": "decision.made", "reviewer": "r1", "action": "dismiss", "verdict": "approve"}),
        json!({"type": "truth.established", "correct_action": "revoke", "seeded": true}),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, mut event)| {
        let time = Timestamp::now() + SignedDuration::from_secs(n as i64 - 600);
        let fields = event.as_object_mut().unwrap();
        fields.insert("id".to_owned(), format!("planted-{n}").into());
        fields.insert("time".to_owned(), time.to_string().into());
        fields.insert("credential_id".to_owned(), "planted".into());
        Sent::new("planted", event.to_string())
    })
}

/// Names of the program's own metrics in a text, recorded ones not.
fn metrics(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .filter(|word| word.starts_with("shutterlag_") && !word.ends_with('_'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_rules_pass_their_own_tests() {
    for arguments in [
        &["check", "rules", "dashboards/rules/shutterlag.rules.yml", "dashboards/rules/panels.yml"]
            [..],
        &["test", "rules", "dashboards/rules/shutterlag.test.yml"],
        &["test", "rules", "dashboards/rules/long.test.yml"],
        &["test", "rules", "dashboards/rules/silence.test.yml"],
        &["test", "rules", "dashboards/rules/panels.test.yml"],
        &["check", "config", "--syntax-only", "dashboards/prometheus.yml"],
    ] {
        let output = Command::new(installed(&["promtool"]))
            .args(arguments)
            .current_dir(root("."))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
    }
    let output = Command::new(installed(&["amtool"]))
        .args([
            "check-config",
            "dashboards/alertmanager.yml",
            "dashboards/alertmanager-receivers.yml",
        ])
        .current_dir(root("."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The button of the shipped receiver for Slack, as Alertmanager fills it in.
#[test]
fn the_mute_button_mutes_what_its_page_is_about() {
    let receivers = fs::read_to_string(root("dashboards/alertmanager-receivers.yml")).unwrap();
    let button = receivers.split("text: Mute this page").nth(1).unwrap();
    let template = button.split('\'').nth(1).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data.json");
    // Of all alerts of a page, the labels that they have in common.
    for (labels, filter) in [
        (
            json!({"alertname": "ReviewOverdue", "credential": "credential-1", "workflow": "secret_exposure"}),
            "credential=\"credential-1\",workflow=\"secret_exposure\"",
        ),
        (
            json!({"credential": "many", "workflow": "secret_exposure", "alert_group": "2026-03-02T12:00Z"}),
            "credential=\"many\",workflow=\"secret_exposure\",alert_group=\"2026-03-02T12:00Z\"",
        ),
        (
            json!({"alertname": "RubberStampSuspected", "reviewer": "reviewer-1"}),
            "reviewer=\"reviewer-1\"",
        ),
        (json!({"alertname": "NoEvents", "service": "shutterlag"}), "alertname=\"NoEvents\""),
    ] {
        let page = json!({"commonLabels": labels, "externalURL": "http://alertmanager"});
        fs::write(&data, page.to_string()).unwrap();
        let output = Command::new(installed(&["amtool"]))
            .args([
                "template",
                "render",
                "--template.glob",
                "/dev/null",
                "--template.text",
                template,
            ])
            .arg("--template.data")
            .arg(&data)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let told =
            [("%7B", "{"), ("%7D", "}"), ("%3D", "="), ("%22", "\""), ("%2C", ","), ("%3A", ":")]
                .iter()
                .fold(told, |told, (code, text)| told.replace(code, text));
        let wanted = format!("http://alertmanager/#/silences/new?filter={{{filter}}}");
        assert_eq!(told, wanted, "{}", String::from_utf8_lossy(&output.stderr));
    }
}
