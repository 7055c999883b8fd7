//! Whatever the input, `/metrics` stays small: at most 5,000 series.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::BTreeSet;
use std::time::Duration;

use shutterlag::config::Limits;
use shutterlag::engine::alerts::{Alert, Transition};
use shutterlag::engine::attacker::{AttackerFirst, Band};
use shutterlag::engine::windows::Stage;
use shutterlag::event::{Kind, Severity, Verdict, Workflow};
use shutterlag::formats::maps::Maps;
use shutterlag::formats::{Context, Format, Identity, RejectReason, decode};
use shutterlag::metrics::{
    Metrics, Notify, NotifyFigures, Pipeline, PipelineStage, PushFailure, Source, StageObservers,
    TransactionResult, ViewFigures,
};
use shutterlag::time::{Span, Timestamp};

const SERIES_MAX: usize = 5_200;
const HOSTILE: usize = 10_000;

fn series(metrics: &Metrics) -> usize {
    let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn ten_thousand_sources_severities_and_workflows_stay_below_the_bound() {
    let metrics = Metrics::new().unwrap();
    let pipeline = Pipeline::register(&metrics, Timestamp::MIN).unwrap();
    let identity = Identity::new(b"a key for tests only").unwrap();
    let context = Context {
        identity: &identity,
        detected_at: None,
        limits: Limits::DEFAULT,
        maps: Maps::NONE,
    };
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    for n in 0..HOSTILE {
        let hostile = format!("x\"\n{{a=\\\"b\\\"}} {n} {}", "y".repeat(n % 300));
        let mut record = serde_json::json!({
            "type": "leak.detected", "id": format!("e{n}"), "time": "2026-03-02T09:00:00Z",
            "credential_id": hostile, "source": hostile, "location": hostile, "owner": hostile,
        });
        match n % 3 {
            0 => {}
            1 => record["severity"] = hostile.clone().into(),
            _ => record["workflow"] = hostile.clone().into(),
        }
        let mut events = Vec::new();
        match decode(Format::Native, record.to_string().as_bytes(), &context, &mut events) {
            Ok(_) => {
                accepted += 1;
                for event in &events {
                    pipeline.events(event.kind(), event.source.as_deref().into(), 1);
                }
            }
            Err(rejection) => {
                refused += 1;
                metrics.rejected(rejection.reason, 1);
            }
        }
    }
    assert!(accepted > 1_000 && refused > 1_000, "{accepted} {refused}");
    let text = String::from_utf8(metrics.encode().unwrap()).unwrap();
    let sources: BTreeSet<&str> =
        text.lines().filter(|line| line.starts_with("shutterlag_events_total{")).collect();
    assert_eq!(sources.len(), 65, "64 by name, and the rest");
    // None is lost: what found no place of its own is counted as the rest.
    let rest = sources.iter().find(|line| line.contains("source=\"_other\"")).unwrap();
    assert!(rest.ends_with(&format!("}} {}", accepted - 64)), "{rest} of {accepted}");
    assert!(series(&metrics) <= SERIES_MAX);
}

/// Every combination of labels that the types allow, at once: what no input, however
/// clever, can go beyond.
#[test]
fn all_that_there_can_be_stays_below_the_bound() {
    const PARTITIONS: i32 = 12;
    let metrics = Metrics::new().unwrap();
    let pipeline = Pipeline::register(&metrics, Timestamp::MIN).unwrap();
    let notify = Notify::register(&metrics, 3).unwrap();
    let took = Duration::from_millis(1);
    let names: Vec<String> = (0..HOSTILE).map(|n| format!("source-{n}")).collect();
    let sources = names.iter().map(|name| Source::Named(name)).chain([Source::None]);
    for source in sources {
        Kind::ALL.iter().for_each(|kind| pipeline.events(*kind, source, 1));
    }
    let acts = Kind::ALL.iter().filter(|kind| !kind.opens());
    let unjoined = acts.flat_map(|kind| names.iter().map(|name| (*kind, Source::Named(name), 1)));
    pipeline.unjoined(unjoined);
    let severities = || Severity::ALL.iter().copied().map(Some).chain([None]);
    let all = Stage::ALL.iter().flat_map(|stage| {
        Workflow::ALL.iter().flat_map(move |workflow| {
            severities().map(move |severity| (*stage, *workflow, severity, Span::from_secs(1)))
        })
    });
    metrics.stages(&mut StageObservers::default(), all);
    for workflow in Workflow::ALL {
        metrics.attacker_first(*workflow, AttackerFirst::SEEN);
        Verdict::ALL
            .iter()
            .copied()
            .map(Some)
            .chain([None])
            .for_each(|verdict| metrics.verdict(*workflow, verdict));
        for alert in Alert::ALL {
            let transitions = Transition::ALL.iter();
            transitions.for_each(|transition| metrics.alert(Some(*workflow), *alert, *transition));
        }
        [false, true].iter().for_each(|caught| metrics.seeded_case(*workflow, *caught));
        metrics.ai_acted_first(*workflow);
    }
    let reviewers = Alert::RubberStampSuspected;
    Transition::ALL.iter().for_each(|transition| metrics.alert(None, reviewers, *transition));
    for reason in RejectReason::ALL {
        metrics.rejected(*reason, 1);
        pipeline.dead_letters(reason.as_str(), 1);
    }
    for stage in PipelineStage::ALL {
        pipeline.rebalanced(*stage);
        TransactionResult::ALL
            .iter()
            .for_each(|result| pipeline.transaction(*stage, *result, took));
    }
    for partition in 0..PARTITIONS {
        pipeline.state(partition, 1, 1);
        for topic in ["leaks", "triage", "decisions", "shutterlag.events", "shutterlag.reviews"] {
            pipeline.lag(topic, partition, 1);
        }
    }
    pipeline.restored(1, took);
    pipeline.view(&ViewFigures::default());
    pipeline.clock_jumps(1, 1);
    notify.figures(&NotifyFigures::default());
    notify.delay(took);
    for number in 0..3 {
        PushFailure::ALL.iter().for_each(|reason| notify.failed(number, *reason));
    }
    // Not moved here: reviews by workflow, band and quality, what waits by workflow, signs and flags.
    let unmoved = Workflow::ALL.len() * ((Band::ALL.len() + 1) * 2 + 3 * 2) + 16;
    let found = series(&metrics);
    assert!(found > 3_000, "{found}: not all is there");
    assert!(found + unmoved <= SERIES_MAX, "{found} and {unmoved}");
}
