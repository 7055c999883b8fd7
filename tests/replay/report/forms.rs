//! HTML, Markdown, JSON and CSV: the same figures, the same bytes, nothing from a
//! source that becomes markup.

use std::fs;

use serde_json::json;

use super::made::{DAY, MINUTE, MONDAY, decided, lines, no_nonsense, open, report, run};
use crate::harness::case::CASES;
use crate::harness::{KEY, Run};

const FORMS: [&str; 4] = ["html", "markdown", "json", "csv"];

#[test]
fn the_same_input_gives_the_same_bytes() {
    let case = &CASES[0];
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for round in ["a", "b"] {
        let mut run = Run::program().key(KEY).arg("report").arg(&case.out.0);
        for ending in ["html", "md", "json", "csv"] {
            run = run.arg("--out").arg(at(&format!("{round}.{ending}")));
        }
        run.go().exits(0);
    }
    for (ending, form) in ["html", "md", "json", "csv"].iter().zip(FORMS) {
        let bytes = |round: &str| fs::read(at(&format!("{round}.{ending}"))).unwrap();
        assert_eq!(bytes("a"), bytes("b"), "{ending}");
        // Standard output gets the same.
        let ran = Run::program().key(KEY).arg("report").arg(&case.out.0);
        assert_eq!(ran.args(["--format", form]).go().exits(0).stdout.into_bytes(), bytes("a"));
        no_nonsense(std::str::from_utf8(&bytes("a")).unwrap());
    }
}

#[test]
fn figures_do_not_depend_on_the_order_of_records_or_how_they_are_packed() {
    let case = &CASES[0];
    let text = case.out.text("windows.ndjson");
    let mut backwards: Vec<&str> = text.lines().collect();
    backwards.reverse();
    let without_sources = |ledger: Vec<u8>| {
        let mut told = report(ledger, &[]);
        told["evidence"]["sources"] = json!(null);
        told
    };
    let forwards = without_sources(text.clone().into_bytes());
    assert_eq!(forwards, without_sources(backwards.join("\n").into_bytes()));
    let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
    assert_eq!(forwards, without_sources(packed));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    assert_eq!(forwards, without_sources(gzip.finish().unwrap()));
}

#[test]
fn the_last_record_of_an_exposure_counts() {
    let first = open("c1", MONDAY);
    let last = decided("c1", MONDAY, 4 * MINUTE, 1);
    let other = open("c2", MONDAY + MINUTE);
    let both = report(lines(&[first.clone(), other.clone(), last.clone()]), &[]);
    let alone = report(lines(&[other.clone(), last.clone()]), &[]);
    assert_eq!(both["verdict"], alone["verdict"]);
    assert_eq!(both["evidence"]["days"], alone["evidence"]["days"]);
    assert_eq!(
        (&both["evidence"]["read"], &both["evidence"]["superseded"]),
        (&json!(3), &json!(1))
    );
    // The other way round it is open, whatever its revision says.
    let undone = report(lines(&[last, other, first]), &[]);
    assert_eq!(undone["bands"]["all"]["undecided"], 2);
}

const EVIL: &str = "=HYPERLINK(\"x\")<script>alert(1)</script>|`*_\u{202e}\"'&";

#[test]
fn text_of_a_source_stays_text() {
    let mut record = open("c1", MONDAY);
    record["owner"] = json!(EVIL);
    record["location"] = json!(EVIL);
    record["credential_id"] = json!(EVIL);
    record["exposure_id"] = json!(format!("secret_exposure/{EVIL}/{MONDAY}"));
    let mut unowned = open(EVIL, MONDAY + MINUTE);
    unowned["owner"] = json!(null);
    let ledger = lines(&[record, unowned]);
    let told = |form| run(ledger.clone(), &["--format", form]).exits(0).stdout;
    let html = told("html");
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "escaped");
    assert!(!html.contains('\u{202e}') && !told("markdown").contains('\u{202e}'));
    let markdown = told("markdown");
    assert!(markdown.contains("\\<script\\>") && markdown.contains("\\|\\`\\*\\_"), "{markdown}");
    let csv = told("csv");
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let mut formulas = 0;
    for row in rows.records() {
        let row = row.unwrap();
        let value = row.get(3).unwrap();
        formulas += usize::from(value.contains("HYPERLINK") && value.starts_with('\''));
        let harmless = !value.starts_with(['=', '+', '-', '@']) || value.parse::<f64>().is_ok();
        assert!(harmless, "{value}");
    }
    assert!(formulas >= 2, "{csv}");
}

#[test]
fn the_page_stands_alone() {
    let case = &CASES[0];
    let run = Run::program().key(KEY).arg("report").arg(&case.out.0);
    let html = run.args(["--format", "html"]).go().exits(0).stdout;
    assert!(html.len() < 1 << 20, "{}", html.len());
    for fetched in ["src=", "@import", "url(", "<link", "<script", "http://", "https://", "<img"] {
        assert!(!html.contains(fetched), "{fetched}");
    }
    let ids: Vec<&str> =
        html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "an id twice");
    for target in html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(ids.contains(&target), "{target}");
    }
    // Every section of figures says where they come from.
    assert!(html.matches("class=\"from\"").count() >= 12);
}

#[test]
fn every_figure_of_a_control_is_there() {
    let told = report(lines(&[decided("c1", MONDAY, MINUTE, 1)]), &[]);
    let controls = told["controls"].as_array().unwrap();
    for id in [
        "GV.OV-01",
        "GV.OV-02",
        "GV.OV-03",
        "GOVERN 3.2",
        "MAP 3.5",
        "MEASURE 2.4",
        "MEASURE 2.8",
        "MANAGE 4.1",
        "NHI2:2025",
        "NHI7:2025",
        "NHI10:2025",
        "ASI03",
        "ASI09",
        "ASI10",
        "Article 14(4)(b)",
        "Article 14(4)(d)",
        "Article 26(2)",
    ] {
        let control = controls.iter().find(|control| control["id"] == id).unwrap();
        let figures = control["figures"].as_array().unwrap();
        assert!(
            !figures.is_empty() && !control["cannot_show"].as_str().unwrap().is_empty(),
            "{id}"
        );
        for figure in figures {
            let path = format!("/{}", figure.as_str().unwrap().replace('.', "/"));
            assert!(told.pointer(&path).is_some(), "{id}: {path}");
        }
    }
}

#[test]
fn an_input_is_never_overwritten_and_an_ending_names_a_form() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = directory.path().join("ledger.json");
    fs::write(&ledger, lines(&[open("c1", MONDAY + DAY)])).unwrap();
    let out = |to: &std::path::Path| {
        Run::program().arg("report").arg(&ledger).arg("--out").arg(to).go().exits(2)
    };
    assert!(out(&ledger).stderr.contains("made from"));
    assert!(out(&directory.path().join("report.pdf")).stderr.contains(".html"));
    assert!(fs::read_to_string(&ledger).unwrap().contains("c1"));
}
