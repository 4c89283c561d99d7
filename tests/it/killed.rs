//! A run that is killed again and again, and resumed with other numbers of workers, ends like one never killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tidemark::sources::casino::{Casino, Shape};

use crate::results::{Chance, Written, casino, default_programme, finish, succeed, tidemark, written};

/// How often runs are killed, all together.
const KILLS: u32 = 24;
/// How often one run is killed before it is left to end.
const KILLS_OF_ONE: u32 = 8;

/// A run with commits and snapshots so near that a kill falls between any two of them.
fn run(events: &Path, out: &Path, state: &Path, workers: u64) -> Command {
    paced(events, out, state, workers, [25, 4, 20_000])
}

/// A run with milliseconds between snapshots and between commits, and bytes of an epoch.
fn paced(events: &Path, out: &Path, state: &Path, workers: u64, [snapshot, commit, bytes]: [u32; 3]) -> Command {
    let mut command = tidemark(&default_programme(), events, out);
    command.arg("--state").arg(state).args(["--workers", &workers.to_string()]);
    for (name, value) in [("--snapshot-interval-ms", snapshot), ("--commit-interval-ms", commit), ("--epoch-bytes", bytes)] {
        command.args([name, &value.to_string()]);
    }
    command
}

/// Kills a process that this test started, at once.
fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How many whole lines the progress file has.
fn commits(out: &Path) -> usize {
    fs::read(out.join(".progress")).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

/// How many snapshots are complete.
fn snapshots(state: &Path) -> usize {
    fs::read_dir(state.join("snapshots")).map_or(0, |entries| {
        entries.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().join("manifest.json").exists())).count()
    })
}

/// A run without state, never killed.
fn whole(events: &Path, out: &Path) -> Written {
    succeed(&mut tidemark(&default_programme(), events, out));
    written(out)
}

#[test]
fn a_run_that_is_killed_at_random_moments_ends_like_one_never_killed() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    casino(200_000, 21, &events);
    let wanted = whole(&events, &folder.path().join("whole"));
    let began = Instant::now();
    let (out, state) = (folder.path().join("out"), folder.path().join("state"));
    succeed(&mut run(&events, &out, &state, 2));
    let span = began.elapsed().as_millis() as u64 / 3;
    assert_eq!(written(&out), wanted, "with state and never killed");
    println!("kills come within {span} ms of a start");
    let (mut kills, mut seed) = (0, 0);
    while kills < KILLS {
        seed += 1;
        assert!(seed <= 60, "only {kills} of {KILLS} kills came before the end of the runs: make the input larger");
        let mut chance = Chance::new("kills", seed);
        let (out, state) = (folder.path().join(format!("out{seed}")), folder.path().join(format!("state{seed}")));
        let began = Instant::now();
        let of_this = killed_run(&events, &out, &state, span, &mut chance);
        println!("  {of_this} kills in {:.1} s", began.elapsed().as_secs_f64());
        kills += of_this;
        assert_eq!(written(&out), wanted, "killed with seed {seed}");
        fs::remove_dir_all(&out).unwrap();
        fs::remove_dir_all(&state).unwrap();
    }
}

/// Kills a run until it is done, each time with other workers; gives how often.
fn killed_run(events: &Path, out: &Path, state: &Path, span: u64, chance: &mut Chance) -> u32 {
    let (mut kills, mut workers) = (0, 1 + chance.below(3));
    while kills < KILLS_OF_ONE {
        let mut child = run(events, out, state, workers).spawn().unwrap();
        let moment = Duration::from_millis(chance.below(span));
        std::thread::sleep(moment);
        if let Some(status) = child.try_wait().unwrap() {
            let output = crate::results::wait(child);
            assert!(status.success(), "resumed with {workers} workers: {status}: {}", String::from_utf8_lossy(&output.stderr));
            return kills;
        }
        kill(child);
        println!("  killed after {moment:?} with {workers} workers: {} commits, {} snapshots", commits(out), snapshots(state));
        kills += 1;
        workers = 1 + (workers + chance.below(3)) % 4;
    }
    succeed(&mut run(events, out, state, workers));
    kills
}

/// Between the last record and the final profiles lies an epoch in which all that waited is applied and no timer has fired:
/// a kill behind its commit would leave results that no other cut of the epochs comes by. Workers without a partition
/// make it.
#[test]
fn where_everything_was_read_and_the_end_is_still_to_come_nothing_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    let casino =
        Casino { players: 40_000, events: 80_000, seed: 5, days: 60, partitions: 1, shape: Shape::Bench, ..Casino::default() };
    casino.write(&events).unwrap();
    for bytes in (0..8).map(|run| 20_000 + 777 * run) {
        let (out, state) = (folder.path().join(format!("out{bytes}")), folder.path().join(format!("state{bytes}")));
        succeed(&mut paced(&events, &out, &state, 4, [200, 1, bytes]));
        let text = fs::read_to_string(out.join(".progress")).unwrap();
        let ended: Vec<&str> = text.lines().filter(|line| line.contains("\"ended\":true")).collect();
        let finished = ended.iter().filter(|line| line.contains("\"finished\":true")).count();
        assert_eq!((ended.len(), finished), (1, 1), "epochs of {bytes} bytes: {ended:?}");
    }
}

/// A smaller run, killed when it has something to lose.
struct Interrupted {
    _folder: tempfile::TempDir,
    events: PathBuf,
    out: PathBuf,
    state: PathBuf,
    wanted: Written,
}

impl Interrupted {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (events, out, state) = (at("events"), at("out"), at("state"));
        casino(40_000, 22, &events);
        let wanted = whole(&events, &at("whole"));
        let mut child = paced(&events, &out, &state, 2, [15, 3, 4_000]).spawn().unwrap();
        while snapshots(&state) < 4 {
            assert!(child.try_wait().unwrap().is_none(), "the run was over before it was killed");
            std::thread::sleep(Duration::from_millis(1));
        }
        kill(child);
        assert!(commits(&out) > 3 && !fs::read_to_string(out.join(".progress")).unwrap().contains("\"finished\":true"));
        Self { events, out, state, wanted, _folder: folder }
    }

    /// A copy to be damaged.
    fn again(&self) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (out, state) = (folder.path().join("out"), folder.path().join("state"));
        crate::results::copy(&self.out, &out);
        crate::results::copy(&self.state, &state);
        (folder, out, state)
    }
}

/// What becomes of one object.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Deleted,
    Emptied,
    /// Cut at a share, in thousandths.
    Cut(u64),
    /// One bit flipped: a share in thousandths, and which of the byte's.
    Flipped(u64, u8),
}

fn damage(path: &Path, how: Damage) {
    let mut bytes = fs::read(path).unwrap();
    let at = |share: u64| (bytes.len() as u64 * share / 1_000) as usize;
    match how {
        Damage::Deleted => return fs::remove_file(path).unwrap(),
        Damage::Emptied => bytes.clear(),
        Damage::Cut(share) => bytes.truncate(at(share)),
        Damage::Flipped(share, bit) => {
            let at = at(share).min(bytes.len() - 1);
            bytes[at] ^= 1 << bit;
        }
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_never_gives_a_wrong_answer() {
    let interrupted = Interrupted::new();
    let mut chance = Chance::new("damage", 5);
    let objects: Vec<PathBuf> = crate::results::files(&interrupted.state.join("snapshots"))
        .iter()
        .map(|path| path.strip_prefix(&interrupted.state).unwrap().to_owned())
        .collect();
    let named = |start: &str| -> Vec<PathBuf> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        objects.iter().filter(|path| name(path).starts_with(start)).cloned().collect()
    };
    let (manifests, shards, waiting) = (named("manifest.json"), named("shard-"), named("waiting-"));
    println!("{} manifests, {} shards, {} objects of waiting records", manifests.len(), shards.len(), waiting.len());
    assert!(!waiting.is_empty(), "nothing waits in any snapshot");
    let mut cases: Vec<(PathBuf, Damage)> = Vec::new();
    for object in waiting.iter().rev().take(2) {
        let all = [Damage::Deleted, Damage::Emptied, Damage::Cut(500), Damage::Flipped(500, 3)];
        cases.extend(all.map(|how| (object.clone(), how)));
    }
    for _ in 0..6 {
        let share = chance.below(1_000);
        let how = [Damage::Deleted, Damage::Emptied, Damage::Cut(share), Damage::Flipped(share, (share % 8) as u8)];
        for how in how {
            cases.push((chance.pick(&shards).clone(), how));
        }
    }
    for manifest in manifests.iter().rev().take(2) {
        cases.extend([Damage::Deleted, Damage::Emptied, Damage::Cut(500), Damage::Cut(990)].map(|how| (manifest.clone(), how)));
        for _ in 0..10 {
            // Low bits turn one digit into another: the file still reads.
            cases.push((manifest.clone(), Damage::Flipped(chance.below(1_000), chance.below(3) as u8)));
        }
        for share in [975, 990] {
            cases.push((manifest.clone(), Damage::Flipped(share, 0)));
        }
    }
    let mut wrong = Vec::new();
    for (object, how) in &cases {
        let (_folder, out, state) = interrupted.again();
        damage(&state.join(object), *how);
        let (code, said) = finish(&mut paced(&interrupted.events, &out, &state, 1 + chance.below(3), [60_000, 500, 200_000]));
        if code != 0 {
            wrong.push(format!("{} {how:?}: exit {code}: {}", object.display(), said.lines().next().unwrap_or_default()));
        } else if written(&out) != interrupted.wanted {
            wrong.push(format!("{} {how:?}: another result", object.display()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_run_whose_snapshots_are_all_gone_begins_again_and_publishes_only_what_is_new() {
    let interrupted = Interrupted::new();
    let (_folder, out, state) = interrupted.again();
    fs::remove_dir_all(state.join("snapshots")).unwrap();
    succeed(&mut run(&interrupted.events, &out, &state, 3));
    assert_eq!(written(&out), interrupted.wanted);
}

#[test]
fn a_torn_last_line_of_progress_is_as_if_it_were_not_there() {
    let interrupted = Interrupted::new();
    for cut in [1, 2, 40] {
        let (_folder, out, state) = interrupted.again();
        let progress = out.join(".progress");
        let bytes = fs::read(&progress).unwrap();
        // What a disk left behind it may be no text.
        fs::write(&progress, [&bytes[..bytes.len() - cut], &b"\xff"[..]].concat()).unwrap();
        succeed(&mut run(&interrupted.events, &out, &state, 1));
        assert_eq!(written(&out), interrupted.wanted, "{cut} bytes cut");
    }
}

#[test]
fn results_that_are_shorter_than_what_was_committed_are_an_error() {
    let interrupted = Interrupted::new();
    for name in ["loyalty.points-ledger.v1.jsonl", "audit.events.v1.jsonl"] {
        let (_folder, out, state) = interrupted.again();
        let file = out.join(name);
        fs::write(&file, &fs::read(&file).unwrap()[..10]).unwrap();
        let (code, said) = finish(&mut run(&interrupted.events, &out, &state, 1));
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(name) && said.contains("10 bytes"), "{said}");
        assert_eq!(fs::read(&file).unwrap().len(), 10, "nothing was touched");
    }
}

#[test]
fn a_state_of_another_run_is_refused_by_what_differs() {
    let interrupted = Interrupted::new();
    let (folder, out, state) = interrupted.again();
    let other = folder.path().join("other");
    casino(1_000, 23, &other);
    let programme = folder.path().join("programme.yaml");
    let text = fs::read_to_string(default_programme().join("programme.yaml")).unwrap();
    fs::write(&programme, text.replace("entry: \"10000\"", "entry: \"9000\"")).unwrap();
    let end = ["--until", "2026-02-01T00:00:00Z"];
    let mut other_until = run(&interrupted.events, &out, &state, 1);
    let mut other_programme = tidemark(&programme, &interrupted.events, &out);
    for (command, what) in [
        (&mut run(&other, &out, &state, 1), "--events"),
        (other_until.args(end), "--until"),
        (other_programme.arg("--state").arg(&state), "--programme"),
    ] {
        let (code, said) = finish(command);
        assert!(code == 78 && said.contains(what), "{what}: {code}: {said}");
        for other in ["--events", "--until", "--programme"].iter().filter(|other| **other != what) {
            assert!(!said.contains(&format!("{other} ")) && !said.contains(&format!("{other},")), "{what}: {said}");
        }
    }
    let mut both = tidemark(&programme, &other, &out);
    let (code, said) = finish(both.arg("--state").arg(&state));
    assert!(code == 78 && said.contains("--events") && said.contains("--programme"), "{code}: {said}");
    succeed(&mut run(&interrupted.events, &out, &state, 1));
    assert_eq!(written(&out), interrupted.wanted, "the refusals changed nothing");
    // A run that cannot begin leaves no state of its own behind.
    let later = text.replace("revision: 1 #", "revision: 2 #").replace("time_zone: UTC", "time_zone: Europe/Malta");
    fs::write(&programme, later).unwrap();
    let (new_out, new_state) = (folder.path().join("new-out"), folder.path().join("new-state"));
    let mut refused = run(&interrupted.events, &new_out, &new_state, 1);
    let (code, said) = finish(refused.arg("--programme").arg(&programme));
    assert!(code == 2 && said.contains("revision 2"), "{code}: {said}");
    assert!(!new_state.exists(), "it was begun");
}

#[test]
fn a_state_folder_that_was_lost_is_the_runs_own_again() {
    let interrupted = Interrupted::new();
    let (_folder, out, state) = interrupted.again();
    fs::remove_dir_all(&state).unwrap();
    succeed(&mut run(&interrupted.events, &out, &state, 1));
    assert_eq!(written(&out), interrupted.wanted);
    assert!(state.join("job.json").is_file(), "whose it is stands there");
}

#[test]
fn results_without_their_state_are_not_overwritten() {
    let interrupted = Interrupted::new();
    let (folder, out, _) = interrupted.again();
    let before = stamps(&out);
    let (code, said) = finish(&mut tidemark(&default_programme(), &interrupted.events, &out));
    assert!(code == 2 && said.contains("not empty") && said.contains("--state"), "{code}: {said}");
    let other = folder.path().join("other");
    casino(1_000, 23, &other);
    let (code, said) = finish(&mut run(&other, &out, &folder.path().join("of-other"), 1));
    assert!(code == 2 && said.contains("another run"), "{code}: {said}");
    assert_eq!(stamps(&out), before);
    let foreign = folder.path().join("foreign");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("letter.txt"), "not yours").unwrap();
    let newer = folder.path().join("newer");
    for state in [None, Some(&newer)] {
        let mut command = tidemark(&default_programme(), &interrupted.events, &foreign);
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        assert_eq!(finish(&mut command).0, 2);
        assert_eq!(fs::read_to_string(foreign.join("letter.txt")).unwrap(), "not yours");
    }
    assert!(!newer.join("job.json").exists(), "the state folder is nobody's: nothing was begun");
}

/// Every file of a folder with its bytes and when it was written.
fn stamps(folder: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let one = |path: PathBuf| (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap(), path);
    crate::results::files(folder).into_iter().map(one).map(|(bytes, at, path)| (path, bytes, at)).collect()
}

#[test]
fn a_finished_run_started_again_changes_nothing() {
    let interrupted = Interrupted::new();
    let (_folder, out, state) = interrupted.again();
    succeed(&mut run(&interrupted.events, &out, &state, 2));
    let before = (stamps(&out), stamps(&state));
    std::thread::sleep(Duration::from_millis(20));
    for workers in [1, 2] {
        succeed(&mut run(&interrupted.events, &out, &state, workers));
        let after = (stamps(&out), stamps(&state));
        let changed: Vec<_> = before
            .0
            .iter()
            .chain(&before.1)
            .filter(|stamp| !after.0.contains(stamp) && !after.1.contains(stamp))
            .map(|stamp| &stamp.0)
            .collect();
        assert!(changed.is_empty(), "{changed:?} changed");
        assert_eq!((before.0.len(), before.1.len()), (after.0.len(), after.1.len()));
    }
    // Complete is what still has all that was committed, and no more.
    let file = out.join("loyalty.points-ledger.v1.jsonl");
    let whole = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    for other in [None, Some(whole[1..].to_vec()), Some([&whole[..], b"x"].concat())] {
        if let Some(bytes) = &other {
            fs::write(&file, bytes).unwrap();
        }
        let (code, said) = finish(&mut run(&interrupted.events, &out, &state, 1));
        assert!(code == 1 && said.contains("loyalty.points-ledger.v1.jsonl"), "{code}: {said}");
        assert_eq!(fs::read(&file).ok(), other, "nothing was touched");
    }
}

#[test]
fn a_run_killed_between_its_last_commit_and_its_summary_only_writes_the_summary() {
    let interrupted = Interrupted::new();
    let (_folder, out, state) = interrupted.again();
    succeed(&mut run(&interrupted.events, &out, &state, 1));
    fs::remove_file(out.join("summary.json")).unwrap();
    let before = stamps(&out);
    succeed(&mut run(&interrupted.events, &out, &state, 2));
    assert_eq!(written(&out), interrupted.wanted);
    let after = stamps(&out);
    assert!(before.iter().all(|stamp| after.contains(stamp)) && after.len() == before.len() + 1);
}

#[test]
fn a_run_killed_before_its_first_commit_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    casino(40_000, 24, &at("events"));
    let wanted = whole(&at("events"), &at("whole"));
    // No commit before the end: the kill comes while results are there and nothing of them counts.
    let child = paced(&at("events"), &at("out"), &at("state"), 1, [100_000, 100_000, 500]).spawn().unwrap();
    let ledger = at("out").join("loyalty.points-ledger.v1.jsonl");
    while fs::metadata(&ledger).map_or(0, |file| file.len()) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    kill(child);
    assert_eq!(commits(&at("out")), 0);
    succeed(&mut run(&at("events"), &at("out"), &at("state"), 2));
    assert_eq!(written(&at("out")), wanted);
}
