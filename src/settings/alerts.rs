//! Settings of alerts: where they are pushed, which of them, and when many or
//! flapping ones become one.

use std::path::PathBuf;

use super::address::is_web;
use super::declare::settings;
use super::secret::Secret;
use crate::engine::alerts::{Alert, Urgency};
use crate::event::{Severity, Workflow};
use crate::time::Span;

/// No cluster has more Alertmanagers.
const ALERTMANAGERS_MAX: usize = 16;
/// The shortest span where zero makes no sense.
const SHORTEST: Span = Span::from_millis(1);

settings! {
    /// How alerts reach people.
    pub struct Alerts {
        /// Where alerts are pushed.
        alertmanagers: Vec<Alertmanager>, check few;
        /// Exceptions; the first that fits decides.
        rules: Vec<AlertRule>;
        /// The address at which people reach this program's pages; links in a page begin with it.
        external_url: Option<String>, check web_address;
        /// The address at which people find runbooks of their own; `/`, the alert's name and `.md` are
        /// appended. Without it, links lead to the runbooks that this program serves at `external_url`.
        runbooks: Option<String>, check runbooks;
        /// How often an alert that holds is pushed again.
        resend_interval: Span = Span::from_mins(1), in SHORTEST..;
        /// After how long an Alertmanager considers an alert ended that is not pushed again; at
        /// least three times `resend_interval`.
        ends_after: Span = Span::from_mins(5), in SHORTEST..;
        /// For how long the end of an alert is pushed again.
        resolved_for: Span = Span::from_mins(5), in SHORTEST..;
        /// How long a new alert waits for others of its kind, so that many are pushed as one;
        /// `0s` for not at all.
        gather: Span = Span::from_millis(250);
        /// More alerts of one kind, workflow and urgency within `group_within` are pushed as one group.
        group_size: usize = 20, in 1..=1_000_000;
        /// The length of the intervals in which alerts are counted for `group_size`; intervals
        /// start at multiples of it since 1970, and a burst across a boundary becomes two groups.
        group_within: Span = Span::from_mins(1), in SHORTEST..;
        /// An alert that begins this often within `flap_within` is flapping.
        flap_count: usize = 3, in 2..=100;
        /// See `flap_count`.
        flap_within: Span = Span::from_mins(10), in SHORTEST..;
        /// A flapping alert is pushed as ended only after it has been quiet for this long.
        flap_hold: Span = Span::from_mins(10), in SHORTEST..;
        /// Alerts held at most; further ones are not pushed, but counted.
        firing_max: usize = 100_000, in 1..=10_000_000;
        /// Alerts that wait for one Alertmanager at most.
        queue_max: usize = 100_000, in 1..=10_000_000;
    }

    /// One Alertmanager.
    pub struct Alertmanager {
        /// Its address, with the path of its `--web.route-prefix` if it has one.
        url: String,
            required "no address; write http:// or https://, a host and a port, without a login",
            check web_address;
        /// A token to log in with.
        bearer_token: Option<Secret>, check visible_secret;
        /// A user to log in as, instead of a token.
        username: Option<String>, check user;
        /// The user's password.
        password: Option<Secret>, check visible_secret;
        /// PEM certificates of authorities to trust besides the system's.
        ca_file: Option<PathBuf>;
        /// How long one request may take.
        timeout: Span = Span::from_secs(10), in SHORTEST..;
    }

    /// An exception to how alerts are pushed. An empty list fits everything.
    pub struct AlertRule {
        /// Which alerts.
        alerts: Vec<Alert>;
        /// Alerts of which workflows.
        workflows: Vec<Workflow>;
        /// Alerts about windows of which severities.
        severities: Vec<Severity>;
        /// Whether they are pushed.
        push: bool = true;
        /// Their `severity` label, instead of the alert's own.
        urgency: Option<Urgency>;
    }
}

/// How to log in to an Alertmanager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login<'s> {
    /// With a bearer token.
    Bearer(&'s Secret),
    /// With a user and a password.
    Basic {
        /// The user.
        username: &'s str,
        /// The password.
        password: &'s Secret,
    },
}

impl Alertmanager {
    /// The login, if there is one.
    pub fn login(&self) -> Option<Login<'_>> {
        match (&self.bearer_token, &self.username, &self.password) {
            (Some(token), ..) => Some(Login::Bearer(token)),
            (None, Some(username), Some(password)) => Some(Login::Basic { username, password }),
            (None, ..) => None,
        }
    }
}

impl AlertRule {
    /// Whether the rule is about such an alert. An alert about a reviewer has
    /// neither workflow nor severity: a rule that names any does not fit it.
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

fn few(list: &[Alertmanager]) -> Result<(), String> {
    if list.len() > ALERTMANAGERS_MAX {
        return Err(format!("more than {ALERTMANAGERS_MAX}; list the members of one cluster"));
    }
    Ok(())
}

/// An address of the web; the slash at its end goes.
fn web_address(url: &mut String) -> Result<(), String> {
    url.truncate(url.trim_end_matches('/').len());
    if is_web(url) {
        return Ok(());
    }
    Err("not an address; write http:// or https:// and a host, without a login".to_owned())
}

/// An address, or a path within the repository.
fn runbooks(runbooks: &mut String) -> Result<(), String> {
    if runbooks.contains("://") {
        return web_address(runbooks);
    }
    runbooks.truncate(runbooks.trim_end_matches('/').len());
    visible(runbooks)
}

/// A text that can stand in a request's header.
fn visible(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err("it contains a control character; remove it".to_owned());
    }
    Ok(())
}

fn visible_secret(secret: &Secret) -> Result<(), String> {
    visible(secret.reveal())
}

fn user(name: &str) -> Result<(), String> {
    if name.contains(':') {
        return Err("it contains a colon, which no user's name can have; remove it".to_owned());
    }
    visible(name)
}
