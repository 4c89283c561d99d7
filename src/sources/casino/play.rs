//! The realistic stream: what is due next, in order of production.
//!
//! Two queues: the next step of every open session, and the records that come on their own (voids,
//! wins, what is late or sent again, rates). The earlier one of both is produced. Sessions are
//! planned an hour at a time, as many as the pace of that hour asks for.
//!
//! A record is produced at its place in the queue; its `occurred_at` lies up to half a second
//! before, so that a partition is a little out of order, as real ones are.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::Casino;
use super::calendar::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use super::chance::{Chance, LogNormal, Urn};
use super::house::{BRANDS, Currency};
use super::pace::Pace;
use super::player::{Crowd, Player};
use super::record::{Record, What};
use super::session::Session;

/// The longest usual time from `occurred_at` to production.
const DELAY_MS: (i64, i64) = (16, 470);
/// How often a player is drawn who is silent or playing already, before one is taken anyway.
const DRAWS: u32 = 40;
/// How long before it holds a rate is published.
const RATE_LEAD_MS: i64 = 5 * MINUTE_MS;
/// Bets of a session, on average.
const SESSION_BETS: u64 = 26;
/// Records for a hundred planned bets: wins, voids, deposits and the rest come along.
const RECORDS_PER_HUNDRED_BETS: u64 = 116;

/// Something due at an instant; of two at the same one the first that was queued.
#[derive(Clone, Copy)]
pub(super) struct Due<T> {
    pub(super) at_ms: i64,
    turn: u64,
    pub(super) what: T,
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Due<T> {}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest is the greatest, for a heap gives the greatest first.
impl<T> Ord for Due<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.turn).cmp(&(self.at_ms, self.turn))
    }
}

/// Generates the realistic stream.
pub(super) struct Play {
    events: u64,
    made: u64,
    start_ms: i64,
    turn: u64,
    pub(super) chance: Chance,
    pub(super) players: Vec<Player>,
    first: [usize; BRANDS.len() + 1],
    urns: Vec<Option<Urn>>,
    pace: Pace,
    steps: BinaryHeap<Due<Session>>,
    pending: BinaryHeap<Due<Record>>,
    lengths: LogNormal,
    pub(super) stakes: LogNormal,
    pub(super) wins: LogNormal,
    /// Bets that open sessions are still to make.
    pub(super) planned_bets: u64,
    /// The last number given to an event, and to anything else that has one.
    event: u64,
    pub(super) number: u64,
    session: u32,
    rate_chance: Chance,
}

impl Play {
    /// The stream of `casino` from its beginning.
    pub(super) fn new(casino: &Casino) -> Self {
        let mut chance = Chance::new(casino.seed, 2);
        let crowd = Crowd::of_all_brands(casino, &mut chance);
        let first = crowd.first;
        let ranges = [0, 1, 2].map(|brand| first[brand]..first[brand + 1]);
        let sizes = ranges.each_ref().map(|range| range.len() as u64);
        let urn = |range| Some(Urn::new(&crowd.weights[range])).filter(|urn| !urn.is_empty());
        let mut play = Self {
            events: casino.events,
            made: 0,
            start_ms: casino.start_ms,
            turn: 0,
            players: crowd.players,
            first,
            urns: ranges.map(urn).into(),
            pace: Pace::new(casino.start_ms, casino.days, casino.events, sizes),
            steps: BinaryHeap::new(),
            pending: BinaryHeap::new(),
            lengths: LogNormal::new(&mut chance, 80),
            stakes: LogNormal::new(&mut chance, 60),
            wins: LogNormal::new(&mut chance, 110),
            chance,
            planned_bets: 0,
            event: 0,
            number: 0,
            session: 0,
            rate_chance: Chance::new(casino.seed, 3),
        };
        for currency in [Currency::Sek, Currency::Gbp] {
            play.queue_rate(casino.start_ms, currency, currency.first_rate());
        }
        play
    }

    /// The next record in order of production.
    pub(super) fn next(&mut self) -> Option<Record> {
        while self.made < self.events {
            let step_ms = self.steps.peek().map_or(i64::MAX, |due| due.at_ms);
            let record_ms = self.pending.peek().map_or(i64::MAX, |due| due.at_ms);
            if step_ms.min(record_ms) >= self.pace.planned_until_ms() {
                self.plan_hour();
            } else if record_ms <= step_ms {
                let record = self.pending.pop()?.what;
                if let What::Rate { currency, rate } = record.what {
                    self.next_rate(record.occurred_ms, currency, rate);
                }
                self.made += 1;
                return Some(record);
            } else if let Some(record) = self.take_step() {
                self.made += 1;
                return Some(record);
            }
        }
        None
    }

    /// Lets the next session take its step; the record may be one that is produced later.
    fn take_step(&mut self) -> Option<Record> {
        let Due { at_ms, what: mut session, .. } = *self.steps.peek()?;
        let (record, pause_ms) = self.step(at_ms, &mut session);
        if let Some(pause_ms) = pause_ms {
            let turn = self.next_turn();
            let mut top = self.steps.peek_mut()?;
            *top = Due { at_ms: at_ms + pause_ms, turn, what: session };
        } else {
            self.steps.pop();
        }
        record
    }

    fn plan_hour(&mut self) {
        let hour = self.pace.next_hour();
        let day = ((hour.start_ms - self.start_ms) / DAY_MS).min(i64::from(u16::MAX) - 1) as u16;
        while self.made + self.planned_bets * RECORDS_PER_HUNDRED_BETS / 100 < hour.target {
            let brand = hour.brand(&mut self.chance);
            let Some(player) = self.draw_player(brand, day) else {
                break;
            };
            let bets = self.lengths.scale(&mut self.chance, SESSION_BETS).max(3);
            let at_ms = hour.start_ms + self.chance.between(2 * SECOND_MS, HOUR_MS - 1);
            self.planned_bets += bets;
            self.session += 1;
            let registered = self.players[player].registered;
            let session = Session::new(player as u32, self.session, bets as u32, registered);
            self.players[player].busy = true;
            let turn = self.next_turn();
            self.steps.push(Due { at_ms, turn, what: session });
        }
    }

    /// Somebody of `brand` who may play on `day` and is not playing; where that is hard to find,
    /// somebody who ends their silence; `None` when all that were drawn are playing.
    fn draw_player(&mut self, brand: usize, day: u16) -> Option<usize> {
        let urn = self.urns[brand].as_ref()?;
        let mut silent = None;
        for _ in 0..DRAWS {
            let index = self.first[brand] + urn.draw(&mut self.chance);
            let player = &self.players[index];
            if player.busy {
                continue;
            }
            if player.habit.is_active(day) {
                return Some(index);
            }
            silent = Some(index);
        }
        silent
    }

    /// The day that `at_ms` falls on, counted from the start.
    pub(super) fn day(&self, at_ms: i64) -> u16 {
        ((at_ms - self.start_ms) / DAY_MS).clamp(0, i64::from(u16::MAX) - 1) as u16
    }

    /// A new record of something that is produced at `at_ms`.
    pub(super) fn record(&mut self, at_ms: i64, player: u32, what: What) -> Record {
        let occurred_ms = what.instant(at_ms - self.chance.between(DELAY_MS.0, DELAY_MS.1));
        self.event += 1;
        Record { event: self.event, occurred_ms, player, what }
    }

    /// The same thing under a new event's name.
    pub(super) fn renamed(&mut self, record: Record) -> Record {
        self.event += 1;
        Record { event: self.event, ..record }
    }

    /// Has `record` produced at `at_ms`.
    pub(super) fn queue(&mut self, at_ms: i64, record: Record) {
        let turn = self.next_turn();
        self.pending.push(Due { at_ms, turn, what: record });
    }

    /// Makes a record of `what` that is produced at `at_ms`.
    pub(super) fn queue_new(&mut self, at_ms: i64, player: u32, what: What) {
        let record = self.record(at_ms, player, what);
        self.queue(at_ms, record);
    }

    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// A rate that holds from `valid_from_ms`; the first is produced then, the others before.
    fn queue_rate(&mut self, valid_from_ms: i64, currency: Currency, rate: i64) {
        self.event += 1;
        let what = What::Rate { currency, rate };
        let record = Record { event: self.event, occurred_ms: valid_from_ms, player: 0, what };
        self.queue((valid_from_ms - RATE_LEAD_MS).max(self.start_ms), record);
    }

    /// Tomorrow's rate lies near today's and within a twentieth of the first.
    fn next_rate(&mut self, valid_from_ms: i64, currency: Currency, rate: i64) {
        let first = currency.first_rate();
        let step = first / 250;
        let moved = rate + self.rate_chance.between(-step, step);
        let tomorrow = moved.clamp(first - first / 20, first + first / 20);
        self.queue_rate(valid_from_ms + DAY_MS, currency, tomorrow);
    }
}
