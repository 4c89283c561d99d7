//! The journal's protocol, in a folder.

use std::sync::Arc;

use super::*;

fn store() -> (tempfile::TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::folder(folder.path()).unwrap());
    (folder, store)
}

fn start(_: &Before<'_>) -> Result<Generation, Refused> {
    Ok(Generation {
        logic_version: 1,
        shards: 12,
        mode: "wall".to_owned(),
        speed: 1,
        partitions: vec![("bets.v1".to_owned(), 0)],
    })
}

fn begin(store: &Arc<Store>, process: &str) -> Journal {
    begin_since(store, process, 0).0
}

fn begin_since(store: &Arc<Store>, process: &str, since: u64) -> (Journal, Story) {
    Journal::begin(Arc::clone(store), process, since, &start, crate::machine::Machine::default(), Arc::new(|_: &str| {})).unwrap()
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

/// Reads all, and calls `between` with the first of them before objects are fetched.
fn disturbed(store: &Store, between: &dyn Fn(&str)) -> Result<Vec<Line>> {
    let get = |names: &[String]| {
        names.first().into_iter().for_each(|first| between(first));
        store.get_all(names)
    };
    Ok(reading::read(&|| Listing::of(store), &get)?.lines)
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
fn a_start_reads_from_the_segment_of_the_epoch_that_it_goes_on_from() {
    let (_folder, store) = store();
    let mut journal = begin(&store, "a");
    for number in 1..=1_100 {
        journal.append(epoch(number)).unwrap();
    }
    let spans: Vec<_> = reading::all(&store).unwrap().lines.iter().map(|(record, _)| record.number).collect();
    assert_eq!((spans.len(), store.list(SEGMENTS).unwrap().len()), (1_101, 4));
    // Record 513 is the first of the third segment, and binds epoch 512.
    for (since, first) in [(0, 1), (1, 1), (254, 1), (255, 1), (256, 257), (511, 257), (512, 513), (1_099, 769), (9_999, 769)] {
        let found = reading::since(&store, since).unwrap();
        let (oldest, newest) = (found.lines.first().unwrap(), found.lines.last().unwrap());
        assert_eq!((oldest.0.number, newest.0.number), (first, 1_101), "since epoch {since}");
        let head = Head { generation: start(&Before { heads: (None, None), lines: &[] }).unwrap(), finished: false };
        assert_eq!(found.head, (first > 1).then_some(head), "since epoch {since}");
    }
    // A zombie's segment of the first records of the newest one hides nothing.
    let whole = store.get(&segment_name(769, 1_024)).unwrap().unwrap();
    let text = String::from_utf8(zstd::decode_all(whole.as_slice()).unwrap()).unwrap();
    let part: String = text.lines().take(101).map(|line| format!("{line}\n")).collect();
    store.put(&segment_name(769, 868), zstd::encode_all(part.as_bytes(), 3).unwrap()).unwrap();
    let (mut newer, story) = begin_since(&store, "b", 1_000);
    assert_eq!((story.records.first().unwrap().number, story.records.len()), (769, 334));
    assert!(journal.is_superseded().unwrap());
    for number in 1_101..=1_300 {
        newer.append(epoch(number)).unwrap();
    }
    assert!(journal.is_superseded().unwrap(), "its record is merged");
    assert!(matches!(journal.append(epoch(1_101)), Err(Refused::Superseded(_))));
    assert!(store.get(&segment_name(769, 868)).unwrap().is_none());
    assert_eq!(read_all(&store).unwrap().len(), 1_302);
}

#[test]
fn a_head_says_whether_a_drain_was_the_last_thing_bound() {
    let (_folder, store) = store();
    let mut journal = begin(&store, "a");
    let end = |number| Body::Binding(vec![Bound { epoch: number, finish: true, ..Bound::default() }]);
    let nothing = |number| Body::Binding(vec![Bound { epoch: number, ..Bound::default() }]);
    let finished = |of: &Store, since| reading::since(of, since).unwrap().head.map(|head| head.finished);
    for number in 1..=254 {
        journal.append(epoch(number)).unwrap();
    }
    journal.append(end(255)).unwrap();
    for number in 256..=512 {
        journal.append(nothing(number)).unwrap();
    }
    assert_eq!(finished(&store, 256), Some(true));
    for number in 513..=767 {
        journal.append(epoch(number)).unwrap();
    }
    for number in 768..=1_023 {
        journal.append(epoch(number)).unwrap();
    }
    assert_eq!((finished(&store, 600), finished(&store, 1_000)), (Some(true), Some(false)));
    // One that is damaged is noticed.
    let name = segment_name(769, 1_024);
    let text = String::from_utf8(zstd::decode_all(store.get(&name).unwrap().unwrap().as_slice()).unwrap()).unwrap();
    let changed = text.replacen("\"finished\":false", "\"finished\":true", 1);
    store.put(&name, zstd::encode_all(changed.as_bytes(), 3).unwrap()).unwrap();
    assert!(format!("{:#}", reading::since(&store, 1_000).unwrap_err()).contains("its head is damaged"));
}

#[test]
fn what_lies_before_an_epoch_is_removed_and_the_newest_segment_stays() {
    let (_folder, store) = store();
    let mut journal = begin(&store, "a");
    for number in 1..=1_100 {
        journal.append(epoch(number)).unwrap();
    }
    let first = || read(&store).unwrap().records.first().unwrap().number;
    for (before, number) in [(254, 1), (255, 257), (600, 513), (600, 513), (9_999, 769)] {
        trim(&store, before).unwrap();
        assert_eq!(first(), number, "before epoch {before}");
    }
    assert_eq!(read(&store).unwrap().head.unwrap().generation, start(&Before { heads: (None, None), lines: &[] }).unwrap());
    journal.append(epoch(1_101)).unwrap();
    let (mut newer, story) = begin_since(&store, "b", 1_000);
    assert_eq!((newer.generation(), story.records.first().unwrap().number), (2, 769));
    newer.append(epoch(1_102)).unwrap();
    assert_eq!(read_all(&store).unwrap().last().unwrap().number, 1_104);
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
