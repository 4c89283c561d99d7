//! Events of single players, straight into `Player::apply`.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use tidemark_domain::catalogue::EventType;
use tidemark_domain::event::{BetPlaced, Event, EventKind, Identity, Record};
use tidemark_domain::fact::{Fact, Facts, Note, Unmatched};
use tidemark_domain::identity::Key;
use tidemark_domain::money::Decimal;
use tidemark_domain::rules::{Rates, Revision, Rules};
use tidemark_domain::time::Instant;

/// 2026-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_767_225_600_000;
/// Milliseconds of a minute.
pub(crate) const MINUTE: i64 = 60_000;
/// Milliseconds of a day.
pub(crate) const DAY: i64 = 24 * 60 * MINUTE;

/// An event before it is lent out.
pub(crate) struct Kept {
    id: String,
    bet: String,
    player: String,
    at: Instant,
    identity: Identity,
    void: bool,
}

impl Kept {
    /// Event `number` of a player: a bet, or a void of bet `voided`.
    pub(crate) fn new(player: &str, number: u64, voided: Option<u64>, at: Instant) -> Self {
        let (id, bet) = (format!("e-{number}"), format!("b-{}", voided.unwrap_or(number)));
        let own = if voided.is_some() { Key::NONE } else { Key::own(EventType::BetPlaced, 0, &bet) };
        let identity = Identity { event: Key::event("wallet", &id), own: [own, Key::NONE], body: number };
        Self { id, bet, player: player.to_owned(), at, identity, void: voided.is_some() }
    }

    /// Lends it out.
    pub(crate) fn event(&self) -> Event<'_> {
        let bet = BetPlaced {
            bet_id: &self.bet,
            game_id: Some("book-of-sun"),
            game_type: Some("slots"),
            amount: Decimal::new(250, 2),
            currency: "EUR",
            real_amount: None,
            exchange_rate: None,
            free_spin: false,
        };
        let (event_type, kind) = if self.void {
            (EventType::BetVoided, EventKind::BetVoided { original_bet_id: &self.bet, amount: None, reason: Some("settlement") })
        } else {
            (EventType::BetPlaced, EventKind::BetPlaced(bet))
        };
        Event {
            id: &self.id,
            source: "wallet",
            brand: "b1",
            player: Some(&self.player),
            occurred_at: self.at,
            as_of: self.at,
            late: false,
            clamped: false,
            identity: self.identity,
            event_type,
            kind,
            record: Record { topic: "bets.v1", partition: 0, offset: 0, payload: "{}" },
        }
    }
}

/// Takes facts and forgets them.
#[derive(Default)]
pub(crate) struct Nowhere {
    /// How many there were.
    pub(crate) facts: u64,
}

impl Facts for Nowhere {
    fn fact(&mut self, fact: &Fact<'_>) {
        black_box(fact.id);
        self.facts += 1;
    }

    fn unmatched(&mut self, _letter: &Unmatched<'_>) {}

    fn note(&mut self, _note: Note) {}
}

/// The default programme.
pub(crate) fn rules() -> Rules {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("programme");
    let (programme, _) = tidemark::runtime::programme::load_programme(&path).expect("the default programme is good");
    let from = programme.effective_from;
    let revision = Revision { programme: Arc::new(programme), from, publication: false, author: None, role: None };
    Rules::new(vec![revision], Rates::default())
}
