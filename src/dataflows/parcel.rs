//! What crosses from the worker that decoded to the worker that owns the player: one parcel per epoch,
//! sender and receiver, records packed side by side with one text behind them.

use std::borrow::Cow;
use std::sync::Arc;

use prefetch_index::prefetch_index;
use serde::{Deserialize, Serialize};
use tidemark_domain::catalogue::EventType;
use tidemark_domain::event::{BetPlaced, Command, Event, EventKind, ForceMode, ForceOrder, Identity, Record};
use tidemark_domain::identity::Key;
use tidemark_domain::money::Decimal;
use tidemark_domain::time::Instant;

use crate::buffers::{Pool, emptied};
use crate::epoch::Place;
use crate::sinks::letter::Letter;
use crate::sources::decode::{By, Decoded, Detail};
use crate::sources::reference::Reference;

/// What one worker has for another in one epoch. Always sent, also when it is empty: it carries time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Parcel {
    /// Who sends it.
    pub(crate) from: u32,
    /// Who gets it.
    pub(crate) to: u32,
    /// No record that the sender is yet to read can have an apply time before this.
    pub(crate) least: i64,
    /// Set with the sender's last parcel: the greatest time that it has read.
    pub(crate) last: Option<Last>,
    /// Records of players that the receiver owns.
    pub(crate) records: Vec<Packed>,
    /// The text that they refer to.
    pub(crate) text: String,
    /// The amounts that they refer to.
    pub(crate) amounts: Vec<(i128, u8)>,
    /// Dead letters of shards that the receiver owns.
    pub(crate) letters: Vec<Letter>,
    /// What the sender counted and where it stands; only in its parcel to itself.
    pub(crate) report: Option<Box<SourceReport>>,
    /// The epoch's wall clock; only in a parcel to oneself.
    pub(crate) now: Option<i64>,
    /// What is known of rates and rulebooks from this epoch on; only in a parcel to oneself.
    #[serde(skip)]
    pub(crate) news: Option<Arc<Reference>>,
}

/// The end of a sender's input.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Last {
    /// The greatest time that it has read.
    pub(crate) greatest: Option<i64>,
}

/// What the decoding side has to say of an epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SourceReport {
    /// Records read.
    pub(crate) events_in: u64,
    /// Records of an unknown type.
    pub(crate) skipped: u64,
    /// Records beyond the end that was asked for.
    pub(crate) beyond_until: u64,
    /// Records that did not decode.
    pub(crate) dead: u64,
    /// Rates and publications that count.
    pub(crate) applied: u64,
    /// Rates and publications that were there before.
    pub(crate) duplicates: u64,
    /// Where each partition of the sender stands after the epoch.
    pub(crate) places: Vec<Place>,
    /// What was read of each partition.
    pub(crate) read: Vec<Read>,
}

/// What was read of a partition in an epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Read {
    /// Its number.
    pub(crate) partition: u32,
    /// How many records.
    pub(crate) records: u64,
    /// How many of them were late.
    pub(crate) late: u64,
    /// How long before the epoch's `now` some of them had occurred, in ms.
    pub(crate) delays: Vec<i64>,
}

/// A part of a parcel's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

/// Absent, where a span may be.
const ABSENT: Span = Span { start: u32::MAX, len: 0 };

impl Span {
    fn of(self, text: &str) -> &str {
        let start = self.start as usize;
        text.get(start..start + self.len as usize).unwrap_or("")
    }

    fn maybe(self, text: &str) -> Option<&str> {
        (self != ABSENT).then(|| self.of(text))
    }
}

/// One record.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Packed {
    /// Its apply time.
    pub(crate) as_of: i64,
    occurred_at: i64,
    /// The number of its partition: partitions are numbered in the order of topic and partition.
    pub(crate) partition: u32,
    /// Its offset there.
    pub(crate) offset: u64,
    /// The hash of its player's key.
    pub(crate) key: u64,
    /// The key group of its player.
    pub(crate) group: u8,
    event_type: u8,
    flags: u8,
    event: u64,
    own: [u64; 2],
    body: u64,
    payload: Span,
    id: Span,
    source: Span,
    brand: Span,
    player: Span,
    /// What the type needs, in the order of `texts`.
    details: [Span; 5],
    /// Where its amounts begin.
    amounts: u32,
}

impl Packed {
    /// What tells it from others.
    pub(crate) const fn identity(&self) -> Identity {
        Identity { event: Key(self.event), own: [Key(self.own[0]), Key(self.own[1])], body: self.body }
    }
}

const LATE: u8 = 1;
const FREE_SPIN: u8 = 2;
const FIRST: u8 = 4;
const SECOND: u8 = 8;
const CLAMPED: u8 = 16;
/// Two bits that say how a status is forced.
const MODE_SHIFT: u32 = 5;

/// Puts records into parcels.
pub(crate) struct Packer<'p, 'a> {
    parcel: &'p mut Parcel,
    payload: &'a str,
    base: u32,
}

impl<'p, 'a> Packer<'p, 'a> {
    /// Copies the payload; everything that borrows from it becomes a span.
    fn new(parcel: &'p mut Parcel, payload: &'a str) -> Self {
        let base = parcel.text.len() as u32;
        parcel.text.push_str(payload);
        Self { parcel, payload, base }
    }

    #[expect(clippy::ptr_arg, reason = "what borrows from the payload is told from what was made anew")]
    fn text(&mut self, text: &Cow<'_, str>) -> Span {
        if let Cow::Borrowed(part) = text {
            let start = (part.as_ptr() as usize).wrapping_sub(self.payload.as_ptr() as usize);
            if start + part.len() <= self.payload.len() {
                return Span { start: self.base + start as u32, len: part.len() as u32 };
            }
        }
        let start = self.parcel.text.len() as u32;
        self.parcel.text.push_str(text);
        Span { start, len: text.len() as u32 }
    }

    fn maybe(&mut self, text: Option<&Cow<'_, str>>) -> Span {
        text.map_or(ABSENT, |text| self.text(text))
    }

    fn by(&mut self, by: &By<'_>) -> [Span; 3] {
        [self.maybe(by.actor.as_ref()), self.maybe(by.role.as_ref()), self.maybe(by.request_id.as_ref())]
    }

    fn amount(&mut self, amount: Decimal) {
        self.parcel.amounts.push((amount.mantissa(), amount.scale()));
    }

    /// Spans and flags of what the type says; its amounts go to the parcel.
    fn details(&mut self, detail: &Detail<'_>) -> ([Span; 5], u8) {
        let none = ABSENT;
        match detail {
            Detail::Bet(bet) => {
                self.amount(bet.amount);
                let mut flags = if bet.free_spin { FREE_SPIN } else { 0 };
                for (optional, flag) in [(bet.real_amount, FIRST), (bet.exchange_rate, SECOND)] {
                    if let Some(amount) = optional {
                        self.amount(amount);
                        flags |= flag;
                    }
                }
                let spans = [
                    self.text(&bet.bet_id),
                    self.maybe(bet.game_id.as_ref()),
                    self.maybe(bet.game_type.as_ref()),
                    self.text(&bet.currency),
                    none,
                ];
                (spans, flags)
            }
            Detail::Voided { bet_id, amount, reason } => {
                let mut flags = 0;
                if let Some(amount) = amount {
                    self.amount(*amount);
                    flags = FIRST;
                }
                ([self.text(bet_id), self.maybe(reason.as_ref()), none, none, none], flags)
            }
            Detail::Corrected { bet_id, new_amount } => {
                self.amount(*new_amount);
                ([self.text(bet_id), none, none, none, none], 0)
            }
            Detail::Deposit { approved, currency } => {
                ([self.text(currency), none, none, none, none], if *approved { FIRST } else { 0 })
            }
            Detail::Money { currency } => ([self.maybe(currency.as_ref()), none, none, none, none], 0),
            Detail::Adjust { by, amount, reason } => {
                self.amount(*amount);
                let [actor, role, request] = self.by(by);
                ([self.maybe(reason.as_ref()), none, actor, role, request], 0)
            }
            Detail::Request { by, id, points } => {
                self.amount(*points);
                let [actor, role, request] = self.by(by);
                ([self.text(id), none, actor, role, request], 0)
            }
            Detail::Confirm { by, id } | Detail::Cancel { by, id } => {
                let [actor, role, request] = self.by(by);
                ([self.text(id), none, actor, role, request], 0)
            }
            Detail::Force { by, force, reason } => {
                let [actor, role, request] = self.by(by);
                let reason = self.maybe(reason.as_ref());
                let Some((tier, mode, until)) = force else { return ([none, reason, actor, role, request], 0) };
                self.parcel.amounts.push((i128::from(until.0), 0));
                let mode: u8 = match mode {
                    ForceMode::Exact => 0,
                    ForceMode::Floor => 1,
                    ForceMode::Ceiling => 2,
                };
                ([self.text(tier), reason, actor, role, request], FIRST | mode << MODE_SHIFT)
            }
            Detail::Session | Detail::Rate { .. } | Detail::Programme(_) | Detail::Other => ([none; 5], 0),
        }
    }
}

/// Where a record stands and when it is applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) occurred_at: i64,
    pub(crate) as_of: i64,
    pub(crate) late: bool,
    pub(crate) clamped: bool,
    pub(crate) key: u64,
    pub(crate) group: u32,
}

/// Parcels that are free.
static FREE: Pool<Parcel> = Pool::new();

impl Parcel {
    /// An empty parcel. It takes memory with its first record: many stay empty, and what they had taken would be
    /// far out of proportion when it is given back.
    pub(crate) fn fresh(from: u32, to: u32) -> Self {
        Self { from, to, ..Self::default() }
    }

    /// Takes memory, if some is free.
    fn take_memory(&mut self) {
        let Self { records, text, amounts, .. } = FREE.take();
        (self.records, self.text, self.amounts) = (records, text, amounts);
    }

    /// Gives its memory back.
    pub(crate) fn recycle(mut self) {
        emptied(&mut self.records);
        emptied(&mut self.amounts);
        let mut text = std::mem::take(&mut self.text).into_bytes();
        emptied(&mut text);
        self.text = String::from_utf8(text).unwrap_or_default();
        let bytes = self.text.capacity() + self.records.capacity() * size_of::<Packed>();
        FREE.give(Self { records: self.records, text: self.text, amounts: self.amounts, ..Self::default() }, bytes);
    }

    /// Appends a decoded record.
    pub(crate) fn push(&mut self, decoded: &Decoded<'_>, payload: &str, settled: Settled) {
        if self.records.capacity() == 0 {
            self.take_memory();
        }
        let amounts = self.amounts.len() as u32;
        let mut packer = Packer::new(self, payload);
        let payload_span = Span { start: packer.base, len: payload.len() as u32 };
        let (id, source) = (packer.text(&decoded.id), packer.text(&decoded.source));
        let (brand, player) = (packer.text(&decoded.brand), packer.maybe(decoded.player.as_ref()));
        let (details, flags) = packer.details(&decoded.detail);
        let Identity { event, own, body } = decoded.identity;
        self.records.push(Packed {
            as_of: settled.as_of,
            occurred_at: settled.occurred_at,
            partition: settled.partition,
            offset: settled.offset,
            key: settled.key,
            group: settled.group as u8,
            event_type: decoded.event_type as u8,
            flags: flags | if settled.late { LATE } else { 0 } | if settled.clamped { CLAMPED } else { 0 },
            event: event.0,
            own: [own[0].0, own[1].0],
            body,
            payload: payload_span,
            id,
            source,
            brand,
            player,
            details,
            amounts,
        });
    }

    /// Appends a record of another parcel.
    pub(crate) fn adopt(&mut self, other: &Self, packed: &Packed) {
        let mut moved = *packed;
        let mut copy = |span: Span| {
            if span == ABSENT {
                return span;
            }
            let start = self.text.len() as u32;
            self.text.push_str(span.of(&other.text));
            Span { start, len: span.len }
        };
        moved.payload = copy(packed.payload);
        for span in [&mut moved.id, &mut moved.source, &mut moved.brand, &mut moved.player] {
            *span = copy(*span);
        }
        for span in &mut moved.details {
            *span = copy(*span);
        }
        moved.amounts = self.amounts.len() as u32;
        let from = packed.amounts as usize;
        self.amounts.extend_from_slice(other.amounts.get(from..(from + 3).min(other.amounts.len())).unwrap_or(&[]));
        self.records.push(moved);
    }

    fn amount(&self, at: u32) -> Decimal {
        self.amounts.get(at as usize).map_or(Decimal::ZERO, |(mantissa, scale)| Decimal::new(*mantissa, *scale))
    }

    /// Has the memory fetch a record; what it refers to follows by [`Parcel::prefetch_behind`], once the record itself is there.
    pub(crate) fn prefetch(&self, record: usize) {
        let Some(packed) = self.records.get(record) else { return };
        // Nowhere a whole line between two of them, in the order that the compiler gives the fields.
        prefetch_index(packed.own.as_slice(), 0);
        prefetch_index(std::slice::from_ref(&packed.key), 0);
        prefetch_index(std::slice::from_ref(&packed.brand), 0);
        prefetch_index(packed.details.as_slice(), 4);
        prefetch_index(std::slice::from_ref(&packed.flags), 0);
    }

    /// Has the memory fetch a record's text and amounts.
    pub(crate) fn prefetch_behind(&self, packed: &Packed) {
        let (from, len) = (packed.payload.start as usize, packed.payload.len as usize);
        for line in (0..len.min(512)).step_by(64) {
            prefetch_index(&self.text, from + line);
        }
        prefetch_index(&self.amounts, packed.amounts as usize);
    }

    /// The event that a record is.
    pub(crate) fn event<'a>(&'a self, packed: &Packed, topic: &'a str, number: u32) -> Event<'a> {
        let text = &self.text;
        let event_type = EventType::ALL.get(usize::from(packed.event_type)).copied().unwrap_or(EventType::RoundClosed);
        Event {
            id: packed.id.of(text),
            source: packed.source.of(text),
            brand: packed.brand.of(text),
            player: packed.player.maybe(text),
            occurred_at: Instant(packed.occurred_at),
            as_of: Instant(packed.as_of),
            late: packed.flags & LATE != 0,
            clamped: packed.flags & CLAMPED != 0,
            identity: packed.identity(),
            event_type,
            kind: self.kind(event_type, packed),
            record: Record { topic, partition: number, offset: packed.offset, payload: packed.payload.of(text) },
        }
    }

    fn kind<'a>(&'a self, event_type: EventType, packed: &Packed) -> EventKind<'a> {
        let text = &self.text;
        let [first, second, third, fourth, fifth] = packed.details;
        let has = |flag: u8| packed.flags & flag != 0;
        let command = || Command { actor: third.maybe(text), role: fourth.maybe(text), request_id: fifth.maybe(text) };
        match event_type {
            EventType::BetPlaced => {
                let rate_at = packed.amounts + 1 + u32::from(has(FIRST));
                EventKind::BetPlaced(BetPlaced {
                    bet_id: first.of(text),
                    game_id: second.maybe(text),
                    game_type: third.maybe(text),
                    amount: self.amount(packed.amounts),
                    currency: fourth.of(text),
                    real_amount: has(FIRST).then(|| self.amount(packed.amounts + 1)),
                    exchange_rate: has(SECOND).then(|| self.amount(rate_at)),
                    free_spin: has(FREE_SPIN),
                })
            }
            EventType::BetVoided => EventKind::BetVoided {
                original_bet_id: first.of(text),
                amount: has(FIRST).then(|| self.amount(packed.amounts)),
                reason: second.maybe(text),
            },
            EventType::BetCorrected => {
                EventKind::BetCorrected { original_bet_id: first.of(text), new_amount: self.amount(packed.amounts) }
            }
            EventType::DepositMade => EventKind::DepositMade { approved: has(FIRST), currency: first.of(text) },
            EventType::WinCredited | EventType::WithdrawalPaid => EventKind::Money { currency: first.maybe(text) },
            EventType::SessionStarted => EventKind::SessionStarted,
            EventType::PointsAdjust => {
                EventKind::PointsAdjust { command: command(), amount: self.amount(packed.amounts), reason: first.maybe(text) }
            }
            EventType::RedemptionRequested => EventKind::RedemptionRequested {
                command: command(),
                redemption_id: first.of(text),
                points: self.amount(packed.amounts),
            },
            EventType::RedemptionConfirmed => {
                EventKind::RedemptionConfirmed { command: command(), redemption_id: first.of(text) }
            }
            EventType::RedemptionCancelled => {
                EventKind::RedemptionCancelled { command: command(), redemption_id: first.of(text) }
            }
            EventType::StatusForce => {
                EventKind::StatusForce { command: command(), force: self.force(packed), reason: second.maybe(text) }
            }
            _ => EventKind::Other,
        }
    }

    fn force<'a>(&'a self, packed: &Packed) -> Option<ForceOrder<'a>> {
        (packed.flags & FIRST != 0).then_some(())?;
        let mode = match packed.flags >> MODE_SHIFT & 3 {
            0 => ForceMode::Exact,
            1 => ForceMode::Floor,
            _ => ForceMode::Ceiling,
        };
        let until = self.amounts.get(packed.amounts as usize).map_or(i64::MIN, |(millis, _)| *millis as i64);
        let [tier, ..] = packed.details;
        Some(ForceOrder { tier: tier.of(&self.text), mode, until: Instant(until) })
    }
}

#[cfg(test)]
mod tests {
    use super::Parcel;

    #[test]
    fn a_parcel_that_stays_empty_takes_no_memory_from_one_that_will_not() {
        let mut large = Parcel::default();
        large.text.reserve(1 << 20);
        large.text.push_str(&"x".repeat(1 << 19));
        large.recycle();
        for _ in 0..3 {
            let empty = Parcel::fresh(0, 1);
            assert_eq!(empty.text.capacity(), 0);
            empty.recycle();
        }
    }
}
