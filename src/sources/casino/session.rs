//! One session of one player, step by step, and what can befall its bets.

use super::calendar::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use super::house::{GAME_TYPES, type_of};
use super::play::Play;
use super::record::{Record, VOID_REASONS, What};
use super::stake::{game_of, round_stake, win_of};

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Registering,
    Starting,
    Playing,
    Ending,
}

/// An open or planned session.
#[derive(Clone, Copy)]
pub(super) struct Session {
    player: u32,
    number: u32,
    bets_left: u32,
    game: u8,
    stage: Stage,
}

impl Session {
    /// A session of `bets` bets; somebody who is not known yet registers first.
    pub(super) fn new(player: u32, number: u32, bets: u32, registered: bool) -> Self {
        let stage = if registered { Stage::Starting } else { Stage::Registering };
        Self { player, number, bets_left: bets, game: u8::MAX, stage }
    }
}

impl Play {
    /// What `session` does at `at_ms`: the record to produce now, if any, and the time to its next
    /// step, if there is one.
    pub(super) fn step(&mut self, at_ms: i64, session: &mut Session) -> (Option<Record>, Option<i64>) {
        match session.stage {
            Stage::Registering => {
                self.players[session.player as usize].registered = true;
                session.stage = Stage::Starting;
                let record = self.record(at_ms, session.player, What::Registration);
                (Some(record), Some(self.seconds(20, 90)))
            }
            Stage::Starting => {
                session.stage = Stage::Playing;
                let what = What::SessionStart { session: session.number };
                let record = self.record(at_ms, session.player, what);
                (Some(record), Some(self.seconds(4, 20)))
            }
            Stage::Playing => self.play(at_ms, session),
            Stage::Ending => {
                self.players[session.player as usize].busy = false;
                self.visit_desk(at_ms, session.player);
                let what = What::SessionEnd { session: session.number };
                (Some(self.record(at_ms, session.player, what)), None)
            }
        }
    }

    /// A bet, or a deposit where the purse does not suffice for one.
    fn play(&mut self, at_ms: i64, session: &mut Session) -> (Option<Record>, Option<i64>) {
        let day = self.day(at_ms);
        let index = session.player as usize;
        let usual = self.players[index].usual_stake(day);
        let minor = round_stake(self.stakes.scale(&mut self.chance, usual));
        if self.players[index].purse < minor {
            let record = self.deposit(at_ms, session.player, usual.max(minor));
            return (Some(record), Some(self.seconds(5, 30)));
        }
        self.choose_game(session);
        let kind = &GAME_TYPES[type_of(session.game)];
        let player = &mut self.players[index];
        player.purse -= minor;
        player.points += player.currency.cents_from_minor(minor) * kind.weight / 2;
        session.bets_left -= 1;
        self.planned_bets -= 1;
        self.number += 1;
        let what = What::Bet { bet: self.number, session: session.number, game: session.game, minor };
        let bet = self.record(at_ms, session.player, what);
        let produced = self.befall(at_ms, bet, self.number, minor);
        let pause_ms = if session.bets_left == 0 {
            session.stage = Stage::Ending;
            self.seconds(4, 60)
        } else {
            self.seconds(kind.seconds.0, kind.seconds.1)
        };
        (produced.then_some(bet), Some(pause_ms))
    }

    fn deposit(&mut self, at_ms: i64, player: u32, stake: u64) -> Record {
        // For some forty bets, in tens of the currency.
        let minor = (stake * 40).next_multiple_of(1_000);
        self.players[player as usize].purse += minor;
        self.number += 1;
        let record = self.record(at_ms, player, What::Deposit { payment: self.number, minor });
        if self.chance.below(100) == 0 {
            let again_ms = at_ms + self.seconds(1, 120);
            self.queue(again_ms, record);
        }
        record
    }

    /// One in twenty-five bets is on another game than the one before, mostly of the type liked.
    fn choose_game(&mut self, session: &mut Session) {
        let lot = self.chance.bits();
        if session.game != u8::MAX && !lot.is_multiple_of(25) {
            return;
        }
        let taste = usize::from(self.players[session.player as usize].taste);
        let kind = if (lot >> 8) & 3 == 0 { (lot >> 10) as usize & 3 } else { taste };
        session.game = game_of(&GAME_TYPES[kind], lot >> 16);
    }

    /// What befalls a bet, in ten-thousandths; `false` when it is produced later or not now.
    fn befall(&mut self, at_ms: i64, bet: Record, number: u64, minor: u64) -> bool {
        match self.chance.below(10_000) {
            0..310 => {
                let win = win_of(&self.wins, &mut self.chance, minor);
                self.players[bet.player as usize].purse += win;
                let credited_ms = at_ms + self.chance.between(600, 2_400);
                self.queue_new(credited_ms, bet.player, What::Win { bet: number, minor: win });
            }
            310..515 => self.void(at_ms, bet, number, minor),
            515..521 => {
                // The void overtakes its bet.
                let void = What::Void { bet: number, minor: 0, reason: 0 };
                let void_ms = at_ms + self.seconds(2, 40);
                self.queue_new(void_ms, bet.player, void);
                let late_ms = void_ms + self.seconds(1, 1_800);
                self.queue(late_ms, bet);
                return false;
            }
            521..573 => {
                let again_ms = at_ms + self.resend_delay_ms();
                self.queue(again_ms, bet);
            }
            573..576 => {
                let again = self.renamed(bet);
                let again_ms = at_ms + self.seconds(1, 60);
                self.queue(again_ms, again);
            }
            576..616 => {
                let late_ms = at_ms + self.late_ms();
                self.queue(late_ms, bet);
                return false;
            }
            616..622 => {
                let corrected = round_stake(minor / 2 + self.chance.below(minor.min(1 << 31)));
                let correction = What::Correction { bet: number, minor: corrected };
                let corrected_ms = at_ms + self.seconds(60, 3_600);
                self.queue_new(corrected_ms, bet.player, correction);
            }
            _ => {}
        }
        true
    }

    /// Most voids take the whole bet soon; some a part, some of these later the rest.
    fn void(&mut self, at_ms: i64, bet: Record, number: u64, minor: u64) {
        let soon = self.chance.below(10) < 7;
        let void_ms = at_ms + if soon { self.seconds(5, 120) } else { self.seconds(120, 72_000) };
        let reason = self.chance.below(VOID_REASONS.len() as u64) as u8;
        let part = if self.chance.below(100) < 15 { minor / 2 } else { 0 };
        self.queue_new(void_ms, bet.player, What::Void { bet: number, minor: part, reason });
        if part != 0 && self.chance.below(4) == 0 {
            let rest_ms = void_ms + self.seconds(30, 7_200);
            self.queue_new(rest_ms, bet.player, What::Void { bet: number, minor: 0, reason });
        }
    }

    /// Seconds mostly, at times hours.
    fn resend_delay_ms(&mut self) -> i64 {
        if self.chance.below(10) < 9 {
            self.chance.between(50, 30 * SECOND_MS)
        } else {
            self.chance.between(MINUTE_MS, 6 * HOUR_MS)
        }
    }

    /// How late a late bet is: seconds, minutes, seldom days.
    fn late_ms(&mut self) -> i64 {
        match self.chance.below(20) {
            0..12 => self.chance.between(2 * SECOND_MS, MINUTE_MS),
            12..18 => self.chance.between(MINUTE_MS, 2 * HOUR_MS),
            _ => self.chance.between(2 * HOUR_MS, 4 * DAY_MS),
        }
    }

    /// A random time of `low` to `high` seconds, in milliseconds.
    pub(super) fn seconds(&mut self, low: i64, high: i64) -> i64 {
        self.chance.between(low * SECOND_MS, high * SECOND_MS)
    }
}
