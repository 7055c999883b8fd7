//! Many clients that begin a delivery and do not end it, and what others notice of them.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Run, deliveries};

/// How often each question is asked.
const ASKED: usize = 200;
/// How often each of the clients sends a byte.
const BYTE_EVERY: Duration = Duration::from_secs(1);

/// Asks for health and delivers events without slow senders, and beside `senders` of them.
pub(super) fn run(senders: u64) {
    let directory = tempfile::tempdir().unwrap();
    let run = Run::start(directory.path());
    ask(&run, "nobody is slow");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut slow: Vec<TcpStream> = (0..senders).map(|number| begin(&run, number)).collect();
        let over = &over;
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                for stream in &mut slow {
                    // The server may have sent it away.
                    let _ = stream.write_all(b"x");
                }
                std::thread::sleep(BYTE_EVERY);
            }
        });
        ask(&run, &format!("beside {senders} slow senders"));
        over.store(true, Ordering::Relaxed);
    });
}

/// Half of them do not even end the head of their request.
fn begin(run: &Run, number: u64) -> TcpStream {
    let head = "POST /in/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{";
    let mut stream = TcpStream::connect(&run.address).unwrap();
    let sent = if number.is_multiple_of(2) { head } else { &head[..20] };
    stream.write_all(sent.as_bytes()).unwrap();
    stream
}

fn ask(run: &Run, beside: &str) {
    for path in ["/healthz", "/readyz"] {
        let took = times(|| assert!(run.get(path).starts_with("HTTP/1.1 200"), "{path}"));
        println!("{beside}: {path} answered within {took}");
    }
    let mut number = 0;
    let took = times(|| {
        number += 1;
        let event = deliveries::event(beside, number);
        deliveries::Connection::open(&run.address).deliver(event.as_bytes());
    });
    println!("{beside}: a delivery answered within {took}");
}

fn times(ask: impl FnMut()) -> String {
    let mut ask = ask;
    let mut took: Vec<Duration> = (0..ASKED)
        .map(|_| {
            let began = Instant::now();
            ask();
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    let ms = |at: usize| took[at].as_secs_f64() * 1e3;
    format!("{:.1} ms (p50), {:.1} ms (p99)", ms(ASKED / 2), ms(ASKED * 99 / 100))
}
