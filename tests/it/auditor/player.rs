//! One player: their state, the timers in due order, and the order in which an event is judged.

use std::collections::BTreeMap;

use super::amount::Micro;
use super::bets::{Bet, Waiting};
use super::catalogue;
use super::commands::OpenRedemption;
use super::coverage::Coverage;
use super::decode::Event;
use super::expected::DeadLetter;
use super::facts::{Cause, Fact};
use super::memory::{Judged, Keep, Memory};
use super::rulebook::Rulebook;
use super::tiers::Standing;
use super::world::World;
use super::zone::{self, DAY, Day, Ms, Zone};

/// Points, in millionths.
#[derive(Clone, Debug, Default)]
pub(crate) struct PointTotals {
    pub(crate) available: Micro,
    pub(crate) blocked: Micro,
    pub(crate) accrued: Micro,
    pub(crate) reversed: Micro,
    pub(crate) redeemed: Micro,
    pub(crate) expired: Micro,
    pub(crate) adjusted: Micro,
}

/// What became of records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) applied: u64,
    pub(crate) duplicates: u64,
    pub(crate) late: u64,
    pub(crate) unmatched: u64,
    pub(crate) fx_missing: u64,
    pub(crate) dead: Vec<DeadLetter>,
}

/// What becomes of an event once its identities are new.
pub(crate) enum Outcome {
    Applied(Keep),
    Duplicate,
    Dead(&'static str),
}

/// One player of one brand; without an id, the brand's events that name no player.
pub(crate) struct Player<'a> {
    pub(crate) world: &'a World,
    pub(crate) brand: String,
    pub(crate) id: Option<String>,
    pub(crate) zone: Zone,
    pub(crate) base: String,
    pub(crate) book: usize,
    pub(crate) created: bool,
    pub(crate) today: Day,
    pub(crate) memory: Memory,
    pub(crate) bets: Vec<Bet>,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) standing: Standing,
    pub(crate) cumulative: Micro,
    pub(crate) days: BTreeMap<Day, Micro>,
    pub(crate) points: PointTotals,
    pub(crate) activity: Option<Day>,
    pub(crate) last_bet_at: Option<Ms>,
    pub(crate) redemptions: Vec<OpenRedemption>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) tally: Tally,
    pub(crate) cover: Coverage,
}

/// The timers, in the order of rule 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    ForcedEnds,
    RedemptionTimesOut,
    Rollover,
    RulebookChanges,
}

impl<'a> Player<'a> {
    pub(crate) fn new(world: &'a World, brand: &str, id: Option<&str>) -> Player<'a> {
        let settings = world.first().brand(brand);
        Player {
            world,
            brand: brand.to_owned(),
            id: id.map(str::to_owned),
            zone: Zone::named(&settings.time_zone),
            base: settings.base_currency.clone(),
            book: 0,
            created: false,
            today: 0,
            memory: Memory::default(),
            bets: Vec::new(),
            waiting: Vec::new(),
            standing: Standing::default(),
            cumulative: 0,
            days: BTreeMap::new(),
            points: PointTotals::default(),
            activity: None,
            last_bet_at: None,
            redemptions: Vec::new(),
            facts: Vec::new(),
            tally: Tally::default(),
            cover: Coverage::default(),
        }
    }

    /// The revision in force.
    pub(crate) fn rules(&self) -> &'a Rulebook {
        &self.world.books[self.book]
    }

    /// Takes the player's events, in order, and lets time pass up to the end.
    pub(crate) fn live(&mut self, events: &[Event], end: Ms) {
        for event in events {
            if self.created {
                self.pass_time(event.apply);
            } else {
                self.appear(event.apply);
            }
            self.take(event);
        }
        if self.created {
            self.pass_time(end);
            let day_starts = self.zone.start(self.today) == end;
            self.cover.hit_if(day_starts, "R4.until_at_timer");
        }
    }

    fn appear(&mut self, at: Ms) {
        self.book = self.world.in_force(at);
        self.today = self.zone.day(at);
        self.standing = Standing::at_lowest(&self.rules().tiers.levels[0].name);
    }

    fn next_timer(&self) -> (Ms, Timer) {
        let mut due = vec![(self.zone.start(self.today + 1), Timer::Rollover)];
        if let Some(forced) = &self.standing.forced {
            due.push((forced.until, Timer::ForcedEnds));
        }
        if let Some(first) = self.redemptions.iter().map(|r| r.due).min() {
            due.push((first, Timer::RedemptionTimesOut));
        }
        if let Some(next) = self.world.books.get(self.book + 1) {
            due.push((next.effective_from, Timer::RulebookChanges));
        }
        due.into_iter().min().expect("there is always another midnight")
    }

    /// Fires every timer due up to an instant, the instant included.
    fn pass_time(&mut self, until: Ms) {
        loop {
            let (at, timer) = self.next_timer();
            if at > until {
                return;
            }
            match timer {
                Timer::ForcedEnds => self.forced_ends(at),
                Timer::RedemptionTimesOut => self.redemption_times_out(at),
                Timer::Rollover => self.rollover(at, at == until),
                Timer::RulebookChanges => self.rulebook_changes(at),
            }
        }
    }

    fn rollover(&mut self, at: Ms, with_event: bool) {
        self.today += 1;
        self.cover.hit_if(with_event, "R4.event_at_rollover");
        self.cover.hit_if(self.zone.start(self.today + 1) - at != DAY, "R4.odd_day");
        self.forget();
        let cause = Cause::timer(at);
        self.downgrade_check(&cause);
        self.warn(&cause);
        self.points_grow_old(&cause);
    }

    fn forget(&mut self) {
        let clock = &self.world.first().clock;
        let (today, days) = (self.today, clock.history_days);
        self.memory.forget(today, days, clock.payment_history_days);
        let before = self.bets.len();
        self.bets.retain(|b| today < b.day + days + 2);
        self.cover.hit_if(self.bets.len() < before, "R8.forgotten_bet");
        let gone: Vec<Waiting> = self.waiting.extract_if(.., |w| today >= w.day + days + 2).collect();
        for waiting in gone {
            self.cover.hit("R9.unmatched");
            self.tally.unmatched += 1;
            self.tally.dead.push(DeadLetter::of(&waiting.event, "too_late", Some("original_bet_id")));
        }
    }

    /// Rule 11: reminders first, then expiry.
    fn points_grow_old(&mut self, cause: &Cause) {
        let Some(activity) = self.activity else {
            return;
        };
        let rules = self.rules();
        let last = zone::add_months(activity, rules.points.expire_after_months);
        if self.points.available <= 0 {
            return;
        }
        for before in &rules.points.remind_before_days {
            if self.today == last - before {
                self.cover.hit("R11.reminder");
                self.trigger("points_expiring", cause, serde_json::json!({}));
            }
        }
        if self.today > last {
            self.cover.hit("R11.expired");
            let all = self.points.available;
            self.points.available = 0;
            self.points.expired += all;
            self.post("expire", -all, cause, serde_json::json!({}));
        }
    }

    /// Notes a qualifying activity; its date only moves forward.
    pub(crate) fn active(&mut self, what: &str, day: Day) {
        if self.rules().points.qualifying.iter().any(|q| q == what) {
            self.cover.hit("R11.activity");
            self.activity = self.activity.max(Some(day));
        }
    }

    /// Judges an event in the order of rule 8 and applies it.
    fn take(&mut self, event: &Event) {
        let at = event.at.unwrap_or(event.apply);
        if self.too_late(event, at) {
            self.tally.dead.push(DeadLetter::of(event, "too_late", None));
            return;
        }
        let approved = event.kind != "DepositMade" || matches!(event.text("status"), None | Some("approved"));
        let judged = if approved { self.memory.judge(event, &mut self.cover) } else { Judged::New };
        match judged {
            Judged::New => {}
            Judged::Conflict => {
                return self.tally.dead.push(DeadLetter::of(event, "conflict", None));
            }
            Judged::Duplicate => {
                self.cover.hit_if(self.id.is_none(), "R14.no_player_duplicate");
                self.tally.duplicates += 1;
                return;
            }
        }
        let outcome = if approved {
            self.apply(event, at)
        } else {
            self.cover.hit("B21.not_approved");
            Outcome::Applied(Keep::None)
        };
        match outcome {
            Outcome::Applied(keep) => {
                self.created = true;
                self.cover.hit_if(self.id.is_none(), "R14.no_player");
                self.tally.applied += 1;
                self.tally.late += u64::from(event.late);
                self.memory.remember(event, self.zone.day(at), keep);
            }
            Outcome::Duplicate => self.tally.duplicates += 1,
            Outcome::Dead(kind) => self.tally.dead.push(DeadLetter::of(event, kind, None)),
        }
    }

    fn too_late(&mut self, event: &Event, at: Ms) -> bool {
        if !catalogue::can_be_too_late(&event.kind) {
            return false;
        }
        let clock = &self.world.first().clock;
        let payment = catalogue::is_payment(&event.kind);
        let days = if payment { clock.payment_history_days } else { clock.history_days };
        let edge = event.apply - days * DAY;
        self.cover.hit_if(at == edge, "R9.at_history_edge");
        self.cover.hit_if(at < edge, if payment { "R9.too_late_payment" } else { "R9.too_late" });
        at < edge
    }

    /// An amount that is no bet's: without a rate it counts 0, and once here.
    fn money(&mut self, event: &Event, at: Ms) {
        let Some(currency) = event.text("currency") else { return };
        if currency != self.base && self.world.rate(currency, &self.base, at).is_none() {
            self.cover.hit("R2.other_amount");
            self.tally.fx_missing += 1;
        }
    }

    fn apply(&mut self, event: &Event, at: Ms) -> Outcome {
        let day = self.zone.day(at);
        match event.kind.as_str() {
            "BetPlaced" => self.bet_placed(event, at),
            "BetVoided" | "BetCorrected" => self.reversal(event),
            "PointsAdjust" => self.points_adjust(event, day),
            "RedemptionRequested" => self.redemption_requested(event),
            "RedemptionConfirmed" => self.redemption_confirmed(event),
            "RedemptionCancelled" => self.redemption_cancelled(event),
            "StatusForce" => self.status_force(event),
            "DepositMade" => {
                self.money(event, at);
                self.active("deposit", day);
                Outcome::Applied(Keep::All)
            }
            "WinCredited" | "WithdrawalPaid" => {
                self.cover.hit("R14.quiet");
                self.money(event, at);
                Outcome::Applied(Keep::All)
            }
            "SessionStarted" => {
                self.active("login", day);
                Outcome::Applied(Keep::All)
            }
            _ => {
                self.cover.hit("R14.quiet");
                Outcome::Applied(Keep::All)
            }
        }
    }
}

/// Why an event's facts say what they say.
pub(crate) fn cause_of(event: &Event) -> Cause {
    Cause {
        event: Some(event.event_id.clone()),
        kind: event.kind.clone(),
        occurred_at: event.at.unwrap_or(event.apply),
        as_of: event.apply,
        late: event.late,
        actor: event.text("actor").map(str::to_owned),
        role: event.text("role").map(str::to_owned),
    }
}
