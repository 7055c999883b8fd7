//! Follows the alerts of the local runtime.

use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::reader::Reader;
use super::source::News;
use crate::runtime::kafka::tail::{Follower, Record};
use crate::runtime::read_progress::ReadProgress;
use crate::time::Span;

/// The longest wait for news, and so how soon a stop is seen.
const WAIT_MAX: Span = Span::from_millis(100);
/// News that are taken between two calls of [`Follower::tick`] at most.
const BATCH: usize = 1_000;
/// The local runtime has one partition.
const PARTITION: i32 = 0;

/// Takes news until it is stopped, or nobody sends any more.
pub(super) fn follow(news: &Receiver<News>, stop: &AtomicBool, reader: &mut Reader) {
    while !stop.load(Ordering::Relaxed) {
        let wait = reader.tick().map_or(WAIT_MAX, |wait| wait.min(WAIT_MAX));
        match news.recv_timeout(wait.to_std()) {
            Ok(first) => {
                take(first, reader);
                news.try_iter().take(BATCH).for_each(|next| take(next, reader));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn take(news: News, reader: &mut Reader) {
    match news {
        News::Restart => {
            reader.restart();
            reader.progress(ReadProgress::restart);
        }
        News::Change { key, record, at } => reader.record(&Record {
            partition: PARTITION,
            offset: 0,
            key: &key,
            value: record.as_deref(),
            published_at: Some(at),
        }),
        News::CaughtUp => {
            // Its end is where it is.
            reader.progress(|progress| progress.assigned([(PARTITION, 0, 0)]));
            reader.caught_up();
        }
    }
}
