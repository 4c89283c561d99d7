//! A log in memory that is to its clients what Kafka is: offsets, transactions, markers, and who may still publish.
//!
//! Nothing happens by itself: whoever comes says what time it is, and what was due by then happens first.
//!
//! Owns: what is written, and who has which transactional id. Does not own: what befalls a call; that is `connection` and `producer`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemark::brokers::Place;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A record's headers, in their order.
pub(super) type Headers = Vec<(String, Vec<u8>)>;

/// A record as it stands in a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CommittedRecord {
    pub(super) offset: u64,
    pub(super) timestamp_ms: i64,
    pub(super) key: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) headers: Headers,
}

/// What an offset of a partition holds.
enum Entry {
    /// A record, and the number of its transaction.
    Record(Arc<CommittedRecord>, Option<u64>),
    /// The end of a transaction.
    Marker,
}

#[derive(Default)]
struct Partition {
    entries: Vec<Entry>,
    /// Transactions without a marker here, and their first offsets.
    open: BTreeMap<u64, u64>,
}

impl Partition {
    fn high(&self) -> u64 {
        self.entries.len() as u64
    }

    fn stable(&self) -> u64 {
        self.open.values().min().copied().unwrap_or_else(|| self.high())
    }
}

/// A transaction that has written something.
struct Transaction {
    number: u64,
    places: BTreeSet<Place>,
    /// Whether it is to be committed, whatever happens.
    decided: bool,
    /// When its markers are written; where nothing is decided, when it is aborted.
    due: Duration,
}

/// A transaction that is aborted, in a partition that has no marker of it yet.
struct Unmarked {
    id: String,
    number: u64,
    place: Place,
    /// When the marker is written.
    due: Duration,
}

/// What the coordinator knows of a transactional id.
#[derive(Default)]
struct Id {
    epoch: u64,
    transaction: Option<Transaction>,
}

/// Who writes: a transactional id as one producer has it.
#[derive(Clone, Copy)]
pub(super) struct Writer<'w> {
    pub(super) id: &'w str,
    pub(super) epoch: u64,
    pub(super) timeout: Duration,
}

/// Everything that is in a log.
pub(super) struct State {
    now: Duration,
    topics: BTreeMap<String, Vec<Partition>>,
    ids: BTreeMap<String, Id>,
    /// Nothing is due before.
    next: Duration,
    /// How many transactions there were.
    transactions: u64,
    aborted: BTreeSet<u64>,
    unmarked: Vec<Unmarked>,
    hash: u64,
}

/// See the module's words. All processes share one.
pub(super) struct Log(Mutex<State>);

impl Log {
    /// An empty one with these topics and so many partitions each.
    pub(super) fn new(topics: &[(&str, u32)]) -> Self {
        let made = |&(name, count): &(&str, u32)| (name.to_owned(), (0..count).map(|_| Partition::default()).collect());
        Self(Mutex::new(State {
            now: Duration::ZERO,
            topics: topics.iter().map(made).collect(),
            ids: BTreeMap::new(),
            next: Duration::MAX,
            transactions: 0,
            aborted: BTreeSet::new(),
            unmarked: Vec::new(),
            hash: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in it at a time: whatever was due by then has happened. Nobody may wait while they hold it.
    pub(super) fn at(&self, now: Duration) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.settle(now);
        state
    }

    /// Appends a record of no transaction; its offset.
    pub(super) fn append(&self, topic: &str, partition: u32, key: &[u8], body: &[u8], timestamp_ms: i64) -> u64 {
        let record = CommittedRecord { offset: 0, timestamp_ms, key: key.to_vec(), body: body.to_vec(), headers: Headers::new() };
        let appended = self.state().put(topic, partition, record, None);
        appended.unwrap_or_else(|| panic!("topic {topic} has no partition {partition}"))
    }

    /// What is committed in each partition of a topic, as of the last call that said what time it is.
    pub(super) fn committed(&self, topic: &str) -> Vec<Vec<CommittedRecord>> {
        let state = self.state();
        let count = state.topics.get(topic).map_or(0, Vec::len) as u32;
        (0..count)
            .map(|number| state.visible(topic, number, 0, u64::MAX).map(|record| record.as_ref().clone()).collect())
            .collect()
    }

    /// A hash of everything that was written, markers included, in the order of writing.
    pub(super) fn hash(&self) -> u64 {
        self.state().hash
    }
}

/// What is there.
impl State {
    /// How many partitions every topic has.
    pub(super) fn topics(&self) -> BTreeMap<String, u32> {
        self.topics.iter().map(|(name, partitions)| (name.clone(), partitions.len() as u32)).collect()
    }

    /// How many partitions a topic has.
    pub(super) fn partitions(&self, topic: &str) -> u32 {
        self.topics.get(topic).map_or(0, Vec::len) as u32
    }

    fn partition(&self, topic: &str, number: u32) -> Option<&Partition> {
        self.topics.get(topic)?.get(number as usize)
    }

    fn partition_mut(&mut self, topic: &str, number: u32) -> Option<&mut Partition> {
        self.topics.get_mut(topic)?.get_mut(number as usize)
    }

    /// The last stable offset of a partition and its high watermark; none where there is no such partition.
    pub(super) fn ends(&self, topic: &str, number: u32) -> Option<(u64, u64)> {
        self.partition(topic, number).map(|found| (found.stable(), found.high()))
    }

    /// What is committed of a partition from an offset up to before another one.
    pub(super) fn visible(
        &self,
        topic: &str,
        number: u32,
        from: u64,
        before: u64,
    ) -> impl Iterator<Item = &Arc<CommittedRecord>> {
        let found = self.partition(topic, number);
        let end = found.map_or(0, Partition::stable).min(before);
        let entries = found.and_then(|found| found.entries.get(from as usize..end as usize)).unwrap_or_default();
        entries.iter().filter_map(move |entry| match entry {
            Entry::Record(record, transaction) => {
                transaction.is_none_or(|number| !self.aborted.contains(&number)).then_some(record)
            }
            Entry::Marker => None,
        })
    }
}

/// What is written.
impl State {
    fn count_in(&mut self, topic: &str, partition: u32, parts: &[&[u8]]) {
        let mut bytes = topic.as_bytes().to_vec();
        bytes.extend(partition.to_le_bytes());
        for part in parts {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        self.hash = xxh3_64_with_seed(&bytes, self.hash);
    }

    /// Appends a record; its offset, or none where there is no such partition.
    fn put(&mut self, topic: &str, number: u32, mut record: CommittedRecord, transaction: Option<u64>) -> Option<u64> {
        let partition = self.partition_mut(topic, number)?;
        let offset = partition.high();
        record.offset = offset;
        let record = Arc::new(record);
        partition.entries.push(Entry::Record(Arc::clone(&record), transaction));
        if let Some(transaction) = transaction {
            partition.open.entry(transaction).or_insert(offset);
        }
        let (time, transaction) = (record.timestamp_ms.to_le_bytes(), transaction.unwrap_or(0).to_le_bytes());
        let mut parts = vec![time.as_slice(), transaction.as_slice(), record.key.as_slice(), record.body.as_slice()];
        parts.extend(record.headers.iter().flat_map(|(key, value)| [key.as_bytes(), value.as_slice()]));
        self.count_in(topic, number, &parts);
        Some(offset)
    }

    /// Ends a transaction: a marker in each partition that it touched.
    fn end(&mut self, transaction: &Transaction) {
        if !transaction.decided {
            self.aborted.insert(transaction.number);
        }
        for place in &transaction.places {
            self.mark(place, transaction.number, transaction.decided);
        }
    }

    /// Writes a transaction's marker in one partition.
    fn mark(&mut self, (topic, number): &Place, transaction: u64, decided: bool) {
        if let Some(partition) = self.partition_mut(topic, *number) {
            partition.entries.push(Entry::Marker);
            partition.open.remove(&transaction);
        }
        self.count_in(topic, *number, &[&transaction.to_le_bytes(), &[u8::from(decided)]]);
    }

    /// Aborts a transaction whose markers are written so much later. One that holds nothing but dead letters and audits is
    /// ended at once: in those partitions others write, too.
    fn end_unmarked(&mut self, id: &str, transaction: &Transaction, late: Duration) {
        if transaction.places.iter().all(|(topic, _)| ["pipeline.dlq.v1", "audit.events.v1"].contains(&topic.as_str())) {
            return self.end(transaction);
        }
        let (number, due) = (transaction.number, self.now + late);
        self.aborted.insert(number);
        self.next = self.next.min(due);
        let each = |place: &Place| Unmarked { id: id.to_owned(), number, place: place.clone(), due };
        self.unmarked.extend(transaction.places.iter().map(each));
    }

    /// A producer goes on in a partition where what it wrote before has no marker: to the broker that is one transaction,
    /// and the next marker ends it.
    fn adopt(&mut self, id: &str, place: &Place, transaction: u64) {
        while let Some(at) = self.unmarked.iter().position(|each| each.id == id && each.place == *place) {
            let before = self.unmarked.remove(at).number;
            let Some(partition) = self.partition_mut(&place.0, place.1) else { continue };
            for entry in &mut partition.entries {
                if let Entry::Record(_, Some(number)) = entry
                    && *number == before
                {
                    *number = transaction;
                }
            }
            if let Some(first) = partition.open.remove(&before) {
                partition.open.insert(transaction, first);
            }
        }
    }

    /// Everything that was due by now happens, in its order.
    fn settle(&mut self, now: Duration) {
        self.now = self.now.max(now);
        if self.next > self.now {
            return;
        }
        while let Some(id) = self.first_due() {
            if let Some(known) = self.ids.get_mut(&id)
                && let Some(transaction) = known.transaction.take()
            {
                // Whoever left it open for too long may not go on.
                known.epoch += u64::from(!transaction.decided);
                self.end(&transaction);
            }
        }
        let now = self.now;
        for late in self.unmarked.extract_if(.., |each| each.due <= now).collect::<Vec<_>>() {
            self.mark(&late.place, late.number, false);
        }
        let open = self.ids.values().filter_map(|known| known.transaction.as_ref()).map(|transaction| transaction.due);
        self.next = open.chain(self.unmarked.iter().map(|each| each.due)).min().unwrap_or(Duration::MAX);
    }

    /// The id whose transaction was due first, where one was.
    fn first_due(&self) -> Option<String> {
        let due = self.ids.iter().filter_map(|(id, known)| Some((known.transaction.as_ref()?.due, id)));
        due.min().filter(|(time, _)| *time <= self.now).map(|(_, id)| id.clone())
    }
}

/// Who may write.
impl State {
    /// Gives a transactional id to a new producer: its epoch. Where a transaction of it is decided and its markers are
    /// not written, when they will be. What is aborted by it has no marker for a while where they are `late`: a broker that
    /// was killed in the middle of that has been seen to go on without them.
    pub(super) fn take(&mut self, id: &str, late: Option<Duration>) -> Result<u64, Duration> {
        let known = self.ids.entry(id.to_owned()).or_default();
        if let Some(decided) = known.transaction.as_ref().filter(|transaction| transaction.decided) {
            return Err(decided.due);
        }
        known.epoch += 1;
        let (epoch, open) = (known.epoch, known.transaction.take());
        match (open, late) {
            (Some(open), Some(late)) => self.end_unmarked(id, &open, late),
            (Some(open), None) => self.end(&open),
            (None, _) => {}
        }
        Ok(epoch)
    }

    /// Whether nobody took the id since.
    pub(super) fn is_current(&self, writer: Writer<'_>) -> bool {
        self.ids.get(writer.id).is_some_and(|known| known.epoch == writer.epoch)
    }

    /// The number of the writer's transaction, which begins where there is none.
    pub(super) fn enlist(&mut self, writer: Writer<'_>) -> u64 {
        let due = self.now + writer.timeout;
        let known = self.ids.entry(writer.id.to_owned()).or_default();
        let transactions = &mut self.transactions;
        let transaction = known.transaction.get_or_insert_with(|| {
            *transactions += 1;
            Transaction { number: *transactions, places: BTreeSet::new(), decided: false, due }
        });
        self.next = self.next.min(transaction.due);
        transaction.number
    }

    /// Appends a record in the writer's transaction; its offset, or none where there is no such partition.
    pub(super) fn write(&mut self, writer: Writer<'_>, place: &Place, record: CommittedRecord) -> Option<u64> {
        self.partition(&place.0, place.1)?;
        let number = self.enlist(writer);
        if let Some(transaction) = self.ids.get_mut(writer.id).and_then(|known| known.transaction.as_mut())
            && !transaction.places.contains(place)
        {
            transaction.places.insert(place.clone());
        }
        self.adopt(writer.id, place, number);
        self.put(&place.0, place.1, record, Some(number))
    }

    /// An id's transaction, where it has one, is to be committed; its markers are written at `due`.
    pub(super) fn decide(&mut self, id: &str, due: Duration) {
        if let Some(transaction) = self.ids.get_mut(id).and_then(|known| known.transaction.as_mut()) {
            (transaction.decided, transaction.due) = (true, due);
            self.next = self.next.min(due);
        }
        self.settle(self.now);
    }

    /// When the markers of an id's transaction are written, where they are not yet.
    pub(super) fn outstanding(&self, id: &str) -> Option<Duration> {
        let transaction = self.ids.get(id)?.transaction.as_ref()?;
        transaction.decided.then_some(transaction.due)
    }
}
