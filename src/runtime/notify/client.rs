//! Posts alerts to the API v2 of one Alertmanager.
//!
//! Invariants: time and size are bounded; redirects are not followed, since each request
//! carries a login; no message holds the login or the text of an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use ureq::Agent;

use super::postable::PostableAlert;
use crate::metrics::PushFailure;
use crate::runtime::clock;
use crate::runtime::trust::{self, Between, NoTrust};
use crate::settings::{Alertmanager, Login, Secret};
use crate::time::{Span, Timestamp};

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// A smaller difference between clocks may come from the answer's whole seconds.
const SKEW_UNSURE: Span = Span::from_secs(2);

/// A client of one Alertmanager.
pub(super) struct Client {
    agent: Agent,
    url: String,
    authorization: Option<Secret>,
    ends_after: Span,
    /// How far its clock is ahead of ours, as of its last answer.
    ahead: Span,
}

/// Why a push failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PushError {
    pub(super) failure: PushFailure,
    /// Whether the same request may succeed later.
    pub(super) passing: bool,
    pub(super) why: String,
}

/// The JSON of an alert.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'p> {
    #[serde(flatten)]
    alert: &'p PostableAlert,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

impl Client {
    /// Reads the certificates of authorities. Does not connect yet.
    ///
    /// # Errors
    /// Certificates that cannot be read, or none at all.
    pub(super) fn new(settings: &Alertmanager, ends_after: Span) -> Result<Client, String> {
        let ca_file = settings.ca_file.as_deref();
        let config = trust::asking(&settings.url, ca_file, Between::Proxy, settings.timeout);
        let config = config.map_err(|why| match why {
            NoTrust::File(why) => format!("ca_file: {why}; give PEM certificates"),
            NoTrust::Nobody => "this system has no certificates of authorities; install them \
                                (ca-certificates), or set ca_file"
                .to_owned(),
        })?;
        let authorization = settings.login().map(|login| match login {
            Login::Bearer(token) => format!("Bearer {}", token.reveal()),
            Login::Basic { username, password } => {
                format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.reveal())))
            }
        });
        Ok(Client {
            agent: config.build().new_agent(),
            url: format!("{}/api/v2/alerts", settings.url),
            authorization: authorization.map(Secret::new),
            ends_after,
            ahead: Span::ZERO,
        })
    }

    /// How far its clock is ahead of ours, as of its last answer.
    pub(super) const fn ahead(&self) -> Span {
        self.ahead
    }

    /// Pushes alerts.
    ///
    /// # Errors
    /// When the Alertmanager did not accept them.
    pub(super) fn push(
        &mut self,
        alerts: &[PostableAlert],
        now: Timestamp,
    ) -> Result<(), PushError> {
        let posted: Vec<Posted<'_>> = alerts.iter().map(|alert| self.posted(alert, now)).collect();
        let body = serde_json::to_vec(&posted).map_err(|error| PushError {
            failure: PushFailure::Other,
            passing: false,
            why: error.to_string(),
        })?;
        let mut request = self.agent.post(&self.url).content_type("application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization.reveal());
        }
        let mut response = request.send(&body[..]).map_err(|error| push_error(&error))?;
        if let Some(date) = response.headers().get("date").and_then(|date| date.to_str().ok()) {
            self.ahead = ahead(date, clock::now()).unwrap_or(Span::ZERO);
        }
        // Read to its end so that the connection can be reused. The text does not matter.
        let _ = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        result(response.status().as_u16())
    }

    /// An alert with its times by the Alertmanager's clock. By our clock, a firing alert
    /// would count as ended if ours is far behind, and an ended one as firing if ours is
    /// ahead.
    fn posted<'p>(&self, alert: &'p PostableAlert, now: Timestamp) -> Posted<'p> {
        let ends_at = match alert.ended {
            None => now + self.ends_after + self.ahead,
            Some(ended) => ended.min(now) + self.ahead,
        };
        // Alertmanager refuses an alert that ends before it begins.
        let starts_at = (alert.began + self.ahead).min(ends_at + Span::from_millis(-1));
        Posted { alert, starts_at, ends_at }
    }
}

/// How far a clock that shows `date` is ahead of `now`.
fn ahead(date: &str, now: Timestamp) -> Option<Span> {
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    let ahead = Span::from_millis(date - now.as_millis());
    (ahead.as_millis().abs() > SKEW_UNSURE.as_millis()).then_some(ahead)
}

/// The result that an answer's status stands for.
fn result(status: u16) -> Result<(), PushError> {
    let (failure, passing) = match status {
        200..=299 => return Ok(()),
        300..=399 => (PushFailure::Redirect, false),
        408 | 429 | 500..=599 => (PushFailure::Unavailable, true),
        400..=499 => (PushFailure::Refused, false),
        _ => (PushFailure::Other, false),
    };
    let advice = match failure {
        PushFailure::Redirect => "; redirects are not followed, write the address it leads to",
        PushFailure::Refused => "; check its address, the login and its log",
        _ => "",
    };
    Err(PushError { failure, passing, why: format!("it answers {status}{advice}") })
}

fn push_error(error: &ureq::Error) -> PushError {
    use ureq::Error as E;
    let (failure, why) = match error {
        E::Timeout(_) => (PushFailure::Timeout, "no answer in time".to_owned()),
        E::HostNotFound => (PushFailure::Connection, "no such host".to_owned()),
        E::ConnectionFailed => (PushFailure::Connection, "no connection".to_owned()),
        E::Io(error) => match trust::objection(error) {
            Some(why) => (PushFailure::Tls, why),
            None => (PushFailure::Connection, error.to_string()),
        },
        E::Rustls(error) => (PushFailure::Tls, error.to_string()),
        E::Protocol(_) => (PushFailure::Other, "the answer is not HTTP".to_owned()),
        // The text of any other error may quote the address.
        _ => (PushFailure::Other, "failed".to_owned()),
    };
    PushError { failure, passing: true, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_elsewhere_is_noticed_and_a_second_is_not() {
        let now = Timestamp::parse_rfc3339("2026-03-02T09:00:00.700Z").unwrap();
        let seen = |date| ahead(date, now).map(Span::as_millis);
        assert_eq!(seen("Mon, 02 Mar 2026 09:00:00 GMT"), None);
        assert_eq!(seen("Mon, 02 Mar 2026 10:00:00 GMT"), Some(3_599_300));
        assert_eq!(seen("Mon, 02 Mar 2026 08:00:00 GMT"), Some(-3_600_700));
        assert_eq!(seen("yesterday"), None);
    }

    #[test]
    fn an_alert_never_ends_before_it_begins() {
        let now = Timestamp::parse_rfc3339("2026-03-02T09:00:00Z").unwrap();
        let settings = Alertmanager {
            url: "http://127.0.0.1:1".to_owned(),
            timeout: Span::from_secs(1),
            ..Alertmanager::default()
        };
        let mut client = Client::new(&settings, Span::from_mins(5)).unwrap();
        client.ahead = Span::from_mins(-60);
        let page = |ended| PostableAlert {
            labels: [("alertname", "A".to_owned())].into(),
            annotations: [].into(),
            link: None,
            // Of a clock that is ahead.
            began: now + Span::from_mins(30),
            ended,
        };
        for ended in [None, Some(now), Some(now + Span::from_mins(90))] {
            let page = page(ended);
            let posted = client.posted(&page, now);
            assert!(posted.starts_at < posted.ends_at);
            let theirs = now + Span::from_mins(-60);
            assert_eq!(posted.ends_at > theirs, ended.is_none(), "{ended:?}");
        }
        let text = serde_json::to_string(&client.posted(&page(None), now)).unwrap();
        assert!(
            text.starts_with(r#"{"labels":{"alertname":"A"},"annotations":{},"startsAt":""#),
            "{text}"
        );
    }
}
