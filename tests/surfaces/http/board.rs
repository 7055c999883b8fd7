//! The live board: its page, its stream, and how it copes with other clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use shutterlag::metrics::PipelineStage;
use shutterlag::runtime::health::Restoring;

use super::client::{connect, get, request};
use super::made::{Made, ago, dismissed, open, options, served, shown, start, uptime_ago};

/// A stream of frames, read as they come.
pub(super) struct Board(BufReader<TcpStream>);

impl Board {
    pub(super) fn open(address: SocketAddr) -> Board {
        let mut stream = connect(address);
        write!(stream, "GET /api/v1/board HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut board = Board(BufReader::new(stream));
        let head = board.until("\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        board
    }

    fn until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            bytes.push(byte[0]);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// The next frame's kind and content.
    pub(super) fn next(&mut self) -> (String, Value) {
        // The length of the chunk stands before it, its end behind it.
        let mut line = String::new();
        while !line.starts_with("event: ") {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream goes on");
        }
        let kind = line.trim_end()["event: ".len()..].to_owned();
        let mut data = String::new();
        self.0.read_line(&mut data).unwrap();
        (kind, serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap())
    }

    /// The next frame in which `found` finds something.
    fn find<T>(&mut self, found: impl Fn(&Value) -> Option<T>) -> T {
        (0..20).find_map(|_| found(&self.next().1)).unwrap()
    }
}

/// A server whose boards get two frames in a second.
fn lively(change: impl FnOnce(&mut shutterlag::runtime::http::Options)) -> Made {
    let mut shown = shown(100_000);
    shown.demo = true;
    let mut options = options(None);
    change(&mut options);
    served(options, shown)
}

#[test]
fn the_page_is_small_and_asks_nobody_else() {
    let made = start(options(None));
    let page = get(made.address(), "/").is(200);
    let policy = &page.headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"));
    let mut bytes = page.body.len();
    // Nothing that the policy would refuse, and nothing from elsewhere.
    for bad in ["<style", " style=", " onclick=", " onload=", "http:", "https:", "//cdn"] {
        assert!(!page.body.contains(bad), "{bad}");
    }
    let mut files: Vec<String> = page
        .body
        .split(['"'])
        .filter(|text| text.starts_with("/board/"))
        .map(str::to_owned)
        .collect();
    for module in ["chart", "race", "source"] {
        files.push(format!("/board/{module}.js"));
    }
    files.sort();
    files.dedup();
    assert!(files.len() >= 6, "{files:?}");
    for file in &files {
        let answer = get(made.address(), file).is(200);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(!answer.body.contains("innerHTML") && !answer.body.contains("eval("), "{file}");
        bytes += answer.body.len();
    }
    assert!(bytes <= 150 << 10, "the page has {bytes} bytes");
}

#[test]
fn the_page_needs_no_token_and_the_stream_does() {
    let made = start(options(Some("a-token-for-tests")));
    get(made.address(), "/").is(200);
    get(made.address(), "/board/board.js").is(200);
    get(made.address(), "/api/v1/board").is(401);
    let wrong = [("Authorization", "Bearer another-token-1")];
    request(made.address(), "GET", "/api/v1/board", &wrong).is(401);
    // Without a token a page must not be lured here by a name of its own.
    let open = start(options(None));
    for path in ["/", "/board/board.js", "/api/v1/board"] {
        request(open.address(), "GET", path, &[("Host", "attacker.example")]).is(421);
    }
    get(open.address(), "/api/v1/board?limit=1").is(400);
}

#[test]
fn a_stream_begins_with_all_and_goes_on_with_what_changed() {
    let made = lively(|_| {});
    made.put(&open("github:example-org/payments#1", 120));
    made.put(&dismissed("github:example-org/payments#2", 900, 600, "reviewer-0a1b"));
    let mut board = Board::open(made.address());
    let (kind, whole) = board.next();
    assert_eq!(kind, "whole");
    let windows = whole["lists"]["windows"]["set"].as_object().unwrap();
    let (key, row) = windows.iter().next().unwrap();
    assert_eq!(windows.len(), 1);
    assert_eq!(row["credential"], "github:example-org/payments#1");
    assert_eq!(whole["parts"]["waiting"]["ahead"], 1);
    assert_eq!(whole["parts"]["rate"]["reviews"], 1);
    let (kind, change) = board.next();
    assert_eq!((kind.as_str(), &change["n"]), ("change", &json!(2)));
    assert_eq!(change["lists"], json!({}), "nothing changed");
    made.put(&dismissed("github:example-org/payments#1", 120, 5, "reviewer-0a1b"));
    let gone = board.find(|frame| frame["lists"]["windows"]["gone"].as_array().cloned());
    assert_eq!(gone, [json!(key)], "it leaves under the name it came with");
}

#[test]
fn each_window_counts_by_the_targets_of_its_workflow_and_an_attack_stands_apart() {
    const DAY_MS: i64 = 86_400_000;
    let made = lively(|_| {});
    made.put(&open("github:example-org/payments#1", 600));
    let mut policy = open("github:example-org/payments/pull/9", 7_200);
    policy["exposure_id"] = json!(policy["exposure_id"].as_str().unwrap().replacen(
        "secret_exposure",
        "policy_change",
        1
    ));
    let changes = json!({
        "workflow": "policy_change", "in_time_ms": DAY_MS, "late_ms": 3 * DAY_MS, "raced": false,
        "incident": "rollout-7", "escalations": 1, "escalated_at": ago(60), "touched_at": ago(60),
    });
    policy.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    made.put(&policy);
    // Decided to revoke, not contained yet, and used by an attacker.
    let mut attacked = open("github:example-org/payments#2", 3_000);
    let changes = json!({
        "state": "reviewed", "revision": 3, "decided_at": ago(2_900), "reviewer": "reviewer-0a1b",
        "action": "revoke", "final_action": "revoke", "abused_at": ago(30),
    });
    attacked.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    made.put(&attacked);

    let (_, whole) = Board::open(made.address()).next();
    let rows = whole["lists"]["windows"]["set"].as_object().unwrap();
    let row = |credential: &str| {
        rows.values().find(|row| row["credential"].as_str().unwrap().ends_with(credential)).unwrap()
    };
    let waiting = &whole["parts"]["waiting"];
    let counts = ["attacked", "ahead", "contested", "behind", "listed", "shown"]
        .map(|count| waiting[count].as_u64().unwrap());
    // Ten minutes are too many for a leak, and few for a change of a policy.
    assert_eq!(counts, [1, 1, 1, 0, 3, 3], "{waiting}");
    assert_eq!(whole["parts"]["firing"]["AttackObserved"], 1);
    assert_eq!(row("#2")["attacked_ms"], ago(30).as_millis());
    assert_eq!(
        (&row("#1")["attacked_ms"], &row("#1")["in_time_ms"]),
        (&Value::Null, &json!(540_000))
    );
    let policy = row("pull/9");
    assert_eq!((&policy["in_time_ms"], &policy["raced"]), (&json!(DAY_MS), &json!(false)));
    assert_eq!((&policy["escalated"], &policy["incident"]), (&json!(true), &json!("rollout-7")));
    let others = &whole["parts"]["rate"]["others"];
    assert_eq!(
        (&others[0]["workflow"], &others[0]["in_time_ms"]),
        (&json!("policy_change"), &json!(DAY_MS))
    );
    let rate = &whole["parts"]["rate"];
    assert_eq!((&rate["in_time_ms"], &rate["late_ms"]), (&json!(540_000), &json!(1_020_000)));
}

#[test]
fn a_review_that_nothing_was_there_to_judge_by_is_shown_as_unassessed() {
    let made = lively(|_| {});
    for (name, hollow, quality) in [
        ("a", json!([]), json!("meaningful")),
        ("b", json!([]), json!("unassessed")),
        ("c", json!(["self_approval"]), json!("hollow")),
        ("d", Value::Null, Value::Null),
    ] {
        let mut record = dismissed(name, 1_000, 700, "reviewer-0a1b");
        record["hollow"] = hollow;
        record["quality"] = quality;
        record["durations_ms"]["time_to_review"] = json!(300_000);
        made.put(&record);
    }
    let (_, whole) = Board::open(made.address()).next();
    let rows = whole["lists"]["decisions"]["set"].as_object().unwrap();
    let mut shown: Vec<(&str, &Value)> =
        rows.values().map(|row| (row["credential"].as_str().unwrap(), &row["quality"])).collect();
    shown.sort_by_key(|(credential, _)| *credential);
    let (good, unknown, bad) = (json!("meaningful"), json!("unassessed"), json!("hollow"));
    assert_eq!(shown, [("a", &good), ("b", &unknown), ("c", &bad), ("d", &Value::Null)]);
    let rate = &whole["parts"]["rate"];
    assert_eq!((&rate["judged"], &rate["unassessed"]), (&json!(3), &json!(1)));
    assert!(rows.values().all(|row| row["in_time_ms"] == 540_000));
}

#[test]
fn a_decision_is_measured_by_its_own_target_and_nobody_is_told_of_what_is_not_known() {
    let made = lively(|_| {});
    // Half a minute before it was overdue: by the clock of the exposure, and by that of the detection.
    for (name, exposed_at) in [("known", json!(ago(1_000))), ("unknown", Value::Null)] {
        let mut record = dismissed(name, 1_000, 490, "reviewer-0a1b");
        record["exposed_at"] = exposed_at;
        record["durations_ms"]["time_to_review"] = json!(510_000);
        made.put(&record);
    }
    // Written while the target was a minute.
    let mut strict = dismissed("strict", 1_000, 490, "reviewer-0a1b");
    strict["in_time_ms"] = json!(60_000);
    strict["durations_ms"]["time_to_review"] = json!(510_000);
    made.put(&strict);
    made.put(&open("found", 2_000));
    let (_, whole) = Board::open(made.address()).next();
    let rows = |list: &str| whole["lists"][list]["set"].as_object().unwrap().values();
    let close = rows("notes").filter(|note| note["what"] == "CloseCall");
    assert_eq!(close.map(|note| &note["credential"]).collect::<Vec<_>>(), ["known"]);
    let strict = rows("decisions").find(|row| row["credential"] == "strict").unwrap();
    assert_eq!(strict["in_time_ms"], 60_000);
    assert_eq!(rows("windows").next().unwrap()["exposure_known"], false);
}

#[test]
fn what_did_not_join_is_on_the_board() {
    let made = lively(|_| {});
    made.put(&open("github:acme/payments#7", 3000));
    made.unjoined("acme/payments#7", "slack\u{202e}", 900);
    let (name, whole) = Board::open(made.address()).next();
    assert_eq!(name, "whole");
    let part = &whole["parts"]["unjoined"];
    assert_eq!((&part["names"], &part["events"]), (&json!(1), &json!(2)));
    let row = &part["rows"][0];
    assert_eq!(row["nearest"], json!(["github:acme/payments#7"]));
    assert_eq!((&row["kind"], &row["source"]), (&json!("decision.made"), &json!("slack\\u{202e}")));
}

#[test]
fn what_is_shown_is_not_called_live_before_it_is_of_now() {
    let made = lively(|_| {});
    let mut board = Board::open(made.address());
    let catching_up = |frame: &Value| frame["parts"]["health"].get("catching_up").cloned();
    assert_eq!(
        catching_up(&board.next().1),
        Some(json!({"behind_ms": null, "records": 0})),
        "the view has read nothing yet"
    );
    let worker = made.health.worker(PipelineStage::Windows, 3, uptime_ago(-3600));
    made.view.progress(|progress| progress.assigned([(0, 0, 0)]));
    worker.restoring(3);
    worker.read_back(3, Restoring { restored: 1200, expected: 4500 });
    made.health.reached(ago(43_500));
    let behind = json!({"behind_ms": 43_500_000, "records": 3_300});
    board.find(|frame| catching_up(frame).filter(|now| *now == behind));
    // The page about one exposure says the same.
    made.put(&open("github:example-org/payments#1", 120));
    let said = || {
        let windows = get(made.address(), "/api/v1/windows").is(200).json();
        let id =
            windows["windows"][0]["record"]["exposure_id"].as_str().unwrap().replace('#', "%23");
        get(made.address(), &format!("/api/v1/exposures/{id}")).is(200).json()["catching_up"]
            .clone()
    };
    assert_eq!(said(), behind);
    worker.restored(3);
    worker.caught_up(true);
    board.find(|frame| catching_up(frame).filter(Value::is_null));
    assert_eq!(said(), Value::Null);
}

#[test]
fn one_who_comes_later_does_not_see_what_was_then() {
    let made = lively(|_| {});
    made.put(&open("github:example-org/payments#1", 120));
    Board::open(made.address()).next();
    made.put(&dismissed("github:example-org/payments#1", 120, 5, "reviewer-0a1b"));
    // Longer than a frame may be shown after it was painted.
    sleep(Duration::from_millis(1_200));
    let (kind, whole) = Board::open(made.address()).next();
    assert_eq!((kind.as_str(), &whole["lists"]["windows"]), ("whole", &json!({})));
}

#[test]
fn what_strangers_write_is_shown_cut_and_visible() {
    let made = lively(|_| {});
    let hostile =
        ["<script>alert(1)</script>", "a\u{202e}gpj.exe", "\u{200b}\u{200b}", "\u{1b}[2J"];
    for (number, name) in hostile.iter().enumerate() {
        let mut record = open(&format!("x{number}{name}"), 60);
        record["owner"] = json!(name.repeat(200));
        made.put(&record);
    }
    let (_, whole) = Board::open(made.address()).next();
    let rows = whole["lists"]["windows"]["set"].as_object().unwrap();
    assert_eq!(rows.len(), hostile.len());
    for row in rows.values() {
        for field in ["credential", "owner"] {
            let text = row[field].as_str().unwrap();
            assert!(text.chars().count() <= 97, "{text}");
            let invisible = |c: char| {
                c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            };
            assert!(!text.contains(invisible), "{text:?}");
        }
    }
}

#[test]
fn a_board_keeps_its_place_while_others_want_one() {
    let made = lively(|options| options.connections_max = 1);
    let mut board = Board::open(made.address());
    assert_eq!(board.next().0, "whole");
    sleep(Duration::from_millis(1_500));
    // It takes the only place, and everybody else asks the silent to leave.
    let mut silent = connect(made.address());
    write!(silent, "GET /healthz HT").unwrap();
    for _ in 0..3 {
        get(made.address(), "/healthz").is(200);
    }
    for _ in 0..3 {
        board.next();
    }
}

#[test]
fn boards_keep_no_scraper_out_and_are_bounded_themselves() {
    let made = lively(|options| {
        options.connections_max = 2;
        options.boards_max = 6;
    });
    let mut boards: Vec<Board> = (0..6).map(|_| Board::open(made.address())).collect();
    boards.iter_mut().for_each(|board| assert_eq!(board.next().0, "whole"));
    get(made.address(), "/metrics").is(200);
    assert_eq!(get(made.address(), "/api/v1/board").is(503).code(), "too_many_boards");
    drop(boards.pop());
    let again = (0..40).any(|_| {
        sleep(Duration::from_millis(100));
        let mut stream = connect(made.address());
        let address = made.address();
        write!(stream, "GET /api/v1/board HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        head == *b"HTTP/1.1 200"
    });
    assert!(again, "who leaves makes room");
}
