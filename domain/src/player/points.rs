//! Points: the purse, postings, adjustments by hand, and expiry (rules 1, 11, 12).

use super::{Cause, Now, Player, Scene};
use crate::event::{Command, Event};
use crate::fact::{BetTerms, Dead, DeadKind, EntryType, FactKind, Outcome, PointsPosted, Trigger};
use crate::money::{Decimal, Micros};
use crate::programme::Programme;
use crate::time::Day;

/// All points of a player. P-1: available + blocked = accrued - reversed - redeemed - expired + adjusted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Purse {
    pub(crate) available: Micros,
    pub(crate) blocked: Micros,
    pub(crate) accrued: Micros,
    pub(crate) reversed: Micros,
    pub(crate) redeemed: Micros,
    pub(crate) expired: Micros,
    pub(crate) adjusted: Micros,
}

impl Purse {
    /// The purse after a posting; `None` where a sum is beyond what it holds.
    pub(crate) fn after(mut self, entry: EntryType, points: Micros) -> Option<Self> {
        match entry {
            EntryType::Accrue => {
                self.accrued = self.accrued.plus(points)?;
                self.available = self.available.plus(points)?;
            }
            EntryType::Reverse => {
                self.reversed = self.reversed.minus(points)?;
                self.available = self.available.plus(points)?;
            }
            EntryType::Expire => {
                self.expired = self.expired.minus(points)?;
                self.available = self.available.plus(points)?;
            }
            EntryType::Adjust => {
                self.adjusted = self.adjusted.plus(points)?;
                self.available = self.available.plus(points)?;
            }
            EntryType::Block => {
                self.available = self.available.minus(points)?;
                self.blocked = self.blocked.plus(points)?;
            }
            EntryType::Unblock => {
                self.blocked = self.blocked.minus(points)?;
                self.available = self.available.plus(points)?;
            }
            EntryType::Redeem => {
                self.blocked = self.blocked.minus(points)?;
                self.redeemed = self.redeemed.plus(points)?;
            }
        }
        Some(self)
    }

    /// P-1.
    pub(crate) fn balanced(&self) -> bool {
        self.available.0 + self.blocked.0 == self.accrued.0 - self.reversed.0 - self.redeemed.0 - self.expired.0 + self.adjusted.0
    }
}

/// What a posting is about.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) bet: Option<BetTerms<'a>>,
    pub(crate) redemption_id: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
}

impl Player {
    /// Whether a posting fits into the purse.
    pub(super) fn fits(&self, entry: EntryType, points: Micros) -> bool {
        self.purse.after(entry, points).is_some()
    }

    /// Posts points and publishes the posting. What does not fit was refused by the decision.
    pub(super) fn post_points(
        &mut self,
        cause: &mut Cause<'_>,
        entry: EntryType,
        points: Micros,
        about: About<'_>,
        scene: &mut Scene<'_>,
    ) {
        if let Some(purse) = self.purse.after(entry, points) {
            self.purse = purse;
        }
        assert!(!cfg!(feature = "checked") || self.purse.balanced(), "P-1");
        let posted = PointsPosted {
            entry,
            points,
            available: self.purse.available,
            blocked: self.purse.blocked,
            bet: about.bet,
            redemption_id: about.redemption_id,
            reason: about.reason,
        };
        self.emit(cause, FactKind::PointsPosted(posted), scene);
    }

    /// `PointsAdjust`: a correction by hand; one that would make available negative is refused.
    pub(super) fn points_adjusted(
        &mut self,
        event: &Event<'_>,
        command: Command<'_>,
        amount: Decimal,
        reason: Option<&str>,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) -> Outcome {
        let points = amount.round6().filter(|points| points.0.unsigned_abs() < Micros::LIMIT.0.unsigned_abs());
        let Some(points) = points.filter(|points| self.fits(EntryType::Adjust, *points)) else {
            return Outcome::Dead(Dead { kind: DeadKind::Overflow, field: "amount", error: "more points than a sum holds" });
        };
        self.remember(event, now);
        let mut cause = Cause::event(event);
        let before = self.purse.available;
        if points < Micros::ZERO && self.purse.available.0 + points.0 < 0 {
            self.audit_refused(&mut cause, event, command, "points", "insufficient_points", scene);
            return Outcome::Applied;
        }
        self.post_points(&mut cause, EntryType::Adjust, points, About { reason, ..About::default() }, scene);
        if points > Micros::ZERO && now.programme.points.qualifying.adjustment {
            self.active_on(now);
        }
        self.wake_for_points(before, now);
        let after = self.purse.available;
        self.audit_allowed(
            &mut cause,
            event,
            command,
            "points",
            Some(&before.to_string()),
            Some(&after.to_string()),
            reason,
            scene,
        );
        Outcome::Applied
    }

    /// Points that become available after their day of expiry go at the next rollover (rule 11).
    pub(super) fn wake_for_points(&mut self, before: Micros, now: &Now<'_>) {
        if before <= Micros::ZERO && self.purse.available > Micros::ZERO {
            self.wake_at_rollover(now);
        }
    }

    /// The last day on which points can be used; none without any activity.
    pub(super) fn last_day_of_points(&self, programme: &Programme) -> Option<Day> {
        (self.activity != Day::MIN).then(|| self.activity.add_months(programme.points.expire_after_months))
    }

    /// Reminders and expiry at the rollover into `day` (rules 4 and 11).
    pub(super) fn roll_points(&mut self, cause: &mut Cause<'_>, day: Day, programme: &Programme, scene: &mut Scene<'_>) {
        let Some(last) = self.last_day_of_points(programme) else { return };
        let available = self.purse.available;
        if available <= Micros::ZERO {
            return;
        }
        let left = last.since(day);
        if programme.points.remind_before_days.contains(&left) {
            let trigger = Trigger::PointsExpiring { points: available, last, days: left };
            self.emit(cause, FactKind::TriggerFired(trigger), scene);
        }
        if day > last {
            self.post_points(cause, EntryType::Expire, available.negated(), About::default(), scene);
        }
    }

    /// The next day after `today` on which reminders or expiry could be due.
    pub(super) fn next_points_day(&self, programme: &Programme) -> Option<Day> {
        let last = self.last_day_of_points(programme)?;
        let tomorrow = self.today.plus(1);
        let expiry =
            if last >= self.today { Some(last.plus(1)) } else { (self.purse.available > Micros::ZERO).then_some(tomorrow) };
        let reminders = programme.points.remind_before_days.iter().map(|before| last.plus(-before));
        reminders.filter(|day| *day >= tomorrow).chain(expiry).min()
    }
}
