//! Reads the answer of a token endpoint (RFC 6749, sections 5.1 and 5.2).
//!
//! Invariants: a token is accepted only if a broker can read it and it is still valid;
//! messages hold only the status of an answer and known error codes, since the rest may
//! repeat what was sent.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::runtime::stages::Fault;
use crate::settings::Secret;
use crate::time::{Span, Timestamp};

/// The beginning of every message about a token.
pub(super) const FETCHING: &str = "fetching a token from kafka.security.sasl.token_endpoint_url";

/// The assumed lifetime of a token if neither the answer nor the token states one.
const LIFETIME_ASSUMED: Span = Span::from_mins(5);

/// Longer lifetimes are cut to this.
const LIFETIME_MAX: Span = Span::from_mins(24 * 60);

/// A token, with its times by this machine's clock.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) value: Secret,
    /// The principal in the token, for librdkafka's log.
    pub(super) principal: String,
    /// When to fetch the next one.
    pub(super) renew_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// Error codes that messages may show, and what to do about them.
const CODES: &[(&str, &str)] = &[
    ("invalid_client", "check client_id and client_secret"),
    ("unauthorized_client", "allow this client the grant client_credentials"),
    ("unsupported_grant_type", "allow the grant client_credentials, or take another endpoint"),
    ("invalid_scope", "check scope"),
    ("access_denied", "check what this client may do, and scope"),
    ("invalid_target", "check scope"),
    ("invalid_resource", "check scope"),
    ("invalid_grant", "check client_id and client_secret"),
    ("invalid_request", "check the address and scope"),
    ("server_error", "see the token server's log"),
    ("temporarily_unavailable", "see the token server's log"),
];

/// Reads the token in an answer that came at `now`.
pub(super) fn read(
    status: u16,
    body: &[u8],
    client_id: &str,
    now: Timestamp,
) -> Result<Token, Fault> {
    if status != 200 {
        return Err(refusal(status, body));
    }
    let Ok(granted) = serde_json::from_slice::<Granted>(body) else {
        return Err(no_token("the answer holds no token"));
    };
    if granted.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(no_token("the token is not a bearer token"));
    }
    let value = granted.access_token;
    if !is_bearer_token(&value) {
        return Err(no_token("the token has characters that are not allowed"));
    }
    let claims = claims(&value);
    let says = granted.expires_in.as_ref().and_then(number);
    let until = [
        says.map(|seconds| now + millis(seconds)),
        claims.expires_at.map(|seconds| Timestamp::from_millis(millis(seconds).as_millis())),
    ];
    let expires_at =
        until.into_iter().flatten().min().unwrap_or(now + LIFETIME_ASSUMED).min(now + LIFETIME_MAX);
    let lifetime_ms = expires_at.since(now).as_millis();
    if lifetime_ms <= 0 {
        let why = "the token had already expired; compare this machine's clock with the server's";
        return Err(Fault::Passing(format!("{FETCHING}: {why}")));
    }
    Ok(Token {
        value: Secret::new(value),
        principal: claims.subject.unwrap_or_else(|| client_id.to_owned()),
        renew_at: now + Span::from_millis(lifetime_ms / 4 * 3),
        expires_at,
    })
}

fn no_token(why: &str) -> Fault {
    Fault::Lasting(format!("{FETCHING}: {why}; check the address"))
}

fn refusal(status: u16, body: &[u8]) -> Fault {
    let refused: Option<Refused> = serde_json::from_slice(body).ok();
    let known = refused.and_then(|refused| CODES.iter().find(|(code, _)| *code == refused.error));
    let why = match known {
        Some((code, advice)) => format!("{FETCHING}: status {status}, {code}; {advice}"),
        None if matches!(status, 401 | 403) => {
            format!("{FETCHING}: status {status}; check client_id and client_secret")
        }
        None if status == 429 => format!("{FETCHING}: status {status}; it is asked too often"),
        None if status >= 500 => {
            format!("{FETCHING}: status {status}; see the token server's log")
        }
        None => format!("{FETCHING}: status {status}; check the address"),
    };
    // Too early, too often, or a problem of the server.
    if matches!(status, 408 | 425 | 429) || status >= 500 {
        Fault::Passing(why)
    } else {
        Fault::Lasting(why)
    }
}

/// A number. Some servers write it in quotes.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// Cut to a century, so that no later arithmetic overflows.
fn millis(seconds: f64) -> Span {
    const CENTURY_S: f64 = 100.0 * 366.0 * 86_400.0;
    Span::from_millis((seconds.clamp(-CENTURY_S, CENTURY_S) * 1000.0) as i64)
}

/// Whether it is a `b64token` (RFC 6750, section 2.1). Other characters could break the
/// message to the broker.
fn is_bearer_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty()
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[derive(Default)]
struct Claims {
    subject: Option<String>,
    expires_at: Option<f64>,
}

/// The claims of a token, if it is a JWT. Its signature is not checked here: that is the
/// broker's job.
fn claims(token: &str) -> Claims {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Claims::default();
    };
    let claims: Option<Value> =
        URL_SAFE_NO_PAD.decode(payload).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let Some(claims) = claims else { return Claims::default() };
    Claims {
        subject: claims
            .get("sub")
            .and_then(Value::as_str)
            .filter(|subject| !subject.is_empty() && !subject.contains(char::is_control))
            .map(str::to_owned),
        expires_at: claims.get("exp").and_then(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000_000);

    fn of(body: &str) -> Result<Token, Fault> {
        read(200, body.as_bytes(), "client", NOW)
    }

    fn jwt(claims: &str) -> String {
        format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"),
            URL_SAFE_NO_PAD.encode(claims)
        )
    }

    #[test]
    fn a_token_lasts_as_long_as_the_answer_and_itself_say() {
        let seconds = |body: &str| {
            let token = of(body).unwrap();
            let renew = token.renew_at.since(NOW).as_millis();
            let all = token.expires_at.since(NOW).as_millis();
            assert_eq!(renew, all / 4 * 3);
            all / 1000
        };
        assert_eq!(seconds(r#"{"access_token":"t","expires_in":60}"#), 60);
        assert_eq!(seconds(r#"{"access_token":"t","expires_in":"60"}"#), 60);
        assert_eq!(seconds(r#"{"access_token":"t"}"#), 300);
        assert_eq!(seconds(r#"{"access_token":"t","expires_in":1e300}"#), 86_400);
        let with = |claims: &str, more: &str| {
            seconds(&format!("{{\"access_token\":\"{}\"{more}}}", jwt(claims)))
        };
        assert_eq!(with(r#"{"exp":1000000090}"#, ""), 90);
        assert_eq!(with(r#"{"exp":1000000090.5}"#, ",\"expires_in\":60"), 60);
        assert_eq!(with(r#"{"exp":1000000030}"#, ",\"expires_in\":60"), 30);
        assert_eq!(with(r#"{"exp":"soon"}"#, ",\"expires_in\":60"), 60);
    }

    #[test]
    fn the_principal_is_the_subject_of_a_jwt_or_the_client() {
        let principal = |token: &str| {
            of(&format!("{{\"access_token\":\"{token}\",\"token_type\":\"bearer\"}}"))
                .unwrap()
                .principal
        };
        assert_eq!(principal(&jwt(r#"{"sub":"service-1"}"#)), "service-1");
        for token in [
            "opaque",
            "a.b.c",
            &jwt("[]"),
            &jwt("{}"),
            &jwt(r#"{"sub":7}"#),
            &jwt(r#"{"sub":"\u0000"}"#),
        ] {
            assert_eq!(principal(token), "client");
        }
    }

    #[test]
    fn what_no_broker_could_read_is_refused_and_not_told() {
        for body in [
            "",
            "<html>canary</html>",
            "{}",
            r#"{"access_token":7}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"=canary"}"#,
            r#"{"access_token":"canary\u0001auth=x"}"#,
            r#"{"access_token":"canary","token_type":"mac"}"#,
        ] {
            let Err(Fault::Lasting(why)) = of(body) else { panic!("{body}") };
            assert!(why.starts_with(FETCHING) && !why.contains("canary"), "{why}");
        }
        for body in [
            r#"{"access_token":"t","expires_in":0}"#.to_owned(),
            r#"{"access_token":"t","expires_in":-1e300}"#.to_owned(),
            format!("{{\"access_token\":\"{}\"}}", jwt(r#"{"exp":999999999}"#)),
        ] {
            let Err(Fault::Passing(why)) = of(&body) else { panic!("{body}") };
            assert!(why.contains("clock"), "{why}");
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_status_and_a_known_code() {
        let told = |status, body: &str| match read(status, body.as_bytes(), "client", NOW) {
            Err(Fault::Lasting(why)) => format!("lasting {}", &why[FETCHING.len() + 2..]),
            Err(Fault::Passing(why)) => format!("passing {}", &why[FETCHING.len() + 2..]),
            Err(Fault::Doubtful(why)) => panic!("{why}"),
            Ok(token) => panic!("{token:?}"),
        };
        let refused = r#"{"error":"invalid_client","error_description":"canary"}"#;
        let advice = "check client_id and client_secret";
        assert_eq!(told(401, refused), format!("lasting status 401, invalid_client; {advice}"));
        assert_eq!(
            told(400, r#"{"error":"invalid_scope"}"#),
            "lasting status 400, invalid_scope; check scope"
        );
        assert_eq!(told(401, r#"{"error":"canary"}"#), format!("lasting status 401; {advice}"));
        for status in [204, 302, 404] {
            assert_eq!(
                told(status, "canary"),
                format!("lasting status {status}; check the address")
            );
        }
        assert_eq!(told(429, "canary"), "passing status 429; it is asked too often");
        for status in [500, 503] {
            let advice = "see the token server's log";
            assert_eq!(told(status, "canary"), format!("passing status {status}; {advice}"));
        }
    }
}
