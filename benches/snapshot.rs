//! State: how big it is, how long it takes to save and to restore, and what a year of silence costs.
//!
//! `cargo bench --bench snapshot`; see `README.md` beside this file.

#![allow(clippy::shadow_unrelated, clippy::large_stack_frames, clippy::let_underscore_must_use, reason = "a bench may be short")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a benchmark may end where it stands")]

mod measure;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Watch};

use measure::player::{DAY, Kept, MINUTE, Nowhere, START, rules};
use measure::{Arguments, Figures, input};
use tidemark::runtime::replay::{Options, Watcher, replay};
use tidemark::runtime::state::State;
use tidemark::sources::{files, reference};
use tidemark_domain::player::{Player, Saved, Scene};
use tidemark_domain::rules::Rules;
use tidemark_domain::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many bets come after those of all players, so that a snapshot can be taken behind these.
const TAIL: u64 = 400_000;

fn main() {
    let arguments = Arguments::of_this_process();
    if arguments.is_one_run() {
        one_run(&arguments);
        std::process::exit(0);
    }
    let players = arguments.number("--players", 1_000_000);
    let sets = arguments.text("--set").unwrap_or("all");
    let wanted = |set: &str| sets == "all" || sets.split(',').any(|each| each == set);
    measure::print_machine();
    if wanted("memory") {
        memory(players);
    }
    if wanted("records") {
        alone(&["--records", &players.to_string(), "10"]);
    }
    if wanted("restart") {
        restart(&measure::folder(&arguments), players);
    }
    if wanted("silence") {
        silence(&measure::folder(&arguments), players, arguments.number("--runs", 3));
    }
}

fn one_run(arguments: &Arguments) {
    if let Some(kind) = arguments.text("--memory") {
        return resident(kind, arguments.number("--players", 0), arguments.number("--bets", 0));
    }
    if arguments.has("--records") {
        return records(arguments.number("--records", 0), 10);
    }
    if arguments.has("--write") {
        return write_snapshot(arguments);
    }
    if arguments.has("--resume") {
        return resume(arguments);
    }
    measure::job::run(arguments, Watch::now()).tell();
}

/// Runs a part in a process of its own, which prints by itself.
fn alone(arguments: &[&str]) -> bool {
    alone_with(&[], arguments)
}

/// The same, with settings of the allocator.
fn alone_with(settings: &[(&str, &str)], arguments: &[&str]) -> bool {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    measure::again(&arguments).envs(settings.iter().copied()).status().expect("this binary can be started again").success()
}

// ---- bytes of memory

fn memory(players: u64) {
    println!("\n## memory: resident bytes, by what the process grew\n");
    println!("| players | what they hold | bytes each | of which `size_of::<Player>()` |");
    println!("|---|---|---|---|");
    let many = players.to_string();
    let few = (players / 10).to_string();
    for (kind, players, bets) in [
        ("one bet, 40 silent days", &many, "1"),
        ("10 bets, 40 silent days", &many, "10"),
        ("10 remembered bets of ten days", &many, "10"),
        ("10 remembered bets of one day", &many, "10"),
        ("100 bets, 40 silent days", &few, "100"),
        ("100 remembered bets of ten days", &few, "100"),
    ] {
        // What was given back goes to the system at once, so that what is resident is what is allocated.
        alone_with(&[("MIMALLOC_PURGE_DELAY", "0")], &["--memory", kind, "--players", players, "--bets", bets]);
    }
    println!(
        "\nA remembered bet takes the difference between remembered and silent, divided by their number; a day's turnover comes to it."
    );
}

fn resident(kind: &str, players: u64, bets: u64) {
    let rules = rules();
    let mut all: Vec<Player> = Vec::with_capacity(usize::try_from(players).expect("they fit"));
    let before = measure::resident_bytes();
    let days = if kind.ends_with("one day") { 1 } else { 10 };
    populate(&mut all, players, bets, days, &rules);
    if kind.contains("silent") {
        let (mut out, mut scratch) = (Nowhere::default(), Vec::new());
        for player in &mut all {
            player.advance(Instant(START + 50 * DAY), &mut Scene::new(&rules, &mut out, &mut scratch));
            assert_eq!(player.remembered(), 0);
        }
    } else {
        assert!(all.iter().all(|player| player.remembered() as u64 == bets));
    }
    let each = (measure::resident_bytes() - before) / players as f64;
    println!("| {players} | {kind} | {each:.0} | {} |", size_of::<Player>());
}

/// Players who bet in turns, over so many days.
fn populate(all: &mut Vec<Player>, players: u64, bets: u64, days: i64, rules: &Rules) {
    let step = days * DAY / i64::try_from(bets).expect("few bets");
    for bet in 0..bets {
        let at = Instant(START + MINUTE + step * i64::try_from(bet).expect("few bets"));
        for number in 0..players {
            let name = format!("p{number}");
            if bet == 0 {
                all.push(Player::new("b1", Some(&name), at, rules));
            }
            let player = &mut all[usize::try_from(number).expect("they fit")];
            bet_once(player, &Kept::new(&name, bet * players + number, None, at), rules);
        }
    }
}

fn bet_once(player: &mut Player, kept: &Kept, rules: &Rules) {
    let (mut out, mut scratch) = (Nowhere::default(), Vec::new());
    player.apply(&kept.event(), &mut Scene::new(rules, &mut out, &mut scratch));
}

// ---- records, without files

fn records(players: u64, bets: u64) {
    let rules = rules();
    let mut all = Vec::new();
    populate(&mut all, players, bets, 10, &rules);
    println!("\n## saved records: {players} players with {bets} remembered bets, on one core, without files\n");
    let full = timed("save all in full", players, || save(&mut all, Saved::Full));
    let tenth = all.len() / 10;
    for (number, player) in (0_u64..).zip(&mut all[..tenth]) {
        bet_once(player, &Kept::new(&format!("p{number}"), players * bets + number, None, Instant(START + 11 * DAY)), &rules);
    }
    let delta = timed("save what changed, one more bet of a tenth", players / 10, || save(&mut all[..tenth], Saved::Delta));
    drop(all);
    println!("{:.0} bytes a player in full, {:.0} in a delta", mean(&full), mean(&delta));
    let restored = timed("restore all in full", players, || {
        full.iter().map(|record| Player::restore(record, None).expect("the record is good")).collect::<Vec<_>>()
    });
    let changed = timed("restore the deltas over them", players / 10, || {
        let pairs = delta.iter().zip(restored);
        pairs.map(|(record, before)| Player::restore(record, Some(before)).expect("the record is good")).collect::<Vec<_>>()
    });
    assert!(changed.iter().all(|player| player.remembered() as u64 == bets + 1));
}

fn save(players: &mut [Player], saved: Saved) -> Vec<Vec<u8>> {
    let record = |player: &mut Player| {
        let mut record = Vec::new();
        player.save(saved, &mut record);
        record
    };
    players.iter_mut().map(record).collect()
}

fn mean(records: &[Vec<u8>]) -> f64 {
    records.iter().map(Vec::len).sum::<usize>() as f64 / records.len() as f64
}

fn timed<T>(what: &str, count: u64, work: impl FnOnce() -> T) -> T {
    let (start, cpu) = (Watch::now(), measure::cpu_seconds());
    let done = work();
    let (wall, cpu) = (start.elapsed().as_secs_f64(), measure::cpu_seconds() - cpu);
    println!("{what}: {wall:.2} s, {cpu:.2} cpu s, {:.0} ns each", cpu * 1e9 / count as f64);
    done
}

// ---- a restart of the whole job

fn restart(folder: &Path, players: u64) {
    let input = input::even(folder, players, 10, TAIL);
    let all = players * 10;
    println!("\n## a restart: {players} players with 10 remembered bets, snapshot on disk\n");
    let work = folder.join(format!("restart-{}", std::process::id()));
    for workers in ["1", "2"] {
        let (out, state) = (work.join(format!("out-{workers}")), work.join(format!("state-{workers}")));
        let paths = [input.display().to_string(), out.display().to_string(), state.display().to_string()];
        let arguments = ["--events", &paths[0], "--out", &paths[1], "--state", &paths[2], "--workers", workers, "--all"];
        let all = all.to_string();
        alone(&[&["--write"], &arguments[..], &[&all]].concat());
        alone(&[&["--resume"], &arguments[..], &[&all]].concat());
    }
    fs::remove_dir_all(&work).expect("what a benchmark wrote can be removed");
}

fn options(arguments: &Arguments) -> Options {
    let path = |name: &str| PathBuf::from(arguments.text(name).unwrap_or_else(|| panic!("{name}")));
    let programme = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("programme");
    let mut options = Options::new(vec![programme], path("--events").display().to_string(), path("--out"));
    options.state = Some(path("--state"));
    options.workers = u32::try_from(arguments.number("--workers", 1)).expect("few workers");
    options.ledger_topic = false;
    options.intervals.snapshot = Duration::from_secs(3_600);
    options
}

/// Waits at the end of what all players did until a snapshot is due, and ends the process when one is written.
struct Writer {
    start: Watch,
    all: u64,
    state: PathBuf,
    interval: Duration,
}

impl Watcher for Writer {
    fn notice(&self, line: &str) {
        println!("{line}");
    }

    fn progress(&self, records: u64, _bytes: u64, _of: Option<u64>) {
        if records < self.all {
            return;
        }
        let passed = self.start.elapsed();
        if passed < self.interval {
            println!(
                "{records} records in {:.1} s, then {:.0} MiB resident",
                passed.as_secs_f64(),
                measure::resident_bytes() / 1_048_576.0
            );
            std::thread::sleep(self.interval.saturating_sub(passed));
        }
        std::thread::sleep(Duration::from_millis(20));
        let manifests = State::look(&self.state).and_then(|(state, _)| state.manifests()).unwrap_or_default();
        if manifests.is_empty() {
            return;
        }
        let bytes: u64 = manifests.iter().flat_map(|manifest| &manifest.groups).map(|group| group.length).sum();
        println!("the snapshot has {:.0} MiB, in full: {}", bytes as f64 / 1_048_576.0, manifests[0].full);
        // As a crash would: nothing is finished, the next run begins from the snapshot.
        std::process::exit(0);
    }
}

fn write_snapshot(arguments: &Arguments) {
    let mut options = options(arguments);
    let interval = Duration::from_secs(120);
    options.intervals.snapshot = interval;
    let state = options.state.clone().expect("--state");
    let watcher: Arc<dyn Watcher> = Arc::new(Writer { start: Watch::now(), all: arguments.number("--all", 0), state, interval });
    let ended = replay(&options, &watcher);
    panic!("no snapshot was written before the end of the input: {ended:?}");
}

/// Notes when a run has its state back, and when the first epoch is out.
struct Resumer {
    start: Watch,
    read: Mutex<Option<Duration>>,
    first: AtomicU64,
}

impl Watcher for Resumer {
    fn notice(&self, line: &str) {
        *self.read.lock().expect("nobody panics") = Some(self.start.elapsed());
        println!("{line}");
    }

    fn progress(&self, _records: u64, _bytes: u64, _of: Option<u64>) {
        let first = u64::try_from(self.start.elapsed().as_millis()).expect("it is short");
        let _taken = self.first.compare_exchange(0, first, Ordering::Relaxed, Ordering::Relaxed);
    }
}

fn resume(arguments: &Arguments) {
    let options = options(arguments);
    let start = Watch::now();
    for (number, mut source) in (0_u32..).zip(files::open(Path::new(&options.events)).expect("the input is there")) {
        reference::search(&mut source, number, None).expect("the input can be read");
    }
    // Every start searches the whole input for rates and rulebooks, so many files at a time as there are workers.
    let search = start.elapsed().as_secs_f64() / f64::from(options.workers);
    let watcher = Arc::new(Resumer { start: Watch::now(), read: Mutex::new(None), first: AtomicU64::new(0) });
    replay(&options, &(Arc::clone(&watcher) as Arc<dyn Watcher>)).expect("the run can go on");
    let read = watcher.read.lock().expect("nobody panics").expect("there was a snapshot").as_secs_f64();
    let first = watcher.first.load(Ordering::Relaxed) as f64 / 1e3;
    println!(
        "{} worker(s): snapshot read after {read:.2} s, first epoch out after {first:.2} s; of both {search:.2} s are the search of the input",
        options.workers
    );
}

// ---- a year in which nothing happens

fn silence(folder: &Path, players: u64, runs: u64) {
    println!("\n## a year of silence: {players} players in three time zones, one worker\n");
    let programme = three_zones(folder);
    println!("| | s: median (least to most) | cpu s |");
    println!("|---|---|---|");
    for kind in [Silent::Session, Silent::Bet] {
        for days in [1, 365] {
            let input = quiet_input(folder, players, kind, days);
            let out = folder.join(format!("silence-{}", std::process::id()));
            let paths = [&input, &out, &programme].map(|path| path.display().to_string());
            let mut taken = Vec::new();
            for _ in 0..runs {
                taken.push(measure::replay_alone(
                    &["--events", &paths[0], "--out", &paths[1], "--programme", &paths[2]].map(str::to_owned),
                ));
                fs::remove_dir_all(&out).expect("what a benchmark wrote can be removed");
            }
            let (least, most) = measure::span(taken.iter().map(|figures| figures.wall));
            println!(
                "| {}, then {days} day(s) | {:.1} ({least:.1} to {most:.1}) | {:.1} |",
                kind.words(),
                measure::median(taken.iter().map(|figures| figures.wall)),
                measure::median(taken.iter().map(|figures: &Figures| figures.cpu))
            );
        }
    }
}

/// What every player does once.
#[derive(Clone, Copy)]
enum Silent {
    /// Nothing is ever due but that it is forgotten.
    Session,
    /// Points that expire, with two reminders before.
    Bet,
}

impl Silent {
    const fn words(self) -> &'static str {
        match self {
            Self::Session => "one session each",
            Self::Bet => "one bet each",
        }
    }
}

/// The default programme with three brands in three time zones.
fn three_zones(folder: &Path) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("programme/programme.yaml");
    let text = fs::read_to_string(path).expect("the default programme is there");
    let mut brands = String::new();
    for (brand, zone) in [("b1", "Europe/Malta"), ("b2", "America/New_York"), ("b3", "Asia/Tokyo")] {
        brands += &format!("  {brand}: {{time_zone: {zone}, base_currency: EUR, jurisdiction: MT}}\n");
    }
    let with = text.replacen("\nbrands:\n", &format!("\nbrands:\n{brands}"), 1);
    let to = folder.join("three-zones.yaml");
    fs::write(&to, with).expect("the programme can be written");
    to
}

/// Every player once in the first minutes; then one more player, every hour, whose bets move the clock.
fn quiet_input(folder: &Path, players: u64, kind: Silent, days: i64) -> PathBuf {
    let name = format!("silence-{players}-{}-{days}", kind.words().replace(' ', "-"));
    input::kept(folder, &name, |into| {
        let mut file = input::partition_file(into, 0);
        let mut write = |number: u64, brand: u64, player: &str, ms: i64, session: bool| {
            let at = jiff::Timestamp::from_millisecond(START + ms).expect("a time of 2026");
            let (event_type, rest) = if session {
                ("SessionStarted", format!(r#""session_id":"s-{number}""#))
            } else {
                ("BetPlaced", format!(r#""bet_id":"b-{number}","game_type":"slots","amount":"2.50","currency":"EUR""#))
            };
            input::line(
                &mut file,
                &format!(
                    r#"{{"event_id":"e-{number}","event_type":"{event_type}","source":"wallet","brand_id":"b{brand}","player_id":"{player}","occurred_at":"{at:.3}",{rest}}}"#
                ),
            );
        };
        for number in 0..players {
            let ms = i64::try_from(number * 600_000 / players).expect("ten minutes");
            write(number, 1 + number % 3, &format!("p{number}"), ms, matches!(kind, Silent::Session));
        }
        for hour in 1..days * 24 {
            // Of two times near each other the clock believes the later.
            for ms in [0, 1] {
                let number = players + u64::try_from(2 * hour + ms).expect("after the start");
                write(number, 1, "clock", hour * 3_600_000 + ms, false);
            }
        }
    })
}
