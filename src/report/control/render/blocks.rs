//! The blocks of which the document consists: what HTML and Markdown both write.

use super::super::evidence::Scope;
use super::section::Section;

/// A piece of the document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    /// The beginning of a section.
    Section(Section),
    /// A heading within one.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// The one figure that the page is about.
    Headline {
        /// The figure.
        figure: String,
        /// What it is of.
        label: String,
        /// What belongs to it.
        details: Vec<String>,
    },
    /// Points in order of their weight.
    Points(Vec<String>),
    /// Facts by name.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// A picture; its figures stand in a table beside it.
    Chart(Chart),
    /// Words and what they mean.
    Words(&'static [super::super::definitions::Definition]),
    /// Which records the section is of.
    From(Scope),
}

/// A picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chart {
    /// Waiting, against the attackers' arrival.
    Waiting,
    /// Where the time goes.
    Stages,
    /// What ended the wait.
    Outcomes,
    /// Bands of all groups.
    Bands,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    /// What it is.
    pub(super) caption: String,
    /// The heads of its columns.
    pub(super) head: Vec<&'static str>,
    /// Columns that hold text; all others hold figures.
    pub(super) texts: &'static [usize],
    /// Columns that hold names without blanks, too long for a line.
    pub(super) long: &'static [usize],
    /// Its rows; the first cell names the row.
    pub(super) rows: Vec<Vec<String>>,
    /// What is not in it.
    pub(super) left_out: Option<String>,
}

impl Table {
    pub(super) fn new(caption: impl Into<String>, head: &[&'static str]) -> Table {
        Table { caption: caption.into(), head: head.to_vec(), texts: &[0], ..Table::default() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}
