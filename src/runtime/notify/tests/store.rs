//! What is pushed when, and what it says.

use super::*;
use crate::records::ReviewerAlert;
use crate::settings::AlertRule;

fn fires(pushes: &[(i64, String, bool)]) -> Vec<i64> {
    pushes.iter().filter(|(_, _, firing)| *firing).map(|(ms, _, _)| *ms).collect()
}

fn ends(pushes: &[(i64, String, bool)]) -> Vec<i64> {
    pushes.iter().filter(|(_, _, firing)| !firing).map(|(ms, _, _)| *ms).collect()
}

#[test]
fn what_fires_is_pushed_again_and_its_end_for_a_while() {
    let mut store = store(Alerts::default());
    store.say("ReviewDueSoon", "c", "firing", 0);
    assert_eq!(fires(&store.follow(0, 150 * SECOND)), [300, 60_300, 120_300]);
    store.say("ReviewDueSoon", "c", "resolved", 150 * SECOND);
    let pushes = store.follow(150 * SECOND, 20 * MINUTE);
    assert_eq!(fires(&pushes), [0_i64; 0]);
    let expected: Vec<i64> = (0..5).map(|n| 150 * SECOND + n * MINUTE).collect();
    assert_eq!(ends(&pushes), expected);
    // Nothing is left of it.
    assert_eq!((store.due(at(30 * MINUTE)), store.next()), (Vec::new(), None));
}

#[test]
fn an_alert_that_ends_before_it_was_pushed_is_not_pushed() {
    for live in [true, false] {
        let mut store = store(Alerts::default());
        if live {
            store.restored();
        }
        store.say("ReviewDueSoon", "c", "firing", 0);
        store.say("ReviewDueSoon", "c", "resolved", 100);
        // While the topic is read for the first time, an earlier process may have pushed it.
        assert_eq!(store.follow(0, 20 * MINUTE).is_empty(), live);
        store.say("ReviewDueSoon", "c", "firing", 30 * MINUTE);
        assert_eq!(store.follow(30 * MINUTE, 30 * MINUTE + SECOND).len(), 1);
    }
}

#[test]
fn a_page_tells_a_responder_what_to_know() {
    let mut store = store(Alerts {
        external_url: Some("https://lag.example.org".to_owned()),
        runbooks: Some("https://docs.example.org/runbooks".to_owned()),
        ..Alerts::default()
    });
    store.say("ReviewDueSoon", "AKIAIOSFODNN7EXAMPLE", "firing", 0);
    let [page] = &store.pushed(SECOND)[..] else { panic!() };
    let labels: Vec<&str> = page.labels.keys().copied().collect();
    assert_eq!(labels, ["alertname", "credential", "exposure", "service", "severity", "workflow"]);
    let text = |name: &str| page.annotations[name].as_str();
    assert_eq!(
        text("summary"),
        "AKIAIOSFODNN7EXAMPLE on github: nobody has decided, and a decision is due within 9 min of the start"
    );
    assert_eq!(text("age"), "6 min 01 s");
    assert_eq!(
        text("band"),
        "ahead for another 2 min 59 s, until 2026-03-02T09:03:00.000Z, counted from the detection"
    );
    assert_eq!(text("attacker_first"), "at least 0 % chance that an attacker has tried it already");
    assert_eq!(text("recommendation"), "the AI advises: revoke (its own confidence 90 %)");
    assert_eq!((text("owner"), text("window_severity")), ("platform", "high"));
    assert_eq!(text("runbook_url"), "https://docs.example.org/runbooks/ReviewDueSoon.md");
    assert_eq!(
        text("description"),
        "AKIAIOSFODNN7EXAMPLE (high) at github, for 6 min 01 s. It belongs to platform; the AI advises: revoke (its own confidence 90 %)."
    );
    let link = "https://lag.example.org/exposure/secret_exposure%2FAKIAIOSFODNN7EXAMPLE%2F1";
    assert_eq!((text("link"), page.link.as_deref()), (link, Some(link)));
    // No name that a source gave is a label.
    assert!(!format!("{:?}", page.labels).contains("AKIA"));
    assert!(page.labels["credential"].starts_with("credential-"));
}

#[test]
fn a_page_counts_by_the_targets_of_its_workflow() {
    const HOUR: i64 = 60 * MINUTE;
    let page = |workflow, alert, age| {
        let mut store = store(Alerts::default());
        let (key, value) = record_of(workflow, alert, "c", "firing", 0, age);
        assert_eq!(store.apply(&key, Some(value.as_bytes()), at(0)), Applied::Taken);
        let [page] = &store.pushed(SECOND)[..] else { panic!() };
        page.annotations.clone()
    };
    // Nothing leaked in a change of a policy: nobody races, and a day is in time.
    let soon = page(Workflow::PolicyChange, "ReviewDueSoon", 16 * HOUR);
    assert_eq!(
        soon["summary"],
        "c on github: nobody has decided, and a decision is due within 1 d of the start"
    );
    assert!(soon["band"].starts_with("ahead for another 7 h 59 min, until "), "{soon:?}");
    assert!(!soon.contains_key("attacker_first") && !soon.contains_key("exposed_since"));
    assert!(soon.contains_key("started_at"));
    let overdue = page(Workflow::PolicyChange, "ReviewOverdue", 25 * HOUR);
    assert_eq!(overdue["summary"], "c on github: nobody decided within 1 d");
    assert!(overdue["band"].starts_with("contested for another 1 d 22 h, until "), "{overdue:?}");

    let likely = page(Workflow::ActivityTriage, "AttackerLikelyPresent", 18 * MINUTE);
    assert_eq!(
        likely["summary"],
        "c on github: nobody decided within 17 min, and an attacker has likely tried it"
    );
    assert_eq!(likely["band"], "behind, by 1 min 01 s, counted from the detection");
    assert!(likely.contains_key("attacker_first") && likely.contains_key("exposed_since"));
    let attack = page(Workflow::SecretExposure, "AttackObserved", MINUTE);
    assert_eq!(
        attack["summary"],
        "c on github: an attacker uses it, and nobody has contained or dismissed it"
    );
    assert_eq!((attack.get("band"), attack.get("attacker_first")), (None, None));
}

#[test]
fn hostile_texts_are_harmless_and_short() {
    let hostile = format!("a\"\n{{{{x}}}} <!here> {}", "x".repeat(10_240));
    let mut store = store(Alerts::default());
    let exposure = format!("secret_exposure/{hostile}/1");
    let value = serde_json::json!({
        "alert": "ReviewOverdue", "severity": "page", "state": "firing", "at": at(0),
        "exposure_id": exposure, "workflow": "secret_exposure", "credential_id": hostile,
        "source": hostile, "location": hostile, "window_severity": null, "owner": hostile,
        "recommendation": null, "confidence": 7.0, "started_at": at(-600_000),
        "detected_at": at(-600_000), "age_ms": 600_000,
    });
    let key = format!("ReviewOverdue/{exposure}");
    store.apply(&key, Some(value.to_string().as_bytes()), at(0));
    let [page] = &store.pushed(SECOND)[..] else { panic!() };
    for text in page.labels.values().chain(page.annotations.values()) {
        assert!(text.len() <= 300, "{text}");
        assert!(!text.contains(['\n', '"', '<', '>', '{', '}']), "{text}");
    }
    for label in page.labels.values() {
        assert!(label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{label}");
    }
    assert_eq!(store.apply(&key, Some(b"{\"alert\":"), at(0)), Applied::Foreign);
}

#[test]
fn many_at_once_are_one_page_with_a_count_and_the_worst() {
    let mut store = store(Alerts::default());
    for n in 0..5_000 {
        store.say("ReviewOverdue", &format!("c{n:04}"), "firing", n % 200);
    }
    let pages = store.pushed(450);
    let [page] = &pages[..] else { panic!("{} pages", pages.len()) };
    assert_eq!(page.annotations["count"], "5000");
    let worst: Vec<&str> = page.annotations["worst"].lines().collect();
    assert_eq!(worst.len(), 10);
    assert_eq!(worst[0], "c0000, high, github, platform, 6 min 00 s");
    assert_eq!(page.annotations["summary"], "5000 at once: nobody decided within 9 min");
    assert_eq!((page.labels["credential"].as_str(), page.ended), ("many", None));
    // Not one of them by itself, later on either; and a changed count is pushed soon.
    store.say("ReviewOverdue", "c0000", "resolved", MINUTE);
    let pushes = store.follow(MINUTE, 3 * MINUTE);
    assert_eq!(pushes[0].1, "ReviewOverdue 4999");
    assert!(
        pushes.iter().all(|(_, name, firing)| *firing && name.ends_with(" 4999")),
        "{pushes:?}"
    );
    assert_eq!(pushes.len(), 3, "{pushes:?}");
    for n in 1..5_000 {
        store.say("ReviewOverdue", &format!("c{n:04}"), "resolved", 4 * MINUTE);
    }
    let pushes = store.follow(4 * MINUTE, 20 * MINUTE);
    assert_eq!(ends(&pushes), (4..9).map(|n| n * MINUTE).collect::<Vec<_>>());
    assert_eq!(pushes.len(), 5);
    assert_eq!((store.due(at(60 * MINUTE)), store.next()), (Vec::new(), None));
}

#[test]
fn the_first_page_about_many_waits_for_those_that_still_come_but_not_for_ever() {
    let mut store = store(Alerts::default());
    let mut pushes = Vec::new();
    // One each 10 ms, for three seconds.
    for n in 0..300 {
        store.say("ReviewOverdue", &format!("c{n:03}"), "firing", n * 10);
        pushes.extend(store.pushed(n * 10).into_iter().map(|page| (n * 10, page)));
    }
    let alone = pushes.iter().filter(|(_, page)| !page.labels.contains_key("alert_group")).count();
    assert_eq!(alone, 0);
    let (at, page) = &pushes[0];
    // The 21st came at 200 ms and would have been pushed at 450.
    assert!((1_450..=1_500).contains(at), "{at}");
    assert!(page.annotations["count"].parse::<usize>().unwrap() > 140);
    assert_eq!(pushes.len(), 1, "the next follows when there is news, after a while");
}

#[test]
fn as_many_as_are_allowed_are_pages_of_their_own() {
    let mut store = store(Alerts { group_size: 3, ..Alerts::default() });
    for name in ["a", "b", "c"] {
        store.say("ReviewOverdue", name, "firing", 0);
    }
    store.say("ReviewDueSoon", "a", "firing", 0);
    assert_eq!(store.pushed(300).len(), 4, "of another kind does not count");
    // The fourth comes too late: those that are known stay what they are.
    for name in ["d", "e"] {
        store.say("ReviewOverdue", name, "firing", 20 * SECOND);
    }
    let names: Vec<String> = store.pushed(21 * SECOND).iter().map(name).collect();
    assert_eq!(names, ["ReviewOverdue 2"]);
    store.say("ReviewOverdue", "a", "resolved", 22 * SECOND);
    assert_eq!(store.pushed(22 * SECOND).iter().map(name).collect::<Vec<_>>(), ["ReviewOverdue a"]);
}

#[test]
fn a_process_that_starts_again_pushes_the_same() {
    let history = |store: &mut AlertStore| {
        for n in 0..50 {
            store.say("ReviewOverdue", &format!("c{n}"), "firing", n);
        }
        store.say("ReviewDueSoon", "x", "firing", 10 * SECOND);
        store.say("ReviewDueSoon", "y", "firing", 20 * SECOND);
        store.say("ReviewDueSoon", "y", "resolved", 30 * SECOND);
        store.say("ReviewDueSoon", "z", "firing", 40 * SECOND);
    };
    let labels = |pages: Vec<PostableAlert>| -> Vec<_> {
        let mut all: Vec<_> =
            pages.into_iter().map(|page| (page.labels, page.ended.is_none())).collect();
        all.sort();
        all
    };
    let mut first = store(Alerts::default());
    history(&mut first);
    first.follow(0, 2 * MINUTE);
    let mut second = store(Alerts::default());
    history(&mut second);
    second.restored();
    let pushed = labels(second.pushed(2 * MINUTE));
    assert_eq!(pushed.len(), 4, "the group, two that fire and one that has ended: {pushed:?}");
    // One round of the first, which never stopped.
    let mut going_on = Vec::new();
    for ms in (2 * MINUTE..3 * MINUTE + SECOND).step_by(100) {
        going_on.extend(first.pushed(ms));
    }
    let mut going_on = labels(going_on);
    going_on.dedup();
    assert_eq!(pushed, going_on);
    // What it restored was pushed before: it counts for no delay.
    let keys: Vec<PushKey> = second.due(at(4 * MINUTE));
    assert!(keys.iter().all(|key| second.accepted(key).is_none()));
}

#[test]
fn what_is_compacted_away_was_over_and_a_tombstone_ends() {
    let mut store = store(Alerts::default());
    let (key, value) = record("ReviewOverdue", "c", "firing", 0);
    store.apply(&key, Some(value.as_bytes()), at(0));
    assert_eq!(store.pushed(SECOND).len(), 1);
    // The record of its end is gone, its tombstone is not yet.
    store.apply(&key, None, at(2 * SECOND));
    let [page] = &store.pushed(2 * SECOND)[..] else { panic!() };
    assert_eq!(page.ended, Some(at(2 * SECOND)));
    assert_eq!(store.apply("ReviewOverdue/unknown", None, at(0)), Applied::Taken);
}

#[test]
fn a_flapping_alert_is_held_until_it_has_been_quiet() {
    let mut store = store(Alerts::default());
    let mut pushes = Vec::new();
    // On for 10 s and off for 10 s, for eight minutes.
    for n in 0..24 {
        let begin = n * 20 * SECOND;
        store.say("ContainmentOverdue", "c", "firing", begin);
        pushes.extend(store.follow(begin, begin + 9_900));
        store.say("ContainmentOverdue", "c", "resolved", begin + 10 * SECOND);
        pushes.extend(store.follow(begin + 10 * SECOND, begin + 19_900));
    }
    pushes.extend(store.follow(480 * SECOND, 40 * MINUTE));
    let mut turns: Vec<bool> = pushes.iter().map(|(_, _, firing)| *firing).collect();
    turns.dedup();
    // Twice it ends at once; from the third time on it is one long alert.
    assert_eq!(turns, [true, false, true, false, true, false]);
    let last_end = 23 * 20 * SECOND + 10 * SECOND;
    let first_told = ends(&pushes).into_iter().find(|ms| *ms >= 480 * SECOND);
    assert_eq!(first_told, Some(last_end + 10 * MINUTE));
}

#[test]
fn an_alert_that_fires_again_much_later_is_a_new_one() {
    let mut store = store(Alerts::default());
    for n in 0..5 {
        let begin = n * 15 * MINUTE;
        store.say("ContainmentOverdue", "c", "firing", begin);
        store.say("ContainmentOverdue", "c", "resolved", begin + MINUTE);
        let pushes = store.follow(begin + MINUTE, begin + 14 * MINUTE);
        assert_eq!(ends(&pushes).first(), Some(&(begin + MINUTE)), "{n}");
    }
}

#[test]
fn rules_say_what_is_pushed_and_how_urgent_it_is() {
    let rule = AlertRule {
        alerts: vec![Alert::ReviewDueSoon],
        workflows: vec![Workflow::SecretExposure],
        severities: vec![Severity::High],
        push: false,
        urgency: None,
    };
    let louder = AlertRule {
        alerts: Vec::new(),
        workflows: vec![Workflow::SecretExposure],
        severities: Vec::new(),
        push: true,
        urgency: Some(Urgency::Critical),
    };
    let mut store = store(Alerts { rules: vec![rule, louder], ..Alerts::default() });
    store.say("ReviewDueSoon", "quiet", "firing", 0);
    store.say("ReviewOverdue", "loud", "firing", 0);
    let reviewer = ReviewerAlert::new("reviewer-0123456789ab", Transition::Firing, at(0));
    let reviewer = serde_json::to_vec(&reviewer).unwrap();
    let key = "RubberStampSuspected/reviewer-0123456789ab";
    store.apply(key, Some(&reviewer), at(0));
    let mut pages = store.pushed(SECOND);
    pages.sort_by_key(name);
    let severities: Vec<_> =
        pages.iter().map(|page| (name(page), &*page.labels["severity"])).collect();
    assert_eq!(
        severities,
        [
            ("ReviewOverdue loud".to_owned(), "critical"),
            // A rule about a workflow is not about a person.
            ("RubberStampSuspected ".to_owned(), "page")
        ]
    );
    assert_eq!(pages[1].labels["reviewer"], "reviewer-0123456789ab");
}

#[test]
fn beyond_the_bound_what_is_over_makes_room_and_the_rest_is_told() {
    let mut store = store(Alerts { firing_max: 3, ..Alerts::default() });
    for name in ["a", "b", "c"] {
        store.say("ReviewOverdue", name, "firing", 0);
    }
    let (key, value) = record("ReviewOverdue", "d", "firing", 0);
    assert_eq!(store.apply(&key, Some(value.as_bytes()), at(0)), Applied::Full);
    store.say("ReviewOverdue", "a", "resolved", 0);
    store.follow(0, 20 * MINUTE);
    assert_eq!(store.apply(&key, Some(value.as_bytes()), at(20 * MINUTE)), Applied::Taken);
}

#[test]
fn an_alert_shows_the_best_known_name_and_the_others_behind_it() {
    let mut store = store(Alerts::default());
    let (key, value) = named("AKIAIOSFODNN7EXAMPLE", &["SEC-42", "gg:31605"]);
    assert_eq!(store.apply(&key, Some(value.as_bytes()), at(0)), Applied::Taken);
    let pushed = store.pushed(400);
    let [page] = &pushed[..] else { panic!("{pushed:?}") };
    assert_eq!(page.annotations["credential"], "SEC-42");
    assert_eq!(page.annotations["other_names"], "gg:31605, AKIAIOSFODNN7EXAMPLE");
    assert!(page.annotations["summary"].starts_with("SEC-42 on github:"), "{page:?}");
    // Labels, by which people silence, stay those of the name under which the alert began.
    let (_, alone) = named("AKIAIOSFODNN7EXAMPLE", &[]);
    let mut other = super::store(Alerts::default());
    assert_eq!(other.apply(&key, Some(alone.as_bytes()), at(0)), Applied::Taken);
    let unlinked = other.pushed(400);
    assert_eq!(unlinked[0].labels, page.labels);
    assert_eq!(unlinked[0].annotations.get("other_names"), None);
}
