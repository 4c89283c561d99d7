//! The names, what is rendered, and that the page about them is in step.

use std::collections::{BTreeMap, BTreeSet};

use super::required::{Aim, Load, Required};
use super::*;

const PAGE: &str = include_str!("../../docs/metrics.md");

/// Metrics of which each was touched.
fn touched() -> Metrics {
    let metrics = Metrics::new();
    metrics.points(1_500_000, 250_000);
    metrics.level_ups(2);
    metrics.unknown_games(3);
    metrics.rates_missing(4);
    metrics.average_points(12.5);
    metrics.records("bets.v1", 2_000);
    metrics.dead("bets.v1", "schema_violation", 1);
    metrics.late("bets.v1", 21);
    metrics.delay("bets.v1", 0.3);
    metrics.lag("bets.v1", 11, 700, 40, 1.5);
    metrics.clock_held_by("bets.v1", 11);
    metrics.epoch(12, 9);
    metrics.in_flight(2);
    metrics.held_age(0.75);
    metrics.commit_took(Duration::from_millis(30));
    metrics.snapshot_took(Duration::from_secs(3), 4_096);
    metrics.sink_retry();
    metrics.fenced();
    metrics.state(550_000, 1_000);
    metrics.busy(3, 0.5);
    let load = Load {
        arrival: 2_000.0,
        processed: 2_000.0,
        busy: 0.5,
        backlog: 100,
        restart: Duration::from_secs(10),
        workers: 4,
        catching_up: false,
    };
    metrics.required_workers(&load, &Required::new(Aim::default()).evaluate(&load));
    metrics
}

/// Type and labels of a metric.
type Shape = (String, BTreeSet<String>);

/// What the page's tables say of each name.
fn documented() -> BTreeMap<String, Shape> {
    let mut found = BTreeMap::new();
    for row in PAGE.lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[0].trim_end_matches('`');
        if name.starts_with('/') {
            continue;
        }
        assert_eq!(cells.len(), 7, "name, type, labels, unit, meaning, when to worry: {row}");
        assert!(cells.iter().take(6).all(|cell| !cell.is_empty()), "an empty cell: {row}");
        let labels = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let twice = found.insert(name.to_owned(), (cells[1].to_owned(), labels));
        assert_eq!(twice, None, "{name} stands twice on the page");
    }
    found
}

/// What the text says of each name.
fn rendered(text: &str) -> BTreeMap<String, Shape> {
    let mut found: BTreeMap<String, Shape> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            name.clone_into(&mut current);
            found.insert(current.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let labels = line.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
            let names = labels.split(',').filter_map(|label| label.split_once('=')).map(|(label, _)| label.to_owned());
            found.get_mut(&current).unwrap().1.extend(names.filter(|label| label != "le"));
        }
    }
    found
}

#[test]
fn every_metric_stands_on_the_page_and_everything_on_the_page_is_rendered() {
    assert_eq!(documented(), rendered(&touched().render()));
}

#[test]
fn every_metric_that_the_page_speaks_of_exists() {
    let known = documented();
    let letters = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '_');
    for word in PAGE.split(letters).filter(|word| word.starts_with("tidemark_")) {
        assert!(known.contains_key(word.trim_end_matches("_bucket")), "{word} is no metric");
    }
}

#[test]
fn the_names_that_other_tools_know_stay() {
    let text = touched().render();
    for line in ["points_accrued_total 1.5", "points_redeemed_total 0.25", "level_up_events 2", "avg_points_per_user 12.5"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn what_is_set_is_rendered_with_its_labels() {
    let text = touched().render();
    for line in [
        "tidemark_dead_letters_total{reason=\"schema_violation\",topic=\"bets.v1\"} 1",
        "tidemark_source_lag_durable_records{partition=\"11\",topic=\"bets.v1\"} 700",
        "tidemark_source_lag_in_flight_records{partition=\"11\",topic=\"bets.v1\"} 40",
        "tidemark_source_lag_seconds{partition=\"11\",topic=\"bets.v1\"} 1.5",
        "tidemark_epoch_current 12",
        "tidemark_epoch_committed 9",
        "tidemark_commit_seconds_bucket{le=\"0.05\"} 1",
        "tidemark_snapshot_bytes 4096",
        "tidemark_worker_busy_ratio{worker=\"3\"} 0.5",
        "tidemark_required_workers 4",
        "tidemark_worker_capacity_records_per_second 1000",
        "tidemark_restart_seconds 10",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_counter_never_falls() {
    let metrics = Metrics::new();
    metrics.points(2_000_000, 0);
    metrics.points(-1_000_000, -1);
    assert!(metrics.render().contains("\npoints_accrued_total 2\n"));
}

#[test]
fn two_partitions_never_share_a_number() {
    let metrics = Metrics::new();
    metrics.lag("bets.v1", 11, 1, 0, 0.0);
    metrics.lag("bets.v11", 1, 2, 0, 0.0);
    let text = metrics.render();
    assert!(text.contains("tidemark_source_lag_durable_records{partition=\"11\",topic=\"bets.v1\"} 1\n"), "{text}");
    assert!(text.contains("tidemark_source_lag_durable_records{partition=\"1\",topic=\"bets.v11\"} 2\n"), "{text}");
    assert_eq!(text.matches("# TYPE tidemark_source_lag_durable_records").count(), 1);
}

#[test]
fn only_the_newest_holder_holds_the_clock() {
    let metrics = Metrics::new();
    for (topic, partition) in [("bets.v1", 0), ("bets.v1", 1), ("wins.v1", 0), ("wins.v1", 0)] {
        metrics.clock_held_by(topic, partition);
        let text = metrics.render();
        let held: Vec<&str> =
            text.lines().filter(|line| line.starts_with("tidemark_clock_holder{") && line.ends_with(" 1")).collect();
        assert_eq!(held, [format!("tidemark_clock_holder{{partition=\"{partition}\",topic=\"{topic}\"}} 1")]);
    }
}

#[test]
fn delays_are_seen_when_they_are_flushed_and_a_broken_one_is_left_out() {
    let metrics = Metrics::new();
    let delays = metrics.delays("bets.v1");
    for seconds in [0.2, -5.0, f64::NAN, 4.0] {
        delays.add(seconds);
    }
    assert!(metrics.render().contains("tidemark_record_delay_seconds_count{topic=\"bets.v1\"} 0"));
    delays.flush();
    let text = metrics.render();
    assert!(text.contains("tidemark_record_delay_seconds_count{topic=\"bets.v1\"} 3"), "{text}");
    assert!(text.contains("tidemark_record_delay_seconds_bucket{topic=\"bets.v1\",le=\"0.01\"} 1"), "{text}");
}

#[test]
fn more_than_one_per_cent_late_is_a_warning() {
    let metrics = Metrics::new();
    for (topic, records, late) in [("on.time", 10_000, 100), ("late", 10_000, 101), ("few", 999, 999)] {
        metrics.records(topic, records);
        metrics.late(topic, late);
    }
    let warnings = metrics.late_warnings();
    assert_eq!(warnings, [Warning { topic: "late".to_owned(), records: 10_000, late: 101 }]);
    let text = warnings[0].to_string();
    assert!(text.starts_with("101 of 10000 records of late came late, more than 1 %: clock.ordering_delay"), "{text}");
    assert!(metrics.late_warnings().is_empty(), "nothing came since");
    metrics.records("few", 1);
    assert_eq!(metrics.late_warnings(), [Warning { topic: "few".to_owned(), records: 1_000, late: 999 }]);
}
