//! What a player's state remembers of single events: identities (rule 8) and bets that may still be
//! taken back (rule 7).
//!
//! Entries stand in the order in which they were applied and leave from the front, by whole days.
//! One behind a younger one may stay a little longer in memory, but is no longer *known*: whether
//! something is known is decided by its day alone. A bet takes one entry of 32 bytes and 4 for finding it; what most bets
//! share (rate, weight, multiplier) is held once per player. Only a bet that was partly reversed,
//! corrected, or does not fit the short form has its state written out.

mod bet;
mod index;
mod saved;
mod size;
mod slot;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use prefetch_index::prefetch_index;

use crate::identity::Key;
use crate::money::Decimal;
use crate::time::Day;

use bet::ShortTerms;
use index::Index;
use slot::Slot;

pub(crate) use bet::{Bet, Terms};

/// From how many entries on an index is kept; fewer are searched one by one.
const INDEX_FROM: usize = 192;
/// No bet: an identity alone.
const NO_BET: u16 = u16::MAX;
/// A bet of which a void left nothing, or that never had an effect.
const EMPTIED: u16 = u16::MAX - 1;
/// A bet whose state is written out.
const WRITTEN_OUT: u16 = u16::MAX - 2;
/// A free spin: counts 0.
const SPIN: u16 = u16::MAX - 3;
/// Entries are numbered in 31 bits.
const NUMBERS: u32 = u32::MAX >> 1;
/// Terms beyond this number are written out.
const TERMS_MAX: usize = 60_000;

/// One remembered thing, in 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// Its own identity, such as a `bet_id`.
    own: Key,
    /// (`source`, `event_id`), or a second identity.
    event: Key,
    /// The stake's digits, and behind them in five bits how many of them stand behind the point.
    stake: u64,
    /// Half of the hash of its body: two bodies of one identity pass for the same with odds of 1 in 2^32.
    body: u32,
    /// Its local day, counted from the memory's first day.
    day: u16,
    /// The number of its terms, or one of the marks above.
    terms: u16,
}

/// How many bits of an entry's stake say where the point is.
const SCALE_BITS: u32 = 5;

impl Entry {
    fn stake(&self) -> Decimal {
        let scale = u8::try_from(self.stake & 0x1f).unwrap_or(0);
        Decimal::new(i128::from(self.stake >> SCALE_BITS), scale)
    }

    /// The short form of a stake, where it fits.
    fn short_stake(stake: Decimal) -> Option<u64> {
        let digits = u64::try_from(stake.mantissa()).ok()?;
        (digits >> (64 - SCALE_BITS) == 0 && stake.scale() < 32).then(|| digits << SCALE_BITS | u64::from(stake.scale()))
    }

    /// What is looked at before the entry itself: 16 bits of each identity.
    fn marks(&self) -> [u16; 2] {
        [mark(self.own), mark(self.event)]
    }
}

/// 16 bits of an identity; 0 for none.
fn mark(key: Key) -> u16 {
    if key == Key::NONE { 0 } else { u16::try_from(key.0 >> 48).unwrap_or(0).max(1) }
}

/// Half of a body's hash.
fn half(body: u64) -> u32 {
    u32::try_from(body >> 32).unwrap_or(0)
}

/// A remembered bet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Remembered {
    /// Its number in this memory.
    pub(crate) number: u32,
    /// Its local day.
    pub(crate) day: Day,
    /// Its state; none when a void has emptied it or it never had an effect.
    pub(crate) bet: Option<Bet>,
}

/// What is known of an event's identities.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// Nothing.
    New,
    /// The same body.
    Same,
    /// Another body, of the identity at this place of those asked for; the first of them.
    Other(usize),
}

/// See the module's words.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    entries: VecDeque<Entry>,
    /// The marks of the entries, side by side, so that most searches touch nothing else; none where there is an index.
    marks: VecDeque<[u16; 2]>,
    /// Days of entries are counted from this one.
    base: Day,
    /// The number of the first entry.
    first: u32,
    /// How many entries, counted by number, are in the last snapshot.
    saved: u32,
    terms: Vec<ShortTerms>,
    index: Option<Box<Index>>,
    rare: Option<Box<Rare>>,
}

#[derive(Clone, Default, Debug)]
struct Rare {
    /// Bets written out, by number.
    written: Vec<(u32, Bet)>,
    /// Entries of the last snapshot that were emptied or written out since.
    marked: Vec<u32>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            marks: VecDeque::new(),
            base: Day(0),
            first: 0,
            saved: 0,
            terms: Vec::new(),
            index: None,
            rare: None,
        }
    }
}

impl Memory {
    /// What is known of these identities on or after day `oldest`.
    pub(crate) fn known(&self, keys: &[Key; 3], body: u64, oldest: Day) -> Known {
        let mut known = Known::New;
        let body = half(body);
        let mut see = |place: usize, entry: &Entry| {
            if self.day(entry) < oldest {
                return;
            }
            known = match known {
                Known::Other(first) if entry.body != body => Known::Other(first.min(place)),
                _ if entry.body != body => Known::Other(place),
                Known::New => Known::Same,
                Known::Same | Known::Other(_) => known,
            };
        };
        match &self.index {
            Some(index) => {
                for (place, key) in keys.iter().enumerate().filter(|(_, key)| **key != Key::NONE) {
                    for slot in index.candidates(*key) {
                        if let Some(entry) = self.numbered(slot.number()).filter(|entry| slot.key(entry) == *key) {
                            see(place, entry);
                        }
                    }
                }
            }
            None => self.search(keys, see),
        }
        known
    }

    /// Every entry that has one of these identities, found by its marks; with the place of the identity.
    fn search(&self, keys: &[Key; 3], mut see: impl FnMut(usize, &Entry)) {
        // A key that is none searches for another one's mark: many entries have the mark of none.
        let any = keys.map(mark).into_iter().max().unwrap_or(0);
        let [first, second, third] = keys.map(|key| if key == Key::NONE { any } else { mark(key) });
        let has = |entry: &Entry, key: Key| key != Key::NONE && (entry.own == key || entry.event == key);
        let (front, back) = self.marks.as_slices();
        let mut before = 0;
        for marks in [front, back] {
            for (at, chunk) in marks.chunks(16).enumerate() {
                // Without a way out early this compares eight marks at a time.
                let hits = chunk.as_flattened().iter().fold(0, |hits: u16, mark| {
                    hits | u16::from(*mark == first) | u16::from(*mark == second) | u16::from(*mark == third)
                });
                if hits > 0 {
                    let start = before + at * 16;
                    for entry in self.entries.range(start..(start + chunk.len()).min(self.entries.len())) {
                        for (place, _) in keys.iter().enumerate().filter(|(_, key)| has(entry, **key)) {
                            see(place, entry);
                        }
                    }
                }
            }
            before += marks.len();
        }
    }

    fn day(&self, entry: &Entry) -> Day {
        self.base.plus(i32::from(entry.day))
    }

    /// Has the memory fetch what the application of an event with these identities will look at.
    pub(crate) fn prefetch(&self, keys: &[Key; 3]) {
        if let Some(index) = &self.index {
            for key in keys.iter().filter(|key| **key != Key::NONE) {
                index.prefetch(*key);
            }
        } else {
            let (marks, rest) = self.marks.as_slices();
            // A line of the memory holds sixteen of them.
            for at in (0..marks.len()).step_by(16) {
                prefetch_index(marks, at);
            }
            prefetch_index(rest, 0);
        }
        let (entries, rest) = self.entries.as_slices();
        prefetch_index(entries, 0);
        // Where the next one will stand; an index behind the end is no error here.
        if rest.is_empty() {
            prefetch_index(entries, entries.len());
        } else {
            prefetch_index(rest, rest.len());
        }
        for at in (0..self.terms.len().min(16)).step_by(2) {
            prefetch_index(&self.terms, at);
        }
    }

    fn numbered(&self, number: u32) -> Option<&Entry> {
        self.entries.get(offset(number, self.first))
    }

    /// The bet of that identity, if it is of day `oldest` or later.
    pub(crate) fn bet(&self, own: Key, oldest: Day) -> Option<Remembered> {
        let is_it = |entry: &Entry| entry.own == own && self.day(entry) >= oldest && entry.terms != NO_BET;
        let number = match &self.index {
            None => nth(self.first, self.entries.iter().position(is_it)?),
            Some(index) => index.candidates(own).find(|slot| self.numbered(slot.number()).is_some_and(is_it))?.number(),
        };
        let entry = self.numbered(number)?;
        Some(Remembered { number, day: self.day(entry), bet: self.state(number, entry) })
    }

    fn state(&self, number: u32, entry: &Entry) -> Option<Bet> {
        match entry.terms {
            EMPTIED => None,
            WRITTEN_OUT => self.rare.as_ref()?.written.iter().find(|(of, _)| *of == number).map(|(_, bet)| *bet),
            SPIN => Some(Bet::spin(entry.stake())),
            kind => Bet::new(entry.stake(), self.terms.get(usize::from(kind))?.terms()),
        }
    }

    /// Remembers identities alone.
    pub(crate) fn remember(&mut self, own: Key, event: Key, body: u64, day: Day) {
        let day = self.count_day(day);
        self.push(Entry { own, event, stake: 0, body: half(body), day, terms: NO_BET });
    }

    /// Remembers a bet, `None` for one that never had an effect; gives its number.
    pub(crate) fn remember_bet(&mut self, own: Key, event: Key, body: u64, day: Day, bet: Option<&Bet>) -> u32 {
        let day = self.count_day(day);
        let mut entry = Entry { own, event, stake: 0, body: half(body), day, terms: EMPTIED };
        let Some(bet) = bet else { return self.push(entry) };
        // What a bet counts follows from its stake and its terms, as long as nothing was taken back.
        let untouched = bet.left == bet.stake && bet.base_left == bet.base && bet.points_left == bet.points;
        let short = if untouched { Entry::short_stake(bet.stake) } else { None };
        let mark = match (short, bet.spin) {
            (None, _) => None,
            (Some(_), true) => Some(SPIN),
            (Some(_), false) => self.number_of(&bet.terms),
        };
        match (short, mark) {
            (Some(stake), Some(terms)) => {
                entry.stake = stake;
                entry.terms = terms;
                self.push(entry)
            }
            _ => {
                entry.terms = WRITTEN_OUT;
                let number = self.push(entry);
                self.rare().written.push((number, *bet));
                number
            }
        }
    }

    /// The number of these terms, taken in if they are new and fit.
    fn number_of(&mut self, terms: &Terms) -> Option<u16> {
        let short = ShortTerms::of(terms)?;
        // The newest are the likeliest; a long list of old ones is not searched for ever.
        let from = self.terms.len().saturating_sub(16);
        let found = self.terms.iter().skip(from).position(|known| *known == short).map(|at| at + from);
        let at = match found {
            Some(at) => at,
            None if self.terms.len() < TERMS_MAX => {
                if self.terms.len() == self.terms.capacity() {
                    self.terms.reserve_exact((self.terms.len() >> 2).max(1));
                }
                self.terms.push(short);
                self.terms.len() - 1
            }
            None => return None,
        };
        u16::try_from(at).ok()
    }

    /// A day as entries hold it. The memory's first day moves with what it holds, so that 65,535 days
    /// are more than enough; a day outside them stands for the nearest one.
    fn count_day(&mut self, day: Day) -> u16 {
        if self.entries.is_empty() {
            self.base = day.plus(-1_000);
        }
        u16::try_from(day.since(self.base).max(0)).unwrap_or_else(|_| self.move_base(day))
    }

    /// Counts days from a later one.
    fn move_base(&mut self, day: Day) -> u16 {
        let base = day.plus(-30_000);
        let moved = base.since(self.base);
        for entry in &mut self.entries {
            entry.day = u16::try_from((i32::from(entry.day) - moved).max(0)).unwrap_or(u16::MAX);
        }
        self.base = base;
        self.saved = self.first;
        30_000
    }

    fn push(&mut self, entry: Entry) -> u32 {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(growth(self.entries.len()));
        }
        let number = nth(self.first, self.entries.len());
        self.entries.push_back(entry);
        match &mut self.index {
            Some(index) if !index.is_full() => {
                for slot in Slot::of(number, &entry) {
                    index.insert(slot.key(&entry), slot);
                }
            }
            None if self.entries.len() <= INDEX_FROM => {
                if self.marks.len() == self.marks.capacity() {
                    self.marks.reserve_exact(growth(self.marks.len()));
                }
                self.marks.push_back(entry.marks());
            }
            _ => self.build_index(),
        }
        number
    }

    /// Makes the index anew, of what is remembered now; marks are not needed beside it.
    fn build_index(&mut self) {
        let mut index = Index::with_room_for(self.entries.len().saturating_mul(2));
        for (at, entry) in self.entries.iter().enumerate() {
            for slot in Slot::of(nth(self.first, at), entry) {
                index.insert(slot.key(entry), slot);
            }
        }
        self.index = Some(Box::new(index));
        self.marks = VecDeque::new();
    }

    /// Makes the marks anew; an index is not needed beside them.
    fn build_marks(&mut self) {
        self.marks = self.entries.iter().map(Entry::marks).collect();
        self.index = None;
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Puts a bet's new state in place; `None` empties it.
    pub(crate) fn update(&mut self, number: u32, bet: Option<Bet>) {
        if offset(number, self.first) < offset(self.saved, self.first) {
            let rare = self.rare();
            if !rare.marked.contains(&number) {
                rare.marked.push(number);
            }
        }
        if let Some(rare) = self.rare.as_mut() {
            rare.written.retain(|(of, _)| *of != number);
        }
        if let Some(state) = bet {
            self.rare().written.push((number, state));
        }
        let first = self.first;
        if let Some(entry) = self.entries.get_mut(offset(number, first)) {
            entry.terms = if bet.is_some() { WRITTEN_OUT } else { EMPTIED };
        }
    }

    /// Forgets what is older than `oldest`, as far as it stands at the front.
    pub(crate) fn forget(&mut self, oldest: Day) {
        while self.entries.front().is_some_and(|entry| self.day(entry) < oldest) {
            self.entries.pop_front();
            self.marks.pop_front();
            if let Some(rare) = self.rare.as_mut() {
                let first = self.first;
                rare.written.retain(|(of, _)| *of != first);
                rare.marked.retain(|of| *of != first);
            }
            if self.saved == self.first {
                self.saved = nth(self.saved, 1);
            }
            self.first = nth(self.first, 1);
        }
        self.shrink();
    }

    /// Gives memory back that is no longer needed.
    fn shrink(&mut self) {
        if self.entries.is_empty() {
            if self.entries.capacity() > 0 {
                *self = Self { first: self.first, saved: self.first, ..Self::default() };
            }
            return;
        }
        if self.entries.capacity() > 16 && self.entries.len() < self.entries.capacity() >> 1 {
            let spare = (self.entries.len() >> 3).max(2);
            self.entries.shrink_to(self.entries.len() + spare);
            match self.index {
                None => self.marks.shrink_to(self.marks.len() + spare),
                Some(_) if self.entries.len() <= INDEX_FROM >> 1 => self.build_marks(),
                Some(_) => self.build_index(),
            }
        }
        if self.terms.len() > 64 && self.terms.len() > self.entries.len() << 1 {
            self.drop_unused_terms();
        }
        if self.rare.as_ref().is_some_and(|rare| rare.written.is_empty() && rare.marked.is_empty()) {
            self.rare = None;
        }
    }

    fn drop_unused_terms(&mut self) {
        let old = core::mem::take(&mut self.terms);
        for entry in &mut self.entries {
            let Some(terms) = old.get(usize::from(entry.terms)) else { continue };
            let at = self.terms.iter().rposition(|known| known == terms).unwrap_or_else(|| {
                self.terms.push(*terms);
                self.terms.len() - 1
            });
            entry.terms = u16::try_from(at).unwrap_or(EMPTIED);
        }
        // Every entry's number of terms has changed: the next snapshot has to write them all.
        self.saved = self.first;
    }

    /// The youngest day that is remembered.
    pub(crate) fn newest_day(&self) -> Option<Day> {
        self.entries.back().map(|entry| self.day(entry))
    }

    /// How many things are remembered.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// By how much a memory of that many entries grows: few players have few bets, and many bets are many bytes.
const fn growth(entries: usize) -> usize {
    match entries {
        0..4 => 2,
        4..64 => entries >> 1,
        _ => entries >> 2,
    }
}

/// The number `count` after `first`; numbers go round at 2^31.
fn nth(first: u32, count: usize) -> u32 {
    first.wrapping_add(u32::try_from(count).unwrap_or(u32::MAX)) & NUMBERS
}

/// How many entries `number` is behind `first`.
fn offset(number: u32, first: u32) -> usize {
    usize::try_from(number.wrapping_sub(first) & NUMBERS).unwrap_or(usize::MAX)
}
