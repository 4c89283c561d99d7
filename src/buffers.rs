//! Buffers that go round: what one thread fills and another empties is used again, instead of being
//! asked of the system for every epoch.

use std::sync::Mutex;

/// How many free ones of a kind are kept.
const FREE_MAX: usize = 256;
/// A buffer that has grown beyond this is given back to the system.
const BYTES_MAX: usize = 16 << 20;
/// How many are given back until it is looked how many of the free ones nobody has taken meanwhile.
const ROUND: u32 = 4_096;

/// Things of one kind that are free.
pub(crate) struct Pool<T> {
    free: Mutex<Free<T>>,
}

/// The last one that was given is the first that is taken, so what nobody needs lies at the bottom.
struct Free<T> {
    all: Vec<T>,
    /// How many there were at least in this round.
    least: usize,
    /// How many were given back in this round.
    given: u32,
}

impl<T> Free<T> {
    fn take(&mut self) -> Option<T> {
        let taken = self.all.pop();
        self.least = self.least.min(self.all.len());
        taken
    }

    /// Keeps one; at the end of a round those are given out that lay there all the time. There are as many as were under
    /// way at once after the longest pause, and each is as large as it was then.
    fn give(&mut self, emptied: T) -> Vec<T> {
        if self.all.len() < FREE_MAX {
            self.all.push(emptied);
        }
        self.given += 1;
        if self.given < ROUND {
            return Vec::new();
        }
        let idle = self.all.drain(..self.least).collect();
        (self.least, self.given) = (self.all.len(), 0);
        idle
    }
}

impl<T: Default> Pool<T> {
    /// An empty pool.
    pub(crate) const fn new() -> Self {
        Self { free: Mutex::new(Free { all: Vec::new(), least: 0, given: 0 }) }
    }

    /// A free one, or a new one.
    pub(crate) fn take(&self) -> T {
        self.free.lock().ok().and_then(|mut free| free.take()).unwrap_or_default()
    }

    /// Gives one back that has been emptied and holds memory for `bytes` bytes.
    pub(crate) fn give(&self, emptied: T, bytes: usize) {
        if bytes > 0 && bytes <= BYTES_MAX {
            // What goes back to the system does so when others may take and give again.
            let idle = self.free.lock().map(|mut free| free.give(emptied));
            drop(idle);
        }
    }
}

/// Below this a buffer is kept, however little it held.
const SMALL_MAX: usize = 64 << 10;
/// A buffer that has room for more than this many times what it held is given back to the system.
const ROOM_MAX: usize = 4;

/// Empties a buffer that goes round, with its memory as long as that is in proportion. After a pause every epoch is large,
/// and each buffer that goes round has its turn with one: in the end all of them would be as large as the largest.
pub(crate) fn emptied<T>(buffer: &mut Vec<T>) {
    let room = buffer.capacity();
    if room * size_of::<T>() > SMALL_MAX && room / ROOM_MAX > buffer.len() {
        *buffer = Vec::new();
    } else {
        buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{FREE_MAX, Free, ROUND, SMALL_MAX, emptied};

    #[test]
    fn what_lay_there_for_a_whole_round_is_given_out() {
        let mut free = Free { all: Vec::new(), least: 0, given: 0 };
        (0..300).for_each(|number| assert!(free.give(number).is_empty()));
        assert_eq!(free.all.len(), FREE_MAX);
        // Three are under way at once from now on. The round in which it begins knows of a time with none.
        let mut idle = Vec::new();
        for _ in 0..ROUND {
            let taken: Vec<_> = (0..3).filter_map(|_| free.take()).collect();
            taken.into_iter().for_each(|each| idle.extend(free.give(each)));
        }
        assert_eq!(idle, (0..253).collect::<Vec<_>>(), "the oldest");
        assert_eq!(free.all.len(), 3);
    }

    #[test]
    fn a_buffer_keeps_its_memory_as_long_as_it_is_in_proportion() {
        for (held, kept) in [(SMALL_MAX, true), (SMALL_MAX / 4 + 1, true), (SMALL_MAX / 8, false), (0, false)] {
            let mut buffer = vec![0_u8; SMALL_MAX + 4];
            buffer.shrink_to_fit();
            buffer.truncate(held);
            emptied(&mut buffer);
            assert_eq!((buffer.len(), buffer.capacity() > 0), (0, kept), "{held} bytes");
        }
        let mut small = vec![0_u8; 100];
        small.truncate(1);
        emptied(&mut small);
        assert!(small.capacity() >= 100);
    }
}
