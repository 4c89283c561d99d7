//! Bets that come at a pace, each at the time that it says.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::producer::BaseRecord;
use tidemark::kafka::{self, Cluster};

use super::Bench;
use super::job::Input;
use super::process::Service;

/// As fast as it goes.
pub(crate) const UNPACED: f64 = 1e9;

/// The most records between two looks at the clock.
const BURST: u64 = 1_000;
/// How long it waits where it is on time.
const WAIT: Duration = Duration::from_millis(2);
/// How long a flush may take.
const FLUSH: Duration = Duration::from_secs(60);
/// Players take turns in steps of this prime, so that no two neighbours follow each other.
const STEP: u64 = 7_368_787;

/// The time that events carry.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    base_ms: i64,
    speed: u32,
    begun: Instant,
}

impl Clock {
    /// The machine's.
    pub(crate) fn machine() -> Self {
        let since = std::time::UNIX_EPOCH.elapsed().expect("it is later than 1970");
        Self { base_ms: i64::try_from(since.as_millis()).expect("it fits"), speed: 1, begun: Instant::now() }
    }

    /// One that is at an instant now and goes so many times as fast.
    pub(crate) fn fast(base_ms: i64, speed: u32) -> Self {
        Self { base_ms, speed, begun: Instant::now() }
    }

    fn now(&self) -> i64 {
        let passed = i64::try_from(self.begun.elapsed().as_micros()).expect("it fits");
        self.base_ms + passed * i64::from(self.speed) / 1_000
    }
}

/// When each record was handed over, in microseconds since the feed began, plus one.
pub(crate) struct Stamps {
    begun: Instant,
    at: Vec<AtomicU64>,
}

impl Stamps {
    /// Room for so many.
    pub(crate) fn new(count: usize) -> Self {
        Self { begun: Instant::now(), at: (0..count).map(|_| AtomicU64::new(0)).collect() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).expect("it fits") + 1
    }

    fn put(&self, number: u64) {
        if let Some(at) = usize::try_from(number).ok().and_then(|number| self.at.get(number)) {
            at.store(self.now(), Ordering::Release);
        }
    }

    /// When a record was handed over and how long ago that is, once, in microseconds.
    pub(crate) fn take(&self, number: u64) -> Option<(u64, u64)> {
        let at = self.at.get(usize::try_from(number).ok()?)?.swap(0, Ordering::AcqRel);
        (at > 0).then(|| (at, self.now().saturating_sub(at)))
    }

    /// When those were handed over that nobody has taken.
    pub(crate) fn left(&self) -> impl Iterator<Item = u64> {
        self.at.iter().map(|at| at.load(Ordering::Acquire)).filter(|at| *at > 0)
    }
}

/// See the module's words.
pub(crate) struct Feed<'a> {
    brokers: &'a str,
    topic: String,
    players: u64,
    per_second: f64,
    clock: Clock,
    stop: AtomicBool,
    stamps: Option<&'a Stamps>,
}

/// What was sent.
#[derive(Clone, Copy)]
pub(crate) struct Fed {
    pub(crate) records: u64,
    pub(crate) seconds: f64,
}

impl Fed {
    /// The pace that was held.
    pub(crate) fn rate(&self) -> f64 {
        self.records as f64 / self.seconds
    }
}

impl<'a> Feed<'a> {
    /// So many bets a second, of so many players in turns.
    pub(crate) fn new(bench: &'a Bench, input: &Input<'_>, players: u64, per_second: f64, clock: Clock) -> Self {
        let (brokers, topic, stop) = (bench.brokers(), input.topic(), AtomicBool::new(false));
        Self { brokers, topic, players, per_second, clock, stop, stamps: None }
    }

    /// Notes when each record is handed over. Then nothing lingers in the producer.
    pub(crate) fn noting(mut self, stamps: &'a Stamps) -> Self {
        self.stamps = Some(stamps);
        self
    }

    /// Fails where a service has ended by itself; then nothing is fed any more.
    pub(crate) fn must_serve(&self, service: &Service) {
        self.stop.store(!service.runs(), Ordering::Release);
        service.must_run();
    }

    /// Feeds no more.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Sends bets, the first with the number `first`, until there are `count` or the time is over.
    pub(crate) fn run(&self, first: u64, count: u64, limit: Duration) -> Fed {
        let linger = self.stamps.map(|_| ("linger.ms".to_owned(), "0".to_owned()));
        let cluster = Cluster { brokers: self.brokers.to_owned(), settings: linger.into_iter().collect() };
        let producer = kafka::producer(cluster).expect("a producer can be made");
        let mut bet = Bet::default();
        let begun = Instant::now();
        let mut sent = 0;
        while sent < count && begun.elapsed() < limit && !self.stop.load(Ordering::Acquire) {
            let due = ((begun.elapsed().as_secs_f64() * self.per_second) as u64).min(count);
            if sent >= due {
                std::thread::sleep(WAIT);
                continue;
            }
            let until = due.min(sent + BURST);
            for number in first + sent..first + until {
                bet.write(number, number.wrapping_mul(STEP) % self.players, self.clock.now());
                if let Some(stamps) = self.stamps {
                    stamps.put(number);
                }
                let record = BaseRecord::to(&self.topic).key(bet.key.as_bytes()).payload(bet.line.as_bytes());
                kafka::send(&producer, record).expect("a record can be sent");
            }
            sent = until;
            if self.stamps.is_some() {
                assert!(kafka::delivered(&producer, FLUSH), "records are taken");
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        kafka::finish(&producer).expect("records are taken");
        Fed { records: sent, seconds }
    }
}

/// The last bet that was written, and what can be used again of it.
#[derive(Default)]
struct Bet {
    line: String,
    key: String,
    at: String,
    at_ms: i64,
}

impl Bet {
    fn write(&mut self, number: u64, player: u64, at_ms: i64) {
        if at_ms != self.at_ms {
            self.at_ms = at_ms;
            self.at.clear();
            let at = jiff::Timestamp::from_millisecond(at_ms).expect("a time of this era");
            write!(self.at, "{at:.3}").expect("a text takes everything");
        }
        self.key.clear();
        self.line.clear();
        write!(self.key, "b1:p{player}").expect("a text takes everything");
        let (mut numbers, mut players) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (digits, whose) = (numbers.format(number), players.format(player));
        for piece in [
            r#"{"event_id":"e-"#,
            digits,
            r#"","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p"#,
            whose,
            r#"","occurred_at":""#,
            self.at.as_str(),
            r#"","bet_id":"b-"#,
            digits,
            r#"","round_id":"r-"#,
            digits,
            r#"","game_id":"book-of-sun","game_type":"slots","amount":""#,
            ["1", "2", "5", "10", "20"][(number % 5) as usize],
            r#".50","currency":"EUR"}"#,
        ] {
            self.line.push_str(piece);
        }
    }
}
