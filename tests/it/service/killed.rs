//! `kill -9` at random moments, with another number of workers at each start.

use std::time::{Duration, Instant};

use super::rig::{Rig, casino, digest, replayed};
use crate::broker::shared;
use crate::results::Chance;

const SETTINGS: &str = "[clock]\nmode = \"events\"\n[http]\nlisten = \"\"\n\
                        [epoch]\ninterval = \"10ms\"\ncommit_interval = \"30ms\"\nsnapshot_interval = \"200ms\"\nbytes = 262144";

/// So many records, so many kills.
const EVENTS: u64 = 500_000;
const KILLS: u32 = 16;

#[test]
fn killed_at_random_moments_it_loses_nothing_and_doubles_nothing() {
    let casino = casino(EVENTS, 63);
    let wanted = replayed(&casino);
    let rig = Rig::new(shared(), "killed", &casino, SETTINGS);
    rig.produce(&casino, None);
    let mut chance = Chance::new("kill -9", 64);
    let mut kills = 0;
    let mut workers = 1;
    let begun = Instant::now();
    while kills < KILLS {
        assert!(begun.elapsed() < Duration::from_secs(180), "{kills} kills: {}", rig.said());
        let mut service = rig.start(workers, &["--drain"]);
        workers = workers % 3 + 1;
        let moment = Duration::from_millis(150 + chance.below(900));
        std::thread::sleep(moment);
        let over = service.try_wait().unwrap();
        if let Some(status) = over {
            assert_eq!(status.code(), Some(0), "{}", rig.said());
            break;
        }
        service.kill().unwrap();
        service.wait().unwrap();
        kills += 1;
    }
    println!("{kills} kills");
    assert!(kills >= 15, "only {kills} kills came before the end");
    let summary = rig.drain(2);
    assert_eq!(summary["facts_digest"], digest(&wanted.summary));
    assert_eq!(rig.published(), wanted.lines);
    assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary));
}
