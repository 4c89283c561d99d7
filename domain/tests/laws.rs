//! Laws that hold for every history: proptest prints the seed of a failure and keeps it in
//! `proptest-regressions/`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "tests may be short"
)]

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod kit;
mod laws_kit;

use std::sync::OnceLock;

use kit::told::Told;
use kit::world::{Between, World};
use laws_kit::{Draw, Naive, history, steep, told};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use tidemark_domain::catalogue::EventType;
use tidemark_domain::fact::{FactId, Outcome};
use tidemark_domain::money::{Decimal, Micros, round6};
use tidemark_domain::player::{Player, Profile};
use tidemark_domain::time::{Day, Instant, Zone};

const EURO: &[&str] = &["EUR"];
const MIXED: &[&str] = &["EUR", "SEK", "XAU"];

fn zones() -> &'static [Zone] {
    const NAMES: [&str; 6] = ["UTC", "Europe/Malta", "Atlantic/Azores", "Africa/Cairo", "Pacific/Apia", "Australia/Lord_Howe"];
    static ZONES: OnceLock<Vec<Zone>> = OnceLock::new();
    ZONES.get_or_init(|| NAMES.iter().map(|name| Zone::named(name).unwrap()).collect())
}

fn config(cases: u32) -> ProptestConfig {
    let kept = FileFailurePersistence::Direct("tests/proptest-regressions/laws.txt");
    ProptestConfig { cases, failure_persistence: Some(Box::new(kept)), ..ProptestConfig::default() }
}

/// Plays a history; calls `see` after each step.
fn play(draws: &[Draw], between: Between, mut see: impl FnMut(&World, Instant, Option<(&Told, Outcome)>)) -> World {
    let mut world = World::new(steep(), between);
    for (at, event) in told(draws) {
        match &event {
            Some(event) => {
                let (outcome, _) = world.outcome(event);
                see(&world, at, Some((event, outcome)));
            }
            None => {
                world.time(at);
                see(&world, at, None);
            }
        }
    }
    world
}

fn player(world: &World) -> Option<&Player> {
    world.players.values().next().map(|held| &held.player)
}

fn profile<'a>(world: &'a World, at: Instant) -> Option<Profile<'a>> {
    player(world).and_then(|player| player.profile(at, &world.rules))
}

/// Every fact with its id, and the profile at the end.
fn trace(draws: &[Draw], between: Between) -> (Vec<(FactId, String)>, Vec<Outcome>, String) {
    let mut outcomes = Vec::new();
    let world = play(draws, between, |_, _, step| outcomes.extend(step.map(|(_, outcome)| outcome)));
    let end = world.now.map(|at| format!("{:?}", profile(&world, at))).unwrap_or_default();
    (world.desk.ids, outcomes, end)
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn m1_balances_are_the_sums_of_postings_and_p1_the_purse_is_always_balanced(draws in history(MIXED, 60)) {
        // Each posting is compared with the sums of those before it as it comes, see `kit::book`.
        let world = play(&draws, Between::Nothing, |_, _, _| {});
        prop_assert!(world.desk.wrong.is_empty(), "{:#?}", world.desk.wrong);
        if let (Some(profile), Some(book)) = (world.now.and_then(|at| profile(&world, at)), world.desk.books.get("elsewhere:p1")) {
            let [available, blocked, sums @ ..] = profile.points.map(|sum| sum.0);
            prop_assert_eq!((available, blocked, sums), (book.available, book.blocked, book.sums));
            prop_assert!(blocked >= 0);
            prop_assert_eq!(available + blocked, sums[0] - sums[1] - sums[2] - sums[3] + sums[4]);
            prop_assert_eq!(profile.cumulative.0, book.turnover, "turnover is the sum of the postings' base amounts");
        }
    }

    #[test]
    fn t1_cumulative_is_the_sum_of_accepted_stakes_less_voids_and_t2_rolling_that_of_thirty_days(draws in history(EURO, 60)) {
        let mut naive = Naive::default();
        let mut wrong = Vec::new();
        play(&draws, Between::Nothing, |world, at, step| {
            if let Some((event, Outcome::Applied)) = step {
                naive.take(event);
            }
            if let Some(profile) = profile(world, at) {
                let got = (profile.cumulative.0, profile.rolling_30d.0);
                let expected = (naive.cumulative(), naive.rolling(at));
                if got != expected {
                    wrong.push(format!("{at} {step:?}: expected {expected:?}, got {got:?}"));
                }
            }
        });
        prop_assert!(wrong.is_empty(), "{:#?}", wrong);
    }

    #[test]
    fn t3_no_level_up_fires_twice_whatever_is_lost_reversed_or_renamed(draws in history(EURO, 80)) {
        let world = play(&draws, Between::Nothing, |_, _, _| {});
        let mut fired: Vec<&str> = world.desk.ids.iter().filter_map(|(_, line)| line.split_once("level_up ").map(|at| at.1)).collect();
        let count = fired.len();
        fired.sort_unstable();
        fired.dedup();
        prop_assert_eq!(count, fired.len());
    }

    #[test]
    fn a_player_always_stands_where_turnover_puts_them(draws in history(EURO, 60)) {
        let mut wrong = Vec::new();
        play(&draws, Between::Nothing, |world, at, step| {
            let Some(profile) = profile(world, at) else { return };
            let tiers = &world.rules.at(at).tiers;
            let earned = tiers.index(profile.earned_tier).unwrap();
            let reached = profile.cumulative >= tiers.level(earned).unwrap().entry;
            let after_bet = matches!(step, Some((event, Outcome::Applied)) if event.kind == EventType::BetPlaced);
            let higher = tiers.level(earned + 1).is_some_and(|next| {
                let held = !profile.lost.contains(&&*next.name) || profile.rolling_30d >= next.maintain;
                profile.cumulative >= next.entry && held
            });
            let lost_is_above = profile.lost.iter().all(|name| tiers.index(name) > Some(earned));
            // A whole void that waited leaves the bet without effect, and nothing to judge.
            let judged = !after_bet || !higher || profile.seq == 0;
            if !reached || !lost_is_above || !judged || player(world).is_some_and(|player| !player.is_sound()) {
                wrong.push(format!("{at} {step:?}: {profile:?}"));
            }
        });
        prop_assert!(wrong.is_empty(), "{:#?}", wrong);
    }

    #[test]
    fn a_snapshot_at_any_point_and_time_in_any_steps_change_nothing(draws in history(MIXED, 60), bits in any::<u64>()) {
        let plain = trace(&draws, Between::Nothing);
        for between in [Between::Full, Between::Deltas, Between::SmallSteps, Between::Drawn(bits)] {
            prop_assert_eq!(&trace(&draws, between), &plain, "{:?}", between);
        }
    }

    #[test]
    fn every_event_sent_again_at_once_has_no_effect(draws in history(MIXED, 60)) {
        let plain = trace(&draws, Between::Nothing);
        let mut world = World::new(steep(), Between::Nothing);
        for (at, event) in told(&draws) {
            let Some(event) = event else { world.time(at); continue };
            let (outcome, _) = world.outcome(&event);
            let (again, lines) = world.outcome(&event);
            prop_assert!(lines.iter().all(|line| line.starts_with("note")), "{:?}", lines);
            match outcome {
                Outcome::Applied => prop_assert_eq!(again, Outcome::Duplicate, "{:?}", event),
                Outcome::Duplicate | Outcome::Dead(_) => prop_assert_eq!(again, outcome, "{:?}", event),
            }
        }
        prop_assert_eq!(world.desk.ids, plain.0);
    }

    #[test]
    fn p1_expiry_leaves_nothing_available_that_was_earned_before(draws in history(EURO, 40)) {
        let mut world = play(&draws, Between::Nothing, |_, _, _| {});
        let Some(at) = world.now else { return Ok(()) };
        let later = at.plus(200 * tidemark_domain::time::DAY_MS);
        world.time(later);
        if let Some(profile) = profile(&world, later) {
            let active = world.desk.ids.iter().any(|(_, line)| line.contains("accrue") || line.contains("adjust"));
            prop_assert!(profile.points[1] == Micros::ZERO, "every request has timed out");
            prop_assert!(profile.rolling_30d == Micros::ZERO, "every day has left the window");
            prop_assert!(profile.points[0] <= Micros::ZERO || !active, "{}", profile.points[0]);
        }
    }
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn a_decimal_is_read_back_from_what_it_prints(whole in "[0-9]{1,15}", fraction in "[0-9]{0,13}") {
        let text = if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") };
        let read = Decimal::parse(text.as_bytes()).unwrap();
        let printed = read.to_string();
        prop_assert_eq!(Decimal::parse(printed.as_bytes()), Some(read));
        prop_assert!(!printed.contains('.') || !printed.ends_with('0'));
        let minus = Decimal::parse_signed(format!("-{text}").as_bytes()).unwrap();
        prop_assert_eq!(minus, Decimal::ZERO.minus(read).unwrap());
        prop_assert_eq!(read.minus(read), Some(Decimal::ZERO));
        prop_assert_eq!(Decimal::new(read.mantissa(), read.scale()), read);
    }

    #[test]
    fn micros_are_read_back_from_what_they_print(micros in -10_i128.pow(20)..10_i128.pow(20)) {
        let read = Decimal::parse_signed(Micros(micros).to_string().as_bytes()).unwrap();
        prop_assert_eq!(read.exact_micros(), Some(Micros(micros)));
        prop_assert_eq!(read.round6(), Some(Micros(micros)));
        prop_assert_eq!(Micros(micros).decimal(), read);
    }

    #[test]
    fn rounding_is_half_even_by_the_digits(whole in 0_u64..1_000_000, kept in "[0-9]{6}", rest in "[0-9]{1,12}") {
        // By hand: what is behind the sixth digit is less than, equal to, or more than a half.
        let half = format!("5{}", "0".repeat(rest.len() - 1));
        let low: i128 = i128::from(whole) * 1_000_000 + kept.parse::<i128>().unwrap();
        let up = rest > half || (rest == half && low % 2 == 1);
        let expected = Micros(low + i128::from(up));
        let read = Decimal::parse(format!("{whole}.{kept}{rest}").as_bytes()).unwrap();
        prop_assert_eq!(read.round6(), Some(expected));
        prop_assert_eq!(round6(&[-read.mantissa()], u32::from(read.scale()), 1), Some(expected.negated()));
    }

    #[test]
    fn instants_and_days_are_read_back_from_what_they_print(at in Instant::FIRST.0..=Instant::LAST.0) {
        let at = Instant(at);
        prop_assert_eq!(Instant::parse(at.to_string().as_bytes()), Some(at));
        let (year, month, date) = Day(i32::try_from(at.0.div_euclid(86_400_000)).unwrap()).civil();
        prop_assert_eq!(Day::from_civil(year, month, date).civil(), (year, month, date));
        prop_assert!(at.to_string().starts_with(&Day::from_civil(year, month, date).to_string()));
    }

    #[test]
    fn a_day_begins_once_and_holds_what_comes_after(day in 10_000_i32..30_000, ms in 0_i64..82_800_000) {
        for zone in zones() {
            let name = zone.name();
            let start = zone.start_of(Day(day));
            prop_assert!(zone.day(start.plus(-1)) < Day(day), "{}", name);
            prop_assert!(start <= zone.start_of(Day(day + 1)));
            prop_assert!(zone.day(start) >= Day(day));
            prop_assert!(zone.day(start.plus(ms)) >= zone.day(start));
        }
    }
}
