//! From one revision to the next: which keys changed, and what may not (rule 16).

use std::collections::BTreeSet;

use crate::programme::Programme;

/// The keys whose resolved values differ, with the value before and after, in byte order of the
/// path. `None`: the key did not exist.
#[must_use]
pub fn changed(before: &Programme, after: &Programme) -> Vec<(String, Option<String>, Option<String>)> {
    let paths: BTreeSet<&String> = before.values.keys().chain(after.values.keys()).collect();
    paths
        .into_iter()
        .map(|path| (path, before.values.get(path), after.values.get(path)))
        .filter(|(_, old, new)| old != new)
        .map(|(path, old, new)| (path.clone(), old.cloned(), new.cloned()))
        .collect()
}

/// Whether one revision may follow another: `clock`, and the zone and base currency of every brand,
/// listed or not, stay as they are.
///
/// # Errors
/// What may not change, in one sentence.
pub fn check_change(before: &Programme, after: &Programme) -> Result<(), String> {
    let mut refused: Vec<String> = changed(before, after)
        .into_iter()
        .filter(|(path, _, _)| path.starts_with("clock."))
        .map(|(path, old, new)| differs(&path, &old.unwrap_or_default(), &new.unwrap_or_default()))
        .collect();
    let listed: BTreeSet<&str> = before.brands.keys().chain(after.brands.keys()).map(|name| &**name).collect();
    for name in core::iter::once("default").chain(listed) {
        let (old, new) = (before.brand(name), after.brand(name));
        if old.zone != new.zone {
            refused.push(differs(&format!("brands.{name}.time_zone"), old.zone.0.name(), new.zone.0.name()));
        }
        if old.base_currency != new.base_currency {
            refused.push(differs(&format!("brands.{name}.base_currency"), &old.base_currency, &new.base_currency));
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(format!("may not change from one revision to the next: {}", refused.join("; "))) }
}

fn differs(path: &str, old: &str, new: &str) -> String {
    format!("{path} from {old} to {new}")
}
