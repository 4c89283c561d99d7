//! The form of the table: sections, their keys, and the kinds of values with their bounds.

/// The keys of one section.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What it is about, for its author.
    pub about: &'static str,
    /// Its keys, in the order of the contract.
    pub keys: &'static [Key],
}

/// One key of a section.
#[derive(Debug)]
pub(crate) struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it says, for its author.
    pub about: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What holds where it is left out, as JSON.
    pub absent: Absent,
}

/// What holds where a key is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Absent {
    /// It may not be left out.
    Required,
    /// This value, in JSON.
    Default(&'static str),
    /// Each key of the section has a default of its own, or there is nothing.
    Nothing,
}

/// What may stand in a place. Bounds are inclusive.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A factor, in ten-thousandths.
    Factor { min: u32, max: u32 },
    /// An amount of at most six decimals.
    Amount,
    /// An amount above nought, as precise as an amount may be.
    Price,
    /// A whole number.
    Whole { min: u64, max: u64 },
    /// A length of time, in ms.
    Duration { min: i64, max: i64 },
    /// An instant.
    Instant,
    /// An IANA time zone.
    Zone,
    /// A code of a currency.
    Currency,
    /// A name: 1 to 256 bytes, no control characters.
    Name,
    /// A name of a brand.
    Brand,
    /// A remark: like a name, or empty.
    Remark,
    /// One of these words; `later` are words that this version knows and does not enforce.
    Choice { words: &'static [&'static str], later: &'static [&'static str] },
    /// Distinct values.
    List(&'static Kind),
    /// Sections, each with a distinct value of the key `id`.
    Sections { of: &'static Shape, id: &'static str, min: usize, max: usize },
    /// A value for each name.
    Values(&'static Kind),
    /// A section for each name.
    Named { of: &'static Shape, names: &'static Kind },
    /// A section.
    Section(&'static Shape),
    /// Not enforced in this version; where `empty_list`, an empty list may stand there.
    Later { empty_list: bool },
}

impl Shape {
    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}
