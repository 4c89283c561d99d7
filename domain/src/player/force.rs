//! `StatusForce`: a status by hand; the earned tier goes on underneath (rule 13).

use super::{Cause, Now, Player, Scene};
use crate::event::{Command, Event, ForceMode, ForceOrder};
use crate::fact::TierReason;
use crate::programme::Programme;
use crate::time::Instant;

/// A forced status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Forced {
    /// The tier, an index into the levels of the revision under which the player was last judged.
    pub(crate) tier: u8,
    /// How it combines with the earned one.
    pub(crate) mode: ForceMode,
    /// First instant at which it no longer holds.
    pub(crate) until: Instant,
}

impl Forced {
    /// The effective tier over an earned one.
    pub(super) fn effective(&self, earned: u8, programme: &Programme) -> u8 {
        if programme.tiers.level(self.tier).is_none() {
            return earned;
        }
        match self.mode {
            ForceMode::Exact => self.tier,
            ForceMode::Floor => earned.max(self.tier),
            ForceMode::Ceiling => earned.min(self.tier),
        }
    }
}

impl Player {
    /// The forced status, if there is one.
    pub(super) fn forced(&self) -> Option<Forced> {
        self.rare.as_ref().and_then(|rare| rare.forced)
    }

    /// `StatusForce`: sets, replaces or lifts a forced status, or is refused.
    pub(super) fn status_forced(
        &mut self,
        event: &Event<'_>,
        command: Command<'_>,
        order: Option<ForceOrder<'_>>,
        reason: Option<&str>,
        now: &Now<'_>,
        scene: &mut Scene<'_>,
    ) {
        self.remember(event, now);
        let mut cause = Cause::event(event);
        let forced = match decide(order, event.as_of, now.programme) {
            Ok(forced) => forced,
            Err(refusal) => {
                self.audit_refused(&mut cause, event, command, "tier", refusal, scene);
                return;
            }
        };
        let before = self.tier_name(now.programme);
        self.force(&mut cause, forced, now.programme, scene);
        if let Some(forced) = forced {
            self.wake_by(forced.until);
        }
        self.wake_at_rollover(now);
        let after = self.tier_name(now.programme);
        self.audit_allowed(&mut cause, event, command, "tier", Some(before), Some(after), reason, scene);
    }

    /// Puts a forced status in force, or ends it, and publishes what that changes: one record.
    pub(super) fn force(&mut self, cause: &mut Cause<'_>, forced: Option<Forced>, programme: &Programme, scene: &mut Scene<'_>) {
        let before = self.effective(programme);
        if forced.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().forced = forced;
        }
        let from = programme.tiers.level(before).map_or("", |level| &*level.name);
        self.publish_tier(cause, from, before, 1, TierReason::Forced, programme, scene);
    }

    /// The effective tier's name.
    pub(super) fn tier_name<'p>(&self, programme: &'p Programme) -> &'p str {
        programme.tiers.level(self.effective(programme)).map_or("", |level| &*level.name)
    }

    /// Takes a forced status into a new ladder; says whether it ended because its tier is gone.
    pub(super) fn carry_force(&mut self, old: &Programme, new: &Programme) -> bool {
        let Some(forced) = self.rare.as_mut().and_then(|rare| rare.forced.as_mut()) else { return false };
        match old.tiers.level(forced.tier).and_then(|level| new.tiers.index(&level.name)) {
            Some(at) => {
                forced.tier = at;
                false
            }
            None => {
                self.rare.get_or_insert_default().forced = None;
                true
            }
        }
    }
}

/// The forced status that an order asks for, or why it is refused.
fn decide(order: Option<ForceOrder<'_>>, at: Instant, programme: &Programme) -> Result<Option<Forced>, &'static str> {
    let Some(order) = order else { return Ok(None) };
    let tier = programme.tiers.index(order.tier).ok_or("unknown_tier")?;
    if order.until <= at {
        return Err("until_passed");
    }
    Ok(Some(Forced { tier, mode: order.mode, until: order.until }))
}
