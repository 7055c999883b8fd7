//! Events about names of credentials: detections, and links between names.

use crate::deliveries::present;

/// A detection of its own under this name, just now.
pub(crate) fn detected(name: &str) -> String {
    format!(
        r#"{{"type":"leak.detected","id":"leak-{name}","time":"{}","credential_id":"{name}","source":"bench"}}"#,
        present()
    )
}

/// A link of two names, just now.
pub(crate) fn linked(name: &str, alias: &str) -> String {
    format!(
        r#"{{"type":"identity.linked","id":"link-{name}-{alias}","time":"{}","credential_id":"{name}","aliases":["{alias}"],"source":"bench"}}"#,
        present()
    )
}

/// All orders of the names.
pub(crate) fn orders<'n>(names: &[&'n str]) -> Vec<Vec<&'n str>> {
    if names.is_empty() {
        return vec![Vec::new()];
    }
    let first = |at: usize| {
        let mut others = names.to_vec();
        let name = others.remove(at);
        orders(&others).into_iter().map(move |rest| [&[name], &rest[..]].concat())
    };
    (0..names.len()).flat_map(first).collect()
}

/// Names each of which is smaller than the one before it, so that everything moves with each link
/// of one with the next.
pub(crate) fn chain(length: usize) -> Vec<String> {
    (0..length).rev().map(|n| format!("chain-{n:02}")).collect()
}
