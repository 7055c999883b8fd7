//! The fault harness: instances and brokers that are killed, frozen, stopped and started
//! again while events come in.
//!
//! Invariants: every choice comes from the seed, which is printed; the number of
//! kills and the time are bounded; when it is over the checker judges what is in
//! the topics, whatever happened on the way. Choices repeat with the seed, the
//! moments at which they meet the program do not.
//!
//! The variables in [`Plan::from_environment`] change the defaults.

use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::case::Case;
use crate::client::Sent;
use crate::cluster::Cluster;
use crate::fleet::{Fleet, INSTANCES};
use crate::harness::dice::Dice;
use crate::input::{Arrival, Input};
use crate::poison;
use crate::program::READY;
use crate::steps::{OF_BROKERS, Step, WITH_A_CLUSTER, WITH_ONE_BROKER, draw};

/// Longer than a session (see [`Config::new`](crate::program::Config::new)): whoever is away
/// for so long has lost its partitions.
const BEYOND_SESSION: Duration = Duration::from_secs(8);

/// How long a broker may take to notice that its disk is full.
const NOTICED: Duration = Duration::from_secs(60);

/// Instances that are not ready after so long may wait for a transaction that a broker gave up:
/// ten times as long as a transaction may stay open.
const GIVEN_UP: Duration = Duration::from_secs(50);

/// How long a delivery may be refused, brokers being away, and how long one try may take.
const TAKEN: Duration = Duration::from_secs(120);
const ANSWERED: Duration = Duration::from_secs(15);

/// What one run of the harness does.
#[derive(Clone, Copy, Debug)]
struct Plan {
    name: &'static str,
    seed: u64,
    kills: usize,
    limit: Duration,
    nodes: usize,
    /// Whether a lone broker goes away, too.
    broker: bool,
    /// Events between one fault and the next.
    events_per_step: usize,
}

impl Plan {
    /// By default so many kills of instances, with so many brokers.
    fn from_environment(name: &'static str, kills: u64, nodes: usize) -> Plan {
        Plan {
            name,
            seed: number("SHUTTERLAG_LIVE_SEED", 1),
            kills: number("SHUTTERLAG_LIVE_KILLS", kills) as usize,
            limit: Duration::from_secs(number("SHUTTERLAG_LIVE_SECONDS", 900)),
            nodes,
            broker: number("SHUTTERLAG_LIVE_BROKER", 0) != 0,
            events_per_step: if nodes > 1 { 300 } else { 1_000 },
        }
    }

    /// Says it whether or not the test's output is captured.
    fn tell(&self, what: fmt::Arguments<'_>) {
        let _ = writeln!(std::io::stderr(), "{}: {what}", self.name);
    }
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")),
        Err(_) => default,
    }
}

/// A run of the harness.
struct Harness {
    plan: Plan,
    // Instances end before their brokers.
    fleet: Fleet,
    cluster: Cluster,
    case: Case,
    dice: Dice,
    /// What befalls brokers in any case, before anything is drawn.
    first: Vec<Step>,
}

impl Harness {
    fn new(plan: Plan) -> Harness {
        let cluster = Cluster::start(plan.nodes);
        // Some steps do not kill, and there are events left for the end.
        let steps = plan.kills * 3 / 2 + if plan.nodes > 1 { 10 } else { 0 };
        let mut input =
            Input::simulate(plan.seed, steps * plan.events_per_step, Arrival::Disturbed);
        let mut dice = Dice(plan.seed);
        let mut first = Vec::new();
        if plan.nodes > 1 {
            input = input.under_several_names(plan.seed);
            let mut left = OF_BROKERS.to_vec();
            while !left.is_empty() {
                first.push(left.swap_remove(dice.below(left.len())));
            }
        }
        let case = Case::at(&cluster.address(), plan.name, input);
        let mut fleet = Fleet::new(&case.config);
        // A broker that was killed may take its time on a machine that is busy.
        fleet.config.set("kafka.startup_timeout", "60s");
        Harness { plan, fleet, cluster, case, dice, first }
    }

    fn next_step(&mut self) -> Step {
        if let Some(step) = self.first.pop() {
            return step;
        }
        let several = self.plan.nodes > 1;
        match draw(&mut self.dice, if several { WITH_A_CLUSTER } else { WITH_ONE_BROKER }) {
            Step::StopBroker | Step::KillBroker if !several && !self.plan.broker => Step::Kill,
            step => step,
        }
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
            Step::StopBroker | Step::KillBroker | Step::FreezeBroker | Step::FillDisk => {
                self.disturb_broker(step, place);
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
        self.case.send(self.plan.events_per_step);
        std::thread::sleep(BEYOND_SESSION);
        program.thaw();
        std::thread::sleep(Duration::from_secs(2));
        let ended = program.status().is_some();
        self.fleet.tally.freezes += 1;
        self.fleet.tally.fenced += usize::from(ended);
    }

    /// Takes a broker away and lets it come again. Of several, one at a time: the others
    /// have what it has.
    fn disturb_broker(&mut self, step: Step, place: usize) {
        // The first one has the disk that can be full.
        let broker = match step {
            Step::FillDisk => 0,
            _ => self.dice.below(self.cluster.size()),
        };
        if step == Step::FillDisk && self.cluster.broker(0).disk().is_none() {
            self.plan.tell(format_args!("no disk is filled: mounting one takes root"));
            return;
        }
        if self.plan.nodes > 1 {
            self.cluster.until_in_sync();
            // So that it happens in the middle of transactions.
            self.case.send(self.plan.events_per_step / 2);
            self.pause(300);
        }
        let tally = &mut self.fleet.tally;
        match step {
            Step::FreezeBroker => {
                self.cluster.broker(broker).freeze();
                tally.broker_freezes += 1;
            }
            Step::FillDisk => {
                self.cluster.broker(broker).disk().expect("checked above").fill();
                tally.disks_full += 1;
            }
            Step::KillBroker => {
                self.cluster.broker(broker).kill();
                tally.broker_kills += 1;
            }
            _ => {
                self.cluster.broker(broker).stop();
                tally.broker_stops += 1;
            }
        }
        if self.plan.nodes > 1 {
            // Its partitions have no leader now, or one that does not answer.
            self.deliver(20);
            self.fleet.kill(place);
            self.fleet.start(place);
            self.case.send(self.plan.events_per_step / 2);
            self.pause(6_000);
        } else {
            self.pause(2_000);
        }
        let broker = self.cluster.broker(broker);
        match step {
            Step::FreezeBroker => broker.thaw(),
            Step::FillDisk => {
                assert!(broker.ends_within(NOTICED), "a broker without room on its disk goes on");
                broker.disk().expect("checked above").make_room();
                broker.restart();
            }
            _ => broker.restart(),
        }
    }

    /// Delivers events to instances, again until they are taken, as a sender does.
    fn deliver(&mut self, count: usize) {
        let body = self.case.taken_for_delivery(count);
        if body.is_empty() {
            return;
        }
        let began = Instant::now();
        loop {
            self.fleet.supervise();
            let place = self.someone();
            let program = place.and_then(|place| self.fleet.places[place].as_ref());
            let answer = program
                .and_then(|program| program.post("/in/events", &[], &body))
                .and_then(|asked| asked.answer(ANSWERED));
            if answer.as_ref().is_some_and(|answer| answer.status == 200) {
                self.fleet.tally.delivered += body.lines().count();
                return;
            }
            self.fleet.tally.refused += 1;
            let tail = || program.map(|program| program.tail()).unwrap_or_default();
            assert!(began.elapsed() < TAKEN, "nobody takes it: {answer:?}; {}", tail());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until all instances are ready. A broker of Kafka 4.4 that coordinates a transaction
    /// does not end it any more when a marker meets a full disk on another broker. An operator has
    /// to restart the coordinator, and so does this.
    fn until_ready(&mut self) {
        if self.fleet.is_ready_within(GIVEN_UP) {
            return;
        }
        let gave_up = self.cluster.restart_those_that_gave_up();
        self.fleet.tally.gave_up += gave_up;
        self.fleet.until_ready();
    }

    fn run(&mut self) {
        let began = Instant::now();
        let plan = self.plan;
        plan.tell(format_args!("{plan:?}"));
        self.case.send(plan.events_per_step);
        self.fleet.start(0).until_ready(READY);
        while self.fleet.tally.kills < plan.kills || !self.first.is_empty() {
            let seconds = began.elapsed().as_secs();
            let tally = &self.fleet.tally;
            assert!(began.elapsed() < plan.limit, "out of time after {seconds} s: {tally}");
            self.fleet.supervise();
            self.case.send(plan.events_per_step);
            let poison: Sent = poison::any(&mut self.dice);
            self.case.send_poison(&poison);
            self.fleet.tally.poison += 1;
            // Every other time it gets as far as being at work.
            if self.dice.below(2) == 0 {
                self.fleet.supervise();
                self.until_ready();
                if plan.nodes > 1 {
                    self.deliver(50);
                }
            }
            let step = self.next_step();
            self.step(step);
        }
        if plan.nodes > 1 {
            self.cluster.until_in_sync();
        }
        self.case.send_rest();
        self.fleet.supervise();
        self.until_ready();
        self.case.until_done();
        (0..INSTANCES).for_each(|place| self.fleet.stop(place));
        self.fleet.tally.events = self.case.size();
        let (tally, seconds) = (&self.fleet.tally, began.elapsed().as_secs());
        plan.tell(format_args!("seed {}: {tally} in {seconds} s", plan.seed));
        self.case.must_be_faultless();
        poison::all_are_told(&self.case);
    }
}

#[test]
fn exactly_once_under_kills() {
    Harness::new(Plan::from_environment("kills", 20, 1)).run();
}

/// Three brokers, of which one at a time is killed, frozen, stopped or out of disk, while
/// instances are killed. Each credential has three names, and some events come to receivers.
#[test]
fn exactly_once_while_brokers_of_a_cluster_fail() {
    Harness::new(Plan::from_environment("cluster", 4, 3)).run();
}
