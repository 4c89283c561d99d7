//! Time passing: every timer of a player, in the order of rule 4.
//!
//! `wake` is a lower bound of the next due instant. What an event changes can pull a due date nearer
//! only by lowering `wake`; most bets push all of them away and leave it alone. So a player with
//! nothing due costs nothing at midnight.

use super::days::WINDOW_DAYS;
use super::{Cause, Player, Scene};
use crate::defect::Defect;
use crate::fact::Note;
use crate::programme::Programme;
use crate::rules::Rules;
use crate::time::{Day, Instant, Zone};

/// How many days the window has.
pub(super) fn window(rules: &Rules) -> i32 {
    WINDOW_DAYS + i32::from(rules.defects.has(Defect::WindowOfThirtyOne))
}

impl Player {
    /// Time has passed until `to`: fires every timer that is due by then, and does the rollovers.
    pub fn advance(&mut self, to: Instant, scene: &mut Scene<'_>) {
        let rules = scene.rules;
        let zone: &Zone = &rules.numbered(self.standing.revision).brand(self.brand()).zone.0;
        self.advance_in(to, zone, scene);
    }

    /// Time has passed in a zone; gives the local day of `to`.
    pub(super) fn advance_in(&mut self, to: Instant, zone: &Zone, scene: &mut Scene<'_>) -> Day {
        while self.wake <= to {
            let due = self.next_due(scene);
            if due > to {
                self.wake = due;
                break;
            }
            self.fire(due, scene);
            self.wake = self.next_due(scene);
        }
        let day = zone.day(to);
        if day > self.today {
            self.pass_days(day, scene.rules.numbered(self.standing.revision), scene);
        }
        day
    }

    /// Rollovers up to `day` on which nothing is due.
    fn pass_days(&mut self, day: Day, programme: &Programme, scene: &Scene<'_>) {
        if self.standing.earned > 0 {
            self.standing.below = self.below_at(day, programme, scene);
        }
        self.today = day;
        self.days.leave(day, window(scene.rules));
        self.memory.forget(day.plus(-programme.clock.history_days - 1));
        if let Some(rare) = self.rare.as_mut() {
            rare.payments.forget(day.plus(-programme.clock.payment_history_days - 1));
        }
    }

    /// The counter of rollovers below `maintain` at the rollover into `day`.
    fn below_at(&self, day: Day, programme: &Programme, scene: &Scene<'_>) -> i32 {
        let tomorrow = self.today.plus(1);
        match self.first_below(tomorrow, programme, scene) {
            Some(first) if first <= day => {
                let before = if first == tomorrow { self.standing.below } else { 0 };
                before.saturating_add(day.since(first)).saturating_add(1)
            }
            _ => 0,
        }
    }

    /// The next instant at which something is due.
    fn next_due(&self, scene: &Scene<'_>) -> Instant {
        let programme = scene.rules.numbered(self.standing.revision);
        let zone = &programme.brand(self.brand()).zone.0;
        let mut due = scene.rules.switch_after(self.standing.revision);
        if let Some(rare) = &self.rare {
            let late = i64::from(scene.rules.defects.has(Defect::ConfirmLate));
            let redemptions = rare.redemptions.iter().map(|open| open.due.plus(late));
            due = redemptions.chain(rare.forced.map(|forced| forced.until)).fold(due, Ord::min);
        }
        self.next_rollover(programme, scene).map_or(due, |day| due.min(zone.start_of(day)))
    }

    /// The next day whose rollover has something to do.
    fn next_rollover(&self, programme: &Programme, scene: &Scene<'_>) -> Option<Day> {
        let tomorrow = self.today.plus(1);
        let downgrade = self.next_downgrade(programme, scene);
        let warning = downgrade.map(|day| day.plus(-programme.tiers.warn_before_days));
        // A warning that stands may have to be taken back, one that is due may have been hidden.
        let warning = if self.standing.warned { Some(tomorrow) } else { warning };
        let history = programme.clock.history_days + 2;
        let memory = self.memory.newest_day().map(|day| day.plus(history));
        let (payments, waiting) = self.rare.as_ref().map_or((None, None), |rare| {
            let payments = rare.payments.newest_day().map(|day| day.plus(programme.clock.payment_history_days + 2));
            (payments, rare.waiting.iter().map(|each| each.day.plus(history)).min())
        });
        [downgrade, warning, memory, payments, waiting, self.next_points_day(programme)]
            .into_iter()
            .flatten()
            .min()
            .map(|day| day.max(tomorrow))
    }

    /// Fires what is due at one instant.
    fn fire(&mut self, due: Instant, scene: &mut Scene<'_>) {
        let rules = scene.rules;
        let programme = rules.numbered(self.standing.revision);
        let mut cause = Cause::timer(due);
        let zone = &programme.brand(self.brand()).zone.0;
        let day = zone.day(due);
        // What happens at this instant before its rollover still sees the window of its own day (rule 3).
        let mut before = day;
        while before > self.today && zone.start_of(before) == due {
            before = before.plus(-1);
        }
        if before > self.today {
            self.pass_days(before, programme, scene);
        }
        self.days.leave(day, window(rules));
        if self.forced().is_some_and(|forced| forced.until <= due) {
            let seen = self.effective(programme);
            self.force(&mut cause, None, programme, scene);
            if self.effective(programme) == seen {
                scene.out.note(Note::ForceEnded);
            }
        }
        self.time_out_redemptions(&mut cause, due, scene);
        while self.today < day {
            let next = self.next_due_day(due, day, programme, scene);
            self.roll_over(&mut cause, next, programme, scene);
        }
        if rules.switch_after(self.standing.revision) <= due {
            self.rulebook_changed(&mut cause, rules.number_at(due), scene);
        }
    }

    /// The next day to roll into at `due`: the first one with something to do, else the last.
    fn next_due_day(&self, due: Instant, last: Day, programme: &Programme, scene: &Scene<'_>) -> Day {
        let zone: &Zone = &programme.brand(self.brand()).zone.0;
        self.next_rollover(programme, scene).filter(|day| *day < last && zone.start_of(*day) <= due).unwrap_or(last)
    }

    /// The rollover into `day`, in the order of rule 4.
    fn roll_over(&mut self, cause: &mut Cause<'_>, day: Day, programme: &Programme, scene: &mut Scene<'_>) {
        self.pass_days(day, programme, scene);
        self.forget_waiting(day.plus(-programme.clock.history_days - 1), scene);
        let zone = &programme.brand(self.brand()).zone.0;
        if zone.start_of(day) == cause.as_of {
            self.roll_tier(cause, programme, scene);
            self.roll_points(cause, day, programme, scene);
        }
    }
}
