//! How much is staked and won, and on which game.

use super::chance::{Chance, LogNormal};
use super::house::GameType;

/// What a win pays on average, in stakes: with 3.1 wins in a hundred bets the house keeps 7 %.
const WIN_STAKES: u64 = 30;

/// A stake as somebody would choose it: in steps that grow with it, and of at least 0.10.
pub(super) fn round_stake(minor: u64) -> u64 {
    let step = match minor {
        0..200 => 10,
        200..2_000 => 50,
        2_000..20_000 => 100,
        _ => 500,
    };
    (minor - minor % step).max(10)
}

/// What a bet of `minor` wins, to the cent.
pub(super) fn win_of(wins: &LogNormal, chance: &mut Chance, minor: u64) -> u64 {
    wins.scale(chance, minor * WIN_STAKES).max(1)
}

/// A game of `kind`, the earlier ones more often: the lesser of two even draws out of `lot`.
pub(super) fn game_of(kind: &GameType, lot: u64) -> u8 {
    let count = u64::from(kind.count);
    let one = ((lot & 0xffff) * count) >> 16;
    let other = (((lot >> 16) & 0xffff) * count) >> 16;
    kind.first + one.min(other) as u8
}
