//! What of a letter is sent, to which topic and under which key; or why it cannot be. Pure.

use std::borrow::Cow;

use tidemark_domain::fact::DeadKind;

use super::DeadLetter;
use crate::config::Source;
use crate::hex;
use crate::sources::RECORD_BYTES_MAX;
use crate::sources::decode::{Scratch, Verdict, decode};
use crate::sources::reference;

/// A letter that can be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) event_id: String,
    /// As Kafka names it.
    pub(super) topic: String,
    pub(super) key: Option<String>,
    /// Where it goes when nothing is known that could be its key.
    pub(super) partition: Option<u32>,
    pub(super) payload: Vec<u8>,
    pub(super) sha256: String,
    /// Why it would be a dead letter again, where that is known without the service.
    pub(super) again: Option<String>,
}

/// Makes a letter ready for its original topic.
///
/// # Errors
/// Why it cannot be sent, in words.
pub(super) fn prepare(letter: &DeadLetter, source: &Source, corrected: bool) -> Result<Ready, String> {
    let payload = letter.whole()?;
    if payload.is_empty() {
        return Err("its payload is empty, and the service skips empty records".to_owned());
    }
    if payload.len() > RECORD_BYTES_MAX {
        return Err(format!(
            "it has {} bytes and a record at most {RECORD_BYTES_MAX}: it would be a dead letter again. Shorten it and send it \
             with --from",
            payload.len()
        ));
    }
    if !corrected && reference::is_reference_topic(&letter.topic) && letter.kind == DeadKind::Conflict.name() {
        return Err(format!(
            "another record with its key stands in {}, and compaction would delete that one. Give it another key and send it \
             with --from",
            letter.topic
        ));
    }
    let (key, again) = address(letter, std::str::from_utf8(&payload).ok())?;
    let sha256 = hex::sha256(&payload);
    Ok(Ready {
        event_id: letter.event_id.clone(),
        topic: format!("{}{}", source.topic_prefix, letter.topic),
        partition: key.is_none().then_some(letter.partition),
        key,
        payload,
        sha256,
        again,
    })
}

/// The key of a record, as far as it is known, and why it would be a dead letter again.
///
/// # Errors
/// Where the topic is compacted and the key that it wants cannot be read (CONTRACTS section 3).
fn address(letter: &DeadLetter, text: Option<&str>) -> Result<(Option<String>, Option<String>), String> {
    let mut scratch = Scratch::default();
    let (event, rejected) = match text.map(|payload| decode(payload, &mut scratch)) {
        Some(Ok(Verdict::Event(event))) => (Some(event), None),
        Some(Err(rejected)) => (None, Some(rejected)),
        Some(Ok(Verdict::Unknown)) | None => (None, None),
    };
    let again = match &rejected {
        Some(why) => Some(why.error.clone()),
        None => text.is_none().then(|| "it is not UTF-8".to_owned()),
    };
    if reference::is_reference_topic(&letter.topic) {
        let form = if letter.topic == reference::RATES { "currency:base:valid_from" } else { "id:revision" };
        let key = event.as_ref().and_then(|found| reference::key_of(&letter.topic, found));
        return key.map(|found| (Some(found), None)).ok_or_else(|| {
            let why = again.map(|error| format!(" ({error})")).unwrap_or_default();
            let topic = &letter.topic;
            format!("{topic} is keyed by {form}, which its payload does not give{why}. Correct it and send it with --from")
        });
    }
    if let Some(found) = event {
        return Ok((found.player.map(|player| format!("{}:{player}", found.brand)), again));
    }
    let (brand, player) = rejected.map_or((None, None), |why| (why.brand, why.player));
    let owner = player.or_else(|| letter.player_id.clone());
    let house = brand.or_else(|| letter.brand_id.clone()).map_or(Cow::Borrowed("default"), Cow::Owned);
    Ok((owner.map(|id| format!("{house}:{id}")), again))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::letter::tests::{BET, letter, text};
    use super::*;
    use crate::sinks::letter::Payload;

    const RATE: &str = r#"{"event_id":"e-3","event_type":"FxRate","source":"treasury","currency":"SEK","base":"EUR","rate":"0.0880","valid_from":"2026-03-01T00:00:00Z"}"#;

    fn source() -> Source {
        Source {
            brokers: "localhost:9092".to_owned(),
            topics: vec!["bets.v1".to_owned(), "fx.v1".to_owned()],
            topic_prefix: "eu.".to_owned(),
            librdkafka: BTreeMap::new(),
        }
    }

    fn key(letter: &DeadLetter) -> Option<String> {
        prepare(letter, &source(), false).unwrap().key
    }

    #[test]
    fn a_letter_goes_back_to_its_topic_under_its_players_key() {
        let ready = prepare(&text("bets.v1", "missing_fx", BET), &source(), false).unwrap();
        assert_eq!((ready.topic.as_str(), ready.key.as_deref(), ready.partition), ("eu.bets.v1", Some("b1:p42"), None));
        assert_eq!((ready.payload.as_slice(), ready.again), (BET.as_bytes(), None));
        assert_eq!(ready.sha256.len(), 64);
    }

    #[test]
    fn what_cannot_be_decoded_goes_where_it_is_known_to_belong() {
        let mut one = text("bets.v1", "schema_violation", "{\"player_id\":\"p1\"}");
        assert_eq!(key(&one).as_deref(), Some("default:p1"));
        one.payload = Some("no JSON".to_owned());
        let ready = prepare(&one, &source(), false).unwrap();
        assert_eq!((ready.key, ready.partition), (None, Some(3)));
        assert!(ready.again.is_some());
        (one.brand_id, one.player_id) = (Some("b2".to_owned()), Some("p2".to_owned()));
        assert_eq!(key(&one).as_deref(), Some("b2:p2"));
        let bytes = letter("bets.v1", "schema_violation", Payload::Bytes(vec![0xff, 0]));
        assert_eq!(prepare(&bytes, &source(), false).unwrap().payload, [0xff, 0]);
    }

    #[test]
    fn a_compacted_topic_gets_its_own_key_or_nothing() {
        let rate = text("fx.v1", "schema_violation", RATE);
        assert_eq!(key(&rate).as_deref(), Some("SEK:EUR:2026-03-01T00:00:00.000Z"));
        let why = prepare(&text("fx.v1", "schema_violation", BET), &source(), false).unwrap_err();
        assert!(why.contains("currency:base:valid_from"), "{why}");
        let conflict = text("fx.v1", "conflict", RATE);
        assert!(prepare(&conflict, &source(), false).unwrap_err().contains("compaction"));
        assert!(prepare(&conflict, &source(), true).is_ok(), "corrected");
    }

    #[test]
    fn what_is_not_here_as_a_whole_or_would_not_be_read_is_not_sent() {
        let refused = |one: &DeadLetter| prepare(one, &source(), false).unwrap_err();
        let cut = letter("bets.v1", "size", Payload::Cut { head: b"{".to_vec(), bytes: 200_000, sha256: "ab".to_owned() });
        assert!(refused(&cut).contains("200000 bytes"));
        assert!(refused(&text("bets.v1", "size", &" ".repeat(RECORD_BYTES_MAX + 1))).contains("65537"));
        assert!(refused(&text("bets.v1", "schema_violation", "")).contains("empty"));
        let mut both = text("bets.v1", "conflict", BET);
        both.payload_base64 = Some("AA==".to_owned());
        assert!(refused(&both).contains("both"));
    }
}
