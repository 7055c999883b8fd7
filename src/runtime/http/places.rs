//! Who gets a place at the server when many want one.
//!
//! Invariants: health and metrics have places of their own, whatever other clients do; one
//! address has a bounded number of places; while all are taken, those who say nothing leave.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::options::Options;
use crate::runtime::clock;
use crate::time::Span;

/// Places for health and metrics.
const RESERVED: usize = 64;
/// How many of them one address may have.
const RESERVED_PER_ADDRESS: usize = 16;
/// How long a new client waits for a place that somebody silent leaves.
const LEFT_WITHIN: Duration = Duration::from_millis(20);
/// How often it tries to get a reserved one.
const TRIES: u32 = 4;
/// Clients that may wait for a place at a time. Further ones are sent away at once.
const WAITING_MAX: usize = 512;
/// A client that has said nothing for so long leaves when others want its place.
const SILENT_AFTER: Span = Span::from_secs(1);
/// The same for a reserved place: who asks for health asks at once.
const SILENT_AFTER_RESERVED: Span = Span::from_millis(100);
/// What a client with a reserved place may ask for.
const RESERVED_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    usual: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
    per_address_max: usize,
    addresses: Mutex<HashMap<IpAddr, Taken>>,
    /// Tells silent clients that others want their places.
    wanted: Notify,
    /// The same for clients with a reserved place.
    reserved_wanted: Notify,
    /// Clients that wait for a place.
    waiting: AtomicUsize,
}

/// The places of one address.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    all: usize,
    reserved: usize,
}

/// A client's place. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
    /// Whether it is one for health and metrics only.
    pub(super) reserved: bool,
}

impl Places {
    pub(super) fn new(options: &Options) -> Arc<Places> {
        Arc::new(Places {
            usual: Arc::new(Semaphore::new(options.connections_max)),
            reserved: Arc::new(Semaphore::new(RESERVED)),
            per_address_max: options.connections_per_address_max,
            addresses: Mutex::default(),
            wanted: Notify::new(),
            reserved_wanted: Notify::new(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// A place for a client from `address`, with the permit that goes with it; `None` if there is
    /// none, not even a reserved one.
    pub(super) async fn take(
        self: &Arc<Places>,
        address: IpAddr,
    ) -> Option<(Place, OwnedSemaphorePermit)> {
        if let Some(place) = self.usual(address) {
            return Some(place);
        }
        let _waiting = Waiting::begin(self)?;
        self.wanted.notify_waiters();
        sleep(LEFT_WITHIN).await;
        if let Some(place) = self.usual(address) {
            return Some(place);
        }
        for _ in 0..TRIES {
            if let Some(place) = self.reserved(address) {
                return Some(place);
            }
            self.reserved_wanted.notify_waiters();
            sleep(LEFT_WITHIN).await;
        }
        None
    }

    fn usual(self: &Arc<Places>, address: IpAddr) -> Option<(Place, OwnedSemaphorePermit)> {
        if self.taken(address).all >= self.per_address_max {
            return None;
        }
        let permit = Arc::clone(&self.usual).try_acquire_owned().ok()?;
        Some((self.place(address, false), permit))
    }

    fn reserved(self: &Arc<Places>, address: IpAddr) -> Option<(Place, OwnedSemaphorePermit)> {
        if self.taken(address).reserved >= RESERVED_PER_ADDRESS {
            return None;
        }
        let permit = Arc::clone(&self.reserved).try_acquire_owned().ok()?;
        Some((self.place(address, true), permit))
    }

    fn taken(&self, address: IpAddr) -> Taken {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.get(&address).copied().unwrap_or_default()
    }

    fn place(self: &Arc<Places>, address: IpAddr, reserved: bool) -> Place {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = addresses.entry(address).or_default();
        taken.all += 1;
        taken.reserved += usize::from(reserved);
        Place { places: Arc::clone(self), address, reserved }
    }
}

impl Place {
    /// Whether a client in this place may ask for `path`.
    pub(super) fn admits(&self, path: &str) -> bool {
        !self.reserved || RESERVED_PATHS.contains(&path)
    }

    /// Waits until others want the place of a client that is silent.
    pub(super) async fn wanted(&self, activity: &Activity) {
        let (wanted, silent_after) = match self.reserved {
            true => (&self.places.reserved_wanted, SILENT_AFTER_RESERVED),
            false => (&self.places.wanted, SILENT_AFTER),
        };
        loop {
            wanted.notified().await;
            if activity.is_silent(silent_after) {
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.places.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(taken) = addresses.get_mut(&self.address) else { return };
        taken.all -= 1;
        taken.reserved -= usize::from(self.reserved);
        if taken.all == 0 {
            addresses.remove(&self.address);
        }
    }
}

/// A client that waits for a place.
struct Waiting<'p>(&'p Places);

impl<'p> Waiting<'p> {
    fn begin(places: &'p Places) -> Option<Waiting<'p>> {
        let waiting = Waiting(places);
        (places.waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a client is being answered, and since when it is or is not.
#[derive(Debug)]
pub(super) struct Activity {
    answering: AtomicUsize,
    /// As uptime.
    changed_ms: AtomicI64,
    /// Whether the connection ends with its next answer.
    ending: AtomicBool,
}

impl Activity {
    pub(super) fn new() -> Arc<Activity> {
        let changed_ms = AtomicI64::new(clock::uptime().as_millis());
        let (answering, ending) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Activity { answering, changed_ms, ending })
    }

    /// A request is being answered until what this returns is dropped.
    pub(super) fn begin(self: &Arc<Activity>) -> Answering {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    /// The next answer is the last one.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed) > 0
    }

    fn is_silent(&self, after: Span) -> bool {
        let since = Span::from_millis(self.changed_ms.load(Ordering::Relaxed));
        !self.is_answering() && clock::since(since) >= after
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.changed_ms.store(clock::uptime().as_millis(), Ordering::Relaxed);
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
}
