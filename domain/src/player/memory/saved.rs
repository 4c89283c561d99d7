//! The saved form (see `record`): entries of the last record are not written again, only their marks.

use super::bet::{Bet, ShortTerms, Terms};
use super::{Entry, Memory, NUMBERS, nth, offset};
use crate::identity::Key;
use crate::player::record::{Reader, RecordError, Writer};
use crate::programme::Factor;

type Read<T> = Result<T, RecordError>;

impl Memory {
    /// Appends what is new since the last record, or everything.
    pub(crate) fn save(&mut self, full: bool, writer: &mut Writer<'_>) {
        let known = if full { 0 } else { offset(self.saved, self.first) };
        writer.number(u128::from(self.first));
        writer.day(self.base);
        writer.count(known);
        writer.count(self.terms.len());
        for terms in &self.terms {
            terms.save(writer);
        }
        let (written, marked): (&[(u32, Bet)], &[u32]) =
            self.rare.as_ref().map_or((&[], &[]), |rare| (&rare.written, &rare.marked));
        let marked = if full { &[] } else { marked };
        writer.count(marked.len());
        for number in marked {
            writer.number(u128::from(*number));
            let terms = self.numbered(*number).map_or(0, |entry| entry.terms);
            writer.number(u128::from(terms));
        }
        writer.count(written.len());
        for (number, bet) in written {
            writer.number(u128::from(*number));
            bet.save(writer);
        }
        writer.count(self.entries.len() - known.min(self.entries.len()));
        for entry in self.entries.iter().skip(known) {
            entry.save(writer);
        }
        self.saved = nth(self.first, self.entries.len());
        if let Some(rare) = self.rare.as_mut() {
            rare.marked.clear();
        }
    }

    /// Reads what `save` wrote; `before` is the memory as the record before had it.
    pub(crate) fn restore(before: Self, reader: &mut Reader<'_>) -> Read<Self> {
        let first: u32 = reader.narrow()?;
        let base = reader.day()?;
        let known: usize = reader.narrow()?;
        let mut memory = Self { first: first & NUMBERS, base, ..Self::default() };
        if known > 0 {
            let gone = offset(first, before.first);
            memory.entries = before.entries;
            if gone.checked_add(known).is_none_or(|end| end > memory.entries.len()) {
                return Err(RecordError::MissingBase);
            }
            memory.entries.drain(..gone);
            memory.entries.truncate(known);
        }
        let kinds = reader.count()?;
        memory.terms.reserve_exact(kinds);
        for _ in 0..kinds {
            memory.terms.push(ShortTerms::restore(reader)?);
        }
        for _ in 0..reader.count()? {
            let (number, terms): (u32, u16) = (reader.narrow()?, reader.narrow()?);
            memory.entries.get_mut(offset(number, first)).ok_or(RecordError::Damaged)?.terms = terms;
        }
        for _ in 0..reader.count()? {
            let number = reader.narrow()?;
            let bet = Bet::restore(reader)?;
            memory.rare.get_or_insert_default().written.push((number, bet));
        }
        let added = reader.count()?;
        memory.entries.reserve_exact(added);
        for _ in 0..added {
            memory.entries.push_back(Entry::restore(reader)?);
        }
        memory.saved = nth(memory.first, memory.entries.len());
        if memory.entries.len() > super::INDEX_FROM {
            memory.build_index();
        } else {
            memory.build_marks();
        }
        Ok(memory)
    }
}

impl Entry {
    fn save(&self, writer: &mut Writer<'_>) {
        writer.hash(self.own.0);
        writer.hash(self.event.0);
        writer.0.extend_from_slice(&self.body.to_le_bytes());
        writer.number(u128::from(self.stake));
        writer.number(u128::from(self.day));
        writer.number(u128::from(self.terms));
    }

    fn restore(reader: &mut Reader<'_>) -> Read<Self> {
        Ok(Self {
            own: Key(reader.hash()?),
            event: Key(reader.hash()?),
            body: u32::from_le_bytes(reader.bytes(4)?.try_into().map_err(|_| RecordError::Damaged)?),
            stake: reader.narrow()?,
            day: reader.narrow()?,
            terms: reader.narrow()?,
        })
    }
}

impl ShortTerms {
    fn save(&self, writer: &mut Writer<'_>) {
        for value in [
            self.rate,
            self.multiplier,
            self.per_unit.into(),
            self.weight.into(),
            self.rate_scale.into(),
            self.multiplier_scale.into(),
        ] {
            writer.number(u128::from(value));
        }
    }

    fn restore(reader: &mut Reader<'_>) -> Read<Self> {
        Ok(Self {
            rate: reader.narrow()?,
            multiplier: reader.narrow()?,
            per_unit: reader.narrow()?,
            weight: reader.narrow()?,
            rate_scale: reader.narrow()?,
            multiplier_scale: reader.narrow()?,
        })
    }
}

impl Bet {
    fn save(&self, writer: &mut Writer<'_>) {
        for value in [self.stake, self.left, self.terms.rate, self.terms.multiplier, self.terms.share.0, self.terms.share.1] {
            writer.decimal(value);
        }
        for value in [self.base, self.base_left, self.points, self.points_left] {
            writer.micros(value);
        }
        writer.number(u128::from(self.terms.per_unit.0));
        writer.number(u128::from(self.terms.weight.0));
        writer.flag(self.spin);
    }

    fn restore(reader: &mut Reader<'_>) -> Read<Self> {
        let [stake, left, rate, multiplier, part, whole] =
            [reader.decimal()?, reader.decimal()?, reader.decimal()?, reader.decimal()?, reader.decimal()?, reader.decimal()?];
        let [base, base_left, points, points_left] = [reader.micros()?, reader.micros()?, reader.micros()?, reader.micros()?];
        let (per_unit, weight) = (Factor(reader.narrow()?), Factor(reader.narrow()?));
        let terms = Terms { rate, per_unit, weight, multiplier, share: (part, whole) };
        Ok(Self { stake, left, base, base_left, points, points_left, terms, spin: reader.flag()? })
    }
}
