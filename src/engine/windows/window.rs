//! One exposure window and everything that follows from it.
//!
//! Invariants: a duration is `None` when an end is missing or the ends
//! contradict each other, never clamped; nothing here depends on the present
//! except through an argument.

use std::fmt;

use super::log::Key;
use crate::engine::attacker::{AttackerFirst, Band, Race};
use crate::event::{Action, ExposedAtQuality, Severity, Verdict, words};
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
    /// What it advised.
    pub recommendation: Action,
    /// The AI's own confidence, 0 to 1.
    pub confidence: Option<f64>,
    /// Words in the summary.
    pub summary_words: Option<u32>,
    /// Who asked for what is judged.
    pub requested_by: Option<&'w str>,
}

/// The first human decision of a window.
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
    /// The deciding reviewer's last look before it.
    pub opened_at: Option<Timestamp>,
    /// Words in the reasons given.
    pub rationale_words: Option<u32>,
    /// Digest of the reasons.
    pub rationale_digest: Option<&'w str>,
    /// The group of cases decided together.
    pub batch_id: Option<&'w str>,
    /// The source's check of authority.
    pub authorized: Option<bool>,
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
    /// The first event's, in the window's order, that gives one.
    pub source: Option<&'w str>,
    /// The first detection's that gives one.
    pub location: Option<&'w str>,
    /// The highest given.
    pub severity: Option<Severity>,
    /// The last given.
    pub owner: Option<&'w str>,
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
    /// The first use by an attacker that was seen.
    pub abused_at: Option<Timestamp>,
    /// The latest word on what was right.
    pub truth: Option<Truth>,
    /// When an AI acted before any person had decided.
    pub ai_acted_first_at: Option<Timestamp>,
    /// Detections, the first included.
    pub detections: u64,
    /// Distinct events the window is made of.
    pub events: u64,
    /// The latest of them.
    pub last_event_at: Timestamp,
    /// Events from before the detection that the skew tolerance let in.
    pub adopted: u64,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// The act that exposed it, which may have exposed others.
    pub incident: Option<&'w str>,
    /// When its source took it back without a person's decision.
    pub withdrawn_at: Option<Timestamp>,
}

impl Window<'_> {
    /// When nothing can change it any more: the settle time after its closing,
    /// or after abuse or truth that it took in since.
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

    /// Where the measurement starts: the exposure if it is known and not after
    /// the detection, else the detection.
    pub fn start(&self) -> Timestamp {
        self.exposed_at.map_or(self.detected_at, |exposed| exposed.min(self.detected_at))
    }

    /// Whether the sources' clocks contradict each other in it.
    pub fn clock_skew(&self) -> bool {
        self.skew_faults() > 0
    }

    /// How many times they do: each adopted event, and an exposure after its
    /// detection. Every negative duration comes from one of these.
    pub fn skew_faults(&self) -> u64 {
        self.adopted + u64::from(self.exposed_at.is_some_and(|exposed| exposed > self.detected_at))
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
            Stage::Review => (self.advice.map(|advice| advice.presented_at), decided),
            Stage::TimeToReview => (start, decided),
            Stage::Containment => (decided, self.contained_at),
            Stage::Exposure => (start, self.contained_at.or(self.dismissed_at)),
        }
    }

    /// Where the review fell against the attacker window.
    pub fn band(&self) -> Option<Band> {
        self.duration(Stage::TimeToReview).map(Band::of)
    }

    /// The chance that an attacker came first: up to containment, else up to
    /// the decision, else up to `as_of`. `None` when that lies before the start, and
    /// where attackers do not race for it.
    pub fn attacker_first(&self, race: &Race, as_of: Timestamp) -> Option<AttackerFirst> {
        if !race.runs(self.key.workflow, self.location) {
            return None;
        }
        let end = self.contained_at.or(self.decided_at()).unwrap_or(as_of);
        let exposed_for = end.since(self.start()).non_negative()?;
        Some(race.curve(self.location).attacker_first(exposed_for))
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
