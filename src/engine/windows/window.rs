//! One exposure window and everything that follows from it.
//!
//! Invariants: a duration is `None` when an end is missing or the ends
//! contradict each other, never clamped; nothing here depends on the present
//! except through an argument.

use std::fmt;
use std::num::NonZeroU32;

use super::log::Key;
use crate::config::Targets;
use crate::engine::attacker::{AttackerCurve, AttackerFirst, Band, Race};
use crate::event::{Action, Evidence, ExposedAtQuality, Severity, Verdict, words};
use crate::time::{Span, Timestamp};

words! {
    /// How far a window has come.
    State {
        /// Neither decided nor contained.
        Open = "open",
        /// Decided to act, not contained.
        Reviewed = "reviewed",
        /// Contained, not decided.
        Contained = "contained",
        /// Decided and contained, or dismissed.
        Closed = "closed",
        /// Closed by its source without a person's decision.
        Withdrawn = "withdrawn",
    }
}

words! {
    /// Where the measurement of an exposure starts.
    Clock {
        /// At the time it became public.
        Exposed = "exposed",
        /// At its detection: the exposure is older by an unknown length.
        Detected = "detected",
    }
}

words! {
    /// The measured stretches of a window.
    Stage {
        /// Exposure to detection.
        Detection = "detection",
        /// Detection to the AI's first output.
        Triage = "triage",
        /// Start to the first thing that a person did: a look, an escalation, a decision.
        FirstTouch = "first_touch",
        /// The judged advice to the decision: the human step alone.
        Review = "review",
        /// Start to the decision: the headline.
        TimeToReview = "time_to_review",
        /// Decision to containment.
        Containment = "containment",
        /// Start to the end of the exposure.
        Exposure = "exposure",
    }
}

/// The AI output that the decision judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advice<'w> {
    /// When it was there to be read.
    pub presented_at: Timestamp,
    /// When the first advice of the window was there to be read.
    pub first_presented_at: Timestamp,
    /// The number of the event that gave it: the same for the copies that one event about a
    /// ticket makes for each credential, and another for every other event.
    pub event: Option<NonZeroU32>,
    /// The number of the event that gave the first advice of the window.
    pub first_event: Option<NonZeroU32>,
    /// The one source of all advice up to this one, empty if it is not named; `None` if there are several.
    pub source: Option<&'w str>,
    /// Which model spoke.
    pub model: Option<&'w str>,
    /// The window's severity as far as it was known then.
    pub severity: Option<Severity>,
    /// What it advised.
    pub recommendation: Action,
    /// The AI's own confidence, 0 to 1.
    pub confidence: Option<f64>,
    /// Words in the summary.
    pub summary_words: Option<u32>,
    /// Characters in the summary.
    pub summary_chars: Option<u32>,
    /// Who asked for what is judged.
    pub requested_by: Option<&'w str>,
}

/// The first human decision of a window: to hand the case on is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'w> {
    /// When.
    pub decided_at: Timestamp,
    /// By whom.
    pub reviewer: &'w str,
    /// What.
    pub action: Action,
    /// The stated answer to the advice.
    pub verdict: Option<Verdict>,
    /// The deciding reviewer's first look up to it.
    pub first_opened_at: Option<Timestamp>,
    /// The deciding reviewer's last look up to it.
    pub opened_at: Option<Timestamp>,
    /// The most of the case's items that the deciding reviewer is known to have looked at.
    pub items_opened: Option<u32>,
    /// The most that the deciding reviewer is known to have looked at.
    pub evidence: Option<Evidence>,
    /// Whether one source, so one clock, tells of the decision and of all advice before it.
    pub advice_same_clock: bool,
    /// Whether one source, so one clock, tells of the decision and of all of the deciding
    /// reviewer's looks.
    pub opening_same_clock: bool,
    /// Whether the same reviewer had decided about the same advice in an earlier window of
    /// the credential.
    pub repeats_advice: bool,
    /// The owner as far as one was known then.
    pub owner: Option<&'w str>,
    /// Words in the reasons given.
    pub rationale_words: Option<u32>,
    /// Digest of the reasons.
    pub rationale_digest: Option<&'w str>,
    /// The group of cases decided together.
    pub batch_id: Option<&'w str>,
    /// The source's check of authority.
    pub authorized: Option<bool>,
    /// Whether nobody delivered it, and only a comparison with a list of its source found it.
    pub recovered: bool,
}

/// For how long a credential could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usable {
    /// From the start of the window.
    pub length: Span,
    /// Whether that is all of it: the time of the exposure is known, and no time contradicts
    /// it. Where it is not, the credential could be used for at least as long.
    pub known: bool,
    /// Whether an attacker was seen using it by then.
    pub used: bool,
}

impl Usable {
    /// The chance that an attacker used it, under `law`.
    pub fn attacker_first(&self, law: &AttackerCurve) -> AttackerFirst {
        match law.attacker_first(self.length) {
            _ if self.used => AttackerFirst::SEEN,
            first if self.known => first,
            first => first.at_least(),
        }
    }
}

/// What turned out to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// When it became known.
    pub established_at: Timestamp,
    /// The right action.
    pub correct_action: Action,
    /// Whether the AI's output was wrong on purpose.
    pub seeded: bool,
}

/// One leak episode of one credential.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window<'w> {
    /// Workflow and credential.
    pub key: Key<'w>,
    /// How fast the decision has to be.
    pub targets: Targets,
    /// The first event's, in the window's order, that gives one.
    pub source: Option<&'w str>,
    /// The first detection's that gives one.
    pub location: Option<&'w str>,
    /// The highest given.
    pub severity: Option<Severity>,
    /// The last given.
    pub owner: Option<&'w str>,
    /// What exposed several credentials at once: the first detection's that gives one.
    pub incident: Option<&'w str>,
    /// Who asked for the change: the first opening of a case that says so.
    pub requested_by: Option<&'w str>,
    /// The most items given.
    pub items: Option<u32>,
    /// The earliest given.
    pub exposed_at: Option<Timestamp>,
    /// How well `exposed_at` is known.
    pub exposed_at_quality: Option<ExposedAtQuality>,
    /// The detection that opened the window.
    pub detected_at: Timestamp,
    /// The first AI output.
    pub triaged_at: Option<Timestamp>,
    /// The advice judged; while undecided, the latest.
    pub advice: Option<Advice<'w>>,
    /// When a person first did anything: a look, an escalation, a decision.
    pub touched_at: Option<Timestamp>,
    /// The first time that a person handed the case on.
    pub escalated_at: Option<Timestamp>,
    /// Who did.
    pub escalated_by: Option<&'w str>,
    /// How many times a person handed the case on.
    pub escalations: u64,
    /// The first human decision.
    pub decision: Option<Decision<'w>>,
    /// The last human decision's action.
    pub final_action: Option<Action>,
    /// Human decisions after the first.
    pub further_decisions: u64,
    /// Decisions by an AI or by automation.
    pub nonhuman_decisions: u64,
    /// The human decision to dismiss or monitor that closed the window.
    pub dismissed_at: Option<Timestamp>,
    /// The first containment.
    pub contained_at: Option<Timestamp>,
    /// Whether a containment made the credential useless for good.
    pub killed: bool,
    /// When the source closed the case without a person's decision.
    pub withdrawn_at: Option<Timestamp>,
    /// Why, in the source's words.
    pub withdrawn_reason: Option<&'w str>,
    /// The first use by an attacker that was seen.
    pub abused_at: Option<Timestamp>,
    /// The latest word on what was right.
    pub truth: Option<Truth>,
    /// When an AI acted before any person had decided.
    pub ai_acted_first_at: Option<Timestamp>,
    /// Detections, the first included, up to the closing.
    pub detections: u64,
    /// Detections after the closing that are of no new exposure.
    pub resightings: u64,
    /// Distinct events the window is made of.
    pub events: u64,
    /// The latest of them.
    pub last_event_at: Timestamp,
    /// Events from before the detection that the skew tolerance let in.
    pub adopted: u64,
    /// Events whose source stamped them later than they can have happened.
    pub stamped_ahead: u64,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
}

impl<'w> Advice<'w> {
    /// Advice of which nothing more is known.
    pub const fn of(recommendation: Action, presented_at: Timestamp) -> Advice<'w> {
        Advice {
            presented_at,
            first_presented_at: presented_at,
            event: None,
            first_event: None,
            source: None,
            model: None,
            severity: None,
            recommendation,
            confidence: None,
            summary_words: None,
            summary_chars: None,
            requested_by: None,
        }
    }
}

impl<'w> Decision<'w> {
    /// A decision of which nothing more is known.
    pub const fn of(action: Action, reviewer: &'w str, decided_at: Timestamp) -> Decision<'w> {
        Decision {
            decided_at,
            reviewer,
            action,
            verdict: None,
            first_opened_at: None,
            opened_at: None,
            items_opened: None,
            evidence: None,
            advice_same_clock: false,
            opening_same_clock: false,
            repeats_advice: false,
            owner: None,
            rationale_words: None,
            rationale_digest: None,
            batch_id: None,
            authorized: None,
            recovered: false,
        }
    }
}

impl<'w> Window<'w> {
    /// A window of which nothing but its opening is known, and not one event counted.
    pub const fn opened(key: Key<'w>, targets: Targets, detected_at: Timestamp) -> Window<'w> {
        Window {
            key,
            targets,
            source: None,
            location: None,
            severity: None,
            owner: None,
            incident: None,
            requested_by: None,
            items: None,
            exposed_at: None,
            exposed_at_quality: None,
            detected_at,
            triaged_at: None,
            advice: None,
            touched_at: None,
            escalated_at: None,
            escalated_by: None,
            escalations: 0,
            decision: None,
            final_action: None,
            further_decisions: 0,
            nonhuman_decisions: 0,
            dismissed_at: None,
            contained_at: None,
            killed: false,
            withdrawn_at: None,
            withdrawn_reason: None,
            abused_at: None,
            truth: None,
            ai_acted_first_at: None,
            detections: 0,
            resightings: 0,
            events: 0,
            last_event_at: detected_at,
            adopted: 0,
            stamped_ahead: 0,
            closed_at: None,
        }
    }
}

impl Window<'_> {
    /// When nothing can change it any more: the settle time after its closing,
    /// or after abuse, truth or a sighting that it took in since.
    pub fn final_at(&self, settle: Span) -> Option<Timestamp> {
        self.closed_at.map(|closed| closed.max(self.last_event_at) + settle)
    }

    /// The window's name.
    pub fn exposure_id(&self) -> ExposureId<'_> {
        ExposureId { key: self.key, detected_at: self.detected_at }
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        match (self.closed_at, self.decision, self.contained_at) {
            (Some(_), None, _) if self.withdrawn_at.is_some() => State::Withdrawn,
            (Some(_), _, _) => State::Closed,
            (None, Some(_), _) => State::Reviewed,
            (None, None, Some(_)) => State::Contained,
            (None, None, None) => State::Open,
        }
    }

    /// Which end the measurement starts from.
    pub fn clock(&self) -> Clock {
        match self.exposed_at {
            Some(exposed) if exposed <= self.detected_at => Clock::Exposed,
            _ => Clock::Detected,
        }
    }

    /// Whether the measurement starts at the beginning. Where attackers race it does only if the
    /// time of the exposure is known. Elsewhere nothing was exposed: a case begins at its opening
    /// unless its source says that it began before.
    pub fn start_is_known(&self) -> bool {
        self.clock() == Clock::Exposed || !self.targets.raced
    }

    /// Where the measurement starts: the exposure if it is known and not after
    /// the detection, else the detection.
    pub fn start(&self) -> Timestamp {
        self.exposed_at.map_or(self.detected_at, |exposed| exposed.min(self.detected_at))
    }

    /// Whether the sources' clocks contradict each other in it.
    pub fn clock_skew(&self) -> bool {
        self.skew_faults() > 0
    }

    /// How many times they do: each adopted event, each event from the future, and an exposure after its
    /// detection. Every negative duration comes from one of these.
    pub fn skew_faults(&self) -> u64 {
        let late_exposure = self.exposed_at.is_some_and(|exposed| exposed > self.detected_at);
        self.adopted + self.stamped_ahead + u64::from(late_exposure)
    }

    /// When the first human decision fell.
    pub fn decided_at(&self) -> Option<Timestamp> {
        self.decision.map(|decision| decision.decided_at)
    }

    /// The length of `stage`; `None` when an end is missing or comes first.
    pub fn duration(&self, stage: Stage) -> Option<Span> {
        let (from, to) = self.ends(stage);
        to?.since(from?).non_negative()
    }

    /// Whether `stage` has begun, is not finished, and may still finish: what
    /// a figure over finished stages leaves out.
    pub fn censored(&self, stage: Stage) -> bool {
        let (from, to) = self.ends(stage);
        from.is_some() && to.is_none() && self.closed_at.is_none()
    }

    fn ends(&self, stage: Stage) -> (Option<Timestamp>, Option<Timestamp>) {
        let start = Some(self.start());
        let decided = self.decided_at();
        match stage {
            Stage::Detection => (self.exposed_at, Some(self.detected_at)),
            Stage::Triage => (Some(self.detected_at), self.triaged_at),
            Stage::FirstTouch => (start, self.touched_at),
            Stage::Review => (self.advice.map(|advice| advice.first_presented_at), decided),
            Stage::TimeToReview => (start, decided),
            Stage::Containment => (decided, self.contained_at),
            Stage::Exposure => (start, self.contained_at.or(self.dismissed_at)),
        }
    }

    /// Where the decision fell against the workflow's targets; `None` without a decision and
    /// where that is not known. A decision that was late after the detection was late after the
    /// exposure, whenever that was. One that was in time after the detection may not have been.
    pub fn band(&self) -> Option<Band> {
        let band = Band::of(self.duration(Stage::TimeToReview)?, self.targets);
        (self.start_is_known() || band == Band::Behind).then_some(band)
    }

    /// Whether the credential was of no use any more when the window closed: contained for
    /// good, or contained in any way with a person's decision to revoke or rotate it.
    pub fn is_dead(&self) -> bool {
        let for_good = matches!(self.final_action, Some(Action::Revoke | Action::Rotate));
        self.killed || self.contained_at.is_some() && for_good
    }

    /// For how long the credential could be used: up to containment, else up to the decision,
    /// else up to `as_of`.
    pub fn usable(&self, as_of: Timestamp) -> Usable {
        let end = self.contained_at.or(self.decided_at());
        let length = end.unwrap_or(as_of).since(self.start()).non_negative();
        Usable {
            length: length.unwrap_or_default(),
            // An end before the beginning contradicts it. What has not ended has only just begun.
            known: self.start_is_known() && (length.is_some() || end.is_none()),
            used: self.abused_before(end),
        }
    }

    /// The chance that an attacker used the credential while it could be used. `None` where no
    /// attacker races, and where the source took the case back before anybody decided.
    pub fn attacker_first(&self, race: &Race, as_of: Timestamp) -> Option<AttackerFirst> {
        let races = self.targets.raced && race.is_public(self.location);
        let raced = races && self.state() != State::Withdrawn;
        raced.then(|| self.usable(as_of).attacker_first(race.curve(self.location)))
    }

    /// Whether an attacker was seen using the credential before `end`; `None`: at all.
    pub fn abused_before(&self, end: Option<Timestamp>) -> bool {
        self.abused_at.is_some_and(|abused_at| end.is_none_or(|end| abused_at < end))
    }

    /// Whether the reviewer agreed with the advice; `None` when it cannot be said.
    pub fn agreed(&self) -> Option<bool> {
        let decision = self.decision?;
        match decision.verdict {
            Some(Verdict::Approve) => Some(true),
            Some(Verdict::Modify | Verdict::Reject) => Some(false),
            Some(Verdict::Escalate) => None,
            None => Some(decision.action == self.advice?.recommendation),
        }
    }

    /// Whether a decided, seeded case with wrong advice was challenged (`true`)
    /// or let through (`false`); `None` for any other window.
    pub fn seeded_case_caught(&self) -> Option<bool> {
        let truth = self.truth.filter(|truth| truth.seeded)?;
        let advice = self.advice.filter(|advice| advice.recommendation != truth.correct_action)?;
        let decision = self.decision?;
        Some(match decision.verdict {
            Some(verdict) => verdict != Verdict::Approve,
            None => decision.action != advice.recommendation,
        })
    }
}

/// `{workflow}/{credential_id}/{detected_at in ms}`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExposureId<'w> {
    /// Workflow and credential.
    pub key: Key<'w>,
    /// The opening detection.
    pub detected_at: Timestamp,
}

impl fmt::Display for ExposureId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}",
            self.key.workflow,
            self.key.credential_id,
            self.detected_at.as_millis()
        )
    }
}

impl serde::Serialize for ExposureId<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
