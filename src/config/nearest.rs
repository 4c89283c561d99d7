//! The name that was probably meant.

/// Longer names get no hint.
const LETTERS_MAX: usize = 80;

/// The candidate nearest to `word` by edits of one letter, case apart, where one is near enough.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted: Vec<char> = word.to_lowercase().chars().collect();
    if wanted.len() > LETTERS_MAX {
        return None;
    }
    let near_enough = 1 + wanted.len() / 4;
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= near_enough && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, row by row.
fn distance(wanted: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (line, letter) in candidate.to_lowercase().chars().enumerate() {
        let mut left = line + 1;
        let mut diagonal = line;
        let mut next = vec![left];
        for (other, above) in wanted.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(*other != letter)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}
