//! Figures over records of the ledger.
//!
//! Invariants: a figure that needs what records do not hold is absent, never
//! zero; a decision that has not been judged is neither meaningful nor hollow.

use serde::Serialize;

use crate::engine::by_workflow::WorkflowsFigures;
use crate::engine::effective::EffectiveRate;
use crate::engine::oversight::Judgement;
use crate::engine::summary::{
    AttackerWindow, ByReason, EventCounts, FigureRules, StagesFigures, SurvivalOf, Tally,
    WindowCounts,
};
use crate::engine::windows::Window;
use crate::records::WindowRecord;
use crate::time::Timestamp;

/// Takes in records and gives figures.
///
/// The figures of a replay's `windows.ndjson` are those of its `summary.json`.
/// What is not among them: how events fared and decisions by machines, which no
/// record holds, and planted cases.
#[derive(Debug, Default)]
pub struct LedgerTally {
    tally: Tally,
    judgements: Vec<Option<Judgement>>,
}

/// The figures of some records.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LedgerFigures {
    /// The moment up to which windows without an end are counted.
    pub as_of: Timestamp,
    /// Windows by state.
    pub windows: WindowCounts,
    /// Latencies.
    pub stages: StagesFigures,
    /// The race.
    pub attacker_window: AttackerWindow,
    /// Time to review, open windows included.
    pub survival: SurvivalOf,
    /// The human step.
    pub oversight: LedgerOversight,
    /// Effective reviews in raced workflows, among the windows that are old enough to
    /// have one.
    pub effective_review_rate: EffectiveRate,
    /// Targets and rates of each workflow.
    pub workflows: WorkflowsFigures,
}

/// How the human step was done, as far as records tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerOversight {
    /// Windows with a human decision.
    pub reviews: u64,
    /// … that has been judged. The next four are of these, and `None` where
    /// there are reviews and none has been judged.
    pub judged: u64,
    /// Without a sign of being hollow.
    pub meaningful: Option<u64>,
    /// With at least one.
    pub hollow: Option<u64>,
    /// With nothing to judge them by.
    pub unassessed: Option<u64>,
    /// How often each sign was found.
    pub by_reason: Option<ByReason>,
    /// Decided as advised.
    pub agreed: u64,
    /// Decided otherwise.
    pub disagreed: u64,
    /// Decided before any advice.
    pub unadvised: u64,
    /// Windows in which an AI acted before a person decided.
    pub ai_acted_first: u64,
}

impl LedgerTally {
    /// Nothing taken in yet.
    pub fn new() -> LedgerTally {
        LedgerTally::default()
    }

    /// Takes in one window as it stands at `as_of`.
    pub fn add(&mut self, record: &WindowRecord, rules: &FigureRules<'_>, as_of: Timestamp) {
        self.add_window(&record.window(), record.judgement(), rules, as_of);
    }

    /// Takes in one window as it stands at `as_of`, with its judgement; `None` while
    /// its decision has not been judged.
    pub fn add_window(
        &mut self,
        window: &Window<'_>,
        judgement: Option<Judgement>,
        rules: &FigureRules<'_>,
        as_of: Timestamp,
    ) {
        self.tally.add(window, rules, as_of);
        self.judgements.push(judgement);
    }

    /// Takes in all that another tally took in.
    pub fn merge(&mut self, other: &LedgerTally) {
        self.tally.merge(&other.tally);
        self.judgements.extend_from_slice(&other.judgements);
    }

    /// The tally beneath, for its histograms.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The figures.
    pub fn figures(mut self, rules: &FigureRules<'_>, as_of: Timestamp) -> LedgerFigures {
        self.tally.judged(self.judgements.iter().map(Option::as_ref));
        let summary = self.tally.summary(rules, Some(as_of), EventCounts::default());
        let oversight = summary.oversight;
        let judged = oversight.reviews - oversight.unjudged;
        let known = judged > 0 || oversight.reviews == 0;
        LedgerFigures {
            as_of,
            windows: summary.windows,
            stages: summary.stages,
            attacker_window: summary.attacker_window,
            survival: summary.survival,
            oversight: LedgerOversight {
                reviews: oversight.reviews,
                judged,
                meaningful: known.then_some(oversight.meaningful),
                hollow: known.then_some(oversight.hollow),
                unassessed: known.then_some(oversight.unassessed),
                by_reason: known.then_some(oversight.by_reason),
                agreed: oversight.agreed,
                disagreed: oversight.disagreed,
                unadvised: oversight.unadvised,
                ai_acted_first: oversight.ai_acted_first,
            },
            effective_review_rate: summary.effective_review_rate,
            workflows: summary.workflows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FiguresConfig, Profiles};
    use crate::engine::attacker::Race;
    use crate::engine::effective::Outcome;
    use crate::engine::oversight::{HollowReasons, Quality};
    use crate::engine::windows::{ExposureId, Key, State};
    use crate::event::{Action, Workflow};
    use crate::records::{Durations, Object};
    use crate::time::Span;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + second * 1000)
    }

    fn open() -> WindowRecord {
        let key = Key { workflow: Workflow::SecretExposure, credential_id: "hmac:1" };
        WindowRecord::detected(ExposureId { key, detected_at: at(0) })
    }

    fn dismissed(second: i64, hollow: Option<HollowReasons>) -> WindowRecord {
        let exposure = Some(Span::from_secs(second));
        WindowRecord {
            state: State::Closed,
            exposed_at: Some(at(0)),
            decided_at: Some(at(second)),
            quality: hollow.map(|_| Quality::Meaningful),
            durations_ms: Object(Durations { exposure, ..Durations::default() }),
            reviewer: Some("reviewer-03".to_owned()),
            action: Some(Action::Dismiss),
            hollow,
            ..open()
        }
    }

    #[test]
    fn an_unjudged_review_is_neither_meaningful_nor_hollow() {
        let (race, profiles, config) =
            (Race::default(), Profiles::default(), FiguresConfig::default());
        let rules = FigureRules { race: &race, profiles: &profiles, figures: &config };
        let figures = |records: &[WindowRecord]| {
            let mut tally = LedgerTally::new();
            records.iter().for_each(|record| tally.add(record, &rules, at(600)));
            tally.figures(&rules, at(600))
        };
        let unjudged = dismissed(60, None);
        let all =
            figures(&[dismissed(60, Some(HollowReasons::default())), unjudged.clone(), open()]);
        assert_eq!((all.oversight.reviews, all.oversight.judged), (2, 1));
        assert_eq!((all.oversight.meaningful, all.oversight.hollow), (Some(1), Some(0)));
        let rate = all.effective_review_rate;
        assert_eq!((rate.low, rate.high), (Some(1.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!(rate.outcomes.get(Outcome::Unjudged), 1);
        // Without a time of exposure nobody knows whether a decision in time was.
        let known = dismissed(60, Some(HollowReasons::default()));
        let unknown = figures(&[WindowRecord { exposed_at: None, ..known }]).effective_review_rate;
        assert_eq!((unknown.low, unknown.high), (Some(0.0), Some(1.0)));

        let none = figures(&[unjudged, open()]);
        assert_eq!((none.oversight.meaningful, none.oversight.hollow), (None, None));
        assert_eq!(none.oversight.by_reason, None);

        // A late decision cannot become effective: the rate is known without its judgement.
        let late = dismissed(541, None);
        let rate = figures(&[late, open()]).effective_review_rate;
        assert_eq!((rate.low, rate.high), (Some(0.0), Some(0.0)));
        assert_eq!(figures(&[]).effective_review_rate.low, None);
        assert_eq!(figures(&[]).oversight.meaningful, Some(0));
    }
}
