//! Receivers: who may deliver, what is answered, and what a sender cannot do to others.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::write::GzEncoder;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::equal::column;
use crate::process::Place;

const HOOKS: &str = r#"
[[receivers]]
name = "github"
format = "github"
verify = "github"
secret = "first secret of a test"
second_secret = "second secret of a test"

[[receivers]]
name = "slack"
verify = "slack"
secret = "slack secret of a test"

[[receivers]]
name = "script"
verify = "bearer"
secret = "script secret of a test"

[[receivers]]
name = "small"
verify = "none"
body_bytes_max = 1000
"#;

/// A native event of a leak.
fn leak(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"leak.detected","time":"2026-03-02T12:00:00Z","credential_id":"key-{id}","workflow":"secret_exposure"}}"#
    )
}

fn signed(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

fn count(place: &Place, table: &str) -> usize {
    column(place, &format!("SELECT CAST(count(*) AS TEXT) FROM {table}"))[0].parse().unwrap()
}

#[test]
fn a_delivery_is_taken_only_with_its_signature() {
    let place = Place::new(HOOKS);
    let program = place.start();
    let body = leak("1");
    for secret in ["first secret of a test", "second secret of a test"] {
        let signature = format!("sha256={}", signed(secret, body.as_bytes()));
        let sent =
            program.post("/in/github", &[("X-Hub-Signature-256", &signature)], body.as_bytes());
        let sent = sent.unwrap();
        assert_eq!(sent.status, 200, "{sent:?}");
    }
    let before = (count(&place, "events"), count(&place, "dead_letters"));
    let wrong = format!("sha256={}", signed("third secret of a test", body.as_bytes()));
    let right = format!("sha256={}", signed("first secret of a test", b"another body"));
    for headers in
        [&[][..], &[("X-Hub-Signature-256", &*wrong)], &[("X-Hub-Signature-256", &*right)]]
    {
        let answer = program.post("/in/github", headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(!answer.body.contains("secret\"") && !answer.body.contains("first"), "{answer:?}");
    }
    assert_eq!((count(&place, "events"), count(&place, "dead_letters")), before);
    assert_eq!(program.post("/in/nobody", &[], b"{}").unwrap().status, 404);
    assert_eq!(program.get("/in/github").status, 405);
    let metrics = program.get("/metrics").body;
    for line in [
        r#"shutterlag_deliveries_total{receiver="github",result="taken"} 2"#,
        r#"shutterlag_deliveries_total{receiver="github",result="unverified"} 2"#,
        r#"shutterlag_deliveries_total{receiver="github",result="unsigned"} 1"#,
        r#"shutterlag_deliveries_total{receiver="slack",result="taken"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[test]
fn what_cannot_be_used_is_taken_and_a_dead_letter() {
    let place = Place::new(HOOKS);
    let program = place.start();
    let body = format!("{}\nnot json\n{{\"type\":\"leak.detected\"}}\n", leak("1"));
    let answer = program.post("/in/events", &[], body.as_bytes()).unwrap();
    let told = r#"{"events":1,"refused":2,"why":[{"reason":"invalid_json","detail":"not JSON at column 2"},{"reason":"missing_field","detail":"field `id` is required"}]}"#;
    assert_eq!((answer.status, answer.body.trim()), (200, told));
    // The first reasons are told, and nothing of the records.
    let body = "\"hunter2-hunter2\n".repeat(9);
    let answer = program.post("/in/events", &[], body.as_bytes()).unwrap();
    assert!(answer.body.starts_with(r#"{"events":0,"refused":9,"why":["#), "{}", answer.body);
    assert_eq!(answer.body.matches("\"reason\"").count(), 3, "{}", answer.body);
    assert!(!answer.body.contains("hunter2"), "{}", answer.body);
    // Nine times the same record is one letter.
    assert_eq!(count(&place, "dead_letters"), 3);
    let letters = column(&place, "SELECT record FROM dead_letters");
    assert!(letters.iter().all(|letter| letter.contains("in/events")), "{letters:?}");
}

#[test]
fn a_single_record_of_25_megabytes_is_taken_and_a_dead_letter_that_says_why() {
    let place = Place::new(HOOKS);
    let program = place.start();
    let bearer = [("Authorization", "Bearer script secret of a test")];
    let body = format!(r#"{{"action":"created","alert":{{"x":"{}"}}}}"#, "x".repeat(25_000_000));
    let answer = program.post("/in/script", &bearer, body.as_bytes()).unwrap();
    let told = r#"{"events":0,"refused":1,"why":[{"reason":"too_large","detail":""#;
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(told), "{}", answer.body);
    let [letter] = &column(&place, "SELECT record FROM dead_letters")[..] else { panic!("one") };
    assert!(letter.contains("too_large") && letter.contains("record_bytes"), "{letter}");
    assert!(letter.len() < 1_000, "{} bytes", letter.len());
    let larger = vec![b' '; (25 << 20) + 1];
    let answer = program.post("/in/script", &bearer, &larger).unwrap();
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("body_bytes_max"), "{}", answer.body);
}

#[test]
fn slack_gets_its_challenge_back() {
    let place = Place::new(HOOKS);
    let program = place.start();
    let body = br#"{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let time = now.as_secs().to_string();
    let text = [b"v0:", time.as_bytes(), b":", body].concat();
    let signature = format!("v0={}", signed("slack secret of a test", &text));
    let headers = [("X-Slack-Request-Timestamp", &*time), ("X-Slack-Signature", &*signature)];
    let answer = program.post("/in/slack", &headers, body).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"));
    assert_eq!(count(&place, "dead_letters"), 0);
    let unsigned = program.post("/in/slack", &[], body).unwrap();
    assert_eq!(unsigned.status, 401);
}

#[test]
fn bodies_are_bounded_packed_or_not() {
    let place = Place::new(HOOKS);
    let program = place.start();
    let gzip = |bytes: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let packed = gzip(leak("1").as_bytes());
    let encoding = [("Content-Encoding", "gzip")];
    assert_eq!(program.post("/in/small", &encoding, &packed).unwrap().status, 200);
    assert_eq!(count(&place, "events"), 1);
    assert_eq!(program.post("/in/small", &[], &[b' '; 1001]).unwrap().status, 413);
    let bomb = gzip(&vec![b' '; 50 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(program.post("/in/events", &encoding, &bomb).unwrap().status, 413);
    assert_eq!(program.post("/in/events", &encoding, b"not gzip").unwrap().status, 400);
    let unknown = [("Content-Encoding", "br")];
    assert_eq!(program.post("/in/events", &unknown, b"x").unwrap().status, 400);
}

#[test]
fn a_page_in_a_browser_cannot_deliver() {
    let place = Place::new("");
    let program = place.start();
    let origin = [("Origin", "https://example.org")];
    assert_eq!(program.post("/in/events", &origin, leak("1").as_bytes()).unwrap().status, 403);
    let host = "POST /in/events HTTP/1.1\r\nHost: example.org\r\nContent-Length: 0\r\n\r\n";
    let mut stream = TcpStream::connect(&program.address).unwrap();
    stream.write_all(host.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 421");
    assert_eq!(count(&place, "events"), 0);
}

#[test]
fn native_events_need_the_token_where_there_is_one() {
    let place = Place::new("http.token = \"0123456789abcdef\"\n");
    let mut command = place.command(&["run", "--config", "shutterlag.toml"]);
    command.env("NOTHING", "");
    // `/readyz` needs the token, too: so this waits by hand.
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let address = loop {
        let line = lines.next().unwrap().unwrap();
        if let Some((_, rest)) = line.split_once("the board      http://") {
            break rest.trim_end_matches('/').to_owned();
        }
    };
    let ask_at = |path: &str, headers: &str| {
        let body = leak("1");
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Connection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer[9..12].to_owned()
    };
    let ask = |headers: &str| ask_at("/in/events", headers);
    assert_eq!(ask(""), "401");
    // A path that is written otherwise is no way around the token.
    for path in ["/in/%65vents", "/in/event%73", "//in/events", "/in//events", "/in/events/"] {
        assert!(["401", "404"].contains(&&*ask_at(path, "")), "{path}");
    }
    assert_eq!(ask("Authorization: Bearer 0123456789abcdee\r\n"), "401");
    assert_eq!(ask("Authorization: Bearer 0123456789abcdef\r\n"), "200");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn slow_senders_hold_nobody_up() {
    const SLOW: usize = 1_000;
    let place = Place::new("");
    let program = place.start();
    let head = "POST /in/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{";
    let slow: Vec<TcpStream> = (0..SLOW)
        .map(|number| {
            let mut stream = TcpStream::connect(&program.address).unwrap();
            // Half of them do not even finish the head.
            let sent = if number % 2 == 0 { head.as_bytes() } else { &head.as_bytes()[..20] };
            stream.write_all(sent).unwrap();
            stream
        })
        .collect();
    for path in ["/healthz", "/readyz"] {
        let began = Instant::now();
        assert_eq!(program.get(path).status, 200, "{path}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{path}: {took:?}");
    }
    let began = Instant::now();
    assert!(program.deliver(leak("1").as_bytes()));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(slow.len(), SLOW);
}

/// Large bodies without a signature, none of which ends, fill the memory that strangers may
/// take together.
#[test]
fn strangers_take_no_memory_that_others_need() {
    const BODIES: usize = 14;
    const BODY: usize = 24 << 20;
    let place = Place::new(HOOKS);
    let program = place.start();
    let head = format!(
        "POST /in/github HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Hub-Signature-256: sha256=00\r\n\
         Content-Length: {BODY}\r\n\r\n"
    );
    let body = vec![b'x'; BODY - 1];
    let strangers: Vec<TcpStream> = (0..BODIES)
        .map(|_| {
            let mut stream = TcpStream::connect(&program.address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            // It is cut off once there is no more room.
            let _ = stream.write_all(&body);
            stream
        })
        .collect();
    let large = format!("{}\n{}", leak("1"), " ".repeat(8 << 20));
    let headers = [("Authorization", "Bearer script secret of a test")];
    assert_eq!(program.post("/in/script", &headers, large.as_bytes()).unwrap().status, 200);
    let webhook = leak("2");
    let signature = format!("sha256={}", signed("first secret of a test", webhook.as_bytes()));
    let headers = [("X-Hub-Signature-256", &*signature)];
    assert_eq!(program.post("/in/github", &headers, webhook.as_bytes()).unwrap().status, 200);
    let busy = strangers.iter().filter(|stream| {
        let mut answer = [0; 12];
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        (&mut &**stream).read_exact(&mut answer).is_ok() && answer == *b"HTTP/1.1 503"
    });
    assert!(busy.count() > BODIES / 2);
    drop(strangers);
    // The signature of a large body is checked elsewhere, with the same result.
    let large = format!("{}\n{}", leak("3"), " ".repeat(1 << 20));
    let signature = format!("sha256={}", signed("first secret of a test", large.as_bytes()));
    for (signature, status) in [(&*signature, 200), ("sha256=00", 401)] {
        let headers = [("X-Hub-Signature-256", signature)];
        let answer = program.post("/in/github", &headers, large.as_bytes()).unwrap();
        assert_eq!(answer.status, status);
    }
}

#[test]
fn a_receiver_tells_what_is_expected_of_its_source() {
    let place = Place::new(
        &HOOKS.replace("verify = \"slack\"", "verify = \"slack\"\nexpect_every = \"2h\""),
    );
    let program = place.start();
    let metrics = program.get("/metrics").body;
    let expected = r#"shutterlag_expected_delivery_seconds{receiver="slack"} 7200"#;
    assert!(metrics.contains(expected), "{metrics}");
    let none = r#"shutterlag_expected_delivery_seconds{receiver="events"} 0"#;
    assert!(metrics.contains(none), "{metrics}");
}

#[test]
fn a_cloud_event_comes_in_binary_mode() {
    let place = Place::new("");
    let program = place.start();
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "e-1"),
        ("ce-source", "detector"),
        ("ce-type", "leak.detected"),
        ("ce-time", "2026-03-02T12:00:00Z"),
        ("Content-Type", "application/json"),
    ];
    let body = br#"{"credential_id":"key-1","workflow":"secret_exposure"}"#;
    let answer = program.post("/in/events", &headers, body).unwrap();
    assert_eq!((answer.status, answer.body.trim()), (200, r#"{"events":1,"refused":0}"#));
}

#[test]
fn a_redelivery_adds_no_dead_letter() {
    let place = Place::new(HOOKS);
    let program = place.start();
    let letters = || {
        let sql = "SELECT record ->> 'reason' || ' ' || times FROM dead_letters ORDER BY position";
        column(&place, sql)
    };
    let body = format!("{}\nnot json\n{{\"type\":\"leak.detected\"}}\n", leak("1"));
    for _ in 0..3 {
        assert!(program.deliver(body.as_bytes()));
    }
    assert_eq!(letters(), ["invalid_json 3", "missing_field 3"]);
    // At another receiver, and with another content, it is another one.
    assert_eq!(program.post("/in/small", &[], b"not json").unwrap().status, 200);
    assert!(program.deliver(b"not json either"));
    assert_eq!(letters()[2..], ["invalid_json 1", "invalid_json 1"]);
    let report = place.prints(&["report", "shutterlag.db", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["quality"]["dead_letters"]["invalid_json"], 3);
}

#[test]
fn dead_letters_of_two_runs_come_from_different_places() {
    let place = Place::new("");
    let program = place.start();
    for number in 0..5 {
        assert!(program.deliver(leak(&number.to_string()).as_bytes()));
    }
    assert!(program.deliver(b"not json"));
    program.stop();
    let program = place.start();
    for number in 0..10 {
        assert!(program.deliver(format!("not json {number}").as_bytes()));
    }
    let offsets = column(
        &place,
        "SELECT CAST(count(DISTINCT record ->> '$.origin.offset') AS TEXT) FROM dead_letters",
    );
    assert_eq!(offsets, ["11"]);
}

#[test]
fn a_wrong_secret_in_a_header_is_refused_before_the_body_comes() {
    let place = Place::new(HOOKS);
    let program = place.start();
    let ask = |secret: &str| {
        let head = format!(
            "POST /in/script HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n\
             Content-Length: 1000\r\n\r\n"
        );
        let mut stream = TcpStream::connect(&program.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).map(|()| answer)
    };
    assert_eq!(ask("another secret of a test").unwrap(), *b"HTTP/1.1 401");
    assert!(ask("script secret of a test").is_err(), "it waits for the body");
    let headers = [("Authorization", "Bearer script secret of a test")];
    assert_eq!(program.post("/in/script", &headers, leak("1").as_bytes()).unwrap().status, 200);
}
