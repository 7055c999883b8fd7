//! The whole document: its title and all of its sections in order.

use super::super::Report;
use super::blocks::Block;
use super::{ground, oversight, speed, verdict};

/// The whole document.
pub(super) fn document(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    verdict::verdict(report, &mut blocks);
    speed::sections(report, &mut blocks);
    oversight::sections(report, &mut blocks);
    ground::sections(report, &mut blocks);
    blocks
}

/// The title of the whole.
pub(super) fn title(report: &Report) -> String {
    let day = |time: crate::time::Timestamp| time.to_string().get(..10).map(str::to_owned);
    let last = report.period.to + crate::time::Span::from_millis(-1);
    let days = [report.period.from, last].map(|time| day(time).unwrap_or_default());
    let [first, last] = &days;
    let period = if first == last { first.clone() } else { format!("{first} to {last}") };
    format!("Control effectiveness, {period}")
}
