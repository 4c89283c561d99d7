//! The protocol of exactly once in a world of its own: the real service over a log and a store in memory, every turn of
//! every thread drawn from a seed, and whatever can go wrong goes wrong.
//!
//! A seed gives one story and one trace. `TIDEMARK_SIM_SEED=n` plays one seed, `TIDEMARK_SIM_SEEDS=n` so many of them
//! (`make sim SEEDS=n`).
//!
//! Reading order: `weather`, `turns`, `log`, `store`, `world`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::shadow_unrelated,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::let_underscore_must_use,
    missing_docs,
    reason = "tests may be short"
)]

#[allow(dead_code, reason = "the other tests use more of it")]
#[path = "../it/broker.rs"]
mod broker;
mod cases;
mod connection;
mod input;
mod log;
mod producer;
#[allow(dead_code, reason = "the other tests use more of it")]
#[path = "../it/results.rs"]
mod results;
mod store;
mod turns;
mod weather;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use tidemark::machine::Defect;
use world::{Seen, Story, play};

/// Seeds of one run of the tests.
const SEEDS: u64 = 300;
/// Processes that come to a bad end in each of them.
const ENDS: u32 = 6;

/// Each defect is found within so many seeds.
const DEFECT_SEEDS: u64 = 200;

/// The points of the protocol at which a process is made to die.
const POINTS: [&str; 21] = [
    "start.generation",
    "start.fenced",
    "start.restored",
    "epoch.cut",
    "epoch.before-bound",
    "epoch.bound",
    "epoch.sent",
    "journal.before-record",
    "journal.after-record",
    "journal.before-segment",
    "journal.after-segment",
    "journal.record-removed",
    "commit.asked-for",
    "commit.waits-for-binding",
    "commit.begins",
    "commit.progress-sent",
    "commit.offsets-sent",
    "commit.done",
    "snapshot.part-written",
    "snapshot.manifest-written",
    "snapshot.object-removed",
];

/// What `make sim` asks for.
fn from_environment(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "the one place where these tests read the environment")]
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Plays stories on both cores; gives what was seen, in their order, or what was wrong.
fn all(stories: &[Story]) -> Vec<Result<Seen, String>> {
    let next = AtomicU64::new(0);
    let found: Vec<std::sync::Mutex<Option<Result<Seen, String>>>> =
        stories.iter().map(|_| std::sync::Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let Some(story) = stories.get(at) else { return };
                    *found[at].lock().unwrap() = Some(play(story));
                }
            });
        }
    });
    found.into_iter().map(|found| found.into_inner().unwrap().unwrap()).collect()
}

fn story(seed: u64) -> Story {
    Story { seed, ends: ENDS, wall: seed.is_multiple_of(3), ..Story::default() }
}

#[test]
fn whatever_goes_wrong_every_fact_is_there_once() {
    if let Some(seed) = from_environment("TIDEMARK_SIM_SEED") {
        let seen = play(&story(seed)).unwrap_or_else(|wrong| panic!("{wrong}"));
        println!("seed {seed}: {} turns, trace {:016x}", seen.turns, seen.trace);
        return;
    }
    let count = from_environment("TIDEMARK_SIM_SEEDS").unwrap_or(SEEDS);
    let stories: Vec<Story> = (1..=count).map(story).collect();
    let seen = all(&stories);
    let wrong: Vec<&String> = seen.iter().filter_map(|seen| seen.as_ref().err()).collect();
    let turns: u64 = seen.iter().flatten().map(|seen| seen.turns).sum();
    println!("{count} seeds, {turns} turns");
    for each in &wrong {
        println!("{}", each);
    }
    assert!(wrong.is_empty(), "{} of {count} seeds, the first: {}", wrong.len(), wrong[0]);
}

#[test]
fn a_seed_is_one_story() {
    for seed in [3, 40, 77] {
        let (first, second) = (play(&story(seed)), play(&story(seed)));
        assert_eq!(first, second, "seed {seed}");
        assert_ne!(first.unwrap().trace, play(&story(seed + 1)).unwrap().trace, "another seed, another story");
    }
}

/// Every named point of the protocol: a process dies there the first time it passes, in the middle, and the last time,
/// with one worker and with two.
#[test]
fn wherever_a_process_dies_the_next_one_goes_on() {
    let mut stories = Vec::new();
    for workers in [1, 2] {
        let whole = Story { seed: 5, only: Some(("nowhere", 1, workers)), ends: 0, ..Story::default() };
        let passed = play(&whole).unwrap_or_else(|wrong| panic!("{wrong}")).passed;
        for point in POINTS {
            let times = passed.get(point).copied().unwrap_or(0);
            assert!(times > 0, "{point} is not passed at all: {passed:?}");
            for time in [1, times.div_ceil(2), times] {
                stories.push(Story { only: Some((point, time, workers)), ends: 1, ..whole.clone() });
            }
        }
        assert_eq!(passed.len(), POINTS.len(), "points that nobody dies at: {passed:?}");
    }
    let seen = all(&stories);
    let wrong: Vec<String> = stories
        .iter()
        .zip(&seen)
        .filter_map(|(story, seen)| Some(format!("{:?}: {}", story.only, seen.as_ref().err()?)))
        .collect();
    println!("{} deaths at {} points", stories.len(), POINTS.len());
    assert!(wrong.is_empty(), "{} of {}: {}", wrong.len(), stories.len(), wrong[0]);
}

/// Every planted defect is noticed by the stories that nothing is wrong with otherwise.
#[test]
fn every_planted_defect_is_noticed() {
    let mut missed = Vec::new();
    for defect in Defect::ALL {
        let found = (1..=DEFECT_SEEDS).find_map(|seed| {
            let wrong = play(&Story { defect: Some(*defect), ..story(seed) }).err()?;
            Some((seed, wrong.lines().next().unwrap_or_default().to_owned()))
        });
        match found {
            Some((seed, wrong)) => println!("{:24} {wrong} (seed {seed})", defect.name()),
            None => missed.push(defect.name()),
        }
    }
    assert!(Defect::ALL.len() >= 20);
    assert!(missed.is_empty(), "not noticed within {DEFECT_SEEDS} seeds: {missed:?}");
}
