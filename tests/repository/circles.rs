//! No circle of files: no file names something that another file declares which, directly
//! or through others, names something of the first.
//!
//! The source is read as text. Every path outside `#[cfg(test)]` is resolved to the file
//! that declares what it names: through `crate`, `self`, `super`, child modules, imports
//! (with `as`), re-exports and globs. A module that is only a name space on the way, a
//! `mod` declaration, an import of a module and a re-export of a name join no files.
//!
//! What this cannot see: methods and fields that are reached through a value, because they
//! need no path; what a macro expands to where it is used (its paths count where the macro
//! is declared); code in texts that a program includes; files that `#[path]` names.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::source::{files, is_name, tokens};

/// A module: where its code is, and what its code names.
#[derive(Default)]
struct Module {
    file: String,
    /// Names that it imports or re-exports, and the path behind each.
    imports: BTreeMap<String, Vec<String>>,
    /// Paths whose every name it imports.
    globs: Vec<Vec<String>>,
    /// Modules of its own in other files.
    children: BTreeSet<String>,
    /// Names that it declares.
    declared: BTreeSet<String>,
    /// All other paths within it.
    paths: BTreeSet<Vec<String>>,
    /// Paths of its imports that it does not re-export.
    private: Vec<Vec<String>>,
    /// What it re-exports, by the name there.
    reexports: Vec<(String, Vec<String>)>,
    /// The first name of every path, single names included.
    names: BTreeSet<String>,
}

/// The modules of one crate by their paths; the root is the empty path.
struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Module(Vec<String>),
    /// Something declared in this file.
    Item(String),
    /// Another crate, or a name of the language.
    Elsewhere,
}

impl Crate {
    /// Reads the files of a crate: the name of each below the crate's root, and its text.
    fn read<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Crate {
        let mut modules = BTreeMap::new();
        let mut tests: Vec<Vec<String>> = Vec::new();
        for (file, code) in sources {
            let mut path: Vec<String> =
                file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if ["mod", "lib", "main"].contains(&path[path.len() - 1].as_str()) {
                path.pop();
            }
            let tokens = tokens(code);
            let mut reader =
                Reader { tokens: &tokens, file, modules: &mut modules, tests: &mut tests };
            reader.module(0, path);
        }
        // Files of tests may name whatever they test.
        modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        Crate { modules }
    }

    /// Where `path`, written in `module`, leads.
    fn resolve(&self, module: &[String], path: &[String]) -> Target {
        self.follow(module, path, false, &mut BTreeSet::new())
    }

    /// As [`Crate::resolve`]. If `strict`, a name that no text declares leads nowhere; otherwise
    /// it is taken for one that a macro declares in the module to which the path leads.
    fn follow(
        &self,
        module: &[String],
        path: &[String],
        strict: bool,
        seen: &mut BTreeSet<(Vec<String>, Vec<String>)>,
    ) -> Target {
        if !seen.insert((module.to_vec(), path.to_vec())) {
            return Target::Elsewhere;
        }
        let mut at = module.to_vec();
        let mut rest = path;
        while let [first, behind @ ..] = rest {
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" if !at.is_empty() => drop(at.pop()),
                _ => break,
            }
            rest = behind;
        }
        let mut led = rest.len() < path.len();
        while let [name, behind @ ..] = rest {
            let Some(here) = self.modules.get(&at) else { return Target::Elsewhere };
            let mut child = at.clone();
            child.push(name.clone());
            let item = here.imports.contains_key(name) || here.declared.contains(name);
            // A module and a function may have the same name; a path ends at the function.
            if self.modules.contains_key(&child) && !(behind.is_empty() && item) {
                (at, rest, led) = (child, behind, true);
                continue;
            }
            // An import of `a::a` finds the first `a` elsewhere, not itself.
            if let Some(import) = here.imports.get(name).filter(|import| import[0] != *name) {
                let mut whole = import.clone();
                whole.extend_from_slice(behind);
                return self.follow(&at, &whole, false, seen);
            }
            if here.declared.contains(name) {
                return Target::Item(here.file.clone());
            }
            for glob in &here.globs {
                let mut whole = glob.clone();
                whole.extend_from_slice(rest);
                let found = self.follow(&at, &whole, true, seen);
                if found != Target::Elsewhere {
                    return found;
                }
            }
            // A file that `#[path]` names is not among those that were read.
            return match led && !strict && !here.children.contains(name) {
                true => Target::Item(here.file.clone()),
                false => Target::Elsewhere,
            };
        }
        Target::Module(at)
    }

    /// The files that each file needs, and what for.
    fn needs(&self) -> BTreeMap<&str, BTreeMap<String, BTreeSet<String>>> {
        let mut needs: BTreeMap<&str, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (path, module) in &self.modules {
            let needed = needs.entry(&module.file).or_default();
            let reexports = module.reexports.iter().filter(|(name, _)| module.names.contains(name));
            let imports = module.private.iter().chain(reexports.map(|(_, path)| path));
            for named in module.paths.iter().chain(imports) {
                if let Target::Item(file) = self.resolve(path, named)
                    && file != module.file
                {
                    needed.entry(file).or_default().insert(named.join("::"));
                }
            }
            for glob in &module.globs {
                if let Target::Module(target) = self.resolve(path, glob)
                    && let Some(target) = self.modules.get(&target)
                    && target.file != module.file
                {
                    let named = format!("{}::*", glob.join("::"));
                    needed.entry(target.file.clone()).or_default().insert(named);
                }
            }
        }
        needs
    }

    /// Every largest set of files that all need each other, directly or through others.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let needs = self.needs();
        let reached: BTreeMap<&str, BTreeSet<&str>> = needs
            .keys()
            .map(|from| {
                let (mut reached, mut next) = (BTreeSet::new(), vec![*from]);
                while let Some(file) = next.pop() {
                    for needed in needs.get(file).into_iter().flat_map(BTreeMap::keys) {
                        if reached.insert(needed.as_str()) {
                            next.push(needed);
                        }
                    }
                }
                (*from, reached)
            })
            .collect();
        let circle = |file: &&str| -> BTreeSet<String> {
            let back = |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(file));
            reached[file].iter().filter(back).map(|other| (*other).to_owned()).collect()
        };
        reached.keys().map(circle).filter(|circle| !circle.is_empty()).collect()
    }

    /// A circle for a person to read: every step, and what it is taken for.
    fn steps(&self, circle: &BTreeSet<String>) -> String {
        let mut text = String::new();
        for (file, needed) in self.needs() {
            for (other, names) in needed {
                if circle.contains(file) && circle.contains(&other) {
                    let names: Vec<_> = names.into_iter().collect();
                    writeln!(text, "    {file} needs {other}: {}", names.join(", ")).unwrap();
                }
            }
        }
        text
    }
}

/// Reads one file.
struct Reader<'r> {
    tokens: &'r [String],
    file: &'r str,
    modules: &'r mut BTreeMap<Vec<String>, Module>,
    tests: &'r mut Vec<Vec<String>>,
}

impl Reader<'_> {
    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", String::as_str)
    }

    /// Reads a module from `at` to the brace that ends it; returns what is behind it.
    fn module(&mut self, mut at: usize, path: Vec<String>) -> usize {
        let mut module = Module { file: self.file.to_owned(), ..Module::default() };
        let mut depth = 0;
        let mut public = false;
        while at < self.tokens.len() {
            match self.token(at) {
                "#" if self.is_test(at) => {
                    at = self.skip_test(at, &path);
                    continue;
                }
                "{" => depth += 1,
                "}" if depth == 0 => {
                    at += 1;
                    break;
                }
                "}" => depth -= 1,
                "pub" => {
                    public = true;
                    at += 1;
                    if self.token(at) == "(" {
                        at = self.closed(at);
                    }
                    continue;
                }
                "mod" if self.token(at + 2) == "{" => {
                    let mut inner = path.clone();
                    inner.push(self.token(at + 1).to_owned());
                    at = self.module(at + 3, inner);
                    public = false;
                    continue;
                }
                "mod" if self.token(at + 2) == ";" => {
                    module.children.insert(self.token(at + 1).to_owned());
                    at += 3;
                    public = false;
                    continue;
                }
                "use" => {
                    at = self.import(at + 1, &[], public, &mut module);
                    public = false;
                    continue;
                }
                "struct" | "enum" | "union" | "trait" | "fn" | "const" | "static" | "type"
                | "macro_rules" => {
                    let named = at + 1 + usize::from(["!", "mut"].contains(&self.token(at + 1)));
                    if is_name(self.token(named)) {
                        module.declared.insert(self.token(named).to_owned());
                    }
                }
                name if is_name(name) => {
                    let (named, behind) = self.path(at);
                    module.names.insert(named[0].clone());
                    if named.len() > 1 {
                        module.paths.insert(named);
                    }
                    at = behind;
                    public = false;
                    continue;
                }
                _ => {}
            }
            public = false;
            at += 1;
        }
        self.modules.insert(path, module);
        at
    }

    /// The path that begins at `at`, and what is behind it.
    fn path(&self, mut at: usize) -> (Vec<String>, usize) {
        let mut path = vec![self.token(at).to_owned()];
        at += 1;
        while self.token(at) == "::" && is_name(self.token(at + 1)) {
            path.push(self.token(at + 1).to_owned());
            at += 2;
        }
        (path, at)
    }

    /// Reads a tree of imports behind `prefix`; returns what is behind it.
    fn import(&self, mut at: usize, prefix: &[String], public: bool, module: &mut Module) -> usize {
        let mut path = prefix.to_vec();
        loop {
            match self.token(at) {
                "::" => at += 1,
                "*" => {
                    module.globs.push(path);
                    return at + 1;
                }
                "{" => {
                    at += 1;
                    while !["}", ""].contains(&self.token(at)) {
                        at = match self.token(at) {
                            "," => at + 1,
                            _ => self.import(at, &path, public, module),
                        };
                    }
                    return at + 1;
                }
                name if is_name(name) => {
                    let name = name.to_owned();
                    at += 1;
                    if name == "self" && !path.is_empty() {
                        // `a::{self}` is `a`.
                    } else {
                        path.push(name);
                    }
                    if self.token(at) != "::" {
                        break;
                    }
                }
                _ => return at + 1,
            }
        }
        let mut name = path[path.len() - 1].clone();
        if self.token(at) == "as" {
            name = self.token(at + 1).to_owned();
            at += 2;
        }
        match public {
            true => module.reexports.push((name.clone(), path.clone())),
            false => module.private.push(path.clone()),
        }
        // A name that stands for itself leads nowhere.
        if path != [name.clone()] {
            module.imports.insert(name, path);
        }
        at + usize::from(self.token(at) == ";")
    }

    /// Whether `#[cfg(test)]` stands at `at`.
    fn is_test(&self, at: usize) -> bool {
        ["#", "[", "cfg", "(", "test", ")", "]"]
            .iter()
            .enumerate()
            .all(|(n, token)| self.token(at + n) == *token)
    }

    /// Passes over the item behind `#[cfg(test)]`; notes a module of its own file.
    fn skip_test(&mut self, at: usize, path: &[String]) -> usize {
        let mut at = at + 7;
        while self.token(at) == "#" {
            at = self.closed(at + 1);
        }
        if self.token(at) == "mod" && self.token(at + 2) == ";" {
            let mut test = path.to_vec();
            test.push(self.token(at + 1).to_owned());
            self.tests.push(test);
        }
        while at < self.tokens.len() {
            match self.token(at) {
                ";" => return at + 1,
                "{" => return self.closed(at),
                "(" | "[" => at = self.closed(at),
                _ => at += 1,
            }
        }
        at
    }

    /// What is behind the bracket that closes the one at `at`.
    fn closed(&self, mut at: usize) -> usize {
        let mut depth = 0;
        while at < self.tokens.len() {
            match self.token(at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        at
    }
}

/// The files below a directory of the repository by their names there, and their texts.
fn sources(directory: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut found = Vec::new();
    files(&root, &mut found);
    let named = found.into_iter().map(|path| {
        let inside = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        (inside, fs::read_to_string(&path).unwrap())
    });
    named.collect()
}

fn read(sources: &[(String, String)]) -> Crate {
    Crate::read(sources.iter().map(|(file, code)| (file.as_str(), code.as_str())))
}

#[test]
fn no_files_of_the_library_need_each_other() {
    let mut sources = sources("src");
    // The program is a crate of its own.
    sources.retain(|(file, _)| file != "main.rs");
    let library = read(&sources);
    let mut found = String::new();
    for circle in &library.circles() {
        writeln!(found, "a circle of files:\n{}", library.steps(circle)).unwrap();
    }
    assert!(found.is_empty(), "{found}");
}

#[test]
fn no_files_of_the_benches_need_each_other() {
    let kafka = read(&sources("benches/kafka"));
    let found: String = kafka.circles().iter().map(|circle| kafka.steps(circle) + "\n").collect();
    assert!(found.is_empty(), "circles of files:\n{found}");
}

/// The circles of a crate of these files, each as its files in one line.
fn found(sources: &[(&str, &str)]) -> Vec<String> {
    let circles = Crate::read(sources.iter().copied()).circles();
    circles.into_iter().map(|files| Vec::from_iter(files).join(" ")).collect()
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    for (first, second) in [
        ("use super::b::B; pub struct A;", "use super::a::A; pub struct B;"),
        ("use crate::{b::{self}}; fn a(x: b::B) {}", "fn b() { crate::a::a() } pub struct B;"),
        ("use super::b as other; fn a() { other::b() }", "use super::a::*; fn b() {}"),
        ("mod inner { use super::super::b::b; } pub struct A;", "use crate::a::A; fn b() {}"),
        (
            "pub use crate::c::C; fn a() { super::b::b() }",
            "words! { B { X } } fn b(x: crate::a::A) {}",
        ),
        ("use crate::B; pub fn a() {}", "use crate::a::a; pub struct B;"),
        ("macro_rules! m { () => { $crate::b::b() } }", "use super::a::m; pub fn b() {}"),
    ] {
        let root = "mod a; mod b; mod c; pub use b::B;";
        let files =
            [("lib.rs", root), ("a.rs", first), ("b.rs", second), ("c.rs", "pub struct C;")];
        assert_eq!(found(&files), ["a.rs b.rs"], "{first} / {second}");
    }
}

#[test]
fn a_parent_and_its_child_are_a_circle() {
    let child = ("a/b.rs", "use super::Shared; pub fn b(x: Shared) {}");
    let parent = ("a/mod.rs", "mod b; pub struct Shared; pub fn a() { b::b(Shared) }");
    assert_eq!(found(&[("lib.rs", "mod a;"), parent, child]), ["a/b.rs a/mod.rs"]);
    let parent = ("a/mod.rs", "mod b; mod c; pub use c::Shared; pub fn a(x: Shared) { b::b(x) }");
    let shared = ("a/c.rs", "pub struct Shared;");
    assert_eq!(found(&[("lib.rs", "mod a;"), parent, child, shared]), [""; 0]);
}

#[test]
fn a_circle_through_others_has_all_its_files() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::b; pub fn a() {}"),
        ("b.rs", "use crate::c::c; pub fn b() {}"),
        ("c.rs", "use crate::a::a; use crate::d::d; pub fn c() {}"),
        ("d.rs", "pub fn d() {}"),
    ];
    assert_eq!(found(&files), ["a.rs b.rs c.rs"]);
}

#[test]
fn tests_and_name_spaces_join_no_files() {
    for (first, second) in [
        ("#[cfg(test)] mod tests { use crate::b::b; } pub fn a() {}", "use super::a::a; fn b() {}"),
        ("pub use super::b::b; pub fn a() {}", "use super::a::a; pub fn b() {}"),
        ("// super::b::b()\npub fn a() { \"super::b::b()\"; }", "use super::a::a; pub fn b() {}"),
        ("use std::fmt; use serde::b; pub fn a(b: fmt::B) {}", "use super::a::a; pub fn b() {}"),
    ] {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", first), ("b.rs", second)];
        assert_eq!(found(&files), [""; 0], "{first} / {second}");
    }
}
