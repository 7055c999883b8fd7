//! A team's reviews, judged, and what each person saw of it.

use std::collections::BTreeMap;

use shutterlag::engine::alerts::Transition;
use shutterlag::engine::oversight::{Review, Reviews, Rules, SIGNALS, Standing, e_bh};
use shutterlag::time::Timestamp;

/// What was said of one person.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Decisions.
    pub(crate) decisions: u64,
    /// Decisions called hollow.
    pub(crate) hollow: u64,
    /// Observations by signal, then decisions, when first named on the list.
    pub(crate) named_after: Option<[u64; SIGNALS + 1]>,
    /// … and when first paged.
    pub(crate) paged_after: Option<[u64; SIGNALS + 1]>,
    /// Pages that began.
    pub(crate) pages: u64,
    /// Whether there were enough peers to compare with.
    pub(crate) compared: bool,
}

/// Where a person stood after a step.
struct Moment {
    at: Timestamp,
    person: usize,
    log_e: f64,
    counts: [u64; SIGNALS + 1],
}

/// What is said of each person of the team, by name. The list is looked at after every step,
/// in the order of time.
pub(crate) fn judged(reviews: &[Review<'static>], rules: &Rules) -> Vec<Seen> {
    let mut sorted: Vec<&Review<'static>> = reviews.iter().collect();
    sorted.sort_by(|a, b| a.exposure_id().cmp(&b.exposure_id()));
    let mut persons: BTreeMap<&str, usize> =
        reviews.iter().map(|review| (review.reviewer.as_ref(), 0)).collect();
    persons.values_mut().enumerate().for_each(|(number, person)| *person = number);
    let mut seen = vec![Seen::default(); persons.len()];
    let mut all = Reviews::with_capacity(sorted.len());
    sorted.iter().for_each(|review| all.add(Some(review)));
    let mut moments = Vec::new();
    let overseen = all.judge_watched(rules, &mut |watched| {
        let standing = watched.state.standing(rules);
        let person = persons[watched.reviewer];
        let log_e = standing.log_e;
        moments.push(Moment { at: watched.step.at, person, log_e, counts: counts(&standing) });
        if matches!(watched.step.transition, Some(Transition::Firing)) {
            seen[person].pages += 1;
            let _ = seen[person].paged_after.get_or_insert(counts(&standing));
        }
    });
    moments.sort_by_key(|moment| moment.at);
    let mut logs = vec![0.0; persons.len()];
    let mut latest = vec![[0; SIGNALS + 1]; persons.len()];
    for moment in &moments {
        (logs[moment.person], latest[moment.person]) = (moment.log_e, moment.counts);
        // Nobody is named below 1/alpha, whatever the others come to.
        if moment.log_e < -rules.config().alpha.ln() {
            continue;
        }
        let found = e_bh(&logs, rules.config().alpha);
        for (person, log) in logs.iter().enumerate().filter(|(_, log)| found.includes(**log)) {
            debug_assert!(log.is_finite());
            let _ = seen[person].named_after.get_or_insert(latest[person]);
        }
    }
    for person in &overseen.people {
        let one = &mut seen[persons[person.reviewer.as_str()]];
        one.decisions = person.standing.decisions;
        one.compared = person.standing.can_be_compared();
    }
    for (review, judgement) in sorted.iter().zip(&overseen.judgements) {
        let hollow = !judgement.reasons.is_empty();
        seen[persons[review.reviewer.as_ref()]].hollow += u64::from(hollow);
    }
    seen
}

fn counts(standing: &Standing) -> [u64; SIGNALS + 1] {
    std::array::from_fn(|at| {
        standing.signals.get(at).map_or(standing.decisions, |signal| signal.steps)
    })
}
