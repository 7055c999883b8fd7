//! A server whose view was filled by hand, at a fixed time.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use shutterlag::config::{FiguresConfig, OversightConfig, Profiles};
use shutterlag::engine::attacker::Race;
use shutterlag::engine::identity::NameOrder;
use shutterlag::engine::windows::{Key, Unjoined};
use shutterlag::event::{Kind, Workflow};
use shutterlag::formats::Identity;
use shutterlag::metrics::{Metrics, Pipeline, PipelineStage, Source};
use shutterlag::runtime::clock::{self, Clock};
use shutterlag::runtime::health::{Health, Restoring};
use shutterlag::runtime::http::{Options, Server, Shown, Token};
use shutterlag::runtime::reviewer_alerts::ReviewerAlerts;
use shutterlag::runtime::unjoined::UnjoinedNames;
use shutterlag::runtime::view::{Applied, Bounds, View};
use shutterlag::time::{Span, Timestamp};

/// 2026-03-02T12:00:00Z: the present of every test here.
pub(crate) const NOW_MS: i64 = 1_772_452_800_000;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MS)
}

pub(crate) fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW_MS - seconds * 1000)
}

/// The uptime of so many seconds before now.
pub(crate) fn uptime_ago(seconds: i64) -> Span {
    Span::from_millis(clock::uptime().as_millis() - seconds * 1000)
}

pub(crate) struct Made {
    pub(crate) server: Server,
    pub(crate) view: Arc<View>,
    pub(crate) health: Arc<Health>,
    pub(crate) unjoined: Arc<UnjoinedNames>,
    pub(crate) reviewer_alerts: Arc<ReviewerAlerts>,
}

impl Made {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn unjoined(&self, credential_id: &str, source: &str, seconds_ago: i64) {
        let key = Key { workflow: Workflow::SecretExposure, credential_id };
        let kind = Kind::DecisionMade;
        let source = Some(source.into());
        let unjoined = Unjoined { kind, source, time: ago(seconds_ago), events: 2 };
        self.unjoined.change(0, key, None, Some(&unjoined));
    }

    #[track_caller]
    pub(crate) fn put(&self, record: &Value) {
        let key = record["exposure_id"].as_str().unwrap();
        let applied = self.view.apply(key.as_bytes(), Some(record.to_string().as_bytes()), now());
        assert_eq!(applied, Applied::Kept, "{record}");
    }
}

pub(crate) fn options(token: Option<&str>) -> Options {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    Options::new(listen, token.map(|token| Token::new(token).unwrap()))
}

pub(crate) fn shown(windows_max: usize) -> Shown {
    let metrics = Metrics::new().unwrap();
    let pipeline = Pipeline::register(&metrics, ago(60)).unwrap();
    Shown {
        metrics: Arc::new(metrics),
        pipeline,
        health: Arc::new(Health::new()),
        view: Arc::new(View::new(Bounds { windows_max, closed_kept: Bounds::CLOSED_KEPT })),
        standings: Arc::default(),
        unjoined: Arc::default(),
        race: Race::default(),
        profiles: Profiles::default(),
        figures: FiguresConfig::default(),
        names: NameOrder::default(),
        identity: Identity::new(b"an identity for tests").unwrap(),
        oversight: OversightConfig::default(),
        stalled_after: Span::from_secs(60),
        clock: Clock::Real(now),
        reviewer_alerts: Arc::default(),
        receivers: None,
        only_receives: false,
        demo: false,
    }
}

pub(crate) fn start(options: Options) -> Made {
    let shown = shown(100_000);
    served(options, shown)
}

pub(crate) fn served(options: Options, shown: Shown) -> Made {
    let (view, health) = (Arc::clone(&shown.view), Arc::clone(&shown.health));
    let unjoined = Arc::clone(&shown.unjoined);
    let reviewer_alerts = Arc::clone(&shown.reviewer_alerts);
    let server = Server::start(options, shown).unwrap();
    Made { server, view, health, unjoined, reviewer_alerts }
}

/// An open window, detected so many seconds ago.
pub(crate) fn open(credential: &str, detected: i64) -> Value {
    let detected_at = ago(detected);
    json!({
        "exposure_id": format!("secret_exposure/{credential}/{}", detected_at.as_millis()),
        "workflow": "secret_exposure", "credential_id": credential, "source": "github",
        "state": "open", "revision": 1, "final": false, "clock_skew": false,
        "detected_at": detected_at, "durations_ms": {}, "detections": 1, "further_decisions": 0,
        "ai_acted_first": false, "hollow": null, "escalations": 0, "resightings": 0,
        "in_time_ms": 540_000, "late_ms": 1_020_000, "raced": true, "repeats_advice": false, "recovered": false,
        "advice_same_clock": false, "opening_same_clock": false,
    })
}

/// The same, dismissed by `reviewer` so many seconds ago, and judged.
pub(crate) fn dismissed(credential: &str, detected: i64, decided: i64, reviewer: &str) -> Value {
    let mut record = open(credential, detected);
    let changes = json!({
        "state": "closed", "revision": 2, "decided_at": ago(decided), "reviewer": reviewer,
        "action": "dismiss", "final_action": "dismiss", "hollow": [], "quality": "meaningful",
        "durations_ms": {"exposure": (detected - decided) * 1000},
    });
    for (field, value) in changes.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

/// What the reference page shows: two windows, two workers, one of them restoring.
pub(crate) fn example() -> Made {
    let shown = shown(200_000);
    let (view, health) = (Arc::clone(&shown.view), Arc::clone(&shown.health));
    shown.metrics.events(Kind::LeakDetected, Source::Named("github"), 2);
    view.progress(|progress| {
        progress.assigned([(0, 0, 2), (1, 0, 0)]);
        progress.read(0, 0);
        progress.reached_end(0);
        progress.heard_of_end(0, 2, ago(1));
    });
    // Ahead of what anybody asks at: they always have just made progress.
    let windows = health.worker(PipelineStage::Windows, 0, uptime_ago(-3600));
    windows.restoring(3);
    windows.read_back(3, Restoring { restored: 1200, expected: 4500 });
    let intake = health.worker(PipelineStage::Intake, 0, uptime_ago(-3600));
    intake.assigned();
    intake.caught_up(true);
    let made = served(options(None), shown);
    made.unjoined.begin(0);
    made.unjoined("example-org/payments/12", "slack", 1500);
    made.put(&open("hmac:8b1d3c5e7f90a2b4c6d8e0f112233445", 700));
    made.put(&dismissed("example-org/payments#12", 1000, 910, "reviewer-3fa94c0d21be"));
    made
}
