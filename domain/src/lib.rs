//! The casino's loyalty rules, and nothing else: pure, deterministic, synchronous.
//!
//! Everything we are told is an [`event::Event`]; everything we conclude is a [`fact::Fact`]; a fact names
//! the event that caused it. [`player::Player::apply`] is the whole door: the same events under the same
//! [`rules::Rules`] give the same facts, byte for byte. There is no clock, no randomness, no input or
//! output, no float, and no order that depends on a hash.
//!
//! The law in prose is in `README.md` beside this crate's manifest.

#![deny(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::float_cmp,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm
)]
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::indexing_slicing,
        clippy::integer_division,
        clippy::panic,
        clippy::unwrap_used,
        clippy::too_many_lines,
        clippy::wildcard_enum_match_arm,
        reason = "tests may be short"
    )
)]

pub mod catalogue;
pub mod defect;
pub mod digits;
pub mod event;
pub mod fact;
pub mod identity;
pub mod money;
pub mod player;
pub mod programme;
pub mod rules;
pub mod time;
