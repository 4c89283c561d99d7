//! Rules 5, 6, 13 and 16: the earned tier, the one that shows, and how a player moves between tiers.

use serde_json::json;

use super::amount::{Dec, Micro, plain};
use super::catalogue::is_command;
use super::decode::Event;
use super::facts::{Cause, TIERS};
use super::memory::Keep;
use super::player::{Outcome, Player, cause_of};
use super::rulebook::Rulebook;
use super::zone::{Day, Ms, write_day};

/// A forced status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forced {
    pub(crate) tier: String,
    pub(crate) mode: String,
    pub(crate) until: Ms,
}

/// Where a player stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) earned: String,
    /// The tier that shows, the forced status considered.
    pub(crate) shown: String,
    pub(crate) lost: Vec<String>,
    pub(crate) forced: Option<Forced>,
    pub(crate) reached_at: Option<Ms>,
    /// The local day of the last upgrade into the earned tier; `None` for one who came down into it.
    upgraded_on: Option<Day>,
    /// Rollovers in a row with too little turnover.
    below: i64,
    warned: bool,
    warned_before: bool,
    /// The tiers whose `level_up` has fired.
    rewarded: Vec<String>,
}

impl Standing {
    pub(crate) fn at_lowest(tier: &str) -> Standing {
        Standing { earned: tier.to_owned(), shown: tier.to_owned(), ..Standing::default() }
    }
}

fn entry(rules: &Rulebook, tier: &str) -> Micro {
    Dec::known(&rules.level(tier).entry).round6()
}

fn maintain(rules: &Rulebook, tier: &str) -> Micro {
    Dec::known(&rules.level(tier).maintain).round6()
}

/// The tier that shows: the earned one, or what a forced status makes of it.
fn effective(rules: &Rulebook, earned: &str, forced: Option<&Forced>) -> String {
    let Some(forced) = forced else {
        return earned.to_owned();
    };
    let higher = rules.place(&forced.tier) > rules.place(earned);
    let take_forced = match forced.mode.as_str() {
        "exact" => true,
        "floor" => higher,
        _ => !higher,
    };
    if take_forced { forced.tier.clone() } else { earned.to_owned() }
}

impl Player<'_> {
    /// The sum over the local days d-29 to d.
    pub(crate) fn rolling(&self, day: Day) -> Micro {
        self.days.range(day - 29..=day).map(|(_, sum)| sum).sum()
    }

    fn below_earned(&self) -> Option<String> {
        let rules = self.rules();
        let place = rules.place(&self.standing.earned)?;
        let lower = place.checked_sub(1)?;
        Some(rules.tiers.levels[lower].name.clone())
    }

    /// Publishes a change of the tier that shows, if it has changed.
    fn show(&mut self, step: u32, reason: &str, cause: &Cause) {
        let rules = self.rules();
        let now = effective(rules, &self.standing.earned, self.standing.forced.as_ref());
        let before = std::mem::replace(&mut self.standing.shown, now.clone());
        if before == now {
            self.cover.hit_if(self.standing.forced.is_some() && reason != "forced", "R13.hidden_step");
            return;
        }
        let old = if rules.place(&before).is_some() { rules } else { &self.world.books[self.book - 1] };
        let up = match (old.place(&before), old.place(&now)) {
            (Some(from), Some(to)) => to > from,
            _ => entry(rules, &now) > entry(old, &before),
        };
        let level = rules.level(&now);
        self.cover.hit_if(reason != "forced" && self.standing.forced.is_some() && step > 1, "R13.step_2_first");
        let body = json!({
            "from": before, "to": now, "direction": if up { "up" } else { "down" }, "step": step, "reason": reason,
            "cumulative": plain(self.cumulative), "rolling_30d": plain(self.rolling(self.zone.day(cause.as_of))),
            "thresholds": {"entry": Dec::known(&level.entry).plain(), "maintain": Dec::known(&level.maintain).plain()},
            "entitlements": level.entitlements,
            "effective_at": super::zone::write_time(cause.as_of),
        });
        self.publish(TIERS, "TierChanged", cause, body);
    }

    /// The earned tier changes; the counter and the warning start anew.
    fn move_to(&mut self, tier: &str, up: bool, step: u32, reason: &str, cause: &Cause) {
        let today = self.today;
        let standing = &mut self.standing;
        standing.earned = tier.to_owned();
        standing.upgraded_on = if up { Some(today) } else { None };
        standing.below = 0;
        standing.warned = false;
        standing.warned_before = false;
        standing.reached_at = Some(cause.as_of);
        self.show(step, reason, cause);
    }

    fn level_up(&mut self, tier: &str, cause: &Cause) {
        if self.standing.rewarded.iter().any(|t| t == tier) {
            self.cover.hit("R5.no_second_level_up");
            return;
        }
        self.standing.rewarded.push(tier.to_owned());
        self.cover.hit("R5.level_up");
        self.trigger("level_up", cause, json!({"tier": tier}));
    }

    /// Rule 5.
    pub(crate) fn upgrades(&mut self, reason: &str, cause: &Cause) {
        let mut step = 0;
        loop {
            let rules = self.rules();
            let place = rules.place(&self.standing.earned).expect("an earned tier exists");
            let Some(next) = rules.tiers.levels.get(place + 1).map(|l| l.name.clone()) else {
                return;
            };
            let needed = entry(rules, &next);
            if self.cumulative < needed {
                return;
            }
            let lost = self.standing.lost.contains(&next);
            if lost && self.rolling(self.today) < maintain(rules, &next) {
                self.cover.hit("R5.withheld_lost");
                return;
            }
            step += 1;
            self.cover.hit(if reason == "threshold" { "R5.upgrade" } else { "R16.step_up" });
            self.cover.hit_if(self.cumulative == needed, "R5.at_threshold");
            self.cover.hit_if(lost, "R5.regained_lost");
            self.cover.hit_if(step == 2, "R5.two_steps");
            self.cover.hit_if(cause.late, "R10.late_upgrade");
            self.standing.lost.retain(|t| *t != next);
            self.move_to(&next, true, step, reason, cause);
            self.level_up(&next, cause);
        }
    }

    /// Rule 7 (and 16): down at once while the turnover is below the entry; tells whether a reward has been paid for.
    pub(crate) fn reversal_steps(&mut self, reason: &str, first_step: u32, cause: &Cause) -> bool {
        let mut step = first_step;
        let mut rewarded = false;
        while self.cumulative < entry(self.rules(), &self.standing.earned) {
            let Some(lower) = self.below_earned() else {
                break;
            };
            rewarded |= self.standing.rewarded.contains(&self.standing.earned);
            self.cover.hit(if reason == "reversal" { "R7.demoted" } else { "R16.step_down" });
            self.cover.hit_if(step == 2 && reason == "reversal", "R7.demoted_steps");
            self.move_to(&lower, false, step, reason, cause);
            step += 1;
        }
        rewarded
    }

    /// Whether the tenure of the earned tier is over on a day.
    fn tenure_over(&self, day: Day) -> bool {
        let tenure = self.rules().tiers.min_tenure_days;
        self.standing.upgraded_on.is_none_or(|since| day - since >= tenure)
    }

    /// Rule 6, at the rollover into today.
    pub(crate) fn downgrade_check(&mut self, cause: &Cause) {
        if self.below_earned().is_none() {
            return;
        }
        let rules = self.rules();
        let sum = self.rolling(self.today);
        let short = sum < maintain(rules, &self.standing.earned);
        let over = self.tenure_over(self.today);
        self.cover.hit_if(short && !over, "R6.tenure");
        if !(short && over) {
            self.cover.hit_if(self.standing.below > 0, "R6.saved");
            self.standing.below = 0;
            return;
        }
        self.standing.below += 1;
        if self.standing.below <= rules.tiers.grace_days {
            self.cover.hit("R6.grace");
            return;
        }
        let mut step = 0;
        while let Some(lower) = self.below_earned() {
            if sum >= maintain(rules, &self.standing.earned) || (step == 1 && !rules.tiers.to_fit) {
                return;
            }
            step += 1;
            self.cover.hit("R6.decay");
            self.cover.hit_if(step == 2, "R6.to_fit_steps");
            let left = self.standing.earned.clone();
            self.standing.lost.retain(|tier| *tier != left);
            self.standing.lost.push(left);
            self.move_to(&lower, false, step, "decay", cause);
        }
    }

    /// The day of the next downgrade without further play, if it is at most `warn_before_days` ahead.
    fn next_downgrade(&self) -> Option<Day> {
        let rules = self.rules();
        let wanted = maintain(rules, &self.standing.earned);
        let mut below = self.standing.below;
        for day in self.today + 1..=self.today + rules.tiers.warn_before_days {
            below = if self.rolling(day) < wanted && self.tenure_over(day) { below + 1 } else { 0 };
            if below > rules.tiers.grace_days {
                return Some(day);
            }
        }
        None
    }

    /// `tier_at_risk`, once until the tier changes or the day moves out of reach.
    pub(crate) fn warn(&mut self, cause: &Cause) {
        let Some(mut end) = self.below_earned() else {
            return;
        };
        let Some(on) = self.next_downgrade() else {
            self.standing.warned = false;
            return;
        };
        if self.standing.warned {
            return;
        }
        let rules = self.rules();
        let earned = self.standing.earned.clone();
        let forced = self.standing.forced.as_ref().filter(|f| f.until > self.zone.start(on));
        if rules.tiers.to_fit {
            // Down until the window holds.
            while self.rolling(on) < maintain(rules, &end) {
                let place = rules.place(&end).expect("a tier of the ladder");
                end.clone_from(&rules.tiers.levels[place - 1].name);
            }
        }
        if effective(rules, &earned, forced) == effective(rules, &end, forced) {
            self.cover.hit("R6.tier_at_risk_hidden");
            return;
        }
        self.cover.hit("R6.tier_at_risk");
        self.cover.hit_if(self.standing.warned_before, "R6.tier_at_risk_again");
        self.standing.warned = true;
        self.standing.warned_before = true;
        let needed = maintain(rules, &earned) - self.rolling(on);
        let params = json!({"tier": earned, "to": end, "on": write_day(on), "needed": plain(needed)});
        self.trigger("tier_at_risk", cause, params);
    }

    /// Rule 13: the end of a forced status.
    pub(crate) fn forced_ends(&mut self, at: Ms) {
        self.cover.hit("R13.end");
        self.standing.forced = None;
        self.show(1, "forced", &Cause::timer(at));
    }

    /// Rule 13: a forced status is set, replaced or lifted.
    pub(crate) fn status_force(&mut self, event: &Event) -> Outcome {
        debug_assert!(is_command(&event.kind));
        let cause = cause_of(event);
        let mode = event.text("mode").expect("a required field");
        let mut next = None;
        if mode != "none" {
            let tier = event.text("tier").expect("a required field");
            let until = event.time("until").expect("a required field");
            let refusal = if self.rules().place(tier).is_none() {
                self.cover.hit("R13.unknown_tier");
                Some("unknown_tier")
            } else if until <= event.apply {
                self.cover.hit("R13.until_passed");
                Some("until_passed")
            } else {
                None
            };
            if let Some(reason) = refusal {
                self.audit("refused", Some(reason), &cause);
                return Outcome::Applied(Keep::Refused);
            }
            next = Some(Forced { tier: tier.to_owned(), mode: mode.to_owned(), until });
        }
        self.cover.hit(match mode {
            "none" => "R13.none",
            "exact" => "R13.exact",
            "floor" => "R13.floor",
            _ => "R13.ceiling",
        });
        self.cover.hit_if(self.standing.forced.is_some() && next.is_some(), "R13.replaced");
        self.standing.forced = next;
        let before = self.facts.len();
        self.show(1, "forced", &cause);
        self.cover.hit_if(self.facts.len() > before, "R13.published");
        self.audit("allowed", None, &cause);
        Outcome::Applied(Keep::All)
    }

    /// Rule 16: another revision comes into force.
    pub(crate) fn rulebook_changes(&mut self, at: Ms) {
        self.book += 1;
        self.cover.hit("R16.switch");
        let (rules, cause) = (self.rules(), Cause::timer(at));
        if self.standing.forced.as_ref().is_some_and(|f| rules.place(&f.tier).is_none()) {
            self.cover.hit("R16.forced_gone");
            self.standing.forced = None;
            let earned_exists = rules.place(&self.standing.earned).is_some();
            if earned_exists {
                self.show(1, "forced", &cause);
            }
        }
        if self.id.is_none() {
            // Rule 16 judges players.
            return;
        }
        let before = self.standing.lost.len();
        self.standing.lost.retain(|t| rules.place(t).is_some());
        self.cover.hit_if(self.standing.lost.len() < before, "R16.lost_dropped");
        let mut step = 1;
        if rules.place(&self.standing.earned).is_none() {
            self.cover.hit("R16.tier_gone");
            let reached = rules.tiers.levels.iter().rev().find(|l| self.cumulative >= entry(rules, &l.name));
            let to = reached.unwrap_or(&rules.tiers.levels[0]).name.clone();
            let old = Dec::known(&self.world.books[self.book - 1].level(&self.standing.earned).entry).round6();
            let up = entry(rules, &to) > old;
            self.standing.lost.retain(|t| !up || *t != to);
            self.move_to(&to, up, step, "config_change", &cause);
            step += 1;
        }
        self.reversal_steps("config_change", step, &cause);
        self.upgrades("config_change", &cause);
    }
}
