//! Windows that open and close without end: does memory stay flat?

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shutterlag::time::Timestamp;

use crate::broker::Broker;
use crate::client::{Client, Sent};
use crate::load;
use crate::program::{Config, Program, READY};

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    let short: &[(&str, &str)] = &[("retention.bytes", "50000000"), ("segment.bytes", "20000000")];
    client.create("events", load::PARTITIONS, short);
    let mut config = load::prekeyed(Config::new(broker, "s"), "events");
    config.set("windows.settle", "1s").set("windows.orphan_timeout", "3s");
    // A decided window stays in memory until it is judged.
    config.set("oversight.delay", "3s");
    let mut program = Program::start(&config);
    program.until_ready(READY);
    let rounds = load::number("SHUTTERLAG_BENCH_ROUNDS", 20);
    let windows = load::number("SHUTTERLAG_BENCH_WINDOWS", 100_000);
    for round in 0..rounds {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let at = Timestamp::from_millis(i64::try_from(now_ms).unwrap());
        client.write(
            "events",
            (round * windows..(round + 1) * windows).flat_map(|number| case(number, at)),
        );
        load::until_read(&client, "s.windows", "events");
        // Until all windows of the round are final and removed.
        std::thread::sleep(Duration::from_secs(8));
        println!(
            "{:>9} windows opened and closed: {:>4.0} MB, {} credentials held",
            (round + 1) * windows,
            load::metric(&program, "process_resident_memory_bytes", "") / 1e6,
            load::metric(&program, "shutterlag_state_credentials", "")
        );
    }
    program.stop();
}

/// Detection, decision and containment of a credential of its own, all at once.
pub(crate) fn case(number: usize, at: Timestamp) -> [Sent; 3] {
    let credential = format!("cred-{number:016x}");
    let event = |kind: &str, rest: &str| {
        let value = format!(
            r#"{{"type":"{kind}","id":"{kind}-{number}","time":"{at}","credential_id":"{credential}"{rest}}}"#
        );
        Sent::new(credential.clone(), value)
    };
    [
        event("leak.detected", ""),
        event(
            "decision.made",
            &format!(r#","reviewer":"reviewer-{:03}","action":"revoke""#, number % 200),
        ),
        event("credential.contained", r#","method":"revoked""#),
    ]
}
