//! A bet's state, and what it was counted by (rules 1 and 7).

use crate::money::{Decimal, Micros, round6};
use crate::programme::Factor;

/// What a bet was counted by, and what corrections will be counted by (rule 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    /// Base currency per unit; one in base currency.
    pub(crate) rate: Decimal,
    /// Points per unit of base currency.
    pub(crate) per_unit: Factor,
    /// The game's weight.
    pub(crate) weight: Factor,
    /// Promotion after its cap, times the tier's.
    pub(crate) multiplier: Decimal,
    /// The counted share of the stake, as a fraction: (1, 1) but under `real_only`.
    pub(crate) share: (Decimal, Decimal),
}

impl Terms {
    /// The base amount of a stake: round6(stake x share x rate) (rules 1 and 7).
    pub(crate) fn base(&self, stake: Decimal) -> Option<Micros> {
        if self.share.0 == self.share.1 {
            if self.rate == Decimal::ONE && stake.scale() <= 6 {
                return stake.exact_micros();
            }
            let scale = u32::from(stake.scale()) + u32::from(self.rate.scale());
            return round6(&[stake.mantissa(), self.rate.mantissa()], scale, 1);
        }
        let (part, whole) = self.share;
        let lift = Decimal::new(10_i128.checked_pow(u32::from(whole.scale()))?, 0).mantissa();
        let scale = u32::from(stake.scale()) + u32::from(self.rate.scale()) + u32::from(part.scale());
        round6(&[stake.mantissa(), self.rate.mantissa(), part.mantissa(), lift], scale, whole.mantissa())
    }

    /// The points of a base amount: round6(base x per_unit x weight x multiplier) (rule 1).
    pub(crate) fn points(&self, base: Micros) -> Option<Micros> {
        // A factor of one is left out: the rest is then more likely to fit into 64 bits.
        let (unit, unit_scale) = parts(self.per_unit);
        let (weight, weight_scale) = parts(self.weight);
        let scale = 6 + unit_scale + weight_scale + u32::from(self.multiplier.scale());
        round6(&[base.0, unit, weight, self.multiplier.mantissa()], scale, 1)
    }
}

/// A factor's digits and how many of them stand behind the point.
fn parts(factor: Factor) -> (i128, u32) {
    if factor == Factor::ONE { (1, 0) } else { (i128::from(factor.0), 4) }
}

/// Terms in 32 bytes, where they fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ShortTerms {
    pub(super) rate: u64,
    pub(super) multiplier: u64,
    pub(super) per_unit: u32,
    pub(super) weight: u32,
    pub(super) rate_scale: u8,
    pub(super) multiplier_scale: u8,
}

impl ShortTerms {
    pub(super) fn of(terms: &Terms) -> Option<Self> {
        (terms.share.0 == terms.share.1).then_some(())?;
        Some(Self {
            rate: u64::try_from(terms.rate.mantissa()).ok()?,
            multiplier: u64::try_from(terms.multiplier.mantissa()).ok()?,
            per_unit: terms.per_unit.0,
            weight: terms.weight.0,
            rate_scale: terms.rate.scale(),
            multiplier_scale: terms.multiplier.scale(),
        })
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            rate: Decimal::new(i128::from(self.rate), self.rate_scale),
            per_unit: Factor(self.per_unit),
            weight: Factor(self.weight),
            multiplier: Decimal::new(i128::from(self.multiplier), self.multiplier_scale),
            share: (Decimal::ONE, Decimal::ONE),
        }
    }
}

/// A bet's state, written out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bet {
    /// The stake; after a correction the new one.
    pub(crate) stake: Decimal,
    /// What of it is left.
    pub(crate) left: Decimal,
    /// The base amount of the whole stake.
    pub(crate) base: Micros,
    /// What of it is left.
    pub(crate) base_left: Micros,
    /// The points of the whole stake.
    pub(crate) points: Micros,
    /// What of them is left.
    pub(crate) points_left: Micros,
    /// What it was counted by.
    pub(crate) terms: Terms,
    /// Whether it is a free spin: counts 0, leaves no postings.
    pub(crate) spin: bool,
}

impl Bet {
    /// A bet of which nothing was taken back; `None` where an amount is beyond 128 bits.
    #[inline]
    pub(crate) fn new(stake: Decimal, terms: Terms) -> Option<Self> {
        let base = terms.base(stake)?;
        let points = terms.points(base)?;
        Some(Self { stake, left: stake, base, base_left: base, points, points_left: points, terms, spin: false })
    }

    /// A free spin: counts 0 (B29).
    pub(crate) const fn spin(stake: Decimal) -> Self {
        let terms = Terms {
            rate: Decimal::ONE,
            per_unit: Factor::ONE,
            weight: Factor::ONE,
            multiplier: Decimal::ONE,
            share: (Decimal::ONE, Decimal::ONE),
        };
        Self {
            stake,
            left: stake,
            base: Micros::ZERO,
            base_left: Micros::ZERO,
            points: Micros::ZERO,
            points_left: Micros::ZERO,
            terms,
            spin: true,
        }
    }
}
