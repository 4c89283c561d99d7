//! The input of a replay: opened, told from any other, and searched for what must be known before it runs.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use xxhash_rust::xxh3::Xxh3;

use super::Failure;
use super::replay::Watcher;
use crate::sources::files::FileSource;
use crate::sources::kafka::{Extent, Opened};
use crate::sources::reference::{self, Standing};
use crate::sources::{Source, files, kafka};

/// The input, opened.
pub(super) struct Input {
    pub(super) sources: Vec<Box<dyn Source>>,
    pub(super) records: Vec<Standing>,
    pub(super) fingerprint: String,
    /// How many bytes will be read, where that is known before.
    pub(super) bytes: Option<u64>,
    /// What is read of Kafka, where it is Kafka.
    pub(super) extent: Option<Extent>,
}

/// Opens the input and finds what must be known before a run. `whole` makes the fingerprint that of every
/// byte, so that state can be told to be of other events. `begun` is what the run reads that is resumed.
pub(super) fn open_input(
    events: &str,
    workers: u32,
    whole: bool,
    begun: Option<&Extent>,
    watcher: &Arc<dyn Watcher>,
) -> Result<Input, Failure> {
    if events.starts_with("kafka://") {
        return open_kafka(events, begun, watcher);
    }
    let mut opened = files::open(Path::new(events))?;
    let (records, hashes) = search_all(&mut opened, workers, whole)?;
    let mut fingerprint = Xxh3::new();
    let mut bytes = Some(0);
    for (source, hash) in opened.iter().zip(hashes) {
        // Name, length and content of a file: another input is told from this one.
        let failed = |cause| crate::sources::Error::File { path: source.path().to_owned(), cause };
        let length = std::fs::metadata(source.path()).map_err(failed)?.len();
        let partition = source.partition();
        fingerprint.update(format!("{}\n{}\n{length}\n{hash:032x}\n", partition.topic, partition.number).as_bytes());
        // What a packed file unpacks to is not known.
        bytes = bytes.filter(|_| !source.is_packed()).map(|sum| sum + length);
    }
    let sources = opened.into_iter().map(|source| Box::new(source) as Box<dyn Source>).collect();
    Ok(Input { sources, records, fingerprint: format!("{:032x}", fingerprint.digest128()), bytes, extent: None })
}

/// What a file was found to hold: rates and rulebooks, and the hash of all its bytes where that was asked for.
type Searched = Result<(Vec<Standing>, u128), crate::sources::Error>;

/// Searches all files, `workers` files at a time.
fn search_all(
    sources: &mut [FileSource],
    workers: u32,
    whole: bool,
) -> Result<(Vec<Standing>, Vec<u128>), crate::sources::Error> {
    let next = AtomicU64::new(0);
    let slots: Vec<Mutex<(u32, &mut FileSource, Option<Searched>)>> =
        (0_u32..).zip(sources.iter_mut()).map(|(number, source)| Mutex::new((number, source, None))).collect();
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                while let Some(slot) = slots.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let Ok(mut held) = slot.lock() else { return };
                    let (number, source, found) = &mut *held;
                    let mut hasher = Xxh3::new();
                    let records = reference::search(source, *number, whole.then_some(&mut hasher));
                    *found = Some(records.map(|records| (records, hasher.digest128())));
                }
            });
        }
    });
    let (mut all, mut hashes) = (Vec::new(), Vec::new());
    for slot in slots {
        // Every slot was filled: a thread that panics ends the scope with its panic.
        if let Some(found) = slot.into_inner().ok().and_then(|(_, _, found)| found) {
            let (records, hash) = found?;
            all.extend(records);
            hashes.push(hash);
        }
    }
    Ok((all, hashes))
}

fn open_kafka(events: &str, begun: Option<&Extent>, watcher: &Arc<dyn Watcher>) -> Result<Input, Failure> {
    let address = kafka::Address::parse(events)?;
    let notices = Arc::clone(watcher);
    let notice: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(move |line: &str| notices.notice(line));
    let Opened { mut sources, mut extent } = kafka::open(&address, begun, &notice)?;
    let mut fingerprint = Xxh3::new();
    extent.names().for_each(|name| fingerprint.update(format!("{name}\n").as_bytes()));
    let mut records = Vec::new();
    for (number, source) in (0_u32..).zip(&mut sources) {
        let partition = source.partition().clone();
        if reference::is_reference_topic(&partition.topic) {
            let all = reference::read_all(source, number)?;
            records.extend(all.into_iter().filter(|each| reference::belongs(&partition.topic, &each.text)));
        }
    }
    let mut reference = Xxh3::new();
    for Standing { partition, offset, text } in &records {
        reference.update(format!("{partition}\n{offset}\n{}\n{text}", text.len()).as_bytes());
    }
    extent.settle(format!("{:032x}", reference.digest128()))?;
    let sources = sources.into_iter().map(|source| Box::new(source) as Box<dyn Source>).collect();
    Ok(Input { sources, records, fingerprint: format!("{:032x}", fingerprint.digest128()), bytes: None, extent: Some(extent) })
}
