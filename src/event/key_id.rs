//! The form of access key ids, which are public and so are names.

/// Whether `text` has the exact form of an AWS access key id: `AKIA` (long
/// term) or `ASIA` (temporary) and 16 upper-case letters or digits.
pub fn is_access_key_id(text: &str) -> bool {
    text.len() == 20
        && (text.starts_with("AKIA") || text.starts_with("ASIA"))
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
