//! `shutterlag run` against a real Apache Kafka on the same machine.
//!
//! ```sh
//! tests/live/run --list >/dev/null    # fetches the broker, once
//! SHUTTERLAG_LIVE_JARS=$PWD/target/live/jars cargo bench --bench kafka -- throughput
//! ```
//!
//! Arguments are one or more of `throughput`, `restore`, `deadlines`, `burst`, `receivers`, `links`,
//! `latency`, `scale`, `soak`; without an argument all of these run. `peers` runs when it is named, with
//! what `benches/peers/run` prints in `SHUTTERLAG_BENCH_PEERS`. The broker runs on the same cores, so compare within one run.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on has failed"
)]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

#[path = "../../tests/live/broker.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod broker;
#[path = "../../tests/live/client.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod client;
mod commits;
mod deadlines;
#[path = "../common/deliveries.rs"]
mod deliveries;
#[path = "../../tests/live/disk.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod disk;
#[path = "../../tests/live/guard.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod guard;
#[path = "../../tests/replay/harness/mod.rs"]
mod harness;
mod latency;
mod links;
mod load;
#[path = "../../tests/live/monitoring.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod monitoring;
#[path = "../common/names.rs"]
mod names;
mod peers;
#[path = "../../tests/live/program.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod program;
mod receivers;
mod relay;
mod restore;
mod scale;
#[path = "../../tests/live/scratch.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod scratch;
mod soak;
mod streams;
mod throughput;

use broker::Broker;

fn main() {
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    // It needs more than the others.
    let wanted = |name: &str| {
        (chosen.is_empty() && name != "peers") || chosen.iter().any(|chosen| chosen == name)
    };
    type Bench = fn(&Broker);
    let benches: [(&str, Bench); 10] = [
        ("throughput", throughput::run),
        ("restore", restore::run),
        ("deadlines", deadlines::run),
        ("burst", deadlines::burst),
        ("receivers", receivers::run),
        ("links", links::run),
        ("latency", latency::run),
        ("scale", scale::run),
        ("soak", soak::run),
        ("peers", peers::run),
    ];
    for (name, run) in benches.into_iter().filter(|(name, _)| wanted(name)) {
        println!("== {name}");
        let broker = Broker::start();
        run(&broker);
    }
}
