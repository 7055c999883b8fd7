//! How sure a figure is: 95 % bounds that know which observations belong together.
//!
//! Invariants: bounds lie in [0, 1] and enclose their figure; where nothing was
//! observed there are none; nothing here is NaN or infinite; the result depends on
//! its arguments alone, to the last bit.
//!
//! Windows of one incident (one commit with two hundred keys) share their fate, so
//! they are no two hundred observations. [`Sample`] counts windows and incidents and
//! gives Kish's effective number; every bound here takes that number in place of
//! the number of windows. Which bound is used at which effective number was chosen
//! by simulated coverage: `cargo run --release --example bounds_coverage`.

mod beta;
mod product;
mod sample;
mod share;

pub use beta::{beta_cdf, beta_quantile};
pub use product::BetaProduct;
pub use sample::{Sample, Sizes};
pub use share::{Bounds, Method, clopper_pearson, difference, mid_p, share_bounds, wilson};
