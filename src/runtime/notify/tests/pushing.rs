//! Pushing to Alertmanagers that refuse, fail, hang and send elsewhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::client::Client;
use super::super::push::Pusher;
use super::super::queue::Queue;
use super::alertmanager::{Alertmanager, Answer};
use super::*;
use crate::metrics::{Metrics, Notify};
use crate::runtime::clock;
use crate::settings::{self, Secret};

/// A pusher at work.
struct Work {
    metrics: Metrics,
    queue: Arc<Queue>,
    stop: Arc<AtomicBool>,
}

impl Work {
    /// Pushes some alerts that fire to `server` with the login in `settings`.
    fn start(server: &Alertmanager, settings: settings::Alertmanager, alerts: &[&str]) -> Work {
        // A slow machine answers within it. Were it shorter, requests would be sent twice.
        Work::start_within(Span::from_secs(10), server, settings, alerts)
    }

    /// The same, with so much time for an answer.
    fn start_within(
        timeout: Span,
        server: &Alertmanager,
        settings: settings::Alertmanager,
        alerts: &[&str],
    ) -> Work {
        let mut store = store(Alerts::default());
        for name in alerts {
            store.say("ReviewOverdue", name, "firing", 0);
        }
        let store = Arc::new(Mutex::new(store));
        let settings = settings::Alertmanager { url: server.url.clone(), timeout, ..settings };
        let metrics = Metrics::new().unwrap();
        let queue = Arc::new(Queue::new(100));
        let stop = Arc::new(AtomicBool::new(false));
        let pusher = Pusher {
            number: 0,
            client: Client::new(&settings, Span::from_mins(5)).unwrap(),
            queue: Arc::clone(&queue),
            store: Arc::clone(&store),
            metrics: Notify::register(&metrics, 1).unwrap(),
            stop: Arc::clone(&stop),
        };
        std::thread::spawn(move || pusher.run());
        let work = Work { metrics, queue, stop };
        work.queue.add(&alerts.iter().map(|name| key(name)).collect::<Vec<_>>());
        work
    }

    fn until(&self, what: &str) {
        let until = clock::uptime() + Span::from_secs(60);
        loop {
            let text = String::from_utf8(self.metrics.encode().unwrap()).unwrap();
            if text.lines().any(|line| line.contains(what)) {
                return;
            }
            assert!(clock::uptime() < until, "{what} is not in {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn key(credential: &str) -> PushKey {
    push_key(&record("ReviewOverdue", credential, "firing", 0).0)
}

#[test]
fn alerts_are_posted_with_a_login_and_their_times() {
    let server = Alertmanager::start(Answer::Status(200));
    let login = settings::Alertmanager {
        bearer_token: Some(Secret::new("a-token")),
        ..settings::Alertmanager::default()
    };
    let work = Work::start(&server, login, &["a", "b"]);
    work.until("shutterlag_notify_pushed_total{alertmanager=\"0\"} 2");
    let [request] = &server.requests()[..] else { panic!("both go together") };
    assert!(request.starts_with("POST /api/v2/alerts HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("authorization: bearer a-token\r\n"), "{request}");
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let posted: serde_json::Value = serde_json::from_str(body).unwrap();
    for alert in posted.as_array().unwrap() {
        let time = |field: &str| Timestamp::parse_rfc3339(alert[field].as_str().unwrap()).unwrap();
        assert_eq!(time("startsAt"), at(0));
        let ahead = time("endsAt").since(clock::now());
        assert!(ahead > Span::from_mins(4) && ahead <= Span::from_mins(5), "{ahead:?}");
        assert!(alert["labels"]["alertname"].is_string() && alert["annotations"].is_object());
    }
}

#[test]
fn what_is_unavailable_is_tried_again_and_what_came_meanwhile_goes_along() {
    let server = Alertmanager::start(Answer::Status(503));
    let work = Work::start(&server, settings::Alertmanager::default(), &["a", "b"]);
    work.until("shutterlag_notify_failed_total{alertmanager=\"0\",reason=\"unavailable\"} 1");
    work.queue.add(&[key("a"), key("b")]);
    server.answers(Answer::Status(200));
    work.until("shutterlag_notify_pushed_total{alertmanager=\"0\"} 2");
    work.until("shutterlag_notify_dropped_total{alertmanager=\"0\"} 0");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn one_that_hangs_is_given_up_in_time_and_tried_again() {
    let server = Alertmanager::start(Answer::Hang);
    let login = settings::Alertmanager::default();
    let work = Work::start_within(Span::from_millis(300), &server, login, &["a"]);
    work.until("shutterlag_notify_failed_total{alertmanager=\"0\",reason=\"timeout\"} 1");
    server.answers(Answer::Status(200));
    work.until("shutterlag_notify_pushed_total{alertmanager=\"0\"} 1");
}

#[test]
fn what_is_refused_is_counted_and_not_tried_again_at_once() {
    for status in [400, 401, 404, 413, 422] {
        let server = Alertmanager::start(Answer::Status(status));
        let work = Work::start(&server, settings::Alertmanager::default(), &["a"]);
        work.until("shutterlag_notify_failed_total{alertmanager=\"0\",reason=\"refused\"} 1");
        work.until("shutterlag_notify_dropped_total{alertmanager=\"0\"} 1");
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(server.requests().len(), 1, "{status}");
        // Its next turn.
        server.answers(Answer::Status(200));
        work.queue.add(&[key("a")]);
        work.until("shutterlag_notify_pushed_total{alertmanager=\"0\"} 1");
    }
}

#[test]
fn no_redirect_is_followed() {
    let server = Alertmanager::start(Answer::Redirect);
    let login = settings::Alertmanager {
        username: Some("u".to_owned()),
        password: Some(Secret::new("not-a-real-password")),
        ..settings::Alertmanager::default()
    };
    let work = Work::start(&server, login, &["a"]);
    work.until("shutterlag_notify_failed_total{alertmanager=\"0\",reason=\"redirect\"} 1");
    std::thread::sleep(Duration::from_millis(200));
    let requests = server.requests();
    assert!(requests.iter().all(|request| !request.contains("/elsewhere HTTP")), "{requests:?}");
}

#[test]
fn one_that_is_not_there_is_tried_again() {
    let mut server = Alertmanager::start(Answer::Status(200));
    // A port of the test's own that nobody listens on.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let work = Work::start(&server, settings::Alertmanager::default(), &["a"]);
    work.until("shutterlag_notify_failed_total{alertmanager=\"0\",reason=\"connection\"} 2");
    assert_eq!(work.queue.len() + server.requests().len(), 1);
}
