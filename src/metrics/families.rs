//! The names: every metric is named here, once. What each means and when to worry stands in `docs/metrics.md`.

use prometheus::{Counter, Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::register::{ByTopic, Register};

/// Seconds from a record's own time to the moment at which it can be read.
const DELAY_SECONDS: [f64; 14] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0];
/// Seconds that a commit takes.
const COMMIT_SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Seconds that a snapshot takes.
const SNAPSHOT_SECONDS: [f64; 11] = [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// What players got. These four names are the ones that dashboards of the casino know.
#[derive(Debug)]
pub(super) struct Loyalty {
    pub(super) accrued: Counter,
    pub(super) redeemed: Counter,
    pub(super) level_ups: IntCounter,
    pub(super) average_points: Gauge,
}

impl Loyalty {
    pub(super) fn new(register: &Register) -> Self {
        Self {
            accrued: register.decimal_counter("points_accrued_total", "Points accrued, reversals not taken off."),
            redeemed: register.decimal_counter("points_redeemed_total", "Points redeemed."),
            level_ups: register.counter("level_up_events", "Level-up triggers fired."),
            average_points: register.decimal_gauge("avg_points_per_user", "Available points, on average over all players."),
        }
    }
}

/// What comes in, and what holds it up.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) records: IntCounterVec,
    pub(super) dead: ByTopic<IntCounterVec>,
    pub(super) late: IntCounterVec,
    pub(super) unknown_games: IntCounter,
    pub(super) rates_missing: IntCounter,
    pub(super) delay: HistogramVec,
    pub(super) lag_durable: ByTopic<IntGaugeVec>,
    pub(super) lag_in_flight: ByTopic<IntGaugeVec>,
    pub(super) lag_seconds: ByTopic<GaugeVec>,
    pub(super) clock_holder: ByTopic<IntGaugeVec>,
}

impl Source {
    pub(super) fn new(register: &Register) -> Self {
        let partition = "partition";
        Self {
            records: register.counters("tidemark_records_total", "Records read, dead letters included.", "topic"),
            dead: register.counters_by_topic("tidemark_dead_letters_total", "Records set aside.", "reason"),
            late: register.counters("tidemark_late_records_total", "Records behind their partition's clock.", "topic"),
            unknown_games: register.counter("tidemark_unknown_game_total", "Bets on a game that has no weight."),
            rates_missing: register.counter("tidemark_fx_missing_total", "Amounts without a rate that are no bet's."),
            delay: register.histograms(
                "tidemark_record_delay_seconds",
                "Seconds from a record's own time to when it was read.",
                "topic",
                &DELAY_SECONDS,
            ),
            lag_durable: register.gauges_by_topic(
                "tidemark_source_lag_durable_records",
                "Records from the last committed epoch to the partition's end.",
                partition,
            ),
            lag_in_flight: register.gauges_by_topic(
                "tidemark_source_lag_in_flight_records",
                "Records from the last one read to the partition's end.",
                partition,
            ),
            lag_seconds: register.decimal_gauges_by_topic(
                "tidemark_source_lag_seconds",
                "Seconds by which the partition's clock is behind now.",
                partition,
            ),
            clock_holder: register.gauges_by_topic(
                "tidemark_clock_holder",
                "1 for the partition whose clock is the least, 0 for others.",
                partition,
            ),
        }
    }
}

/// How epochs move on.
#[derive(Debug)]
pub(super) struct Epochs {
    pub(super) current: IntGauge,
    pub(super) committed: IntGauge,
    pub(super) in_flight: IntGauge,
    pub(super) held_age: Gauge,
    pub(super) commit: Histogram,
    pub(super) snapshot: Histogram,
    pub(super) snapshot_bytes: IntGauge,
    pub(super) sink_retries: IntCounter,
    pub(super) fenced: IntCounter,
}

impl Epochs {
    pub(super) fn new(register: &Register) -> Self {
        Self {
            current: register.gauge("tidemark_epoch_current", "The newest epoch that was computed."),
            committed: register.gauge("tidemark_epoch_committed", "The last epoch that every sink has committed."),
            in_flight: register.gauge("tidemark_epochs_in_flight", "Epochs closed and not committed."),
            held_age: register.decimal_gauge("tidemark_held_epoch_age_seconds", "Age of the oldest epoch not committed."),
            commit: register.histogram("tidemark_commit_seconds", "Seconds that a commit took.", &COMMIT_SECONDS),
            snapshot: register.histogram("tidemark_snapshot_seconds", "Seconds that a snapshot took.", &SNAPSHOT_SECONDS),
            snapshot_bytes: register.gauge("tidemark_snapshot_bytes", "Bytes of the newest snapshot."),
            sink_retries: register.counter("tidemark_sink_retries_total", "Attempts at a sink that were repeated."),
            fenced: register.counter("tidemark_fenced_total", "Times a sink turned this process away."),
        }
    }
}

/// What the workers carry, and how many it takes.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) state_bytes: IntGauge,
    pub(super) state_players: IntGauge,
    pub(super) busy: GaugeVec,
    pub(super) workers: IntGauge,
    pub(super) required: IntGauge,
    pub(super) arrival: Gauge,
    pub(super) capacity: Gauge,
    pub(super) backlog: IntGauge,
    pub(super) restart: Gauge,
}

impl Work {
    pub(super) fn new(register: &Register) -> Self {
        Self {
            state_bytes: register.gauge("tidemark_state_bytes", "Bytes that the players' state takes in memory."),
            state_players: register.gauge("tidemark_state_players", "Players known."),
            busy: register.decimal_gauges("tidemark_worker_busy_ratio", "Share of its time that a worker works.", "worker"),
            workers: register.gauge("tidemark_workers", "Workers that run."),
            required: register.gauge("tidemark_required_workers", "Workers that the load needs."),
            arrival: register.decimal_gauge("tidemark_arrival_records_per_second", "Records that arrive in a second."),
            capacity: register
                .decimal_gauge("tidemark_worker_capacity_records_per_second", "Records that one worker can process in a second."),
            backlog: register.gauge("tidemark_backlog_records", "Records that wait to be read, over all partitions."),
            restart: register.decimal_gauge("tidemark_restart_seconds", "Seconds that the last restart took."),
        }
    }
}
