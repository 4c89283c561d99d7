//! Rules 1, 2, 7, 9 and 10: a bet, and what takes it back.

use serde_json::{Value, json};

use super::amount::{Dec, Micro, TOO_MUCH, plain};
use super::decode::Event;
use super::facts::Cause;
use super::memory::Keep;
use super::player::{Outcome, Player, cause_of};
use super::rulebook::Rulebook;
use super::zone::{Day, Ms};

/// What a bet was worth, for ever.
#[derive(Clone, Debug)]
struct Terms {
    rate: Dec,
    per_unit: Dec,
    weight: Dec,
    multiplier: Dec,
    /// The counted share of the stake: upper / lower.
    share: (Dec, Dec),
    spin: bool,
}

impl Terms {
    /// Base amount and points of a stake; `None` where they are too much.
    fn worth(&self, stake: &Dec) -> Option<(Micro, Micro)> {
        let base = stake.times(&self.rate).round6_of_fraction(&self.share.0, &self.share.1);
        let exact = Dec::of_micro(base).times(&self.per_unit).times(&self.weight).times(&self.multiplier);
        let points = exact.round6();
        if base.abs() >= TOO_MUCH || points.abs() >= TOO_MUCH { None } else { Some((base, points)) }
    }
}

/// A bet that counts.
#[derive(Clone, Debug)]
struct Standing {
    terms: Terms,
    stake: Dec,
    taken: Dec,
    base: Micro,
    points: Micro,
    base_left: Micro,
    points_left: Micro,
}

/// A remembered bet; one without a standing was dead when it came.
#[derive(Clone, Debug)]
pub(crate) struct Bet {
    id: String,
    pub(crate) day: Day,
    emptied: bool,
    standing: Option<Standing>,
}

/// A reversal whose bet has not come yet; its day is the one it was applied on.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) event: Event,
    pub(crate) day: Day,
}

/// The promotions' multiplier, after stacking and cap.
fn promotion(rules: &Rulebook, brand: &str, game_type: Option<&str>, at: Ms) -> (Dec, usize, bool) {
    let one = Dec::whole(1);
    let fits = |limits: &[String], name: Option<&str>| limits.is_empty() || limits.iter().any(|l| Some(l.as_str()) == name);
    let list = rules.promotions.list.iter();
    let running = list.filter(|p| p.from <= at && at < p.to && fits(&p.brands, Some(brand)) && fits(&p.game_types, game_type));
    let factors: Vec<Dec> = running.map(|p| Dec::known(&p.multiplier)).collect();
    let combined = if rules.promotions.stack_max {
        let greatest = |a: Dec, b: &Dec| if b.more_than(&a) { b.clone() } else { a };
        factors.first().map_or(one, |first| factors.iter().fold(first.clone(), greatest))
    } else {
        factors.iter().fold(one, |a, b| a.times(b))
    };
    let cap = Dec::known(&rules.promotions.cap);
    let capped = combined.more_than(&cap);
    (if capped { cap } else { combined }, factors.len(), capped)
}

/// What is taken from a bet.
struct Taken {
    base: Micro,
    points: Micro,
    above: bool,
}

impl Bet {
    /// Takes a part of the stake back, or all that is left.
    fn take(&mut self, amount: Option<&Dec>) -> Taken {
        let standing = self.standing.as_mut().expect("a bet that counts");
        let left = standing.stake.minus(&standing.taken);
        let above = amount.is_some_and(|a| a.more_than(&left));
        let part = amount.filter(|_| !above).unwrap_or(&left);
        if *part == left {
            self.emptied = true;
            let all = Taken { base: standing.base_left, points: standing.points_left, above };
            standing.taken = standing.stake.clone();
            standing.base_left = 0;
            standing.points_left = 0;
            return all;
        }
        let base = Dec::of_micro(standing.base).round6_of_fraction(part, &standing.stake);
        let points = Dec::of_micro(standing.points).round6_of_fraction(part, &standing.stake);
        standing.taken = standing.taken.plus(part);
        standing.base_left -= base;
        standing.points_left -= points;
        Taken { base, points, above }
    }
}

impl Player<'_> {
    fn terms(&mut self, event: &Event, at: Ms) -> Option<Terms> {
        let currency = event.text("currency").expect("a required field");
        let carried = event.number("exchange_rate").cloned();
        let rate = if let Some(rate) = carried {
            self.cover.hit("R2.on_event");
            rate
        } else if currency == self.base {
            self.cover.hit("R2.base_currency");
            Dec::whole(1)
        } else if let Some(rate) = self.world.rate(currency, &self.base, at) {
            self.cover.hit("R2.fx_rate");
            rate
        } else {
            self.cover.hit("R2.missing_fx");
            return None;
        };
        let place = self.world.in_force(at);
        let rules = &self.world.books[place];
        self.cover.hit_if(place != self.book, "R16.weight_by_bet_time");
        let (game_type, weight) = rules.weight(event.text("game_id"), event.text("game_type"));
        self.cover.hit(if weight.is_some() { "R1.weight" } else { "R1.unknown_game" });
        self.cover.hit_if(game_type.as_deref() != event.text("game_type"), "R1.catalogue");
        let (promo, count, capped) = promotion(rules, &self.brand, game_type.as_deref(), at);
        self.cover.hit_if(count > 0, "R1.promotion");
        self.cover.hit_if(count > 1, if rules.promotions.stack_max { "R1.promotion_max" } else { "R1.promotion_multiply" });
        self.cover.hit_if(capped, "R1.promotion_cap");
        self.cover.hit_if(rules.promotions.list.iter().any(|p| p.from == at || p.to == at), "R1.promotion_edge");
        let tier = Dec::known(&self.rules().level(&self.standing.shown).points_multiplier);
        self.cover.hit_if(tier != Dec::whole(1), "R1.tier_multiplier");
        let spin = event.fields.contains_key("free_spin");
        Some(Terms {
            rate,
            per_unit: Dec::known(&rules.points.per_unit),
            weight: weight.unwrap_or_else(|| Dec::known(&rules.games.unknown_weight)),
            multiplier: promo.times(&tier),
            share: self.share(event, rules, spin),
            spin,
        })
    }

    /// The counted share of the stake.
    fn share(&mut self, event: &Event, rules: &Rulebook, spin: bool) -> (Dec, Dec) {
        let whole = (Dec::whole(1), Dec::whole(1));
        let amount = event.number("amount").expect("a required field").clone();
        let (real, bonus) = (event.number("real_amount"), event.number("bonus_amount"));
        self.cover.hit_if(real.is_some() != bonus.is_some(), "B12.one_part");
        if spin {
            return (Dec::whole(0), Dec::whole(1));
        }
        if !rules.points.real_only || amount.is_zero() {
            return whole;
        }
        let counted = match (real, bonus) {
            (Some(real), _) => real.clone(),
            (None, Some(bonus)) => amount.minus(bonus),
            (None, None) => return whole,
        };
        self.cover.hit("R1.real_only");
        (counted, amount)
    }

    /// A bet and all that waited for it.
    pub(crate) fn bet_placed(&mut self, event: &Event, at: Ms) -> Outcome {
        let id = event.text("bet_id").expect("a required field").to_owned();
        let day = self.zone.day(at);
        let waits = |w: &Waiting| w.event.text("original_bet_id") == Some(&id);
        let whole = |w: &Waiting| waits(w) && w.event.kind == "BetVoided" && w.event.number("amount").is_none();
        if self.waiting.iter().any(whole) {
            self.cover.hit("R9.waiting_whole");
            self.waiting.retain(|w| !waits(w));
            self.bets.push(Bet { id, day, emptied: true, standing: None });
            return Outcome::Applied(Keep::All);
        }
        let Some(terms) = self.terms(event, at) else {
            return Outcome::Dead("missing_fx");
        };
        let stake = event.number("amount").expect("a required field").clone();
        let Some((base, points)) = terms.worth(&stake) else {
            self.cover.hit("R1.overflow");
            return Outcome::Dead("overflow");
        };
        let waited: Vec<Waiting> = self.waiting.extract_if(.., |w| waits(w)).collect();
        for waiting in &waited {
            if let Some(new) = waiting.event.number("new_amount")
                && terms.worth(new).is_none()
            {
                self.cover.hit("R1.overflow");
            }
        }
        let cause = cause_of(event);
        self.count_bet(event, day, points, &terms);
        let standing = Standing { terms, stake, taken: Dec::whole(0), base, points, base_left: base, points_left: points };
        let mut bet = Bet { id, day, emptied: false, standing: Some(standing) };
        self.accrue(&bet, &cause);
        let mut last = None;
        for waiting in &waited {
            if bet.emptied {
                self.cover.hit("R9.emptied_by_others");
                continue;
            }
            let own = cause_of(&waiting.event);
            let its = Cause { as_of: cause.as_of, late: cause.late, ..own };
            self.cover.hit(if waiting.event.kind == "BetVoided" { "R9.waiting_part" } else { "R9.waiting_corrected" });
            self.reverse(&mut bet, &waiting.event, &its);
            last = Some(its);
        }
        self.bets.push(bet);
        if let Some(its) = last
            && self.reversal_steps("reversal", 1, &its)
        {
            self.audit("review", Some("reversed_after_reward"), &its);
        }
        self.active("bet", day);
        self.last_bet_at = self.last_bet_at.max(Some(at));
        self.upgrades("threshold", &cause);
        Outcome::Applied(Keep::All)
    }

    fn count_bet(&mut self, event: &Event, day: Day, points: Micro, terms: &Terms) {
        self.cover.hit("R1.accrue");
        self.cover.hit_if(points == 0 && !terms.spin, "R1.zero_points");
        self.cover.hit_if(terms.spin, "B29.spin");
        self.cover.hit_if(event.late, "R10.late_bet");
        self.cover.hit_if(day < self.today - 29, "R3.out_of_window");
        let at = event.at.unwrap_or_default();
        self.cover.hit_if(at == self.zone.start(day), "R3.midnight_bet");
        self.cover.hit_if(day != at.div_euclid(super::zone::DAY), "R3.zone_day");
        self.cover.hit_if(event.brand != "default" && !self.rules().brands.contains_key(&event.brand), "R14.unknown_brand");
    }

    fn bet_posting(&mut self, entry: &str, bet: &Bet, sums: (Micro, Micro), cause: &Cause) {
        let (base, points) = sums;
        let terms = &bet.standing.as_ref().expect("a bet that counts").terms;
        if terms.spin {
            return;
        }
        self.cumulative += base;
        *self.days.entry(bet.day).or_default() += base;
        self.points.available += points;
        if entry == "accrue" {
            self.points.accrued += points;
        } else {
            self.points.reversed -= points;
            self.cover.hit_if(self.points.available < 0, "R7.negative_available");
        }
        let more: Value = json!({
            "bet_id": bet.id, "base_amount": plain(base),
            "weight": terms.weight.plain(), "multiplier": terms.multiplier.plain(),
        });
        self.post(entry, points, cause, more);
    }

    fn accrue(&mut self, bet: &Bet, cause: &Cause) {
        let standing = bet.standing.as_ref().expect("a bet that counts");
        let sums = (standing.base, standing.points);
        self.bet_posting("accrue", bet, sums, cause);
    }

    /// A void or a correction of a bet that counts and is not emptied.
    fn reverse(&mut self, bet: &mut Bet, event: &Event, cause: &Cause) {
        let spin = bet.standing.as_ref().is_some_and(|s| s.terms.spin);
        self.cover.hit_if(spin, "R7.spin");
        if event.kind == "BetCorrected" {
            return self.correct(bet, event, cause);
        }
        let amount = event.number("amount");
        let taken = bet.take(amount);
        self.cover.hit(if amount.is_none() { "R7.whole" } else { "R7.partial" });
        self.cover.hit_if(amount.is_some() && bet.emptied && !taken.above, "R7.emptied_by_part");
        self.cover.hit_if(amount.is_some_and(Dec::is_zero), "R7.void_zero");
        self.bet_posting("reverse", bet, (-taken.base, -taken.points), cause);
        if taken.above {
            self.cover.hit("R7.void_above_stake");
            self.audit("refused", Some("void_above_stake"), cause);
        }
    }

    fn correct(&mut self, bet: &mut Bet, event: &Event, cause: &Cause) {
        self.cover.hit("R7.corrected");
        let new = event.number("new_amount").expect("a required field");
        let standing = bet.standing.as_mut().expect("a bet that counts");
        let Some((base, points)) = standing.terms.worth(new) else {
            return;
        };
        self.cover.hit_if(new.more_than(&standing.stake), "R7.corrected_up");
        self.cover.hit_if(!standing.taken.is_zero(), "R7.corrected_after_void");
        let left = (-standing.base_left, -standing.points_left);
        standing.stake = new.clone();
        standing.taken = Dec::whole(0);
        (standing.base, standing.points) = (base, points);
        (standing.base_left, standing.points_left) = (base, points);
        self.bet_posting("reverse", bet, left, cause);
        self.accrue(bet, cause);
    }

    /// A void or a correction, its bet known or not.
    pub(crate) fn reversal(&mut self, event: &Event) -> Outcome {
        let id = event.text("original_bet_id").expect("a required field");
        let Some(place) = self.bets.iter().rposition(|b| b.id == id) else {
            self.cover.hit("R9.waiting");
            self.waiting.push(Waiting { event: event.clone(), day: self.zone.day(event.apply) });
            return Outcome::Applied(Keep::All);
        };
        let cause = cause_of(event);
        let mut bet = self.bets[place].clone();
        if bet.emptied {
            if event.kind == "BetVoided" {
                self.cover.hit("R7.void_again");
                return Outcome::Duplicate;
            }
            self.cover.hit("R7.corrected_emptied");
            self.audit("refused", Some("bet_voided"), &cause);
            return Outcome::Applied(Keep::Refused);
        }
        let terms = &bet.standing.as_ref().expect("a bet that counts").terms;
        if event.number("new_amount").is_some_and(|new| terms.worth(new).is_none()) {
            self.cover.hit("R1.overflow");
            return Outcome::Dead("overflow");
        }
        self.reverse(&mut bet, event, &cause);
        self.bets[place] = bet;
        let rewarded = self.reversal_steps("reversal", 1, &cause);
        if event.kind == "BetCorrected" {
            self.upgrades("threshold", &cause);
        }
        if rewarded {
            self.cover.hit("R7.review");
            self.audit("review", Some("reversed_after_reward"), &cause);
        }
        Outcome::Applied(Keep::All)
    }
}
