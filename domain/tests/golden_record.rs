//! The golden record: a saved player of version 1, committed, which every later program must read.
//!
//! `golden/player-v1.hex` was written once, from the table beside it. If the form changes, it gets a
//! new version number and a file of its own; this one stays.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "tests may be short"
)]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod kit;

use kit::table::{self, Act, Scenario};
use kit::world::{Between, World, rules_of};
use tidemark_domain::player::{Player, RecordError, Saved};

const TABLE: &str = include_str!("golden/player-v1.txt");
const RECORD: &str = include_str!("golden/player-v1.hex");

fn scenario() -> Scenario {
    table::parse("player-v1.txt", TABLE).remove(0)
}

/// Where the making ends and what the restored player must do begins.
fn first_state(scenario: &Scenario) -> usize {
    scenario.steps.iter().position(|step| matches!(step.act, Act::State)).unwrap()
}

fn record() -> Vec<u8> {
    let digits: Vec<u8> = RECORD.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(48).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    lines.collect::<Vec<_>>().join("\n")
}

/// The world as the table leaves it at its first `state` line.
fn made() -> World {
    let scenario = scenario();
    let mut world = World::new(rules_of(&scenario), Between::Nothing);
    for step in &scenario.steps[..first_state(&scenario)] {
        world.play(step);
    }
    assert!(world.desk.wrong.is_empty(), "{:#?}", world.desk.wrong);
    world
}

#[test]
fn the_committed_record_is_restored_and_saved_to_the_same_bytes() {
    let mut player = Player::restore(&record(), None).unwrap();
    let mut again = Vec::new();
    player.save(Saved::Full, &mut again);
    assert_eq!(hex(&again), hex(&record()));
    assert_eq!(Player::key_of(&record()), Ok("b1:p1"));
}

#[test]
fn the_table_still_makes_the_committed_record() {
    let mut world = made();
    let mut bytes = Vec::new();
    world.players.values_mut().next().unwrap().player.save(Saved::Full, &mut bytes);
    assert!(hex(&bytes) == hex(&record()), "the form has changed, or the rules: this would be it now\n{}", hex(&bytes));
}

#[test]
fn the_restored_player_has_the_same_profile_and_does_the_same_things() {
    let scenario = scenario();
    let mut world = made();
    world.players.values_mut().next().unwrap().player = Player::restore(&record(), None).unwrap();
    let mut wrong = Vec::new();
    for step in &scenario.steps[first_state(&scenario)..] {
        let (expected, got) = world.play(step);
        if expected != got {
            wrong.push(format!(
                "{}: {}\n    {}\n  got\n    {}",
                step.line,
                step.text,
                expected.join("\n    "),
                got.join("\n    ")
            ));
        }
    }
    assert!(wrong.is_empty() && world.desk.wrong.is_empty(), "{}\n{:#?}", wrong.join("\n"), world.desk.wrong);
}

#[test]
fn a_record_that_is_cut_or_changed_is_refused_or_read_but_never_panics() {
    let whole = record();
    for end in 0..whole.len() {
        assert!(Player::restore(&whole[..end], None).is_err(), "cut at {end}");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1 << bit;
            let _read = Player::restore(&changed, None);
        }
    }
    let mut later = whole;
    later[0] = 99;
    assert_eq!(Player::restore(&later, None).err(), Some(RecordError::Version(99)));
}

#[test]
fn a_delta_without_the_record_before_it_is_refused() {
    let mut player = Player::restore(&record(), None).unwrap();
    let mut delta = Vec::new();
    player.save(Saved::Delta, &mut delta);
    assert!(delta.len() < record().len() / 2, "a delta of nothing new holds no entries");
    assert_eq!(Player::restore(&delta, None).err(), Some(RecordError::MissingBase));
    let mut again = Vec::new();
    Player::restore(&delta, Some(player)).unwrap().save(Saved::Full, &mut again);
    assert_eq!(hex(&again), hex(&record()));
}
