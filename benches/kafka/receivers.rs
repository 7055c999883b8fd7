//! Deliveries over HTTP to a process that only takes deliveries: each is answered when the broker
//! has acknowledged it.

use crate::broker::Broker;
use crate::deliveries;
use crate::load;
use crate::program::{Config, Program, READY};

pub(crate) fn run(broker: &Broker) {
    let mut config = Config::new(broker, "r");
    config.without_sources();
    // Creates the topics, and leaves the broker to the receiver.
    let mut stages = Program::start(config.clone().github("hooks", "not a real secret"));
    stages.until_ready(READY);
    stages.stop();
    config.set("kafka.role", "receiver");
    let mut receiver = Program::start(&config);
    receiver.until_ready(READY);
    let address = receiver.address();
    deliveries::batches(&address, load::number("SHUTTERLAG_BENCH_EVENTS", 100_000) as u64);
    deliveries::singles(&address, load::number("SHUTTERLAG_BENCH_SECONDS", 10) as u64);
    receiver.stop();
}
