use super::*;

fn field_of(text: &str) -> (Option<String>, String) {
    match decode(text, &mut Scratch::default()) {
        Err(rejected) => (rejected.field, rejected.error),
        Ok(verdict) => panic!("{text} is {verdict:?}"),
    }
}

fn event(text: &str) -> Decoded<'_> {
    match decode(text, &mut Scratch::default()) {
        Ok(Verdict::Event(decoded)) => decoded,
        other => panic!("{text} is {other:?}"),
    }
}

const BET: &str = r#"{"event_id":"e-1","event_type":"BetPlaced","schema_version":1,"source":"wallet","brand_id":"b1","jurisdiction":"MT","player_id":"p42","occurred_at":"2026-03-01T10:00:00.123Z","bet_id":"b-77","round_id":"r-9","game_id":"book-of-sun","game_type":"slots","amount":"2.50","currency":"EUR"}"#;

#[test]
fn a_bet_is_read_from_its_digits() {
    let decoded = event(BET);
    assert_eq!((decoded.brand.as_ref(), decoded.player.as_deref()), ("b1", Some("p42")));
    let Detail::Bet(bet) = &decoded.detail else { panic!() };
    assert_eq!(bet.amount.to_string(), "2.5");
    let sent_again = BET.replace("\"2.50\"", "2.5").replace("e-1", "e-2").replace("\"wallet\"", "\"\\u0077allet\"");
    let other = event(&sent_again);
    assert_eq!(other.identity.body, decoded.identity.body, "numbers are compared by value");
    assert_eq!(other.identity.own, decoded.identity.own);
    assert_ne!(other.identity.event, decoded.identity.event);
    assert_ne!(event(&BET.replace("2.50", "2.51")).identity.body, decoded.identity.body);
}

#[test]
fn the_type_is_part_of_the_body() {
    let pairs = [("RedemptionConfirmed", "RedemptionCancelled"), ("AccountBlocked", "AccountUnblocked")];
    for (one, other) in pairs {
        let text = r#"{"event_id":"y","event_type":"T","source":"s","player_id":"p","occurred_at":"2026-03-01T10:00:00Z","redemption_id":"r1"}"#;
        let (first, second) = (text.replace("\"T\"", &format!("\"{one}\"")), text.replace("\"T\"", &format!("\"{other}\"")));
        let (first, second) = (event(&first).identity, event(&second).identity);
        assert_eq!(first.event, second.event, "{one} and {other}");
        assert_ne!(first.body, second.body, "{one} and {other}");
    }
}

#[test]
fn a_force_that_is_lifted_may_leave_its_end_out_but_not_say_it_in_other_words() {
    let lift = r#"{"event_id":"y","event_type":"StatusForce","source":"s","player_id":"p","occurred_at":"2026-03-01T10:00:00Z","mode":"none","until":"2026-04-01T00:00:00Z"}"#;
    assert!(matches!(event(lift).detail, Detail::Force { force: None, .. }));
    assert!(matches!(event(&lift.replace(r#","until":"2026-04-01T00:00:00Z""#, "")).detail, Detail::Force { force: None, .. }));
    assert_eq!(field_of(&lift.replace("2026-04-01T00:00:00Z", "soon")).0.as_deref(), Some("until"));
}

#[test]
fn an_instant_in_a_body_is_compared_by_value() {
    let force = r#"{"event_id":"y","event_type":"StatusForce","source":"s","player_id":"p","occurred_at":"2026-03-01T10:00:00Z","mode":"exact","tier":"Gold","until":"2026-04-01T00:00:00Z"}"#;
    let body = event(force).identity.body;
    for same in ["2026-04-01T00:00:00.000Z", "2026-04-01T02:00:00+02:00", "2026-04-01t00:00:00.0004z"] {
        assert_eq!(event(&force.replace("2026-04-01T00:00:00Z", same)).identity.body, body, "{same}");
    }
    assert_ne!(event(&force.replace("2026-04-01T00:00:00Z", "2026-04-01T00:00:00.001Z")).identity.body, body);
    let limit = |at: &str| {
        force.replace("StatusForce", "LimitChanged").replace("until", "effective_at").replace("2026-04-01T00:00:00Z", at)
    };
    assert_eq!(
        event(&limit("2026-04-01T00:00:00Z")).identity.body,
        event(&limit("2026-04-01T01:00:00+01:00")).identity.body,
        "of a limit"
    );
    let excluded = force.replace("StatusForce", "SelfExclusionSet");
    assert_ne!(event(&excluded.replace("2026-04-01T00:00:00Z", "soon")).identity.body, event(&excluded).identity.body);
}

#[test]
fn each_wrong_field_is_named() {
    for (from, to, field) in [
        ("\"p42\"", "\"\"", "player_id"),
        ("\"p42\"", "7", "player_id"),
        ("\"player_id\":\"p42\",", "", "player_id"),
        ("\"2.50\"", "\"-2.50\"", "amount"),
        ("\"2.50\"", "1e3", "amount"),
        ("\"2.50\"", "\"1234567890123456\"", "amount"),
        ("\"2.50\"", "\"123456789012345.12345678901234\"", "amount"),
        ("2026-03-01", "10000-03-01", "occurred_at"),
        ("\"b1\"", "\"b:1\"", "brand_id"),
        ("\"b1\"", "\"*\"", "brand_id"),
        ("\"EUR\"", "null", "currency"),
        ("\"r-9\"", "\"r\\u0007\"", "round_id"),
        ("\"event_type\":\"BetPlaced\",", "", "event_type"),
        ("\"currency\":\"EUR\"", "\"currency\":\"EUR\",\"exchange_rate\":\"x\"", "exchange_rate"),
        ("\"currency\":\"EUR\"", "\"currency\":\"EUR\",\"real_amount\":\"2\",\"bonus_amount\":\"1\"", "bonus_amount"),
        ("\"currency\":\"EUR\"", "\"currency\":\"EUR\",\"free_spin\":{}", "free_spin"),
        ("\"currency\":\"EUR\"", "\"currency\":\"EUR\",\"event_id\":\"e\"", "event_id"),
    ] {
        assert_eq!(field_of(&BET.replace(from, to)).0.as_deref(), Some(field), "{from} -> {to}");
    }
}

#[test]
fn unknown_types_are_skipped_and_unknown_fields_ignored_but_not_twice() {
    assert!(matches!(decode(&BET.replace("BetPlaced", "BetImagined"), &mut Scratch::default()), Ok(Verdict::Unknown)));
    assert!(decode(&BET.replace("\"b1\"", "\"b1\",\"x\":1"), &mut Scratch::default()).is_ok());
    assert_eq!(field_of(&BET.replace("\"b1\"", "\"b1\",\"x\":1,\"\\u0078\":1")).0.as_deref(), Some("x"));
    let many: String = (0..3_000).map(|at| format!("\"k{at}\":1,")).collect();
    assert!(decode(&BET.replacen('{', &format!("{{{many}"), 1), &mut Scratch::default()).is_ok());
}

#[test]
fn a_simple_record_is_read_as_the_strict_scanner_reads_it() {
    // One memory for all of them: what it has learnt must change nothing.
    let mut scratch = Scratch::default();
    let mut both = |text: &str| {
        let strict = format!("{:?}", decode_any(text, &mut Vec::new()));
        assert_eq!(format!("{:?}", decode(text, &mut scratch)), strict, "{text}");
        assert_eq!(format!("{:?}", decode(text, &mut scratch)), strict, "{text}");
    };
    for spaced in [BET.to_owned(), BET.replace(':', ": ").replace(',', ", "), BET.replace('{', "{ ").replace('}', " }")] {
        both(&spaced);
        // Every byte left out, doubled, or replaced by one that means something.
        for at in 0..spaced.len() {
            let (before, here) = spaced.split_at(at);
            let (_, after) = here.split_at(1);
            both(&format!("{before}{after}"));
            for other in ["\"", "\\", "{", "}", "[", ":", ",", "0", "-", ".", "e", "n", " ", "\t", "\u{7f}", "\u{e9}"] {
                both(&format!("{before}{other}{after}"));
                both(&format!("{before}{other}{here}"));
            }
        }
    }
    let ends = ["null", "true", "false", "nul", "-0", "01", "1.", "1e5", "-", "{}", "[]", "\"\"", ""];
    for value in ends {
        both(&BET.replace("\"r-9\"", value));
        both(&BET.replace("\"2.50\"", value));
        both(&BET.replace("\"b1\"", &format!("\"b1\",\"x\":{value},\"y\":{value}")));
    }
    both(&BET.replace("\"b1\"", "\"b1\",\"x\":1,\"x\":1"));
    // Short ones, most of them shorter than what is compared at once.
    for short in
        ["", "{}", "{\"a\":1}", "{\"brand_id\":\"\"}", "{\"event_type\":1}", "{\"event_type\":\"\"}", "{\"a\":1,\"a\":2}"]
    {
        both(short);
        both(&format!("{short} "));
    }
    let nine: String = (0..9).map(|at| format!("\"k{at}\":1,")).collect();
    both(&BET.replacen('{', &format!("{{{nine}"), 1));
}
