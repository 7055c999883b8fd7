use proptest::prelude::*;

use super::*;
use crate::config::Limits;
use crate::formats::maps::Maps;
use crate::formats::{Context, Format, Identity, decode};

/// Forms whose tokens are more than a prefix and characters behind it.
const MADE_BY_HAND: [&str; 6] =
    ["-----BEGIN ", "eyJ", "SG.", "hooks.slack.com/services/T", ".atlasv1.", "://"];

/// A token of each form, put together so that no scanner finds it in this file.
fn tokens() -> Vec<String> {
    let fill = "a1B2c3D4e5F6a7B8c9D0";
    let mut tokens: Vec<String> = FORMS
        .iter()
        .filter(|form| !MADE_BY_HAND.contains(&form.prefix))
        .map(|form| {
            let rest: String = fill.chars().cycle().take(form.least).collect();
            format!("{}{rest}", form.prefix)
        })
        .collect();
    tokens.push(format!("-----BEGIN {} KEY-----", "RSA PRIVATE"));
    tokens.push(format!("-----BEGIN {} KEY-----", "PRIVATE"));
    tokens.push(["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"].join("."));
    tokens.push(format!("SG.{}.{}", &fill.repeat(2)[..22], &fill.repeat(3)[..43]));
    let upper = &fill.to_ascii_uppercase()[..9];
    let webhook = ["T", upper, "/B", upper, "/", &fill.repeat(2)[..24]].concat();
    tokens.push(["https://hooks.slack.com/services/", &webhook].concat());
    tokens.push([&fill[..14], "atlasv1", &fill.repeat(4)[..67]].join("."));
    tokens.push(format!("ops_eyJ{}", fill.repeat(12)));
    for user in ["app", "", "a%40b.example"] {
        for (password, host) in [("hunter2", "db.example.com:5432/x"), ("p:$w!", "[2001:db8::1]/x")]
        {
            tokens.push(format!("postgres://{user}:{password}@{host}"));
        }
    }
    tokens
}

#[test]
fn a_token_of_every_form_is_found_wherever_it_stands() {
    for token in tokens() {
        assert!(token.len() >= SHORTEST, "{token}");
        let mut sieve = Sieve::default();
        sieve.look(&token);
        assert!(!sieve.is_clear(), "{token}");
        for text in [
            token.clone(),
            format!("see {token}"),
            format!("\"{token}\""),
            format!("https://example.com/?token={token}&x=1"),
            format!("é{token}\n"),
        ] {
            assert!(found(text.as_bytes()).is_some(), "{text}");
        }
    }
}

#[test]
fn a_native_event_with_a_token_of_any_form_is_refused() {
    let refused = |text: &str| {
        let record = serde_json::json!({
            "type": "leak.detected", "id": "i", "time": "2026-01-05T09:00:00Z", "credential_id": text,
        });
        let identity = Identity::new(b"a key for tests only").unwrap();
        let context = Context {
            identity: &identity,
            detected_at: None,
            limits: Limits::DEFAULT,
            maps: Maps::NONE,
        };
        let decoded =
            decode(Format::Native, record.to_string().as_bytes(), &context, &mut Vec::new());
        decoded.is_err_and(|rejection| rejection.reason == RejectReason::LooksLikeSecret)
    };
    for token in tokens() {
        assert!(refused(&token), "{token}");
    }
    for scheme in ["ftp", "rediss", "postgresql", "mongodb+srv"] {
        let [with, without] =
            ["app:hunter2@", "app@"].map(|user| format!("{scheme}://{user}db.example.com/x"));
        assert!(refused(&with) && !refused(&without), "{with}");
    }
    let mixed = ["amqp+ssl://app:Hunter2", "mq.example.com/x"].join("@");
    assert!(refused(&format!("see {mixed}")) && !refused("AKIAIOSFODNN7EXAMPLE"));
}

#[test]
fn honest_texts_are_not_refused() {
    for text in [
        "AKIAIOSFODNN7EXAMPLE",
        "arn:aws:iam::123456789012:access-key/AKIAIOSFODNN7EXAMPLE",
        "hmac:773ea91e36800e46854db8ebd09181a7",
        "github:github.com/123456789#42",
        "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "https://dashboard.gitguardian.com/workspace/1/incidents/31605",
        "projects/ghp_service/alerts/0123456789",
        "task-force-on-risk-management-of-tokens",
        "sk-ant-colony-optimization-in-production",
        "hf_abcdefghijklmnopqrstuvwxyzabcdefghij",
        "npm_package_resolution_of_dependencies_1",
        "sk-ant-colony-optimization-in-production-2",
        "the task-sk-projection-of-next-year-phase-2",
        "hvb.kubernetes-cluster-node-01.example.com",
        "english glpat-is-the-prefix-of-gitlab-tokens-since-14",
        "xoxo-hugs-and-kisses-from-the-team-of-2026",
        "sk-0123456789abcdef0123456789abcdef01234567",
        "eyJ is how a JSON Web Token begins, and this is none",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "AIza is the beginning of keys of Google APIs",
        "reviewer-0123456789abcdef0123456789abcdef",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "https://hooks.slack.com/services/TEAM/BOT/the-docs-of-webhooks",
        "https://hooks.slack.com/services/T00000000/B00000000",
        "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gins",
        "lin_api_keys_of_the_payments_team_in_linear",
        "dp.pt.example.com/projects-of-the-platform-team",
        "pulse-0123456789abcdef0123456789abcdef01234567",
        "pul-request-of-the-team-for-infrastructure-2026",
        "registry.terraform.io/modules.atlasv1.example.com",
        // The public id of a Twilio key, as AKIA… is that of a key of AWS.
        "SK0123456789abcdef0123456789abcdef",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "ops_eyJ is how a token of 1Password begins",
        "DefaultEndpointsProtocol=https;AccountKey=<the-key>",
        "https://git@github.com:443/example-org/payments.git",
        "https://registry.example.com:5000/team@sha256:0123",
        "ssh://deploy@bastion.example.com:22/srv/payments",
        "postgres://app:***@db.example.com:5432/payments",
        "postgres://app:${PASSWORD}@db.example.com/payments",
        "postgres://app:@db.example.com:5432/payments",
        "github:github.com/41001#7 by alice@example.com",
    ] {
        assert_eq!(found(text.as_bytes()), None, "{text}");
    }
}

/// The rule, as it is said: looks at every form at every place.
fn oracle(text: &str) -> bool {
    let text = text.as_bytes();
    (0..text.len()).any(|at| {
        let form = FORMS.iter().find(|form| text[at..].starts_with(form.prefix.as_bytes()));
        form.is_some_and(|form| form_at(text, form, at).is_some())
    })
}

/// Sources write in small letters what was none, and some tokens have no other.
#[test]
fn a_token_of_small_letters_is_found_wherever_it_stands() {
    let mut found = 0;
    for form in FORMS {
        // These begin with a capital, or need one, or have no prefix.
        if form.prefix.contains(|c: char| c.is_ascii_uppercase())
            || ["sk-", ".atlasv1.", "://"].contains(&form.prefix)
        {
            continue;
        }
        let token = format!("{}{}", form.prefix, "0a1b2c3d4e".repeat(7));
        for text in [
            token.clone(),
            format!("see {token}"),
            format!("https://example.com/{token}/x"),
            format!("team-{token}"),
            format!("é{token}"),
            format!("a review of the next finding of the day: {token}"),
        ] {
            assert!(oracle(&text) && check("id", &text).is_err(), "{text}");
            found += 1;
        }
    }
    assert_eq!(found, 35 * 6);
    let slack = [
        "xoxp",
        "123456789012",
        "123456789012",
        "123456789012",
        "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    ]
    .join("-");
    for text in [format!("the token is {slack}"), format!("hmac:{slack}"), slack] {
        assert!(check("id", &text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn the_sieve_and_the_search_agree_with_the_rule(
        before in "[a-z0-9 /:_A-Z-]{0,24}",
        prefix in 0..FORMS.len(),
        cut in 0..12_usize,
        rest in "[a-f0-9]{0,70}|[a-zA-Z0-9_.-]{0,70}|[a-z0-9-]{0,40}|[a-z]{0,5}:[a-z0-9$*@]{0,9}@?[a-z:/.]{0,20}",
        after in "[ a-z\"é]{0,9}",
    ) {
        let prefix = FORMS[prefix].prefix;
        let prefix = &prefix[..prefix.len().min(cut + 1)];
        let inside = format!("{before}{prefix}{rest}{after}");
        for text in [inside.to_ascii_lowercase(), inside, format!("{prefix}{rest}"), before.clone()] {
            prop_assert_eq!(check("id", &text).is_err(), oracle(&text), "{}", text);
        }
    }

    /// An event is refused exactly if the rule holds for one of its texts.
    #[test]
    fn every_text_of_an_event_is_searched(
        field in 0..PLAIN.len(),
        prefix in 0..FORMS.len(),
        rest in "[a-zA-Z0-9]{30,66}",
    ) {
        let (kind, field) = PLAIN[field];
        let text = format!("{}{rest}", FORMS[prefix].prefix);
        let mut event = serde_json::json!({
            "type": kind, "id": "i", "time": "2026-01-05T09:00:00Z", "credential_id": "c", "workflow": "policy_change",
            "reviewer": "r", "action": "revoke", "recommendation": "revoke", "method": "revoked",
        });
        event[field] = text.clone().into();
        let record = event.to_string();
        let identity = Identity::new(b"a key for tests only").unwrap();
        let context =
            Context { identity: &identity, detected_at: None, limits: Limits::DEFAULT, maps: Maps::NONE };
        let mut events = Vec::new();
        let decoded = decode(Format::Native, record.as_bytes(), &context, &mut events);
        let refused = decoded.is_err_and(|rejection| rejection.reason == RejectReason::LooksLikeSecret);
        prop_assert_eq!(refused, oracle(&text), "{}", record);
        prop_assert_eq!(events.is_empty(), refused);
    }
}

/// Every text that an event can hold, with a kind that has it.
const PLAIN: &[(&str, &str)] = &[
    ("leak.detected", "id"),
    ("leak.detected", "credential_id"),
    ("credential.contained", "source"),
    ("credential.abused", "owner"),
    ("leak.detected", "location"),
    ("leak.detected", "provider"),
    ("leak.detected", "requested_by"),
    ("leak.detected", "incident"),
    ("case.opened", "requested_by"),
    ("case.opened", "incident"),
    ("triage.completed", "model"),
    ("triage.completed", "requested_by"),
    ("review.opened", "reviewer"),
    ("decision.made", "reviewer"),
    ("decision.made", "rationale_digest"),
    ("decision.made", "batch_id"),
    ("case.withdrawn", "reason"),
];

#[test]
fn the_search_by_prefixes_and_the_plain_one_agree() {
    assert!(PREFIXES.is_some());
    for token in tokens() {
        let plain = FORMS.iter().any(|form| {
            memchr::memmem::find_iter(token.as_bytes(), form.prefix)
                .any(|start| form_at(token.as_bytes(), form, start).is_some())
        });
        assert!(plain, "{token}");
    }
}
