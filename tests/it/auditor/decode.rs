//! From the bytes of a record to an event, or to the dead letter it becomes (CONTRACTS section 3).

use std::collections::BTreeMap;

use super::amount::Dec;
use super::catalogue::{self, Form};
use super::json::{self, Json};
use super::zone::{Ms, read_time};

/// A field of an event, in the form in which two are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Text(String),
    Number(Dec),
    Time(Ms),
    Raw(Json),
}

/// A decoded event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) event_id: String,
    pub(crate) source: String,
    pub(crate) brand: String,
    pub(crate) player: Option<String>,
    pub(crate) at: Option<Ms>,
    pub(crate) fields: BTreeMap<String, Field>,
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) offset: usize,
    /// Rule 0: when it is applied, and whether that is later than it happened.
    pub(crate) apply: Ms,
    pub(crate) late: bool,
}

impl Event {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.fields.get(name) {
            Some(Field::Text(t)) => Some(t),
            Some(Field::Raw(Json::Text(t))) => Some(t),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<&Dec> {
        match self.fields.get(name) {
            Some(Field::Number(n)) => Some(n),
            _ => None,
        }
    }

    pub(crate) fn time(&self, name: &str) -> Option<Ms> {
        match self.fields.get(name) {
            Some(Field::Time(t)) => Some(*t),
            _ => None,
        }
    }
}

/// What a record turns out to be.
pub(crate) enum Decoded {
    /// An empty line or one of spaces: skipped and not counted.
    Blank,
    /// A type that nobody knows: counted and skipped.
    Unknown,
    Event(Box<Event>),
    Dead {
        kind: &'static str,
        /// The field at fault, where the law says which.
        field: Option<String>,
        cover: &'static str,
    },
}

const LARGEST: usize = 64 * 1024;

fn violation(field: &str, cover: &'static str) -> Decoded {
    Decoded::Dead { kind: "schema_violation", field: Some(field.to_owned()), cover }
}

/// Decodes one record.
pub(crate) fn decode(line: &[u8], topic: &str, partition: u32, offset: usize) -> Decoded {
    let bom = [0xEF, 0xBB, 0xBF];
    let bytes = if offset == 0 { line.strip_prefix(&bom).unwrap_or(line) } else { line };
    if bytes.iter().all(|b| *b == b' ') {
        return Decoded::Blank;
    }
    if bytes.len() > LARGEST {
        return Decoded::Dead { kind: "size", field: None, cover: "R3.size" };
    }
    let record = match json::read(bytes) {
        Ok(value @ Json::Object(_)) => value,
        Ok(_) => {
            return Decoded::Dead { kind: "schema_violation", field: None, cover: "S3.not_an_object" };
        }
        Err(fault) => {
            let cover = match fault {
                json::Fault::Syntax => "S3.not_json",
                json::Fault::Depth => "S3.too_deep",
                json::Fault::DuplicateKey => "S3.duplicate_key",
                json::Fault::Text => "S3.not_utf8",
            };
            return Decoded::Dead { kind: "schema_violation", field: None, cover };
        }
    };
    let kind = match record.get("event_type") {
        None => return violation("event_type", "S3.missing_field"),
        Some(Json::Text(kind)) => kind.clone(),
        Some(_) => return violation("event_type", "S3.malformed_field"),
    };
    let Some(own) = catalogue::fields(&kind) else {
        return Decoded::Unknown;
    };
    let place = (topic, partition, offset);
    event(&record, &kind, own, place).unwrap_or_else(|fault| fault)
}

fn event(record: &Json, kind: &str, own: &[(&str, Form)], place: (&str, u32, usize)) -> Result<Decoded, Decoded> {
    let missing = |name: &str| violation(name, "S3.missing_field");
    let event_id = identifier(record, "event_id")?.ok_or_else(|| missing("event_id"))?;
    let source = identifier(record, "source")?.ok_or_else(|| missing("source"))?;
    let brand = identifier(record, "brand_id")?.unwrap_or_else(|| "default".to_owned());
    if brand == "*" || brand.contains(':') {
        return Err(violation("brand_id", "S3.brand"));
    }
    let player = identifier(record, "player_id")?;
    if player.is_none() && !catalogue::may_lack_player(kind) {
        return Err(missing("player_id"));
    }
    let at = match record.get("occurred_at") {
        Some(value) => Some(time(value).ok_or_else(|| violation("occurred_at", "S3.malformed_field"))?),
        None if catalogue::of_config(kind) => None,
        None => return Err(missing("occurred_at")),
    };
    let mut fields = BTreeMap::new();
    for (name, form) in own {
        if let Some(value) = record.get(name) {
            let field = read_field(value, *form).ok_or_else(|| violation(name, "S3.malformed_field"))?;
            fields.insert((*name).to_owned(), field);
        }
    }
    for name in catalogue::required(kind) {
        if !fields.contains_key(*name) {
            return Err(missing(name));
        }
    }
    let (topic, partition, offset) = place;
    let found = Event {
        kind: kind.to_owned(),
        event_id,
        source,
        brand,
        player,
        at,
        fields,
        topic: topic.to_owned(),
        partition,
        offset,
        apply: at.unwrap_or(Ms::MIN),
        late: false,
    };
    check(&found)?;
    Ok(Decoded::Event(Box::new(found)))
}

/// What is asked of fields together.
fn check(event: &Event) -> Result<(), Decoded> {
    if event.kind == "StatusForce" && event.text("mode") != Some("none") {
        for name in ["tier", "until"] {
            if !event.fields.contains_key(name) {
                return Err(violation(name, "S3.missing_field"));
            }
        }
    }
    if event.kind == "BetPlaced" || event.kind == "WinCredited" {
        let whole = event.number("amount").expect("a required field");
        let (real, bonus) = (event.number("real_amount"), event.number("bonus_amount"));
        let fits = match (real, bonus) {
            (Some(r), Some(b)) => r.plus(b) == *whole,
            (Some(one), None) | (None, Some(one)) => !one.more_than(whole),
            (None, None) => true,
        };
        if !fits {
            return Err(violation("bonus_amount", "B12.split"));
        }
    }
    Ok(())
}

fn is_identifier(text: &str) -> bool {
    (1..=256).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn identifier(record: &Json, name: &str) -> Result<Option<String>, Decoded> {
    match record.get(name) {
        None => Ok(None),
        Some(Json::Text(text)) if is_identifier(text) => Ok(Some(text.clone())),
        Some(_) => Err(violation(name, "S3.malformed_field")),
    }
}

fn time(value: &Json) -> Option<Ms> {
    match value {
        Json::Text(text) => read_time(text),
        _ => None,
    }
}

fn read_field(value: &Json, form: Form) -> Option<Field> {
    let digits = match value {
        Json::Text(text) | Json::Number(text) => text.as_str(),
        _ => "",
    };
    match (form, value) {
        (Form::Any, _) => Some(Field::Raw(value.clone())),
        (Form::Amount, _) => Dec::read(digits, false).map(Field::Number),
        (Form::Signed, _) => Dec::read(digits, true).map(Field::Number),
        (Form::Time, _) => time(value).map(Field::Time),
        (Form::Id, Json::Text(text)) if is_identifier(text) => Some(Field::Text(text.clone())),
        (Form::Mode, Json::Text(text)) if ["none", "floor", "ceiling", "exact"].contains(&text.as_str()) => {
            Some(Field::Text(text.clone()))
        }
        (Form::Spin, Json::Object(_)) => match value.get("package_id") {
            Some(Json::Text(text)) if is_identifier(text) => Some(Field::Text(text.clone())),
            _ => None,
        },
        _ => None,
    }
}
