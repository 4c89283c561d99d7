//! Random histories in which every rule is met often.
//!
//! * [`history`]: one history per seed
//! * `random`: seeded numbers; `rules`: programmes and their revisions
//! * `draft`: a record before it is written; `play`, `stakes`: what players do; `again`: the same thing twice
//! * `layout`: partitions and the order of arrival; `rubbish`: what is no record

mod again;
mod draft;
mod layout;
mod play;
mod random;
mod rubbish;
mod rules;
mod stakes;

use super::history::{History, Partition};
use super::rulebook::Rulebook;
use super::zone::{DAY, HOUR, Ms, write_time};
use draft::{line, quoted};
use play::Author;
use random::Random;
use rules::Period;

/// About so many events in a history.
const EVENTS: i64 = 2_000;

/// The first day of the earliest history: 2026-01-01.
const EARLIEST: Ms = 1_767_225_600_000;

/// The history of a seed.
pub(crate) fn history(seed: u64) -> History {
    let mut random = Random::new(seed);
    let start = EARLIEST + random.between(0, 330) * DAY + random.between(0, 23) * HOUR;
    let days = *random.pick(&[21, 45, 90, 180, 450]);
    let period = Period { start, end: start + days * DAY };
    let (books, published_from) = revisions(&mut random, period);
    let until = until(&mut random, period, &books[0]);
    let mut author = Author::new(Random::new(seed ^ 0xA5A5), &books, period, until);
    let mut figures = author.figures();
    author.before_removals(&figures);
    while (author.drafts.len() as i64) < EVENTS * 7 / 8 {
        let n = random.between(0, figures.len() as i64 - 1) as usize;
        if random.chance(2) {
            author.nobody(&figures[n]);
        } else {
            author.act(&mut figures[n]);
        }
    }
    let mut drafts = author.drafts;
    again::repeat(&mut random, &mut drafts, books[0].clock.history_days);
    let together = random.chance(20);
    let mut partitions = layout::partitions(&mut random, &mut drafts, together);
    if random.chance(30) {
        layout::add_future(&mut random, &mut partitions, &drafts, period.end);
    }
    layout::add_rubbish(&mut random, &mut partitions, &drafts, 24);
    layout::add_edges(&mut random, &mut partitions, &drafts, &books[0].clock);
    add_rates(&mut random, &mut partitions, period);
    let published = add_programmes(&mut random, &mut partitions, &books, published_from);
    let rulebooks = books.iter().take(published_from).cloned().collect();
    History { rulebooks, published, partitions, until }
}

/// Every revision, and how many of them are given on the command line.
fn revisions(random: &mut Random, period: Period) -> (Vec<Rulebook>, usize) {
    let mut books = vec![rules::first(random, period)];
    let count = random.between(0, 3);
    for n in 1..=count {
        let share = (period.end - period.start) / (count + 1);
        let zone = super::zone::Zone::named(&books[0].brand("b1").time_zone);
        let mut from = period.start + share * n + random.between(0, share / 2);
        if random.chance(50) {
            from = zone.start(zone.day(from));
        }
        let from = from.max(books[books.len() - 1].effective_from + HOUR);
        let next = rules::next(random, &books[books.len() - 1], from, period);
        books.push(next);
    }
    let given = random.between(1, books.len() as i64) as usize;
    (books, given)
}

fn until(random: &mut Random, period: Period, book: &Rulebook) -> Option<Ms> {
    let zone = super::zone::Zone::named(&book.brand("b1").time_zone);
    let late = period.start + (period.end - period.start) * random.between(60, 100) / 100;
    match random.between(0, 9) {
        0 | 1 => Some(late),
        2 | 3 => Some(zone.start(zone.day(late))),
        4 => Some(period.end + 40 * DAY),
        _ => None,
    }
}

fn partition_of<'a>(partitions: &'a mut Vec<Partition>, topic: &str) -> &'a mut Partition {
    if let Some(n) = partitions.iter().position(|p| p.topic == topic) {
        return &mut partitions[n];
    }
    partitions.push(Partition { topic: topic.to_owned(), partition: 0, lines: Vec::new() });
    let last = partitions.len() - 1;
    &mut partitions[last]
}

fn rate(n: i64, currency: &str, base: &str, rate: &str, from: Ms) -> Vec<u8> {
    let pairs = [
        ("event_id", quoted(&format!("fx{n}"))),
        ("event_type", quoted("FxRate")),
        ("source", quoted("treasury")),
        ("currency", quoted(currency)),
        ("base", quoted(base)),
        ("rate", if n % 3 == 0 { rate.to_owned() } else { quoted(rate) }),
        ("valid_from", quoted(&write_time(from))),
    ];
    line(&pairs.map(|(name, json)| (name.to_owned(), json)))
}

/// Exchange rates: some from the start, some only from the middle on, some twice, some in conflict.
fn add_rates(random: &mut Random, partitions: &mut Vec<Partition>, period: Period) {
    let mut lines = Vec::new();
    for n in 0..14 {
        let (currency, base) = random.case(&[
            (4, ("SEK", "EUR")),
            (2, ("SEK", "USD")),
            (2, ("JPY", "EUR")),
            (1, ("USD", "EUR")),
            (1, ("EUR", "USD")),
        ]);
        let from = if n < 3 { period.start - DAY } else { period.any(random) };
        let value = *random.pick(&["0.0880", "0.09", "0.0865432109", "0.0060", "0.1"]);
        lines.push(rate(n, currency, base, value, from));
        match random.between(0, 5) {
            0 => lines.push(rate(n + 100, currency, base, &format!("{value}0"), from)),
            1 => lines.push(rate(n + 200, currency, base, "0.0777", from)),
            _ => {}
        }
    }
    let elsewhere = random.chance(25);
    for (n, line) in lines.into_iter().enumerate() {
        let topic = if elsewhere && n % 4 == 0 { "bets.v1" } else { "fx.v1" };
        let part = partition_of(partitions, topic);
        let at = if topic == "fx.v1" { part.lines.len() } else { part.lines.len() / 2 };
        part.lines.insert(at, line);
    }
}

/// Publications of the later revisions, twice, in conflict, and bad ones. Returns what their bodies say.
fn add_programmes(random: &mut Random, partitions: &mut Vec<Partition>, books: &[Rulebook], given: usize) -> Vec<Rulebook> {
    let mut known: Vec<Rulebook> = books.iter().skip(given).cloned().collect();
    let mut lines = Vec::new();
    for (n, book) in books.iter().enumerate().skip(given) {
        lines.push(line(&layout::publication(n, book)));
        if random.chance(50) {
            lines.push(line(&layout::publication(n + 10, book)));
        }
        if random.chance(50) {
            let mut other = book.clone();
            other.games.unknown_weight = "0.125".to_owned();
            lines.push(line(&layout::publication(n + 20, &other)));
            known.push(other);
        }
    }
    let mut bad = books[0].clone();
    bad.revision = 90;
    bad.effective_from += HOUR;
    match random.between(0, 7) {
        0 => bad.clock.history_days += 1,
        1 => bad.brands.get_mut("b1").expect("a brand of every programme").time_zone = "Asia/Tokyo".to_owned(),
        2 => bad.brands.get_mut("b2").expect("a brand of every programme").base_currency = "GBP".to_owned(),
        3 => {
            let mut pairs = layout::publication(30, &bad);
            let n = random.between(3, 7) as usize;
            pairs.remove(n);
            lines.push(line(&pairs));
        }
        4 => {
            let mut pairs = layout::publication(31, &bad);
            let body = "version: 1\nprogramme: {id: default}\n";
            pairs[6].1 = quoted(&super::hex_sha256(body.as_bytes()));
            pairs[7].1 = quoted(body);
            lines.push(line(&pairs));
        }
        5 => {
            let mut pairs = layout::publication(32, &bad);
            pairs[6].1 = quoted(&"0".repeat(64));
            lines.push(line(&pairs));
        }
        _ => {}
    }
    if bad.clock != books[0].clock || bad.brands != books[0].brands {
        lines.push(line(&layout::publication(33, &bad)));
        known.push(bad);
    }
    for line in lines {
        partition_of(partitions, "config.v1").lines.push(line);
    }
    known
}
