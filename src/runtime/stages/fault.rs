//! Why a stage, or whatever runs it, cannot go on.

use std::fmt;

/// What went wrong, by what has to happen next. The text names the remedy where
/// somebody has to act.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It may pass: drop everything that is not committed, and start again from what is.
    Passing(String),
    /// The same, but it counts as lasting if it comes again and again.
    Doubtful(String),
    /// Somebody has to do something first.
    Lasting(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Fault::Passing(why) | Fault::Doubtful(why) | Fault::Lasting(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for Fault {}
