//! Single values: from the text as written to the value it stands for, or to what is wrong with it.

use jiff::tz::TimeZoneDatabase;

use super::nearest::nearest;
use crate::money::{Decimal, Micros};
use crate::programme::schema::shape::Kind;
use crate::programme::{DowngradeSteps, Factor, Stacking, StakeBasis};
use crate::time::Instant;

/// What is wrong with a value, and what would be right.
pub(super) struct Wrong {
    pub message: String,
    pub help: String,
}

/// A value that is written as one scalar.
pub(super) trait Scalar: Sized {
    /// Reads it; `kind` gives the bounds.
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong>;
    /// The stable textual form: equal for equal values, however written.
    fn show(&self) -> String;
}

/// A length of time in ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Millis(pub i64);

/// Text as it can be quoted in a message.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(60).map(|each| if each.is_control() { '\u{fffd}' } else { each }).collect();
    if short.len() < text.len() && text.chars().nth(60).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

/// What would be right in a place.
pub(super) fn expects(kind: &Kind) -> String {
    match kind {
        Kind::Factor { min, max } => {
            let (least, most) = (Factor(*min).decimal(), Factor(*max).decimal());
            format!("a number from {least} to {most} with at most 4 decimals, such as \"1.25\"")
        }
        Kind::Amount => "an amount with at most 15 digits before the point and 6 decimals, such as \"10000\"".to_owned(),
        Kind::Price => "an amount above 0, such as \"10.00\"".to_owned(),
        Kind::Whole { min, max } if min == max => format!("{min}"),
        Kind::Whole { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Duration { min, max } => {
            let (least, most) = (Millis(*min).show(), Millis(*max).show());
            format!("a whole number with ms, s, m, h or d, such as 24h; from {least} to {most}")
        }
        Kind::Instant => "an instant with its offset, such as 2026-03-02T00:00:00+01:00".to_owned(),
        Kind::Zone => "an IANA time zone, such as Europe/Malta".to_owned(),
        Kind::Currency => "the code of a currency in capitals, such as EUR".to_owned(),
        Kind::Name => "a name of 1 to 256 bytes".to_owned(),
        Kind::Brand => "the name of a brand, without a colon, and not `*`".to_owned(),
        Kind::Remark => "a text of at most 256 bytes".to_owned(),
        Kind::Choice { words, .. } => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
        Kind::List(of) => format!("a list in brackets, each {}", expects(of)),
        Kind::Sections { id, .. } => format!("a list of sections, each with its `{id}`"),
        Kind::Values(of) => format!("for each name {}", expects(of)),
        Kind::Named { .. } => "a section for each name".to_owned(),
        Kind::Section(_) => "a section: keys with values".to_owned(),
        Kind::Later { .. } => "nothing".to_owned(),
    }
}

/// The same as advice.
pub(super) fn expected(kind: &Kind) -> String {
    format!("expected {}", expects(kind))
}

fn wrong<T>(text: &str, what: &str, kind: &Kind) -> Result<T, Wrong> {
    Err(Wrong { message: format!("{} {what}", quoted(text)), help: expected(kind) })
}

/// A decimal without a sign or an exponent.
fn decimal(text: &str, kind: &Kind) -> Result<Decimal, Wrong> {
    if let Some(value) = Decimal::parse(text.as_bytes()) {
        return Ok(value);
    }
    let what = match text.strip_prefix('-') {
        Some(rest) if Decimal::parse(rest.as_bytes()).is_some() => "is below 0",
        _ if text.contains(',') => "has a comma; the decimal point is a point",
        _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            "is not a number of that size and form"
        }
        _ if text.starts_with(|first: char| first.is_ascii_digit()) && text.contains(['e', 'E']) => {
            "is not a plain number; an exponent is not read"
        }
        _ => "is not a number",
    };
    wrong(text, what, kind)
}

impl Scalar for Factor {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        let value = decimal(text, kind)?;
        let Some(missing) = 4_u8.checked_sub(value.scale()) else {
            return wrong(text, "has more than 4 decimals", kind);
        };
        let size = value.mantissa().saturating_mul(10_i128.pow(u32::from(missing)));
        let Kind::Factor { min, max } = kind else {
            return wrong(text, "is out of place", kind);
        };
        match u32::try_from(size) {
            Ok(size) if size < *min => wrong(text, "is too small", kind),
            Ok(size) if size <= *max => Ok(Self(size)),
            Ok(_) | Err(_) => wrong(text, "is too large", kind),
        }
    }

    fn show(&self) -> String {
        self.decimal().to_string()
    }
}

impl Scalar for Micros {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        let value = decimal(text, kind)?;
        value.exact_micros().map_or_else(|| wrong(text, "has more than 6 decimals", kind), Ok)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for Decimal {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        let value = decimal(text, kind)?;
        if value.is_zero() { wrong(text, "is not above 0", kind) } else { Ok(value) }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for u64 {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong(text, "is not a whole number", kind);
        }
        let Kind::Whole { min, max } = kind else {
            return wrong(text, "is out of place", kind);
        };
        match text.parse() {
            Ok(value) if (*min..=*max).contains(&value) => Ok(value),
            Ok(_) | Err(_) => wrong(text, "is out of bounds", kind),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for i32 {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        Self::try_from(u64::parse(text, kind)?).or_else(|_| wrong(text, "is out of bounds", kind))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for u32 {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        Self::try_from(u64::parse(text, kind)?).or_else(|_| wrong(text, "is out of bounds", kind))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Units of time, longest first.
const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Scalar for Millis {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        let end = text.bytes().take_while(u8::is_ascii_digit).count();
        let Some((digits, unit)) = text.split_at_checked(end).filter(|(digits, _)| (1..=15).contains(&digits.len())) else {
            return wrong(text, "is not a length of time", kind);
        };
        let Some((_, length)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return wrong(text, if unit.is_empty() { "has no unit" } else { "is not a length of time" }, kind);
        };
        let Kind::Duration { min, max } = kind else {
            return wrong(text, "is out of place", kind);
        };
        match digits.parse::<i64>().ok().and_then(|count| count.checked_mul(*length)) {
            Some(millis) if (*min..=*max).contains(&millis) => Ok(Self(millis)),
            Some(_) | None => wrong(text, "is out of bounds", kind),
        }
    }

    fn show(&self) -> String {
        if self.0 == 0 {
            return "0s".to_owned();
        }
        let fitting = UNITS.iter().find(|(_, length)| self.0.rem_euclid(*length) == 0);
        fitting.map_or_else(String::new, |(unit, length)| format!("{}{unit}", self.0.div_euclid(*length)))
    }
}

impl Scalar for Instant {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        Self::parse(text.as_bytes()).map_or_else(|| wrong(text, "is not an instant", kind), Ok)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Scalar for Box<str> {
    fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
        if matches!(kind, Kind::Zone) {
            return zone(text, kind);
        }
        let (brand, currency) = (matches!(kind, Kind::Brand), matches!(kind, Kind::Currency));
        let complaint = if matches!(kind, Kind::Remark) && text.is_empty() {
            None
        } else if brand && text == "*" {
            Some("is the brand of the rulebook's own facts")
        } else if brand && text.contains(':') {
            Some("has a colon")
        } else if currency && text.contains(|each: char| each == ':' || each.is_whitespace()) {
            Some("is not the code of a currency")
        } else if currency && text.len() == 3 && text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            Some("is not in capitals")
        } else {
            misnamed(text)
        };
        complaint.map_or_else(|| Ok(text.into()), |what| wrong(text, what, kind))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// What keeps a text from being an identifier (CONTRACTS section 3).
fn misnamed(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > 256 {
        Some("is too long")
    } else if text.contains(char::is_control) {
        Some("contains a control character")
    } else if text.trim().len() < text.len() {
        Some("begins or ends with a space")
    } else {
        None
    }
}

/// A zone by its exact name: two spellings of one zone would look like a change.
fn zone(text: &str, kind: &Kind) -> Result<Box<str>, Wrong> {
    let database = TimeZoneDatabase::bundled();
    if database.available().any(|name| name.as_str() == text) {
        return Ok(text.into());
    }
    let names: Vec<_> = database.available().collect();
    let message = format!("{} is not a time zone", quoted(text));
    let help = nearest(text, names.iter().map(|name| name.as_str()))
        .map_or_else(|| expected(kind), |name| format!("did you mean {name}?"));
    Err(Wrong { message, help })
}

/// What counts as activity, one word of `points.qualifying`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Activity {
    Bet,
    Deposit,
    Login,
    Adjustment,
}

/// `loyalty_scope`: what this version enforces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BrandScope;

/// Reads and shows the words of a choice.
macro_rules! choice {
    ($type:ty, $($word:literal => $value:expr),+) => {
        impl Scalar for $type {
            fn parse(text: &str, kind: &Kind) -> Result<Self, Wrong> {
                match text {
                    $($word => Ok($value),)+
                    _ => unknown_word(text, kind),
                }
            }

            fn show(&self) -> String {
                let known = [$(($value, $word)),+];
                known.iter().find(|(value, _)| value == self).map_or_else(String::new, |(_, word)| (*word).to_owned())
            }
        }
    };
}

choice!(StakeBasis, "total" => Self::Total, "real_only" => Self::RealOnly);
choice!(Stacking, "multiply" => Self::Multiply, "max" => Self::Max);
choice!(DowngradeSteps, "one_down" => Self::OneDown, "to_fit" => Self::ToFit);
choice!(
    Activity,
    "bet" => Self::Bet, "deposit" => Self::Deposit, "login" => Self::Login, "adjustment" => Self::Adjustment
);
choice!(BrandScope, "brand" => Self);

fn unknown_word<T>(text: &str, kind: &Kind) -> Result<T, Wrong> {
    let Kind::Choice { words, later } = kind else {
        return wrong(text, "is out of place", kind);
    };
    if later.contains(&text) {
        return wrong(text, "is not enforced in this version", kind);
    }
    let help = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`? Known: {}", expects(kind)),
        None => expected(kind),
    };
    Err(Wrong { message: format!("{} is not known here", quoted(text)), help })
}
