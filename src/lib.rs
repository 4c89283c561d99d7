//! Tidemark: what each player's play entitles them to, at every moment and to the cent.
//!
//! The walk of one bet: [`sources`] read bytes and decode them, [`epoch`] gives them their time, `dataflows`
//! bring them to the worker that owns the player, whose ledger applies them by the rules of
//! `tidemark_domain`, and [`sinks`] publish the facts that follow. [`runtime`] starts all that and ends it.

// It panics where standard error cannot be written, and a service goes on without: `cli::print::complain`.
#![warn(clippy::print_stderr)]

pub mod api;
pub mod brokers;
mod buffers;
pub mod cli;
pub mod config;
mod container;
mod dataflows;
pub mod epoch;
mod hex;
pub mod journal;
pub mod kafka;
pub mod machine;
pub mod metrics;
pub mod murmur2;
pub mod report;
pub mod runtime;
pub mod sinks;
pub mod sources;
