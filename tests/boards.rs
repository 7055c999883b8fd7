//! A thousand boards at once, of which nearly all never read. This test is alone in its process,
//! because it measures the memory of the process and raises its limit on open files.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]
#![expect(clippy::disallowed_methods, reason = "how long it takes is part of the promise")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shutterlag::config::{FiguresConfig, OversightConfig, Profiles};
use shutterlag::engine::attacker::Race;
use shutterlag::engine::identity::NameOrder;
use shutterlag::engine::windows::{ExposureId, Key};
use shutterlag::event::Workflow;
use shutterlag::formats::Identity;
use shutterlag::metrics::{Metrics, Pipeline};
use shutterlag::records::WindowRecord;
use shutterlag::runtime::clock::Clock;
use shutterlag::runtime::health::Health;
use shutterlag::runtime::http::{Options, Server, Shown};
use shutterlag::runtime::view::{Applied, Bounds, View};
use shutterlag::time::{Span, Timestamp};

/// 2026-03-02T12:00:00Z
const NOW_MS: i64 = 1_772_452_800_000;

const BOARDS: usize = 1_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MS)
}

/// The process's memory in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

fn watch(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET /api/v1/board HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    stream
}

fn detected(credential_id: &str, detected_at: Timestamp) -> WindowRecord {
    let key = Key { workflow: Workflow::SecretExposure, credential_id };
    WindowRecord::detected(ExposureId { key, detected_at })
}

fn apply(view: &View, record: &WindowRecord) -> Applied {
    let key = record.exposure_id.to_string();
    view.apply(key.as_bytes(), Some(&serde_json::to_vec(record).unwrap()), now())
}

/// Open windows that are nobody's turn: they are walked through, counted and left out.
fn ten_thousand(view: &View) {
    for number in 0..10_000 {
        let detected_at = Timestamp::from_millis(NOW_MS - 1000 * (1100 + number));
        let credential = format!("github:example-org/payments#{number}");
        apply(view, &detected(&credential, detected_at));
    }
}

/// Windows whose rows all change, with texts as long as they are shown: 50 KB a frame.
fn change(view: &View, round: usize) {
    let long = "x".repeat(80);
    for number in 0..60 {
        let detected_at = Timestamp::from_millis(NOW_MS - 1000 * (60 + number));
        let credential = format!("github:{long}#{number}");
        let record = WindowRecord {
            source: Some(long.clone()),
            location: Some(long.clone()),
            owner: Some(format!("{round} {long}")),
            ..detected(&credential, detected_at)
        };
        assert_eq!(apply(view, &record), Applied::Kept);
    }
}

/// Whether the server has ended the connection; what lay in the buffers is thrown away.
fn ended(board: &mut TcpStream) -> bool {
    board.set_nonblocking(true).unwrap();
    let mut rest = Vec::new();
    !matches!(board.read_to_end(&mut rest), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_thousand_boards_of_which_one_reads() {
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).unwrap();
    let enough = files.maximum.is_none_or(|most| most >= 2_200);
    assert!(enough, "both ends of a thousand connections need 2,200 files: raise ulimit -n");

    let view =
        Arc::new(View::new(Bounds { windows_max: 20_000, closed_kept: Bounds::CLOSED_KEPT }));
    let metrics = Metrics::new().unwrap();
    let shown = Shown {
        pipeline: Pipeline::register(&metrics, now()).unwrap(),
        metrics: Arc::new(metrics),
        health: Arc::new(Health::new()),
        view: Arc::clone(&view),
        standings: Arc::default(),
        unjoined: Arc::default(),
        race: Race::default(),
        profiles: Profiles::default(),
        figures: FiguresConfig::default(),
        names: NameOrder::default(),
        identity: Identity::new(b"an identity for tests").unwrap(),
        oversight: OversightConfig::default(),
        stalled_after: Span::from_secs(60),
        clock: Clock::Real(now),
        reviewer_alerts: Arc::default(),
        receivers: None,
        only_receives: false,
        demo: true,
    };
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let options = Options { board_stalled_after: Span::from_secs(3), ..Options::new(listen, None) };
    let server = Server::start(options, shown).unwrap();
    ten_thousand(&view);
    change(&view, 0);
    let asked = Instant::now();
    let mut line = String::new();
    let mut first = BufReader::new(watch(server.address()));
    while !line.starts_with("data: ") {
        line.clear();
        first.read_line(&mut line).unwrap();
    }
    let first_frame = asked.elapsed();
    // The first ever: nothing is painted while nobody looks.
    assert!(line.starts_with("data: {\"n\":1,"), "{}", &line[..40]);
    assert!(line.contains("\"open\":10060,"), "all are counted: {line}");
    assert!(line.len() < 150 << 10, "and few of them are sent: {} bytes", line.len());
    assert!(first_frame < Duration::from_secs(5), "{first_frame:?}");
    drop(first);
    let before = resident();
    let mut silent: Vec<TcpStream> = (1..BOARDS).map(|_| watch(server.address())).collect();
    let mut reading = BufReader::new(watch(server.address()));
    let mut longest = Duration::ZERO;
    let (began, mut most, mut frames) = (Instant::now(), 0, 0_u32);
    for round in 1..50 {
        change(&view, round);
        let asked = Instant::now();
        let mut line = String::new();
        while !line.starts_with("data: ") {
            line.clear();
            assert_ne!(reading.read_line(&mut line).unwrap(), 0, "who reads goes on");
        }
        frames += 1;
        longest = longest.max(asked.elapsed());
        most = most.max(resident().saturating_sub(before));
        if began.elapsed() > Duration::from_secs(15) {
            break;
        }
    }
    let cut_off = silent.iter_mut().map(ended).filter(|ended| *ended).count();
    println!("10,060 open windows: first frame after {first_frame:?}");
    println!(
        "{cut_off} of {} cut off, {frames} frames, {longest:?}, {} KB",
        BOARDS - 1,
        most >> 10
    );
    assert_eq!(cut_off, BOARDS - 1, "everybody who does not read is cut off");
    assert!(longest < Duration::from_secs(15), "who reads waits for nobody: {longest:?}");
    assert!(most < 128 << 20, "a thousand boards cost {most} bytes");
}
