//! Bytes to an event, or to the reason why they are a dead letter (CONTRACTS section 3). Pure.
//!
//! One pass over the text finds the fields that the catalogue knows and checks the rest; then the
//! record's type says which of them it needs. Nothing is copied but strings with escapes.

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
use xxhash_rust::xxh3::xxh3_64;

use super::json::{self, Kind, Value};

pub use words::{Bet, By, Decoded, Detail, Publication, Rejected, Verdict};

/// Fields of one record that the catalogue knows.
struct Fields<'a> {
    /// For each field one more than its place below; 0 where it is absent.
    places: [u8; PLACES],
    inline: [Value<'a>; INLINE],
    more: Vec<Value<'a>>,
    count: usize,
    unknown: Unknown<'a>,
}

const PLACES: usize = 128;
const INLINE: usize = 20;
const NOTHING: Value<'static> = Value { kind: Kind::Null, text: "" };

/// Keys that the catalogue does not know; they may not stand twice either.
#[derive(Default)]
struct Unknown<'a> {
    few: Vec<Cow<'a, str>>,
    many: std::collections::BTreeSet<String>,
}

impl Unknown<'_> {
    fn insert(&mut self, key: &str) -> bool {
        if !self.many.is_empty() {
            return self.many.insert(key.to_owned());
        }
        if self.few.iter().any(|known| known == key) {
            return false;
        }
        self.few.push(Cow::Owned(key.to_owned()));
        if self.few.len() > 16 {
            self.many = self.few.drain(..).map(Cow::into_owned).collect();
        }
        true
    }
}

impl<'a> Fields<'a> {
    fn new() -> Self {
        Self { places: [0; PLACES], inline: [NOTHING; INLINE], more: Vec::new(), count: 0, unknown: Unknown::default() }
    }

    /// Takes a member; says whether its key is new.
    #[inline]
    fn insert(&mut self, key: &str, value: Value<'a>) -> bool {
        let Some(field) = Field::named(key.as_bytes()) else { return self.unknown.insert(key) };
        let place = &mut self.places[field as usize];
        if *place != 0 {
            return false;
        }
        *place = (self.count + 1) as u8;
        match self.inline.get_mut(self.count) {
            Some(slot) => *slot = value,
            None => self.more.push(value),
        }
        self.count += 1;
        true
    }

    /// The value of a field; none where it is absent or null.
    #[inline]
    fn get(&self, field: Field) -> Option<Value<'a>> {
        let place = usize::from(self.places[field as usize]).checked_sub(1)?;
        let value = self.inline.get(place).or_else(|| self.more.get(place - INLINE)).copied()?;
        (value.kind != Kind::Null).then_some(value)
    }
}

/// A field that is missing or malformed.
struct Wrong {
    field: Field,
    what: &'static str,
}

type Read<T> = Result<T, Wrong>;

const MISSING: &str = "is required and missing";

fn wrong<T>(field: Field, what: &'static str) -> Read<T> {
    Err(Wrong { field, what })
}

/// Decodes one record. `scratch` is working memory.
///
/// # Errors
/// Why the record is a dead letter.
pub fn decode<'a>(text: &'a str, scratch: &mut Vec<u8>) -> Result<Verdict<'a>, Box<Rejected>> {
    let mut fields = Fields::new();
    let mut twice = None;
    let scanned = json::object(text, |key, value| {
        let new = fields.insert(key, value);
        if !new {
            twice = Some(key.to_owned());
        }
        new
    });
    if let Err(problem) = scanned {
        return Err(Box::new(Rejected {
            kind: DeadKind::SchemaViolation,
            field: twice,
            error: problem.words().to_owned(),
            brand: None,
            player: None,
            event_id: None,
        }));
    }
    read(&fields, scratch).map_err(|wrong| Box::new(reject(&fields, &wrong)))
}

fn reject(fields: &Fields<'_>, wrong: &Wrong) -> Rejected {
    let read = |field| identifier(fields, field).ok().flatten().map(Cow::into_owned);
    Rejected {
        kind: DeadKind::SchemaViolation,
        field: Some(wrong.field.name().to_owned()),
        error: format!("field `{}` {}", wrong.field.name(), wrong.what),
        brand: read(Field::BrandId),
        player: read(Field::PlayerId),
        event_id: read(Field::EventId),
    }
}

fn read<'a>(fields: &Fields<'a>, scratch: &mut Vec<u8>) -> Read<Verdict<'a>> {
    let stated = fields.get(Field::EventType);
    let Some(name) = stated.and_then(|value| value.string()) else {
        return wrong(Field::EventType, if stated.is_some() { "is not a string" } else { MISSING });
    };
    let Some(event_type) = EventType::named(name.as_bytes()) else { return Ok(Verdict::Unknown) };
    let row = event_type.row();
    let id = required(fields, Field::EventId)?;
    let source = required(fields, Field::Source)?;
    let player = identifier(fields, Field::PlayerId)?;
    if player.is_none() && row.needs == Needs::Player {
        return wrong(Field::PlayerId, MISSING);
    }
    let occurred_at = time(fields, Field::OccurredAt)?;
    if occurred_at.is_none() && row.needs != Needs::Neither {
        return wrong(Field::OccurredAt, MISSING);
    }
    let brand = brand(fields)?;
    let detail = own_fields(event_type, fields).map_err(|wrong| match event_type {
        // What is wrong with a publication is wrong with its body (rule 16).
        EventType::ProgrammePublished => Wrong { field: Field::Body, ..wrong },
        _ => wrong,
    })?;
    let identity = identity(event_type, fields, &id, &source, occurred_at, scratch);
    Ok(Verdict::Event(Box::new(Decoded { event_type, id, source, brand, player, occurred_at, identity, detail })))
}

/// The type's own fields: what is required is there, and nothing is malformed.
fn own_fields<'a>(event_type: EventType, fields: &Fields<'a>) -> Read<Detail<'a>> {
    for field in event_type.row().required {
        if fields.get(*field).is_none() {
            return wrong(*field, MISSING);
        }
    }
    check_forms(event_type, fields)?;
    detail(event_type, fields)
}

fn brand<'a>(fields: &Fields<'a>) -> Read<Cow<'a, str>> {
    match identifier(fields, Field::BrandId)? {
        None => Ok(Cow::Borrowed("default")),
        Some(brand) if brand.contains(':') => wrong(Field::BrandId, "holds a ':'"),
        Some(brand) if brand == "*" => wrong(Field::BrandId, "is `*`, which stands for the rulebook"),
        Some(brand) => Ok(brand),
    }
}

/// Optional fields that are malformed are as bad as required ones.
fn check_forms(event_type: EventType, fields: &Fields<'_>) -> Read<()> {
    let row = event_type.row();
    for field in row.required.iter().chain(row.optional) {
        match field.form() {
            Form::Identifier => {
                identifier(fields, *field)?;
            }
            Form::Amount if event_type == EventType::PointsAdjust => {
                signed(fields, *field)?;
            }
            Form::Amount => {
                amount(fields, *field)?;
            }
            Form::SignedAmount => {
                signed(fields, *field)?;
            }
            Form::Time => {
                time(fields, *field)?;
            }
            Form::Text => {
                if fields.get(*field).is_some_and(|value| !value.is_string()) {
                    return wrong(*field, "is not a string");
                }
            }
            Form::Any => {}
        }
    }
    Ok(())
}

/// A string of 1 to 256 bytes without control characters.
fn identifier<'a>(fields: &Fields<'a>, field: Field) -> Read<Option<Cow<'a, str>>> {
    let Some(value) = fields.get(field) else { return Ok(None) };
    let Some(text) = value.string() else { return wrong(field, "is not a string") };
    if text.is_empty() || text.len() > 256 {
        return wrong(field, "is not 1 to 256 bytes long");
    }
    if value.kind != Kind::Plain && text.chars().any(char::is_control) {
        return wrong(field, "holds a control character");
    }
    Ok(Some(text))
}

fn required<'a>(fields: &Fields<'a>, field: Field) -> Read<Cow<'a, str>> {
    identifier(fields, field)?.map_or_else(|| wrong(field, MISSING), Ok)
}

/// A text where it is one; informative fields may hold anything.
fn text<'a>(fields: &Fields<'a>, field: Field) -> Option<Cow<'a, str>> {
    fields.get(field).and_then(|value| value.string())
}

fn digits<'a>(value: Value<'a>) -> Option<Cow<'a, str>> {
    if value.kind == Kind::Number { Some(Cow::Borrowed(value.text)) } else { value.string() }
}

fn amount(fields: &Fields<'_>, field: Field) -> Read<Option<Decimal>> {
    let Some(value) = fields.get(field) else { return Ok(None) };
    let parsed = digits(value).and_then(|text| Decimal::parse(text.as_bytes()));
    parsed.map_or_else(
        || wrong(field, "is not an amount (up to 15 digits, a point, up to 18 digits, no sign, no exponent)"),
        |amount| Ok(Some(amount)),
    )
}

fn signed(fields: &Fields<'_>, field: Field) -> Read<Option<Decimal>> {
    let Some(value) = fields.get(field) else { return Ok(None) };
    let parsed = digits(value).and_then(|text| Decimal::parse_signed(text.as_bytes()));
    parsed.map_or_else(
        || wrong(field, "is not an amount (a sign, up to 15 digits, a point, up to 18 digits, no exponent)"),
        |amount| Ok(Some(amount)),
    )
}

fn required_amount(fields: &Fields<'_>, field: Field) -> Read<Decimal> {
    amount(fields, field)?.map_or_else(|| wrong(field, MISSING), Ok)
}

fn time(fields: &Fields<'_>, field: Field) -> Read<Option<Instant>> {
    let Some(value) = fields.get(field) else { return Ok(None) };
    let parsed = value.string().and_then(|text| Instant::parse(text.as_bytes()));
    parsed.map_or_else(|| wrong(field, "is not an RFC 3339 instant"), |instant| Ok(Some(instant)))
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

fn detail<'a>(event_type: EventType, fields: &Fields<'a>) -> Read<Detail<'a>> {
    Ok(match event_type {
        EventType::BetPlaced => Detail::Bet(bet(fields)?),
        EventType::WinCredited => {
            split(fields, required_amount(fields, Field::Amount)?)?;
            Detail::Other
        }
        EventType::BetVoided => Detail::Voided {
            bet_id: required(fields, Field::OriginalBetId)?,
            amount: amount(fields, Field::Amount)?,
            reason: text(fields, Field::Reason),
        },
        EventType::BetCorrected => Detail::Corrected {
            bet_id: required(fields, Field::OriginalBetId)?,
            new_amount: required_amount(fields, Field::NewAmount)?,
        },
        EventType::DepositMade => Detail::Deposit { approved: approved(fields)? },
        EventType::SessionStarted => Detail::Session,
        EventType::PointsAdjust => Detail::Adjust {
            by: by(fields)?,
            amount: signed(fields, Field::Amount)?.unwrap_or_default(),
            reason: text(fields, Field::Reason),
        },
        EventType::RedemptionRequested => Detail::Request {
            by: by(fields)?,
            id: required(fields, Field::RedemptionId)?,
            points: required_amount(fields, Field::Points)?,
        },
        EventType::RedemptionConfirmed => Detail::Confirm { by: by(fields)?, id: required(fields, Field::RedemptionId)? },
        EventType::RedemptionCancelled => Detail::Cancel { by: by(fields)?, id: required(fields, Field::RedemptionId)? },
        EventType::StatusForce => Detail::Force { by: by(fields)?, force: force(fields)?, reason: text(fields, Field::Reason) },
        EventType::FxRate => Detail::Rate {
            currency: required(fields, Field::Currency)?,
            base: required(fields, Field::Base)?,
            rate: required_amount(fields, Field::Rate)?,
            valid_from: required_time(fields, Field::ValidFrom)?,
        },
        EventType::ProgrammePublished => Detail::Programme(Box::new(publication(fields)?)),
        _ => Detail::Other,
    })
}

fn bet<'a>(fields: &Fields<'a>) -> Read<Bet<'a>> {
    let amount_placed = required_amount(fields, Field::Amount)?;
    Ok(Bet {
        bet_id: required(fields, Field::BetId)?,
        game_id: identifier(fields, Field::GameId)?,
        game_type: identifier(fields, Field::GameType)?,
        currency: required(fields, Field::Currency)?,
        amount: amount_placed,
        real_amount: split(fields, amount_placed)?,
        exchange_rate: amount(fields, Field::ExchangeRate)?,
        free_spin: package(fields)?.is_some(),
    })
}

/// The real part of an amount that carries a split: one part alone makes the other the rest (B12).
fn split(fields: &Fields<'_>, whole: Decimal) -> Read<Option<Decimal>> {
    const PARTS: &str = "and `real_amount` do not add up to `amount`";
    let (real, bonus) = (amount(fields, Field::RealAmount)?, amount(fields, Field::BonusAmount)?);
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
        Some("none") => return Ok(None),
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

fn identity(
    event_type: EventType,
    fields: &Fields<'_>,
    id: &str,
    source: &str,
    occurred_at: Option<Instant>,
    scratch: &mut Vec<u8>,
) -> Identity {
    let mut own = [Key::NONE; 2];
    for (slot, (key, field)) in (0_u8..).zip(own.iter_mut().zip(event_type.row().identities)) {
        if let Some(text) = text(fields, *field) {
            *key = Key::own(event_type, slot, &text);
        }
    }
    Identity { event: Key::event(source, id), own, body: body(event_type, fields, occurred_at, scratch) }
}

/// The body: `occurred_at` (not for commands) and the catalogue's own fields, numbers by value (rule 8).
fn body(event_type: EventType, fields: &Fields<'_>, occurred_at: Option<Instant>, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    if !event_type.is_command() {
        scratch.extend_from_slice(&occurred_at.map_or(i64::MIN, |instant| instant.0).to_le_bytes());
    }
    let row = event_type.row();
    for field in row.required.iter().chain(row.optional) {
        let Some(value) = fields.get(*field) else { continue };
        scratch.push(*field as u8);
        match field.form() {
            Form::Amount | Form::SignedAmount => {
                let amount = digits(value).and_then(|text| Decimal::parse_signed(text.as_bytes())).unwrap_or_default();
                scratch.extend_from_slice(&amount.mantissa().to_le_bytes());
                scratch.push(amount.scale());
            }
            Form::Time => {
                let instant = value.string().and_then(|text| Instant::parse(text.as_bytes()));
                scratch.extend_from_slice(&instant.map_or(i64::MIN, |at| at.0).to_le_bytes());
            }
            Form::Any if *field == Field::FreeSpin => put_text(package(fields).ok().flatten().as_deref().unwrap_or(""), scratch),
            Form::Any => json::canonical(value, scratch),
            Form::Identifier | Form::Text => match value.kind {
                Kind::Plain | Kind::Unescaped => put_text(value.text, scratch),
                _ => put_text(&value.string().unwrap_or_default(), scratch),
            },
        }
    }
    xxh3_64(scratch)
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}
