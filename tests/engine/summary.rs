//! Every figure of the summary compared with a plain second computation: on cases that collide,
//! on simulated organisations, and as the command prints it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::process::{Command, Output};

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use shutterlag::config::{
    AgreementConfig, Approver, EngineConfig, FiguresConfig, OversightConfig, Profiles, Reopen,
    Targets,
};
use shutterlag::engine::Receipt;
use shutterlag::engine::attacker::{CurveSetting, Race};
use shutterlag::engine::identity::Names;
use shutterlag::engine::oversight::Rules;
use shutterlag::engine::summary::EventCounts;
use shutterlag::engine::windows::Windows;
use shutterlag::event::{
    Action, Actor, Body, CaseOpened, DecisionMade, Event, LeakDetected, Method, Provenance,
    ReviewOpened, Severity, TriageCompleted, Verdict, Workflow,
};
use shutterlag::report::{Conclusion, Telling, conclude};
use shutterlag::simulate::{self, Extent, Options, Simulation};
use shutterlag::time::{Span, Timestamp};

use crate::oracle::hostile::{self, Events, at};
use crate::oracle::made::{self, At};
use crate::oracle::setting::{May, Setting};
use crate::oracle::summary::{Asked, differences, summary};
use crate::oracle::{Ledger, Reading, ledger, ledger_by, readings};

/// More readings of one set of events than this are not worth going through.
const READINGS_MAX: usize = 64;
/// Curves of their own: location, fastest and mean in ms.
const CURVES: [(&str, i64, i64); 2] = [("npm", 60_000, 180_000), ("s3", 0, 3_600_000)];

/// Well-formed records of known sources that tell of no credential.
const NOTHING_TO_MEASURE: [&str; 2] = [
    r#"{"level":"info-0","ts":"2026-01-05T12:00:00Z","logger":"trufflehog","msg":"scan finished"}"#,
    r#"{"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","detail":{"state":"running"}}"#,
];

fn later(as_of: Option<Timestamp>, ms: i64) -> Option<Timestamp> {
    as_of.map(|as_of| as_of + Span::from_millis(ms))
}

fn latest(events: &[Event<'_>]) -> Option<Timestamp> {
    events.iter().map(|event| event.time).max()
}

/// The engine's summary, put together as the command does.
fn concluded(events: &[Event<'_>], asked: &Asked) -> Value {
    let Setting { reading, .. } = &asked.setting;
    let profiles = profiles(asked);
    let settings = asked.curves.iter().map(|(location, fastest, mean)| {
        format!("{location}={fastest}ms,{mean}ms").parse::<CurveSetting>().unwrap()
    });
    let figures = figures(&asked.setting);
    let race = Race::from_settings(settings.collect::<Vec<_>>()).unwrap();
    let race = race.between(&profiles, &figures);
    let config = EngineConfig {
        profiles,
        reopen: if reading.reopen_always { Reopen::Always } else { Reopen::NewExposure },
        detects_at_once: reading.detects_at_once.iter().cloned().collect(),
        ..EngineConfig::default()
    };
    let mut windows = Windows::new(config);
    for event in events {
        assert_eq!(windows.handle(event), Receipt::Held);
    }
    let as_of = asked.as_of.unwrap_or(Timestamp::MIN);
    let oversight = Rules::new(oversight(&asked.setting)).unwrap();
    let telling = Telling {
        race: &race,
        profiles: &profiles,
        oversight: &oversight,
        figures: &figures,
        as_of,
        settle: None,
        names: &Names::default(),
    };
    let rules = telling.figure_rules();
    let Conclusion { tally, unplaced, .. } = conclude(&windows.view(), &telling, None).unwrap();
    let counts = windows.counts();
    let counted = EventCounts {
        read: events.len() as u64,
        accepted: counts.accepted - unplaced.duplicate,
        duplicate: counts.duplicate + unplaced.duplicate,
        late: counts.late + unplaced.late,
        orphan: counts.orphan + unplaced.orphan,
        ..EventCounts::default()
    };
    serde_json::to_value(tally.summary(&rules, asked.as_of, counted)).unwrap()
}

/// The profiles that are asked for. Of two for one workflow the first counts.
fn profiles(asked: &Asked) -> Profiles {
    let mut profiles = Profiles::default();
    for workflow in &asked.expect_opening {
        profiles.get_mut(*workflow).expects_opening = true;
    }
    for (workflow, (in_time, late), raced) in asked.setting.reading.targets.iter().rev() {
        let (in_time, late) = (Span::from_millis(*in_time), Span::from_millis(*late));
        profiles.get_mut(*workflow).targets = Targets { in_time, late, raced: *raced };
    }
    for (workflow, may) in asked.setting.approver.iter().rev() {
        profiles.get_mut(*workflow).approver = match may {
            May::Anybody => Approver::Any,
            May::TheOwner => Approver::Owner,
            May::TheGroup => Approver::Group,
        };
    }
    profiles
}

fn figures(setting: &Setting) -> FiguresConfig {
    FiguresConfig {
        public: setting.public.clone(),
        incident_gap: Span::from_millis(setting.incident_gap_ms),
        batch_hold: Span::from_millis(setting.batch_hold_ms),
    }
}

/// The same setting in the engine's words.
pub(crate) fn oversight(setting: &Setting) -> OversightConfig {
    let standard = OversightConfig::default();
    let period = Span::from_millis(setting.period_ms);
    OversightConfig {
        all_truths: setting.all_truths,
        skew_tolerance: Span::from_millis(setting.skew_tolerance_ms),
        delay: Span::from_millis(setting.delay_ms),
        batch_hold: Span::from_millis(setting.batch_hold_ms),
        agreement: AgreementConfig { period, ..standard.agreement },
        aliases: setting.aliases.clone(),
        owners: setting.owners.clone(),
        ..standard
    }
}

/// What was asked for: the moment of the latest event, and one later or earlier.
fn questions(events: &[Event<'_>], later_ms: i64, opening: &[Workflow]) -> [Asked; 2] {
    let as_of = latest(events);
    let plain = Asked { as_of, ..Asked::default() };
    let all = Asked {
        as_of: later(as_of, later_ms),
        curves: CURVES.to_vec(),
        expect_opening: opening.to_vec(),
        ..Asked::default()
    };
    [plain, all]
}

/// Fails unless the engine's figures are those of one of `ledgers`.
fn check(events: &[Event<'_>], ledgers: &[Ledger], asked: &Asked) -> Result<(), TestCaseError> {
    let got = concluded(events, asked);
    let mut differences = ledgers.iter().map(|ledger| differences(&got, &summary(ledger, asked)));
    let first = differences.next().unwrap();
    let agree = first.is_empty() || differences.any(|differences| differences.is_empty());
    let why = first.join("\n");
    prop_assert!(agree, "{}\nasked: {:?}", why, asked);
    Ok(())
}

fn words(words: &'static [&'static str]) -> impl Strategy<Value = Cow<'static, str>> {
    select(words).prop_map(Cow::Borrowed)
}

/// Credentials whose order is not that of the names of their windows: `!` stands
/// before the `/` that ends a credential there, `0` after it.
fn credential() -> impl Strategy<Value = Cow<'static, str>> {
    (select(&["a", "a!", "a0", "a/b", "b"][..]), 0..8_u8)
        .prop_map(|(name, n)| Cow::Owned(if n == 0 { name.into() } else { format!("{name}{n}") }))
}

fn reviewer() -> impl Strategy<Value = Cow<'static, str>> {
    prop_oneof![4 => Just("reviewer-01"), 1 => Just("reviewer-02")].prop_map(Cow::Borrowed)
}

/// So many half minutes later, sometimes a millisecond off.
fn step(half_minutes: i64) -> impl Strategy<Value = i64> {
    let jitter = prop_oneof![6 => Just(0), 1 => Just(-1), 1 => Just(1)];
    (0..=half_minutes, jitter).prop_map(|(half_minutes, jitter)| half_minutes * 30_000 + jitter)
}

/// Lengths on both sides of what counts as a text, and of what an interval can hold.
const WORDS: [u32; 9] = [0, 19, 20, 149, 150, 500, 900, 3_000, u32::MAX];

fn advice() -> impl Strategy<Value = TriageCompleted<'static>> {
    (
        select(&[Action::Revoke, Action::Rotate, Action::Dismiss, Action::Escalate][..]),
        option::weighted(0.7, select(&WORDS[..])),
        option::weighted(0.2, select(&[119, 120, 3_000][..])),
        prop_oneof![9 => Just(None), 1 => Just(Some(Provenance::Fallback))],
        option::weighted(0.2, reviewer()),
        option::weighted(0.8, words(&["model-1", "model-2"])),
        option::of(select(&[0.5, 0.7, 0.89, 0.9, 1.0][..])),
    )
        .prop_map(
            |(recommendation, words, chars, provenance, requested_by, model, confidence)| {
                TriageCompleted {
                    recommendation,
                    model,
                    confidence,
                    summary_words: words,
                    summary_chars: chars,
                    provenance,
                    requested_by,
                }
            },
        )
}

fn decision() -> impl Strategy<Value = DecisionMade<'static>> {
    (
        reviewer(),
        select(Action::ALL),
        prop_oneof![8 => Just(Actor::Human), 1 => Just(Actor::Ai), 1 => Just(Actor::Automation)],
        prop_oneof![2 => Just(None), 2 => Just(Some(Verdict::Approve)), 1 => select(Verdict::ALL).prop_map(Some)],
        option::weighted(0.9, words(&["digest-1", "digest-2", "digest-3", "digest-4"])),
        option::weighted(0.8, select(&[7, 8, 30][..])),
        option::weighted(0.4, words(&["batch-1", "batch-2", "batch-3"])),
        option::weighted(0.3, any::<bool>()),
    )
        .prop_map(|(reviewer, action, actor_kind, verdict, digest, words, batch, authorized)| {
            DecisionMade {
                reviewer,
                action,
                actor_kind,
                verdict,
                rationale_words: words,
                rationale_digest: digest,
                batch_id: batch,
                batch_size: None,
                items_opened: None,
                authorized,
            }
        })
}

fn incident() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    option::weighted(0.2, words(&["commit-1", "commit-2"]))
}

/// A leak, or in a workflow in which nothing leaks a case.
fn detection(workflow: Workflow) -> BoxedStrategy<Body<'static>> {
    let began = || option::of(step(40)).prop_map(|before| before.map(|before| at(-before)));
    let reopened = || prop::bool::weighted(0.1);
    if workflow == Workflow::PolicyChange {
        let asker = option::of(reviewer());
        return (began(), asker, incident(), reopened())
            .prop_map(|(started_at, requested_by, incident, reopened)| {
                let items = None;
                Body::CaseOpened(CaseOpened { started_at, requested_by, items, incident, reopened })
            })
            .boxed();
    }
    let place = option::of(words(&["npm", "s3", "github", "internal"]));
    (began(), place, incident(), reopened())
        .prop_map(|(exposed_at, location, incident, reopened)| {
            Body::LeakDetected(LeakDetected {
                exposed_at,
                location,
                incident,
                reopened,
                ..LeakDetected::default()
            })
        })
        .boxed()
}

/// The events of one leak or case: when after its detection, and what.
fn leak(workflow: Workflow) -> BoxedStrategy<Vec<(i64, Body<'static>)>> {
    let detection = detection(workflow).prop_map(|body| (0, body));
    let triage = || {
        (prop_oneof![step(3), step(12)], advice())
            .prop_map(|(ms, it)| (ms, Body::TriageCompleted(it)))
    };
    let opened = (step(8), reviewer())
        .prop_map(|(ms, reviewer)| (ms, Body::ReviewOpened(ReviewOpened::by(reviewer))));
    let decided = || {
        (prop_oneof![step(4), step(40)], decision())
            .prop_map(|(ms, it)| (ms, Body::DecisionMade(it)))
    };
    let contained =
        (step(60), select(Method::ALL), select(Actor::ALL)).prop_map(|(ms, method, actor_kind)| {
            (ms, Body::CredentialContained { method, actor_kind })
        });
    let withdrawn = step(40).prop_map(|ms| (ms, Body::CaseWithdrawn { reason: None }));
    let truth =
        (step(80), select(Action::ALL), any::<bool>()).prop_map(|(ms, correct_action, seeded)| {
            (ms, Body::TruthEstablished { correct_action, seeded })
        });
    (
        detection,
        option::weighted(0.9, triage()),
        // The AI is asked again.
        option::weighted(0.2, triage()),
        option::of(opened),
        option::weighted(0.9, decided()),
        option::weighted(0.3, decided()),
        option::weighted(0.3, contained),
        option::weighted(0.1, withdrawn),
        option::weighted(0.3, truth),
    )
        .prop_map(|(detection, one, two, opened, decided, again, contained, withdrawn, truth)| {
            [Some(detection), one, two, opened, decided, again, contained, withdrawn, truth]
                .into_iter()
                .flatten()
                .collect()
        })
        .boxed()
}

/// Who reports an event, how bad it is, and whose it is.
fn origin() -> impl Strategy<Value = (Option<&'static str>, Option<Severity>, Option<&'static str>)>
{
    (
        prop_oneof![3 => Just(None), 2 => Just(Some("desk")), 1 => Just(Some("scanner"))],
        option::weighted(0.3, select(Severity::ALL)),
        option::weighted(0.2, select(&["team-1", "team-2"][..])),
    )
}

/// A body with its time, and what the event says of its source.
type Drawn = ((i64, Body<'static>), (Option<&'static str>, Option<Severity>, Option<&'static str>));

/// Many leaks and cases that few people judge, within `half_minutes` of each other.
fn leaks() -> impl Strategy<Value = Events> {
    let one = |half_minutes| {
        select(&Workflow::ALL[..3]).prop_flat_map(move |workflow| {
            let origins = prop::collection::vec(origin(), 9);
            (step(half_minutes), credential(), leak(workflow), origins).prop_map(
                move |(detected, credential_id, bodies, origins)| {
                    let event = |((ms, mut body), (source, severity, owner)): Drawn| {
                        if let Body::LeakDetected(LeakDetected {
                            exposed_at: Some(began), ..
                        })
                        | Body::CaseOpened(CaseOpened { started_at: Some(began), .. }) =
                            &mut body
                        {
                            *began = *began + Span::from_millis(detected);
                        }
                        Event {
                            id: "".into(),
                            time: at(detected + ms),
                            credential_id: credential_id.clone(),
                            workflow,
                            source: source.map(Cow::Borrowed),
                            severity,
                            owner: owner.map(Cow::Borrowed),
                            noted: shutterlag::event::Noted::default(),
                            body,
                        }
                    };
                    bodies.into_iter().zip(origins).map(event).collect::<Vec<_>>()
                },
            )
        })
    };
    prop_oneof![Just(1_i64), Just(20), Just(120)]
        .prop_flat_map(move |half_minutes| prop::collection::vec(one(half_minutes), 0..60))
        .prop_map(|leaks| {
            let number = |(n, event)| Event { id: format!("event-{n}").into(), ..event };
            Events(leaks.into_iter().flatten().enumerate().map(number).collect())
        })
}

/// Any setting, with values that these events come near to.
fn settings() -> impl Strategy<Value = Setting> {
    let minute = 60_000;
    let targets = prop::collection::vec(
        (select(&Workflow::ALL[..3]), 1..12_i64, 1..20_i64, any::<bool>()),
        0..3,
    );
    let may = select(&[May::Anybody, May::TheOwner, May::TheGroup][..]);
    let reading = (any::<bool>(), any::<bool>(), targets).prop_map(
        move |(reopen_always, at_once, targets)| Reading {
            reopen_always,
            detects_at_once: if at_once { vec!["scanner".to_owned()] } else { Vec::new() },
            targets: targets
                .into_iter()
                .map(|(of, soon, more, raced)| (of, (soon * minute, (soon + more) * minute), raced))
                .collect(),
        },
    );
    let public = prop::sample::subsequence(vec!["npm", "s3", "github", "internal"], 0..=4);
    let owners = select(&["reviewer-01", "reviewer-02", "reviewer-09"][..]);
    (
        reading,
        public,
        prop::collection::vec((select(&Workflow::ALL[..3]), may), 0..3),
        (1..12_i64, 1..70_i64, 0..5_i64, 0..20_i64, 2..26_i64),
        (any::<bool>(), option::of(owners), any::<bool>()),
    )
        .prop_map(move |(reading, public, approver, spans, (all_truths, member, alias))| {
            let (gap, hold, tolerance, delay, hours) = spans;
            Setting {
                reading,
                public: public.into_iter().map(str::to_owned).collect(),
                incident_gap_ms: gap * minute,
                batch_hold_ms: hold * minute,
                skew_tolerance_ms: tolerance * minute,
                delay_ms: delay * minute,
                period_ms: hours * 60 * minute,
                all_truths,
                approver,
                owners: member
                    .map(|member| ("team-1".to_owned(), [member.to_owned()].into()))
                    .into_iter()
                    .collect(),
                aliases: alias
                    .then(|| ("reviewer-02".to_owned(), "reviewer-01".to_owned()))
                    .into_iter()
                    .collect(),
            }
        })
}

/// The same events, but some advice is about a ticket: one event gives it to the credentials
/// of several leaks.
fn on_tickets(events: Events, given: &[(usize, usize)]) -> Events {
    let Events(mut events) = events;
    let advice: Vec<usize> = (0..events.len())
        .filter(|at| matches!(events[*at].body, Body::TriageCompleted(_)))
        .collect();
    for (from, to) in given.iter().filter(|_| !advice.is_empty()) {
        let (from, to) = (advice[from % advice.len()], advice[to % advice.len()]);
        let Event { credential_id, workflow, .. } = events[to].clone();
        events[to] = Event { credential_id, workflow, ..events[from].clone() };
    }
    Events(events)
}

fn openings() -> impl Strategy<Value = Vec<Workflow>> {
    prop::sample::subsequence(Workflow::ALL, 0..=Workflow::ALL.len())
}

proptest! {
    #![proptest_config(crate::seeded::cases(512))]

    #[test]
    fn events_that_collide_come_to_the_figures_of_the_oracle(
        events in hostile::events(),
        later_ms in -900_000..4_000_000_i64,
        opening in openings(),
    ) {
        let readings = readings(&events.0);
        prop_assume!(readings.len() <= READINGS_MAX);
        let ledgers: Vec<_> = readings.iter().map(|reading| ledger(reading)).collect();
        for asked in questions(&events.0, later_ms, &opening) {
            check(&events.0, &ledgers, &asked)?;
        }
    }

    #[test]
    fn reviews_that_collide_come_to_the_figures_of_the_oracle(
        events in leaks(),
        later_ms in -900_000..4_000_000_i64,
        opening in openings(),
    ) {
        let ledgers = [ledger(&events.0)];
        for asked in questions(&events.0, later_ms, &opening) {
            check(&events.0, &ledgers, &asked)?;
        }
    }

    #[test]
    fn so_they_do_on_tickets_and_under_any_setting(
        events in leaks(),
        given in prop::collection::vec((any::<usize>(), any::<usize>()), 0..30),
        later_ms in -900_000..4_000_000_i64,
        opening in openings(),
        setting in settings(),
    ) {
        let events = on_tickets(events, &given);
        let ledgers = [ledger_by(&events.0, &setting.reading)];
        for asked in questions(&events.0, later_ms, &opening) {
            let asked = Asked { setting: setting.clone(), ..asked };
            check(&events.0, &ledgers, &asked)?;
        }
    }
}

fn advised(words: Option<u32>) -> Body<'static> {
    let Body::TriageCompleted(triage) = made::triage(Action::Revoke) else { unreachable!() };
    Body::TriageCompleted(TriageCompleted { summary_words: words, ..triage })
}

fn decided_in(batch: Option<&'static str>) -> Body<'static> {
    let Body::DecisionMade(decision) = made::decided(Action::Revoke) else { unreachable!() };
    Body::DecisionMade(DecisionMade { batch_id: batch.map(Cow::Borrowed), ..decision })
}

fn impossible_readings(events: &[Event<'_>]) -> Value {
    let asked = Asked { as_of: latest(events), ..Asked::default() };
    concluded(events, &asked)["oversight"]["by_reason"]["impossible_reading"].clone()
}

/// Presented at 0 s and 210 s, decided at 360 s: 360 s for three minutes of text.
#[test]
fn a_batch_begins_with_the_earliest_presentation_of_any_of_its_cases() {
    let events = [
        made::leak().of("a", 0),
        advised(None).of("a", 0),
        decided_in(Some("batch-1")).of("a", 180),
        made::leak().of("b", 30),
        advised(Some(900)).of("b", 210),
        decided_in(Some("batch-1")).of("b", 360),
    ];
    assert_eq!(impossible_readings(&events), 0);
}

/// A person decided before the source withdrew the case: the race was over with that, and the
/// window stays one of those that attackers raced for.
#[test]
fn a_case_withdrawn_after_its_decision_is_still_one_that_attackers_raced_for() {
    let withdrawn = Body::CaseWithdrawn { reason: None };
    let decided = [
        made::leak_exposed(0).at(0),
        made::decided(Action::Revoke).at(3_600),
        withdrawn.clone().at(7_200),
    ];
    let undecided = [made::leak_exposed(0).at(0), withdrawn.at(7_200)];
    for (events, windows) in [(&decided[..], 1), (&undecided[..], 0)] {
        let asked = Asked { as_of: latest(events), ..Asked::default() };
        let got = concluded(events, &asked);
        assert_eq!(got["attacker_window"]["attacker_first"]["windows"], windows);
        assert_eq!(differences(&got, &summary(&ledger(events), &asked)), Vec::<String>::new());
    }
}

/// One in which whatever can go wrong often does.
fn troubled(seed: u64, events: u64) -> Options {
    Options {
        seed,
        extent: Extent::Events(events),
        reviewers: 5,
        ai_accuracy: 0.7,
        duplicates: 0.15,
        disorder: 0.4,
        late: 0.2,
        skew: 0.25,
        re_leaks: 0.5,
        repeats: 0.4,
        seeded: 0.15,
        ai_first: 0.05,
        ..Options::DEFAULT
    }
}

/// Adds up all whole numbers of a summary by their paths.
fn add_up(sums: &mut BTreeMap<String, u64>, path: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| add_up(sums, &format!("{path}/{key}"), value));
        }
        value => {
            // What is no count has a sum of its own kind, or none.
            let Some(count) = value.as_u64() else { return };
            *sums.entry(path.to_owned()).or_default() += count;
        }
    }
}

#[test]
fn simulated_organisations_come_to_the_figures_of_the_oracle() {
    let mut sums = BTreeMap::new();
    // Two people cannot be compared with anybody.
    let alone = Options { reviewers: 2, ..troubled(7, 1_000) };
    for options in (1..=6).map(|seed| troubled(seed, 4_000)).chain([alone]) {
        let seed = options.seed;
        let events: Vec<_> = Simulation::new(options).unwrap().events().collect();
        let ledger = [ledger(&events)];
        let later_ms = [1, 599_999, 86_400_000][seed as usize % 3];
        for asked in questions(&events, later_ms, &Workflow::ALL[..3]) {
            check(&events, &ledger, &asked).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            add_up(&mut sums, "", &summary(&ledger[0], &asked));
        }
    }
    // Whatever is counted was there to count.
    let counts = ["/events", "/windows", "/stages", "/attacker_window", "/oversight"];
    let never = [
        "/events/rejected",
        "/events/unsupported",
        "/events/late",
        "/events/skipped",
        // The simulated sources agree on names.
        "/events/linked",
        // What is known from a detection on has been detected.
        "/stages/detection/censored",
        // All input is read before anything is judged.
        "/oversight/unjudged",
    ];
    let missed: Vec<_> = sums
        .iter()
        .filter(|(path, sum)| **sum == 0 && counts.iter().any(|part| path.starts_with(part)))
        .filter(|(path, _)| !never.contains(&path.as_str()))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// A simulated file, with garbage and with records that have nothing to measure.
struct File {
    dir: tempfile::TempDir,
    events: Vec<Event<'static>>,
    garbage: u64,
    nothing: u64,
}

impl File {
    fn new(seed: u64) -> File {
        let options = Options { garbage: 0.1, ..troubled(seed, 3_000) };
        let (mut events, mut lines) = (Vec::new(), Vec::new());
        let (mut garbage, mut nothing) = (0, 0);
        for output in Simulation::new(options).unwrap() {
            match output {
                simulate::Output::Event(delivered) => {
                    simulate::write_event(&delivered.event, &mut lines).unwrap();
                    events.push(delivered.event);
                    if events.len() % 500 == 0 {
                        for line in NOTHING_TO_MEASURE {
                            nothing += 1;
                            lines.push(b'\n');
                            lines.extend_from_slice(line.as_bytes());
                        }
                    }
                }
                simulate::Output::Garbage(_, line) => {
                    garbage += 1;
                    lines.extend_from_slice(&line);
                }
                simulate::Output::Window(_) => continue,
            }
            lines.push(b'\n');
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("events.ndjson"), lines).unwrap();
        assert!(garbage > 100 && nothing > 1);
        File { dir, events, garbage, nothing }
    }

    fn replay(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_shutterlag"))
            .arg("replay")
            .arg(self.dir.path().join("events.ndjson"))
            .arg("--json")
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What the command prints must be what the oracle makes of the events up to
    /// the moment asked for.
    fn check(&self, mut asked: Asked, arguments: &[&str]) {
        let (used, after): (Vec<_>, Vec<_>) =
            self.events.iter().cloned().partition(|event| Some(event.time) <= asked.as_of);
        asked.rejected = self.garbage;
        asked.skipped = self.nothing + after.len() as u64;
        let output = self.replay(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let mut printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        // What did not join is no figure; tests of the command look at it.
        printed.as_object_mut().unwrap().remove("not_joined").unwrap();
        let differences = differences(&printed, &summary(&ledger(&used), &asked));
        assert!(differences.is_empty(), "{arguments:?}\n{}", differences.join("\n"));
    }
}

#[test]
fn the_command_prints_the_figures_of_the_oracle() {
    let file = File::new(11);
    let last = latest(&file.events);
    file.check(Asked { as_of: last, ..Asked::default() }, &[]);

    let all = Asked {
        as_of: later(last, 3_600_000),
        curves: CURVES.to_vec(),
        expect_opening: Workflow::ALL[..2].to_vec(),
        ..Asked::default()
    };
    let as_of = all.as_of.unwrap().to_string();
    let arguments = [
        ["--as-of", &as_of],
        ["--attacker", "npm=1m,3m"],
        ["--attacker", "s3=0s,1h"],
        ["--expect-opening", Workflow::ALL[0].as_str()],
        ["--expect-opening", Workflow::ALL[1].as_str()],
    ];
    file.check(all, &arguments.concat());

    let mut times: Vec<_> = file.events.iter().map(|event| event.time).collect();
    times.sort_unstable();
    let middle = times[times.len() / 2];
    file.check(
        Asked { as_of: Some(middle), ..Asked::default() },
        &["--as-of", &middle.to_string()],
    );
}

#[test]
fn the_command_refuses_garbage_when_it_is_asked_to() {
    let output = File::new(12).replay(&["--strict"]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_batch_decided_under_two_ids_of_one_person_is_one_incident() {
    let decided = |reviewer: &'static str| match made::decided(Action::Dismiss) {
        Body::DecisionMade(decision) => Body::DecisionMade(DecisionMade {
            reviewer: reviewer.into(),
            batch_id: Some("batch-1".into()),
            ..decision
        }),
        other => other,
    };
    let mut events = Vec::new();
    for (credential, owner, reviewer) in
        [("a", "team-a", "ann"), ("b", "team-b", "ann@example.org")]
    {
        let leak = made::leak_exposed(0).of(credential, 0);
        events.push(Event { owner: Some(owner.into()), ..leak });
        events.push(decided(reviewer).of(credential, 60));
    }
    let asked = Asked { as_of: Some(made::seconds(3_600)), ..Asked::default() };
    let incidents = |setting: Setting| {
        let asked = Asked { setting, ..asked.clone() };
        let told = concluded(&events, &asked);
        assert_eq!(differences(&told, &summary(&ledger(&events), &asked)), Vec::<String>::new());
        told["effective_review_rate"]["incidents"].as_u64().unwrap()
    };
    assert_eq!(incidents(Setting::default()), 2);
    let aliases = [("ann@example.org".to_owned(), "ann".to_owned())].into();
    assert_eq!(incidents(Setting { aliases, ..Setting::default() }), 1);
}
