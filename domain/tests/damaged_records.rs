//! Records that once made the reader fall over: each is refused, or read, and nothing panics.

use tidemark_domain::player::{Player, Saved};

/// The bytes of one block of hex.
fn bytes(block: &str) -> Vec<u8> {
    let digits: Vec<u8> = block.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0);
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | value(*digit))).collect()
}

#[test]
fn a_damaged_record_is_refused_or_read_and_never_a_panic() {
    let mut seen = 0;
    for pair in include_str!("golden/damaged.hex").split("first\n").filter(|pair| !pair.trim().is_empty()) {
        let (first, second) = pair.split_once("second\n").expect("every first has its second");
        let before = Player::restore(&bytes(first), None).ok();
        if let Some(mut player) = Player::restore(&bytes(second), before.clone()).ok().or(before) {
            player.save(Saved::Full, &mut Vec::new());
        }
        seen += 1;
    }
    assert!(seen > 0);
}
