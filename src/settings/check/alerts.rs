//! Checks of how alerts reach people: every address is one, no login goes through
//! the network unencrypted, and times fit each other.

use super::Check;
use super::security::is_this_machine;
use crate::settings::file::{AlertRuleTable, AlertmanagerTable, AlertsTable};
use crate::settings::value::{SpanText, Word};
use crate::settings::{AlertRule, Alertmanager, Alerts, Login};
use crate::time::Span;

/// More Alertmanagers than any cluster has.
const ALERTMANAGERS_MAX: usize = 16;
/// How long one request may take unless it is said.
const TIMEOUT: Span = Span::from_secs(10);

impl Check<'_> {
    pub(super) fn alerts(&mut self, table: &AlertsTable) -> Alerts {
        let default = Alerts::default();
        let alertmanagers = self.alertmanagers(table.alertmanagers.as_deref().unwrap_or_default());
        let rules = table.rules.as_deref().unwrap_or_default();
        let rules = rules.iter().enumerate().map(|(at, rule)| self.rule(at, rule)).collect();
        let span = |check: &mut Self, name, given, default| {
            check.positive(&["alerts", name], given, default)
        };
        let resend_interval =
            span(self, "resend_interval", table.resend_interval, default.resend_interval);
        let ends_after = span(self, "ends_after", table.ends_after, default.ends_after);
        if ends_after < resend_interval + resend_interval + resend_interval {
            self.fault(
                &["alerts", "ends_after"],
                format!(
                    "an Alertmanager would take an alert for ended when few pushes are lost; set it \
                     to three times resend_interval ({}) or more",
                    SpanText(resend_interval)
                ),
            );
        }
        let count = |check: &mut Self, name, given, default: usize, max: i64| {
            check.whole(&["alerts", name], given, default, 1..=max)
        };
        Alerts {
            alertmanagers,
            rules,
            external_url: self.link("external_url", table.external_url.as_deref()),
            runbooks: self.runbooks(table.runbooks.as_deref(), default.runbooks),
            resend_interval,
            ends_after,
            resolved_for: span(self, "resolved_for", table.resolved_for, default.resolved_for),
            // Nothing is wrong with none.
            gather: table.gather.map_or(default.gather, |SpanText(span)| span),
            group_size: count(self, "group_size", table.group_size, default.group_size, 1_000_000),
            group_within: span(self, "group_within", table.group_within, default.group_within),
            // The first beginning is no sign of restlessness.
            flap_count: self.whole(
                &["alerts", "flap_count"],
                table.flap_count,
                default.flap_count,
                2..=100,
            ),
            flap_within: span(self, "flap_within", table.flap_within, default.flap_within),
            flap_hold: span(self, "flap_hold", table.flap_hold, default.flap_hold),
            firing_max: count(self, "firing_max", table.firing_max, default.firing_max, 10_000_000),
            queue_max: count(self, "queue_max", table.queue_max, default.queue_max, 10_000_000),
        }
    }

    fn alertmanagers(&mut self, tables: &[AlertmanagerTable]) -> Vec<Alertmanager> {
        if tables.len() > ALERTMANAGERS_MAX {
            self.fault(
                &["alerts", "alertmanagers"],
                format!("more than {ALERTMANAGERS_MAX}; list the members of one cluster"),
            );
        }
        let mut found: Vec<Alertmanager> = Vec::new();
        for (index, table) in tables.iter().enumerate().take(ALERTMANAGERS_MAX) {
            let one = self.alertmanager(&index.to_string(), table);
            if found.iter().any(|other| other.url == one.url) {
                self.fault(
                    &["alerts", "alertmanagers", &index.to_string(), "url"],
                    "listed before; remove one of the two",
                );
            }
            found.push(one);
        }
        found
    }

    fn alertmanager(&mut self, index: &str, table: &AlertmanagerTable) -> Alertmanager {
        let key = |name| ["alerts", "alertmanagers", index, name];
        let url = table.url.as_deref().unwrap_or_default().trim_end_matches('/').to_owned();
        let web = is_web(&url);
        if !web {
            self.fault(
                &key("url"),
                "write http:// or https://, a host and a port, without a login",
            );
        }
        let ca_file = self.path(&key("ca_file"), table.ca_file.as_deref());
        if ca_file.is_some() && url.starts_with("http://") {
            self.fault(&key("ca_file"), "of no use without encryption; write https://");
        }
        let token = self.secret(
            &key("bearer_token"),
            table.bearer_token.as_ref(),
            table.bearer_token_file.as_deref(),
        );
        let password =
            self.secret(&key("password"), table.password.as_ref(), table.password_file.as_deref());
        if let Some(bad) =
            [&token, &password].into_iter().flatten().find(|it| !is_visible(it.reveal()))
        {
            let name = if Some(bad) == token.as_ref() { "bearer_token" } else { "password" };
            self.fault(&key(name), "a control character in it; it stands in a request's header");
        }
        let login = match (token, &table.username, password) {
            (None, None, None) => None,
            (Some(token), None, None) => Some(Login::Bearer(token)),
            (None, Some(username), Some(password))
                if !username.contains(':') && is_visible(username) =>
            {
                Some(Login::Basic { username: username.clone(), password })
            }
            (None, Some(_), Some(_)) => {
                self.fault(&key("username"), "a colon or a control character in it");
                None
            }
            (Some(_), ..) => {
                self.fault(&key("bearer_token"), "username or password is set as well; remove one");
                None
            }
            // A file that could not be read was told.
            (None, Some(_), None) if table.password_file.is_some() => None,
            (None, Some(_), None) => {
                self.fault(&key("username"), "password_file or password is missing");
                None
            }
            (None, None, Some(_)) => {
                self.fault(&key("password"), "username is missing");
                None
            }
        };
        let local = url.strip_prefix("http://").is_none_or(is_this_machine);
        if login.is_some() && web && !local {
            self.fault(
                &key("url"),
                "the login would go through the network unencrypted; write https://, or remove it",
            );
        }
        Alertmanager {
            url,
            login,
            ca_file,
            timeout: self.positive(&key("timeout"), table.timeout, TIMEOUT),
        }
    }

    fn rule(&mut self, at: usize, table: &AlertRuleTable) -> AlertRule {
        if table.push.is_none() && table.urgency.is_none() {
            self.fault(
                &["alerts", "rules", &at.to_string()],
                "changes nothing; set push = false, or urgency",
            );
        }
        fn words<T: Copy>(list: Option<&Vec<Word<T>>>) -> Vec<T> {
            list.into_iter().flatten().map(|Word(word)| *word).collect()
        }
        AlertRule {
            alerts: words(table.alerts.as_ref()),
            workflows: words(table.workflows.as_ref()),
            severities: words(table.severities.as_ref()),
            push: table.push.unwrap_or(true),
            urgency: table.urgency.map(|Word(urgency)| urgency),
        }
    }

    fn link(&mut self, name: &str, given: Option<&str>) -> Option<String> {
        let url = given?.trim_end_matches('/');
        if !is_web(url) {
            self.fault(&["alerts", name], "write http:// or https:// and a host, without a login");
        }
        Some(url.to_owned())
    }

    /// An address, or a path within the repository.
    fn runbooks(&mut self, given: Option<&str>, default: String) -> String {
        match given {
            Some(text) if text.contains("://") => {
                self.link("runbooks", Some(text)).unwrap_or(default)
            }
            Some(text) if !is_visible(text) => {
                self.fault(&["alerts", "runbooks"], "a control character in it; write an address");
                default
            }
            Some(text) => text.trim_end_matches('/').to_owned(),
            None => default,
        }
    }
}

/// Whether it is an address of the web that names a host and no login.
fn is_web(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':', '?', '#'])
            && !rest.contains(|c: char| c.is_control() || c.is_whitespace() || c == '@')
            && !rest.contains(['?', '#'])
    })
}

fn is_visible(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
