//! Byte buffers that go round: what one thread fills and another empties is used again, instead of being
//! asked of the system for every epoch.

use std::sync::Mutex;

/// Buffers that are free.
static FREE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
/// How many free ones are kept.
const FREE_MAX: usize = 64;
/// A buffer that has grown beyond this is given back to the system.
const BYTES_MAX: usize = 16 << 20;

/// An empty buffer, with memory if there is one free.
pub(crate) fn take() -> Vec<u8> {
    FREE.lock().ok().and_then(|mut free| free.pop()).unwrap_or_default()
}

/// Gives a buffer back.
pub(crate) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > BYTES_MAX {
        return;
    }
    buffer.clear();
    if let Ok(mut free) = FREE.lock()
        && free.len() < FREE_MAX
    {
        free.push(buffer);
    }
}
