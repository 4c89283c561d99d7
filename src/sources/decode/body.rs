//! What a record says beside its envelope: the hash that tells two bodies apart (rule 8), and the amounts
//! that were read for it.

use tidemark_domain::catalogue::{EventType, Field};
use tidemark_domain::money::Decimal;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::super::json::{self, Value};
use super::{MISSING, Read, wrong};

/// The hash of a body: of its type and its fields in the order of the row, each step one-to-one in what was before.
pub(super) struct Body<'s> {
    pub(super) hash: u64,
    pub(super) scratch: &'s mut Vec<u8>,
}

impl<'s> Body<'s> {
    /// The body of a type, which is part of it: one `event_id` may stand in two types.
    pub(super) const fn of(event_type: EventType, scratch: &'s mut Vec<u8>) -> Self {
        Self { hash: event_type as u64 + 1, scratch }
    }

    fn add(&mut self, hash: u64) {
        self.hash = (self.hash.rotate_left(29) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    #[inline]
    pub(super) fn add_text(&mut self, field: Field, text: &str) {
        self.add(xxh3_64_with_seed(text.as_bytes(), field as u64 + 1));
    }

    pub(super) fn add_number(&mut self, field: Field, number: i64) {
        self.add(xxh3_64_with_seed(&number.to_le_bytes(), field as u64 + 1));
    }

    pub(super) fn add_amount(&mut self, field: Field, amount: Decimal) {
        self.add(xxh3_64_with_seed(&amount.mantissa().to_le_bytes(), u64::from(amount.scale()) << 8 | (field as u64 + 1)));
    }

    pub(super) fn add_value(&mut self, field: Field, value: Value<'_>) {
        self.scratch.clear();
        json::canonical(value, self.scratch);
        self.add(xxh3_64_with_seed(self.scratch, field as u64 + 1));
    }
}

/// The amounts of one record, read once.
#[derive(Default)]
pub(super) struct Amounts {
    read: [Decimal; 7],
    there: u8,
}

impl Amounts {
    const fn slot(field: Field) -> Option<usize> {
        Some(match field {
            Field::Amount => 0,
            Field::RealAmount => 1,
            Field::BonusAmount => 2,
            Field::ExchangeRate => 3,
            Field::NewAmount => 4,
            Field::Points => 5,
            Field::Rate => 6,
            _ => return None,
        })
    }

    pub(super) fn put(&mut self, field: Field, amount: Decimal) {
        if let Some(slot) = Self::slot(field) {
            self.read[slot] = amount;
            self.there |= 1 << slot;
        }
    }

    pub(super) fn get(&self, field: Field) -> Option<Decimal> {
        let slot = Self::slot(field)?;
        (self.there >> slot & 1 == 1).then(|| self.read[slot])
    }

    pub(super) fn required(&self, field: Field) -> Read<Decimal> {
        self.get(field).map_or_else(|| wrong(field, MISSING), Ok)
    }
}
