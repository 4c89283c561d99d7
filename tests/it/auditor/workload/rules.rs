//! Random programmes: tiers within reach of a few bets, and revisions that move them.

use std::collections::BTreeMap;

use super::super::rulebook::{Brand, Clock, Games, Level, Points, Promotion, Promotions, Redemption, Rulebook, Tiers};
use super::super::zone::{DAY, HOUR, MINUTE, Ms, SECOND, Zone};
use super::random::Random;

pub(crate) const ZONES: &[&str] = &[
    "UTC",
    "Europe/Malta",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "America/Havana",
    "Asia/Beirut",
    "Pacific/Apia",
];

/// The time that a history covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    pub(crate) start: Ms,
    pub(crate) end: Ms,
}

impl Period {
    pub(crate) fn any(self, random: &mut Random) -> Ms {
        random.between(self.start, self.end)
    }
}

fn brands(random: &mut Random) -> BTreeMap<String, Brand> {
    let mut brands = BTreeMap::new();
    for (name, base) in [("default", "EUR"), ("b1", "EUR"), ("b2", "USD")] {
        let zone = if name == "default" && random.chance(50) { "UTC" } else { random.pick(ZONES) };
        brands.insert(name.to_owned(), Brand { time_zone: zone.to_owned(), base_currency: base.to_owned() });
    }
    brands
}

fn levels(random: &mut Random) -> Vec<Level> {
    let scale = *random.pick(&[1, 1, 1, 2]);
    let steep = random.chance(30);
    let rows = [("Bronze", 0, 0), ("Silver", 100, 30), ("Gold", 400, 80), ("Platinum", 1200, if steep { 800 } else { 200 })];
    let factors = [["1", "1", "1", "1"], ["1", "1.1", "1.25", "1.5"], ["0.5", "1", "2", "2.0001"]];
    let multipliers = random.pick(&factors);
    let privileges =
        [vec![], vec![], vec!["email_support".to_owned()], vec!["personal_manager".to_owned(), "higher_min_rtp".to_owned()]];
    let made = rows.iter().zip(multipliers).zip(privileges);
    made.map(|((row, multiplier), entitlements)| Level {
        name: row.0.to_owned(),
        entry: (row.1 * scale).to_string(),
        maintain: (row.2 * scale).to_string(),
        points_multiplier: (*multiplier).to_owned(),
        entitlements,
    })
    .collect()
}

fn promotions(random: &mut Random, period: Period, brands: &BTreeMap<String, Brand>) -> Promotions {
    let list = (0..random.between(0, 4)).map(|n| {
        let zone = Zone::named(&brands[*random.pick(&["default", "b1", "b2"])].time_zone);
        let from = zone.start(zone.day(period.any(random)));
        let to = from + random.between(1, 20) * DAY + random.between(0, 1) * 5 * HOUR;
        let limit = |dice: &mut Random, items: &[&str]| {
            if dice.chance(50) { vec![] } else { vec![(*dice.pick(items)).to_owned()] }
        };
        Promotion {
            id: format!("promo{n}"),
            multiplier: (*random.pick(&["2", "1.5", "3", "1.0001"])).to_owned(),
            from,
            to,
            brands: limit(random, &["b1", "b2"]),
            game_types: limit(random, &["slots", "live"]),
        }
    });
    let list = list.collect();
    Promotions { stack_max: random.chance(40), cap: (*random.pick(&["10", "4", "2.5"])).to_owned(), list }
}

/// The first programme.
pub(crate) fn first(random: &mut Random, period: Period) -> Rulebook {
    let brands = brands(random);
    let weights = [("slots", "1"), ("table", "0.5"), ("live", "1.5"), ("exclusive", "2"), ("lottery", "0")];
    let promotions = promotions(random, period, &brands);
    let history_days = *random.pick(&[2, 5, 10, 30]);
    let qualifying = *random.pick(&["bet adjustment", "bet", "bet deposit login adjustment", "login"]);
    Rulebook {
        id: "default".into(),
        revision: 1,
        effective_from: period.start - random.between(0, 3) * DAY,
        brands,
        clock: Clock {
            ordering_delay: *random.pick(&[SECOND, 5 * MINUTE, HOUR]),
            future_tolerance: *random.pick(&[5 * MINUTE, 2 * HOUR]),
            history_days,
            payment_history_days: history_days + *random.pick(&[0, 10, 60]),
        },
        points: Points {
            per_unit: (*random.pick(&["1", "1", "2.5", "0.3333"])).to_owned(),
            real_only: random.chance(30),
            expire_after_months: *random.pick(&[1, 1, 2, 3, 12]),
            qualifying: qualifying.split(' ').map(str::to_owned).collect(),
            remind_before_days: random.pick(&[vec![30, 7], vec![7], vec![10, 1], vec![]]).clone(),
        },
        games: Games {
            weights: weights.iter().map(|(t, w)| ((*t).to_owned(), (*w).to_owned())).collect(),
            unknown_weight: (*random.pick(&["0.5", "0.25"])).to_owned(),
            catalogue: vec![("high-roller".into(), "exclusive".into()), ("odd-slot".into(), "table".into())],
        },
        promotions,
        tiers: Tiers {
            to_fit: random.chance(35),
            min_tenure_days: *random.pick(&[0, 5, 5, 30]),
            grace_days: *random.pick(&[0, 0, 2]),
            warn_before_days: *random.pick(&[7, 7, 3, 0]),
            levels: levels(random),
        },
        redemption: Redemption {
            step: *random.pick(&[20, 50, 100]),
            value: (*random.pick(&["1.00", "0.55"])).to_owned(),
            currency: "EUR".into(),
            confirm_within: *random.pick(&[24 * HOUR, 2 * HOUR]),
            wager_multiplier: "0".into(),
        },
    }
}

fn scale(levels: &mut [Level], upper: i64, lower: i64) {
    let scaled = |text: &str| (text.parse::<i64>().expect("a whole threshold") * upper / lower).to_string();
    for level in levels {
        level.entry = scaled(&level.entry);
        level.maintain = scaled(&level.maintain);
    }
}

/// The next revision: one or two things change.
pub(crate) fn next(random: &mut Random, before: &Rulebook, from: Ms, period: Period) -> Rulebook {
    let mut book = before.clone();
    book.revision += 1;
    book.effective_from = from;
    match random.between(0, 6) {
        0 => scale(&mut book.tiers.levels, 3, 2),
        1 => scale(&mut book.tiers.levels, 1, 2),
        2 | 3 if book.tiers.levels.len() > 3 => {
            let place = random.between(1, book.tiers.levels.len() as i64 - 1) as usize;
            book.tiers.levels.remove(place);
        }
        4 if book.place("Amber").is_none() && book.place("Gold").is_some() => {
            let place = book.place("Gold").expect("just seen");
            let middle = |a: &str, b: &str| ((a.parse::<i64>().unwrap_or(0) + b.parse::<i64>().unwrap_or(0)) / 2).to_string();
            let (low, high) = (book.tiers.levels[place - 1].clone(), book.tiers.levels[place].clone());
            let entry = middle(&low.entry, &high.entry);
            let maintain = middle(&low.maintain, &high.maintain);
            let amber =
                Level { name: "Amber".into(), entry, maintain, points_multiplier: low.points_multiplier, entitlements: vec![] };
            book.tiers.levels.insert(place, amber);
        }
        _ => book.tiers.grace_days = *random.pick(&[0, 1, 2]),
    }
    if random.chance(60) {
        for (_, weight) in book.games.weights.iter_mut().take(3) {
            *weight = (*random.pick(&["1", "0.75", "3", "0.0001"])).to_owned();
        }
        book.points.per_unit = (*random.pick(&["1", "1.5"])).to_owned();
    }
    if random.chance(40) {
        book.promotions = promotions(random, period, &book.brands);
    }
    if random.chance(30) {
        book.points.expire_after_months = *random.pick(&[1, 2, 12]);
        book.tiers.min_tenure_days = *random.pick(&[0, 5]);
    }
    book
}
