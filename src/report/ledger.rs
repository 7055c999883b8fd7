//! The ledger that a replay writes, on as many threads as there are cores.
//!
//! Invariants: the files are the same bytes whatever the number of threads, since the windows are
//! cut into stretches, and what is written of each is joined in their order; memory holds a few
//! stretches of text for each thread. Metrics add up fractions, whose sum depends on their order,
//! so one thread goes through all windows for them.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::thread;

use crossbeam_channel::{Receiver, bounded};

use super::line;
use super::oversight::Reviewers;
use crate::config::{FiguresConfig, Profiles};
use crate::engine::alerts::{Episode, Moments, Transition};
use crate::engine::attacker::Race;
use crate::engine::identity::Names;
use crate::engine::oversight::{Judgement, Overseen, Quality, Rules};
use crate::engine::summary::FigureRules;
use crate::engine::windows::{Part, Window};
use crate::metrics::{Metrics, StageObservers};
use crate::records::{AlertRecord, Circumstances, Finding, People, WindowRecord};
use crate::time::{Span, Timestamp};

/// Stretches that a thread writes ahead of the files.
const AHEAD_MAX: usize = 2;

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
    /// Threads that write records. The result does not depend on it.
    pub threads: usize,
}

/// A stretch of the windows with their judgements.
pub(super) struct Stretch<'s> {
    pub(super) part: Part<'s>,
    /// The number of its first window.
    pub(super) first: usize,
    pub(super) judgements: &'s [Judgement],
}

/// What is written of one stretch.
#[derive(Default)]
struct Written {
    windows: Vec<u8>,
    alerts: Vec<u8>,
    findings: Vec<u8>,
    /// The names of the windows that findings about reviewers cite, by number.
    cited: Vec<(u32, String)>,
}

impl Ledger<'_> {
    /// Writes everything about all windows, and then about the reviewers.
    pub(super) fn write(
        self,
        stretches: &[Stretch<'_>],
        reviewers: &Reviewers<'_>,
        telling: &Telling<'_>,
    ) -> io::Result<()> {
        let metrics = self.metrics;
        let wanted = reviewers.cited();
        let mut cited = wanted.clone();
        let threads = self.threads.max(1);
        thread::scope(|scope| {
            let overseen = reviewers.overseen;
            scope.spawn(move || observe(metrics, stretches, overseen, telling));
            let writing: Vec<Receiver<io::Result<Written>>> = (0..threads)
                .map(|thread| {
                    let (give, take) = bounded(AHEAD_MAX);
                    let (people, wanted) = (self.people.clone(), &wanted);
                    let mut writer = Writer { metrics, people, telling, wanted };
                    scope.spawn(move || {
                        for stretch in stretches.iter().skip(thread).step_by(threads) {
                            // Nobody takes it any more once a file cannot be written.
                            if give.send(writer.stretch(stretch)).is_err() {
                                return;
                            }
                        }
                    });
                    take
                })
                .collect();
            for number in 0..stretches.len() {
                let written = writing[number % threads].recv().map_err(io::Error::other)??;
                self.windows.write_all(&written.windows)?;
                self.alerts.write_all(&written.alerts)?;
                self.findings.write_all(&written.findings)?;
                cited.extend(written.cited);
            }
            Ok::<_, io::Error>(())
        })?;
        reviewers.write(&cited, self.people, self.metrics, self.alerts, self.findings)
    }
}

/// Adds all windows to the metrics.
fn observe(
    metrics: &Metrics,
    stretches: &[Stretch<'_>],
    overseen: &Overseen,
    telling: &Telling<'_>,
) {
    let mut stages = StageObservers::default();
    let acts: HashMap<u32, Quality> =
        overseen.acts.iter().map(|act| (act.number, act.quality)).collect();
    let planted = overseen.answered.iter().filter(|answered| answered.seeded && answered.wrong);
    let planted: HashMap<u32, bool> = planted.map(|it| (it.number, it.challenged)).collect();
    for Stretch { part, judgements, first } in stretches {
        // Windows are counted in 32 bits.
        let mut judgements = judgements.iter().zip(*first as u32..);
        part.for_each(|window| {
            let Some((judgement, number)) = judgements.next() else { return };
            let rules = telling.figure_rules();
            metrics.observe(&mut stages, window, judgement, &rules, telling.as_of);
            let workflow = window.key.workflow;
            if let Some(quality) = acts.get(&number) {
                let verdict = window.decision.and_then(|decision| decision.verdict);
                metrics.act(workflow, verdict, *quality);
            }
            if let Some(caught) = planted.get(&number) {
                metrics.planted(workflow, *caught);
            }
        });
    }
}

/// Writes stretches, on one of the threads.
struct Writer<'w> {
    metrics: &'w Metrics,
    people: People,
    telling: &'w Telling<'w>,
    /// The numbers of the windows that findings about reviewers cite.
    wanted: &'w BTreeMap<u32, String>,
}

impl Writer<'_> {
    fn stretch(&mut self, stretch: &Stretch<'_>) -> io::Result<Written> {
        let mut all = Written::default();
        let mut judgements = stretch.judgements.iter().zip(stretch.first..);
        let mut written = Ok(());
        stretch.part.for_each(|window| {
            let Some((judgement, number)) = judgements.next().filter(|_| written.is_ok()) else {
                return;
            };
            // Windows are counted in 32 bits.
            let number = number as u32;
            if self.wanted.contains_key(&number) {
                all.cited.push((number, window.exposure_id().to_string()));
            }
            written = self.window(&mut all, window, judgement);
        });
        written.map(|()| all)
    }

    fn window(
        &mut self,
        written: &mut Written,
        window: &Window<'_>,
        judgement: &Judgement,
    ) -> io::Result<()> {
        let telling = self.telling;
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
        line(&mut written.windows, &WindowRecord::new(window, circumstances, &mut self.people))?;
        self.alerts(&mut written.alerts, window, judgement)?;
        self.findings(&mut written.findings, window, judgement)
    }

    fn alerts(
        &self,
        alerts: &mut Vec<u8>,
        window: &Window<'_>,
        judgement: &Judgement,
    ) -> io::Result<()> {
        let telling = self.telling;
        let moments = Moments::of(window, !judgement.reasons.is_empty());
        let profile = telling.profiles.get(window.key.workflow);
        for Episode { alert, from, until } in moments.episodes(profile) {
            let begins = Some((Transition::Firing, from));
            let ends = until.map(|until| (Transition::Resolved, until));
            for (state, at) in [begins, ends].into_iter().flatten() {
                if at > telling.as_of {
                    continue;
                }
                self.metrics.alert(Some(window.key.workflow), alert, state);
                let exposure = window.exposure_id();
                let (window, names) = (Some(window), telling.names);
                line(alerts, &AlertRecord::new(alert, state, at, exposure, window, names))?;
            }
        }
        Ok(())
    }

    fn findings(
        &mut self,
        findings: &mut Vec<u8>,
        window: &Window<'_>,
        judgement: &Judgement,
    ) -> io::Result<()> {
        let config = self.telling.oversight.config();
        let people = &mut self.people;
        let reviewer =
            window.decision.map(|decision| people.show(config.canonical(decision.reviewer)));
        let exposure = window.exposure_id();
        if let Some(decided_at) = window.decided_at() {
            for reason in judgement.reasons.iter() {
                let finding =
                    Finding::hollow(reason, exposure, decided_at, reviewer, judgement, config);
                line(findings, &finding)?;
            }
        }
        let facts = [
            Finding::ai_acted_first(window, reviewer),
            Finding::seeded_case_missed(window, reviewer),
        ];
        facts.iter().flatten().try_for_each(|finding| line(findings, finding))
    }
}
