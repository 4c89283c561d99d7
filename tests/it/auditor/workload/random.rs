//! A small seeded generator of numbers, the same on every machine.

/// Splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = (high - low + 1).unsigned_abs();
        low + (self.next() % width) as i64
    }

    pub(crate) fn chance(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let n = self.between(0, items.len() as i64 - 1);
        &items[n as usize]
    }

    /// One of the cases, each as likely as its weight.
    pub(crate) fn case<T: Copy>(&mut self, cases: &[(i64, T)]) -> T {
        let total: i64 = cases.iter().map(|(w, _)| w).sum();
        let mut n = self.between(1, total);
        for (weight, case) in cases {
            n -= weight;
            if n <= 0 {
                return *case;
            }
        }
        cases[0].1
    }
}
