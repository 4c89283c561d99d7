//! The integration tests: one binary, a module for each part.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may be short")]

/// The law a second time, slowly, and random histories to compare with.
mod auditor;
/// Schemas and golden examples agree with what the program reads and writes.
mod contracts;
/// The pipeline agrees with the auditor.
mod oracle;
/// Every planted defect is noticed.
mod defects;
/// A run killed with -9 and resumed ends like one never killed.
mod killed;
/// What a run leaves behind.
mod results;
/// The same facts for any workers, epochs and allowed disorder.
mod same_facts;
/// Who may know whom, sizes, words and links.
mod tidy;
