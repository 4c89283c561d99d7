//! Which file gives what.

use std::fs;
use std::io;
use std::path::Path;

use super::calendar::Calendar;
use super::dead::DeadLetters;
use super::ladder::Ladder;
use super::lateness::Lateness;
use super::people::People;
use super::purse::Purse;
use super::reversals::Reversals;
use super::rewards::Rewards;
use super::stories::{self, Story};
use super::wire::{PointsPosted, Summary};
use super::{Error, Report, checks, lines};

const TIER_CHANGES: &str = "loyalty.tier-changes.v1";
const POINTS_LEDGER: &str = "loyalty.points-ledger.v1";
const GRANTS: &str = "promo.grants.v1";
const TRIGGERS: &str = "crm.triggers.v1";
const PROFILES: &str = "crm.player-profile.v1";
const AUDIT: &str = "audit.events.v1";
const DEAD_LETTERS: &str = "pipeline.dlq.v1";

/// Reads what a replay wrote into `out`, each file once and record by record.
///
/// # Errors
/// Where `summary.json` is missing, a file cannot be read, or a record is not what its topic promises.
pub fn read(out: &Path) -> Result<Report, Error> {
    let summary = summary(out)?;
    let mut people = People::default();
    let steps = lines::each(out, TIER_CHANGES, |line| serde_json::from_str(line).map(|row| people.step(&row)))?;
    lines::each(out, PROFILES, |line| serde_json::from_str(line).map(|row| people.profile(&row)))?;
    people.rank();

    let mut ledger = Ledger { stories: stories::choose(&people), purse: Purse::of(&people), ..Ledger::default() };
    let postings = lines::each(out, POINTS_LEDGER, |line| serde_json::from_str(line).map(|row| ledger.take(&row)))?;

    let (mut rewards, mut dead) = (Rewards::default(), DeadLetters::default());
    let triggers = lines::each(out, TRIGGERS, |line| serde_json::from_str(line).map(|row| rewards.trigger(&row)))?;
    let grants = lines::each(out, GRANTS, |line| serde_json::from_str(line).map(|row| rewards.grant(&row)))?;
    let decisions = lines::each(out, AUDIT, |line| serde_json::from_str(line).map(|row| rewards.decision(&row)))?;
    let letters = lines::each(out, DEAD_LETTERS, |line| serde_json::from_str(line).map(|row| dead.add(&row)))?;
    dead.sort();

    let mut report = Report {
        currency: "EUR".to_owned(),
        timing: None,
        summary,
        players: people.all.iter().filter(|person| person.held.is_some()).count() as u64,
        ladder: Ladder::of(&people),
        calendar: ledger.calendar,
        purse: ledger.purse,
        reversals: ledger.reversals,
        lateness: ledger.lateness,
        dead,
        rewards,
        stories: ledger.stories,
        checks: Vec::new(),
    };
    let found = [
        (TIER_CHANGES, steps),
        (POINTS_LEDGER, postings),
        (TRIGGERS, triggers),
        (GRANTS, grants),
        (AUDIT, decisions),
        (DEAD_LETTERS, letters),
    ];
    report.checks = checks::all(&report, &found);
    Ok(report)
}

/// What the ledger gives.
#[derive(Default)]
struct Ledger {
    calendar: Calendar,
    purse: Purse,
    reversals: Reversals,
    lateness: Lateness,
    stories: Vec<Story>,
}

impl Ledger {
    fn take(&mut self, row: &PointsPosted<'_>) {
        self.calendar.add(row);
        self.purse.post(row);
        self.reversals.add(row);
        self.lateness.add(row);
        for story in &mut self.stories {
            if story.player == row.player_id.0 && story.brand == row.brand_id.0 {
                story.add(row);
            }
        }
    }
}

fn summary(out: &Path) -> Result<Summary, Error> {
    let path = out.join("summary.json");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::Unfinished { path });
        }
        Err(source) => return Err(Error::Unreadable { path, source }),
    };
    serde_json::from_slice(&text).map_err(|source| Error::Malformed { path, line: 1, source })
}
