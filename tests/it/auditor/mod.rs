//! The auditor: the law of Tidemark a second time, slow and obvious, to judge the pipeline by.
//!
//! It is written from the pages of the law alone and shares no code with what it judges. Nothing in it is clever:
//! every player is lived through day by day, what is remembered stands in plain lists and is compared whole, amounts
//! are read from their digits and multiplied as big integers.
//!
//! * [`history`]: what both sides are given, and how it is written to files; [`rulebook`]: the programme and its YAML
//! * [`json`], [`amount`], [`zone`]: strict JSON, exact decimals, instants and local days
//! * [`catalogue`], [`decode`]: the known events, and records that are none
//! * [`clock`]: rule 0, apply times; [`world`]: rates and revisions, known from the start
//! * [`player`]: one player, their timers, and the order of judgement; [`memory`]: rule 8
//! * [`bets`], [`tiers`], [`commands`]: rules 1, 7, 9, 10 - rules 5, 6, 13, 16 - rule 12
//! * [`facts`], [`expected`]: what is published; [`compare`]: against what the pipeline wrote
//! * [`workload`]: random histories; [`coverage`]: how often each rule was met
//! * `golden`: the worked examples of the law; `selfcheck`: the comparison itself
//!
//! What a run must say is [`audit`]; whether it did is [`compare::facts`].

pub(crate) mod compare;
pub(crate) mod coverage;
pub(crate) mod expected;
pub(crate) mod history;
pub(crate) mod rulebook;
pub(crate) mod workload;

mod amount;
mod bets;
mod catalogue;
mod clock;
mod commands;
mod decode;
mod facts;
#[cfg(test)]
mod golden;
mod json;
mod memory;
mod player;
#[cfg(test)]
mod selfcheck;
mod tiers;
mod world;
mod zone;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) use expected::{DeadLetter, Expected};
pub(crate) use history::{History, Partition};
pub(crate) use rulebook::Rulebook;

use amount::plain;
use catalogue::moves_no_clock;
use decode::Event;
use player::Player;
use world::{Verdict, World};
use zone::{Ms, write_time};

/// The SHA-256 of some bytes, in hex.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Recomputes everything from the history.
pub(crate) fn audit(history: &History) -> Expected {
    let mut out = Expected::default();
    let mut world = World::new(history);
    out.coverage.hit_if(history.rulebooks.len() > 1, "R16.many_programmes");
    let (events, greatest) = read(history, &world, &mut out);
    let end = history.until.or(greatest);
    out.summary.logical_time = end;
    let (known_first, mut rest): (Vec<Event>, Vec<Event>) = events.into_iter().partition(|e| moves_no_clock(&e.kind));
    learn(history, &known_first, &mut world, &mut out);
    if let Some(until) = history.until {
        let before = rest.len();
        rest.retain(|e| e.apply <= until);
        out.summary.beyond_until = (before - rest.len()) as u64;
        for _ in 0..out.summary.beyond_until {
            out.coverage.hit("R17.beyond_until");
        }
    }
    if let Some(end) = end {
        // One that changes nothing leaves no row.
        let pairs = world.books.iter().zip(world.books.iter().skip(1));
        let later = pairs.filter(|(before, b)| b.effective_from <= end && rules_of(before) != rules_of(b));
        out.publications = later.map(|(_, b)| (b.effective_from, b.revision)).collect();
        live(&world, rest, end, &mut out);
    }
    finish(&mut out);
    out
}

/// A rulebook without its heading: what of it can change.
fn rules_of(book: &Rulebook) -> String {
    book.to_yaml().lines().filter(|line| !line.starts_with("programme:")).collect()
}

/// Reads every partition, in the order of their names.
fn read(history: &History, world: &World, out: &mut Expected) -> (Vec<Event>, Option<Ms>) {
    let clock = world.first().clock.clone();
    let mut partitions: Vec<&Partition> = history.partitions.iter().collect();
    partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    let mut events = Vec::new();
    let mut greatest = None;
    for part in partitions {
        let found = clock::read(part, clock.ordering_delay, clock.future_tolerance, &mut out.coverage);
        out.summary.events_in += found.records;
        out.summary.skipped_unknown += found.unknown;
        out.dead_letters.extend(found.dead.into_iter().map(|d| DeadLetter {
            topic: part.topic.clone(),
            partition: part.partition,
            offset: d.offset,
            kind: d.kind,
            field: d.field,
        }));
        events.extend(found.events);
        greatest = greatest.max(found.greatest);
    }
    (events, greatest)
}

/// Rates and publications, known from the start.
fn learn(history: &History, events: &[Event], world: &mut World, out: &mut Expected) {
    let first = world.first().clone();
    for event in events {
        let verdict = if event.kind == "FxRate" {
            world.take_rate(event, &mut out.coverage)
        } else {
            world.take_programme(event, &history.published, &first, &mut out.coverage)
        };
        match verdict {
            Verdict::Applied => out.summary.applied += 1,
            Verdict::Duplicate => out.summary.duplicates += 1,
            Verdict::Conflict => out.dead_letters.push(DeadLetter::of(event, "conflict", None)),
            Verdict::Violation(field) => out.dead_letters.push(DeadLetter::of(event, "schema_violation", field)),
        }
    }
}

/// Every player on their own, and every brand for what names no player.
fn live(world: &World, events: Vec<Event>, end: Ms, out: &mut Expected) {
    let mut by_player: BTreeMap<(String, Option<String>), Vec<Event>> = BTreeMap::new();
    for event in events {
        by_player.entry((event.brand.clone(), event.player.clone())).or_default().push(event);
    }
    for ((brand, id), mut own) in by_player {
        own.sort_by(|a, b| (a.apply, &a.topic, a.partition, a.offset).cmp(&(b.apply, &b.topic, b.partition, b.offset)));
        let mut player = Player::new(world, &brand, id.as_deref());
        player.live(&own, end);
        out.summary.applied += player.tally.applied;
        out.summary.duplicates += player.tally.duplicates;
        out.summary.late += player.tally.late;
        out.summary.unmatched_reversals += player.tally.unmatched;
        out.summary.fx_missing_total += player.tally.fx_missing;
        out.dead_letters.append(&mut player.tally.dead);
        out.coverage.add(&player.cover);
        if let Some(id) = id
            && player.created
        {
            out.coverage.hit("R17.profile");
            out.profiles.insert((brand.clone(), id.clone()), profile(&player, end));
            out.facts.insert((brand, id), player.facts);
        }
    }
}

/// The final profile of a player.
fn profile(player: &Player<'_>, end: Ms) -> Map<String, Value> {
    let points = &player.points;
    let mut lost = player.standing.lost.clone();
    lost.sort();
    let forced = player.standing.forced.as_ref();
    let body = json!({
        "event_type": "PlayerProfile",
        "brand_id": player.brand,
        "player_id": player.id,
        "seq": player.facts.len(),
        "tier": player.standing.shown,
        "earned_tier": player.standing.earned,
        "forced": forced.map(|f| json!({"tier": f.tier, "mode": f.mode, "until": write_time(f.until)})),
        "cumulative": plain(player.cumulative),
        "rolling_30d": plain(player.rolling(player.zone.day(end))),
        "points": {
            "available": plain(points.available), "blocked": plain(points.blocked), "accrued": plain(points.accrued),
            "reversed": plain(points.reversed), "redeemed": plain(points.redeemed), "expired": plain(points.expired),
            "adjusted": plain(points.adjusted),
        },
        "reached_at": player.standing.reached_at.map(write_time),
        "lost": lost,
        "last_bet_at": player.last_bet_at.map(write_time),
    });
    match body {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The counts that follow from the rest.
fn finish(out: &mut Expected) {
    out.dead_letters.sort();
    let all = out.dead_letters.len() as u64;
    out.summary.dead_letters = all - out.summary.unmatched_reversals;
    for fact in out.facts.values().flatten() {
        *out.summary.facts.entry(fact.topic).or_default() += 1;
    }
    if all > 0 {
        out.summary.facts.insert(facts::DEAD, all);
    }
}
