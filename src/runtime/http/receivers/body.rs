//! Reading and unpacking a body.
//!
//! Invariants: no more than the bound is held of a body, packed or unpacked; all bodies
//! together hold no more than a budget; a sender has a limited time.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a body may take to come.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// KiB of bodies that are held at a time.
const BUDGET_KIB: usize = 256 << 10;

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

/// How much of bodies may be held at a time.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Arc::new(Semaphore::new(BUDGET_KIB)))
    }
}

/// What a body takes of the budget, until it is dropped.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<OwnedSemaphorePermit>);

/// Reads a body of at most `bytes_max`.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    budget: &Budget,
) -> Result<(Bytes, Held), Refused> {
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    if stated.is_some_and(|stated: usize| stated > bytes_max) {
        return Err(Refused::TooLarge);
    }
    timeout(BODY_WITHIN, collect(body, bytes_max, budget)).await.unwrap_or(Err(Refused::Slow))
}

async fn collect(
    mut body: Body,
    bytes_max: usize,
    budget: &Budget,
) -> Result<(Bytes, Held), Refused> {
    let (mut bytes, mut held) = (Vec::new(), Held::default());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refused::Unreadable)?.into_data() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Err(Refused::TooLarge);
        }
        let kib = data.len().div_ceil(1024).try_into().map_err(|_| Refused::TooLarge)?;
        let permit =
            Arc::clone(&budget.0).try_acquire_many_owned(kib).map_err(|_| Refused::Busy)?;
        held.0.push(permit);
        bytes.extend_from_slice(&data);
    }
    Ok((bytes.into(), held))
}

/// The body as its sender had it before it was packed for the way.
pub(super) fn unpack(headers: &HeaderMap, body: Bytes, bytes_max: usize) -> Result<Bytes, Refused> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(body) };
    match encoding.to_str() {
        Ok("identity") => Ok(body),
        Ok("gzip" | "x-gzip") => {
            let mut unpacked = Vec::new();
            // One byte more than the bound tells that there is more.
            let mut reader = flate2::read::MultiGzDecoder::new(&*body).take(bytes_max as u64 + 1);
            reader.read_to_end(&mut unpacked).map_err(|_| Refused::Encoding)?;
            if unpacked.len() > bytes_max {
                return Err(Refused::TooLarge);
            }
            Ok(unpacked.into())
        }
        _ => Err(Refused::Encoding),
    }
}
