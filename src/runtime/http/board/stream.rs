//! One rendering, any number of streams.
//!
//! Invariants: a stream holds the frame that it is sending and nothing that waits;
//! the number of streams is bounded apart from other connections, which they cannot
//! keep out; a stream whose client takes nothing for too long is cut off.

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

use super::frame::{Frame, Picture};
use super::picture::Painter;
use crate::runtime::clock;
use crate::runtime::http::Shown;
use crate::time::Span;

/// Between two frames.
const EVERY: Duration = Duration::from_millis(1000);
/// Between two frames of a demo, whose time runs fast.
const EVERY_DEMO: Duration = Duration::from_millis(500);
/// How soon somebody who comes first gets a picture.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a connection occupies: a place among all, or one among the streams.
#[derive(Debug)]
pub(in crate::runtime::http) struct Place {
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// When its stream was last asked for more, by the process's uptime; -1 without one.
    asked_ms: AtomicI64,
}

impl Place {
    pub(in crate::runtime::http) fn new(permit: OwnedSemaphorePermit) -> Arc<Place> {
        Arc::new(Place { permit: Mutex::new(Some(permit)), asked_ms: AtomicI64::new(-1) })
    }

    /// Whether it has become a stream.
    pub(in crate::runtime::http) fn streams(&self) -> bool {
        self.asked_ms.load(Ordering::Relaxed) >= 0
    }

    /// Whether it is a stream that nobody has read for `long`. Frames come every second.
    pub(in crate::runtime::http) fn stalled(&self, long: Span) -> bool {
        let asked = self.asked_ms.load(Ordering::Relaxed);
        asked >= 0 && clock::uptime().as_millis() - asked > long.as_millis()
    }

    fn becomes_stream(&self, permit: OwnedSemaphorePermit) {
        self.asked();
        // The old permit goes back: a board takes no place of a scraper.
        *self.permit.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
    }

    fn asked(&self) {
        self.asked_ms.store(clock::uptime().as_millis(), Ordering::Relaxed);
    }
}

/// What streams look at.
#[derive(Debug, Default)]
struct Latest {
    /// None while nobody looks, so that nobody who comes sees what was then.
    frame: Option<Arc<Frame>>,
    /// The server ends, and every stream with it.
    over: bool,
}

/// Where streams come from. Only they receive from it, so that they can be counted.
#[derive(Clone, Debug)]
pub(in crate::runtime::http) struct Feed {
    latest: Arc<watch::Sender<Latest>>,
    places: Arc<Semaphore>,
}

impl Feed {
    /// Starts the rendering; it ends with `stop`.
    pub(in crate::runtime::http) fn start(
        shown: Arc<Shown>,
        streams_max: usize,
        stop: watch::Receiver<bool>,
    ) -> Feed {
        let latest = Arc::new(watch::Sender::new(Latest::default()));
        tokio::spawn(render(shown, Arc::clone(&latest), stop));
        Feed { latest, places: Arc::new(Semaphore::new(streams_max)) }
    }

    /// A stream on the connection that has `place`; `None` if there are too many.
    pub(in crate::runtime::http) fn stream(&self, place: &Arc<Place>) -> Option<Stream> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        place.becomes_stream(permit);
        let next = Box::pin(next(self.latest.subscribe(), 0));
        Some(Stream { next, place: Arc::clone(place) })
    }
}

/// Makes frames as long as anybody looks.
async fn render(
    shown: Arc<Shown>,
    latest: Arc<watch::Sender<Latest>>,
    mut stop: watch::Receiver<bool>,
) {
    let every = if shown.demo { EVERY_DEMO } else { EVERY };
    let mut painting = Some((Painter::new(), Picture::default()));
    let mut number = 0;
    loop {
        let watched = latest.receiver_count() > 0;
        let rest = if watched { every } else { LOOK_EVERY };
        if watched && let Some((mut painter, before)) = painting.take() {
            number += 1;
            let shown = Arc::clone(&shown);
            let painted = tokio::task::spawn_blocking(move || {
                let picture = painter.paint(&shown);
                let frame = picture.frame(number, &before);
                (painter, picture, frame)
            });
            match painted.await {
                Ok((painter, picture, frame)) => {
                    painting = Some((painter, picture));
                    latest.send_modify(|latest| latest.frame = Some(Arc::new(frame)));
                }
                Err(error) => {
                    tracing::error!("the board's picture cannot be made: {error}");
                    painting = Some((Painter::new(), Picture::default()));
                    // A gap, so that nobody takes the next for a change of what they have.
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

/// The next frame after number `has`, as bytes, with what is needed to go on.
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

/// The body of one stream: server-sent events without end.
pub(in crate::runtime::http) struct Stream {
    next: Pin<Box<Next>>,
    place: Arc<Place>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Self::Error>>> {
        self.place.asked();
        let Some((latest, number, bytes)) = ready!(self.next.as_mut().poll(context)) else {
            return Poll::Ready(None);
        };
        self.next = Box::pin(next(latest, number));
        Poll::Ready(Some(Ok(BodyFrame::data(bytes))))
    }
}
