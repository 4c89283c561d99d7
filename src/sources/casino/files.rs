//! The stream as files, one per partition, laid out as `replay` reads them.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{Casino, Counts};

/// Bytes held back per partition of the bets, and of any other topic.
const BETS_BUFFER_BYTES: usize = 1 << 20;
const OTHER_BUFFER_BYTES: usize = 1 << 17;

/// Writes `directory/<topic>/<partition>.jsonl` for every partition, empty ones too.
pub(super) fn write(casino: &Casino, directory: &Path) -> io::Result<Counts> {
    let partitions = casino.partitions();
    let mut files = Vec::with_capacity(partitions.len());
    for (topic, partition) in &partitions {
        let folder = directory.join(topic);
        fs::create_dir_all(&folder)?;
        let bytes = if topic == "bets.v1" { BETS_BUFFER_BYTES } else { OTHER_BUFFER_BYTES };
        let file = File::create(folder.join(format!("{partition}.jsonl")))?;
        files.push((BufWriter::with_capacity(bytes, file), 0_u64));
    }
    let mut records = casino.records();
    let mut line = Vec::with_capacity(1024);
    let mut counts = Counts::default();
    while let Some(index) = records.next(&mut line) {
        line.push(b'\n');
        let (file, written) = &mut files[index];
        file.write_all(&line)?;
        *written += 1;
        counts.bytes += line.len() as u64;
    }
    for ((topic, _), (mut file, written)) in partitions.into_iter().zip(files) {
        file.flush()?;
        counts.records += written;
        *counts.topics.entry(topic).or_default() += written;
    }
    Ok(counts)
}
