//! The items of a record: the elements of a list that stand side by side, of which each is used or
//! rejected by itself.
//!
//! A program does not see an item alone. It sees the record with a list of that one item, so what
//! stands around the list is there too, and a program need not know of the split.

use jaq_json::{Rc, Val};

use super::path::{Path, Step, is_text};

/// The path in `each` that leads to items of `record`: the first one that does.
pub(super) fn path<'p>(record: &Val, each: &'p [Path]) -> Option<&'p Path> {
    each.iter().find(|path| reaches(record, &path.steps))
}

/// Whether `steps` lead to a list that is not empty, or to a value within one.
fn reaches(value: &Val, steps: &[Step]) -> bool {
    match (steps, value) {
        ([Step::Key(name), rest @ ..], Val::Obj(object)) => {
            object.iter().any(|(key, value)| is_text(key, name.as_bytes()) && reaches(value, rest))
        }
        ([Step::Each, ..], Val::Arr(list)) => !list.is_empty(),
        ([Step::Any, ..], Val::Obj(object)) => !object.is_empty(),
        _ => false,
    }
}

/// How many items `record` has.
pub(super) fn count(record: &Val, steps: &[Step]) -> usize {
    match (steps, record) {
        ([Step::Key(name), rest @ ..], Val::Obj(object)) => object
            .iter()
            .find(|(key, _)| is_text(key, name.as_bytes()))
            .map_or(1, |(_, value)| count(value, rest)),
        ([Step::Each, rest @ ..], Val::Arr(list)) if !list.is_empty() => {
            list.iter().map(|value| count(value, rest)).sum()
        }
        ([Step::Any, rest @ ..], Val::Obj(object)) if !object.is_empty() => {
            object.values().map(|value| count(value, rest)).sum()
        }
        _ => 1,
    }
}

/// An item.
pub(super) struct Item<'i> {
    /// The record, with this item as the only one.
    pub(super) record: Val,
    pub(super) item: &'i Val,
    /// Where the item stands, such as `runs[0].results[12]`.
    pub(super) place: &'i str,
}

/// Gives each item of `record` in turn. Where the path ends early, because a list is empty or not
/// there or something else, what stands there is an item: nothing is passed over.
pub(super) fn visit<E>(
    record: &Val,
    steps: &[Step],
    give: &mut dyn FnMut(Item<'_>) -> Result<(), E>,
) -> Result<(), E> {
    within(record, steps, &mut String::new(), &mut |record, item, place| {
        give(Item { record, item, place })
    })
}

type Give<'g, E> = dyn FnMut(Val, &Val, &str) -> Result<(), E> + 'g;

fn within<E>(
    value: &Val,
    steps: &[Step],
    place: &mut String,
    give: &mut Give<'_, E>,
) -> Result<(), E> {
    let length = place.len();
    match (steps, value) {
        ([Step::Key(name), rest @ ..], Val::Obj(object)) => {
            let Some((key, value)) = object.iter().find(|(key, _)| is_text(key, name.as_bytes()))
            else {
                return give(value.clone(), value, place);
            };
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(name);
            within(value, rest, place, &mut |value, item, place| {
                let mut object = Rc::clone(object);
                Rc::make_mut(&mut object).insert(key.clone(), value);
                give(Val::Obj(object), item, place)
            })?;
        }
        ([Step::Each, rest @ ..], Val::Arr(list)) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                place.push_str(&format!("[{index}]"));
                within(value, rest, place, &mut |value, item, place| {
                    give(std::iter::once(value).collect(), item, place)
                })?;
                place.truncate(length);
            }
        }
        ([Step::Any, rest @ ..], Val::Obj(object)) if !object.is_empty() => {
            for (key, value) in object.iter() {
                // A key is content of the record.
                place.push_str(".*");
                within(value, rest, place, &mut |value, item, place| {
                    give(Val::obj(std::iter::once((key.clone(), value)).collect()), item, place)
                })?;
                place.truncate(length);
            }
        }
        _ => give(value.clone(), value, place)?,
    }
    place.truncate(length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::value::{read, write};
    use super::*;

    fn text(value: &Val) -> String {
        let mut out = Vec::new();
        write(value, 1 << 20, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn items(record: &str, each: &[&str]) -> Vec<(String, String)> {
        let record = read(record).unwrap();
        let each: Vec<Path> = each.iter().map(|path| Path::parse(path).unwrap()).collect();
        let steps = path(&record, &each).map(|path| path.steps.clone()).unwrap_or_default();
        let mut found = Vec::new();
        let ended: Result<(), ()> = visit(&record, &steps, &mut |item| {
            found.push((item.place.to_owned(), text(&item.record)));
            Ok(())
        });
        assert_eq!(ended, Ok(()));
        assert_eq!(found.len(), count(&record, &steps));
        found
    }

    fn of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(place, text)| ((*place).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn an_item_has_the_record_around_it() {
        assert_eq!(
            items(r#"{"t":1,"l":[7,{"a":8}],"z":2}"#, &["l[]"]),
            of(&[("l[0]", r#"{"t":1,"l":[7],"z":2}"#), ("l[1]", r#"{"t":1,"l":[{"a":8}],"z":2}"#)])
        );
        assert_eq!(
            items(r#"{"r":[{"n":1,"l":[3,4]},{"n":2,"l":[5]}]}"#, &["r[].l[]"]),
            of(&[
                ("r[0].l[0]", r#"{"r":[{"n":1,"l":[3]}]}"#),
                ("r[0].l[1]", r#"{"r":[{"n":1,"l":[4]}]}"#),
                ("r[1].l[0]", r#"{"r":[{"n":2,"l":[5]}]}"#),
            ])
        );
        assert_eq!(
            items(r#"{"r":{"secret":[3],"b":[4]}}"#, &["r.*[]"]),
            of(&[("r.*[0]", r#"{"r":{"secret":[3]}}"#), ("r.*[0]", r#"{"r":{"b":[4]}}"#)])
        );
    }

    #[test]
    fn nothing_is_passed_over() {
        let record = r#"{"r":[{"l":[3]},{"l":[]},{"x":1},"odd",{"l":7},null]}"#;
        assert_eq!(
            items(record, &["r[].l[]"]),
            of(&[
                ("r[0].l[0]", r#"{"r":[{"l":[3]}]}"#),
                ("r[1].l", r#"{"r":[{"l":[]}]}"#),
                ("r[2]", r#"{"r":[{"x":1}]}"#),
                ("r[3]", r#"{"r":["odd"]}"#),
                ("r[4].l", r#"{"r":[{"l":7}]}"#),
                ("r[5]", r#"{"r":[null]}"#),
            ])
        );
    }

    #[test]
    fn the_first_path_that_leads_to_a_list_counts() {
        assert_eq!(items(r#"{"b":[1,2]}"#, &["a[]", "b[]"]).len(), 2);
        assert_eq!(items(r#"{"a":[],"b":[1,2]}"#, &["a[]", "b[]"]).len(), 2);
        let whole = r#"{"a":[],"c":1}"#;
        assert_eq!(items(whole, &["a[]", "b[]"]), of(&[("", whole)]));
        assert_eq!(items(whole, &[]), of(&[("", whole)]));
    }
}
