//! Names that are joined by messages, compared with a plain union of all links.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use proptest::sample::select;
use shutterlag::config::EngineConfig;
use shutterlag::engine::Receipt;
use shutterlag::engine::identity::{Joined, Names, Refusal, Sent};
use shutterlag::engine::windows::Windows;
use shutterlag::event::{Action, Actor, Body, Event, IdentityLinked, Kind, Relation};

use crate::oracle::hostile::{self, Events, at};
use crate::oracle::made::{At as _, contained_by, decided, leak, leak_exposed, seconds};
use crate::oracle::record::Record;
use crate::oracle::{Ledger, ledger};

/// Names of credentials, the one between two others in the order of bytes among them.
const NAMES: [&str; 8] = ["AKIA1", "b", "c", "gg:31605", "github:o/r#12", "k", "z", "é"];
/// Names that cover others.
const TICKETS: [&str; 3] = ["SEC-42", "SEC-43", "ticket"];

fn link(id: usize, name: &str, aliases: &[&str], relation: Relation) -> Event<'static> {
    let aliases = aliases.iter().map(|alias| (*alias).to_owned().into()).collect();
    Event {
        id: format!("link-{id}").into(),
        time: at(0),
        credential_id: name.to_owned().into(),
        workflow: shutterlag::event::Workflow::SecretExposure,
        source: None,
        severity: None,
        owner: None,
        noted: shutterlag::event::Noted::default(),
        body: Body::IdentityLinked(IdentityLinked { aliases, relation }),
    }
}

/// The smallest name of each credential, and the names of each.
struct Components {
    root: BTreeMap<String, String>,
    covered: BTreeMap<String, BTreeSet<String>>,
}

impl Components {
    fn of(events: &[Event<'static>]) -> Components {
        let mut root: BTreeMap<String, String> = BTreeMap::new();
        for event in events {
            root.entry(event.credential_id.to_string()).or_insert(event.credential_id.to_string());
            if let Body::IdentityLinked(link) = &event.body {
                for alias in &link.aliases {
                    root.entry(alias.to_string()).or_insert(alias.to_string());
                }
            }
        }
        let links = |wanted: Relation| {
            events.iter().filter_map(move |event| match &event.body {
                Body::IdentityLinked(link) if link.relation == wanted => {
                    Some((event.credential_id.to_string(), link.aliases.clone()))
                }
                _ => None,
            })
        };
        // As often as anything changes: no clever order.
        loop {
            let before = root.clone();
            for (name, aliases) in links(Relation::Same) {
                for alias in aliases {
                    let smaller = root[&name].clone().min(root[&*alias].clone());
                    let (a, b) = (root[&name].clone(), root[&*alias].clone());
                    for of in root.values_mut().filter(|of| **of == a || **of == b) {
                        of.clone_from(&smaller);
                    }
                }
            }
            if root == before {
                break;
            }
        }
        let mut covered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, names) in links(Relation::Covers) {
            let names = names.iter().map(ToString::to_string);
            covered.entry(root[&name].clone()).or_default().extend(names);
        }
        Components { root, covered }
    }

    /// The events under the names to which they belong.
    fn placed(&self, events: &[Event<'static>]) -> Vec<Event<'static>> {
        let mut placed = Vec::new();
        for event in events.iter().filter(|it| !matches!(it.body, Body::IdentityLinked(_))) {
            let mut seen: Vec<Event<'static>> = Vec::new();
            let mut on_their_way = VecDeque::from([event.clone()]);
            while let Some(event) = on_their_way.pop_front() {
                let root = self.root[&*event.credential_id].clone();
                let event = Event { credential_id: root.clone().into(), ..event };
                if seen.contains(&event) {
                    continue;
                }
                seen.push(event.clone());
                match self.covered.get(&root) {
                    Some(names) => on_their_way.extend(
                        names
                            .iter()
                            .filter(|name| **name != root)
                            .map(|name| event.clone().covering(name.clone().into())),
                    ),
                    None => placed.push(event),
                }
            }
        }
        placed
    }

    /// Whether a name covers one of its own credential's, or names cover each other.
    fn contradict(&self) -> bool {
        self.covered.keys().any(|start| {
            let mut next: Vec<&str> = vec![start];
            let mut seen = BTreeSet::new();
            while let Some(root) = next.pop() {
                for name in self.covered.get(root).into_iter().flatten() {
                    let of = self.root[name].as_str();
                    if of == start || of == root {
                        return true;
                    }
                    if seen.insert(of) {
                        next.push(of);
                    }
                }
            }
            false
        })
    }

    fn aliases(&self, root: &str) -> Vec<&str> {
        let of = |(name, of): (&'_ String, &String)| *of == *root && **name != *root;
        let names = self.root.iter().filter(|(name, root)| of((name, root)));
        names.map(|(name, _)| &**name).collect()
    }
}

fn joined(events: &[Event<'static>]) -> (Joined, Vec<Refusal>) {
    let mut joined = Joined::new(Windows::new(EngineConfig::default()));
    let mut refused = Vec::new();
    for event in events {
        let receipt = joined.handle(event, &mut |it| refused.push(it.refusal));
        assert_eq!(receipt, Receipt::Held);
    }
    (joined, refused)
}

fn records(joined: &Joined) -> Vec<Record> {
    let mut records = Vec::new();
    joined.windows.view().for_each(|window| records.push(Record::from(window)));
    records
}

/// Events about the names, and links among them: trees, chains, stars and cliques come of
/// few names and many links.
fn events() -> impl Strategy<Value = Vec<Event<'static>>> {
    let name = || prop_oneof![4 => select(&NAMES[..]), 1 => select(&TICKETS[..])];
    let same = (name(), prop::collection::vec(name(), 1..3))
        .prop_map(|(name, aliases)| link(0, name, &aliases, Relation::Same));
    let covers = (select(&TICKETS[..]), prop::collection::vec(name(), 1..3))
        .prop_map(|(name, names)| link(0, name, &names, Relation::Covers));
    let event = (hostile::event(1, 80), name())
        .prop_map(|(event, name)| Event { credential_id: name.into(), ..event });
    let events = prop::collection::vec(event, 0..14);
    let links = prop::collection::vec(prop_oneof![5 => same, 2 => covers], 0..8);
    (events, links).prop_map(|(events, links)| {
        let mut all = [events, links].concat();
        for (n, event) in all.iter_mut().enumerate() {
            event.id = format!("event-{n}").into();
        }
        all
    })
}

/// The same events in another order, some of them twice.
fn delivered() -> impl Strategy<Value = (Vec<Event<'static>>, Events)> {
    events().prop_flat_map(|events| {
        let repeats = prop::collection::vec(any::<bool>(), events.len());
        let all = repeats.prop_flat_map({
            let events = events.clone();
            move |repeats| {
                let again = events.iter().zip(repeats).filter(|(_, again)| *again);
                let again: Vec<_> = again.map(|(event, _)| event.clone()).collect();
                Just([events.clone(), again].concat()).prop_shuffle()
            }
        });
        (Just(events), all.prop_map(Events))
    })
}

proptest! {
    #![proptest_config(crate::seeded::cases(2_000))]

    #[test]
    fn any_order_gives_the_windows_of_the_united_names((events, delivered) in delivered()) {
        let components = Components::of(&events);
        prop_assume!(!components.contradict());
        let Ledger { windows: wanted, .. } = ledger(&components.placed(&events));
        let (ordered, _) = joined(&events);
        let (joined, _) = joined(&delivered.0);
        prop_assert_eq!(records(&joined), wanted.clone());
        for window in wanted {
            let aliases: Vec<_> = joined.names.aliases(&window.credential_id).collect();
            prop_assert_eq!(aliases, components.aliases(&window.credential_id));
            let why = |of: &Joined| of.names.links(&window.credential_id).cloned().collect::<Vec<_>>();
            prop_assert_eq!(why(&joined), why(&ordered));
        }
    }
}

fn chain(length: usize) -> Vec<Event<'static>> {
    let name = |n: usize| format!("name-{n:04}");
    (1..length).map(|n| link(n, &name(n - 1), &[&name(n)], Relation::Same)).collect()
}

#[test]
fn a_chain_of_as_many_names_as_there_may_be_is_one_credential() {
    for reversed in [false, true] {
        let mut links = chain(64);
        if reversed {
            links.reverse();
        }
        let (joined, refused) = joined(&links);
        assert_eq!(refused, []);
        assert_eq!(joined.names.aliases("name-0000").count(), 63);
    }
}

#[test]
fn more_names_than_a_credential_may_have_are_refused() {
    let (joined, refused) = joined(&chain(66));
    assert_eq!(refused, [Refusal::Names]);
    assert_eq!(joined.names.aliases("name-0000").count(), 63);
}

#[test]
fn one_link_of_more_names_than_there_may_be_is_refused_as_a_whole() {
    let names: Vec<String> = (0..64).map(|n| format!("name-{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (of_all, refused) = joined(&[link(0, "a", &names, Relation::Same)]);
    assert_eq!((refused.as_slice(), of_all.names.len()), (&[Refusal::Names][..], 0));
    let (of_less, refused) = joined(&[link(0, "a", &names[1..], Relation::Same)]);
    assert_eq!((refused.as_slice(), of_less.names.aliases("a").count()), (&[][..], 63));
}

#[test]
fn tickets_that_cover_more_than_may_be_together_stay_apart_and_cover_what_they_did() {
    let of = |ticket: &str, keys: std::ops::Range<usize>| {
        let names: Vec<String> = keys.map(|n| format!("key-{n:04}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        link(0, ticket, &names, Relation::Covers)
    };
    let same = link(1, "SEC-1", &["SEC-2"], Relation::Same);
    let decisions =
        [decided(Action::Revoke).of("SEC-1", 60), decided(Action::Revoke).of("SEC-2", 61)];
    let leaks = [leak().of("key-0000", 0), leak().of("key-1199", 0)];
    // The same keys on both are no more keys.
    for (second, wanted) in [(600..1_200, &[Refusal::Covered][..]), (0..600, &[])] {
        let events = [of("SEC-1", 0..600), of("SEC-2", second), same.clone()];
        let events = [&events[..], &decisions, &leaks].concat();
        let (joined, refused) = joined(&events);
        assert_eq!(refused, wanted);
        let decided = records(&joined).into_iter().filter(|window| window.decision.is_some());
        assert_eq!(decided.count(), if wanted.is_empty() { 1 } else { 2 });
    }
}

/// A ticket cannot be the key that it stands for, whichever was said first, and whichever name
/// is the smaller one.
#[test]
fn links_that_contradict_are_refused_and_lose_nothing() {
    for (ticket, key) in [("a", "b"), ("b", "a")] {
        let covers = link(0, ticket, &[key], Relation::Covers);
        for (name, alias) in [(ticket, key), (key, ticket)] {
            let same = link(1, name, &[alias], Relation::Same);
            let leaks = [leak().of(key, 0), decided(Action::Revoke).of(ticket, 60)];
            let (joined, refused) =
                joined(&[&leaks[..1], &[covers.clone(), same], &leaks[1..]].concat());
            assert_eq!(refused, [Refusal::Circle], "{name} = {alias}");
            let records = records(&joined);
            assert_eq!((records.len(), &*records[0].credential_id), (1, key));
            assert!(records[0].decision.is_some(), "{records:?}");
        }
        // Through a name between them.
        let links =
            [covers, link(2, key, &["c"], Relation::Same), link(3, "c", &[ticket], Relation::Same)];
        let events =
            [&[leak().of(key, 0), decided(Action::Revoke).of(ticket, 60)][..], &links].concat();
        let (joined, refused) = joined(&events);
        assert_eq!(refused, [Refusal::Circle]);
        let records = records(&joined);
        assert_eq!(records.len(), 1);
        assert!(records[0].decision.is_some(), "{records:?}");
    }
}

#[test]
fn it_is_remembered_who_linked_what() {
    let source = |n: usize, name: &str, alias: &str| Event {
        source: Some("scan".into()),
        ..link(n, name, &[alias], Relation::Same)
    };
    let links =
        [source(1, "b", "c"), source(2, "c", "a"), source(3, "b", "c"), source(4, "a", "b")];
    let (joined, _) = joined(&links);
    let why = joined.names.links("a").map(|link| (&*link.name, &*link.alias, &*link.id));
    assert_eq!(
        why.collect::<Vec<_>>(),
        [("a", "b", "link-4"), ("b", "c", "link-1"), ("c", "a", "link-2")]
    );
    assert!(joined.names.links("a").all(|link| link.source.as_deref() == Some("scan")));
}

/// One of two names is not used for so long that it is forgotten that it belongs to the other.
#[test]
fn a_name_that_was_forgotten_is_joined_again_from_either_side() {
    const DAY_S: i64 = 86_400;
    for (name, alias) in [("x", "y"), ("y", "x")] {
        let mut joined = Joined::new(Windows::new(EngineConfig::default()));
        let mut handle = |event: &Event<'static>| {
            let _ = joined.handle(event, &mut |it| panic!("{it:?}"));
        };
        let again =
            |n| Event { time: seconds(40 * DAY_S), ..link(n, name, &[alias], Relation::Same) };
        handle(&link(1, "x", &["y"], Relation::Same));
        handle(&leak().of("x", 20 * DAY_S));
        joined.names.expire(seconds(19 * DAY_S));
        assert_eq!(joined.names.len(), 1, "x alone");
        let mut handle = |event: &Event<'static>| {
            let _ = joined.handle(event, &mut |it| panic!("{it:?}"));
        };
        handle(&leak().of("y", 39 * DAY_S));
        handle(&again(2));
        let records = records(&joined);
        assert!(records.iter().all(|record| record.credential_id == "x"), "{records:?}");
    }
}

/// A key is revoked and its window final when a link gives it another name. A rescan that sees
/// it again sees an exposure that is over.
#[test]
fn a_sighting_under_a_name_that_was_linked_late_opens_nothing() {
    const DAY_S: i64 = 86_400;
    let settle = Some(shutterlag::time::Span::from_mins(10));
    for (name, alias) in [("x", "y"), ("y", "x")] {
        let config = EngineConfig { settle, ..EngineConfig::default() };
        let mut joined = Joined::new(Windows::new(config));
        let mut refused = Vec::new();
        for event in [
            leak().of("y", 0),
            decided(Action::Revoke).of("y", 60),
            contained_by(Actor::Human).of("y", 120),
        ] {
            let _ = joined.handle(&event, &mut |it| refused.push(it.refusal));
        }
        joined.windows.advance(seconds(3_600), &mut |_| {});
        assert_eq!(records(&joined), []);
        let late = Event { time: seconds(DAY_S), ..link(1, name, &[alias], Relation::Same) };
        let _ = joined.handle(&late, &mut |it| refused.push(it.refusal));
        assert_eq!(refused, [Refusal::Late]);
        joined.windows.advance(seconds(DAY_S + 60), &mut |_| {});
        let again = leak_exposed(0).of("y", 2 * DAY_S);
        let _ = joined.handle(&again, &mut |it| refused.push(it.refusal));
        let mut emitted = 0;
        joined.windows.advance(seconds(2 * DAY_S + 3_600), &mut |_| emitted += 1);
        assert_eq!((records(&joined), emitted), (vec![], 0));
        assert_eq!(joined.windows.counts().resighted, 1);
    }
}

/// The figures of `docs/identity.md`.
#[test]
fn a_link_takes_two_or_three_messages_and_one_for_each_event_that_moves() {
    for (name, alias, wanted) in [("a", "b", 2), ("b", "a", 3)] {
        let mut windows = Windows::new(EngineConfig::default());
        let mut names = Names::default();
        let mut on_their_way = VecDeque::new();
        for event in [leak().of("b", 0), decided(Action::Revoke).of("b", 60)] {
            let _ =
                names.handle(&event, at(0), &mut windows, &mut |_| panic!("a message")).unwrap();
        }
        let link = link(1, name, &[alias], Relation::Same);
        let mut send = |sent: Sent<'_>| on_their_way.push_back(sent.into_owned());
        let _ = names.handle(&link, at(0), &mut windows, &mut send).unwrap();
        let mut messages = 0;
        while let Some(sent) = on_their_way.pop_front() {
            messages += 1;
            let mut send = |sent: Sent<'_>| on_their_way.push_back(sent.into_owned());
            let _ = names.take(sent, at(0), &mut windows, &mut send).unwrap();
        }
        assert_eq!(messages, wanted + 2, "{name}");
    }
}

#[test]
fn a_flood_of_links_is_refused_and_joins_what_it_can() {
    let mut joined = Joined::new(Windows::new(EngineConfig::default()));
    joined.names = joined.names.holding(20);
    let mut refused = Vec::new();
    for n in 0..1_000 {
        let (one, other) = (format!("a{n}"), format!("b{n}"));
        let link = link(n, &one, &[&other], Relation::Same);
        let _ = joined.handle(&link, &mut |it| refused.push(it.refusal));
    }
    assert!(joined.names.len() <= 21, "{}", joined.names.len());
    assert_eq!(joined.names.aliases("a0").collect::<Vec<_>>(), ["b0"]);
    assert!(refused.len() >= 980 && refused.iter().all(|it| *it == Refusal::Full));
}

#[test]
fn a_name_that_covers_itself_keeps_its_window_and_is_told() {
    let covers = |n, name: &str, names: &[&str]| link(n, name, names, Relation::Covers);
    let same = |n, name: &str, names: &[&str]| link(n, name, names, Relation::Same);
    for links in [
        vec![covers(0, "a", &["a"])],
        vec![same(0, "SEC-1", &["a"]), covers(1, "SEC-1", &["a", "b"])],
    ] {
        let events = [vec![leak().of("a", 60)], links, vec![leak().of("b", 60)]].concat();
        let (joined, refused) = joined(&events);
        assert_eq!(refused, [Refusal::Circle]);
        assert_eq!(records(&joined).len(), 2);
    }
}

#[test]
fn names_that_cover_each_other_send_nothing_round_for_ever() {
    let covers = |n, name: &str, names: &[&str]| link(n, name, names, Relation::Covers);
    let mut events = vec![covers(0, "a", &["b"]), covers(1, "b", &["a", "k"])];
    events.push(leak().of("a", 60));
    let (joined, _) = joined(&events);
    let records = records(&joined);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].credential_id, "k");
}

/// What no name took, as its kind and id, each once.
fn lost(events: &[Event<'static>]) -> (usize, BTreeSet<(Kind, String)>) {
    let mut joined = Joined::new(Windows::new(EngineConfig::default()));
    let mut lost = BTreeSet::new();
    for event in events {
        let _ = joined.handle(event, &mut |it| {
            assert_eq!(it.refusal, Refusal::Round);
            let event = it.event.unwrap();
            lost.insert((event.kind, event.id.to_string()));
        });
    }
    (records(&joined).len(), lost)
}

proptest! {
    #[test]
    fn what_names_in_a_circle_lose_is_told_in_any_order(
        length in 2..6_usize,
        order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let names = ["a", "b", "c", "d", "e"];
        let covers = |n: usize| link(n, names[n], &[names[(n + 1) % length]], Relation::Covers);
        let mut all: Vec<_> = (0..length).map(covers).collect();
        all.push(Event { id: "leak".into(), ..leak().of("a", 60) });
        all.push(Event { id: "decision".into(), ..decided(Action::Revoke).of("b", 90) });
        let events: Vec<_> = order.iter().filter_map(|n| all.get(*n).cloned()).collect();
        let expected = [
            (Kind::LeakDetected, "leak".to_owned()),
            (Kind::DecisionMade, "decision".to_owned()),
        ];
        prop_assert_eq!(lost(&events), (0, BTreeSet::from(expected)));
    }
}

#[test]
fn a_repeat_is_a_duplicate_whether_the_name_covers_others_by_then_or_not() {
    let leaked = || leak().of("T", 0);
    let mut events = vec![leaked(), leaked(), link(1, "T", &["k"], Relation::Covers)];
    for _ in 0..events.len() {
        events.rotate_left(1);
        let (joined, refused) = joined(&events);
        assert_eq!(refused, []);
        let (names, windows) = (joined.names.counts(), joined.windows.counts());
        let counts = (names.linked, names.duplicate + windows.duplicate, windows.accepted);
        assert_eq!(counts, (2, 1, 1), "{events:?}");
    }
}

#[test]
fn a_link_to_itself_changes_nothing_and_is_no_fault() {
    let events = [leak().of("x", 0), link(1, "x", &["x", "x"], Relation::Same)];
    let (joined, refused) = joined(&events);
    assert_eq!(refused, []);
    assert_eq!(joined.names.len(), 0);
    let records = records(&joined);
    assert_eq!(records.len(), 1);
    assert_eq!(joined.names.aliases("x").count(), 0);
}

/// Two people decided about what they took for two credentials.
#[test]
fn of_two_decisions_the_first_counts_whichever_name_it_was_made_under() {
    for (first, second) in [("x", "y"), ("y", "x")] {
        let events = [
            leak().of("x", 0),
            leak().of("y", 10),
            decided(Action::Quarantine).of(first, 60),
            decided(Action::Revoke).of(second, 90),
            link(1, "y", &["x"], Relation::Same),
        ];
        let (joined, refused) = joined(&events);
        assert_eq!(refused, []);
        let records = records(&joined);
        let [record] = &records[..] else { panic!("{records:?}") };
        assert_eq!(record.credential_id, "x");
        let decision = record.decision.as_ref().unwrap();
        assert_eq!(decision.decided_at, seconds(60));
        assert_eq!(record.final_action, Some(Action::Revoke));
        assert_eq!(record.further_decisions, 1);
    }
}
