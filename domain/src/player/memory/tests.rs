//! A memory beside a plain list: both are asked the same.

use std::collections::VecDeque;

use super::*;
use crate::player::record::{Reader, Writer};

/// A thing as the list keeps it.
struct Kept {
    number: u32,
    own: Key,
    event: Key,
    body: u32,
    day: Day,
    is_bet: bool,
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 29).rem_euclid(sides)
    }

    fn small(&mut self, sides: u64) -> i32 {
        i32::try_from(self.roll(sides)).unwrap()
    }

    /// One of many keys, or one of nine whose searches begin at the last place of an index.
    fn key(&mut self) -> Key {
        match self.roll(20) {
            0 => Key(u64::MAX - (self.roll(3) << 8) - self.roll(3)),
            _ => Key((self.roll(1_500) + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)),
        }
    }

    fn key_or_none(&mut self) -> Key {
        if self.roll(6) == 0 { Key::NONE } else { self.key() }
    }
}

/// What the list says is known.
fn known(list: &VecDeque<Kept>, keys: &[Key; 3], body: u64, oldest: Day) -> Known {
    let (mut same, mut other) = (false, None);
    for kept in list.iter().filter(|kept| kept.day >= oldest) {
        for (place, _) in keys.iter().enumerate().filter(|(_, key)| **key != Key::NONE && [kept.own, kept.event].contains(key)) {
            if kept.body == half(body) {
                same = true;
            } else {
                other = Some(other.map_or(place, |first: usize| first.min(place)));
            }
        }
    }
    match (other, same) {
        (Some(place), _) => Known::Other(place),
        (None, true) => Known::Same,
        (None, false) => Known::New,
    }
}

/// A memory and a list that went through the same.
struct Pair {
    memory: Memory,
    list: VecDeque<Kept>,
    /// What the records say so far.
    recorded: Option<Memory>,
    next: u32,
    today: Day,
}

impl Pair {
    fn remember(&mut self, dice: &mut Dice) {
        let (own, event, body) = (dice.key_or_none(), dice.key(), dice.roll(3) << 32);
        let day = self.today.plus(-dice.small(3));
        let is_bet = dice.roll(4) > 0;
        if is_bet {
            let spin = Bet::spin(Decimal::ONE);
            let bet = (dice.roll(5) > 0).then_some(&spin);
            assert_eq!(self.memory.remember_bet(own, event, body, day, bet), self.next);
        } else {
            self.memory.remember(own, event, body, day);
        }
        self.list.push_back(Kept { number: self.next, own, event, body: half(body), day, is_bet });
        self.next = nth(self.next, 1);
    }

    fn forget(&mut self, oldest: Day) {
        self.memory.forget(oldest);
        while self.list.front().is_some_and(|kept| kept.day < oldest) {
            self.list.pop_front();
        }
    }

    /// Saves what is new, or everything, and goes on with what the records give.
    fn restart(&mut self, dice: &mut Dice) {
        let mut bytes = Vec::new();
        let full = self.recorded.is_none() || dice.roll(3) == 0;
        self.memory.save(full, &mut Writer(&mut bytes));
        let before = self.recorded.take().unwrap_or_default();
        let restored = Memory::restore(before, &mut Reader(&bytes)).unwrap();
        self.memory = restored.clone();
        self.recorded = Some(restored);
    }

    fn compare(&self, dice: &mut Dice, seed: u64) {
        let oldest = self.today.plus(-dice.small(40));
        let keys = [dice.key_or_none(), dice.key_or_none(), dice.key()];
        self.memory.prefetch(&keys);
        let body = dice.roll(3) << 32;
        assert_eq!(self.memory.known(&keys, body, oldest), known(&self.list, &keys, body, oldest), "seed {seed}, {keys:?}");
        let own = dice.key();
        let found = self.memory.bet(own, oldest).map(|bet| (bet.number, bet.day));
        let is_it = |kept: &&Kept| kept.own == own && kept.day >= oldest && kept.is_bet;
        assert_eq!(found, self.list.iter().find(is_it).map(|kept| (kept.number, kept.day)), "seed {seed}, {own:?}");
        assert_eq!(self.memory.len(), self.list.len(), "seed {seed}");
    }
}

#[test]
fn a_memory_knows_what_a_list_knows() {
    let (mut indexed, mut dropped) = (0, 0);
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let first = NUMBERS - 700;
        let memory = Memory { first, saved: first, ..Memory::default() };
        let mut pair = Pair { memory, list: VecDeque::new(), recorded: None, next: first, today: Day(20_000) };
        let (per_day, reach) = (dice.roll(120) + 1, dice.small(30) + 2);
        for _ in 0..2_000 {
            let had = pair.memory.index.is_some();
            match dice.roll(per_day + 1) {
                0 => {
                    // Now and then somebody stays away for long.
                    pair.today = pair.today.plus(if dice.roll(30) == 0 { 50 } else { 1 });
                    pair.forget(pair.today.plus(-reach));
                }
                1 if dice.roll(10) == 0 => pair.restart(&mut dice),
                _ => pair.remember(&mut dice),
            }
            pair.compare(&mut dice, seed);
            indexed += u32::from(pair.memory.index.is_some());
            dropped += u32::from(had && pair.memory.index.is_none());
        }
    }
    assert!(indexed > 20_000 && dropped > 10, "of 80,000 steps {indexed} had an index, which was given back {dropped} times");
}
