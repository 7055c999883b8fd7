//! Reading and unpacking a body.
//!
//! Invariants: no more than the bound is held of a body, packed or unpacked; all bodies
//! together, packed and unpacked, hold no more than a budget until they are durable or
//! refused; those whose senders have not proved who they are have a budget of their own; a
//! sender has a limited time.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a body may take to come.
pub(in crate::runtime::http) const BODY_WITHIN: Duration = Duration::from_secs(30);
/// KiB of bodies that are held at a time whose senders have proved who they are.
const VERIFIED_KIB: usize = 256 << 10;
/// KiB of other bodies that are held at a time, beside what each may take.
const UNVERIFIED_KIB: usize = 64 << 10;
/// KiB that each body may take whoever its sender is, so that large ones of strangers do not
/// keep usual webhooks out. The bound on connections bounds the sum.
const UNVERIFIED_FREE_KIB: usize = 64;

/// Why a body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is larger than the bound.
    TooLarge,
    /// It ended early.
    Unreadable,
    /// It was packed in a way that is not known, or wrongly.
    Encoding,
    /// It did not come in time.
    Slow,
    /// Too many bodies are held.
    Busy,
}

/// How much of bodies may be held at a time, by whether their senders have proved who they are.
#[derive(Clone, Debug)]
pub(super) struct Budgets {
    pub(super) verified: Budget,
    pub(super) unverified: Budget,
}

impl Default for Budgets {
    fn default() -> Budgets {
        Budgets {
            verified: Budget::new(VERIFIED_KIB, 0),
            unverified: Budget::new(UNVERIFIED_KIB, UNVERIFIED_FREE_KIB),
        }
    }
}

/// How much of some bodies may be held at a time.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// For all bodies together.
    kib: Arc<Semaphore>,
    /// What each body may take besides.
    free_kib: usize,
}

impl Budget {
    fn new(kib: usize, free_kib: usize) -> Budget {
        Budget { kib: Arc::new(Semaphore::new(kib)), free_kib }
    }

    /// What a body of so many bytes takes, where it has so many KiB already.
    fn take(&self, bytes: usize, held_kib: usize) -> Result<OwnedSemaphorePermit, Refused> {
        let kib = bytes.div_ceil(1024).saturating_sub(self.free_kib + held_kib);
        let kib = u32::try_from(kib).map_err(|_| Refused::TooLarge)?;
        Arc::clone(&self.kib).try_acquire_many_owned(kib).map_err(|_| Refused::Busy)
    }
}

/// A body, and what it takes of a budget until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Adds to the body.
    fn extend(&mut self, more: &[u8], bytes_max: usize, budget: &Budget) -> Result<(), Refused> {
        let bytes = self.bytes.len() + more.len();
        if bytes > bytes_max {
            return Err(Refused::TooLarge);
        }
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let permit = budget.take(bytes, held)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// The same body, which takes of another budget from now on.
    pub(super) fn charge(self, budget: &Budget) -> Result<Held, Refused> {
        let permit = budget.take(self.bytes.len(), 0)?;
        Ok(Held { bytes: self.bytes, permit: Some(permit) })
    }
}

/// Reads a body of at most `bytes_max`.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    budget: &Budget,
) -> Result<Held, Refused> {
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    if stated.is_some_and(|stated: usize| stated > bytes_max) {
        return Err(Refused::TooLarge);
    }
    timeout(BODY_WITHIN, collect(body, bytes_max, budget)).await.unwrap_or(Err(Refused::Slow))
}

async fn collect(mut body: Body, bytes_max: usize, budget: &Budget) -> Result<Held, Refused> {
    let mut held = Held::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refused::Unreadable)?.into_data() else { continue };
        held.extend(&data, bytes_max, budget)?;
    }
    Ok(held)
}

/// The body as its sender had it before it was packed for the way.
pub(super) async fn unpack(
    headers: &HeaderMap,
    body: Held,
    bytes_max: usize,
    budget: &Budget,
) -> Result<Held, Refused> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(body) };
    match encoding.to_str() {
        Ok("identity") => Ok(body),
        Ok("gzip" | "x-gzip") => {
            let budget = budget.clone();
            // It takes long enough to hold up everybody else on the server's thread.
            let unpacked = spawn_blocking(move || gunzip(&body.bytes, bytes_max, &budget)).await;
            unpacked.map_err(|_| Refused::Encoding)?
        }
        _ => Err(Refused::Encoding),
    }
}

fn gunzip(packed: &[u8], bytes_max: usize, budget: &Budget) -> Result<Held, Refused> {
    let mut reader = MultiGzDecoder::new(packed);
    let mut unpacked = Held::default();
    let mut part = vec![0; 64 << 10];
    loop {
        match reader.read(&mut part).map_err(|_| Refused::Encoding)? {
            0 => return Ok(unpacked),
            count => unpacked.extend(&part[..count], bytes_max, budget)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_body_takes_of_the_budget_what_it_holds() {
        let budget = Budget::new(4, 0);
        let mut held = Held::default();
        for _ in 0..4096 {
            assert_eq!(held.extend(b"x", 8192, &budget), Ok(()));
        }
        assert_eq!(budget.kib.available_permits(), 0);
        assert_eq!(held.extend(b"x", 8192, &budget), Err(Refused::Busy));
        assert_eq!(Held::default().extend(b"x", 8192, &budget), Err(Refused::Busy));
        assert_eq!(held.extend(b"x", 4096, &budget), Err(Refused::TooLarge));
        assert_eq!(held.bytes.len(), 4096);
        drop(held);
        assert_eq!(budget.kib.available_permits(), 4);
    }

    #[test]
    fn a_small_body_of_a_stranger_finds_room_whatever_large_ones_take() {
        let (unverified, verified) = (Budget::new(2, 1), Budget::new(3, 0));
        let mut large = Held::default();
        assert_eq!(large.extend(&[b'x'; 3072], 8192, &unverified), Ok(()));
        assert_eq!(unverified.kib.available_permits(), 0);
        let mut small = Held::default();
        assert_eq!(small.extend(&[b'x'; 1024], 8192, &unverified), Ok(()));
        assert_eq!(small.extend(b"x", 8192, &unverified), Err(Refused::Busy));
        // Once it is verified, a body leaves the strangers' budget to others.
        let large = large.charge(&verified).unwrap();
        assert_eq!(unverified.kib.available_permits(), 2);
        assert_eq!(verified.kib.available_permits(), 0);
        assert_eq!(small.charge(&verified).err(), Some(Refused::Busy));
        drop(large);
        assert_eq!(verified.kib.available_permits(), 3);
    }

    #[test]
    fn what_is_unpacked_counts_as_well() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&vec![b' '; 1 << 20]).unwrap();
        let packed = packer.finish().unwrap();
        let whole = gunzip(&packed, 1 << 20, &Budget::new(1024, 0));
        assert_eq!(whole.unwrap().bytes.len(), 1 << 20);
        let refused = |bytes_max, kib| gunzip(&packed, bytes_max, &Budget::new(kib, 0)).err();
        assert_eq!(refused(1 << 20, 1023), Some(Refused::Busy));
        assert_eq!(refused((1 << 20) - 1, 1024), Some(Refused::TooLarge));
        assert_eq!(gunzip(b"not gzip", 100, &Budget::new(1, 0)).err(), Some(Refused::Encoding));
    }
}
