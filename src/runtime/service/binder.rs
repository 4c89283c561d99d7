//! Writes bindings: whenever a commit waits for one, and once a second at least.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::Control;
use crate::epoch::Epoch;
use crate::journal::{Body, Bound, Journal, Refused, folded};
use crate::machine::{Defect, Machine};
use crate::runtime::Failure;

/// An epoch is bound so often at least, also when nothing was read.
const AT_LEAST: Duration = Duration::from_millis(900);

/// What the binder is told.
pub(super) enum Message {
    /// An epoch was cut.
    Cut(Box<Bound>),
    /// A commit waits for this epoch's binding.
    Wanted(Epoch),
}

/// Binds what comes until nothing more does.
pub(super) fn run(
    mut journal: Journal,
    messages: &Receiver<Message>,
    bound: &Arc<AtomicU64>,
    control: &Arc<Control>,
    machine: &Machine,
) {
    let mut cut: VecDeque<Bound> = VecDeque::new();
    let mut wanted: Epoch = 0;
    let mut last = machine.now();
    loop {
        let open = match machine.receive_within(messages, Duration::from_millis(50)) {
            Ok(message) => {
                take(message, &mut cut, &mut wanted);
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        };
        while let Ok(message) = messages.try_recv() {
            take(message, &mut cut, &mut wanted);
        }
        let due = cut.front().is_some_and(|first| first.epoch <= wanted) || machine.now() - last >= AT_LEAST || !open;
        if due && let Some(newest) = cut.back().map(|newest| newest.epoch) {
            if machine.has(Defect::BoundBeforeWritten) {
                bound.store(newest, Ordering::Release);
                machine.sleep(Duration::from_millis(3));
            }
            machine.pass("epoch.before-bound");
            match journal.append(Body::Binding(folded(cut.drain(..).collect()))) {
                Ok(_) => {
                    machine.pass("epoch.bound");
                    bound.store(newest, Ordering::Release);
                }
                Err(Refused::Superseded(why) | Refused::Conflict(why)) => {
                    control.fail(Failure::Superseded(format!(
                        "a newer start of this job took over ({why}); this process stops and publishes nothing more"
                    )));
                    return;
                }
                Err(other) => {
                    control.fail(Failure::from(other));
                    return;
                }
            }
            last = machine.now();
        }
        if !open {
            return;
        }
    }
}

fn take(message: Message, cut: &mut VecDeque<Bound>, wanted: &mut Epoch) {
    match message {
        Message::Cut(bound) => cut.push_back(*bound),
        Message::Wanted(epoch) => *wanted = (*wanted).max(epoch),
    }
}
