//! How many credentials may be held: the bound of several holders together.
//!
//! Invariant: a holder's bound is never lowered below what it holds.

use super::store::Windows;

/// Numbers of credentials: those that are held, or those that may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub credentials: usize,
    /// Those of which no detection has been seen.
    pub undetected: usize,
}

impl Bounds {
    /// Both added up.
    pub const fn plus(self, other: Bounds) -> Bounds {
        Bounds {
            credentials: self.credentials + other.credentials,
            undetected: self.undetected + other.undetected,
        }
    }

    /// What is left of these when `held` are taken, at most `most` of each.
    pub fn left(self, held: Bounds, most: usize) -> Bounds {
        Bounds {
            credentials: self.credentials.saturating_sub(held.credentials).min(most),
            undetected: self.undetected.saturating_sub(held.undetected).min(most),
        }
    }
}

impl Windows {
    /// How many credentials are held.
    pub fn held(&self) -> Bounds {
        Bounds { credentials: self.credentials(), undetected: self.undetected.live }
    }

    /// How many credentials may be held.
    pub fn bounds(&self) -> Bounds {
        let (credentials, undetected) =
            (self.config.credentials, self.config.undetected_credentials);
        Bounds { credentials, undetected }
    }

    /// Changes how many credentials may be held.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.config.credentials = bounds.credentials;
        self.config.undetected_credentials = bounds.undetected;
    }

    /// Whether fewer than `more` further credentials may be held.
    pub fn is_near_bounds(&self, more: usize) -> bool {
        let left = self.bounds().left(self.held(), more);
        left.credentials < more || left.undetected < more
    }
}
