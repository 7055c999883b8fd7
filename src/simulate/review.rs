//! The human step: when somebody looks, how long, and what is decided.
//!
//! Invariants: the decisions of a reviewer never overlap; a reviewer who opens the evidence
//! opens it before the decision; agreement depends on the reviewer's habits only.

use std::borrow::Cow;

use crate::event::{Action, Actor, Body, DecisionMade, ReviewOpened, Verdict};
use crate::time::{Span, Timestamp};

use super::case::{Case, Review, System, digest};
use super::organisation;
use super::reviewer::{Habits, reading_floor};
use super::world::World;

/// When a reviewer looked and decided.
struct Moment {
    opened_at: Option<Timestamp>,
    decided_at: Timestamp,
    batch: Option<(String, u32)>,
}

/// What a reviewer decided.
struct Answer {
    verdict: Option<Verdict>,
    action: Action,
    agreed: Option<bool>,
}

impl World {
    /// Reviews one case alone.
    pub(super) fn review(&mut self, case: &mut Case, who: usize, habits: Habits) -> Review {
        let dice = &mut self.dice;
        let presented_at = case.advice.as_ref().map(|advice| advice.presented_at);
        let jumps = presented_at.is_some() && dice.chance(habits.jumps);
        let reaction = if jumps {
            dice.span(Span::from_millis(300), Span::from_secs(3))
        } else {
            let urgency = [2.0, 1.4, 1.0, 0.6][case.severity as usize];
            let median = Span::from_millis((habits.reaction_ms as f64 * urgency) as i64);
            Span::from_secs(3) + dice.lognormal_span(median, 0.9)
        };
        let unadvised = case.detected_at + Span::from_mins(1);
        let start = self.people.available(who, presented_at.unwrap_or(unadvised) + reaction, dice);
        let again_at = self.advise_again(case, start);

        let dice = &mut self.dice;
        let words = case.advice.as_ref().map_or(0, |advice| advice.summary_words);
        let opened_at = dice
            .chance(habits.opens)
            .then(|| start + dice.span(Span::from_millis(400), Span::from_secs(3)));
        let (slow, quick) = habits.words_per_minute;
        let pace = dice.between(i64::from(slow), i64::from(quick) + 1);
        let reading = if pace == 0 { 0 } else { i64::from(words) * 60_000 / pace + 1 };
        let (least, most) = habits.judging_ms;
        let taken = Span::from_millis(reading + dice.between(least, most));
        let decided_at = opened_at.unwrap_or(start) + taken;
        let pause = dice.span(Span::from_millis(500), Span::from_secs(15));
        let reviewer = self.people.get_mut(who);
        reviewer.free_at = decided_at + pause;
        reviewer.tally.below_floor += u64::from(taken < reading_floor(words));
        self.advise_just_before(case, decided_at);
        let review = self.decide(case, who, habits, Moment { opened_at, decided_at, batch: None });
        // Whoever takes up an escalated case has the first advice.
        let handed_on = review.action == Action::Escalate;
        if let Some(at) = again_at.filter(|at| *at > decided_at && !handed_on) {
            self.happens_triaged(case, at);
        }
        review
    }

    /// Some advice is given twice. If the second advice comes before the reviewer begins, the
    /// reviewer reads that one. If it would come during the review, it is left out. If it
    /// would come afterwards, its time is returned.
    fn advise_again(&mut self, case: &mut Case, start: Timestamp) -> Option<Timestamp> {
        let advice = case.advice.as_mut()?;
        if !self.dice.chance(0.05) {
            return None;
        }
        let at = advice.triaged_at + self.dice.span(Span::from_secs(30), Span::from_mins(10));
        if at >= start {
            return Some(at);
        }
        advice.presented_at = at;
        advice.summary_words = self.dice.lognormal(110.0, 0.5).clamp(20.0, 900.0) as u32;
        self.happens_triaged(case, at);
        None
    }

    /// Some advice is given again, in the same words, moments before the click.
    fn advise_just_before(&mut self, case: &mut Case, decided_at: Timestamp) {
        let Some(advice) = case.advice.as_mut() else { return };
        if !self.dice.chance(self.options.reruns) {
            return;
        }
        let before = self.dice.span(Span::from_millis(300), Span::from_secs(3));
        let at = decided_at + Span::from_millis(-before.as_millis());
        if at > advice.presented_at {
            advice.presented_at = at;
            self.happens_triaged(case, at);
        }
    }

    /// Reviews cases that were put off, with decisions seconds apart.
    pub(super) fn review_batch(&mut self, who: usize, cases: Vec<Case>, now: Timestamp) {
        let advised = cases.iter().filter_map(|case| case.advice.as_ref());
        let presented = advised.map(|advice| advice.presented_at + Span::from_secs(1));
        let ready = presented.fold(now, Timestamp::max);
        let mut cursor = self.people.available(who, ready, &mut self.dice);
        let batch_id = format!("batch-{:012x}", self.dice.bits() & 0xffff_ffff_ffff);
        let size = cases.len() as u32;
        for mut case in cases {
            let dice = &mut self.dice;
            let habits = self.people.get(who).habits(dice);
            let opened_at = dice
                .chance(habits.opens)
                .then(|| cursor + dice.span(Span::from_millis(200), Span::from_millis(700)));
            cursor = cursor + dice.span(Span::from_millis(1_200), Span::from_secs(6));
            let batch = (size > 1).then(|| (batch_id.clone(), size));
            let moment = Moment { opened_at, decided_at: cursor, batch };
            let review = self.decide(&mut case, who, habits, moment);
            self.conclude(case, Some(review), now);
        }
        self.people.get_mut(who).free_at = cursor + Span::from_secs(20);
    }

    /// Makes the decision, counts it and sends its events.
    fn decide(&mut self, case: &mut Case, who: usize, habits: Habits, moment: Moment) -> Review {
        let Moment { opened_at, decided_at, batch } = moment;
        let junior = self.people.get(who).junior;
        let answer = self.answer(case, habits, junior);
        let dice = &mut self.dice;
        let reviewer = self.people.get_mut(who);
        let (rationale_digest, rationale_words) = if dice.chance(habits.templated) {
            reviewer.stock_reasons.clone()
        } else {
            (digest(dice), 5 + dice.lognormal(18.0, 0.6) as u32)
        };
        let authorized = match dice.below(1_000) {
            0..12 => Some(false),
            12..650 => Some(true),
            _ => None,
        };
        let decision_number = reviewer.decides(decided_at);
        let wrong = case.advice.as_ref().is_some_and(|advice| advice.wrong);
        let tally = &mut reviewer.tally;
        if let Some(agreed) = answer.agreed {
            tally.judged += 1;
            tally.agreed += u64::from(agreed);
            tally.wrong_advice += u64::from(wrong);
            tally.wrong_agreed += u64::from(wrong && agreed);
            tally.seeded += u64::from(wrong && case.seeded);
            tally.seeded_missed += u64::from(wrong && case.seeded && agreed);
        }
        tally.opened += u64::from(opened_at.is_some());
        tally.batched += u64::from(batch.is_some());
        tally.unauthorized += u64::from(authorized == Some(false));
        tally.self_approved += u64::from(case.requested_by.as_ref() == Some(&reviewer.name));
        let name = reviewer.name.clone();
        if let Some(opened_at) = opened_at {
            let body = Body::ReviewOpened(ReviewOpened::by(Cow::Owned(name.clone())));
            self.happens(case, System::Desk, opened_at, organisation::REVIEW_DESK, body);
        }
        let (batch_id, batch_size) = batch.unzip();
        let body = Body::DecisionMade(DecisionMade {
            verdict: answer.verdict,
            rationale_words: Some(rationale_words),
            rationale_digest: Some(Cow::Owned(rationale_digest)),
            batch_id: batch_id.clone().map(Cow::Owned),
            batch_size,
            authorized,
            ..DecisionMade::by(Cow::Owned(name.clone()), Actor::Human, answer.action)
        });
        self.happens(case, System::Desk, decided_at, organisation::REVIEW_DESK, body);
        Review {
            reviewer: name,
            decision_number: Some(decision_number),
            opened_at,
            decided_at,
            verdict: answer.verdict,
            action: answer.action,
            agreed: answer.agreed,
            batch_id,
        }
    }

    fn answer(&mut self, case: &Case, habits: Habits, junior: bool) -> Answer {
        let dice = &mut self.dice;
        let Some(advice) = case.advice.as_ref().filter(|advice| !advice.fallback) else {
            // Without advice people find the answer themselves, or escalate.
            let action = if dice.chance(0.9) { case.correct } else { Action::Escalate };
            return Answer { verdict: None, action, agreed: None };
        };
        let advised = advice.recommendation;
        let agrees = if advice.wrong { habits.agrees_when_wrong } else { habits.agrees_when_right };
        if dice.chance(agrees) {
            // Some sources give no verdict: the action alone shows the agreement.
            let verdict = dice.chance(0.95).then_some(Verdict::Approve);
            return Answer { verdict, action: advised, agreed: Some(true) };
        }
        let roll = dice.below(100);
        let handed_on = if junior { 60 } else { 10 };
        if roll < handed_on && advised != Action::Escalate {
            let verdict = Some(Verdict::Escalate);
            return Answer { verdict, action: Action::Escalate, agreed: None };
        }
        let (verdict, action) = if advice.wrong {
            (if roll < 70 { Verdict::Modify } else { Verdict::Reject }, case.correct)
        } else if roll < 70 {
            (Verdict::Modify, alternative(advised))
        } else {
            (Verdict::Reject, if advised.closes() { Action::Rotate } else { Action::Dismiss })
        };
        Answer { verdict: Some(verdict), action, agreed: Some(false) }
    }

    /// Somebody else takes up a case. Returns who.
    pub(super) fn second_opinion(
        &mut self,
        case: &mut Case,
        at: Timestamp,
        action: Action,
    ) -> String {
        let who = self.people.assign_senior(at, &mut self.dice);
        let reviewer = self.people.get(who).name.clone();
        let body = Body::DecisionMade(DecisionMade {
            rationale_words: Some(8 + self.dice.below(40) as u32),
            rationale_digest: Some(Cow::Owned(digest(&mut self.dice))),
            authorized: Some(true),
            ..DecisionMade::by(Cow::Owned(reviewer.clone()), Actor::Human, action)
        });
        self.happens(case, System::Desk, at, organisation::REVIEW_DESK, body);
        reviewer
    }
}

/// Another action of the same effect.
pub(super) const fn alternative(action: Action) -> Action {
    match action {
        Action::Revoke => Action::Rotate,
        Action::Rotate | Action::Quarantine => Action::Revoke,
        Action::Dismiss => Action::Monitor,
        Action::Monitor => Action::Dismiss,
        Action::Escalate => Action::Quarantine,
    }
}
