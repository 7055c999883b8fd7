//! What a name of a credential says, by its form.

use crate::event::{is_access_key_id, words};

words! {
    /// What a name of a credential is.
    NameKind {
        /// The ticket of a tracker: `SEC-42`, `jira:SEC-42`, `servicenow:INC0010042`.
        Ticket = "ticket",
        /// The incident or case of a tool for incidents: `gg:31605`, `pagerduty:PINC01`.
        Incident = "incident",
        /// The alert of a scanner: `github:github.com/4711#12`.
        Alert = "alert",
        /// The public id of an access key at AWS: `AKIA…`, `ASIA…`.
        KeyId = "key_id",
        /// Any name that no other kind is recognised in, such as those of tools of one's own.
        Other = "other",
        /// A keyed digest, which tells nobody anything: `hmac:…`.
        Digest = "digest",
    }
}

/// What names of a kind begin with, up to the colon.
const SCHEMES: &[(&str, NameKind)] = &[
    ("jira", NameKind::Ticket),
    ("servicenow", NameKind::Ticket),
    ("gg", NameKind::Incident),
    ("gitguardian", NameKind::Incident),
    ("google-secops", NameKind::Incident),
    ("pagerduty", NameKind::Incident),
    ("sentinel", NameKind::Incident),
    ("thehive", NameKind::Incident),
    ("tines", NameKind::Incident),
    ("github", NameKind::Alert),
    ("gitlab", NameKind::Alert),
    ("ocsf", NameKind::Alert),
    ("hmac", NameKind::Digest),
];

impl NameKind {
    /// What `name` is.
    pub fn of(name: &str) -> NameKind {
        let scheme = name.split_once(':').map(|(scheme, _)| scheme);
        let known = SCHEMES.iter().find(|(known, _)| Some(*known) == scheme);
        match known {
            Some((_, kind)) => *kind,
            None if is_access_key_id(name) => NameKind::KeyId,
            None if is_ticket(name) => NameKind::Ticket,
            None => NameKind::Other,
        }
    }
}

/// Whether `text` is the key of an issue: a project of upper-case letters, a hyphen, a number.
fn is_ticket(text: &str) -> bool {
    let Some((project, number)) = text.split_once('-') else { return false };
    let mut letters = project.bytes();
    letters.next().is_some_and(|b| b.is_ascii_uppercase())
        && project.len() > 1
        && letters.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_name_tells_its_kind() {
        for (name, kind) in [
            ("SEC-42", NameKind::Ticket),
            ("OPS_2-1", NameKind::Ticket),
            ("jira:SEC-42", NameKind::Ticket),
            ("servicenow:INC0010042", NameKind::Ticket),
            ("gg:31605", NameKind::Incident),
            ("pagerduty:PINC01", NameKind::Incident),
            ("github:github.com/4711#12", NameKind::Alert),
            ("AKIAIOSFODNN7EXAMPLE", NameKind::KeyId),
            ("hmac:0ed7535498493b33f526468c33e9c68a", NameKind::Digest),
            ("payments/stripe-live", NameKind::Other),
            ("case-7", NameKind::Other),
            ("S-4", NameKind::Other),
            ("SEC-", NameKind::Other),
            ("SEC-4a", NameKind::Other),
            ("github", NameKind::Other),
            ("", NameKind::Other),
        ] {
            assert_eq!(NameKind::of(name), kind, "{name}");
        }
    }
}
