//! The word that was probably meant.

/// Longer words of a programme get no hint.
const LETTERS_MAX: usize = 40;
/// Of more candidates only the first are looked at.
const CANDIDATES_MAX: usize = 1_000;

/// The nearest candidate, for a word of a programme.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_within(word, candidates, LETTERS_MAX)
}

/// The candidate nearest to `word` by edits of one letter, case apart, where one is near enough. A word of more
/// than `letters_max` letters gets no hint.
pub fn nearest_within<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>, letters_max: usize) -> Option<&'a str> {
    let wanted: Vec<char> = word.chars().take(letters_max + 1).flat_map(char::to_lowercase).collect();
    if wanted.len() > letters_max {
        return None;
    }
    let near_enough = 1 + wanted.len().div_euclid(4);
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 2 * near_enough)
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= near_enough && *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, row by row.
fn distance(wanted: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (line, letter) in candidate.chars().flat_map(char::to_lowercase).enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_a_letter_is_found_and_a_stranger_is_not() {
        let known = ["per_unit", "stake_basis", "qualifying"];
        assert_eq!(nearest("per_units", known), Some("per_unit"));
        assert_eq!(nearest("StakeBasis", known), Some("stake_basis"));
        assert_eq!(nearest("qualifyng", known), Some("qualifying"));
        assert_eq!(nearest("color", known), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(distance(&['a', 'b', 'c'], "abc"), 0);
        assert_eq!(distance(&['k', 'i', 't', 't', 'e', 'n'], "sitting"), 3);
    }
}
