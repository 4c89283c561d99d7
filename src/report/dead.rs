//! Dead letters by kind, with one example of each.

use super::wire::DeadLetter;

/// So much of an example is kept.
const EXAMPLE_CHARS_MAX: usize = 240;

/// The dead letters of one kind and field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub(super) kind: String,
    pub(super) field: Option<String>,
    pub(super) count: u64,
    /// What was wrong with the first of them.
    pub(super) error: String,
    /// Where the first of them stood.
    pub(super) place: String,
    /// The first of them; none where it was no text.
    pub(super) example: Option<String>,
}

/// All dead letters.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    pub(super) total: u64,
    /// The most frequent first, once [`DeadLetters::sort`] has run.
    pub(super) kinds: Vec<Kind>,
}

impl DeadLetters {
    /// Takes a dead letter.
    pub(super) fn add(&mut self, row: &DeadLetter<'_>) {
        self.total += 1;
        let field = row.field.as_ref().map(|field| &*field.0);
        let known = self.kinds.iter_mut().find(|kind| kind.kind == row.kind.0 && kind.field.as_deref() == field);
        if let Some(kind) = known {
            kind.count += 1;
            return;
        }
        let cut = |text: &str| text.chars().take(EXAMPLE_CHARS_MAX + 1).collect::<String>();
        self.kinds.push(Kind {
            kind: row.kind.0.clone().into_owned(),
            field: field.map(str::to_owned),
            count: 1,
            error: row.error.as_ref().map(|error| cut(&error.0)).unwrap_or_default(),
            place: format!("{}, partition {}, record {}", row.topic.0, row.partition, row.offset),
            example: row.payload.as_ref().map(|payload| super::figures::safe(&payload.0, EXAMPLE_CHARS_MAX)),
        });
    }

    /// Puts the most frequent first.
    pub(super) fn sort(&mut self) {
        self.kinds.sort_by(|left, right| {
            right.count.cmp(&left.count).then_with(|| (&left.kind, &left.field).cmp(&(&right.kind, &right.field)))
        });
    }

    /// How many reversals never met their bet (rule 9).
    pub(super) fn unmatched(&self) -> u64 {
        let lonely = |kind: &&Kind| kind.kind == "too_late" && kind.field.as_deref() == Some("original_bet_id");
        self.kinds.iter().filter(lonely).map(|kind| kind.count).sum()
    }
}
