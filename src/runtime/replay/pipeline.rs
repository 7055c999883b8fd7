//! Threads: one reads, some decode, the caller's takes the batches in order.
//!
//! Invariants: chunk `k` goes to decoder `k mod n` and is taken from it in the
//! same turn, which keeps the order without numbers; every channel is bounded,
//! so the slowest step sets the pace and memory stays a few chunks.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::{Batch, Decoder};
use crate::runtime::input::{Chunk, Input, Inputs, Progress};

/// Chunks that may wait before and behind each decoder.
const WAITING: usize = 4;

pub(super) fn run(
    inputs: Vec<Input>,
    decoder: &Decoder,
    decoders: usize,
    watch: &mut dyn FnMut(Arc<Progress>),
    take: &mut dyn FnMut(&Batch),
) {
    let mut inputs = Inputs::new(inputs, decoder.limits);
    watch(inputs.progress());
    let (recycle, recycled) = bounded::<Chunk>(decoders * WAITING * 2);
    std::thread::scope(|scope| {
        let (mut feeds, mut turns) = (Vec::new(), Vec::new());
        for _ in 0..decoders {
            let (feed, chunks) = bounded(WAITING);
            let (done, batches) = bounded(WAITING);
            scope.spawn(move || decode(decoder, &chunks, &done));
            feeds.push(feed);
            turns.push(batches);
        }
        scope.spawn(move || read(&mut inputs, &feeds, &recycled));
        for turn in (0..decoders).cycle() {
            // A decoder that has nothing in its turn has reached the end.
            let Ok(batch) = turns[turn].recv() else { break };
            take(&batch);
            // Full when the reader is ahead: then the memory is let go.
            let _ = recycle.try_send(batch.into_owner());
        }
    });
}

fn read(inputs: &mut Inputs, feeds: &[Sender<Chunk>], recycled: &Receiver<Chunk>) {
    for feed in feeds.iter().cycle() {
        let Some(chunk) = inputs.next_chunk(recycled.try_recv().unwrap_or_default()) else {
            return;
        };
        if feed.send(chunk).is_err() {
            return;
        }
    }
}

fn decode(decoder: &Decoder, chunks: &Receiver<Chunk>, done: &Sender<Batch>) {
    for chunk in chunks {
        if done.send(decoder.decode(chunk)).is_err() {
            return;
        }
    }
}
