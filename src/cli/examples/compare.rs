//! What was expected beside what followed, in words.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tidemark_domain::money::Decimal;
use tidemark_domain::time::Instant;

use super::Difference;
use super::expect::{Field, Wanted};
use super::play::Played;
use super::read::{Example, Who};

/// Of facts that were found instead, so many are shown.
const SHOWN_MAX: usize = 4;

/// Everything that differs.
pub(super) fn differences(example: &Example, played: &Played) -> Vec<Difference> {
    let expected = &example.expected;
    let mut all = Vec::new();
    dead_letters(example, played, &mut all);
    for field in &expected.profiles {
        all.extend(profile(field, example, played).map(|what| Difference { line: field.line, what }));
    }
    facts(example, played, &mut all);
    for wanted in &expected.never {
        if let Some((_, fact)) = played.facts.iter().find(|(who, fact)| fits(wanted, who, fact)) {
            let what = format!("{}is not expected, and is there {}", described(wanted, example), when(fact));
            all.push(Difference { line: wanted.line, what });
        }
    }
    for (times, wanted) in &expected.counts {
        let found = played.facts.iter().filter(|(who, fact)| fits(wanted, who, fact)).count() as u64;
        if found != *times {
            let what = format!("{}is expected {}, and is there {}", described(wanted, example), often(*times), often(found));
            all.push(Difference { line: wanted.line, what });
        }
    }
    for (line, name, value) in &expected.summary {
        match played.summary.get(name) {
            None => all.push(Difference { line: *line, what: format!("the summary has no `{name}`") }),
            Some(found) if !same(value, found) => {
                all.push(Difference { line: *line, what: format!("{name}: expected {}, got {}", shown(value), shown(found)) });
            }
            Some(_) => {}
        }
    }
    all
}

fn dead_letters(example: &Example, played: &Played, all: &mut Vec<Difference>) {
    let expected = &example.expected.dead_letters;
    let mut letters = played.dead_letters.iter();
    for (line, wanted) in expected {
        match letters.next() {
            Some(letter) if same(wanted, letter) => {}
            Some(letter) => {
                let what = format!("expected the dead letter {}, got {}", shown(wanted), letter_in_words(letter, example));
                all.push(Difference { line: *line, what });
            }
            None => all.push(Difference { line: *line, what: format!("expected the dead letter {}, got none", shown(wanted)) }),
        }
    }
    for letter in letters {
        let offset = letter.get("offset").and_then(Value::as_u64).and_then(|offset| usize::try_from(offset).ok());
        let line = offset.and_then(|offset| example.given.get(offset)).map_or(example.line, |given| given.line);
        let what = format!("this event was set aside: {}", letter_in_words(letter, example));
        all.push(Difference { line, what });
    }
}

fn letter_in_words(letter: &Value, example: &Example) -> String {
    let text = |field| letter.get(field).and_then(Value::as_str).unwrap_or("none").to_owned();
    let offset = letter.get("offset").and_then(Value::as_u64).and_then(|offset| usize::try_from(offset).ok());
    let place = offset.and_then(|offset| example.given.get(offset)).map_or(0, |given| given.line);
    format!("{{kind: {}, field: {}}} of the event in line {place}: {}", text("kind"), text("field"), text("error"))
}

fn profile(field: &Field, example: &Example, played: &Played) -> Option<String> {
    let of = owner(&field.who, example);
    let found = played.profiles.iter().rev().find(|(who, _)| *who == field.who);
    let Some((_, found)) = found else {
        return Some(format!("{}{}: expected {}, got no profile: no event was applied", of, field.name, shown(&field.value)));
    };
    let got = found.get(&field.name).unwrap_or(&Value::Null);
    (!same(&field.value, got))
        .then(|| format!("{of}{}: expected {}, got {}", field.name, shown(&field.value), shown(&only(&field.value, got))))
}

/// Every expected fact, each behind the one before it of the same player.
fn facts(example: &Example, played: &Played, all: &mut Vec<Difference>) {
    let mut from: BTreeMap<&Who, usize> = BTreeMap::new();
    for wanted in &example.expected.facts {
        let own: Vec<&Value> = played.facts.iter().filter(|(who, _)| *who == wanted.who).map(|(_, fact)| fact).collect();
        let start = from.get(&wanted.who).copied().unwrap_or(0);
        let rest = own.get(start..).unwrap_or_default();
        if let Some(at) = rest.iter().position(|fact| fits(wanted, &wanted.who, fact)) {
            from.insert(&wanted.who, start + at + 1);
            continue;
        }
        let earlier = own.iter().take(start).any(|fact| fits(wanted, &wanted.who, fact));
        let mut what = format!("{}is expected, and does not follow", described(wanted, example));
        if earlier {
            what.push_str("; it is there earlier, before a fact that is expected before it");
        } else {
            what.push_str(&instead(wanted, &own));
        }
        all.push(Difference { line: wanted.line, what });
    }
}

/// Facts of the same type that are there.
fn instead(wanted: &Wanted, own: &[&Value]) -> String {
    let of_type = own.iter().filter(|fact| fact.get("event_type").and_then(Value::as_str) == Some(&wanted.event_type));
    let asked = Value::Object(wanted.fields.clone());
    let all: Vec<String> = of_type.map(|fact| format!("{} {}", shown(&only(&asked, fact)), when(fact))).collect();
    match all.len() {
        0 => format!("; there is no {} at all", wanted.event_type),
        number => {
            let more = if number > SHOWN_MAX { format!(" and {} more", number - SHOWN_MAX) } else { String::new() };
            let shown: Vec<String> = all.into_iter().take(SHOWN_MAX).collect();
            format!("; got {}{more}", shown.join(", "))
        }
    }
}

fn often(times: u64) -> String {
    if times == 1 { "once".to_owned() } else { format!("{times} times") }
}

fn when(fact: &Value) -> String {
    format!("at {}", fact.get("occurred_at").and_then(Value::as_str).unwrap_or("no time"))
}

/// `TierChanged {to: Silver} `, with whose it is where that is not the example's player.
fn described(wanted: &Wanted, example: &Example) -> String {
    let fields =
        if wanted.fields.is_empty() { String::new() } else { format!(" {}", shown(&Value::Object(wanted.fields.clone()))) };
    format!("{}{}{fields} ", owner(&wanted.who, example), wanted.event_type)
}

fn owner(who: &Who, example: &Example) -> String {
    if *who == example.who {
        String::new()
    } else if who.brand == example.who.brand {
        format!("{}: ", who.player)
    } else {
        format!("{} of {}: ", who.player, who.brand)
    }
}

fn fits(wanted: &Wanted, who: &Who, fact: &Value) -> bool {
    *who == wanted.who
        && fact.get("event_type").and_then(Value::as_str) == Some(&wanted.event_type)
        && wanted.fields.iter().all(|(name, value)| same(value, fact.get(name).unwrap_or(&Value::Null)))
}

/// Whether what was found is what is expected: numbers and instants by value, of an object only what is
/// named, a list whole.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(wanted), Value::Object(_)) => {
            wanted.iter().all(|(name, value)| same(value, found.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(wanted), Value::Array(items)) => {
            wanted.len() == items.len() && wanted.iter().zip(items).all(|(value, item)| same(value, item))
        }
        _ => match (plain(expected), plain(found)) {
            (Some(left), Some(right)) => left == right || same_value(&left, &right),
            _ => false,
        },
    }
}

fn same_value(left: &str, right: &str) -> bool {
    let decimal = |text: &str| Decimal::parse_signed(text.strip_prefix('+').unwrap_or(text).as_bytes());
    let instant = |text: &str| Instant::parse(text.as_bytes());
    decimal(left).is_some_and(|value| decimal(right) == Some(value))
        || instant(left).is_some_and(|value| instant(right) == Some(value))
}

/// A value of one piece as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Of what was found only what was asked for.
fn only(asked: &Value, found: &Value) -> Value {
    match (asked, found) {
        (Value::Object(wanted), Value::Object(all)) => {
            let part = |(name, value): (&String, &Value)| (name.clone(), only(value, all.get(name).unwrap_or(&Value::Null)));
            Value::Object(wanted.iter().map(part).collect::<Map<_, _>>())
        }
        _ => found.clone(),
    }
}

/// A value as a person would write it in an example.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let all: Vec<String> = fields.iter().map(|(name, field)| format!("{name}: {}", shown(field))).collect();
            format!("{{{}}}", all.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        other => plain(other).unwrap_or_default(),
    }
}
