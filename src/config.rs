//! Every limit and every default, in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::event::{Workflow, words};
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

/// Names that one credential may have.
pub const ALIASES_MAX: usize = 64;
/// Credentials that one name, such as that of a ticket, may stand for.
pub const COVERED_MAX: usize = 1_000;

/// A review sooner than this after the exposure is ahead of every attacker seen.
pub const FASTEST_ATTACKER: Span = Span::from_mins(9);
/// When attackers arrive on average.
pub const MEAN_ATTACKER: Span = Span::from_mins(17);

words! {
    /// Who may decide in a workflow.
    Approver {
        /// Anybody, unless the source says otherwise.
        Any = "any",
        /// The owner of the credential alone.
        Owner = "owner",
        /// A member of the group that owns the credential.
        Group = "group",
    }
}

/// How fast a decision has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets {
    /// A decision sooner than this after the start is in time. Span: above zero.
    pub in_time: Span,
    /// A decision from this on is late. Span: above `in_time`.
    pub late: Span,
    /// Whether attackers race against it: whether something leaked.
    pub raced: bool,
}

impl Targets {
    /// The targets of a workflow unless configured otherwise. Where something leaked they
    /// are the published times of attackers.
    pub const fn of(workflow: Workflow) -> Targets {
        const HOURS: i64 = 60;
        const DAYS: i64 = 24 * HOURS;
        let (in_time, late, raced) = match workflow {
            Workflow::SecretExposure | Workflow::ActivityTriage | Workflow::SocClassification => {
                (FASTEST_ATTACKER, MEAN_ATTACKER, true)
            }
            Workflow::PolicyChange => (Span::from_mins(DAYS), Span::from_mins(3 * DAYS), false),
            Workflow::EntitlementReview => {
                (Span::from_mins(7 * DAYS), Span::from_mins(14 * DAYS), false)
            }
        };
        Targets { in_time, late, raced }
    }
}

/// What a workflow promises and expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// An undecided, uncontained window this old is due soon.
    pub review_due_soon: Span,
    /// How fast a decision has to be, and whether attackers race against it.
    pub targets: Targets,
    /// The longest a decision to act may wait for containment.
    pub containment_limit: Span,
    /// Whether its tools report `review.opened`, so that its absence means something.
    pub expects_opening: bool,
    /// Who may decide.
    pub approver: Approver,
}

impl Profile {
    /// The profile of a workflow unless configured otherwise.
    pub const fn of(workflow: Workflow) -> Profile {
        let targets = Targets::of(workflow);
        Profile {
            review_due_soon: Span::from_millis(targets.in_time.as_millis() / 3 * 2),
            targets,
            containment_limit: if targets.raced { Span::from_mins(60) } else { targets.in_time },
            expects_opening: false,
            approver: Approver::Any,
        }
    }
}

impl Default for Profile {
    fn default() -> Profile {
        Profile::of(Workflow::SecretExposure)
    }
}

/// The profiles of all workflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profiles([Profile; Workflow::ALL.len()]);

impl Default for Profiles {
    fn default() -> Profiles {
        let mut profiles = [Profile::of(Workflow::SecretExposure); Workflow::ALL.len()];
        for workflow in Workflow::ALL {
            profiles[*workflow as usize] = Profile::of(*workflow);
        }
        Profiles(profiles)
    }
}

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

words! {
    /// When a detection after the closing of a window opens the next one.
    Reopen {
        /// When it is of a new exposure; a mere sighting of the old one is counted.
        NewExposure = "new_exposure",
        /// Always.
        Always = "always",
    }
}

/// How the engine treats time, and how much it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// How far before a detection an event may lie and still belong to it.
    pub skew_tolerance: Span,
    /// How long an event without a window waits for one.
    pub orphan_timeout: Span,
    /// How long the closing of a final window is remembered after it was last sighted, so
    /// that a straggler is known as late and a sighting as no new exposure.
    pub remember_closed: Span,
    /// When a detection after a closing opens the next window.
    pub reopen: Reopen,
    /// Sources that detect a leak as it happens: the time of their detection is the time
    /// of the exposure where they state none.
    pub detects_at_once: BTreeSet<String>,
    /// Further ids of a person, each with the id that counts, as in
    /// [`OversightConfig::aliases`]: the looks of one person are looks under any id.
    pub aliases: BTreeMap<String, String>,
    /// How long after closing a window becomes final; `None` for never, as
    /// when all input is read before anything is said.
    pub settle: Option<Span>,
    /// How long after a decision the second stage says what it was, where one
    /// does: a decided window is not final before that and `settle` more.
    pub judged_after: Option<Span>,
    /// Whether settled windows are kept for a later reading of all windows.
    pub keep_settled: bool,
    /// Whether changes of state are noted, to be handed out as checkpoints.
    pub checkpoints: bool,
    /// Events held for one window before the older repeats are folded into counts.
    pub events_per_window: u32,
    /// Credentials held of which no detection has been seen.
    pub undetected_credentials: usize,
    /// Credentials held in all.
    pub credentials: usize,
    /// Bytes held of one credential, all of its windows together; where there are
    /// checkpoints also those of its checkpoint. One event more may be held.
    pub credential_bytes: usize,
    /// Deadlines of each workflow.
    pub profiles: Profiles,
}

impl EngineConfig {
    /// How far before a detection a look may lie and still be a look at the case, or an attack
    /// that was seen still be one on the credential that it found to be leaked: half of
    /// the time that it is held for, so that it is there when the detection arrives late.
    pub const fn early_look(&self) -> Span {
        Span::from_millis(self.orphan_timeout.as_millis() / 2)
    }
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            skew_tolerance: Span::from_secs(120),
            orphan_timeout: Span::from_mins(24 * 60),
            remember_closed: Span::from_mins(30 * 24 * 60),
            reopen: Reopen::NewExposure,
            detects_at_once: BTreeSet::new(),
            aliases: BTreeMap::new(),
            settle: None,
            judged_after: None,
            keep_settled: false,
            checkpoints: false,
            events_per_window: 256,
            undetected_credentials: 1_000_000,
            credentials: 1 << 26,
            credential_bytes: 64 << 20,
            profiles: Profiles::default(),
        }
    }
}

/// The largest multiple of the peers' odds that can be looked for.
const ODDS_MAX: f64 = 1e6;

/// How figures are made from windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiguresConfig {
    /// The places, by `location`, that attackers can see. A leak that states no place may
    /// lie anywhere and counts as public.
    pub public: BTreeSet<String>,
    /// Windows of one owner, source and place that begin within this of each other, and
    /// state no incident, are of one.
    pub incident_gap: Span,
    /// Decisions of one reviewer under one batch id are one act for this long.
    pub batch_hold: Span,
}

impl Default for FiguresConfig {
    fn default() -> FiguresConfig {
        const PUBLIC: [&str; 10] = [
            "bitbucket",
            "crates",
            "dockerhub",
            "github",
            "gitlab",
            "npm",
            "pastebin",
            "pypi",
            "rubygems",
            "s3",
        ];
        FiguresConfig {
            public: PUBLIC.into_iter().map(str::to_owned).collect(),
            incident_gap: Span::from_mins(5),
            batch_hold: Span::from_mins(60),
        }
    }
}

/// The most alternatives that one signal may be tested against.
pub const ALTERNATIVES_MAX: usize = 4;

/// One signal of a hollow review: what is allowed, and what is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalConfig {
    /// The rate that is allowed, between 0 and 1: the null hypothesis is that, given
    /// all that went before, the chance of the sign is at most this.
    pub null: f64,
    /// The rates looked for, each above `null` and below 1.
    pub alternatives: Vec<f64>,
    /// Its share in what is combined; the shares of all signals add up to one.
    pub weight: f64,
}

/// Agreement with the AI, compared with that of peers in like cases.
#[derive(Clone, Debug, PartialEq)]
pub struct AgreementConfig {
    /// The odds of agreeing that a reviewer is allowed, as a multiple of the peers': 1 or
    /// more. People differ, and so do the cases that they get.
    pub allowed_odds: f64,
    /// The multiples that are looked for, each above `allowed_odds`.
    pub alternatives: Vec<f64>,
    /// Its share in what is combined; the shares of all signals add up to one.
    pub weight: f64,
    /// With fewer peers in a stratum and period nothing is compared there.
    pub peers_min: u32,
    /// With fewer acts of peers to compare with, the comparison waits for more.
    pub peer_acts_min: u64,
    /// The length of the periods that are compared. No setting changes it: a kept state numbers
    /// its periods by one length, and read with another, it would name other times.
    pub period: Span,
}

/// When decisions come faster than a person's own usual rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurstConfig {
    /// How many times the usual rate is looked for, above 1.
    pub factor: f64,
    /// A longer gap is a pause, not work.
    pub pause: Span,
    /// Gaps seen before anything is said.
    pub gaps_min: u32,
}

/// The second stage: was the human review real?
#[derive(Clone, Debug, PartialEq)]
pub struct OversightConfig {
    /// The promised rate of false discoveries among the reviewers in a report.
    pub alpha: f64,
    /// The promised mean number of decisions to a false page, for a reviewer whose
    /// rates are exactly what is allowed.
    pub paging_decisions: f64,
    /// A page ends when its evidence falls below this share of its threshold.
    pub resolve_share: f64,
    /// Wrong advice let through, by seeded cases and later truth.
    pub seeded: SignalConfig,
    /// Less time than reading in haste takes.
    pub dwell: SignalConfig,
    /// Evidence not opened, where its opening is reported.
    pub context: SignalConfig,
    /// Agreement with the AI, more often than peers.
    pub agreement: AgreementConfig,
    /// Whether any known truth counts, and not only that of planted cases: what else
    /// becomes known may become known because it was let through.
    pub all_truths: bool,
    /// How far the clocks of different sources may be apart.
    pub skew_tolerance: Span,
    /// Unusual haste.
    pub burst: BurstConfig,
    /// How long after a decision it is judged, so that all that belongs before it is there.
    pub delay: Span,
    /// How long decisions of one batch are waited for.
    pub batch_hold: Span,
    /// Reviewers held in a live run; further ones are refused.
    pub reviewers_max: usize,
    /// With fewer reviewers, shared surfaces tell no figures by which one could be singled out.
    pub small_group: u32,
    /// Further ids of a person, each with the one that counts.
    pub aliases: BTreeMap<String, String>,
    /// Groups that own credentials, each with its members.
    pub owners: BTreeMap<String, BTreeSet<String>>,
}

impl Default for OversightConfig {
    fn default() -> OversightConfig {
        let signal = |null, alternatives: &[f64], weight| SignalConfig {
            null,
            alternatives: alternatives.to_vec(),
            weight,
        };
        OversightConfig {
            alpha: 0.05,
            paging_decisions: 1_000.0,
            resolve_share: 0.1,
            // A share costs as many nats as its negative logarithm before anybody is named. A nat
            // is half an act of dwell or context, 4 planted cases or some 15 acts of agreement.
            // So the shares go to what comes rarely and tells little at a time: half of the planted
            // cases missed is to be found within 20 of them.
            seeded: signal(0.20, &[0.45, 0.55], 0.90),
            dwell: signal(0.10, &[0.2, 0.4, 0.7, 0.95], 0.02),
            context: signal(0.10, &[0.3, 0.6, 0.9], 0.01),
            agreement: AgreementConfig {
                allowed_odds: 2.0,
                alternatives: vec![4.0, 8.0, 32.0, 128.0],
                weight: 0.07,
                peers_min: 3,
                peer_acts_min: 50,
                period: Span::from_mins(24 * 60),
            },
            all_truths: false,
            skew_tolerance: Span::from_secs(120),
            burst: BurstConfig { factor: 4.0, pause: Span::from_mins(30), gaps_min: 50 },
            delay: Span::from_mins(10),
            batch_hold: Span::from_mins(60),
            reviewers_max: 200_000,
            small_group: 5,
            aliases: BTreeMap::new(),
            owners: BTreeMap::new(),
        }
    }
}

/// The id that counts for the person with `id`.
pub(crate) fn canonical<'c>(aliases: &'c BTreeMap<String, String>, id: &'c str) -> &'c str {
    aliases.get(id).map_or(id, String::as_str)
}

impl OversightConfig {
    /// The id that counts for the person with `id`.
    pub fn canonical<'c>(&'c self, id: &'c str) -> &'c str {
        canonical(&self.aliases, id)
    }

    /// The signals in order, those with an allowed rate; agreement has none.
    pub const fn by_rate(&self) -> [Option<&SignalConfig>; 4] {
        [Some(&self.seeded), Some(&self.dwell), Some(&self.context), None]
    }

    /// The signals' shares in what is combined, in the same order.
    pub const fn weights(&self) -> [f64; 4] {
        [self.seeded.weight, self.dwell.weight, self.context.weight, self.agreement.weight]
    }

    /// Whether `reviewer` may decide about a credential of `owner` where `approver` is the
    /// rule. Where the rule cannot tell, because nobody is known to own the credential or
    /// the group is not among [`OversightConfig::owners`], the source's word counts.
    pub fn authorized(
        &self,
        approver: Approver,
        owner: Option<&str>,
        reviewer: &str,
        stated: Option<bool>,
    ) -> Option<bool> {
        let reviewer = self.canonical(reviewer);
        let is_reviewer = |id: &str| self.canonical(id) == reviewer;
        let ruled = match approver {
            Approver::Any => None,
            Approver::Owner => owner.map(is_reviewer),
            Approver::Group => owner
                .and_then(|owner| self.owners.get(owner))
                .map(|members| members.iter().any(|member| is_reviewer(member))),
        };
        ruled.or(stated)
    }

    /// Checks every rule on which a promise rests.
    ///
    /// # Errors
    /// The first fault found.
    pub fn validate(&self) -> Result<(), OversightFault> {
        let fault = |field, rule| Err(OversightFault { field, rule });
        let inside = |x: f64| x > 0.0 && x < 1.0;
        let signals =
            [("seeded", &self.seeded), ("dwell", &self.dwell), ("context", &self.context)];
        for (name, signal) in signals {
            if !inside(signal.null) {
                return fault(name, "the allowed rate must lie between 0 and 1");
            }
            if signal.alternatives.is_empty() || signal.alternatives.len() > ALTERNATIVES_MAX {
                return fault(name, "one to four alternatives are needed");
            }
            if !signal.alternatives.iter().all(|q| inside(*q) && *q > signal.null) {
                return fault(name, "alternatives must lie between the allowed rate and 1");
            }
        }
        let agreement = &self.agreement;
        if !(agreement.allowed_odds >= 1.0 && agreement.allowed_odds <= ODDS_MAX) {
            return fault(
                "agreement",
                "the allowed odds must be 1 or more, as a multiple of the peers'",
            );
        }
        if agreement.alternatives.is_empty() || agreement.alternatives.len() > ALTERNATIVES_MAX {
            return fault("agreement", "one to four alternatives are needed");
        }
        let looked_for = |odds: &f64| *odds > agreement.allowed_odds && *odds <= ODDS_MAX;
        if !agreement.alternatives.iter().all(looked_for) {
            return fault("agreement", "alternatives must lie above the allowed odds");
        }
        if agreement.peers_min == 0 {
            return fault("agreement.peers_min", "must be 1 or more");
        }
        if !self.weights().iter().all(|weight| (0.0..=1.0).contains(weight)) {
            return fault("weights", "a weight must lie between 0 and 1");
        }
        let weights: f64 = self.weights().iter().sum();
        if (weights - 1.0).abs() > 1e-9 {
            return fault("weights", "the weights of all signals must add up to 1");
        }
        if !inside(self.alpha) {
            return fault("alpha", "must lie between 0 and 1");
        }
        if !(self.paging_decisions > 1.0 && self.paging_decisions <= 1e12) {
            return fault("paging_decisions", "must be more than 1, and no more than 10¹²");
        }
        if !inside(self.resolve_share) {
            return fault("resolve_share", "must lie between 0 and 1");
        }
        if [self.delay, self.batch_hold, self.skew_tolerance].iter().any(|span| *span < Span::ZERO)
        {
            return fault("delay", "a span must not be negative");
        }
        if agreement.period < Span::from_mins(1) || agreement.period < self.batch_hold {
            return fault(
                "agreement.period",
                "must be a minute or more, and no less than batch_hold",
            );
        }
        if !(self.burst.factor > 1.0 && self.burst.factor.is_finite()) {
            return fault("burst.factor", "must be more than 1");
        }
        if self.burst.pause <= Span::ZERO || self.burst.gaps_min == 0 {
            return fault("burst", "pause and gaps_min must be more than 0");
        }
        if self.aliases.values().any(|to| self.aliases.contains_key(to)) {
            return fault("aliases", "an alias must name the id that counts, not another alias");
        }
        Ok(())
    }
}

/// A rule of [`OversightConfig`] that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OversightFault {
    /// Which field.
    pub field: &'static str,
    /// What must hold.
    pub rule: &'static str,
}

impl fmt::Display for OversightFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oversight: {}: {}", self.field, self.rule)
    }
}

impl std::error::Error for OversightFault {}
