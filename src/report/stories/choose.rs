//! Who is worth telling about. The same files give the same three.

use std::cmp::Reverse;

use super::super::people::{People, Person};
use super::super::wire::Reason;
use super::{Kind, Story};

/// A story with more steps than this is hard to follow.
const STEPS_MAX: usize = 8;

/// What makes one player better to tell about than another; greater is better: short enough, the tier
/// it is about, steps to tell, turnover, and a name, so that there are no ties.
type Rank<'a> = (bool, usize, usize, i128, Reverse<(&'a str, &'a str)>);

/// Chooses three players, or fewer where nobody has such a story.
pub(in super::super) fn choose(people: &People) -> Vec<Story> {
    let mut chosen: Vec<(usize, Kind)> = Vec::new();
    for kind in [Kind::Climber, Kind::Returned, Kind::Silent, Kind::Reversed] {
        let candidates = people.all.iter().enumerate().filter(|(at, _)| chosen.iter().all(|(taken, _)| taken != at));
        let best = candidates.filter_map(|(at, person)| Some((rank(kind, person)?, at))).max();
        if let Some((_, at)) = best.filter(|_| chosen.len() < 3) {
            chosen.push((at, kind));
        }
    }
    chosen.into_iter().map(|(at, kind)| Story::of(kind, &people.all[at])).collect()
}

fn rank(kind: Kind, person: &Person) -> Option<Rank<'_>> {
    let held = person.held.as_ref()?;
    let tier = match kind {
        Kind::Climber => climbed(person),
        Kind::Returned => returned(person),
        Kind::Silent => silent(person),
        Kind::Reversed => reversed(person),
    }?;
    let steps = person.steps.len();
    let name = Reverse((person.brand.as_str(), person.player.as_str()));
    // The climber need not be told shortly, but is better still on top.
    let (short, telling) =
        if kind == Kind::Climber { (true, usize::from(held.tier >= tier)) } else { (steps <= STEPS_MAX, steps) };
    Some((short, tier, telling, held.cumulative, name))
}

fn climbed(person: &Person) -> Option<usize> {
    person.steps.iter().filter(|step| step.up && step.reason == Reason::Threshold).map(|step| step.to).max()
}

/// The highest tier that was lost to a quiet month or a reversal, and won back.
fn returned(person: &Person) -> Option<usize> {
    let back = person.steps.iter().enumerate().filter(|(at, step)| {
        let fell = |earlier: &super::Step| {
            !earlier.up && earlier.from == step.to && matches!(earlier.reason, Reason::Decay | Reason::Reversal)
        };
        step.up && step.reason == Reason::Threshold && person.steps.iter().take(*at).any(fell)
    });
    back.map(|(_, step)| step.to).max()
}

/// The highest tier from which a player fell without a bet in thirty days.
fn silent(person: &Person) -> Option<usize> {
    let last = person.steps.last()?;
    let silent = !last.up && last.reason == Reason::Decay && last.rolling == 0;
    let falls = person.steps.iter().rev().take_while(|step| !step.up && step.reason == Reason::Decay);
    falls.map(|step| step.from).max().filter(|_| silent)
}

fn reversed(person: &Person) -> Option<usize> {
    person.steps.iter().filter(|step| step.reason == Reason::Reversal).map(|step| step.from).max()
}
