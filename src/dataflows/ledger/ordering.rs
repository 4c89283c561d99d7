//! The ordering buffer: records wait until logical time has passed their apply time, then leave in the
//! order (a, topic, partition, offset) (rule 0).

use super::super::parcel::{Packed, Parcel};

/// A record in the buffer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Pending {
    as_of: i64,
    partition: u32,
    offset: u64,
    parcel: u32,
    record: u32,
}

/// What decides about the order of records (rule 0).
type Rank = (i64, u32, u64);

impl Pending {
    const fn rank(&self) -> Rank {
        (self.as_of, self.partition, self.offset)
    }
}

/// From how many runs on they are merged into one.
const RUNS_MAX: usize = 256;

/// Records that wait, in order. What an epoch leaves waiting is one run; whatever can be applied stands at
/// the fronts of the runs, however many records wait behind.
struct Run {
    records: Vec<Pending>,
    /// How many of them have left.
    gone: usize,
}

impl Run {
    fn of(mut records: Vec<Pending>) -> Self {
        // Parcels hold stretches that are nearly sorted: a stable sort finds them.
        records.sort_by_key(Pending::rank);
        Self { records, gone: 0 }
    }

    fn rest(&self) -> &[Pending] {
        self.records.get(self.gone..).unwrap_or(&[])
    }

    /// Moves what is before `limit` to `ready`; says whether anything is left.
    fn take_before(&mut self, limit: i64, ready: &mut Vec<Pending>) -> bool {
        let rest = self.rest();
        if rest.first().is_some_and(|first| first.as_of < limit) {
            let count = rest.partition_point(|pending| pending.as_of < limit);
            ready.extend_from_slice(rest.get(..count).unwrap_or(rest));
            self.gone += count;
        }
        self.gone < self.records.len()
    }
}

/// See the module's words.
#[derive(Default)]
pub(super) struct Ordering {
    /// Parcels with records that still wait; a place is free again when none does.
    parcels: Vec<Option<Held>>,
    free: Vec<u32>,
    /// Records that can be applied at once: they leave with the next [`Ordering::take_before`].
    due: Vec<Pending>,
    /// Records that wait.
    waiting: Vec<Run>,
}

struct Held {
    parcel: Parcel,
    waiting: usize,
    /// How many closed epochs it has been here.
    age: u32,
}

impl Ordering {
    /// Takes in the records of a parcel; those with an apply time before `limit` will be taken next.
    pub(super) fn add(&mut self, parcel: Parcel, limit: i64) {
        if parcel.records.is_empty() {
            parcel.recycle();
            return;
        }
        let number = self.free.pop().unwrap_or(self.parcels.len() as u32);
        let mut run = Vec::new();
        for (at, packed) in (0_u32..).zip(&parcel.records) {
            let pending =
                Pending { as_of: packed.as_of, partition: packed.partition, offset: packed.offset, parcel: number, record: at };
            if packed.as_of < limit {
                self.due.push(pending);
            } else {
                run.push(pending);
            }
        }
        if !run.is_empty() {
            self.waiting.push(Run::of(run));
        }
        self.put(number, parcel);
    }

    /// Holds a parcel of which every record waits.
    fn put(&mut self, number: u32, parcel: Parcel) {
        let held = Some(Held { waiting: parcel.records.len(), parcel, age: 0 });
        match self.parcels.get_mut(number as usize) {
            Some(place) => *place = held,
            None => self.parcels.push(held),
        }
    }

    /// Moves every record with an apply time before `limit` to `ready`, in order. It must not be less than
    /// the limit that the parcels were added with.
    pub(super) fn take_before(&mut self, limit: i64, ready: &mut Vec<Pending>) {
        ready.append(&mut self.due);
        self.waiting.retain_mut(|run| run.take_before(limit, ready));
        if self.waiting.len() > RUNS_MAX {
            self.merge_runs();
        }
        ready.sort_by_key(Pending::rank);
        for pending in ready.iter() {
            if let Some(Some(held)) = self.parcels.get_mut(pending.parcel as usize) {
                held.waiting -= 1;
            }
        }
    }

    /// Merges runs, the longest first in line to stay: one that holds more than all behind it together is not worth it.
    fn merge_runs(&mut self) {
        self.waiting.sort_by_key(|run| std::cmp::Reverse(run.rest().len()));
        let mut behind: usize = self.waiting.iter().map(|run| run.rest().len()).sum();
        let stays = |run: &&Run| {
            behind -= run.rest().len();
            run.rest().len() > behind
        };
        let kept = self.waiting.iter().take_while(stays).count();
        let all = self.waiting.drain(kept..).flat_map(|run| run.records.into_iter().skip(run.gone)).collect();
        self.waiting.push(Run::of(all));
    }

    /// Has the memory fetch a record, without what it refers to.
    pub(super) fn prefetch(&self, pending: &Pending) {
        if let Some(Some(held)) = self.parcels.get(pending.parcel as usize) {
            held.parcel.prefetch(pending.record as usize);
        }
    }

    /// A record and its parcel.
    #[inline]
    pub(super) fn record(&self, pending: &Pending) -> (&Parcel, &Packed) {
        let parcel = self.parcels.get(pending.parcel as usize).and_then(Option::as_ref).map(|held| &held.parcel);
        let found = parcel.and_then(|parcel| parcel.records.get(pending.record as usize).map(|packed| (parcel, packed)));
        #[expect(clippy::expect_used, reason = "a parcel is kept as long as one of its records waits")]
        found.expect("a pending record is in its parcel")
    }

    /// Frees parcels of which everything was applied, and repacks those that few records keep.
    pub(super) fn release(&mut self) {
        let (mut few, mut freed, mut waiting) = (Vec::new(), 0, 0);
        for (number, place) in (0_u32..).zip(&mut self.parcels) {
            let Some(held) = place else { continue };
            if held.waiting == 0 {
                self.free.push(number);
                if let Some(done) = place.take() {
                    done.parcel.recycle();
                }
                continue;
            }
            held.age += 1;
            waiting += held.waiting;
            if held.age > 8 && held.parcel.records.len() > 8 && held.waiting * 4 < held.parcel.records.len() {
                few.push(number);
                freed += held.parcel.records.len() - held.waiting;
            }
        }
        // Everything that waits is looked at for it: only where that frees a share of it.
        if !few.is_empty() && freed * 8 >= waiting {
            self.repack(&few);
        }
    }

    /// Puts the few records that are left of old parcels into a new one.
    fn repack(&mut self, numbers: &[u32]) {
        let number = self.free.pop().unwrap_or(self.parcels.len() as u32);
        let mut packed = Parcel::default();
        for pending in self.waiting.iter_mut().flat_map(|run| run.records.iter_mut().skip(run.gone)) {
            if numbers.binary_search(&pending.parcel).is_err() {
                continue;
            }
            if let Some(Some(held)) = self.parcels.get(pending.parcel as usize)
                && let Some(record) = held.parcel.records.get(pending.record as usize)
            {
                packed.adopt(&held.parcel, record);
                pending.parcel = number;
                pending.record = packed.records.len() as u32 - 1;
            }
        }
        for old in numbers {
            if let Some(held) = self.parcels.get_mut(*old as usize).and_then(Option::take) {
                held.parcel.recycle();
                self.free.push(*old);
            }
        }
        self.put(number, packed);
    }

    /// Bytes of the records that are held, whether they still wait or stand beside one that does.
    pub(super) fn bytes(&self) -> u64 {
        let size = |held: &Held| held.parcel.text.len() + held.parcel.records.len() * size_of::<Packed>();
        self.parcels.iter().flatten().map(|held| size(held) as u64).sum()
    }

    /// Everything that waits, in order.
    pub(super) fn waiting(&self) -> Vec<Pending> {
        let mut all: Vec<Pending> = self.waiting.iter().flat_map(Run::rest).copied().collect();
        all.sort_by_key(Pending::rank);
        all
    }
}
