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
mod tests;
