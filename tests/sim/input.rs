//! What is read in simulations, and what has to come out of it: made once, by a replay of the same records in files.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use tidemark::sources::casino::Casino;

use crate::results::{self, Written, default_programme, written};

/// A record of the input.
pub(super) struct Input {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) key: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// When it happened, in ms since 1970.
    pub(super) at: i64,
}

/// Records, and what a replay of them comes to.
pub(super) struct Prepared {
    pub(super) topics: BTreeMap<String, u32>,
    pub(super) records: Vec<Input>,
    pub(super) wanted: Written,
}

/// So many kinds of input there are.
pub(super) const KINDS: usize = 4;
/// So many events each of them has.
pub(super) const EVENTS: u64 = 2_000;

/// The input of a seed.
pub(super) fn of(seed: u64, wall: bool) -> &'static Prepared {
    static ALL: [OnceLock<Prepared>; KINDS] = [const { OnceLock::new() }; KINDS];
    // By the wall clock days are dear: every one of them is gone through.
    let kind = seed % (KINDS as u64 / 2) + if wall { KINDS as u64 / 2 } else { 0 };
    ALL[kind as usize].get_or_init(|| prepare(kind, if wall { 4 } else { 40 }))
}

/// When a record says that it happened; 0 where it does not say.
fn happened(body: &[u8]) -> i64 {
    let text = std::str::from_utf8(body).unwrap_or("");
    let value = text.split_once("\"occurred_at\":\"").and_then(|(_, rest)| rest.split_once('"'));
    value.and_then(|(at, _)| tidemark_domain::time::Instant::parse(at.as_bytes())).map_or(0, |at| at.0)
}

fn prepare(kind: u64, days: u32) -> Prepared {
    let casino = Casino { players: 30, events: EVENTS, seed: 900 + kind, days, partitions: 2, ..Casino::default() };
    let mut topics = BTreeMap::new();
    let partitions = casino.partitions();
    for (topic, number) in &partitions {
        let count = topics.entry(topic.clone()).or_insert(0_u32);
        *count = (*count).max(number + 1);
    }
    let (mut all, mut line, mut key) = (casino.records(), Vec::new(), Vec::new());
    let mut records = Vec::new();
    while let Some(at) = all.next(&mut line) {
        all.key(&mut key);
        let (topic, partition) = &partitions[at];
        records.push(Input {
            topic: topic.clone(),
            partition: *partition,
            key: key.clone(),
            body: line.clone(),
            at: happened(&line),
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let (files, out) = (folder.path().join("files"), folder.path().join("out"));
    casino.write(&files).unwrap();
    results::run(&results::options(&[default_programme()], &files, &out));
    Prepared { topics, records, wanted: written(&out) }
}
