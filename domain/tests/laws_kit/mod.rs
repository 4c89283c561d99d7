//! What the laws draw: histories of one player, and a naive ledger of turnover beside them.

use std::sync::OnceLock;

use proptest::prelude::*;
use tidemark_domain::catalogue::{EventType, Field};
use tidemark_domain::money::Decimal;
use tidemark_domain::rules::{Rates, Rules};
use tidemark_domain::time::{DAY_MS, Instant};

use crate::kit::programme::{Draft, rules};
use crate::kit::told::{Told, instant};

/// One thing that happens, `after_ms` after the one before it.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    pub(crate) after_ms: i64,
    /// How long before its apply time it occurred.
    pub(crate) late_ms: i64,
    pub(crate) what: What,
}

/// What happens; bets and redemptions are numbered, `back` counts from the newest, negative ones are
/// still to come.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Bet { micros: u64, currency: &'static str, game: &'static str, spin: bool },
    Void { back: i64, micros: Option<u64> },
    Correct { back: i64, micros: u64 },
    Adjust { micros: i64 },
    Request { steps: u64 },
    Settle { back: i64, confirm: bool },
    Force { tier: &'static str, mode: &'static str, days: i64 },
    Deposit,
    Session,
    Time,
}

/// Histories in euro, where every part of a bet is exact, or in several currencies.
pub(crate) fn history(currencies: &'static [&'static str], length: usize) -> impl Strategy<Value = Vec<Draw>> {
    let gap = prop_oneof![
        4 => 0..60_000_i64,
        4 => 0..DAY_MS,
        2 => 0..10 * DAY_MS,
        1 => 0..90 * DAY_MS,
        1 => Just(DAY_MS),
    ];
    let late = prop_oneof![6 => Just(0_i64), 2 => 0..DAY_MS * 3, 1 => 0..DAY_MS * 33];
    proptest::collection::vec((gap, late, what(currencies)), 1..length)
        .prop_map(|draws| draws.into_iter().map(|(after_ms, late_ms, what)| Draw { after_ms, late_ms, what }).collect())
}

fn what(currencies: &'static [&'static str]) -> impl Strategy<Value = What> {
    let amount = || prop_oneof![1..400_000_000_u64, (1..400_u64).prop_map(|whole| whole * 1_000_000), 0..20_u64];
    let games = proptest::sample::select(&["slots", "table", "live", "crash"][..]);
    let bet = (amount(), proptest::sample::select(currencies), games, proptest::bool::weighted(0.05));
    prop_oneof![
        12 => bet.prop_map(|(micros, currency, game, spin)| What::Bet { micros, currency, game, spin }),
        4 => (-2..6_i64, proptest::option::of(amount())).prop_map(|(back, micros)| What::Void { back, micros }),
        2 => (-2..6_i64, amount()).prop_map(|(back, micros)| What::Correct { back, micros }),
        1 => (-400_000_000..400_000_000_i64).prop_map(|micros| What::Adjust { micros }),
        2 => (0..6_u64).prop_map(|steps| What::Request { steps }),
        2 => (-1..3_i64, any::<bool>()).prop_map(|(back, confirm)| What::Settle { back, confirm }),
        1 => force(),
        1 => Just(What::Deposit),
        1 => Just(What::Session),
        2 => Just(What::Time),
    ]
}

fn force() -> impl Strategy<Value = What> {
    let tier = proptest::sample::select(&["Bronze", "Silver", "Gold", "Platinum", "Diamond"][..]);
    let mode = proptest::sample::select(&["exact", "floor", "ceiling", "none"][..]);
    (tier, mode, -1..40_i64).prop_map(|(tier, mode, days)| What::Force { tier, mode, days })
}

/// A steep ladder, so that a few bets go a long way.
pub(crate) fn steep() -> Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(make_steep).clone()
}

fn make_steep() -> Rules {
    let mut draft = Draft::base();
    draft.ladder("Bronze 0/0, Silver 100/40 x1.5, Gold 300/120 x1.75, Platinum 900/300 x2");
    draft.given("tiers.min_tenure_days", "10");
    draft.given("redemption.step", "50");
    draft.given("points.expire_after_months", "2");
    draft.given("points.qualifying", "[bet, adjustment, deposit]");
    draft.given("clock.payment_history_days", "60");
    let promotion = "A x2.5 from 2026-02-01T00:00Z to 2026-03-01T00:00Z games slots,live";
    draft.promotion(&promotion.split_whitespace().collect::<Vec<_>>());
    let mut second = draft.next(2, instant("2026-04-01T00:00Z"));
    second.ladder("Bronze 0/0, Silver 150/40, Gold 280/100 x1.5, Ruby 1000/300 x3");
    second.given("tiers.grace_days", "2");
    let mut rates = Rates::default();
    for (rate, from) in [("0.0880", "2026-01-01T00:00Z"), ("0.0913", "2026-03-01T00:00Z")] {
        rates.add("SEK", "EUR", instant(from), Decimal::parse(rate.as_bytes()).unwrap());
    }
    rules(&[draft, second], &rates)
}

/// The amount as text.
fn text(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// The history as events; none where only time passes.
pub(crate) fn told(draws: &[Draw]) -> Vec<(Instant, Option<Told>)> {
    let (mut now, mut bets, mut requests) = (instant("2026-01-05T10:00Z"), 0_i64, 0_i64);
    let mut all = Vec::with_capacity(draws.len());
    for (number, draw) in draws.iter().enumerate() {
        now = now.plus(draw.after_ms);
        let made = |kind| Told::new(kind, &format!("e{number}"), now);
        let event = match &draw.what {
            What::Bet { micros, currency, game, spin } => {
                bets += 1;
                let bet = made(EventType::BetPlaced).with(Field::BetId, &format!("b{bets}")).with(Field::Amount, &text(*micros));
                let bet = bet.with(Field::Currency, currency).with(Field::GameType, game);
                Some(if *spin { bet.with(Field::FreeSpin, "package") } else { bet })
            }
            What::Void { back, micros } => {
                let void = made(EventType::BetVoided).with(Field::OriginalBetId, &format!("b{}", bets - back));
                Some(match micros {
                    Some(part) => void.with(Field::Amount, &text(*part)),
                    None => void,
                })
            }
            What::Correct { back, micros } => {
                let bet = format!("b{}", bets - back);
                Some(made(EventType::BetCorrected).with(Field::OriginalBetId, &bet).with(Field::NewAmount, &text(*micros)))
            }
            What::Adjust { micros } => {
                let sign = if *micros < 0 { "-" } else { "" };
                Some(made(EventType::PointsAdjust).with(Field::Amount, &format!("{sign}{}", text(micros.unsigned_abs()))))
            }
            What::Request { steps } => {
                requests += 1;
                let request = made(EventType::RedemptionRequested).with(Field::RedemptionId, &format!("r{requests}"));
                Some(request.with(Field::Points, &(steps * 50).to_string()))
            }
            What::Settle { back, confirm } => {
                let kind = if *confirm { EventType::RedemptionConfirmed } else { EventType::RedemptionCancelled };
                Some(made(kind).with(Field::RedemptionId, &format!("r{}", requests - back)))
            }
            What::Force { tier, mode, days } => {
                let until = now.plus(days * DAY_MS).to_string();
                let force = made(EventType::StatusForce).with(Field::Mode, mode);
                Some(if *mode == "none" { force } else { force.with(Field::Tier, tier).with(Field::Until, &until) })
            }
            What::Deposit => Some(made(EventType::DepositMade).with(Field::PaymentId, &format!("p{number}"))),
            What::Session => Some(made(EventType::SessionStarted).with(Field::SessionId, &format!("s{number}"))),
            What::Time => None,
        };
        let event = event.map(|event| Told {
            occurred_at: now.plus(-draw.late_ms),
            late: draw.late_ms > 1_000,
            brand: "elsewhere".to_owned(),
            ..event
        });
        all.push((now, event));
    }
    all
}

/// A bet, its day, and what is left of it; none once it is emptied. A spin counts nothing.
#[derive(Clone, Debug)]
struct Bet {
    id: String,
    day: i64,
    left: Option<u64>,
    spin: bool,
}

/// Turnover counted naively, in euro and UTC days: a list of bets and what is left of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Naive {
    bets: Vec<Bet>,
    waiting: Vec<(String, i64, Option<u64>, bool)>,
}

/// The UTC day of an instant.
fn day(at: Instant) -> i64 {
    at.0.div_euclid(DAY_MS)
}

impl Naive {
    /// Takes an event that was applied.
    pub(crate) fn take(&mut self, told: &Told) {
        let (today, own_day) = (day(told.as_of), day(told.occurred_at));
        self.waiting.retain(|(_, of, ..)| today - of < 32);
        let micros = |field| {
            told.text(field)
                .map(|text| u64::try_from(Decimal::parse(text.as_bytes()).unwrap().exact_micros().unwrap().0).unwrap())
        };
        match told.kind {
            EventType::BetPlaced => {
                let id = told.text(Field::BetId).unwrap().to_owned();
                let mine: Vec<_> = self.waiting.extract_if(.., |(bet, ..)| *bet == id).collect();
                let whole = mine.iter().any(|(_, _, amount, correct)| amount.is_none() && !correct);
                let spin = told.text(Field::FreeSpin).is_some();
                let left = if whole { None } else { micros(Field::Amount) };
                self.bets.push(Bet { id: id.clone(), day: own_day, left, spin });
                for (_, _, amount, correct) in mine {
                    self.reverse(&id, today, amount, correct);
                }
            }
            EventType::BetVoided => self.reverse(told.text(Field::OriginalBetId).unwrap(), today, micros(Field::Amount), false),
            EventType::BetCorrected => {
                self.reverse(told.text(Field::OriginalBetId).unwrap(), today, micros(Field::NewAmount), true);
            }
            _ => {}
        }
    }

    fn reverse(&mut self, id: &str, today: i64, amount: Option<u64>, correct: bool) {
        match self.bets.iter_mut().find(|bet| bet.id == id && today - bet.day < 32) {
            None => self.waiting.push((id.to_owned(), today, amount, correct)),
            Some(Bet { left: None, .. }) => {}
            Some(bet) if correct => bet.left = amount,
            Some(bet) => {
                let taken = amount.unwrap_or(u64::MAX);
                bet.left = bet.left.filter(|rest| *rest > taken).map(|rest| rest - taken);
            }
        }
    }

    /// T-1
    pub(crate) fn cumulative(&self) -> i128 {
        self.counted(i64::MIN, i64::MAX)
    }

    /// T-2: the days [d-29 .. d].
    pub(crate) fn rolling(&self, at: Instant) -> i128 {
        self.counted(day(at) - 29, day(at))
    }

    fn counted(&self, first: i64, last: i64) -> i128 {
        let inside = self.bets.iter().filter(|bet| !bet.spin && (first..=last).contains(&bet.day));
        inside.filter_map(|bet| bet.left).map(i128::from).sum()
    }
}
