//! The synthetic casino: a stream of events out of a seed, for the demo, tests and benchmarks.
//!
//! It owns what its players do and how that is written; it knows the formats of events and no rule
//! of the programme, so that the rules can be tried on what it makes. The same [`Casino`] gives the
//! same bytes on every machine: integers only, no clock, no order of a hash table.
//!
//! [`Shape::Realistic`]: three brands in three time zones and three currencies; players of skewed
//! appetite who play in sessions, by day and by night, fall silent and come back; a few climbers
//! who reach the upper tiers and lose them again; voids, corrections, duplicates, late bets;
//! deposits, redemptions and orders of the back office. Within a partition records are out of order
//! by less than half a second, but for those that are late on purpose.
//!
//! [`Shape::Bench`]: the benchmark input. Bets of one brand in one currency, evenly over the days,
//! time growing with every record that is not one sent again.
//!
//! Reading order: `record` (what there is), `line` (how it is written), `house` and `player` (who
//! plays what), `pace` (how much in which hour), `play` (what comes next), `session` and `desk`
//! (what people do), `bench`, `files`; `chance`, `calendar` and `stake` are what these stand on.

mod bench;
mod calendar;
mod chance;
mod desk;
mod files;
mod house;
mod line;
mod pace;
mod play;
mod player;
mod record;
mod session;
mod stake;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bench::Bench;
use line::Lines;
use play::Play;
use player::Player;
use record::{KIND_NAMES, Record, Topic};

/// 2026-01-01T00:00:00Z, where a casino begins unless told otherwise.
pub const DEFAULT_START_MS: i64 = 1_767_225_600_000;

/// What a stream should look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All that happens in a casino, on all topics.
    Realistic,
    /// The benchmark input: bets, their voids and wins only.
    Bench,
}

/// The settings of a synthetic casino; they determine every byte.
#[derive(Clone, Debug)]
pub struct Casino {
    /// How many players there are, of all brands; at least 1.
    pub players: u32,
    /// How many records the stream has, all topics together.
    pub events: u64,
    /// What chance starts from.
    pub seed: u64,
    /// The days over which the records spread; at least 1. Where so few players cannot make so many
    /// records, the realistic stream runs on beyond them.
    pub days: u32,
    /// Partitions of every topic that is keyed by player; at least 1.
    pub partitions: u32,
    /// The first instant, in milliseconds since 1970.
    pub start_ms: i64,
    /// What the stream looks like.
    pub shape: Shape,
}

impl Default for Casino {
    /// The demo's casino: 2,000 players, 300,000 records, 90 days.
    fn default() -> Self {
        Self {
            players: 2_000,
            events: 300_000,
            seed: 1,
            days: 90,
            partitions: 4,
            start_ms: DEFAULT_START_MS,
            shape: Shape::Realistic,
        }
    }
}

impl Casino {
    /// The benchmark input, unless a benchmark says otherwise: 5,000,000 records of 100,000 players
    /// over 60 days in 8 partitions.
    pub fn benchmark() -> Self {
        Self {
            players: 100_000,
            events: 5_000_000,
            seed: 1,
            days: 60,
            partitions: 8,
            start_ms: DEFAULT_START_MS,
            shape: Shape::Bench,
        }
    }

    /// Every partition as topic and number. Records stand in them in order of production.
    pub fn partitions(&self) -> Vec<(String, u32)> {
        let topics = match self.shape {
            Shape::Realistic => &Topic::KEYED[..],
            Shape::Bench => &Topic::KEYED[..1],
        };
        let mut partitions = Vec::new();
        for topic in topics {
            for partition in 0..self.partitions.max(1) {
                partitions.push((topic.name().to_owned(), partition));
            }
        }
        if self.shape == Shape::Realistic {
            partitions.push((Topic::Fx.name().to_owned(), 0));
        }
        partitions
    }

    /// The stream from its beginning.
    pub fn records(&self) -> Records {
        let maker = match self.shape {
            Shape::Realistic => Maker::Play(Box::new(Play::new(self))),
            Shape::Bench => Maker::Bench(Box::new(Bench::new(self))),
        };
        Records {
            maker,
            lines: Lines::new(self.shape == Shape::Realistic),
            partitions: self.partitions.max(1) as usize,
            last: None,
        }
    }

    /// Writes the stream to `directory`, one file `<topic>/<partition>.jsonl` per partition, empty
    /// ones too. Files of these names are replaced, others stay: where a folder holds an earlier
    /// stream of more partitions, the two mix.
    ///
    /// # Errors
    ///
    /// When a folder or file cannot be made or written.
    pub fn write(&self, directory: &Path) -> io::Result<Counts> {
        files::write(self, directory)
    }
}

/// How much was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of all topics.
    pub records: u64,
    /// Bytes of all files, newlines included.
    pub bytes: u64,
    /// Records by topic.
    pub topics: BTreeMap<String, u64>,
}

enum Maker {
    Play(Box<Play>),
    Bench(Box<Bench>),
}

impl Maker {
    fn player(&self, index: u32) -> &Player {
        let players = match self {
            Self::Play(play) => &play.players,
            Self::Bench(bench) => &bench.players,
        };
        &players[index as usize]
    }
}

/// A stream under way.
pub struct Records {
    maker: Maker,
    lines: Lines,
    partitions: usize,
    last: Option<Record>,
}

impl Records {
    /// Replaces `line` with the next record, without a newline, and returns the index of its
    /// partition in [`Casino::partitions`]; `None` at the end, with `line` as it was.
    pub fn next(&mut self, line: &mut Vec<u8>) -> Option<usize> {
        let record = match &mut self.maker {
            Maker::Play(play) => play.next(),
            Maker::Bench(bench) => bench.next(),
        }?;
        self.last = Some(record);
        let player = self.maker.player(record.player);
        self.lines.write(line, &record, player);
        let topic = KIND_NAMES[record.what.kind()].0;
        let partition = if topic == Topic::Fx { 0 } else { player.partition as usize };
        Some(topic as usize * self.partitions + partition)
    }

    /// Replaces `key` with the Kafka key of the record that [`Self::next`] returned last:
    /// `brand:player`, or `currency:base:valid_from` of a rate. Empty before the first.
    pub fn key(&mut self, key: &mut Vec<u8>) {
        key.clear();
        if let Some(record) = self.last {
            self.lines.write_key(key, &record, self.maker.player(record.player));
        }
    }
}
