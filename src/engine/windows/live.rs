//! Windows as time passes: revisions, alerts, settling, expiry.
//!
//! Invariants: everything emitted is derived from the events and the time alone;
//! what was emitted before is remembered only to emit it once.

use std::collections::BTreeMap;

use super::changing::{Changing, retract};
use super::digest::digest;
use super::fold::{self, Fate};
use super::formers::Formers;
use super::hearing::Hearing;
use super::log::{Head, Log};
use super::milestones::Milestones;
use super::order;
use super::settled::{Closing, Decided, Settled};
use super::standing::Waiting;
use super::state::{self, Held, Published, begin};
use super::store::{Counts, Scratch, Windows, rules};
use super::unjoined::is_act;
use super::window::Window;
use crate::config::EngineConfig;
use crate::engine::Output;
use crate::engine::alerts::{AlertSet, Moments};
use crate::time::{Span, Timestamp};

impl Windows {
    /// The next time at which [`Windows::advance`] has something to do; the
    /// time of the last call when events came in since.
    pub fn next_deadline(&mut self) -> Option<Timestamp> {
        if self.listed.is_empty() {
            self.next_punctuation()
        } else {
            self.now.or(Some(Timestamp::MIN))
        }
    }

    /// The next time at which something happens without a new event: events that came in
    /// since the last call are left out, so that a caller may gather them meanwhile.
    pub fn next_punctuation(&mut self) -> Option<Timestamp> {
        let entries = &self.entries;
        let next = self.timers.next(|at| entries[at as usize].due);
        [next, self.looks_again_at].into_iter().flatten().min()
    }

    /// How often the windows of a credential were derived, for benchmarks and tests: it is by far
    /// the most of what time costs.
    pub fn derivations(&self) -> u64 {
        self.derivations
    }

    /// Brings everything up to `now` and emits what changed. Time does not go
    /// back: an earlier `now` than before counts as the latest one given.
    pub fn advance(&mut self, now: Timestamp, emit: &mut dyn FnMut(Output<'_>)) {
        let _ = self.advance_some(now, usize::MAX, emit);
    }

    /// As [`Windows::advance`], of at most `most` credentials; returns whether nothing is
    /// left to emit. What is left comes first the next time, at whatever `now` is then.
    #[must_use]
    pub fn advance_some(
        &mut self,
        now: Timestamp,
        most: usize,
        emit: &mut dyn FnMut(Output<'_>),
    ) -> bool {
        let now = self.now.map_or(now, |before| before.max(now));
        self.now = Some(now);
        self.look_again(now);
        let mut timed = std::mem::take(&mut self.scratch.due);
        let entries = &self.entries;
        self.timers.take_due(now, |at| entries[at as usize].due, &mut timed);
        for at in timed.drain(..) {
            self.list(at);
        }
        self.scratch.due = timed;
        let mut due = std::mem::take(&mut self.listed);
        let left = due.len().saturating_sub(most);
        let mut wait = Vec::new();
        for at in due.drain(..due.len() - left) {
            if self.incoming.holds(&self.entries[at as usize].bytes, now) {
                wait.push(at);
            } else {
                self.refresh(at, now, emit);
            }
        }
        due.extend(wait);
        for at in &due {
            self.entries[*at as usize].listed = true;
        }
        self.listed = due;
        self.unjoined.withdraw_gone(emit);
        left == 0
    }

    /// Lists the credentials that only wait for a judgement, once it is not waited for any
    /// longer. Until then their windows would be derived for nothing.
    fn look_again(&mut self, now: Timestamp) {
        if self.looks_again_at.is_none_or(|at| at > now) {
            return;
        }
        if !self.expires_unjudged {
            self.looks_again_at = Some(now + LOOK_AGAIN);
            return;
        }
        self.looks_again_at = None;
        // The bound on credentials is far below 2^32.
        for at in 0..self.entries.len() as u32 {
            if self.entries[at as usize].unanswered {
                self.list(at);
            }
        }
    }

    fn refresh(&mut self, at: u32, now: Timestamp, emit: &mut dyn FnMut(Output<'_>)) {
        let entry = &mut self.entries[at as usize];
        entry.listed = false;
        self.derivations += 1;
        // Without new events the windows are as they were emitted.
        let changed = std::mem::take(&mut entry.dirty);
        let held = std::mem::take(&mut entry.bytes);
        let Some(state) = Held::read(&held, &self.texts) else { return };
        let Scratch { heads, fates, .. } = &mut self.scratch;
        let repeats = order::ordered(state.log, heads);
        let mut windows = Vec::new();
        let rules = rules(&self.config, state.settled);
        fold::fold(state.log, heads, rules, fates, |_, window| windows.push(*window));

        let fingerprints = if changed {
            fingerprints(windows.len(), state.log, heads, fates)
        } else {
            vec![0; windows.len()]
        };
        for published in state.published() {
            self.standings.remove(state.log.key.workflow, published.waiting);
        }
        let mut formers = Formers::of(&state, &windows);
        let mut kept = Kept { settled: state.settled, ..Kept::default() };
        let (mut gone, mut before_gone) = (0, Vec::new());
        let (mut older_are_final, expire) = (true, self.expires_unjudged);
        for (number, window) in windows.iter().enumerate() {
            let number = number as u32;
            let before = state.published_of(window.detected_at);
            let former = formers.of_window(number);
            let hearing = Hearing::of(window, before, former, now);
            let settles_at = hearing.settles_at(&self.config, window);
            // Windows go in order: the events of all up to the last that is final go.
            let is_final = older_are_final
                && hearing.is_over(&self.config, expire)
                && settles_at.is_some_and(|at| at <= now);
            let unanswered = !hearing.is_over(&self.config, expire);
            older_are_final = is_final;
            let fingerprint = match before.filter(|_| !changed) {
                Some(published) => published.fingerprint,
                None => fingerprints[number as usize],
            };
            let reported = before.map_or(Milestones::default(), |it| it.reported);
            let reported = reported.and(formers.reported(number));
            let reached = Milestones::of(window).since(reported);
            let revised = before.is_none_or(|published| published.fingerprint != fingerprint);
            let news = hearing.news(revised, is_final);
            if let Some(news) = news {
                let hollow = hearing.judged.reasons();
                let former: Vec<_> =
                    formers.of_window(number).map(|it| it.exposure(state.log.key)).collect();
                let former = &former;
                emit(Output::Window { window, is_final, reached, hollow, news, former });
            }
            let (due, due_at) = hearing.due(window, is_final, now);
            let due = due.filter(|_| !reported.review_due());
            if let Some(due) = due {
                emit(Output::ReviewDue { window, due, hollow: hearing.judged.reasons() });
            }
            let reached = due.map_or(reached, |_| reached.and(Milestones::REVIEW_DUE));
            let profile = self.config.profiles.get(window.key.workflow);
            let moments = Moments::of(window, hearing.judged.hollow());
            let (holding, next_change) = moments.at(profile, now);
            let firing = if is_final { AlertSet::default() } else { holding };
            let fired = before.map_or(AlertSet::default(), |published| published.firing);
            let changing = Changing { window, moments: &moments, profile, now };
            let firing = changing.emit(&mut formers, number, (fired, firing), emit);
            if is_final {
                if self.config.keep_settled {
                    before_gone.push(kept.settled);
                }
                kept.settle(window, &self.config.aliases);
                gone = number + 1;
            } else {
                let waiting = Waiting::of(window);
                self.standings.add(window.key.workflow, waiting);
                let reported = reported.and(reached);
                let published = hearing.published(window, fingerprint, firing, waiting, reported);
                kept.published.push(published);
                match settles_at {
                    Some(at) if at > now => kept.wait_for(Some(at)),
                    // Emitting a judgement may end what it waited for.
                    Some(_) if hearing.judged.pending() => kept.wait_for(Some(now + LOOK_AGAIN)),
                    // It waits for its judgement, or for an older window's.
                    Some(_) => kept.unanswered |= unanswered,
                    None => {}
                }
                kept.wait_for(next_change);
                kept.wait_for(due_at);
            }
        }
        retract(&state, &windows, &formers, now, emit);
        let former = formers.stays(gone);
        self.counts.repeats(repeats);
        if self.config.keep_settled {
            keep_aside(&mut self.settled, &before_gone, state.log, heads, fates);
        }

        let undetected = windows.is_empty() && state.settled.is_none();
        let sorted = Sorted { log: state.log, heads, fates, gone, undetected };
        let stays = sorted.stays(&self.config, &mut kept, &mut self.counts, now, emit);
        let profile = self.config.profiles.get(state.log.key.workflow);
        let acts: &[Head] = if undetected { &stays } else { &[] };
        kept.wait_for(self.unjoined.update(at, state.log, acts, profile, now, emit));
        self.keep(at, held, &stays, Kept { former, ..kept }, now);
    }

    fn keep(
        &mut self,
        at: u32,
        mut held: Box<[u8]>,
        stays: &[Head],
        mut kept: Kept,
        now: Timestamp,
    ) {
        let Some(state) = Held::read(&held, &self.texts) else { return };
        self.written.remove(&at);
        if stays.is_empty() {
            // Remembered for a while, so that a straggler is known as late.
            let remember = self.config.remember_closed;
            let forgotten_at = kept.settled.map(|settled| settled.seen_at + remember);
            kept.wait_for(forgotten_at.filter(|at| *at > now));
        }
        let bytes = &mut self.scratch.bytes;
        bytes.clear();
        begin(bytes, state.log.key, kept.settled, &kept.former, &kept.published);
        let events = state::append(bytes, state.log, stays.iter());
        let entry = &mut self.entries[at as usize];
        let same = *held == **bytes;
        self.state_bytes = self.state_bytes + bytes.len() as u64 - held.len() as u64;
        if held.len() == bytes.len() {
            // Most often only what fires has changed: no need for other memory.
            held.copy_from_slice(bytes);
            entry.bytes = held;
        } else {
            entry.bytes = bytes.as_slice().into();
        }
        entry.events = events;
        entry.unanswered = kept.unanswered;
        if kept.unanswered {
            self.looks_again_at.get_or_insert(now + LOOK_AGAIN);
        }
        let due = kept.due;
        if due.is_none() && stays.is_empty() {
            self.remove(at);
            return;
        }
        if entry.due != due {
            entry.due = due;
            if let Some(due) = due {
                self.timers.set(at, due);
            }
        }
        if !same {
            self.mark_unsaved(at);
        }
    }
}

/// A credential's events after a fold.
struct Sorted<'s> {
    log: Log<'s>,
    heads: &'s [Head],
    fates: &'s [Fate],
    /// Windows that are final and go.
    gone: u32,
    /// Whether nothing was ever detected.
    undetected: bool,
}

impl Sorted<'_> {
    /// What stays: events of windows that are not final, and stray events that may still find
    /// a detection.
    fn stays(
        &self,
        config: &EngineConfig,
        kept: &mut Kept,
        counts: &mut Counts,
        now: Timestamp,
        emit: &mut dyn FnMut(Output<'_>),
    ) -> Vec<Head> {
        let mut stays = Vec::with_capacity(self.heads.len());
        for (head, fate) in self.heads.iter().zip(self.fates) {
            let expires_at = head.time + config.orphan_timeout;
            match fate {
                Fate::Window(number) | Fate::Resighting(number) if *number < self.gone => {}
                Fate::Window(_) | Fate::Resighting(_) => stays.push(*head),
                // A detection that is on its way may make it a repeat of the next window.
                Fate::Gone if head.time + config.settle.unwrap_or(Span::ZERO) > now => {
                    stays.push(*head);
                    kept.wait_for(config.settle.map(|settle| head.time + settle));
                }
                Fate::Gone => {
                    counts.resighted += u64::from(head.weight);
                    kept.seen(head.time);
                }
                Fate::Orphan | Fate::Late if expires_at > now => {
                    stays.push(*head);
                    kept.wait_for(Some(expires_at));
                }
                Fate::Orphan | Fate::Late => {
                    let unjoined = self.undetected && is_act(head.kind);
                    counts.expire(*fate, head, self.log, unjoined, emit);
                }
            }
        }
        stays
    }
}

impl Counts {
    /// Counts an event that waited for a window in vain, and says so.
    fn expire(
        &mut self,
        fate: Fate,
        head: &Head,
        log: Log<'_>,
        unjoined: bool,
        emit: &mut dyn FnMut(Output<'_>),
    ) {
        let (key, kind) = (log.key, head.kind);
        let (id, events) = (&*head.id(log), u64::from(head.weight));
        if fate == Fate::Orphan {
            self.orphan += events;
            emit(Output::Orphan { key, id, kind, events, unjoined });
        } else {
            self.accepted -= events;
            self.late += events;
            emit(Output::Late { key, id, kind, events });
        }
    }
}

/// How soon windows are looked at again that are due and wait for something else.
const LOOK_AGAIN: Span = Span::from_mins(60);

/// What a refreshed credential carries on.
#[derive(Default)]
struct Kept {
    settled: Option<Settled>,
    former: Vec<u8>,
    published: Vec<Published>,
    due: Option<Timestamp>,
    /// Whether a window waits for nothing but a judgement.
    unanswered: bool,
}

impl Kept {
    /// Remembers a window that is final instead of holding it.
    fn settle(&mut self, window: &Window<'_>, aliases: &BTreeMap<String, String>) {
        let Some(closing) = Closing::of(window) else { return };
        let mut decided = self.settled.map_or(Decided::default(), |settled| settled.decided);
        decided.note(window, aliases);
        self.settled = Some(Settled { closing, seen_at: closing.at, decided });
    }

    /// The credential was seen after its last window was final.
    fn seen(&mut self, at: Timestamp) {
        if let Some(settled) = &mut self.settled {
            settled.seen_at = settled.seen_at.max(at);
        }
    }

    fn wait_for(&mut self, due: Option<Timestamp>) {
        self.due = [self.due, due].into_iter().flatten().min();
    }
}

/// Adds the first windows to `settled`, each with its own events and what is remembered of those
/// `before` it, as many as there are of these.
fn keep_aside(
    settled: &mut Vec<Box<[u8]>>,
    before: &[Option<Settled>],
    log: Log<'_>,
    heads: &[Head],
    fates: &[Fate],
) {
    let mut states = vec![Vec::new(); before.len()];
    for (state, before) in states.iter_mut().zip(before) {
        begin(state, log.key, *before, &[], &[]);
    }
    for (head, fate) in heads.iter().zip(fates) {
        if let Fate::Window(number) | Fate::Resighting(number) = fate
            && let Some(state) = states.get_mut(*number as usize)
        {
            head.copy(log, state);
        }
    }
    settled.extend(states.into_iter().map(Vec::into_boxed_slice));
}

/// For each window a digest of the events it is made of, the same in any run:
/// it does not depend on their arrival or on the numbers of texts.
fn fingerprints(windows: usize, log: Log<'_>, heads: &[Head], fates: &[Fate]) -> Vec<u32> {
    let mut prints = vec![0_u32; windows];
    let mut event = Vec::new();
    for (head, fate) in heads.iter().zip(fates) {
        if let Fate::Window(number) | Fate::Resighting(number) = fate
            && let Some(print) = prints.get_mut(*number as usize)
        {
            event.clear();
            event.extend_from_slice(head.written_id(log));
            order::append_content(log, *head, &mut event);
            *print = print.wrapping_add(digest(&event));
        }
    }
    prints
}
