//! The loyalty desk: points redeemed, given and taken, and tiers set by hand.

use super::calendar::{DAY_MS, HOUR_MS};
use super::play::Play;
use super::record::{LIFT, What};

/// Points of one step of a redemption, in hundredths.
const STEP: u64 = 1_000 * 100;
/// Most steps that somebody redeems at once.
const STEPS_MAX: u64 = 20;

impl Play {
    /// After a session: who has the points may redeem some; seldom the back office acts.
    pub(super) fn visit_desk(&mut self, at_ms: i64, player: u32) {
        let lot = self.chance.below(10_000);
        let steps = (self.players[player as usize].points / STEP).min(STEPS_MAX);
        if steps > 0 && lot < 2_500 {
            self.redeem(at_ms, player, steps);
        } else if lot >= 9_975 {
            self.force(at_ms, player);
        } else if lot >= 9_875 {
            self.adjust(at_ms, player);
        } else if lot >= 9_845 {
            // More than they have, or no multiple of the step: to be refused.
            let points = if lot & 1 == 0 { (steps + 5) * 1_000 } else { 1_500 };
            self.number += 1;
            let what = What::RedemptionRequest { redemption: self.number, points };
            let asked_ms = at_ms + self.seconds(10, 600);
            self.queue_new(asked_ms, player, what);
        }
    }

    /// Most redemptions are confirmed, some cancelled; some time out, a few of these are confirmed
    /// after that.
    fn redeem(&mut self, at_ms: i64, player: u32, steps: u64) {
        let steps = 1 + self.chance.below(steps);
        self.number += 1;
        let redemption = self.number;
        let asked_ms = at_ms + self.seconds(10, 600);
        let request = What::RedemptionRequest { redemption, points: steps * 1_000 };
        self.queue_new(asked_ms, player, request);
        let confirm = What::RedemptionConfirm { redemption };
        match self.chance.below(20) {
            0..14 => {
                self.players[player as usize].points -= steps * STEP;
                let confirmed_ms = asked_ms + self.seconds(300, 20_000);
                self.queue_new(confirmed_ms, player, confirm);
            }
            14..17 => {
                let cancelled_ms = asked_ms + self.seconds(60, 10_000);
                self.queue_new(cancelled_ms, player, What::RedemptionCancel { redemption });
            }
            17 => {
                let confirmed_ms = asked_ms + DAY_MS + self.seconds(60, 10_000);
                self.queue_new(confirmed_ms, player, confirm);
            }
            _ => {}
        }
    }

    fn adjust(&mut self, at_ms: i64, player: u32) {
        self.number += 1;
        let points = self.chance.between(1, 10) * 50;
        let points = if self.chance.below(5) == 0 { -points } else { points };
        let what = What::Adjustment { request: self.number, points };
        let ordered_ms = at_ms + self.seconds(60, 7_200);
        let record = self.record(ordered_ms, player, what);
        self.queue(ordered_ms, record);
        if self.chance.below(10) == 0 {
            // Sent again by somebody who saw no answer: the same request under a new event's name.
            let again = self.renamed(record);
            let again_ms = ordered_ms + self.seconds(2, 60);
            self.queue(again_ms, again);
        }
    }

    /// A tier by hand, to the end of a day; some are lifted before.
    fn force(&mut self, at_ms: i64, player: u32) {
        self.number += 1;
        let ordered_ms = at_ms + self.seconds(60, 7_200);
        let mode = match self.chance.below(20) {
            0..14 => 0,
            14..17 => 1,
            _ => 2,
        };
        let tier = 1 + self.chance.below(3) as u8;
        let tomorrow_ms = ordered_ms - ordered_ms.rem_euclid(DAY_MS) + DAY_MS;
        let until_ms = tomorrow_ms + self.chance.between(7, 40) * DAY_MS;
        let what = What::Force { request: self.number, mode, tier, until_ms };
        self.queue_new(ordered_ms, player, what);
        if self.chance.below(4) == 0 {
            self.number += 1;
            let lifted_ms = ordered_ms + self.chance.between(HOUR_MS, 7 * DAY_MS);
            let lift = What::Force { request: self.number, mode: LIFT, tier, until_ms };
            self.queue_new(lifted_ms, player, lift);
        }
    }
}
