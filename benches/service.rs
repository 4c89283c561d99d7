//! The service, Kafka to Kafka: beside a bare loop of the client, how late its facts are, and how it lives for long.
//!
//! `cargo bench --bench service -- --set bare,drain`; see `README.md` beside this file.

#![allow(clippy::large_stack_frames, clippy::let_underscore_must_use, reason = "a bench may be short")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a benchmark may end where it stands")]

mod live;
mod measure;

use std::time::Instant;

use live::{Bench, bare, drain, killed, latency, restart, snapshots, soak, transactions};
use measure::Arguments;
// As in the program, so that the bare loop has what the service has.
use tikv_jemalloc_sys as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be asked for with `--set`.
const SETS: [&str; 9] = ["bare", "drain", "transactions", "ledger", "latency", "snapshots", "restart", "killed", "soak"];

fn main() {
    let start = Instant::now();
    let arguments = Arguments::of_this_process();
    if arguments.is_one_run() && arguments.has("--config") {
        return transactions::one_run(&arguments);
    }
    if arguments.is_one_run() {
        return bare::one_run(&arguments, start);
    }
    let sets = arguments.text("--set").unwrap_or("bare,drain").to_owned();
    let unknown = sets.split(',').find(|each| *each != "all" && !SETS.contains(each));
    assert!(unknown.is_none(), "--set {sets}: there are {} and all", SETS.join(", "));
    let wanted = |set: &str| sets == "all" || sets.split(',').any(|each| each == set);
    measure::print_machine();
    let bench = Bench::start(arguments);
    if wanted("bare") || wanted("drain") {
        drain::run(&bench, wanted("bare"), wanted("drain"));
    }
    if wanted("transactions") {
        transactions::run(&bench);
    }
    if wanted("ledger") {
        transactions::without_ledger(&bench);
    }
    if wanted("latency") {
        latency::run(&bench);
    }
    if wanted("snapshots") {
        snapshots::run(&bench);
    }
    if wanted("restart") {
        restart::run(&bench);
    }
    if wanted("killed") {
        killed::run(&bench);
    }
    if wanted("soak") {
        soak::run(&bench);
    }
}
