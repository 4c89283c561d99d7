//! The matrix: every pinned rule, refusal and dead letter, every boundary and both sides of it, and
//! the scenario that shows it. A cell without a scenario, or a scenario that names no cell, fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "tests may be short"
)]

use std::collections::BTreeMap;

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod kit;
mod matrix_cells;

use matrix_cells::{EDGES, GOLDEN, ROWS, SET_ASIDE};

#[test]
fn every_cell_of_the_matrix_has_a_scenario_and_every_scenario_a_cell() {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for scenario in kit::all_scenarios() {
        let place = format!("{} / {}", scenario.file, scenario.title);
        if scenario.covers.is_empty() {
            wrong.push(format!("covers nothing: {place}"));
        }
        for tag in scenario.covers {
            shown.entry(tag).or_default().push(place.clone());
        }
    }
    let mut cells = 0;
    for (rule, title, cases) in ROWS {
        println!("{rule}: {title}");
        for case in *cases {
            cells += 1;
            let tag = format!("{rule}.{case}");
            let places = shown.remove(&tag).unwrap_or_default();
            if places.is_empty() {
                wrong.push(format!("no scenario: {tag}"));
            }
            println!("  {case:28} {}", places.join("\n                               "));
        }
    }
    cells += named(&mut shown, &mut wrong, GOLDEN, "", "G");
    cells += named(&mut shown, &mut wrong, EDGES, "edge.", "edge ");
    println!("set aside elsewhere: {}", SET_ASIDE.join(", "));
    wrong.extend(shown.iter().map(|(tag, places)| format!("no such cell: {tag} in {}", places.join(", "))));
    println!("{cells} cells");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Cells that have a number, which must stand in a scenario's title: `G1: ...`, `edge 12: ...`.
fn named(
    shown: &mut BTreeMap<String, Vec<String>>,
    wrong: &mut Vec<String>,
    numbers: &[u32],
    tag_before: &str,
    title_before: &str,
) -> usize {
    for number in numbers {
        let tag = if tag_before.is_empty() { format!("{title_before}{number}") } else { format!("{tag_before}{number}") };
        let title = format!("/ {title_before}{number}:");
        let places = shown.remove(&tag).unwrap_or_default();
        println!("{title_before}{number}\n  {}", places.join("\n  "));
        if !places.iter().any(|place| place.contains(&title)) {
            wrong.push(format!("no scenario is called \"{title_before}{number}: ...\" and covers {tag}"));
        }
    }
    numbers.len()
}
