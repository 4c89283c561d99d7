//! The scenario tables in `scenarios/`: each line is played and its facts compared, each table also
//! with snapshots after every step and with time in small steps.
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

use kit::world::{Between, differences, rules_of};

#[test]
fn every_table_holds_however_players_are_saved_and_time_passes() {
    let scenarios = kit::all_scenarios();
    let (mut rows, mut wrong) = (0, Vec::new());
    for scenario in &scenarios {
        rows += scenario.steps.len();
        let rules = rules_of(scenario);
        for between in Between::ALL {
            wrong.extend(differences(scenario, &rules, between));
            if !wrong.is_empty() {
                break;
            }
        }
    }
    println!("{} scenarios, {rows} rows, each played in {} ways", scenarios.len(), Between::ALL.len());
    assert!(wrong.is_empty(), "\n\n{}\n\n{} rows differ", wrong.join("\n\n"), wrong.len());
}
