//! Refuses events with a text that looks like a live secret.
//!
//! Sources put secrets where no secret belongs: in a user's name, in a title, in an id. A
//! decoder cannot know. So every text of every event is searched for the forms that providers
//! gave their tokens so that they can be found: a prefix that nothing else has, and enough
//! characters of the right kind behind it.
//!
//! Nearly every text is cleared by a sieve that looks at eight bytes at a time. What the sieve
//! keeps goes through the exact search.
//!
//! Invariants: ids that are public by design (access key ids), digests and names never match;
//! the rejection names the field and the kind of secret, never the text; a token is found wherever
//! it stands in a text, unless it goes on from the middle of a word; [`refuse_native`] tells the one
//! exception.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::packed::{MatchKind, Searcher};

use super::rejection::{RejectReason, Rejection};
use crate::event::{Body, Event};

/// The form of a token: behind the prefix come at least so many characters of a kind.
struct Form {
    prefix: &'static str,
    least: usize,
    chars: fn(u8) -> bool,
    what: &'static str,
}

const fn form(
    prefix: &'static str,
    least: usize,
    chars: fn(u8) -> bool,
    what: &'static str,
) -> Form {
    Form { prefix, least, chars, what }
}

fn alnum(b: u8) -> bool {
    b.is_ascii_alphanumeric()
}

/// Letters, digits, `_` and `-`, as in base64 for addresses.
fn url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

fn dotted(b: u8) -> bool {
    url(b) || b == b'.'
}

fn hex(b: u8) -> bool {
    b.is_ascii_hexdigit()
}

fn base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')
}

/// What stands between `://` and the host of an address.
fn userinfo(b: u8) -> bool {
    b.is_ascii_graphic() && !matches!(b, b'/' | b'?' | b'#' | b'@' | b'"' | b'\'')
}

/// A token has at least [`SHORTEST`] bytes. Nearly every token has an underscore or a capital: in its
/// prefix, or among the random letters behind it. The prefixes of all others end as [`holds_plain`]
/// says, but for an address with a password.
///
/// Of two prefixes of which one begins like the other, the longer one comes first.
const FORMS: &[Form] = &[
    form("-----BEGIN ", 0, |_| true, "a private key"),
    form("eyJ", 20, dotted, "a JSON Web Token"),
    form("ghp_", 36, alnum, "a GitHub token"),
    form("gho_", 36, alnum, "a GitHub token"),
    form("ghu_", 36, alnum, "a GitHub token"),
    form("ghs_", 36, alnum, "a GitHub token"),
    form("ghr_", 36, alnum, "a GitHub token"),
    form("github_pat_", 40, url, "a GitHub token"),
    form("glpat-", 20, dotted, "a GitLab token"),
    form("gldt-", 20, url, "a GitLab token"),
    form("glrt-", 20, dotted, "a GitLab token"),
    form("xoxb-", 20, url, "a Slack token"),
    form("xoxp-", 20, url, "a Slack token"),
    form("xoxa-", 20, url, "a Slack token"),
    form("xoxr-", 20, url, "a Slack token"),
    form("xoxs-", 20, url, "a Slack token"),
    form("xoxe-", 20, url, "a Slack token"),
    form("xapp-", 20, url, "a Slack token"),
    form("sk_live_", 16, alnum, "a Stripe key"),
    form("rk_live_", 16, alnum, "a Stripe key"),
    form("whsec_", 24, alnum, "the secret of a webhook"),
    form("AIza", 35, url, "a Google API key"),
    form("ya29.", 30, url, "a Google token"),
    form("npm_", 36, alnum, "an npm token"),
    form("pypi-AgE", 40, url, "a PyPI token"),
    form("SG.", 60, dotted, "a SendGrid key"),
    form("sk-ant-", 30, url, "an Anthropic key"),
    form("sk-proj-", 30, url, "an OpenAI key"),
    form("sk-svcacct-", 30, url, "an OpenAI key"),
    form("sk-admin-", 30, url, "an OpenAI key"),
    form("sk-", 40, alnum, "an OpenAI key"),
    form("hvs.", 24, url, "a Vault token"),
    form("hvb.", 24, url, "a Vault token"),
    form("dop_v1_", 64, hex, "a DigitalOcean token"),
    form("shpat_", 32, hex, "a Shopify token"),
    form("hf_", 34, alnum, "a Hugging Face token"),
    form("dckr_pat_", 20, url, "a Docker token"),
    form("glsa_", 32, alnum, "a Grafana token"),
    form("ATATT3", 60, dotted, "an Atlassian token"),
    form("PMAK-", 40, url, "a Postman key"),
    form("AGE-SECRET-KEY-1", 40, alnum, "an age key"),
    form("hooks.slack.com/services/T", 30, base64, "the address of a Slack webhook"),
    form("GOCSPX-", 24, url, "the secret of a Google OAuth client"),
    form("lin_api_", 32, alnum, "a Linear key"),
    form("dp.pt.", 40, alnum, "a Doppler token"),
    form("pul-", 40, hex, "a Pulumi token"),
    form(".atlasv1.", 60, url, "a Terraform token"),
    form("AccountKey=", 80, base64, "a key of an Azure account"),
    form("://", 3, userinfo, "an address with a password"),
];

/// Characters behind the prefix of a token without a capital and an underscore, at least.
const PLAIN_BEHIND: usize = 20;

/// The shortest text that can hold one.
const SHORTEST: usize = 23;

/// Finds prefixes. `None` on processors that it does not know.
static PREFIXES: LazyLock<Option<Searcher>> = LazyLock::new(|| {
    let mut config = aho_corasick::packed::Config::new();
    config.match_kind(MatchKind::LeftmostFirst);
    config.builder().extend(FORMS.iter().map(|form| form.prefix)).build()
});

/// Refuses the first of `events` with a text that looks like a live secret. Native events are as
/// frequent as no others, and their senders know what they send: of them a token without a capital and
/// without an underscore is found at the beginning of a text only.
#[inline]
pub(super) fn refuse_native(events: &[Event<'_>]) -> Result<(), Rejection> {
    match events.iter().all(is_clear) {
        true => Ok(()),
        false => refuse(events),
    }
}

/// Refuses the first of `events` with a text that looks like a live secret, wherever it stands.
pub(super) fn refuse(events: &[Event<'_>]) -> Result<(), Rejection> {
    events.iter().try_for_each(|event| {
        let mut checked = Ok(());
        texts(event, |field, text| {
            if checked.is_ok() {
                checked = check(field, text);
            }
        });
        checked
    })
}

/// Whether no text of the event can hold a token.
#[inline]
fn is_clear(event: &Event<'_>) -> bool {
    let mut sieve = Sieve::default();
    texts(event, |_, text| sieve.look(text));
    sieve.is_clear()
}

/// Gives every text of an event, with the name of its field.
#[inline]
fn texts(event: &Event<'_>, mut give: impl FnMut(&'static str, &str)) {
    let mut option = |field, text: &Option<Cow<'_, str>>| {
        if let Some(text) = text {
            give(field, text);
        }
    };
    option("source", &event.source);
    option("owner", &event.owner);
    match &event.body {
        Body::LeakDetected(leak) => {
            option("location", &leak.location);
            option("provider", &leak.provider);
            option("requested_by", &leak.requested_by);
            option("incident", &leak.incident);
        }
        Body::CaseOpened(case) => {
            option("requested_by", &case.requested_by);
            option("incident", &case.incident);
        }
        Body::TriageCompleted(triage) => {
            option("model", &triage.model);
            option("requested_by", &triage.requested_by);
        }
        Body::ReviewOpened(opened) => give("reviewer", &opened.reviewer),
        Body::DecisionMade(decision) => {
            option("rationale_digest", &decision.rationale_digest);
            option("batch_id", &decision.batch_id);
            give("reviewer", &decision.reviewer);
        }
        Body::CaseWithdrawn { reason } => option("reason", reason),
        Body::IdentityLinked(link) => link.aliases.iter().for_each(|alias| give("aliases", alias)),
        Body::CredentialContained { .. }
        | Body::CredentialAbused
        | Body::TruthEstablished { .. } => {}
    }
    give("id", &event.id);
    give("credential_id", &event.credential_id);
}

fn check(field: &'static str, text: &str) -> Result<(), Rejection> {
    let bytes = text.as_bytes();
    if bytes.len() < SHORTEST || !stands_out(bytes) && !holds_plain(bytes) {
        return Ok(());
    }
    match found(bytes) {
        None => Ok(()),
        Some(what) => Err(refused(field, what)),
    }
}

/// Clears the texts that cannot hold a token, many texts with one branch.
#[derive(Clone, Copy, Default)]
struct Sieve {
    /// Whether a text may hold one.
    kept: bool,
}

impl Sieve {
    #[inline]
    fn look(&mut self, text: &str) {
        if text.len() >= SHORTEST {
            self.kept |= stands_out(text.as_bytes());
        }
    }

    /// Whether no text that it looked at can hold a token.
    #[inline]
    fn is_clear(self) -> bool {
        !self.kept
    }
}

/// Whether a text has a byte from `A` to `_`, that is a capital, an underscore, or one of four rare
/// characters between them, or begins plainly. It looks at eight bytes at a time and branches once;
/// the last eight overlap those before them.
fn stands_out(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    // The top bit of each byte that stands out.
    let marks = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let low = word & !TOPS;
        let from_a = low + ONES * (0x80 - u64::from(b'A'));
        let above = low + ONES * (0x80 - u64::from(b'_') - 1);
        from_a & !above & !word
    };
    let (words, _) = text.as_chunks::<8>();
    let mut marked = text.last_chunk::<8>().map_or(TOPS, marks);
    for word in words {
        marked |= marks(word);
    }
    marked & TOPS != 0 || begins_plainly(text) || begins_as_address(text)
}

/// Whether a text begins as a token does that can be without a capital and an underscore.
#[inline]
fn begins_plainly(text: &[u8]) -> bool {
    // Few texts begin with one of these letters.
    matches!(text.first(), Some(b'd' | b'g' | b'h' | b'm' | b'p' | b's' | b'x' | b'y'))
        && matches!(
            text.first_chunk::<3>(),
            Some(
                b"glp"
                    | b"gld"
                    | b"glr"
                    | b"xox"
                    | b"xap"
                    | b"ya2"
                    | b"sk-"
                    | b"hvs"
                    | b"hvb"
                    | b"dp."
                    | b"pul"
                    // A long scheme: `mongodb+srv`.
                    | b"mon"
            )
        )
}

/// Whether a text begins as the address of a service does, and has an `@`. Looks at the eight bytes in
/// which nearly every scheme ends.
#[inline]
fn begins_as_address(text: &[u8]) -> bool {
    const SHORTEST_SCHEME: usize = 3;
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const COLONS: u64 = u64::from_le_bytes([b':'; 8]);
    let end = text.get(SHORTEST_SCHEME..).unwrap_or_default();
    let Some(end) = end.first_chunk::<8>() else { return false };
    let word = u64::from_le_bytes(*end) ^ COLONS;
    // The lowest bit is that of the first byte that is zero.
    let colon = word.wrapping_sub(ONES) & !word & (ONES << 7);
    let at = SHORTEST_SCHEME + colon.trailing_zeros() as usize / 8;
    colon != 0 && holds_address(text.get(at..).unwrap_or_default())
}

/// Whether a colon, two slashes and, somewhere, an `@` come next.
#[inline]
fn holds_address(text: &[u8]) -> bool {
    text.starts_with(b"://") && memchr::memchr(b'@', text).is_some()
}

/// Whether a token may begin in a text without a capital and an underscore. The prefix of such a token
/// ends with a hyphen or a stop, and so much comes behind it that few texts have one where it matters.
#[inline]
fn holds_plain(text: &[u8]) -> bool {
    // Few texts have an `@`, and most of those are the address of a person.
    if memchr::memchr(b'@', text).is_some() && memchr::memmem::find(text, b"://").is_some() {
        return true;
    }
    let within = text.get(..text.len().saturating_sub(PLAIN_BEHIND)).unwrap_or_default();
    memchr::memchr2_iter(b'-', b'.', within).any(|at| {
        // The two characters in front of it rule out nearly all words.
        match within.get(at.wrapping_sub(2)..at) {
            Some([b'x' | b'p' | b'd' | b'r' | b'a' | b's' | b'2' | b'v' | b'u', last]) => {
                matches!(last, b'a'..=b'b' | b'e' | b'k'..=b'l' | b'p' | b'r'..=b't' | b'9')
            }
            _ => false,
        }
    })
}

#[cold]
fn refused(field: &'static str, what: &'static str) -> Rejection {
    Rejection::new(
        RejectReason::LooksLikeSecret,
        format!("field `{field}`: looks like {what}, and nothing that is kept may hold one"),
    )
}

/// What `text` seems to hold.
fn found(text: &[u8]) -> Option<&'static str> {
    match &*PREFIXES {
        Some(searcher) => searcher
            .find_iter(text)
            .find_map(|found| form_at(text, &FORMS[found.pattern().as_usize()], found.start())),
        None => FORMS.iter().find_map(|form| {
            memchr::memmem::find_iter(text, form.prefix)
                .find_map(|start| form_at(text, form, start))
        }),
    }
}

/// Whether a token of this form begins at `start`, where its prefix is.
fn form_at(text: &[u8], form: &Form, start: usize) -> Option<&'static str> {
    let (before, rest) = text.split_at(start);
    let rest = rest.get(form.prefix.len()..)?;
    // A prefix in the middle of a word is none. One that begins with no letter may follow anything.
    let word = form.prefix.starts_with(|c: char| c.is_ascii_alphanumeric());
    if word && before.last().is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let length = rest.iter().take_while(|b| (form.chars)(**b)).count();
    let is_token = length >= form.least
        && match form.prefix {
            "-----BEGIN " => {
                let line = &rest[..rest.len().min(48)];
                memchr::memmem::find(line, b"PRIVATE KEY").is_some()
            }
            "eyJ" => {
                let token = &rest[..length];
                // The token of a 1Password service account is one JSON object behind a mark.
                if before.ends_with(b"ops_") && length >= 60 && varied(token) {
                    return Some("a 1Password token");
                }
                // Header, claims and signature: the first two are JSON objects.
                memchr::memmem::find(token, b".eyJ")
                    .is_some_and(|at| token[at + 4..].contains(&b'.'))
            }
            "SG." => rest[..length].contains(&b'.'),
            // The workspace, the app and the secret.
            "hooks.slack.com/services/T" => {
                let mut parts = rest[..length].split(|b| *b == b'/');
                let mut part = |begins: &[u8], least: usize| {
                    parts.next().is_some_and(|part| part.starts_with(begins) && part.len() >= least)
                };
                part(b"", 6) && part(b"B", 7) && part(b"", 20)
            }
            // The first part of the token stands in front of the mark.
            ".atlasv1." => {
                let front = before.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
                let token = &rest[..length];
                front >= 14
                    && has(token, u8::is_ascii_uppercase)
                    && has(token, u8::is_ascii_lowercase)
            }
            "://" => text.len() >= SHORTEST && has_password(&rest[..length], &rest[length..]),
            // The token of a root has no `-` or `_`, and any other is long. So a host is none.
            "hvs." | "hvb." => {
                let plain = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
                (plain >= form.least || length >= 60) && varied(&rest[..length])
            }
            // So short a prefix needs more behind it.
            "sk-" => {
                let token = &rest[..length];
                has(token, u8::is_ascii_digit)
                    && has(token, u8::is_ascii_uppercase)
                    && has(token, u8::is_ascii_lowercase)
            }
            // A word of one kind of character alone is no random text.
            _ => varied(&rest[..length]),
        };
    is_token.then_some(form.what)
}

/// Whether what stands in front of the host of an address has a password that was not taken out.
fn has_password(userinfo: &[u8], behind: &[u8]) -> bool {
    let Some(colon) = userinfo.iter().position(|b| *b == b':') else { return false };
    let password = &userinfo[colon + 1..];
    let host =
        matches!(behind, [b'@', first, ..] if first.is_ascii_alphanumeric() || *first == b'[');
    // `***`, `xxx`, `<password>`, `${PASSWORD}` and the like stand for one.
    let masked = password.iter().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-' | b'_'))
        || matches!(password.first(), Some(b'<' | b'[' | b'{' | b'$' | b'%'))
        || password.eq_ignore_ascii_case(b"redacted");
    host && !masked
}

fn has(text: &[u8], kind: fn(&u8) -> bool) -> bool {
    text.iter().any(kind)
}

/// Whether a text changes case, or mixes digits and letters, as random characters do. Words with
/// hyphens between them do neither, and a version or a number behind them does not count.
fn varied(text: &[u8]) -> bool {
    let mixes = |part: &[u8]| {
        part.len() >= 6 && has(part, u8::is_ascii_digit) && has(part, u8::is_ascii_alphabetic)
    };
    has(text, u8::is_ascii_uppercase) && has(text, u8::is_ascii_lowercase)
        || text.split(|b| !b.is_ascii_alphanumeric()).any(mixes)
}

#[cfg(test)]
mod tests {
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
            for (password, host) in
                [("hunter2", "db.example.com:5432/x"), ("p:$w!", "[2001:db8::1]/x")]
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
}
