//! Whatever is wrong with a record, it becomes a dead letter that says so, and the run goes on (CONTRACTS section 3).

use sha2::{Digest as _, Sha256};

use crate::bad_lines::Fate::{Applied, Dead, Duplicate, Nothing, Skipped};
use crate::bad_lines::{BAD, Lines, check, own_fields, record, replay};

#[test]
fn what_is_no_json_object_is_a_dead_letter() {
    let mut lines = Lines::default();
    lines.record("BetPlaced", &[], Applied);
    let good = record(1, "BetPlaced", &[]);
    for cut in [1, 2, good.len() / 2, good.len() - 2, good.len() - 1] {
        lines.add(&good.as_bytes()[..cut], Dead(BAD, ""));
    }
    for text in [
        "hello",
        "[]",
        "[{}]",
        "7",
        "null",
        "\"text\"",
        "{}}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":.5}",
        "{\"a\":NaN}",
        "{\"a\":1,}",
        "\u{feff}{}",
    ] {
        lines.add(text, Dead(BAD, ""));
    }
    lines.add(format!("{good}{good}"), Dead(BAD, ""));
    lines.add("{}", Dead(BAD, "event_type"));
    let mut latin = good.clone().into_bytes();
    let at = good.find("test").unwrap();
    latin[at] = 0xe9;
    lines.add(latin, Dead(BAD, ""));
    lines.add([0xff, 0xfe, 0x00, 0x7b], Dead(BAD, ""));
    for half in ["\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x"] {
        lines.record("BetPlaced", &[("round_id", &format!("\"{half}\""))], Dead(BAD, "?"));
        lines.record("BetPlaced", &[("unheard_of", &format!("[\"{half}\"]"))], Dead(BAD, "?"));
    }
    lines.record("BetPlaced", &[("round_id", "\"\\ud83c\\udfb0\"")], Applied);
    lines.record("BetPlaced", &[("round_id", "\"\u{7f}\"")], Dead(BAD, "round_id"));
    lines.record("BetPlaced", &[("round_id", "\"\t\"")], Dead(BAD, "?"));
    lines.record("BetPlaced", &[("round_id", "\"\\x\"")], Dead(BAD, "?"));
    lines.record("BetPlaced", &[], Applied);
    check(&lines);
}

#[test]
fn what_nests_too_deep_is_a_dead_letter() {
    let mut lines = Lines::default();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    lines.record("BetPlaced", &[("unheard_of", &nested(31))], Applied);
    lines.record("BetPlaced", &[("unheard_of", &nested(32))], Dead(BAD, "?"));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    lines.record("BetPlaced", &[("unheard_of", &objects(31))], Applied);
    lines.record("BetPlaced", &[("unheard_of", &objects(32))], Dead(BAD, "?"));
    lines.add("[".repeat(20_000), Dead(BAD, "?"));
    lines.add("{\"a\":".repeat(13_000), Dead(BAD, "?"));
    lines.record("BetPlaced", &[("unheard_of", &"[".repeat(20_000))], Dead(BAD, "?"));
    lines.record("BetPlaced", &[], Applied);
    check(&lines);
}

#[test]
fn a_key_that_stands_twice_is_a_dead_letter() {
    let mut lines = Lines::default();
    let twice = |member: &str| record(0, "BetPlaced", &[]).replacen('{', &format!("{{{member},"), 1);
    lines.add(twice("\"amount\":\"2.50\""), Dead(BAD, "amount"));
    lines.add(twice("\"am\\u006funt\":\"2.50\""), Dead(BAD, "amount"));
    lines.add(twice("\"event_id\":\"e0\""), Dead(BAD, "event_id"));
    lines.add(twice("\"x\":1,\"x\":1"), Dead(BAD, "x"));
    lines.add(twice("\"x\":{\"y\":1,\"\\u0079\":2}"), Dead(BAD, "x"));
    lines.add(twice("\"\\u0078\":[[{\"y\":1,\"y\":1}]]"), Dead(BAD, "x"));
    lines.add(twice("\"x\":[{\"y\":1},{\"y\":1}]"), Applied);
    check(&lines);
}

const TYPES: [&str; 13] = [
    "BetPlaced",
    "WinCredited",
    "BetVoided",
    "BetCorrected",
    "WinReversed",
    "DepositMade",
    "DepositReversed",
    "RedemptionRequested",
    "RedemptionConfirmed",
    "RedemptionCancelled",
    "PointsAdjust",
    "StatusForce",
    "SessionStarted",
];

#[test]
fn a_required_field_that_is_missing_is_named() {
    let mut lines = Lines::default();
    for event_type in TYPES.into_iter().chain(["PlayerRegistered", "FxRate"]) {
        lines.record(event_type, &[], Applied);
        let envelope: &[&'static str] =
            if event_type == "FxRate" { &["event_id", "source"] } else { &["event_id", "source", "player_id", "occurred_at"] };
        for field in envelope.iter().copied().chain(own_fields(event_type).iter().map(|(name, _)| *name)) {
            lines.record(event_type, &[(field, "")], Dead(BAD, field));
            lines.record(event_type, &[(field, "null")], Dead(BAD, field));
            lines.record(event_type, &[(field, "[]")], Dead(BAD, field));
            lines.record(event_type, &[(field, "\"\"")], Dead(BAD, field));
        }
        lines.record(event_type, &[("event_type", "")], Dead(BAD, "event_type"));
        lines.record(event_type, &[("event_type", "7")], Dead(BAD, "event_type"));
    }
    for missing in ["id", "revision", "effective_from", "sha256", "body"] {
        let whole = [
            ("id", "\"default\""),
            ("revision", "2"),
            ("effective_from", "\"2026-04-01T00:00:00Z\""),
            ("sha256", "\"0\""),
            ("body", "\"x\""),
        ];
        let fields: Vec<_> = whole.into_iter().map(|(name, value)| (name, if name == missing { "" } else { value })).collect();
        lines.record("ProgrammePublished", &fields, Dead(BAD, "body"));
    }
    lines.record("StatusForce", &[("mode", "\"none\""), ("tier", ""), ("until", "")], Applied);
    // Nobody has to stand in these.
    lines.record("CampaignCost", &[("player_id", "")], Applied);
    lines.record("CampaignCost", &[("occurred_at", "")], Dead(BAD, "occurred_at"));
    lines.record("NeverHeardOf", &[], Skipped);
    lines.record("NeverHeardOf", &[("event_id", ""), ("occurred_at", "7"), ("amount", "\"x\"")], Skipped);
    check(&lines);
}

#[test]
fn a_field_that_is_malformed_is_named() {
    let mut lines = Lines::default();
    let amounts = [
        "\"-1\"",
        "-1",
        "\"+1\"",
        "\"1e3\"",
        "1e3",
        "1E+2",
        "\"1234567890123456\"",
        "1234567890123456",
        "\"1.1234567890123456789\"",
        "\"1.\"",
        "\".5\"",
        "\" 1\"",
        "\"1 \"",
        "\"1,5\"",
        "\"0x1\"",
        "true",
        "{}",
        "\"12345678901.123456789012345678\"",
        "\"\u{661}\"",
        "-0",
    ];
    for amount in amounts {
        for (event_type, field) in
            [("BetPlaced", "amount"), ("BetCorrected", "new_amount"), ("RedemptionRequested", "points"), ("FxRate", "rate")]
        {
            lines.record(event_type, &[(field, amount)], Dead(BAD, field));
        }
        lines.record("BetPlaced", &[("exchange_rate", amount)], Dead(BAD, "exchange_rate"));
        lines.record("BetVoided", &[("amount", amount)], Dead(BAD, "amount"));
    }
    for amount in
        ["2.50", "\"0002.5000\"", "\"1234567890.123456789012345678\"", "\"000000000000002\"", "\"2.500000000000000000\""]
    {
        lines.record("BetPlaced", &[("amount", amount)], Applied);
    }
    lines.record("PointsAdjust", &[("amount", "\"-5\"")], Applied);
    for time in [
        "\"10000-01-01T00:00:00Z\"",
        "\"2026-02-29T00:00:00Z\"",
        "\"2026-13-01T00:00:00Z\"",
        "\"2026-03-01T24:00:00Z\"",
        "\"2026-03-01T10:00:00\"",
        "\"2026-03-01\"",
        "\"yesterday\"",
        "1772359200",
        "\"2026-03-01T10:00:00+25:00\"",
        "\"+2026-03-01T10:00:00Z\"",
    ] {
        lines.record("BetPlaced", &[("occurred_at", time)], Dead(BAD, "occurred_at"));
        lines.record("StatusForce", &[("until", time)], Dead(BAD, "until"));
        lines.record("FxRate", &[("valid_from", time)], Dead(BAD, "valid_from"));
    }
    lines.record("StatusForce", &[("mode", "\"sideways\"")], Dead(BAD, "mode"));
    let (just, over) = (format!("\"{}\"", "i".repeat(256)), format!("\"{}\"", "i".repeat(257)));
    let accents = format!("\"{}\"", "é".repeat(129));
    for field in ["event_id", "source", "player_id", "bet_id", "brand_id"] {
        lines.record("BetPlaced", &[(field, &just)], Applied);
        for value in [&over, &accents, "\"\\u0000\"", "\"a\\nb\"", "\"\\u0085\"", "7", "true"] {
            lines.record("BetPlaced", &[(field, value)], Dead(BAD, field));
        }
    }
    lines.record("BetPlaced", &[("brand_id", "\"b:1\"")], Dead(BAD, "brand_id"));
    lines.record("BetPlaced", &[("brand_id", "\"b\\u003a1\"")], Dead(BAD, "brand_id"));
    lines.record("BetPlaced", &[("brand_id", "\"*\"")], Dead(BAD, "brand_id"));
    lines.record("BetPlaced", &[("brand_id", "")], Applied);
    check(&lines);
}

#[test]
fn what_the_rules_set_aside_names_the_field() {
    let mut lines = Lines::default();
    let same = ("player_id", "\"p\"");
    lines.record("BetPlaced", &[same, ("bet_id", "\"b\"")], Applied);
    lines.record("BetPlaced", &[same, ("bet_id", "\"b\""), ("occurred_at", "\"2026-03-01T10:00:00.000Z\"")], Duplicate);
    lines.record("BetPlaced", &[same, ("bet_id", "\"b\""), ("amount", "3")], Dead("conflict", "bet_id"));
    lines.record("BetPlaced", &[same, ("event_id", "\"e0\"")], Dead("conflict", "?"));
    lines.record("BetPlaced", &[("currency", "\"XXX\"")], Dead("missing_fx", "currency"));
    lines.record("BetPlaced", &[("currency", "\"XXX\""), ("exchange_rate", "\"0.5\"")], Applied);
    lines.record("BetPlaced", &[("amount", "999999999999999"), ("exchange_rate", "\"2\"")], Dead("overflow", "amount"));
    lines.record("BetPlaced", &[("amount", "999999999999999"), ("game_type", "\"exclusive\"")], Dead("overflow", "amount"));
    lines.record(
        "BetPlaced",
        &[("amount", "999999999999999"), ("exchange_rate", "\"999999999999999\"")],
        Dead("overflow", "amount"),
    );
    lines.record("BetPlaced", &[("amount", "499999999999999.999999"), ("game_type", "\"exclusive\"")], Applied);
    lines.record("BetPlaced", &[same, ("occurred_at", "\"2026-01-29T10:00:00Z\"")], Dead("too_late", "occurred_at"));
    lines.record("BetPlaced", &[same, ("occurred_at", "\"2026-01-31T10:00:00Z\"")], Applied);
    // The same rate twice, and another for the same moment.
    let rate = ("currency", "\"SEK\"");
    lines.record("FxRate", &[rate], Applied);
    lines.record("FxRate", &[rate, ("rate", "0.50")], Duplicate);
    lines.record("FxRate", &[rate, ("rate", "0.51")], Dead("conflict", "rate"));
    check(&lines);
}

#[test]
fn a_reversal_whose_bet_never_comes_leaves_as_a_dead_letter() {
    let mut text = record(0, "BetPlaced", &[]) + "\n";
    text += &(record(1, "BetVoided", &[]) + "\n");
    let (summary, letters) = replay(text.as_bytes(), &["--until", "2026-06-01T00:00:00Z"]);
    assert_eq!((&letters[&1]["kind"], &letters[&1]["field"]), (&"too_late".into(), &"original_bet_id".into()));
    assert_eq!((&letters[&1]["original_event_id"], &letters[&1]["player_id"]), (&"e1".into(), &"p1".into()));
    for (name, count) in [("events_in", 2), ("applied", 2), ("dead_letters", 0), ("unmatched_reversals", 1)] {
        assert_eq!(summary[name], count, "{name}");
    }
    assert_eq!(summary["facts"]["pipeline.dlq.v1"], 1);
}

/// A record of exactly so many bytes.
fn of_bytes(number: usize, bytes: usize) -> String {
    let bare = record(number, "BetPlaced", &[("pad", "\"\"")]);
    record(number, "BetPlaced", &[("pad", &format!("\"{}\"", "x".repeat(bytes - bare.len())))])
}

#[test]
fn a_record_may_have_64_kib_and_not_one_byte_more() {
    let sizes = [65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 3_000_000];
    let mut text = Vec::new();
    for (number, bytes) in sizes.iter().enumerate() {
        text.extend(of_bytes(number, *bytes).into_bytes());
        text.push(b'\n');
    }
    text.extend([b"\"".as_slice(), &[0xff; 70_000], b"\n"].concat());
    text.extend(record(8, "BetPlaced", &[]).into_bytes());
    for epoch_bytes in ["1", "100000", "10000000"] {
        let (summary, letters) = replay(&text, &["--epoch-bytes", epoch_bytes]);
        assert_eq!((&summary["events_in"], &summary["applied"], &summary["dead_letters"]), (&9.into(), &3.into(), &6.into()));
        assert_eq!(letters.keys().copied().collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        for (number, letter) in letters.iter().filter(|(number, _)| **number < 7) {
            let whole = of_bytes(*number as usize, sizes[*number as usize]);
            assert_eq!(letter["kind"], "size");
            assert_eq!(letter["payload"], whole[..whole.len().min(131_072)]);
            if whole.len() > 131_072 {
                let sha256: String = Sha256::digest(whole.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!((&letter["payload_bytes"], &letter["payload_sha256"]), (&whole.len().into(), &sha256.into()));
            } else {
                assert!(letter.get("payload_bytes").is_none() && letter.get("payload_sha256").is_none());
            }
        }
        assert!(
            letters[&7]["kind"] == "size" && letters[&7].get("payload").is_none() && letters[&7]["payload_base64"].is_string()
        );
    }
}

#[test]
fn a_mark_and_blank_lines_are_skipped_and_lines_keep_their_numbers() {
    let mut lines = Lines::default();
    lines.add([b"\xef\xbb\xbf", record(0, "BetPlaced", &[]).as_bytes()].concat(), Applied);
    for blank in ["", "   ", "", " ".repeat(70_000).as_str()] {
        lines.add(blank, Nothing);
    }
    lines.add("no json", Dead(BAD, ""));
    lines.add("", Nothing);
    lines.record("BetPlaced", &[], Applied);
    lines.add(format!("  {}  ", record(20, "BetPlaced", &[])), Applied);
    lines.add(format!("{}\r", record(21, "BetPlaced", &[])), Applied);
    lines.add("\u{feff}{}", Dead(BAD, ""));
    check(&lines);
}

#[test]
fn escaped_names_are_names_and_an_escaped_rate_is_found_before_the_run() {
    let mut lines = Lines::default();
    // The rates stand behind the bets that need them.
    lines.record("BetPlaced", &[("currency", "\"SEK\"")], Applied);
    lines.record("BetPlaced", &[("currency", "\"NOK\"")], Applied);
    lines.record("BetPlaced", &[("currency", "\"DKK\"")], Dead("missing_fx", "currency"));
    let rate = |number, currency: &str| record(number, "FxRate", &[("currency", currency)]);
    lines.add(rate(3, "\"SEK\"").replace("FxRate", "F\\u0078Rate"), Applied);
    lines.add(rate(4, "\"N\\u004fK\"").replace("FxRate", "\\u0046\\u0078\\u0052\\u0061\\u0074\\u0065"), Applied);
    lines.add(record(5, "BetPlaced", &[]).replace("player_id", "\\u0070layer_id").replace("amount", "amoun\\u0074"), Applied);
    lines.add(
        record(6, "BetPlaced", &[]).replace("BetPlaced", "Bet\\u0050laced").replace("\"bet_id\"", "\"\\u0062et_id\""),
        Applied,
    );
    lines.add(record(7, "BetPlaced", &[("amount", "\"-1\"")]).replace("amount", "\\u0061mount"), Dead(BAD, "amount"));
    check(&lines);
}
