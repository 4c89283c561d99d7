//! Progress records: how far a shard is, and what proves it (CONTRACTS section 6).

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tidemark_domain::time::Instant;

use crate::epoch::Epoch;
use crate::hex;
use crate::sinks::Proof;

/// The hash before the first record's.
pub const FIRST_PREV_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One record of the progress topic.
///
/// Its fields stand in the order of their names, so that its JSON is its RFC 8785 form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressRecord {
    /// How many other records the transaction holds, those of compacted topics left out.
    pub count: u64,
    /// The last epoch that is published.
    pub epoch: Epoch,
    /// The generation that published it.
    pub generation: u64,
    /// SHA-256 of `prev_hash`, a newline, and the record without this field in RFC 8785 form.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// The version of what is computed.
    pub logic_version: u32,
    /// Logical time of the epoch: readers are complete up to then.
    pub logical_time: Option<String>,
    /// The sum of the records' hashes, in hex.
    pub outputs: String,
    /// The hash of the shard's record before it.
    pub prev_hash: String,
}

impl ProgressRecord {
    /// The record that follows `before`.
    #[must_use]
    pub fn after(before: Option<&Self>, generation: u64, epoch: Epoch, logical_time: Option<i64>, proof: Proof) -> Self {
        let prev_hash = before.map_or_else(|| FIRST_PREV_HASH.to_owned(), |before| before.hash.clone());
        let mut record = Self {
            count: proof.count,
            epoch,
            generation,
            hash: String::new(),
            logic_version: crate::runtime::LOGIC_VERSION,
            logical_time: logical_time.map(|at| Instant(at).to_string()),
            outputs: format!("{:032x}", proof.outputs),
            prev_hash,
        };
        record.hash = record.own_hash();
        record
    }

    fn own_hash(&self) -> String {
        let bare = Self { hash: String::new(), ..self.clone() };
        let text = serde_json::to_string(&bare).unwrap_or_default();
        hex::sha256(format!("{}\n{text}", self.prev_hash).as_bytes())
    }

    /// What it proves.
    #[must_use]
    pub fn proof(&self) -> Proof {
        Proof { count: self.count, outputs: u128::from_str_radix(&self.outputs, 16).unwrap_or(0) }
    }

    /// Its JSON.
    #[must_use]
    pub fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads one.
    ///
    /// # Errors
    /// Where it is none, or its hash does not fit.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let record: Self = serde_json::from_slice(bytes).context("it is no progress record")?;
        if record.own_hash() != record.hash {
            bail!("its hash does not fit what it says");
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_chained_to_the_one_before_it_and_a_changed_one_is_noticed() {
        let first = ProgressRecord::after(None, 1, 7, Some(0), Proof { count: 3, outputs: 0xabc });
        let second = ProgressRecord::after(Some(&first), 2, 9, None, Proof::default());
        assert_eq!(first.prev_hash, FIRST_PREV_HASH);
        assert_eq!(second.prev_hash, first.hash);
        for record in [&first, &second] {
            assert_eq!(ProgressRecord::read(record.write().as_bytes()).unwrap(), *record);
        }
        let changed = first.write().replace("\"count\":3", "\"count\":4");
        assert!(ProgressRecord::read(changed.as_bytes()).is_err());
        // The fields are in the order of their names: this is the RFC 8785 form.
        let text = ProgressRecord { hash: String::new(), ..first }.write();
        assert_eq!(
            text,
            format!(
                "{{\"count\":3,\"epoch\":7,\"generation\":1,\"logic_version\":{},\"logical_time\":\"1970-01-01T00:00:00.000Z\",\
                 \"outputs\":\"00000000000000000000000000000abc\",\"prev_hash\":\"{FIRST_PREV_HASH}\"}}",
                crate::runtime::LOGIC_VERSION
            )
        );
    }
}
