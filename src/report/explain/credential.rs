//! Why several names are one credential.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::BufRead;

use super::lines;
use super::outcome::{ExplainError, Explained};
use crate::records::{LinkRecord, WindowRecord};
use crate::report::terminal::printable;

/// Explains what `name` is another name of, from the ledger's windows.
///
/// # Errors
/// See [`ExplainError`].
pub fn credential(windows: &mut dyn BufRead, name: &str) -> Result<Explained, ExplainError> {
    let mut found: Option<WindowRecord> = None;
    for window in lines::<WindowRecord>(windows, "windows.ndjson") {
        let window = window?;
        let aliases = || window.aliases.iter().flatten();
        if window.credential_id != name && !aliases().any(|alias| alias == name) {
            continue;
        }
        // Windows that were final before a link know fewer names.
        let names = |window: &WindowRecord| window.aliases.as_ref().map_or(0, Vec::len);
        if found.as_ref().is_none_or(|known| names(known) < names(&window)) {
            found = Some(window);
        }
    }
    let window = found.ok_or(ExplainError::NotFound)?;
    Ok(Explained { text: text(&window, name), agrees: true })
}

fn text(window: &WindowRecord, name: &str) -> String {
    let (id, shown) = (printable(&window.credential_id), printable(name));
    let aliases: Vec<&str> = window.aliases.iter().flatten().map(|alias| &**alias).collect();
    if aliases.is_empty() {
        return format!(
            "{shown} is a credential with one name: nothing links it to another one.\n"
        );
    }
    let mut text = format!("{shown} is one of {} names of the credential {id}", aliases.len() + 1);
    text.push_str(", the smallest of them:\n\n");
    for alias in &aliases {
        // Writing to memory does not fail.
        let _ = writeln!(text, "  {}", printable(alias));
    }
    text.push_str("\nSources linked them:\n\n");
    let links: Vec<&LinkRecord> = window.links.iter().flatten().map(|link| &link.0).collect();
    for link in &links {
        let source = link.source.as_deref().map_or_else(
            || "a source without a name".to_owned(),
            |source| printable(source).to_string(),
        );
        let (name, alias, id) =
            (printable(&link.name), printable(&link.alias), printable(&link.id));
        let _ = writeln!(text, "  {}  {source}: {name} = {alias} (event {id})", link.time);
    }
    let known = reached(&window.credential_id, &links);
    let missing = aliases.iter().filter(|alias| !known.contains(**alias)).count();
    if missing > 0 {
        let _ = writeln!(text, "\nThe links of {missing} names are not remembered any more.");
    }
    text
}

/// The names that links lead to from `name`.
fn reached<'l>(name: &'l str, links: &[&'l LinkRecord]) -> BTreeSet<&'l str> {
    let mut known = BTreeSet::from([name]);
    loop {
        let before = known.len();
        for link in links {
            let (one, other) = (&*link.name, &*link.alias);
            if known.contains(one) || known.contains(other) {
                known.extend([one, other]);
            }
        }
        if known.len() == before {
            return known;
        }
    }
}
