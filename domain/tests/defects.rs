//! The planted defects: each makes at least one table differ, and the test names the one that noticed.
//! Needs the feature `checked`; without it there is no switch, and the test says so.
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
use tidemark_domain::defect::{Defect, Defects};

/// Defects that are planted around the rules, or nowhere yet: no table can notice them.
const NOT_PLANTED_HERE: [Defect; 1] = [Defect::NoTimers];

#[test]
fn every_planted_defect_is_noticed_by_a_table() {
    let scenarios: Vec<_> = kit::all_scenarios().into_iter().map(|each| (rules_of(&each), each)).collect();
    let mut unnoticed = Vec::new();
    for defect in Defect::ALL {
        let Some(planted) = Defects::default().with(*defect) else {
            println!("this build has no planted defects: use the feature `checked`");
            return;
        };
        let mut noticed = scenarios.iter().filter(|(rules, scenario)| {
            let mut wrong = rules.clone();
            let before = differences(scenario, rules, Between::Nothing);
            wrong.defects = planted;
            differences(scenario, &wrong, Between::Nothing) != before
        });
        match noticed.next() {
            Some((_, first)) => {
                println!("{:18} {} / {} and {} more", defect.name(), first.file, first.title, noticed.count());
            }
            None => unnoticed.push(defect.name()),
        }
    }
    let expected = NOT_PLANTED_HERE.map(Defect::name);
    assert_eq!(unnoticed, expected, "noticed by no table, and those that are not planted here");
}
