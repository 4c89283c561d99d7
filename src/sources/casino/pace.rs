//! How many records each hour gets: the brands' days and nights, scaled to the wanted total.

use super::calendar::{HOUR_MS, Zone};
use super::chance::Chance;
use super::house::BRANDS;

/// The last hours of the last day get no new sessions, so that the open ones end within it.
const HOURS_TO_CLOSE: i64 = 2;

/// Hands out the hours one after the other.
pub(super) struct Pace {
    start_ms: i64,
    hour: i64,
    events: u64,
    /// The appetite of all hours so far and of all there are.
    eaten: u128,
    appetite: u128,
    /// Players of each brand.
    sizes: [u64; BRANDS.len()],
}

/// One hour to fill.
pub(super) struct Hour {
    pub(super) start_ms: i64,
    /// How many records there should be at its end.
    pub(super) target: u64,
    weights: [u64; BRANDS.len()],
}

impl Hour {
    /// The brand of the next session.
    pub(super) fn brand(&self, chance: &mut Chance) -> usize {
        let mut lot = chance.below(self.weights.iter().sum::<u64>());
        for (brand, weight) in self.weights.iter().enumerate() {
            if lot < *weight {
                return brand;
            }
            lot -= weight;
        }
        0
    }
}

impl Pace {
    /// `events` records over `days` from `start_ms`, for brands of `sizes` players.
    pub(super) fn new(start_ms: i64, days: u32, events: u64, sizes: [u64; BRANDS.len()]) -> Self {
        let hours = (i64::from(days.max(1)) * 24 - HOURS_TO_CLOSE).max(1);
        let mut pace = Self { start_ms, hour: 0, events, eaten: 0, appetite: 0, sizes };
        pace.appetite = (0..hours).map(|hour| pace.appetite_of(hour)).sum();
        pace
    }

    /// Up to when sessions have been planned.
    pub(super) fn planned_until_ms(&self) -> i64 {
        self.start_ms + self.hour * HOUR_MS
    }

    /// The next hour. After the last one the target stays the total.
    pub(super) fn next_hour(&mut self) -> Hour {
        self.eaten += self.appetite_of(self.hour);
        let eaten = self.eaten.min(self.appetite);
        let target = u128::from(self.events) * eaten / self.appetite;
        let hour = Hour { start_ms: self.planned_until_ms(), target: target as u64, weights: self.weights(self.hour) };
        self.hour += 1;
        hour
    }

    fn appetite_of(&self, hour: i64) -> u128 {
        u128::from(self.weights(hour).iter().sum::<u64>())
    }

    fn weights(&self, hour: i64) -> [u64; BRANDS.len()] {
        let zones: [Zone; BRANDS.len()] = BRANDS.each_ref().map(|brand| brand.zone);
        let mut weights = self.sizes;
        for (weight, zone) in weights.iter_mut().zip(zones) {
            *weight *= zone.appetite(self.start_ms + hour * HOUR_MS);
        }
        weights
    }
}
