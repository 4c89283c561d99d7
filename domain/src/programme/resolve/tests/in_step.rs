//! The table of keys and the reader are in step.

use super::*;
use crate::programme::schema::shape::{self, Absent, Key, Shape};

/// A default that does not fit its own bounds, or a word that is not read, would be found here.
#[test]
fn every_key_of_the_table_is_read() {
    fn keys(of_shape: &'static Shape, path: &str, out: &mut Vec<String>) {
        for key in of_shape.keys {
            let own = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
            match &key.kind {
                shape::Kind::Section(of) => keys(of, &own, out),
                shape::Kind::Sections { of, id, .. } => {
                    let mut inner = Vec::new();
                    keys(of, &format!("{own}.X"), &mut inner);
                    out.extend(inner.into_iter().filter(|name| !name.ends_with(&format!(".X.{id}"))));
                }
                shape::Kind::Named { of, .. } => keys(of, &format!("{own}.X"), out),
                shape::Kind::Values(_) => out.push(format!("{own}.X")),
                shape::Kind::Later { .. } => {}
                _ => out.push(own),
            }
        }
    }
    let mut expected = Vec::new();
    keys(&table::ROOT, "", &mut expected);
    expected.retain(|path| path != "version" && !path.starts_with("programme."));
    expected.sort();
    let text = format!(
        "{HEAD}tiers: {{levels: [{{name: X, entry: 0, maintain: 0}}]}}\nbrands: {{X: {{}}}}\ngames: {{weights: {{X: 1}}, catalogue: {{X: {{type: X}}}}}}\npromotions: {{list: [{{id: X, multiplier: 1, from: 2026-01-01T00:00:00Z, to: 2026-01-02T00:00:00Z}}]}}\n"
    );
    let mut seen: Vec<_> = good(&text)
        .values
        .into_keys()
        .filter(|path| !path.starts_with("brands.default.") && (!path.starts_with("games.weights.") || path.ends_with(".X")))
        .collect();
    seen.sort();
    assert_eq!(seen, expected);
}

#[test]
fn every_word_of_a_choice_is_read() {
    for (section, key) in [(&table::POINTS, "stake_basis"), (&table::PROMOTIONS, "stacking"), (&table::TIERS, "downgrade")] {
        let Some(Key { kind: shape::Kind::Choice { words, .. }, absent, .. }) = section.key(key) else { panic!("{key}") };
        assert!(matches!(absent, Absent::Default(_)));
        for word in *words {
            let line = match key {
                "stake_basis" => format!("{HEAD}{MINIMAL}points: {{stake_basis: {word}}}"),
                "stacking" => format!("{HEAD}{MINIMAL}promotions: {{stacking: {word}}}"),
                _ => format!("{HEAD}tiers: {{downgrade: {word}}}"),
            };
            assert!(values(&good(&line)).contains(&format!(".{key} = {word}\n")));
        }
    }
    let all = with("points: {qualifying: [login, bet, deposit, adjustment]}");
    assert_eq!(all.points.qualifying, Qualifying { bet: true, deposit: true, login: true, adjustment: true });
}
