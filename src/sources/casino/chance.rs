//! Chance that falls the same way on every machine.
//!
//! Only integers: no `libm` function (their last bits differ between systems), no distribution of
//! another crate (they may change between versions). Fixed-point numbers here have 16 binary digits
//! after the point; [`ONE`] is 1.

/// 1 in fixed point.
pub(super) const ONE: u64 = 1 << 16;

/// How many ready-made factors a [`LogNormal`] draws from.
const FACTORS: usize = 4096;

/// The finalizer of `SplitMix64`: a bijection that scatters neighbouring numbers.
pub(super) fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// `SplitMix64` (Steele, Lea, Flood 2014): 64 bits of state, a full period, a nanosecond a draw.
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    /// The stream of draws numbered `stream` under `seed`; different streams are unrelated.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix(seed ^ mix(stream.wrapping_add(0x9e37_79b9_7f4a_7c15))) }
    }

    /// 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number in `0..limit`; `limit` is at most 2^32.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        ((self.bits() >> 32) * limit) >> 32
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }

    /// A standard normal number in fixed point: the sum of twelve uniform ones, which has
    /// variance 1 and stays within six deviations.
    fn normal(&mut self) -> i64 {
        let mut sum = 0;
        for _ in 0..3 {
            let bits = self.bits();
            for quarter in 0..4 {
                sum += ((bits >> (16 * quarter)) & 0xffff) as i64;
            }
        }
        sum - 6 * ONE as i64
    }

    /// A log-normal number with median 1 in fixed point; `spread` is the deviation of its natural
    /// logarithm in hundredths.
    pub(super) fn log_normal(&mut self, spread: i64) -> u64 {
        // 1 / ln 2 = 1.442695: from natural logarithms to powers of two.
        power_of_two(self.normal() * spread * 1_442_695 / 100_000_000)
    }
}

/// 2 to the power of `exponent`, both in fixed point, for exponents from -16 to 16.
fn power_of_two(exponent: i64) -> u64 {
    let mut power = 1_u128 << 32;
    let mut root = 2_u128 << 32;
    for place in (0..16).rev() {
        // 2^(1/2), 2^(1/4), ...: one square root per binary digit of the fraction.
        root = (root << 32).isqrt();
        if (exponent >> place) & 1 == 1 {
            power = (power * root) >> 32;
        }
    }
    let whole = exponent >> 16;
    ((power << 16) >> (32 - whole)) as u64
}

/// Log-normal factors with mean 1, made once and drawn from in a nanosecond.
pub(super) struct LogNormal {
    factors: Vec<u32>,
}

impl LogNormal {
    /// Factors whose natural logarithm has a deviation of `spread` hundredths.
    pub(super) fn new(chance: &mut Chance, spread: i64) -> Self {
        let drawn: Vec<u64> = (0..FACTORS).map(|_| chance.log_normal(spread)).collect();
        let mean = (drawn.iter().sum::<u64>() / FACTORS as u64).max(1);
        Self { factors: drawn.iter().map(|factor| (factor * ONE / mean) as u32).collect() }
    }

    /// `value` times a random factor.
    pub(super) fn scale(&self, chance: &mut Chance, value: u64) -> u64 {
        let factor = self.factors[chance.below(FACTORS as u64) as usize];
        (value * u64::from(factor)) >> 16
    }
}

/// Draws an index in proportion to its weight, in constant time (Walker's alias method).
pub(super) struct Urn {
    /// Per index: keep it when the second half of the draw is below the first number, else take the
    /// second.
    slots: Vec<(u32, u32)>,
}

impl Urn {
    /// An urn over `weights`, of which there are fewer than 2^32 and at least one is not zero.
    pub(super) fn new(weights: &[u64]) -> Self {
        let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        let count = weights.len() as u128;
        let mut shares: Vec<u128> = weights.iter().map(|w| u128::from(*w) * count).collect();
        let mut slots: Vec<(u32, u32)> = (0..weights.len()).map(|i| (u32::MAX, i as u32)).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(|index| shares[*index] < total);
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            slots[poor] = (((shares[poor] << 32) / total) as u32, rich as u32);
            shares[rich] -= total - shares[poor];
            if shares[rich] < total {
                large.pop();
                small.push(rich);
            }
        }
        Self { slots }
    }

    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The next index.
    pub(super) fn draw(&self, chance: &mut Chance) -> usize {
        let bits = chance.bits();
        let index = (((bits >> 32) * self.slots.len() as u64) >> 32) as usize;
        let (keep, other) = self.slots[index];
        if (bits as u32) < keep { index } else { other as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::{Chance, ONE, Urn, power_of_two};

    #[test]
    fn powers_of_two_are_right_to_four_digits() {
        for (exponent, power) in
            [(0, 1.0), (1 << 16, 2.0), (-(1 << 16), 0.5), (1 << 15, std::f64::consts::SQRT_2), (3 << 16, 8.0)]
        {
            let found = power_of_two(exponent) as f64 / ONE as f64;
            assert!((found - power).abs() < 0.0001, "{exponent}: {found}");
        }
    }

    #[test]
    fn an_urn_draws_in_proportion_to_the_weights() {
        let mut chance = Chance::new(1, 1);
        let urn = Urn::new(&[1, 0, 2, 7]);
        let mut drawn = [0_u32; 4];
        for _ in 0..100_000 {
            drawn[urn.draw(&mut chance)] += 1;
        }
        assert_eq!(drawn[1], 0);
        for (index, wanted) in [(0, 10_000_u32), (2, 20_000), (3, 70_000)] {
            assert!(drawn[index].abs_diff(wanted) < 1_000, "{drawn:?}");
        }
    }
}
