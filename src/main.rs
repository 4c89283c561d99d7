//! Parse, run, exit code.

use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;
// What C asks for, which is librdkafka: another allocator than ours (docs/decisions/0016-two-allocators.md).
use tikv_jemalloc_sys as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A panic anywhere is a defect and ends the process: what was committed stands, a restart goes on from it.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        std::process::exit(70);
    }));
    open_as_many_files_as_allowed();
    // A file that may not grow (`ulimit -f`) is told by name, instead of a signal that ends the process without a word.
    let _heard = signal_hook::flag::register(SIGXFSZ, Arc::default());
    ExitCode::from(tidemark::cli::main())
}

/// Input may be more files than a shell's usual 1,024: the soft limit is for programs that cannot do with more.
fn open_as_many_files_as_allowed() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, what cannot be opened is told by name.
    let _raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
