//! What a snapshot's manifest says, and how its objects are read by it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::beside::Known;
use super::store::Store;
use crate::dataflows::ledger::{HeldRecord, Rest};
use crate::epoch::Epoch;
use crate::sinks::tally::Progress;

/// Where a group's records are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupPlace {
    /// The key group.
    pub group: u8,
    /// The object.
    pub object: String,
    /// Its first byte there.
    pub start: u64,
    /// How many bytes.
    pub length: u64,
    /// Whether it is all of the group, or what changed of it since the snapshot before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// XXH3 of them, in hex.
    pub checksum: String,
}

/// Where records are that wait for their time: those of one worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WaitingPlace {
    /// The object.
    pub object: String,
    /// How many bytes it has.
    pub length: u64,
    /// XXH3 of them, in hex.
    pub checksum: String,
}

/// What a snapshot holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of this file.
    pub version: u32,
    /// The version of what is computed.
    pub logic_version: u32,
    /// Which run it belongs to.
    pub job: String,
    /// After which epoch it was taken.
    pub epoch: Epoch,
    /// Whether it needs none before it.
    pub full: bool,
    /// The snapshots before it that it needs, in order.
    pub needs: Vec<Epoch>,
    /// How many players there are after it; nothing in those that older versions wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players: Option<u64>,
    /// The groups that it holds.
    pub groups: Vec<GroupPlace>,
    /// The records that wait. They stand apart: there can be hundreds of thousands, and most who read a manifest need none.
    pub waiting: Vec<WaitingPlace>,
    /// When it was written, in ms; nothing in those that older versions wrote.
    #[serde(default)]
    pub written_ms: i64,
    /// Offsets of the progress topic, by shard: the record of this snapshot's commit is not before them. Only where not all
    /// of the past is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub progress_from: Vec<u64>,
    /// What everything amounted to.
    pub progress: Progress,
    /// The partitions that places and waiting records name by their number, where that is not the input's own order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<(String, u32)>,
    /// The first revision of the rulebook, and what became known of rates and rulebooks since, in order.
    #[serde(default)]
    pub known: Known,
    /// What is no player's, of every worker.
    pub(super) rest: Vec<Rest>,
}

pub(super) fn manifest_name(epoch: Epoch) -> String {
    format!("snapshots/{epoch:020}/manifest.json")
}

/// A manifest behind the checksum of its text.
pub(super) fn write_manifest(manifest: &Manifest) -> Result<Vec<u8>> {
    let text = serde_json::to_string(manifest)?;
    Ok(format!("{{\"checksum\":\"{}\",\"manifest\":{text}}}", checksum(text.as_bytes())).into_bytes())
}

/// A manifest, where its text has its checksum.
pub(super) fn read_manifest(bytes: &[u8]) -> Option<Manifest> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (known, rest) = text.strip_prefix("{\"checksum\":\"")?.split_once("\",\"manifest\":")?;
    let body = rest.strip_suffix('}')?;
    (known == checksum(body.as_bytes())).then(|| serde_json::from_str(body).ok())?
}

/// Reads the bytes of a snapshot's groups, those that are `wanted`, each where it has its checksum.
///
/// # Errors
/// Where an object is missing or damaged.
pub(crate) fn read_groups(
    store: &Store,
    manifest: &Manifest,
    wanted: impl Fn(u8) -> bool,
    mut each: impl FnMut(&GroupPlace, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut objects: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for place in manifest.groups.iter().filter(|place| wanted(place.group)) {
        if !objects.contains_key(place.object.as_str()) {
            let bytes = store.get(&place.object)?.with_context(|| format!("{} is missing", place.object))?;
            objects.insert(&place.object, bytes);
        }
        let object = objects.get(place.object.as_str()).map_or(&[][..], Vec::as_slice);
        let (start, length) = (usize::try_from(place.start)?, usize::try_from(place.length)?);
        let Some(bytes) = object.get(start..start.saturating_add(length)) else { bail!("{} is too short", place.object) };
        if checksum(bytes) != place.checksum {
            bail!("{} is damaged: group {} has another checksum", place.object, place.group);
        }
        each(place, bytes)?;
    }
    Ok(())
}

/// Reads the records of a snapshot that wait for their time.
///
/// # Errors
/// Where an object is missing or damaged.
pub(crate) fn read_waiting(store: &Store, manifest: &Manifest, mut each: impl FnMut(HeldRecord)) -> Result<()> {
    for place in &manifest.waiting {
        let bytes = store.get(&place.object)?.with_context(|| format!("{} is missing", place.object))?;
        if bytes.len() as u64 != place.length || checksum(&bytes) != place.checksum {
            bail!("{} is damaged: it has another length or checksum", place.object);
        }
        HeldRecord::read_all(&bytes, &mut each).with_context(|| place.object.clone())?;
    }
    Ok(())
}

/// How an object's bytes are known again.
pub(super) fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}
