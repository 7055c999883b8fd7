//! The ledger is the same bytes whatever the number of threads that write it.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use shutterlag::config::{EngineConfig, FiguresConfig, OversightConfig, Profiles};
use shutterlag::engine::attacker::Race;
use shutterlag::engine::identity::Names;
use shutterlag::engine::oversight::Rules;
use shutterlag::engine::summary::Tally;
use shutterlag::engine::windows::{Stage, Windows};
use shutterlag::formats::Identity;
use shutterlag::metrics::Metrics;
use shutterlag::records::People;
use shutterlag::report::{Ledger, Telling, conclude};
use shutterlag::simulate::{Extent, Options, Simulation};
use shutterlag::time::Timestamp;

/// Enough for several stretches of the windows, and for findings about reviewers.
const EVENTS: u64 = 30_000;

/// Windows, alerts, findings and metrics.
fn written(windows: &Windows, telling: &Telling<'_>, threads: usize) -> [Vec<u8>; 4] {
    let metrics = Metrics::new().unwrap();
    let mut files = [const { Vec::new() }; 3];
    let [windows_file, alerts, findings] = &mut files;
    let identity = Identity::new(b"an identity key for tests").unwrap();
    let people = &mut People::pseudonyms(identity);
    let metrics_of = &metrics;
    let ledger =
        Ledger { windows: windows_file, alerts, findings, metrics: metrics_of, people, threads };
    conclude(&windows.view(), telling, Some(ledger)).unwrap();
    let [windows, alerts, findings] = files;
    [windows, alerts, findings, metrics.encode().unwrap()]
}

/// The file of a histogram, with windows counted in stretches of so many credentials.
fn log(windows: &Windows, telling: &Telling<'_>, credentials: usize) -> Vec<u8> {
    let view = windows.view();
    let tallies = view.parts(credentials).map(|part| {
        let mut tally = Tally::new();
        let _ = part.for_each(|window| tally.add(window, &telling.figure_rules(), telling.as_of));
        tally
    });
    let whole = tallies.reduce(|whole, part| {
        let mut whole = whole.as_merged();
        whole.merge(&part);
        whole
    });
    let mut file = Vec::new();
    let whole = whole.unwrap().as_merged();
    let (stage, from) = (Stage::TimeToReview, Timestamp::MIN);
    whole.histogram(stage).write_log(&mut file, stage.as_str(), from, telling.as_of).unwrap();
    file
}

#[test]
fn the_ledger_is_the_same_on_one_thread_and_on_several() {
    let mut windows = Windows::new(EngineConfig { keep_settled: true, ..EngineConfig::default() });
    let options =
        Options { seed: 11, ai_first: 0.1, extent: Extent::Events(EVENTS), ..Options::DEFAULT };
    let mut as_of = Timestamp::MIN;
    for event in Simulation::new(options).unwrap().events() {
        as_of = as_of.max(event.time);
        let _ = windows.handle(&event);
    }
    assert!(windows.credentials() > 3 * 1024, "several stretches");
    let telling = Telling {
        race: &Race::default(),
        profiles: &Profiles::default(),
        oversight: &Rules::new(OversightConfig::default()).unwrap(),
        figures: &FiguresConfig::default(),
        as_of,
        settle: None,
        names: &Names::default(),
    };
    let one = written(&windows, &telling, 1);
    assert!(one.iter().all(|file| !file.is_empty()));
    for threads in [2, 3, 8] {
        assert!(written(&windows, &telling, threads) == one, "{threads} threads");
    }
    let whole = log(&windows, &telling, usize::MAX);
    for credentials in [7, 1024, 3000] {
        assert!(log(&windows, &telling, credentials) == whole, "{credentials} at a time");
    }
    // In the ledger's order, each window once.
    let names: Vec<String> = one[0]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap())
        .map(|record| record["exposure_id"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.is_sorted() && names.windows(2).all(|two| two[0] != two[1]));
}
