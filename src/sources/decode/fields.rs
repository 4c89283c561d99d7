//! The members of one record, by field.

use std::collections::BTreeSet;

use arrayvec::ArrayVec;
use tidemark_domain::catalogue::Field;

use super::super::json::{Kind, Value};
use super::simple::Name;

/// Fields of one record that the catalogue knows.
pub(super) struct Fields<'a> {
    /// For each field one more than its place below; 0 where it is absent.
    places: [u8; PLACES],
    inline: ArrayVec<Value<'a>, INLINE>,
    more: Vec<Value<'a>>,
    unknown: Unknown<'a>,
}

const PLACES: usize = 128;
const INLINE: usize = 20;

/// Keys that the catalogue does not know; they may not stand twice either.
#[derive(Default)]
struct Unknown<'a> {
    few: ArrayVec<&'a str, 8>,
    many: BTreeSet<String>,
}

impl<'a> Unknown<'a> {
    /// Takes a key of a simple record; says whether it is a new one and there is room.
    fn insert_plain(&mut self, key: &'a str) -> bool {
        !self.few.contains(&key) && self.few.try_push(key).is_ok()
    }
}

impl<'a> Fields<'a> {
    pub(super) fn new() -> Self {
        Self { places: [0; PLACES], inline: ArrayVec::new(), more: Vec::new(), unknown: Unknown::default() }
    }

    /// Takes a member of a simple record; says whether its key is new.
    #[inline]
    pub(super) fn insert_plain(&mut self, name: Name<'a>, value: Value<'a>) -> bool {
        match name {
            Name::Known(field) => self.insert_known(field, value),
            Name::Unknown(key) => self.unknown.insert_plain(key),
        }
    }

    /// Takes a member; says whether its key is new.
    pub(super) fn insert(&mut self, key: &str, value: Value<'a>) -> bool {
        match Field::named(key.as_bytes()) {
            Some(field) => self.insert_known(field, value),
            None => self.unknown.many.insert(key.to_owned()),
        }
    }

    #[inline]
    fn insert_known(&mut self, field: Field, value: Value<'a>) -> bool {
        let place = &mut self.places[field as usize];
        if *place != 0 {
            return false;
        }
        *place = (self.inline.len() + self.more.len() + 1) as u8;
        if let Err(full) = self.inline.try_push(value) {
            self.more.push(full.element());
        }
        true
    }

    /// The value of a field; none where it is absent or null.
    #[inline]
    pub(super) fn get(&self, field: Field) -> Option<Value<'a>> {
        let place = usize::from(self.places[field as usize]).checked_sub(1)?;
        let value = self.inline.get(place).or_else(|| self.more.get(place - INLINE)).copied()?;
        (value.kind != Kind::Null).then_some(value)
    }
}
