//! Every limit and every default, in one place.

use crate::event::Workflow;
use crate::time::Span;

/// Limits on what a decoder accepts. Beyond one, the record is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one record (a line, or one element of an array).
    pub record_bytes: usize,
    /// Nesting of objects and arrays within a record.
    pub depth: usize,
    /// Bytes of an event's `id`.
    pub id_bytes: usize,
    /// Bytes of a `credential_id`.
    pub credential_id_bytes: usize,
    /// Bytes of any other text that is kept (names, places, digests).
    pub text_bytes: usize,
    /// Events that one record may stand for.
    pub events_per_record: usize,
}

impl Limits {
    /// The limits in force unless configured otherwise.
    pub const DEFAULT: Limits = Limits {
        record_bytes: 1 << 20,
        depth: 64,
        id_bytes: 256,
        credential_id_bytes: 512,
        text_bytes: 256,
        events_per_record: 1_000,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// A review sooner than this after the exposure is ahead of every attacker seen.
pub const FASTEST_ATTACKER: Span = Span::from_mins(9);
/// When attackers arrive on average.
pub const MEAN_ATTACKER: Span = Span::from_mins(17);

/// What a workflow promises and expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// An undecided, uncontained window this old is due soon.
    pub review_due_soon: Span,
    /// … is overdue: the fastest attackers have arrived.
    pub review_overdue: Span,
    /// … has, on average, been tried.
    pub attacker_likely: Span,
    /// The longest a decision to act may wait for containment.
    pub containment_limit: Span,
    /// Whether its tools report `review.opened`, so that its absence means something.
    pub expects_opening: bool,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            review_due_soon: Span::from_mins(6),
            review_overdue: FASTEST_ATTACKER,
            attacker_likely: MEAN_ATTACKER,
            containment_limit: Span::from_mins(60),
            expects_opening: false,
        }
    }
}

/// The profiles of all workflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profiles([Profile; Workflow::ALL.len()]);

impl Profiles {
    /// The workflow's profile.
    pub const fn get(&self, workflow: Workflow) -> &Profile {
        &self.0[workflow as usize]
    }

    /// The workflow's profile, to change it.
    pub const fn get_mut(&mut self, workflow: Workflow) -> &mut Profile {
        &mut self.0[workflow as usize]
    }
}

/// How the engine treats time, and how much it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// How far before a detection an event may lie and still belong to it.
    pub skew_tolerance: Span,
    /// How long an event without a window waits for one, and how long a
    /// settled window is remembered so that what comes after is known as late.
    pub orphan_timeout: Span,
    /// How long after closing a window becomes final; `None` for never, as
    /// when all input is read before anything is said.
    pub settle: Option<Span>,
    /// Whether settled windows are kept for a later reading of all windows.
    pub keep_settled: bool,
    /// Events held for one window before the older repeats are folded into counts.
    pub events_per_window: u32,
    /// Credentials held of which no detection has been seen.
    pub undetected_credentials: usize,
    /// Credentials held in all.
    pub credentials: usize,
    /// Bytes held of one credential, all of its windows together.
    pub credential_bytes: usize,
    /// Deadlines of each workflow.
    pub profiles: Profiles,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            skew_tolerance: Span::from_secs(120),
            orphan_timeout: Span::from_mins(24 * 60),
            settle: None,
            keep_settled: false,
            events_per_window: 256,
            undetected_credentials: 1_000_000,
            credentials: 1 << 26,
            credential_bytes: 64 << 20,
            profiles: Profiles::default(),
        }
    }
}
