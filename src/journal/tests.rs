//! The journal's protocol, in a folder.

use std::sync::Arc;

use super::*;

fn store() -> (tempfile::TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::folder(folder.path()).unwrap());
    (folder, store)
}

fn start(_: &[Record]) -> Result<Generation, Refused> {
    Ok(Generation {
        logic_version: 1,
        shards: 12,
        mode: "wall".to_owned(),
        speed: 1,
        partitions: vec![("bets.v1".to_owned(), 0)],
    })
}

fn begin(store: &Arc<Store>, process: &str) -> Journal {
    Journal::begin(Arc::clone(store), process, &start, crate::machine::Machine::default(), Arc::new(|_: &str| {})).unwrap().0
}

fn epoch(epoch: u64) -> Body {
    Body::Binding(vec![Bound { epoch, now: Some(1_000), ends: vec![(0, epoch * 10)], ..Bound::default() }])
}

#[test]
fn what_was_appended_is_read_again_over_segments() {
    let (_folder, store) = store();
    let mut journal = begin(&store, "a");
    for number in 1..=600 {
        journal.append(epoch(number)).unwrap();
    }
    let records = read_all(&store).unwrap();
    assert_eq!(records.len(), 601);
    assert!(records.iter().zip(1..).all(|(record, number)| record.number == number));
    assert!(store.list(RECORDS).unwrap().len() < SEGMENT_RECORDS);
    assert_eq!(store.list(SEGMENTS).unwrap().len(), 2);
    let mut again = begin(&store, "b");
    assert_eq!(again.generation(), 2);
    again.append(epoch(601)).unwrap();
    assert_eq!(read_all(&store).unwrap().len(), 603);
}

/// Reads all, and calls `between` before each object is fetched.
fn disturbed(store: &Store, between: &dyn Fn(&str)) -> Result<Vec<Line>> {
    let get = |name: &str| {
        between(name);
        store.get(name)
    };
    Ok(reading::read(&|| Listing::of(store), &get)?.0)
}

#[test]
fn what_is_merged_again_and_again_while_it_is_read_is_read_to_the_end() {
    let (_folder, store) = store();
    let writer = std::cell::RefCell::new((begin(&store, "a"), 0));
    let append = || {
        let (journal, number) = &mut *writer.borrow_mut();
        *number += 1;
        journal.append(epoch(*number)).unwrap();
        *number
    };
    while append() < 10 {}
    // Each time that the reader comes to the records, they become a segment under its hands.
    let merges = std::cell::Cell::new(0);
    let lines = disturbed(&store, &|name| {
        if name.starts_with(RECORDS) && merges.get() < 8 {
            merges.set(merges.get() + 1);
            while append() % SEGMENT_RECORDS as u64 != 10 {}
        }
    })
    .unwrap();
    assert_eq!((merges.get(), lines.len() as u64), (8, writer.borrow().1 + 1));
    assert!(lines.iter().zip(1..).all(|((record, _), number)| record.number == number));

    let nothing = disturbed(&store, &|name| {
        if name.starts_with(RECORDS) {
            store.delete(name).unwrap();
        }
    });
    let told = format!("{:#}", nothing.unwrap_err());
    assert!(told.contains("is missing before it"), "{told}");
}

#[test]
fn an_older_start_can_bind_nothing_once_a_newer_one_has_begun() {
    let (_folder, store) = store();
    let mut older = begin(&store, "a");
    older.append(epoch(1)).unwrap();
    let mut newer = begin(&store, "b");
    assert!(older.is_superseded().unwrap());
    assert!(matches!(older.append(epoch(2)), Err(Refused::Conflict(_))));
    newer.append(epoch(2)).unwrap();
    assert_eq!(read_all(&store).unwrap().len(), 4);
}

#[test]
fn a_record_below_the_newest_segment_is_none_and_is_collected() {
    let (_folder, store) = store();
    let mut zombie = begin(&store, "a");
    let mut newer = begin(&store, "b");
    for number in 1..300 {
        newer.append(epoch(number)).unwrap();
    }
    // The record that it wants to make was merged and removed: its create succeeds.
    assert!(matches!(zombie.append(epoch(1)), Err(Refused::Superseded(_))));
    assert!(store.get(&record_name(2)).unwrap().is_some());
    assert_eq!(read_all(&store).unwrap().len(), 301);
    for number in 300..600 {
        newer.append(epoch(number)).unwrap();
    }
    assert!(store.get(&record_name(2)).unwrap().is_none());
}

#[test]
fn a_record_that_is_missing_or_changed_is_named() {
    let (_folder, store) = store();
    let mut journal = begin(&store, "a");
    for number in 1..=3 {
        journal.append(epoch(number)).unwrap();
    }
    let name = record_name(3);
    let whole = store.get(&name).unwrap().unwrap();
    let mut changed = whole.clone();
    changed[80] ^= 1;
    store.put(&name, changed).unwrap();
    assert!(format!("{:#}", read_all(&store).unwrap_err()).contains(&name));
    store.delete(&name).unwrap();
    assert!(format!("{:#}", read_all(&store).unwrap_err()).contains("record 3 is missing"));
    store.put(&name, whole).unwrap();
    assert_eq!(read_all(&store).unwrap().len(), 4);
}

#[test]
fn a_segment_that_a_zombie_made_of_the_same_records_is_passed_over_and_collected() {
    let (_folder, store) = store();
    let mut journal = begin(&store, "a");
    for number in 1..=255 {
        journal.append(epoch(number)).unwrap();
    }
    assert_eq!(store.list(SEGMENTS).unwrap().len(), 1);
    let whole = store.get(&segment_name(1, 256)).unwrap().unwrap();
    let text = String::from_utf8(zstd::decode_all(whole.as_slice()).unwrap()).unwrap();
    let part: String = text.lines().take(200).map(|line| format!("{line}\n")).collect();
    store.put(&segment_name(1, 200), zstd::encode_all(part.as_bytes(), 3).unwrap()).unwrap();
    assert_eq!(read_all(&store).unwrap().len(), 256);
    for number in 256..=512 {
        journal.append(epoch(number)).unwrap();
    }
    assert!(store.get(&segment_name(1, 200)).unwrap().is_none());
    assert_eq!(read_all(&store).unwrap().len(), 513);
}

#[test]
fn what_repeats_itself_is_left_out_and_comes_back() {
    let bound = |epoch, at_end: &[u32]| Bound { epoch, at_end: at_end.to_vec(), ..Bound::default() };
    let epochs = vec![bound(1, &[]), bound(2, &[]), bound(3, &[0, 2]), bound(4, &[0, 2]), bound(5, &[0, 2]), bound(6, &[])];
    let short = folded(epochs.clone());
    let same: Vec<bool> = short.iter().map(|each| each.same_ends).collect();
    assert_eq!(same, [false, true, false, true, true, false]);
    assert!(short[3].at_end.is_empty());
    assert_eq!(unfolded(&short), epochs);
}
