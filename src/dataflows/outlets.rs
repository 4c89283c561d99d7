//! The outlets: what each epoch amounts to, on its way to the sinks.

use std::sync::mpsc::SyncSender;

use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

use super::ledger::Closed;
use crate::container::VecBuilder;
use crate::epoch::Epoch;

/// One worker's part of an epoch.
#[derive(Debug)]
pub(crate) struct Report {
    /// The epoch.
    pub(crate) epoch: Epoch,
    /// Its part.
    pub(crate) closed: Closed,
}

/// Hands every closed epoch to the sinks' thread; the way there is bounded, and full means wait.
pub(crate) fn outlets(results: Stream<'_, Epoch, Vec<Closed>>, _worker: u32, reports: SyncSender<Report>) {
    results.unary::<VecBuilder<()>, _, _, _>(Pipeline, "outlets", move |_capability, _info| {
        move |input, _output| {
            input.for_each_stamp(|capability, data| {
                let Some(epoch) = capability.least().copied() else { return };
                for closed in data.flat_map(|container| container.drain(..)) {
                    // The receiver is gone only when the run is being ended: then nothing is lost that was promised.
                    let _gone = reports.send(Report { epoch, closed });
                }
            });
        }
    });
}
