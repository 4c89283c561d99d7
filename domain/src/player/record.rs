//! The saved form of a player, version 1: what snapshots hold.
//!
//! A full record holds everything. A delta holds the same but, of what is remembered, only the entries
//! added since the last record and those that changed: remembered bets are the bulk of the state.
//! All numbers are variable-length; hashes are 8 bytes, least first. The order of fields is the order of
//! the functions below. A new version gets a new number and a reader of its own beside this one.

use core::str;

use compact_str::CompactString;
use thiserror::Error;

use super::days::Days;
use super::force::Forced;
use super::memory::Memory;
use super::points::Purse;
use super::redemption::OpenRedemption;
use super::reversal::{Reversal, Waiting};
use super::tier::Standing;
use super::{Player, Rare};
use crate::event::ForceMode;
use crate::identity::Key;
use crate::money::{Decimal, Micros};
use crate::time::{Day, Instant};

/// The version of the form.
const VERSION: u64 = 1;

/// How much of a player a record holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Saved {
    /// Everything.
    Full,
    /// What changed since the record before it.
    Delta,
}

/// A saved record that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Error, Debug)]
pub enum RecordError {
    /// It ends too early, or holds what cannot be.
    #[error("the record is damaged")]
    Damaged,
    /// It was written by another version.
    #[error("the record has version {0}, this program reads version {VERSION}")]
    Version(u64),
    /// It is a delta, and the record before it is missing.
    #[error("the record before this one is missing")]
    MissingBase,
}

type Read<T> = Result<T, RecordError>;

/// Writes the saved form.
#[derive(Debug)]
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn number(&mut self, mut value: u128) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            if value == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    pub(crate) fn count(&mut self, value: usize) {
        self.number(u128::try_from(value).unwrap_or(0));
    }

    pub(crate) fn signed(&mut self, value: i128) {
        self.number((value << 1 ^ (value >> 127)).cast_unsigned());
    }

    pub(crate) fn micros(&mut self, value: Micros) {
        self.signed(value.0);
    }

    pub(crate) fn decimal(&mut self, value: Decimal) {
        self.signed(value.mantissa());
        self.0.push(value.scale());
    }

    pub(crate) fn day(&mut self, value: Day) {
        self.signed(i128::from(value.0));
    }

    pub(crate) fn instant(&mut self, value: Instant) {
        self.signed(i128::from(value.0));
    }

    pub(crate) fn hash(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.count(value.len());
        self.0.extend_from_slice(value.as_bytes());
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }
}

/// Reads the saved form.
#[derive(Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn byte(&mut self) -> Read<u8> {
        let (first, rest) = self.0.split_first().ok_or(RecordError::Damaged)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Read<u128> {
        let (mut value, mut shift) = (0_u128, 0_u32);
        loop {
            let byte = self.byte()?;
            value |= u128::from(byte & 0x7f).checked_shl(shift).ok_or(RecordError::Damaged)?;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    pub(crate) fn narrow<T: TryFrom<u128>>(&mut self) -> Read<T> {
        T::try_from(self.number()?).map_err(|_| RecordError::Damaged)
    }

    /// A number of things that follow; never more than there are bytes left.
    pub(crate) fn count(&mut self) -> Read<usize> {
        let count: usize = self.narrow()?;
        if count > self.0.len() { Err(RecordError::Damaged) } else { Ok(count) }
    }

    pub(crate) fn signed(&mut self) -> Read<i128> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(crate) fn micros(&mut self) -> Read<Micros> {
        self.signed().map(Micros)
    }

    pub(crate) fn decimal(&mut self) -> Read<Decimal> {
        let mantissa = self.signed()?;
        Ok(Decimal::new(mantissa, self.byte()?))
    }

    pub(crate) fn day(&mut self) -> Read<Day> {
        i32::try_from(self.signed()?).map(Day).map_err(|_| RecordError::Damaged)
    }

    pub(crate) fn instant(&mut self) -> Read<Instant> {
        i64::try_from(self.signed()?).map(Instant).map_err(|_| RecordError::Damaged)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(RecordError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn hash(&mut self) -> Read<u64> {
        let bytes = self.bytes(8)?.try_into().map_err(|_| RecordError::Damaged)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn text(&mut self) -> Read<&'a str> {
        let count = self.count()?;
        str::from_utf8(self.bytes(count)?).map_err(|_| RecordError::Damaged)
    }

    pub(crate) fn flag(&mut self) -> Read<bool> {
        Ok(self.byte()? != 0)
    }
}

impl Player {
    /// Appends this player's record; what it holds counts as saved from now on.
    pub fn save(&mut self, saved: Saved, out: &mut Vec<u8>) {
        let full = saved == Saved::Full;
        let mut writer = Writer(out);
        writer.number(u128::from(VERSION));
        writer.flag(full);
        writer.text(&self.key);
        writer.number(u128::from(self.seq));
        writer.micros(self.cumulative);
        writer.count(self.days.len());
        for (day, sum) in self.days.rows() {
            writer.day(day);
            writer.micros(sum);
        }
        let Purse { available, blocked, accrued, reversed, redeemed, expired, adjusted } = self.purse;
        for sum in [available, blocked, accrued, reversed, redeemed, expired, adjusted] {
            writer.micros(sum);
        }
        self.standing.save(&mut writer);
        writer.day(self.today);
        writer.day(self.activity);
        writer.instant(self.last_bet_at);
        writer.instant(self.wake);
        self.memory.save(full, &mut writer);
        writer.flag(self.rare.is_some());
        if let Some(rare) = &mut self.rare {
            rare.save(full, &mut writer);
        }
    }

    /// The key of the player that a record is of.
    ///
    /// # Errors
    /// Where the record is damaged or of another version.
    pub fn key_of(record: &[u8]) -> Result<&str, RecordError> {
        let mut reader = Reader(record);
        read_version(&mut reader)?;
        reader.flag()?;
        reader.text()
    }

    /// Reads a record; a delta continues `before`, the player as the record before it had it.
    ///
    /// # Errors
    /// Where the record is damaged, of another version, or a delta without the record before it.
    pub fn restore(record: &[u8], before: Option<Self>) -> Result<Self, RecordError> {
        let mut reader = Reader(record);
        read_version(&mut reader)?;
        let full = reader.flag()?;
        let (memory_before, payments_before) = match (full, before) {
            (true, _) => (Memory::default(), Memory::default()),
            (false, Some(player)) => (player.memory, player.rare.map(|rare| rare.payments).unwrap_or_default()),
            (false, None) => (Memory::default(), Memory::default()),
        };
        let key = CompactString::from(reader.text()?);
        let brand_len = u16::try_from(key.find(':').unwrap_or(key.len())).map_err(|_| RecordError::Damaged)?;
        let seq = reader.narrow()?;
        let cumulative = reader.micros()?;
        let mut days = Days::default();
        for _ in 0..reader.count()? {
            let day = reader.day()?;
            days.restore(day, Micros::ZERO.plus(reader.micros()?).ok_or(RecordError::Damaged)?);
        }
        let mut sums = [Micros::ZERO; 7];
        for sum in &mut sums {
            *sum = reader.micros()?;
        }
        let [available, blocked, accrued, reversed, redeemed, expired, adjusted] = sums;
        let player = Self {
            key,
            brand_len,
            seq,
            cumulative,
            days,
            purse: Purse { available, blocked, accrued, reversed, redeemed, expired, adjusted },
            standing: Standing::restore(&mut reader)?,
            today: reader.day()?,
            activity: reader.day()?,
            last_bet_at: reader.instant()?,
            wake: reader.instant()?,
            memory: Memory::restore(memory_before, &mut reader)?,
            rare: if reader.flag()? { Some(Box::new(Rare::restore(payments_before, &mut reader)?)) } else { None },
        };
        if reader.0.is_empty() { Ok(player) } else { Err(RecordError::Damaged) }
    }
}

fn read_version(reader: &mut Reader<'_>) -> Read<()> {
    let version = reader.number()?;
    if version == u128::from(VERSION) { Ok(()) } else { Err(RecordError::Version(u64::try_from(version).unwrap_or(u64::MAX))) }
}

impl Standing {
    fn save(&self, writer: &mut Writer<'_>) {
        writer.number(u128::from(self.earned));
        writer.number(u128::from(self.revision));
        writer.flag(self.came_down);
        writer.day(self.since);
        writer.signed(i128::from(self.below));
        writer.flag(self.warned);
        writer.number(u128::from(self.lost));
        writer.number(u128::from(self.rewarded));
        writer.instant(self.reached_at);
    }

    fn restore(reader: &mut Reader<'_>) -> Read<Self> {
        Ok(Self {
            earned: reader.narrow()?,
            revision: reader.narrow()?,
            came_down: reader.flag()?,
            since: reader.day()?,
            below: i32::try_from(reader.signed()?).map_err(|_| RecordError::Damaged)?,
            warned: reader.flag()?,
            lost: reader.narrow()?,
            rewarded: reader.narrow()?,
            reached_at: reader.instant()?,
        })
    }
}

impl Rare {
    fn save(&mut self, full: bool, writer: &mut Writer<'_>) {
        writer.flag(self.audit.is_some());
        writer.0.extend_from_slice(self.audit.as_ref().map_or(&[], |hash| &hash[..]));
        writer.flag(self.forced.is_some());
        if let Some(forced) = &self.forced {
            writer.number(u128::from(forced.tier));
            writer.number(match forced.mode {
                ForceMode::Exact => 0,
                ForceMode::Floor => 1,
                ForceMode::Ceiling => 2,
            });
            writer.instant(forced.until);
        }
        writer.count(self.redemptions.len());
        for open in &self.redemptions {
            writer.text(&open.id);
            writer.micros(open.points);
            writer.instant(open.due);
        }
        writer.count(self.waiting.len());
        for waiting in &self.waiting {
            waiting.save(writer);
        }
        self.payments.save(full, writer);
        writer.count(self.rewarded_before.len());
        for name in &self.rewarded_before {
            writer.text(name);
        }
    }

    fn restore(payments: Memory, reader: &mut Reader<'_>) -> Read<Self> {
        let audit = if reader.flag()? { Some(reader.bytes(32)?.try_into().map_err(|_| RecordError::Damaged)?) } else { None };
        let mut rare = Self { audit, ..Self::default() };
        if reader.flag()? {
            let tier = reader.narrow()?;
            let mode = match reader.number()? {
                0 => ForceMode::Exact,
                1 => ForceMode::Floor,
                2 => ForceMode::Ceiling,
                _ => return Err(RecordError::Damaged),
            };
            rare.forced = Some(Forced { tier, mode, until: reader.instant()? });
        }
        for _ in 0..reader.count()? {
            rare.redemptions.push(OpenRedemption { id: reader.text()?.into(), points: reader.micros()?, due: reader.instant()? });
        }
        for _ in 0..reader.count()? {
            rare.waiting.push(Waiting::restore(reader)?);
        }
        rare.payments = Memory::restore(payments, reader)?;
        for _ in 0..reader.count()? {
            rare.rewarded_before.push(reader.text()?.into());
        }
        Ok(rare)
    }
}

impl Waiting {
    fn save(&self, writer: &mut Writer<'_>) {
        writer.hash(self.bet.0);
        match self.reversal {
            Reversal::Whole => writer.number(0),
            Reversal::Part(amount) => {
                writer.number(1);
                writer.decimal(amount);
            }
            Reversal::Correct(amount) => {
                writer.number(2);
                writer.decimal(amount);
            }
        }
        writer.flag(self.reason.is_some());
        writer.text(self.reason.as_deref().unwrap_or(""));
        writer.text(&self.event_id);
        writer.text(&self.source);
        writer.instant(self.occurred_at);
        writer.flag(self.clamped);
        writer.day(self.day);
        writer.text(&self.topic);
        writer.number(u128::from(self.partition));
        writer.number(u128::from(self.offset));
        writer.text(&self.payload);
    }

    fn restore(reader: &mut Reader<'_>) -> Read<Self> {
        let bet = Key(reader.hash()?);
        let reversal = match reader.number()? {
            0 => Reversal::Whole,
            1 => Reversal::Part(reader.decimal()?),
            2 => Reversal::Correct(reader.decimal()?),
            _ => return Err(RecordError::Damaged),
        };
        let (has_reason, reason) = (reader.flag()?, reader.text()?);
        Ok(Self {
            bet,
            reversal,
            reason: has_reason.then(|| reason.into()),
            event_id: reader.text()?.into(),
            source: reader.text()?.into(),
            occurred_at: reader.instant()?,
            clamped: reader.flag()?,
            day: reader.day()?,
            topic: reader.text()?.into(),
            partition: reader.narrow()?,
            offset: reader.narrow()?,
            payload: reader.text()?.into(),
        })
    }
}
