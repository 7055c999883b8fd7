//! A million open windows: restored after a stop, a crash and a handover.

use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::client::Client;
use crate::load;
use crate::monitoring::now_ms;
use crate::program::{Config, Program, READY};

pub(crate) fn run(broker: &Broker) {
    let client = Client::new(broker.address());
    let windows = load::number("SHUTTERLAG_BENCH_WINDOWS", 1_000_000);
    client.create("leaks", load::PARTITIONS, &[]);
    // None of them becomes due while this runs, so each has one record of state.
    let now_ms = now_ms();
    client.write("leaks", (0..windows).map(|number| load::leak(number, now_ms)));
    let config = load::prekeyed(Config::new(broker, "r"), "leaks");
    let one = config.instance("one");

    let mut program = Program::start(&one);
    load::until_read(&client, "r.windows", "leaks");
    program.until_ready(READY);
    program.stop();

    let mut program = Program::start(&one);
    until_held(&mut program, windows);
    let seconds = restored_in(&program);
    let held_after = program.age().as_secs_f64();
    program.until_ready(READY);
    println!(
        "stop and start: {windows} windows in {seconds:.2} s, {:.0}/s; all held after {held_after:.2} s, \
         ready with the view after {:.2} s",
        windows as f64 / seconds,
        program.age().as_secs_f64()
    );

    program.kill();
    let mut program = Program::start(&one);
    until_held(&mut program, windows);
    println!("kill -9 and start again: all held after {:.2} s", program.age().as_secs_f64());
    program.until_ready(READY);

    let other = config.instance("two");
    let mut second = Program::start(&other);
    second.until_ready(READY);
    std::thread::sleep(Duration::from_secs(10));
    let shared = held(&second);
    let began = Instant::now();
    // A static member keeps its partitions for a session, so that a restart moves no partition.
    // A handover has to wait for the end of that session.
    program.stop();
    until_held(&mut second, windows);
    println!(
        "graceful end of one of two: the other had {shared} and has all after {:.2} s",
        began.elapsed().as_secs_f64()
    );
    second.stop();

    let mut first = Program::start(&config);
    until_held(&mut first, windows);
    let mut second = Program::start(&config);
    second.until_ready(READY);
    std::thread::sleep(Duration::from_secs(10));
    let shared = held(&second);
    let began = Instant::now();
    first.stop();
    until_held(&mut second, windows);
    println!(
        "the same without instance: the other had {shared} and has all after {:.2} s",
        began.elapsed().as_secs_f64()
    );
    let mut first = Program::start(&config);
    first.until_ready(READY);
    std::thread::sleep(Duration::from_secs(10));
    let began = Instant::now();
    second.kill();
    until_held(&mut first, windows);
    println!(
        "kill -9 of one of two without instance: the other has all after {:.2} s \
         (session timeout 10 s)",
        began.elapsed().as_secs_f64()
    );
    first.stop();
}

/// How long the restore of the state took, from the log: partitions that were assigned together
/// are read together, others after them.
fn restored_in(program: &Program) -> f64 {
    let told = program.said();
    let restored = told.lines().filter(|line| line.contains("restored"));
    let ms = restored.filter_map(|line| {
        let digits =
            line.split("milliseconds").nth(1)?.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse::<f64>().ok()
    });
    ms.sum::<f64>() / 1e3
}

fn held(program: &Program) -> usize {
    if program.get("/metrics").is_none() {
        return 0;
    }
    load::metric(program, "shutterlag_state_credentials", "") as usize
}

/// Waits until the program has all windows; its view of them may come later.
fn until_held(program: &mut Program, windows: usize) {
    let began = Instant::now();
    while held(program) < windows {
        assert!(began.elapsed() < READY, "{} of {windows}", held(program));
        std::thread::sleep(Duration::from_millis(20));
    }
}
