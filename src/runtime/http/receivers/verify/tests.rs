//! Each sender's procedure with its published example, and everything that must be refused.

use super::*;

fn receiver(verify: Verify, secret: &str) -> settings::Receiver {
    settings::Receiver {
        name: "hook".to_owned(),
        verify,
        secret: Some(settings::Secret::new(secret)),
        ..settings::Receiver::default()
    }
}

fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Asserts that a delivery is accepted as it is and refused with another body, another
/// secret, without any one of its headers, and with any one of them twice.
fn only_as_it_is(
    settings: &settings::Receiver,
    sent: &[(&'static str, &str)],
    body: &[u8],
    now: Timestamp,
) {
    let verifier = Verifier::new(settings).unwrap();
    assert_eq!(verifier.verify(&headers(sent), body, now), Ok(()));
    let other = settings::Receiver {
        secret: Some(settings::Secret::new("whsec_c29tZSBvdGhlciBzZWNyZXQ=")),
        ..settings.clone()
    };
    let wrong = Err(Unverified::Wrong);
    assert_eq!(Verifier::new(&other).unwrap().verify(&headers(sent), body, now), wrong);
    for left_out in 0..sent.len() {
        let mut some = sent.to_vec();
        let (name, value) = some.remove(left_out);
        let unsigned = Err(Unverified::Unsigned);
        assert_eq!(verifier.verify(&headers(&some), body, now), unsigned, "without {name}");
        some.extend([(name, value), (name, value)]);
        assert_eq!(verifier.verify(&headers(&some), body, now), wrong, "{name} twice");
    }
    // The secret that is being replaced is still good, whichever of the two it is.
    let rotated = settings::Receiver { second_secret: settings.secret.clone(), ..other };
    assert_eq!(Verifier::new(&rotated).unwrap().verify(&headers(sent), body, now), Ok(()));
}

/// The same where the body is signed.
fn signs_the_body(
    settings: &settings::Receiver,
    sent: &[(&'static str, &str)],
    body: &[u8],
    now: Timestamp,
) {
    only_as_it_is(settings, sent, body, now);
    let verifier = Verifier::new(settings).unwrap();
    let mut changed = body.to_vec();
    changed[0] ^= 1;
    assert_eq!(verifier.verify(&headers(sent), &changed, now), Err(Unverified::Wrong));
    assert_eq!(verifier.verify(&headers(sent), b"", now), Err(Unverified::Wrong));
}

fn is_fresh_for_five_minutes(
    settings: &settings::Receiver,
    sent: &[(&'static str, &str)],
    body: &[u8],
    signed_at: i64,
) {
    let verifier = Verifier::new(settings).unwrap();
    for (seconds, expected) in [
        (-301, Err(Unverified::Stale)),
        (-300, Ok(())),
        (300, Ok(())),
        (301, Err(Unverified::Stale)),
    ] {
        let now = at(signed_at + seconds);
        assert_eq!(verifier.verify(&headers(sent), body, now), expected, "{seconds} s later");
    }
}

/// The example of "Validating webhook deliveries" in GitHub's documentation.
#[test]
fn github() {
    let settings = receiver(Verify::Github, "It's a Secret to Everybody");
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    signs_the_body(&settings, &[("x-hub-signature-256", signature)], b"Hello, World!", at(0));
}

/// The example of "Verifying requests from Slack" in Slack's documentation.
#[test]
fn slack() {
    let settings = receiver(Verify::Slack, "8f742231b10e8888abcd99yyyzzz85a5");
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&\
channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&\
command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F\
T1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let sent = [
        ("x-slack-request-timestamp", "1531420618"),
        (
            "x-slack-signature",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        ),
    ];
    signs_the_body(&settings, &sent, body, at(1_531_420_618));
    is_fresh_for_five_minutes(&settings, &sent, body, 1_531_420_618);
}

/// The example of the Standard Webhooks specification.
#[test]
fn standard_webhooks() {
    let settings = receiver(Verify::StandardWebhooks, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let body = br#"{"test": 2432232314}"#;
    let sent = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    signs_the_body(&settings, &sent, body, at(1_614_265_330));
    is_fresh_for_five_minutes(&settings, &sent, body, 1_614_265_330);
    // Several signatures, while the sender replaces its key.
    let mut several = sent;
    several[2].1 = "v1,AAAA v1a,xyz v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    signs_the_body(&settings, &several, body, at(1_614_265_330));
}

/// By "Verifying webhook signatures" in PagerDuty's documentation: `v1=` and the HMAC of the
/// body, several separated by commas while a secret is replaced.
#[test]
fn pagerduty() {
    let settings = receiver(Verify::Pagerduty, "pagerduty-secret");
    let signature = signed("pagerduty-secret", b"{}");
    let sent = [("x-pagerduty-signature", &*format!("v1=00ff, v1={signature}"))];
    signs_the_body(&settings, &sent, b"{}", at(0));
    let bare = headers(&[("x-pagerduty-signature", &signature)]);
    let verifier = Verifier::new(&settings).unwrap();
    assert_eq!(verifier.verify(&bare, b"{}", at(0)), Err(Unverified::Wrong));
}

/// By "Custom webhook" in GitGuardian's documentation: the key is the timestamp and the token.
#[test]
fn gitguardian() {
    let settings = receiver(Verify::Gitguardian, "token");
    for time in ["1700000000", "1700000000.25"] {
        let signature = format!("sha256={}", signed(&format!("{time}token"), b"{}"));
        let sent = [("timestamp", time), ("gitguardian-signature", &*signature)];
        signs_the_body(&settings, &sent, b"{}", at(1_700_000_000));
    }
    let signature = format!("sha256={}", signed("1700000000token", b"{}"));
    let sent = [("timestamp", "1700000000"), ("gitguardian-signature", &*signature)];
    is_fresh_for_five_minutes(&settings, &sent, b"{}", 1_700_000_000);
}

#[test]
fn an_hmac_in_a_header_of_ones_choice() {
    let mut settings = receiver(Verify::Hmac, "key");
    settings.header = Some("X-Signed".to_owned());
    settings.prefix = Some("mac=".to_owned());
    let signature = format!("mac={}", signed("key", b"body"));
    signs_the_body(&settings, &[("x-signed", &signature)], b"body", at(0));
    // RFC 4231, test case 2.
    let mut settings = receiver(Verify::Hmac, "Jefe");
    settings.header = Some("x-signed".to_owned());
    settings.encoding = Encoding::Base64;
    settings.digest = Digest::Sha512;
    let expected = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c0\
                    5a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
    assert_eq!(signed512("Jefe", b"what do ya want for nothing?"), expected);
    let sent = STANDARD.encode(hex(expected).unwrap());
    signs_the_body(&settings, &[("x-signed", &sent)], b"what do ya want for nothing?", at(0));
}

#[test]
fn secrets_that_are_sent_themselves() {
    let gitlab = receiver(Verify::Gitlab, "gitlab secret");
    only_as_it_is(&gitlab, &[("x-gitlab-token", "gitlab secret")], b"{}", at(0));
    let bearer = receiver(Verify::Bearer, "bearer-secret");
    only_as_it_is(&bearer, &[("authorization", "Bearer bearer-secret")], b"{}", at(0));
    let mut basic = receiver(Verify::Basic, "open sesame");
    basic.username = Some("Aladdin".to_owned());
    // The example of RFC 7617.
    let sent = [("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")];
    only_as_it_is(&basic, &sent, b"{}", at(0));
    let wrong = Err(Unverified::Wrong);
    for other in ["Bearer", "Basic bearer-secret", "Bearer bearer-secre", "bearer-secret"] {
        let verifier = Verifier::new(&bearer).unwrap();
        assert_eq!(verifier.verify(&headers(&[("authorization", other)]), b"", at(0)), wrong);
    }
}

#[test]
fn nothing_shows_a_secret() {
    let verifier = Verifier::new(&receiver(Verify::Github, "hidden-secret")).unwrap();
    assert!(!format!("{verifier:?}").contains("hidden"));
}

fn signed(key: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(body);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

fn signed512(key: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha512>::new_from_slice(key.as_bytes()).unwrap().chain_update(body);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}
