//! The steps of the fault harness, and how often each comes.

use crate::harness::dice::Dice;

/// A step of the harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Kill an instance at some moment of its work, and start it again.
    Kill,
    /// Kill an instance right after it was started, and start it again.
    KillWhileStarting,
    /// Kill an instance and let its session run out before it comes again.
    KillForLong,
    /// Kill all instances at once.
    KillAll,
    /// Ask an instance to stop, and start it again.
    Restart,
    /// Start one more instance.
    Join,
    /// Ask an instance to stop, for good.
    Leave,
    /// Freeze an instance for longer than its session, then let it go on.
    Freeze,
    /// Stop a broker and start it again. Of several, another leads its partitions meanwhile.
    StopBroker,
    /// Kill a broker and start it again.
    KillBroker,
    /// Freeze a broker, then let it go on.
    FreezeBroker,
    /// Leave a broker no room on its disk, then make room and start it again.
    FillDisk,
}

/// With one broker. The weights say how many of a hundred are of each kind.
pub(crate) const WITH_ONE_BROKER: &[(usize, Step)] = &[
    (34, Step::Kill),
    (18, Step::KillWhileStarting),
    (5, Step::KillForLong),
    (8, Step::KillAll),
    (8, Step::Restart),
    (9, Step::Join),
    (6, Step::Leave),
    (4, Step::Freeze),
    (4, Step::StopBroker),
    (4, Step::KillBroker),
];

/// With a cluster.
pub(crate) const WITH_A_CLUSTER: &[(usize, Step)] = &[
    (28, Step::Kill),
    (14, Step::KillWhileStarting),
    (3, Step::KillForLong),
    (6, Step::KillAll),
    (5, Step::Restart),
    (8, Step::Join),
    (5, Step::Leave),
    (3, Step::Freeze),
    (7, Step::StopBroker),
    (9, Step::KillBroker),
    (7, Step::FreezeBroker),
    (5, Step::FillDisk),
];

/// What befalls brokers.
pub(crate) const OF_BROKERS: [Step; 4] =
    [Step::StopBroker, Step::KillBroker, Step::FreezeBroker, Step::FillDisk];

/// Draws a step.
pub(crate) fn draw(dice: &mut Dice, steps: &[(usize, Step)]) -> Step {
    let mut at = dice.below(steps.iter().map(|(weight, _)| weight).sum());
    for (weight, step) in steps {
        match at.checked_sub(*weight) {
            Some(left) => at = left,
            None => return *step,
        }
    }
    unreachable!("the weights add up to the number of sides")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_every_kind_is_drawn() {
        for steps in [WITH_ONE_BROKER, WITH_A_CLUSTER] {
            assert_eq!(steps.iter().map(|(weight, _)| weight).sum::<usize>(), 100);
            let mut dice = Dice(1);
            let drawn: Vec<Step> = (0..1_000).map(|_| draw(&mut dice, steps)).collect();
            for (weight, step) in steps {
                let count = drawn.iter().filter(|drawn| *drawn == step).count();
                assert!((weight * 5..weight * 20).contains(&count), "{step:?}: {count} of 1000");
            }
        }
    }
}
