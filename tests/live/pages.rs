//! What the tutorials say of services: of Kafka, and of Alertmanager with a chat.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::broker::Broker;
use crate::client::Client;
use crate::home::Home;
use crate::monitoring::{Alertmanager, Pager};

#[test]
fn the_tutorial_about_kafka() {
    let broker = Broker::start();
    let mut home = Home::new();
    let port = broker.address().rsplit(':').next().unwrap().to_owned();
    home.ports.push(("9092".to_owned(), port));
    // What the page has `docker exec` do: the stand-in for docker does nothing.
    let client = Client::new(broker.address());
    for topic in ["leak-detections", "ai-triage", "human-decisions"] {
        client.create(topic, 6, &[]);
    }
    home.follows("docs/tutorial-kafka.md", ".");
    let report = fs::read_to_string(home.path("shutterlag-kafka/report.html")).unwrap();
    assert!(report.contains("Exposures"));
}

#[test]
fn an_alert_reaches_the_chat_of_the_tutorial() {
    let chat = Pager::start();
    let alertmanager = Alertmanager::of_the_tutorial(&chat);
    let alert = json!([{
        "labels": {"alertname": "AttackObserved", "service": "shutterlag", "credential": "credential-1"},
        "annotations": {"summary": "an attacker uses it"},
    }]);
    let sent = Command::new("curl")
        .args(["--silent", "--fail", "--header", "Content-Type: application/json", "--data"])
        .args([alert.to_string(), format!("{}/api/v2/alerts", alertmanager.url())])
        .status();
    assert!(sent.unwrap().success());
    let began = Instant::now();
    while chat.sent().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(120), "nothing reaches the chat");
        std::thread::sleep(Duration::from_millis(50));
    }
    let message = &chat.sent()[0].body;
    assert_eq!(message["channel"], "#leaks");
    assert_eq!(message["attachments"][0]["title"], "AttackObserved (firing)");
    assert_eq!(message["attachments"][0]["text"], "an attacker uses it\n");
}
