//! Teams at work: who decides what, when, and how.
//!
//! Honest people differ in care and pace, read every case in their own time and let
//! 10 to 18 % of planted cases through. Dishonest teams have one dishonest person, the first.

use std::num::NonZeroU32;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use shutterlag::engine::oversight::{Advised, Known, Review, Signal};
use shutterlag::event::{Action, Severity, Verdict, Workflow};
use shutterlag::time::{Span, Timestamp};

use crate::raised::by_events;

/// Monday, 5 January 2026, 8 o'clock.
const START_MS: i64 = 1_767_600_000_000;
const DAY: f64 = 86_400.0;

/// A team and what happens to it.
pub(crate) struct Story {
    pub(crate) name: &'static str,
    /// People.
    pub(crate) size: usize,
    days: u32,
    /// Acts of each person and day.
    acts: u32,
    /// Share of planted cases.
    planted: f64,
    kind: Kind,
}

/// What is special.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    /// One act in ten is a commit of up to 200 keys.
    Incidents,
    /// Each person has a workflow of their own half of the time, and the AI is right in
    /// 99, 90 or 75 % of cases by workflow.
    Workflows,
    /// Half of the team gets high severity, where the AI is right in 99 %, else in 85 %.
    Mix,
    /// Half of the team gets cases that are easier by nothing that anybody can see: 98 against 96 %.
    HiddenMix,
    /// Four in six hand half of the cases with wrong advice on to the other two.
    Roles,
    /// A model that is right in 90 % is replaced by one that is right in 99 %, for one half of
    /// the team ten days earlier.
    Upgrade,
    /// The same, and nobody names the model.
    SilentUpgrade,
    /// Half of the team works at weekends, too, when the AI is right in 85 %.
    Weekends,
    /// Ten cases are read, then decided at one click.
    Batches,
    /// The same, and the AI gives no advice in a third of all cases.
    Unadvised,
    /// The tools' clocks are up to a minute apart.
    Clocks,
    /// The AI advises again a second before the click.
    Rerun,
    /// Four cases are open at once, the clicks are 2 s apart.
    SideBySide,
    /// Every third act is a ticket of ten keys: one text about all of them, read once and for
    /// half of the tickets revised after each decision; decided key by key.
    Tickets,
    /// Where half of the team disagrees, an attack is seen later: it raises the severity.
    Raised,
    /// The first decides tickets of ten keys without reading.
    StampsTickets,
    /// The first takes 2 s for 120 words.
    TwoSeconds,
    /// The first misses half of the planted cases.
    MissesHalf,
    /// The first approves everything, the others agree with this share.
    ApprovesAll,
    /// The first agrees with 99.9 %, the others with 97 %.
    NearlyAll,
}
use Kind::{
    ApprovesAll, Batches, Clocks, HiddenMix, Incidents, MissesHalf, Mix, NearlyAll, Plain, Raised,
    Rerun, Roles, SideBySide, SilentUpgrade, StampsTickets, Tickets, TwoSeconds, Unadvised,
    Upgrade, Weekends, Workflows,
};

const fn story(name: &'static str, size: usize, days: u32, kind: Kind) -> Story {
    Story { name, size, days, acts: 15, planted: 0.03, kind }
}

pub(crate) const HONEST: &[Story] = &[
    story("an AI that is right in 97 %", 20, 40, Plain),
    story("incidents of 2 to 200 keys", 10, 20, Incidents),
    story("case mix by reviewer", 10, 40, Mix),
    story("case mix that nobody can see, 98 % against 96 %", 10, 40, HiddenMix),
    story("escalation roles", 6, 40, Roles),
    story("workflows of different difficulty", 12, 40, Workflows),
    story("model upgrade by halves of the team", 10, 40, Upgrade),
    story("model upgrade, the model not named", 10, 40, SilentUpgrade),
    story("weekends", 10, 40, Weekends),
    story("batches of ten", 10, 20, Batches),
    story("batches of ten, a third of the cases without advice", 10, 20, Unadvised),
    story("a team of one", 1, 40, Plain),
    story("a team of two", 2, 40, Plain),
    story("a team of three", 3, 40, Plain),
    story("a team of four", 4, 40, Plain),
    story("a team of five", 5, 40, Plain),
    story("clocks a minute apart", 10, 40, Clocks),
    story("advice given again 1 s before the click", 10, 40, Rerun),
    story("four cases side by side", 10, 40, SideBySide),
    story("tickets of ten keys, decided key by key", 10, 40, Tickets),
    story("severity raised after the decision", 10, 40, Raised),
];

/// A story with a dishonest person.
pub(crate) struct Dishonest {
    pub(crate) story: Story,
    /// What is counted until the person is found; `None` for decisions.
    pub(crate) signal: Option<Signal>,
    /// Within how many the person should be named.
    pub(crate) bar: Option<u64>,
}

pub(crate) const DISHONEST: &[Dishonest] = &[
    Dishonest { story: story("2 s for 120 words", 6, 10, TwoSeconds), signal: None, bar: Some(15) },
    Dishonest {
        story: story("tickets of ten keys, decided in seconds", 6, 10, StampsTickets),
        signal: Some(Signal::Dwell),
        bar: None,
    },
    Dishonest {
        story: Story {
            planted: 0.2,
            ..story("misses half of the planted cases", 6, 40, MissesHalf)
        },
        signal: Some(Signal::Seeded),
        bar: Some(20),
    },
    Dishonest {
        story: story("approves everything, peers 85 %", 6, 40, ApprovesAll),
        signal: Some(Signal::Agreement),
        bar: Some(200),
    },
    Dishonest {
        story: story("agrees with 99.9 %, peers with 97 %", 6, 120, NearlyAll),
        signal: Some(Signal::Agreement),
        bar: None,
    },
];

/// One person's manner.
#[derive(Clone, Copy)]
struct Manner {
    agrees_when_right: f64,
    agrees_when_wrong: f64,
    words_per_minute: f64,
}

/// What a case is like.
struct Case {
    workflow: Workflow,
    severity: Severity,
    model: Option<&'static str>,
    confidence: f64,
    ai_right: f64,
}

impl Story {
    /// All reviews of the team.
    pub(crate) fn reviews(&self, seed: u64) -> Vec<Review<'static>> {
        let mut teller = Teller {
            story: self,
            dice: Pcg64Mcg::seed_from_u64(seed),
            reviews: Vec::new(),
            cases: 0,
            texts: 0,
        };
        for person in 0..self.size {
            let manner = teller.manner();
            for day in 0..self.days {
                // A weekend begins after five days.
                let weekend = day % 7 >= 5;
                if !weekend || (self.kind == Weekends && person % 2 == 0) {
                    teller.day(person, manner, day, weekend);
                }
            }
        }
        teller.reviews
    }
}

struct Teller<'s> {
    story: &'s Story,
    dice: Pcg64Mcg,
    reviews: Vec<Review<'static>>,
    cases: u32,
    /// Events that gave advice.
    texts: u32,
}

impl Teller<'_> {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.dice.random::<f64>()
    }

    fn chance(&mut self, share: f64) -> bool {
        self.dice.random::<f64>() < share
    }

    fn manner(&mut self) -> Manner {
        Manner {
            agrees_when_right: self.between(0.96, 0.985),
            agrees_when_wrong: self.between(0.10, 0.18),
            words_per_minute: self.between(180.0, 300.0),
        }
    }

    fn case(&mut self, person: usize, day: u32, weekend: bool) -> Case {
        let half = person.is_multiple_of(2);
        let confidence = [0.65, 0.85, 0.95][(self.dice.random::<u32>() % 3) as usize];
        let plain = Case {
            workflow: Workflow::SecretExposure,
            severity: if self.chance(0.5) { Severity::High } else { Severity::Medium },
            model: Some("m1"),
            confidence,
            ai_right: 0.97,
        };
        let upgraded = day >= if half { 15 } else { 25 };
        match self.story.kind {
            Workflows => {
                let all = [
                    (Workflow::SecretExposure, 0.99),
                    (Workflow::ActivityTriage, 0.90),
                    (Workflow::SocClassification, 0.75),
                ];
                let own = person % 3;
                let at =
                    if self.chance(0.5) { own } else { self.dice.random::<u32>() as usize % 3 };
                let (workflow, ai_right) = all[at];
                Case { workflow, ai_right, ..plain }
            }
            Mix => {
                let easy = self.chance(if half { 0.8 } else { 0.2 });
                let severity = if easy { Severity::High } else { Severity::Low };
                Case { severity, ai_right: if easy { 0.99 } else { 0.85 }, ..plain }
            }
            HiddenMix => Case { ai_right: if half { 0.98 } else { 0.96 }, ..plain },
            Roles => Case { ai_right: 0.92, ..plain },
            Upgrade | SilentUpgrade => Case {
                model: (self.story.kind == Upgrade).then_some(if upgraded { "m2" } else { "m1" }),
                ai_right: if upgraded { 0.99 } else { 0.90 },
                ..plain
            },
            Weekends => Case { ai_right: if weekend { 0.85 } else { 0.97 }, ..plain },
            _ => plain,
        }
    }

    /// A person's working day: one act after the other.
    fn day(&mut self, person: usize, manner: Manner, day: u32, weekend: bool) {
        let mut now = f64::from(day) * DAY + self.between(0.0, 1_800.0);
        let mut act = 0;
        while act < self.story.acts {
            let roll = self.dice.random::<f64>();
            match self.story.kind {
                Batches | Unadvised if roll < 0.3 => {
                    now = self.together(person, manner, (day, weekend), now, 10, true);
                }
                SideBySide => {
                    now = self.together(person, manner, (day, weekend), now, 4, false);
                    act += 3;
                }
                Tickets | StampsTickets if roll < 0.33 => {
                    now = self.ticket(person, manner, (day, weekend), now);
                }
                Incidents if roll < 0.1 => {
                    now = self.incident(person, manner, (day, weekend), now);
                }
                _ => {
                    let case = self.case(person, day, weekend);
                    now = self.alone(person, manner, &case, now);
                }
            }
            act += 1;
            now += self.between(20.0, 600.0);
        }
    }

    fn alone(&mut self, person: usize, manner: Manner, case: &Case, now: f64) -> f64 {
        let stamps = self.story.kind == TwoSeconds && person == 0;
        let words = if stamps { 120.0 } else { self.between(50.0, 260.0).round() };
        let reading = 60.0 * words / manner.words_per_minute + self.between(3.0, 60.0);
        let reading = if stamps { 2.0 } else { reading };
        let opened = now + self.between(0.3, 2.0);
        let decided = if stamps { now + 2.0 } else { opened + reading };
        let presented = if stamps { now } else { now - self.between(0.0, 120.0) };
        let review = self.review(person, manner, case, words as u32, [presented, opened, decided]);
        self.reviews.push(review);
        decided
    }

    /// Reads `count` cases, then decides them: at once under one batch id, or one by one.
    fn together(
        &mut self,
        person: usize,
        manner: Manner,
        (day, weekend): (u32, bool),
        now: f64,
        count: u32,
        one_click: bool,
    ) -> f64 {
        let mut reading = now;
        let mut open = Vec::new();
        for _ in 0..count {
            let case = self.case(person, day, weekend);
            let words = self.between(50.0, 260.0).round();
            open.push((case, words, reading));
            reading += 60.0 * words / manner.words_per_minute + self.between(1.0, 10.0);
        }
        let id = format!("batch-{}", self.cases);
        for (at, (case, words, begun)) in open.into_iter().enumerate() {
            let decided = reading + if one_click { 0.0 } else { 2.0 * at as f64 };
            let opened = if one_click { begun } else { now + at as f64 };
            let times = [now - 5.0, opened, decided];
            let review = self.review(person, manner, &case, words as u32, times);
            let batch_id = one_click.then(|| id.clone().into());
            self.reviews.push(Review { batch_id, ..review });
        }
        reading + 2.0 * f64::from(count)
    }

    /// One commit of up to 200 keys; whether the advice is right is one question for all.
    fn incident(
        &mut self,
        person: usize,
        manner: Manner,
        (day, weekend): (u32, bool),
        now: f64,
    ) -> f64 {
        let keys = 2.0 * 100.0_f64.powf(self.dice.random::<f64>());
        let case = self.case(person, day, weekend);
        let id = format!("commit-{}", self.cases);
        let right = self.chance(case.ai_right);
        let fate = Case { ai_right: f64::from(u8::from(right)), ..case };
        let agrees = if right { manner.agrees_when_right } else { manner.agrees_when_wrong };
        let sure = if self.chance(agrees) { 1.0 } else { 0.0 };
        let one = Manner { agrees_when_right: sure, agrees_when_wrong: sure, ..manner };
        let mut at = now;
        for _ in 0..keys as u32 {
            let words = self.between(50.0, 120.0).round();
            let decided = at + 60.0 * words / manner.words_per_minute + 1.0;
            let review = self.review(person, one, &fate, words as u32, [now, at, decided]);
            self.reviews.push(Review { incident: Some(id.clone().into()), truth: None, ..review });
            at = decided + 1.0;
        }
        at
    }

    /// A ticket of ten keys, about which the AI is right or wrong as a whole.
    fn ticket(
        &mut self,
        person: usize,
        manner: Manner,
        (day, weekend): (u32, bool),
        now: f64,
    ) -> f64 {
        let case = self.case(person, day, weekend);
        let planted = self.chance(self.story.planted);
        let right = !planted && self.chance(case.ai_right);
        let agrees = if right { manner.agrees_when_right } else { manner.agrees_when_wrong };
        let stamps = self.story.kind == StampsTickets && person == 0;
        let sure = if stamps || self.chance(agrees) { 1.0 } else { 0.0 };
        let one = Manner { agrees_when_right: sure, agrees_when_wrong: sure, ..manner };
        let words = self.between(300.0, 900.0).round();
        let reading = 60.0 * words / manner.words_per_minute;
        let revises = self.chance(0.5);
        let first_event = self.text();
        let (mut event, mut presented) = (first_event, now);
        let mut decided = now + if stamps { 2.0 } else { reading + self.between(1.0, 10.0) };
        for key in 0..10 {
            let times = [now, now + 0.5, decided];
            let review = self.review(person, one, &case, words as u32 + key, times);
            let truth = planted.then(|| Known {
                established_at: at(decided) + Span::from_mins(180),
                correct_action: Action::Dismiss,
                seeded: true,
            });
            let advice = review.advice.map(|advice| Advised {
                presented_at: at(presented),
                event,
                first_event,
                summary_words: Some(words as u32),
                ..advice
            });
            self.reviews.push(Review { advice, truth, ..review });
            if revises {
                event = self.text();
                presented = decided + 1.0;
            }
            decided += if stamps { 2.0 } else { self.between(2.0, 10.0) };
        }
        decided
    }

    /// The number of one more event that gives advice.
    fn text(&mut self) -> Option<NonZeroU32> {
        self.texts += 1;
        NonZeroU32::new(self.texts)
    }

    /// A decided case. The times are those of presentation,
    /// look and decision.
    fn review(
        &mut self,
        person: usize,
        manner: Manner,
        case: &Case,
        words: u32,
        [presented, opened, decided]: [f64; 3],
    ) -> Review<'static> {
        self.cases += 1;
        let kind = self.story.kind;
        let first = person == 0;
        let planted = self.chance(self.story.planted);
        let right = !planted && self.chance(case.ai_right);
        let agrees = if right { manner.agrees_when_right } else { manner.agrees_when_wrong };
        let agrees = match kind {
            MissesHalf if first && planted => 0.5,
            ApprovesAll if first => 1.0,
            ApprovesAll => 0.85,
            NearlyAll if first => 0.999,
            NearlyAll => 0.97,
            _ => agrees,
        };
        // Planted cases would tell on the two who are to be found by agreement alone.
        let planted = planted && !matches!(kind, ApprovesAll | NearlyAll);
        let agreed = self.chance(agrees);
        let mut who = person;
        if kind == Roles && person < 4 && !right && !agreed && self.chance(0.7) {
            // Handed on to somebody with more experience, who decides minutes later.
            who = 4 + self.dice.random::<u32>() as usize % 2;
        }
        let late = if who == person { 0.0 } else { self.between(600.0, 3_600.0) };
        let [presented, opened, decided] = [presented, opened + late, decided + late];
        let (look, click) = match kind {
            Clocks => (self.between(-60.0, 60.0), self.between(-60.0, 60.0)),
            _ => (0.0, 0.0),
        };
        let (action, verdict) = match agreed {
            true => (Action::Rotate, Verdict::Approve),
            false => (Action::Dismiss, Verdict::Reject),
        };
        let again = if kind == Rerun { decided - 1.0 } else { presented };
        let unadvised = kind == Unadvised && self.chance(1.0 / 3.0);
        let event = self.text();
        let review = Review {
            origin: 0,
            workflow: case.workflow,
            credential_id: format!("k{person:02}-{:07}", self.cases).into(),
            detected_at: at(presented - 20.0),
            revision: 4,
            mark: 1,
            reviewer: format!("p{who:02}").into(),
            decided_at: at(decided + click),
            first_opened_at: Some(at(opened + look)),
            opened_by_same_clock: kind != Clocks,
            opened_at: Some(at(opened + look)),
            source: (kind != Clocks).then(|| "desk".into()),
            action,
            verdict: Some(verdict),
            agreed: (!unadvised).then_some(agreed),
            advice: (!unadvised).then(|| Advised {
                first_presented_at: at(presented),
                presented_by_same_clock: kind != Clocks,
                presented_at: at(again),
                event,
                first_event: event,
                recommendation: Action::Rotate,
                confidence: Some(case.confidence),
                summary_words: Some(words),
                summary_chars: None,
                repeated: false,
            }),
            severity: Some(case.severity),
            model: case.model.map(Into::into),
            incident: None,
            own_request: false,
            batch_id: None,
            rationale_words: None,
            rationale_digest: None,
            authorized: Some(true),
            truth: planted.then(|| Known {
                established_at: at(decided) + Span::from_mins(180),
                correct_action: Action::Dismiss,
                seeded: true,
            }),
            expects_opening: true,
            ahead: true,
        };
        match kind {
            Raised => by_events(&review, person.is_multiple_of(2) && !agreed),
            _ => review,
        }
    }
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_millis(START_MS + (seconds * 1_000.0).round() as i64)
}
