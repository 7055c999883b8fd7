//! How a delivery proves who sent it, by the published procedure of each sender.
//!
//! | sender | what is signed | where it stands |
//! |---|---|---|
//! | GitHub | the body | `X-Hub-Signature-256: sha256=<hex>` |
//! | GitLab | nothing: the secret itself | `X-Gitlab-Token` |
//! | GitGuardian | the body, under timestamp and secret | `Gitguardian-Signature: sha256=<hex>`, `Timestamp` |
//! | PagerDuty v3 | the body | `X-PagerDuty-Signature: v1=<hex>, …` |
//! | Slack | `v0:<timestamp>:<body>` | `X-Slack-Signature: v0=<hex>`, `X-Slack-Request-Timestamp` |
//! | Standard Webhooks | `<id>.<timestamp>.<body>` | `webhook-signature: v1,<base64> …`, `webhook-id`, `webhook-timestamp` |
//!
//! Invariants: signatures and secrets are compared in constant time; a signature that covers
//! its time is refused when that is more than five minutes from the present; a header that
//! comes twice is refused.

use std::fmt;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use crate::runtime::http::compared::Compared;
use crate::settings::{self, Digest, Encoding, Verify, standard_key};
use crate::time::{Span, Timestamp};

/// How far the time of a signature may be from the present.
const FRESH_WITHIN: Span = Span::from_mins(5);

/// Why a delivery is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unverified {
    /// It lacks a header that the proof needs.
    Unsigned,
    /// It carries another secret or signature than it should, or one that cannot be read.
    Wrong,
    /// It was signed too long ago, or in the future.
    Stale,
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unverified::Unsigned => {
                "it lacks a header that proves who sent it; set the secret at the sender"
            }
            Unverified::Wrong => {
                "its signature or secret is another than this receiver's; compare both sides"
            }
            Unverified::Stale => {
                "it was signed more than five minutes before or after the present; compare the clocks"
            }
        })
    }
}

/// Checks the deliveries to one receiver.
#[derive(Clone)]
pub(super) struct Verifier {
    how: How,
    /// The secrets: two while one replaces the other.
    secrets: Vec<Secret>,
}

/// What is checked.
#[derive(Clone, Debug)]
enum How {
    Github,
    Gitguardian,
    Pagerduty,
    Slack,
    StandardWebhooks,
    Hmac { header: String, digest: Digest, encoding: Encoding, prefix: String },
    Gitlab,
    Bearer,
    Basic,
    Nothing,
}

/// A secret: a key of signatures, and something to compare with.
#[derive(Clone)]
struct Secret {
    key: Vec<u8>,
    compared: Compared,
}

/// Never shows a secret.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("how", &self.how).finish_non_exhaustive()
    }
}

impl Verifier {
    /// What a receiver's settings ask for.
    ///
    /// # Errors
    /// A secret that cannot be used, or no random bytes.
    pub(super) fn new(settings: &settings::Receiver) -> Result<Verifier, String> {
        let how = match settings.verify {
            Verify::Github => How::Github,
            Verify::Gitlab => How::Gitlab,
            Verify::Gitguardian => How::Gitguardian,
            Verify::Pagerduty => How::Pagerduty,
            Verify::Slack => How::Slack,
            Verify::StandardWebhooks => How::StandardWebhooks,
            Verify::Hmac => How::Hmac {
                header: settings.header.clone().unwrap_or_default().to_ascii_lowercase(),
                digest: settings.digest,
                encoding: settings.encoding,
                prefix: settings.prefix.clone().unwrap_or_default(),
            },
            Verify::Bearer => How::Bearer,
            Verify::Basic => How::Basic,
            Verify::None => How::Nothing,
        };
        let mut secrets = Vec::new();
        for secret in [&settings.secret, &settings.second_secret].into_iter().flatten() {
            let text = secret.reveal();
            let (key, compared) = match settings.verify {
                Verify::StandardWebhooks => {
                    let key =
                        standard_key(text).ok_or("a secret is not Base64 of 16 bytes or more")?;
                    (key, String::new())
                }
                Verify::Basic => {
                    let username = settings.username.as_deref().unwrap_or_default();
                    (Vec::new(), format!("{username}:{text}"))
                }
                _ => (text.as_bytes().to_vec(), text.to_owned()),
            };
            let compared = Compared::new(compared.as_bytes());
            secrets.push(Secret {
                key,
                compared: compared.ok_or("the system gives no random bytes")?,
            });
        }
        Ok(Verifier { how, secrets })
    }

    /// Whether it takes the body to tell who sent it.
    pub(super) const fn needs_body(&self) -> bool {
        !matches!(self.how, How::Gitlab | How::Bearer | How::Basic | How::Nothing)
    }

    /// Whether the request proves who sent it.
    pub(super) fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Unverified> {
        match &self.how {
            How::Nothing => Ok(()),
            How::Gitlab => self.equals(one(headers, "x-gitlab-token")?.as_bytes()),
            How::Bearer => self.equals(authorization(headers, "bearer")?.as_bytes()),
            How::Basic => {
                let given = STANDARD.decode(authorization(headers, "basic")?);
                self.equals(&given.map_err(|_| Unverified::Wrong)?)
            }
            How::Github => {
                let given = one(headers, "x-hub-signature-256")?;
                self.signs(&[after(given, "sha256=").and_then(hex)], &[body], "")
            }
            How::Pagerduty => {
                let given = one(headers, "x-pagerduty-signature")?;
                let all: Vec<_> =
                    given.split(',').map(|it| after(it.trim(), "v1=").and_then(hex)).collect();
                self.signs(&all, &[body], "")
            }
            How::Gitguardian => {
                let time = one(headers, "timestamp")?;
                let given = one(headers, "gitguardian-signature")?;
                self.signs(&[after(given, "sha256=").and_then(hex)], &[body], time)?;
                fresh(time, now)
            }
            How::Slack => {
                let time = one(headers, "x-slack-request-timestamp")?;
                let given = one(headers, "x-slack-signature")?;
                let signed = [b"v0:", time.as_bytes(), b":", body];
                self.signs(&[after(given, "v0=").and_then(hex)], &signed, "")?;
                fresh(time, now)
            }
            How::StandardWebhooks => {
                let time = one(headers, "webhook-timestamp")?;
                let id = one(headers, "webhook-id")?;
                let given = one(headers, "webhook-signature")?;
                let all: Vec<_> = given
                    .split(' ')
                    .map(|it| after(it, "v1,").and_then(|it| STANDARD.decode(it).ok()))
                    .collect();
                let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body];
                self.signs(&all, &signed, "")?;
                fresh(time, now)
            }
            How::Hmac { header, digest, encoding, prefix } => {
                let given = after(one(headers, header)?, prefix).ok_or(Unverified::Wrong)?;
                let given = match encoding {
                    Encoding::Hex => hex(given),
                    Encoding::Base64 => STANDARD.decode(given).ok(),
                };
                match digest {
                    Digest::Sha256 => self.signs(&[given], &[body], ""),
                    Digest::Sha512 => {
                        let given = given.ok_or(Unverified::Wrong)?;
                        let fits = |it: &Secret| {
                            let mac = Hmac::<Sha512>::new_from_slice(&it.key);
                            mac.is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok())
                        };
                        self.any(fits)
                    }
                }
            }
        }
    }

    /// Whether one of the secrets is `given`.
    fn equals(&self, given: &[u8]) -> Result<(), Unverified> {
        self.any(|secret| secret.compared.is(given))
    }

    /// Whether one of the signatures is that of `signed`, under `salt` and a secret.
    fn signs(
        &self,
        signatures: &[Option<Vec<u8>>],
        signed: &[&[u8]],
        salt: &str,
    ) -> Result<(), Unverified> {
        self.any(|secret| {
            let key = [salt.as_bytes(), &secret.key].concat();
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
            signed.iter().for_each(|part| mac.update(part));
            signatures.iter().flatten().any(|it| mac.clone().verify_slice(it).is_ok())
        })
    }

    fn any(&self, fits: impl Fn(&Secret) -> bool) -> Result<(), Unverified> {
        // All of them are tried, so that the time does not tell which one fits.
        let fitting = self.secrets.iter().filter(|secret| fits(secret)).count();
        if fitting > 0 { Ok(()) } else { Err(Unverified::Wrong) }
    }
}

/// The value of a header that comes once.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Unverified> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Unverified::Wrong),
        (None, _) => Err(Unverified::Unsigned),
        _ => Err(Unverified::Wrong),
    }
}

/// What stands behind the scheme in `Authorization`.
fn authorization<'h>(headers: &'h HeaderMap, scheme: &str) -> Result<&'h str, Unverified> {
    let (given, rest) = one(headers, header::AUTHORIZATION.as_str())?
        .trim()
        .split_once(' ')
        .ok_or(Unverified::Wrong)?;
    if given.eq_ignore_ascii_case(scheme) { Ok(rest.trim_start()) } else { Err(Unverified::Wrong) }
}

fn after<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    text.strip_prefix(prefix)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

/// Whether a signature's time, in seconds since 1970 or as RFC 3339 writes it, is near `now`.
fn fresh(time: &str, now: Timestamp) -> Result<(), Unverified> {
    let seconds = time.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e12);
    let at = seconds.map(|seconds| Timestamp::from_millis((seconds * 1000.0) as i64));
    let at = at.or_else(|| Timestamp::parse_rfc3339(time).ok()).ok_or(Unverified::Stale)?;
    let apart = now.since(at).as_millis().abs();
    if apart <= FRESH_WITHIN.as_millis() { Ok(()) } else { Err(Unverified::Stale) }
}

#[cfg(test)]
mod tests;
