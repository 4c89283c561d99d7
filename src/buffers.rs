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

static BYTES: Pool<Vec<u8>> = Pool::new();

/// An empty buffer, with memory if there is one free.
pub(crate) fn take() -> Vec<u8> {
    BYTES.take()
}

/// Gives a buffer back.
pub(crate) fn give(mut buffer: Vec<u8>) {
    buffer.clear();
    let bytes = buffer.capacity();
    BYTES.give(buffer, bytes);
}
