//! What a record of the journal says.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::hex;

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// 1, 2, 3 ...
    pub number: u64,
    /// The generation that wrote it.
    pub generation: u64,
    /// The random id of the process start that wrote it.
    pub process: String,
    /// The hash of the record before it; empty in the first one.
    pub prev_hash: String,
    /// What it says.
    pub body: Body,
    /// Its own hash; stands before it on its line.
    #[serde(skip)]
    pub hash: String,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A process started.
    Generation(Box<Generation>),
    /// Epochs were bound.
    Binding(Vec<Bound>),
}

/// What a process was started with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The version of what is computed.
    pub logic_version: u32,
    /// The number of shards; fixed for a job.
    pub shards: u32,
    /// `wall` or `events`.
    pub mode: String,
    /// How many times as fast as the wall clock `now` runs; 1 but in tests.
    pub speed: u32,
    /// The partitions that its bindings name by their place in this list: topic (without the prefix) and number.
    pub partitions: Vec<(String, u32)>,
}

/// One epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Which.
    pub epoch: Epoch,
    /// Its wall clock, in ms; none where no wall clock enters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<i64>,
    /// Partitions of which something was read, with the offset of the next record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<(u32, u64)>,
    /// The last record of each of them: its offset and hash. Only in the last epoch of a record, for all of its epochs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lasts: Vec<(u32, u64, u64)>,
    /// Partitions that were read to their end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_end: Vec<u32>,
    /// Whether those are the same as with the epoch before it in the same record; then `at_end` is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub same_ends: bool,
    /// Partitions that are taken in with this epoch, or read on after a drain: from which offset, and logical
    /// time before the epoch, where there was any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_in: Vec<(u32, u64, Option<i64>)>,
    /// Rates and rulebooks that became known with it: their topics are compacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub news: Vec<News>,
    /// The first revision of the rulebook: file names and texts. Only in the first epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programme: Vec<(String, String)>,
    /// Whether it ends a drain: partitions count as ended, and all that is buffered is applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finish: bool,
    /// How many records it holds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: u64,
    /// The sum of their hashes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub input: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Bound {
    /// Whether the last thing that was bound is the end of a drain, with this epoch behind those for which it `was`. The
    /// epoch after such an end carries its snapshot and nothing else.
    #[must_use]
    pub const fn finishes(&self, was: bool) -> bool {
        self.finish || (was && self.count == 0 && self.ends.is_empty() && self.taken_in.is_empty())
    }
}

/// What held before the first record of a segment, so that a start need not read what lies before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// What the process was started with whose records come first.
    pub generation: Generation,
    /// Whether the last thing bound before is the end of a drain.
    pub finished: bool,
}

impl Head {
    /// What a head's line begins with.
    pub(super) const SIGN: &'static str = "head ";

    /// What holds behind a record, where that is known.
    pub(super) fn after(before: Option<Self>, body: &Body) -> Option<Self> {
        match body {
            Body::Generation(generation) => {
                Some(Self { generation: Generation::clone(generation), finished: before.is_some_and(|head| head.finished) })
            }
            Body::Binding(bounds) => {
                let mut head = before?;
                head.finished = bounds.iter().fold(head.finished, |finished, bound| bound.finishes(finished));
                Some(head)
            }
        }
    }

    /// Its line.
    pub(super) fn write(&self) -> Result<String> {
        let text = serde_json::to_string(self).context("a segment's head cannot be written")?;
        Ok(format!("{}{} {text}", Self::SIGN, hex::sha256(text.as_bytes())))
    }

    /// Reads its line without the sign.
    pub(super) fn parse(line: &str) -> Result<Self> {
        let (_, text) = checked(line).context("its head is damaged")?;
        serde_json::from_str(text).context("its head is damaged")
    }
}

/// The hash and the text of a line whose hash fits.
fn checked(line: &str) -> Result<(&str, &str)> {
    let Some((hash, text)) = line.trim_end().split_once(' ') else { bail!("it has no hash") };
    if hash != hex::sha256(text.as_bytes()) {
        bail!("its hash does not fit");
    }
    Ok((hash, text))
}

/// Epochs as a record holds them: what repeats itself from one to the next is left out.
#[must_use]
pub fn folded(mut epochs: Vec<Bound>) -> Vec<Bound> {
    let lasts: BTreeMap<u32, (u64, u64)> = epochs
        .iter_mut()
        .flat_map(|bound| std::mem::take(&mut bound.lasts))
        .map(|(partition, offset, hash)| (partition, (offset, hash)))
        .collect();
    if let Some(newest) = epochs.last_mut() {
        newest.lasts = lasts.into_iter().map(|(partition, (offset, hash))| (partition, offset, hash)).collect();
    }
    for at in (1..epochs.len()).rev() {
        if let [.., before, this] = epochs.get_mut(..=at).unwrap_or_default()
            && before.at_end == this.at_end
        {
            this.at_end = Vec::new();
            this.same_ends = true;
        }
    }
    epochs
}

/// The epochs of a record as they were.
#[must_use]
pub fn unfolded(epochs: &[Bound]) -> Vec<Bound> {
    let mut all: Vec<Bound> = Vec::with_capacity(epochs.len());
    for bound in epochs {
        let mut whole = bound.clone();
        if whole.same_ends {
            whole.same_ends = false;
            whole.at_end = all.last().map(|before| before.at_end.clone()).unwrap_or_default();
        }
        all.push(whole);
    }
    all
}

/// A record of a topic of rates or rulebooks, kept whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct News {
    /// Its topic, without the prefix.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// Logical time before the epoch that bound it, in ms: a revision is in force from then on at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// The record; in base64 where it is no UTF-8.
    pub text: String,
    /// Whether it is in base64.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub base64: bool,
    /// Of a record that is too long only the first part is kept: how many bytes it had, and their SHA-256 in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<(u64, String)>,
}

impl News {
    /// The record as it was read.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        use base64::Engine as _;
        if self.base64 {
            // It was written by `of`.
            return base64::engine::general_purpose::STANDARD.decode(&self.text).unwrap_or_default();
        }
        self.text.clone().into_bytes()
    }

    /// A record of any bytes.
    #[must_use]
    pub fn of(topic: &str, partition: u32, offset: u64, bytes: &[u8]) -> Self {
        use base64::Engine as _;
        let (text, base64) = match std::str::from_utf8(bytes) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (base64::engine::general_purpose::STANDARD.encode(bytes), true),
        };
        Self { topic: topic.to_owned(), partition, offset, since: None, text, base64, cut: None }
    }

    /// Whether it can count as a rate or a publication at all: it is text, and whole.
    #[must_use]
    pub const fn is_whole_text(&self) -> bool {
        !self.base64 && self.cut.is_none()
    }
}

impl Record {
    /// Gives the record its hash, and its line.
    pub(super) fn seal(mut self) -> Result<(Self, String)> {
        let text = serde_json::to_string(&self).context("a journal record cannot be written")?;
        self.hash = hex::sha256(text.as_bytes());
        let line = format!("{} {text}", self.hash);
        Ok((self, line))
    }

    /// Reads a line that is to be record `number`, where one is asked for; `before` is the hash of the record before it,
    /// where that is known.
    pub(super) fn parse(line: &str, number: Option<u64>, before: Option<&str>) -> Result<Self> {
        let asked = number.map(|number| format!(" {number}")).unwrap_or_default();
        let (hash, text) = checked(line).with_context(|| format!("record{asked} is damaged"))?;
        let mut record: Self = serde_json::from_str(text).with_context(|| format!("record{asked} is damaged"))?;
        if number.is_some_and(|number| number != record.number) || before.is_some_and(|before| before != record.prev_hash) {
            bail!("record{asked} does not follow the one before it");
        }
        hash.clone_into(&mut record.hash);
        Ok(record)
    }
}
