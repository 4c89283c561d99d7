//! Any bytes as a player's saved record, and as a second one that continues the first: refused, or read and then
//! the same when it is saved and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidemark_domain::player::{Player, Saved};

fuzz_target!(|data: &[u8]| {
    // Two bytes say how long the first record is.
    let Some((head, rest)) = data.split_first_chunk::<2>() else { return };
    let length = usize::from(u16::from_le_bytes(*head)).min(rest.len());
    let (first, second) = rest.split_at(length);
    let _key = Player::key_of(first);
    let before = Player::restore(first, None).ok();
    let Some(mut player) = Player::restore(second, before.clone()).ok().or(before) else { return };
    let mut once = Vec::new();
    player.save(Saved::Full, &mut once);
    let mut again = Player::restore(&once, None).expect("what was saved can be read");
    let mut twice = Vec::new();
    again.save(Saved::Full, &mut twice);
    assert_eq!(once, twice);
});
