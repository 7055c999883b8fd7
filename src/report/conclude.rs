//! From all windows to everything that is written about them.
//!
//! Invariants: the windows are gone through once for the figures and, if there is
//! a ledger, once more to write it, because a decision is judged among all of its
//! reviewer's; nothing is held per window but the judgement; the same windows
//! give the same bytes, whatever the number of threads.

use std::io;

use super::joining::{NotJoined, suggest};
use super::ledger::{Ledger, Stretch, Telling};
use super::oversight::Reviewers;
use crate::engine::oversight::{Flags, Reviews};
use crate::engine::summary::Tally;
use crate::engine::windows::{Decision, Part, Unplaced, View, Window};

/// Credentials that one thread goes through at a time: few enough that the records about them
/// take some megabytes.
const STRETCH_CREDENTIALS: usize = 1024;

/// What all windows come to.
#[derive(Debug)]
pub struct Conclusion {
    /// The figures.
    pub tally: Tally,
    /// Events that belong to no window.
    pub unplaced: Unplaced,
    /// Names on which somebody acted and under which nothing was detected.
    pub not_joined: Vec<NotJoined>,
}

/// What there is to count, of all windows or of some.
struct Counted {
    tally: Tally,
    reviews: Reviews,
    unplaced: Unplaced,
    not_joined: Vec<NotJoined>,
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
) -> io::Result<Conclusion> {
    let stretches: Vec<Part<'_>> = view.parts(STRETCH_CREDENTIALS).collect();
    let Counted { mut tally, reviews, unplaced, mut not_joined, windows } =
        count(&stretches, telling);
    let overseen = std::thread::scope(|scope| {
        // Neither needs the other, and each keeps one thread busy.
        scope.spawn(|| suggest(&mut not_joined, |consider| view.names(consider)));
        reviews.judge(telling.oversight)
    });
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
    Ok(Conclusion { tally, unplaced, not_joined })
}

/// Goes through all windows once, on as many threads as there are cores. No
/// figure depends on where the windows are cut.
fn count(stretches: &[Part<'_>], telling: &Telling<'_>) -> Counted {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let each = stretches.len().div_ceil(threads).max(1);
    // The first gets room for all that the others found.
    let rooms = std::iter::once(credentials(stretches))
        .chain(stretches.chunks(each).skip(1).map(credentials));
    std::thread::scope(|scope| {
        let counting: Vec<_> = stretches
            .chunks(each)
            .zip(rooms)
            .map(|(some, room)| scope.spawn(move || count_some(some, room, telling)))
            .collect();
        let mut counted = counting
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let first = counted.next().unwrap_or_else(|| Counted::new(0));
        counted.fold(Counted { tally: first.tally.as_merged(), ..first }, Counted::and)
    })
}

fn credentials(stretches: &[Part<'_>]) -> usize {
    stretches.iter().map(Part::credentials).sum()
}

impl Counted {
    /// Nothing yet, with room for so many windows: few credentials have more than one.
    fn new(windows: usize) -> Counted {
        Counted {
            tally: Tally::with_capacity(windows),
            reviews: Reviews::with_capacity(windows),
            unplaced: Unplaced::default(),
            not_joined: Vec::new(),
            windows: Vec::new(),
        }
    }

    /// With what was counted of the windows that follow.
    fn and(mut self, later: Counted) -> Counted {
        self.tally.merge(&later.tally);
        self.reviews.append(later.reviews);
        self.unplaced += later.unplaced;
        self.not_joined.extend(later.not_joined);
        self.windows.extend(later.windows);
        self
    }
}

fn count_some(stretches: &[Part<'_>], room: usize, telling: &Telling<'_>) -> Counted {
    let mut counted = Counted::new(room);
    for part in stretches {
        let Counted { tally, reviews, not_joined, .. } = &mut counted;
        let mut windows = 0;
        let window = |window: &Window<'_>| {
            windows += 1;
            reviews.push(window, telling.profiles.get(window.key.workflow), telling.oversight);
            // Several ids of one person are one reviewer, in the incidents as well.
            let decision = window.decision.map(|decision| Decision {
                reviewer: telling.oversight.config().canonical(decision.reviewer),
                ..decision
            });
            let window = Window { decision, ..*window };
            tally.add(&window, &telling.figure_rules(), telling.as_of);
        };
        let unplaced = part.read(window, |key, unjoined| {
            not_joined.push(NotJoined::new(key, &unjoined, telling.as_of));
        });
        counted.unplaced += unplaced;
        counted.windows.push(windows);
    }
    counted
}
