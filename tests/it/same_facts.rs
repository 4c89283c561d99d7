//! The same facts for any number of workers, any cut into epochs, and any order that the law allows (rule 0).

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidemark::runtime::replay::Summary;
use tidemark_domain::time::Instant;

use crate::auditor::workload;
use crate::results::{Chance, Written, casino, default_programme, files, options, run, written};

/// Workers and bytes of an epoch; the first is what all others are compared with.
const SHAPES: [(u32, usize); 12] = [
    (1, 512 * 1024),
    (1, 300),
    (1, 5_000),
    (2, 300),
    (2, 5_000),
    (2, 512 * 1024),
    (3, 300),
    (3, 5_000),
    (4, 5_000),
    (4, 512 * 1024),
    (8, 5_000),
    (8, 512 * 1024),
];

fn run_as(
    programmes: &[PathBuf],
    events: &Path,
    until: Option<Instant>,
    (workers, epoch_bytes): (u32, usize),
) -> (Summary, Written) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(programmes, events, &folder.path().join("out"));
    options.workers = workers;
    options.pace.epoch_bytes = epoch_bytes;
    options.until = until;
    let summary = run(&options);
    (summary, written(&options.out))
}

/// Runs in every shape: summary, lines and the numbers of facts are the same.
fn the_same_in_all_shapes(name: &str, programmes: &[PathBuf], events: &Path, until: Option<Instant>) -> Written {
    let mut first: Option<(Summary, Written)> = None;
    for shape in SHAPES {
        let (summary, lines) = run_as(programmes, events, until, shape);
        match &first {
            None => first = Some((summary, lines)),
            Some((wanted, wanted_lines)) => {
                assert_eq!(&summary, wanted, "{name} with {} workers, epochs of {} bytes", shape.0, shape.1);
                assert_eq!(&lines, wanted_lines, "{name} with {} workers, epochs of {} bytes", shape.0, shape.1);
            }
        }
    }
    first.unwrap().1
}

#[test]
fn a_casino_has_the_same_facts_for_any_workers_and_epochs() {
    let folder = tempfile::tempdir().unwrap();
    casino(20_000, 11, folder.path());
    let found = the_same_in_all_shapes("the casino", &[default_programme()], folder.path(), None);
    for topic in ["loyalty.tier-changes.v1", "loyalty.points-ledger.v1", "crm.triggers.v1", "audit.events.v1"] {
        assert!(found.lines[topic].0 >= 10, "the casino leaves hardly any {topic}: {found:?}");
    }
}

#[test]
fn random_histories_have_the_same_facts_for_any_workers_and_epochs() {
    for seed in [3, 77, 104, 2_001, 2_002] {
        println!("history {seed}");
        let folder = tempfile::tempdir().unwrap();
        let history = workload::history(seed);
        let (events, programmes) = history.write(folder.path()).unwrap();
        the_same_in_all_shapes(&format!("history {seed}"), &programmes, &events, history.until.map(Instant));
    }
}

#[test]
fn packed_files_have_the_same_facts() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, packed) = (folder.path().join("plain"), folder.path().join("packed"));
    casino(20_000, 12, &plain);
    for (at, file) in files(&plain).into_iter().enumerate() {
        let inside = file.strip_prefix(&plain).unwrap();
        let mut target = packed.join(inside);
        // A topic of one partition may stand beside the folders, under its own name.
        if inside.starts_with("fx.v1") {
            target = packed.join("fx.v1.jsonl");
        }
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        pack(&fs::read(&file).unwrap(), &target, at % 3);
    }
    let wanted = run_as(&[default_programme()], &plain, None, (1, 512 * 1024));
    for shape in [(1, 5_000), (2, 512 * 1024), (3, 20_000)] {
        assert_eq!(run_as(&[default_programme()], &packed, None, shape), wanted, "{shape:?}");
    }
}

/// Writes the bytes plain, as two members of gzip, or as two frames of Zstandard.
fn pack(bytes: &[u8], target: &Path, way: usize) {
    let name = target.to_str().unwrap();
    let half = bytes.len() / 2;
    match way {
        0 => fs::write(target, bytes).unwrap(),
        1 => {
            let mut file = fs::File::create(format!("{name}.gz")).unwrap();
            for part in [&bytes[..half], &bytes[half..]] {
                let mut encoder = flate2::write::GzEncoder::new(&mut file, flate2::Compression::fast());
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap();
            }
        }
        _ => {
            let mut all = zstd::encode_all(&bytes[..half], 1).unwrap();
            all.extend(zstd::encode_all(&bytes[half..], 1).unwrap());
            fs::write(format!("{name}.zst"), all).unwrap();
        }
    }
}

/// A record, its time and its player.
struct Line {
    at: i64,
    text: String,
}

/// The records of a file for which rule 0 promises the same facts in any near order: none that stands behind one more
/// than a second younger, and of one player no two different ones at one instant.
fn orderly(file: &Path, seen: &mut BTreeMap<(String, i64), String>) -> Vec<Line> {
    let mut latest = i64::MIN;
    let mut kept = Vec::new();
    for text in fs::read_to_string(file).unwrap().lines() {
        let record: Value = serde_json::from_str(text).unwrap();
        let Some(at) = record["occurred_at"].as_str() else { continue };
        let at = Instant::parse(at.as_bytes()).unwrap().0;
        let key = (format!("{}:{}", record["brand_id"], record["player_id"]), at);
        if at < latest.saturating_sub(1_000) || seen.get(&key).is_some_and(|other| other != text) {
            continue;
        }
        seen.insert(key, text.to_owned());
        latest = latest.max(at);
        kept.push(Line { at, text: text.to_owned() });
    }
    kept
}

#[test]
fn disorder_within_the_delay_changes_no_fact() {
    let folder = tempfile::tempdir().unwrap();
    let (made, base) = (folder.path().join("made"), folder.path().join("base"));
    casino(20_000, 13, &made);
    let mut seen = BTreeMap::new();
    let mut partitions: BTreeMap<PathBuf, Vec<Line>> = BTreeMap::new();
    for file in files(&made) {
        let inside = file.strip_prefix(&made).unwrap().to_owned();
        fs::create_dir_all(base.join(&inside).parent().unwrap()).unwrap();
        if inside.starts_with("fx.v1") {
            fs::copy(&file, base.join(&inside)).unwrap();
        } else {
            partitions.insert(inside, orderly(&file, &mut seen));
        }
    }
    let count: usize = partitions.values().map(Vec::len).sum();
    assert!(count > 17_000, "only {count} records are left");
    let wanted = shuffled(&base, &partitions, |_| 0);
    let mut moved = 0;
    for seed in 1..=6 {
        let mut chance = Chance::new("disorder", seed);
        let found = shuffled(&base, &partitions, |at| {
            let key = at + chance.below(1_001) as i64;
            moved += u64::from(key != at);
            key
        });
        assert_eq!(found, wanted, "disorder of seed {seed}");
    }
    assert!(moved > 0);
}

/// Writes the records in the order of a key of their times, and runs.
fn shuffled(
    base: &Path,
    partitions: &BTreeMap<PathBuf, Vec<Line>>,
    mut key: impl FnMut(i64) -> i64,
) -> (Summary, BTreeMap<String, (u64, u128)>) {
    for (inside, lines) in partitions {
        let mut keyed: Vec<(i64, &str)> = lines.iter().map(|line| (key(line.at), line.text.as_str())).collect();
        keyed.sort_by_key(|(key, _)| *key);
        let text: String = keyed.iter().flat_map(|(_, text)| [text, "\n"]).collect();
        fs::write(base.join(inside), text).unwrap();
    }
    let (summary, mut found) = run_as(&[default_programme()], base, None, (2, 5_000));
    assert_eq!(summary.late, 0);
    // A dead letter names its place, which is another one; the digest compares what it says.
    found.lines.remove("pipeline.dlq.v1");
    (summary, found.lines)
}
