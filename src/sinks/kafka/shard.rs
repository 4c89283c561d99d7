//! One shard's publishing: a thread, a producer, and what it has to be sure of.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::held::Held;
use super::progress::ProgressRecord;
use super::{Outputs, Surroundings, tail};
use crate::brokers::{Kind, Outgoing, Refused, Transactions};
use crate::epoch::Epoch;
use crate::kafka;
use crate::machine::{Defect, Machine};
use crate::runtime::Failure;
use crate::sinks::{Lane, Proof};

/// How long one call to a producer may take before it is made again.
const SLICE: Duration = Duration::from_secs(2);

/// As many bytes of facts may wait for what is on its way.
const MUCH: usize = 8_000_000;

/// How long one producer asks for its transactional id before another one is made.
const PATIENCE: Duration = Duration::from_secs(9);

/// What a shard is told.
#[derive(Debug)]
pub enum Work {
    /// An epoch is complete; its facts, where the shard has any.
    Epoch(Epoch, Option<Box<Lane>>),
    /// Everything up to an epoch is to become visible.
    Commit(Box<Commit>),
}

/// What becomes visible together.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Up to which epoch.
    pub epoch: Epoch,
    /// Logical time of it.
    pub logical_time: Option<i64>,
    /// Offsets of sources for tools that show lag.
    pub offsets: Vec<Committed>,
}

/// How far a source was read: topic, partition, offset.
pub type Committed = (String, u32, u64);

/// What others see of a shard.
#[derive(Debug, Default)]
pub struct Gauge {
    /// The last epoch that it has taken.
    pub taken: AtomicU64,
    /// The last epoch that is visible.
    pub committed: AtomicU64,
    /// How often a transaction had to be begun anew.
    pub retries: AtomicU64,
    /// How often it was fenced.
    pub fenced: AtomicU64,
}

/// One shard.
pub struct Shard {
    /// Its number.
    pub number: u32,
    /// Where it publishes.
    pub outputs: Arc<Outputs>,
    /// Who is told what.
    pub surroundings: Surroundings,
    /// The generation that publishes.
    pub generation: u64,
    /// Its last progress record.
    pub last: Option<ProgressRecord>,
    /// Progress records that a replay comes by again, in order.
    pub recorded: VecDeque<ProgressRecord>,
    /// The last epoch that is bound durably.
    pub bound: Arc<AtomicU64>,
    /// Whether the process is to end.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Whether a replay may come to something else than what was published.
    pub accept_divergence: bool,
    /// What others see.
    pub gauge: Arc<Gauge>,
    /// A producer that has the shard's transactional id.
    pub producer: Option<Box<dyn Transactions>>,
    /// What is not visible yet.
    pub held: Held,
    /// What that proves; during a replay, what came out since the last progress record.
    pub proof: Proof,
    /// Whether a transaction is open.
    pub open: bool,
    /// What went wrong since the last commit.
    pub trouble: Option<String>,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shard").field("number", &self.number).field("last", &self.last).finish_non_exhaustive()
    }
}

impl Shard {
    /// Publishes what comes until nothing more does.
    ///
    /// # Errors
    /// Why the process has to end.
    pub fn run(mut self, work: &Receiver<Work>) -> Result<(), Failure> {
        let machine = self.outputs.machine.clone();
        while let Ok(work) = machine.receive(work) {
            match work {
                Work::Epoch(epoch, lane) => {
                    self.take(epoch, lane)?;
                    self.gauge.taken.store(epoch, Ordering::Release);
                }
                Work::Commit(commit) => {
                    if !self.commit(&commit)? {
                        return Ok(());
                    }
                    self.gauge.committed.store(commit.epoch, Ordering::Release);
                }
            }
        }
        Ok(())
    }

    fn visible(&self) -> Epoch {
        self.last.as_ref().map_or(0, |last| last.epoch)
    }

    /// Takes an epoch: one that is visible already is compared, any other is held, and handed over by and by.
    fn take(&mut self, epoch: Epoch, lane: Option<Box<Lane>>) -> Result<(), Failure> {
        if let Some(lane) = &lane {
            self.proof.add_all(lane.proof);
        }
        let again = self.outputs.machine.has(Defect::NoSuppression);
        if epoch <= self.visible() && !again {
            if let Some(lane) = lane {
                lane.recycle();
            }
            return self.compare(epoch);
        }
        let Some(lane) = lane else { return Ok(()) };
        self.held.push(epoch, lane);
        // It is mended at the commit: until then nothing is visible.
        if let Err(refused) = self.keep_up() {
            self.trouble.get_or_insert(refused.what);
            self.producer = None;
        }
        Ok(())
    }

    /// What comes out of a replay must be what was published (invariant E-2).
    fn compare(&mut self, epoch: Epoch) -> Result<(), Failure> {
        let Some(record) = self.recorded.pop_front_if(|record| record.epoch <= epoch) else { return Ok(()) };
        let proof = std::mem::take(&mut self.proof);
        if proof == record.proof() && record.epoch == epoch {
            return Ok(());
        }
        if self.accept_divergence {
            (self.surroundings.notice)(&format!(
                "shard {}, up to epoch {epoch}: {} records were published and {} are computed now; accepted as asked",
                self.number, record.count, proof.count
            ));
            return Ok(());
        }
        if (self.surroundings.superseded)() {
            // What was published is the successor's.
            return Err(superseded());
        }
        Err(Failure::Defect(format!(
            "a replay of what was published gave something else, so nothing more is published.\n  shard {}, up to epoch {epoch}\n  \
             published: {} records, sum {}\n  replayed:  {} records, sum {:032x}\nKeep the store and the topics, and report this.",
            self.number, record.count, record.outputs, proof.count, proof.outputs
        )))
    }

    /// The producer, in a transaction.
    fn begun(&mut self) -> Result<&mut dyn Transactions, Refused> {
        let Some(producer) = &mut self.producer else {
            let what = self.trouble.take().unwrap_or_else(|| "a transaction has to be begun anew".to_owned());
            return Err(Refused { what, kind: Kind::Unclear });
        };
        if !self.open {
            producer.begin()?;
            self.open = true;
        }
        Ok(producer.as_mut())
    }

    /// Hands over what may go now. What comes while something is on its way goes later, with another epoch or with the
    /// commit. Where that has become much it is waited for, so that in the end whoever makes facts waits.
    fn keep_up(&mut self) -> Result<(), Refused> {
        let since = self.outputs.machine.now();
        while self.held.waiting() > MUCH {
            self.written(since)?;
            self.hand_over()?;
        }
        if self.producer.as_ref().is_some_and(|producer| producer.is_writing()) {
            return Ok(());
        }
        self.hand_over()
    }

    /// Hands over what waits, as much as goes at once.
    fn hand_over(&mut self) -> Result<(), Refused> {
        let mut held = std::mem::take(&mut self.held);
        let (outputs, number) = (Arc::clone(&self.outputs), self.number);
        let done = self.begun().and_then(|producer| held.hand_over(producer, &outputs, number));
        self.held = held;
        done
    }

    /// Makes everything up to an epoch visible; false where the process is to end first.
    fn commit(&mut self, commit: &Commit) -> Result<bool, Failure> {
        if commit.epoch <= self.visible() {
            return Ok(true);
        }
        let unbound = self.outputs.machine.has(Defect::CommitBeforeBinding);
        self.outputs.machine.pass("commit.waits-for-binding");
        while self.bound.load(Ordering::Acquire) < commit.epoch && !unbound {
            if (self.stop)() {
                return Ok(false);
            }
            self.outputs.machine.sleep(Duration::from_micros(500));
        }
        let proof = std::mem::take(&mut self.proof);
        let record = ProgressRecord::after(self.last.as_ref(), self.generation, commit.epoch, commit.logical_time, proof);
        let mut offsets = commit.offsets.as_slice();
        let mut attempt = self.attempt(&record, &mut offsets);
        let (mut silence, mut first) = (kafka::Silence::default(), true);
        while let Err(refused) = attempt {
            if (self.stop)() {
                return Ok(false);
            }
            if refused.kind == Kind::Denied {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "shard {}: {}. No waiting mends that: give the client its rights back, or make the topic again (`tidemark topics \
                     create`), and start again; nothing is lost",
                    self.number,
                    refused.what
                )));
            }
            if self.outputs.machine.has(Defect::UnclearIsDone) {
                self.producer = None;
                break;
            }
            self.gauge.retries.fetch_add(1, Ordering::Relaxed);
            self.gauge.fenced.fetch_add(u64::from(refused.kind == Kind::Fenced), Ordering::Relaxed);
            if !first {
                self.outputs.machine.sleep(Duration::from_millis(200));
            }
            if silence.lasts().is_some() || std::mem::take(&mut first) {
                (self.surroundings.notice)(&format!(
                    "shard {}: {}; reading back what is there, then going on from it",
                    self.number, refused.what
                ));
            }
            match self.recover(&record)? {
                None => return Ok(false),
                Some(true) if self.prove()? => break,
                Some(true) => return Ok(false),
                Some(false) => attempt = self.again(&record, &mut offsets),
            }
        }
        self.outputs.machine.pass("commit.done");
        self.last = Some(record);
        self.open = false;
        self.held.recycle();
        Ok(true)
    }

    /// The progress record is there: so must be everything that it speaks of. A client has been seen to lose records
    /// and to commit what was left (librdkafka issue 3575). False where the process is to end before that is known.
    fn prove(&self) -> Result<bool, Failure> {
        let read = || -> anyhow::Result<()> {
            let progress = tail::progress(&self.outputs, &[self.number], u64::MAX)?;
            tail::check_last(&self.outputs, &progress, true).map(drop)
        };
        let mut silence = kafka::Silence::default();
        loop {
            match read() {
                Ok(()) => return Ok(true),
                Err(error) if self.outputs.brokers.is_theirs(&error) => {
                    if (self.stop)() {
                        return Ok(false);
                    }
                    self.wait(&mut silence, &error);
                }
                Err(error) => return Err(Failure::Failed(error.context("a commit whose outcome was not known was read back"))),
            }
        }
    }

    /// Waits a little for the brokers, and says so every ten seconds.
    fn wait(&self, silence: &mut kafka::Silence, error: &anyhow::Error) {
        tell_of(silence, &self.surroundings.notice, self.outputs.brokers.address(), self.number, &format!("{error:#}"));
        self.outputs.machine.sleep(Duration::from_millis(200));
    }

    /// Sends what is held once more, in a new transaction, and commits it.
    fn again(&mut self, record: &ProgressRecord, offsets: &mut &[Committed]) -> Result<(), Refused> {
        self.held.rewind();
        if self.outputs.machine.has(Defect::HeldIsForgotten) {
            self.held = Held::default();
        }
        self.attempt(record, offsets)
    }

    /// Where it is the offsets that fail there are none any more: whoever keeps them may be what is away, and the facts do
    /// not wait for that.
    fn attempt(&mut self, record: &ProgressRecord, offsets: &mut &[Committed]) -> Result<(), Refused> {
        let outputs = Arc::clone(&self.outputs);
        let number = self.number;
        let (epoch, shard) = (record.epoch.to_string(), number.to_string());
        let (topic, body) = (outputs.progress_topic(), record.write());
        let machine = self.outputs.machine.clone();
        machine.pass("commit.begins");
        let since = machine.now();
        while self.held.waits() {
            self.written(since)?;
            self.hand_over()?;
        }
        if machine.has(Defect::ProgressApart) {
            self.begun()?;
            self.finish(since)?;
            self.open = false;
        }
        let producer = self.begun()?;
        producer.send(Outgoing {
            topic: &topic,
            partition: Some(number),
            key: shard.as_bytes(),
            body: body.as_bytes(),
            headers: &[("tm-epoch", &epoch), ("tm-shard", &shard)],
            own: &[],
        })?;
        machine.pass("commit.progress-sent");
        if let Err(refused) = producer.offsets(offsets) {
            *offsets = &[];
            return Err(refused);
        }
        machine.pass("commit.offsets-sent");
        self.finish(since)
    }

    /// Waits until all that was handed over is written, however long that takes: in slices, so that it can be told to end.
    fn written(&mut self, since: Duration) -> Result<(), Refused> {
        self.until_late(since, |producer| producer.flush(SLICE), |_| true)
    }

    /// Commits what was sent.
    fn finish(&mut self, since: Duration) -> Result<(), Refused> {
        // A commit waits for every record itself, and cannot be told to end.
        self.written(since)?;
        // The same call again is what librdkafka asks for, until the transaction's own time is over.
        self.until_late(since, |producer| producer.commit(SLICE), |refused| refused.kind == Kind::Again)
    }

    /// Calls the producer again and again while its refusal is one to wait for, until the transaction's time is over.
    fn until_late(
        &mut self,
        since: Duration,
        call: impl Fn(&mut dyn Transactions) -> Result<(), Refused>,
        waits: impl Fn(&Refused) -> bool,
    ) -> Result<(), Refused> {
        let Some(producer) = &mut self.producer else { return Ok(()) };
        let mut silence = kafka::Silence::default();
        silence.lasts();
        loop {
            match call(producer.as_mut()) {
                Err(refused)
                    if waits(&refused)
                        && !(self.stop)()
                        && self.outputs.machine.now() - since <= self.outputs.transaction_timeout =>
                {
                    tell_of(&mut silence, &self.surroundings.notice, self.outputs.brokers.address(), self.number, &refused.what);
                }
                done => return done,
            }
        }
    }

    /// Throws the producer away, makes a new one, and reads back how far the shard is: whether `attempted` is
    /// visible. None where the process is to end first.
    fn recover(&mut self, attempted: &ProgressRecord) -> Result<Option<bool>, Failure> {
        self.producer = None;
        self.open = false;
        let mut silence = kafka::Silence::default();
        silence.lasts();
        loop {
            let goes_on = self.outputs.machine.has(Defect::FencedGoesOn);
            if !goes_on && (self.surroundings.superseded)() {
                return Err(superseded());
            }
            if (self.stop)() {
                return Ok(None);
            }
            match self.renewed() {
                // Asked again: whoever took over meanwhile has been fenced by this, and begins anew.
                Ok(_) if !goes_on && (self.surroundings.superseded)() => {
                    return Err(superseded());
                }
                Ok((producer, last)) => {
                    self.producer = Some(producer);
                    self.outputs.machine.pass("commit.read-back");
                    if self.outputs.machine.has(Defect::UnclearIsLost) {
                        return Ok(Some(false));
                    }
                    let visible = last.as_ref().map_or(0, |last| last.epoch);
                    return if visible < attempted.epoch && last == self.last {
                        Ok(Some(false))
                    } else if last.as_ref() == Some(attempted) {
                        Ok(Some(true))
                    } else {
                        Err(Failure::Defect(format!(
                            "shard {}: the progress that was read back (epoch {visible}) is neither what was there before nor what was \
                             committed; nothing more is published",
                            self.number
                        )))
                    };
                }
                // What was read says that no waiting helps: a transaction hangs, or a record is not what it has to be.
                Err(error) if !self.outputs.brokers.is_theirs(&error) => return Err(Failure::Failed(error)),
                Err(error) => self.wait(&mut silence, &error),
            }
        }
    }

    /// A new producer, which fences any other of this shard, and the last progress record after that.
    fn renewed(&self) -> anyhow::Result<(Box<dyn Transactions>, Option<ProgressRecord>)> {
        let producer = new_producer(&self.outputs, self.number, &self.outputs.machine, &*self.stop)?;
        let found = tail::progress(&self.outputs, &[self.number], u64::MAX)?;
        let last = found.into_values().next().and_then(|mut records| records.pop());
        Ok((producer, last.map(|standing| standing.record)))
    }
}

/// Says that a shard waits for the brokers, where it is time to say so.
fn tell_of(silence: &mut kafka::Silence, notice: &kafka::Notice, address: &str, shard: u32, why: &str) {
    if let Some(seconds) = silence.lasts() {
        notice(&format!("waiting for Kafka at {address} since {seconds} s (shard {shard}): {why}"));
    }
}

fn superseded() -> Failure {
    Failure::Superseded("a newer start of this job took over; this process stops and publishes nothing more".to_owned())
}

/// A producer of a shard with its transactions initialised: nobody older can publish from then on, and what they began
/// is decided.
///
/// # Errors
/// Where the brokers do not answer or refuse.
pub fn new_producer(
    outputs: &Outputs,
    shard: u32,
    machine: &Machine,
    stop: &dyn Fn() -> bool,
) -> anyhow::Result<Box<dyn Transactions>> {
    let mut id = outputs.transactional_id(shard);
    if machine.has(Defect::NoFence) {
        id.push_str(&machine.random_id());
    }
    let mut producer = outputs.brokers.producer(&id, outputs.times(), &outputs.group())?;
    let begun = machine.now();
    loop {
        match producer.init(SLICE) {
            Ok(()) => break,
            // The same call again goes on where the one before was.
            Err(refused) if refused.kind == Kind::Again && machine.now() - begun < PATIENCE && !stop() => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    if !machine.has(Defect::GoesOnUnsettled) {
        tail::settled(outputs, shard)?;
    }
    Ok(producer)
}
