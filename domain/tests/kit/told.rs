//! One event as it was told: its envelope and the texts of its own fields.

use std::collections::BTreeMap;

use tidemark_domain::catalogue::{EventType, Field, Form};
use tidemark_domain::event::{BetPlaced, Command, Event, EventKind, ForceMode, ForceOrder, Identity, Record};
use tidemark_domain::identity::Key;
use tidemark_domain::money::Decimal;
use tidemark_domain::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

/// An event that owns its texts.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) kind: EventType,
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) brand: String,
    pub(crate) player: String,
    pub(crate) occurred_at: Instant,
    pub(crate) as_of: Instant,
    pub(crate) late: bool,
    pub(crate) clamped: bool,
    pub(crate) fields: BTreeMap<Field, String>,
}

impl Told {
    pub(crate) fn new(kind: EventType, id: &str, occurred_at: Instant) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            source: "wallet".to_owned(),
            brand: "b1".to_owned(),
            player: "p1".to_owned(),
            occurred_at,
            as_of: occurred_at,
            late: false,
            clamped: false,
            fields: BTreeMap::new(),
        }
    }

    pub(crate) fn with(mut self, field: Field, text: &str) -> Self {
        self.fields.insert(field, text.to_owned());
        self
    }

    pub(crate) fn text(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).map(String::as_str)
    }

    /// The player; `-` in a table stands for none.
    pub(crate) fn player(&self) -> Option<&str> {
        Some(self.player.as_str()).filter(|player| *player != "-")
    }

    fn amount(&self, field: Field) -> Option<Decimal> {
        let text = self.text(field)?;
        Some(Decimal::parse_signed(text.as_bytes()).unwrap_or_else(|| panic!("{text} is no amount")))
    }

    fn needed(&self, field: Field) -> &str {
        self.text(field).unwrap_or_else(|| panic!("{} lacks {}", self.id, field.name()))
    }

    /// The event as the ledger sees it.
    pub(crate) fn event(&self) -> Event<'_> {
        Event {
            id: &self.id,
            source: &self.source,
            brand: &self.brand,
            player: self.player(),
            occurred_at: self.occurred_at,
            as_of: self.as_of,
            late: self.late,
            clamped: self.clamped,
            identity: self.identity(),
            event_type: self.kind,
            kind: self.says(),
            record: Record { topic: "bets.v1", partition: 3, offset: 7, payload: &self.id },
        }
    }

    fn says(&self) -> EventKind<'_> {
        match self.kind {
            EventType::BetPlaced => EventKind::BetPlaced(self.bet()),
            EventType::BetVoided => EventKind::BetVoided {
                original_bet_id: self.needed(Field::OriginalBetId),
                amount: self.amount(Field::Amount),
                reason: self.text(Field::Reason),
            },
            EventType::BetCorrected => EventKind::BetCorrected {
                original_bet_id: self.needed(Field::OriginalBetId),
                new_amount: self.amount(Field::NewAmount).unwrap(),
            },
            EventType::DepositMade => EventKind::DepositMade {
                approved: self.text(Field::Status).is_none_or(|status| status == "approved"),
                currency: self.text(Field::Currency).unwrap_or("EUR"),
            },
            EventType::WinCredited | EventType::WithdrawalPaid => EventKind::Money { currency: self.text(Field::Currency) },
            EventType::SessionStarted => EventKind::SessionStarted,
            EventType::PointsAdjust => EventKind::PointsAdjust {
                command: self.command(),
                amount: self.amount(Field::Amount).unwrap(),
                reason: self.text(Field::Reason),
            },
            EventType::RedemptionRequested => EventKind::RedemptionRequested {
                command: self.command(),
                redemption_id: self.needed(Field::RedemptionId),
                points: self.amount(Field::Points).unwrap(),
            },
            EventType::RedemptionConfirmed => {
                EventKind::RedemptionConfirmed { command: self.command(), redemption_id: self.needed(Field::RedemptionId) }
            }
            EventType::RedemptionCancelled => {
                EventKind::RedemptionCancelled { command: self.command(), redemption_id: self.needed(Field::RedemptionId) }
            }
            EventType::StatusForce => {
                EventKind::StatusForce { command: self.command(), force: self.force(), reason: self.text(Field::Reason) }
            }
            _ => EventKind::Other,
        }
    }

    fn bet(&self) -> BetPlaced<'_> {
        let amount = self.amount(Field::Amount).unwrap();
        let rest = self.amount(Field::BonusAmount).map(|bonus| amount.minus(bonus).unwrap());
        BetPlaced {
            bet_id: self.needed(Field::BetId),
            game_id: self.text(Field::GameId),
            game_type: self.text(Field::GameType),
            amount,
            currency: self.needed(Field::Currency),
            real_amount: self.amount(Field::RealAmount).or(rest),
            exchange_rate: self.amount(Field::ExchangeRate),
            free_spin: self.text(Field::FreeSpin).is_some(),
        }
    }

    fn command(&self) -> Command<'_> {
        Command { actor: self.text(Field::Actor), role: self.text(Field::Role), request_id: self.text(Field::RequestId) }
    }

    fn force(&self) -> Option<ForceOrder<'_>> {
        let mode = match self.needed(Field::Mode) {
            "exact" => ForceMode::Exact,
            "floor" => ForceMode::Floor,
            "ceiling" => ForceMode::Ceiling,
            "none" => return None,
            other => panic!("{other} is no mode"),
        };
        Some(ForceOrder { tier: self.needed(Field::Tier), mode, until: instant(self.needed(Field::Until)) })
    }

    /// Identities and body, made as the decoder makes them (rule 8).
    fn identity(&self) -> Identity {
        let row = self.kind.row();
        let mut own = [Key::NONE; 2];
        for (slot, (key, field)) in (0_u8..).zip(own.iter_mut().zip(row.identities)) {
            if let Some(text) = self.text(*field) {
                *key = Key::own(self.kind, slot, text);
            }
        }
        Identity { event: Key::event(&self.source, &self.id), own, body: self.body() }
    }

    fn body(&self) -> u64 {
        let mut bytes = Vec::new();
        if !self.kind.is_command() {
            bytes.extend_from_slice(&self.occurred_at.0.to_le_bytes());
        }
        let row = self.kind.row();
        for field in row.required.iter().chain(row.optional) {
            let Some(text) = self.text(*field) else { continue };
            bytes.extend_from_slice(field.name().as_bytes());
            match field.form() {
                Form::Amount | Form::SignedAmount => {
                    let amount = self.amount(*field).unwrap();
                    bytes.extend_from_slice(&amount.mantissa().to_le_bytes());
                    bytes.push(amount.scale());
                }
                Form::Time => bytes.extend_from_slice(&instant(text).0.to_le_bytes()),
                Form::Identifier | Form::Text | Form::Moment | Form::Any => {
                    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
                    bytes.extend_from_slice(text.as_bytes());
                }
            }
        }
        xxh3_64(&bytes)
    }
}

/// An instant; seconds may be left out: `2026-03-01T10:00Z`.
pub(crate) fn instant(text: &str) -> Instant {
    let full = match text.as_bytes().get(16) {
        Some(b':') => text.to_owned(),
        _ if text.len() > 16 => format!("{}:00{}", text.get(..16).unwrap(), text.get(16..).unwrap()),
        _ => panic!("{text} is no instant"),
    };
    Instant::parse(full.as_bytes()).unwrap_or_else(|| panic!("{text} is no instant"))
}
