//! What planted cases can tell at the best: the exact law of the number of planted cases until
//! somebody who misses half of them is named, by these rules and by the best ones there are.
//!
//! After `n` cases, `m` of them missed, the evidence is known. So the law follows from all
//! paths of `(n, m)` that have not reached the threshold yet.

use shutterlag::engine::oversight::{Rules, Signal};

/// Planted cases within which half of them missed should be found.
const BAR: usize = 20;
/// The share that is missed.
const MISSED: f64 = 0.5;
/// Cases after which nothing more is looked at.
const CASES_MAX: usize = 400;

/// Evidence as a weighted mean of likelihood ratios.
struct Bets {
    weight: f64,
    /// The logarithms of the factors of a caught and of a missed case, by alternative.
    logs: Vec<[f64; 2]>,
}

impl Bets {
    /// Those of the rules.
    fn of(rules: &Rules) -> Bets {
        let weight = rules.config().weights()[Signal::Seeded as usize];
        let factors = rules.factors(Signal::Seeded).unwrap();
        let logs = factors.logs(false).zip(factors.logs(true));
        let logs = logs.map(|(caught, missed)| [caught.unwrap(), missed.unwrap()]);
        Bets { weight, logs: logs.collect() }
    }

    /// The best there are against somebody who misses half: nothing else has any weight, and
    /// the rate is known.
    fn best(null: f64) -> Bets {
        let logs = [((1.0 - MISSED) / (1.0 - null)).ln(), (MISSED / null).ln()];
        Bets { weight: 1.0, logs: vec![logs] }
    }

    fn e_value(&self, cases: usize, missed: usize) -> f64 {
        let caught = (cases - missed) as f64;
        let product = |[no, yes]: &[f64; 2]| (missed as f64 * yes + caught * no).exp();
        self.weight * self.logs.iter().map(product).sum::<f64>() / self.logs.len() as f64
    }

    /// The chance of having reached `needed` after each number of cases, if `rate` of them
    /// are missed.
    fn reached(&self, needed: f64, rate: f64) -> Vec<f64> {
        let mut below = vec![1.0];
        let (mut all, mut reached) = (0.0, vec![0.0]);
        for cases in 1..=CASES_MAX {
            let mut next = vec![0.0; cases + 1];
            for (missed, chance) in below.iter().enumerate() {
                next[missed] += chance * (1.0 - rate);
                next[missed + 1] += chance * rate;
            }
            for (missed, chance) in next.iter_mut().enumerate() {
                if self.e_value(cases, missed) >= needed {
                    all += std::mem::take(chance);
                }
            }
            below = next;
            reached.push(all);
        }
        reached
    }
}

/// Prints the table.
pub(crate) fn planted(rules: &Rules) {
    let null = rules.factors(Signal::Seeded).unwrap().null();
    let alpha = rules.config().alpha;
    let (ours, best) = (Bets::of(rules), Bets::best(null));
    println!("### What planted cases can tell\n");
    println!(
        "Exact, for one who misses half of them while {:.0} % are allowed; nobody else is named, and no other signal \
         speaks.\n",
        100.0 * null
    );
    println!(
        "| people with a decision | median of cases until named | named within {BAR} | 90 % named within | the best \
         e-value: median | … within {BAR} | no rule can exceed | at the allowed rate, ever named in \
         {CASES_MAX} |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for people in [1, 3, 6, 20] {
        let needed = f64::from(people) / alpha;
        let (law, bound) = (ours.reached(needed, MISSED), best.reached(needed, MISSED));
        let first = |law: &[f64], share: f64| {
            let at = law.iter().position(|reached| *reached >= share);
            at.map_or("more".to_owned(), |at| at.to_string())
        };
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        println!(
            "| {people} | {} | {} | {} | {} | {} | {} | {:.2} % |",
            first(&law, 0.5),
            percent(law[BAR]),
            first(&law, 0.9),
            first(&bound, 0.5),
            percent(bound[BAR]),
            percent(most(null, alpha / f64::from(people))),
            100.0 * ours.reached(needed, null)[CASES_MAX],
        );
    }
    println!();
}

/// The most that any rule can reach by the last case that errs with at most `level` at the
/// allowed rate: the power of the test of Neyman and Pearson, which looks once, and where the
/// count is on its edge throws dice.
fn most(null: f64, level: f64) -> f64 {
    let (mut error, mut power) = (0.0, 0.0);
    for missed in (0..=BAR).rev() {
        let chance = binomial(missed, null);
        let share = ((level - error) / chance).min(1.0);
        (error, power) = (error + share * chance, power + share * binomial(missed, MISSED));
        if share < 1.0 {
            break;
        }
    }
    power
}

/// The chance of `k` misses in as many cases as the bar has.
fn binomial(k: usize, rate: f64) -> f64 {
    let ways: f64 = (0..k).map(|at| (BAR - at) as f64 / (at + 1) as f64).product();
    ways * rate.powi(k as i32) * (1.0 - rate).powi((BAR - k) as i32)
}
