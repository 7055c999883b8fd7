//! Which windows are one observation: *Incidents* in `docs/semantics.md`, by comparing each
//! window with every other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::record::Record;
use super::setting::Setting;

/// The incident of each window, by its smallest member.
pub(super) fn incidents(windows: &[Record], setting: &Setting) -> Vec<usize> {
    let batches = batches(windows, setting);
    let near = |a: &Record, b: &Record| {
        (a.detected_at.as_millis() - b.detected_at.as_millis()).abs() < setting.incident_gap_ms
    };
    let place = |it: &Record| (it.source.clone(), it.owner.clone(), it.location.clone());
    let places: Vec<_> = windows.iter().map(place).collect();
    let tied = |a: usize, b: usize| {
        let named = match (&windows[a].incident, &windows[b].incident) {
            (Some(a), Some(b)) => a == b,
            // A chain of short gaps is connected one by one.
            (None, None) => places[a] == places[b] && near(&windows[a], &windows[b]),
            _ => false,
        };
        named || batches[a].is_some() && batches[a] == batches[b]
    };
    let mut of: Vec<Option<usize>> = vec![None; windows.len()];
    for first in 0..windows.len() {
        let mut reached = vec![first];
        while let Some(next) = reached.pop() {
            if of[next].is_none() {
                of[next] = Some(first);
                reached.extend((0..windows.len()).filter(|n| of[*n].is_none() && tied(next, *n)));
            }
        }
    }
    of.into_iter().flatten().collect()
}

/// The batch that each window was decided in: the reviewer, the id, and when it began.
fn batches<'r>(
    windows: &'r [Record],
    setting: &'r Setting,
) -> Vec<Option<(&'r str, &'r str, i64)>> {
    let mut order: Vec<(i64, usize)> = windows
        .iter()
        .enumerate()
        .filter_map(|(at, it)| Some((it.decision.as_ref()?.decided_at.as_millis(), at)))
        .collect();
    order.sort_unstable();
    let mut began: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut of = vec![None; windows.len()];
    for (decided, at) in order {
        let Some(decision) = &windows[at].decision else { continue };
        let Some(batch) = &decision.batch_id else { continue };
        let key = (setting.person(&decision.reviewer), batch.as_str());
        let since = began.entry(key).or_insert(decided);
        if decided - *since > setting.batch_hold_ms {
            *since = decided;
        }
        of[at] = Some((key.0, key.1, *since));
    }
    of
}

/// What some windows are worth together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Worth {
    pub(super) windows: u64,
    pub(super) incidents: u64,
    /// Kish's effective number.
    pub(super) effective: f64,
}

impl Worth {
    pub(super) fn of(wanted: &[usize], incidents: &[usize]) -> Worth {
        let names: BTreeSet<usize> = wanted.iter().map(|at| incidents[*at]).collect();
        let size =
            |name: &usize| wanted.iter().filter(|at| incidents[**at] == *name).count() as f64;
        let squares: f64 = names.iter().map(|name| size(name) * size(name)).sum();
        let count = wanted.len() as f64;
        Worth {
            windows: wanted.len() as u64,
            incidents: names.len() as u64,
            effective: if wanted.is_empty() { 0.0 } else { count * count / squares },
        }
    }

    pub(super) fn json(self) -> Value {
        json!({
            "windows": self.windows,
            "incidents": self.incidents,
            "effective": self.effective,
        })
    }
}
