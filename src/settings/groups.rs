//! Groups of people, by name.

use std::collections::{BTreeMap, BTreeSet};

use super::declare::Value;
use super::reader::{Reader, join};
use super::reference::{Row, Section, Shown};
use super::tree::{self, Node};

/// The members of each group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(pub BTreeMap<String, BTreeSet<String>>);

impl Value for Groups {
    type Core = Groups;
    const SECTIONS: bool = true;

    fn about() -> String {
        Vec::<String>::about()
    }

    fn read(reader: &mut Reader<'_>, key: &str, node: &Node) -> Option<Groups> {
        let tree::Value::Table(entries) = &node.value else {
            reader.wrong_type(key, node, "a table");
            return None;
        };
        let mut groups = BTreeMap::new();
        for (name, node) in entries {
            let at = join(key, name);
            reader.give(&at, &node.place);
            if name.is_empty() {
                let why = "the group has no name; write the owner's name as events have it";
                reader.fault(key, &node.name, why);
            }
            let Some(members) = Vec::<String>::read(reader, &at, node) else { continue };
            if matches!(&node.value, tree::Value::List(items) if items.is_empty()) {
                let why = "nobody is in it, so nobody could decide; name its members";
                reader.fault(&at, &node.place, why);
            }
            if members.iter().any(String::is_empty) {
                let why = "empty text names nobody; write the member's id, or remove it";
                reader.fault(&at, &node.place, why);
            }
            groups.insert(name.clone(), members.into_iter().collect());
        }
        Some(Groups(groups))
    }

    fn core(&mut self) -> Option<&mut Groups> {
        Some(self)
    }

    fn show(&self) -> Option<Shown> {
        let list = |members: &BTreeSet<String>| {
            Shown::List(members.iter().map(|member| Shown::Text(member.clone())).collect())
        };
        let groups = self.0.iter().map(|(name, members)| (name.clone(), list(members)));
        (!self.0.is_empty()).then(|| Shown::Table(groups.collect()))
    }

    fn sections(path: &str, out: &mut Vec<Section>) {
        let row = Row {
            key: "<group>".to_owned(),
            about: Groups::about(),
            default: "none".to_owned(),
            meaning: "The members of the group, named as in decisions. Events name the group as \
                      the credential's owner."
                .to_owned(),
        };
        out.push(Section { name: path.to_owned(), rows: vec![row] });
    }
}
