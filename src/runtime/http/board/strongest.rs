//! Of the alerts about a missing decision the board tells the strongest: who is late is also
//! overdue, and was due soon before. Metrics and the alerts' topic have each of them.

use crate::engine::alerts::{Alert, AlertSet};

/// Whether an alert of the same exposure that is among `alerts` says more than `alert`.
pub(super) fn is_superseded(alert: Alert, alerts: AlertSet) -> bool {
    let stronger: &[Alert] = match alert {
        Alert::ReviewDueSoon => &[Alert::ReviewOverdue, Alert::AttackerLikelyPresent],
        Alert::ReviewOverdue => &[Alert::AttackerLikelyPresent],
        _ => &[],
    };
    stronger.iter().any(|stronger| alerts.contains(*stronger))
}

/// The alerts of one exposure that the board counts.
pub(super) fn strongest(alerts: AlertSet) -> impl Iterator<Item = Alert> {
    alerts.iter().filter(move |alert| !is_superseded(*alert, alerts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_of_a_missing_decision_stands_beside_all_others() {
        let of = |alerts: &[Alert]| {
            let mut set = AlertSet::default();
            alerts.iter().for_each(|alert| set.insert(*alert));
            strongest(set).collect::<Vec<_>>()
        };
        use Alert::{AttackObserved, AttackerLikelyPresent, ReviewDueSoon, ReviewOverdue};
        assert_eq!(of(&[ReviewDueSoon]), [ReviewDueSoon]);
        assert_eq!(of(&[ReviewDueSoon, ReviewOverdue]), [ReviewOverdue]);
        let all = [AttackObserved, ReviewDueSoon, ReviewOverdue, AttackerLikelyPresent];
        assert_eq!(of(&all), [AttackObserved, AttackerLikelyPresent]);
    }
}
