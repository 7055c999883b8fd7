//! Property tests whose cases can be drawn again.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// At least `least` cases; `PROPTEST_CASES` can ask for more. Prints the seed, which a test
/// that fails shows: `PROPTEST_RNG_SEED` with this number draws the same cases again.
pub(crate) fn cases(least: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let seed = match default.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => getrandom::u64().unwrap_or_default(),
    };
    println!("PROPTEST_RNG_SEED={seed}");
    ProptestConfig {
        cases: default.cases.max(least),
        // Many cases have many that are left out.
        max_global_rejects: default.max_global_rejects.max(2 * default.cases),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..default
    }
}
