//! Builds each frame once, and sends it to any number of streams.
//!
//! Invariants: a stream holds only the frame that it is sending; the number of streams is
//! limited separately from other connections, so boards cannot keep those out; a stream
//! whose client reads nothing for too long is cut off.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame as BodyFrame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;

use super::frame::{Frame, Snapshot};
use super::snapshot::SnapshotBuilder;
use crate::runtime::clock;
use crate::runtime::http::options::Shown;
use crate::time::Span;

/// Between two frames.
const EVERY: Duration = Duration::from_millis(1000);
/// Between two frames of a demo, whose time runs fast.
const EVERY_DEMO: Duration = Duration::from_millis(500);
/// How soon the first board gets a frame.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The slot that a connection occupies: one of the connections', or one of the streams'.
#[derive(Debug)]
pub(in crate::runtime::http) struct Slot {
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// The process's uptime when its stream last asked for data; -1 without a stream.
    asked_ms: AtomicI64,
}

impl Slot {
    pub(in crate::runtime::http) fn new(permit: OwnedSemaphorePermit) -> Arc<Slot> {
        Arc::new(Slot { permit: Mutex::new(Some(permit)), asked_ms: AtomicI64::new(-1) })
    }

    /// Whether the connection is a stream.
    pub(in crate::runtime::http) fn streams(&self) -> bool {
        self.asked_ms.load(Ordering::Relaxed) >= 0
    }

    /// Whether it is a stream that was not read for `long`. Frames come every second.
    pub(in crate::runtime::http) fn stalled(&self, long: Span) -> bool {
        let asked = self.asked_ms.load(Ordering::Relaxed);
        asked >= 0 && clock::uptime().as_millis() - asked > long.as_millis()
    }

    fn becomes_stream(&self, permit: OwnedSemaphorePermit) {
        self.asked();
        // This returns the connection's permit: a board takes no slot from other clients.
        *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
    }

    fn asked(&self) {
        self.asked_ms.store(clock::uptime().as_millis(), Ordering::Relaxed);
    }
}

/// The state that streams watch.
#[derive(Debug, Default)]
struct Latest {
    /// `None` while no board is open, so that the next board gets no stale frame.
    frame: Option<Arc<Frame>>,
    /// The server stops, and so does every stream.
    over: bool,
}

/// Makes streams. Only streams subscribe to `latest`, so its receivers count them.
#[derive(Clone, Debug)]
pub(in crate::runtime::http) struct Feed {
    latest: Arc<watch::Sender<Latest>>,
    slots: Arc<Semaphore>,
}

impl Feed {
    /// Starts building frames, until `stop` changes.
    pub(in crate::runtime::http) fn start(
        shown: Arc<Shown>,
        streams_max: usize,
        stop: watch::Receiver<bool>,
    ) -> Feed {
        let latest = Arc::new(watch::Sender::new(Latest::default()));
        tokio::spawn(render(shown, Arc::clone(&latest), stop));
        Feed { latest, slots: Arc::new(Semaphore::new(streams_max)) }
    }

    /// A stream on the connection with `slot`; `None` if there are too many streams.
    pub(in crate::runtime::http) fn stream(&self, slot: &Arc<Slot>) -> Option<Stream> {
        let permit = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        slot.becomes_stream(permit);
        let next = Box::pin(next(self.latest.subscribe(), 0));
        Some(Stream { next, slot: Arc::clone(slot) })
    }
}

/// Builds frames while a board is open.
async fn render(
    shown: Arc<Shown>,
    latest: Arc<watch::Sender<Latest>>,
    mut stop: watch::Receiver<bool>,
) {
    let every = if shown.demo { EVERY_DEMO } else { EVERY };
    let mut state = Some((SnapshotBuilder::new(), Snapshot::default()));
    let mut number = 0;
    loop {
        let watched = latest.receiver_count() > 0;
        let rest = if watched { every } else { LOOK_EVERY };
        if watched && let Some((mut builder, before)) = state.take() {
            number += 1;
            let shown = Arc::clone(&shown);
            let built = tokio::task::spawn_blocking(move || {
                let snapshot = builder.build(&shown);
                let frame = snapshot.frame(number, &before);
                (builder, snapshot, frame)
            });
            match built.await {
                Ok((builder, snapshot, frame)) => {
                    state = Some((builder, snapshot));
                    latest.send_modify(|latest| latest.frame = Some(Arc::new(frame)));
                }
                Err(error) => {
                    tracing::error!("the board's snapshot cannot be built: {error}");
                    state = Some((SnapshotBuilder::new(), Snapshot::default()));
                    // Skips a number, so that no board applies the next change to its frame.
                    number += 1;
                }
            }
        } else if latest.borrow().frame.is_some() {
            latest.send_modify(|latest| latest.frame = None);
        }
        tokio::select! {
            biased;
            _ = stop.changed() => {
                latest.send_modify(|latest| latest.over = true);
                return;
            }
            () = sleep(rest) => {}
        }
    }
}

/// The next frame after number `has` as bytes, with the state for the one after it.
async fn next(
    mut latest: watch::Receiver<Latest>,
    has: u64,
) -> Option<(watch::Receiver<Latest>, u64, Bytes)> {
    loop {
        let frame = {
            let latest = latest.borrow_and_update();
            if latest.over {
                return None;
            }
            latest.frame.clone()
        };
        if let Some(frame) = frame.filter(|frame| frame.number > has) {
            let follows = has > 0 && frame.number == has + 1;
            let bytes = if follows { &frame.change } else { &frame.whole };
            return Some((latest, frame.number, bytes.clone()));
        }
        latest.changed().await.ok()?;
    }
}

type Next = dyn Future<Output = Option<(watch::Receiver<Latest>, u64, Bytes)>> + Send;

/// The body of a stream: endless server-sent events.
pub(in crate::runtime::http) struct Stream {
    next: Pin<Box<Next>>,
    slot: Arc<Slot>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Self::Error>>> {
        self.slot.asked();
        let Some((latest, number, bytes)) = ready!(self.next.as_mut().poll(context)) else {
            return Poll::Ready(None);
        };
        self.next = Box::pin(next(latest, number));
        Poll::Ready(Some(Ok(BodyFrame::data(bytes))))
    }
}
