//! Redemptions: block, confirm, cancel, time out (rule 12).

use super::points::About;
use super::{Cause, Now, Player, Scene};
use crate::defect::Defect;
use crate::event::{Command, Event};
use crate::fact::{EntryType, FactKind, GrantIssued, Outcome};
use crate::money::{Decimal, Micros, round6, round8};
use crate::programme::{Programme, Redemption};
use crate::time::Instant;

/// A redemption that is neither confirmed nor cancelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OpenRedemption {
    pub(crate) id: Box<str>,
    pub(crate) points: Micros,
    /// When it is released.
    pub(crate) due: Instant,
}

impl Player {
    /// A player wants free play for points: they are blocked, or the request is refused.
    pub(super) fn redemption_requested(
        &mut self,
        event: &Event<'_>,
        command: Command<'_>,
        id: &str,
        points: Decimal,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) -> Outcome {
        self.remember(event, now);
        let mut cause = Cause::event(event);
        let blocked = match self.decide_redemption(points, now.programme) {
            Ok(blocked) => blocked,
            Err(refusal) => {
                self.audit_refused(&mut cause, event, command, id, refusal, scene);
                return Outcome::Applied;
            }
        };
        let before = self.purse.available;
        self.post_points(&mut cause, EntryType::Block, blocked, about(id, None), scene);
        let due = event.as_of.plus(now.programme.redemption.confirm_within_ms);
        self.rare.get_or_insert_default().redemptions.push(OpenRedemption { id: id.into(), points: blocked, due });
        self.wake_by(due);
        self.audit_moved(&mut cause, event, command, id, before, scene);
        Outcome::Applied
    }

    fn decide_redemption(&self, points: Decimal, programme: &Programme) -> Result<Micros, &'static str> {
        let step = i128::from(programme.redemption.step);
        let multiple = points.scale() == 0 && !points.is_zero() && points.mantissa().rem_euclid(step) == 0;
        let points = points.exact_micros().filter(|_| multiple).ok_or("not_a_multiple")?;
        if points > self.purse.available { Err("insufficient_points") } else { Ok(points) }
    }

    /// It was used: the points are written off and the free play is granted.
    pub(super) fn redemption_confirmed(
        &mut self,
        event: &Event<'_>,
        command: Command<'_>,
        id: &str,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) {
        let mut cause = Cause::event(event);
        let Some(open) = self.take_open(event, command, id, now, scene) else { return };
        let before = self.purse.available;
        self.post_points(&mut cause, EntryType::Redeem, open.points, about(id, None), scene);
        self.grant(&mut cause, open.points, &now.programme.redemption, scene);
        self.audit_moved(&mut cause, event, command, id, before, scene);
    }

    /// It was not: the points are released.
    pub(super) fn redemption_cancelled(
        &mut self,
        event: &Event<'_>,
        command: Command<'_>,
        id: &str,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) {
        let mut cause = Cause::event(event);
        let Some(open) = self.take_open(event, command, id, now, scene) else { return };
        let before = self.purse.available;
        self.post_points(&mut cause, EntryType::Unblock, open.points, about(id, Some("cancelled")), scene);
        self.wake_for_points(before, now);
        self.audit_moved(&mut cause, event, command, id, before, scene);
    }

    /// Takes an open redemption out; refuses `not_open`, keeping only (`source`, `event_id`) (rule 8).
    fn take_open(
        &mut self,
        event: &Event<'_>,
        command: Command<'_>,
        id: &str,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) -> Option<OpenRedemption> {
        let open = self.rare.as_mut().and_then(|rare| {
            let at = rare.redemptions.iter().position(|open| *open.id == *id)?;
            Some(rare.redemptions.remove(at))
        });
        if open.is_some() {
            self.remember(event, now);
        } else {
            self.remember_event_only(event, now);
            self.audit_refused(&mut Cause::event(event), event, command, id, "not_open", scene);
        }
        open
    }

    /// `GrantIssued` of kind `points_conversion`: points / step x value.
    fn grant(&mut self, cause: &mut Cause<'_>, points: Micros, terms: &Redemption, scene: &mut Scene<'_>) {
        let scale = 6 + u32::from(terms.value.scale());
        let amount = round6(&[points.0, terms.value.mantissa()], scale, i128::from(terms.step)).unwrap_or_default();
        let required = round8(&[amount.0, i128::from(terms.wager_multiplier.0)], 10, 1).unwrap_or_default();
        let grant = GrantIssued {
            kind: "points_conversion",
            campaign_id: "redemption",
            amount,
            currency: &terms.currency,
            trigger: "redemption",
            wager_multiplier: terms.wager_multiplier,
            required,
        };
        self.emit(cause, FactKind::GrantIssued(grant), scene);
    }

    /// Releases the redemptions that are due at `due`, by request order (rule 4).
    pub(super) fn time_out_redemptions(&mut self, cause: &mut Cause<'_>, due: Instant, scene: &mut Scene<'_>) {
        let late = i64::from(scene.rules.defects.has(Defect::ConfirmLate));
        let Some(rare) = self.rare.as_mut() else { return };
        let over: Vec<OpenRedemption> = rare.redemptions.extract_if(.., |open| open.due.plus(late) <= due).collect();
        for open in over {
            self.post_points(cause, EntryType::Unblock, open.points, about(&open.id, Some("timeout")), scene);
        }
    }
}

/// A posting about a redemption.
fn about<'a>(id: &'a str, reason: Option<&'a str>) -> About<'a> {
    About { redemption_id: Some(id), reason, ..About::default() }
}
