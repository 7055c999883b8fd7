//! How many independent observations some windows are worth.

use serde::Serialize;

/// Windows, the incidents they belong to, and what they are worth together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Windows.
    pub windows: u64,
    /// Incidents that they belong to.
    pub incidents: u64,
    /// Kish's effective number `(Σ m)² / Σ m²` over the incidents' numbers `m` of
    /// windows (Kish 1965, *Survey Sampling*, with windows of one incident taken to
    /// share their fate). The number of windows where each is an incident of its own.
    pub effective: f64,
}

impl Sample {
    /// Windows that have nothing to do with each other.
    pub const fn single(windows: u64) -> Sample {
        Sample { windows, incidents: windows, effective: windows as f64 }
    }

    /// From the numbers of windows in each incident.
    pub fn of_sizes(sizes: impl IntoIterator<Item = u64>) -> Sample {
        let (mut windows, mut incidents, mut squares) = (0_u64, 0_u64, 0_u128);
        for size in sizes.into_iter().filter(|size| *size > 0) {
            windows = windows.saturating_add(size);
            incidents += 1;
            squares = squares.saturating_add(u128::from(size) * u128::from(size));
        }
        let effective = match squares {
            0 => 0.0,
            // Exact for up to 2⁵³ windows; with each its own incident it is their number.
            squares => windows as f64 * (windows as f64 / squares as f64),
        };
        Sample { windows, incidents, effective }
    }

    /// What a window counts for: the effective number over the number of windows.
    /// One where nothing was observed.
    pub fn weight(&self) -> f64 {
        if self.windows == 0 { 1.0 } else { self.effective / self.windows as f64 }
    }
}

/// Collects the incidents of windows, 4 bytes each.
#[derive(Clone, Debug, Default)]
pub struct Sizes(Vec<u32>);

impl Sizes {
    /// Nothing yet.
    pub fn new() -> Sizes {
        Sizes::default()
    }

    /// Takes in one window of an incident, by the incident's number.
    pub fn add(&mut self, incident: u32) {
        self.0.push(incident);
    }

    /// Takes in all that another took in.
    pub fn merge(&mut self, other: &Sizes) {
        self.0.extend_from_slice(&other.0);
    }

    /// What the windows are worth.
    pub fn sample(mut self) -> Sample {
        if !self.0.is_sorted() {
            self.0.sort_unstable();
        }
        Sample::of_sizes(self.0.chunk_by(|a, b| a == b).map(|run| run.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_windows_count_in_full_and_one_incident_counts_once() {
        assert_eq!(Sample::of_sizes([1; 40]), Sample::single(40));
        let million = Sample::of_sizes([1_000_000]);
        assert_eq!((million.windows, million.incidents, million.effective), (1_000_000, 1, 1.0));
        assert_eq!(million.weight(), 1e-6);
        // 99 single ones and one of 200: 299² / (99 + 40,000).
        let commit = Sample::of_sizes(std::iter::repeat_n(1, 99).chain([200]));
        assert!((commit.effective - 89_401.0 / 40_099.0).abs() < 1e-12, "{commit:?}");
        assert_eq!(Sample::of_sizes([]), Sample::default());
        assert_eq!(Sample::default().weight(), 1.0);
    }

    #[test]
    fn sizes_are_counted_whatever_their_order() {
        let mut sizes = Sizes::new();
        [7, 1, 7, 3, 7].into_iter().for_each(|incident| sizes.add(incident));
        let mut twice = sizes.clone();
        twice.merge(&sizes);
        assert_eq!(sizes.sample(), Sample::of_sizes([3, 1, 1]));
        assert_eq!(twice.sample(), Sample::of_sizes([6, 2, 2]));
        assert_eq!(Sizes::new().sample(), Sample::default());
    }
}
