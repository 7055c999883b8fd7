//! The access key that a text of AWS names.

use std::borrow::Cow;

use crate::event::is_access_key_id;

/// The access key id in `text`: alone, or at the end of an ARN or of a type and a colon. Any other
/// text names itself.
pub(super) fn key(text: Cow<'_, str>) -> Cow<'_, str> {
    let end = text.rfind(['/', ':']).map_or(0, |at| at + 1);
    match text.get(end..) {
        Some(last) if end > 0 && is_access_key_id(last) => Cow::Owned(last.to_owned()),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_names_the_same_key() {
        const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
        for text in [
            KEY.to_owned(),
            format!("arn:aws:iam::123456789012:access-key/{KEY}"),
            format!("arn:aws:iam::123456789012:user/ci/{KEY}"),
            format!("AWS::IAM::AccessKey:{KEY}"),
        ] {
            assert_eq!(key(text.as_str().into()), KEY, "{text}");
        }
        for other in ["arn:aws:iam::123456789012:user/ci", "ci", "", "a/", "a/AKIA"] {
            assert_eq!(key(other.into()), other);
        }
    }
}
