//! Refuses events with a text that looks like a live secret.
//!
//! Sources put secrets where no secret belongs: in a user's name, in a title, in an id. A
//! decoder cannot know. So every text of every event is searched for the forms that providers
//! gave their tokens so that they can be found: a prefix that nothing else has, and enough
//! characters of the right kind behind it.
//!
//! Invariants: ids that are public by design (access key ids), digests and names never match;
//! the rejection names the field and the kind of secret, never the text.

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

/// A token has at least [`SHORTEST`] bytes, and an underscore or a capital: see [`may_hold`].
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
];

/// The shortest text that can hold one.
const SHORTEST: usize = 23;

/// Finds prefixes. `None` on processors that it does not know.
static PREFIXES: LazyLock<Option<Searcher>> = LazyLock::new(|| {
    let mut config = aho_corasick::packed::Config::new();
    config.match_kind(MatchKind::LeftmostFirst);
    config.builder().extend(FORMS.iter().map(|form| form.prefix)).build()
});

/// Refuses the first of `events` with a text that looks like a live secret.
pub(super) fn refuse(events: &[Event<'_>]) -> Result<(), Rejection> {
    events.iter().try_for_each(refuse_event)
}

fn refuse_event(event: &Event<'_>) -> Result<(), Rejection> {
    check("id", &event.id)?;
    check("credential_id", &event.credential_id)?;
    option("source", event.source.as_deref())?;
    option("owner", event.owner.as_deref())?;
    match &event.body {
        Body::LeakDetected(leak) => {
            option("location", leak.location.as_deref())?;
            option("provider", leak.provider.as_deref())?;
            option("requested_by", leak.requested_by.as_deref())?;
            option("incident", leak.incident.as_deref())
        }
        Body::CaseOpened(case) => {
            option("requested_by", case.requested_by.as_deref())?;
            option("incident", case.incident.as_deref())
        }
        Body::TriageCompleted(triage) => {
            option("model", triage.model.as_deref())?;
            option("requested_by", triage.requested_by.as_deref())
        }
        Body::ReviewOpened(opened) => check("reviewer", &opened.reviewer),
        Body::DecisionMade(decision) => {
            check("reviewer", &decision.reviewer)?;
            option("rationale_digest", decision.rationale_digest.as_deref())?;
            option("batch_id", decision.batch_id.as_deref())
        }
        Body::CaseWithdrawn { reason } => option("reason", reason.as_deref()),
        Body::IdentityLinked(link) => {
            link.aliases.iter().try_for_each(|alias| check("aliases", alias))
        }
        Body::CredentialContained { .. }
        | Body::CredentialAbused
        | Body::TruthEstablished { .. } => Ok(()),
    }
}

#[inline]
fn option(field: &'static str, text: Option<&str>) -> Result<(), Rejection> {
    text.map_or(Ok(()), |text| check(field, text))
}

#[inline]
fn check(field: &'static str, text: &str) -> Result<(), Rejection> {
    if text.len() < SHORTEST {
        return Ok(());
    }
    if !may_hold(text.as_bytes()) {
        return Ok(());
    }
    match found(text.as_bytes()) {
        None => Ok(()),
        Some(what) => Err(refused(field, what)),
    }
}

/// Whether a text has an underscore or a capital. Every prefix has one, or random letters of
/// both cases behind it; most ids and names have none. Without an early end, the compiler makes
/// a loop of it that looks at many bytes at once.
#[inline]
fn may_hold(text: &[u8]) -> bool {
    text.iter().fold(false, |any, b| any | (*b == b'_') | b.is_ascii_uppercase())
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
    // A prefix in the middle of a word is none. A key in PEM form may follow anything.
    let pem = form.prefix.starts_with('-');
    if !pem && before.last().is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let length = rest.iter().take_while(|b| (form.chars)(**b)).count();
    let is_token = length >= form.least
        && match form.prefix {
            "-----BEGIN " => {
                let line = &rest[..rest.len().min(48)];
                memchr::memmem::find(line, b"PRIVATE KEY").is_some()
            }
            // Header, claims and signature: the first two are JSON objects.
            "eyJ" => {
                let token = &rest[..length];
                memchr::memmem::find(token, b".eyJ")
                    .is_some_and(|at| token[at + 4..].contains(&b'.'))
            }
            "SG." => rest[..length].contains(&b'.'),
            // A word of one kind of character alone is no random text.
            _ => varied(&rest[..length]),
        };
    is_token.then_some(form.what)
}

/// Whether a text has digits or changes of case, as random characters do.
fn varied(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
        || text.iter().any(u8::is_ascii_uppercase) && text.iter().any(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token of each form, put together so that no scanner finds it in this file.
    fn tokens() -> Vec<String> {
        let fill = "a1B2c3D4e5F6a7B8c9D0";
        let mut tokens: Vec<String> = FORMS
            .iter()
            .filter(|form| !["-----BEGIN ", "eyJ", "SG."].contains(&form.prefix))
            .map(|form| {
                let rest: String = fill.chars().cycle().take(form.least).collect();
                format!("{}{rest}", form.prefix)
            })
            .collect();
        tokens.push(format!("-----BEGIN {} KEY-----", "RSA PRIVATE"));
        tokens.push(format!("-----BEGIN {} KEY-----", "PRIVATE"));
        tokens.push(["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl"].join("."));
        tokens.push(format!("SG.{}.{}", &fill.repeat(2)[..22], &fill.repeat(3)[..43]));
        tokens
    }

    #[test]
    fn a_token_of_every_form_is_found_wherever_it_stands() {
        for token in tokens() {
            assert!(token.len() >= SHORTEST, "{token}");
            assert!(may_hold(token.as_bytes()), "{token}");
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
            "eyJ is how a JSON Web Token begins, and this is none",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            "AIza is the beginning of keys of Google APIs",
            "reviewer-0123456789abcdef0123456789abcdef",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert_eq!(found(text.as_bytes()), None, "{text}");
        }
    }

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
