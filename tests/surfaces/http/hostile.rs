//! Requests that are wrong, greedy, slow or not allowed.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::client::{connect, get, parse, raw, read, request};
use super::made::{open, options, start};

const TOKEN: &str = "a-token-for-tests";
const ROUTES: [&str; 6] = [
    "/metrics",
    "/readyz",
    "/api/v1/windows",
    "/api/v1/windows/secret_exposure/a/1",
    "/api/v1/summary",
    "/api/v1/reviewers",
];

fn bearing(address: SocketAddr, path: &str, token: &str) -> super::client::Answer {
    request(address, "GET", path, &[("Authorization", &format!("Bearer {token}"))])
}

#[test]
fn with_a_token_nothing_but_health_is_told_without_it() {
    let made = start(options(Some(TOKEN)));
    // Whether a path is there is not told either.
    for path in ROUTES.into_iter().chain(["/nothing", "/api/v1/nothing"]) {
        for answer in [get(made.address(), path), bearing(made.address(), path, "wrong")] {
            let answer = answer.is(401);
            assert_eq!(answer.code(), "unauthorized");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert!(!answer.body.contains(TOKEN));
        }
        assert_ne!(bearing(made.address(), path, TOKEN).status, 401, "{path}");
    }
    get(made.address(), "/healthz").is(200);
    // With the token any name of the host will do.
    let headers =
        [("Host", "shutterlag.example.org"), ("Authorization", &format!("Bearer {TOKEN}"))];
    request(made.address(), "GET", "/metrics", &headers).is(200);
}

#[test]
fn without_a_token_a_page_that_calls_itself_this_host_gets_nothing() {
    let made = start(options(None));
    for path in ROUTES {
        let answer =
            request(made.address(), "GET", path, &[("Host", "attacker.example.org")]).is(421);
        assert_eq!(answer.code(), "unknown_host");
    }
    let absolute = b"GET http://attacker.example.org/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    raw(made.address(), absolute).is(421);
    for host in ["localhost", "localhost:1234", "[::1]:80"] {
        request(made.address(), "GET", "/metrics", &[("Host", host)]).is(200);
    }
    // Health says nothing worth hiding, and probes come by any name.
    request(made.address(), "GET", "/healthz", &[("Host", "pod-7.example.org")]).is(200);
}

#[test]
fn a_parameter_that_is_wrong_is_refused_with_what_is_right() {
    let made = start(options(None));
    for (query, message) in [
        ("sate=open", "`sate` is no parameter here; known are: state, workflow, limit, after"),
        ("a%E2%80%AEb=1", "`a\\u{202e}b` is no parameter here"),
        ("=1", "`` is no parameter here"),
        ("state=opened", "`state` is one of open, reviewed, contained, closed"),
        ("state=open&state=closed", "`state` is given twice"),
        ("workflow=", "`workflow` is one of secret_exposure, activity_triage"),
        ("limit=0", "`limit` is from 1 to 1000"),
        ("limit=1001", "`limit` is from 1 to 1000"),
        ("limit=-1", "`limit` is from 1 to 1000"),
        ("limit=99999999999999999999", "`limit` is from 1 to 1000"),
        ("after=!!", "`after` must be the unchanged `next` of an earlier answer"),
        ("after=bm90LWEtcGxhY2U", "`after` must be the unchanged `next` of an earlier answer"),
        ("after=_w", "`after` must be the unchanged `next` of an earlier answer"),
    ] {
        let answer = get(made.address(), &format!("/api/v1/windows?{query}")).is(400);
        assert_eq!(answer.code(), "bad_parameter");
        let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(told.starts_with(message), "{query}: {told}");
    }
    let long = "A".repeat(8000);
    get(made.address(), &format!("/api/v1/windows?after={long}")).is(400);
    let many = get(made.address(), &format!("/api/v1/windows?{}=1", "b".repeat(4000))).is(400);
    assert!(many.json()["error"]["message"].as_str().unwrap().len() < 250, "a long name is cut");
    let list = get(made.address(), "/api/v1/board/windows?sverity=low").is(400);
    let told = "`sverity` is no parameter here; known are: q, state, alert";
    assert!(list.json()["error"]["message"].as_str().unwrap().starts_with(told));
    get(made.address(), "/api/v1/summary?limit=1").is(400);
    get(made.address(), "/api/v1/windows/secret_exposure/a/1?x=1").is(400);
}

#[test]
fn hostile_names_are_names() {
    let made = start(options(None));
    let names = [
        "../../etc/passwd",
        "a//b",
        "%2e%2e",
        "?state=open",
        "#x",
        "a b",
        "\"<script>",
        "ü/é",
        "\u{202e}",
        "a\nb",
        "\\",
        "+",
        "'--",
        "/",
        "//",
        "..",
        ".",
    ];
    for (at, name) in names.iter().enumerate() {
        let record = open(name, 60 + at as i64);
        made.put(&record);
        let id = record["exposure_id"].as_str().unwrap();
        let encoded: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let found = get(made.address(), &format!("/api/v1/windows/{encoded}")).is(200).json();
        assert_eq!(found["window"]["record"]["credential_id"], *name);
    }
    let all = get(made.address(), "/api/v1/windows?limit=1000").is(200).json();
    assert_eq!(all["windows"].as_array().unwrap().len(), names.len());
    for path in
        ["/api/v1/windows/..%2f..%2fx", "/api/v1/windows/%00", "/api/v1//windows", "/../api"]
    {
        get(made.address(), path).is(404);
    }
    assert_eq!(get(made.address(), "/api/v1/windows/%ff%fe").is(400).code(), "bad_path");
}

#[test]
fn other_methods_are_refused_and_head_is_get_without_the_body() {
    let made = start(options(None));
    for path in ["/healthz", "/metrics", "/api/v1/windows", "/api/v1/windows/x/y/1"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"] {
            let answer = request(made.address(), method, path, &[]).is(405);
            assert_eq!(answer.code(), "method_not_allowed");
            assert_eq!(answer.headers["allow"], "GET,HEAD", "{method} {path}");
        }
    }
    let (head, full) =
        (request(made.address(), "HEAD", "/healthz", &[]), get(made.address(), "/healthz"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.headers["content-length"], full.body.len().to_string());
    get(made.address(), "/nothing").is(404);
}

#[test]
fn what_is_not_http_ends_the_connection_and_nothing_else() {
    let made = start(options(None));
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = connect(made.address());
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answered = read(&mut stream);
        assert!(answered.is_empty() || parse(&answered).status == 400, "{bytes:?}");
    }
    let headers = "X: y\r\n".repeat(1000);
    let many = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    raw(made.address(), many.as_bytes()).is(431);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(60_000));
    assert!([414, 431].contains(&raw(made.address(), long.as_bytes()).status));
    get(made.address(), "/healthz").is(200);
}

#[test]
fn a_client_that_sends_slowly_or_nothing_loses_its_place() {
    let mut options = options(None);
    options.connections_max = 2;
    options.head_within = Duration::from_millis(400);
    let made = start(options);
    let mut slow = [connect(made.address()), connect(made.address())];
    slow[0].write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
    // All places are taken; the next one is served as soon as they are free.
    let began = Instant::now();
    get(made.address(), "/healthz").is(200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for stream in &mut slow {
        read(stream);
    }
}

/// Linux gives a thousand files to a process unless it asks for more.
#[test]
fn health_is_answered_beside_two_thousand_idle_and_slow_clients() {
    let made = start(options(None));
    let mut idle = Vec::new();
    let mut slow = Vec::new();
    for _ in 0..1_000 {
        idle.extend(std::net::TcpStream::connect(made.address()));
        if let Ok(mut stream) = std::net::TcpStream::connect(made.address()) {
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHo");
            slow.push(stream);
        }
    }
    assert!(idle.len() + slow.len() >= 1_900, "{} and {}", idle.len(), slow.len());
    for path in ["/healthz", "/readyz", "/metrics", "/healthz"] {
        let began = Instant::now();
        // No worker runs here, which is what `/readyz` has to say.
        get(made.address(), path).is(if path == "/readyz" { 503 } else { 200 });
        assert!(began.elapsed() < Duration::from_secs(5), "{path}: {:?}", began.elapsed());
    }
    // The slow ones go on.
    for stream in &mut slow {
        let _ = stream.write_all(b"s");
    }
    get(made.address(), "/healthz").is(200);
}

#[test]
fn beyond_all_places_health_and_metrics_are_answered_and_nothing_else() {
    // A place is kept through a second of silence; on a slow machine more than that may pass.
    let tried = (0..30).find_map(|_| {
        let mut options = options(None);
        options.connections_max = 1;
        let made = start(options);
        let began = Instant::now();
        let mut busy = connect(made.address());
        busy.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
        get(made.address(), "/healthz").is(200);
        get(made.address(), "/metrics").is(200);
        let answers = ["/api/v1/windows", "/in/events"].map(|path| get(made.address(), path));
        (began.elapsed() < Duration::from_secs(1)).then_some((made, busy, answers))
    });
    let (made, mut busy, answers) = tried.expect("four requests take a second");
    for answer in answers {
        let answer = answer.is(503);
        assert_eq!(answer.code(), "overloaded");
        assert_eq!(answer.headers["retry-after"], "5");
    }
    // Who has been silent for a while leaves, and others get the place.
    std::thread::sleep(Duration::from_millis(1_500));
    get(made.address(), "/api/v1/windows").is(200);
    read(&mut busy);
}

#[test]
fn one_address_does_not_get_all_places() {
    let mut options = options(None);
    options.connections_per_address_max = 1;
    let made = start(options);
    let mut first = connect(made.address());
    first.write_all(b"GET /healthz HTTP/1.1\r\nHo").unwrap();
    get(made.address(), "/healthz").is(200);
    assert_eq!(get(made.address(), "/api/v1/windows").is(503).code(), "overloaded");
}

#[test]
fn a_client_that_takes_slowly_is_cut_off() {
    let mut options = options(None);
    options.connections_max = 1;
    options.connection_within = Duration::from_millis(300);
    options.answer_within = Duration::from_millis(300);
    let made = start(options);
    let filler = "x".repeat(50_000);
    for n in 0..100 {
        let mut record = open(&format!("k{n}"), 60);
        record["filler"] = filler.clone().into();
        made.put(&record);
    }
    let mut greedy = connect(made.address());
    // Far more than the buffers between the two hold, and none of it is read.
    for _ in 0..20 {
        let asked = greedy.write_all(b"GET /api/v1/windows HTTP/1.1\r\nHost: localhost\r\n\r\n");
        asked.unwrap();
    }
    // The server accepts in order, so this waits for the only connection until the other is cut off.
    let began = Instant::now();
    get(made.address(), "/healthz").is(200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn shutting_down_waits_for_answers_but_not_for_clients() {
    let mut options = options(None);
    options.shutdown_within = Duration::from_millis(300);
    let made = start(options);
    let address = made.address();
    let mut idle = connect(address);
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut buffer = [0; 4096];
    assert!(idle.read(&mut buffer).unwrap() > 0);
    let mut half = connect(address);
    half.write_all(b"GET /healthz HT").unwrap();
    // The server accepts in order: it has the half request when it answers a later connection.
    get(address, "/healthz").is(200);
    let began = Instant::now();
    made.server.shutdown();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(idle.read(&mut buffer).unwrap_or(0), 0);
    assert!(std::net::TcpStream::connect(address).is_err(), "it still listens");
}

#[test]
fn many_ask_at_once() {
    let made = start(options(None));
    for n in 0..500 {
        made.put(&open(&format!("k{n}"), 60 + n));
    }
    let address = made.address();
    thread::scope(|scope| {
        for at in 0..32 {
            let path = ROUTES[at % ROUTES.len()];
            scope.spawn(move || {
                for _ in 0..5 {
                    let status = get(address, path).status;
                    assert!([200, 404, 503].contains(&status), "{path}: {status}");
                }
            });
        }
    });
}
