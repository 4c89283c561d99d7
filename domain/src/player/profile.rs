//! The profile: what is true of a player now (CONTRACTS section 4).

use super::tier::bit;
use super::{Player, Scene};
use crate::digits;
use crate::fact::FactId;
use crate::money::Micros;
use crate::programme::Programme;
use crate::rules::Rules;
use crate::time::Instant;

/// A snapshot of one player.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile<'a> {
    /// From (brand, player, seq, as_of).
    pub id: FactId,
    /// The brand.
    pub brand: &'a str,
    /// The player.
    pub player: &'a str,
    /// The number of the last fact.
    pub seq: u64,
    /// At which instant it is true.
    pub as_of: Instant,
    /// The revision in force then.
    pub config_version: u64,
    /// The effective tier.
    pub tier: &'a str,
    /// The earned one.
    pub earned_tier: &'a str,
    /// Forced tier, mode and end, if there is one.
    pub forced: Option<(&'a str, &'static str, Instant)>,
    /// Turnover since ever.
    pub cumulative: Micros,
    /// Turnover of the last 30 days.
    pub rolling_30d: Micros,
    /// Points: available, blocked, accrued, reversed, redeemed, expired, adjusted.
    pub points: [Micros; 7],
    /// When the earned tier was reached; none for the first one.
    pub reached_at: Option<Instant>,
    /// Tiers fallen from, lowest first.
    pub lost: Vec<&'a str>,
    /// When the last bet occurred.
    pub last_bet_at: Option<Instant>,
}

impl Player {
    /// The profile at an instant up to which time has passed; none for a brand's own events.
    #[must_use]
    pub fn profile<'a>(&'a self, at: Instant, rules: &'a Rules) -> Option<Profile<'a>> {
        let player = self.id()?;
        let programme = rules.numbered(self.standing.revision);
        let name = |tier: u8| programme.tiers.level(tier).map_or("", |level| &*level.name);
        let mut text = Vec::with_capacity(128);
        for part in [self.brand(), player, "profile"] {
            digits::push(&mut text, part.as_bytes());
            text.push(b'\n');
        }
        digits::push_number(&mut text, self.seq);
        text.push(b'\n');
        at.write(&mut text);
        let purse = &self.purse;
        Some(Profile {
            id: FactId::over(&text),
            brand: self.brand(),
            player,
            seq: self.seq,
            as_of: at,
            config_version: rules.at(at).revision,
            tier: name(self.effective(programme)),
            earned_tier: name(self.standing.earned),
            forced: self.forced().map(|forced| (name(forced.tier), forced.mode.name(), forced.until)),
            cumulative: self.cumulative,
            rolling_30d: self.days.total(),
            points: [
                purse.available,
                purse.blocked,
                purse.accrued,
                purse.reversed,
                purse.redeemed,
                purse.expired,
                purse.adjusted,
            ],
            reached_at: (self.standing.reached_at != Instant::MIN).then_some(self.standing.reached_at),
            lost: self.lost(programme),
            last_bet_at: (self.last_bet_at != Instant::MIN).then_some(self.last_bet_at),
        })
    }

    fn lost<'a>(&self, programme: &'a Programme) -> Vec<&'a str> {
        let lost = (0_u8..).zip(&programme.tiers.levels).filter(|(index, _)| self.standing.lost & bit(*index) != 0);
        lost.map(|(_, level)| &*level.name).collect()
    }

    /// What the invariants P-1, T-1 and T-2 say, where a test wants to ask.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let ring: i128 = self.days.rows().map(|(_, sum)| sum.0).sum();
        self.purse.balanced()
            && ring == self.days.total().0
            && self.cumulative >= Micros::ZERO
            && self.days.rows().all(|(_, sum)| sum >= Micros::ZERO)
    }

    /// Time has passed until `at`, and the profile is asked for.
    pub fn profile_at<'a>(&'a mut self, at: Instant, scene: &mut Scene<'_>, rules: &'a Rules) -> Option<Profile<'a>> {
        self.advance(at, scene);
        self.profile(at, rules)
    }
}
