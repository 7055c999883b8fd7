//! The progress bar, shown if standard error is a terminal.

use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use crate::runtime::input::Progress;

/// Draws the reader's progress from a thread of its own.
#[derive(Debug, Default)]
pub(super) struct Bar {
    drawing: Option<Drawing>,
}

#[derive(Debug)]
struct Drawing {
    stop: crossbeam_channel::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Bar {
    /// Starts drawing.
    pub(super) fn watch(&mut self, progress: Arc<Progress>) {
        let bar = match progress.total_bytes() {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        if bar.is_hidden() {
            return;
        }
        let template = match progress.total_bytes() {
            Some(_) => "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}",
            None => "{spinner} {bytes} {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let bar = bar.with_finish(ProgressFinish::AndClear);
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(100)).is_err_and(|e| e.is_timeout()) {
                bar.set_position(progress.read_bytes());
            }
            bar.finish_and_clear();
        });
        self.drawing = Some(Drawing { stop, thread });
    }

    /// Removes the bar from the screen.
    pub(super) fn finish(self) {
        if let Some(Drawing { stop, thread }) = self.drawing {
            drop(stop);
            // The thread only draws: if it panicked, nothing is lost.
            let _ = thread.join();
        }
    }
}
