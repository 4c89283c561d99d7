//! Decode-only, the yardstick: read, split into lines, and `serde_json` into an owned struct with decimals and
//! times parsed. What anybody would write first. It stays as it is when our own decoder gets faster.

use std::fmt;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// A record of the benchmark input.
#[derive(Debug, Deserialize)]
struct Record {
    event_id: String,
    event_type: String,
    source: String,
    brand_id: Option<String>,
    player_id: Option<String>,
    #[serde(deserialize_with = "instant")]
    occurred_at: Timestamp,
    bet_id: Option<String>,
    round_id: Option<String>,
    win_id: Option<String>,
    original_bet_id: Option<String>,
    game_id: Option<String>,
    game_type: Option<String>,
    #[serde(default, deserialize_with = "amount")]
    amount: Option<Decimal>,
    currency: Option<String>,
    reason: Option<String>,
}

struct Parsed<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    deserializer.deserialize_str(Parsed(std::marker::PhantomData))
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    deserializer.deserialize_str(Parsed(std::marker::PhantomData)).map(Some)
}

/// Decodes all files, `threads` of them at a time; gives the number of records.
pub(crate) fn decode_only(files: &[PathBuf], threads: usize) -> u64 {
    let (next, records) = (AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    records.fetch_add(decode_file(file), Ordering::Relaxed);
                }
            });
        }
    });
    records.into_inner()
}

fn decode_file(path: &Path) -> u64 {
    let mut file = File::open(path).expect("the input is there");
    let mut buffer = Vec::with_capacity(2 * CHUNK);
    let mut records = 0;
    loop {
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut buffer).expect("the input can be read");
        let mut taken = 0;
        while let Some(end) = memchr::memchr(b'\n', &buffer[taken..]) {
            decode(&buffer[taken..taken + end]);
            records += 1;
            taken += end + 1;
        }
        buffer.drain(..taken);
        if read == 0 {
            if !buffer.is_empty() {
                decode(&buffer);
                records += 1;
            }
            return records;
        }
    }
}

fn decode(line: &[u8]) {
    let record: Record = serde_json::from_slice(line).expect("the input is JSON");
    black_box(record);
}
