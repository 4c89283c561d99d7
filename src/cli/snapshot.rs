//! `snapshot inspect`: what a state folder holds, and whether it can be used.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use tidemark_domain::player::Player;
use tidemark_domain::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::print;
use crate::dataflows::ledger::read_players;
use crate::epoch::Epoch;
use crate::runtime::state::{JobFile, Manifest, State};
use crate::runtime::store::Store;
use crate::runtime::{Failure, LOGIC_VERSION};

/// A state folder.
#[derive(Serialize)]
struct View {
    job: JobFile,
    /// By which its snapshots know it.
    fingerprint: String,
    snapshots: Vec<Row>,
    /// Folders without a manifest: of a run that is writing, or that was stopped while it did.
    incomplete: Vec<Epoch>,
    newest_usable: Option<Epoch>,
}

/// One snapshot.
#[derive(Serialize)]
struct Row {
    epoch: Epoch,
    full: bool,
    needs: Vec<Epoch>,
    logical_time: Option<String>,
    events: u64,
    groups: usize,
    bytes: u64,
    /// Records of players in it: all of them, or those that changed.
    records: u64,
    /// Players after it, those of the snapshots that it needs included.
    players: Option<u64>,
    /// Why it cannot be used.
    damage: Option<String>,
}

/// Players by key group.
type Groups = BTreeMap<u8, BTreeMap<String, Player>>;

/// Runs it.
///
/// # Errors
/// Why it ended.
pub(super) fn inspect(folder: &Path, json: bool) -> Result<u8, Failure> {
    // Only looking must not leave a new folder behind.
    if !folder.join("job.json").is_file() {
        return Err(Failure::Usage(format!(
            "{} is no state folder: it has no job.json; give the folder that replay had as --state",
            folder.display()
        )));
    }
    let view = look(folder).map_err(Failure::Failed)?;
    if json {
        print::json(&view)?;
    } else {
        print::text(&in_words(&view, folder))?;
    }
    Ok(u8::from(view.snapshots.iter().any(|row| row.damage.is_some())))
}

fn look(folder: &Path) -> Result<View> {
    let (state, job) = State::look(folder)?;
    let store = Store::folder(folder)?;
    let manifests = state.manifests()?;
    let mut incomplete: Vec<Epoch> = Vec::new();
    for name in store.list("snapshots")? {
        let epoch = name.split('/').nth(1).and_then(|part| part.parse().ok());
        if let Some(epoch) = epoch.filter(|epoch| manifests.iter().all(|manifest| manifest.epoch != *epoch))
            && !incomplete.contains(&epoch)
        {
            incomplete.push(epoch);
        }
    }
    let mut rows: Vec<Row> = Vec::new();
    // The players as the chain of snapshots so far has them, and the last of that chain.
    let mut chain: (Groups, Option<Epoch>) = (Groups::new(), None);
    for manifest in &manifests {
        if manifest.full {
            chain = (Groups::new(), None);
        }
        let damage = match missing(manifest, &rows, chain.1) {
            Some(why) => Some(why),
            None => load(&store, manifest, &mut chain.0).err().map(|error| format!("{error:#}")),
        };
        chain.1 = damage.is_none().then_some(manifest.epoch);
        let players = damage.is_none().then(|| chain.0.values().map(|group| group.len() as u64).sum());
        rows.push(row(&store, manifest, damage, players));
    }
    let newest_usable = rows.iter().rev().find(|row| row.damage.is_none()).map(|row| row.epoch);
    Ok(View { fingerprint: job.fingerprint(), job, snapshots: rows, incomplete, newest_usable })
}

/// Which of the snapshots that it needs is not there or damaged.
fn missing(manifest: &Manifest, before: &[Row], chain: Option<Epoch>) -> Option<String> {
    for epoch in &manifest.needs {
        match before.iter().find(|row| row.epoch == *epoch) {
            None => return Some(format!("snapshot {epoch}, which it needs, is missing")),
            Some(row) if row.damage.is_some() => return Some(format!("snapshot {epoch}, which it needs, is damaged")),
            Some(_) => {}
        }
    }
    let last = manifest.needs.last().copied();
    (last != chain).then(|| "the snapshots that it needs are not those before it".to_owned())
}

/// Reads every group over what came before; every checksum is looked at.
fn load(store: &Store, manifest: &Manifest, groups: &mut Groups) -> Result<()> {
    let mut objects: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for place in &manifest.groups {
        if !objects.contains_key(place.object.as_str()) {
            let bytes = store.get(&place.object)?.with_context(|| format!("{} is missing", place.object))?;
            objects.insert(&place.object, bytes);
        }
        let object = objects.get(place.object.as_str()).map_or(&[][..], Vec::as_slice);
        let (start, length) = (usize::try_from(place.start)?, usize::try_from(place.length)?);
        let Some(bytes) = object.get(start..start.saturating_add(length)) else { bail!("{} is too short", place.object) };
        if format!("{:016x}", xxh3_64(bytes)) != place.checksum {
            bail!("{} is damaged: group {} has another checksum", place.object, place.group);
        }
        read_players(bytes, groups.entry(place.group).or_default())
            .with_context(|| format!("{}, group {}", place.object, place.group))?;
    }
    Ok(())
}

fn row(store: &Store, manifest: &Manifest, damage: Option<String>, players: Option<u64>) -> Row {
    let records = if damage.is_none() { manifest.groups.iter().map(|place| records(store, place)).sum() } else { 0 };
    Row {
        epoch: manifest.epoch,
        full: manifest.full,
        needs: manifest.needs.clone(),
        logical_time: manifest.progress.logical_time.map(|at| Instant(at).to_string()),
        events: manifest.progress.tally.events_in,
        groups: manifest.groups.len(),
        bytes: manifest.groups.iter().map(|place| place.length).sum(),
        records,
        players,
        damage,
    }
}
