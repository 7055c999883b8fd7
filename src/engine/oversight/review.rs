//! One decided window, as the second stage sees it.
//!
//! Invariants: it holds everything that judging needs and nothing else, so it can
//! travel to whoever holds the reviewer's state; a person with several ids has one.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::advice::CaseAdvice;
use super::hash::{Hash, digest_of};
use super::hollow::{HollowReason, HollowReasons};
use super::memory::Group;
use super::peers::Stratum;
use super::texts::Text;
use crate::config::{OversightConfig, Profile};
use crate::engine::attacker::Band;
use crate::engine::windows::{ExposureId, Key, Truth, Window};
use crate::event::{Action, Severity, Verdict, Workflow};
use crate::time::Timestamp;

/// Milliseconds that one word takes at 1,000 words a minute. Nobody reads faster
/// (Rayner et al. 2016; Brysbaert 2019).
pub const FASTEST_MS_PER_WORD: u32 = 60_000 / 1_000;

/// Milliseconds that one character takes at 6,000 a minute: 1,000 words of five letters
/// and a space. The mean of 17 languages is 863 (Trauzettel-Klosinski and Dietz 2012), so
/// this is beyond reach in any script.
pub const FASTEST_MS_PER_CHARACTER: u32 = 60_000 / 6_000;

/// Words below which a text takes no time worth judging, and the characters of as many.
const WORDS_MIN: u32 = 20;
const CHARACTERS_MIN: u32 = 120;

/// Words in the reasons given from which on they are a text and not a code.
const RATIONALE_WORDS_MIN: u32 = 8;

/// Everything that the second stage needs of one decided window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review<'r> {
    /// Which of several engines of windows it comes from, by a number of theirs. It only matters
    /// to whoever sends the judgement back.
    pub origin: i32,
    /// The window's process.
    pub workflow: Workflow,
    /// The window's credential.
    #[serde(borrow)]
    pub credential_id: Cow<'r, str>,
    /// The detection that opened the window.
    pub detected_at: Timestamp,
    /// Distinct events that the window is made of.
    pub revision: u64,
    /// The decision's mark, by which its window knows it.
    pub mark: u32,
    /// Who decided: of several ids of one person the one that counts.
    #[serde(borrow)]
    pub reviewer: Cow<'r, str>,
    /// When.
    pub decided_at: Timestamp,
    /// The reviewer's first look at the case.
    pub first_opened_at: Option<Timestamp>,
    /// Whether that is by the clock of the decision.
    pub opened_by_same_clock: bool,
    /// The reviewer's last look before it.
    pub opened_at: Option<Timestamp>,
    /// The system that reported the decision, empty if it names itself not; `None` where it
    /// is not known whether two decisions are by one clock.
    #[serde(borrow)]
    pub source: Option<Cow<'r, str>>,
    /// What was decided.
    pub action: Action,
    /// The stated answer to the advice.
    pub verdict: Option<Verdict>,
    /// Whether that follows the advice; `None` when it cannot be said.
    pub agreed: Option<bool>,
    /// The advice that was judged.
    pub advice: Option<Advised>,
    /// The severity as it was when the advice was given.
    pub severity: Option<Severity>,
    /// The model that advised.
    #[serde(borrow)]
    pub model: Option<Cow<'r, str>>,
    /// The act that exposed this and other credentials.
    #[serde(borrow)]
    pub incident: Option<Cow<'r, str>>,
    /// Whether the reviewer is the one who asked for what is judged.
    pub own_request: bool,
    /// The group of cases decided together.
    #[serde(borrow)]
    pub batch_id: Option<Cow<'r, str>>,
    /// Words in the reasons given.
    pub rationale_words: Option<u32>,
    /// Digest of the reasons given.
    #[serde(borrow)]
    pub rationale_digest: Option<Cow<'r, str>>,
    /// The source's check of authority.
    pub authorized: Option<bool>,
    /// What turned out to be right, if it is known.
    pub truth: Option<Known>,
    /// Whether the workflow's tools report `review.opened`.
    pub expects_opening: bool,
    /// Whether the decision came before the fastest attackers.
    pub ahead: bool,
}

/// The AI's output that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advised {
    /// When something was first there to be read about the case.
    pub first_presented_at: Timestamp,
    /// Whether that is by the clock of the decision.
    pub presented_by_same_clock: bool,
    /// When this output was there to be read.
    pub presented_at: Timestamp,
    /// The number of the event that gave it: the same for one event about a ticket in the
    /// review of each credential on it.
    pub event: Option<NonZeroU32>,
    /// The same of what was first there to be read about the case.
    pub first_event: Option<NonZeroU32>,
    /// What it advised.
    pub recommendation: Action,
    /// How sure the AI said it was.
    pub confidence: Option<f64>,
    /// Words to read.
    pub summary_words: Option<u32>,
    /// Characters to read.
    pub summary_chars: Option<u32>,
    /// Whether the same reviewer decided about the same advice in an earlier window of the
    /// credential.
    pub repeated: bool,
}

/// What turned out to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// When it became known.
    pub established_at: Timestamp,
    /// The right action.
    pub correct_action: Action,
    /// Whether the case was planted.
    pub seeded: bool,
}

impl From<Truth> for Known {
    fn from(truth: Truth) -> Known {
        let Truth { established_at, correct_action, seeded } = truth;
        Known { established_at, correct_action, seeded }
    }
}

impl From<Known> for Truth {
    fn from(known: Known) -> Truth {
        let Known { established_at, correct_action, seeded } = known;
        Truth { established_at, correct_action, seeded }
    }
}

impl<'r> Review<'r> {
    /// The review of `window`; `None` while nobody has decided.
    pub fn of(
        window: &Window<'r>,
        profile: &Profile,
        config: &'r OversightConfig,
    ) -> Option<Review<'r>> {
        let decision = window.decision?;
        let reviewer = config.canonical(decision.reviewer);
        let requested_by = window.advice.and_then(|advice| advice.requested_by);
        let requested_by = requested_by.or(window.requested_by);
        Some(Review {
            mark: window.decision_mark().unwrap_or_default(),
            reviewer: reviewer.into(),
            own_request: requested_by.map(|id| config.canonical(id)) == Some(reviewer),
            authorized: config.authorized(
                profile.approver,
                decision.owner,
                decision.reviewer,
                decision.authorized,
            ),
            expects_opening: profile.expects_opening,
            ..Review::told_by(window)?
        })
    }

    /// What `window` tells of its review without any rules: nobody is known by another name, no
    /// request is the reviewer's own, and authority was not checked. `None` while nobody has
    /// decided.
    pub fn told_by(window: &Window<'r>) -> Option<Review<'r>> {
        let decision = window.decision?;
        let advised_by = window.advice.and_then(|advice| advice.source);
        let source = advised_by.filter(|_| decision.advice_same_clock);
        Some(Review {
            origin: 0,
            workflow: window.key.workflow,
            credential_id: window.key.credential_id.into(),
            detected_at: window.detected_at,
            revision: window.events,
            mark: 0,
            reviewer: decision.reviewer.into(),
            decided_at: decision.decided_at,
            first_opened_at: decision.first_opened_at,
            opened_by_same_clock: decision.opening_same_clock,
            opened_at: decision.opened_at,
            source: source.map(Cow::Borrowed),
            action: decision.action,
            verdict: decision.verdict,
            agreed: window.agreed(),
            advice: window.advice.map(|advice| Advised {
                first_presented_at: advice.first_presented_at,
                presented_by_same_clock: decision.advice_same_clock,
                presented_at: advice.presented_at,
                event: advice.event,
                first_event: advice.first_event,
                recommendation: advice.recommendation,
                confidence: advice.confidence,
                summary_words: advice.summary_words,
                summary_chars: advice.summary_chars,
                repeated: decision.repeats_advice,
            }),
            severity: window.advice.map_or(window.severity, |advice| advice.severity),
            model: window.advice.and_then(|advice| advice.model).map(Cow::Borrowed),
            incident: window.incident.map(Cow::Borrowed),
            own_request: false,
            batch_id: decision.batch_id.map(Cow::Borrowed),
            rationale_words: decision.rationale_words,
            rationale_digest: decision.rationale_digest.map(Cow::Borrowed),
            authorized: None,
            truth: window.truth.map(Known::from),
            expects_opening: false,
            ahead: window.band() == Some(Band::Ahead),
        })
    }

    /// The window's name.
    pub fn exposure_id(&self) -> ExposureId<'_> {
        let key = Key { workflow: self.workflow, credential_id: &self.credential_id };
        ExposureId { key, detected_at: self.detected_at }
    }

    /// The review with all texts of its own.
    pub fn into_owned(self) -> Review<'static> {
        let own = |text: Cow<'r, str>| Cow::Owned(text.into_owned());
        Review {
            credential_id: own(self.credential_id),
            reviewer: own(self.reviewer),
            source: self.source.map(own),
            model: self.model.map(own),
            incident: self.incident.map(own),
            batch_id: self.batch_id.map(own),
            rationale_digest: self.rationale_digest.map(own),
            ..self
        }
    }

    /// Whether there is anything to judge it by: advice, and one of reading time, opening
    /// and authority.
    pub fn is_assessed(&self) -> bool {
        let opening = self.opened_at.is_some() || self.expects_opening;
        let known =
            |advice: &Advised| advice.floor_ms().is_some() || opening || self.authorized.is_some();
        self.advice.as_ref().is_some_and(known)
    }

    /// From when on the case could be read, as judging takes it; `None` without advice.
    pub fn released_at(&self) -> Option<Timestamp> {
        self.release().map(|(released_at, _)| released_at)
    }

    /// What judging looks at.
    pub(super) fn facts(&self) -> Facts {
        let advice = self.advice.as_ref();
        let floor_ms = advice.and_then(Advised::floor_ms);
        let stratum = Stratum::of(
            self.workflow,
            self.model.as_deref(),
            self.severity,
            advice.and_then(|advice| advice.confidence),
        );
        Facts {
            decided_at: self.decided_at,
            release: self.release(),
            floor_ms,
            approved: self.agreed == Some(true),
            repeated: advice.is_some_and(|advice| advice.repeated),
            texts: self.texts(),
            advice: advice.and_then(Advised::number),
            batch: self.batch(),
            group: self.group(),
            digest: self.free_text().map(|digest| digest_of(RATIONALE, digest)),
            ahead: self.ahead,
            reasons: self.reasons(),
            assessed: self.is_assessed(),
            agreed: self.agreed.filter(|_| advice.is_some() && !self.escalated()),
            unopened: self.expects_opening.then_some(self.opened_at.is_none()),
            stratum,
            truth: self.lesson(),
        }
    }

    fn batch(&self) -> Option<NonZeroU32> {
        self.batch_id.as_deref().map(|id| digest_of(BATCH, id))
    }

    /// The incident, else the batch.
    fn group(&self) -> Option<Group> {
        let incident = self.incident.as_deref().map(|id| digest_of(INCIDENT, id));
        incident.map(Group::Incident).or_else(|| self.batch().map(Group::Batch))
    }

    /// The reasons why it is hollow that need no other review.
    fn reasons(&self) -> HollowReasons {
        let mut reasons = HollowReasons::default();
        let unopened = self.expects_opening && self.opened_at.is_none();
        reasons.insert_if(HollowReason::EvidenceUnopened, unopened);
        reasons.insert_if(HollowReason::Unauthorized, self.authorized == Some(false));
        reasons.insert_if(HollowReason::SelfApproval, self.own_request && self.request_approved());
        reasons
    }

    /// Whether the decision lets pass what somebody asked for. A change is asked for: to decide
    /// as advised makes it. Elsewhere access is asked for, or that an alert be let go: to take
    /// access away grants nothing, whoever advised it.
    fn request_approved(&self) -> bool {
        if self.workflow != Workflow::PolicyChange {
            return matches!(self.action, Action::Dismiss | Action::Monitor);
        }
        match self.verdict {
            Some(verdict) => verdict == Verdict::Approve,
            // To dismiss one's own request is to take it back.
            None => self.agreed == Some(true) && self.action != Action::Dismiss,
        }
    }

    /// Whether the case was handed on, which is neither agreement nor disagreement.
    fn escalated(&self) -> bool {
        self.verdict == Some(Verdict::Escalate) || self.action == Action::Escalate
    }

    /// From when on the case could be read: the first presentation or the reviewer's first
    /// look, the later; by the decision's clock, if one of them is. Also by whose clock, 0
    /// for another than the decision's.
    fn release(&self) -> Option<(Timestamp, u32)> {
        let advice = self.advice.as_ref()?;
        let clock = |same: bool| if same { self.clock() } else { 0 };
        let presented = (advice.first_presented_at, clock(advice.presented_by_same_clock));
        let Some(opened) = self.first_opened_at else { return Some(presented) };
        let opened = (opened, clock(self.opened_by_same_clock));
        Some(match (presented.1, opened.1) {
            (0, 1..) => opened,
            (1.., 0) => presented,
            _ => presented.max(opened),
        })
    }

    /// The decision's clock, never 0; one of its own where it may be another than that of
    /// other decisions.
    fn clock(&self) -> u32 {
        let hash = Hash::new().optional(self.source.as_deref());
        match self.source {
            Some(_) => hash,
            None => hash.bytes(self.credential_id.as_bytes()),
        }
        .short()
        .get()
    }

    /// What was presented, in each way in which it may be the text of another case. Two texts
    /// of one incident are told apart by their length alone: an AI may give the same advice
    /// about each of its credentials, one after the other. Two texts of one batch are the same
    /// if they also have the first presentation in common, or the one that was judged.
    fn texts(&self) -> CaseTexts {
        let Some(advice) = &self.advice else { return CaseTexts::default() };
        let presented = advice.first_presented_at;
        let length = [advice.summary_words, advice.summary_chars];
        let length = length.map(|length| length.unwrap_or_default().to_le_bytes());
        let text = |at: i64| {
            let hash = Hash::new().bytes(&at.to_le_bytes()).bytes(length.as_flattened());
            Text { digest: hash.short(), presented }
        };
        let incident = self.incident.as_deref().map(|id| digest_of(INCIDENT, id));
        let (first, judged) = (presented.as_millis(), advice.presented_at.as_millis());
        [
            incident.map(|number| (Group::Incident(number), text(0))),
            self.batch().map(|number| (Group::Batch(number), text(first))),
            self.batch()
                .filter(|_| judged != first)
                .map(|number| (Group::Batch(number), text(judged))),
        ]
    }

    /// The digest of the reasons, unless they are a code.
    fn free_text(&self) -> Option<&str> {
        let long = self.rationale_words.is_some_and(|words| words >= RATIONALE_WORDS_MIN);
        self.rationale_digest.as_deref().filter(|_| long)
    }

    fn lesson(&self) -> Option<Lesson> {
        let (truth, advice) = self.truth.zip(self.advice)?;
        Some(Lesson {
            group: self.group(),
            advice: advice.number(),
            decided_at: self.decided_at,
            // What was known before the decision counts at the decision.
            at: truth.established_at.max(self.decided_at),
            wrong: truth.correct_action != advice.recommendation,
            challenged: match self.verdict {
                Some(verdict) => verdict != Verdict::Approve,
                None => self.action != advice.recommendation,
            },
            seeded: truth.seeded,
        })
    }
}

impl Advised {
    /// The events that it is from.
    fn number(&self) -> Option<CaseAdvice> {
        let judged = self.event?;
        let first = self.first_event.unwrap_or(judged);
        Some(CaseAdvice { judged, presented: self.presented_at, first })
    }

    /// The least time that reading it takes; `None` where its length is not known, or too
    /// little to be judged by. Characters serve texts without spaces, of which a count of
    /// words says nothing.
    pub fn floor_ms(&self) -> Option<u32> {
        let words = self.summary_words.filter(|words| *words >= WORDS_MIN);
        let characters = self.summary_chars.filter(|characters| *characters >= CHARACTERS_MIN);
        let by_words = words.map(|words| words.saturating_mul(FASTEST_MS_PER_WORD));
        let by_characters = characters.map(|n| n.saturating_mul(FASTEST_MS_PER_CHARACTER));
        by_words.or(by_characters)
    }
}

/// Kinds of texts of which digests are held.
const BATCH: u8 = 1;
const INCIDENT: u8 = 2;
const RATIONALE: u8 = 3;

/// A text in the incident and in the batch of its case.
pub(super) type CaseTexts = [Option<(Group, Text)>; 3];

/// A review reduced to what judging looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) decided_at: Timestamp,
    /// From when on it could be read, and by whose clock.
    pub(super) release: Option<(Timestamp, u32)>,
    /// What reading it takes at the least, in milliseconds.
    pub(super) floor_ms: Option<u32>,
    /// Whether it was decided as advised: who does otherwise need not have read to the end.
    pub(super) approved: bool,
    /// Whether the same reviewer decided about the same advice before.
    pub(super) repeated: bool,
    /// What was presented.
    pub(super) texts: CaseTexts,
    /// The event that it is from.
    pub(super) advice: Option<CaseAdvice>,
    pub(super) batch: Option<NonZeroU32>,
    /// The incident, else the batch.
    pub(super) group: Option<Group>,
    pub(super) digest: Option<NonZeroU32>,
    pub(super) ahead: bool,
    /// Those that need no other review.
    pub(super) reasons: HollowReasons,
    /// Whether there is anything to judge it by.
    pub(super) assessed: bool,
    pub(super) agreed: Option<bool>,
    pub(super) unopened: Option<bool>,
    pub(super) stratum: Stratum,
    pub(super) truth: Option<Lesson>,
}

/// What a known truth says of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lesson {
    /// The incident or batch of the case.
    pub(super) group: Option<Group>,
    /// The event that the text is from.
    pub(super) advice: Option<CaseAdvice>,
    /// When it was decided.
    pub(super) decided_at: Timestamp,
    /// When it counts.
    pub(super) at: Timestamp,
    /// Whether the AI was wrong.
    pub(super) wrong: bool,
    /// Whether the reviewer did otherwise than advised.
    pub(super) challenged: bool,
    /// Whether the case was planted.
    pub(super) seeded: bool,
}

/// A window's name that owns its text, ordered as [`ExposureId`] is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Name {
    pub(super) workflow: Workflow,
    pub(super) credential_id: Box<str>,
    pub(super) detected_at: Timestamp,
}

impl Name {
    pub(super) fn id(&self) -> ExposureId<'_> {
        let key = Key { workflow: self.workflow, credential_id: &self.credential_id };
        ExposureId { key, detected_at: self.detected_at }
    }
}

impl From<ExposureId<'_>> for Name {
    fn from(id: ExposureId<'_>) -> Name {
        Name {
            workflow: id.key.workflow,
            credential_id: id.key.credential_id.into(),
            detected_at: id.detected_at,
        }
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.id().cmp(&other.id())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}
