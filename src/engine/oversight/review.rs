//! One decided window, as the second stage sees it.
//!
//! Invariants: it holds everything that judging needs and nothing else, so it can
//! travel to whoever holds the reviewer's state; a person with several ids has one.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::hollow::{HollowReason, HollowReasons};
use super::peers::Stratum;
use crate::config::{OversightConfig, Profile};
use crate::engine::attacker::Band;
use crate::engine::windows::{ExposureId, Key, Truth, Window};
use crate::event::{Action, Severity, Verdict, Workflow};
use crate::time::{Span, Timestamp};

/// The fewest milliseconds one word takes: 300 words a minute, the upper end of
/// adult silent reading (Brysbaert 2019: most adults 175 to 300, mean 238).
pub const READING_MS_PER_WORD: i64 = 60_000 / 300;

/// Everything that the second stage needs of one decided window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review<'r> {
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
    /// The reviewer's last look before it.
    pub opened_at: Option<Timestamp>,
    /// What was decided.
    pub action: Action,
    /// The stated answer to the advice.
    pub verdict: Option<Verdict>,
    /// Whether that follows the advice; `None` when it cannot be said.
    pub agreed: Option<bool>,
    /// The advice that was judged.
    pub advice: Option<Advised>,
    /// The window's severity.
    pub severity: Option<Severity>,
    /// The group of cases decided together.
    #[serde(borrow)]
    pub batch_id: Option<Cow<'r, str>>,
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
    /// When it was there to be read.
    pub presented_at: Timestamp,
    /// What it advised.
    pub recommendation: Action,
    /// How sure the AI said it was.
    pub confidence: Option<f64>,
    /// Words to read.
    pub summary_words: Option<u32>,
    /// Whether the reviewer is the one who asked for what is judged.
    pub own_request: bool,
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
        Some(Review {
            workflow: window.key.workflow,
            credential_id: window.key.credential_id.into(),
            detected_at: window.detected_at,
            revision: window.events,
            mark: window.decision_mark().unwrap_or_default(),
            reviewer: reviewer.into(),
            decided_at: decision.decided_at,
            opened_at: decision.opened_at,
            action: decision.action,
            verdict: decision.verdict,
            agreed: window.agreed(),
            advice: window.advice.map(|advice| Advised {
                presented_at: advice.presented_at,
                recommendation: advice.recommendation,
                confidence: advice.confidence,
                summary_words: advice.summary_words,
                own_request: advice.requested_by.map(|id| config.canonical(id)) == Some(reviewer),
            }),
            severity: window.severity,
            batch_id: decision.batch_id.map(Cow::Borrowed),
            rationale_digest: decision.rationale_digest.map(Cow::Borrowed),
            authorized: decision.authorized,
            truth: window.truth.map(Known::from),
            expects_opening: profile.expects_opening,
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
            batch_id: self.batch_id.map(own),
            rationale_digest: self.rationale_digest.map(own),
            ..self
        }
    }

    /// What judging looks at. `number` gives every text its number, equal texts the same.
    pub(super) fn facts(&self, mut number: impl FnMut(&str) -> NonZeroU32) -> Facts {
        let advice = self.advice.as_ref();
        let mut reasons = HollowReasons::default();
        reasons.insert_if(
            HollowReason::EvidenceUnopened,
            self.expects_opening && self.opened_at.is_none(),
        );
        reasons.insert_if(HollowReason::Unauthorized, self.authorized == Some(false));
        reasons
            .insert_if(HollowReason::SelfApproval, advice.is_some_and(|advice| advice.own_request));
        let words = advice.and_then(|advice| advice.summary_words);
        let stratum = Stratum::of(self.severity, advice.and_then(|advice| advice.confidence));
        Facts {
            decided_at: self.decided_at,
            presented_at: advice.map(|advice| advice.presented_at),
            opened_at: self.opened_at,
            floor: words.map(|words| Span::from_millis(i64::from(words) * READING_MS_PER_WORD)),
            batch: self.batch_id.as_deref().map(&mut number),
            digest: self.rationale_digest.as_deref().map(&mut number),
            ahead: self.ahead,
            reasons,
            agreed: self.agreed.filter(|_| advice.is_some()),
            unopened: self.expects_opening.then_some(self.opened_at.is_none()),
            stratum,
            truth: self.lesson(),
        }
    }

    fn lesson(&self) -> Option<Lesson> {
        let (truth, advice) = self.truth.zip(self.advice)?;
        Some(Lesson {
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

/// A review reduced to what judging looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) decided_at: Timestamp,
    pub(super) presented_at: Option<Timestamp>,
    pub(super) opened_at: Option<Timestamp>,
    pub(super) floor: Option<Span>,
    pub(super) batch: Option<NonZeroU32>,
    pub(super) digest: Option<NonZeroU32>,
    pub(super) ahead: bool,
    /// Those that need no other review.
    pub(super) reasons: HollowReasons,
    pub(super) agreed: Option<bool>,
    pub(super) unopened: Option<bool>,
    pub(super) stratum: Stratum,
    pub(super) truth: Option<Lesson>,
}

/// What a known truth says of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lesson {
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
