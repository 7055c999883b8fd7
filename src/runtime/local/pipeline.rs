//! The three stages, handing records to each other within one transaction.

use std::sync::Arc;

use super::file::{StoreFile, sum};
use super::outbox::{LocalOutbox, Sent, Transaction};
use crate::config::EngineConfig;
use crate::engine::oversight::Rules;
use crate::formats::{Format, Identity};
use crate::runtime::receive::{DeliveryIntake, Received, Taken};
use crate::runtime::stages::{
    Context, Fault, Fresh, OWN_EVENTS, Outbox as _, Oversight, Record, Restored, Stage,
    WindowsStage, restored_time,
};
use crate::time::{Span, Timestamp};

/// The partition of all stages: there is one.
pub(super) const PARTITION: i32 = 0;
/// How far the store's time may be ahead of the clock: clocks are adjusted in small steps.
const AHEAD_MAX: Span = Span::from_mins(5);

/// The number of the latest delivery that a dead letter names: those of receivers grow.
const LAST_DELIVERY: &str = "SELECT coalesce((SELECT record ->> '$.origin.offset' \
    FROM dead_letters WHERE record ->> '$.origin.topic' LIKE 'in/%' \
    ORDER BY position DESC LIMIT 1), 0)";

/// The stages of the process.
pub(super) struct Pipeline {
    context: Arc<Context>,
    intake: DeliveryIntake,
    windows: WindowsStage,
    oversight: Oversight,
    /// The number of the latest delivery, which dead letters cite as its offset.
    deliveries: i64,
}

impl Pipeline {
    /// The stages with the state that the store has. Each receiver has a name and a format.
    ///
    /// # Errors
    /// State that is damaged, or ahead of the clock.
    pub(super) fn restore(
        store: &StoreFile,
        context: &Arc<Context>,
        config: &EngineConfig,
        rules: &Arc<Rules>,
        receivers: &[(String, Format)],
    ) -> Result<Pipeline, Fault> {
        let mut windows = WindowsStage::new(context, &[Format::Native]);
        let mut oversight = Oversight::new(context, rules);
        let fresh = Fresh::Windows(Box::new(config.clone()));
        let now = context.clock.now();
        windows.begin(restored(store, "window_state", &fresh, now)?);
        let fresh = Fresh::Oversight(Arc::clone(rules));
        oversight.begin(restored(store, "reviewer_state", &fresh, now)?);
        let deliveries = store
            .connection
            .query_row(LAST_DELIVERY, [], |row| row.get(0))
            .map_err(|error| store.fault("reading it", &error))?;
        Ok(Pipeline {
            context: Arc::clone(context),
            intake: DeliveryIntake::new(context, receivers),
            windows,
            oversight,
            deliveries,
        })
    }

    /// Decodes one delivery and hands its events to the windows.
    pub(super) fn take(
        &mut self,
        received: &mut Received,
        store: &StoreFile,
        transaction: &mut Transaction,
    ) -> Result<Taken, Fault> {
        self.deliveries += 1;
        let (identity, now) = (&self.context.identity, received.arrived_at);
        let mut intake = outbox(store, transaction, identity, now);
        intake.intake = true;
        let taken = self.intake.take(received, self.deliveries, &mut intake)?;
        let events = std::mem::take(&mut transaction.events);
        take_all(&mut self.windows, &events, outbox(store, transaction, identity, now))?;
        Ok(taken)
    }

    /// When something happens next although nothing comes.
    pub(super) fn next(&mut self) -> Option<Timestamp> {
        let next =
            [self.windows.next_punctuation(PARTITION), self.oversight.next_punctuation(PARTITION)];
        next.into_iter().flatten().min()
    }

    /// Brings all stages up to `now`, and sends their state.
    pub(super) fn advance(
        &mut self,
        now: Timestamp,
        store: &StoreFile,
        transaction: &mut Transaction,
    ) -> Result<(), Fault> {
        let identity = &self.context.identity;
        loop {
            // Names that are linked send each other what they get.
            while !transaction.to_windows.is_empty() {
                let sent = std::mem::take(&mut transaction.to_windows);
                take_all(&mut self.windows, &sent, outbox(store, transaction, identity, now))?;
            }
            punctuate(&mut self.windows, now, outbox(store, transaction, identity, now))?;
            let reviews = std::mem::take(&mut transaction.reviews);
            take_all(&mut self.oversight, &reviews, outbox(store, transaction, identity, now))?;
            punctuate(&mut self.oversight, now, outbox(store, transaction, identity, now))?;
            if transaction.to_windows.is_empty() {
                break;
            }
        }
        let mut outbox = outbox(store, transaction, identity, now);
        self.windows.checkpoint(&mut outbox)?;
        self.oversight.checkpoint(&mut outbox)
    }

    /// The transaction is committed.
    pub(super) fn committed(&mut self) {
        self.intake.figures().apply();
        self.windows.committed();
        self.oversight.committed();
    }
}

/// The outbox of a stage after intake, which looks at no record yet.
fn outbox<'t>(
    store: &'t StoreFile,
    transaction: &'t mut Transaction,
    identity: &'t Identity,
    now: Timestamp,
) -> LocalOutbox<'t> {
    let (intake, record, of_record) = (false, Vec::new(), 0);
    LocalOutbox { store, transaction, now, intake, identity, record, of_record }
}

fn punctuate<S: Stage>(
    stage: &mut S,
    now: Timestamp,
    mut outbox: LocalOutbox<'_>,
) -> Result<(), Fault> {
    while !stage.punctuate(PARTITION, now, &mut outbox)? {}
    Ok(())
}

fn take_all<S: Stage>(
    stage: &mut S,
    records: &[Sent],
    mut outbox: LocalOutbox<'_>,
) -> Result<(), Fault> {
    records.iter().try_for_each(|(key, value)| {
        let value = value.as_deref().unwrap_or_default();
        outbox.follows_from(value);
        let record = Record {
            input: OWN_EVENTS,
            topic: "events",
            partition: PARTITION,
            offset: 0,
            written_at: None,
            key: Some(key),
            value,
            headers: None,
        };
        stage.take(record, &mut outbox).map(drop)
    })
}

/// The state in `table`.
fn restored(
    store: &StoreFile,
    table: &str,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Restored, Fault> {
    let (mut state, mut time) = (fresh.state(), None);
    let failed = |error: rusqlite::Error| store.fault("reading it", &error);
    let sql = format!("SELECT key, time, value, sum FROM {table}");
    let mut rows = store.connection.prepare(&sql).map_err(failed)?;
    let mut rows = rows.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let read = || -> rusqlite::Result<_> {
            let (key, value) = (row.get_ref(0)?.as_blob()?, row.get_ref(2)?.as_blob()?);
            Ok((key, row.get::<_, i64>(1)?, value, row.get::<_, i64>(3)?))
        };
        let (key, at, value, written) = read().map_err(failed)?;
        if sum(key, value) != written {
            return Err(store.damaged(table));
        }
        state.take(key, Some(value)).map_err(|refusal| {
            store.lasting(&format!("a row of the table {table} cannot be used: {refusal}"))
        })?;
        time = time.max(restored_time(Timestamp::from_millis(at)));
    }
    if let Some(ahead) = time.map(|time| time.since(now)).filter(|ahead| *ahead > AHEAD_MAX) {
        return Err(store.lasting(&format!(
            "it was last written {} s ahead of this machine's clock; set the clock, or wait",
            ahead.as_millis() / 1000
        )));
    }
    let mut restored = Restored { partition: PARTITION, state, time };
    if let Some(ahead) = restored.not_ahead_of(now) {
        tracing::warn!(
            ahead_ms = ahead.as_millis(),
            "the store was written by a clock that was ahead of the present; nothing that is due \
             later fires now"
        );
    }
    Ok(restored)
}
