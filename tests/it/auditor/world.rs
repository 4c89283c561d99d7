//! What is known from the start: every revision of the programme and every exchange rate.

use super::amount::Dec;
use super::coverage::Coverage;
use super::decode::{Event, Field};
use super::history::History;
use super::json::Json;
use super::rulebook::Rulebook;
use super::zone::{Ms, read_time};

/// One exchange rate.
struct Rate {
    currency: String,
    base: String,
    valid_from: Ms,
    rate: Dec,
}

/// The rules and rates.
#[derive(Default)]
pub(crate) struct World {
    /// By the time from which they are in force.
    pub(crate) books: Vec<Rulebook>,
    rates: Vec<Rate>,
}

/// What becomes of a record that is known from the start.
pub(crate) enum Verdict {
    Applied,
    Duplicate,
    Conflict,
    /// A publication that is not one; the field, where the law says which.
    Violation(Option<&'static str>),
}

impl World {
    pub(crate) fn new(history: &History) -> World {
        let mut books = history.rulebooks.clone();
        books.sort_by_key(|b| (b.effective_from, b.revision));
        World { books, rates: Vec::new() }
    }

    /// The place of the revision in force at an instant; before the earliest, the earliest holds.
    pub(crate) fn in_force(&self, at: Ms) -> usize {
        self.books.iter().rposition(|b| b.effective_from <= at).unwrap_or(0)
    }

    pub(crate) fn first(&self) -> &Rulebook {
        &self.books[0]
    }

    /// The newest rate valid at an instant.
    pub(crate) fn rate(&self, currency: &str, base: &str, at: Ms) -> Option<Dec> {
        let fitting = self.rates.iter().filter(|r| r.currency == currency && r.base == base && r.valid_from <= at);
        fitting.max_by_key(|r| r.valid_from).map(|r| r.rate.clone())
    }

    /// Takes in an `FxRate`; they come by (topic, partition, offset).
    pub(crate) fn take_rate(&mut self, event: &Event, cover: &mut Coverage) -> Verdict {
        let new = Rate {
            currency: event.text("currency").unwrap_or_default().to_owned(),
            base: event.text("base").unwrap_or_default().to_owned(),
            valid_from: event.time("valid_from").unwrap_or_default(),
            rate: event.number("rate").expect("a required field").clone(),
        };
        let same = |r: &&Rate| r.currency == new.currency && r.base == new.base && r.valid_from == new.valid_from;
        match self.rates.iter().find(same) {
            Some(old) if old.rate == new.rate => {
                cover.hit("R2.duplicate");
                Verdict::Duplicate
            }
            Some(_) => {
                cover.hit("R2.conflict");
                Verdict::Conflict
            }
            None => {
                cover.hit("R2.rate");
                self.rates.push(new);
                Verdict::Applied
            }
        }
    }

    /// Takes in a `ProgrammePublished`.
    pub(crate) fn take_programme(
        &mut self,
        event: &Event,
        known: &[Rulebook],
        first: &Rulebook,
        cover: &mut Coverage,
    ) -> Verdict {
        let found = publication(event, known, first);
        let book = match found {
            Ok(book) => book,
            Err(field) => {
                cover.hit("R16.refused");
                return Verdict::Violation(field);
            }
        };
        match self.books.iter().find(|b| b.id == book.id && b.revision == book.revision) {
            Some(old) if *old == book => {
                cover.hit("R16.duplicate");
                return Verdict::Duplicate;
            }
            Some(_) => {
                cover.hit("R16.conflict");
                return Verdict::Conflict;
            }
            None => {}
        }
        cover.hit("R16.published");
        self.books.push(book);
        self.books.sort_by_key(|b| (b.effective_from, b.revision));
        Verdict::Applied
    }
}

fn raw<'a>(event: &'a Event, name: &str) -> Option<&'a Json> {
    match event.fields.get(name) {
        Some(Field::Raw(value)) => Some(value),
        _ => None,
    }
}

/// The rulebook of a publication, or the field at fault.
fn publication(event: &Event, known: &[Rulebook], first: &Rulebook) -> Result<Rulebook, Option<&'static str>> {
    let body = Some("body");
    for name in ["id", "revision", "effective_from", "sha256", "body"] {
        if raw(event, name).is_none() {
            return Err(body);
        }
    }
    let text = match raw(event, "body") {
        Some(Json::Text(text)) => text,
        _ => return Err(None),
    };
    let sum = Json::Text(super::hex_sha256(text.as_bytes()));
    if raw(event, "sha256") != Some(&sum) {
        return Err(None);
    }
    let book = known.iter().find(|b| b.to_yaml() == *text).ok_or(body)?;
    if !book.may_follow(first) {
        return Err(body);
    }
    let from = event.text("effective_from").and_then(read_time);
    let fits = event.text("id") == Some(&book.id)
        && raw(event, "revision") == Some(&Json::Number(book.revision.to_string()))
        && from == Some(book.effective_from);
    if fits { Ok(book.clone()) } else { Err(None) }
}
