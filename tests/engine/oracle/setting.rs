//! What is configured, as far as figures depend on it; the defaults are those of the pages.

use std::collections::{BTreeMap, BTreeSet};

use shutterlag::event::Workflow;

use super::Reading;

const MINUTE_MS: i64 = 60_000;

/// Who may decide in a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    Anybody,
    TheOwner,
    TheGroup,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) reading: Reading,
    /// The places that attackers watch.
    pub(crate) public: BTreeSet<String>,
    pub(crate) incident_gap_ms: i64,
    pub(crate) batch_hold_ms: i64,
    /// Between the clocks of different sources, when reading is judged.
    pub(crate) skew_tolerance_ms: i64,
    pub(crate) delay_ms: i64,
    /// What agreement is compared within.
    pub(crate) period_ms: i64,
    pub(crate) all_truths: bool,
    /// The workflows in which not anybody may decide.
    pub(crate) approver: Vec<(Workflow, May)>,
    /// Groups and their members.
    pub(crate) owners: BTreeMap<String, BTreeSet<String>>,
    /// Further ids of a person, each with the one that counts.
    pub(crate) aliases: BTreeMap<String, String>,
}

impl Default for Setting {
    fn default() -> Setting {
        let public = [
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
        Setting {
            reading: Reading::default(),
            public: public.map(str::to_owned).into(),
            incident_gap_ms: 5 * MINUTE_MS,
            batch_hold_ms: 60 * MINUTE_MS,
            skew_tolerance_ms: 2 * MINUTE_MS,
            delay_ms: 10 * MINUTE_MS,
            period_ms: 24 * 60 * MINUTE_MS,
            all_truths: false,
            approver: Vec::new(),
            owners: BTreeMap::new(),
            aliases: BTreeMap::new(),
        }
    }
}

impl Setting {
    /// The id that counts for a person.
    pub(super) fn person<'s>(&'s self, id: &'s str) -> &'s str {
        self.aliases.get(id).map_or(id, String::as_str)
    }

    /// Whether a person may decide about something of `owner`, where a rule tells.
    pub(super) fn may_decide(
        &self,
        workflow: Workflow,
        owner: Option<&str>,
        id: &str,
    ) -> Option<bool> {
        let rule = self.approver.iter().find(|(of, _)| *of == workflow)?.1;
        let is = |other: &str| self.person(other) == self.person(id);
        match rule {
            May::Anybody => None,
            May::TheOwner => Some(is(owner?)),
            May::TheGroup => Some(self.owners.get(owner?)?.iter().any(|member| is(member))),
        }
    }

    /// When a period is settled.
    pub(super) fn settled_ms(&self, period: i64) -> i64 {
        (period + 1) * self.period_ms + self.delay_ms + self.batch_hold_ms
    }
}
