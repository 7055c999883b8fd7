//! The files of a map, as text.

use std::borrow::Cow;

/// The files of one map.
#[derive(Clone, Debug)]
pub struct MapSource {
    /// The name of its folder.
    pub folder: Cow<'static, str>,
    /// `map.toml`.
    pub manifest: Cow<'static, str>,
    /// `map.jq`.
    pub program: Cow<'static, str>,
    /// The files of `fixtures/` by name.
    pub fixtures: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}
