//! From a small folder to exact numbers, a page and a screen.

mod fixture;
mod wellformed;

use fixture::Out;
use tidemark_domain::time::Day;

use super::lateness::Late;
use super::people::Step;
use super::reversals::Taken;
use super::stories::{Kind, Tone, tell};
use super::wire::Reason;
use super::{Error, Report, Timing, read};

fn report(out: &Out) -> Report {
    read(out.write().path()).unwrap()
}

const fn units(whole: i128, hundredths: i128) -> i128 {
    whole * 1_000_000 + hundredths * 10_000
}

#[test]
fn a_small_folder_gives_exact_numbers() {
    let report = report(&Out::sound());
    assert_eq!(report.players, 2);
    let held = report.purse.held;
    assert_eq!(held, report.purse.posted);
    assert_eq!((held.accrued, held.reversed), (units(10_924, 70), units(40, 25)));
    assert_eq!((held.redeemed, held.adjusted), (units(1_000, 0), units(1_000, 0)));
    assert_eq!((held.held(), held.due()), (units(10_884, 45), units(10_884, 45)));
    assert_eq!(report.calendar.total().turnover(), units(10_884, 45));
    let fifth = report.calendar.days[&Day::from_civil(2026, 3, 5)];
    assert_eq!((fifth.staked, fifth.reversed, fifth.postings), (units(100, 50), units(40, 25), 5));
    assert!(report.is_sound(), "{:?}", report.checks);
}

#[test]
fn steps_amends_and_rewards_are_counted() {
    let report = report(&Out::sound());
    let [bronze, silver] = report.ladder.rungs.as_slice() else { panic!("two tiers") };
    assert_eq!((bronze.name.as_str(), bronze.now, bronze.reached), ("Bronze", 2, 2));
    assert_eq!((silver.now, silver.reached, silver.up, silver.down, silver.regained, silver.lost), (0, 1, 1, 1, 0, 1));

    let taken = Taken { count: 1, base: units(40, 25), points: units(40, 25) };
    assert_eq!(report.reversals.by_frequency(), [("provider_rollback", taken)]);
    let late = Late { bets: 1, base: units(100, 50) };
    assert_eq!(report.lateness.heaviest(), Some((Day::from_civil(2026, 3, 1), late)));
    assert_eq!(report.lateness.delays[2], late);
    assert_eq!((report.dead.total, report.dead.unmatched(), report.dead.kinds[0].count), (4, 1, 2));
    assert_eq!(report.rewards.level_ups["Silver"], 1);
    assert_eq!(report.rewards.grants[&("points_conversion".to_owned(), "EUR".to_owned())], (1, units(10, 0)));
}

#[test]
fn steps_are_told_in_plain_words_with_the_local_day_of_a_fall() {
    let report = report(&Out::sound());
    let story = &report.stories[0];
    assert_eq!((story.kind, story.player.as_str()), (Kind::Climber, "p1"));
    let told = |tone| tell(&report, story, tone).into_iter().map(|event| event.text).collect::<Vec<_>>();
    assert_eq!(
        told(Tone::Full),
        [
            "Silver on 3 March after 10,004.20 EUR",
            "back to Bronze on 4 April because 30 days brought only 820 EUR of the 1,000 that Silver asks"
        ]
    );
    assert_eq!(told(Tone::Brief)[1], "back to Bronze on 4 Apr because 30 days brought only 820 EUR");
    let rolling = story.rolling(Day::from_civil(2026, 4, 1), Day::from_civil(2026, 4, 2));
    assert_eq!(rolling[0].1, units(10_824, 20), "3 March still counts on 1 April");
    assert_eq!(rolling[1].2, units(820, 0), "and no longer on the day after");
}

#[test]
fn a_way_back_is_told_by_the_sum_that_decided() {
    let report = report(&Out::sound());
    let mut story = report.stories[0].clone();
    let [up, down] = story.steps.as_slice() else { panic!("one step up and one down") };
    let (up, decayed) = (*up, *down);
    let reversed = Step { reason: Reason::Reversal, by_timer: false, ..decayed };
    let again = Step { cumulative: units(10_100, 0), rolling: units(1_200, 0), ..up };
    let mut told = |steps: &[Step]| {
        story.steps = steps.to_vec();
        tell(&report, &story, Tone::Brief).pop().map(|event| event.text)
    };
    // A tier that was lost asks for 30 days of play, one that a reversal took for turnover since ever (rules 5 to 7).
    assert_eq!(told(&[up, decayed, again]).as_deref(), Some("Silver again on 3 Mar, after 1,200 EUR in 30 days"));
    assert_eq!(told(&[up, reversed, again]).as_deref(), Some("Silver again on 3 Mar after 10,100 EUR"));
    assert_eq!(
        told(&[up, decayed, again, reversed, again]).as_deref(),
        Some("Silver again on 3 Mar after 10,100 EUR"),
        "it was won back before it was taken"
    );
}

#[test]
fn the_page_is_well_formed_and_reaches_nothing_outside_itself() {
    let timing = Timing { events: 14, seconds: 0.002, workers: 2 };
    for page in [report(&Out::sound()).timed(timing).html(), report(&Out::empty()).html()] {
        assert_eq!(wellformed::fault(&page), None);
        for outside in ["http://", "https://", "url(", "@import", "src=", "<link", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
    assert!(wellformed::fault("<!DOCTYPE html><p><b></p>").is_some());
    assert!(wellformed::fault("<!DOCTYPE html><p id=\"a\"></p><p id=\"a\"></p>").is_some());
    assert!(wellformed::fault("<!DOCTYPE html><p>a & b</p>").is_some());
}

#[test]
fn names_and_records_of_others_are_escaped() {
    // The one that is told about bears the name.
    let mut out = Out::sound();
    for topic in ["loyalty.tier-changes.v1", "loyalty.points-ledger.v1", "crm.player-profile.v1"] {
        out = out.with(topic, "p1", r#"<b>\"&'"#);
    }
    let page = report(&out).in_currency("<i>").html();
    assert_eq!(wellformed::fault(&page), None);
    assert!(page.contains("<b>&lt;b&gt;&quot;&amp;&#39;</b>"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("<i>"));
}

#[test]
fn an_input_without_events_gives_a_sensible_page() {
    let report = report(&Out::empty());
    assert!(report.is_sound());
    let page = report.html();
    assert!(page.contains("Nothing to report yet"));
    assert!(!page.contains("NaN") && !page.contains("inf"));
    assert!(report.terminal(80, false).contains("0 players"));
}

#[test]
fn books_that_do_not_agree_are_shown_and_not_hidden() {
    let out = Out::sound().with("crm.player-profile.v1", r#""accrued":"100.5""#, r#""accrued":"100.500001""#);
    let report = report(&out);
    let broken: Vec<&str> = report.checks.iter().filter(|check| !check.holds).map(|check| check.name).collect();
    assert_eq!(broken, ["Points balance for every player (P-1)", "The ledger and the profiles agree"]);
    assert!(report.html().contains("The books do not agree"));
    assert!(report.terminal(100, false).contains("1 player out of balance"));
}

#[test]
fn each_comparison_finds_its_difference() {
    let broken = |out: &Out| -> Vec<&str> {
        let checks = report(out).checks.into_iter();
        checks.filter(|check| !check.holds).map(|check| check.name).collect()
    };
    let turnover = Out::sound().with("loyalty.points-ledger.v1", r#""base_amount":"820""#, r#""base_amount":"821""#);
    assert_eq!(broken(&turnover), ["Turnover is stakes less reversals (T-1)"]);
    let letters = Out::sound().with("pipeline.dlq.v1", r#""original_bet_id""#, r#""occurred_at""#);
    assert_eq!(broken(&letters), ["Every dead letter is kept"]);
    let mut twice = Out::sound();
    twice.again("crm.triggers.v1");
    assert_eq!(broken(&twice), ["Every fact is in its file", "No tier is rewarded twice (T-3)"]);
    let mut counts = Out::sound();
    counts.summary =
        counts.summary.replace(r#""duplicates":2"#, r#""duplicates":3"#).replace(r#"ledger.v1":7"#, r#"ledger.v1":8"#);
    assert_eq!(broken(&counts), ["Every record is accounted for", "Every fact is in its file"]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let nothing = tempfile::tempdir().unwrap();
    assert!(matches!(read(nothing.path()), Err(Error::Unfinished { .. })));
    let out = Out::sound().with("promo.grants.v1", r#""amount":"10""#, r#""amount":"ten""#);
    let folder = out.write();
    let Err(Error::Malformed { path, line, .. }) = read(folder.path()) else { panic!("a grant of ten") };
    assert!(path.ends_with("promo.grants.v1.jsonl"));
    assert_eq!(line, 1);
}

#[test]
fn a_screen_is_at_most_sixty_lines_and_fits_its_width() {
    let report = report(&Out::sound());
    for width in [0, 60, 80, 100, 400] {
        let screen = report.terminal(width, false);
        assert!(screen.lines().count() <= 60);
        assert!(screen.lines().all(|line| line.chars().count() <= width.clamp(60, 110)), "{screen}");
        assert!(!screen.contains('\u{1b}'));
        assert!(screen.contains("10,884.45") && screen.contains("all 7 hold"));
    }
    assert!(report.terminal(80, true).contains("\u{1b}[32m"));
}
