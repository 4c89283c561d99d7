//! Bytes to an event, or to the reason why they are a dead letter (CONTRACTS section 3). Pure.
//!
//! One pass over the text finds the fields that the catalogue knows and checks the rest; then the
//! record's type says which of them it needs. Nothing is copied but strings with escapes.

mod body;
mod fields;
mod names;
mod quotes;
mod simple;
#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;

use tidemark_domain::catalogue::{EventType, Field, Form, Needs};
use tidemark_domain::event::{ForceMode, Identity};
use tidemark_domain::fact::DeadKind;
use tidemark_domain::identity::Key;
use tidemark_domain::money::Decimal;
use tidemark_domain::time::Instant;

use super::json::{self, Kind, Problem, Value};

use body::{Amounts, Body};
use fields::Fields;
use simple::Known;

pub use words::{Bet, By, Decoded, Detail, Publication, Rejected, Verdict};

/// A field that is missing or malformed.
struct Wrong {
    field: Field,
    /// The field that the words are about.
    named: Field,
    what: &'static str,
}

type Read<T> = Result<T, Wrong>;

const MISSING: &str = "is required and missing";

fn wrong<T>(field: Field, what: &'static str) -> Read<T> {
    Err(Wrong { field, named: field, what })
}

/// Working memory of [`decode`], with what it has learnt of the records before: that makes it faster and
/// changes nothing else.
#[derive(Default)]
pub struct Scratch {
    bytes: Vec<u8>,
    known: Known,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Decodes one record.
///
/// # Errors
/// Why the record is a dead letter.
pub fn decode<'a>(text: &'a str, scratch: &mut Scratch) -> Result<Verdict<'a>, Box<Rejected>> {
    let mut fields = Fields::new();
    if simple::walk(text, &mut scratch.known, |name, value| fields.insert_plain(name, value)) {
        return read(&fields, &mut scratch.bytes);
    }
    decode_any(text, &mut scratch.bytes)
}

/// Decodes a record of any kind.
fn decode_any<'a>(text: &'a str, scratch: &mut Vec<u8>) -> Result<Verdict<'a>, Box<Rejected>> {
    let mut fields = Fields::new();
    let mut twice = None;
    let scanned = json::object_naming(text, |key, value| {
        let new = fields.insert(key, value);
        if !new {
            twice = Some(key.to_owned());
        }
        new
    });
    if let Err((problem, inside)) = scanned {
        return Err(Box::new(Rejected {
            kind: DeadKind::SchemaViolation,
            // A key twice within a member is that member's fault.
            field: twice.or_else(|| inside.filter(|_| problem == Problem::DuplicateKey)),
            error: problem.words().to_owned(),
            brand: None,
            player: None,
            event_id: None,
        }));
    }
    read(&fields, scratch)
}

#[cold]
fn reject(fields: &Fields<'_>, wrong: &Wrong) -> Box<Rejected> {
    let read = |field| identifier(fields, field).ok().flatten().map(Cow::into_owned);
    Box::new(Rejected {
        kind: DeadKind::SchemaViolation,
        field: Some(wrong.field.name().to_owned()),
        error: format!("field `{}` {}", wrong.named.name(), wrong.what),
        brand: read(Field::BrandId),
        player: read(Field::PlayerId),
        event_id: read(Field::EventId),
    })
}

/// Reads what the members say. Each step says for itself what is wrong with it: an event is large, and would be copied
/// where its error is made another.
#[inline]
fn read<'a>(fields: &Fields<'a>, scratch: &mut Vec<u8>) -> Result<Verdict<'a>, Box<Rejected>> {
    let rejected = |wrong: Wrong| reject(fields, &wrong);
    let missing = |field, what| rejected(Wrong { field, named: field, what });
    let stated = fields.get(Field::EventType);
    let Some(name) = stated.and_then(|value| value.string()) else {
        return Err(missing(Field::EventType, if stated.is_some() { "is not a string" } else { MISSING }));
    };
    let Some(event_type) = EventType::named(name.as_bytes()) else { return Ok(Verdict::Unknown) };
    let row = event_type.row();
    let id = required(fields, Field::EventId).map_err(rejected)?;
    let source = required(fields, Field::Source).map_err(rejected)?;
    let player = identifier(fields, Field::PlayerId).map_err(rejected)?;
    if player.is_none() && row.needs == Needs::Player {
        return Err(missing(Field::PlayerId, MISSING));
    }
    let occurred_at = time(fields, Field::OccurredAt).map_err(rejected)?;
    if occurred_at.is_none() && row.needs != Needs::Neither {
        return Err(missing(Field::OccurredAt, MISSING));
    }
    let brand = brand(fields).map_err(rejected)?;
    let mut body = Body::of(event_type, scratch);
    if !event_type.is_command() {
        body.add_number(Field::OccurredAt, occurred_at.map_or(i64::MIN, |instant| instant.0));
    }
    let detail = match own_fields(event_type, fields, &mut body) {
        Ok(detail) => detail,
        // What is wrong with a publication is wrong with its body (rule 16).
        Err(wrong) if event_type == EventType::ProgrammePublished => return Err(rejected(Wrong { field: Field::Body, ..wrong })),
        Err(wrong) => return Err(rejected(wrong)),
    };
    let identity = identity(event_type, fields, &id, &source, body.hash);
    Ok(Verdict::Event(Decoded { event_type, id, source, brand, player, occurred_at, identity, detail }))
}

/// The type's own fields: what is required is there, and nothing is malformed. Appends them to the body.
#[inline]
fn own_fields<'a>(event_type: EventType, fields: &Fields<'a>, body: &mut Body<'_>) -> Read<Detail<'a>> {
    for field in event_type.row().required {
        if fields.get(*field).is_none() {
            return wrong(*field, MISSING);
        }
    }
    let amounts = check_forms(event_type, fields, body)?;
    detail(event_type, fields, &amounts)
}

fn brand<'a>(fields: &Fields<'a>) -> Read<Cow<'a, str>> {
    match identifier(fields, Field::BrandId)? {
        None => Ok(Cow::Borrowed("default")),
        Some(brand) if brand.contains(':') => wrong(Field::BrandId, "holds a ':'"),
        Some(brand) if brand == "*" => wrong(Field::BrandId, "is `*`, which stands for the rulebook"),
        Some(brand) => Ok(brand),
    }
}

/// Reads every field of the type's row; optional ones that are malformed are as bad as required ones. What it
/// reads is the body: the catalogue's own fields, numbers by value (rule 8).
#[inline]
fn check_forms(event_type: EventType, fields: &Fields<'_>, body: &mut Body<'_>) -> Read<Amounts> {
    let row = event_type.row();
    let mut amounts = Amounts::default();
    // Two loops: a chained iterator asks at each step in which list it is.
    for list in [row.required, row.optional] {
        for field in list {
            let Some(value) = fields.get(*field) else { continue };
            match field.form() {
                Form::Identifier if is_plain_identifier(value) => body.add_text(*field, value.text),
                Form::Identifier => body.add_text(*field, &checked_identifier(value, *field)?),
                Form::Amount | Form::SignedAmount => {
                    let signed = field.form() == Form::SignedAmount || event_type == EventType::PointsAdjust;
                    let amount = checked_amount(value, *field, signed)?;
                    body.add_amount(*field, amount);
                    amounts.put(*field, amount);
                }
                Form::Time => body.add_number(*field, checked_time(value, *field)?.0),
                // One instant may be written in several ways (rule 0).
                Form::Moment => match checked_time(value, *field) {
                    Ok(instant) => body.add_number(*field, instant.0),
                    Err(_) => body.add_value(*field, value),
                },
                Form::Text => match value.string() {
                    Some(text) => body.add_text(*field, &text),
                    None => return wrong(*field, "is not a string"),
                },
                // What is wrong with it is said where it is read.
                Form::Any if *field == Field::FreeSpin => {
                    body.add_text(*field, package(fields).ok().flatten().as_deref().unwrap_or(""));
                }
                Form::Any => body.add_value(*field, value),
            }
        }
    }
    Ok(amounts)
}

#[inline]
fn identifier<'a>(fields: &Fields<'a>, field: Field) -> Read<Option<Cow<'a, str>>> {
    match fields.get(field) {
        None => Ok(None),
        Some(value) if is_plain_identifier(value) => Ok(Some(Cow::Borrowed(value.text))),
        Some(value) => checked_identifier(value, field).map(Some),
    }
}

/// Whether it is an identifier that needs no further look.
#[inline]
fn is_plain_identifier(value: Value<'_>) -> bool {
    value.kind == Kind::Plain && value.text.len().wrapping_sub(1) < 256
}

/// A string of 1 to 256 bytes without control characters, of any record.
#[cold]
fn checked_identifier<'a>(value: Value<'a>, field: Field) -> Read<Cow<'a, str>> {
    let Some(text) = value.string() else { return wrong(field, "is not a string") };
    if text.is_empty() || text.len() > 256 {
        return wrong(field, "is not 1 to 256 bytes long");
    }
    if text.chars().any(char::is_control) {
        return wrong(field, "holds a control character");
    }
    Ok(text)
}

#[inline]
fn required<'a>(fields: &Fields<'a>, field: Field) -> Read<Cow<'a, str>> {
    identifier(fields, field)?.map_or_else(|| wrong(field, MISSING), Ok)
}

/// A text where it is one; informative fields may hold anything.
fn text<'a>(fields: &Fields<'a>, field: Field) -> Option<Cow<'a, str>> {
    fields.get(field).and_then(|value| value.string())
}

fn checked_amount(value: Value<'_>, field: Field, signed: bool) -> Read<Decimal> {
    let digits = if value.kind == Kind::Number { Some(Cow::Borrowed(value.text)) } else { value.string() };
    let parsed =
        digits.and_then(|text| if signed { Decimal::parse_signed(text.as_bytes()) } else { Decimal::parse(text.as_bytes()) });
    parsed.map_or_else(
        || {
            let what = if signed {
                "is not an amount (a sign, up to 15 digits, a point, up to 18 digits, 28 significant ones in all, no exponent)"
            } else {
                "is not an amount (up to 15 digits, a point, up to 18 digits, 28 significant ones in all, no sign, no exponent)"
            };
            wrong(field, what)
        },
        Ok,
    )
}

fn checked_time(value: Value<'_>, field: Field) -> Read<Instant> {
    let parsed = value.string().and_then(|text| Instant::parse(text.as_bytes()));
    parsed.map_or_else(|| wrong(field, "is not an RFC 3339 instant"), Ok)
}

fn time(fields: &Fields<'_>, field: Field) -> Read<Option<Instant>> {
    fields.get(field).map(|value| checked_time(value, field)).transpose()
}

fn required_time(fields: &Fields<'_>, field: Field) -> Read<Instant> {
    time(fields, field)?.map_or_else(|| wrong(field, MISSING), Ok)
}

fn by<'a>(fields: &Fields<'a>) -> Read<By<'a>> {
    Ok(By {
        actor: text(fields, Field::Actor),
        role: text(fields, Field::Role),
        request_id: identifier(fields, Field::RequestId)?,
    })
}

#[inline]
fn detail<'a>(event_type: EventType, fields: &Fields<'a>, amounts: &Amounts) -> Read<Detail<'a>> {
    Ok(match event_type {
        EventType::BetPlaced => Detail::Bet(bet(fields, amounts)?),
        EventType::WinCredited => {
            split(amounts, amounts.required(Field::Amount)?)?;
            Detail::Money { currency: text(fields, Field::Currency) }
        }
        EventType::WithdrawalPaid => Detail::Money { currency: text(fields, Field::Currency) },
        EventType::BetVoided => Detail::Voided {
            bet_id: required(fields, Field::OriginalBetId)?,
            amount: amounts.get(Field::Amount),
            reason: text(fields, Field::Reason),
        },
        EventType::BetCorrected => {
            Detail::Corrected { bet_id: required(fields, Field::OriginalBetId)?, new_amount: amounts.required(Field::NewAmount)? }
        }
        EventType::DepositMade => Detail::Deposit { approved: approved(fields)?, currency: required(fields, Field::Currency)? },
        EventType::SessionStarted => Detail::Session,
        EventType::PointsAdjust => {
            Detail::Adjust { by: by(fields)?, amount: amounts.required(Field::Amount)?, reason: text(fields, Field::Reason) }
        }
        EventType::RedemptionRequested => Detail::Request {
            by: by(fields)?,
            id: required(fields, Field::RedemptionId)?,
            points: amounts.required(Field::Points)?,
        },
        EventType::RedemptionConfirmed => Detail::Confirm { by: by(fields)?, id: required(fields, Field::RedemptionId)? },
        EventType::RedemptionCancelled => Detail::Cancel { by: by(fields)?, id: required(fields, Field::RedemptionId)? },
        EventType::StatusForce => Detail::Force { by: by(fields)?, force: force(fields)?, reason: text(fields, Field::Reason) },
        EventType::FxRate => Detail::Rate {
            currency: required(fields, Field::Currency)?,
            base: required(fields, Field::Base)?,
            rate: amounts.required(Field::Rate)?,
            valid_from: required_time(fields, Field::ValidFrom)?,
        },
        EventType::ProgrammePublished => Detail::Programme(Box::new(publication(fields)?)),
        _ => Detail::Other,
    })
}

#[inline]
fn bet<'a>(fields: &Fields<'a>, amounts: &Amounts) -> Read<Bet<'a>> {
    let amount_placed = amounts.required(Field::Amount)?;
    Ok(Bet {
        bet_id: required(fields, Field::BetId)?,
        game_id: identifier(fields, Field::GameId)?,
        game_type: identifier(fields, Field::GameType)?,
        currency: required(fields, Field::Currency)?,
        amount: amount_placed,
        real_amount: split(amounts, amount_placed)?,
        exchange_rate: amounts.get(Field::ExchangeRate),
        free_spin: package(fields)?.is_some(),
    })
}

/// The real part of an amount that carries a split: one part alone makes the other the rest (B12).
fn split(amounts: &Amounts, whole: Decimal) -> Read<Option<Decimal>> {
    const PARTS: &str = "and `real_amount` do not add up to `amount`";
    let (real, bonus) = (amounts.get(Field::RealAmount), amounts.get(Field::BonusAmount));
    if real.is_some_and(|part| part > whole) || bonus.is_some_and(|part| part > whole) {
        return wrong(Field::BonusAmount, PARTS);
    }
    match (real, bonus) {
        (None, None) => Ok(None),
        (Some(real), None) => Ok(Some(real)),
        (real, Some(bonus)) => {
            let rest = whole.minus(bonus);
            if rest.is_none() || real.is_some() && real != rest {
                return wrong(Field::BonusAmount, PARTS);
            }
            Ok(rest)
        }
    }
}

/// The package of a free spin.
fn package<'a>(fields: &Fields<'a>) -> Read<Option<String>> {
    let Some(value) = fields.get(Field::FreeSpin) else { return Ok(None) };
    let mut package = None;
    let is_object = value.kind == Kind::Object
        && json::object(value.text, |key, member| {
            if key == "package_id" {
                package = member.string().map(Cow::into_owned);
            }
            true
        })
        .is_ok();
    match package.filter(|id| is_object && (1..=256).contains(&id.len()) && !id.chars().any(char::is_control)) {
        Some(id) => Ok(Some(id)),
        None => wrong(Field::FreeSpin, "is not an object with a `package_id`"),
    }
}

fn approved(fields: &Fields<'_>) -> Read<bool> {
    let Some(value) = fields.get(Field::Status) else { return Ok(true) };
    match value.string().as_deref() {
        Some("approved") => Ok(true),
        Some("requested" | "rejected" | "cancelled") => Ok(false),
        _ => wrong(Field::Status, "is not one of approved, requested, rejected, cancelled"),
    }
}

fn force<'a>(fields: &Fields<'a>) -> Read<Option<(Cow<'a, str>, ForceMode, Instant)>> {
    let mode = match text(fields, Field::Mode).as_deref() {
        Some("none") => {
            time(fields, Field::Until)?;
            return Ok(None);
        }
        Some("exact") => ForceMode::Exact,
        Some("floor") => ForceMode::Floor,
        Some("ceiling") => ForceMode::Ceiling,
        _ => return wrong(Field::Mode, "is not one of exact, floor, ceiling, none"),
    };
    let tier = required(fields, Field::Tier)?;
    Ok(Some((tier, mode, required_time(fields, Field::Until)?)))
}

fn publication(fields: &Fields<'_>) -> Read<Publication> {
    let revision =
        fields.get(Field::Revision).filter(|value| value.kind == Kind::Number).and_then(|value| value.text.parse().ok());
    let Some(revision) = revision else { return wrong(Field::Revision, "is not a whole number") };
    let owned = |field| text(fields, field).map(Cow::into_owned);
    Ok(Publication {
        id: required(fields, Field::Id)?.into_owned(),
        revision,
        effective_from: required_time(fields, Field::EffectiveFrom)?,
        sha256: owned(Field::Sha256).unwrap_or_default(),
        body: owned(Field::Body).unwrap_or_default(),
        author: owned(Field::Author),
        role: owned(Field::Role),
    })
}

fn identity(event_type: EventType, fields: &Fields<'_>, id: &str, source: &str, body: u64) -> Identity {
    let mut own = [Key::NONE; 2];
    for (slot, (key, field)) in (0_u8..).zip(own.iter_mut().zip(event_type.row().identities)) {
        if let Some(text) = text(fields, *field) {
            *key = Key::own(event_type, slot, &text);
        }
    }
    Identity { event: Key::event(source, id), own, body }
}
