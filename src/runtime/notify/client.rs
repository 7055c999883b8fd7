//! One Alertmanager: alerts are posted to its API v2.
//!
//! Invariants: time and size are bounded; no redirect is followed, since a login
//! goes with each request; neither the login nor an answer's text, which may be
//! anything, is in a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use ureq::{Agent, Proxy};

use super::page::Page;
use crate::metrics::PushFailure;
use crate::runtime::clock;
use crate::runtime::trust::{self, NoTrust};
use crate::settings::{Alertmanager, Login, Secret};
use crate::time::{Span, Timestamp};

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// A difference between clocks that the answer's whole seconds may feign.
const SKEW_UNSURE: Span = Span::from_secs(2);

/// An Alertmanager that can be reached.
pub(super) struct Client {
    agent: Agent,
    url: String,
    authorization: Option<Secret>,
    ends_after: Span,
    /// How far its clock is ahead of ours, as of its last answer.
    ahead: Span,
}

/// Why alerts were not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotTaken {
    pub(super) failure: PushFailure,
    /// Whether the same request may do better later.
    pub(super) passing: bool,
    pub(super) why: String,
}

/// An alert as the API takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'p> {
    #[serde(flatten)]
    page: &'p Page,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

impl Client {
    /// Reads the authorities' certificates; connects to nothing yet.
    ///
    /// # Errors
    /// Certificates that cannot be read, or none at all.
    pub(super) fn new(settings: &Alertmanager, ends_after: Span) -> Result<Client, String> {
        let plain = settings.url.starts_with("http://");
        let timeout = u64::try_from(settings.timeout.as_millis()).unwrap_or(0);
        let mut config = Agent::config_builder()
            .https_only(!plain)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent("shutterlag")
            .timeout_global(Some(std::time::Duration::from_millis(timeout)));
        config = if plain {
            config.proxy(None)
        } else {
            let tls = trust::tls(settings.ca_file.as_deref()).map_err(|why| match why {
                NoTrust::File(why) => format!("ca_file: {why}; give PEM certificates"),
                NoTrust::Nobody => "this system has no certificates of authorities; install them \
                                    (ca-certificates), or set ca_file"
                    .to_owned(),
            })?;
            config.proxy(Proxy::try_from_env()).tls_config(tls)
        };
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
    /// When they were not taken.
    pub(super) fn push(&mut self, pages: &[Page], now: Timestamp) -> Result<(), NotTaken> {
        let posted: Vec<Posted<'_>> = pages.iter().map(|page| self.posted(page, now)).collect();
        let body = serde_json::to_vec(&posted).map_err(|error| NotTaken {
            failure: PushFailure::Other,
            passing: false,
            why: error.to_string(),
        })?;
        let mut request = self.agent.post(&self.url).content_type("application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization.reveal());
        }
        let mut response = request.send(&body[..]).map_err(|error| not_taken(&error))?;
        if let Some(date) = response.headers().get("date").and_then(|date| date.to_str().ok()) {
            self.ahead = ahead(date, clock::now()).unwrap_or(Span::ZERO);
        }
        // So that the connection can be used again; what is in it is its own business.
        let _ = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        taken(response.status().as_u16())
    }

    /// An alert with its times, as the Alertmanager's clock has them: by its own, it
    /// would take what fires for ended if ours was far behind, or what has ended
    /// for firing if ours was ahead.
    fn posted<'p>(&self, page: &'p Page, now: Timestamp) -> Posted<'p> {
        let ends_at = match page.ended {
            None => now + self.ends_after + self.ahead,
            Some(ended) => ended.min(now) + self.ahead,
        };
        // One that ends before it begins is refused.
        let starts_at = (page.began + self.ahead).min(ends_at + Span::from_millis(-1));
        Posted { page, starts_at, ends_at }
    }
}

/// How far a clock that says `date` is ahead of `now`.
fn ahead(date: &str, now: Timestamp) -> Option<Span> {
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    let ahead = Span::from_millis(date - now.as_millis());
    (ahead.as_millis().abs() > SKEW_UNSURE.as_millis()).then_some(ahead)
}

/// What an answer's status means.
fn taken(status: u16) -> Result<(), NotTaken> {
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
    Err(NotTaken { failure, passing, why: format!("it answers {status}{advice}") })
}

fn not_taken(error: &ureq::Error) -> NotTaken {
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
        // What else there is may quote the address.
        _ => (PushFailure::Other, "failed".to_owned()),
    };
    NotTaken { failure, passing: true, why }
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
        let page = |ended| Page {
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
