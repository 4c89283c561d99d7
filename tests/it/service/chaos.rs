//! What takes too long for every run: `make chaos`. Hundreds of kills over millions of records, starts by twos, a
//! broker that is away for a minute, a disk that is full.
//!
//! Every test has brokers of its own, and prints the seed of all that it leaves to chance: `TIDEMARK_CHAOS_SEED=N`
//! chooses the same again. What the machine does meanwhile is no choice, and differs.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tidemark::journal::{Body, read_all};
use tidemark::runtime::store::Store;
use tidemark::sources::casino::Casino;

use super::brokers::{SETTINGS as SLOW, under_way};
use super::rig::{Rig, casino, digest, replayed, within};
use crate::broker::Broker;
use crate::results::{Chance, Written, default_programme, options, run, written};

/// Epochs of a few hundred records, commits without a pause.
const SETTINGS: &str = "[clock]\nmode = \"events\"\n[http]\nlisten = \"\"\n\
                        [epoch]\ninterval = \"10ms\"\ncommit_interval = \"30ms\"\nsnapshot_interval = \"1s\"\nbytes = 131072";

/// Pairs of processes that are started at once; a broker has as many as its topics are still few.
const PAIRS: u32 = 50;
const PAIRS_OF_A_BROKER: u32 = 10;
/// How long a broker is away.
const AWAY: Duration = Duration::from_secs(60);
/// What hangs because a killed broker lost markers has to be found and ended on the way.
pub(super) const PATIENCE: Duration = Duration::from_secs(20 * 60);

fn asked(name: &str, otherwise: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place where these tests read the environment")]
    let given = std::env::var(name);
    given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Another seed at each run, unless one is asked for.
fn chance(what: &str) -> Chance {
    let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    Chance::new(&format!("chaos, {what}: TIDEMARK_CHAOS_SEED"), asked("TIDEMARK_CHAOS_SEED", u64::from(nanos)))
}

fn workers(chance: &mut Chance) -> u32 {
    *chance.pick(&[1, 2, 3])
}

fn pause(chance: &mut Chance, below: u64) {
    std::thread::sleep(Duration::from_millis(chance.below(below)));
}

/// What `replay` makes of the same records, in this process: no limit of time holds for it.
fn replayed_at_length(casino: &Casino) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let (files, out) = (folder.path().join("files"), folder.path().join("out"));
    casino.write(&files).unwrap();
    let mut options = options(&[default_programme()], &files, &out);
    options.workers = 2;
    run(&options);
    written(&out)
}

/// Every fact is there, once.
fn assert_whole(rig: &Rig, wanted: &Written) {
    let summary = rig.drain(2);
    assert_eq!(summary["facts_digest"], digest(&wanted.summary));
    assert_eq!(rig.published(), wanted.lines);
    assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary));
}

/// How many records of the input the journal has bound; 0 where it cannot be read at this moment.
fn bound(rig: &Rig) -> u64 {
    let records = Store::folder(&rig.store()).and_then(|store| read_all(&store)).unwrap_or_default();
    let of = |body: &Body| match body {
        Body::Binding(epochs) => epochs.iter().map(|epoch| epoch.count).sum(),
        Body::Generation(_) => 0,
    };
    records.iter().map(|record| of(&record.body)).sum()
}

/// Waits until the journal has bound so many records, or the service is over.
fn wait_for_bound(rig: &Rig, service: &mut Child, share: u64) {
    let since = Instant::now();
    while bound(rig) < share && service.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < rig.patience, "it does not get on to {share} records: {}", rig.said());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Drains, and is killed so often, each time with another number of workers: some while they start, the others once
/// they have bound their share of the input, and a little later.
fn kill(rig: &Rig, events: u64, kills: u64, chance: &mut Chance) {
    let mut workers = workers(chance);
    for killed in 0..kills {
        workers = (workers + u32::from(chance.below(2) == 1)) % 3 + 1;
        let mut service = rig.start(workers, &["--drain"]);
        if chance.below(4) == 0 {
            pause(chance, 1_500);
        } else {
            // The last tenth is for those who go beyond their share.
            wait_for_bound(rig, &mut service, events / 10 * 9 * (killed + 1) / kills);
            pause(chance, 300);
        }
        let over = service.try_wait().unwrap();
        assert_eq!(over, None, "it was over after {killed} kills; give more events: {}", rig.said());
        service.kill().unwrap();
        service.wait().unwrap();
        if (killed + 1) % 10 == 0 {
            println!("{} kills, {} of {events} records are bound", killed + 1, bound(rig));
        }
    }
}

#[test]
#[ignore = "part of make chaos"]
fn killed_hundreds_of_times_over_millions_of_records_it_loses_nothing_and_doubles_nothing() {
    let (events, kills) = (asked("TIDEMARK_CHAOS_EVENTS", 5_000_000), asked("TIDEMARK_CHAOS_KILLS", 200));
    let mut chance = chance("kill -9");
    let casino = Casino { players: 20_000, ..casino(events, chance.below(1 << 32)) };
    let wanted = replayed_at_length(&casino);
    let broker = Broker::start();
    // Not in memory: there are gigabytes of facts.
    let mut rig = Rig::in_folder(tempfile::tempdir().unwrap(), broker.address(), "chaos-kills", &casino, SETTINGS);
    rig.patience = PATIENCE;
    rig.produce(&casino, None);
    kill(&rig, events, kills, &mut chance);
    assert_whole(&rig, &wanted);
}

#[test]
#[ignore = "part of make chaos"]
fn of_two_started_at_once_one_goes_on_every_time() {
    let mut chance = chance("two at once");
    let casino = casino(20_000, chance.below(1 << 32));
    let wanted = replayed(&casino);
    let mut broker = Broker::start();
    for round in 0..PAIRS {
        if round > 0 && round % PAIRS_OF_A_BROKER == 0 {
            broker = Broker::start();
        }
        let rig = Rig::new(broker.address(), "chaos-pair", &casino, SETTINGS);
        rig.produce(&casino, None);
        let one = rig.start(workers(&mut chance), &["--drain"]);
        if chance.below(2) == 0 {
            pause(&mut chance, 400);
        }
        let two = rig.start(workers(&mut chance), &["--drain"]);
        let mut codes = [rig.ended(one).status.code(), rig.ended(two).status.code()];
        codes.sort_unstable();
        // The one that began first may have been done before the other began.
        assert!(codes == [Some(0), Some(75)] || codes == [Some(0), Some(0)], "round {round}: {codes:?}: {}", rig.said());
        assert_eq!(rig.published(), wanted.lines, "round {round}");
        assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary), "round {round}");
    }
}

/// A broker goes away in the middle of a drain, and is back after a minute.
fn away(what: &str, go: impl Fn(&Broker), come_back: impl Fn(&Broker)) {
    let mut chance = chance(what);
    let casino = casino(200_000, chance.below(1 << 32));
    let wanted = replayed(&casino);
    let broker = Broker::start();
    let mut rig = Rig::new(broker.address(), "chaos-away", &casino, SLOW);
    rig.patience = PATIENCE;
    rig.produce(&casino, None);
    let mut service = under_way(&rig);
    pause(&mut chance, 1_000);
    assert_eq!(service.try_wait().unwrap(), None, "it was over before the broker went: {}", rig.said());
    go(&broker);
    std::thread::sleep(AWAY);
    let (over, told) = (service.try_wait().unwrap(), rig.said().contains("waiting for Kafka at "));
    come_back(&broker);
    let since = Instant::now();
    assert_eq!(over, None, "it did not wait for the broker: {}", rig.said());
    assert_eq!(rig.ended_at_last(service, &broker).status.code(), Some(0), "{}", rig.said());
    println!("{what}: done {:?} after the broker was back", since.elapsed());
    assert!(told, "for a minute nobody was told that the broker is away: {}", rig.said());
    assert_whole(&rig, &wanted);
}

#[test]
#[ignore = "part of make chaos"]
fn a_broker_that_is_stopped_for_a_minute_costs_nothing() {
    away("a stopped broker", |broker| broker.signal("STOP"), |broker| broker.signal("CONT"));
}

#[test]
#[ignore = "part of make chaos"]
fn a_broker_that_is_killed_and_away_for_a_minute_costs_nothing() {
    away("a killed broker", |broker| broker.signal("KILL"), Broker::again);
}

/// A small disk in memory; it ends with this value.
struct Disk(PathBuf);

impl Disk {
    /// Needs the right to mount.
    fn at(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mut mount = Command::new("mount");
        let answer = mount.args(["-t", "tmpfs", "-o", "size=256m", "tidemark-chaos"]).arg(folder).output();
        if answer.as_ref().is_ok_and(|answer| answer.status.success()) {
            return Some(Self(folder.to_owned()));
        }
        println!("SKIPPED: nothing is known of a full disk, since none can be mounted here (it needs root): {answer:?}");
        None
    }

    /// Takes what is left of it, again and again, until something happens or the time is over; then it gives it back.
    fn full_until(&self, limit: Duration, mut happens: impl FnMut() -> bool) -> bool {
        let path = self.0.join("filler");
        let mut filler = fs::File::create(&path).unwrap();
        let page = vec![1_u8; 4096];
        let happened = within(limit, || {
            while filler.write_all(&page).is_ok() {}
            happens()
        });
        fs::remove_file(&path).unwrap();
        happened
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "part of make chaos"]
fn a_full_disk_of_the_store_is_waited_for_and_costs_nothing() {
    let mut chance = chance("a full disk");
    let casino = casino(200_000, chance.below(1 << 32));
    let broker = Broker::start();
    let mut rig = Rig::new(broker.address(), "chaos-disk", &casino, SLOW);
    rig.patience = PATIENCE;
    let Some(disk) = Disk::at(&rig.folder.path().join("store")) else { return };
    let wanted = replayed(&casino);
    rig.produce(&casino, None);
    let mut service = under_way(&rig);
    pause(&mut chance, 1_000);
    assert_eq!(service.try_wait().unwrap(), None, "it was over before the disk was full: {}", rig.said());
    let told = disk.full_until(Duration::from_secs(30), || rig.said().contains("waiting for the store"));
    let code = rig.ended(service).status.code();
    let said = rig.said();
    assert!(told, "nobody was told that the store cannot be written: {said}");
    // 1 only where its last snapshot was to be written just then.
    assert!(code == Some(0) || (code == Some(1) && said.contains("cannot write")), "{code:?}: {said}");
    assert_whole(&rig, &wanted);
}
