//! Bounds agree with what other programs and exact arithmetic give.
//!
//! `fixtures/survival/bounds.json` holds the references; `tools/record_bounds.py` says
//! how each was computed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde::Deserialize;
use shutterlag::engine::bounds::{BetaProduct, Bounds, Sample, clopper_pearson, mid_p, wilson};

#[derive(Deserialize)]
struct Recorded {
    effective: Vec<Effective>,
    shares: Vec<Share>,
    curves: Vec<Curve>,
}

#[derive(Deserialize)]
struct Effective {
    /// Sizes of incidents, and how many of that size follow each other.
    sizes: Vec<(u64, usize)>,
    effective: f64,
    incidents: u64,
}

#[derive(Deserialize)]
struct Share {
    share: f64,
    number: f64,
    clopper_pearson: (f64, f64),
    mid_p: (f64, f64),
    wilson: (f64, f64),
}

#[derive(Deserialize)]
struct Curve {
    name: String,
    weight: f64,
    steps: Vec<(f64, f64, f64)>,
    bounds: (f64, f64),
    mid_p: (f64, f64),
    error: f64,
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("../fixtures/survival/bounds.json")).unwrap()
}

fn close(ours: Bounds, theirs: (f64, f64), tolerance: f64) -> bool {
    (ours.low - theirs.0).abs() <= tolerance && (ours.high - theirs.1).abs() <= tolerance
}

#[test]
fn effective_numbers_are_those_of_exact_fractions() {
    for set in recorded().effective {
        let sizes = set.sizes.iter().flat_map(|(size, often)| std::iter::repeat_n(*size, *often));
        let ours = Sample::of_sizes(sizes);
        assert!(
            (ours.effective / set.effective - 1.0).abs() < 1e-14,
            "{ours:?}, not {}",
            set.effective
        );
        assert_eq!(ours.incidents, set.incidents);
    }
}

#[test]
fn bounds_of_shares_are_those_of_scipy() {
    let shares = recorded().shares;
    assert!(shares.len() > 50);
    for Share { share, number, clopper_pearson: exact, mid_p: mid, wilson: approximate } in shares {
        for (ours, theirs) in [
            (clopper_pearson(share, number), exact),
            (mid_p(share, number), mid),
            (wilson(share, number), approximate),
        ] {
            let ours = ours.unwrap();
            assert!(close(ours, theirs, 1e-9), "{share} of {number}: {ours:?}, not {theirs:?}");
        }
    }
}

/// The law of the product is drawn, while ours has its first two moments. What two
/// moments leave out is less than 0.02 with heavy censoring of few, and less than 0.001
/// with thousands.
#[test]
fn bounds_of_curves_are_those_of_the_drawn_product() {
    for Curve { name, weight, steps, bounds, mid_p, error } in recorded().curves {
        let (mut product, mut left) = (BetaProduct::new(), 0.0);
        for (at_risk, events, censored) in steps {
            product.events(at_risk * weight, events * weight);
            left = (at_risk - events - censored) * weight;
        }
        let apart = if name == "thousands" { 0.001 } else { 0.02 } + 4.0 * error;
        for (ours, theirs) in
            [(product.survival(left), bounds), (product.survival_mid_p(left), mid_p)]
        {
            assert!(close(ours, theirs, apart), "{name}: {ours:?}, not {theirs:?}");
        }
    }
}
