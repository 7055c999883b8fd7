//! The stages on a store, one transaction at a time.
//!
//! Invariants: a transaction is committed as a whole or not at all; what is shown was committed.

use std::sync::Arc;
use std::time::Duration;

use super::file::StoreFile;
use super::outbox::{Revised, Sent, Transaction};
use super::pipeline::{PARTITION, Pipeline};
use crate::config::EngineConfig;
use crate::engine::oversight::Rules;
use crate::formats::Format;
use crate::metrics::{PipelineStage, TransactionResult};
use crate::runtime::clock;
use crate::runtime::receive::{Delivery, Taken};
use crate::runtime::stages::{Context, Fault};
use crate::runtime::view::View;
use crate::time::Timestamp;

/// The stages on a store.
pub struct Transactions<'s> {
    store: &'s StoreFile,
    context: Arc<Context>,
    view: Arc<View>,
    pipeline: Pipeline,
    transaction: Transaction,
}

impl<'s> Transactions<'s> {
    /// The stages with the state that `store` has; changes of the ledger go to `view`. Each
    /// receiver has a name and a format.
    ///
    /// # Errors
    /// State that is damaged, or ahead of the clock.
    pub fn restore(
        store: &'s StoreFile,
        context: &Arc<Context>,
        view: &Arc<View>,
        config: &EngineConfig,
        rules: &Arc<Rules>,
        receivers: &[(String, Format)],
    ) -> Result<Transactions<'s>, Fault> {
        let pipeline = Pipeline::restore(store, context, config, rules, receivers)?;
        let (context, view) = (Arc::clone(context), Arc::clone(view));
        Ok(Transactions { store, context, view, pipeline, transaction: Transaction::default() })
    }

    /// When something happens next although nothing comes.
    pub fn next_due(&mut self) -> Option<Timestamp> {
        self.pipeline.next()
    }

    /// One transaction: takes the deliveries in, brings the stages up to `now`, and commits.
    /// Returns what became of each delivery.
    ///
    /// # Errors
    /// Why nothing of it was kept; the stages must not be used any further then.
    pub fn transact(
        &mut self,
        deliveries: &mut [Delivery],
        now: Timestamp,
    ) -> Result<Vec<Taken>, Fault> {
        let taken = self.commit(deliveries, now).inspect_err(|_| {
            // It fails where the transaction is rolled back already.
            let _ = self.store.connection.execute_batch("ROLLBACK");
            let aborted = TransactionResult::Aborted;
            self.context.pipeline.transaction(PipelineStage::Windows, aborted, Duration::ZERO);
        })?;
        self.pipeline.committed();
        for Revised { exposure_id, record } in self.transaction.ledger.drain(..) {
            match record {
                Some((json, record)) => self.view.keep(&exposure_id, &json, &record, now),
                None => self.view.apply(exposure_id.as_bytes(), None, now),
            };
        }
        self.view.progress(|progress| progress.heard_of_end(PARTITION, 0, now));
        Ok(taken)
    }

    fn commit(&mut self, deliveries: &mut [Delivery], now: Timestamp) -> Result<Vec<Taken>, Fault> {
        let Transactions { store, context, pipeline, transaction, .. } = self;
        let run = |sql| {
            let done = store.connection.execute_batch(sql);
            done.map_err(|error| store.fault("writing to it", &error))
        };
        transaction.clear();
        run("BEGIN IMMEDIATE")?;
        let mut taken = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            taken.push(pipeline.take(&mut delivery.received, store, transaction)?);
        }
        pipeline.advance(now, store, transaction)?;
        let began = clock::instant();
        run("COMMIT")?;
        let took = clock::instant() - began;
        if transaction.rows > 0 {
            let committed = TransactionResult::Committed;
            context.pipeline.transaction(PipelineStage::Windows, committed, took);
        }
        Ok(taken)
    }

    /// The changes of alerts in the last transaction.
    pub(super) fn alerts(&mut self) -> impl Iterator<Item = Sent> {
        self.transaction.alerts.drain(..)
    }
}
