//! Exchange rates and published rulebooks, found before a run (rules 0, 2, 16).
//!
//! In a replay both are known from the start, wherever they stand in the input. So the input is searched
//! for the two names first; only files in which one of them, or an escape that could hide it, occurs are
//! read line by line. What each such record turned out to be is kept by its place, so that it is counted
//! when the run comes to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use memchr::memmem::Finder;
use tidemark_domain::catalogue::EventType;
use tidemark_domain::fact::DeadKind;
use tidemark_domain::programme::resolve;
use tidemark_domain::programme::source::SourceFile;
use tidemark_domain::rules::{RateSeen, Rates, Revision, Rules};
use tidemark_domain::time::Instant;
use xxhash_rust::xxh3::Xxh3;

use super::decode::{Decoded, Detail, Publication, Rejected, Scratch, Verdict, decode};
use super::files::FileSource;
use super::{Batch, Error, Source};
use crate::hex;

/// What a reference record turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It counts.
    Applied,
    /// The same was there before.
    Duplicate,
    /// It is a dead letter.
    Dead(Box<Rejected>),
}

/// Everything that is known before a run.
#[derive(Debug, Default)]
pub struct Reference {
    /// What is in force when.
    pub rules: Rules,
    /// What became of each reference record, by partition and offset.
    pub found: BTreeMap<(u32, u64), Found>,
}

/// A reference record as it stands in the input.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The number of its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Its text.
    pub text: String,
}

/// Whether a file can hold a reference record at all. With a hasher it is read to its end for that, too.
fn may_hold(source: &FileSource, mut hasher: Option<&mut Xxh3>) -> Result<bool, Error> {
    const OVERLAP: usize = 32;
    let failed = |cause| Error::File { path: source.path().to_owned(), cause };
    let mut file = File::open(source.path()).map_err(failed)?;
    // Their names, and escapes that could spell them.
    let wanted = ["FxRate", "ProgrammePublished", "\\u00"].map(Finder::new);
    let mut chunk = vec![0; (1 << 17) + OVERLAP];
    let (mut kept, mut found) = (0, source.is_packed());
    while !found || hasher.is_some() {
        let count = file.read(chunk.get_mut(kept..).unwrap_or(&mut [])).map_err(failed)?;
        if count == 0 {
            break;
        }
        let filled = kept + count;
        if let Some(hash) = hasher.as_deref_mut() {
            hash.update(chunk.get(kept..filled).unwrap_or(&[]));
        }
        let read = chunk.get(..filled).unwrap_or(&[]);
        found = found || wanted.iter().any(|name| name.find(read).is_some());
        kept = filled.min(OVERLAP);
        chunk.copy_within(filled - kept..filled, 0);
    }
    Ok(found)
}

/// The reference records of one file; a hasher gets all bytes of the file on the way.
///
/// # Errors
/// Where the file cannot be read.
pub fn search(source: &mut FileSource, partition: u32, hasher: Option<&mut Xxh3>) -> Result<Vec<Standing>, Error> {
    if !may_hold(source, hasher)? {
        return Ok(Vec::new());
    }
    read_all(source, partition)
}

/// The reference records of a partition that holds little else, read to its end and then rewound.
///
/// # Errors
/// Where it cannot be read.
pub fn read_all(source: &mut dyn Source, partition: u32) -> Result<Vec<Standing>, Error> {
    let start = source.position();
    let mut all = Vec::new();
    let mut batch = Batch::default();
    let mut scratch = Scratch::default();
    loop {
        let more = source.read(&mut batch, 1 << 20, None)?;
        for record in &batch.records {
            let bytes = batch.bytes.get(record.start..record.end).unwrap_or(&[]);
            if record.oversize.is_none()
                && let Ok(text) = std::str::from_utf8(bytes)
                && let Ok(Verdict::Event(event)) = decode(text, &mut scratch)
                && event.event_type.is_reference()
            {
                all.push(Standing { partition, offset: record.offset, text: text.to_owned() });
            }
        }
        batch.clear();
        if !more {
            source.seek(start)?;
            return Ok(all);
        }
    }
}

/// Settles what is in force from the programmes given and the records found, in the order of topic,
/// partition and offset.
///
/// # Errors
/// The problem with the given programmes, in words.
pub fn settle(given: &[Arc<tidemark_domain::programme::Programme>], mut records: Vec<Standing>) -> Result<Reference, String> {
    records.sort_by_key(|record| (record.partition, record.offset));
    let mut book = Book::new(given)?;
    let mut found = BTreeMap::new();
    for record in &records {
        if let Some(verdict) = book.take(&record.text, None) {
            found.insert((record.partition, record.offset), verdict);
        }
    }
    Ok(Reference { rules: book.rules(), found })
}

/// The Kafka topic of exchange rates.
pub const RATES: &str = "fx.v1";
/// The Kafka topic of published rulebooks.
pub const RULEBOOKS: &str = "config.v1";

/// Whether a Kafka topic holds rates or rulebooks: it is compacted, and known with the epoch that binds it.
#[must_use]
pub fn is_reference_topic(topic: &str) -> bool {
    topic == RATES || topic == RULEBOOKS
}

/// The one Kafka topic in which a rate or a publication counts (rule 0).
#[must_use]
pub fn own_topic(event_type: EventType) -> &'static str {
    if event_type == EventType::FxRate { RATES } else { RULEBOOKS }
}

/// The key that a rate or a publication has to have in its own topic: compaction would delete history under any
/// other (CONTRACTS section 3). None for what is neither, or stands in another topic.
#[must_use]
pub fn key_of(topic: &str, event: &Decoded<'_>) -> Option<String> {
    match &event.detail {
        Detail::Rate { currency, base, valid_from, .. } if topic == RATES => Some(format!("{currency}:{base}:{valid_from}")),
        Detail::Programme(publication) if topic == RULEBOOKS => Some(format!("{}:{}", publication.id, publication.revision)),
        _ => None,
    }
}

/// Whether a record of a Kafka topic counts there, where it is a rate or a publication at all (rule 0).
#[must_use]
pub fn belongs(topic: &str, text: &str) -> bool {
    let mut scratch = Scratch::default();
    let Ok(Verdict::Event(event)) = decode(text, &mut scratch) else { return false };
    !event.event_type.is_reference() || topic == own_topic(event.event_type)
}

/// Rates and revisions as they become known, one record after the other.
#[derive(Clone, Debug)]
pub struct Book {
    revisions: Vec<Revision>,
    rates: Rates,
    /// What was published, by id and revision; none for what was given.
    bodies: BTreeMap<(String, u64), Option<String>>,
}

impl Book {
    /// A book of the programmes given.
    ///
    /// # Errors
    /// The problem with them, in words.
    pub fn new(given: &[Arc<tidemark_domain::programme::Programme>]) -> Result<Self, String> {
        let revisions = given_revisions(given)?;
        let bodies = revisions.iter().map(|each| ((each.programme.id.to_string(), each.programme.revision), None)).collect();
        Ok(Self { revisions, rates: Rates::default(), bodies })
    }

    /// Takes a record; none where it is no rate and no publication. A revision is in force from `since` at the
    /// earliest, logical time where it becomes known (rule 16).
    pub fn take(&mut self, text: &str, since: Option<i64>) -> Option<Found> {
        let mut scratch = Scratch::default();
        let Ok(Verdict::Event(event)) = decode(text, &mut scratch) else { return None };
        match (&event.event_type, &event.detail) {
            (EventType::FxRate, Detail::Rate { currency, base, rate, valid_from }) => {
                Some(match self.rates.add(currency, base, *valid_from, *rate) {
                    RateSeen::New => Found::Applied,
                    RateSeen::Same => Found::Duplicate,
                    RateSeen::Other => dead(
                        &event,
                        DeadKind::Conflict,
                        "rate",
                        "another rate for the same currency, base and time was there before",
                    ),
                })
            }
            (EventType::ProgrammePublished, Detail::Programme(publication)) => {
                let found = published(&event, publication, &mut self.revisions, &mut self.bodies);
                if let (Found::Applied, Some(since), Some(newest)) = (&found, since, self.revisions.last_mut()) {
                    newest.from = newest.from.max(Instant(since));
                }
                Some(found)
            }
            _ => None,
        }
    }

    /// The revision that became known last.
    #[must_use]
    pub fn newest(&self) -> Option<&Revision> {
        self.revisions.last()
    }

    /// What is in force when.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules::new(self.revisions.clone(), self.rates.clone())
    }
}

fn given_revisions(given: &[Arc<tidemark_domain::programme::Programme>]) -> Result<Vec<Revision>, String> {
    let earliest = given.iter().map(|each| (each.effective_from, each.revision)).min();
    let mut revisions: Vec<Revision> = Vec::new();
    for programme in given {
        if let Some(first) = given.first() {
            resolve::check_change(first, programme)
                .map_err(|why| format!("programme {} revision {}: {why}", programme.id, programme.revision))?;
        }
        let again = |each: &&Revision| each.programme.id == programme.id && each.programme.revision == programme.revision;
        if let Some(known) = revisions.iter().find(again) {
            if known.programme.values == programme.values && known.from == programme.effective_from {
                continue;
            }
            return Err(format!(
                "programme {} revision {} is given twice, and not the same; give each revision once",
                programme.id, programme.revision
            ));
        }
        revisions.push(Revision {
            programme: Arc::clone(programme),
            from: programme.effective_from,
            publication: Some((programme.effective_from, programme.revision)) != earliest,
            author: None,
            role: None,
        });
    }
    Ok(revisions)
}

fn dead(event: &Decoded<'_>, kind: DeadKind, field: &str, error: &str) -> Found {
    Found::Dead(Box::new(Rejected {
        kind,
        field: Some(field.to_owned()),
        error: error.to_owned(),
        brand: Some(event.brand.to_string()),
        player: event.player.as_deref().map(str::to_owned),
        event_id: Some(event.id.to_string()),
    }))
}

/// A publication: checked, or a dead letter with field `body` (rule 16).
fn published(
    event: &Decoded<'_>,
    publication: &Publication,
    revisions: &mut Vec<Revision>,
    bodies: &mut BTreeMap<(String, u64), Option<String>>,
) -> Found {
    let key = (publication.id.clone(), publication.revision);
    match bodies.get(&key) {
        Some(Some(known)) if *known == publication.body => return Found::Duplicate,
        Some(Some(_)) => {
            return dead(event, DeadKind::Conflict, "body", "the same id and revision was published before with another body");
        }
        Some(None) => {
            let same = parse(publication).is_ok_and(|programme| {
                revisions.iter().any(|each| {
                    each.programme.id == programme.id
                        && each.programme.revision == programme.revision
                        && each.programme.values == programme.values
                        && each.programme.effective_from == programme.effective_from
                })
            });
            return if same {
                Found::Duplicate
            } else {
                dead(event, DeadKind::Conflict, "body", "the same id and revision is in force with another body")
            };
        }
        None => {}
    }
    let programme = match parse(publication) {
        Ok(programme) => programme,
        Err(why) => return dead(event, DeadKind::SchemaViolation, "body", &why),
    };
    if let Some(first) = revisions.first()
        && let Err(why) = resolve::check_change(&first.programme, &programme)
    {
        return dead(event, DeadKind::SchemaViolation, "body", &why);
    }
    bodies.insert(key, Some(publication.body.clone()));
    revisions.push(Revision {
        from: programme.effective_from,
        programme: Arc::new(programme),
        publication: true,
        author: publication.author.as_deref().map(Into::into),
        role: publication.role.as_deref().map(Into::into),
    });
    Found::Applied
}

fn parse(publication: &Publication) -> Result<tidemark_domain::programme::Programme, String> {
    if !hex::sha256(publication.body.as_bytes()).eq_ignore_ascii_case(&publication.sha256) {
        return Err("`sha256` is not that of `body`".to_owned());
    }
    let file = SourceFile { name: "body".to_owned(), text: publication.body.clone() };
    let programme =
        resolve::load(&[file]).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    if *programme.id != *publication.id
        || programme.revision != publication.revision
        || programme.effective_from != publication.effective_from
    {
        return Err("`body` has another id, revision or effective_from than the record".to_owned());
    }
    Ok(programme)
}
