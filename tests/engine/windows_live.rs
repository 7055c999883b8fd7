//! Live runs give the same windows as the whole set of events. Each window becomes final once,
//! and nothing is emitted before its time, twice, or too late.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt;

use proptest::prelude::*;
use proptest::sample::select;
use shutterlag::config::EngineConfig;
use shutterlag::engine::alerts::Alert;
use shutterlag::event::Workflow;
use shutterlag::event::{Body, Event, Kind};
use shutterlag::time::{Span, Timestamp};

use crate::oracle::hostile::{self, at};
use crate::oracle::ledger;
use crate::oracle::live::Live;
use crate::oracle::record::Record;

const DAY_MS: i64 = 24 * 60 * 60_000;

/// An event on its way, and when it comes in.
#[derive(Clone)]
struct Delivery {
    arrival: Timestamp,
    event: Event<'static>,
}

#[derive(Clone)]
struct Run {
    settle_ms: i64,
    deliveries: Vec<Delivery>,
    /// Time between two looks, taken in turn.
    ticks_ms: Vec<i64>,
    /// Whether time also stops wherever the engine asks for it.
    punctual: bool,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settle {} ms, ticks {:?} ms", self.settle_ms, self.ticks_ms)?;
        write!(f, ", punctual: {}", self.punctual)?;
        for delivery in &self.deliveries {
            let event = serde_json::to_string(&delivery.event).map_err(|_| fmt::Error)?;
            write!(f, "\n  arrives {}: {event}", delivery.arrival)?;
        }
        Ok(())
    }
}

impl Run {
    fn engine(&self) -> Live {
        Live::new(EngineConfig {
            settle: Some(Span::from_millis(self.settle_ms)),
            keep_settled: true,
            remember_closed: Span::from_mins(24 * 60),
            ..EngineConfig::default()
        })
    }

    fn events(&self) -> Vec<Event<'static>> {
        self.deliveries.iter().map(|delivery| delivery.event.clone()).collect()
    }

    /// The run with every time cut to the second.
    fn in_whole_seconds(mut self) -> Run {
        let cut = |time: Timestamp| Timestamp::from_millis(time.as_millis() / 1000 * 1000);
        let delay_max = Span::from_millis(self.settle_ms - 1_000);
        for Delivery { arrival, event } in &mut self.deliveries {
            event.time = cut(event.time);
            *arrival = cut(*arrival).min(event.time + delay_max);
            match &mut event.body {
                Body::LeakDetected(leak) => leak.exposed_at = leak.exposed_at.map(cut),
                Body::CaseOpened(case) => case.started_at = case.started_at.map(cut),
                _ => {}
            }
        }
        self.deliveries.sort_by_key(|delivery| delivery.arrival);
        self.timely()
    }

    /// The run without abuse, truth and sightings that come too late for their window, or that
    /// are the first sign of a window whose own detection is on its way for longer
    /// than the window before it takes to settle. Windows change when events of theirs go, so it
    /// looks again until all may stay.
    fn timely(mut self) -> Run {
        loop {
            let deliveries = self.deliveries.len();
            self = self.without_untimely();
            if self.deliveries.len() == deliveries {
                return self;
            }
        }
    }

    fn without_untimely(mut self) -> Run {
        let windows = ledger(&self.events()).windows;
        let settle = Span::from_millis(self.settle_ms);
        let all = self.deliveries.clone();
        self.deliveries.retain(|Delivery { arrival, event }| {
            // A detection of an exposure that a closing has ended.
            let exposed_at = match &event.body {
                Body::LeakDetected(leak) => leak.exposed_at,
                Body::CaseOpened(case) => case.started_at,
                _ => None,
            };
            let of_an_old_exposure = exposed_at.is_some_and(|exposed_at| {
                windows.iter().any(|window| {
                    (window.workflow, &window.credential_id[..])
                        == (event.workflow, &event.credential_id[..])
                        && window.closed_at.is_some_and(|at| exposed_at <= at && at <= event.time)
                })
            });
            // Before a detection of the same moment that opens the next window.
            let precedes = !event.reopens()
                && all.iter().any(|Delivery { event: other, .. }| {
                    (other.reopens() || of_an_old_exposure && other.kind().opens())
                        && other.id != event.id
                        && (other.workflow, &other.credential_id, other.time)
                            == (event.workflow, &event.credential_id, event.time)
                });
            let sighted = event.kind().opens()
                && (precedes
                    || windows.iter().all(|window| {
                        (window.workflow, &window.credential_id[..])
                            != (event.workflow, &event.credential_id[..])
                            || window.detected_at != event.time
                    }));
            if !sighted && !matches!(event.kind(), Kind::CredentialAbused | Kind::TruthEstablished)
            {
                return true;
            }
            let key = (event.workflow, &event.credential_id[..]);
            let mut before = windows
                .iter()
                .filter(|window| (window.workflow, &window.credential_id[..]) == key)
                .filter(|window| {
                    window.detected_at < event.time || window.detected_at == event.time && !precedes
                })
                .rev();
            let Some(own) = before.next() else { return true };
            let known_at = event.time.max(*arrival);
            let in_time = own.closed_at.is_none_or(|closed_at| known_at < closed_at + settle);
            let announced = |closed_at: Timestamp| {
                all.iter().any(|detection| {
                    detection.event.kind().opens()
                        && (detection.event.workflow, &detection.event.credential_id[..]) == key
                        && (closed_at < detection.event.time && detection.event.time <= event.time)
                        && detection.arrival < closed_at + settle
                })
            };
            in_time
                && before.filter_map(|window| window.closed_at).all(|closed_at| {
                    announced(closed_at) || self.punctual && closed_at + settle < event.time
                })
        });
        self
    }
}

/// Distinct events, some delivered twice, none on its way for as long as `settle`;
/// `ahead_ms` is how far the fastest of the sources' clocks runs ahead.
fn run(punctual: impl Strategy<Value = bool>, ahead_ms: i64) -> impl Strategy<Value = Run> {
    let settle = select(&[30_000_i64, 120_000, 600_000][..]);
    (settle, punctual).prop_flat_map(move |(settle_ms, punctual)| {
        let delay = prop_oneof![
            2 => Just(0),
            1 => Just(-ahead_ms),
            1 => 0..settle_ms / 10,
            2 => 0..settle_ms,
            1 => Just(settle_ms - 1),
        ];
        let event = (hostile::event(1, 80), prop::collection::vec(delay, 1..3));
        let tick = select(&[1_000_i64, 17_000, 60_000, 300_000][..]);
        (prop::collection::vec(event, 0..30), prop::collection::vec(tick, 1..4)).prop_map(
            move |(events, ticks_ms)| {
                let mut deliveries = Vec::new();
                for (n, (mut event, delays)) in events.into_iter().enumerate() {
                    event.id = format!("event-{n}").into();
                    for delay in delays {
                        let arrival = event.time + Span::from_millis(delay);
                        deliveries.push(Delivery { arrival, event: event.clone() });
                    }
                }
                deliveries.sort_by_key(|delivery| delivery.arrival);
                Run { settle_ms, deliveries, ticks_ms, punctual }.timely()
            },
        )
    })
}

/// The end of every run: all has arrived, settled and been given up.
fn end(run: &Run) -> Timestamp {
    let moments = run.deliveries.iter().map(|delivery| delivery.arrival.max(delivery.event.time));
    moments.fold(at(0), Timestamp::max) + Span::from_millis(DAY_MS + 2 * run.settle_ms)
}

proptest! {
    #![proptest_config(crate::seeded::cases(600))]

    #[test]
    fn live_comes_to_what_replay_comes_to(run in run(any::<bool>(), 90_000)) {
        let mut live = run.engine();
        let mut ticks = run.ticks_ms.iter().cycle();
        let mut now = at(-360_000);
        let mut on_their_way = &run.deliveries[..];
        while !on_their_way.is_empty() {
            now = now + Span::from_millis(*ticks.next().unwrap());
            let here = on_their_way.partition_point(|delivery| delivery.arrival <= now);
            let (arriving, later) = on_their_way.split_at(here);
            on_their_way = later;
            if run.punctual {
                for delivery in arriving {
                    live.run(delivery.arrival);
                    live.arrives(&delivery.event);
                }
                live.run(now);
            } else {
                arriving.iter().for_each(|delivery| live.arrives(&delivery.event));
                live.advance(now);
            }
        }
        live.advance(end(&run));

        let wanted = ledger(&run.events());
        prop_assert_eq!(live.records(), wanted.windows.clone());
        let closed: Vec<_> = wanted
            .windows
            .iter()
            .filter(|window| window.closed_at.is_some())
            .map(|window| (window.workflow.as_str(), window.credential_id.clone(), window.detected_at))
            .collect();
        prop_assert_eq!(live.finals(), closed.clone());
        // No alert outlives the state that could end it.
        let firing = live.firing();
        prop_assert!(firing.iter().all(|(name, _)| !closed.contains(name)), "{:?}", firing);
        let counts = live.windows.counts();
        prop_assert_eq!(
            (counts.accepted + counts.late, counts.duplicate, counts.orphan + counts.late),
            (wanted.accepted, wanted.duplicate, wanted.orphan)
        );
        let mut kept: Vec<Record> = Vec::new();
        let unplaced = live.windows.view().for_each(|window| kept.push(window.into()));
        prop_assert_eq!(kept, wanted.windows.clone());
        prop_assert_eq!((unplaced.orphan, unplaced.late), (0, 0));
        let open: BTreeSet<_> = wanted
            .windows
            .iter()
            .filter(|window| window.closed_at.is_none())
            .map(|window| (window.workflow.as_str(), &window.credential_id))
            .collect();
        prop_assert_eq!(live.windows.credentials(), open.len());
    }

    #[test]
    fn at_every_moment_the_ledger_and_the_alerts_are_those_of_what_came_in(run in run(Just(true), 0)) {
        let mut live = run.engine();
        for n in 0..run.deliveries.len() {
            let now = run.deliveries[n].arrival;
            live.run(now);
            live.arrives(&run.deliveries[n].event);
            live.advance(now);
            let came_in = Run { deliveries: run.deliveries[..=n].to_vec(), ..run.clone() };
            let wanted = ledger(&came_in.timely().events()).windows;
            prop_assert_eq!(live.records(), wanted.clone(), "at {}", now);
            // What is held open by those settled is not said again.
            let finals = live.finals();
            let open = |name: &crate::oracle::live::Sortable| !finals.contains(name);
            let firing: Vec<_> = live.firing().into_iter().filter(|(name, _)| open(name)).collect();
            let mut wanted: Vec<_> = wanted
                .iter()
                .flat_map(|window| {
                    let name = crate::oracle::live::sortable(&window.name());
                    alerts(window, now).into_iter().map(move |alert| (name.clone(), alert))
                })
                .filter(|(name, _)| open(name))
                .collect();
            wanted.sort_unstable();
            prop_assert_eq!(firing, wanted, "at {}", now);
        }
    }

    #[test]
    fn stopping_at_the_deadlines_is_as_good_as_looking_every_second(run in run(Just(true), 90_000)) {
        let run = run.in_whole_seconds();
        let (mut stopping, mut looking) = (run.engine(), run.engine());
        for delivery in &run.deliveries {
            stopping.run(delivery.arrival);
            stopping.arrives(&delivery.event);
            stopping.advance(delivery.arrival);
        }
        let mut now = at(-100_000);
        let mut on_their_way = &run.deliveries[..];
        let quiet = run.deliveries.last().map_or(at(0), |last| last.arrival + Span::from_mins(75));
        while now < quiet {
            let here = on_their_way.partition_point(|delivery| delivery.arrival <= now);
            let (arriving, later) = on_their_way.split_at(here);
            on_their_way = later;
            let due = looking.windows.next_deadline().is_some_and(|next| next <= now);
            let said = looking.advance(now);
            prop_assert!(due || said.is_empty(), "at {}, before its time: {:?}", now, said);
            for delivery in arriving {
                looking.arrives(&delivery.event);
                looking.advance(now);
            }
            now = now + Span::from_secs(1);
        }
        for live in [&mut stopping, &mut looking] {
            live.run(end(&run));
        }
        prop_assert_eq!(stopping.said, looking.said);
    }
}

/// What fires at `now` for a window, by the table of alerts.
fn alerts(window: &Record, now: Timestamp) -> Vec<Alert> {
    let after = |from: Timestamp, mins: i64| now >= from + Span::from_mins(mins);
    let decided_at = window.decision.as_ref().map(|decision| decision.decided_at);
    let waits = window.withdrawn_at.is_none();
    let open = decided_at.is_none() && window.contained_at.is_none() && waits;
    let start = window.figures.start;
    let uncontained = window.contained_at.is_none() && window.dismissed_at.is_none();
    const DAY: i64 = 24 * 60;
    let (soon, in_time, late, limit) = match window.workflow {
        Workflow::PolicyChange => (DAY * 2 / 3, DAY, None, DAY),
        Workflow::EntitlementReview => (DAY * 14 / 3, 7 * DAY, None, 7 * DAY),
        _ => (6, 9, Some(17), 60),
    };
    [
        (Alert::AttackObserved, uncontained && window.abused_at.is_some_and(|at| at <= now)),
        (Alert::ReviewDueSoon, open && after(start, soon)),
        (Alert::ReviewOverdue, open && after(start, in_time)),
        (Alert::AttackerLikelyPresent, open && late.is_some_and(|late| after(start, late))),
        (
            Alert::ContainmentOverdue,
            uncontained && waits && decided_at.is_some_and(|decided_at| after(decided_at, limit)),
        ),
        (Alert::AiActedFirst, window.ai_acted_first_at.is_some()),
        (Alert::SeededCaseMissed, window.figures.seeded_case_caught == Some(false)),
    ]
    .into_iter()
    .filter_map(|(alert, fires)| fires.then_some(alert))
    .collect()
}
