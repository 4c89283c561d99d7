//! The ladder: earned and effective tier, up on cumulative turnover, down on rolling turnover, on a
//! reversal, or with the rulebook (rules 5, 6, 7, 13, 16).

use super::force::Forced;
use super::{Cause, Now, Player, Scene};
use crate::defect::Defect;
use crate::fact::{FactKind, Note, TierChanged, TierReason, Trigger};
use crate::money::Micros;
use crate::programme::{DowngradeSteps, Programme};
use crate::time::{Day, Instant};

/// The earned tier and what decides about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// The earned tier, an index into the levels of `revision`.
    pub(crate) earned: u8,
    /// The revision under which the player was last judged.
    pub(crate) revision: u32,
    /// Whether the player came down into the earned tier: then no tenure protects it.
    pub(crate) came_down: bool,
    /// The local day of the last upgrade into the earned tier.
    pub(crate) since: Day,
    /// Consecutive rollovers below `maintain`.
    pub(crate) below: i32,
    /// Whether `tier_at_risk` has fired and still stands.
    pub(crate) warned: bool,
    /// Tiers fallen from, a bit each.
    pub(crate) lost: u64,
    /// Tiers whose `level_up` has fired, a bit each.
    pub(crate) rewarded: u64,
    /// When the earned tier was reached; [`Instant::MIN`] for the first one.
    pub(crate) reached_at: Instant,
}

impl Standing {
    pub(crate) const fn new(revision: u32, today: Day) -> Self {
        Self {
            earned: 0,
            revision,
            came_down: false,
            since: today,
            below: 0,
            warned: false,
            lost: 0,
            rewarded: 0,
            reached_at: Instant::MIN,
        }
    }
}

/// The bit of a tier.
pub(super) fn bit(tier: u8) -> u64 {
    1_u64.checked_shl(u32::from(tier)).unwrap_or(0)
}

/// One step of the ladder.
struct Step {
    to: u8,
    number: u32,
    reason: TierReason,
}

impl Player {
    /// The tier that others see: earned and forced status together (rule 13).
    pub(super) fn effective(&self, programme: &Programme) -> u8 {
        self.effective_with(self.standing.earned, programme)
    }

    /// The effective tier if `earned` were the earned one.
    fn effective_with(&self, earned: u8, programme: &Programme) -> u8 {
        self.rare.as_ref().and_then(|rare| rare.forced.as_ref()).map_or(earned, |forced| forced.effective(earned, programme))
    }

    /// Upgrades after a bet (rule 5), one step after the other.
    pub(super) fn judge(&mut self, cause: &mut Cause<'_>, programme: &Programme, day: Day, scene: &mut Scene<'_>) {
        self.upgrade(cause, programme, day, TierReason::Threshold, 0, scene);
    }

    /// Steps up while the next tier is reached; steps are numbered from `done` + 1.
    fn upgrade(
        &mut self,
        cause: &mut Cause<'_>,
        programme: &Programme,
        day: Day,
        reason: TierReason,
        done: u32,
        scene: &mut Scene<'_>,
    ) -> u32 {
        let mut number = done;
        loop {
            let next = self.standing.earned.saturating_add(1);
            let Some(level) = programme.tiers.level(next) else { return number };
            let reached = if scene.rules.defects.has(Defect::ThresholdAbove) {
                self.cumulative > level.entry
            } else {
                self.cumulative >= level.entry
            };
            let held = self.standing.lost & bit(next) == 0 || self.days.total() >= level.maintain;
            if !(reached && held) {
                return number;
            }
            number += 1;
            self.standing.lost &= !bit(next);
            self.standing.since = day;
            self.standing.came_down = false;
            self.step(cause, &Step { to: next, number, reason }, programme, scene);
            if self.standing.rewarded & bit(next) == 0 || scene.rules.defects.has(Defect::LevelUpAgain) {
                self.standing.rewarded |= bit(next);
                self.emit(cause, FactKind::TriggerFired(Trigger::LevelUp { tier: &level.name }), scene);
            }
        }
    }

    /// Moves the earned tier and publishes the change, where the effective tier changes with it.
    fn step(&mut self, cause: &mut Cause<'_>, step: &Step, programme: &Programme, scene: &mut Scene<'_>) {
        let before = self.effective(programme);
        self.standing.earned = step.to;
        self.standing.below = 0;
        self.standing.warned = false;
        self.standing.reached_at = cause.as_of;
        let zone = &programme.brand(self.brand()).zone.0;
        self.wake_by(zone.start_of(self.today.plus(1)));
        let from = programme.tiers.level(before).map_or("", |level| &*level.name);
        self.publish_tier(cause, from, before, step.number, step.reason, programme, scene);
    }

    /// Publishes a change of the effective tier, if there is one.
    #[expect(clippy::too_many_arguments, reason = "the parts of one fact")]
    pub(super) fn publish_tier(
        &mut self,
        cause: &mut Cause<'_>,
        from: &str,
        before: u8,
        step: u32,
        reason: TierReason,
        programme: &Programme,
        scene: &mut Scene<'_>,
    ) {
        let after = self.effective(programme);
        let Some(level) = programme.tiers.level(after).filter(|level| *level.name != *from) else { return };
        let changed = TierChanged {
            from,
            to: &level.name,
            up: after > before,
            step,
            reason,
            cumulative: self.cumulative,
            rolling_30d: self.days.total(),
            entry: level.entry,
            maintain: level.maintain,
            entitlements: &level.entitlements,
        };
        self.emit(cause, FactKind::TierChanged(changed), scene);
    }

    /// One step down into the tier below; says whether the tier left had paid its reward.
    fn step_down(
        &mut self,
        cause: &mut Cause<'_>,
        number: u32,
        reason: TierReason,
        programme: &Programme,
        scene: &mut Scene<'_>,
    ) -> bool {
        let left = self.standing.earned;
        self.standing.came_down = true;
        self.step(cause, &Step { to: left.saturating_sub(1), number, reason }, programme, scene);
        self.standing.rewarded & bit(left) != 0
    }

    /// After a reversal: down at once while turnover no longer reaches the tier (rule 7).
    pub(super) fn judge_reversal(&mut self, cause: &mut Cause<'_>, action: &str, now: &Now<'_>, scene: &mut Scene<'_>) {
        let (_, rewarded) = self.fall(cause, TierReason::Reversal, 0, now.programme, scene);
        if rewarded {
            self.audit_review(cause, action, "reversed_after_reward", scene);
        }
    }

    /// Steps down while `cumulative < entry(earned)`, numbered from `done` + 1: the last number, and
    /// whether one of the tiers left had paid its reward.
    fn fall(
        &mut self,
        cause: &mut Cause<'_>,
        reason: TierReason,
        done: u32,
        programme: &Programme,
        scene: &mut Scene<'_>,
    ) -> (u32, bool) {
        let (mut number, mut rewarded) = (done, false);
        while self.standing.earned > 0
            && programme.tiers.level(self.standing.earned).is_some_and(|level| self.cumulative < level.entry)
        {
            number += 1;
            rewarded |= self.step_down(cause, number, reason, programme, scene);
        }
        (number, rewarded)
    }

    /// The downgrade check at the rollover into `today` (rule 6); the window is that of `today`.
    pub(super) fn roll_tier(&mut self, cause: &mut Cause<'_>, programme: &Programme, scene: &mut Scene<'_>) {
        if self.standing.earned == 0 {
            return;
        }
        if self.standing.below > programme.tiers.grace_days {
            let mut number = 0;
            loop {
                number += 1;
                if !scene.rules.defects.has(Defect::ForgetLost) {
                    self.standing.lost |= bit(self.standing.earned);
                }
                self.step_down(cause, number, TierReason::Decay, programme, scene);
                let holds = programme.tiers.level(self.standing.earned).is_none_or(|level| self.days.total() >= level.maintain);
                if self.standing.earned == 0 || programme.tiers.downgrade == DowngradeSteps::OneDown || holds {
                    break;
                }
            }
        }
        self.warn(cause, programme, scene);
    }

    /// `tier_at_risk`, once until the tier changes or the day moves away (rule 6).
    fn warn(&mut self, cause: &mut Cause<'_>, programme: &Programme, scene: &mut Scene<'_>) {
        let Some(on) = self.next_downgrade(programme, scene) else {
            self.standing.warned = false;
            return;
        };
        if on > self.today.plus(programme.tiers.warn_before_days) {
            self.standing.warned = false;
            return;
        }
        if self.standing.warned {
            return;
        }
        let holds_then = self.days.total_at(on, super::time_passed::window(scene.rules));
        let to = self.landing(on, programme, scene);
        if self.hidden(to, on, programme) {
            return;
        }
        let (Some(tier), Some(below)) = (programme.tiers.level(self.standing.earned), programme.tiers.level(to)) else { return };
        self.standing.warned = true;
        let needed = Micros(tier.maintain.0 - holds_then.0);
        let trigger = Trigger::TierAtRisk { tier: &tier.name, to: &below.name, on, needed };
        self.emit(cause, FactKind::TriggerFired(trigger), scene);
    }

    /// Where the downgrade of day `on` ends: one tier below, under `to_fit` where the window holds the tier.
    fn landing(&self, on: Day, programme: &Programme, scene: &Scene<'_>) -> u8 {
        let mut to = self.standing.earned.saturating_sub(1);
        let total = self.days.total_at(on, super::time_passed::window(scene.rules));
        let holds = |tier: u8| programme.tiers.level(tier).is_none_or(|level| total >= level.maintain);
        while programme.tiers.downgrade == DowngradeSteps::ToFit && to > 0 && !holds(to) {
            to -= 1;
        }
        to
    }

    /// Whether a forced status would hide a downgrade to `to` on day `on`.
    fn hidden(&self, to: u8, on: Day, programme: &Programme) -> bool {
        let zone = &programme.brand(self.brand()).zone.0;
        let holds = |forced: &Forced| forced.until > zone.start_of(on);
        self.rare.as_ref().and_then(|rare| rare.forced.as_ref()).is_some_and(holds)
            && self.effective_with(to, programme) == self.effective(programme)
    }

    /// The day of the next downgrade if the player does nothing more; none if there is none.
    pub(super) fn next_downgrade(&self, programme: &Programme, scene: &Scene<'_>) -> Option<Day> {
        let tomorrow = self.today.plus(1);
        let first = self.first_below(tomorrow, programme, scene)?;
        let already = if first == tomorrow { self.standing.below } else { 0 };
        // `already` never exceeds the grace: then the downgrade would have been today.
        Some(first.plus((programme.tiers.grace_days - already).max(0)))
    }

    /// The first day from `from` on that counts as below, if the player does nothing more.
    pub(super) fn first_below(&self, from: Day, programme: &Programme, scene: &Scene<'_>) -> Option<Day> {
        if self.standing.earned == 0 {
            return None;
        }
        let level = programme.tiers.level(self.standing.earned)?;
        let below = self.days.first_below(level.maintain, from, super::time_passed::window(scene.rules))?;
        let free = self.standing.came_down || scene.rules.defects.has(Defect::IgnoreTenure);
        Some(if free { below } else { below.max(self.standing.since.plus(programme.tiers.min_tenure_days)) })
    }

    /// The rulebook changed: tiers by name into the new ladder, then judged again (rule 16).
    pub(super) fn rulebook_changed(&mut self, cause: &mut Cause<'_>, number: u32, scene: &mut Scene<'_>) {
        let rules = scene.rules;
        let (old, new) = (rules.numbered(self.standing.revision), rules.numbered(number));
        let seen = old.tiers.level(self.effective(old)).cloned();
        let earned_name = old.tiers.level(self.standing.earned).map(|level| level.name.clone());
        let old_entry = old.tiers.level(self.standing.earned).map(|level| level.entry);
        let (lost, rewarded) = (self.standing.lost, self.standing.rewarded);
        self.standing.revision = number;
        self.standing.lost = carry_over(lost, old, new, None);
        self.carry_rewards(rewarded, old, new);
        let kept = earned_name.as_ref().and_then(|name| new.tiers.index(name));
        self.standing.earned = kept.unwrap_or_else(|| highest_reached(self.cumulative, new));
        let force_ended = self.carry_force(old, new);
        if self.id().is_none() {
            // What a brand has without a player is no player, and has no tier to be judged.
            self.wake = Instant::MIN;
            return;
        }
        let mut steps = 0;
        if kept.is_none() {
            // The move is a step like any other; the entries say whether it goes up.
            let reached = new.tiers.level(self.standing.earned).map(|level| level.entry);
            let up = reached > old_entry;
            self.standing.lost &= if up { !bit(self.standing.earned) } else { u64::MAX };
            self.standing.came_down = !up;
            self.standing.since = self.today;
            self.standing.below = 0;
            self.standing.warned = false;
            self.standing.reached_at = cause.as_of;
            steps = 1;
        }
        if let Some(seen) = seen {
            // Up or down by the entries: the old tier may not stand in the new ladder.
            let before = highest_reached(seen.entry, new);
            let reason = if force_ended && kept.is_some() { TierReason::Forced } else { TierReason::ConfigChange };
            self.publish_tier(cause, &seen.name, before, 1, reason, new, scene);
            if force_ended && *seen.name == *self.tier_name(new) {
                scene.out.note(Note::ForceEnded);
            }
        }
        let (down, _) = self.fall(cause, TierReason::ConfigChange, steps, new, scene);
        let day = self.today;
        self.upgrade(cause, new, day, TierReason::ConfigChange, down, scene);
        self.wake = Instant::MIN;
    }

    /// Rewards are for life: those of tiers that no longer exist are kept by name.
    fn carry_rewards(&mut self, rewarded: u64, old: &Programme, new: &Programme) {
        let mut gone = Vec::new();
        self.standing.rewarded = carry_over(rewarded, old, new, Some(&mut gone));
        if gone.is_empty() && self.rare.as_ref().is_none_or(|rare| rare.rewarded_before.is_empty()) {
            return;
        }
        let rare = self.rare.get_or_insert_default();
        rare.rewarded_before.extend(gone);
        for name in &rare.rewarded_before {
            self.standing.rewarded |= new.tiers.index(name).map_or(0, bit);
        }
        rare.rewarded_before.retain(|name| new.tiers.index(name).is_none());
    }
}

/// A set of tiers of one ladder as a set of another, by name; `gone` takes the names that are missing.
fn carry_over(set: u64, old: &Programme, new: &Programme, mut gone: Option<&mut Vec<Box<str>>>) -> u64 {
    let mut carried = 0;
    for (index, level) in (0_u8..).zip(&old.tiers.levels) {
        if set & bit(index) == 0 {
            continue;
        }
        match (new.tiers.index(&level.name), gone.as_deref_mut()) {
            (Some(at), _) => carried |= bit(at),
            (None, Some(names)) => names.push(level.name.clone()),
            (None, None) => {}
        }
    }
    carried
}

/// The highest tier whose entry an amount reaches.
fn highest_reached(amount: Micros, programme: &Programme) -> u8 {
    let reached = programme.tiers.levels.iter().rposition(|level| level.entry <= amount);
    reached.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}
