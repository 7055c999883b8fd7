//! Maps: what programs may do, what stops them, and that nothing comes out that must not.

#![expect(clippy::unwrap_used, reason = "a test may stop where it fails")]

use std::borrow::Cow;
use std::path::Path;

use shutterlag::config::Limits;
use shutterlag::event::Event;
use shutterlag::formats::maps::{self, MapSource, Maps};
use shutterlag::formats::{Context, Decoded, Format, Identity, RejectReason, Rejection, decode};
use shutterlag::time::Timestamp;

const EVENT: &str =
    r#"{ type: "credential.abused", id: "1", time: "2026-01-05T09:00:00Z", credential_id: .c }"#;
const RECORD: &str = r#"{"kind":"mine","c":"name-1","s":"hunter2-hunter2","list":[1,2,3]}"#;

fn source(name: &str, toml: &str, jq: &str) -> MapSource {
    MapSource {
        folder: Cow::Owned(name.to_owned()),
        manifest: Cow::Owned(format!("name = \"{name}\"\ndescription = \"d\"\n{toml}")),
        program: Cow::Owned(jq.to_owned()),
        fixtures: Vec::new(),
    }
}

/// A map called `own` that recognises [`RECORD`].
fn own(jq: &str) -> MapSource {
    source("own", "secrets = [\"s\"]\n[[recognise]]\nvalues = { kind = \"mine\" }", jq)
}

fn only(source: MapSource) -> Maps {
    let (maps, faults) = Maps::with(vec![source]);
    assert_eq!(faults, []);
    maps
}

type Outcome = (Result<Decoded, Rejection>, Vec<Event<'static>>);

fn run(maps: &Maps, format: Format, record: &str) -> Outcome {
    let identity = Identity::new(b"a key for tests only").unwrap();
    let detected_at = Timestamp::parse_rfc3339("2026-01-02T12:00:00Z").ok();
    let context = Context { identity: &identity, detected_at, limits: Limits::DEFAULT, maps };
    let record = record.as_bytes().to_vec().leak();
    let mut events = Vec::new();
    let decoded = decode(format, record, &context, &mut events);
    (decoded, events)
}

fn rejected(jq: &str) -> (RejectReason, String) {
    let (decoded, events) = run(&only(own(jq)), Format::Auto, RECORD);
    assert_eq!(events, [], "{jq}");
    let rejection = decoded.err().unwrap();
    assert!(!rejection.detail.contains("hunter2"), "{rejection}");
    (rejection.reason, rejection.detail.into_owned())
}

#[test]
fn a_record_goes_through_the_map_that_recognises_it() {
    let maps = only(own(EVENT));
    for format in [Format::Auto, Format::Map("own")] {
        let (decoded, events) = run(&maps, format, RECORD);
        assert_eq!(decoded, Ok(Decoded::Events));
        assert_eq!(events[0].credential_id, "name-1");
        assert_eq!(events[0].source.as_deref(), Some("own"));
    }
    // In an envelope, too.
    let sns =
        format!("{{\"TopicArn\":\"t\",\"Message\":{}}}", serde_json::to_string(RECORD).unwrap());
    for format in [Format::Auto, Format::Map("own")] {
        assert_eq!(run(&maps, format, &sns).1.len(), 1, "{format}");
    }
    let other = RECORD.replace("mine", "yours");
    let (decoded, _) = run(&maps, Format::Map("own"), &other);
    assert_eq!(decoded.unwrap_err().reason, RejectReason::Unrecognised);
    let (decoded, _) = run(&maps, Format::Map("none"), RECORD);
    assert!(decoded.unwrap_err().detail.contains("no map `none`"));
}

#[test]
fn what_gives_nothing_is_skipped() {
    let (decoded, _) = run(&only(own("empty")), Format::Auto, RECORD);
    assert!(matches!(decoded, Ok(Decoded::Skipped(_))), "{decoded:?}");
}

#[test]
fn two_maps_that_recognise_one_record_are_named() {
    let mark = "[[recognise]]\nvalues = { kind = \"mine\" }";
    let (maps, _) = Maps::with(vec![source("one", mark, EVENT), source("two", mark, EVENT)]);
    let rejection = run(&maps, Format::Auto, RECORD).0.unwrap_err();
    assert_eq!(rejection.reason, RejectReason::Ambiguous);
    assert!(rejection.detail.contains("`one` and `two`"), "{rejection}");
    assert_eq!(run(&maps, Format::Map("two"), RECORD).1.len(), 1);
}

#[test]
fn an_own_map_takes_the_place_of_the_shipped_one() {
    let mark = "[[recognise]]\nvalues = { kind = \"mine\" }";
    let (maps, faults) = Maps::with(vec![source("pagerduty", mark, EVENT)]);
    assert_eq!(faults, []);
    assert!(!maps.get("pagerduty").unwrap().is_shipped());
    assert_eq!(run(&maps, Format::Auto, RECORD).1[0].source.as_deref(), Some("pagerduty"));
    assert_eq!(maps.iter().filter(|map| map.name() == "pagerduty").count(), 1);
}

/// A format that Rust reads stays as it is, whatever a map recognises.
#[test]
fn a_built_in_format_comes_first() {
    let mark = "[[recognise]]\nkeys = [\"RuleID\", \"Secret\"]";
    let maps = only(source("own", mark, EVENT));
    let finding = r#"{"RuleID":"r","Secret":"synthetic-secret-1","c":"x"}"#;
    let source = |format| run(&maps, format, finding).1[0].source.clone();
    assert_eq!(source(Format::Auto).as_deref(), Some("gitleaks"));
    assert_eq!(source(Format::Map("own")).as_deref(), Some("own"));
}

#[test]
fn programs_that_do_not_end_are_stopped() {
    for jq in [
        "def f: f; f",
        "def f: 1 + f; f",
        "[def f: ., f; f]",
        "def f(g): g | f(g); f(.)",
        "def f(g): f(g); f(.)",
        "def f(g): f(g | g); f(.)",
        "def f($a; g): f($a; g); f(1; .)",
        "def f: def g: f; g; f",
        "def f: try error(\"x\") catch f; f",
        "def f: (f | empty) // f; f",
        "def f: f?; f",
        "[repeat(1)]",
        "repeat(empty)",
        "last(repeat(1))",
        "[range(1e18)]",
        "[range(0; 1; 0)]",
        "[range(0; infinite)]",
        "until(false; .)",
        "[while(true; .)]",
        "[limit(1e18; repeat(1))]",
        "first(repeat(1) | select(. == 2))",
        "reduce repeat(1) as $x (0; . + $x)",
        "[foreach repeat(1) as $x (0; . + $x)]",
        "[recurse(.)]",
        "[recurse(if . == null then null else . end)]",
        "[range(1e4)] | [.[] as $a | .[] as $b | .[] as $c | $a]",
        "[[range(100)] | [., ., ., ., ., .] | combinations]",
        "label $out | repeat(1) | select(. == 2) | ., break $out",
        ".list |= until(false; .)",
        "any(repeat(false); .)",
        "def f: . as $x | f; path(f)",
        "[limit(10; repeat(1))] | until(length > 1e9; . + .)",
        "[.] | until(false; [.])",
        "{a: 1} | until(false; {a: .})",
        "\"x\" | until(false; . + .)",
        "\"x\" * 1e9",
        "1e9 * \"x\"",
        "reduce range(1e9) as $i (\"\"; . + \"xxxxxxxxxxxxxxxx\")",
        "reduce range(1e9) as $i ([]; . + [$i])",
        "isempty(repeat(empty))",
        "all(repeat(true); .)",
        "[.list | .. |= repeat(.)] | until(false; .)",
        "[splits(\"x\")] | until(false; .)",
        "walk(until(false; .))",
        "with_entries(until(false; .))",
    ] {
        let (reason, detail) = rejected(jq);
        assert_eq!(reason, RejectReason::MapFailed, "{jq}: {detail}");
        assert!(detail.starts_with("map `own`: "), "{detail}");
    }
}

/// The growth of these is in the length of the program or in what values share, and not in a loop.
#[test]
fn values_that_explode_are_stopped() {
    let again = |first: &str, step: &str, times: usize, last: &str| {
        format!("{first} | {} | {last}", vec![step; times].join(" | "))
    };
    let many = |part: &str, times: usize| part.repeat(times);
    let hostile = [
        again("\"x\"", ". + .", 60, "length"),
        again("[1]", ". + .", 60, "length"),
        again("\"x\"", "\"\\(.)\\(.)\"", 60, "length"),
        again("\"'\"", "@sh", 60, "length"),
        again("\"x\"", "@base64", 90, "length"),
        again("\"\\\"\"", "tojson", 60, "length"),
        again("\"\\\"\"", "@json", 60, "length"),
        again("1", "[., .]", 60, "tojson | length"),
        again("1", "[., .]", 60, "tostring | length"),
        again("1", "[., .]", 60, "\"\\(.)\" | length"),
        again("1", "{a: ., b: .}", 60, "[..] | length"),
        again("1", "{a: ., b: .}", 60, ". == {} | not | [paths] | length"),
        again("1", "[., .]", 60, "flatten | length"),
        again("1", "[., .]", 60, ". as $x | [$x, 1] | sort | length"),
        again("1", "[., .]", 60, ". as $x | $x == ($x | [.[0], .[1]])"),
        again("1", "[., .]", 60, ". as $x | contains($x)"),
        again("[1]", ".[0] = .", 300, "tojson"),
        again("[1, 2, 3]", ".[1] = .", 300, "tojson"),
        again("1", "[0, ., 0]", 300, "tojson"),
        again("[1]", ".[0] |= [., .]", 60, "tojson"),
        again("{a: 1}", ".a = .", 300, "tojson"),
        again("{a: {}}", ". * {a: {b: .}}", 300, "tojson"),
        again("[1]", ". += .", 60, "length"),
        again("{a: \"x\"}", ".a += .a", 60, "length"),
        again("\"x\"", ". * 8", 30, "length"),
        again("{a: \"x\"}", ".a *= 8", 30, "length"),
        again("9999999999", ". * .", 60, "tostring | length"),
        again("9999999999", ". *= .", 60, "tostring | length"),
        again("[.list]", ". + .", 14, "[.[] | (\"y\" * 100000)] | length"),
        again(".", "(., .)", 60, "empty"),
        again(".", "(1, 2) as $x | .", 60, "select(false)"),
        again("0", "(. + 1, . + 2)", 60, "select(. < 0)"),
        format!("[{}] | length", vec!["(\"x\" * 1000000)"; 300].join(", ")),
        format!("(\"x\" * 1000000) as $x | \"{}\" | length", many("\\($x)", 300)),
        format!(
            "(\"x\" * 1000000) as $x | {{{}}} | length",
            (0..300).map(|n| format!("a{n}: ($x + \"y\")")).collect::<Vec<_>>().join(", ")
        ),
        format!("[range(50000)] as $x | [{}] | length", vec!["($x + [1])"; 400].join(", ")),
        format!(
            "[range(50000)] as $x | {{a: $x}} | [{}] | length",
            vec!["(.a[0] = 1)"; 400].join(", ")
        ),
        format!(
            "[range(40000)] as $x | [{}] | length",
            ["($x | sort_by($x | sort_by(.)))"; 9].join(", ")
        ),
        "[range(30000)] as $x | $x | group_by($x | max_by(.))".to_owned(),
        "[range(50000) | 0] as $x | $x | contains([range(50000)])".to_owned(),
        "[range(50000) | 0] as $x | $x | indices([range(25000) | 0] + [1])".to_owned(),
        "(\"a\" * 500000) as $x | $x | indices((\"a\" * 250000) + \"b\")".to_owned(),
        "(\"a\" * 1000000) | [match(\"\"; \"g\")] | length".to_owned(),
        format!("(\"a\" * 60000) | [match(\"{}\"; \"g\")] | length", many("()", 1_000)),
        "(\"a\" * 60000) | test(\"(((a{99}){99}){99})b\")".to_owned(),
        "[range(1000)] | map(test(\"(((a{50}){50}){50})b\"?))".to_owned(),
        "[range(900)] | map(tostring | test(\"((a{90}){90})b\"))".to_owned(),
        "(\"a\" * 1000000) as $x | [range(200) | $x | explode] | length".to_owned(),
        "(\"a\" * 1000000) as $x | [range(200) | $x / \"\"] | length".to_owned(),
        "[range(90000)] as $x | [range(200) | $x | tojson] | length".to_owned(),
        "[range(90000)] as $x | [range(200) | $x | map(.)] | length".to_owned(),
        "[range(300) as $n | reduce range(200) as $i (0; [., $n])] | [paths] | length".to_owned(),
        ".[[1, 2]]".to_owned(),
        ".list[[1]]".to_owned(),
    ];
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    };
    let before = peak();
    for jq in &hostile {
        let (reason, detail) = rejected(jq);
        let shown = &jq[..jq.len().min(120)];
        assert_eq!(reason, RejectReason::MapFailed, "{shown}: {detail}");
        assert!(detail.starts_with("map `own`: "), "{shown}: {detail}");
    }
    let grown = peak() - before;
    assert!(grown < 1_024, "{grown} MiB");
}

/// A program may be long without a loop and without a bracket. None takes the stack.
#[test]
fn programs_of_many_levels_end() {
    let long = |part: &str, between: &str, times: usize| vec![part; times].join(between);
    for jq in [
        format!(". as $r | [{}] | $r | {EVENT}", long("1", " + ", 5_000)),
        format!("({}) | {EVENT}", long(".", " | ", 5_000)),
        format!(". as $r | ({}) | $r | {EVENT}", long("1", " // ", 5_000)),
        format!(". as $r | \"{}\" | $r | {EVENT}", "\\(1)".repeat(2_000)),
        format!(". as $r | {{{}}} | $r | {EVENT}", long("a: .c", ", ", 2_000)),
        format!("{} . | {EVENT}", "try ".repeat(5_000)),
        format!("{} . | {EVENT}", ". as $x | ".repeat(3_000)),
        format!("{} . | {EVENT}", "label $x | ".repeat(4_000)),
        format!(". as $r | {}1 | $r | {EVENT}", "-".repeat(5_000)),
        format!("{} . | {EVENT}", "def f: .; ".repeat(2_000)),
    ] {
        let (maps, faults) = Maps::with(vec![own(&jq)]);
        let shown = &jq[..60];
        assert_eq!(faults, [], "{shown}");
        match run(&maps, Format::Auto, RECORD) {
            (Ok(_), events) => assert_eq!(events.len(), 1, "{shown}"),
            (Err(rejection), _) => {
                assert_eq!(rejection.reason, RejectReason::MapFailed, "{shown}: {rejection}");
                assert!(rejection.detail.contains("too deep"), "{shown}: {rejection}");
            }
        }
    }
    for jq in ["(", "[", "{a:", "-", "try ", "1|", "1+", "\"\\(", ".a", "def f:"] {
        let (_, faults) = Maps::with(vec![own(&jq.repeat(260_000 / jq.len()))]);
        assert_eq!(faults.len(), 1, "{jq}");
    }
}

#[test]
fn a_million_events_are_too_many() {
    let (reason, detail) = rejected(&format!(". as $r | range(1e6) | $r | {EVENT}"));
    assert_eq!(
        (reason, detail.as_str()),
        (RejectReason::TooLong, "map `own`: gives more than 1000 events")
    );
    let (reason, _) = rejected("{type: (\"x\" * 1000000), a: (\"x\" * 1000000)}");
    assert_eq!(reason, RejectReason::TooLarge);
}

#[test]
fn a_program_knows_nothing_of_the_world() {
    for (jq, name) in [
        ("env", "env"),
        ("$ENV", "$ENV"),
        ("now", "now"),
        ("input", "input"),
        ("[inputs]", "inputs"),
        ("debug", "debug"),
        ("stderr", "stderr"),
        ("halt", "halt"),
        ("halt_error", "halt_error"),
        ("localtime", "localtime"),
        ("input_filename", "input_filename"),
        ("\"x\" | strflocaltime(\"%c\")", "strflocaltime"),
        ("$__loc__", "$__loc__"),
        ("input_line_number", "input_line_number"),
    ] {
        let (_, faults) = Maps::with(vec![own(&format!("# first line\n{jq}"))]);
        let fault = faults.first().unwrap_or_else(|| panic!("{jq}")).to_string();
        assert!(fault.contains(&format!("`{name}`")), "{jq}: {fault}");
        assert!(fault.starts_with("map `own`: map.jq: line 2: no "), "{fault}");
    }
    for jq in ["import \"x\" as x; .", "include \"x\"; ."] {
        assert!(!Maps::with(vec![own(jq)]).1.is_empty(), "{jq}");
    }
}

#[test]
fn a_fault_of_a_program_has_its_line() {
    for (jq, fault) in [
        (".a\n| }", "map.jq: line 2: expected"),
        (".a\n| .b +", "map.jq: line 2: expected term"),
        ("def f:\n g;\nf", "map.jq: line 2: no filter `g`"),
        (&"1+".repeat(9_000), "map.jq: more than 16384 words and signs"),
        (&format!("{}.{}", "(".repeat(100), ")".repeat(100)), "map.jq: brackets nested deeper"),
        (&" ".repeat(300_000), "map.jq: longer than"),
    ] {
        let (_, faults) = Maps::with(vec![own(jq)]);
        let found = faults.first().unwrap_or_else(|| panic!("{jq}")).why.clone();
        assert!(found.starts_with(fault), "{found}");
    }
}

#[test]
fn an_error_names_map_line_and_place_and_quotes_nothing() {
    let event = |value: &str| {
        format!(
            "{{ type: \"credential.abused\",\n  id: \"1\",\n  time: {value},\n  credential_id: .c }}"
        )
    };
    for (jq, detail) in [
        (event("(\"hunter2\" | time)"), "map `own`: map.jq line 3, at `time`: no time between"),
        (event("(.c.x)"), "map `own`: map.jq line 3, at `time`: looks for a key"),
        (event("(1 - .c)"), "map `own`: map.jq line 3, at `time`: calculates"),
        (event("(.c | error)"), "map `own`: map.jq line 3, at `time`: an error whose text is not"),
        (event("error(\"no time here\")"), "map `own`: map.jq line 3, at `error`: no time here"),
        (event("error(\"of \\(.c)\")"), "map `own`: map.jq line 3, at `time`: an error whose"),
        (event(".c"), "map `own`: event 1: field `time`: not an RFC 3339 date and time"),
        (event("7"), "map `own`: event 1: field `time`: expected"),
        ("1".to_owned(), "map `own`: event 1: not an object"),
        ("{type: \"review.judged\"}".to_owned(), "map `own`: event 1: "),
        ("{a: (.c | tobytes)}".to_owned(), "map `own`: event 1: holds something"),
    ] {
        let (_, found) = rejected(&jq);
        assert!(found.starts_with(detail), "{jq}\n{found}");
    }
}

#[test]
fn own_functions() {
    let time = |jq: &str| {
        let jq = EVENT.replace("\"2026-01-05T09:00:00Z\"", jq);
        run(&only(own(&jq)), Format::Auto, RECORD).1[0].time.to_string()
    };
    assert_eq!(time("(1767603600 | time)"), "2026-01-05T09:00:00.000Z");
    assert_eq!(time("(\"2026-01-05 10:00:00+0100\" | time)"), "2026-01-05T09:00:00.000Z");
    assert_eq!(time("detected_at"), "2026-01-02T12:00:00.000Z");
    let name = |jq: &str| {
        let jq = EVENT.replace(".c", jq);
        run(&only(own(&jq)), Format::Auto, RECORD).1[0].credential_id.to_string()
    };
    let identity = Identity::new(b"a key for tests only").unwrap();
    assert_eq!(name("(.c | hmac)"), identity.name(b"name-1"));
    assert_eq!(name(".s"), identity.name(b"hunter2-hunter2"));
    assert_eq!(name("(\" one  two \" | words | tostring)"), "2");
    assert_eq!(
        name("([null, \"\"] | map(words, time, hmac, digest) | tojson)"),
        "[null,null,null,null,null,null,null,null]"
    );
    assert_eq!(name("(\"Looks  Fine\" | digest)"), name("(\"looks fine\" | digest)"));
    // The id of an event that has none follows its content.
    let id = |c: &str| {
        let jq = EVENT.replace("id: \"1\", ", "");
        let record = RECORD.replace("name-1", c);
        run(&only(own(&jq)), Format::Auto, &record).1[0].id.to_string()
    };
    assert_eq!(id("a"), id("a"));
    assert_ne!(id("a"), id("b"));
}

#[test]
fn jq_as_analysts_write_it_works() {
    for (jq, value) in [
        ("[.list[] | . * 2] | tojson", "[2,4,6]"),
        ("[limit(3; repeat(1))] | tojson", "[1,1,1]"),
        ("[range(3)] | tojson", "[0,1,2]"),
        ("[range(6; 0; -2)] | tojson", "[6,4,2]"),
        ("reduce .list[] as $x (0; . + $x) | tostring", "6"),
        ("[foreach .list[] as $x (0; . + $x)] | tojson", "[1,3,6]"),
        ("[.list | .. | numbers] | tojson", "[1,2,3]"),
        ("[recurse(if . == null then empty else null end)] | length | tostring", "2"),
        (".list |= map(. + 1) | .list | tojson", "[2,3,4]"),
        ("(.list[] | select(. == 2)) |= 9 | .list | tojson", "[1,9,3]"),
        ("del(.list[0]) | .list | tojson", "[2,3]"),
        ("[paths(type == \"number\")] | length | tostring", "3"),
        ("first(.list[] | select(. > 1)) | tostring", "2"),
        ("\"a-b\" | split(\"-\") | join(\"+\")", "a+b"),
        ("\"abc123\" | capture(\"(?<n>[0-9]+)\").n", "123"),
        ("\"aXb\" | gsub(\"X\"; \"-\")", "a-b"),
        ("\"x\" * 3", "xxx"),
        ("{a: 1} | .a += 2 | .a *= 3 | .a /= 9 | .a -= 4 | .a | tostring", "-3.0"),
        ("(.list[] , .list[0]) += 1 | .list | tojson", "[3,3,4]"),
        ("{a: [1]} | .a += [2] | .b //= 7 | tojson", "{\"a\":[1,2],\"b\":7}"),
        (
            "\"\\(.list[0])-\\(.list[1])-\\(.list[2])-\\(1,2)-\\(3,4)\" | select(endswith(\"2-3\"))",
            "1-2-3-2-3",
        ),
        ("@base64 \"a\\(.list)b\"", "aWzEsMiwzXQ==b"),
        ("[1, 2] | contains([2]) | tostring", "true"),
        ("\"a1b2\" | [scan(\"[0-9]\")] | join(\",\")", "1,2"),
        ("[[3], [1]] | sort_by(.[0]) | tojson", "[[1],[3]]"),
        ("[.list[], .list[]] | group_by(.) | length | tostring", "3"),
        ("items | tostring", "1"),
        ("[1, [2, [3]]] | flatten | tojson", "[1,2,3]"),
        ("{a: 1} | to_entries | tojson", "[{\"key\":\"a\",\"value\":1}]"),
        ("try error(\"x\") catch .", "x"),
        ("(.missing // \"none\")", "none"),
        ("def f($n): if $n == 0 then \"end\" else f($n - 1) end; f(1000)", "end"),
        ("[.list[] as $x | select($x > 1) | $x] | tojson", "[2,3]"),
        ("label $out | .list[] | if . == 2 then \"two\", break $out else empty end", "two"),
        ("[{k: 2}, {k: 1}] | sort_by(.k) | map(.k) | tojson", "[1,2]"),
        ("walk(if type == \"number\" then . + 1 else . end) | .list | tojson", "[2,3,4]"),
        ("\"1767603600\" | tonumber | todate", "2026-01-05T09:00:00Z"),
        ("@json \"v\\(.list)\"", "v[1,2,3]"),
    ] {
        let jq = EVENT.replace(".c", &format!("({jq})"));
        let (decoded, events) = run(&only(own(&jq)), Format::Auto, RECORD);
        assert_eq!(decoded, Ok(Decoded::Events), "{jq}");
        assert_eq!(events[0].credential_id, value, "{jq}");
    }
}

/// A text may hold JSON of any depth, whatever the depth of its record.
#[test]
fn a_text_that_nests_too_deep_is_refused_and_ends_nothing() {
    let deep = "[".repeat(900_000);
    let sentinel = format!(
        r#"{{"Type":"SecurityIncident","TimeGenerated":"2026-01-05T12:00:00Z","IncidentName":"x","Status":"New","Owner":"{{{deep}"}}"#
    );
    let refused = |maps: &Maps, record: &str| {
        let (decoded, events) = run(maps, Format::Auto, record);
        assert!(decoded.is_err() && events.is_empty(), "{decoded:?}");
    };
    refused(&Maps::shipped(), &sentinel);
    let jq = EVENT.replace(".c", "(.c | fromjson | tojson)");
    let own = only(own(&jq));
    refused(&own, &format!(r#"{{"kind":"mine","c":"{deep}"}}"#));
    let (decoded, events) = run(&own, Format::Auto, r#"{"kind":"mine","c":"[1,{\"a\":2.5}]"}"#);
    assert_eq!(decoded, Ok(Decoded::Events));
    assert_eq!(events[0].credential_id, r#"[1,{"a":2.5}]"#);
}

/// A secret that the map declares is gone before its program runs, and one that it does not
/// declare is refused if it looks like one.
#[test]
fn a_map_that_copies_secrets_gets_names_or_nothing() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let record = format!(r#"{{"kind":"mine","c":"{token}","s":"{token}"}}"#);
    for jq in [".s", "tojson", "(.s | explode | implode)", "(tostring | @base64 | @base64d)"] {
        let (decoded, events) =
            run(&only(own(&EVENT.replace(".c", &format!("({jq})")))), Format::Auto, &record);
        match decoded {
            Ok(_) => assert!(!format!("{events:?}").contains(&token), "{jq}: {events:?}"),
            Err(rejection) => {
                assert_eq!(rejection.reason, RejectReason::LooksLikeSecret, "{jq}");
                assert!(!rejection.detail.contains(&token));
            }
        }
    }
    let (decoded, _) = run(&only(own(EVENT)), Format::Auto, &record);
    let rejection = decoded.unwrap_err();
    assert_eq!(rejection.reason, RejectReason::LooksLikeSecret);
    assert!(rejection.detail.contains("field `credential_id`: looks like a GitHub token"));
}

#[test]
fn no_format_lets_a_live_secret_through() {
    let token = format!("glpat-{}", "a1B2c3D4e5F6".repeat(2));
    for record in [
        format!(
            r#"{{"type":"review.opened","id":"1","time":"2026-01-05T09:00:00Z","credential_id":"a","reviewer":"{token}"}}"#
        ),
        format!(
            r#"{{"type":"review.opened","id":"1","time":"2026-01-05T09:00:00Z","credential_id":"a","reviewer":"\u0067{}"}}"#,
            &token[1..]
        ),
        format!(
            r#"[{{"type":"review.opened","id":"{token}","time":"2026-01-05T09:00:00Z","credential_id":"a","reviewer":"r"}}]"#
        ),
        format!(
            r#"{{"specversion":"1.0","id":"{token}","source":"s","type":"credential.abused","time":"2026-01-05T09:00:00Z","data":{{"credential_id":"a"}}}}"#
        ),
    ] {
        let (decoded, events) = run(Maps::NONE, Format::Auto, &record);
        assert_eq!(events, [], "{record}");
        assert_eq!(decoded.unwrap_err().reason, RejectReason::LooksLikeSecret, "{record}");
    }
}

/// Of a list, the parts without a secret are used.
#[test]
fn one_secret_costs_one_record() {
    let event = |id: &str| {
        format!(
            r#"{{"type":"credential.abused","id":"{id}","time":"2026-01-05T09:00:00Z","credential_id":"a"}}"#
        )
    };
    let token = format!("npm_{}", "a1B2c3D4e5F6".repeat(3));
    let (decoded, events) = run(
        Maps::NONE,
        Format::Auto,
        &format!("[{},{},{}]", event("1"), event(&token), event("3")),
    );
    assert!(matches!(decoded, Ok(Decoded::Mixed(parts)) if parts.len() == 1));
    assert_eq!(events.len(), 2);
}

#[test]
fn every_shipped_map_gives_what_its_fixtures_expect() {
    let maps = Maps::shipped();
    assert!(maps.iter().count() > 0);
    for map in maps.iter() {
        let found = maps::outcomes(&maps, map, by_itself);
        assert!(!found.is_empty(), "{}: no fixture", map.name());
        let faults = maps::test(map, &found);
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(faults.is_empty(), "{}\n{}", map.name(), told.join("\n"));
        let text: String = found.iter().map(|fixture| fixture.outcomes.as_str()).collect();
        for outcome in ["{\"events\":", "{\"rejected\":"] {
            assert!(text.contains(outcome), "{}: no fixture that is {outcome}", map.name());
        }
    }
}

/// As `auto` decodes it.
fn by_itself<'r>(
    record: &'r [u8],
    context: &Context<'_>,
    out: &mut Vec<Event<'r>>,
) -> Result<Decoded, Rejection> {
    decode(Format::Auto, record, context, out)
}

/// Puts a secret into every text of every fixture's records, one after the other. It comes out
/// nowhere: where the map declares it, as a name; elsewhere, the record is refused.
#[test]
fn canaries_in_every_field_of_every_fixture_stay_inside() {
    let maps = Maps::shipped();
    let canary = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let mut planted = 0;
    for map in maps.iter() {
        for (name, text) in map.fixtures().iter().filter(|(name, _)| name.ends_with(".ndjson")) {
            for record in text.lines() {
                let Ok(record) = serde_json::from_str::<serde_json::Value>(record) else {
                    continue;
                };
                for place in texts(&record) {
                    let mut record = record.clone();
                    let text = record.pointer_mut(&place).unwrap();
                    // Alone, and within other text.
                    for value in [canary.clone(), format!("{} {canary}", text.as_str().unwrap())] {
                        *record.pointer_mut(&place).unwrap() = value.into();
                        for format in [Format::Auto, Format::parse(map.name()).unwrap()] {
                            let (decoded, events) = run(&maps, format, &record.to_string());
                            let shown = format!("{decoded:?} {events:?}");
                            assert!(!shown.contains(&canary), "{name} {place}: {shown}");
                            planted += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(planted > 100, "{planted}");
}

/// What a map declares secret comes out under no circumstances, whatever it looks like.
#[test]
fn canaries_at_the_secret_paths_stay_inside() {
    const CANARY: &str = "plain canary of the tests";
    let maps = Maps::shipped();
    let mut planted = Vec::new();
    for map in maps.iter() {
        for (name, text) in map.fixtures().iter().filter(|(name, _)| name.ends_with(".ndjson")) {
            for record in text.lines() {
                let Ok(record) = serde_json::from_str::<serde_json::Value>(record) else {
                    continue;
                };
                for place in texts(&record) {
                    if !map.secrets().any(|path| is_within(&place, &path)) {
                        continue;
                    }
                    let mut record = record.clone();
                    *record.pointer_mut(&place).unwrap() = CANARY.into();
                    let (decoded, events) = run(&maps, Format::Auto, &record.to_string());
                    let shown = format!("{decoded:?} {events:?}");
                    assert!(!shown.contains(CANARY), "{name} {place}: {shown}");
                    planted.push(map.name());
                }
            }
        }
    }
    planted.dedup();
    // These declare a secret that their fixtures hold.
    for map in [
        "detect-secrets",
        "gitguardian",
        "gitlab-report",
        "jira",
        "kingfisher",
        "noseyparker",
        "ocsf",
        "sarif",
        "slack",
        "tines",
        "vault",
    ] {
        assert!(planted.contains(&map), "{map}: {planted:?}");
    }
}

/// Maps that copy every text of the record into every field of an event, with the declarations of
/// the shipped maps: no secret comes out, neither one that is declared nor one that looks like one.
#[test]
fn canaries_stay_inside_hostile_maps() {
    const CANARY: &str = "plain canary of the tests";
    const PROGRAMS: [&str; 3] = [
        r#"[.. | strings | .[:200]][] as $text | { type: "leak.detected", id: $text, time: "2026-01-05T09:00:00Z",
            credential_id: $text, source: $text, owner: $text, location: $text, provider: $text,
            requested_by: $text, incident: $text, aliases: ["a \($text)"] }"#,
        r#"tojson as $all | range(0; $all | length; 150) as $at | $all[$at:$at + 150] as $text
            | { type: "decision.made", id: "\($at)", time: "2026-01-05T09:00:00Z", credential_id: $text, reviewer: $text,
                action: "revoke", batch_id: $text, rationale_digest: $text }"#,
        r#"[.. | strings][] | error(.)"#,
    ];
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let mut planted = 0;
    for shipped in Maps::shipped().iter() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps").join(shipped.name());
        let manifest = std::fs::read_to_string(folder.join("map.toml")).unwrap();
        let records = shipped.fixtures().iter().filter(|(name, _)| name.ends_with(".ndjson"));
        let records: Vec<&str> = records.flat_map(|(_, text)| text.lines()).take(2).collect();
        for program in PROGRAMS {
            let maps = only(MapSource {
                folder: Cow::Owned(shipped.name().to_owned()),
                manifest: Cow::Owned(manifest.clone()),
                program: Cow::Borrowed(program),
                fixtures: Vec::new(),
            });
            let format = Format::parse(shipped.name()).unwrap();
            for record in &records {
                let record: serde_json::Value = serde_json::from_str(record).unwrap();
                for place in texts(&record) {
                    let secret = shipped.secrets().any(|path| is_within(&place, &path));
                    for canary in [token.as_str(), CANARY] {
                        if canary == CANARY && !secret {
                            continue;
                        }
                        let mut record = record.clone();
                        *record.pointer_mut(&place).unwrap() = canary.into();
                        let (decoded, events) = run(&maps, format, &record.to_string());
                        let shown = format!("{decoded:?} {events:?}");
                        assert!(!shown.contains(canary), "{} {place}: {shown}", shipped.name());
                        planted += 1;
                    }
                }
            }
        }
    }
    assert!(planted > 1_000, "{planted}");
}

/// A map over the list `found` of a record, with or without `each`.
fn list(each: &str, jq: &str) -> Maps {
    let toml =
        format!("{each}\nsecrets = [\"found[].s\"]\n[[recognise]]\nkeys = [\"at\", \"found\"]");
    only(source("own", &toml, jq))
}

const FINDINGS: &str = r#".at as $time | (.found | length) as $all | items as $items | .found[]
    | { type: "leak.detected", id: "\(.c)", time: ($time | time), credential_id: .c, provider: "\($items) of \($all)" }"#;

/// The ids of the events, and what was told of the rest.
fn listed(maps: &Maps, record: &str) -> (Vec<String>, Vec<String>) {
    let (decoded, events) = run(maps, Format::Auto, record);
    let told = match decoded {
        Ok(Decoded::Events) => Vec::new(),
        Ok(Decoded::Mixed(parts)) => {
            parts.into_iter().map(|part| part.outcome.unwrap_err().to_string()).collect()
        }
        Ok(Decoded::Skipped(reason)) => vec![reason.to_string()],
        Err(rejection) => vec![format!("all: {rejection}")],
    };
    assert!(!told.iter().any(|told| told.contains("hunter2")), "{told:?}");
    (events.into_iter().map(|event| event.id.into_owned()).collect(), told)
}

/// One broken item of a list is told with its place, and the others are used.
#[test]
fn one_bad_item_of_many_is_told_and_the_others_are_used() {
    let maps = list("each = [\"found[]\"]", FINDINGS);
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    for (bad, why) in [
        (
            r#""hunter2""#.to_owned(),
            "map_failed: map `own`: `found[20]`: map.jq line 2, at `credential_id`: looks for a key",
        ),
        (
            "null".to_owned(),
            "missing_field: map `own`: `found[20]`: event 1: field `credential_id`",
        ),
        (r#"{"c":""}"#.to_owned(), "missing_field: map `own`: `found[20]`: event 1: field `"),
        (
            format!(r#"{{"c":"{}"}}"#, "hunter2".repeat(99)),
            "too_long: map `own`: `found[20]`: event 1: field `id`",
        ),
        (
            format!(r#"{{"c":"{token}"}}"#),
            "looks_like_secret: map `own`: `found[20]`: event 1: field `id`",
        ),
    ] {
        let found: Vec<String> =
            (0..50)
                .map(|n| {
                    if n == 20 {
                        bad.clone()
                    } else {
                        format!(r#"{{"c":"name-{n}","s":"hunter2"}}"#)
                    }
                })
                .collect();
        let record = format!(r#"{{"at":"2026-01-05T09:00:00Z","found":[{}]}}"#, found.join(","));
        let (ids, told) = listed(&maps, &record);
        assert_eq!(ids.len(), 49, "{told:?}");
        assert!(told.len() == 1 && told[0].starts_with(why), "{told:?}");
        // Also where the list is in an envelope.
        let (ids, told) = listed(&maps, &format!(r#"{{"schema":null,"payload":{record}}}"#));
        assert_eq!((ids.len(), told.len()), (49, 1), "{told:?}");
        // Or in one of several records of a list.
        let (ids, told) =
            listed(&maps, &format!("[{},{record}]", record.replace(&bad, "{\"c\":\"good\"}")));
        assert_eq!((ids.len(), told.len()), (99, 1), "{told:?}");
        assert!(told[0].contains("record 2 within it: map `own`: `found[20]`"), "{told:?}");
        let (_, events) = run(&maps, Format::Auto, &record);
        assert_eq!(events[0].body, leak("50 of 1"));
    }
}

fn leak(provider: &'static str) -> shutterlag::event::Body<'static> {
    shutterlag::event::Body::LeakDetected(shutterlag::event::LeakDetected {
        provider: Some(provider.into()),
        ..Default::default()
    })
}

#[test]
fn what_is_wrong_with_a_list_as_a_whole_is_told_of_each_item() {
    let maps = list("each = [\"found[]\"]", FINDINGS);
    let (ids, told) = listed(&maps, r#"{"at":"soon","found":[{"c":"a"},{"c":"b"}]}"#);
    assert_eq!(ids, [""; 0]);
    assert_eq!(told.len(), 2, "{told:?}");
    // One item is a record of its own.
    let (_, told) = listed(&maps, r#"{"at":"soon","found":[{"c":"a"}]}"#);
    assert!(
        told[0].starts_with("all: map_failed: map `own`: `found[0]`: map.jq line 2, at `time`"),
        "{told:?}"
    );
    for nothing in ["[]", "null", "{}"] {
        let (ids, told) =
            listed(&maps, &format!(r#"{{"at":"2026-01-05T09:00:00Z","found":{nothing}}}"#));
        assert_eq!((ids.len(), told.len()), (0, 1), "{nothing}: {told:?}");
    }
    let (_, told) = listed(&maps, r#"{"at":"2026-01-05T09:00:00Z","found":"hunter2"}"#);
    assert!(told[0].starts_with("all: map_failed: map `own`: "), "{told:?}");
}

/// What every item says of the record as a whole counts once.
#[test]
fn what_all_items_say_is_one_event() {
    let jq = r#"{ type: "case.opened", id: "case", time: .at, credential_id: "k", workflow: "policy_change" },
        (.found[] | { type: "credential.abused", id: .c, time: "2026-01-05T09:00:00Z", credential_id: "k" })"#;
    let record = r#"{"at":"2026-01-05T09:00:00Z","found":[{"c":"a"},{"c":7},{"c":"b"}]}"#;
    let (ids, told) = listed(&list("each = [\"found[]\"]", jq), record);
    assert_eq!(ids, ["case", "a", "b"]);
    assert!(told[0].contains("`found[1]`: event 2: field `id`"), "{told:?}");
}

/// Without `each`, too, an output that is no event harms no other; an error of the program is one of
/// the whole record.
#[test]
fn one_bad_output_is_told_and_the_others_are_used() {
    let record = r#"{"at":"2026-01-05T09:00:00Z","found":[{"c":"a"},{"c":""},{"c":"b"}]}"#;
    let (ids, told) = listed(&list("", FINDINGS), record);
    assert_eq!(ids, ["a", "b"]);
    assert!(told[0].starts_with("missing_field: map `own`: event 2: field `"), "{told:?}");
    let record = record.replace(r#""""#, "[7]").replace(r#""c":[7]"#, r#""c":[7],"c2":1"#);
    let broken = FINDINGS.replace("credential_id: .c,", "credential_id: (.c | time | .c),");
    let (ids, told) = listed(&list("", &broken), &record);
    assert_eq!((ids.len(), told.len()), (0, 1), "{told:?}");
    assert!(told[0].starts_with("all: map_failed"), "{told:?}");
    // As many as a record may have.
    let (ids, told) = listed(&list("", "range(1e6) | {}"), &record);
    assert_eq!(ids.len(), 0);
    assert_eq!(told, ["all: too_long: map `own`: gives more than 1000 outputs that are no events"]);
}

/// An item that loops costs what one program may cost, and many cost the record.
#[test]
fn items_that_loop_are_bounded_together() {
    let jq = r#"if .found[0].loop then until(false; .) else . end | .found[]
        | { type: "credential.abused", id: .c, time: "2026-01-05T09:00:00Z", credential_id: "k" }"#;
    let maps = list("each = [\"found[]\"]", jq);
    let record = |looping: usize| {
        let found: Vec<String> =
            (0..50).map(|n| format!(r#"{{"c":"name-{n}","loop":{}}}"#, n < looping)).collect();
        format!(r#"{{"at":"2026-01-05T09:00:00Z","found":[{}]}}"#, found.join(","))
    };
    let (ids, told) = listed(&maps, &record(3));
    assert_eq!((ids.len(), told.len()), (47, 3), "{told:?}");
    assert!(told[2].contains("`found[2]`: took more than 200000 steps"), "{told:?}");
    let (ids, told) = listed(&maps, &record(50));
    assert_eq!(ids.len(), 0);
    assert_eq!(
        told,
        ["all: map_failed: map `own`: took more than 1000000 steps for the items of one record"]
    );
    // Many items that do nothing wrong.
    let found = vec![r#"{"c":"x"}"#; 900].join(",");
    let (ids, told) =
        listed(&maps, &format!(r#"{{"at":"2026-01-05T09:00:00Z","found":[{found}]}}"#));
    assert_eq!((ids.len(), told.len()), (1, 0), "{told:?}");
}

/// In every map that ships and reads a list, one broken item leaves the others.
#[test]
fn a_broken_item_of_a_shipped_map_leaves_the_others() {
    let maps = Maps::shipped();
    let mut tried = std::collections::BTreeSet::new();
    for map in maps.iter() {
        let each: Vec<String> = map.each().collect();
        let texts = map.fixtures().iter().filter(|(name, _)| name.ends_with(".ndjson"));
        for record in texts.flat_map(|(_, text)| text.lines()) {
            let record: serde_json::Value = serde_json::from_str(record).unwrap();
            let text = record.to_string();
            let (_, whole) = run(&maps, Format::parse(map.name()).unwrap(), &text);
            for path in &each {
                // One list of several items, or one of one that is made two.
                let lists = places(&record).into_iter().filter(|place| {
                    let list = record.pointer(place);
                    list.is_some_and(|list| list.as_array().is_some_and(|list| !list.is_empty()))
                        && is_exactly(place, path.strip_suffix("[]").unwrap())
                });
                for place in lists {
                    let mut changed = record.clone();
                    let list = changed.pointer_mut(&place).unwrap().as_array_mut().unwrap();
                    list.push("odd".into());
                    let (decoded, events) =
                        run(&maps, Format::parse(map.name()).unwrap(), &changed.to_string());
                    if whole.is_empty() {
                        continue;
                    }
                    assert_eq!(events.len(), whole.len(), "{} {place}: {decoded:?}", map.name());
                    tried.insert(map.name());
                }
            }
        }
    }
    let all: Vec<&str> =
        maps.iter().filter(|map| map.each().next().is_some()).map(|map| map.name()).collect();
    assert_eq!(tried.into_iter().collect::<Vec<_>>(), all);
    assert_eq!(all.len(), 12);
}

/// Whether a JSON pointer leads to `path`, and not below it.
fn is_exactly(pointer: &str, path: &str) -> bool {
    let steps = path.replace("[]", ".[]");
    is_within(pointer, path) && pointer.split('/').skip(1).count() == steps.split('.').count()
}

/// An error in one of many records rejects that record and no other.
#[test]
fn one_bad_record_of_many_is_told_and_the_others_are_used() {
    let maps = only(own(
        r#"if .bad then error("a bad record") else . end | { type: "credential.abused", id: .c, time: "2026-01-05T09:00:00Z", credential_id: .c }"#,
    ));
    let (mut used, mut rejected) = (0, Vec::new());
    for number in 0..20_000 {
        let bad = number == 7_777;
        let record = format!(r#"{{"kind":"mine","c":"name-{number}","bad":{bad}}}"#);
        let (decoded, events) = run(&maps, Format::Auto, &record);
        match decoded {
            Ok(_) => used += events.len(),
            Err(rejection) => rejected.push((number, rejection.to_string())),
        }
    }
    assert_eq!(used, 19_999);
    let told = "map_failed: map `own`: map.jq line 1, at `error`: a bad record";
    assert_eq!(rejected, [(7_777, told.to_owned())]);
}

/// A map says which credential an event is about; it may name those of other sources. That links and
/// decides nothing more than a native event from the same sender would.
#[test]
fn names_of_other_sources_are_names() {
    let jq = EVENT.replace(".c,", "\"github:github.com/1#1\",").replace(
        "credential_id: .c",
        "credential_id: \"github:github.com/1#1\", source: \"github\"",
    );
    let (decoded, events) = run(&only(own(&jq)), Format::Auto, RECORD);
    assert_eq!(decoded, Ok(Decoded::Events));
    assert_eq!(events[0].credential_id, "github:github.com/1#1");
    for jq in [
        EVENT.replace(".c", "(\"x\" * 600)"),
        EVENT.replace("\"1\"", "(\"x\" * 600)"),
        EVENT.replace("type: \"credential.abused\"", "type: \"identity.forwarded\""),
        EVENT.replace("type: \"credential.abused\"", "type: \"review.judged\""),
    ] {
        let (decoded, events) = run(&only(own(&jq)), Format::Auto, RECORD);
        assert!(decoded.is_err() && events.is_empty(), "{jq}: {decoded:?}");
    }
}

/// Whether a JSON pointer leads to `path` or below it.
fn is_within(pointer: &str, path: &str) -> bool {
    let path = path.replace("[]", ".[]");
    let mut steps = pointer.split('/').skip(1);
    path.split('.').all(|step| match (step, steps.next()) {
        (_, None) => false,
        ("[]", Some(at)) => at.bytes().all(|b| b.is_ascii_digit()),
        ("*", Some(_)) => true,
        (step, Some(at)) => step == at,
    })
}

/// Sources change their forms. Whatever stands at any place of a record, it is used, skipped or
/// rejected, and a rejection quotes nothing.
#[test]
fn a_record_of_another_form_does_no_harm() {
    use serde_json::{Value, json};
    let maps = Maps::shipped();
    let others = [
        Value::Null,
        json!(true),
        json!(-1.5e300),
        json!("odd canary"),
        json!([[]]),
        json!({"a": {}}),
    ];
    let mut run_through = 0;
    for map in maps.iter() {
        let texts = map.fixtures().iter().filter(|(name, _)| name.ends_with(".ndjson"));
        for record in texts.flat_map(|(_, text)| text.lines()).take(3) {
            let record: Value = serde_json::from_str(record).unwrap();
            for place in places(&record) {
                for other in &others {
                    let mut changed = record.clone();
                    *changed.pointer_mut(&place).unwrap() = other.clone();
                    let (decoded, _) =
                        run(&maps, Format::parse(map.name()).unwrap(), &changed.to_string());
                    if let Err(rejection) = decoded {
                        assert!(!rejection.detail.contains("odd canary"), "{place}: {rejection}");
                    }
                    run_through += 1;
                }
            }
        }
    }
    assert!(run_through > 1_000, "{run_through}");
}

/// The places of all values in a value, as JSON pointers.
fn places(value: &serde_json::Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut add = |key: &str, value: &serde_json::Value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        found.extend(places(value).into_iter().map(|rest| format!("/{key}{rest}")));
    };
    match value {
        serde_json::Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| add(&index.to_string(), value));
        }
        serde_json::Value::Object(object) => {
            object.iter().for_each(|(key, value)| add(key, value));
        }
        _ => {}
    }
    found
}

/// The places of all texts in a value, as JSON pointers.
fn texts(value: &serde_json::Value) -> Vec<String> {
    let within = |key: &str, value| {
        let key = key.replace('~', "~0").replace('/', "~1");
        texts(value).into_iter().map(move |rest| format!("/{key}{rest}"))
    };
    match value {
        serde_json::Value::String(_) => vec![String::new()],
        serde_json::Value::Array(list) => list
            .iter()
            .enumerate()
            .flat_map(|(index, value)| within(&index.to_string(), value).collect::<Vec<_>>())
            .collect(),
        serde_json::Value::Object(object) => {
            object.iter().flat_map(|(key, value)| within(key, value).collect::<Vec<_>>()).collect()
        }
        _ => Vec::new(),
    }
}
