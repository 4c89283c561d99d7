//! One player's ledger: what a bet costs in `Player::apply`, with nothing around it.
//!
//! `cargo bench --bench ledger`; see `README.md` beside this file.

#![allow(clippy::shadow_unrelated, clippy::large_stack_frames, clippy::let_underscore_must_use, reason = "a bench may be short")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a benchmark may end where it stands")]

mod measure;

use std::hint::black_box;
use std::process::Command;
use std::time::Instant as Watch;

use measure::player::{DAY, Kept, MINUTE, Nowhere, START, rules};
use measure::{Arguments, median, span};
use tidemark_domain::player::{Player, Scene};
use tidemark_domain::rules::Rules;
use tidemark_domain::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Instructions for one event of each habit, counted by `callgrind` on x86-64 in the profile of `cargo bench`;
/// none where nobody has counted yet. More than 3 % off is a change of the code: find out what, then write it here.
const REFERENCE: [Option<f64>; HABITS.len()] = [Some(3_553.0), Some(3_501.0), Some(3_369.0), Some(3_023.0)];

/// How a player plays.
#[derive(Clone, Copy)]
struct Habit {
    name: &'static str,
    /// Between two bets.
    pause: i64,
    /// One of so many events is a void of an earlier bet.
    void_every: Option<u64>,
    /// Events before those that are measured, so that as much is remembered as always will be.
    before: u64,
}

const HABITS: [Habit; 4] = [
    Habit { name: "a bet every 5 minutes, 8,900 remembered", pause: 5 * MINUTE, void_every: None, before: 9_500 },
    Habit { name: "the same, and one of 20 events a void", pause: 5 * MINUTE, void_every: Some(20), before: 9_500 },
    Habit { name: "3 bets a day, 93 remembered", pause: DAY / 3, void_every: None, before: 120 },
    Habit { name: "a bet every 3 days, 10 remembered", pause: 3 * DAY, void_every: None, before: 20 },
];

fn main() {
    let arguments = Arguments::of_this_process();
    let rules = rules();
    if let Some(habit) = arguments.text("--under-callgrind") {
        let habit = HABITS[habit.parse::<usize>().expect("the number of a habit")];
        play(&rules, habit, arguments.number("--events", 2_000));
        return;
    }
    if arguments.has("--instructions") {
        return count_instructions();
    }
    let (events, runs) = (arguments.number("--events", 200_000), arguments.number("--runs", 7));
    measure::print_machine();
    println!("\n| one player | ns for an event: median (least to most) | facts for an event |");
    println!("|---|---|---|");
    let mut taken = vec![Vec::new(); HABITS.len()];
    let mut facts = [0.0; HABITS.len()];
    for _ in 0..runs {
        for (at, habit) in HABITS.iter().enumerate() {
            let (seconds, count) = play(&rules, *habit, events);
            taken[at].push(seconds * 1e9 / events as f64);
            facts[at] = count as f64 / events as f64;
        }
    }
    for (at, habit) in HABITS.iter().enumerate() {
        let (least, most) = span(taken[at].iter().copied());
        println!("| {} | {:.0} ({least:.0} to {most:.0}) | {:.2} |", habit.name, median(taken[at].iter().copied()), facts[at]);
    }
}

/// Lets a player play; gives the seconds of the measured part, and its facts.
fn play(rules: &Rules, habit: Habit, events: u64) -> (f64, u64) {
    let all: Vec<Kept> = (0..habit.before + events).map(|number| kept(habit, number)).collect();
    let (before, measured) = all.split_at(usize::try_from(habit.before).expect("few events"));
    let mut player = Player::new("b1", Some("p42"), Instant(START), rules);
    let mut scratch = Vec::new();
    apply_all(&mut player, before, rules, &mut scratch);
    let start = Watch::now();
    let facts = measured_part(&mut player, measured, rules, &mut scratch);
    let seconds = start.elapsed().as_secs_f64();
    black_box(&player);
    (seconds, facts)
}

fn kept(habit: Habit, number: u64) -> Kept {
    let void = habit.void_every.is_some_and(|every| number > every && number.is_multiple_of(every));
    let at = Instant(START + i64::try_from(number).expect("few events") * habit.pause);
    Kept::new("p42", number, void.then(|| number - 7), at)
}

fn apply_all(player: &mut Player, events: &[Kept], rules: &Rules, scratch: &mut Vec<u8>) -> u64 {
    let mut out = Nowhere::default();
    for kept in events {
        let mut scene = Scene::new(rules, &mut out, scratch);
        black_box(player.apply(&kept.event(), &mut scene));
    }
    out.facts
}

/// What is timed and counted, as a function of its own, which `callgrind` finds by its name.
#[inline(never)]
fn measured_part(player: &mut Player, events: &[Kept], rules: &Rules, scratch: &mut Vec<u8>) -> u64 {
    apply_all(player, events, rules, scratch)
}

/// Lets `callgrind` count the instructions of each habit, in the measured part alone.
fn count_instructions() {
    const EVENTS: u64 = 2_000;
    println!("| one player | instructions for an event | reference | |");
    println!("|---|---|---|---|");
    for (at, (habit, reference)) in HABITS.iter().zip(REFERENCE).enumerate() {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured_part*"])
            .arg(std::env::current_exe().expect("this binary has a path"))
            .args(["--under-callgrind", &at.to_string(), "--events", &EVENTS.to_string()])
            .output()
            .expect("valgrind is installed (apt-get install valgrind)");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<f64>().ok());
        let each = count.unwrap_or_else(|| panic!("callgrind counted nothing:\n{said}")) / EVENTS as f64;
        let change = reference.map_or(0.0, |reference| (each / reference - 1.0) * 100.0);
        let mark = if change.abs() > 3.0 { "CHANGED" } else { "" };
        let beside = reference.map_or_else(|| "none yet".to_owned(), |reference| format!("{reference:.0} ({change:+.1} %)"));
        println!("| {} | {each:.0} | {beside} | {mark} |", habit.name);
    }
}
