//! The ordering buffer: records wait until logical time has passed their apply time, then leave in the
//! order (a, topic, partition, offset) (rule 0).

use std::collections::BTreeMap;

use super::super::parcel::{Packed, Parcel};
use crate::buffers;

/// A record in the buffer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Pending {
    as_of: i64,
    partition: u32,
    offset: u64,
    parcel: u32,
    record: u32,
}

/// Width of a bucket of waiting records: 2^16 ms, about a minute of event time.
const BUCKET_BITS: u32 = 16;

/// See the module's words.
#[derive(Default)]
pub(super) struct Ordering {
    /// Parcels with records that still wait, by number; freed when none does.
    parcels: BTreeMap<u32, Held>,
    next: u32,
    /// Records that wait, by minute of their apply time.
    waiting: BTreeMap<i64, Vec<Pending>>,
}

struct Held {
    parcel: Parcel,
    waiting: usize,
    /// How many closed epochs it has been here.
    age: u32,
}

impl Ordering {
    /// Takes in the records of a parcel.
    pub(super) fn add(&mut self, parcel: Parcel) {
        if parcel.records.is_empty() {
            buffers::give(parcel.text.into_bytes());
            return;
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let mut run: Vec<Pending> = Vec::new();
        let mut bucket = i64::MIN;
        for (at, packed) in (0_u32..).zip(&parcel.records) {
            let pending =
                Pending { as_of: packed.as_of, partition: packed.partition, offset: packed.offset, parcel: number, record: at };
            let own = packed.as_of >> BUCKET_BITS;
            if own != bucket {
                self.park(bucket, &mut run);
                bucket = own;
            }
            run.push(pending);
        }
        self.park(bucket, &mut run);
        let waiting = parcel.records.len();
        self.parcels.insert(number, Held { parcel, waiting, age: 0 });
    }

    fn park(&mut self, bucket: i64, run: &mut Vec<Pending>) {
        if !run.is_empty() {
            self.waiting.entry(bucket).or_default().append(run);
        }
    }

    /// Moves every record with an apply time before `limit` to `ready`, in order.
    pub(super) fn take_before(&mut self, limit: i64, ready: &mut Vec<Pending>) {
        let edge = limit >> BUCKET_BITS;
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() <= edge) {
            if *entry.key() < edge || limit == i64::MAX {
                ready.append(&mut entry.remove());
                continue;
            }
            let bucket = entry.into_mut();
            ready.extend(bucket.extract_if(.., |pending| pending.as_of < limit));
            if bucket.is_empty() {
                self.waiting.pop_first();
            }
            break;
        }
        // Parcels hold runs that are nearly sorted: a stable sort finds them.
        ready.sort();
        for pending in ready.iter() {
            if let Some(held) = self.parcels.get_mut(&pending.parcel) {
                held.waiting -= 1;
            }
        }
    }

    /// A record and its parcel.
    pub(super) fn record(&self, pending: &Pending) -> (&Parcel, &Packed) {
        let parcel = self.parcels.get(&pending.parcel).map(|held| &held.parcel);
        let found = parcel.and_then(|parcel| parcel.records.get(pending.record as usize).map(|packed| (parcel, packed)));
        #[expect(clippy::expect_used, reason = "a parcel is kept as long as one of its records waits")]
        found.expect("a pending record is in its parcel")
    }

    /// Frees parcels of which everything was applied, and repacks those that few records keep.
    pub(super) fn release(&mut self) {
        for (_, held) in self.parcels.extract_if(.., |_, held| held.waiting == 0) {
            buffers::give(held.parcel.text.into_bytes());
        }
        let few: Vec<u32> = self
            .parcels
            .iter_mut()
            .filter_map(|(number, held)| {
                held.age += 1;
                (held.age > 8 && held.parcel.records.len() > 8 && held.waiting * 4 < held.parcel.records.len()).then_some(*number)
            })
            .collect();
        if !few.is_empty() {
            self.repack(&few);
        }
    }

    /// Puts the few records that are left of old parcels into a new one.
    fn repack(&mut self, numbers: &[u32]) {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let mut packed = Parcel::default();
        for pending in self.waiting.values_mut().flatten() {
            if !numbers.contains(&pending.parcel) {
                continue;
            }
            if let Some(held) = self.parcels.get(&pending.parcel)
                && let Some(record) = held.parcel.records.get(pending.record as usize)
            {
                packed.adopt(&held.parcel, record);
                pending.parcel = number;
                pending.record = packed.records.len() as u32 - 1;
            }
        }
        for old in numbers {
            self.parcels.remove(old);
        }
        let waiting = packed.records.len();
        self.parcels.insert(number, Held { parcel: packed, waiting, age: 0 });
    }

    /// Everything that waits, in order.
    pub(super) fn waiting(&self) -> Vec<Pending> {
        let mut all: Vec<Pending> = self.waiting.values().flatten().copied().collect();
        all.sort();
        all
    }
}
