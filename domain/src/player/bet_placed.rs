//! `BetPlaced`: turnover, points, tier (rules 1, 2, 3, 5, 9).

use super::memory::{Bet, Terms};
use super::points::About;
use super::{Cause, Now, Player, Scene, note_unknown_game};
use crate::defect::Defect;
use crate::event::{BetPlaced, Event};
use crate::fact::{BetTerms, Dead, DeadKind, EntryType, Outcome};
use crate::money::{Decimal, Micros};
use crate::programme::{Programme, StakeBasis};
use crate::rules::Rules;

impl Player {
    /// A bet was accepted.
    pub(super) fn bet_placed(
        &mut self,
        event: &Event<'_>,
        placed: &BetPlaced<'_>,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) -> Outcome {
        let waiting = self.take_waiting(event.identity.own[0]);
        if waiting.iter().any(super::reversal::Waiting::is_whole) {
            // A whole void waits: the bet and all else that waited have no effect (rule 9).
            self.remember_bet(event, now, None);
            return Outcome::Applied;
        }
        let bet = match self.decide_bet(event, placed, now, scene) {
            Ok(bet) => bet,
            Err(dead) => {
                self.put_back_waiting(waiting);
                return Outcome::Dead(dead);
            }
        };
        self.post_bet(event, placed, &bet, now, scene);
        let number = self.remember_bet(event, now, Some(&bet));
        if !waiting.is_empty() {
            self.apply_waiting(event, placed.bet_id, waiting, number, bet, now, scene);
        }
        let mut cause = Cause { ordinal: 1, ..Cause::event(event) };
        self.judge(&mut cause, now.programme, now.day, scene);
        Outcome::Applied
    }

    /// What the bet counts, or why it cannot be applied.
    fn decide_bet(&self, event: &Event<'_>, placed: &BetPlaced<'_>, now: &Now<'_>, scene: &mut Scene<'_>) -> Result<Bet, Dead> {
        let base_currency = &now.programme.brand(event.brand).base_currency;
        let rate = Self::rate(event, placed.currency, placed.exchange_rate, base_currency, scene.rules).ok_or(Dead {
            kind: DeadKind::MissingFx,
            field: "currency",
            error: "there is no rate for this currency at that time",
        })?;
        if placed.free_spin {
            return Ok(Bet::spin(placed.amount));
        }
        let (terms, unknown_game) = self.terms(event, placed, rate, now.programme, scene).ok_or(OVERFLOW)?;
        let mut bet = Bet::new(placed.amount, terms).ok_or(OVERFLOW)?;
        if scene.rules.defects.has(Defect::FloorPoints) {
            bet.points = Micros(bet.points.0.div_euclid(1_000_000) * 1_000_000);
            bet.points_left = bet.points;
        }
        let fits = bet.base < Micros::LIMIT
            && bet.points < Micros::LIMIT
            && self.cumulative.plus(bet.base).is_some()
            && self.fits(EntryType::Accrue, bet.points);
        if !fits {
            return Err(OVERFLOW);
        }
        if unknown_game {
            note_unknown_game(scene);
        }
        Ok(bet)
    }

    /// What a bet is counted by: weights, promotions and rates of points of the revision in force when
    /// it occurred, the multiplier of the tier in force before it (rules 1 and 16); and whether its game is one
    /// without a weight.
    fn terms(
        &self,
        event: &Event<'_>,
        placed: &BetPlaced<'_>,
        rate: Decimal,
        programme: &Programme,
        scene: &Scene<'_>,
    ) -> Option<(Terms, bool)> {
        let then = of_then(event, programme, scene.rules);
        let game_type = then.games.game_type(placed.game_id, placed.game_type);
        let (weight, unknown_game) = then.games.weight(game_type);
        let inclusive = i64::from(scene.rules.defects.has(Defect::InclusiveTo));
        let promotion = then.promotions.multiplier(event.occurred_at.plus(-inclusive), event.brand, game_type)?;
        let tier =
            programme.tiers.level(self.effective(programme)).map_or(Decimal::ONE, |level| level.points_multiplier.decimal());
        let share = match (then.points.stake_basis, placed.real_amount) {
            (StakeBasis::RealOnly, Some(real)) if real != placed.amount => (real, placed.amount),
            _ => (Decimal::ONE, Decimal::ONE),
        };
        let multiplier = promotion.times(tier)?;
        Some((Terms { rate, per_unit: then.points.per_unit, weight, multiplier, share }, unknown_game))
    }

    fn post_bet(&mut self, event: &Event<'_>, placed: &BetPlaced<'_>, bet: &Bet, now: &Now<'_>, scene: &mut Scene<'_>) {
        if now.programme.points.qualifying.bet {
            self.active_on(now);
        }
        if bet.spin || (event.late && scene.rules.defects.has(Defect::LateIsLost)) {
            return;
        }
        self.last_bet_at = self.last_bet_at.max(event.occurred_at);
        let before = self.purse.available;
        self.add_turnover(bet.base, now.own_day, scene.rules);
        let about = About { bet: Some(bet_terms(placed.bet_id, bet.base, &bet.terms)), ..About::default() };
        self.post_points(&mut Cause::event(event), EntryType::Accrue, bet.points, about, scene);
        self.wake_for_points(before, now);
    }

    /// Adds to turnover, in the bet's own day (T-1, T-2, rules 3 and 10).
    pub(super) fn add_turnover(&mut self, base: Micros, day: crate::time::Day, rules: &Rules) {
        if let Some(sum) = self.cumulative.plus(base) {
            self.cumulative = sum;
        }
        self.days.add(day, base, self.today, super::time_passed::window(rules));
    }

    /// Remembers a bet and gives its number.
    fn remember_bet(&mut self, event: &Event<'_>, now: &Now<'_>, bet: Option<&Bet>) -> Option<u32> {
        if now.own_day < now.oldest {
            return None;
        }
        let number = self.memory.remember_bet(event.identity.own[0], event.identity.event, event.identity.body, now.own_day, bet);
        self.wake_for_memory(now);
        Some(number)
    }
}

/// The revision in force when an event occurred.
fn of_then<'p>(event: &Event<'_>, programme: &'p Programme, rules: &'p Rules) -> &'p Programme {
    if event.occurred_at == event.as_of { programme } else { rules.at(event.occurred_at) }
}

/// The bet behind a posting of `base`.
pub(super) fn bet_terms<'a>(bet_id: &'a str, base: Micros, terms: &Terms) -> BetTerms<'a> {
    BetTerms { bet_id, base_amount: base, weight: terms.weight, multiplier: terms.multiplier }
}

/// The dead letter of an amount beyond what we hold (rule 1).
pub(super) const OVERFLOW: Dead =
    Dead { kind: DeadKind::Overflow, field: "amount", error: "a base amount, points or a sum would be beyond what is held" };
