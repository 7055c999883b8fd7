//! What can be asked of a simulation, checked before it starts.
//!
//! Invariants: options that passed [`Options::check`] cannot make the simulation
//! leave the years 2000 to 2100, grow without bound or fail to end.

use std::fmt;

use serde::Serialize;

use crate::time::{Span, Timestamp};

/// How much to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// Exactly this many event lines. Redeliveries count, malformed lines do not.
    Events(u64),
    /// Everything that is delivered within this many days.
    Days(u32),
}

/// A simulated organisation and the faults of its event stream. All fractions
/// lie between 0 and 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Options {
    /// The seed of all random numbers.
    pub seed: u64,
    /// How much to generate.
    pub extent: Extent,
    /// When the observation of the organisation begins.
    pub start: Timestamp,
    /// How many people review.
    pub reviewers: u32,
    /// Exposure windows per day, averaged over a week; `None` for
    /// [`Options::WINDOWS_PER_REVIEWER`] for each reviewer.
    pub windows_per_day: Option<u32>,
    /// Share of advice that is right; seeded cases do not count.
    pub ai_accuracy: f64,
    /// Share of event lines that are exact redeliveries.
    pub duplicates: f64,
    /// Share of events that are held up on their way, mostly below 10 minutes.
    pub disorder: f64,
    /// Share of the held-up events that take 10 minutes to 6 hours.
    pub late: f64,
    /// Share of windows in which one system's clock is wrong by 15 s to 5 min.
    pub skew: f64,
    /// Share of closed windows whose credential leaks again.
    pub re_leaks: f64,
    /// Share of windows that are detected again before they close.
    pub repeats: f64,
    /// Share of public exposures that the provider quarantines by itself.
    pub quarantine: f64,
    /// Share of public exposures that an attacker finds.
    pub attacked: f64,
    /// Share of successful attacker uses that are noticed.
    pub observed: f64,
    /// Share of windows planted with advice that is wrong on purpose.
    pub seeded: f64,
    /// Share of the other windows whose right answer becomes known later.
    pub revealed: f64,
    /// Share of windows that nobody ever decides.
    pub undecided: f64,
    /// Share of decisions to act that are never carried out.
    pub uncontained: f64,
    /// Share of windows in which the AI acts before any person decided.
    pub ai_first: f64,
    /// Share of all lines that are malformed.
    pub garbage: f64,
    /// Share of newly leaked secrets that are commits which expose several at once.
    pub incidents: f64,
    /// Share of reviewers who hand on what they doubt instead of rejecting it.
    pub juniors: f64,
    /// Share of cases that go to a specialist of their workflow, if one is at work.
    pub specialists: f64,
    /// Days after which another model gives the advice.
    pub upgrade_after: u32,
    /// Share of that model's advice that is right; seeded cases do not count.
    pub upgraded_accuracy: f64,
    /// Share of reviews in which the AI advises again just before the decision.
    pub reruns: f64,
    /// Share of undecided cases outside `secret_exposure` that their source withdraws.
    pub withdrawn: f64,
}

/// An option that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// The option's name on the command line.
    pub option: &'static str,
    /// What its value must be.
    pub must: &'static str,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{} must {}", self.option, self.must)
    }
}

impl std::error::Error for OptionError {}

impl Options {
    /// Windows per reviewer and day unless asked otherwise.
    pub const WINDOWS_PER_REVIEWER: u32 = 60;
    /// Most people that one organisation can have.
    pub const REVIEWERS_MAX: u32 = 10_000;
    /// Most windows per day.
    pub const WINDOWS_PER_DAY_MAX: u32 = 10_000_000;
    /// Monday, 5 January 2026, midnight UTC.
    pub const START: Timestamp = Timestamp::from_millis(1_767_571_200_000);

    /// The defaults: 100 000 events of an organisation with 24 reviewers.
    pub const DEFAULT: Options = Options {
        seed: 1,
        extent: Extent::Events(100_000),
        start: Options::START,
        reviewers: 24,
        windows_per_day: None,
        ai_accuracy: 0.92,
        duplicates: 0.02,
        disorder: 0.05,
        late: 0.02,
        skew: 0.01,
        re_leaks: 0.05,
        repeats: 0.15,
        quarantine: 0.20,
        attacked: 0.60,
        observed: 0.50,
        seeded: 0.03,
        revealed: 0.08,
        undecided: 0.20,
        uncontained: 0.08,
        ai_first: 0.005,
        garbage: 0.0,
        incidents: 0.01,
        juniors: 0.15,
        specialists: 0.30,
        upgrade_after: 7,
        upgraded_accuracy: 0.95,
        reruns: 0.05,
        withdrawn: 0.20,
    };

    /// Windows per day, averaged over a week.
    pub fn windows_per_day(&self) -> u32 {
        self.windows_per_day
            .unwrap_or_else(|| self.reviewers.saturating_mul(Options::WINDOWS_PER_REVIEWER))
    }

    /// When the other model takes over.
    pub(super) fn upgraded_at(&self) -> Timestamp {
        // More than a century makes no difference.
        self.start + days_span(i64::from(self.upgrade_after.min(36_500)))
    }

    /// The end of delivery, when it is given in days.
    pub(super) fn end(&self) -> Option<Timestamp> {
        match self.extent {
            Extent::Events(_) => None,
            Extent::Days(days) => Some(self.start + days_span(i64::from(days))),
        }
    }

    /// Refuses what cannot be simulated.
    ///
    /// # Errors
    /// The first option whose value is out of its range.
    pub fn check(&self) -> Result<(), OptionError> {
        for (option, value) in self.fractions() {
            if !(0.0..=1.0).contains(&value) {
                return Err(OptionError { option, must: "lie between 0 and 1" });
            }
        }
        // Near 1, a single event would lead to redeliveries or malformed lines without end.
        for (option, value) in [("duplicates", self.duplicates), ("garbage", self.garbage)] {
            if value > 0.5 {
                return Err(OptionError { option, must: "be at most 0.5" });
            }
        }
        if !(1..=Options::REVIEWERS_MAX).contains(&self.reviewers) {
            return Err(OptionError { option: "reviewers", must: "lie between 1 and 10000" });
        }
        if !(1..=Options::WINDOWS_PER_DAY_MAX).contains(&self.windows_per_day()) {
            return Err(OptionError {
                option: "windows-per-day",
                must: "lie between 1 and 10000000",
            });
        }
        // Half a year remains on both sides, for commit times before the start and for truths
        // that become known after the end.
        let room = days_span(183);
        if self.start.since(Timestamp::MIN) < room || Timestamp::MAX.since(self.start) < room {
            return Err(OptionError { option: "start", must: "lie between mid-2000 and mid-2100" });
        }
        // On average, an undecided window has about two events and any other at least three and
        // a half; the rest is reserve.
        let per_window = 1.5 + 1.5 * (1.0 - self.undecided);
        let per_day = per_window * f64::from(self.windows_per_day());
        let (option, days) = match self.extent {
            Extent::Days(days) => ("days", u64::from(days)),
            Extent::Events(events) => ("events", (events as f64 / per_day) as u64),
        };
        let days = i64::try_from(days).unwrap_or(i64::MAX).min(100_000);
        if Timestamp::MAX.since(self.start) < days_span(days) + room {
            return Err(OptionError { option, must: "end before mid-2100" });
        }
        Ok(())
    }

    fn fractions(&self) -> [(&'static str, f64); 22] {
        [
            ("ai-accuracy", self.ai_accuracy),
            ("duplicates", self.duplicates),
            ("disorder", self.disorder),
            ("late", self.late),
            ("skew", self.skew),
            ("re-leaks", self.re_leaks),
            ("repeats", self.repeats),
            ("quarantine", self.quarantine),
            ("attacked", self.attacked),
            ("observed", self.observed),
            ("seeded", self.seeded),
            ("revealed", self.revealed),
            ("undecided", self.undecided),
            ("uncontained", self.uncontained),
            ("ai-first", self.ai_first),
            ("garbage", self.garbage),
            ("incidents", self.incidents),
            ("juniors", self.juniors),
            ("specialists", self.specialists),
            ("upgraded-accuracy", self.upgraded_accuracy),
            ("reruns", self.reruns),
            ("withdrawn", self.withdrawn),
        ]
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::DEFAULT
    }
}

fn days_span(days: i64) -> Span {
    Span::from_mins(days * 24 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be_simulated() {
        let refused = |change: fn(&mut Options)| {
            let mut options = Options::DEFAULT;
            change(&mut options);
            options.check().map_err(|error| error.option)
        };
        assert_eq!(refused(|_| ()), Ok(()));
        assert_eq!(refused(|o| o.skew = 1.1), Err("skew"));
        assert_eq!(refused(|o| o.seeded = f64::NAN), Err("seeded"));
        assert_eq!(refused(|o| o.garbage = 0.6), Err("garbage"));
        assert_eq!(refused(|o| o.garbage = -0.1), Err("garbage"));
        assert_eq!(refused(|o| o.duplicates = 1.0), Err("duplicates"));
        assert_eq!(refused(|o| o.reviewers = 0), Err("reviewers"));
        assert_eq!(refused(|o| o.windows_per_day = Some(0)), Err("windows-per-day"));
        assert_eq!(refused(|o| o.start = Timestamp::MAX), Err("start"));
        assert_eq!(refused(|o| o.extent = Extent::Days(30_000)), Err("days"));
        assert_eq!(refused(|o| o.extent = Extent::Events(u64::MAX)), Err("events"));
        assert_eq!(refused(|o| o.extent = Extent::Events(100_000_000)), Ok(()));
    }
}
