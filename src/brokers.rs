//! What a service needs of Kafka, and no more: topics, what is committed in them, partitions to follow, transactions.
//!
//! Two things stand behind these traits: real brokers (`runtime::cluster`), and a log in memory by which the protocol
//! is simulated. One table of cases holds both to the same answers.
//!
//! Owns: the questions. Does not own: any client, any answer.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use thiserror::Error;

use crate::sources::{Partition, Source};

/// A partition at the brokers.
pub type Place = (String, u32);

/// A record that is committed, as it is read back.
#[derive(Debug)]
pub struct Record<'r> {
    /// Its topic.
    pub topic: &'r str,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// The brokers' time of it, in ms; none where it has none.
    pub timestamp: Option<i64>,
    /// Its key; empty where it has none.
    pub key: &'r [u8],
    /// Its value; empty where it has none.
    pub body: &'r [u8],
    /// Its headers.
    pub headers: Vec<(&'r str, &'r [u8])>,
}

/// A record that is to be published.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'r> {
    /// Its topic.
    pub topic: &'r str,
    /// Its partition; none where the key decides (`murmur2_random`).
    pub partition: Option<u32>,
    /// Its key.
    pub key: &'r [u8],
    /// Its value.
    pub body: &'r [u8],
    /// The headers that many records have, one after the other.
    pub headers: &'r [(&'r str, &'r str)],
    /// Headers that only this one has, behind them.
    pub own: &'r [(&'r str, &'r str)],
}

/// What a call to a producer did not come to.
#[derive(Debug, Error)]
#[error("{what}")]
pub struct Refused {
    /// In words.
    pub what: String,
    /// Of which kind it is.
    pub kind: Kind,
}

/// What is to be done about a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The same call again goes on where this one was.
    Again,
    /// Somebody else has the transactional id, or the brokers ended the transaction.
    Fenced,
    /// No waiting mends it: a right is missing.
    Denied,
    /// What became of it is not known.
    Unclear,
}

/// Which end of a partition is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The last stable offset: what lies beyond may still be aborted.
    Stable,
    /// The high watermark: open transactions count.
    High,
}

/// How long a producer takes over things.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// How long a transaction may be open.
    pub transaction: Duration,
    /// How long a record waits for others to go with it.
    pub linger: Duration,
}

/// Called for each record that is read back.
pub type Each<'f> = &'f mut dyn FnMut(&Record<'_>) -> Result<()>;

/// The brokers of one cluster.
pub trait Brokers: Send + Sync {
    /// Where they are, in words.
    fn address(&self) -> &str;

    /// How many partitions every topic has, by its name. Waits for an answer.
    ///
    /// # Errors
    /// Where no waiting helps.
    fn topics(&self) -> Result<BTreeMap<String, u32>>;

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// Where the brokers do not answer.
    fn partitions(&self, topic: &str) -> Result<u32>;

    /// The first offset and the end of partitions.
    ///
    /// # Errors
    /// Where the brokers do not answer.
    fn bounds(&self, places: &[Place], end: End) -> Result<BTreeMap<Place, (u64, u64)>>;

    /// Reads records that are committed, of several partitions at once, each from an offset up to its high watermark.
    ///
    /// # Errors
    /// Where the brokers do not answer, or a partition's last stable offset does not come up to its high watermark
    /// within `patience`: a transaction is open there, or the marker of a decided one is missing.
    fn read(&self, from: &BTreeMap<Place, (u64, u64)>, patience: Duration, each: Each<'_>) -> Result<()>;

    /// Removes the records of partitions that lie before an offset each (`DeleteRecords`).
    ///
    /// # Errors
    /// Where they do not.
    fn delete_before(&self, places: &BTreeMap<Place, u64>) -> Result<()>;

    /// A partition to be read on and on. `prefix` stands before its topic's name at the brokers.
    fn follow(&self, partition: &Partition, prefix: &str, from: u64) -> Box<dyn Source>;

    /// A producer with transactions that has not begun any: see [`Transactions::init`].
    ///
    /// # Errors
    /// Where none can be made of these settings.
    fn producer(&self, id: &str, times: Times, group: &str) -> Result<Box<dyn Transactions>>;

    /// Whether an error is the brokers' and not that of what was read from them: then a later try may be free of it.
    fn is_theirs(&self, error: &anyhow::Error) -> bool;
}

/// A producer with transactions. One that is dropped leaves its transaction open.
pub trait Transactions: Send {
    /// Takes the transactional id: nobody older can publish with it any more, and what was open is aborted.
    ///
    /// # Errors
    /// What it did not come to within `slice`.
    fn init(&mut self, slice: Duration) -> Result<(), Refused>;

    /// Begins a transaction.
    ///
    /// # Errors
    /// Where it cannot.
    fn begin(&mut self) -> Result<(), Refused>;

    /// Hands a record over; it may be written later.
    ///
    /// # Errors
    /// Where it is refused, or one before it could not be written.
    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Refused>;

    /// Offsets of sources become visible with the transaction, for tools that show lag: topic, partition, offset.
    ///
    /// # Errors
    /// Where they are refused.
    fn offsets(&mut self, offsets: &[(String, u32, u64)]) -> Result<(), Refused>;

    /// How many bytes of keys, bodies and headers it is best handed at once.
    fn room(&self) -> usize;

    /// Whether something that was handed over is not written yet.
    fn is_writing(&self) -> bool;

    /// Waits until everything that was handed over is written.
    ///
    /// # Errors
    /// Where it is not within `slice`.
    fn flush(&mut self, slice: Duration) -> Result<(), Refused>;

    /// Commits the transaction.
    ///
    /// # Errors
    /// What it did not come to within `slice`.
    fn commit(&mut self, slice: Duration) -> Result<(), Refused>;
}

/// Why a partition cannot be read up to its end.
#[must_use]
pub fn unreadable(topic: &str, partition: u32, end: u64, patience: Duration) -> String {
    format!(
        "topic {topic}, partition {partition} is readable only up to a point before offset {end}, and has been for {} s: a \
         transaction is open there, or the marker of one that was decided is missing. Look at the brokers",
        patience.as_secs()
    )
}
