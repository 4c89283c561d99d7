//! Any text at all: no panic, no growth.

use proptest::prelude::*;

use super::*;

#[test]
fn a_bomb_of_aliases_is_refused_without_being_expanded() {
    let mut text = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..100 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{alias}, {alias}, {alias}, {alias}]\n"));
    }
    let problems = load(&[file("p.yaml", text)]).unwrap_err();
    assert!(problems.iter().any(|one| one.message == "an alias (`*name`) is not read"));
}

#[test]
fn a_flood_of_problems_is_cut() {
    let text = format!("{HEAD}{MINIMAL}promotions: {{list: [{}]}}", "1, ".repeat(9_999));
    let problems = load(&[file("p.yaml", text)]).unwrap_err();
    assert_eq!(problems.len(), 1_001);
    assert_eq!(problems[1_000].message, "more than 1000 problems; the others are not listed");
}

/// Pieces that make text look like a programme.
fn piece() -> impl Strategy<Value = String> {
    let words: Vec<String> = [
        "version",
        "programme",
        "tiers",
        "levels",
        "brands",
        "default",
        "points",
        "per_unit",
        "games",
        "weights",
        "catalogue",
        "promotions",
        "list",
        "from",
        "2026-01-01T00:00:00Z",
        "campaigns",
        "clock",
        "24h",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    - ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "\"",
        "'",
        "|\n",
        ">\n",
        "&a ",
        "*a",
        "!!str ",
        "? ",
        "#",
        "---\n",
        "%TAG ! x\n",
        "...\n",
        "~",
        "null",
        "true",
        "1",
        "-1",
        "1e9",
        "0.5",
        "\t",
        "\r",
        "\u{feff}",
        "\u{85}",
        "é",
        "\u{10ffff}",
        "<<",
        "\\",
    ]
    .map(str::to_owned)
    .to_vec();
    prop_oneof![8 => proptest::sample::select(words), 1 => any::<char>().prop_map(String::from)]
}

proptest! {
    #[test]
    fn no_text_panics(pieces in proptest::collection::vec(piece(), 0..60), name in "(campaigns/)?[a-z]{1,3}") {
        let text = pieces.concat();
        for source in [text.clone(), format!("{HEAD}{MINIMAL}{text}")] {
            if let Err(problems) = load(&[file(&name, source)]) {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.is_sorted());
                prop_assert!(problems.iter().all(|one| one.line > 0 && one.column > 0 && !one.message.is_empty()));
            }
        }
    }

    #[test]
    fn a_programme_with_a_piece_cut_out_never_panics(from in 0..EXAMPLE.len(), length in 0_usize..40, put in piece()) {
        let mut text = EXAMPLE.to_owned();
        text.replace_range(from..(from + length).min(EXAMPLE.len()), &put);
        if let Err(problems) = load(&[file("p.yaml", text)]) {
            prop_assert!(!problems.is_empty());
        }
    }
}
