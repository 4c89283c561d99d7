//! What the allocator of all but librdkafka is told.
//!
//! It reads its settings from the environment before `main`, so a process that wants others starts once more, in its
//! own place. Where it cannot, it is slower, or larger, and otherwise the same.

use std::os::unix::process::CommandExt as _;

/// The name and the value of a variable that the allocator reads.
pub type Setting = (&'static str, &'static str);

/// How long memory that was given back is kept, in ms.
///
/// By the default of 10 ms it comes from the system anew each time, zeroed, for whatever grows: players' lists, blocks
/// of facts. In a replay that is 3 to 7 % of all time, in the service about 3 %.
const KEPT: Setting = ("MIMALLOC_PURGE_DELAY", "2000");

/// No pages of 2 MiB.
///
/// The service has many threads, each of them a little memory of many sizes, and a page is resident as a whole once a
/// byte of it was touched: a fifth of all memory.
const SMALL_PAGES: Setting = ("MIMALLOC_ALLOW_THP", "0");

/// Of a process that reads its input to the end and ends.
pub const REPLAY: &[Setting] = &[KEPT];
/// Of the service.
pub const SERVICE: &[Setting] = &[KEPT, SMALL_PAGES];

/// Has the allocator set, where the operator has not set it otherwise. Comes back where that was so from the start, or
/// cannot be.
pub(super) fn keep(settings: &[Setting]) {
    if untold(settings).next().is_some() {
        drop(in_own_place(settings));
    }
}

/// Starts this process once more, in its own place, with what the operator has not set himself; gives why that is not
/// possible.
pub(super) fn in_own_place(settings: &[Setting]) -> std::io::Error {
    let words: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    match std::env::current_exe() {
        Ok(program) => std::process::Command::new(program).args(words).envs(untold(settings)).exec(),
        Err(cause) => cause,
    }
}

fn untold(settings: &[Setting]) -> impl Iterator<Item = Setting> {
    settings.iter().copied().filter(|(name, _)| std::env::var_os(name).is_none())
}
