//! The reference page shows real answers: the test requests each example and compares.

use serde_json::Value;

use super::client::get;
use super::made::example;

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/http.md")).unwrap()
}

/// The examples of the page: what is asked, the form, the answer.
fn examples(page: &str) -> Vec<(String, String, String)> {
    let mut examples = Vec::new();
    let mut asked = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix("GET ") {
            asked = Some(path.to_owned());
        } else if let Some(form) =
            line.strip_prefix("```").filter(|form| ["json", "text"].contains(form))
        {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            examples.push((asked.take().unwrap(), form.to_owned(), body.join("\n")));
        }
    }
    examples
}

#[test]
fn every_example_of_the_page_is_what_the_server_answers() {
    let made = example();
    let page = page();
    let examples = examples(&page);
    for route in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/windows",
        "/api/v1/windows/secret_exposure",
        "/api/v1/summary",
        "/api/v1/reviewers",
        "/api/v1/unjoined",
        "/api/v1/windows?sate=open",
    ] {
        assert!(
            examples.iter().any(|(path, _, _)| path.starts_with(route)),
            "no example of {route}"
        );
    }
    for (path, form, expected) in examples {
        let answer = get(made.address(), &path);
        if form == "text" {
            for line in expected.lines() {
                assert!(answer.body.lines().any(|other| other == line), "{path}: {line}");
            }
            continue;
        }
        let expected: Value =
            serde_json::from_str(&expected).unwrap_or_else(|e| panic!("{path}: {e}"));
        let answer = answer.json();
        assert_eq!(answer, expected, "{path} answers\n{answer:#}");
    }
}

/// Every field of every answer stands in a table of the page.
#[test]
fn every_field_is_explained() {
    let page = page();
    let explained: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .collect();
    let made = example();
    for path in [
        "/healthz",
        "/readyz",
        "/api/v1/windows",
        "/api/v1/summary",
        "/api/v1/reviewers",
        "/api/v1/unjoined",
    ] {
        let answer = get(made.address(), path).json();
        for field in answer.as_object().unwrap().keys() {
            assert!(explained.contains(&field.as_str()), "{path}: {field}");
        }
        let parts = [
            &answer["view"],
            &answer["period"],
            &answer["older"],
            &answer["workers"][0],
            &answer["windows"][0],
            &answer["reviewers"][0],
            &answer["unjoined"][0],
        ];
        for field in parts.into_iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys)
        {
            assert!(explained.contains(&field.as_str()), "{path}: {field}");
        }
    }
}
