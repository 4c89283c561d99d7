//! The input of a replay: opened, told from any other, and searched for what must be known before it runs.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use xxhash_rust::xxh3::Xxh3;

use super::Failure;
use super::replay::Watcher;
use crate::sources::files::FileSource;
use crate::sources::reference::{self, Standing};
use crate::sources::{Source, files, kafka};

/// The input, opened.
pub(super) struct Input {
    pub(super) sources: Vec<Box<dyn Source>>,
    pub(super) records: Vec<Standing>,
    pub(super) fingerprint: String,
    pub(super) bytes: Option<u64>,
    pub(super) kafka: bool,
}

/// Opens the input and finds what must be known before a run. `whole` makes the fingerprint that of every
/// byte, so that state can be told to be of other events.
pub(super) fn open_input(events: &str, workers: u32, whole: bool, watcher: &Arc<dyn Watcher>) -> Result<Input, Failure> {
    if events.starts_with("kafka://") {
        return open_kafka(events, watcher);
    }
    let mut opened = files::open(Path::new(events))?;
    let mut fingerprint = Xxh3::new();
    let mut bytes = 0;
    for source in &opened {
        bytes += fingerprint_file(source, whole, &mut fingerprint)?;
    }
    let records = search_all(&mut opened, workers)?;
    let sources = opened.into_iter().map(|source| Box::new(source) as Box<dyn Source>).collect();
    Ok(Input { sources, records, fingerprint: format!("{:032x}", fingerprint.digest128()), bytes: Some(bytes), kafka: false })
}

/// Name, length and content of a file: another input is told from this one.
fn fingerprint_file(source: &FileSource, whole: bool, hasher: &mut Xxh3) -> Result<u64, Failure> {
    use std::io::Read as _;
    let failed = |cause| crate::sources::Error::File { path: source.path().to_owned(), cause };
    let mut file = std::fs::File::open(source.path()).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let partition = source.partition();
    hasher.update(
        format!(
            "{}
{}
{length}
",
            partition.topic, partition.number
        )
        .as_bytes(),
    );
    let mut chunk = vec![0; 1 << 20];
    if !whole {
        return Ok(length);
    }
    loop {
        let count = file.read(&mut chunk).map_err(failed)?;
        if count == 0 {
            return Ok(length);
        }
        hasher.update(chunk.get(..count).unwrap_or(&[]));
    }
}

/// Searches all files for rates and rulebooks, `workers` files at a time.
fn search_all(sources: &mut [FileSource], workers: u32) -> Result<Vec<Standing>, Failure> {
    let next = AtomicU64::new(0);
    let slots: Vec<Mutex<(u32, &mut FileSource)>> = (0_u32..).zip(sources.iter_mut()).map(Mutex::new).collect();
    let found: Mutex<Vec<Standing>> = Mutex::new(Vec::new());
    let search = || -> Result<(), crate::sources::Error> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(slot) = slots.get(at) else { return Ok(()) };
            let Ok(mut slot) = slot.lock() else { return Ok(()) };
            let (number, source) = &mut *slot;
            let records = reference::search(source, *number)?;
            if let Ok(mut all) = found.lock() {
                all.extend(records);
            }
        }
    };
    let results: Vec<Result<(), crate::sources::Error>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers.max(1)).map(|_| scope.spawn(search)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Ok(()))).collect()
    });
    for result in results {
        result?;
    }
    Ok(found.into_inner().unwrap_or_default())
}

fn open_kafka(events: &str, watcher: &Arc<dyn Watcher>) -> Result<Input, Failure> {
    let address = kafka::Address::parse(events)?;
    let notices = Arc::clone(watcher);
    let notice: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(move |line: &str| notices.notice(line));
    let mut opened = kafka::open(&address, &notice)?;
    let mut fingerprint = Xxh3::new();
    let mut records = Vec::new();
    for (number, source) in (0_u32..).zip(&mut opened) {
        let partition = source.partition().clone();
        fingerprint.update(format!("{}\n{}\n", partition.topic, partition.number).as_bytes());
        if partition.topic == "fx.v1" || partition.topic == "config.v1" {
            records.extend(reference::read_all(source, number)?);
        }
    }
    let sources = opened.into_iter().map(|source| Box::new(source) as Box<dyn Source>).collect();
    Ok(Input { sources, records, fingerprint: format!("{:032x}", fingerprint.digest128()), bytes: None, kafka: true })
}
