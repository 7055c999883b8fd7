//! Instances of the program that are started, killed and stopped, and what befell them.

use std::fmt;
use std::time::{Duration, Instant};

use crate::program::{Config, Program, READY};

/// How many processes there are at most.
pub(crate) const INSTANCES: usize = 3;

/// What happened, for the summary.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kills: usize,
    pub(crate) kills_while_starting: usize,
    pub(crate) starts: usize,
    pub(crate) stops: usize,
    pub(crate) freezes: usize,
    pub(crate) fenced: usize,
    pub(crate) broker_stops: usize,
    pub(crate) broker_kills: usize,
    pub(crate) broker_freezes: usize,
    pub(crate) disks_full: usize,
    /// Brokers that were restarted because they had given up the end of a transaction.
    pub(crate) gave_up: usize,
    pub(crate) events: usize,
    pub(crate) delivered: usize,
    pub(crate) refused: usize,
    pub(crate) poison: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills ({} while starting), {} starts, {} stops, {} freezes ({} ended by it), \
             brokers: {} stops, {} kills, {} freezes, {} full disks, {} gave up a transaction; {} events, {} of them \
             delivered to receivers ({} deliveries were refused or not answered), {} poison",
            self.kills,
            self.kills_while_starting,
            self.starts,
            self.stops,
            self.freezes,
            self.fenced,
            self.broker_stops,
            self.broker_kills,
            self.broker_freezes,
            self.disks_full,
            self.gave_up,
            self.events,
            self.delivered,
            self.refused,
            self.poison
        )
    }
}

/// The instances; a place is empty while its instance is away.
pub(crate) struct Fleet {
    pub(crate) config: Config,
    pub(crate) places: Vec<Option<Program>>,
    pub(crate) tally: Tally,
}

impl Fleet {
    pub(crate) fn new(config: &Config) -> Fleet {
        let places = (0..INSTANCES).map(|_| None).collect();
        Fleet { config: config.clone(), places, tally: Tally::default() }
    }

    pub(crate) fn start(&mut self, place: usize) -> &mut Program {
        self.tally.starts += 1;
        let config = self.config.instance(&format!("instance-{place}"));
        self.places[place].insert(Program::start(&config))
    }

    pub(crate) fn kill(&mut self, place: usize) {
        if let Some(program) = self.places[place].take() {
            program.kill();
            self.tally.kills += 1;
        }
    }

    pub(crate) fn stop(&mut self, place: usize) {
        if let Some(program) = self.places[place].take() {
            program.stop();
            self.tally.stops += 1;
        }
    }

    /// The places that are taken, or those that are free.
    pub(crate) fn places(&self, taken: bool) -> Vec<usize> {
        (0..INSTANCES).filter(|place| self.places[*place].is_some() == taken).collect()
    }

    /// Whoever ended by itself comes again, as under any supervisor. It may end
    /// only with an error that it tells.
    pub(crate) fn supervise(&mut self) {
        for place in 0..INSTANCES {
            let Some(program) = &mut self.places[place] else { continue };
            let Some(status) = program.status() else { continue };
            assert_eq!(status, 1, "ended by itself; {}", program.tail());
            assert!(!program.said().contains("panicked at"), "{}", program.tail());
            self.start(place);
        }
    }

    /// Whether all are ready within `limit`; whoever has ended by then comes again.
    pub(crate) fn is_ready_within(&mut self, limit: Duration) -> bool {
        let began = Instant::now();
        while !self.places.iter().flatten().all(Program::is_ready) {
            if began.elapsed() >= limit {
                return false;
            }
            self.supervise();
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// Waits until all are ready.
    pub(crate) fn until_ready(&mut self) {
        if !self.is_ready_within(READY) {
            let tails = || self.places.iter().flatten().map(Program::tail).collect::<Vec<_>>();
            panic!("not ready after {READY:?}; {}", tails().join("\n"));
        }
    }
}
