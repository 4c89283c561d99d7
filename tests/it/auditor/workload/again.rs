//! The same thing twice: whole records, renamed ones, altered ones, and commands sent again.

use super::super::catalogue;
use super::super::zone::{DAY, HOUR, MINUTE, Ms, SECOND};
use super::draft::{Draft, quoted};
use super::random::Random;

/// Another event of the same body, under a new name.
fn renamed(random: &mut Random, draft: &Draft, n: usize) -> Draft {
    let mut again = draft.clone();
    again.event_id = format!("again{n}");
    if random.chance(50)
        && let Some(amount) = draft.field("amount")
    {
        // The same number, written in another way.
        let bare = amount.trim_matches('"').to_owned();
        let other = if bare.contains('.') { format!("{bare}0") } else { format!("{bare}.00") };
        let json = if random.chance(50) { other } else { quoted(&other) };
        again.set("amount", json);
    }
    again
}

/// The same event name with another body.
fn altered(draft: &Draft) -> Draft {
    let mut other = draft.clone();
    match draft.field("amount") {
        Some(_) if draft.kind != "BetPlaced" => other.set("amount", quoted("7.77")),
        _ => other.at = draft.at.map(|at| at + SECOND),
    }
    other
}

/// A bet of the same name that was another one.
fn rewritten(draft: &Draft, n: usize) -> Draft {
    let mut other = draft.clone();
    other.event_id = format!("other{n}");
    other.fields.retain(|(f, _)| *f != "real_amount" && *f != "bonus_amount");
    other.set("amount", quoted("3.21"));
    other
}

/// Adds repetitions of what is there.
pub(crate) fn repeat(random: &mut Random, drafts: &mut Vec<Draft>, forgetting: i64) {
    let mut more = Vec::new();
    for (n, draft) in drafts.iter().enumerate() {
        let chance = if catalogue::is_command(draft.kind) { 22 } else { 9 };
        if !random.chance(chance) {
            continue;
        }
        let case = random.case(&[(4, 0), (4, 1), (2, 2), (2, 3), (1, 4)]);
        let mut new = match case {
            0 => draft.clone(),
            1 => renamed(random, draft, n),
            2 => altered(draft),
            3 => rewritten(draft, n),
            _ => {
                let mut much_later = renamed(random, draft, n);
                much_later.at = draft.at.map(|at| at + (forgetting + 1) * DAY + random.between(0, 2 * DAY));
                much_later
            }
        };
        let wait: Ms = random.case(&[(5, 0), (3, MINUTE), (2, HOUR), (1, DAY)]);
        if catalogue::is_command(draft.kind) && case == 1 && draft.field("request_id").is_some() {
            new.at = draft.at.map(|at| at + wait);
        } else {
            new.delay += wait;
        }
        if random.chance(20) {
            new.lane = Some(1);
        }
        more.push(new);
    }
    drafts.append(&mut more);
}
