//! `snapshot inspect`: what a state folder holds, and whether it can be used.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, anyhow};
use serde::Serialize;
use tidemark_domain::time::Instant;

use super::print;
use crate::dataflows::ledger::head;
use crate::epoch::{Epoch, KEY_GROUPS, Spread};
use crate::runtime::job_file::JobFile;
use crate::runtime::manifest::{read_groups, read_waiting};
use crate::runtime::state::{Manifest, State};
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
    /// Records of players in it: all of some key groups, and those that changed of others.
    records: u64,
    /// Key groups of which it holds all.
    whole_groups: usize,
    /// Players after it, those of the snapshots that it needs included.
    players: Option<u64>,
    /// Kept for later ones that need it: what it needs itself is no longer kept.
    part: bool,
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
    let url = folder.to_string_lossy();
    let local = store::folder_of(&url).filter(|path| is_none(path));
    if local.as_ref().is_some_and(|path| path.join(store::MARK).is_file()) {
        return Err(Failure::Failed(anyhow!("{} is the store of a run that has saved nothing yet", folder.display())));
    }
    if local.is_some() {
        return Err(Failure::Usage(format!(
            "{} is no state folder: it has no job.json; give the folder that replay had as --state, or STORE/JOB of a service",
            folder.display()
        )));
    }
    store::check_url(&url).map_err(|why| Failure::Usage(why.to_string()))?;
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
    let own: Vec<(Epoch, Result<u64>)> = manifests.iter().map(|manifest| (manifest.epoch, count_all(&store, manifest))).collect();
    let needed: BTreeSet<Epoch> = manifests.iter().flat_map(|manifest| manifest.needs.iter().copied()).collect();
    let mut rows: Vec<Row> = manifests.iter().map(|manifest| row(manifest, &own, &needed)).collect();
    // Only whoever goes on from a snapshot itself reads the records that wait in it.
    for (manifest, row) in manifests.iter().zip(&mut rows).filter(|(_, row)| !row.part && row.damage.is_none()) {
        row.damage = read_waiting(&store, manifest, drop).err().map(|error| format!("{error:#}"));
    }
    // A run would go on from the newest one: that is tried.
    let spread = Spread { shards: KEY_GROUPS, workers: 1 };
    let mut whole = manifests.iter().zip(&mut rows).rev().filter(|(_, row)| !row.part);
    let newest_usable = whole.find_map(|(manifest, row)| {
        if row.damage.is_none() {
            row.damage = state.load(manifest, &manifests, spread).err().map(|error| format!("{error:#}"));
        }
        row.damage.is_none().then_some(row.epoch)
    });
    Ok(View { fingerprint: job.fingerprint(), job, snapshots: rows, incomplete, newest_usable })
}

/// Which of the snapshots that it needs is not there.
fn missing(needs: &[Epoch], own: &[(Epoch, Result<u64>)]) -> Option<String> {
    let gone = needs.iter().find(|epoch| own.iter().all(|(each, _)| each != *epoch));
    gone.map(|epoch| format!("snapshot {epoch}, which it needs, is missing"))
}

/// Which of the snapshots that it needs is damaged.
fn damaged(needs: &[Epoch], own: &[(Epoch, Result<u64>)]) -> Option<String> {
    let of = |epoch: &&Epoch| own.iter().any(|(each, counted)| each == *epoch && counted.is_err());
    needs.iter().find(of).map(|epoch| format!("snapshot {epoch}, which it needs, is damaged"))
}

/// Looks at every checksum of a snapshot, and counts its records.
fn count_all(store: &Store, manifest: &Manifest) -> Result<u64> {
    let mut records = 0;
    read_groups(
        store,
        manifest,
        |_| true,
        |_, bytes| {
            records += count_records(bytes);
            Ok(())
        },
    )?;
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

/// Whether a snapshot is only a part of later ones, and why it cannot be used.
fn judge(epoch: Epoch, needs: &[Epoch], own: &[(Epoch, Result<u64>)], needed: &BTreeSet<Epoch>) -> (bool, Option<String>) {
    let counted = own.iter().find(|(each, _)| *each == epoch).and_then(|(_, counted)| counted.as_ref().err());
    let spoilt = counted.map(|error| format!("{error:#}"));
    let missing = missing(needs, own);
    let part = missing.is_some() && needed.contains(&epoch);
    (part, spoilt.or_else(|| missing.filter(|_| !part)).or_else(|| damaged(needs, own)))
}

fn row(manifest: &Manifest, own: &[(Epoch, Result<u64>)], needed: &BTreeSet<Epoch>) -> Row {
    let counted = own.iter().find(|(epoch, _)| *epoch == manifest.epoch).map(|(_, counted)| counted);
    let (part, damage) = judge(manifest.epoch, &manifest.needs, own, needed);
    Row {
        epoch: manifest.epoch,
        full: manifest.full,
        needs: manifest.needs.clone(),
        logical_time: manifest.progress.logical_time.map(|at| Instant(at).to_string()),
        events: manifest.progress.tally.events_in,
        groups: manifest.groups.len(),
        bytes: manifest.groups.iter().map(|place| place.length).chain(manifest.waiting.iter().map(|place| place.length)).sum(),
        records: counted.and_then(|counted| counted.as_ref().ok()).copied().unwrap_or(0),
        whole_groups: manifest.groups.iter().filter(|place| place.whole || manifest.full).count(),
        players: manifest.players,
        part,
        damage,
    }
}

fn in_words(view: &View, folder: &Path) -> String {
    let job = &view.job;
    let until = job.until.map_or_else(|| "the end of the events".to_owned(), |at| Instant(at).to_string());
    let profiles = if job.live_profiles { "at each change and at the end" } else { "at the end" };
    let mut text = match job.service() {
        Some(name) => format!("the state in {} belongs to the service {name}\n", folder.display()),
        None => format!(
            "the state in {} belongs to run {}\n  programme {}, events {}\n  until {until}, profiles {profiles}, logic version {}\n",
            folder.display(),
            view.fingerprint,
            job.programme,
            job.events,
            job.logic_version,
        ),
    };
    if job.logic_version != LOGIC_VERSION {
        let _always = writeln!(text, "  this tidemark has logic version {LOGIC_VERSION}, and cannot go on from it");
    }
    if view.snapshots.is_empty() {
        text.push_str("no snapshot yet: a run with this --state that is not complete reads its events from the start\n");
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
            format!(
                "changes, and all of {}; needs {} back to epoch {first}",
                print::counted(row.whole_groups as u64, "key group", "key groups"),
                print::counted(row.needs.len() as u64, "other", "others")
            )
        }
    };
    let state = match (&row.damage, newest) {
        (Some(why), _) => format!("NOT USABLE: {why}"),
        (None, _) if row.part => "a part of later ones: what it needs itself is no longer kept".to_owned(),
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

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    /// What is said of a snapshot that needs 10 and 20, of which only some are there, and that a later one needs or not.
    fn said(there: &[Epoch], spoilt: Option<Epoch>, needed: bool) -> (bool, Option<String>) {
        let whole = |epoch: &Epoch| (*epoch, if spoilt == Some(*epoch) { Err(anyhow!("bits")) } else { Ok(1) });
        let own: Vec<(Epoch, Result<u64>)> = there.iter().map(whole).collect();
        judge(30, &[10, 20], &own, &BTreeSet::from([if needed { 30 } else { 20 }]))
    }

    #[test]
    fn a_snapshot_that_is_kept_for_later_ones_is_not_damaged() {
        let missing = || Some("snapshot 10, which it needs, is missing".to_owned());
        assert_eq!(said(&[10, 20, 30], None, true), (false, None));
        assert_eq!(said(&[20, 30], None, true), (true, None));
        assert_eq!(said(&[20, 30], None, false), (false, missing()), "nobody needs it: it should stand by itself");
        assert_eq!(said(&[20, 30], Some(30), true), (true, Some("bits".to_owned())));
        let damaged = Some("snapshot 20, which it needs, is damaged".to_owned());
        assert_eq!(said(&[20, 30], Some(20), true), (true, damaged));
    }
}
