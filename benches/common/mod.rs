//! Input for the benches: simulated events as native JSON lines.

use shutterlag::event::Event;
use shutterlag::simulate::{Extent, Options, Simulation, write_event};

/// The lines of `count` simulated events in delivery order, without line ends.
pub(crate) fn lines(count: u64) -> Vec<Vec<u8>> {
    events(count)
        .map(|event| {
            let mut line = Vec::new();
            #[expect(clippy::expect_used, reason = "memory takes all that is written to it")]
            write_event(&event, &mut line).expect("a write to memory");
            line
        })
        .collect()
}

/// `count` simulated events in delivery order.
pub(crate) fn events(count: u64) -> impl Iterator<Item = Event<'static>> {
    let options = Options { extent: Extent::Events(count), ..Options::DEFAULT };
    #[expect(clippy::expect_used, reason = "the default options are valid")]
    Simulation::new(options).expect("default options").events()
}
