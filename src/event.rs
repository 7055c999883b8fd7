//! The kinds of event, as decoded from any source.
//!
//! Invariants: an [`Event`] never holds a raw secret (decoders replace it
//! before one is built); every closed set of words is an enum whose order is
//! the order of the vocabulary.

mod key_id;
mod owned;

use std::borrow::Cow;

pub use key_id::is_access_key_id;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::time::Timestamp;

/// Declares an enum of fixed words with `ALL`, `as_str` and `parse`.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word used in events, records and labels.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value that `word` names; words are case-sensitive.
            pub fn parse(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                struct Word;
                // Looks at the text where it stands: no copy for each word.
                impl serde::de::Visitor<'_> for Word {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("a word of ", stringify!($name)))
                    }

                    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<$name, E> {
                        // What it was is not told: it may be anything.
                        $name::parse(word).ok_or_else(|| E::custom(concat!("no ", stringify!($name))))
                    }
                }
                deserializer.deserialize_str(Word)
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What happened; the order breaks ties between events of the same time.
    Kind {
        /// A detector saw the credential in a place where it must not be.
        LeakDetected = "leak.detected",
        /// A case was opened in a workflow in which nothing leaked.
        CaseOpened = "case.opened",
        /// The AI gave its advice.
        TriageCompleted = "triage.completed",
        /// A person looked at the case.
        ReviewOpened = "review.opened",
        /// Somebody, or something, decided.
        DecisionMade = "decision.made",
        /// The credential stopped working.
        CredentialContained = "credential.contained",
        /// The source closed the case without a person's decision.
        CaseWithdrawn = "case.withdrawn",
        /// An attacker was seen using the credential.
        CredentialAbused = "credential.abused",
        /// What would have been right is now known.
        TruthEstablished = "truth.established",
        /// Nothing happened: several names are of one credential, or one stands for several.
        IdentityLinked = "identity.linked",
    }
}

words! {
    /// The kind of AI-augmented process.
    Workflow {
        /// A secret found in a public or shared place.
        SecretExposure = "secret_exposure",
        /// A burst of service-account activity.
        ActivityTriage = "activity_triage",
        /// A secret policy drafted by the AI.
        PolicyChange = "policy_change",
        /// Suspicious use of an API.
        SocClassification = "soc_classification",
        /// Removals of rights, clustered by the AI.
        EntitlementReview = "entitlement_review",
    }
}

words! {
    /// How bad the source says it is.
    Severity {
        /// Low.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High.
        High = "high",
        /// Critical.
        Critical = "critical",
    }
}

words! {
    /// What to do with the credential: recommended by the AI or decided.
    Action {
        /// Make it useless for good.
        Revoke = "revoke",
        /// Replace it by a new one.
        Rotate = "rotate",
        /// Make it useless for now.
        Quarantine = "quarantine",
        /// Not a leak that matters: close.
        Dismiss = "dismiss",
        /// Leave it and watch: close.
        Monitor = "monitor",
        /// Hand it to somebody else.
        Escalate = "escalate",
    }
}

impl Action {
    /// Whether it settles what becomes of the credential. Handing it on does not.
    pub const fn disposes(self) -> bool {
        !matches!(self, Action::Escalate)
    }

    /// Whether a human decision for it ends the window without containment.
    pub const fn closes(self) -> bool {
        matches!(self, Action::Dismiss | Action::Monitor)
    }

    /// Whether it takes the credential out of use.
    pub const fn takes_effect(self) -> bool {
        matches!(self, Action::Revoke | Action::Rotate | Action::Quarantine)
    }
}

words! {
    /// The reviewer's stated answer to the AI's advice.
    Verdict {
        /// As recommended.
        Approve = "approve",
        /// Changed.
        Modify = "modify",
        /// Refused.
        Reject = "reject",
        /// Handed on, neither agreed nor disagreed.
        Escalate = "escalate",
    }
}

words! {
    /// Who acted.
    Actor {
        /// A person.
        Human = "human",
        /// The AI of the workflow.
        Ai = "ai",
        /// Plain automation, such as a provider's quarantine.
        Automation = "automation",
    }
}

words! {
    /// How the credential was contained.
    Method {
        /// Made useless for good.
        Revoked = "revoked",
        /// Replaced.
        Rotated = "rotated",
        /// Made useless for now.
        Quarantined = "quarantined",
        /// Ran out by itself.
        Expired = "expired",
    }
}

impl Method {
    /// Whether the credential is of no use to anybody ever after.
    pub const fn kills(self) -> bool {
        matches!(self, Method::Revoked | Method::Rotated | Method::Expired)
    }
}

words! {
    /// What a person looked at.
    Evidence {
        /// The AI's text.
        Summary = "summary",
        /// What the AI's text was made from.
        Raw = "raw",
    }
}

words! {
    /// How names belong together.
    #[derive(Default)]
    Relation {
        /// They are names of one credential.
        #[default]
        Same = "same",
        /// One name, such as that of a ticket, stands for several credentials.
        Covers = "covers",
    }
}

words! {
    /// How well the time of exposure is known.
    ExposedAtQuality {
        /// The moment it became public.
        Exact = "exact",
        /// The time of the commit that holds it: publication may be later.
        Commit = "commit",
    }
}

words! {
    /// Where the text of an AI output came from.
    Provenance {
        /// The model.
        Model = "model",
        /// A stand-in because the model failed: no advice.
        Fallback = "fallback",
    }
}

/// One event about one credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// Unique per event; the key by which repeats are recognised.
    pub id: Cow<'a, str>,
    /// When it happened, by the source's clock.
    pub time: Timestamp,
    /// The credential's non-secret name.
    pub credential_id: Cow<'a, str>,
    /// The process that the event belongs to.
    pub workflow: Workflow,
    /// The system that reported it.
    pub source: Option<Cow<'a, str>>,
    /// How bad the source says it is.
    pub severity: Option<Severity>,
    /// Who answers for the credential.
    pub owner: Option<Cow<'a, str>>,
    /// What was noted of it on its way in.
    pub noted: Noted,
    /// What happened, with the fields of that kind.
    pub body: Body<'a>,
}

/// What is noted of an event on its way in. Its source does not know these things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// Its source stamped it later than it can have happened, and its time was corrected.
    pub clock_skew: bool,
    /// Nobody delivered it; a comparison with a list of its source found it.
    pub recovered: bool,
}

/// The fields that depend on the kind of event.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// `leak.detected`
    LeakDetected(LeakDetected<'a>),
    /// `case.opened`
    CaseOpened(CaseOpened<'a>),
    /// `triage.completed`
    TriageCompleted(TriageCompleted<'a>),
    /// `review.opened`
    ReviewOpened(ReviewOpened<'a>),
    /// `decision.made`
    DecisionMade(DecisionMade<'a>),
    /// `credential.contained`
    CredentialContained {
        /// How.
        method: Method,
        /// By whom.
        actor_kind: Actor,
    },
    /// `case.withdrawn`
    CaseWithdrawn {
        /// Why, in the source's words.
        reason: Option<Cow<'a, str>>,
    },
    /// `credential.abused`
    CredentialAbused,
    /// `truth.established`
    TruthEstablished {
        /// What would have been right.
        correct_action: Action,
        /// Whether the case was planted with a deliberately wrong AI output.
        seeded: bool,
    },
    /// `identity.linked`
    IdentityLinked(IdentityLinked<'a>),
}

/// The fields of `identity.linked`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdentityLinked<'a> {
    /// The names that belong to the event's `credential_id`.
    pub aliases: Vec<Cow<'a, str>>,
    /// How; [`Relation::Same`] unless stated.
    pub relation: Relation,
}

/// The fields of `leak.detected`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeakDetected<'a> {
    /// When the credential became public.
    pub exposed_at: Option<Timestamp>,
    /// How well that is known.
    pub exposed_at_quality: Option<ExposedAtQuality>,
    /// The kind of place: `github`, `npm`, `pypi`, `pastebin`, `s3`, `internal`, …
    pub location: Option<Cow<'a, str>>,
    /// Who issued the credential.
    pub provider: Option<Cow<'a, str>>,
    /// Who asked that it may stay where it is, for example by bypassing a protection.
    pub requested_by: Option<Cow<'a, str>>,
    /// Names the one act that exposed several credentials: a commit, a push, a bucket.
    pub incident: Option<Cow<'a, str>>,
    /// Whether the source says that a closed case is open again.
    pub reopened: bool,
}

/// The fields of `case.opened`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaseOpened<'a> {
    /// When the case began, if before it was opened.
    pub started_at: Option<Timestamp>,
    /// Who asked for the change that is judged.
    pub requested_by: Option<Cow<'a, str>>,
    /// How many items there are to decide about.
    pub items: Option<u32>,
    /// Names the one act that opened several cases.
    pub incident: Option<Cow<'a, str>>,
    /// Whether the source says that a closed case is open again.
    pub reopened: bool,
}

/// The fields of `review.opened`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReviewOpened<'a> {
    /// The person who looked.
    pub reviewer: Cow<'a, str>,
    /// How many of the case's items were looked at.
    pub items_opened: Option<u32>,
    /// What was looked at.
    pub evidence: Option<Evidence>,
}

impl<'a> ReviewOpened<'a> {
    /// A look of `reviewer`, of which nothing more is known.
    pub fn by(reviewer: impl Into<Cow<'a, str>>) -> ReviewOpened<'a> {
        ReviewOpened { reviewer: reviewer.into(), ..ReviewOpened::default() }
    }
}

/// The fields of `triage.completed`.
#[derive(Clone, Debug, PartialEq)]
pub struct TriageCompleted<'a> {
    /// What the AI advises.
    pub recommendation: Action,
    /// Which model spoke.
    pub model: Option<Cow<'a, str>>,
    /// The AI's own confidence, from 0 to 1.
    pub confidence: Option<f64>,
    /// Words in the summary shown to the reviewer.
    pub summary_words: Option<u32>,
    /// Characters in it: what tells its length where words are not set apart.
    pub summary_chars: Option<u32>,
    /// Model or stand-in.
    pub provenance: Option<Provenance>,
    /// Who asked for the change that is judged.
    pub requested_by: Option<Cow<'a, str>>,
}

/// The fields of `decision.made`.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionMade<'a> {
    /// Who decided.
    pub reviewer: Cow<'a, str>,
    /// What was decided.
    pub action: Action,
    /// Human, unless said otherwise.
    pub actor_kind: Actor,
    /// The stated answer to the advice.
    pub verdict: Option<Verdict>,
    /// Words in the reasons given.
    pub rationale_words: Option<u32>,
    /// A digest of the reasons, to recognise repeated texts.
    pub rationale_digest: Option<Cow<'a, str>>,
    /// Names a group of cases decided together.
    pub batch_id: Option<Cow<'a, str>>,
    /// How many cases the group has.
    pub batch_size: Option<u32>,
    /// How many of the case's items were looked at.
    pub items_opened: Option<u32>,
    /// The source's own check of the reviewer's authority.
    pub authorized: Option<bool>,
}

impl<'a> DecisionMade<'a> {
    /// A decision of which nothing more is known.
    pub const fn by(reviewer: Cow<'a, str>, actor_kind: Actor, action: Action) -> DecisionMade<'a> {
        DecisionMade {
            reviewer,
            action,
            actor_kind,
            verdict: None,
            rationale_words: None,
            rationale_digest: None,
            batch_id: None,
            batch_size: None,
            items_opened: None,
            authorized: None,
        }
    }
}

impl Event<'_> {
    /// Which of the kinds it is.
    pub const fn kind(&self) -> Kind {
        match self.body {
            Body::LeakDetected(_) => Kind::LeakDetected,
            Body::CaseOpened(_) => Kind::CaseOpened,
            Body::TriageCompleted(_) => Kind::TriageCompleted,
            Body::ReviewOpened(_) => Kind::ReviewOpened,
            Body::DecisionMade(_) => Kind::DecisionMade,
            Body::CredentialContained { .. } => Kind::CredentialContained,
            Body::CaseWithdrawn { .. } => Kind::CaseWithdrawn,
            Body::CredentialAbused => Kind::CredentialAbused,
            Body::TruthEstablished { .. } => Kind::TruthEstablished,
            Body::IdentityLinked(_) => Kind::IdentityLinked,
        }
    }

    /// Whether the source says that a closed case is open again.
    pub const fn reopens(&self) -> bool {
        match &self.body {
            Body::LeakDetected(leak) => leak.reopened,
            Body::CaseOpened(case) => case.reopened,
            _ => false,
        }
    }
}

impl<'a> Event<'a> {
    /// The same event about `name`, for which its own name stands. What it says of all the
    /// credentials is one act: they share a batch, and an incident.
    pub fn covering(self, name: Cow<'a, str>) -> Event<'a> {
        let Event { id, mut body, .. } = self;
        match &mut body {
            Body::LeakDetected(leak) => {
                leak.incident.get_or_insert_with(|| id.clone());
            }
            Body::CaseOpened(case) => {
                case.incident.get_or_insert_with(|| id.clone());
            }
            Body::DecisionMade(decision) => {
                decision.batch_id.get_or_insert_with(|| id.clone());
            }
            _ => {}
        }
        Event { id, credential_id: name, body, ..self }
    }
}

impl Kind {
    /// Whether it opens a window where none is open.
    pub const fn opens(self) -> bool {
        matches!(self, Kind::LeakDetected | Kind::CaseOpened)
    }
}

/// The native JSON form: one flat object, absent fields left out.
impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind())?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("credential_id", &self.credential_id)?;
        map.serialize_entry("workflow", &self.workflow)?;
        some(&mut map, "source", &self.source)?;
        some(&mut map, "severity", &self.severity)?;
        some(&mut map, "owner", &self.owner)?;
        some(&mut map, "clock_skew", &self.noted.clock_skew.then_some(true))?;
        some(&mut map, "recovered", &self.noted.recovered.then_some(true))?;
        match &self.body {
            Body::LeakDetected(leak) => {
                some(&mut map, "exposed_at", &leak.exposed_at)?;
                some(&mut map, "exposed_at_quality", &leak.exposed_at_quality)?;
                some(&mut map, "location", &leak.location)?;
                some(&mut map, "provider", &leak.provider)?;
                some(&mut map, "requested_by", &leak.requested_by)?;
                some(&mut map, "incident", &leak.incident)?;
                some(&mut map, "reopened", &leak.reopened.then_some(true))?;
            }
            Body::CaseOpened(case) => {
                some(&mut map, "started_at", &case.started_at)?;
                some(&mut map, "requested_by", &case.requested_by)?;
                some(&mut map, "items", &case.items)?;
                some(&mut map, "incident", &case.incident)?;
                some(&mut map, "reopened", &case.reopened.then_some(true))?;
            }
            Body::TriageCompleted(triage) => {
                map.serialize_entry("recommendation", &triage.recommendation)?;
                some(&mut map, "model", &triage.model)?;
                some(&mut map, "confidence", &triage.confidence)?;
                some(&mut map, "summary_words", &triage.summary_words)?;
                some(&mut map, "summary_chars", &triage.summary_chars)?;
                some(&mut map, "provenance", &triage.provenance)?;
                some(&mut map, "requested_by", &triage.requested_by)?;
            }
            Body::ReviewOpened(opened) => {
                map.serialize_entry("reviewer", &opened.reviewer)?;
                some(&mut map, "items_opened", &opened.items_opened)?;
                some(&mut map, "evidence", &opened.evidence)?;
            }
            Body::DecisionMade(decision) => {
                map.serialize_entry("reviewer", &decision.reviewer)?;
                map.serialize_entry("action", &decision.action)?;
                map.serialize_entry("actor_kind", &decision.actor_kind)?;
                some(&mut map, "verdict", &decision.verdict)?;
                some(&mut map, "rationale_words", &decision.rationale_words)?;
                some(&mut map, "rationale_digest", &decision.rationale_digest)?;
                some(&mut map, "batch_id", &decision.batch_id)?;
                some(&mut map, "batch_size", &decision.batch_size)?;
                some(&mut map, "items_opened", &decision.items_opened)?;
                some(&mut map, "authorized", &decision.authorized)?;
            }
            Body::CredentialContained { method, actor_kind } => {
                map.serialize_entry("method", method)?;
                map.serialize_entry("actor_kind", actor_kind)?;
            }
            Body::CaseWithdrawn { reason } => some(&mut map, "reason", reason)?,
            Body::CredentialAbused => {}
            Body::TruthEstablished { correct_action, seeded } => {
                map.serialize_entry("correct_action", correct_action)?;
                map.serialize_entry("seeded", seeded)?;
            }
            Body::IdentityLinked(link) => {
                map.serialize_entry("aliases", &link.aliases)?;
                map.serialize_entry("relation", &link.relation)?;
            }
        }
        map.end()
    }
}

fn some<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &'static str,
    value: &Option<T>,
) -> Result<(), M::Error> {
    value.as_ref().map_or(Ok(()), |value| map.serialize_entry(key, value))
}
