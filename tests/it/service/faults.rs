//! Zombies, two at once, snapshots that are damaged.

use std::fs;
use std::time::Duration;

use super::rig::{Rig, casino, digest, replayed, signal};
use crate::broker::shared;
use crate::results::files;

const SETTINGS: &str = "[clock]\nmode = \"events\"\n[http]\nlisten = \"\"\n\
                        [epoch]\ninterval = \"10ms\"\ncommit_interval = \"30ms\"\nsnapshot_interval = \"150ms\"\nbytes = 131072";

#[test]
fn a_zombie_that_wakes_after_its_successor_took_over_publishes_nothing() {
    let casino = casino(120_000, 65);
    let wanted = replayed(&casino);
    let rig = Rig::new(shared(), "zombie", &casino, SETTINGS);
    rig.produce(&casino, None);
    let zombie = rig.start(2, &["--drain"]);
    std::thread::sleep(Duration::from_millis(700));
    signal(&zombie, "-STOP");
    let successor = rig.start(1, &["--drain"]);
    std::thread::sleep(Duration::from_millis(900));
    signal(&zombie, "-CONT");
    let woken = rig.ended(zombie);
    let code = woken.status.code();
    // 0 only where it had finished before it was stopped.
    assert!(code == Some(75) || (code == Some(0) && rig.said().contains("drained")), "{code:?}: {}", rig.said());
    assert_eq!(rig.ended(successor).status.code(), Some(0), "{}", rig.said());
    let summary = rig.drain(3);
    assert_eq!(summary["facts_digest"], digest(&wanted.summary));
    assert_eq!(rig.published(), wanted.lines);
    rig.verified();
}

#[test]
fn of_two_started_at_once_one_goes_on() {
    let casino = casino(20_000, 66);
    let wanted = replayed(&casino);
    for round in 0..10 {
        let rig = Rig::new(shared(), "two", &casino, SETTINGS);
        rig.produce(&casino, None);
        let (one, two) = (rig.start(1, &["--drain"]), rig.start(2, &["--drain"]));
        let mut codes = [rig.ended(one).status.code(), rig.ended(two).status.code()];
        codes.sort_unstable();
        // The one that began first may have been done before the other began.
        assert!(codes == [Some(0), Some(75)] || codes == [Some(0), Some(0)], "round {round}: {codes:?}: {}", rig.said());
        assert_eq!(rig.published(), wanted.lines, "round {round}");
        if round == 0 {
            rig.verified();
        }
    }
}

#[test]
fn a_snapshot_that_is_damaged_is_passed_over() {
    let casino = casino(60_000, 67);
    let wanted = replayed(&casino);
    for (how, which) in [("deleted", "shard-"), ("truncated", "waiting-"), ("flipped", "shard-")] {
        let rig = Rig::new(shared(), "damaged", &casino, SETTINGS);
        rig.produce(&casino, None);
        let mut service = rig.start(2, &["--drain"]);
        let snapshots = || files(&rig.store()).iter().filter(|path| path.ends_with("manifest.json")).count();
        while snapshots() < 2 {
            assert!(service.try_wait().unwrap().is_none(), "it was over before it was killed: {}", rig.said());
            std::thread::sleep(Duration::from_millis(2));
        }
        service.kill().unwrap();
        service.wait().unwrap();
        let is_one = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(which);
        let objects: Vec<_> = files(&rig.store().join("snapshots")).into_iter().rev().filter(is_one).take(3).collect();
        assert!(!objects.is_empty(), "no {which} in the snapshots");
        for object in &objects {
            let bytes = fs::read(object).unwrap();
            match how {
                "deleted" => fs::remove_file(object).unwrap(),
                "truncated" => fs::write(object, &bytes[..bytes.len() / 2]).unwrap(),
                _ => {
                    let mut flipped = bytes.clone();
                    flipped[bytes.len() / 2] ^= 4;
                    fs::write(object, flipped).unwrap();
                }
            }
        }
        let summary = rig.drain(1);
        assert_eq!(summary["facts_digest"], digest(&wanted.summary), "{how}");
        assert_eq!(rig.published(), wanted.lines, "{how}");
        rig.verified();
    }
}
