//! Promotions: points multipliers that hold for a time.

use num_bigint::BigInt;

use crate::money::Decimal;
use crate::programme::Factor;
use crate::time::Instant;

/// How multipliers that overlap combine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stacking {
    /// Their product.
    Multiply,
    /// The greatest of them.
    Max,
}

/// All promotions of a programme.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promotions {
    /// How they combine.
    pub stacking: Stacking,
    /// The most that the combined multiplier may be.
    pub cap: Factor,
    /// As written.
    pub list: Vec<Promotion>,
}

/// One promotion, such as DoublePointsWeek.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promotion {
    /// Its name.
    pub id: Box<str>,
    /// The multiplier.
    pub multiplier: Factor,
    /// First instant at which it holds.
    pub from: Instant,
    /// First instant at which it no longer does: periods are half-open (rule 15).
    pub to: Instant,
    /// Brands it holds for; empty: all.
    pub brands: Vec<Box<str>>,
    /// Game types it holds for; empty: all.
    pub game_types: Vec<Box<str>>,
}

impl Promotion {
    fn holds(&self, at: Instant, brand: &str, game_type: Option<&str>) -> bool {
        self.from <= at
            && at < self.to
            && (self.brands.is_empty() || self.brands.iter().any(|name| **name == *brand))
            && (self.game_types.is_empty()
                || game_type.is_some_and(|wanted| self.game_types.iter().any(|name| **name == *wanted)))
    }
}

impl Promotions {
    /// The combined multiplier at an instant, after its cap (A-13, rule 15). `None` where the exact
    /// product does not fit into 38 digits.
    #[must_use]
    pub fn multiplier(&self, at: Instant, brand: &str, game_type: Option<&str>) -> Option<Decimal> {
        let mut combined = Decimal::ONE;
        let mut any = false;
        for promotion in self.list.iter().filter(|each| each.holds(at, brand, game_type)) {
            let next = promotion.multiplier.decimal();
            combined = match self.stacking {
                Stacking::Multiply => match combined.times(next) {
                    Some(product) => product,
                    None => return self.wide_product(at, brand, game_type),
                },
                Stacking::Max if any => combined.max(next),
                Stacking::Max => next,
            };
            any = true;
        }
        // The cap bounds a combination; without a promotion there is none.
        Some(if any { combined.min(self.cap.decimal()) } else { combined })
    }

    /// The product where 128 bits are not enough on the way: what the cap holds down, or nothing.
    fn wide_product(&self, at: Instant, brand: &str, game_type: Option<&str>) -> Option<Decimal> {
        let (mut product, mut scale) = (BigInt::from(1), 0_u32);
        for promotion in self.list.iter().filter(|each| each.holds(at, brand, game_type)) {
            let next = promotion.multiplier.decimal();
            product *= BigInt::from(next.mantissa());
            scale = scale.checked_add(u32::from(next.scale()))?;
        }
        let cap = self.cap.decimal();
        let capped = BigInt::from(cap.mantissa()) * BigInt::from(10).pow(scale);
        (product * BigInt::from(10).pow(u32::from(cap.scale())) >= capped).then_some(cap)
    }
}
