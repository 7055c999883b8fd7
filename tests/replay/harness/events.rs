//! Events to read: simulated ones, and single ones whose effect is known.

use shutterlag::simulate::{Options, Output, Simulation};

/// The lines of a simulation in order of delivery, and which of them (counted
/// from 1) are malformed.
pub(crate) fn simulated(options: Options) -> (Vec<Vec<u8>>, Vec<u64>) {
    let (mut lines, mut malformed) = (Vec::new(), Vec::new());
    for output in Simulation::new(options).unwrap() {
        match output {
            Output::Event(delivered) => lines.push(serde_json::to_vec(&delivered.event).unwrap()),
            Output::Garbage(_, bytes) => {
                lines.push(bytes);
                malformed.push(lines.len() as u64);
            }
            Output::Window(_) => {}
        }
    }
    (lines, malformed)
}

/// All lines, each ended.
pub(crate) fn ndjson(lines: &[Vec<u8>]) -> Vec<u8> {
    let mut text = lines.join(&b'\n');
    text.push(b'\n');
    text
}

/// The `n`-th good line: a detection that opens a window of its own.
pub(crate) fn detection(n: u32) -> String {
    let (minute, second) = (n / 60 % 60, n % 60);
    format!(
        r#"{{"type":"leak.detected","id":"good-{n}","time":"2026-03-02T09:{minute:02}:{second:02}Z","credential_id":"cred-{n}"}}"#
    )
}
