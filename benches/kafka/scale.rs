//! CPU an event by windows that are open and by partitions, and memory.

use shutterlag::time::Timestamp;

use crate::broker::Broker;
use crate::client::Client;
use crate::load;
use crate::monitoring::now_ms;
use crate::program::{Config, Program, READY};
use crate::soak::case;
use crate::throughput::until_quiet;

/// Cases of the traffic that is measured: three events each.
const CASES: usize = 150_000;

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    let most = load::number("SHUTTERLAG_BENCH_WINDOWS", 4_000_000);
    for open in [100_000, 1_000_000, 4_000_000].into_iter().filter(|open| *open <= most) {
        measure(broker, &client, open, 4);
    }
    for partitions in [1, 12] {
        measure(broker, &client, 100_000, partitions);
    }
}

fn measure(broker: &Broker, client: &Client, open: usize, partitions: i32) {
    let prefix = format!("open-{open}-{partitions}");
    let topic = format!("{prefix}.input");
    client.create(&topic, partitions, &[]);
    let mut config = load::prekeyed(Config::new(broker, &prefix), &topic);
    config.judging().set("topics.partitions", i64::from(partitions));
    // The default is a million.
    config.set("windows.credentials", 5_000_000);
    let mut program = Program::start(&config);
    program.until_ready(READY);
    let memory = |program: &Program| load::metric(program, "process_resident_memory_bytes", "");
    let group = format!("{prefix}.windows");
    let quiet = |program: &Program| {
        let all = load::size(client, &topic);
        until_quiet(client, program, &prefix, (&group, &topic), all)
    };
    // None of them becomes due while this runs.
    let now = now_ms();
    client.write(&topic, (0..open).map(|number| load::leak(number, now)));
    quiet(&program);
    let before = program.cpu();
    let at = Timestamp::from_millis(now_ms() - 60_000);
    client.write(&topic, (0..CASES).flat_map(|number| case(number, at)));
    quiet(&program);
    let took = program.cpu().saturating_sub(before);
    let before_stop = memory(&program);
    program.stop();
    let mut program = Program::start(&config);
    program.until_ready(READY);
    quiet(&program);
    println!(
        "{open:>8} open windows, {partitions:>2} partitions: {:.2} µs of CPU an event; {:.0} MB, {:.0} \
         MB when started again with {} credentials",
        took.as_secs_f64() * 1e6 / (3 * CASES) as f64,
        before_stop / 1e6,
        memory(&program) / 1e6,
        load::metric(&program, "shutterlag_state_credentials", "")
    );
    program.stop();
}
