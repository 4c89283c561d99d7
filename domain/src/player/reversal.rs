//! Reversals: `BetVoided` and `BetCorrected`, and those that come before their bet (rules 7 and 9).

use super::bet_placed::{OVERFLOW, bet_terms};
use super::memory::{Bet, Remembered};
use super::points::About;
use super::{BET, Cause, Now, Player, Scene};
use crate::defect::Defect;
use crate::event::{Event, Record};
use crate::fact::{Dead, DeadKind, EntryType, Outcome, Unmatched};
use crate::identity::Key;
use crate::money::{Decimal, Micros, round6};
use crate::time::{Day, Instant};

/// The dead letter of a correction beyond what we hold (rule 1).
const CORRECTION_OVERFLOW: Dead = Dead { field: "new_amount", ..OVERFLOW };

/// The dead letter of a reversal whose bet did not come in time (rule 9).
const UNMATCHED: Dead = Dead {
    kind: DeadKind::TooLate,
    field: "original_bet_id",
    error: "what it refers to did not come within the history that is kept",
};

/// A reversal whose bet has not come yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Waiting {
    /// The identity of the bet it waits for.
    pub(crate) bet: Key,
    /// What it does to the bet.
    pub(crate) reversal: Reversal,
    /// Why.
    pub(crate) reason: Option<Box<str>>,
    /// Its own identity.
    pub(crate) event_id: Box<str>,
    /// Who said so.
    pub(crate) source: Box<str>,
    /// When it occurred.
    pub(crate) occurred_at: Instant,
    /// Whether its time was clamped.
    pub(crate) clamped: bool,
    /// The local day on which it was applied.
    pub(crate) day: Day,
    /// Its record, for the dead letters.
    pub(crate) topic: Box<str>,
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) payload: Box<str>,
}

/// What a reversal does to a bet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reversal {
    /// Takes all that is left.
    Whole,
    /// Takes this much.
    Part(Decimal),
    /// Makes it this much.
    Correct(Decimal),
}

impl Waiting {
    /// Whether it takes the whole bet away.
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.reversal, Reversal::Whole)
    }
}

/// What a part of a bet takes along.
struct Taken {
    base: Micros,
    points: Micros,
    /// The bet afterwards; none when nothing is left.
    rest: Option<Bet>,
    /// Whether more was asked for than was left.
    above: bool,
}

impl Player {
    /// A bet was taken back, whole or in part.
    pub(super) fn bet_voided(
        &mut self,
        event: &Event<'_>,
        bet_id: &str,
        amount: Option<Decimal>,
        reason: Option<&str>,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) -> Outcome {
        let reversal = amount.map_or(Reversal::Whole, Reversal::Part);
        let Some(found) = self.memory.bet(Key::own(BET, 0, bet_id), now.oldest) else {
            self.wait(event, bet_id, reversal, reason, now);
            return Outcome::Applied;
        };
        let Some(bet) = found.bet else {
            return Outcome::Duplicate;
        };
        self.remember(event, now);
        let mut cause = Cause::event(event);
        let above = self.take(&mut cause, bet_id, &found, &bet, amount, reason, now, scene);
        if above {
            self.audit_refused_reversal(&mut cause, event.event_type.name(), bet_id, "void_above_stake", scene);
        }
        self.judge_reversal(&mut cause, event.event_type.name(), now, scene);
        Outcome::Applied
    }

    /// Takes a part of a bet, or all that is left; says whether more was asked for than was left.
    #[expect(clippy::too_many_arguments, reason = "the parts of one sentence of rule 7")]
    fn take(
        &mut self,
        cause: &mut Cause<'_>,
        bet_id: &str,
        found: &Remembered,
        bet: &Bet,
        amount: Option<Decimal>,
        reason: Option<&str>,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) -> bool {
        let mut taken = decide_part(bet, amount);
        if scene.rules.defects.has(Defect::TodaysRate) {
            let currency = &scene.rules.at(cause.as_of).brand(self.brand()).base_currency;
            let today = scene.rules.rates().find("SEK", currency, cause.as_of);
            if let Some(base) = today
                .filter(|_| bet.terms.rate != Decimal::ONE)
                .and_then(|rate| super::memory::Terms { rate, ..bet.terms }.base(bet.left))
            {
                taken.base = base;
            }
        }
        let keep = scene.rules.defects.has(Defect::VoidTwice) && taken.rest.is_none();
        self.memory.update(found.number, if keep { Some(*bet) } else { taken.rest });
        if !bet.spin {
            let day = if scene.rules.defects.has(Defect::VoidIntoToday) { now.day } else { found.day };
            self.reverse(cause, bet_id, bet, &taken, day, reason, now, scene);
        }
        taken.above
    }

    /// Posts what is taken back, in the bet's own day.
    #[expect(clippy::too_many_arguments, reason = "the parts of one sentence of rule 7")]
    fn reverse(
        &mut self,
        cause: &mut Cause<'_>,
        bet_id: &str,
        bet: &Bet,
        taken: &Taken,
        day: Day,
        reason: Option<&str>,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) {
        self.add_turnover(taken.base.negated(), day, scene.rules);
        let about = About { bet: Some(bet_terms(bet_id, taken.base.negated(), &bet.terms)), reason, ..About::default() };
        self.post_points(cause, EntryType::Reverse, taken.points.negated(), about, scene);
        self.wake_at_rollover(now);
    }

    /// A bet's stake was another one.
    pub(super) fn bet_corrected(
        &mut self,
        event: &Event<'_>,
        bet_id: &str,
        new_amount: Decimal,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) -> Outcome {
        let Some(found) = self.memory.bet(Key::own(BET, 0, bet_id), now.oldest) else {
            self.wait(event, bet_id, Reversal::Correct(new_amount), None, now);
            return Outcome::Applied;
        };
        let mut cause = Cause::event(event);
        let Some(bet) = found.bet else {
            self.remember(event, now);
            self.audit_refused_reversal(&mut cause, event.event_type.name(), bet_id, "bet_voided", scene);
            return Outcome::Applied;
        };
        let Some(corrected) = decide_correction(&bet, new_amount) else {
            return Outcome::Dead(CORRECTION_OVERFLOW);
        };
        self.remember(event, now);
        self.correct(&mut cause, bet_id, &found, &bet, corrected, now, scene);
        self.judge_reversal(&mut cause, event.event_type.name(), now, scene);
        self.judge(&mut cause, now.programme, now.day, scene);
        Outcome::Applied
    }

    /// Takes back what is left of a bet, then accrues it anew (rule 7).
    #[expect(clippy::too_many_arguments, reason = "the parts of one sentence of rule 7")]
    fn correct(
        &mut self,
        cause: &mut Cause<'_>,
        bet_id: &str,
        found: &Remembered,
        bet: &Bet,
        corrected: Bet,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) {
        self.memory.update(found.number, Some(corrected));
        if bet.spin {
            return;
        }
        let taken = decide_part(bet, None);
        self.reverse(cause, bet_id, bet, &taken, found.day, None, now, scene);
        let before = self.purse.available;
        self.add_turnover(corrected.base, found.day, scene.rules);
        let about = About { bet: Some(bet_terms(bet_id, corrected.base, &corrected.terms)), ..About::default() };
        self.post_points(cause, EntryType::Accrue, corrected.points, about, scene);
        self.wake_for_points(before, now);
    }

    /// Keeps a reversal until its bet comes (rule 9).
    fn wait(&mut self, event: &Event<'_>, bet_id: &str, reversal: Reversal, reason: Option<&str>, now: &Now<'_>) {
        self.remember(event, now);
        let Record { topic, partition, offset, payload } = event.record;
        let waiting = Waiting {
            bet: Key::own(BET, 0, bet_id),
            reversal,
            reason: reason.map(Into::into),
            event_id: event.id.into(),
            source: event.source.into(),
            occurred_at: event.occurred_at,
            clamped: event.clamped,
            day: now.day,
            topic: topic.into(),
            partition,
            offset,
            payload: payload.into(),
        };
        self.rare.get_or_insert_default().waiting.push(waiting);
        self.wake_at_rollover(now);
    }

    /// Takes out what waits for a bet.
    pub(super) fn take_waiting(&mut self, bet: Key) -> Vec<Waiting> {
        match self.rare.as_mut() {
            Some(rare) if rare.waiting.iter().any(|each| each.bet == bet) => {
                rare.waiting.extract_if(.., |each| each.bet == bet).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The bet did not come after all.
    pub(super) fn put_back_waiting(&mut self, waiting: Vec<Waiting>) {
        if !waiting.is_empty() {
            let rare = self.rare.get_or_insert_default();
            rare.waiting.extend(waiting);
            rare.waiting.sort_by_key(|each| each.day);
        }
    }

    /// Applies what waited for a bet: its own cause and time, the bet's apply time and lateness.
    #[expect(clippy::too_many_arguments, reason = "the parts of one sentence of rule 9")]
    pub(super) fn apply_waiting(
        &mut self,
        event: &Event<'_>,
        bet_id: &str,
        waiting: Vec<Waiting>,
        number: Option<u32>,
        mut bet: Bet,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) {
        let Some(number) = number else { return };
        let mut last = None;
        for each in &waiting {
            let mut cause = Cause {
                id: Some(&each.event_id),
                source: &each.source,
                occurred_at: each.occurred_at,
                as_of: event.as_of,
                late: event.late,
                clamped: each.clamped,
                ordinal: 0,
            };
            let found = Remembered { number, day: now.own_day, bet: Some(bet) };
            match each.reversal {
                Reversal::Whole | Reversal::Part(_) => {
                    let amount = if let Reversal::Part(part) = each.reversal { Some(part) } else { None };
                    if self.take(&mut cause, bet_id, &found, &bet, amount, each.reason.as_deref(), now, scene) {
                        self.audit_refused_reversal(&mut cause, "BetVoided", bet_id, "void_above_stake", scene);
                    }
                    last = Some((cause, "BetVoided"));
                    match decide_part(&bet, amount).rest {
                        Some(rest) => bet = rest,
                        // What is left to wait for a bet that others have emptied has no effect.
                        None => break,
                    }
                }
                Reversal::Correct(new_amount) => {
                    let Some(corrected) = decide_correction(&bet, new_amount) else {
                        self.set_aside(each, CORRECTION_OVERFLOW, scene);
                        continue;
                    };
                    self.correct(&mut cause, bet_id, &found, &bet, corrected, now, scene);
                    last = Some((cause, "BetCorrected"));
                    bet = corrected;
                }
            }
        }
        // Parts are rounded one by one: together they can take a millionth more than the bet brought.
        if let Some((mut cause, action)) = last {
            self.judge_reversal(&mut cause, action, now, scene);
        }
    }

    /// Reversals that have waited too long leave as dead letters (rule 9).
    pub(super) fn forget_waiting(&mut self, oldest: Day, scene: &mut Scene<'_>) {
        let Some(rare) = self.rare.as_mut().filter(|rare| !rare.waiting.is_empty()) else { return };
        let gone: Vec<Waiting> = rare.waiting.extract_if(.., |each| each.day < oldest).collect();
        for each in gone {
            self.set_aside(&each, UNMATCHED, scene);
        }
    }

    /// A reversal that waited leaves as a dead letter: it was applied when it came.
    fn set_aside(&self, waiting: &Waiting, dead: Dead, scene: &mut Scene<'_>) {
        scene.out.unmatched(&Unmatched {
            record: Record {
                topic: &waiting.topic,
                partition: waiting.partition,
                offset: waiting.offset,
                payload: &waiting.payload,
            },
            brand: self.brand(),
            player: self.id(),
            event_id: &waiting.event_id,
            dead,
        });
    }
}

/// What an amount of a bet takes along: the exact fraction of base and points, rounded once; the part
/// that empties it takes what is left.
fn decide_part(bet: &Bet, amount: Option<Decimal>) -> Taken {
    let asked = amount.unwrap_or(bet.left);
    let above = asked > bet.left;
    if asked >= bet.left {
        return Taken { base: bet.base_left, points: bet.points_left, rest: None, above };
    }
    let part = |whole: Micros, left: Micros| {
        // whole x asked / stake, both brought to whole numbers of the same size.
        let scale = asked.scale().max(bet.stake.scale());
        let lifted = |value: Decimal| value.mantissa().checked_mul(10_i128.checked_pow(u32::from(scale - value.scale()))?);
        let fraction = lifted(asked).zip(lifted(bet.stake));
        fraction.and_then(|(part, of)| round6(&[whole.0, part], 6, of)).unwrap_or(left)
    };
    let (base, points) = (part(bet.base, bet.base_left), part(bet.points, bet.points_left));
    let rest = Bet {
        left: bet.left.minus(asked).unwrap_or(bet.left),
        base_left: Micros(bet.base_left.0 - base.0),
        points_left: Micros(bet.points_left.0 - points.0),
        ..*bet
    };
    Taken { base, points, rest: Some(rest), above: false }
}

/// The bet with another stake, at its original rate, weight and multipliers.
fn decide_correction(bet: &Bet, new_amount: Decimal) -> Option<Bet> {
    if bet.spin {
        return Some(Bet::spin(new_amount));
    }
    Bet::new(new_amount, bet.terms).filter(|corrected| corrected.base < Micros::LIMIT && corrected.points < Micros::LIMIT)
}
