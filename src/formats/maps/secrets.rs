//! Replaces the values at secret paths by their names, before a map sees the record.
//!
//! Invariants: after [`hide`] no text or number is left at a secret path or below it; `null`,
//! `true`, `false` and the empty text stay, so that a map can tell whether there was anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jaq_json::{Rc, Val};

use super::path::{Path, Step, is_text};
use super::value::{self, number_text};
use crate::formats::identity::Identity;
use crate::formats::names;

/// Hides what stands at `paths`, and at `encoded` paths, where texts are in base64.
pub(super) fn hide(record: &mut Val, paths: &[Path], encoded: &[Path], identity: &Identity) {
    for path in encoded {
        at(record, &path.steps, Hide { identity, base64: true });
    }
    for path in paths {
        at(record, &path.steps, Hide { identity, base64: false });
    }
}

/// How a value is hidden.
#[derive(Clone, Copy)]
struct Hide<'i> {
    identity: &'i Identity,
    /// The name of a text is that of what it encodes.
    base64: bool,
}

fn at(value: &mut Val, steps: &[Step], hide: Hide<'_>) {
    let Some((step, rest)) = steps.split_first() else {
        replace(value, hide);
        return;
    };
    match (step, value) {
        (Step::Key(name), Val::Obj(object)) => {
            for (key, value) in Rc::make_mut(object).iter_mut() {
                if is_text(key, name.as_bytes()) {
                    at(value, rest, hide);
                }
            }
        }
        (Step::Any, Val::Obj(object)) => {
            Rc::make_mut(object).values_mut().for_each(|value| at(value, rest, hide));
        }
        (Step::Index(index), Val::Arr(list)) => {
            if let Some(value) = Rc::make_mut(list).get_mut(*index) {
                at(value, rest, hide);
            }
        }
        (Step::Each, Val::Arr(list)) => {
            Rc::make_mut(list).iter_mut().for_each(|value| at(value, rest, hide));
        }
        // A path that expects something else here means nothing of what is here: whatever it
        // is, it is hidden. A source that changes its form must not uncover its secrets.
        (_, Val::Null | Val::Bool(_)) => {}
        (_, value) => replace(value, hide),
    }
}

/// A text or number becomes the name that a scanner's finding of it has. A container becomes
/// one name of its whole content.
fn replace(value: &mut Val, Hide { identity, base64 }: Hide<'_>) {
    let name = match value {
        Val::Null | Val::Bool(_) => return,
        Val::TStr(bytes) | Val::BStr(bytes) if bytes.is_empty() => return,
        Val::TStr(bytes) | Val::BStr(bytes) => {
            let decoded = if base64 { STANDARD.decode(&***bytes).ok() } else { None };
            let bytes = decoded.as_deref().unwrap_or(&***bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => names::credential(text, identity),
                Err(_) => identity.name(bytes),
            }
        }
        Val::Num(number) => identity.name(number_text(number).unwrap_or_default().as_bytes()),
        Val::Arr(_) | Val::Obj(_) => {
            let mut text = Vec::new();
            // A record is bounded, and so is its text. If it cannot be written as a whole, the
            // name is of the beginning.
            let _ = value::write(value, usize::MAX, &mut text);
            identity.name(&text)
        }
    };
    *value = Val::from(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str, paths: &[&str]) -> String {
        let identity = Identity::new(b"a key for tests only").unwrap();
        let paths: Vec<Path> = paths.iter().map(|path| Path::parse(path).unwrap()).collect();
        let mut value = value::read(text).unwrap();
        hide(&mut value, &paths, &[], &identity);
        let mut out = Vec::new();
        value::write(&value, 1 << 20, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_the_name_of_a_secret_is_left() {
        let record = r#"{"a":{"s":"hunter2","t":"x"},"l":[{"s":"hunter2"},{"s":7},{"s":{"u":["hunter2"]}}],"n":null}"#;
        let shown = hidden(record, &["a.s", "l[].s", "n", "absent.s"]);
        assert!(!shown.contains("hunter2"), "{shown}");
        let name = Identity::new(b"a key for tests only").unwrap().name(b"hunter2");
        assert_eq!(shown.matches(&name).count(), 2, "{shown}");
        assert!(shown.contains("\"t\":\"x\"") && shown.contains("\"n\":null"), "{shown}");
    }

    #[test]
    fn another_form_than_expected_uncovers_nothing() {
        for record in [r#"{"a":"hunter2"}"#, r#"{"a":["hunter2"]}"#, r#"{"a":{"b":"hunter2"}}"#] {
            for path in ["a.s.t", "a[].s", "a[0].s.t", "a.*.s", "a"] {
                let shown = hidden(record, &[path]);
                // A key that is not there hides nothing: its neighbours are not secret.
                let neighbour = path == "a.s.t" && record.contains("\"b\"");
                assert_eq!(shown.contains("hunter2"), neighbour, "{record} {path} {shown}");
            }
        }
    }

    #[test]
    fn a_secret_in_base64_has_the_name_of_the_secret() {
        let identity = Identity::new(b"a key for tests only").unwrap();
        let mut value =
            value::read(r#"{"g":["aHVudGVyMg==","QUtJQUlPU0ZPRE5ON0VYQU1QTEU=","hunter2!",""]}"#)
                .unwrap();
        hide(&mut value, &[], &[Path::parse("g[]").unwrap()], &identity);
        let mut out = Vec::new();
        value::write(&value, 1 << 20, &mut out).unwrap();
        let [secret, text] = ["hunter2", "hunter2!"].map(|text| identity.name(text.as_bytes()));
        let shown = format!(r#"{{"g":["{secret}","AKIAIOSFODNN7EXAMPLE","{text}",""]}}"#);
        assert_eq!(String::from_utf8(out).unwrap(), shown);
    }

    #[test]
    fn an_access_key_id_is_a_name() {
        let shown = hidden(r#"{"k":"AKIAIOSFODNN7EXAMPLE","e":""}"#, &["k", "e"]);
        assert_eq!(shown, r#"{"k":"AKIAIOSFODNN7EXAMPLE","e":""}"#);
    }
}
