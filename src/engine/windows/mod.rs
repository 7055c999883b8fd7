//! Stage 1: events to exposure windows, keyed by workflow and credential.
//!
//! Invariants: the windows are a function of the set of events, whatever their
//! order and however often each came; what is held of a credential is one run
//! of bytes with its events, and windows are derived from it when they are
//! asked for, never kept beside it; every event that comes in is counted once.

mod bounds;
mod changing;
mod checkpoint;
mod digest;
mod fold;
mod former;
mod formers;
mod hearing;
mod incoming;
mod judged;
mod live;
mod log;
mod looks;
mod milestones;
mod moved;
mod order;
mod read;
mod repeats;
mod reported;
mod settled;
mod standing;
mod state;
mod store;
mod texts;
mod timers;
mod unjoined;
mod unsaved;
mod window;

pub use self::bounds::Bounds;
pub use self::checkpoint::{RestoreError, checkpoint_key};
pub use self::former::Remembered;
pub use self::log::Key;
pub use self::milestones::Milestones;
pub use self::moved::Released;
pub use self::read::{Part, Unplaced, View};
pub use self::standing::{Awaiting, Standing, Standings};
pub use self::store::{Counts, Windows};
pub use self::unjoined::Unjoined;
pub use self::window::{Advice, Clock, Decision, ExposureId, Stage, State, Truth, Usable, Window};
