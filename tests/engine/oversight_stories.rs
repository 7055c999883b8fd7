//! Stories of honest and dishonest reviewers, and what is said of them.
//!
//! Each is told twice, to a replay and to a live run, which must say the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shutterlag::config::OversightConfig;
use shutterlag::engine::oversight::{
    Advised, Emitted, Flags, HollowReason, Judgement, Known, Quality, Review, Reviews, Rules,
    Signal, Stage, Standing,
};
use shutterlag::event::{Action, Severity, Verdict, Workflow};
use shutterlag::time::{Span, Timestamp};

/// 9 o'clock.
const MORNING: i64 = 1_772_442_000;

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_millis(MORNING * 1000 + (seconds * 1000.0).round() as i64)
}

/// The number of the event that gave advice, by its name.
fn event(name: &str) -> Option<NonZeroU32> {
    let number = name.bytes().fold(7_u32, |n, byte| n.wrapping_mul(31) + u32::from(byte));
    NonZeroU32::new(number)
}

/// 120 words presented at `presented`, approved at `decided`: seconds after 9 o'clock.
fn approved(name: &str, presented: f64, decided: f64) -> Review<'static> {
    Review {
        origin: 0,
        workflow: Workflow::SecretExposure,
        credential_id: name.to_owned().into(),
        detected_at: at(presented - 20.0),
        revision: 3,
        mark: 1,
        reviewer: "ann".into(),
        decided_at: at(decided),
        first_opened_at: None,
        opened_by_same_clock: true,
        opened_at: None,
        source: Some("desk".into()),
        action: Action::Rotate,
        verdict: Some(Verdict::Approve),
        agreed: Some(true),
        advice: Some(Advised {
            first_presented_at: at(presented),
            presented_by_same_clock: true,
            presented_at: at(presented),
            event: event(name),
            first_event: event(name),
            recommendation: Action::Rotate,
            confidence: Some(0.93),
            summary_words: Some(120),
            summary_chars: None,
            repeated: false,
        }),
        severity: Some(Severity::High),
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

/// Looked at first at `first` and last at `last`.
fn opened(review: Review<'static>, first: f64, last: f64) -> Review<'static> {
    Review { first_opened_at: Some(at(first)), opened_at: Some(at(last)), ..review }
}

fn advised(review: Review<'static>, change: impl FnOnce(Advised) -> Advised) -> Review<'static> {
    Review { advice: review.advice.map(change), ..review }
}

fn words(review: Review<'static>, words: u32) -> Review<'static> {
    advised(review, |advice| Advised { summary_words: Some(words), ..advice })
}

fn rejected(review: Review<'static>) -> Review<'static> {
    let (verdict, action) = (Some(Verdict::Reject), Action::Dismiss);
    Review { verdict, action, agreed: Some(false), ..review }
}

fn by(reviewer: &str, review: Review<'static>) -> Review<'static> {
    Review { reviewer: reviewer.to_owned().into(), ..review }
}

/// What is said.
struct Told {
    /// By credential.
    judged: BTreeMap<String, Judgement>,
    /// By the credential of the first decision of each.
    acts: BTreeMap<String, Quality>,
    standings: BTreeMap<String, Standing>,
    rules: Rules,
}

impl Told {
    fn quality(&self, name: &str) -> Quality {
        self.judged[name].quality().unwrap()
    }

    fn all(&self, quality: Quality) -> bool {
        self.judged.values().all(|judgement| judgement.quality() == Some(quality))
    }

    fn count(&self, reason: HollowReason) -> usize {
        self.judged
            .values()
            .filter(|judgement| judgement.reasons.iter().any(|r| r == reason))
            .count()
    }

    fn named(&self) -> Vec<&str> {
        let flags = Flags::of(self.standings.values(), &self.rules);
        let named = self.standings.iter().filter(|(_, standing)| flags.includes(standing));
        named.map(|(name, _)| name.as_str()).collect()
    }

    fn ann(&self, signal: Signal) -> (u64, u64) {
        let of = &self.standings["ann"].signals[signal as usize];
        (of.steps, of.signs)
    }
}

fn tell_with(reviews: &[Review<'static>], config: OversightConfig) -> Told {
    let rules = Rules::new(config).unwrap();
    let mut sorted = reviews.to_vec();
    sorted.sort_by(|a, b| a.exposure_id().cmp(&b.exposure_id()));
    let mut whole = Reviews::new();
    sorted.iter().for_each(|review| whole.add(Some(review)));
    let overseen = whole.judge(&rules);
    let name = |number: u32| sorted[number as usize].credential_id.to_string();
    let acts = overseen.acts.iter().map(|act| (name(act.number), act.quality)).collect();
    let mut told =
        Told { judged: BTreeMap::new(), acts, standings: BTreeMap::new(), rules: rules.clone() };
    for (review, judgement) in sorted.iter().zip(&overseen.judgements) {
        told.judged.insert(review.credential_id.to_string(), *judgement);
    }
    let mut pages = BTreeMap::new();
    for person in overseen.people {
        if !person.turns.is_empty() {
            let turns: Vec<_> =
                person.turns.iter().map(|turn| (turn.at, turn.transition)).collect();
            pages.insert(person.reviewer.clone(), turns);
        }
        told.standings.insert(person.reviewer, person.standing);
    }
    let mut stage = Stage::new(rules);
    for review in reviews {
        let _ = stage.handle(review.clone());
    }
    let (mut judged, mut turned) = (BTreeMap::new(), BTreeMap::<String, Vec<_>>::new());
    let mut acts = BTreeMap::new();
    stage.advance(Timestamp::MAX, &mut |said| match said {
        Emitted::Judged { review, judgement } => {
            judged.insert(review.credential_id.to_string(), *judgement);
        }
        Emitted::Act { review, quality } => {
            acts.insert(review.credential_id.to_string(), quality);
        }
        Emitted::Planted { .. } => {}
        Emitted::Alert { reviewer, at, transition, .. } => {
            turned.entry(reviewer.to_owned()).or_default().push((at, transition));
        }
    });
    assert_eq!(judged, told.judged, "live and replay");
    assert_eq!(acts, told.acts, "live and replay");
    assert_eq!(turned, pages, "live and replay");
    let standings: BTreeMap<String, Standing> =
        stage.standings().into_iter().map(|(name, of)| (name.to_owned(), of)).collect();
    assert_eq!(standings, told.standings, "live and replay");
    told
}

fn tell(reviews: &[Review<'static>]) -> Told {
    tell_with(reviews, OversightConfig::default())
}

fn meaningful(reviews: &[Review<'static>]) {
    let told = tell(reviews);
    assert!(told.all(Quality::Meaningful), "{:?}", told.judged);
    assert!(told.named().is_empty());
}

fn numbered(count: u32, each: impl Fn(&str, f64) -> Review<'static>) -> Vec<Review<'static>> {
    (0..count).map(|n| each(&format!("k{n:03}"), f64::from(n))).collect()
}

#[test]
fn advice_that_is_repeated_before_the_click_takes_no_reading_time_away() {
    let again = |advice| Advised { presented_at: at(299.0), ..advice };
    meaningful(&[advised(opened(approved("k", 30.0, 300.0), 60.0, 60.0), again)]);
}

#[test]
fn a_second_look_takes_no_reading_time_away() {
    meaningful(&[opened(approved("k", 30.0, 300.0), 60.0, 298.0)]);
}

#[test]
fn two_cases_are_read_side_by_side() {
    meaningful(&[
        opened(approved("a", 20.0, 330.0), 30.0, 30.0),
        opened(approved("b", 20.0, 332.0), 31.0, 31.0),
    ]);
}

#[test]
fn five_are_read_and_then_five_clicked() {
    meaningful(&numbered(5, |name, n| {
        opened(approved(name, 20.0, 1_230.0 + n), 60.0 + 240.0 * n, 60.0 + 240.0 * n)
    }));
}

#[test]
fn an_urgent_case_amid_a_batch_does_not_shorten_it() {
    let mut cases = numbered(10, |name, _| Review {
        batch_id: Some("b1".into()),
        ..approved(name, 20.0, 1_800.0)
    });
    cases.push(approved("urgent", 1_700.0, 1_795.0));
    meaningful(&cases);
}

#[test]
fn one_click_for_three_without_a_batch_id() {
    meaningful(&numbered(3, |name, _| approved(name, 20.0, 900.0)));
}

#[test]
fn tools_whose_clocks_are_apart() {
    // The decision's clock is 30 s behind; the look's is 30 s ahead.
    let looked = opened(approved("k", 0.0, 12.0), 6.0, 6.0);
    let other =
        Review { opened_by_same_clock: false, source: Some("desk".into()), ..looked.clone() };
    let other = advised(other, |advice| Advised { presented_by_same_clock: false, ..advice });
    meaningful(std::slice::from_ref(&other));
    assert_eq!(tell(&[looked]).quality("k"), Quality::Hollow, "by one clock 6 s are 6 s");
    // Within the tolerance nobody can say; beyond it, somebody can.
    let strict =
        OversightConfig { skew_tolerance: Span::from_secs(1), ..OversightConfig::default() };
    assert_eq!(tell_with(&[other], strict).quality("k"), Quality::Hollow);
}

#[test]
fn one_reason_for_a_batch_and_a_code_are_no_template() {
    let reason = |review: Review<'static>, words| Review {
        rationale_words: words,
        rationale_digest: Some("one-reason".into()),
        ..review
    };
    let batch = |name: &str, _| Review {
        batch_id: Some("b1".into()),
        ..reason(approved(name, 20.0, 3_600.0), Some(12))
    };
    meaningful(&numbered(20, batch));
    let incident = |name: &str, n: f64| Review {
        incident: Some("commit-1".into()),
        ..reason(approved(name, 20.0, 600.0 + 60.0 * n), Some(12))
    };
    meaningful(&numbered(20, incident));
    for code in [None, Some(7)] {
        meaningful(&numbered(20, |name, n| {
            reason(approved(name, 600.0 * n, 600.0 * n + 300.0), code)
        }));
    }
    let told = tell(&numbered(20, |name, n| {
        reason(approved(name, 600.0 * n, 600.0 * n + 300.0), Some(8))
    }));
    assert_eq!(told.count(HollowReason::TemplatedRationale), 15);
}

#[test]
fn who_rejects_need_not_have_read_to_the_end() {
    meaningful(&[opened(rejected(approved("k", 30.0, 36.0)), 30.0, 30.0)]);
}

#[test]
fn withdrawing_an_own_request_is_no_approval() {
    let request = |review: Review<'static>| Review {
        workflow: Workflow::PolicyChange,
        own_request: true,
        ..review
    };
    meaningful(&[request(rejected(approved("k", 30.0, 300.0)))]);
    let told = tell(&[request(approved("k", 30.0, 300.0))]);
    assert_eq!(told.count(HollowReason::SelfApproval), 1);
    // Who bypassed a protection and then dismisses its alert lets it pass.
    let bypass = |review| Review { workflow: Workflow::SecretExposure, ..request(review) };
    let told = tell(&[bypass(rejected(approved("k", 30.0, 300.0)))]);
    assert_eq!(told.count(HollowReason::SelfApproval), 1);
    meaningful(&[Review {
        action: Action::Revoke,
        ..bypass(rejected(approved("k", 30.0, 300.0)))
    }]);
    // Whoever agrees that their own access is taken away grants nothing, and who keeps it does.
    let access = |action, review| Review {
        workflow: Workflow::EntitlementReview,
        action,
        ..request(review)
    };
    meaningful(&[access(Action::Revoke, approved("k", 30.0, 300.0))]);
    let told = tell(&[access(Action::Dismiss, approved("k", 30.0, 300.0))]);
    assert_eq!(told.count(HollowReason::SelfApproval), 1);
}

#[test]
fn texts_too_short_or_not_counted_give_nothing_to_judge_by() {
    for count in [0, 1, 3, 19] {
        let told =
            tell(&numbered(60, |name, n| words(approved(name, 60.0 * n, 60.0 * n + 0.3), count)));
        assert!(told.all(Quality::Unassessed), "{count}");
        assert_eq!(told.ann(Signal::Dwell), (0, 0));
        assert!(told.named().is_empty());
    }
    let unadvised = Review { advice: None, agreed: None, ..approved("k", 0.0, 300.0) };
    assert_eq!(tell(&[unadvised]).quality("k"), Quality::Unassessed);
    // A look, or the source's word on authority, is something.
    meaningful(&[opened(words(approved("k", 0.0, 10.0), 3), 1.0, 1.0)]);
    meaningful(&[Review { authorized: Some(true), ..words(approved("k", 0.0, 10.0), 3) }]);
}

#[test]
fn texts_without_spaces_are_judged_by_their_characters() {
    let chinese = |review| {
        advised(review, |advice| Advised {
            summary_words: Some(1),
            summary_chars: Some(400),
            ..advice
        })
    };
    assert_eq!(tell(&[chinese(approved("k", 30.0, 31.0))]).quality("k"), Quality::Hollow);
    meaningful(&[chinese(approved("k", 30.0, 70.0))]);
}

#[test]
fn a_quick_reader_is_not_hollow() {
    meaningful(&[opened(words(approved("k", 30.0, 91.0), 320), 31.0, 31.0)]);
}

#[test]
fn the_same_advice_about_the_same_key_need_not_be_read_again() {
    let again = |repeated| {
        let advice = |advice| Advised { repeated, ..advice };
        advised(approved("k", 920.0, 925.0), advice)
    };
    meaningful(&[again(true)]);
    assert_eq!(tell(&[again(false)]).quality("k"), Quality::Hollow);
}

#[test]
fn one_text_about_many_keys_is_read_once() {
    let ticket =
        |name: &str, _| Review { batch_id: Some("ticket-7".into()), ..approved(name, 20.0, 80.0) };
    meaningful(&numbered(50, ticket));
    // Fifty texts are not: 60 s are enough for eight of 7.2 s.
    let told = tell(&numbered(50, |name, n| words(ticket(name, n), 120 + n as u32)));
    assert!(told.count(HollowReason::ImpossibleReading) >= 40);
}

/// A commit with sixty keys of two kinds, and what the AI says of each kind: two texts, which
/// take 14.4 s at the least, and come by turns where the keys stand in the order of their names.
#[test]
fn two_texts_about_many_keys_are_read_once_each() {
    let cases = |batch: bool| {
        numbered(60, |name, n| {
            let kind = advised(approved(name, 20.0, 60.0), |advice| Advised {
                summary_words: Some(if n % 2.0 == 0.0 { 120 } else { 121 }),
                ..advice
            });
            let (incident, batch_id) = if batch { (None, Some("b1")) } else { (Some("c1"), None) };
            Review {
                incident: incident.map(Into::into),
                batch_id: batch_id.map(Into::into),
                ..kind
            }
        })
    };
    meaningful(&cases(false));
    meaningful(&cases(true));
}

/// A commit with many keys of some kinds, and what the AI says of each kind. All are read, at
/// 200 words a minute, before the first of the keys is approved.
#[test]
fn texts_that_come_by_turns_are_read_once_each() {
    for kinds in [2, 4, 5, 6, 17, 63, 64, 65, 70] {
        let read_by = 20.0 + f64::from(kinds) * 140.0 * 60.0 / 200.0;
        let cases = |batch: bool| {
            numbered(3 * kinds, |name, n| {
                let case = words(approved(name, 20.0, read_by), 100 + n as u32 % kinds);
                let name = |wanted: bool| wanted.then_some("c1".into());
                Review { incident: name(!batch), batch_id: name(batch), ..case }
            })
        };
        meaningful(&cases(false));
        meaningful(&cases(true));
    }
}

/// Forty incidents whose keys come by turns: one text about each.
#[test]
fn incidents_that_come_by_turns_are_read_once_each() {
    meaningful(&numbered(200, |name, n| {
        let incident = Some(format!("c{}", n as u32 % 40).into());
        Review { incident, ..approved(name, 20.0, 20.0 + 40.0 * 40.0) }
    }));
}

/// A ticket covers four keys that leaked in four commits: one text of 600 words about them all,
/// read and approved in two minutes. Each key has been looked at by the AI before, as well.
#[test]
fn one_text_about_keys_of_several_incidents_is_read_once() {
    meaningful(&numbered(4, |name, n| {
        let case = words(approved(name, 20.0, 140.0), 600);
        let case = advised(case, |advice| Advised { first_presented_at: at(n), ..advice });
        let incident = Some(format!("commit-{n}").into());
        Review { incident, batch_id: Some("SEC-42".into()), ..case }
    }));
}

/// The AI's text about `ticket`, which covers the case.
fn on_ticket(ticket: &str, review: Review<'static>) -> Review<'static> {
    advised(review, |advice| Advised { event: event(ticket), first_event: event(ticket), ..advice })
}

/// A ticket covers ten keys that have no incident in common. One text of 900 words about them
/// all is read in three minutes, then key after key is decided, without a batch id.
#[test]
fn one_text_about_a_ticket_is_read_once() {
    meaningful(&numbered(10, |name, n| {
        words(on_ticket("SEC-7", approved(name, 20.0, 200.0 + 3.0 * n)), 900)
    }));
    // Likewise where the keys leaked in two commits.
    meaningful(&numbered(10, |name, n| Review {
        incident: Some(format!("commit-{}", n as u32 % 2).into()),
        ..words(on_ticket("SEC-7", approved(name, 20.0, 200.0 + 3.0 * n)), 900)
    }));
    // Who does not take the time to read it once is shown that, once.
    let told = tell(&numbered(10, |name, n| {
        words(on_ticket("SEC-7", approved(name, 20.0, 23.0 + 3.0 * n)), 900)
    }));
    assert_eq!(told.count(HollowReason::ImpossibleReading), 1);
}

/// The AI writes its text about a ticket anew, a little longer each time, whenever one of the
/// keys is done. The reviewer reads it once, and then what has changed.
#[test]
fn a_text_about_a_ticket_that_is_revised_is_read_once() {
    meaningful(&numbered(10, |name, n| {
        let revised = |advice| Advised {
            presented_at: at(200.0 + 15.0 * n),
            event: event(&format!("SEC-7, revision {n}")),
            first_event: event("SEC-7"),
            summary_words: Some(900 + n as u32),
            ..advice
        };
        advised(approved(name, 20.0, 210.0 + 15.0 * n), revised)
    }));
}

/// Each key has had the AI's word on its own, then the ticket with all of them got one.
#[test]
fn a_text_about_a_ticket_that_follows_others_is_read_once() {
    meaningful(&numbered(10, |name, n| {
        let ticket = |advice| Advised { presented_at: at(20.0), event: event("SEC-7"), ..advice };
        words(advised(approved(name, 0.0, 200.0 + 3.0 * n), ticket), 900)
    }));
}

/// Forty tickets of five keys. All texts are read first, at 250 words a minute; then the keys
/// are decided in the order of their names, so that the tickets come by turns.
#[test]
fn tickets_that_come_by_turns_are_read_once_each() {
    for tickets in [2, 16, 17, 40, 64] {
        let read_by = 20.0 + f64::from(tickets) * 300.0 * 60.0 / 250.0;
        meaningful(&numbered(5 * tickets, |name, n| {
            let ticket = format!("SEC-{}", n as u32 % tickets);
            words(on_ticket(&ticket, approved(name, 20.0, read_by + 0.5 * n)), 300)
        }));
    }
}

/// Stamps about keys with a text each stay stamps, whatever the tickets are called.
#[test]
fn texts_of_different_tickets_are_different_texts() {
    let told = tell(&numbered(15, |name, n| {
        on_ticket(&format!("SEC-{n}"), approved(name, 2.0 * n, 2.0 * n + 2.0))
    }));
    assert!(told.all(Quality::Hollow));
    assert_eq!(told.named(), ["ann"]);
}

/// Everybody gets tickets of ten keys, about which the AI is right or wrong as a whole, and
/// decides key by key. One text is one thing to agree with, to look into, or to give reasons for.
#[test]
fn one_ticket_is_one_act() {
    let mut cases = Vec::new();
    for (number, person) in (0..).zip(TEAM) {
        for ticket in 0..20 {
            let name = format!("{person}-{ticket}");
            let start = 1_800.0 * f64::from(ticket);
            let agrees = (ticket + 3 * number) % 10 != 0;
            cases.extend(numbered(10, |key, n| {
                let case = approved(&format!("{name}-{key}"), start, start + 600.0 + n);
                let case = by(person, on_ticket(&name, words(case, 400)));
                let case = opened(case, start + 1.0, start + 1.0);
                // Once in ten tickets the evidence is not opened.
                let unopened = ticket % 10 == 5;
                let case = Review {
                    expects_opening: true,
                    first_opened_at: case.first_opened_at.filter(|_| !unopened),
                    opened_at: case.opened_at.filter(|_| !unopened),
                    rationale_words: Some(12),
                    rationale_digest: Some(name.clone().into()),
                    ..case
                };
                if agrees { case } else { rejected(case) }
            }));
        }
    }
    let told = tell(&cases);
    assert!(told.named().is_empty());
    assert_eq!(told.count(HollowReason::TemplatedRationale), 0);
    assert_eq!(told.ann(Signal::Context), (20, 2));
    assert_eq!(told.ann(Signal::Agreement), (20, 18));
    assert_eq!(told.standings["ann"].decisions, 200);
    // What rules count: twenty tickets each, of which the evidence of two was not opened.
    let hollow = told.acts.values().filter(|quality| **quality == Quality::Hollow).count();
    assert_eq!((told.acts.len(), hollow), (20 * TEAM.len(), 2 * TEAM.len()));
}

/// A wrong text about a ticket that was planted is one planted case, also if the AI writes it
/// anew whenever a key is done.
#[test]
fn a_planted_ticket_is_one_planted_case() {
    for revised in [false, true] {
        let told = tell(&numbered(40, |name, n| {
            let ticket = format!("SEC-{}", n as u32 / 10);
            let start = 3_600.0 * f64::from(n as u32 / 10);
            let case = on_ticket(&ticket, approved(name, start, start + 300.0 + 10.0 * n));
            let later = |advice: Advised| Advised {
                presented_at: case.decided_at + Span::from_secs(-5),
                event: event(&format!("{ticket}, revision {n}")),
                ..advice
            };
            Review {
                truth: Some(Known {
                    established_at: at(90_000.0),
                    correct_action: Action::Dismiss,
                    seeded: true,
                }),
                advice: case.advice.map(|advice| if revised { later(advice) } else { advice }),
                ..case.clone()
            }
        }));
        assert_eq!(told.ann(Signal::Seeded), (4, 4), "{revised}");
    }
}

/// An AI says the same of sixty keys of a commit, one after the other.
#[test]
fn one_text_that_is_given_key_by_key_is_read_once() {
    meaningful(&numbered(60, |name, n| Review {
        incident: Some("c1".into()),
        ..approved(name, 20.0 + 0.1 * n, 80.0)
    }));
}

#[test]
fn stamps_are_named_soon() {
    for spacing in [2.0, 600.0] {
        let stamp = |name: &str, n: f64| approved(name, spacing * n, spacing * n + 2.0);
        let told = tell(&numbered(15, stamp));
        assert!(told.all(Quality::Hollow));
        assert_eq!(told.named(), ["ann"], "{spacing}");
    }
    // All were presented at the beginning, and nobody says when they were looked at.
    let told = tell(&numbered(15, |name, n| approved(name, 0.0, 2.0 + 2.0 * n)));
    assert_eq!(told.named(), ["ann"]);
    assert_eq!(told.count(HollowReason::ImpossibleReading), 15 - 4, "30 s / 7.2 s were read");
}

#[test]
fn a_batch_id_that_never_ends_hides_nothing() {
    let told = tell(&numbered(300, |name, n| Review {
        batch_id: Some("bulk".into()),
        ..approved(name, 8_640.0 * n, 8_640.0 * n + 1.0)
    }));
    assert!(told.all(Quality::Hollow));
    assert_eq!(told.named(), ["ann"]);
}

#[test]
fn reading_in_haste_counts_and_is_not_impossible() {
    // 120 words in 9 s: 800 a minute.
    let told = tell(&numbered(20, |name, n| approved(name, 60.0 * n, 60.0 * n + 9.0)));
    assert!(told.all(Quality::Meaningful));
    assert_eq!(told.ann(Signal::Dwell), (20, 20));
    assert_eq!(told.named(), ["ann"]);
    // 500 a minute is neither.
    let told = tell(&numbered(20, |name, n| approved(name, 60.0 * n, 60.0 * n + 14.4)));
    assert_eq!(told.ann(Signal::Dwell), (20, 0));
    assert!(told.named().is_empty());
}

#[test]
fn one_incident_is_one_act() {
    let mut cases = numbered(60, |name, n| Review {
        incident: Some("commit-1".into()),
        ..words(approved(name, 20.0, 60.0 + 30.0 * n), 100)
    });
    for peer in 0..5 {
        let name = format!("p{peer}");
        cases.extend(numbered(20, |case, n| {
            let day = 86_400.0 * n;
            rejected(by(&name, approved(&format!("{name}-{case}"), day, day + 180.0)))
        }));
    }
    let told = tell(&cases);
    assert!(told.named().is_empty());
    assert_eq!(told.ann(Signal::Dwell), (1, 0));
    let ann = &told.standings["ann"];
    assert!(ann.signals[Signal::Agreement as usize].steps <= 1);
    assert_eq!(ann.decisions, 60);
    assert_eq!(told.acts.len(), 1 + 5 * 20, "sixty decisions are one act");
}

#[test]
fn planted_cases_of_one_batch_are_one_and_other_truths_do_not_count() {
    let missed = |review: Review<'static>, seeded| Review {
        truth: Some(Known {
            established_at: at(90_000.0),
            correct_action: Action::Dismiss,
            seeded,
        }),
        ..review
    };
    let told =
        tell(&numbered(20, |name, n| missed(approved(name, 600.0 * n, 600.0 * n + 300.0), true)));
    assert_eq!(told.ann(Signal::Seeded), (20, 20));
    assert_eq!(told.named(), ["ann"]);
    let told = tell(&numbered(20, |name, _| {
        missed(Review { batch_id: Some("b".into()), ..approved(name, 0.0, 3_000.0) }, true)
    }));
    assert_eq!(told.ann(Signal::Seeded), (1, 1));
    assert!(told.named().is_empty());
    let later = numbered(20, |name, n| missed(approved(name, 600.0 * n, 600.0 * n + 300.0), false));
    assert_eq!(tell(&later).ann(Signal::Seeded), (0, 0));
    let all = OversightConfig { all_truths: true, ..OversightConfig::default() };
    assert_eq!(tell_with(&later, all).ann(Signal::Seeded), (20, 20));
}

/// Each of `people` decides 20 cases a day, and agrees with as many of ten as `agrees` says.
fn days(people: &[&str], days: u32, agrees: impl Fn(&str, u32) -> bool) -> Vec<Review<'static>> {
    let mut cases = Vec::new();
    for (number, name) in (0..).zip(people) {
        for case in 0..20 * days {
            let second = f64::from(case / 20) * 86_400.0 + f64::from(case % 20) * 600.0;
            let review = approved(&format!("{name}-{case:04}"), second, second + 120.0);
            let review = by(name, review);
            cases.push(if agrees(name, case + 7 * number) { review } else { rejected(review) });
        }
    }
    cases
}

const TEAM: [&str; 6] = ["ann", "bob", "cid", "dot", "eve", "fay"];

#[test]
fn who_agrees_as_peers_do_is_not_named_however_good_the_ai_is() {
    for every in [2, 7, 33, 1_000_000] {
        let told = tell(&days(&TEAM, 20, |_, case| case % every != 0));
        assert!(told.named().is_empty(), "{every}");
        assert!(told.standings.values().all(Standing::can_be_compared));
        assert!(told.standings.values().all(|standing| standing.log_e < 2.0), "{every}");
    }
}

#[test]
fn who_approves_everything_among_peers_who_do_not_is_named() {
    let told = tell(&days(&TEAM, 10, |name, case| name == "ann" || case % 7 != 0));
    assert_eq!(told.named(), ["ann"]);
    assert_eq!(told.ann(Signal::Agreement), (200, 200));
}

#[test]
fn a_better_model_is_another_stratum_and_a_better_day_another_period() {
    // Half of the team has the better model, of which nothing is wrong.
    let better = |cases: Vec<Review<'static>>| -> Vec<Review<'static>> {
        let new = |name: &str| name < "d";
        cases
            .into_iter()
            .map(|case| match new(&case.reviewer) {
                true => Review { model: Some("m2".into()), ..case },
                false => case,
            })
            .collect()
    };
    let told = tell(&better(days(&TEAM, 20, |name, case| name < "d" || case % 5 != 0)));
    assert!(told.named().is_empty());
    // Three in a stratum have two peers each.
    assert!(told.standings.values().all(|standing| !standing.can_be_compared()));
    assert!(told.standings.values().all(|standing| standing.alone == 400));
    let told = tell(&days(&TEAM, 20, |_, case| case >= 200 || case % 5 != 0));
    assert!(told.named().is_empty());
}

#[test]
fn too_few_peers_cannot_be_compared_with() {
    for people in 1..=3 {
        let told = tell(&days(&TEAM[..people], 20, |name, case| name == "ann" || case % 2 == 0));
        assert!(told.named().is_empty());
        assert!(!told.standings["ann"].can_be_compared());
    }
}

#[test]
fn handing_on_is_not_agreeing() {
    let mut cases = days(&TEAM, 10, |name, case| name == "ann" || case % 7 != 0);
    for case in cases.iter_mut().filter(|case| case.reviewer == "ann") {
        (case.verdict, case.agreed) = (Some(Verdict::Escalate), None);
    }
    let told = tell(&cases);
    assert!(told.named().is_empty());
    assert_eq!(told.ann(Signal::Agreement), (0, 0));
}

/// Acts of ann until her combined e-value would name her among a team of `TEAM`, if ever,
/// where she agrees with `own` and the others with `peers` of all cases.
fn acts_until_named(seed: u64, own: f64, peers: f64, days_max: u32) -> Option<u64> {
    let mut dice = Pcg64Mcg::seed_from_u64(seed);
    let agrees: Vec<f64> = (0..TEAM.len() as u32 * 20 * days_max).map(|_| dice.random()).collect();
    let mut cases = days(&TEAM, days_max, |_, _| true);
    for (case, dice) in cases.iter_mut().zip(agrees) {
        if dice >= if case.reviewer == "ann" { own } else { peers } {
            *case = rejected(case.clone());
        }
    }
    cases.sort_by(|a, b| a.exposure_id().cmp(&b.exposure_id()));
    let rules = Rules::new(OversightConfig::default()).unwrap();
    let needed = (TEAM.len() as f64 / rules.config().alpha).ln();
    let mut all = Reviews::with_capacity(cases.len());
    cases.iter().for_each(|review| all.add(Some(review)));
    let mut named = None;
    all.judge_watched(&rules, &mut |watched| {
        let standing = watched.state.standing(&rules);
        if watched.reviewer == "ann" && named.is_none() && standing.log_e >= needed {
            named = Some(standing.signals[Signal::Agreement as usize].steps);
        }
    });
    named
}

#[test]
fn what_agreement_takes() {
    let median = |own, peers, days| {
        let mut acts: Vec<u64> = (1..=9)
            .map(|seed| acts_until_named(seed, own, peers, days).unwrap_or(u64::MAX))
            .collect();
        acts.sort_unstable();
        println!("seeds 1 to 9, {own} among {peers}: {acts:?}");
        acts[4]
    };
    assert!(median(1.0, 0.85, 10) <= 140);
    assert!((200..=1_100).contains(&median(0.999, 0.97, 60)));
    assert_eq!(median(0.98, 0.97, 60), u64::MAX);
    assert_eq!(median(0.97, 0.97, 60), u64::MAX);
}
