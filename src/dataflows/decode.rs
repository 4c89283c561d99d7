//! The decode operator: bytes of an epoch to parcels, with clocks and apply times settled in the order of
//! each partition (rule 0).

use std::sync::Arc;

use tidemark_domain::catalogue::EventType;
use tidemark_domain::digits;
use tidemark_domain::fact::DeadKind;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use xxhash_rust::xxh3::xxh3_64;

use super::parcel::{Last, Parcel, Read, Settled, SourceReport};
use super::{Arrival, Clocks, Job};
use crate::container::VecBuilder;
use crate::epoch::{Clock, Epoch, Spread};
use crate::sinks::letter::{Letter, Payload};
use crate::sources::decode::{Decoded, Rejected, Scratch, Verdict, decode as decode_record};
use crate::sources::reference::{Found, Reference, own_topic};
use crate::sources::{Batch, RawRecord};

/// See the module's words.
pub(crate) fn decode<'scope>(
    arrivals: Stream<'scope, Epoch, Vec<Arrival>>,
    pact: Pipeline,
    job: &Arc<Job>,
    worker: u32,
    clocks: &Clocks,
) -> Stream<'scope, Epoch, Vec<Parcel>> {
    let (job, clocks) = (Arc::clone(job), Clocks::clone(clocks));
    arrivals.unary::<VecBuilder<Parcel>, _, _, _>(pact, "decode", move |_capability, _info| {
        let mut decoder = Decoder {
            reference: Arc::clone(&job.reference),
            job,
            worker,
            clocks,
            scratch: Scratch::default(),
            key: Vec::new(),
            now: None,
            report: SourceReport::default(),
        };
        move |input, output| {
            input.for_each_stamp(|capability, data| {
                for arrival in data.flat_map(|container| container.drain(..)) {
                    let mut session = output.session(&capability);
                    for parcel in decoder.take(arrival) {
                        session.give(parcel);
                    }
                }
            });
        }
    })
}

struct Decoder {
    job: Arc<Job>,
    worker: u32,
    clocks: Clocks,
    /// What is known of rates and rulebooks, as of the epoch that is read.
    reference: Arc<Reference>,
    /// The epoch's wall clock, in mode `wall`.
    now: Option<i64>,
    scratch: Scratch,
    key: Vec<u8>,
    report: SourceReport,
}

impl Decoder {
    /// Turns what was read for an epoch into one parcel for each worker.
    fn take(&mut self, arrival: Arrival) -> Vec<Parcel> {
        let workers = self.job.spread.workers;
        let mut parcels: Vec<Parcel> = (0..workers).map(|to| Parcel::fresh(self.worker, to)).collect();
        self.report = SourceReport::default();
        let mut places = arrival.places;
        let known = Clocks::clone(&self.clocks);
        for place in &mut places {
            if let Some(before) = known.borrow().iter().find(|each| each.partition == place.partition) {
                place.clock = before.clock;
            }
            if let Some((_, floor)) = arrival.floors.iter().find(|(partition, _)| *partition == place.partition) {
                place.clock.reach(floor.saturating_add(self.job.clock.ordering_delay_ms));
            }
            if let Some(now) = arrival.now {
                place.clock.begin(now, self.job.clock);
            }
        }
        self.now = arrival.now;
        if let Some(news) = &arrival.news {
            self.reference = Arc::clone(news);
        }
        for (partition, batch) in arrival.batches {
            let clock = places.iter_mut().find(|place| place.partition == partition).map(|place| &mut place.clock);
            if let Some(clock) = clock {
                self.report.read.push(Read { partition, records: batch.records.len() as u64, ..Read::default() });
                self.decode_batch(partition, &batch, clock, &mut parcels);
            }
            batch.recycle();
        }
        for place in &mut places {
            if let Some(now) = arrival.now.filter(|_| arrival.at_end.contains(&place.partition)) {
                place.clock.reach(now);
            }
        }
        let least =
            places.iter().filter(|place| !place.ended).map(|place| place.clock.least(self.job.clock)).min().unwrap_or(i64::MAX);
        let greatest = || arrival.now.or_else(|| places.iter().filter_map(|place| place.clock.greatest()).max());
        let last = arrival.last.then(|| Last { greatest: greatest() });
        known.borrow_mut().clone_from(&places);
        self.report.places = places;
        for parcel in &mut parcels {
            parcel.least = least;
            parcel.last = last;
            if parcel.to == self.worker {
                parcel.now = arrival.now;
                parcel.news.clone_from(&arrival.news);
                parcel.report = Some(Box::new(std::mem::take(&mut self.report)));
            }
        }
        parcels
    }

    fn decode_batch(&mut self, partition: u32, batch: &Batch, clock: &mut Clock, parcels: &mut [Parcel]) {
        // Nearly always everything is UTF-8, and one look at all of it is enough.
        let whole = simdutf8::basic::from_utf8(&batch.bytes).ok();
        self.report.events_in += batch.records.len() as u64;
        for record in &batch.records {
            let text = match whole {
                Some(text) => text.get(record.start..record.end),
                None => batch.bytes.get(record.start..record.end).and_then(|bytes| std::str::from_utf8(bytes).ok()),
            };
            if let Some(oversize) = &record.oversize {
                let rejected = plain(DeadKind::Size, "the record is longer than 64 KiB");
                self.dead(partition, record.offset, rejected, Payload::of_oversize(oversize), parcels);
                continue;
            }
            let Some(text) = text else {
                let bytes = batch.bytes.get(record.start..record.end).unwrap_or(&[]);
                let rejected = plain(DeadKind::SchemaViolation, "the record is not UTF-8");
                self.dead(partition, record.offset, rejected, Payload::of(bytes), parcels);
                continue;
            };
            self.decode_one(partition, record, text, clock, parcels);
        }
    }

    fn decode_one(&mut self, partition: u32, record: &RawRecord, text: &str, clock: &mut Clock, parcels: &mut [Parcel]) {
        // Looked at where it is: an event is large.
        match &decode_record(text, &mut self.scratch) {
            Ok(Verdict::Unknown) => self.report.skipped += 1,
            Ok(Verdict::Event(decoded)) if decoded.event_type.is_reference() => {
                self.reference(partition, record.offset, decoded, text, parcels);
            }
            Ok(Verdict::Event(decoded)) => self.settle(partition, record.offset, decoded, text, clock, parcels),
            Err(rejected) => self.dead(partition, record.offset, (**rejected).clone(), Payload::Text(text.to_owned()), parcels),
        }
    }

    /// Gives a record its apply time and puts it into its owner's parcel.
    fn settle(
        &mut self,
        partition: u32,
        offset: u64,
        decoded: &Decoded<'_>,
        text: &str,
        clock: &mut Clock,
        parcels: &mut [Parcel],
    ) {
        let settings = self.job.clock;
        let now = self.now.unwrap_or(i64::MAX);
        let limit = now.saturating_add(settings.future_tolerance_ms);
        let clamped = decoded.occurred_at.is_some_and(|at| at.0 > limit);
        let occurred_at = decoded.occurred_at.map(|at| if clamped { now } else { at.0 });
        let timed = match occurred_at {
            Some(at) => clock.take(at, now, settings),
            // Only types of `config.v1` may have no time: they apply as soon as anything can.
            None => clock.time(clock.least(settings), settings),
        };
        if let Some(read) = self.report.read.last_mut() {
            read.late += u64::from(timed.late);
            // Some of them tell enough.
            if let (Some(wall), Some(at)) = (self.now, decoded.occurred_at)
                && offset.is_multiple_of(64)
            {
                read.delays.push(wall - at.0);
            }
        }
        if self.job.until.is_some_and(|until| timed.as_of > until) {
            self.report.beyond_until += 1;
            return;
        }
        self.key.clear();
        digits::push(&mut self.key, decoded.brand.as_bytes());
        if let Some(player) = &decoded.player {
            self.key.push(b':');
            digits::push(&mut self.key, player.as_bytes());
        }
        let group = Spread::group(&self.key);
        let settled = Settled {
            partition,
            offset,
            occurred_at: occurred_at.unwrap_or(timed.as_of),
            as_of: timed.as_of,
            late: timed.late,
            clamped,
            key: xxh3_64(&self.key),
            group,
        };
        if let Some(parcel) = parcels.get_mut(self.job.spread.worker(group) as usize) {
            parcel.push(decoded, text, settled);
        }
    }

    /// Counts a rate or a publication as what it was found to be before the run.
    fn reference(&mut self, partition: u32, offset: u64, decoded: &Decoded<'_>, text: &str, parcels: &mut [Parcel]) {
        let reference = Arc::clone(&self.reference);
        let wrong_topic = self.wrong_topic(partition, decoded.event_type);
        let found = reference.found.get(&(partition, offset)).filter(|_| !wrong_topic);
        match found {
            Some(Found::Applied) => self.report.applied += 1,
            Some(Found::Duplicate) => self.report.duplicates += 1,
            Some(Found::Dead(rejected)) => {
                self.dead(partition, offset, (**rejected).clone(), Payload::Text(text.to_owned()), parcels)
            }
            None => {
                let mut rejected = plain(DeadKind::SchemaViolation, "rates count only in fx.v1 and rulebooks only in config.v1");
                rejected.field = Some("event_type".to_owned());
                rejected.brand = Some(decoded.brand.to_string());
                rejected.player = decoded.player.as_deref().map(str::to_owned);
                rejected.event_id = Some(decoded.id.to_string());
                self.dead(partition, offset, rejected, Payload::Text(text.to_owned()), parcels);
            }
        }
    }

    /// From Kafka both types count only in their own topics (rule 0).
    fn wrong_topic(&self, partition: u32, event_type: EventType) -> bool {
        let topic = self.job.partitions.get(partition as usize).map_or("", |each| each.topic.as_str());
        self.job.kafka && topic != own_topic(event_type)
    }

    fn dead(&mut self, partition: u32, offset: u64, rejected: Rejected, payload: Payload, parcels: &mut [Parcel]) {
        self.report.dead += 1;
        let Some(place) = self.job.partitions.get(partition as usize) else { return };
        let letter = Letter {
            kind: rejected.kind.name().to_owned(),
            error: rejected.error,
            field: rejected.field,
            topic: place.topic.clone(),
            partition: place.number,
            offset,
            payload,
            brand: rejected.brand,
            player: rejected.player,
            event_id: rejected.event_id,
        };
        let group = Spread::group(format!("{}:{}", place.topic, place.number).as_bytes());
        if let Some(parcel) = parcels.get_mut(self.job.spread.worker(group) as usize) {
            parcel.letters.push(letter);
        }
    }
}

fn plain(kind: DeadKind, error: &str) -> Rejected {
    Rejected { kind, field: None, error: error.to_owned(), brand: None, player: None, event_id: None }
}
