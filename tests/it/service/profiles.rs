//! Profiles that leave in turns: whoever is killed in between, each player's last one is as new as the last fact.

use std::collections::BTreeMap;
use std::time::Duration;

use super::rig::{Rig, casino, signal};
use crate::broker::shared;
use crate::results::{Chance, rows, wait};

/// A turn comes once a day, which passes in less than two seconds: several in one process, and some between any two.
const SETTINGS: &str = "[clock]\nmode = \"wall\"\nspeed = 50000\nstart = \"2026-01-01T00:00:00Z\"\n[http]\nlisten = \"\"\n\
                        [epoch]\ninterval = \"20ms\"\ncommit_interval = \"100ms\"\nsnapshot_interval = \"700ms\"\n\
                        profile_interval = \"24h\"";

/// Topics of facts that are numbered by player.
const FACTS: [&str; 5] =
    ["audit.events.v1", "crm.triggers.v1", "loyalty.points-ledger.v1", "loyalty.tier-changes.v1", "promo.grants.v1"];

#[test]
fn each_players_last_profile_is_as_new_as_the_last_fact_whoever_was_killed() {
    let casino = casino(20_000, 77);
    let rig = Rig::new(shared(), "profiles", &casino, SETTINGS);
    let mut chance = Chance::new("kill -9 between turns", 78);
    let mut service = rig.start(2, &[]);
    rig.wait_for_records(&mut service, 2);
    std::thread::scope(|scope| {
        scope.spawn(|| rig.produce(&casino, Some(Duration::from_millis(800))));
        for workers in [1, 3, 2] {
            std::thread::sleep(Duration::from_millis(1_500 + chance.below(1_500)));
            assert!(service.try_wait().unwrap().is_none(), "it ended by itself: {}", rig.said());
            service.kill().unwrap();
            service.wait().unwrap();
            service = rig.start(workers, &[]);
        }
    });
    // Until everything is read, and for a while after that.
    std::thread::sleep(Duration::from_secs(6));
    signal(&service, "-TERM");
    assert_eq!(wait(service).status.code(), Some(0), "{}", rig.said());

    rig.published();
    let out = rig.folder.path().join("published");
    let (mut facts, mut profiles) = (BTreeMap::new(), BTreeMap::new());
    let mut count = 0;
    for topic in FACTS {
        for row in rows(&out, topic) {
            let Some(player) = row["player_id"].as_str() else { continue };
            let key = (row["brand_id"].as_str().unwrap().to_owned(), player.to_owned());
            let seq = row["seq"].as_u64().unwrap();
            let known = facts.entry(key).or_insert(0);
            *known = seq.max(*known);
        }
    }
    for row in rows(&out, "crm.player-profile.v1") {
        count += 1;
        let key = (row["brand_id"].as_str().unwrap().to_owned(), row["player_id"].as_str().unwrap().to_owned());
        profiles.insert(key, row["seq"].as_u64().unwrap());
    }
    assert!(facts.len() > 100 && count > profiles.len(), "{} players, {count} profiles", facts.len());
    for (player, seq) in &facts {
        assert_eq!(profiles.get(player), Some(seq), "the last profile of {player:?}");
    }
}
