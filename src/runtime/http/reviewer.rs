//! The alerts about reviewers, each with its evidence.

use std::collections::BTreeMap;

use serde::Serialize;

use super::catching_up::CatchingUp;
use super::options::Shown;
use crate::engine::alerts::Alert;
use crate::runtime::reviewer_alerts::AlertState;
use crate::runtime::view::{Period, Reviewer, Status};
use crate::time::Timestamp;

/// The alerts about all reviewers.
#[derive(Serialize)]
pub(super) struct ReviewerAlertsAnswer {
    as_of: Timestamp,
    view: Status,
    /// Alerts that found no room.
    not_kept: u64,
    alerts: Vec<AlertState>,
}

/// The alert about one reviewer.
#[derive(Serialize)]
pub(super) struct ReviewerAlertAnswer {
    as_of: Timestamp,
    view: Status,
    /// How far all this is behind the present; null unless a start still catches up.
    catching_up: Option<CatchingUp>,
    alert: AlertState,
    /// The best-known names of the credentials of its decisions, by exposure.
    known_as: BTreeMap<String, String>,
    /// The path of its runbook.
    runbook: String,
    period: Period,
    /// The reviewer's decisions in the period; null if there are none.
    figures: Option<Reviewer>,
}

impl ReviewerAlertsAnswer {
    pub(super) fn of(shown: &Shown) -> ReviewerAlertsAnswer {
        let (alerts, not_kept) = shown.reviewer_alerts.all();
        ReviewerAlertsAnswer {
            as_of: shown.clock.now(),
            view: shown.view.status(),
            not_kept,
            alerts,
        }
    }
}

impl ReviewerAlertAnswer {
    /// The alert about `reviewer`, if there is one now or was lately.
    pub(super) fn of(shown: &Shown, reviewer: &str) -> Option<ReviewerAlertAnswer> {
        let as_of = shown.clock.now();
        let (alerts, _) = shown.reviewer_alerts.all();
        let alert = alerts.into_iter().find(|alert| alert.reviewer == reviewer)?;
        let known_as = alert.path.iter().filter_map(|cited| {
            let record = shown.view.get(&cited.exposure_id)?.read()?;
            Some((cited.exposure_id.clone(), record.known_as(&shown.names).best.to_owned()))
        });
        let mut all = shown.view.reviewers(None, as_of);
        Some(ReviewerAlertAnswer {
            as_of,
            view: shown.view.status(),
            catching_up: CatchingUp::of(shown),
            figures: all.reviewers.remove(reviewer),
            known_as: known_as.collect(),
            alert,
            runbook: format!("/runbook/{}", Alert::RubberStampSuspected),
            period: all.period,
        })
    }
}
