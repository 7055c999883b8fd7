use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::config::{FiguresConfig, Profiles};
use crate::engine::attacker::Race;
use crate::engine::summary::FigureRules;
use crate::engine::windows::State;
use crate::event::Workflow;
use crate::records::{Fault, WindowRecord, exposure_id};
use crate::runtime::read_progress::ReadProgress;
use crate::time::Timestamp;

const BASE_MS: i64 = 1_800_000_000_000;
const HOUR: i64 = 3600;
const NOW: Timestamp = Timestamp::from_millis(BASE_MS + 1000 * 1000);

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(BASE_MS + second * 1000)
}

fn id(name: &str, detected: i64) -> String {
    format!("secret_exposure/{name}/{}", BASE_MS + detected * 1000)
}

/// An open window of `name`, detected at that second.
fn open(name: &str, detected: i64) -> Value {
    let id = id(name, detected);
    let record = WindowRecord::detected(exposure_id::parse(&id).unwrap());
    serde_json::to_value(record).unwrap()
}

/// The same, dismissed by `reviewer` at that second, and judged.
fn dismissed(name: &str, detected: i64, decided: i64, reviewer: &str) -> Value {
    with(
        open(name, detected),
        json!({
            "state": "closed", "revision": 3, "decided_at": at(decided), "reviewer": reviewer,
            "action": "dismiss", "hollow": [], "durations_ms": {"exposure": (decided - detected) * 1000},
        }),
    )
}

fn with(mut record: Value, changes: Value) -> Value {
    for (field, value) in changes.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

fn view(windows_max: usize) -> View {
    View::new(Bounds { windows_max, closed_kept: Bounds::CLOSED_KEPT })
}

fn set(view: &View, record: &Value) -> Applied {
    set_at(view, record, NOW)
}

fn set_at(view: &View, record: &Value, now: Timestamp) -> Applied {
    let key = record["exposure_id"].as_str().unwrap();
    view.apply(key.as_bytes(), Some(record.to_string().as_bytes()), now)
}

fn names(view: &View) -> Vec<String> {
    let page = view.page(&Filter::default(), None, 1000);
    page.rows.iter().map(|row| row.read().unwrap().credential_id).collect()
}

/// The rows and their sorted copies hold the same windows.
fn assert_whole(view: &View) {
    let orders = view.orders();
    assert_eq!(orders.by_urgency.len(), view.rows.len());
    assert_eq!(orders.states.iter().sum::<u64>(), view.rows.len() as u64);
    let over = [State::Closed, State::Withdrawn].map(|state| orders.states[state as usize]);
    assert_eq!(orders.by_closing.len() as u64, over.iter().sum::<u64>());
    for (key, row) in &orders.by_urgency {
        assert_eq!((key.attack, key.start), (row.attack, row.start));
        assert!(Arc::ptr_eq(row, &view.rows.get(&*key.exposure_id).unwrap()));
    }
}

fn summary_of(view: &View, workflow: Option<Workflow>, now: Timestamp) -> Summary {
    let (race, profiles, figures) =
        (Race::default(), Profiles::default(), FiguresConfig::default());
    view.summary(
        &FigureRules { race: &race, profiles: &profiles, figures: &figures },
        workflow,
        now,
    )
}

#[test]
fn the_last_record_of_a_window_counts() {
    let view = view(10);
    assert_eq!(set(&view, &open("a", 0)), Applied::Kept);
    assert_eq!(set(&view, &dismissed("a", 0, 60, "r")), Applied::Kept);
    assert_eq!(view.get(&id("a", 0)).unwrap().state, State::Closed);
    assert_whole(&view);
    // A late event moved the decision into another window: fewer events, and open again.
    assert_eq!(set(&view, &open("a", 0)), Applied::Kept);
    let row = view.get(&id("a", 0)).unwrap();
    assert_eq!((row.state, row.read().unwrap().revision), (State::Open, 1));
    assert_whole(&view);
    // The exposure turns out to be older: the window moves, and stands once.
    set(&view, &open("b", -5));
    assert_eq!(names(&view), ["b", "a"]);
    let older = with(open("a", 0), json!({"exposed_at": at(-100), "exposed_at_quality": "exact"}));
    assert_eq!(set(&view, &older), Applied::Kept);
    assert_eq!(names(&view), ["a", "b"]);
    assert_whole(&view);
    let key = id("a", 0);
    assert_eq!(view.apply(key.as_bytes(), None, NOW), Applied::Removed);
    assert_eq!(view.apply(key.as_bytes(), None, NOW), Applied::Removed);
    assert_eq!((names(&view), view.get(&key).is_none()), (vec!["b".to_owned()], true));
    assert_eq!(view.status().foreign, 0);
    assert_whole(&view);
}

#[test]
fn a_withdrawn_window_makes_room_as_a_closed_one_does() {
    let view = view(2);
    let withdrawn = json!({"state": "withdrawn", "withdrawn_at": at(5), "revision": 2});
    set(&view, &with(open("a", 0), withdrawn));
    set(&view, &open("b", 1));
    assert_whole(&view);
    assert_eq!(set(&view, &open("c", 2)), Applied::Kept);
    assert_eq!(names(&view), ["b", "c"]);
    let status = view.status();
    assert_eq!((status.not_kept, status.closed_dropped), (0, 1), "nobody waits for it");
    assert_whole(&view);
}

#[test]
fn an_attack_that_nobody_answered_comes_first() {
    let view = view(10);
    for (name, detected) in [("old", -900), ("new", 0), ("attacked", -60)] {
        set(&view, &open(name, detected));
    }
    assert_eq!(names(&view), ["old", "attacked", "new"]);
    let attacked = with(open("attacked", -60), json!({"abused_at": at(0), "revision": 2}));
    set(&view, &attacked);
    assert_eq!(names(&view), ["attacked", "old", "new"]);
    assert_whole(&view);
    // To decide to act is no answer; to contain it is.
    let decided =
        json!({"state": "reviewed", "decided_at": at(1), "reviewer": "r", "action": "revoke"});
    set(&view, &with(attacked.clone(), decided));
    assert_eq!(names(&view), ["attacked", "old", "new"]);
    set(&view, &with(attacked, json!({"state": "contained", "contained_at": at(2)})));
    assert_eq!(names(&view), ["old", "attacked", "new"]);
    assert_whole(&view);
}

#[test]
fn a_record_that_is_not_of_the_ledger_is_counted_and_changes_nothing() {
    let view = view(10);
    set(&view, &open("a", 0));
    let key = id("a", 0);
    let foreign = |key: &[u8], value: Option<&[u8]>| match view.apply(key, value, NOW) {
        Applied::Foreign(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(foreign(b"\xff\xfe", None), Foreign::Key);
    for key in
        ["", "a", "secret_exposure/x", "secret_exposure//1", "nothing/x/1", "secret_exposure/x/y"]
    {
        assert_eq!(foreign(key.as_bytes(), None), Foreign::Key, "{key}");
    }
    let value = open("b", 0).to_string();
    assert_eq!(foreign(key.as_bytes(), Some(value.as_bytes())), Foreign::OtherKey);
    for (value, fault) in
        [(&b""[..], Fault::NotAnObject), (b"\x00\x01", Fault::NotAnObject), (b"{}", Fault::Missing)]
    {
        match foreign(key.as_bytes(), Some(value)) {
            Foreign::Value(error) => assert_eq!(error.fault, fault),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(view.status().foreign, 11);
    assert_eq!(names(&view), ["a"]);
}

#[test]
fn a_closed_window_stays_for_a_day_after_its_closing() {
    let view = view(10);
    let day = 24 * HOUR;
    assert_eq!(set_at(&view, &dismissed("a", 0, 60, "r"), at(60 + day)), Applied::Kept);
    assert_eq!(set_at(&view, &dismissed("b", 0, 61, "r"), at(60 + day)), Applied::Kept);
    set_at(&view, &open("old", -30 * day), at(60 + day));
    view.expire(at(60 + day));
    assert_eq!(names(&view).len(), 3);
    view.expire(at(61 + day));
    assert_eq!(names(&view), ["old", "b"]);
    assert_whole(&view);
    // Read again, it does not come back, and an open record of it goes.
    set_at(&view, &open("a", 0), at(61 + day));
    assert_eq!(set_at(&view, &dismissed("a", 0, 60, "r"), at(61 + day)), Applied::Expired);
    assert_eq!(names(&view), ["old", "b"]);
    assert_eq!(view.status().closed_dropped, 0);
}

#[test]
fn beyond_the_bound_closed_windows_go_first_and_open_ones_are_counted() {
    let view = view(3);
    set(&view, &dismissed("c1", 0, 10, "r"));
    set(&view, &dismissed("c2", 0, 5, "r"));
    set(&view, &open("o1", 0));
    assert_eq!(set(&view, &open("o2", 1)), Applied::Kept);
    assert_eq!(names(&view), ["c1", "o1", "o2"], "the one that closed first went");
    set(&view, &open("o3", 2));
    assert_eq!(set(&view, &open("o4", 3)), Applied::NotKept);
    assert_eq!(names(&view), ["o1", "o2", "o3"]);
    let status = view.status();
    assert_eq!((status.not_kept, status.closed_dropped, status.windows), (1, 2, 3));
    // A closed one that finds only open ones does not push them out.
    assert_eq!(set(&view, &dismissed("c3", 0, 20, "r")), Applied::Expired);
    // Changes of what is held are taken as before.
    assert_eq!(set(&view, &dismissed("o1", 0, 30, "r")), Applied::Kept);
    assert_whole(&view);
    let summary = summary_of(&view, None, NOW);
    assert!(!summary.period.complete, "windows of the period are missing");
}

#[test]
fn pages_neither_repeat_nor_skip_while_windows_come_and_go() {
    let view = view(10_000);
    // More than one stretch, with several windows at the same moment.
    for n in 0..4_500 {
        set(&view, &open(&format!("k{n:05}"), n / 3));
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = view.page(&Filter::default(), after, 700);
        assert!(page.rows.len() <= 700);
        seen.extend(page.rows.iter().map(|row| row.read().unwrap().credential_id));
        // A window that was shown goes, and a new one comes before it.
        let shown = seen.last().unwrap().clone();
        let gone = id(&shown, shown[1..].parse::<i64>().unwrap() / 3);
        assert_eq!(view.apply(gone.as_bytes(), None, NOW), Applied::Removed);
        set(&view, &open(&format!("new{}", seen.len()), -1));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..4_500).map(|n| format!("k{n:05}")).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_page_is_filtered_and_its_end_is_known() {
    let view = view(100);
    for n in 0..4 {
        set(&view, &open(&format!("o{n}"), n));
        set(&view, &dismissed(&format!("c{n}"), n, 50, "r"));
    }
    let closed = Filter { state: Some(State::Closed), workflow: None };
    let first = view.page(&closed, None, 3);
    assert_eq!(first.rows.len(), 3);
    let second = view.page(&closed, first.next, 3);
    assert_eq!((second.rows.len(), second.next), (1, None));
    // Exactly full is the end as well.
    assert_eq!(view.page(&closed, None, 4).next, None);
    let other = Filter { state: None, workflow: Some(Workflow::PolicyChange) };
    assert!(view.page(&other, None, 3).rows.is_empty());
}

#[test]
fn a_page_is_bounded_in_bytes() {
    let view = view(1000);
    let filler = "x".repeat(60_000);
    for n in 0..100 {
        set(&view, &with(open(&format!("k{n:03}"), n), json!({"filler": filler})));
    }
    let page = view.page(&Filter::default(), None, 1000);
    assert!((60..80).contains(&page.rows.len()), "{}", page.rows.len());
    let rest = view.page(&Filter::default(), page.next, 1000);
    assert_eq!((page.rows.len() + rest.rows.len(), rest.next), (100, None));
}

#[test]
fn the_summary_is_of_the_windows_detected_in_the_period() {
    let view = view(100);
    view.progress(|progress| progress.assigned([(0, 0, 0)]));
    let now = at(30 * HOUR);
    let put = |record| assert_eq!(set_at(&view, &record, now), Applied::Kept);
    put(open("ancient", 0));
    put(dismissed("long", HOUR, 29 * HOUR, "r"));
    put(open("new", 7 * HOUR));
    let known = json!({"exposed_at": at(8 * HOUR), "presented_at": at(8 * HOUR + 1),
        "recommendation": "dismiss", "summary_words": 120});
    put(with(dismissed("quick", 8 * HOUR, 8 * HOUR + 60, "r"), known));
    let summary = summary_of(&view, None, now);
    assert_eq!(summary.period, Period { from: at(6 * HOUR), to: now, complete: true });
    assert_eq!(summary.older, Older { open: 1, ..Older::default() });
    assert_eq!(summary.figures.windows.total(), 2);
    assert_eq!(summary.figures.effective_review_rate.low, Some(0.5));
    let other = summary_of(&view, Some(Workflow::PolicyChange), now);
    assert_eq!((other.figures.windows.total(), other.older), (0, Older::default()));
    view.progress(ReadProgress::restart);
    assert!(!summary_of(&view, None, now).period.complete);
}

#[test]
fn reviewers_stand_by_name_with_their_counts() {
    let view = view(100);
    let known = json!({"exposed_at": at(0), "clock": "exposed"});
    for n in 0..20 {
        let record = dismissed(&format!("k{n}"), 0, 60 + n * 30, "reviewer-b");
        set(&view, &with(record, known.clone()));
    }
    let hollow =
        json!({"hollow": ["unauthorized"], "presented_at": at(1), "recommendation": "revoke"});
    set(&view, &with(dismissed("h", 0, 30, "reviewer-a"), hollow));
    set(&view, &with(dismissed("u", 0, 40, "reviewer-a"), json!({"hollow": null})));
    set(&view, &open("o", 0));
    let unassessed = json!({"hollow": [], "quality": "unassessed", "effective": null});
    set(&view, &with(dismissed("n", 0, 30, "reviewer-c"), unassessed));
    let Reviewers { reviewers, .. } = view.reviewers(None, NOW);
    assert_eq!(reviewers.keys().collect::<Vec<_>>(), ["reviewer-a", "reviewer-b", "reviewer-c"]);
    let c = &reviewers["reviewer-c"];
    assert_eq!((c.bands.ahead, c.bands.unknown), (0, 1), "when it was exposed is not known");
    assert_eq!((c.judged, c.meaningful, c.hollow, c.unassessed), (1, 0, 0, 1));
    let (a, b) = (&reviewers["reviewer-a"], &reviewers["reviewer-b"]);
    assert_eq!((a.reviews, a.few, a.judged, a.hollow, a.meaningful), (2, true, 1, 1, 0));
    assert_eq!((a.agreed, a.disagreed, a.unadvised), (0, 1, 1));
    assert_eq!(a.by_reason, BTreeMap::from([("unauthorized", 1)]));
    assert_eq!((b.reviews, b.few, b.bands.ahead, b.bands.contested), (20, false, 16, 4));
    // A day later the reviews are no longer of the period, whether or not the windows are there.
    assert!(view.reviewers(None, at(26 * HOUR)).reviewers.is_empty());
}

#[test]
fn the_trend_counts_a_window_once_wherever_it_is() {
    let view = view(100);
    let (race, profiles, figures) =
        (Race::default(), Profiles::default(), FiguresConfig::default());
    let rules = FigureRules { race: &race, profiles: &profiles, figures: &figures };
    let day = 24 * HOUR;
    let of = |now: Timestamp| -> Vec<_> {
        let told = |rate: Option<crate::engine::effective::EffectiveRate>| {
            rate.map(|rate| (rate.low, rate.high, rate.sample.windows))
        };
        let periods = view.trend(&rules, now);
        periods.into_iter().map(|it| (it.days, told(it.rate), told(it.before))).collect()
    };
    let known = |from: i64| {
        json!({"exposed_at": at(from), "presented_at": at(from + 1), "recommendation": "dismiss",
            "summary_words": 120})
    };
    let quick = |name: &str, from: i64| with(dismissed(name, from, from + 60, "r"), known(from));
    set_at(&view, &quick("the first that was read", 99 * day), at(100 * day));
    assert_eq!(of(at(100 * day))[0], (7, None, None), "the rest has not been read yet");
    view.apply(id("the first that was read", 99 * day).as_bytes(), None, at(100 * day));
    view.progress(|progress| progress.assigned([(0, 0, 0)]));
    set_at(&view, &open("open", 100 * day), at(100 * day));
    set_at(&view, &quick("quick", 100 * day), at(100 * day));
    // Not due, and due at the moment that it is due.
    assert_eq!(of(at(100 * day + 539))[0], (7, Some((None, None, 0)), Some((None, None, 0))));
    let both = Some((Some(0.5), Some(0.5), 2));
    assert_eq!(of(at(100 * day + 540))[0], (7, both, Some((None, None, 0))));
    let summary = view.summary(&rules, None, at(100 * day + 540)).figures.effective_review_rate;
    assert_eq!((summary.low, summary.sample.windows), (Some(0.5), 2));
    // A day later the closed window has left, and still counts.
    let later = at(102 * day);
    view.expire(later);
    assert!(view.get(&id("quick", 100 * day)).is_none());
    assert_eq!(of(later)[0].1, both);
    // One that has closed long ago when the ledger is read counts as well, and a later record of it replaces it.
    assert_eq!(set_at(&view, &quick("old", 60 * day), later), Applied::Expired);
    let hollow = json!({"hollow": ["unauthorized"]});
    assert_eq!(set_at(&view, &with(quick("old", 60 * day), hollow), later), Applied::Expired);
    let then = |low| Some((Some(low), Some(low), 1));
    assert_eq!(of(later)[1], (30, both, then(0.0)));
    assert_eq!(of(later)[2].1, Some((Some(1.0 / 3.0), Some(1.0 / 3.0), 3)));
    set_at(&view, &quick("old", 60 * day), later);
    assert_eq!(of(later)[1].2, then(1.0));
    // It was never a window, and other workflows are not of the rate.
    view.apply(id("old", 60 * day).as_bytes(), None, later);
    assert_eq!(of(later)[1], (30, both, Some((None, None, 0))));
    // One window in two days says nothing of when data began, and forty in an hour do.
    let begins = |view: &View, now: Timestamp| -> Vec<_> {
        view.trend(&rules, now).iter().map(|it| (it.begins_at, it.comparable)).collect()
    };
    assert_eq!(begins(&view, later), vec![(None, false); 3]);
    let busy = View::new(Bounds { windows_max: 100, closed_kept: Bounds::CLOSED_KEPT });
    busy.progress(|progress| progress.assigned([(0, 0, 0)]));
    for n in 0..40 {
        set_at(&busy, &open(&format!("w{n}"), 100 * day + n * 60), later);
    }
    let since = Some(at(100 * day));
    assert_eq!(begins(&busy, at(101 * day)), vec![(since, false); 3]);
    // Eight days on the last seven have all their data, and those before them a day of seven.
    assert_eq!(begins(&busy, at(108 * day))[0], (None, false));
    // What found no room is not known, nor what came before it: that may have found none either.
    let small = View::new(Bounds { windows_max: 1, closed_kept: Bounds::CLOSED_KEPT });
    set_at(&small, &open("a", 101 * day), later);
    set_at(&small, &open("b", 101 * day + 1), later);
    small.progress(|progress| progress.assigned([(0, 0, 0)]));
    let periods = small.trend(&rules, later);
    assert!(periods.iter().all(|it| it.rate.is_none() && it.before.is_none()), "{periods:?}");
}
