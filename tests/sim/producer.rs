//! A producer with transactions to the log in memory, as one of librdkafka is to brokers.

use std::sync::Arc;
use std::time::Duration;

use tidemark::brokers::{Kind, Outgoing, Refused, Transactions};
use tidemark::murmur2::murmur2;

use super::connection::{Answer, TURN, Theirs, befalls, rest};
use super::log::{CommittedRecord, Log, State, Writer};
use super::weather::{Call, Fault, Weather};

/// Of so many records that are sent, one gives the turn away.
const RECORDS_A_TURN: u64 = 16;
/// How late the markers of an abort are where nothing else is drawn.
const UNMARKED: Duration = Duration::from_millis(100);
/// So many bytes it is handed at once: a commit needs several rounds.
const ROOM: usize = 4_000;

/// A producer with transactions.
pub(super) struct Producer {
    log: Arc<Log>,
    weather: Arc<dyn Weather>,
    id: String,
    timeout: Duration,
    /// None before it has the id.
    epoch: Option<u64>,
    /// Whether it is in a transaction.
    begun: bool,
    /// Whether that is decided.
    decided: bool,
    /// Whether it is good for nothing more: what became of its commit is not known.
    spoiled: bool,
    sent: u64,
}

fn refused(kind: Kind, what: &str) -> Refused {
    Refused { what: what.to_owned(), kind }
}

impl From<Theirs> for Refused {
    fn from(error: Theirs) -> Self {
        Self { what: error.0, kind: Kind::Unclear }
    }
}

impl Producer {
    pub(super) fn new(log: &Arc<Log>, weather: &Arc<dyn Weather>, id: &str, timeout: Duration) -> Self {
        Self {
            log: Arc::clone(log),
            weather: Arc::clone(weather),
            id: id.to_owned(),
            timeout,
            epoch: None,
            begun: false,
            decided: false,
            spoiled: false,
            sent: 0,
        }
    }

    /// Lets others have a turn.
    fn turn(&self) -> Result<(), Refused> {
        if self.spoiled {
            return Err(refused(Kind::Unclear, "what became of this producer's transaction is not known"));
        }
        Ok(rest(&*self.weather, TURN)?)
    }

    /// Lets others have a turn, then says what befalls a call.
    fn enter(&self, call: Call) -> Result<Answer, Refused> {
        self.turn()?;
        Ok(befalls(&*self.weather, call)?)
    }

    /// Who it is to the log, where it still is somebody.
    fn writer(&self, state: &State) -> Result<Writer<'_>, Refused> {
        let Some(epoch) = self.epoch else { return Err(refused(Kind::Unclear, "the transactional id was not taken")) };
        let writer = Writer { id: &self.id, epoch, timeout: self.timeout };
        if state.is_current(writer) {
            return Ok(writer);
        }
        Err(refused(Kind::Fenced, &format!("somebody else has the transactional id {}, or took its transaction", self.id)))
    }

    fn in_transaction(&self) -> Result<(), Refused> {
        if self.begun && !self.decided { Ok(()) } else { Err(refused(Kind::Unclear, "no transaction is open here")) }
    }

    /// Waits for the markers of what is decided.
    fn decided_within(&mut self, slice: Duration) -> Result<(), Refused> {
        let now = self.weather.now();
        let due = {
            let state = self.log.at(now);
            self.writer(&state)?;
            state.outstanding(&self.id)
        };
        if let Some(due) = due {
            rest(&*self.weather, due.saturating_sub(now).min(slice))?;
            let state = self.log.at(self.weather.now());
            self.writer(&state)?;
            if state.outstanding(&self.id).is_some() {
                return Err(refused(Kind::Again, "the commit is not done yet"));
            }
        }
        (self.begun, self.decided) = (false, false);
        Ok(())
    }
}

impl Transactions for Producer {
    fn init(&mut self, slice: Duration) -> Result<(), Refused> {
        let answer = self.enter(Call::Init)?;
        // Whatever befalls an abort, it is done, and its markers are late.
        let late = self.weather.fault(Call::Abort).map(|fault| if let Fault::Late(time) = fault { time } else { UNMARKED });
        let now = self.weather.now();
        let mut taken = self.log.at(now).take(&self.id, late);
        if let Err(due) = taken {
            rest(&*self.weather, due.saturating_sub(now).min(slice))?;
            taken = self.log.at(self.weather.now()).take(&self.id, late);
        }
        let Ok(epoch) = taken else {
            return Err(refused(Kind::Again, "the markers of a transaction that is decided are not written yet"));
        };
        (self.begun, self.decided) = (false, false);
        self.epoch = Some(answer.of(epoch)?);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Refused> {
        let answer = self.enter(Call::Begin)?;
        if self.begun {
            return Err(refused(Kind::Unclear, "a transaction is open"));
        }
        // A commit may have been answered before its markers were written: the next transaction waits for them.
        loop {
            let state = self.log.at(self.weather.now());
            self.writer(&state)?;
            if state.outstanding(&self.id).is_none() {
                break;
            }
            drop(state);
            rest(&*self.weather, Duration::from_millis(1))?;
        }
        self.begun = true;
        Ok(answer.of(())?)
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Refused> {
        self.sent += 1;
        if self.sent.is_multiple_of(RECORDS_A_TURN) {
            self.turn()?;
        } else if self.spoiled || self.weather.is_dead() {
            return Err(refused(Kind::Unclear, "this producer takes nothing more"));
        }
        let answer = befalls(&*self.weather, Call::Send)?;
        self.in_transaction()?;
        let mut state = self.log.at(self.weather.now());
        let writer = self.writer(&state)?;
        let count = state.partitions(record.topic).max(1);
        let partition = record.partition.unwrap_or_else(|| (murmur2(record.key) & 0x7fff_ffff) % count);
        let stored = CommittedRecord {
            offset: 0,
            timestamp_ms: self.weather.wall_ms(),
            key: record.key.to_vec(),
            body: record.body.to_vec(),
            headers: record
                .headers
                .iter()
                .chain(record.own)
                .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
                .collect(),
        };
        if state.write(writer, &(record.topic.to_owned(), partition), stored).is_none() {
            return Err(refused(Kind::Unclear, &format!("topic {} has no partition {partition}", record.topic)));
        }
        Ok(answer.of(())?)
    }

    fn offsets(&mut self, offsets: &[(String, u32, u64)]) -> Result<(), Refused> {
        if offsets.is_empty() {
            return Ok(());
        }
        let answer = self.enter(Call::Offsets)?;
        self.in_transaction()?;
        let mut state = self.log.at(self.weather.now());
        let writer = self.writer(&state)?;
        state.enlist(writer);
        Ok(answer.of(())?)
    }

    fn room(&self) -> usize {
        ROOM
    }

    /// Every record is written at once here; the story has one of three wait, as if it were not.
    fn is_writing(&self) -> bool {
        self.sent % 3 == 1
    }

    /// Only time can fail it: a producer that was fenced has nothing left to write, and its commit says so. A dead
    /// process has nothing left either: who asks in a loop is not kept.
    fn flush(&mut self, slice: Duration) -> Result<(), Refused> {
        if self.spoiled || !self.weather.rest(TURN) || self.weather.is_dead() {
            return Ok(());
        }
        match self.weather.fault(Call::Flush) {
            Some(Fault::Late(time)) if time <= slice => {
                let _alive = self.weather.rest(time);
            }
            Some(Fault::Refused | Fault::Late(_)) if self.weather.rest(slice) => {
                return Err(refused(Kind::Unclear, "the records are not delivered in time"));
            }
            Some(Fault::Lost) if !self.weather.is_dead() => {
                return Err(refused(Kind::Unclear, "whether the records are delivered is not known"));
            }
            _ => {}
        }
        Ok(())
    }

    fn commit(&mut self, slice: Duration) -> Result<(), Refused> {
        self.turn()?;
        if !self.decided {
            self.in_transaction()?;
            let fault = self.weather.fault(Call::Commit);
            let late = if let Some(Fault::Late(time)) = fault { time } else { Duration::ZERO };
            let now = self.weather.now();
            let mut state = self.log.at(now);
            self.writer(&state)?;
            if fault != Some(Fault::Refused) {
                state.decide(&self.id, now + late);
            }
            drop(state);
            if matches!(fault, Some(Fault::Refused | Fault::Lost)) {
                self.spoiled = true;
                return Err(refused(Kind::Unclear, "the commit's outcome is not known"));
            }
            // Half of those that are late are answered once they are decided.
            if late.as_millis() % 2 == 1 {
                self.begun = false;
                return Ok(());
            }
            self.decided = true;
        }
        self.decided_within(slice)
    }
}
