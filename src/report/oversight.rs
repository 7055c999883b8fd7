//! What a replay writes about reviewers: pages, and findings with their evidence.
//!
//! Invariant: reviewers are in the order of the name they are shown by, which says
//! nothing about the name that is not shown.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::config::Profiles;
use crate::engine::alerts::Alert;
use crate::engine::oversight::{Flags, Overseen, Person, Rules};
use crate::metrics::Metrics;
use crate::records::{Finding, Flagged, People, ReviewerAlert, RulesShown};
use crate::time::Timestamp;

/// What is written about all reviewers.
pub(super) struct Reviewers<'r> {
    pub(super) overseen: &'r Overseen,
    pub(super) flags: &'r Flags,
    pub(super) rules: &'r Rules,
    pub(super) profiles: &'r Profiles,
    pub(super) as_of: Timestamp,
}

impl Reviewers<'_> {
    /// The numbers of the windows that findings will cite.
    pub(super) fn cited(&self) -> BTreeMap<u32, String> {
        let turns = |person: &Person| {
            person.turns.iter().flat_map(|turn| turn.cited.clone()).collect::<Vec<_>>()
        };
        let flagged = |person: &Person| self.flags.includes(&person.standing);
        let people = || self.overseen.people.iter();
        let paths = people().filter(|p| flagged(p)).flat_map(|p| p.path.iter().map(|(n, _)| *n));
        people().flat_map(turns).chain(paths).map(|number| (number, String::new())).collect()
    }

    /// Writes all pages and findings about reviewers.
    pub(super) fn write(
        &self,
        cited: &BTreeMap<u32, String>,
        people: &mut People,
        metrics: &Metrics,
        alerts: &mut dyn Write,
        findings: &mut dyn Write,
    ) -> io::Result<()> {
        let shown: BTreeMap<String, &Person> = self
            .overseen
            .people
            .iter()
            .map(|person| (people.show(&person.reviewer).to_owned(), person))
            .collect();
        let rules = RulesShown::new(self.rules.config(), self.profiles);
        let name = |number: &u32| cited.get(number).cloned().unwrap_or_default();
        for (reviewer, person) in shown {
            for turn in &person.turns {
                metrics.alert(None, Alert::RubberStampSuspected, turn.transition);
                super::line(alerts, &ReviewerAlert::new(&reviewer, turn.transition, turn.at))?;
                if let Some(evidence) = turn.evidence.as_deref() {
                    let path = turn.cited.iter().map(name);
                    let found = Finding::suspected(&reviewer, turn.at, evidence, path, &rules);
                    super::line(findings, &found)?;
                }
            }
            if self.flags.includes(&person.standing) {
                let flagged = Flagged { flags: self.flags, standing: &person.standing };
                let path = person.path.iter().map(|(number, point)| (name(number), *point));
                let found = Finding::flagged(&reviewer, self.as_of, flagged, path, &rules);
                super::line(findings, &found)?;
            }
        }
        Ok(())
    }
}
