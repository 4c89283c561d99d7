//! `snapshot inspect`: what a state folder holds, and whether it can be used.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use tidemark_domain::time::Instant;

use super::print;
use crate::dataflows::ledger::head;
use crate::epoch::Epoch;
use crate::runtime::state::{Groups, JobFile, Manifest, State, load_groups};
use crate::runtime::store::{self, Store};
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

/// Runs it.
///
/// # Errors
/// Why it ended.
pub(super) fn inspect(folder: &Path, json: bool) -> Result<u8, Failure> {
    // Only looking must not leave a new folder behind.
    let is_none = |path: &Path| !path.join("job.json").is_file() && !path.join("journal").is_dir();
    if store::folder_of(&folder.to_string_lossy()).is_some_and(is_none) {
        return Err(Failure::Usage(format!(
            "{} is no state folder: it has no job.json; give the folder that replay had as --state, or STORE/JOB of a service",
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
    let store = Store::at(folder)?;
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
        let loaded = match missing(manifest, &rows, chain.1) {
            Some(why) => Err(why),
            None => load(&store, manifest, &mut chain.0).map_err(|error| format!("{error:#}")),
        };
        let (records, damage) = (loaded.as_ref().copied().unwrap_or(0), loaded.err());
        chain.1 = damage.is_none().then_some(manifest.epoch);
        let players = damage.is_none().then(|| chain.0.values().map(|group| group.len() as u64).sum());
        rows.push(row(manifest, records, damage, players));
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

/// Reads every group over what came before, looks at every checksum, and counts the records.
fn load(store: &Store, manifest: &Manifest, groups: &mut Groups) -> Result<u64> {
    let mut records = 0;
    load_groups(store, manifest, groups, |_| true, |bytes| records += count_records(bytes))?;
    Ok(records)
}

/// How many records a group holds, each behind its length.
fn count_records(mut bytes: &[u8]) -> u64 {
    let mut records = 0;
    while let Some((before, rest)) = bytes.split_first_chunk::<4>() {
        bytes = rest.get(head(*before).0..).unwrap_or_default();
        records += 1;
    }
    records
}

fn row(manifest: &Manifest, records: u64, damage: Option<String>, players: Option<u64>) -> Row {
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

fn in_words(view: &View, folder: &Path) -> String {
    let job = &view.job;
    let until = job.until.map_or_else(|| "the end of the events".to_owned(), |at| Instant(at).to_string());
    let profiles = if job.live_profiles { "at each change and at the end" } else { "at the end" };
    let mut text = format!(
        "the state in {} belongs to run {}\n  programme {}, events {}\n  until {until}, profiles {profiles}, logic version {}\n",
        folder.display(),
        view.fingerprint,
        job.programme,
        job.events,
        job.logic_version,
    );
    if job.logic_version != LOGIC_VERSION {
        let _always = writeln!(text, "  this tidemark has logic version {LOGIC_VERSION}, and cannot go on from it");
    }
    if view.snapshots.is_empty() {
        text.push_str("no snapshot yet: a run with this --state reads its events from the start\n");
    }
    for row in &view.snapshots {
        describe(&mut text, row, view.newest_usable == Some(row.epoch));
    }
    for epoch in &view.incomplete {
        let _always = writeln!(text, "epoch {epoch}: incomplete, without a manifest that can be read; nothing uses it");
    }
    if !view.snapshots.is_empty() && view.newest_usable.is_none() {
        text.push_str("no snapshot can be used: a run with this --state reads its events again from the start\n");
    }
    text
}

fn describe(text: &mut String, row: &Row, newest: bool) {
    let kind = match row.needs.as_slice() {
        [] => "full".to_owned(),
        [first, ..] => {
            format!("changes; needs {} back to epoch {first}", print::counted(row.needs.len() as u64, "other", "others"))
        }
    };
    let state = match (&row.damage, newest) {
        (Some(why), _) => format!("NOT USABLE: {why}"),
        (None, true) => "sound, the newest that can be used: a run goes on from here".to_owned(),
        (None, false) => "sound".to_owned(),
    };
    let players =
        row.players.map_or_else(|| "players unknown".to_owned(), |players| print::counted(players, "player", "players"));
    let _always = writeln!(
        text,
        "epoch {}: {kind}\n  {state}\n  logical time {}, after {}; {players}, {}, {} in {}",
        row.epoch,
        row.logical_time.as_deref().unwrap_or("none"),
        print::counted(row.events, "event", "events"),
        print::counted(row.records, "record", "records"),
        print::size(row.bytes),
        print::counted(row.groups as u64, "key group", "key groups"),
    );
}
