//! What a run is told about alerts: where they are pushed to, which of them, and
//! when many or restless ones become one.

use std::path::PathBuf;

use super::Secret;
use crate::engine::alerts::{Alert, Urgency};
use crate::event::{Severity, Workflow};
use crate::time::Span;

/// How alerts reach people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// Where they are pushed to; nowhere if there are none.
    pub alertmanagers: Vec<Alertmanager>,
    /// Exceptions; the first that fits decides.
    pub rules: Vec<AlertRule>,
    /// Where people reach this program's pages, without a slash at the end.
    pub external_url: Option<String>,
    /// Where the runbooks are, without a slash at the end.
    pub runbooks: String,
    /// How often what fires is pushed again.
    pub resend_interval: Span,
    /// After how long an Alertmanager takes what is not pushed again for ended.
    pub ends_after: Span,
    /// For how long an end is pushed again.
    pub resolved_for: Span,
    /// How long a new alert waits for others that come with it.
    pub gather: Span,
    /// More alerts of one kind within `group_within` are pushed as one.
    pub group_size: usize,
    /// See `group_size`.
    pub group_within: Span,
    /// An alert that begins so many times within `flap_within` is restless.
    pub flap_count: usize,
    /// See `flap_count`.
    pub flap_within: Span,
    /// A restless alert has ended when it has been quiet for so long.
    pub flap_hold: Span,
    /// Alerts held at most.
    pub firing_max: usize,
    /// Alerts that wait for one Alertmanager at most.
    pub queue_max: usize,
}

impl Default for Alerts {
    fn default() -> Alerts {
        Alerts {
            alertmanagers: Vec::new(),
            rules: Vec::new(),
            external_url: None,
            runbooks: "docs/runbooks".to_owned(),
            resend_interval: Span::from_mins(1),
            ends_after: Span::from_mins(5),
            resolved_for: Span::from_mins(5),
            gather: Span::from_millis(250),
            group_size: 20,
            group_within: Span::from_mins(1),
            flap_count: 3,
            flap_within: Span::from_mins(10),
            flap_hold: Span::from_mins(10),
            firing_max: 100_000,
            queue_max: 100_000,
        }
    }
}

/// One Alertmanager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanager {
    /// Its address, without a slash at the end.
    pub url: String,
    /// How to log in.
    pub login: Option<Login>,
    /// Certificates of the authorities that its own is checked against, beside
    /// those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Span,
}

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A bearer token.
    Bearer(Secret),
    /// A name and a password.
    Basic {
        /// Who we are.
        username: String,
        /// The password.
        password: Secret,
    },
}

/// An exception to how alerts are pushed. An empty list fits everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRule {
    /// Which alerts.
    pub alerts: Vec<Alert>,
    /// Of which workflows.
    pub workflows: Vec<Workflow>,
    /// Of windows of which severity.
    pub severities: Vec<Severity>,
    /// Whether they are pushed at all.
    pub push: bool,
    /// How urgent they are, in place of what the alert itself says.
    pub urgency: Option<Urgency>,
}

impl AlertRule {
    /// Whether it is about an alert of this kind. One about a reviewer has neither
    /// workflow nor severity: a rule that names any is not about it.
    pub fn fits(
        &self,
        alert: Alert,
        workflow: Option<Workflow>,
        severity: Option<Severity>,
    ) -> bool {
        fn within<T: PartialEq>(list: &[T], value: Option<T>) -> bool {
            list.is_empty() || value.is_some_and(|value| list.contains(&value))
        }
        within(&self.alerts, Some(alert))
            && within(&self.workflows, workflow)
            && within(&self.severities, severity)
    }
}
