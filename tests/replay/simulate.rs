//! A simulation is repeatable, reports exactly what it did, and follows its options.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Cursor, Write};

use serde_json::Value;
use sha2::{Digest, Sha256};
use shutterlag::event::{
    Action, Actor, Body, DecisionMade, Event, Kind, Method, Verdict, Workflow,
};
use shutterlag::simulate::{
    Behaviour, Extent, Options, Output, ReviewerTruth, Simulation, Summary, WindowTruth,
    WriteError, write,
};
use shutterlag::time::{Span, Timestamp};

fn options(events: u64) -> Options {
    Options { extent: Extent::Events(events), ..Options::DEFAULT }
}

/// A stream in which everything arrives once, when it happens, with true times.
fn undisturbed(extent: Extent) -> Options {
    Options { extent, duplicates: 0.0, disorder: 0.0, skew: 0.0, ..Options::DEFAULT }
}

/// The lines and the truth as text.
fn written(options: Options) -> (Vec<u8>, String, Summary) {
    let mut lines = Vec::new();
    let mut truth = Cursor::new(Vec::new());
    let simulation = Simulation::new(options).unwrap();
    let summary = write(simulation, &mut lines, Some(&mut truth)).unwrap();
    (lines, String::from_utf8(truth.into_inner()).unwrap(), summary)
}

struct Told {
    events: Vec<Event<'static>>,
    windows: Vec<WindowTruth>,
    reviewers: Vec<ReviewerTruth>,
    summary: Summary,
}

fn told(options: Options) -> Told {
    let mut simulation = Simulation::new(options).unwrap();
    let (mut events, mut windows) = (Vec::new(), Vec::new());
    for output in simulation.by_ref() {
        match output {
            Output::Event(delivered) => events.push(delivered.event),
            Output::Window(window) => windows.push(*window),
            Output::Garbage(..) => {}
        }
    }
    Told { events, windows, reviewers: simulation.reviewers(), summary: simulation.summary() }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn near(share: f64, want: f64, within: f64) {
    assert!((share - want).abs() <= within, "{share} is not within {within} of {want}");
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[test]
fn the_same_options_give_the_same_bytes_everywhere() {
    let small = Options { garbage: 0.02, ..options(5_000) };
    let (lines, truth, _) = written(small.clone());
    let (again, truth_again, _) = written(small.clone());
    assert_eq!(lines, again);
    assert_eq!(truth, truth_again);
    let (other, ..) = written(Options { seed: 2, ..small });
    assert_ne!(lines, other);
    // Recorded once. A change of these is a change for everybody who keeps a seed.
    // The first line of the truth names the version and is left out.
    let (_, windows) = truth.split_once('\n').unwrap();
    assert_eq!(
        [sha256(&lines), sha256(windows.as_bytes())],
        [
            "8564225353e3557242284adebcb1d69430c5fc433b609fa71900778f2bd053ac",
            "f1a2dcd2593f09bb5d8609674e57898b7ba460776564ae4fed70e0f185154c74"
        ]
    );
}

#[test]
fn two_threads_write_what_the_iterator_tells() {
    let (lines, ..) = written(options(3_000));
    let told: Vec<String> = Simulation::new(options(3_000))
        .unwrap()
        .events()
        .map(|event| serde_json::to_string(&event).unwrap())
        .collect();
    assert_eq!(String::from_utf8(lines).unwrap().lines().collect::<Vec<_>>(), told);
}

#[test]
fn counts_agree_with_the_lines() {
    let (lines, truth, summary) = written(Options { garbage: 0.05, ..options(20_000) });
    let mut first_seen: HashMap<String, &[u8]> = HashMap::new();
    let (mut events, mut duplicates, mut garbage) = (0, 0, 0);
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = lines.split(|byte| *byte == b'\n');
    assert_eq!(all.next_back(), Some(&b""[..]), "the last line ends");
    for line in all {
        let Ok((id, kind)) = checked(line) else {
            garbage += 1;
            continue;
        };
        events += 1;
        if let Some(first) = first_seen.get(&id) {
            assert_eq!(*first, line, "a redelivery is the same line");
            duplicates += 1;
        } else {
            first_seen.insert(id, line);
            *kinds.entry(kind.to_string()).or_default() += 1;
        }
    }
    let delivered = &summary.delivered;
    assert_eq!(events, 20_000);
    assert_eq!(delivered.events, events);
    assert_eq!(delivered.duplicates, duplicates);
    assert_eq!(delivered.distinct, first_seen.len() as u64);
    assert_eq!(delivered.garbage, garbage);
    assert_eq!(delivered.lines, events + garbage);
    assert_eq!(delivered.faults.values().sum::<u64>(), garbage);
    assert_eq!(delivered.faults.len(), shutterlag::simulate::Fault::ALL.len());
    let stated: BTreeMap<String, u64> =
        delivered.kinds.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect();
    assert_eq!(stated, kinds);
    let made = Kind::ALL.iter().filter(|kind| **kind != Kind::IdentityLinked).count();
    assert_eq!(kinds.len(), made, "every kind but links is there: {kinds:?}");

    let records: Vec<Value> =
        truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records[0], serde_json::to_value(&summary).unwrap());
    let of = |name: &str| records.iter().filter(|record| record["record"] == name).count() as u64;
    assert_eq!(of("parameters"), 1);
    assert_eq!(of("reviewer"), 24);
    assert_eq!(of("window"), summary.generated.windows);
}

/// What the native form demands of a line: its id and kind, or what is wrong.
fn checked(line: &[u8]) -> Result<(String, Kind), &'static str> {
    let value: Value = serde_json::from_slice(line).map_err(|_| "not JSON")?;
    let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty());
    let time = |key: &str| text(key).and_then(|text| Timestamp::parse_rfc3339(text).ok());
    let kind = text("type").and_then(Kind::parse).ok_or("type")?;
    let id = text("id").ok_or("id")?;
    text("credential_id").ok_or("credential_id")?;
    time("time").ok_or("time")?;
    text("workflow").and_then(Workflow::parse).ok_or("workflow")?;
    text("source").ok_or("source")?;
    text("owner").ok_or("owner")?;
    match kind {
        Kind::CaseOpened | Kind::CaseWithdrawn => {
            (value["workflow"] != "secret_exposure").then_some(()).ok_or("workflow")?;
        }
        Kind::LeakDetected => {
            if value["exposed_at"].is_string() {
                time("exposed_at").ok_or("exposed_at")?;
            }
        }
        Kind::TriageCompleted => {
            text("recommendation").and_then(Action::parse).ok_or("recommendation")?;
            value["summary_words"].as_u64().ok_or("summary_words")?;
            let confidence = &value["confidence"];
            let sure = confidence.as_f64().is_some_and(|c| (0.0..=1.0).contains(&c));
            (sure || confidence.is_null()).then_some(()).ok_or("confidence")?;
        }
        Kind::ReviewOpened => {
            text("reviewer").ok_or("reviewer")?;
        }
        Kind::DecisionMade => {
            text("reviewer").ok_or("reviewer")?;
            text("action").and_then(Action::parse).ok_or("action")?;
            if value["verdict"].is_string() {
                text("verdict").and_then(Verdict::parse).ok_or("verdict")?;
            }
        }
        Kind::CredentialContained => {
            text("method").and_then(Method::parse).ok_or("method")?;
        }
        Kind::CredentialAbused | Kind::IdentityLinked => {}
        Kind::TruthEstablished => {
            text("correct_action").and_then(Action::parse).ok_or("correct_action")?;
            value["seeded"].as_bool().ok_or("seeded")?;
        }
    }
    Ok((id.to_owned(), kind))
}

#[test]
fn every_line_is_a_whole_event_when_no_garbage_is_asked_for() {
    let (lines, ..) = written(options(10_000));
    let mut bytes = 0;
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let (id, _) = checked(line).unwrap_or_else(|fault| {
            panic!("{fault}: {}", String::from_utf8_lossy(line));
        });
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        bytes += line.len() + 1;
    }
    near(bytes as f64 / 10_000.0, 390.0, 20.0);
}

#[test]
fn a_credential_that_leaks_again_is_still_of_the_same_provider() {
    let told = told(Options { re_leaks: 0.5, ..options(20_000) });
    let mut providers: HashMap<&str, (&str, HashSet<Timestamp>)> = HashMap::new();
    for event in &told.events {
        let Body::LeakDetected(leak) = &event.body else { continue };
        // A further sighting says nothing of it.
        let Some(provider) = leak.provider.as_deref() else { continue };
        let (first, times) =
            providers.entry(&event.credential_id).or_insert((provider, HashSet::new()));
        assert_eq!(*first, provider, "{}", event.credential_id);
        times.insert(event.time);
    }
    // Those named by their place are among them.
    let again = |by_place| {
        let of = |name: &&&str| name.starts_with("github:") == by_place;
        let again = providers.iter().filter(|(_, (_, times))| times.len() > 1);
        again.map(|(name, _)| name).filter(of).count()
    };
    assert!(again(true) > 50 && again(false) > 50, "{} {}", again(true), again(false));
}

#[test]
fn faults_come_in_the_shares_asked_for() {
    let asked = Options {
        duplicates: 0.10,
        disorder: 0.20,
        late: 0.25,
        skew: 0.15,
        seeded: 0.08,
        upgrade_after: 10_000,
        garbage: 0.04,
        re_leaks: 0.30,
        ..options(60_000)
    };
    let told = told(asked);
    let (delivered, generated) = (&told.summary.delivered, &told.summary.generated);
    near(share(delivered.duplicates, delivered.events), 0.10, 0.01);
    near(share(delivered.held_up, delivered.distinct), 0.20, 0.01);
    near(share(delivered.late, delivered.held_up), 0.25, 0.02);
    near(share(delivered.garbage, delivered.lines), 0.04, 0.005);
    near(share(generated.skewed, generated.windows), 0.15, 0.015);
    near(share(generated.seeded, generated.windows), 0.08, 0.01);
    assert!(delivered.out_of_order > delivered.held_up / 2);
    let candidates = told
        .windows
        .iter()
        .filter(|window| window.closed_at.is_some() && window.truth_at.is_none())
        .count() as u64;
    near(share(generated.re_leaks, candidates), 0.30, 0.04);
    for window in told.windows.iter().filter(|window| window.seeded) {
        assert!(window.ai_wrong || window.recommendation.is_none());
        assert!(window.truth_at.is_some());
        assert_eq!(window.attacker_at, None);
    }
    let natural = told.windows.iter().filter(|window| !window.seeded);
    let advised = natural.filter(|window| window.recommendation.is_some() && !window.fallback);
    let (right, wrong): (Vec<_>, Vec<_>) = advised.partition(|window| !window.ai_wrong);
    near(share(right.len() as u64, (right.len() + wrong.len()) as u64), 0.92, 0.01);
}

#[test]
fn attackers_come_after_nine_minutes_and_after_seventeen_on_average() {
    let told = told(options(60_000));
    let arrivals: Vec<f64> = told
        .windows
        .iter()
        .filter_map(|window| Some(window.attacker_at?.since(window.exposed_at?).as_mins_f64()))
        .collect();
    assert!(arrivals.len() > 3_000);
    let fastest = arrivals.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((9.0..9.1).contains(&fastest), "{fastest}");
    near(arrivals.iter().sum::<f64>() / arrivals.len() as f64, 17.0, 0.5);
}

#[test]
fn a_default_organisation_is_neither_perfect_nor_lost() {
    let told = told(options(60_000));
    let ended = told.summary.ended_at;
    let windows = told.summary.generated.windows;
    let decided: Vec<_> = told
        .windows
        .iter()
        .filter_map(|window| {
            let start = window.reported_exposed_at.unwrap_or(window.detected_at);
            Some(window.decided_at.filter(|at| *at <= ended)?.since(start))
        })
        .collect();
    near(share(decided.len() as u64, windows), 0.78, 0.05);
    let below = |limit| decided.iter().filter(|t| **t < limit).count() as u64;
    let ahead = below(Span::from_mins(9));
    let contested = below(Span::from_mins(17)) - ahead;
    near(share(ahead, windows), 0.38, 0.06);
    near(share(contested, windows), 0.12, 0.04);
    let open = told.windows.iter().filter(|w| w.closed_at.is_none_or(|at| at > ended)).count();
    assert!(open > 100);
}

#[test]
fn without_faults_events_come_in_order_of_time() {
    let told = told(undisturbed(Extent::Events(20_000)));
    assert!(told.events.is_sorted_by_key(|event| event.time));
    let ids: HashSet<_> = told.events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), told.events.len());
    assert_eq!(told.summary.delivered.out_of_order, 0);
}

/// Folds the events of each credential as a reader would, and compares.
#[test]
fn the_truth_is_what_the_events_tell() {
    for seed in 1..=4 {
        let again = folded(seed);
        assert!(again > 10, "seed {seed}: {again} windows of known credentials");
    }
}

/// Whether somebody hands the case on, which is no decision.
fn hands_on(decision: &DecisionMade<'_>) -> bool {
    decision.action == Action::Escalate || decision.verdict == Some(Verdict::Escalate)
}

/// How many windows there were of credentials that had leaked before.
fn folded(seed: u64) -> usize {
    let told = told(Options { seed, ai_first: 0.05, ..undisturbed(Extent::Days(5)) });
    let ended = told.summary.ended_at;
    let before_end = |at: Option<Timestamp>| at.filter(|at| *at < ended);
    let mut by_credential: BTreeMap<(Workflow, &str), Vec<&Event<'_>>> = BTreeMap::new();
    for event in &told.events {
        let key = (event.workflow, event.credential_id.as_ref());
        by_credential.entry(key).or_default().push(event);
    }
    let mut windows: BTreeMap<(Workflow, &str), Vec<&WindowTruth>> = BTreeMap::new();
    for window in &told.windows {
        windows.entry((window.workflow, &window.credential_id)).or_default().push(window);
    }
    assert_eq!(by_credential.len(), windows.len());
    let mut again = 0;
    for (key, windows) in &mut windows {
        windows.sort_by_key(|window| window.detected_at);
        again += windows.len() - 1;
        for (n, window) in windows.iter().enumerate() {
            let next = windows.get(n + 1).map(|next| next.detected_at);
            let own = |event: &&&Event<'_>| {
                event.time >= window.detected_at && next.is_none_or(|next| event.time < next)
            };
            let events: Vec<_> = by_credential[key].iter().filter(own).collect();
            let first = |wanted: fn(&Body<'_>) -> bool| {
                events.iter().find(|event| wanted(&event.body)).map(|event| event.time)
            };
            let detected_at =
                first(|body| matches!(body, Body::LeakDetected(_) | Body::CaseOpened(_)));
            assert_eq!(detected_at, Some(window.detected_at));
            let decided_at = first(|body| {
                matches!(body, Body::DecisionMade(decision)
                    if decision.actor_kind == Actor::Human && !hands_on(decision))
            });
            assert_eq!(decided_at, before_end(window.decided_at), "{window:?}");
            let escalated_at = first(|body| {
                matches!(body, Body::DecisionMade(decision)
                    if decision.actor_kind == Actor::Human && hands_on(decision))
            });
            assert_eq!(escalated_at, before_end(window.escalated_at), "{window:?}");
            let withdrawn_at = first(|body| matches!(body, Body::CaseWithdrawn { .. }));
            assert_eq!(withdrawn_at, before_end(window.withdrawn_at), "{window:?}");
            let contained_at = first(|body| matches!(body, Body::CredentialContained { .. }));
            assert_eq!(contained_at, before_end(window.contained_at), "{window:?}");
            let abused_at = first(|body| matches!(body, Body::CredentialAbused));
            assert_eq!(abused_at, before_end(window.abuse_seen_at));
            let truth_at = first(|body| matches!(body, Body::TruthEstablished { .. }));
            assert_eq!(truth_at, before_end(window.truth_at));
            let triaged_at = first(|body| matches!(body, Body::TriageCompleted(_)));
            assert_eq!(triaged_at, before_end(window.triaged_at));
            let ai_at = first(|body| match body {
                Body::DecisionMade(decision) => decision.actor_kind == Actor::Ai,
                Body::CredentialContained { actor_kind, .. } => *actor_kind == Actor::Ai,
                _ => false,
            });
            let ai_first = ai_at.is_some_and(|ai| decided_at.is_none_or(|human| ai < human));
            let told_already = window.triaged_at.is_none_or(|at| at + Span::from_secs(1) < ended);
            assert!(ai_first == window.ai_acted_first || !told_already, "{window:?}");
            // A new window only after the last one closed, a repeat only before.
            if let Some(next) = next {
                assert!(window.closed_at.is_some_and(|closed| closed < next));
            }
            let last_seen = events
                .iter()
                .filter(|event| matches!(event.kind(), Kind::LeakDetected | Kind::CaseOpened))
                .map(|event| event.time)
                .max();
            assert!(last_seen < window.closed_at || window.closed_at.is_none(), "{window:?}");
        }
    }
    again
}

#[test]
fn people_differ_as_their_habits_say() {
    let told = told(undisturbed(Extent::Events(200_000)));
    let sum = |behaviour: Behaviour| {
        let alike = told.reviewers.iter().filter(move |r| r.behaviour == behaviour);
        alike.fold((0, 0, 0, 0, 0), |sum, r| {
            let tally = &r.tally;
            (
                sum.0 + tally.reviews,
                sum.1 + tally.wrong_advice,
                sum.2 + tally.wrong_agreed,
                sum.3 + tally.opened,
                sum.4 + tally.below_floor,
            )
        })
    };
    let (reviews, wrong, missed, opened, quick) = sum(Behaviour::Diligent);
    near(share(missed, wrong), 0.15, 0.03);
    near(share(opened, reviews), 0.985, 0.01);
    assert_eq!(quick, 0, "nobody diligent reads faster than possible");
    let (reviews, wrong, missed, opened, quick) = sum(Behaviour::RubberStamping);
    assert!(share(missed, wrong) > 0.95);
    assert!(share(opened, reviews) < 0.06);
    assert!(share(quick, reviews) > 0.9);
    let (reviews, _, _, _, quick) = sum(Behaviour::Hurried);
    near(share(quick, reviews), 0.22, 0.05);

    let drifting: Vec<_> =
        told.reviewers.iter().filter(|r| r.behaviour == Behaviour::Drifting).collect();
    assert!(!drifting.is_empty());
    for reviewer in drifting {
        let change = reviewer.change_after_decision.unwrap();
        let own: Vec<_> = told
            .windows
            .iter()
            .filter(|window| window.reviewer.as_ref() == Some(&reviewer.reviewer))
            .collect();
        let changed = own.iter().find(|window| window.decision_number == Some(change + 1));
        assert_eq!(changed.and_then(|window| window.decided_at), reviewer.changed_at);
        let opened = |from: u64, to: u64| {
            let these =
                own.iter().filter(|w| w.decision_number.is_some_and(|n| (from..to).contains(&n)));
            let (n, opened) =
                these.fold((0, 0), |(n, k), w| (n + 1, k + u64::from(w.opened_at.is_some())));
            share(opened, n)
        };
        assert!(opened(1, change + 1) > 0.95);
        assert!(opened(change + 150, u64::MAX) < 0.10);
    }

    // One after the other, each in order.
    let mut last: BTreeMap<&str, (u64, Timestamp)> = BTreeMap::new();
    let numbered = |window: &&WindowTruth| window.decision_number.is_some();
    let mut decided: Vec<_> = told.windows.iter().filter(numbered).collect();
    decided.sort_by_key(|window| (window.reviewer.as_deref(), window.decision_number));
    for window in decided {
        let (number, at) = (window.decision_number.unwrap(), window.decided_at.unwrap());
        let who = window.reviewer.as_deref().unwrap();
        let before = last.insert(who, (number, at)).unwrap_or((0, Timestamp::MIN));
        // What was handed on counts as a decision of who did so, and not as the window's.
        assert!(number > before.0);
        assert!(at > before.1);
    }
}

#[test]
fn the_way_of_delivery_changes_no_story() {
    let calm = undisturbed(Extent::Days(3));
    let rough = Options { duplicates: 0.3, disorder: 0.5, late: 0.5, garbage: 0.3, ..calm.clone() };
    let (calm, rough) = (told(calm), told(rough));
    assert_eq!(calm.windows, rough.windows);
    assert_ne!(calm.events.len(), rough.events.len());
    assert_eq!(calm.summary.ended_at, Options::START + Span::from_mins(3 * 24 * 60));
}

#[test]
fn memory_depends_on_the_rate_and_not_on_the_length() {
    let mut simulation = Simulation::new(options(300_000)).unwrap();
    let (mut early, mut most, mut events) = (0, 0, 0);
    while let Some(output) = simulation.next() {
        events += u64::from(matches!(output, Output::Event(_)));
        most = most.max(simulation.in_flight());
        if events == 100_000 {
            early = most;
        }
    }
    assert!(early > 0 && most < early * 3 / 2, "{early} in flight at a third, {most} at most");
}

#[test]
fn extremes_end() {
    for extreme in [
        Options { reviewers: 1, ..options(3_000) },
        Options { reviewers: 1, windows_per_day: Some(100_000), ..options(3_000) },
        Options { windows_per_day: Some(1), ..options(300) },
        Options { duplicates: 0.5, garbage: 0.5, disorder: 1.0, late: 1.0, ..options(3_000) },
        Options { undecided: 1.0, quarantine: 0.0, seeded: 1.0, skew: 1.0, ..options(3_000) },
        Options { re_leaks: 1.0, repeats: 1.0, ai_first: 1.0, ai_accuracy: 0.0, ..options(3_000) },
    ] {
        let Extent::Events(asked) = extreme.extent else { unreachable!() };
        let told = told(extreme);
        assert_eq!(told.events.len() as u64, asked);
    }
    assert_eq!(told(options(0)).events.len(), 0);
    assert_eq!(told(undisturbed(Extent::Days(0))).events.len(), 0);
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_it_with_an_error() {
    let simulation = Simulation::new(options(1_000_000)).unwrap();
    let result = write(simulation, &mut Full, None::<&mut File>);
    assert!(matches!(result, Err(WriteError::Events(error))
        if error.kind() == io::ErrorKind::StorageFull));
}
