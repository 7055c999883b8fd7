//! Settings of receivers: the paths at which other programs deliver their events.

use base64::Engine as _;

use super::declare::settings;
use super::secret::Secret;
use super::values::word;
use crate::event::words;
use crate::formats::Format;
use crate::time::Span;

/// Most senders deliver less; GitHub cuts its webhooks off at 25 MB.
const BODY_BYTES: usize = 25 << 20;
/// A larger body belongs in a file.
const BODY_BYTES_MAX: usize = 256 << 20;
/// The path of native events.
pub(super) const EVENTS: &str = "events";
/// The fewest bytes of a secret. Whoever sees one signed delivery can try shorter ones.
const SECRET_BYTES_MIN: usize = 16;
/// The shortest span where zero makes no sense.
const SHORTEST: Span = Span::from_millis(1);
/// The longest name of a receiver.
const NAME_MAX: usize = 64;

settings! {
    /// A path at which another program delivers its events.
    pub struct Receiver {
        /// The last part of the path, `/in/<name>`: 1 to 64 of the characters `a-z`, `A-Z`, `0-9`,
        /// `_` and `-`.
        name: String, required "no name; set it to the last part of the path, /in/<name>", check name;
        /// The format of what is delivered; `auto` recognises it record by record.
        format: Format = Format::Auto;
        /// How a delivery proves who sent it.
        verify: Verify = Verify::None,
            required "not said how a delivery proves who sent it; set it to the sender, such as \"github\", or to \"hmac\", \"bearer\", \"basic\" or \"none\"";
        /// The secret that the sender has, too; at least 16 bytes.
        secret: Option<Secret>, check hard_to_guess;
        /// A second secret that is accepted, while one replaces the other.
        second_secret: Option<Secret>, check hard_to_guess;
        /// The user, for `basic`.
        username: Option<String>;
        /// The header that holds the signature, for `hmac`.
        header: Option<String>, check header;
        /// The hash function of the signature, for `hmac`.
        digest: Digest = Digest::Sha256;
        /// How the signature is written, for `hmac`.
        encoding: Encoding = Encoding::Hex;
        /// What stands before the signature, for `hmac`, such as `sha256=`.
        prefix: Option<String>;
        /// How often something comes at least. An alert says when nothing has come for longer;
        /// see `ReceiverSilent` in the rules for Prometheus.
        expect_every: Option<Span>, in SHORTEST..;
        /// The most bytes of a delivery, after it is unpacked.
        body_bytes_max: usize = BODY_BYTES, in 1..=BODY_BYTES_MAX;
    }
}

words! {
    /// How a delivery proves who sent it.
    Verify {
        /// GitHub's `X-Hub-Signature-256`.
        Github = "github",
        /// GitLab's `X-Gitlab-Token`.
        Gitlab = "gitlab",
        /// GitGuardian's `Gitguardian-Signature` and `Timestamp`.
        Gitguardian = "gitguardian",
        /// PagerDuty's `X-PagerDuty-Signature`.
        Pagerduty = "pagerduty",
        /// Slack's `X-Slack-Signature` and `X-Slack-Request-Timestamp`.
        Slack = "slack",
        /// The headers of the Standard Webhooks specification.
        StandardWebhooks = "standard-webhooks",
        /// An HMAC of the body in a header of one's choice.
        Hmac = "hmac",
        /// `Authorization: Bearer`.
        Bearer = "bearer",
        /// `Authorization: Basic`.
        Basic = "basic",
        /// Nothing: only where no other machine can reach the server.
        None = "none",
    }
}

words! {
    /// A hash function.
    Digest {
        /// SHA-256.
        Sha256 = "sha256",
        /// SHA-512.
        Sha512 = "sha512",
    }
}

words! {
    /// How bytes are written as text.
    Encoding {
        /// Hexadecimal digits.
        Hex = "hex",
        /// Base64 of RFC 4648, with padding.
        Base64 = "base64",
    }
}

word!(Verify, Digest, Encoding);

/// The key of a secret as the Standard Webhooks specification writes it: Base64, with or
/// without `whsec_` before it. `None` if it is not Base64, or of less than 16 bytes.
pub fn standard_key(secret: &str) -> Option<Vec<u8>> {
    let text = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = base64::engine::general_purpose::STANDARD.decode(text).ok();
    key.filter(|key| key.len() >= SECRET_BYTES_MIN)
}

fn hard_to_guess(secret: &Secret) -> Result<(), String> {
    if secret.reveal().len() >= SECRET_BYTES_MIN {
        return Ok(());
    }
    Err(format!(
        "shorter than {SECRET_BYTES_MIN} bytes, so it can be guessed; make one with `openssl rand \
         -hex 32`, and set it here and at the sender"
    ))
}

fn name(name: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !(1..=NAME_MAX).contains(&name.len()) || !name.bytes().all(fits) {
        return Err(format!("write 1 to {NAME_MAX} of the characters a-z, A-Z, 0-9, `_` and `-`"));
    }
    if name == EVENTS {
        return Err(
            "/in/events is there already, for native events; choose another name".to_owned()
        );
    }
    Ok(())
}

fn header(header: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !header.is_empty() && header.bytes().all(fits) {
        return Ok(());
    }
    Err("not the name of a header; write letters, digits and `-`".to_owned())
}
