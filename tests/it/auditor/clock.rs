//! Rule 0: the clock of a partition, and the apply time of each of its records.

use super::catalogue;
use super::coverage::Coverage;
use super::decode::{Decoded, Event, decode};
use super::history::Partition;
use super::zone::Ms;

/// The clock of one partition: the distinct times read so far and the greatest value it ever had.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartitionClock {
    greatest: Option<Ms>,
    second: Option<Ms>,
    shows: Option<Ms>,
}

impl PartitionClock {
    /// What the clock shows; `None` is no clock yet, the least of all.
    pub(crate) fn shows(&self) -> Option<Ms> {
        self.shows
    }

    /// Takes in one more event time.
    pub(crate) fn read(&mut self, at: Ms, tolerance: Ms) {
        if self.greatest.is_none_or(|g| at > g) {
            self.second = self.greatest;
            self.greatest = Some(at);
        } else if self.greatest != Some(at) && self.second.is_none_or(|s| at > s) {
            self.second = Some(at);
        }
        if let (Some(g), Some(s)) = (self.greatest, self.second) {
            let formula = if g - s <= tolerance { g } else { s };
            self.shows = self.shows.max(Some(formula));
        }
    }
}

/// A record that was read from a partition and is not an event to apply.
pub(crate) struct Dead {
    pub(crate) kind: &'static str,
    pub(crate) field: Option<String>,
    pub(crate) offset: usize,
}

/// What reading one partition gives.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) events: Vec<Event>,
    pub(crate) dead: Vec<Dead>,
    pub(crate) unknown: u64,
    pub(crate) records: u64,
    /// The greatest time of the records that move clocks.
    pub(crate) greatest: Option<Ms>,
}

/// Reads a partition from its start to its end.
pub(crate) fn read(part: &Partition, delay: Ms, tolerance: Ms, cover: &mut Coverage) -> Read {
    let mut clock = PartitionClock::default();
    let mut out = Read::default();
    for (offset, line) in part.lines.iter().enumerate() {
        let decoded = decode(line, &part.topic, part.partition, offset);
        if matches!(decoded, Decoded::Blank) {
            cover.hit("S3.blank");
            continue;
        }
        cover.hit_if(offset == 0 && line.starts_with(&[0xEF, 0xBB, 0xBF]), "S3.bom");
        out.records += 1;
        match decoded {
            Decoded::Blank => {}
            Decoded::Unknown => {
                cover.hit("S3.unknown_type");
                out.unknown += 1;
            }
            Decoded::Dead { kind, field, cover: case } => {
                cover.hit(case);
                out.dead.push(Dead { kind, field, offset });
            }
            Decoded::Event(mut event) => {
                if !catalogue::moves_no_clock(&event.kind) {
                    settle(&mut event, &mut clock, delay, tolerance, cover);
                    out.greatest = out.greatest.max(event.at);
                }
                out.events.push(*event);
            }
        }
    }
    out
}

fn settle(event: &mut Event, clock: &mut PartitionClock, delay: Ms, tolerance: Ms, cover: &mut Coverage) {
    let oldest = clock.shows().map_or(Ms::MIN, |c| c - delay);
    let Some(at) = event.at else {
        event.apply = oldest;
        return;
    };
    event.late = at < oldest;
    event.apply = at.max(oldest);
    cover.hit_if(event.late, "R0.late");
    cover.hit_if(!event.late && clock.greatest.is_some_and(|g| at < g), "R0.partition_overtakes");
    clock.read(at, tolerance);
    cover.hit_if(clock.greatest > clock.shows && clock.shows.is_some(), "R0.clock_held");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_far_ahead_moves_nothing() {
        let mut clock = PartitionClock::default();
        clock.read(100, 50);
        assert_eq!(clock.shows(), None);
        clock.read(9_000, 50);
        assert_eq!(clock.shows(), Some(100));
        clock.read(9_000, 50);
        clock.read(120, 50);
        assert_eq!(clock.shows(), Some(120));
        clock.read(9_050, 50);
        assert_eq!(clock.shows(), Some(9_050));
        clock.read(20_000, 50);
        assert_eq!(clock.shows(), Some(9_050));
    }
}
