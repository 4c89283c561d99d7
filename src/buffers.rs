//! Buffers that go round: what one thread fills and another empties is used again, instead of being
//! asked of the system for every epoch.

use std::sync::Mutex;

/// How many free ones of a kind are kept.
const FREE_MAX: usize = 256;
/// A buffer that has grown beyond this is given back to the system.
const BYTES_MAX: usize = 16 << 20;

/// Things of one kind that are free.
pub(crate) struct Pool<T> {
    free: Mutex<Vec<T>>,
}

impl<T: Default> Pool<T> {
    /// An empty pool.
    pub(crate) const fn new() -> Self {
        Self { free: Mutex::new(Vec::new()) }
    }

    /// A free one, or a new one.
    pub(crate) fn take(&self) -> T {
        self.free.lock().ok().and_then(|mut free| free.pop()).unwrap_or_default()
    }

    /// Gives one back that has been emptied and holds memory for `bytes` bytes.
    pub(crate) fn give(&self, emptied: T, bytes: usize) {
        if bytes > 0
            && bytes <= BYTES_MAX
            && let Ok(mut free) = self.free.lock()
            && free.len() < FREE_MAX
        {
            free.push(emptied);
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
    use super::{SMALL_MAX, emptied};

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
