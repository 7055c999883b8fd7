//! An incident of a million keys: one push that one person goes through, key by key or at one
//! click. It is one observation, whatever its size.

use serde_json::{Value, json};
use shutterlag::config::{FiguresConfig, OversightConfig, Profile, Profiles, Targets};
use shutterlag::engine::attacker::Race;
use shutterlag::engine::oversight::{Flags, Reviews, Rules};
use shutterlag::engine::summary::{EventCounts, FigureRules, Tally};
use shutterlag::engine::windows::{Advice, Decision, Key, Window};
use shutterlag::event::{Action, Verdict, Workflow};
use shutterlag::time::Timestamp;

const KEYS: i64 = 1_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_772_442_000_000 + seconds * 1_000)
}

/// The key with this name, read for five minutes, and decided at once with all others.
fn window(name: &str) -> Window<'_> {
    let workflow = Workflow::SecretExposure;
    let key = Key { workflow, credential_id: name };
    let advice = Advice { summary_words: Some(120), ..Advice::of(Action::Revoke, at(10)) };
    let decision = Decision {
        verdict: Some(Verdict::Approve),
        batch_id: Some("one click"),
        advice_same_clock: true,
        ..Decision::of(Action::Revoke, "reviewer-01", at(310))
    };
    Window {
        exposed_at: Some(at(0)),
        incident: Some("push-1"),
        advice: Some(advice),
        decision: Some(decision),
        contained_at: Some(at(311)),
        closed_at: Some(at(311)),
        ..Window::opened(key, Targets::of(workflow), at(5))
    }
}

/// No number of it is none.
fn assert_finite(value: &Value, path: &str) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| assert_finite(value, &format!("{path}/{key}")));
        }
        Value::Number(number) => {
            assert!(number.as_f64().is_some_and(f64::is_finite), "{path}: {number}");
        }
        _ => {}
    }
}

#[test]
fn an_incident_of_a_million_keys_is_one_observation_and_names_nobody() {
    let (race, profiles, figures) =
        (Race::default(), Profiles::default(), FiguresConfig::default());
    let figure_rules = FigureRules { race: &race, profiles: &profiles, figures: &figures };
    let rules = Rules::new(OversightConfig::default()).unwrap();
    let (profile, as_of) = (Profile::default(), at(86_400));
    let (mut tally, mut reviews) = (Tally::new(), Reviews::with_capacity(KEYS as usize));
    for number in 0..KEYS {
        let name = format!("key-{number:07}");
        let window = window(&name);
        tally.add(&window, &figure_rules, as_of);
        reviews.push(&window, &profile, &rules);
    }
    let overseen = reviews.judge(&rules);
    tally.judged(overseen.judgements.iter().map(Some));
    let flags = Flags::of(overseen.people.iter().map(|person| &person.standing), &rules);
    tally.reviewers(&overseen.people, &flags, rules.config());

    let person = &overseen.people[0];
    assert_eq!(person.standing.decisions, KEYS as u64);
    assert!(!flags.includes(&person.standing) && person.turns.is_empty());
    let steps = person.standing.signals.iter().map(|signal| signal.steps);
    assert!(steps.clone().all(|steps| steps <= 1), "{:?}", steps.collect::<Vec<_>>());
    assert!(overseen.judgements.iter().all(|judgement| judgement.reasons.is_empty()));

    let summary =
        serde_json::to_value(tally.summary(&figure_rules, Some(as_of), EventCounts::default()));
    let summary = summary.unwrap();
    assert_finite(&summary, "");
    let rate = &summary["effective_review_rate"];
    assert_eq!((&rate["low"], &rate["high"]), (&json!(1.0), &json!(1.0)));
    assert_eq!((&rate["windows"], &rate["incidents"]), (&json!(KEYS), &json!(1)));
    assert_eq!(rate["effective"], 1.0);
    let by = &summary["survival"]["time_to_review"]["reviewed_by_fastest"];
    for low in [&rate["low_bound"], &by["low_bound"]] {
        assert!((0.0..0.3).contains(&low.as_f64().unwrap()), "one observation says little: {low}");
    }
    assert_eq!(summary["oversight"]["reviewers"]["cannot_be_compared"], 1);
    assert!(summary["oversight"]["reviewers"]["flagged"].is_null(), "too few to tell");
    // Nor does one that nobody decided about say that nobody ever decides.
    let mut waiting = Tally::new();
    for number in 0..KEYS / 10 {
        let name = format!("key-{number:07}");
        let open = Window { decision: None, contained_at: None, closed_at: None, ..window(&name) };
        waiting.add(&open, &figure_rules, as_of);
    }
    waiting.judged((0..KEYS / 10).map(|_| None));
    let summary = waiting.summary(&figure_rules, Some(as_of), EventCounts::default());
    let rate = summary.effective_review_rate;
    assert_eq!((rate.low, rate.high, rate.sample.incidents), (Some(0.0), Some(0.0), 1));
    assert!(rate.high_bound.is_some_and(|high| high > 0.7), "{rate:?}");
}
