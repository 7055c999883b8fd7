//! Where the demo's stages send to.

use std::sync::Arc;

use crate::runtime::stages::{Fault, Outbox, Outgoing, Topic};
use crate::runtime::view::View;
use crate::time::Timestamp;

/// Key and value of a record on its way from one stage to the other.
pub(super) type Sent = (Vec<u8>, Vec<u8>);

/// Keeps what goes from stage to stage and shows the ledger. The board takes everything
/// else from the figures, so nothing keeps it.
pub(super) struct DemoOutbox {
    pub(super) view: Arc<View>,
    /// The present of the demo.
    pub(super) now: Timestamp,
    /// From windows to oversight.
    pub(super) reviews: Vec<Sent>,
    /// From oversight to windows.
    pub(super) judgements: Vec<Sent>,
}

impl Outbox for DemoOutbox {
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Fault> {
        let Outgoing { topic, key, value, .. } = record;
        let sent = || (key.to_vec(), value.unwrap_or_default().to_vec());
        match topic {
            Topic::Windows => drop(self.view.apply(key, value, self.now)),
            Topic::Reviews => self.reviews.push(sent()),
            Topic::Events => self.judgements.push(sent()),
            Topic::State
            | Topic::Alerts
            | Topic::Reviewers
            | Topic::Findings
            | Topic::DeadLetters => {}
        }
        Ok(())
    }
}
