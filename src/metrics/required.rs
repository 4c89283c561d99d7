//! How many workers a load requires. Pure; the formula is explained in `docs/metrics.md`.
//!
//! More workers are asked for at once. Fewer are asked for only after a time of calm, and never while a backlog
//! is being worked off, because a change of workers is a restart.

use std::collections::VecDeque;
use std::time::Duration;

/// A worker that is less busy than this says nothing about what it could do.
const BUSY_MIN: f64 = 0.05;
/// One that processes fewer records than this in a second is busy with something else: with time that catches up, say.
const RECORDS_MIN: f64 = 100.0;
/// The least time to catch up in that is reckoned with, in seconds.
const CATCH_UP_SECONDS_MIN: f64 = 1.0;
/// What a division may be off by.
const ROUNDING: f64 = 1e-9;

/// What is aimed at.
#[derive(Clone, Debug, PartialEq)]
pub struct Aim {
    /// In how much time a backlog should be gone.
    pub catch_up: Duration,
    /// How busy workers should be, from 0.1 to 1.
    pub busy: f64,
    /// No more workers than this; the number of shards is the most that makes sense.
    pub workers_max: u32,
    /// After how many evaluations in a row that need fewer workers there may be fewer.
    pub calm: usize,
}

impl Default for Aim {
    /// Caught up in 5 minutes, 70 % busy, 12 workers at most, fewer after 30 evaluations.
    fn default() -> Self {
        Self { catch_up: Duration::from_secs(300), busy: 0.7, workers_max: 12, calm: 30 }
    }
}

/// What was measured since the last evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Records that arrived, per second.
    pub arrival: f64,
    /// Records that all workers processed, per second.
    pub processed: f64,
    /// The share of their time that workers worked, on average, from 0 to 1.
    pub busy: f64,
    /// Records that wait.
    pub backlog: u64,
    /// How long the last restart took, from the stop to the first commit.
    pub restart: Duration,
    /// Workers that run.
    pub workers: u32,
    /// Whether a backlog is being worked off, after a restart for instance.
    pub catching_up: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Workers required.
    pub workers: u32,
    /// Records that one worker can process per second; 0 where that is not known yet.
    pub capacity: f64,
}

/// The evaluation, with its memory.
#[derive(Clone, Debug)]
pub struct Required {
    aim: Aim,
    capacity: f64,
    workers: u32,
    recent: VecDeque<u32>,
}

impl Required {
    /// An evaluation that has seen nothing yet.
    #[must_use]
    pub const fn new(aim: Aim) -> Self {
        Self { aim, capacity: 0.0, workers: 0, recent: VecDeque::new() }
    }

    /// Evaluates a load. To be asked at even intervals, with averages over the interval.
    pub fn evaluate(&mut self, load: &Load) -> Answer {
        self.measure(load);
        let workers = self.workers_for(load);
        Answer { workers, capacity: self.capacity }
    }

    /// Capacity is what a worker processes in the time in which it works.
    fn measure(&mut self, load: &Load) {
        let each = load.processed / f64::from(load.workers.max(1));
        if load.busy >= BUSY_MIN && each >= RECORDS_MIN {
            self.capacity = each / load.busy.min(1.0);
        }
    }

    fn workers_for(&mut self, load: &Load) -> u32 {
        if load.workers != self.workers {
            self.workers = load.workers;
            self.recent.clear();
        }
        if self.capacity <= 0.0 || !load.arrival.is_finite() {
            self.recent.clear();
            return load.workers;
        }
        let after_restart = self.needed(load, load.restart);
        if self.needed(load, Duration::ZERO) > load.workers {
            self.recent.clear();
            return after_restart;
        }
        if load.catching_up {
            self.recent.clear();
            return load.workers;
        }
        self.recent.push_back(after_restart);
        if self.recent.len() > self.aim.calm.max(1) {
            self.recent.pop_front();
        }
        let highest = self.recent.iter().copied().max().unwrap_or(load.workers);
        let calm = self.recent.len() >= self.aim.calm.max(1);
        if calm && highest < load.workers { highest } else { load.workers }
    }

    /// Workers for what arrives and for what waits, with what gathers in `stop`.
    fn needed(&self, load: &Load, stop: Duration) -> u32 {
        let arrival = load.arrival.max(0.0);
        let waiting = load.backlog as f64 + arrival * stop.as_secs_f64();
        let rate = arrival + waiting / self.aim.catch_up.as_secs_f64().max(CATCH_UP_SECONDS_MIN);
        let workers = (rate / (self.capacity * self.aim.busy.clamp(0.1, 1.0)) - ROUNDING).ceil();
        // A cast from a float ends at the bounds of the type.
        (workers as u32).clamp(1, self.aim.workers_max.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4 workers that can do 1,000 records a second each; 800 of them are aimed at.
    fn aim() -> Aim {
        Aim { catch_up: Duration::from_secs(100), busy: 0.8, workers_max: 12, calm: 3 }
    }

    fn load(arrival: f64) -> Load {
        Load {
            arrival,
            processed: 2_000.0,
            busy: 0.5,
            backlog: 0,
            restart: Duration::from_secs(10),
            workers: 4,
            catching_up: false,
        }
    }

    fn answers(required: &mut Required, loads: &[Load]) -> Vec<u32> {
        loads.iter().map(|load| required.evaluate(load).workers).collect()
    }

    #[test]
    fn capacity_is_what_a_busy_worker_does() {
        assert_eq!(Required::new(aim()).evaluate(&load(2_000.0)), Answer { workers: 4, capacity: 1_000.0 });
    }

    #[test]
    fn more_workers_are_asked_for_at_once_with_what_gathers_in_the_restart() {
        // 4,000 need 5 workers; with 40,000 of the restart in 100 s they need 5.5.
        assert_eq!(answers(&mut Required::new(aim()), &[load(4_000.0)]), [6]);
        assert_eq!(answers(&mut Required::new(aim()), &[load(3_200.0)]), [4], "4 workers are just enough: no restart");
    }

    #[test]
    fn a_backlog_asks_for_workers_by_the_time_it_may_take() {
        let waiting = Load { backlog: 200_000, ..load(2_000.0) };
        assert_eq!(answers(&mut Required::new(aim()), &[waiting]), [6]);
        let patient = Aim { catch_up: Duration::from_secs(1_000), ..aim() };
        assert_eq!(answers(&mut Required::new(patient), &[waiting]), [4]);
    }

    #[test]
    fn fewer_workers_are_asked_for_after_a_time_of_calm() {
        let quiet = [load(2_000.0); 5];
        assert_eq!(answers(&mut Required::new(aim()), &quiet), [4, 4, 3, 3, 3]);
    }

    #[test]
    fn the_highest_need_of_the_calm_time_counts() {
        let loads = [load(700.0), load(1_500.0), load(700.0), load(700.0), load(700.0)];
        assert_eq!(answers(&mut Required::new(aim()), &loads), [4, 4, 3, 3, 1]);
    }

    #[test]
    fn one_loud_evaluation_begins_the_calm_anew() {
        let (quiet, loud) = (load(2_000.0), load(3_000.0));
        let loads = [quiet, quiet, loud, quiet, quiet, quiet];
        assert_eq!(answers(&mut Required::new(aim()), &loads), [4, 4, 4, 4, 4, 3]);
    }

    #[test]
    fn there_are_never_fewer_workers_while_a_backlog_is_worked_off() {
        let mut required = Required::new(aim());
        let behind = Load { catching_up: true, ..load(100.0) };
        assert_eq!(answers(&mut required, &[behind; 10]), [4; 10]);
        assert_eq!(answers(&mut required, &[load(2_000.0); 3]), [4, 4, 3], "calm is counted from its end");
        let swamped = Load { catching_up: true, backlog: 1_000_000, ..load(2_000.0) };
        assert_eq!(answers(&mut required, &[swamped]), [12], "more are asked for all the same");
    }

    #[test]
    fn another_number_of_workers_begins_the_calm_anew() {
        let fewer = Load { workers: 3, processed: 1_500.0, ..load(700.0) };
        let loads = [load(700.0), load(700.0), fewer, fewer, fewer];
        assert_eq!(answers(&mut Required::new(aim()), &loads), [4, 4, 3, 3, 1]);
    }

    #[test]
    fn there_are_never_more_workers_than_shards_and_never_none() {
        let full = Load { workers: 12, processed: 12_000.0, busy: 1.0, ..load(1e12) };
        assert_eq!(answers(&mut Required::new(aim()), &[full; 4]), [12; 4]);
        assert_eq!(answers(&mut Required::new(aim()), &[load(0.0); 3]), [4, 4, 1]);
    }

    #[test]
    fn an_idle_worker_says_nothing_about_what_it_could_do() {
        let idle = Load { processed: 1.0, busy: 0.001, ..load(0.5) };
        let mut required = Required::new(aim());
        assert_eq!(required.evaluate(&idle), Answer { workers: 4, capacity: 0.0 });
        required.evaluate(&load(2_000.0));
        assert_eq!(required.evaluate(&idle).capacity, 1_000.0);
    }

    #[test]
    fn a_worker_that_is_busy_with_few_records_says_nothing_either() {
        let trickle = Load { processed: 399.0, busy: 0.9, ..load(900.0) };
        let mut required = Required::new(aim());
        assert_eq!(required.evaluate(&trickle), Answer { workers: 4, capacity: 0.0 });
        required.evaluate(&load(2_000.0));
        assert_eq!(required.evaluate(&trickle).capacity, 1_000.0);
    }

    #[test]
    fn what_could_not_be_measured_changes_nothing() {
        let mut required = Required::new(aim());
        let blind = Load { arrival: f64::NAN, processed: f64::NAN, busy: f64::NAN, ..load(0.0) };
        assert_eq!(answers(&mut required, &[load(700.0), load(700.0), blind, load(700.0)]), [4, 4, 4, 4]);
    }
}
