//! Planted cases as a test of sight: how well right and wrong advice are told apart.
//!
//! Invariants: every figure is `None` rather than a guess where there is nothing to
//! divide; the figures are of the cases with known truth alone.
//!
//! A *signal* is a case in which the AI was wrong, a *hit* a challenge to it.
//! `H = (hits + ½)/(signals + 1)` and `F = (false alarms + ½)/(others + 1)` (Hautus
//! 1995), `d′ = z(H) − z(F)`, `c = −½(z(H) + z(F))` (Green and Swets 1966); bounds are
//! those of Wilson (1927).

use serde::{Deserialize, Serialize};

use crate::engine::bounds::wilson;
use crate::event::words;

/// Cases of one reviewer whose right answer is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trials {
    /// The AI was wrong.
    pub signals: u32,
    /// … and was challenged.
    pub hits: u32,
    /// The AI was right.
    pub others: u32,
    /// … and was challenged all the same.
    pub false_alarms: u32,
}

/// Cases of one kind, below which nothing is read into the figures.
const READ_FROM: u32 = 10;
/// `d′` below which right and wrong advice are hardly told apart.
const BLIND_BELOW: f64 = 0.5;
/// `c` above which the reviewer leans far towards agreeing.
const LENIENT_ABOVE: f64 = 0.5;

words! {
    /// What the figures suggest is missing; never what kind of person it is.
    Reading {
        /// Right and wrong are told apart, and said.
        Sound = "sound",
        /// Told apart but rarely said, by a reviewer who has no time to read.
        NoTime = "no_time",
        /// Told apart but rarely said, by a reviewer who has the time.
        NoAuthority = "no_authority",
        /// Not told apart: what one would need to know is not there.
        NoContext = "no_context",
    }
}

/// The figures of some trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// The rate of hits, as counted.
    pub hit_rate: Option<f64>,
    /// Its lower 95 % bound.
    pub hit_rate_low: Option<f64>,
    /// Its upper 95 % bound.
    pub hit_rate_high: Option<f64>,
    /// Sensitivity: how well right and wrong are told apart.
    pub d_prime: Option<f64>,
    /// Criterion: above zero it leans towards agreeing.
    pub criterion: Option<f64>,
    /// What that suggests, with enough trials.
    pub reading: Option<Reading>,
}

impl std::ops::AddAssign for Trials {
    fn add_assign(&mut self, other: Trials) {
        let Trials { signals, hits, others, false_alarms } = other;
        self.signals = self.signals.saturating_add(signals);
        self.hits = self.hits.saturating_add(hits);
        self.others = self.others.saturating_add(others);
        self.false_alarms = self.false_alarms.saturating_add(false_alarms);
    }
}

impl Trials {
    /// Takes in one case.
    pub fn add(&mut self, wrong: bool, challenged: bool) {
        let (all, some) = if wrong {
            (&mut self.signals, &mut self.hits)
        } else {
            (&mut self.others, &mut self.false_alarms)
        };
        *all = all.saturating_add(1);
        *some = some.saturating_add(u32::from(challenged));
    }

    /// The figures; `hasty` is whether the reviewer takes less time than reading needs
    /// more often than allowed.
    pub fn sight(&self, hasty: bool) -> Sight {
        let rate = f64::from(self.hits) / f64::from(self.signals.max(1));
        let bounds = wilson(rate, self.signals.into());
        let both = self.signals > 0 && self.others > 0;
        let z =
            |some: u32, all: u32| normal_quantile((f64::from(some) + 0.5) / (f64::from(all) + 1.0));
        let (h, f) = (z(self.hits, self.signals), z(self.false_alarms, self.others));
        let (d_prime, criterion) = (h - f, -0.5 * (h + f));
        let enough = self.signals >= READ_FROM && self.others >= READ_FROM;
        let reading = || match (d_prime < BLIND_BELOW, criterion > LENIENT_ABOVE, hasty) {
            (true, _, _) => Reading::NoContext,
            (false, false, _) => Reading::Sound,
            (false, true, true) => Reading::NoTime,
            (false, true, false) => Reading::NoAuthority,
        };
        Sight {
            hit_rate: (self.signals > 0).then(|| f64::from(self.hits) / f64::from(self.signals)),
            hit_rate_low: bounds.map(|bounds| bounds.low),
            hit_rate_high: bounds.map(|bounds| bounds.high),
            d_prime: both.then_some(d_prime),
            criterion: both.then_some(criterion),
            reading: enough.then(reading),
        }
    }
}

/// The point below which a share `p` of the standard normal law lies: algorithm
/// AS 241 (Wichura 1988), exact to about one part in 10¹⁶, for `0 < p < 1`.
#[expect(clippy::excessive_precision, reason = "the constants as published")]
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_608_0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ];
    const B: [f64; 8] = [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561_0e3,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ];
    let ratio = |above: &[f64; 8], below: &[f64; 8], x: f64| {
        let at = |terms: &[f64; 8]| terms.iter().rev().fold(0.0, |sum, term| sum * x + term);
        at(above) / at(below)
    };
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&A, &B, 0.180_625 - q * q);
    }
    let r = (-(p.min(1.0 - p)).ln()).sqrt();
    let z = if r <= 5.0 { ratio(&C, &D, r - 1.6) } else { ratio(&E, &F, r - 5.0) };
    z.copysign(q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Wichura's own checks.
        for (p, z) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
            (0.975, 1.959_963_984_540_054),
            (0.5, 0.0),
        ] {
            assert!((normal_quantile(p) - z).abs() < 1e-14 * (1.0 + z.abs()), "{p}");
        }
    }

    #[test]
    fn figures_and_their_reading() {
        let sight = |hits, signals, false_alarms, others, hasty| {
            Trials { signals, hits, others, false_alarms }.sight(hasty)
        };
        let none = sight(0, 0, 0, 0, false);
        assert_eq!([none.hit_rate, none.hit_rate_low, none.d_prime, none.criterion], [None; 4]);
        let all_seeded = sight(3, 5, 0, 0, false);
        assert_eq!((all_seeded.d_prime, all_seeded.reading), (None, None));
        assert_eq!(all_seeded.hit_rate, Some(0.6));
        // H = 18.5/21, F = 1.5/21: z = 1.1798 and −1.4652
        let good = sight(18, 20, 1, 20, false);
        assert!((good.d_prime.unwrap() - 2.644_994_910).abs() < 1e-8, "{good:?}");
        assert_eq!(good.reading, Some(Reading::Sound));
        assert_eq!(sight(3, 20, 0, 100, true).reading, Some(Reading::NoTime));
        assert_eq!(sight(3, 20, 0, 100, false).reading, Some(Reading::NoAuthority));
        assert_eq!(sight(1, 20, 5, 100, true).reading, Some(Reading::NoContext));
    }
}
