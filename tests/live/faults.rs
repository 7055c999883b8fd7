//! The fault harness: instances that are killed, frozen, stopped and started
//! again, and brokers that go away, while events come in.
//!
//! Invariants: every choice comes from the seed, which is printed; the number of
//! kills and the time are bounded; when it is over the checker judges what is in
//! the topics, whatever happened on the way. Choices repeat with the seed, the
//! moments at which they meet the program do not.
//!
//! `SHUTTERLAG_LIVE_SEED`, `SHUTTERLAG_LIVE_KILLS`, `SHUTTERLAG_LIVE_SECONDS` and
//! `SHUTTERLAG_LIVE_BROKER` change the defaults.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::case::Case;
use crate::client::Sent;
use crate::harness::dice::Dice;
use crate::input::{Arrival, Input};
use crate::poison;
use crate::program::{Config, Program, READY};

/// Events between one fault and the next.
const EVENTS_PER_STEP: usize = 1_000;

/// How many processes there are at most.
const INSTANCES: usize = 3;

/// Longer than a session (see [`Config::new`]): whoever is away for so long has lost
/// its partitions.
const BEYOND_SESSION: Duration = Duration::from_secs(8);

/// What one run of the harness does.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    kills: usize,
    limit: Duration,
    /// Whether the broker goes away, too.
    broker: bool,
}

impl Plan {
    fn from_environment() -> Plan {
        Plan {
            seed: number("SHUTTERLAG_LIVE_SEED", 1),
            kills: number("SHUTTERLAG_LIVE_KILLS", 20) as usize,
            limit: Duration::from_secs(number("SHUTTERLAG_LIVE_SECONDS", 300)),
            broker: number("SHUTTERLAG_LIVE_BROKER", 0) != 0,
        }
    }
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        Err(_) => default,
    }
}

/// What happened, for the summary.
#[derive(Clone, Debug, Default)]
struct Tally {
    kills: usize,
    kills_while_starting: usize,
    starts: usize,
    stops: usize,
    freezes: usize,
    fenced: usize,
    broker_stops: usize,
    broker_kills: usize,
    events: usize,
    poison: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills ({} while starting), {} starts, {} stops, {} freezes ({} ended by it), \
             broker: {} stops, {} kills; {} events, {} poison",
            self.kills,
            self.kills_while_starting,
            self.starts,
            self.stops,
            self.freezes,
            self.fenced,
            self.broker_stops,
            self.broker_kills,
            self.events,
            self.poison
        )
    }
}

/// A step of the harness. The weights say how many of a hundred are of each kind.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Kill an instance at some moment of its work, and start it again.
    Kill,
    /// Kill an instance right after it was started, and start it again.
    KillWhileStarting,
    /// Kill an instance and let its session run out before it comes again.
    KillForLong,
    /// Kill all instances at once.
    KillAll,
    /// Ask an instance to stop, and start it again.
    Restart,
    /// Start one more instance.
    Join,
    /// Ask an instance to stop, for good.
    Leave,
    /// Freeze an instance for longer than its session, then let it go on.
    Freeze,
    /// Stop the broker and start it again.
    StopBroker,
    /// Kill the broker and start it again.
    KillBroker,
}

const STEPS: &[(usize, Step)] = &[
    (34, Step::Kill),
    (18, Step::KillWhileStarting),
    (5, Step::KillForLong),
    (8, Step::KillAll),
    (8, Step::Restart),
    (9, Step::Join),
    (6, Step::Leave),
    (4, Step::Freeze),
    (4, Step::StopBroker),
    (4, Step::KillBroker),
];

/// Draws a step.
fn draw(dice: &mut Dice) -> Step {
    let mut at = dice.below(STEPS.iter().map(|(weight, _)| weight).sum());
    for (weight, step) in STEPS {
        match at.checked_sub(*weight) {
            Some(left) => at = left,
            None => return *step,
        }
    }
    unreachable!("the weights add up to the number of sides")
}

/// The instances; a place is empty while its instance is away.
struct Fleet {
    config: Config,
    places: Vec<Option<Program>>,
    tally: Tally,
}

impl Fleet {
    fn new(config: &Config) -> Fleet {
        let places = (0..INSTANCES).map(|_| None).collect();
        Fleet { config: config.clone(), places, tally: Tally::default() }
    }

    fn start(&mut self, place: usize) -> &mut Program {
        self.tally.starts += 1;
        let config = self.config.instance(&format!("instance-{place}"));
        self.places[place].insert(Program::start(&config))
    }

    fn kill(&mut self, place: usize) {
        if let Some(program) = self.places[place].take() {
            program.kill();
            self.tally.kills += 1;
        }
    }

    fn stop(&mut self, place: usize) {
        if let Some(program) = self.places[place].take() {
            program.stop();
            self.tally.stops += 1;
        }
    }

    /// The places that are taken, or those that are free.
    fn places(&self, taken: bool) -> Vec<usize> {
        (0..INSTANCES).filter(|place| self.places[*place].is_some() == taken).collect()
    }

    /// Whoever ended by itself comes again, as under any supervisor. It may end
    /// only with an error that it tells.
    fn supervise(&mut self) {
        for place in 0..INSTANCES {
            let Some(program) = &mut self.places[place] else { continue };
            let Some(status) = program.status() else { continue };
            assert_eq!(status, 1, "ended by itself; {}", program.tail());
            assert!(!program.said().contains("panicked at"), "{}", program.tail());
            self.start(place);
        }
    }

    /// Waits until all are ready; whoever has ended by then comes again.
    fn until_ready(&mut self) {
        let began = Instant::now();
        while !self.places.iter().flatten().all(Program::is_ready) {
            self.supervise();
            let tails = || self.places.iter().flatten().map(Program::tail).collect::<Vec<_>>();
            assert!(began.elapsed() < READY, "not ready after {READY:?}; {}", tails().join("\n"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A run of the harness.
struct Harness {
    broker: Broker,
    case: Case,
    fleet: Fleet,
    dice: Dice,
}

impl Harness {
    fn new(plan: Plan) -> Harness {
        let broker = Broker::start();
        // Some steps do not kill, and there are events left for the end.
        let events = plan.kills * EVENTS_PER_STEP * 3 / 2;
        let input = Input::simulate(plan.seed, events, Arrival::Disturbed);
        let case = Case::new(&broker, "kills", input);
        let mut fleet = Fleet::new(&case.config);
        // A broker that was killed may take its time on a machine that is busy.
        fleet.config.set("kafka.startup_timeout", "60s");
        Harness { broker, case, fleet, dice: Dice(plan.seed) }
    }

    fn pause(&mut self, most_ms: usize) {
        std::thread::sleep(Duration::from_millis(self.dice.below(most_ms) as u64));
    }

    fn someone(&mut self) -> Option<usize> {
        let there = self.fleet.places(true);
        (!there.is_empty()).then(|| there[self.dice.below(there.len())])
    }

    fn step(&mut self, step: Step) {
        let Some(place) = self.someone() else {
            self.fleet.start(0);
            return;
        };
        match step {
            Step::Kill => {
                self.pause(4_000);
                self.fleet.kill(place);
                self.fleet.start(place);
            }
            Step::KillWhileStarting => {
                self.fleet.kill(place);
                self.fleet.start(place);
                self.pause(1_500);
                self.fleet.kill(place);
                self.fleet.tally.kills_while_starting += 1;
                self.fleet.start(place);
            }
            Step::KillForLong => {
                self.fleet.kill(place);
                std::thread::sleep(BEYOND_SESSION);
                self.fleet.start(place);
            }
            Step::KillAll => {
                self.pause(3_000);
                let there = self.fleet.places(true);
                there.iter().for_each(|place| self.fleet.kill(*place));
                for place in there {
                    self.fleet.start(place);
                }
            }
            Step::Restart => {
                self.fleet.stop(place);
                self.fleet.start(place);
            }
            Step::Join => {
                if let Some(place) = self.fleet.places(false).first() {
                    self.fleet.start(*place);
                }
            }
            Step::Leave => {
                if self.fleet.places(true).len() > 1 {
                    self.fleet.stop(place);
                }
            }
            Step::Freeze => self.freeze(place),
            Step::StopBroker => {
                self.broker.stop();
                self.pause(2_000);
                self.broker.restart();
                self.fleet.tally.broker_stops += 1;
            }
            Step::KillBroker => {
                self.broker.kill();
                self.pause(2_000);
                self.broker.restart();
                self.fleet.tally.broker_kills += 1;
            }
        }
    }

    /// Freezes an instance while another takes over, and lets it go on in the
    /// belief that it still owns what it owned.
    fn freeze(&mut self, place: usize) {
        let other = (place + 1) % INSTANCES;
        if self.fleet.places[other].is_none() {
            self.fleet.start(other).until_ready(READY);
        }
        let Some(program) = &mut self.fleet.places[place] else { return };
        program.freeze();
        self.case.send(EVENTS_PER_STEP);
        std::thread::sleep(BEYOND_SESSION);
        program.thaw();
        std::thread::sleep(Duration::from_secs(2));
        let ended = program.status().is_some();
        self.fleet.tally.freezes += 1;
        self.fleet.tally.fenced += usize::from(ended);
    }
}

/// Says it whether or not the test's output is captured.
fn tell(what: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "exactly_once_under_kills: {what}");
}

#[test]
fn exactly_once_under_kills() {
    let plan = Plan::from_environment();
    let began = Instant::now();
    tell(format_args!("{plan:?}"));
    let mut harness = Harness::new(plan);
    harness.case.send(EVENTS_PER_STEP);
    harness.fleet.start(0).until_ready(READY);
    while harness.fleet.tally.kills < plan.kills {
        assert!(
            began.elapsed() < plan.limit,
            "out of time after {}: {}",
            began.elapsed().as_secs(),
            harness.fleet.tally
        );
        harness.fleet.supervise();
        harness.case.send(EVENTS_PER_STEP);
        let poison: Sent = poison::any(&mut harness.dice);
        harness.case.send_poison(&poison);
        harness.fleet.tally.poison += 1;
        // Every other time it gets as far as being at work.
        if harness.dice.below(2) == 0 {
            harness.fleet.supervise();
            harness.fleet.until_ready();
        }
        let step = match draw(&mut harness.dice) {
            Step::StopBroker | Step::KillBroker if !plan.broker => Step::Kill,
            step => step,
        };
        harness.step(step);
    }
    harness.case.send_rest();
    harness.fleet.supervise();
    harness.fleet.until_ready();
    harness.case.until_done();
    (0..INSTANCES).for_each(|place| harness.fleet.stop(place));
    harness.fleet.tally.events = harness.case.size();
    let (tally, seconds) = (&harness.fleet.tally, began.elapsed().as_secs());
    tell(format_args!("seed {}: {tally} in {seconds} s", plan.seed));
    harness.case.must_be_faultless();
    poison::all_are_told(&harness.case);
}

#[test]
fn a_step_of_every_kind_is_drawn() {
    let mut dice = Dice(1);
    let drawn: Vec<String> = (0..1_000).map(|_| format!("{:?}", draw(&mut dice))).collect();
    for (weight, step) in STEPS {
        let count = drawn.iter().filter(|drawn| **drawn == format!("{step:?}")).count();
        assert!((weight * 5..weight * 20).contains(&count), "{step:?}: {count} of 1000");
    }
}
