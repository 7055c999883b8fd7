//! What did not join, as the board shows it.

use serde::Serialize;

use super::text;
use crate::event::{Kind, Workflow};
use crate::report::NotJoined;
use crate::runtime::http::joining::Joining;
use crate::runtime::http::options::Shown;

/// Names shown.
const SHOWN_MAX: usize = 8;

/// The part of a snapshot.
#[derive(Clone, Debug, Serialize)]
pub(super) struct UnjoinedPart {
    names: u64,
    events: u64,
    rows: Vec<UnjoinedRow>,
}

/// One name.
#[derive(Clone, Debug, Serialize)]
struct UnjoinedRow {
    credential: String,
    workflow: Workflow,
    kind: Kind,
    source: Option<String>,
    at_ms: i64,
    events: u64,
    nearest: Vec<String>,
}

impl UnjoinedRow {
    fn of(name: &NotJoined) -> UnjoinedRow {
        UnjoinedRow {
            credential: text::shown(&name.credential_id),
            workflow: name.workflow,
            kind: name.kind,
            source: name.source.as_deref().map(text::shown),
            at_ms: name.time.as_millis(),
            events: name.events,
            nearest: name.nearest.iter().map(|near| text::shown(near)).collect(),
        }
    }
}

impl UnjoinedPart {
    /// The names that came last. This looks at every window, to find the nearest names.
    pub(super) fn of(shown: &Shown) -> UnjoinedPart {
        let joining = Joining::of(shown, None, SHOWN_MAX);
        UnjoinedPart {
            names: joining.names,
            events: joining.events,
            rows: joining.unjoined.iter().map(UnjoinedRow::of).collect(),
        }
    }
}
