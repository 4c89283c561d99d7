//! A store that is no folder: S3 as MinIO gives it.
//!
//! Needs a build with the feature `cloud`. `TIDEMARK_S3=s3://BUCKET` says where, a bucket that is there; the
//! environment has what the service itself reads: `AWS_ENDPOINT`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use tidemark::runtime::store::{Created, Store};

use super::rig::{Rig, casino, digest, replayed};
use crate::broker::{Broker, unique};
use crate::results::{default_programme, succeed, tidemark};

const SETTINGS: &str = "[clock]\nmode = \"events\"\n[http]\nlisten = \"\"\n\
                        [epoch]\ninterval = \"10ms\"\ncommit_interval = \"100ms\"\nsnapshot_interval = \"500ms\"\n\
                        bytes = 131072";

const ROUNDS: usize = 50;
const WRITERS: usize = 4;

fn place() -> String {
    #[expect(clippy::disallowed_methods, reason = "the one place where these tests read the environment")]
    let given = std::env::var("TIDEMARK_S3");
    given.expect("TIDEMARK_S3=s3://BUCKET, with AWS_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
}

#[test]
#[ignore = "part of make chaos: needs MinIO"]
fn of_four_who_create_the_same_object_one_succeeds() {
    let folder = unique("creates");
    let stores: Vec<Store> = (0..WRITERS).map(|_| Store::open(&place(), &folder).unwrap()).collect();
    for round in 0..ROUNDS {
        let (name, start) = (format!("objects/{round:020}"), Barrier::new(WRITERS));
        let attempt = |number: usize| {
            start.wait();
            stores[number].create(&name, number.to_string().into_bytes()).unwrap()
        };
        let made: Vec<Created> = std::thread::scope(|scope| {
            let attempt = &attempt;
            let running: Vec<_> = (0..WRITERS).map(|number| scope.spawn(move || attempt(number))).collect();
            running.into_iter().map(|each| each.join().unwrap()).collect()
        });
        let winners: Vec<usize> = (0..WRITERS).filter(|number| made[*number] == Created::Now).collect();
        assert_eq!(winners.len(), 1, "round {round}: {made:?}");
        for store in &stores {
            assert_eq!(store.get(&name).unwrap(), Some(winners[0].to_string().into_bytes()), "round {round}");
        }
    }
    let names = stores[0].list("objects").unwrap();
    assert_eq!(names.len(), ROUNDS);
    names.iter().for_each(|name| stores[1].delete(name).unwrap());
    assert_eq!(stores[2].list("objects").unwrap(), Vec::<String>::new());
    assert_eq!(stores[3].get(&names[0]).unwrap(), None);
}

#[test]
#[ignore = "part of make chaos: needs MinIO"]
fn a_bucket_that_is_not_there_is_told_and_not_made() {
    let missing = unique("tidemark-missing").replace('.', "-");
    let told = format!("{:#}", Store::open(&format!("s3://{missing}"), "job").expect_err("there is no such bucket"));
    assert!(told.contains(&format!("there is no bucket {missing}: make it first")), "{told}");
}

#[test]
#[ignore = "part of make chaos: needs MinIO"]
fn a_job_with_its_journal_and_snapshots_in_s3_is_killed_and_gives_the_facts_of_a_replay() {
    let casino = casino(60_000, 93);
    let wanted = replayed(&casino);
    let broker = Broker::start();
    let rig = Rig::new(broker.address(), "s3", &casino, SETTINGS);
    rig.produce(&casino, None);
    let url = format!("{}/jobs", place());
    let usual = fs::read_to_string(rig.config()).unwrap();
    let folder = rig.folder.path().join("store").display().to_string();
    assert_eq!(usual.matches(&folder).count(), 1, "{usual}");
    fs::write(rig.config(), usual.replace(&folder, &url)).unwrap();
    let mut service = rig.start(2, &["--drain"]);
    std::thread::sleep(Duration::from_millis(1_500));
    service.kill().unwrap();
    service.wait().unwrap();
    assert_eq!(rig.drain(3)["facts_digest"], digest(&wanted.summary));
    assert_eq!(rig.published(), wanted.lines);
    assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary));

    let state = format!("{url}/{}", rig.prefix.trim_end_matches('-'));
    succeed(Command::new(env!("CARGO_BIN_EXE_tidemark")).args(["snapshot", "inspect", &state]));
    let topics: BTreeSet<String> = casino.partitions().iter().map(|(topic, _)| format!("{}{topic}", rig.prefix)).collect();
    let events = format!("kafka://{}/{}", rig.brokers, Vec::from_iter(topics).join(","));
    let out = rig.folder.path().join("bound");
    succeed(tidemark(&default_programme(), &events, &out).args(["--workers", "2", "--bindings", &state]));
    assert_eq!(digest(&fs::read_to_string(out.join("summary.json")).unwrap()), digest(&wanted.summary));
    assert!(!rig.folder.path().join("store").exists(), "a folder was made");
}
