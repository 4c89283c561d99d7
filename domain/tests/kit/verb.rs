//! The words of an event line: `2026-03-01T10:00Z bet b1 20.00 EUR slots real=5`.

use tidemark_domain::catalogue::{EventType, Field};

use super::told::{Told, instant};

/// Short names of fields.
const SHORT: [(&str, Field); 8] = [
    ("game", Field::GameId),
    ("real", Field::RealAmount),
    ("bonus", Field::BonusAmount),
    ("rate", Field::ExchangeRate),
    ("spin", Field::FreeSpin),
    ("round", Field::RoundId),
    ("by", Field::Actor),
    ("request", Field::RequestId),
];

/// For each verb its type and what its words are, in order.
const VERBS: [(&str, EventType, &[Field]); 13] = [
    ("bet", EventType::BetPlaced, &[Field::BetId, Field::Amount, Field::Currency, Field::GameType]),
    ("void", EventType::BetVoided, &[Field::OriginalBetId, Field::Amount]),
    ("correct", EventType::BetCorrected, &[Field::OriginalBetId, Field::NewAmount]),
    ("win", EventType::WinCredited, &[Field::WinId, Field::Amount, Field::Currency]),
    ("deposit", EventType::DepositMade, &[Field::PaymentId, Field::Amount, Field::Currency]),
    ("withdrawal", EventType::WithdrawalPaid, &[Field::PaymentId, Field::Amount, Field::Currency]),
    ("session", EventType::SessionStarted, &[Field::SessionId]),
    ("adjust", EventType::PointsAdjust, &[Field::Amount]),
    ("request", EventType::RedemptionRequested, &[Field::RedemptionId, Field::Points]),
    ("confirm", EventType::RedemptionConfirmed, &[Field::RedemptionId]),
    ("cancel", EventType::RedemptionCancelled, &[Field::RedemptionId]),
    ("force", EventType::StatusForce, &[Field::Mode, Field::Tier, Field::Until]),
    ("consent", EventType::ConsentChanged, &[Field::Channel, Field::OptedIn]),
];

/// Reads an event line; `number` gives the event its id where it names none.
pub(crate) fn event(line: &str, number: usize) -> Told {
    let mut words = line.split_whitespace();
    let at = instant(words.next().unwrap());
    let verb = words.next().unwrap_or_default();
    let (kind, places) = VERBS
        .iter()
        .find(|(name, ..)| *name == verb)
        .map(|(_, kind, places)| (*kind, *places))
        .or_else(|| EventType::named(verb.as_bytes()).map(|kind| (kind, &[][..])))
        .unwrap_or_else(|| panic!("{line}: nothing is called {verb}"));
    let mut told = Told::new(kind, &format!("e{number}"), at);
    let mut places = places.iter();
    for word in words.filter(|word| *word != "until") {
        match word.split_once('=') {
            None if word == "late" => told.late = true,
            None if word == "clamped" => told.clamped = true,
            None => {
                let field = places.next().unwrap_or_else(|| panic!("{line}: what is {word}?"));
                if word != "-" {
                    told.fields.insert(*field, word.to_owned());
                }
            }
            Some(("at", value)) => told.as_of = instant(value),
            Some(("event", value)) => value.clone_into(&mut told.id),
            Some(("source", value)) => value.clone_into(&mut told.source),
            Some(("player", value)) => value.clone_into(&mut told.player),
            Some(("brand", value)) => value.clone_into(&mut told.brand),
            Some((key, value)) => {
                let short = SHORT.iter().find(|(name, _)| *name == key).map(|(_, field)| *field);
                let field = short.or_else(|| Field::named(key.as_bytes())).unwrap_or_else(|| panic!("{line}: what is {key}?"));
                told.fields.insert(field, value.to_owned());
            }
        }
    }
    told
}
