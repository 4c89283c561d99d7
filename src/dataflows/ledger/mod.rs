//! The ledger: all durable state lives here.
//!
//! A keyed event-time operator. It collects the parcels of an epoch until the frontier has passed it, then
//! moves logical time to the least that all workers allow, applies what is due in the order of rule 0,
//! fires timers, and closes the epoch with the facts that follow. Logical time, order and state are a
//! function of the input alone: not of epochs, of workers, or of when anything ran.
//!
//! Reading order: this file, `ordering`, `players`, `index`, `wheel`, `outbox`, `snapshot`.

mod index;
mod ordering;
mod outbox;
mod players;
mod profiles;
mod snapshot;
mod wheel;

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemark_domain::event::Event;
use tidemark_domain::fact::{Dead, Outcome};
use tidemark_domain::player::{Player, RulebookChain, Scene};
use tidemark_domain::rules::Rules;
use tidemark_domain::time::Instant;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::ParallelizationContract;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

use super::Job;
use super::parcel::{Last, Packed, Parcel, Read};
use crate::container::VecBuilder;
use crate::epoch::{Epoch, Place, Spread};
use crate::sinks::Lane;
use crate::sinks::letter::{Letter, Payload};
use crate::sinks::tally::Tally;
use crate::sources::reference::Reference;

use ordering::{Ordering, Pending};
use outbox::Outbox;
use players::{Players, Slot};
use wheel::Wheel;

pub(crate) use profiles::Rounds;
pub(crate) use snapshot::{Group, HeldRecord, Kept, Part, Rest, Restored, SnapshotPort, Turn, WHOLE_EVERY, head};

/// What an epoch amounts to at one worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closed {
    /// Its facts.
    pub(crate) lanes: Vec<Lane>,
    /// Its counts.
    pub(crate) tally: Tally,
    /// Where the worker's partitions stand after it.
    pub(crate) places: Vec<Place>,
    /// Logical time after it.
    pub(crate) logical_time: Option<i64>,
    /// Whether it is the last one.
    pub(crate) last: bool,
    /// How many players the worker holds.
    pub(crate) players: u64,
    /// Bytes of records that wait for their time.
    pub(crate) buffered: u64,
    /// Bytes of the players.
    pub(crate) state: u64,
    /// What was read of the worker's partitions.
    pub(crate) read: Vec<Read>,
    /// Dead letters by topic and kind.
    pub(crate) dead: BTreeMap<(String, String), u64>,
}

/// See the module's words.
pub(crate) fn ledger<'scope, P>(
    parcels: Stream<'scope, Epoch, Vec<Parcel>>,
    pact: P,
    job: &Arc<Job>,
    worker: u32,
    restored: Option<Restored>,
    snapshots: &SnapshotPort,
) -> Stream<'scope, Epoch, Vec<Closed>>
where
    P: ParallelizationContract<Epoch, Vec<Parcel>>,
{
    let mut ledger = Ledger::new(Arc::clone(job), worker, snapshots.clone());
    if let Some(state) = restored {
        ledger.restore(state);
    }
    parcels.unary_frontier::<VecBuilder<Closed>, _, _, _>(pact, "ledger", move |_capability, _info| {
        let mut open: BTreeMap<Epoch, (Capability<Epoch>, Vec<Parcel>)> = BTreeMap::new();
        move |(input, frontier), output| {
            input.for_each_stamp(|capability, data| {
                let Some(held) = capability.retain_least(output.output_index()) else { return };
                let (_, collected) = open.entry(*held.time()).or_insert_with(|| (held, Vec::new()));
                for container in data {
                    collected.append(container);
                }
            });
            while let Some(entry) = open.first_entry().filter(|entry| !frontier.less_equal(entry.key())) {
                let (epoch, (capability, collected)) = entry.remove_entry();
                let closed = ledger.close(epoch, collected);
                output.session(&capability).give(closed);
            }
        }
    })
}

/// The state of one worker.
struct Ledger {
    job: Arc<Job>,
    /// What is known of rates and rulebooks.
    reference: Arc<Reference>,
    worker: u32,
    players: Players,
    wheel: Wheel,
    ordering: Ordering,
    outbox: Outbox,
    /// What each worker has last said of its partitions.
    least: Vec<i64>,
    /// The ends of the workers' inputs.
    lasts: Vec<Option<Last>>,
    logical_time: i64,
    rulebook: RulebookChain,
    /// The number of the next revision whose coming into force is to be published.
    next_revision: u32,
    owns_rulebook: bool,
    tally: Tally,
    snapshots: SnapshotPort,
    ready: Vec<Pending>,
    scratch: Vec<u8>,
    rounds: Rounds,
}

impl Ledger {
    fn new(job: Arc<Job>, worker: u32, snapshots: SnapshotPort) -> Self {
        let workers = job.spread.workers as usize;
        let owns_rulebook = job.spread.worker(Spread::group(b"*")) == worker;
        let outbox = Outbox::new(job.ledger_topic, job.by_shard.then_some(job.spread), worker);
        Self {
            reference: Arc::clone(&job.reference),
            job,
            worker,
            players: Players::default(),
            wheel: Wheel::default(),
            ordering: Ordering::default(),
            outbox,
            least: vec![i64::MIN; workers],
            lasts: vec![None; workers],
            logical_time: i64::MIN,
            rulebook: RulebookChain::default(),
            next_revision: 0,
            owns_rulebook,
            tally: Tally::default(),
            snapshots,
            ready: Vec::new(),
            scratch: Vec::new(),
            rounds: Rounds::default(),
        }
    }

    /// Closes an epoch of which everything is here.
    fn close(&mut self, epoch: Epoch, parcels: Vec<Parcel>) -> Closed {
        let (mut places, mut read) = (Vec::new(), Vec::new());
        for parcel in &parcels {
            if let (Some(least), Some(last)) =
                (self.least.get_mut(parcel.from as usize), self.lasts.get_mut(parcel.from as usize))
            {
                // A partition that was at its end may be read on: what is the least may come back, logical time may not.
                *least = parcel.least;
                *last = parcel.last;
            }
        }
        let last = self.lasts.iter().all(Option::is_some);
        let limit = self.limit(last);
        let now = parcels.iter().find_map(|parcel| parcel.now);
        if let Some(news) = parcels.iter().find_map(|parcel| parcel.news.clone()) {
            self.learn(news);
        }
        for mut parcel in parcels {
            for letter in std::mem::take(&mut parcel.letters) {
                self.outbox.aim(Spread::group(format!("{}:{}", letter.topic, letter.partition).as_bytes()));
                self.outbox.letter(&letter);
            }
            if let Some(report) = parcel.report.take() {
                self.tally.events_in += report.events_in;
                self.tally.skipped_unknown += report.skipped;
                self.tally.beyond_until += report.beyond_until;
                self.tally.dead_letters += report.dead;
                self.tally.applied += report.applied;
                self.tally.duplicates += report.duplicates;
                places = report.places;
                read = report.read;
            }
            self.ordering.add(parcel, limit);
        }
        self.advance(last);
        if !last {
            self.publish_profiles(now, self.snapshots.is_last(epoch));
            self.snapshot(epoch);
        }
        self.players.weigh_some();
        Closed {
            lanes: self.outbox.take(),
            tally: self.take_tally(),
            places,
            logical_time: (self.logical_time != i64::MIN).then_some(self.logical_time),
            last,
            players: u64::from(self.players.len()),
            buffered: self.ordering.bytes(),
            state: self.players.bytes(),
            read,
            dead: self.outbox.take_dead(),
        }
    }

    /// Takes in rates and rulebooks that have become known. A revision may come into force before anything
    /// else is due at a player, so everybody is looked at (rule 16).
    fn learn(&mut self, news: Arc<Reference>) {
        let more = news.rules.revisions().len() != self.reference.rules.revisions().len();
        self.reference = news;
        if more {
            let reference = Arc::clone(&self.reference);
            for slot in self.players.slots() {
                let player = self.players.get_mut(slot);
                player.rules_changed(&reference.rules);
                let wake = player.wake();
                self.schedule(slot, wake);
            }
        }
    }

    fn take_tally(&mut self) -> Tally {
        let notes = self.outbox.take_notes();
        self.tally.unmatched_reversals += notes.unmatched;
        self.tally.unknown_game_total += notes.unknown_game;
        self.tally.fx_missing_total += notes.fx_missing;
        self.tally.points.add(&notes.points);
        std::mem::take(&mut self.tally)
    }

    /// What all workers have said: no record that is yet to come can apply before it.
    fn least(&self) -> i64 {
        self.least.iter().copied().min().unwrap_or(i64::MIN)
    }

    /// Everything before it can be applied now.
    fn limit(&self, last: bool) -> i64 {
        if last { i64::MAX } else { self.stepped(self.least()) }
    }

    /// After downtime logical time catches up in steps, so that no epoch has to do the work of hours at once.
    fn stepped(&self, least: i64) -> i64 {
        match self.job.step_ms {
            Some(step) if self.logical_time != i64::MIN => least.min(self.logical_time.saturating_add(step)),
            _ => least,
        }
    }

    /// Moves logical time and does what that makes due.
    fn advance(&mut self, last: bool) {
        let least = self.least();
        let until = self.job.until.unwrap_or(i64::MAX);
        let end = self.lasts.iter().flatten().filter_map(|ended| ended.greatest).max();
        let reached = if last { self.job.until.or(end).unwrap_or(i64::MIN) } else { self.stepped(least).min(until) };
        let limit = self.limit(last);
        let mut ready = std::mem::take(&mut self.ready);
        self.ordering.take_before(limit, &mut ready);
        self.apply_all(&ready);
        ready.clear();
        self.ready = ready;
        self.ordering.release();
        if reached == i64::MIN {
            return;
        }
        let before = self.logical_time;
        self.logical_time = before.max(if last { reached } else { reached.min(i64::MAX - 1) });
        if !last && least == i64::MAX {
            // Every partition is at its end, and the ends are still on their way.
            self.logical_time = before;
            return;
        }
        self.publish_revisions();
        self.fire_timers(last);
        if last {
            self.finish();
        }
    }

    /// Applies records in their order.
    fn apply_all(&mut self, ready: &[Pending]) {
        // The memory fetches records, then their texts, then players, then what these refer to, while those before are applied:
        // each step is asked for when what it is known by has come.
        const STEP: usize = 16;
        const RING: usize = 2 * STEP;
        let (job, reference) = (Arc::clone(&self.job), Arc::clone(&self.reference));
        let ordering = std::mem::take(&mut self.ordering);
        let record = |at: usize| ready.get(at).map(|pending| ordering.record(pending));
        let mut slots = [None; RING];
        for pending in ready.iter().take(4 * STEP) {
            ordering.prefetch(pending);
        }
        for (parcel, packed) in (0..3 * STEP).map_while(record) {
            parcel.prefetch_behind(packed);
            self.players.prefetch(packed.key);
        }
        for (at, slot) in slots.iter_mut().enumerate() {
            *slot = record(at).and_then(|(_, packed)| self.players.guess(packed.key));
        }
        for (at, pending) in ready.iter().enumerate() {
            if let Some(far) = ready.get(at + 4 * STEP) {
                ordering.prefetch(far);
            }
            if let Some((parcel, packed)) = record(at + 3 * STEP) {
                parcel.prefetch_behind(packed);
                self.players.prefetch(packed.key);
            }
            if let (Some(slot), Some((_, packed))) = (slots[(at + STEP) % RING], record(at + STEP)) {
                self.players.get(slot).prefetch_behind(&packed.identity().keys());
            }
            let guess = slots[at % RING].take();
            slots[at % RING] = record(at + 2 * STEP).and_then(|(_, packed)| self.players.guess(packed.key));
            let (parcel, packed) = ordering.record(pending);
            if let Some(partition) = job.partitions.get(packed.partition as usize) {
                let event = parcel.event(packed, &partition.topic, partition.number);
                let right = guess.filter(|slot| self.players.is(*slot, event.brand, event.player));
                self.apply_event(right, packed, &event, &reference.rules);
            }
        }
        self.ordering = ordering;
    }

    fn apply_event(&mut self, found: Option<Slot>, packed: &Packed, event: &Event<'_>, rules: &Rules) {
        self.outbox.take_changed();
        self.outbox.aim(u32::from(packed.group));
        let mut scene = Scene::new(rules, &mut self.outbox, &mut self.scratch);
        let mut slot = found.or_else(|| self.players.find(packed.key, event.brand, event.player));
        let outcome = match slot {
            Some(slot) => {
                let player = self.players.get_mut(slot);
                let outcome = player.apply(event, &mut scene);
                let wake = player.wake();
                self.players.touch(slot);
                self.schedule(slot, wake);
                outcome
            }
            None => {
                let mut player = Player::new(event.brand, event.player, event.as_of, rules);
                let outcome = player.apply(event, &mut scene);
                // What is set aside creates no player (rule 8).
                if outcome == Outcome::Applied {
                    let wake = player.wake();
                    let new = self.players.insert(packed.key, packed.group, player);
                    self.schedule(new, wake);
                    slot = Some(new);
                }
                outcome
            }
        };
        self.count(outcome, event);
        if let Some(slot) = slot {
            self.changed(slot, event.as_of);
        }
    }

    fn count(&mut self, outcome: Outcome, event: &Event<'_>) {
        match outcome {
            Outcome::Applied => {
                self.tally.applied += 1;
                self.tally.late += u64::from(event.late);
            }
            Outcome::Duplicate => self.tally.duplicates += 1,
            Outcome::Dead(dead) => {
                self.tally.dead_letters += 1;
                self.outbox.letter(&letter(&dead, event));
            }
        }
    }

    /// Sees to it that a player's timers are looked at in time.
    fn schedule(&mut self, slot: Slot, wake: Instant) {
        let at = wake.0.saturating_add(self.players.phase(slot));
        if at < self.players.scheduled(slot) {
            self.players.set_scheduled(slot, at);
            self.wheel.add(at, slot);
        }
    }

    /// Fires timers that are due, each player's at its own phase, so that midnight is a ramp.
    fn fire_timers(&mut self, last: bool) {
        if self.reference.rules.defects.has(tidemark_domain::defect::Defect::NoTimers) {
            return;
        }
        if last {
            // `finish` lets time pass for everybody.
            return;
        }
        let reference = Arc::clone(&self.reference);
        // Whole buckets only: what has fired is then a function of logical time alone, not of when anybody looked.
        let edge = Wheel::edge(self.logical_time);
        while let Some(bucket) = self.wheel.take_before(edge) {
            for (at, slot) in bucket {
                if self.players.scheduled(slot) != at {
                    continue;
                }
                self.players.set_scheduled(slot, i64::MAX);
                let now = Instant(edge - 1 - self.players.phase(slot));
                let group = self.players.group(slot);
                let player = self.players.get_mut(slot);
                self.outbox.take_changed();
                if player.wake() <= now {
                    self.outbox.aim(group);
                    let mut scene = Scene::new(&reference.rules, &mut self.outbox, &mut self.scratch);
                    player.advance(now, &mut scene);
                    self.changed(slot, now);
                    self.players.touch(slot);
                }
                let wake = self.players.get_mut(slot).wake();
                self.schedule(slot, wake);
            }
        }
    }

    /// Publishes revisions that have come into force (rule 16).
    fn publish_revisions(&mut self) {
        let reference = Arc::clone(&self.reference);
        let rules = &reference.rules;
        while let Some(revision) =
            rules.revisions().get(self.next_revision as usize).filter(|each| each.from.0 <= self.logical_time)
        {
            if self.owns_rulebook && revision.publication {
                self.outbox.aim(Spread::group(b"*"));
                let mut scene = Scene::new(rules, &mut self.outbox, &mut self.scratch);
                self.rulebook.published(self.next_revision, &mut scene);
            }
            self.next_revision += 1;
        }
    }

    /// The end: every player as it stands then (rule 17).
    fn finish(&mut self) {
        let reference = Arc::clone(&self.reference);
        let now = Instant(self.logical_time);
        self.players.all_published();
        self.outbox.expect_profiles(self.players.len());
        for slot in self.players.slots() {
            self.outbox.aim(self.players.group(slot));
            let player = self.players.get_mut(slot);
            let mut scene = Scene::new(&reference.rules, &mut self.outbox, &mut self.scratch);
            if !reference.rules.defects.has(tidemark_domain::defect::Defect::NoTimers) {
                player.advance(now, &mut scene);
            }
            if let Some(profile) = player.profile(now, &reference.rules) {
                self.outbox.profile(&profile, true);
                self.tally.profiles += 1;
            }
            let wake = player.wake();
            self.players.touch(slot);
            self.schedule(slot, wake);
        }
    }
}

/// The dead letter of an event that decoded and could not be applied.
fn letter(dead: &Dead, event: &Event<'_>) -> Letter {
    Letter {
        kind: dead.kind.name().to_owned(),
        error: dead.error.to_owned(),
        field: Some(dead.field.to_owned()),
        topic: event.record.topic.to_owned(),
        partition: event.record.partition,
        offset: event.record.offset,
        payload: Payload::Text(event.record.payload.to_owned()),
        brand: Some(event.brand.to_owned()),
        player: event.player.map(str::to_owned),
        event_id: Some(event.id.to_owned()),
    }
}
