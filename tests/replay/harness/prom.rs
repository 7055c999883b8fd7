//! A strict reader of the Prometheus text format, version 0.0.4.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::{BTreeMap, BTreeSet};

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// All samples of a scrape that keeps every rule.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    pub(crate) types: BTreeMap<String, String>,
    pub(crate) samples: Vec<Sample>,
}

impl Scrape {
    /// Reads `text`, and panics where it breaks a rule.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Scrape {
        assert!(text.ends_with('\n'), "the last line is not ended");
        let mut scrape = Scrape::default();
        let mut helped = BTreeSet::new();
        let mut family = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("help");
                assert!(is_name(name) && !help.is_empty(), "{line}");
                assert!(helped.insert(name.to_owned()), "told twice: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("type");
                assert!(helped.contains(name), "no help: {line}");
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                let before = scrape.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "a family in two pieces: {line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                family = name.to_owned();
            } else {
                let sample = sample(line);
                let part = sample.name.strip_prefix(&family).expect("a sample of its family");
                let allowed: &[&str] = match scrape.types.get(&family).map(String::as_str) {
                    Some("histogram") => &["_bucket", "_sum", "_count"],
                    Some(_) => &[""],
                    None => &[],
                };
                assert!(allowed.contains(&part), "{line}");
                scrape.samples.push(sample);
            }
        }
        scrape.check_series();
        scrape.check_histograms();
        scrape
    }

    fn check_series(&self) {
        let mut seen = BTreeSet::new();
        for Sample { name, labels, value } in &self.samples {
            assert!(seen.insert((name, labels)), "twice: {name} {labels:?}");
            assert!(!value.is_nan(), "{name} {labels:?}");
            if name.ends_with("_total") {
                assert!(*value >= 0.0, "a counter below zero: {name} {labels:?}");
            }
        }
    }

    fn check_histograms(&self) {
        for (family, _) in self.types.iter().filter(|(_, kind)| *kind == "histogram") {
            let mut series: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
            for bucket in self.named(&format!("{family}_bucket")) {
                let mut labels = bucket.labels.clone();
                let le = number(&labels.remove("le").expect("a bucket's bound"));
                series.entry(labels).or_default().push((le, bucket.value));
            }
            for (labels, buckets) in series {
                let rising = buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
                assert!(rising, "{family} {labels:?}: {buckets:?}");
                let (last, all) = *buckets.last().expect("a bucket");
                assert_eq!(last, f64::INFINITY, "{family} {labels:?}");
                let of = |part: &str| {
                    let name = format!("{family}_{part}");
                    let mut found = self.named(&name).filter(|sample| sample.labels == labels);
                    (found.next().expect("a part").value, found.count())
                };
                assert_eq!(of("count"), (all, 0), "{family} {labels:?}");
                assert!(of("sum").0 >= 0.0, "{family} {labels:?}");
            }
        }
    }

    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    /// The sum over all series of `name` that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            labels
                .iter()
                .all(|(label, value)| sample.labels.get(*label).is_some_and(|v| v == value))
        };
        // An empty sum of floats is −0.
        self.named(name).filter(has).map(|sample| sample.value).sum::<f64>() + 0.0
    }
}

fn sample(line: &str) -> Sample {
    let name_end = line.find(['{', ' ']).expect("a name and a value");
    let (name, mut rest) = line.split_at(name_end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").expect("a label");
            assert!(is_name(label) && !label.contains(':'), "{line}");
            let (value, after) = unquoted(after);
            assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => {
                    rest = after.strip_prefix('}').expect("the end of the labels");
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').expect("a blank before the value");
    assert!(!value.contains(' '), "{line}");
    Sample { name: name.to_owned(), labels, value: number(value) }
}

/// A label's value up to its closing quote, and what comes after it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                other => panic!("escaped {other:?}"),
            },
            c => value.push(c),
        }
    }
    panic!("a label's value without an end");
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        _ => text.parse().expect("a number"),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
}
