//! The pipeline and the auditor agree on random histories: two programs, one law.

use std::path::Path;
use std::sync::Arc;

use tidemark::runtime::replay::{Options, Quiet, Watcher, replay};
use tidemark_domain::time::Instant;

use crate::auditor::coverage::Coverage;
use crate::auditor::{audit, compare, workload};

/// How many histories; each has about 2,000 events.
const HISTORIES: u64 = 300;
/// Fewer hits of a case than this, and the histories prove too little about it.
const HITS_MIN: u64 = 20;

fn replay_history(seed: u64, folder: &Path) -> Result<(), String> {
    let history = workload::history(seed);
    let (events, programmes) = history.write(folder).map_err(|error| error.to_string())?;
    let mut options = Options::new(programmes, events.display().to_string(), folder.join("out"));
    options.until = history.until.map(Instant);
    options.workers = [1, 2, 3][(seed % 3) as usize];
    options.pace.epoch_bytes = [700, 9_000, 512 * 1024][(seed / 3 % 3) as usize];
    let watcher: Arc<dyn Watcher> = Arc::new(Quiet);
    replay(&options, &watcher).map_err(|failure| failure.to_string())?;
    Ok(())
}

fn check(seed: u64, coverage: &mut Coverage) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    replay_history(seed, folder.path())?;
    let expected = audit(&workload::history(seed));
    coverage.add(&expected.coverage);
    compare::facts(&expected, &folder.path().join("out"))
}

/// `TIDEMARK_SEED=N` runs that history alone, `TIDEMARK_HISTORIES=N` that many.
fn seeds() -> Vec<u64> {
    #[expect(clippy::disallowed_methods, reason = "the one place where these tests read the environment")]
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (read("TIDEMARK_SEED"), read("TIDEMARK_HISTORIES")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (0..count).collect(),
        (None, None) => (0..HISTORIES).collect(),
    }
}

#[test]
fn the_pipeline_agrees_with_the_auditor_on_random_histories() {
    let mut coverage = Coverage::default();
    let seeds = seeds();
    let mut failed = Vec::new();
    for seed in &seeds {
        if let Err(difference) = check(*seed, &mut coverage) {
            eprintln!("history {seed} (run it alone with TIDEMARK_SEED={seed}):\n{difference}\n");
            failed.push(*seed);
            if failed.len() >= 5 {
                break;
            }
        }
    }
    println!("{} histories; hits of each case:", seeds.len());
    for (case, hits) in coverage.table() {
        println!("  {hits:>8}  {case}");
    }
    assert!(failed.is_empty(), "histories {failed:?} differ");
    if seeds.len() as u64 >= HISTORIES {
        let below = coverage.below(HITS_MIN);
        assert!(below.is_empty(), "these cases were hit fewer than {HITS_MIN} times: {below:?}");
    }
}
