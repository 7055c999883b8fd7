//! What a run takes that holds many credentials: memory, disk, and the time to start with them;
//! and what it does beyond its bound on credentials.

use super::{Run, deliveries};

/// Credentials beyond the bound.
const FURTHER: u64 = 10_000;

/// Delivers a leak of each of `count` credentials, which are as many as may be held, and then
/// some more.
pub(super) fn run(count: u64) {
    let directory = tempfile::tempdir().unwrap();
    let bound = [("SHUTTERLAG__WINDOWS__CREDENTIALS", count.to_string())];
    let run = Run::start_with(directory.path(), &bound);
    let empty = run.resident_mib();
    deliveries::batches(&run.address, count);
    let file = directory.path().join("shutterlag.db");
    let on_disk = std::fs::metadata(&file).unwrap().len() >> 20;
    println!(
        "{count} credentials: {} MiB resident ({empty} without any, {} at most), {on_disk} MiB on disk",
        run.resident_mib(),
        run.peak_mib()
    );
    assert_eq!(refused(&run), 0.0);

    deliveries::further_batches(&run.address, count, FURTHER);
    println!("{FURTHER} more: {} dead letters, {} MiB resident", refused(&run), run.resident_mib());
    assert!(run.get("/healthz").starts_with("HTTP/1.1 200"));
    drop(run);

    let began = std::time::Instant::now();
    let run = Run::start_with(directory.path(), &bound);
    println!(
        "started again after a kill: ready after {:.1} s, {} MiB resident",
        began.elapsed().as_secs_f64(),
        run.resident_mib()
    );
}

/// Events that are dead letters because a bound is reached.
fn refused(run: &Run) -> f64 {
    run.metric("shutterlag_dead_letters_total{reason=\"beyond_bound\"}")
}
