//! The weeks before a demo: what came of their reviews, so that its trend has something to be
//! compared with.
//!
//! Their windows are derived and judged as a replay does it. Nothing else of them is shown.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Demo, Fed};
use crate::config::EngineConfig;
use crate::engine::oversight::{Reviews, Rules};
use crate::engine::windows::Windows;

/// Adds the windows of `past` to the trend, unless it is stopped before.
pub(super) fn look_back(
    demo: &Demo,
    rules: &Rules,
    past: impl Iterator<Item = Fed>,
    stop: &AtomicBool,
) {
    let profiles = demo.context.profiles;
    let mut windows = Windows::new(EngineConfig { profiles, ..EngineConfig::default() });
    for (_, event) in past {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let _ = windows.handle(&event);
    }
    let mut reviews = Reviews::new();
    windows
        .view()
        .for_each(|window| reviews.push(window, profiles.get(window.key.workflow), rules));
    let mut judgements = reviews.judge(rules).judgements.into_iter();
    let now = demo.context.clock.now();
    windows.view().for_each(|window| {
        let quality = judgements.next().and_then(|judgement| judgement.quality());
        demo.view.remember(window, quality, now);
    });
}
