//! What the casino promises: the same bytes for a seed, the shares of the benchmark input, records
//! that parse, and order within a partition.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Casino, Shape};
use crate::murmur2::murmur2;

fn small(shape: Shape, seed: u64) -> Casino {
    Casino { players: 500, events: 40_000, seed, shape, ..Casino::default() }
}

/// All records with their partitions.
fn all(casino: &Casino) -> Vec<(usize, Vec<u8>)> {
    let mut records = casino.records();
    let mut line = Vec::new();
    let mut found = Vec::new();
    while let Some(partition) = records.next(&mut line) {
        found.push((partition, line.clone()));
    }
    found
}

fn parsed(casino: &Casino) -> Vec<(usize, Value)> {
    let parse = |line: &[u8]| serde_json::from_slice(line).expect("the casino writes JSON");
    all(casino).iter().map(|(partition, line)| (*partition, parse(line))).collect()
}

fn text<'a>(record: &'a Value, field: &str) -> &'a str {
    record[field].as_str().unwrap_or_default()
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    for shape in [Shape::Realistic, Shape::Bench] {
        let once = all(&small(shape, 7));
        assert_eq!(once.len(), 40_000);
        assert!(once == all(&small(shape, 7)));
        assert!(once != all(&small(shape, 8)));
    }
}

/// Pinned, so that a change of the stream is seen: it changes every expectation built on it.
#[test]
fn the_bytes_are_those_of_every_other_machine() {
    for (shape, pinned) in [(Shape::Realistic, 18_081_456_222_667_893_681), (Shape::Bench, 16_712_607_195_542_187_091)] {
        let mut hash = 0_u64;
        for (partition, line) in all(&small(shape, 1)) {
            hash = (hash ^ u64::from(murmur2(&line))).wrapping_mul(0x100_0000_01b3);
            hash = hash.wrapping_add(partition as u64);
        }
        assert_eq!(hash, pinned, "{shape:?}");
    }
}

#[test]
fn the_benchmark_input_has_its_shares_and_grows_in_time() {
    let casino = Casino { events: 200_000, ..Casino::benchmark() };
    let mut kinds = BTreeMap::<String, u32>::new();
    let mut seen = BTreeSet::new();
    let mut latest = vec![String::new(); casino.partitions().len()];
    let mut bytes = 0;
    for (partition, line) in all(&casino) {
        bytes += line.len();
        let record: Value = serde_json::from_slice(&line).expect("the casino writes JSON");
        assert_eq!((text(&record, "brand_id"), &record["session_id"]), ("b1", &Value::Null));
        if !seen.insert(line) {
            *kinds.entry("again".to_owned()).or_default() += 1;
            continue;
        }
        *kinds.entry(text(&record, "event_type").to_owned()).or_default() += 1;
        let occurred = text(&record, "occurred_at");
        assert!(latest[partition].as_str() < occurred, "{record}");
        occurred.clone_into(&mut latest[partition]);
    }
    for (kind, wanted) in [("BetPlaced", 189_000), ("again", 1_000), ("BetVoided", 4_000), ("WinCredited", 6_000)] {
        assert!(kinds[kind].abs_diff(wanted) < wanted / 10, "{kinds:?}");
    }
    assert!(kinds["BetPlaced"].abs_diff(189_000) < 500, "{kinds:?}");
    assert!((260..280).contains(&(bytes / 200_000)), "{}", bytes / 200_000);
    assert!(latest.iter().all(|time| time.as_str() > "2026-03-01T2"), "{latest:?}");
}

#[test]
fn every_record_stands_in_the_partition_of_its_key() {
    for shape in [Shape::Realistic, Shape::Bench] {
        let casino = small(shape, 3);
        let partitions = casino.partitions();
        let mut records = casino.records();
        let (mut line, mut key) = (Vec::new(), Vec::new());
        while let Some(index) = records.next(&mut line) {
            let (topic, partition) = &partitions[index];
            records.key(&mut key);
            if topic == "fx.v1" {
                assert!(key.starts_with(b"SEK:EUR:20") || key.starts_with(b"GBP:EUR:20"));
                continue;
            }
            let record: Value = serde_json::from_slice(&line).expect("the casino writes JSON");
            let named = format!("{}:{}", text(&record, "brand_id"), text(&record, "player_id"));
            assert_eq!(named.as_bytes(), key);
            assert_eq!(*partition, (murmur2(&key) & 0x7fff_ffff) % casino.partitions, "{record}");
        }
    }
}

#[test]
fn a_realistic_stream_has_everything_in_it() {
    let casino = Casino::default();
    let partitions = casino.partitions();
    let mut kinds = BTreeMap::<String, u32>::new();
    let mut values = BTreeSet::<String>::new();
    let mut last = String::new();
    for (index, record) in parsed(&casino) {
        let kind = text(&record, "event_type");
        *kinds.entry(format!("{} {kind}", partitions[index].0)).or_default() += 1;
        for field in ["brand_id", "currency", "game_type", "mode", "jurisdiction"] {
            values.insert(text(&record, field).to_owned());
        }
        if kind == "BetPlaced" {
            text(&record, "occurred_at").clone_into(&mut last);
        }
    }
    assert!(last.as_str() > "2026-03-31T2" && last.as_str() < "2026-04-01T0", "{last}");
    let found: Vec<&str> = kinds.keys().map(String::as_str).collect();
    assert_eq!(
        found,
        [
            "bets.v1 BetCorrected",
            "bets.v1 BetPlaced",
            "bets.v1 BetVoided",
            "bets.v1 WinCredited",
            "fx.v1 FxRate",
            "loyalty.commands.v1 PointsAdjust",
            "loyalty.commands.v1 RedemptionCancelled",
            "loyalty.commands.v1 RedemptionConfirmed",
            "loyalty.commands.v1 RedemptionRequested",
            "loyalty.commands.v1 StatusForce",
            "payments.v1 DepositMade",
            "players.v1 PlayerRegistered",
            "sessions.v1 SessionEnded",
            "sessions.v1 SessionStarted",
        ]
    );
    assert!(kinds["fx.v1 FxRate"] >= 2 * casino.days, "{kinds:?}");
    for (kind, of_ten_thousand) in [("BetVoided", 210), ("WinCredited", 310)] {
        let wanted = kinds["bets.v1 BetPlaced"] * of_ten_thousand / 10_000;
        assert!(kinds[&format!("bets.v1 {kind}")].abs_diff(wanted) < wanted / 10, "{kinds:?}");
    }
    for value in ["b1", "b2", "b3", "EUR", "SEK", "GBP", "slots", "table", "live", "exclusive", "none"] {
        assert!(values.contains(value), "{value}");
    }
}

#[test]
fn only_what_is_late_on_purpose_stands_far_behind() {
    // Two busy days, so that a partition has a record every few seconds.
    let casino = Casino { days: 2, events: 100_000, ..Casino::default() };
    let mut latest = vec![i64::MIN; casino.partitions().len()];
    let (mut behind, mut far_behind) = (0, 0);
    let mut records = casino.records();
    let mut line = Vec::new();
    while let Some(partition) = records.next(&mut line) {
        let at_ms = records.last.map_or(0, |record| record.occurred_ms);
        behind += u32::from(at_ms < latest[partition]);
        far_behind += u32::from(at_ms < latest[partition].saturating_sub(500));
        latest[partition] = latest[partition].max(at_ms);
    }
    assert!(behind - far_behind > 1_000, "{behind}, {far_behind}");
    assert!((500..1_500).contains(&far_behind), "{far_behind}");
}

#[test]
fn no_two_different_records_of_a_player_share_an_instant() {
    let mut instants = BTreeMap::<(String, String, String), Value>::new();
    let mut again = 0;
    for (_, mut record) in parsed(&Casino::default()) {
        // The same thing under another event's name is not a different one.
        record["event_id"] = Value::Null;
        let names = ["brand_id", "player_id", "occurred_at"].map(|name| text(&record, name).to_owned());
        if names[1].is_empty() {
            continue;
        }
        if let Some(earlier) = instants.insert(names.into(), record.clone()) {
            assert_eq!(earlier, record);
            again += 1;
        }
    }
    assert!((1_000..3_000).contains(&again), "{again}");
}

#[test]
fn a_stream_of_any_size_ends_after_the_records_asked_for() {
    for (players, events, days) in [(0, 0, 0), (1, 1, 1), (1, 5_000, 1), (3, 300, 400), (100_000, 50, 30)] {
        for shape in [Shape::Realistic, Shape::Bench] {
            let casino = Casino { players, events, days, partitions: 0, shape, ..Casino::default() };
            assert_eq!(all(&casino).len() as u64, events, "{casino:?}");
        }
    }
}
