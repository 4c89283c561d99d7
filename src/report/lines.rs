//! Walking a file of one record a line, with one buffer.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::de::Error as _;

use super::Error;

/// How much is read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Gives every line of `OUT/<topic>.jsonl` to `take` and says how many there were.
///
/// A topic without a file has no lines. Empty lines are not counted.
pub(super) fn each(out: &Path, topic: &str, mut take: impl FnMut(&str) -> Result<(), serde_json::Error>) -> Result<u64, Error> {
    let path = out.join(format!("{topic}.jsonl"));
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(Error::Unreadable { path, source }),
    };
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let (mut buffer, mut number, mut records) = (Vec::new(), 0, 0);
    loop {
        buffer.clear();
        match reader.read_until(b'\n', &mut buffer) {
            Ok(0) => return Ok(records),
            Ok(_) => number += 1,
            Err(source) => return Err(Error::Unreadable { path, source }),
        }
        let line = buffer.trim_ascii();
        if line.is_empty() {
            continue;
        }
        // Checked once for the whole line, which is faster than string by string.
        let text = str::from_utf8(line).map_err(serde_json::Error::custom);
        if let Err(source) = text.and_then(&mut take) {
            return Err(Error::Malformed { path, line: number, source });
        }
        records += 1;
    }
}
