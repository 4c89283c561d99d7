//! From drafts to partitions: who goes where, in what order things arrive, and what is put in between.

use std::collections::BTreeMap;

use super::super::clock::PartitionClock;
use super::super::decode::{Decoded, decode};
use super::super::history::Partition;
use super::super::rulebook::Clock;
use super::super::zone::{DAY, Ms};
use super::super::{catalogue, hex_sha256};
use super::draft::{Draft, line, quoted};
use super::random::Random;
use super::rubbish::rubbish;

fn lanes(topic: &str) -> u32 {
    match topic {
        "bets.v1" => 3,
        "payments.v1" | "loyalty.commands.v1" => 2,
        _ => 1,
    }
}

fn lane(draft: &Draft, together: bool) -> (String, u32) {
    let topic = if together && draft.topic != "fx.v1" && draft.topic != "config.v1" { "mixed.v1" } else { draft.topic };
    let count = if topic == "mixed.v1" { 2 } else { lanes(topic) };
    let name = draft.player.as_deref().unwrap_or("");
    let own = name.bytes().fold(0, |a, b| a * 7 + u32::from(b));
    (topic.to_owned(), draft.lane.unwrap_or(own) % count)
}

/// Writes a record, now and then in an unusual but legal way.
fn written(random: &mut Random, draft: &Draft) -> Vec<u8> {
    let mut pairs = draft.pairs();
    if random.chance(4) {
        pairs.push(("unheard_of".to_owned(), "{\"a\":[1e5,null,\"\\u00e9\"]}".to_owned()));
    }
    if random.chance(2) && draft.kind == "BetPlaced" && draft.field("round_id").is_none() {
        pairs.push(("round_id".to_owned(), "null".to_owned()));
    }
    if random.chance(4) {
        for (name, value) in &mut pairs {
            if name == "event_type" && value == "\"BetPlaced\"" {
                *value = "\"\\u0042etPlaced\"".to_owned();
            }
        }
    }
    if random.chance(10) {
        for (name, value) in &mut pairs {
            if name == "amount" || name == "points" {
                *value = value.trim_matches('"').to_owned();
            }
        }
    }
    if random.chance(20) {
        pairs.reverse();
    }
    line(&pairs)
}

/// Sorts the drafts into partitions, in the order in which they arrive.
pub(crate) fn partitions(random: &mut Random, drafts: &mut [Draft], together: bool) -> Vec<Partition> {
    drafts.sort_by_key(Draft::arrives);
    let mut parts: BTreeMap<(String, u32), Vec<Vec<u8>>> = BTreeMap::new();
    for draft in drafts.iter() {
        let line = written(random, draft);
        parts.entry(lane(draft, together)).or_default().push(line);
    }
    let made = parts.into_iter().map(|((topic, partition), lines)| Partition { topic, partition, lines });
    made.collect()
}

fn place(random: &mut Random, part: &Partition) -> usize {
    random.between(0, part.lines.len() as i64) as usize
}

/// Puts rubbish between the records.
pub(crate) fn add_rubbish(random: &mut Random, parts: &mut [Partition], drafts: &[Draft], count: usize) {
    for _ in 0..count {
        let n = random.between(0, parts.len() as i64 - 1) as usize;
        let at = place(random, &parts[n]);
        let line = rubbish(random, drafts);
        parts[n].lines.insert(at, line);
    }
    for part in parts.iter_mut() {
        if random.chance(15) && part.lines.first().is_some_and(|l| l.starts_with(b"{")) {
            part.lines[0].splice(0..0, [0xEF, 0xBB, 0xBF]);
        }
    }
}

fn shows(part: &Partition, records: usize, settings: &Clock) -> Option<Ms> {
    let mut clock = PartitionClock::default();
    for (offset, line) in part.lines.iter().take(records).enumerate() {
        if let Decoded::Event(event) = decode(line, &part.topic, part.partition, offset)
            && !catalogue::moves_no_clock(&event.kind)
            && let Some(at) = event.at
        {
            clock.read(at, settings.future_tolerance);
        }
    }
    clock.shows()
}

/// Records that are exactly as old as what is remembered, or a moment older or younger.
pub(crate) fn add_edges(random: &mut Random, parts: &mut [Partition], drafts: &[Draft], settings: &Clock) {
    let players: Vec<&Draft> = drafts.iter().filter(|d| d.kind == "BetPlaced" || d.kind == "DepositMade").collect();
    for n in 0..8 {
        if players.is_empty() {
            return;
        }
        let p = random.between(0, parts.len() as i64 - 1) as usize;
        let at = place(random, &parts[p]);
        let Some(clock) = shows(&parts[p], at, settings) else {
            continue;
        };
        let mut draft = (*random.pick(&players)).clone();
        let days = if draft.kind == "DepositMade" { settings.payment_history_days } else { settings.history_days };
        let off = random.case(&[(3, 0), (1, -1), (1, 1)]);
        let base = if random.chance(70) { clock - settings.ordering_delay - days * DAY } else { clock - settings.ordering_delay };
        draft.event_id = format!("edge{n}");
        draft.at = Some(base + off);
        draft.fields.retain(|(f, _)| *f != "bet_id" && *f != "payment_id");
        let id = if draft.kind == "DepositMade" { "payment_id" } else { "bet_id" };
        let draft = draft.text(id, &format!("edge{n}"));
        if at == 0 {
            continue;
        }
        parts[p].lines.insert(at, line(&draft.pairs()));
    }
}

/// Records from the far future: alone they move no clock, two of them do.
pub(crate) fn add_future(random: &mut Random, parts: &mut [Partition], drafts: &[Draft], end: Ms) {
    let players: Vec<&Draft> = drafts.iter().filter(|d| d.player.is_some() && d.at.is_some()).collect();
    let n = random.between(0, parts.len() as i64 - 1) as usize;
    for m in 0..random.between(1, 2) {
        let mut draft = (*random.pick(&players)).clone();
        draft.event_id = format!("future{m}");
        draft.at = Some(end + random.case(&[(2, 3), (1, 400)]) * DAY + m);
        draft.fields.retain(|(f, _)| !f.ends_with("_id"));
        for name in catalogue::required(draft.kind) {
            if name.ends_with("_id") {
                draft = draft.text(name, "future");
            }
        }
        let at = random.between(1, parts[n].lines.len().max(1) as i64) as usize;
        let line = line(&draft.pairs());
        let at = at.min(parts[n].lines.len());
        parts[n].lines.insert(at, line);
    }
}

/// A record of `config.v1` with a programme in it.
pub(crate) fn publication(n: usize, book: &super::super::Rulebook) -> Vec<(String, String)> {
    let body = book.to_yaml();
    [
        ("event_id", quoted(&format!("pub{n}"))),
        ("event_type", quoted("ProgrammePublished")),
        ("source", quoted("backoffice")),
        ("id", quoted(&book.id)),
        ("revision", book.revision.to_string()),
        ("effective_from", quoted(&super::super::zone::write_time(book.effective_from))),
        ("sha256", quoted(&hex_sha256(body.as_bytes()))),
        ("body", quoted(&body)),
    ]
    .into_iter()
    .map(|(name, json)| (name.to_owned(), json))
    .collect()
}
