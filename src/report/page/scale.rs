//! From amounts and times to places on the page: the only floats of the report.

/// A straight scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: i128,
    high: i128,
    from: f64,
    to: f64,
}

impl Scale {
    /// `low` stands at `from`, `high` at `to`.
    pub(super) fn new(low: i128, high: i128, from: f64, to: f64) -> Self {
        Self { low, high: high.max(low + 1), from, to }
    }

    /// Where a value stands.
    pub(super) fn at(&self, value: i128) -> f64 {
        let part = (value - self.low) as f64 / (self.high - self.low) as f64;
        self.from + part * (self.to - self.from)
    }
}

/// Round values from 0 to at least `most`, about `steps` steps of 1, 2 or 5 times a power of ten.
pub(super) fn ticks(most: i128, steps: i128) -> Vec<i128> {
    let wanted = (most.max(1) / steps.max(1)).max(1);
    let mut size = 1_i128;
    while size * 10 <= wanted {
        size *= 10;
    }
    let step = [1, 2, 5, 10].into_iter().map(|times| size * times).find(|step| *step >= wanted).unwrap_or(size * 10);
    (0..).map(|at| at * step).take_while(|tick| *tick < most.max(1) + step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_greatest() {
        assert_eq!(ticks(233, 3), [0, 100, 200, 300]);
        assert_eq!(ticks(100, 4), [0, 50, 100]);
        assert_eq!(ticks(0, 3), [0, 1]);
    }

    #[test]
    fn a_scale_may_run_upside_down() {
        assert!((Scale::new(0, 10, 100.0, 0.0).at(5) - 50.0).abs() < f64::EPSILON);
    }
}
