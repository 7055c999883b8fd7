//! Whether and when to try again after a session has ended with a fault.

use super::stages::Fault;
use crate::time::Span;

const PAUSE_FIRST: Span = Span::from_millis(250);
const PAUSE_MAX_MS: i64 = 10_000;
/// Doubtful faults in a row that may still pass.
const DOUBTS_MAX: u32 = 3;
/// A session that lasted longer shows that the faults before it have passed.
const LASTED: Span = Span::from_secs(60);

/// The pauses between sessions: each is twice as long as the one before.
#[derive(Debug)]
pub(super) struct Retry {
    pause: Span,
    doubts: u32,
}

impl Retry {
    pub(super) const fn new() -> Retry {
        Retry { pause: PAUSE_FIRST, doubts: 0 }
    }

    /// Why the session ended that lasted so long, and how long to wait before the next one.
    ///
    /// # Errors
    /// The fault lasts, or was doubtful too often.
    pub(super) fn after(&mut self, fault: Fault, lasted: Span) -> Result<(String, Span), Fault> {
        let why = match fault {
            Fault::Passing(why) => why,
            Fault::Doubtful(why) if self.doubts < DOUBTS_MAX => {
                self.doubts += 1;
                why
            }
            Fault::Doubtful(why) | Fault::Lasting(why) => return Err(Fault::Lasting(why)),
        };
        if lasted > LASTED {
            *self = Retry::new();
        }
        let pause = self.pause;
        self.pause = Span::from_millis((pause.as_millis() * 2).min(PAUSE_MAX_MS));
        Ok((why, pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(retry: &mut Retry, fault: fn(String) -> Fault, lasted: Span) -> Option<i64> {
        let after = retry.after(fault("why".to_owned()), lasted);
        after.ok().map(|(_, pause)| pause.as_millis())
    }

    #[test]
    fn pauses_grow_up_to_a_bound_and_begin_anew_after_a_long_session() {
        let mut retry = Retry::new();
        let pauses = (0..8).map(|_| after(&mut retry, Fault::Passing, Span::ZERO).unwrap());
        let pauses: Vec<i64> = pauses.collect();
        assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        assert_eq!(after(&mut retry, Fault::Passing, Span::from_secs(61)), Some(250));
    }

    #[test]
    fn a_doubtful_fault_lasts_when_it_comes_again_and_again() {
        let mut retry = Retry::new();
        for pause in [250, 500, 1_000] {
            assert_eq!(after(&mut retry, Fault::Doubtful, Span::ZERO), Some(pause));
        }
        assert_eq!(after(&mut retry, Fault::Doubtful, Span::ZERO), None);
        assert_eq!(after(&mut Retry::new(), Fault::Lasting, Span::ZERO), None);
    }
}
