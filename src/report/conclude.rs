//! From all windows to everything that is written about them.
//!
//! Invariants: the windows are gone through once for the figures and, if there is
//! a ledger, once more to write it, because a decision is judged among all of its
//! reviewer's; nothing is held per window but the judgement; the same windows
//! give the same bytes.

use std::io::{self, Write};

use super::line;
use super::oversight::Reviewers;
use crate::config::{FiguresConfig, OversightConfig, Profiles};
use crate::engine::alerts::{Episode, Moments, Transition};
use crate::engine::attacker::Race;
use crate::engine::identity::Names;
use crate::engine::oversight::{Flags, Judgement, Reviews, Rules};
use crate::engine::summary::{FigureRules, Tally};
use crate::engine::windows::{Decision, Part, Unplaced, View, Window};
use crate::metrics::{Metrics, StageObservers};
use crate::records::{AlertRecord, Circumstances, Finding, People, WindowRecord};
use crate::time::{Span, Timestamp};

/// The rules by which windows are told.
#[derive(Debug)]
pub struct Telling<'t> {
    /// The attackers' curves.
    pub race: &'t Race,
    /// Deadlines and expectations by workflow.
    pub profiles: &'t Profiles,
    /// The rules by which reviews are judged.
    pub oversight: &'t Rules,
    /// What figures about exposures rest on.
    pub figures: &'t FiguresConfig,
    /// The moment at which it is told.
    pub as_of: Timestamp,
    /// How long after closing a window is final; `None`: at once.
    pub settle: Option<Span>,
    /// The names that credentials have.
    pub names: &'t Names,
}

impl Telling<'_> {
    /// The rules of figures.
    pub const fn figure_rules(&self) -> FigureRules<'_> {
        FigureRules { race: self.race, profiles: self.profiles, figures: self.figures }
    }
}

/// Where it is written.
pub struct Ledger<'l> {
    /// One record per window.
    pub windows: &'l mut dyn Write,
    /// Two lines per alert: it begins, it ends.
    pub alerts: &'l mut dyn Write,
    /// What a reviewer of the reviews should look at.
    pub findings: &'l mut dyn Write,
    /// The metrics.
    pub metrics: &'l Metrics,
    /// How reviewers are shown.
    pub people: &'l mut People,
}

/// Goes through all windows, writes what a ledger is given for, and returns
/// the figures.
///
/// # Errors
/// What the writers return.
pub fn conclude(
    view: &View<'_>,
    telling: &Telling<'_>,
    ledger: Option<Ledger<'_>>,
) -> io::Result<(Tally, Unplaced)> {
    let (mut tally, reviews, unplaced) = count(view, telling);
    let overseen = reviews.judge(telling.oversight);
    let judgements = &overseen.judgements;
    tally.judged(judgements.iter().map(Some));
    let flags = Flags::of(overseen.people.iter().map(|person| &person.standing), telling.oversight);
    tally.reviewers(&overseen.people, &flags, telling.oversight.config());
    if let Some(ledger) = ledger {
        let reviewers = Reviewers {
            overseen: &overseen,
            flags: &flags,
            rules: telling.oversight,
            profiles: telling.profiles,
            as_of: telling.as_of,
        };
        ledger.write_all(view, &reviewers, telling)?;
    }
    Ok((tally, unplaced))
}

/// Goes through all windows once, on as many threads as there are cores. No
/// figure depends on where the windows are cut.
fn count(view: &View<'_>, telling: &Telling<'_>) -> (Tally, Reviews, Unplaced) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let count = |part: Part<'_>| {
        let (mut tally, mut reviews) = (Tally::new(), Reviews::new());
        let unplaced = part.for_each(|window| {
            reviews.push(window, telling.profiles.get(window.key.workflow), telling.oversight);
            // Several ids of one person are one reviewer, in the incidents as well.
            let decision = window.decision.map(|decision| Decision {
                reviewer: telling.oversight.config().canonical(decision.reviewer),
                ..decision
            });
            let window = Window { decision, ..*window };
            tally.add(&window, &telling.figure_rules(), telling.as_of);
        });
        (tally, reviews, unplaced)
    };
    std::thread::scope(|scope| {
        let counted: Vec<_> =
            view.parts(threads).map(|part| scope.spawn(move || count(part))).collect();
        let mut all = (Tally::new(), Reviews::new(), Unplaced::default());
        for part in counted {
            let (tally, reviews, unplaced) =
                part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.0.merge(&tally);
            all.1.append(reviews);
            all.2 += unplaced;
        }
        all
    })
}

impl Ledger<'_> {
    fn write_all(
        mut self,
        view: &View<'_>,
        reviewers: &Reviewers<'_>,
        telling: &Telling<'_>,
    ) -> io::Result<()> {
        let mut judgements = reviewers.overseen.judgements.iter().zip(0_u32..);
        let mut cited = reviewers.cited();
        let mut stages = StageObservers::default();
        let mut written = Ok(());
        view.for_each(|window| {
            let Some((judgement, number)) = judgements.next().filter(|_| written.is_ok()) else {
                return;
            };
            if let Some(name) = cited.get_mut(&number) {
                *name = window.exposure_id().to_string();
            }
            self.metrics.observe(
                &mut stages,
                window,
                judgement,
                &telling.figure_rules(),
                telling.as_of,
            );
            written = self.write(window, judgement, telling);
        });
        written?;
        reviewers.write(&cited, self.people, self.metrics, self.alerts, self.findings)
    }

    fn write(
        &mut self,
        window: &Window<'_>,
        judgement: &Judgement,
        telling: &Telling<'_>,
    ) -> io::Result<()> {
        let is_final = match telling.settle {
            None => window.closed_at.is_some(),
            Some(settle) => window.final_at(settle).is_some_and(|at| at <= telling.as_of),
        };
        let config = telling.oversight.config();
        let circumstances = Circumstances {
            hollow: Some(judgement.reasons),
            profile: telling.profiles.get(window.key.workflow),
            race: telling.race,
            oversight: config,
            names: telling.names,
            as_of: telling.as_of,
            is_final,
        };
        line(self.windows, &WindowRecord::new(window, circumstances, self.people))?;
        self.write_alerts(window, judgement, telling)?;
        self.write_findings(window, judgement, telling.oversight.config())
    }

    fn write_alerts(
        &mut self,
        window: &Window<'_>,
        judgement: &Judgement,
        telling: &Telling<'_>,
    ) -> io::Result<()> {
        let moments = Moments::of(window, !judgement.reasons.is_empty());
        let profile = telling.profiles.get(window.key.workflow);
        for Episode { alert, from, until } in moments.episodes(profile) {
            let begins = Some((Transition::Firing, from));
            let ends = until.map(|until| (Transition::Resolved, until));
            for (state, at) in [begins, ends].into_iter().flatten() {
                if at > telling.as_of {
                    continue;
                }
                self.metrics.alert(alert, state);
                let exposure = window.exposure_id();
                line(self.alerts, &AlertRecord::new(alert, state, at, exposure, Some(window)))?;
            }
        }
        Ok(())
    }

    fn write_findings(
        &mut self,
        window: &Window<'_>,
        judgement: &Judgement,
        config: &OversightConfig,
    ) -> io::Result<()> {
        let people = &mut *self.people;
        let reviewer =
            window.decision.map(|decision| people.show(config.canonical(decision.reviewer)));
        let exposure = window.exposure_id();
        if let Some(decided_at) = window.decided_at() {
            for reason in judgement.reasons.iter() {
                let finding =
                    Finding::hollow(reason, exposure, decided_at, reviewer, judgement, config);
                line(self.findings, &finding)?;
            }
        }
        let facts = [
            Finding::ai_acted_first(window, reviewer),
            Finding::seeded_case_missed(window, reviewer),
        ];
        facts.iter().flatten().try_for_each(|finding| line(self.findings, finding))
    }
}
