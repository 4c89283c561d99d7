//! Timely workers, each with what it is started with.

use std::sync::Mutex;

use timely::worker::Worker;

use super::Failure;
use crate::machine::Machine;

/// Runs one worker for each of `starts`, until all have ended.
///
/// # Errors
/// Where they cannot be started, or one panicked.
pub(super) fn on_workers<S: Send + 'static>(
    machine: &Machine,
    starts: Vec<S>,
    run: impl Fn(&mut Worker, S) + Send + Sync + 'static,
) -> Result<(), Failure> {
    let workers = starts.len();
    let starts: Vec<_> = starts.into_iter().map(|start| (machine.seat("worker"), start)).collect();
    let seats: Vec<u64> = starts.iter().map(|(seat, _)| seat.number()).collect();
    let starts = Mutex::new(starts.into_iter().map(Some).collect::<Vec<_>>());
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    let guards = timely::execute(config, move |worker| {
        let start = starts.lock().ok().and_then(|mut starts| starts.get_mut(worker.index()).and_then(Option::take));
        if let Some((seat, start)) = start
            && seat.take()
        {
            run(worker, start);
        }
    })
    .map_err(|error| Failure::Failed(anyhow::anyhow!("cannot start the workers: {error}")))?;
    machine.wait_for(&seats);
    for result in guards.join() {
        result.map_err(|error| Failure::Defect(format!("a worker panicked: {error}")))?;
    }
    Ok(())
}
