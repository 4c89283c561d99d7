//! The benchmark input: bets of one brand in one currency, evenly over the days.

use super::Casino;
use super::calendar::DAY_MS;
use super::chance::{Chance, LogNormal, Urn};
use super::house::GAME_TYPES;
use super::player::{Crowd, Player};
use super::record::{Record, What};
use super::stake::{game_of, round_stake, win_of};

/// The bets that can still be sent again, voided or won: a power of two.
const REMEMBERED: usize = 4096;
/// A win follows one of the latest bets.
const WON_WITHIN: u64 = 32;

/// Generates the benchmark input.
pub(super) struct Bench {
    events: u64,
    made: u64,
    start_ms: i64,
    span_ms: u64,
    chance: Chance,
    pub(super) players: Vec<Player>,
    urn: Urn,
    stakes: LogNormal,
    wins: LogNormal,
    bets: u64,
    remembered: Vec<(Record, bool)>,
}

impl Bench {
    /// The stream of `casino` from its beginning.
    pub(super) fn new(casino: &Casino) -> Self {
        let mut chance = Chance::new(casino.seed, 1);
        let crowd = Crowd::of_one_brand(casino, &mut chance);
        let stakes = LogNormal::new(&mut chance, 70);
        let wins = LogNormal::new(&mut chance, 110);
        Self {
            events: casino.events,
            made: 0,
            start_ms: casino.start_ms,
            span_ms: u64::from(casino.days.max(1)) * DAY_MS as u64,
            chance,
            urn: Urn::new(&crowd.weights),
            players: crowd.players,
            stakes,
            wins,
            bets: 0,
            remembered: Vec::with_capacity(REMEMBERED),
        }
    }

    /// The next record: 945 of a thousand are bets, 5 bets sent again, 20 voids, 30 wins.
    pub(super) fn next(&mut self) -> Option<Record> {
        if self.made == self.events {
            return None;
        }
        let now_ms = self.now_ms();
        self.made += 1;
        let lot = self.chance.below(1_000);
        if lot < 945 || self.remembered.len() < WON_WITHIN as usize {
            return Some(self.bet(now_ms));
        }
        let among = if lot < 970 { self.remembered.len() as u64 } else { WON_WITHIN };
        let earlier = self.bets - 1 - self.chance.below(among);
        let (bet, voided) = self.remembered[earlier as usize % REMEMBERED];
        if lot < 950 {
            return Some(bet);
        }
        let What::Bet { bet: number, minor, .. } = bet.what else {
            return Some(bet);
        };
        if voided {
            return Some(self.bet(now_ms));
        }
        let what = if lot < 970 {
            self.remembered[earlier as usize % REMEMBERED].1 = true;
            What::Void { bet: number, minor: 0, reason: (number % 3) as u8 }
        } else {
            What::Win { bet: number, minor: win_of(&self.wins, &mut self.chance, minor) }
        };
        Some(Record { event: self.made, occurred_ms: now_ms, what, ..bet })
    }

    /// The records' own even steps, each moved within its step: later with every record.
    fn now_ms(&mut self) -> i64 {
        let passed = u128::from(self.made) * u128::from(self.span_ms) / u128::from(self.events);
        let step = (self.span_ms / self.events).clamp(1, u64::from(u32::MAX));
        self.start_ms + passed as i64 + self.chance.below(step) as i64
    }

    fn bet(&mut self, now_ms: i64) -> Record {
        let index = self.urn.draw(&mut self.chance);
        let player = &self.players[index];
        let lot = self.chance.bits();
        let likes = if lot & 3 == 0 { (lot >> 2) as usize & 3 } else { usize::from(player.taste) };
        let stake = self.stakes.scale(&mut self.chance, u64::from(player.stake));
        self.bets += 1;
        let what =
            What::Bet { bet: self.bets, session: 0, game: game_of(&GAME_TYPES[likes], lot >> 4), minor: round_stake(stake) };
        let record = Record { event: self.made, occurred_ms: now_ms, player: index as u32, what };
        let place = (self.bets - 1) as usize % REMEMBERED;
        if place == self.remembered.len() {
            self.remembered.push((record, false));
        } else {
            self.remembered[place] = (record, false);
        }
        record
    }
}
