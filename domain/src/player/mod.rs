//! One player's ledger, and `apply`: the match that lists what can happen to a player.
//!
//! Owns: turnover, points, tier, forced status, open redemptions, and what is remembered of single
//! events. Does not own: the order of events (they come in apply order), FX rates and the programme
//! (they come as [`Rules`]), and what becomes of facts.
//!
//! Reading order: this file, `bet_placed`, `reversal`, `tier`, `time_passed`, then the commands.
//! Each event has two halves: *decide* reads only and may refuse, *post* cannot fail.

mod audit;
mod bet_placed;
mod days;
mod exchange;
mod force;
mod memory;
mod points;
mod profile;
mod record;
mod redemption;
mod reversal;
mod size;
mod tier;
mod time_passed;

use compact_str::{CompactString, format_compact};

use crate::catalogue::{EventType, History};
use crate::digits::{self, Append, Line};
use crate::event::{Event, EventKind};
use crate::fact::{Dead, DeadKind, Fact, FactId, FactKind, Facts, Note, Outcome};
use crate::identity::Key;
use crate::money::Micros;
use crate::programme::Programme;
use crate::rules::Rules;
use crate::time::{DAY_MS, Day, Instant, Zone};

use days::Days;
use force::Forced;
use memory::{Known, Memory};
use points::Purse;
use redemption::OpenRedemption;
use reversal::Waiting;
use tier::Standing;

pub use audit::RulebookChain;
pub use profile::Profile;
pub use record::{RecordError, Saved};

/// The ledger of one player of one brand; without a player that of a brand's own events.
#[derive(Clone, Debug)]
pub struct Player {
    /// `brand:player`, or `brand` alone; where it is short it stands here and not elsewhere in memory.
    key: CompactString,
    /// How long the brand is.
    brand_len: u16,
    /// The number of the last fact.
    seq: u64,
    /// Turnover since ever.
    cumulative: Micros,
    /// Turnover by local day, as far as the window reaches.
    days: Days,
    /// Points.
    purse: Purse,
    /// The earned tier and what decides about it.
    standing: Standing,
    /// The last local day whose rollover has been done.
    today: Day,
    /// The local day of the last qualifying activity; [`Day::MIN`] without any.
    activity: Day,
    /// When the last bet with effect occurred; [`Instant::MIN`] without any.
    last_bet_at: Instant,
    /// No timer is due before this instant.
    wake: Instant,
    /// Bets and other things of the last days.
    memory: Memory,
    /// What few players have.
    rare: Option<Box<Rare>>,
}

/// What few players have.
#[derive(Clone, Default, Debug)]
struct Rare {
    /// The hash of the last audit fact; none before the first.
    audit: Option<[u8; 32]>,
    /// The forced status.
    forced: Option<Forced>,
    /// Redemptions that are neither confirmed nor cancelled, by request.
    redemptions: Vec<OpenRedemption>,
    /// Reversals whose bet has not come yet, in the order in which they were applied.
    waiting: Vec<Waiting>,
    /// Payments, which are remembered longer.
    payments: Memory,
    /// Tiers that no longer exist and whose `level_up` has fired.
    rewarded_before: Vec<Box<str>>,
}

/// What surrounds one application: rules, the way out, and the number of the next fact of this cause.
pub struct Scene<'r> {
    /// What is in force.
    pub rules: &'r Rules,
    /// Where facts go.
    pub out: &'r mut dyn Facts,
    /// Reused for ids and canonical forms.
    scratch: &'r mut Vec<u8>,
}

impl<'r> Scene<'r> {
    /// A scene; `scratch` is working memory.
    pub fn new(rules: &'r Rules, out: &'r mut dyn Facts, scratch: &'r mut Vec<u8>) -> Self {
        Self { rules, out, scratch }
    }
}

/// What causes facts: an event, or a timer.
#[derive(Clone, Copy, Debug)]
struct Cause<'a> {
    /// `event_id`; none for a timer.
    id: Option<&'a str>,
    source: &'a str,
    occurred_at: Instant,
    as_of: Instant,
    late: bool,
    clamped: bool,
    /// How many facts it has caused so far.
    ordinal: u32,
}

impl<'a> Cause<'a> {
    fn event(event: &Event<'a>) -> Self {
        Self {
            id: Some(event.id),
            source: event.source,
            occurred_at: event.occurred_at,
            as_of: event.as_of,
            late: event.late,
            clamped: event.clamped,
            ordinal: 0,
        }
    }

    const fn timer(due: Instant) -> Self {
        Self { id: None, source: "", occurred_at: due, as_of: due, late: false, clamped: false, ordinal: 0 }
    }
}

/// Working context of one event.
struct Now<'p> {
    /// The programme in force at a.
    programme: &'p Programme,
    /// The brand's zone.
    zone: &'p Zone,
    /// The local day of a.
    day: Day,
    /// The local day of `occurred_at`.
    own_day: Day,
    /// Things of days before this one are no longer known.
    oldest: Day,
}

impl Player {
    /// A new player, first heard of at `at`.
    #[must_use]
    pub fn new(brand: &str, player: Option<&str>, at: Instant, rules: &Rules) -> Self {
        let key = player.map_or_else(|| brand.into(), |id| format_compact!("{brand}:{id}"));
        let programme = rules.at(at);
        let zone = &programme.brand(brand).zone.0;
        let today = zone.day(at);
        Self {
            key,
            brand_len: u16::try_from(brand.len()).unwrap_or(u16::MAX),
            seq: 0,
            cumulative: Micros::ZERO,
            days: Days::default(),
            purse: Purse::default(),
            standing: Standing::new(rules.number_at(at), today),
            today,
            activity: Day::MIN,
            last_bet_at: Instant::MIN,
            wake: zone.start_of(today.plus(1)).min(rules.switch_after(rules.number_at(at))),
            memory: Memory::default(),
            rare: None,
        }
    }

    /// `brand:player`, or `brand` alone for a brand's own events.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The brand.
    #[must_use]
    pub fn brand(&self) -> &str {
        self.key.get(..usize::from(self.brand_len)).unwrap_or(&self.key)
    }

    /// The player, unless this holds a brand's own events.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.key.get(usize::from(self.brand_len) + 1..)
    }

    /// No timer of this player is due before this instant.
    #[must_use]
    pub const fn wake(&self) -> Instant {
        self.wake
    }

    /// Has the memory fetch what the next event, of these identities, will look at beside the player itself.
    pub fn prefetch_behind(&self, keys: &[Key; 3]) {
        self.memory.prefetch(keys);
        self.days.prefetch();
    }

    /// How many things are remembered, bets and others.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.memory.len() + self.rare.as_ref().map_or(0, |rare| rare.payments.len())
    }

    /// Applies one event; the player's events must come in the order of rule 0.
    ///
    /// Time passes first: every timer that is due at or before the event's apply time fires (rule 4).
    pub fn apply(&mut self, event: &Event<'_>, scene: &mut Scene<'_>) -> Outcome {
        let rules = scene.rules;
        // A brand's zone is the same in every revision (rule 16).
        let zone: &Zone = &rules.at(event.as_of).brand(event.brand).zone.0;
        let day = self.advance_in(event.as_of, zone, scene);
        let programme = rules.numbered(self.standing.revision);
        let own_day = if event.occurred_at == event.as_of { day } else { zone.day(event.occurred_at) };
        let history = match event.event_type.row().history {
            History::Play | History::Open => programme.clock.history_days,
            History::Payments => programme.clock.payment_history_days,
        };
        let now = Now { programme, zone, day, own_day, oldest: self.today.plus(-history - 1) };
        match self.refuse(event, &now, history) {
            Some(outcome) => outcome,
            None => self.dispatch(event, &now, scene),
        }
    }

    /// What rule 8 and 9 judge before anything else: too late, the same again, a conflict.
    fn refuse(&self, event: &Event<'_>, now: &Now<'_>, history: i32) -> Option<Outcome> {
        let horizon = event.as_of.plus(-i64::from(history).saturating_mul(DAY_MS));
        let bounded = event.event_type.row().history != History::Open;
        if bounded && event.occurred_at < horizon {
            return Some(Outcome::Dead(Dead {
                kind: DeadKind::TooLate,
                field: "occurred_at",
                error: "it happened before the history that is kept",
            }));
        }
        if matches!(event.kind, EventKind::DepositMade { approved: false, .. }) {
            return None;
        }
        match self.known(&event.identity.keys(), event.identity.body, now) {
            Known::New => None,
            Known::Same => Some(Outcome::Duplicate),
            Known::Other(place) => Some(Outcome::Dead(Dead {
                kind: DeadKind::Conflict,
                field: identity_field(event, place),
                error: "the same identity was there before with another body",
            })),
        }
    }

    /// What is known of an event's identities: (`source`, `event_id`) is one for all its types, so both
    /// memories are asked, each as far back as it reaches.
    fn known(&self, keys: &[Key; 3], body: u64, now: &Now<'_>) -> Known {
        let clock = &now.programme.clock;
        let known = self.memory.known(keys, body, self.today.plus(-clock.history_days - 1));
        let Some(rare) = self.rare.as_ref().filter(|rare| rare.payments.len() > 0) else { return known };
        match (known, rare.payments.known(keys, body, self.today.plus(-clock.payment_history_days - 1))) {
            (Known::Other(first), Known::Other(second)) => Known::Other(first.min(second)),
            (Known::New, other) | (_, other @ Known::Other(_)) => other,
            (first, _) => first,
        }
    }

    /// The list of what can happen to a player.
    fn dispatch(&mut self, event: &Event<'_>, now: &Now<'_>, scene: &mut Scene<'_>) -> Outcome {
        match event.kind {
            // Looked at where it is: a bet is large.
            EventKind::BetPlaced(ref bet) => return self.bet_placed(event, bet, now, scene),
            EventKind::BetVoided { original_bet_id, amount, reason } => {
                return self.bet_voided(event, original_bet_id, amount, reason, now, scene);
            }
            EventKind::BetCorrected { original_bet_id, new_amount } => {
                return self.bet_corrected(event, original_bet_id, new_amount, now, scene);
            }
            EventKind::PointsAdjust { command, amount, reason } => {
                return self.points_adjusted(event, command, amount, reason, now, scene);
            }
            EventKind::RedemptionRequested { command, redemption_id, points } => {
                return self.redemption_requested(event, command, redemption_id, points, now, scene);
            }
            EventKind::RedemptionConfirmed { command, redemption_id } => {
                self.redemption_confirmed(event, command, redemption_id, now, scene);
            }
            EventKind::RedemptionCancelled { command, redemption_id } => {
                self.redemption_cancelled(event, command, redemption_id, now, scene);
            }
            EventKind::StatusForce { command, force, reason } => self.status_forced(event, command, force, reason, now, scene),
            EventKind::DepositMade { approved: false, .. } => {}
            EventKind::DepositMade { approved: true, currency } => {
                self.remember(event, now);
                Self::note_missing_fx(event, currency, now, scene);
                if now.programme.points.qualifying.deposit {
                    self.active_on(now);
                }
            }
            EventKind::SessionStarted => {
                self.remember(event, now);
                if now.programme.points.qualifying.login {
                    self.active_on(now);
                }
            }
            EventKind::Money { currency } => {
                self.remember(event, now);
                if let Some(currency) = currency {
                    Self::note_missing_fx(event, currency, now, scene);
                }
            }
            EventKind::Other => self.remember(event, now),
        }
        Outcome::Applied
    }

    /// Remembers an event's identities.
    fn remember(&mut self, event: &Event<'_>, now: &Now<'_>) {
        let Identity3 { first, second, third } = Identity3::of(event);
        let memory = match event.event_type.row().history {
            History::Play | History::Open => &mut self.memory,
            History::Payments => &mut self.rare.get_or_insert_default().payments,
        };
        // Where its day is forgotten already, it is remembered until the next rollover (rule 8).
        let day = now.own_day.max(now.oldest);
        memory.remember(first, second, event.identity.body, day);
        if third != Key::NONE {
            memory.remember(third, Key::NONE, event.identity.body, day);
        }
        self.wake_for_memory(now);
    }

    /// Remembers only (`source`, `event_id`), so that the same thing can be sent again (rule 8).
    fn remember_event_only(&mut self, event: &Event<'_>, now: &Now<'_>) {
        self.memory.remember(Key::NONE, event.identity.event, event.identity.body, now.own_day.max(now.oldest));
        self.wake_for_memory(now);
    }

    /// A first memory has to be given back some day, even if nothing else is ever due.
    fn wake_for_memory(&mut self, now: &Now<'_>) {
        if self.memory.len() <= 1 {
            self.wake_at_rollover(now);
        }
    }

    /// Activity moves the expiry of points, only ever forward (rule 11).
    fn active_on(&mut self, now: &Now<'_>) {
        if now.own_day <= self.activity {
            return;
        }
        self.activity = now.own_day;
        // No month is shorter than 28 days: mostly nothing of the new date can come before `wake`.
        let points = &now.programme.points;
        let months = i32::try_from(points.expire_after_months).unwrap_or(i32::MAX);
        let most = points.remind_before_days.iter().copied().max().unwrap_or(0);
        let earliest = now.own_day.plus(months.saturating_mul(28).saturating_sub(most).saturating_sub(2));
        if i64::from(earliest.0).saturating_mul(DAY_MS) > self.wake.0 {
            return;
        }
        // Reminders of the new date may come before anything that was due by the old one.
        if let Some(day) = self.next_points_day(now.programme)
            && i64::from(day.0).saturating_mul(DAY_MS).saturating_sub(DAY_MS) < self.wake.0
        {
            self.wake_by(now.zone.start_of(day));
        }
    }

    /// Makes sure that timers are looked at by that instant.
    fn wake_by(&mut self, at: Instant) {
        self.wake = self.wake.min(at);
    }

    /// Makes sure that timers are looked at by the next rollover.
    fn wake_at_rollover(&mut self, now: &Now<'_>) {
        self.wake_by(now.zone.start_of(self.today.plus(1)));
    }

    /// Publishes one fact.
    fn emit(&mut self, cause: &mut Cause<'_>, kind: FactKind<'_>, scene: &mut Scene<'_>) {
        self.seq += 1;
        let id = self.fact_id(cause, kind.event_type(), scene);
        let fact = Fact {
            id,
            brand: self.brand(),
            player: self.id(),
            seq: self.seq,
            occurred_at: cause.occurred_at,
            as_of: cause.as_of,
            cause: cause.id,
            config_version: scene.rules.numbered(self.standing.revision).revision,
            late: cause.late,
            clamped: cause.clamped,
            kind,
        };
        scene.out.fact(&fact);
    }

    /// The id of this cause's next fact.
    fn fact_id(&self, cause: &mut Cause<'_>, rule: &str, scene: &mut Scene<'_>) -> FactId {
        let text = IdText { player: self, cause, rule };
        let id = FactId::over(digits::line_in(scene.scratch, &text));
        cause.ordinal += 1;
        id
    }
}

/// What the id of a fact is the hash of.
struct IdText<'t, 'a> {
    player: &'t Player,
    cause: &'t Cause<'a>,
    rule: &'t str,
}

impl Line for IdText<'_, '_> {
    #[inline]
    fn write(&self, out: &mut impl Append) {
        let Self { player, cause, rule } = self;
        for part in [player.brand(), player.id().unwrap_or("")] {
            digits::push(out, part.as_bytes());
            out.bytes(b"\n");
        }
        match cause.id {
            Some(id) => {
                digits::push(out, cause.source.as_bytes());
                out.bytes(b"\n");
                digits::push(out, id.as_bytes());
            }
            None => {
                // No event has an empty source.
                out.bytes(b"\ntimer ");
                cause.occurred_at.write(out);
            }
        }
        out.bytes(b"\n");
        digits::push(out, rule.as_bytes());
        out.bytes(b"\n");
        digits::push_number(out, u64::from(cause.ordinal));
    }
}

/// Up to three identities of one event: two share an entry of the memory, a third has its own.
struct Identity3 {
    first: Key,
    second: Key,
    third: Key,
}

impl Identity3 {
    fn of(event: &Event<'_>) -> Self {
        let [first, third] = event.identity.own;
        if first == Key::NONE {
            return Self { first: third, second: event.identity.event, third: Key::NONE };
        }
        Self { first, second: event.identity.event, third }
    }
}

/// The field that names the identity at a place: the type's own come first, `event_id` last.
fn identity_field(event: &Event<'_>, place: usize) -> &'static str {
    event.event_type.row().identities.get(place).map_or("event_id", |field| field.name())
}

/// Counts a game without a weight.
fn note_unknown_game(scene: &mut Scene<'_>) {
    scene.out.note(Note::UnknownGame);
}

/// The type whose identity a reversal refers to.
const BET: EventType = EventType::BetPlaced;
