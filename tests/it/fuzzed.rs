//! What the fuzz targets in `fuzz/` try for minutes, tried for seconds: mutated, cut and random input.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tidemark::runtime::programme::load_programme;
use tidemark::sources::casino::Casino;
use tidemark::sources::decode::{Scratch, decode};
use tidemark_domain::player::{Player, Saved};
use tidemark_domain::programme::resolve;
use tidemark_domain::programme::source::SourceFile;
use tidemark_domain::rules::{Rates, Revision, Rules};

const CASES: u32 = 3_000;
const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Records of every kind that a casino makes.
fn records() -> Vec<String> {
    let mut records = Casino { players: 40, events: 2_000, days: 20, ..Casino::default() }.records();
    let (mut all, mut line) = (Vec::new(), Vec::new());
    while records.next(&mut line).is_some() {
        all.push(String::from_utf8(line.clone()).unwrap());
    }
    all
}

/// Pieces that matter to a reader of JSON.
const PIECES: [&str; 24] = [
    "\"",
    "\\",
    "\\u",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-",
    "1e9",
    "0.",
    "00",
    " ",
    "\n",
    "\u{0}",
    "é",
    "\u{10ffff}",
    "{}",
];

/// What is done to a text: at a place, of a length, with a piece.
fn mutations() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, usize)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..12, 0..PIECES.len()), 0..6)
}

fn mutate(text: &str, mutations: &[(prop::sample::Index, usize, usize)], pieces: &[&str]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, length, piece) in mutations {
        let at = at.index(chars.len() + 1);
        let end = (at + length).min(chars.len());
        chars.splice(at..end, pieces[*piece].chars());
    }
    chars.into_iter().collect()
}

/// It does not panic, and takes nothing that `serde_json` refuses.
fn check(text: &str) {
    let ours = decode(text, &mut Scratch::default());
    if ours.is_ok() {
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text);
        assert!(theirs.is_ok(), "{theirs:?}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn mutated_records_never_panic(record in prop::sample::select(records()), mutations in mutations()) {
        check(&mutate(&record, &mutations, &PIECES));
    }

    #[test]
    fn a_record_that_is_cut_off_is_refused(record in prop::sample::select(records()), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(record.len());
        let text = String::from_utf8_lossy(&record.as_bytes()[..cut]).into_owned();
        prop_assert!(decode(&text, &mut Scratch::default()).is_err());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn pieces_of_json_never_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        check(&text);
        check(&format!("{{\"a\":{text}}}"));
    }

    #[test]
    fn damaged_saved_players_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>()) {
        let mut record = saved_player();
        prop_assert!(Player::restore(&record, None).is_ok());
        for (at, byte) in changes {
            let at = at.index(record.len());
            record[at] = byte;
        }
        let _key = Player::key_of(&record);
        if let Ok(mut player) = Player::restore(&record, None) {
            let mut again = Vec::new();
            player.save(Saved::Full, &mut again);
            prop_assert!(Player::restore(&again, None).is_ok());
        }
        prop_assert!(Player::restore(&saved_player()[..cut.index(record.len())], None).is_err());
    }

    #[test]
    fn random_bytes_are_no_saved_player(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _key = Player::key_of(&bytes);
        let _player = Player::restore(&bytes, None);
    }
}

/// A player as a snapshot would hold it.
fn saved_player() -> Vec<u8> {
    static RECORD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let make = || {
        let programme = resolve::load(&default_programme()).unwrap();
        let from = programme.effective_from;
        let revision = Revision { programme: Arc::new(programme), from, publication: false, author: None, role: None };
        let rules = Rules::new(vec![revision], Rates::default());
        let mut record = Vec::new();
        Player::new("b1", Some("p42"), from, &rules).save(Saved::Full, &mut record);
        record
    };
    RECORD.get_or_init(make).clone()
}

fn default_programme() -> Vec<SourceFile> {
    load_programme(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("programme")).unwrap().1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES / 10))]

    #[test]
    fn mutated_programmes_never_panic(mutations in mutations(), pieces in prop::sample::subsequence(YAML.to_vec(), PIECES.len())) {
        let mut files = default_programme();
        for file in &mut files {
            file.text = mutate(&file.text, &mutations, &pieces);
        }
        if let Err(problems) = resolve::load(&files) {
            prop_assert!(!problems.is_empty());
        }
    }
}

/// Pieces that matter to a reader of YAML; as many as there are of JSON.
const YAML: [&str; 26] = [
    ": ", "\n", "\n  ", "\n  - ", "- ", "{", "}", "[", "]", ", ", "\"", "'", "|\n", ">\n", "&a ", "*a", "!!str ", "? ", "#",
    "---\n", "~", "1e9", "-1", "\t", "\u{85}", "tiers",
];

/// Texts of about so many bytes that would show a reader which is not linear.
const SHAPES: [(&str, fn(usize) -> String); 12] = [
    ("unknown keys", |bytes| object(bytes, |at| format!("\"{at:03x}\":0,"))),
    ("unknown keys with escapes", |bytes| object(bytes, |at| format!("\"\\u0061{at}\":0,"))),
    ("keys of an inner object", |bytes| format!("{{\"x\":{}}}", object(bytes, |at| format!("\"{at:03x}\":0,")))),
    ("the same key again and again", |bytes| object(bytes, |_| "\"a\":0,".to_owned())),
    ("inner objects", |bytes| object(bytes, |at| format!("\"{at:03x}\":{{\"a\":{{}}}},"))),
    ("open brackets", |bytes| format!("{{\"a\":{}", "[".repeat(bytes))),
    ("arrays as deep as they may be", |bytes| object(bytes, |at| format!("\"{at}\":{}{},", "[".repeat(31), "]".repeat(31)))),
    ("a long key", |bytes| format!("{{\"{}\":1}}", "k".repeat(bytes))),
    ("a long string of escapes", |bytes| format!("{{\"event_id\":\"{}\"}}", "\\u00e9".repeat(bytes / 6))),
    ("an open string of backslashes", |bytes| format!("{{\"a\":\"{}", "\\\\".repeat(bytes / 2))),
    ("a long number", |bytes| format!("{{\"amount\":{}}}", "9".repeat(bytes))),
    ("blanks", |bytes| format!("{{{}\"a\":1}}", " ".repeat(bytes))),
];

/// An object of about so many bytes.
fn object(bytes: usize, member: impl Fn(usize) -> String) -> String {
    let mut text = "{".to_owned();
    let mut at = 0;
    while text.len() < bytes {
        text += &member(at);
        at += 1;
    }
    format!("{}}}", text.trim_end_matches(','))
}

/// The least of many: others use the machine too, and what is short is seldom interrupted every time.
fn least_time(mut work: impl FnMut()) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..15).map(timed).min().unwrap_or_default()
}

#[test]
fn the_decoder_takes_time_in_proportion_to_the_record() {
    // In a record that is complete besides, so that reading goes on to its end.
    let bet = r#"{"event_id":"e","event_type":"BetPlaced","source":"s","player_id":"p","occurred_at":"2026-03-01T10:00:00Z","bet_id":"b","amount":"1","currency":"EUR","#;
    for (name, shape) in SHAPES {
        let [eighths, wholes] = [RECORD_BYTES_MAX / 8, RECORD_BYTES_MAX].map(|bytes| {
            let bare = shape(bytes);
            let texts = [bare.clone(), format!("{bet}\"zz\":{bare}}}"), bare.replacen('{', bet, 1)];
            texts.map(|text| {
                least_time(|| {
                    let _decoded = black_box(decode(&text, &mut Scratch::default()).is_ok());
                })
            })
        });
        for (small, large) in eighths.into_iter().zip(wholes) {
            assert!(large < Duration::from_millis(200), "{name}: {large:?}");
            // Eight times the bytes: eight times the time, and not sixty-four.
            assert!(large < small * 24 + Duration::from_millis(3), "{name}: {small:?} for an eighth, {large:?} for all");
        }
    }
}

#[test]
fn a_programme_takes_time_in_proportion_to_its_text() {
    let shapes: [(&str, fn(usize) -> String); 5] = [
        ("unknown keys", |lines| (0..lines).map(|at| format!("key{at}: 1\n")).collect()),
        ("games", |lines| {
            format!(
                "games:\n  catalogue:\n{}",
                (0..lines).map(|at| format!("    g{at}: {{type: slots, provider: p}}\n")).collect::<String>()
            )
        }),
        ("the same key", |lines| "version: 1\n".repeat(lines)),
        ("brackets", |lines| format!("tiers: {}", "[".repeat(lines))),
        ("one long line", |lines| format!("version: \"{}\"", "x".repeat(lines * 10))),
    ];
    for (name, shape) in shapes {
        let [small, large] = [500, 4_000].map(|lines| {
            let files = [SourceFile { name: "p.yaml".to_owned(), text: shape(lines) }];
            least_time(|| {
                let _read = black_box(resolve::load(&files).is_ok());
            })
        });
        assert!(large < Duration::from_secs(2), "{name}: {large:?}");
        assert!(large < small * 24 + Duration::from_millis(20), "{name}: {small:?} for an eighth, {large:?} for all");
    }
}
