//! Which field a key is: one multiplication and one comparison instead of a search.

use tidemark_domain::catalogue::Field;

/// The longest name that is kept here; the few longer ones are searched.
const LENGTH_MAX: usize = 16;
/// A power of two, many times the number of fields.
const SLOTS: usize = 1_024;

/// A name's bytes as two numbers, and its field.
#[derive(Clone, Copy)]
struct Slot {
    word: u128,
    field: Option<Field>,
}

/// A table in which every name has a slot of its own.
struct Table {
    slots: [Slot; SLOTS],
    multiplier: u64,
}

static TABLE: Table = build();

/// The field whose name stands in the first `length` of these bytes, and nothing else.
#[inline]
pub(super) fn field(bytes: &[u8; LENGTH_MAX], length: usize) -> Option<Field> {
    let unused = 8 * LENGTH_MAX.saturating_sub(length);
    let word = u128::from_le_bytes(*bytes) & u128::MAX.checked_shr(unused as u32).unwrap_or(0);
    let slot = TABLE.slots[place(word, TABLE.multiplier)];
    if slot.word == word { slot.field } else { None }
}

/// Whether names of that length are in the table.
#[inline]
pub(super) const fn holds(length: usize) -> bool {
    length <= LENGTH_MAX
}

const fn place(word: u128, multiplier: u64) -> usize {
    let folded = (word as u64) ^ ((word >> 64) as u64).rotate_left(29);
    (folded.wrapping_mul(multiplier) >> (64 - SLOTS.trailing_zeros())) as usize
}

/// Tries multipliers until no two names meet.
const fn build() -> Table {
    let mut multiplier = 0x9e37_79b9_7f4a_7c15_u64;
    loop {
        if let Some(slots) = fill(multiplier) {
            return Table { slots, multiplier };
        }
        multiplier = multiplier.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(2);
    }
}

const fn fill(multiplier: u64) -> Option<[Slot; SLOTS]> {
    let mut slots = [Slot { word: 0, field: None }; SLOTS];
    let mut at = 0;
    while at < Field::ALL.len() {
        let field = Field::ALL[at];
        let name = field.name().as_bytes();
        at += 1;
        if name.len() > LENGTH_MAX {
            continue;
        }
        let (mut word, mut byte) = (0_u128, 0);
        while byte < name.len() {
            word |= (name[byte] as u128) << (8 * byte);
            byte += 1;
        }
        let slot = &mut slots[place(word, multiplier)];
        if slot.field.is_some() {
            return None;
        }
        *slot = Slot { word, field: Some(field) };
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_nothing_else() {
        let padded = |name: &str| {
            let mut bytes = [b'"'; LENGTH_MAX];
            let kept = name.len().min(LENGTH_MAX);
            bytes[..kept].copy_from_slice(&name.as_bytes()[..kept]);
            bytes
        };
        for each in Field::ALL.iter().filter(|each| holds(each.name().len())) {
            let name = each.name();
            assert_eq!(field(&padded(name), name.len()), Some(*each), "{name}");
            assert_eq!(field(&padded(name), name.len() - 1), Field::named(&name.as_bytes()[..name.len() - 1]), "{name}");
        }
        assert_eq!(field(&padded(""), 0), None);
        assert_eq!(field(&padded("event_ib"), 8), None);
    }
}
