//! What goes between windows and oversight: reviews there, judgements back.
//!
//! Invariants: a judgement travels among the events of its credential, so that it
//! meets the window's state; no decoder makes an event of it. Both are read in one
//! pass and borrow their texts from the record, as every decision goes this way.

use serde::{Deserialize, Serialize};

use crate::engine::oversight::{HollowReasons, Judgement, Review};
use crate::engine::windows::{ExposureId, Key};
use crate::event::Workflow;
use crate::formats::REVIEW_JUDGED;
use crate::time::Timestamp;

/// A record of the reviews.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one at a time, and nearly all are reviews")]
pub enum Handed<'h> {
    /// A decided window, new or changed.
    Review {
        /// What there is to judge.
        #[serde(borrow)]
        review: Review<'h>,
        /// Whether its window already knows what became of the decision.
        answered: bool,
        /// The names that its window had before.
        #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
        former: Vec<Exposure<'h>>,
    },
    /// Whatever was emitted about this window before no longer holds.
    #[serde(borrow)]
    Void(Exposure<'h>),
}

/// A window's name in its parts.
#[derive(Debug, Serialize, Deserialize)]
pub struct Exposure<'e> {
    workflow: Workflow,
    #[serde(borrow)]
    credential_id: std::borrow::Cow<'e, str>,
    detected_at: Timestamp,
}

impl<'e> From<ExposureId<'e>> for Exposure<'e> {
    fn from(id: ExposureId<'e>) -> Exposure<'e> {
        Exposure {
            workflow: id.key.workflow,
            credential_id: id.key.credential_id.into(),
            detected_at: id.detected_at,
        }
    }
}

impl Exposure<'_> {
    /// The name in the engine's form.
    pub fn id(&self) -> ExposureId<'_> {
        let key = Key { workflow: self.workflow, credential_id: &self.credential_id };
        ExposureId { key, detected_at: self.detected_at }
    }
}

/// A decision is judged.
#[derive(Debug, Serialize, Deserialize)]
pub struct Judged<'j> {
    #[serde(rename = "type")]
    kind: std::borrow::Cow<'j, str>,
    workflow: Workflow,
    #[serde(borrow)]
    credential_id: std::borrow::Cow<'j, str>,
    detected_at: Timestamp,
    /// The decision's mark.
    pub mark: u32,
    /// Why it is hollow; `None`: it came too late to be judged.
    pub hollow: Option<HollowReasons>,
}

/// What every judgement begins with, as it is written.
const BEGINNING: &[u8] = b"{\"type\":\"review.judged\",";

impl<'j> Judged<'j> {
    /// What became of the decision in `review`; `None`: it came too late to be judged.
    pub fn new(review: &'j Review<'_>, judgement: Option<&Judgement>) -> Judged<'j> {
        Judged {
            kind: REVIEW_JUDGED.into(),
            workflow: review.workflow,
            credential_id: review.credential_id.as_ref().into(),
            detected_at: review.detected_at,
            mark: review.mark,
            hollow: judgement.map(|judgement| judgement.reasons),
        }
    }

    /// Whether a record among the events holds judgements, one a line.
    pub fn is(record: &[u8]) -> bool {
        record.starts_with(BEGINNING)
    }

    /// Reads one; `None` when the bytes are something else.
    pub fn read(bytes: &'j [u8]) -> Option<Judged<'j>> {
        if Judged::is(bytes) { serde_json::from_slice(bytes).ok() } else { None }
    }

    /// The window whose decision it is.
    pub fn exposure(&self) -> ExposureId<'_> {
        let key = Key { workflow: self.workflow, credential_id: &self.credential_id };
        ExposureId { key, detected_at: self.detected_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::oversight::HollowReason;

    #[test]
    fn a_judgement_comes_back_as_it_went() {
        let mut reasons = HollowReasons::default();
        reasons.insert_if(HollowReason::SelfApproval, true);
        let key = Key { workflow: Workflow::PolicyChange, credential_id: "a \"b\"\n" };
        let exposure = ExposureId { key, detected_at: Timestamp::from_millis(1_800_000_000_000) };
        let sent = Judged {
            kind: REVIEW_JUDGED.into(),
            workflow: key.workflow,
            credential_id: key.credential_id.into(),
            detected_at: exposure.detected_at,
            mark: 7,
            hollow: Some(reasons),
        };
        let bytes = serde_json::to_vec(&sent).unwrap();
        let read = Judged::read(&bytes).unwrap();
        assert_eq!((read.exposure(), read.mark, read.hollow), (exposure, 7, Some(reasons)));
        assert!(Judged::read(b"{\"type\":\"review.opened\"}").is_none());
    }
}
