//! The weeks before a demo: what came of their reviews, so that its trend has something to be
//! compared with.
//!
//! Their windows are derived and judged as a replay does it. Nothing else of them is shown.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::EngineConfig;
use crate::engine::oversight::{Reviews, Rules};
use crate::engine::windows::Windows;
use crate::event::Event;
use crate::runtime::stages::Context;
use crate::runtime::view::View;
use crate::runtime::view::trend::Reviewed;

/// Adds the windows of `past` to the trend of `view`, unless it is stopped before.
pub(super) fn look_back(
    context: &Context,
    view: &View,
    rules: &Rules,
    past: impl Iterator<Item = Event<'static>>,
    stop: &AtomicBool,
) {
    let profiles = context.profiles;
    let mut windows = Windows::new(EngineConfig { profiles, ..EngineConfig::default() });
    for event in past {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let _ = windows.handle(&event);
    }
    let mut reviews = Reviews::new();
    let all = windows.view();
    all.for_each(|window| reviews.push(window, profiles.get(window.key.workflow), rules));
    let mut judgements = reviews.judge(rules).judgements.into_iter();
    let mut windows = Vec::new();
    all.for_each(|window| {
        let quality = judgements.next().and_then(|judgement| judgement.quality());
        windows.push((window.exposure_id().to_string(), Reviewed::judged(window, quality)));
    });
    view.remember(context.clock.now(), windows);
}
