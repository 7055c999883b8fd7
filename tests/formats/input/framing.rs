//! The rules of framing, one behaviour a test.

use shutterlag::formats::RejectReason;

use super::{Found, read, record};

#[test]
fn lines_are_records() {
    let found = read("{\"a\":1}\n{\"b\":{\"c\":[{}]}}\n");
    assert_eq!(found, [record(1, r#"{"a":1}"#), record(2, r#"{"b":{"c":[{}]}}"#)]);
}

#[test]
fn blanks_byte_order_marks_and_carriage_returns_are_no_part_of_a_record() {
    let found = read("\u{feff}\r\n\n  {\"a\":1} \t\r\n\r\n\u{feff}{\"b\":2}");
    assert_eq!(found, [record(3, r#"{"a":1}"#), record(5, r#"{"b":2}"#)]);
}

#[test]
fn nothing_is_no_record() {
    for nothing in ["", "\n", " \r\n\t", "\u{feff}", "[]", "[ ]\n", "\u{feff}[\n]\n[]"] {
        assert_eq!(read(nothing), [], "{nothing:?}");
    }
}

#[test]
fn an_object_may_take_many_lines_and_the_next_follow_at_once() {
    let found =
        read("{\n  \"a\": {\n    \"b\": [\n      1\n    ]\n  }\n}{\n\"c\": 2\n} {\"d\":3}\n");
    assert_eq!(found.len(), 3);
    assert_eq!(found[1], record(7, "{\n\"c\": 2\n}"));
    assert_eq!(found[2], record(9, r#"{"d":3}"#));
}

#[test]
fn objects_may_share_a_line() {
    let found = read("{\"a\":1}{\"b\":2}  {\"c\":\"}{\"}\n{\"d\":4}");
    let lines: Vec<_> = ["{\"a\":1}", "{\"b\":2}", "{\"c\":\"}{\"}"].map(|r| record(1, r)).into();
    assert_eq!(found[..3], lines);
    assert_eq!(found[3], record(2, r#"{"d":4}"#));
}

#[test]
fn what_follows_an_object_on_its_line_is_framed_afresh() {
    let found = read("{\"a\":1} #1\n{\"b\":2}\n");
    assert_eq!(found, [record(1, r#"{"a":1}"#), record(1, "#1"), record(2, r#"{"b":2}"#)]);
}

#[test]
fn brackets_in_strings_do_not_count() {
    let object = "{\n\"a\": \"}{]\\\"}\\\\\"\n}";
    assert_eq!(read(object), [record(1, object)]);
}

#[test]
fn elements_of_an_array_are_records() {
    let compact = "[{\"a\":[1,{}]},{\"b\":\"],[\"},3,\"x,]\",[4]]";
    let elements = ["{\"a\":[1,{}]}", "{\"b\":\"],[\"}", "3", "\"x,]\"", "[4]"];
    assert_eq!(read(compact), elements.map(|r| record(1, r)));
    let pretty = " [\n  {\n    \"a\": 1\n  },\n  {}\n]\n";
    assert_eq!(read(pretty), [record(2, "{\n    \"a\": 1\n  }"), record(5, "{}")]);
}

#[test]
fn records_and_arrays_may_follow_an_array() {
    let found = read("[{\"a\":1}]\n[{\"b\":2}]{\"c\":3}\n[{\"d\":4}]\n");
    let expected = [
        record(1, r#"{"a":1}"#),
        record(2, r#"{"b":2}"#),
        record(2, r#"{"c":3}"#),
        record(3, r#"[{"d":4}]"#),
    ];
    assert_eq!(found, expected);
}

#[test]
fn garbage_costs_its_own_line() {
    for garbage in ["[", "[{", "]", "\"", "}", "nonsense {", "\0\u{1}", ",", "\\", "{\"", "{]["] {
        let found = read(format!("{{\"a\":1}}\n{garbage}\n{{\"b\":2}}\n{{\"c\":3}}\n"));
        let expected = [
            record(1, r#"{"a":1}"#),
            record(2, garbage),
            record(3, r#"{"b":2}"#),
            record(4, r#"{"c":3}"#),
        ];
        assert_eq!(found, expected, "{garbage:?}");
    }
}

#[test]
fn a_line_cut_anywhere_costs_only_itself() {
    let whole = r#"{"a":[{"b":"c\"d"},{"e":[1,-2.5e3,true]}],"f":{"g":null}}"#;
    for cut in 1..whole.len() {
        let found = read(format!("{}\n{whole}\n{whole}\n{whole}", &whole[..cut]));
        let mut expected = vec![record(1, &whole[..cut])];
        expected.extend((2..5).map(|line| record(line, whole)));
        assert_eq!(found, expected, "cut at {cut}");
    }
}

#[test]
fn a_cut_line_at_the_end_is_a_record_for_the_decoder_to_refuse() {
    let found = read("{\"a\":1}\n{\"b\":[\n");
    assert_eq!(found, [record(1, r#"{"a":1}"#), record(2, "{\"b\":[")]);
}

#[test]
fn an_object_around_records_on_lines_of_their_own_is_one_record() {
    let wrapper = "{\"records\":[\n{\"a\":1},\n{\"b\":2}\n]}";
    assert_eq!(read(wrapper), [record(1, wrapper)]);
}

#[test]
fn such_an_object_cut_off_is_one_record_too() {
    let wrapper = "{\"records\":[\n{\"a\":1},\n{\"b\":2},";
    assert_eq!(read(format!("{wrapper}\n")), [record(1, wrapper)]);
}

#[test]
fn an_object_without_indentation_is_one_record() {
    let object = "{\n\"a\": [\n{\n\"b\": 1\n},\n{\n\"c\": {}\n}\n],\n\"d\": 2\n}";
    assert_eq!(read(format!("{object}\n{object}\n")), [record(1, object), record(12, object)]);
}

#[test]
fn a_damaged_object_of_many_lines_does_not_cost_the_next() {
    let found = read("{\n  \"a\": \"cut,\n  \"b\": 1\n}\n{\n  \"c\": 2\n}\n");
    assert_eq!(found.last(), Some(&record(5, "{\n  \"c\": 2\n}")));
}

#[test]
fn a_damaged_element_does_not_cost_the_next() {
    let pretty = "[\n  {\n    \"a\": \"cut,\n    \"b\": 1\n  },\n  {\n    \"c\": 2\n  }\n]";
    let found = read(pretty);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], record(6, "{\n    \"c\": 2\n  }"));
    let found = read("[\n{\"a\":\"cut\n{\"b\":2},\n{\"c\":[3},\n{\"d\":4}}, {\"e\":5}\n]");
    let expected = [
        record(2, "{\"a\":\"cut"),
        record(3, r#"{"b":2}"#),
        record(4, r#"{"c":[3}"#),
        record(5, r#"{"d":4}"#),
        record(5, "}"),
        record(5, r#"{"e":5}"#),
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_element_cut_where_no_object_can_follow_does_not_cost_the_next() {
    for cut in ["{", "{\"x\":1,", "{\"x\"", "{\"x\":[1]"] {
        let found = read(format!("[\n{cut}\n{{\"a\":1}},\n{{\"b\":2}}\n]"));
        let expected = [record(2, cut), record(3, r#"{"a":1}"#), record(4, r#"{"b":2}"#)];
        assert_eq!(found, expected, "{cut:?}");
    }
}

#[test]
fn lines_taken_back_from_a_broken_object_keep_their_places() {
    let found = read("{\"a\":[\n{\"b\":1}\n\n  ,x\n{\"c\":2}\n");
    let expected =
        [record(1, "{\"a\":["), record(2, r#"{"b":1}"#), record(4, ",x"), record(5, r#"{"c":2}"#)];
    assert_eq!(found, expected);
}

#[test]
fn an_element_cannot_swallow_the_end_of_its_array() {
    let found = read("[{\"a\":1},{\"b\":2]\n{\"c\":3}\n");
    assert_eq!(found, [record(1, r#"{"a":1}"#), record(1, r#"{"b":2"#), record(2, r#"{"c":3}"#)]);
}

#[test]
fn an_array_cut_off_gives_its_elements_and_one_refusal() {
    let whole = "[{\"a\":1},\n{\"b\":2}]";
    for cut in 1..whole.len() {
        let (text, found) = (&whole[..cut], read(&whole[..cut]));
        let complete = text.matches('}').count();
        let all = [record(1, "{\"a\":1}"), record(2, "{\"b\":2}")];
        assert_eq!(found[..complete], all[..complete], "cut at {cut}");
        let line = 1 + text.matches('\n').count() as u64;
        let unfinished = text.rfind('{').filter(|at| !text[*at..].contains('}'));
        let refused = match unfinished {
            Some(at) => record(line, &text[at..]),
            None => Found::Fault(Some(line), RejectReason::Truncated),
        };
        assert_eq!(found[complete..], [refused], "cut at {cut}");
    }
}

#[test]
fn nesting_without_end_is_one_record() {
    let deep = "{\"a\":".repeat(1000) + "\n1" + &"}".repeat(1000);
    assert_eq!(read(deep.clone()), [record(1, deep)]);
}
