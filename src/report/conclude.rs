//! From all windows to everything that is written about them.
//!
//! Invariants: the windows are gone through once for the figures and, if there is
//! a ledger, once more to write it, because a decision is judged among all of its
//! reviewer's; nothing is held per window but the judgement; the same windows
//! give the same bytes, whatever the number of threads.

use std::io;

use super::ledger::{Ledger, Stretch, Telling};
use super::oversight::Reviewers;
use crate::engine::oversight::{Flags, Reviews};
use crate::engine::summary::Tally;
use crate::engine::windows::{Decision, Part, Unplaced, View, Window};

/// Credentials that one thread goes through at a time: few enough that the records about them
/// take some megabytes.
const STRETCH_CREDENTIALS: usize = 1024;

/// What there is to count, of all windows or of some.
#[derive(Default)]
struct Counted {
    tally: Tally,
    reviews: Reviews,
    unplaced: Unplaced,
    /// Windows of each stretch.
    windows: Vec<usize>,
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
    let stretches: Vec<Part<'_>> = view.parts(STRETCH_CREDENTIALS).collect();
    let Counted { mut tally, reviews, unplaced, windows } = count(&stretches, telling);
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
        let mut rest = &judgements[..];
        let stretches = stretches.iter().zip(windows).map(|(part, windows)| {
            let first = judgements.len() - rest.len();
            let (judgements, later) = rest.split_at(windows.min(rest.len()));
            rest = later;
            Stretch { part: *part, first, judgements }
        });
        ledger.write(&stretches.collect::<Vec<_>>(), &reviewers, telling)?;
    }
    Ok((tally, unplaced))
}

/// Goes through all windows once, on as many threads as there are cores. No
/// figure depends on where the windows are cut.
fn count(stretches: &[Part<'_>], telling: &Telling<'_>) -> Counted {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let each = stretches.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let counted: Vec<_> = stretches
            .chunks(each)
            .map(|some| scope.spawn(move || count_some(some, telling)))
            .collect();
        let mut all = Counted::default();
        for part in counted {
            let part = part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.tally.merge(&part.tally);
            all.reviews.append(part.reviews);
            all.unplaced += part.unplaced;
            all.windows.extend(part.windows);
        }
        all
    })
}

fn count_some(stretches: &[Part<'_>], telling: &Telling<'_>) -> Counted {
    let mut counted = Counted::default();
    for part in stretches {
        let Counted { tally, reviews, .. } = &mut counted;
        let mut windows = 0;
        let unplaced = part.for_each(|window| {
            windows += 1;
            reviews.push(window, telling.profiles.get(window.key.workflow), telling.oversight);
            // Several ids of one person are one reviewer, in the incidents as well.
            let decision = window.decision.map(|decision| Decision {
                reviewer: telling.oversight.config().canonical(decision.reviewer),
                ..decision
            });
            let window = Window { decision, ..*window };
            tally.add(&window, &telling.figure_rules(), telling.as_of);
        });
        counted.unplaced += unplaced;
        counted.windows.push(windows);
    }
    counted
}
