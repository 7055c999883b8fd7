//! Who acted, as GitHub names accounts.

use std::borrow::Cow;

use crate::event::Actor;
use crate::formats::field::object_or_absent;
use crate::formats::value::{Scalar, Slot, object};
use crate::formats::{Context, Rejection};

object! {
    Account {
        login: Scalar<'a> = "login",
        kind: Scalar<'a> = "type",
    }
}

/// The account that stands for all deleted accounts.
const DELETED: &str = "ghost";

/// A person of whom no name is known. Nobody can tell whether two of them are one person, so each
/// has the name of the case and counts as a person of its own: no figure about a reviewer comes
/// from several of them.
fn unknown(credential_id: &str, bytes_max: usize) -> Cow<'static, str> {
    const PREFIX: &str = "unknown:";
    let room = bytes_max.saturating_sub(PREFIX.len());
    // The end of the name holds the numbers by which cases differ.
    let start = credential_id.len().saturating_sub(room);
    let start = (start..=credential_id.len()).find(|at| credential_id.is_char_boundary(*at));
    let mut name = format!("{PREFIX}{}", &credential_id[start.unwrap_or_default()..]);
    name.truncate(bytes_max.min(name.len()));
    Cow::Owned(name)
}

/// Who resolved the case `credential_id`.
///
/// Bots, apps, Copilot and GitHub itself are automation. A deleted account was a person. Without
/// an account it was a person if somebody typed a comment, and automation otherwise.
pub(super) fn actor<'a>(
    account: Account<'a>,
    commented: bool,
    credential_id: &str,
    context: &Context<'_>,
) -> Result<(Cow<'a, str>, Actor), Rejection> {
    object_or_absent(account.found(), "alert.resolved_by")?;
    let bytes_max = context.limits.text_bytes;
    let kind = account.kind.unbounded_text("alert.resolved_by.type")?;
    let Some(login) = account.login.text("alert.resolved_by.login", bytes_max)? else {
        return Ok(match commented {
            true => (unknown(credential_id, bytes_max), Actor::Human),
            false => (Cow::Borrowed("github"), Actor::Automation),
        });
    };
    if login == DELETED {
        return Ok((unknown(credential_id, bytes_max), Actor::Human));
    }
    let program = kind.is_some_and(|kind| kind == "Bot") || is_program(&login);
    Ok((login, if program { Actor::Automation } else { Actor::Human }))
}

/// Whether a login is that of a program. The names of apps end in `[bot]`.
pub(super) fn is_program(login: &str) -> bool {
    login.ends_with("[bot]")
        || ["github", "copilot", "web-flow"].iter().any(|name| login.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_person_has_a_name_that_fits() {
        assert_eq!(unknown("github:a/b#1", 256), "unknown:github:a/b#1");
        assert_eq!(unknown("github:é/b#1", 14), "unknown:é/b#1");
        assert_eq!(unknown("github:é/b#1", 13), "unknown:/b#1");
        assert_eq!(unknown("github:a/b#1", 3), "unk");
    }
}
