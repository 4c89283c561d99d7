//! The integration tests: one binary, a module for each part.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::shadow_unrelated,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::let_underscore_must_use,
    missing_docs,
    reason = "tests may be short"
)]

/// The law a second time, slowly, and random histories to compare with.
mod auditor;
/// Whatever is wrong with a record, the run goes on.
mod bad_input;
/// Lines, good and bad, and what is to become of them.
mod bad_lines;
/// Nothing to read, nowhere to write, a programme that is none.
mod bad_place;
/// A real Kafka for the tests.
mod broker;
/// The binary as a person or a script meets it.
mod command_line;
/// Schemas and golden examples agree with what the program reads and writes.
mod contracts;
/// Every planted defect is noticed.
mod defects;
/// What the fuzz targets try for minutes, tried for seconds.
mod fuzzed;
/// What a shard hands to its producer at once.
mod handed_over;
/// Kafka gives the same facts as files.
mod kafka_replay;
/// Kafka as a source, on a real broker.
mod kafka_source;
/// A run killed with -9 and resumed ends like one never killed.
mod killed;
/// The pipeline agrees with the auditor.
mod oracle;
/// The last transaction of a shard, read back.
mod read_back;
/// What a run leaves behind.
mod results;
/// The same facts for any workers, epochs and allowed disorder.
mod same_facts;
mod service;
/// Who may know whom, sizes, words and links.
mod tidy;
