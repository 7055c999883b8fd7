//! Canaries: texts that take the place of secrets and names in an input, and a search for
//! every form of them in an output.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// The `n`-th canary. It is long, so that no other text contains it by chance.
pub(crate) fn canary(n: usize) -> String {
    // Both halves differ from those of all others.
    let mixed = super::dice::Dice(n as u64).next();
    format!("cAnArY-{n:04}-{mixed:016x}")
}

/// Replaces each `@@` by the next canary and each `@=` by that one again; the
/// same in base64 for `@64@` and `@64=`.
pub(crate) struct Planter {
    pub(crate) planted: usize,
}

impl Planter {
    pub(crate) fn plant(&mut self, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('@') {
            text.push_str(before);
            let (encoded, after) = match after.strip_prefix("64") {
                Some(after) => (true, after),
                None => (false, after),
            };
            self.planted += usize::from(after.starts_with('@'));
            let canary = canary(self.planted);
            text.push_str(&if encoded { STANDARD.encode(canary) } else { canary });
            rest = &after[1..];
        }
        text + rest
    }
}

/// A form in which a secret must not be seen, and which one it is.
type Form = (String, usize);

/// Finds every form of some secrets in one pass over a text.
#[derive(Debug, Default)]
pub(crate) struct Net {
    /// Lower-case forms, looked for in any case, by their first bytes.
    anyhow: HashMap<u128, Vec<Form>>,
    exact: HashMap<u128, Vec<Form>>,
}

/// The shortest form: part of a digest, or half a canary.
const FORM_BYTES_MIN: usize = 12;

fn head(bytes: &[u8]) -> u128 {
    bytes[..FORM_BYTES_MIN].iter().fold(0, |head, byte| head << 8 | u128::from(*byte))
}

impl Net {
    /// For the first `canaries`.
    pub(crate) fn of_canaries(canaries: usize) -> Net {
        let mut net = Net::default();
        (1..=canaries).for_each(|n| net.add(&canary(n), n));
        net
    }

    /// For any secret of at least twelve bytes.
    pub(crate) fn of(secret: &str) -> Net {
        let mut net = Net::default();
        net.add(secret, 0);
        net
    }

    fn add(&mut self, secret: &str, n: usize) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let digest = Sha256::digest(secret.as_bytes());
        let anyhow = [
            // Half of it is too much as well.
            secret[..FORM_BYTES_MIN].to_lowercase(),
            secret[secret.len() - FORM_BYTES_MIN..].to_lowercase(),
            hex(secret.as_bytes()),
            // A prefix of a digest is still a digest.
            hex(&digest)[..FORM_BYTES_MIN].to_owned(),
        ];
        for form in anyhow {
            self.anyhow.entry(head(form.as_bytes())).or_default().push((form, n));
        }
        let mut exact = vec![STANDARD.encode(digest)[..16].to_owned()];
        // In the midst of other text, base64 begins at one of three phases.
        for lead in ["", "x", "xy"] {
            let text = format!("{lead}{secret}");
            let inner = |encoded: String| encoded[4..encoded.len() - 4].to_owned();
            exact.push(inner(STANDARD_NO_PAD.encode(&text)));
            exact.push(inner(URL_SAFE_NO_PAD.encode(&text)));
        }
        for form in exact {
            self.exact.entry(head(form.as_bytes())).or_default().push((form, n));
        }
    }

    /// The forms that `text` shows, and of which secret.
    pub(crate) fn caught_in(&self, text: &[u8]) -> Vec<&Form> {
        let lower = text.to_ascii_lowercase();
        let search = |forms: &'_ HashMap<u128, Vec<Form>>, text: &[u8]| {
            let starts = text.windows(FORM_BYTES_MIN).enumerate();
            let near = starts.filter(|(_, bytes)| forms.contains_key(&head(bytes)));
            near.map(|(at, bytes)| (at, head(bytes))).collect::<Vec<_>>()
        };
        let mut caught = Vec::new();
        for (forms, text) in [(&self.anyhow, &lower[..]), (&self.exact, text)] {
            for (at, head) in search(forms, text) {
                let whole = |form: &&Form| text[at..].starts_with(form.0.as_bytes());
                caught.extend(forms[&head].iter().filter(whole));
            }
        }
        caught
    }
}
