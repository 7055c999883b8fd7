//! Oversight in a live run: the same results as in a replay, in any order of arrival.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shutterlag::config::{EngineConfig, OversightConfig, Profiles};
use shutterlag::engine::alerts::Transition;
use shutterlag::engine::oversight::{
    Advised, Change, Emitted, Judgement, Known, PeerCounts, Quality, Receipt, Review, Reviewer,
    Reviews, Rules, Signal, Stage, Standing,
};
use shutterlag::engine::windows::Windows;
use shutterlag::event::{Action, Verdict, Workflow};
use shutterlag::simulate::{Extent, Options, Simulation};
use shutterlag::time::{Span, Timestamp};

fn rules() -> Rules {
    Rules::new(OversightConfig::default()).unwrap()
}

/// All reviews of a simulated organisation, in the order of the ledger.
fn reviews(seed: u64) -> Vec<Review<'static>> {
    let options = Options {
        seed,
        extent: Extent::Events(12_000),
        reviewers: 12,
        seeded: 0.1,
        revealed: 0.2,
        ..Options::DEFAULT
    };
    let mut profiles = Profiles::default();
    profiles.get_mut(Workflow::SecretExposure).expects_opening = true;
    let mut windows = Windows::new(EngineConfig { profiles, ..EngineConfig::default() });
    for event in Simulation::new(options).unwrap().events() {
        let _ = windows.handle(&event);
    }
    let config = OversightConfig::default();
    let mut reviews = Vec::new();
    windows.view().for_each(|window| {
        let review = Review::of(window, profiles.get(window.key.workflow), &config);
        reviews.extend(review.map(Review::into_owned));
    });
    assert!(reviews.len() > 1_000);
    reviews
}

/// Everything that is said, in a form that can be compared.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    judged: BTreeMap<String, Judgement>,
    turns: BTreeMap<String, Vec<(Timestamp, Transition, Vec<String>)>>,
    /// By the first decision of each.
    acts: BTreeMap<String, Quality>,
    /// Planted cases that were answered, caught and missed, by workflow.
    planted: BTreeMap<(Workflow, bool), u64>,
}

impl Heard {
    fn hear(&mut self, said: Emitted<'_>) {
        match said {
            Emitted::Judged { review, judgement } => {
                let before = self.judged.insert(review.exposure_id().to_string(), *judgement);
                assert_eq!(before, None, "a decision is judged once");
            }
            Emitted::Act { review, quality } => {
                let before = self.acts.insert(review.exposure_id().to_string(), quality);
                assert_eq!(before, None, "an act is told once");
            }
            Emitted::Planted { workflow, caught } => {
                *self.planted.entry((workflow, caught)).or_default() += 1;
            }
            Emitted::Alert { reviewer, at, transition, evidence, cited } => {
                assert_eq!(evidence.is_some(), transition == Transition::Firing);
                assert_eq!(evidence.map_or(0, |s| s.path.len()), cited.len());
                assert!(transition != Transition::Firing || !cited.is_empty());
                let cited = cited.iter().map(ToString::to_string).collect();
                self.turns.entry(reviewer.to_owned()).or_default().push((at, transition, cited));
            }
        }
    }
}

/// What a replay of the same reviews says.
fn whole(reviews: &[Review<'_>]) -> (Heard, BTreeMap<String, Standing>) {
    let mut all = Reviews::new();
    reviews.iter().for_each(|review| all.add(Some(review)));
    let overseen = all.judge(&rules());
    let name = |number: &u32| reviews[*number as usize].exposure_id().to_string();
    let mut heard = Heard::default();
    for (review, judgement) in reviews.iter().zip(&overseen.judgements) {
        heard.judged.insert(review.exposure_id().to_string(), *judgement);
    }
    heard.acts = overseen.acts.iter().map(|act| (name(&act.number), act.quality)).collect();
    for answered in overseen.answered.iter().filter(|it| it.seeded && it.wrong) {
        let workflow = reviews[answered.number as usize].workflow;
        *heard.planted.entry((workflow, answered.challenged)).or_default() += 1;
    }
    let mut standings = BTreeMap::new();
    for person in overseen.people {
        for turn in &person.turns {
            let turn = (turn.at, turn.transition, turn.cited.iter().map(name).collect());
            heard.turns.entry(person.reviewer.clone()).or_default().push(turn);
        }
        standings.insert(person.reviewer, person.standing);
    }
    (heard, standings)
}

/// Deliveries in the order of their arrival: each review soon after its decision,
/// and again, with its truth, soon after that became known; some more than once.
fn deliveries(
    reviews: &[Review<'static>],
    dice: &mut Pcg64Mcg,
) -> Vec<(Timestamp, Review<'static>)> {
    let mut all = Vec::new();
    for review in reviews {
        let mut arrives = |at: Timestamp, review: Review<'static>| {
            for _ in 0..if dice.random::<f64>() < 0.2 { 2 } else { 1 } {
                let held_up = Span::from_millis(dice.random_range(0..599_000));
                all.push((at + held_up, review.clone()));
            }
        };
        match review.truth {
            Some(truth) if truth.established_at > review.decided_at => {
                let before =
                    Review { truth: None, revision: review.revision - 1, ..review.clone() };
                arrives(review.decided_at, before);
                // Words on one window come in their order.
                let later = review.decided_at + Span::from_mins(10);
                arrives(truth.established_at.max(later), review.clone());
            }
            _ => arrives(review.decided_at, review.clone()),
        }
    }
    all.sort_by_key(|(at, review)| (*at, review.detected_at));
    all
}

fn standings(stage: &Stage) -> BTreeMap<String, Standing> {
    stage.standings().into_iter().map(|(name, standing)| (name.to_owned(), standing)).collect()
}

const END: Timestamp = Timestamp::MAX;

#[test]
fn a_live_run_says_what_a_replay_says_in_any_order_of_arrival() {
    for seed in [1, 2] {
        let reviews = reviews(seed);
        let (wanted, wanted_standings) = whole(&reviews);
        assert!(wanted.turns.len() > 1, "seed {seed}: nobody was suspected");
        for turn in 0..3 {
            println!("seed {seed}.{turn}");
            let mut dice = Pcg64Mcg::seed_from_u64(seed << 8 | turn);
            let (mut stage, mut heard) = (Stage::new(rules()), Heard::default());
            for (at, review) in deliveries(&reviews, &mut dice) {
                // Time passes before what arrives at it.
                while let Some(due) = stage.next_deadline().filter(|due| *due < at) {
                    stage.advance(due, &mut |said| heard.hear(said));
                }
                let _ = stage.handle(review);
            }
            // In slices, which must not matter.
            while !stage.advance_some(END, 7, &mut |said| heard.hear(said)) {}
            assert_eq!(stage.next_deadline(), None);
            assert!(heard == wanted, "seed {seed}.{turn}");
            assert!(standings(&stage) == wanted_standings, "seed {seed}.{turn}");
        }
    }
}

/// Time has passed in an empty stage, as when a new store gets the past in one delivery.
#[test]
fn the_past_in_one_delivery_is_judged_as_in_a_replay() {
    let reviews = reviews(4);
    let (wanted, wanted_standings) = whole(&reviews);
    let compared = |standing: &Standing| standing.signals[Signal::Agreement as usize].steps;
    assert!(wanted_standings.values().map(compared).sum::<u64>() > 20, "little is compared");
    let now = reviews.iter().map(|review| review.decided_at).max().unwrap() + days(300);
    let (mut stage, mut heard) = (Stage::new(rules()).noting_changes(), Heard::default());
    stage.advance(now, &mut |said| heard.hear(said));
    for review in &reviews {
        assert_eq!(stage.handle(review.clone()), Receipt::Held);
    }
    stage.advance(now + Span::from_secs(1), &mut |said| heard.hear(said));
    assert!(heard == wanted);
    assert!(standings(&stage) == wanted_standings);

    // Now its periods are settled, however often the run starts anew, and whether it does so before
    // or while the late acts wait: a newcomer's acts in the last of them are judged, and compared
    // with nobody's.
    let mut kept = Kept::default();
    kept.keep(&mut stage);
    let last = reviews.iter().filter(|review| review.agreed.is_some());
    let last = last.max_by_key(|review| review.decided_at).unwrap();
    let late = |number| {
        let detected_at = last.detected_at + Span::from_millis(number);
        Review { reviewer: "newcomer".into(), detected_at, ..last.clone() }
    };
    let late = [late(0), late(1), late(2)];
    let mut while_they_wait = Kept::default();
    while_they_wait.reviewers.clone_from(&kept.reviewers);
    while_they_wait.periods.clone_from(&kept.periods);
    for review in &late {
        while_they_wait.reviews.insert(review.exposure_id().to_string(), review.clone());
    }
    let counted = kept.counted();
    for (mut stage, wait) in
        [(stage, false), (kept.restored(), false), (while_they_wait.restored(), true)]
    {
        if !wait {
            stage.advance(now + days(1), &mut |_| {});
            for review in &late {
                assert_eq!(stage.handle(review.clone()), Receipt::Held);
            }
        }
        stage.advance(now + days(2), &mut |_| {});
        let newcomer = stage.standings()["newcomer"];
        let steps = newcomer.signals[Signal::Agreement as usize].steps;
        assert_eq!((newcomer.decisions, newcomer.alone, steps), (3, 0, 0), "{wait}");
        let mut after = Kept { periods: kept.periods.clone(), ..Kept::default() };
        after.keep(&mut stage);
        assert_eq!(after.counted(), counted, "{wait}");
    }
}

const fn days(days: i64) -> Span {
    Span::from_mins(days * 24 * 60)
}

/// What somebody else holds of a stage, so that another can go on from it.
#[derive(Default)]
struct Kept {
    reviewers: BTreeMap<String, Vec<u8>>,
    reviews: BTreeMap<String, Review<'static>>,
    /// As in a changelog that is not compacted: every word on each.
    periods: Vec<PeerCounts>,
}

impl Kept {
    fn keep(&mut self, stage: &mut Stage) {
        stage.changes(&mut |change| match change {
            Change::Reviewer { name, state } => {
                self.reviewers.insert(name.to_owned(), state.to_vec());
            }
            Change::Settled(exposure) => {
                self.reviews.remove(&exposure.to_string());
            }
            Change::Period(counts) => {
                self.periods.push(counts.clone());
            }
        });
    }

    /// Acts by period, as the last word on each says.
    fn counted(&self) -> BTreeMap<i64, u64> {
        let acts = |counts: &PeerCounts| counts.strata.values().map(|counts| counts.acts).sum();
        self.periods.iter().map(|counts| (counts.period, acts(counts))).collect()
    }

    fn restored(&self) -> Stage {
        let mut stage = Stage::new(rules()).noting_changes();
        self.reviewers.values().for_each(|state| assert!(stage.restore(state)));
        self.periods.iter().for_each(|counts| stage.count(counts));
        for review in self.reviews.values() {
            let receipt = stage.handle(review.clone());
            assert!(matches!(receipt, Receipt::Held | Receipt::Learning), "{receipt:?}");
        }
        stage
    }
}

#[test]
fn a_run_goes_on_from_its_checkpoints() {
    let reviews = reviews(3);
    let (wanted, wanted_standings) = whole(&reviews);
    let mut dice = Pcg64Mcg::seed_from_u64(3);
    let deliveries = deliveries(&reviews, &mut dice);
    for cut in [1, deliveries.len() / 3, deliveries.len() * 2 / 3] {
        let (mut stage, mut heard) = (Stage::new(rules()).noting_changes(), Heard::default());
        let mut kept = Kept::default();
        for (number, (at, review)) in deliveries.iter().enumerate() {
            stage.advance(*at, &mut |said| heard.hear(said));
            if number % 7 == 0 {
                kept.keep(&mut stage);
            }
            if number == cut {
                kept.keep(&mut stage);
                stage = kept.restored();
            }
            if matches!(stage.handle(review.clone()), Receipt::Held | Receipt::Learning) {
                kept.reviews.insert(review.exposure_id().to_string(), review.clone());
            }
        }
        assert!(kept.reviews.len() < reviews.len() / 2, "what is judged is kept no longer");
        stage.advance(END, &mut |said| heard.hear(said));
        assert!(heard == wanted, "cut at {cut}");
        assert!(standings(&stage) == wanted_standings, "cut at {cut}");
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + second * 1000)
}

/// A case decided as advised, 60 s after it was presented.
fn case(number: i64, decided: i64) -> Review<'static> {
    Review {
        origin: 0,
        workflow: Workflow::SecretExposure,
        credential_id: format!("cred-{number}").into(),
        detected_at: at(decided - 120),
        revision: 1,
        mark: 1,
        reviewer: "reviewer-03".into(),
        decided_at: at(decided),
        first_opened_at: None,
        opened_by_same_clock: true,
        opened_at: None,
        source: Some("desk".into()),
        action: Action::Dismiss,
        verdict: Some(Verdict::Approve),
        agreed: Some(true),
        advice: Some(Advised {
            first_presented_at: at(decided - 60),
            presented_by_same_clock: true,
            presented_at: at(decided - 60),
            event: None,
            first_event: None,
            recommendation: Action::Dismiss,
            confidence: None,
            summary_words: Some(120),
            summary_chars: None,
            repeated: false,
        }),
        severity: None,
        model: None,
        incident: None,
        own_request: false,
        batch_id: None,
        rationale_words: None,
        rationale_digest: None,
        authorized: None,
        truth: None,
        expects_opening: false,
        ahead: true,
    }
}

fn wrong(known: i64) -> Option<Known> {
    Some(Known { established_at: at(known), correct_action: Action::Revoke, seeded: true })
}

fn seeded_steps(stage: &Stage) -> u64 {
    stage.standings()["reviewer-03"].signals[Signal::Seeded as usize].steps
}

#[test]
fn a_truth_counts_once_whenever_it_comes() {
    let mut stage = Stage::new(rules());
    let mut quiet = |said: Emitted<'_>| drop(format!("{said:?}"));
    // Known before the decision: counted with it.
    let _ = stage.handle(Review { truth: wrong(-500), ..case(1, 0) });
    let _ = stage.handle(case(2, 100));
    stage.advance(at(2_000), &mut quiet);
    assert_eq!(seeded_steps(&stage), 1);
    // Known later: a step of its own, once.
    let later = Review { truth: wrong(5_000), revision: 2, ..case(2, 100) };
    assert_eq!(stage.handle(later.clone()), Receipt::Learning);
    assert_eq!(stage.next_deadline(), Some(at(5_600)));
    stage.advance(at(5_599), &mut quiet);
    assert_eq!(seeded_steps(&stage), 1);
    stage.advance(at(5_600), &mut quiet);
    assert_eq!(seeded_steps(&stage), 2);
    assert_eq!(stage.handle(later), Receipt::Behind);
    // Stated a second time, later: still the same case.
    let again = Review { truth: wrong(9_000), revision: 3, ..case(2, 100) };
    assert_eq!(stage.handle(again), Receipt::Behind);
    stage.advance(END, &mut quiet);
    assert_eq!(seeded_steps(&stage), 2);
    assert_eq!(stage.standings()["reviewer-03"].decisions, 2);
}

#[test]
fn a_later_revision_replaces_what_waits_and_a_retraction_removes_it() {
    let mut stage = Stage::new(rules());
    let mut heard = Heard::default();
    let _ = stage.handle(case(1, 0));
    // A late arrival: somebody else had decided before.
    let other = Review { reviewer: "reviewer-04".into(), revision: 2, ..case(1, -10) };
    let _ = stage.handle(Review { detected_at: case(1, 0).detected_at, ..other });
    let _ = stage.handle(case(2, 50));
    stage.retract(case(2, 50).exposure_id());
    stage.advance(END, &mut |said| heard.hear(said));
    assert_eq!(heard.judged.len(), 1);
    assert_eq!(stage.standings()["reviewer-04"].decisions, 1);
    assert_eq!(stage.standings()["reviewer-03"].decisions, 0, "known, and nothing counted");
}

#[test]
fn what_comes_too_late_is_told_so() {
    let mut stage = Stage::new(rules());
    assert_eq!(stage.handle(case(1, 500)), Receipt::Held);
    stage.advance(at(500 + 3_600), &mut |_| {});
    assert_eq!(stage.handle(case(2, 100)), Receipt::Behind, "a later step was taken");
    let known = Review { truth: wrong(9_000), ..case(3, 100) };
    assert_eq!(stage.handle(known), Receipt::Learning, "its truth is not late");
    assert_eq!(stage.handle(case(4, 600)), Receipt::Held);
}

#[test]
fn reviewers_beyond_the_bound_are_refused() {
    let config = OversightConfig { reviewers_max: 1, ..OversightConfig::default() };
    let mut stage = Stage::new(Rules::new(config).unwrap());
    assert_eq!(stage.handle(case(1, 0)), Receipt::Held);
    let other = Review { reviewer: "reviewer-04".into(), ..case(2, 0) };
    assert_eq!(stage.handle(other), Receipt::Refused);
    assert_eq!(stage.handle(case(3, 10)), Receipt::Held, "who is known goes on");
}

#[test]
fn a_batch_is_one_act_and_is_waited_for() {
    let mut stage = Stage::new(rules());
    let mut heard = Heard::default();
    for number in 0..50 {
        let _ =
            stage.handle(Review { batch_id: Some("batch-1".into()), ..case(number, 2 * number) });
    }
    // The first alone would be due at 600: the last is at 98, and a minute of pause may follow.
    stage.advance(at(757), &mut |said| heard.hear(said));
    assert!(heard.judged.is_empty());
    stage.advance(at(758), &mut |said| heard.hear(said));
    assert_eq!(heard.judged.len(), 50);
    // 7.2 s each, within 158 s: at most 21 were read.
    let hollow = heard.judged.values().filter(|judgement| !judgement.reasons.is_empty()).count();
    assert_eq!(hollow, 29);
    stage.advance(END, &mut |said| heard.hear(said));
    let standing = stage.standings()["reviewer-03"];
    assert_eq!(standing.decisions, 50);
    let steps = |signal: Signal| standing.signals[signal as usize].steps;
    assert_eq!([steps(Signal::Dwell), steps(Signal::Agreement), standing.alone], [1, 0, 1]);
    assert!(heard.turns.is_empty());
}

#[test]
fn the_first_decision_of_a_batch_is_its_act_for_agreement() {
    // The window that comes first by name is decided last.
    let batch = |review| Review { batch_id: Some("batch-1".into()), ..review };
    let rejected = Review { agreed: Some(false), verdict: Some(Verdict::Reject), ..case(1, 30) };
    assert_eq!(compared([batch(case(2, 0)), batch(rejected)]), [(1, 1)]);
}

/// Everybody's acts and those that agreed, by stratum, after these reviews.
fn compared(reviews: impl IntoIterator<Item = Review<'static>>) -> Vec<(u64, u64)> {
    let mut stage = Stage::new(rules()).noting_changes();
    for review in reviews {
        let _ = stage.handle(review);
    }
    stage.advance(at(10_000), &mut |_| {});
    let mut counted = Vec::new();
    stage.changes(&mut |change| {
        if let Change::Period(counts) = change {
            counted.extend(counts.strata.values().map(|counts| (counts.acts, counts.agreed)));
        }
    });
    counted
}

#[test]
fn an_act_whose_first_decision_had_no_advice_is_not_compared() {
    let unadvised = |review| Review { advice: None, agreed: None, ..review };
    let batch = |review| Review { batch_id: Some("batch-1".into()), ..review };
    let incident = |review| Review { incident: Some("commit-1".into()), ..review };
    assert_eq!(compared([unadvised(batch(case(1, 0))), batch(case(2, 30))]), []);
    assert_eq!(compared([unadvised(incident(case(1, 0))), incident(case(2, 30))]), []);
    // A later decision without advice changes nothing.
    assert_eq!(compared([batch(case(1, 0)), unadvised(batch(case(2, 30)))]), [(1, 1)]);
    assert_eq!(compared([incident(case(1, 0)), unadvised(incident(case(2, 30)))]), [(1, 1)]);
}

#[test]
fn a_batch_without_end_is_many_acts() {
    let mut stage = Stage::new(rules());
    for number in 0..300 {
        let stamp = case(number, 7_200 * number);
        let advice = stamp.advice.map(|advice| Advised {
            first_presented_at: stamp.decided_at + Span::from_secs(-1),
            ..advice
        });
        let _ = stage.handle(Review { batch_id: Some("bulk".into()), advice, ..stamp });
    }
    let mut heard = Heard::default();
    stage.advance(END, &mut |said| heard.hear(said));
    assert!(heard.judged.values().all(|judgement| !judgement.reasons.is_empty()));
    let standing = stage.standings()["reviewer-03"];
    assert!(standing.log_e > 100.0, "{}", standing.log_e);
}

#[test]
fn ids_of_one_person_are_one_reviewer() {
    let config = OversightConfig {
        aliases: [("r3@example.org".to_owned(), "reviewer-03".to_owned())].into(),
        ..OversightConfig::default()
    };
    assert_eq!(config.canonical("r3@example.org"), "reviewer-03");
    assert_eq!(config.canonical("reviewer-04"), "reviewer-04");
}

#[test]
fn a_review_travels_as_json() {
    for review in reviews(5).iter().take(500) {
        let text = serde_json::to_string(review).unwrap();
        assert_eq!(serde_json::from_str::<Review<'_>>(&text).unwrap(), *review);
    }
}

fn hostile() -> impl Strategy<Value = Review<'static>> {
    let times =
        (0..4_000_i64, -30..30_i64, prop::option::of(-30..30_i64), prop::option::of(-50..50_i64));
    let words = prop::option::of(prop_oneof![Just(0), Just(u32::MAX), 0..500_u32]);
    let confidence = prop::option::of(prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64]);
    let flags =
        (any::<Option<bool>>(), any::<Option<bool>>(), any::<bool>(), any::<bool>(), any::<bool>());
    let groups = (prop::option::of(0..3_u32), prop::option::of(0..4_u32), 0..3_u32);
    (times, words, confidence, flags, 0..6_u32, groups, 0..60_i64).prop_map(
        |(times, summary_words, confidence, flags, who, groups, number)| {
            let (batch, incident, model) = groups;
            let (decided, presented, opened, known) = times;
            let (agreed, authorized, expects_opening, advised, own_request) = flags;
            let minute = |m: i64| at(m * 60);
            let truth = known.map(|known| Known {
                established_at: minute(decided + known),
                correct_action: if own_request { Action::Dismiss } else { Action::Revoke },
                seeded: advised,
            });
            Review {
                reviewer: format!("reviewer-{who}").into(),
                decided_at: minute(decided),
                opened_at: opened.map(|opened| minute(decided + opened)),
                first_opened_at: opened.map(|opened| minute(decided + opened - 1)),
                opened_by_same_clock: own_request,
                incident: incident.map(|incident| format!("incident-{incident}").into()),
                model: (model > 0).then(|| format!("model-{model}").into()),
                rationale_words: Some(model * 8),
                agreed,
                advice: advised.then(|| Advised {
                    // Clocks may disagree: advice from after the decision.
                    first_presented_at: minute(decided + presented),
                    presented_by_same_clock: expects_opening,
                    presented_at: minute(decided + presented),
                    event: None,
                    first_event: None,
                    recommendation: Action::Dismiss,
                    confidence,
                    summary_words,
                    summary_chars: summary_words,
                    repeated: own_request,
                }),
                batch_id: batch.map(|batch| format!("batch-{batch}").into()),
                rationale_digest: batch.map(|batch| format!("d-{batch}").into()),
                own_request,
                authorized,
                truth,
                expects_opening,
                ..case(number, 0)
            }
        },
    )
}

fn sane(standing: &Standing) -> Result<(), TestCaseError> {
    for signal in &standing.signals {
        prop_assert!(signal.log_e.is_finite());
        prop_assert!(signal.signs <= signal.steps && signal.steps <= standing.decisions);
        prop_assert!(signal.steps > 0 || signal.log_e == 0.0, "evidence out of nothing");
    }
    prop_assert!(standing.log_e.is_finite());
    prop_assert!(!standing.log_burst.is_nan() && standing.log_burst < f64::INFINITY);
    let sight = standing.sight;
    let rates = [sight.hit_rate, sight.hit_rate_low, sight.hit_rate_high];
    prop_assert!(rates.iter().flatten().all(|rate| (0.0..=1.0).contains(rate)));
    prop_assert!([sight.d_prime, sight.criterion].iter().flatten().all(|x| x.is_finite()));
    Ok(())
}

proptest! {
    #![proptest_config(crate::seeded::cases(256))]

    #[test]
    fn whatever_comes_no_figure_is_nonsense(reviews in prop::collection::vec(hostile(), 0..120)) {
        let mut stage = Stage::new(rules());
        for review in &reviews {
            let _ = stage.handle(review.clone());
        }
        let mut turned = Ok(());
        while !stage.advance_some(END, 5, &mut |said| {
            if let Emitted::Alert { evidence: Some(evidence), cited, .. } = said {
                let told = !cited.is_empty() && evidence.statistic.is_finite();
                turned = told.then_some(()).ok_or("a page without evidence");
            }
        }) {}
        prop_assert_eq!(turned, Ok(()));
        for (name, standing) in stage.standings() {
            sane(&standing)?;
            let bytes = stage.checkpoint(name).unwrap();
            let mut other = Stage::new(rules());
            prop_assert!(other.restore(&bytes));
            prop_assert_eq!(other.checkpoint(name).unwrap(), bytes.clone());
            // Cut off anywhere it is refused, and never a panic.
            for end in (0..bytes.len()).step_by(61) {
                prop_assert!(!other.restore(&bytes[..end]));
            }
        }
        let mut all = Reviews::new();
        let mut in_order: BTreeMap<_, &Review<'_>> = BTreeMap::new();
        in_order.extend(reviews.iter().map(|review| (review.exposure_id(), review)));
        in_order.values().for_each(|review| all.add(Some(review)));
        let overseen = all.judge(&rules());
        let live = stage.standings();
        for person in overseen.people {
            sane(&person.standing)?;
            // Who decided what somebody else decided in the end is known, and has nothing.
            prop_assert_eq!(live.get(person.reviewer.as_str()), Some(&person.standing));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        let _ = Reviewer::from_bytes(&bytes);
        let mut versioned = bytes;
        if let Some(first) = versioned.first_mut() {
            *first = Stage::VERSION;
        }
        let _ = Stage::new(rules()).restore(&versioned);
    }
}
