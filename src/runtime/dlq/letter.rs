//! Dead letters as they stand in their topic, or in a file of corrected ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::brokers::{Brokers as _, End, Place, Record};
use crate::config::Config;
use crate::kafka::{Cluster, Notice};
use crate::runtime::Failure;
use crate::runtime::cluster::Kafka;
use crate::sinks::Topic;
use crate::sinks::kafka::SWEPT_WITHIN;

/// A dead letter as it stands in its topic (CONTRACTS section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its own id, from topic, partition and offset of the original.
    pub event_id: String,
    /// `schema_violation`, `missing_fx` and so on.
    pub kind: String,
    /// What is wrong, in words.
    #[serde(default)]
    pub error: String,
    /// The field that is wrong, where one is.
    pub field: Option<String>,
    /// Where the original stands, without the prefix.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Whose it is, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
    /// Whose it is, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub player_id: Option<String>,
    /// The original's own id, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_event_id: Option<String>,
    /// The original, where it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The original, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
    /// How long the original is, where only its first part was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_bytes: Option<u64>,
    /// Whatever else stands in it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl DeadLetter {
    /// Reads one.
    ///
    /// # Errors
    /// Why it is none, in words.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|cause| cause.to_string())
    }

    /// The whole original.
    ///
    /// # Errors
    /// Why it is not here, in words.
    pub(super) fn whole(&self) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.payload_bytes {
            return Err(format!(
                "only the first part of its {bytes} bytes was kept. Send it from where it came from, or give the whole payload \
                 with --from, without `payload_bytes` and `payload_sha256`"
            ));
        }
        match (&self.payload, &self.payload_base64) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(text)) => STANDARD.decode(text).map_err(|cause| format!("its `payload_base64` is not base64: {cause}")),
            (Some(_), Some(_)) => Err("it has both `payload` and `payload_base64`; leave one of them".to_owned()),
            (None, None) => Err("it has neither `payload` nor `payload_base64`".to_owned()),
        }
    }
}

/// Which letters are meant; what is left out means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this topic, without its prefix.
    pub topic: Option<String>,
    /// Those of this kind.
    pub kind: Option<String>,
    /// Those with one of these ids: the letter's own, or the original's.
    pub ids: BTreeSet<String>,
}

impl Filter {
    /// Whether a letter is meant.
    #[must_use]
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let by_id = self.ids.contains(&letter.event_id)
            || letter.original_event_id.as_ref().is_some_and(|original| self.ids.contains(original));
        self.topic.as_ref().is_none_or(|topic| *topic == letter.topic)
            && self.kind.as_ref().is_none_or(|kind| *kind == letter.kind)
            && (self.ids.is_empty() || by_id)
    }
}

/// A dead letter, and where it stands in the dead-letter topic.
#[derive(Clone, Debug)]
pub struct Filed {
    /// Its partition there.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// It.
    pub letter: DeadLetter,
}

/// An open transaction of a process that died is taken back by the brokers within its own time.
pub(super) fn patience(config: &Config) -> Duration {
    config.sink.transaction_timeout + SWEPT_WITHIN
}

/// Reads the job's dead letters up to the ends that the topic has now, partition after partition, each from its
/// log start or from where `since` says; gives those ends.
///
/// # Errors
/// Where the topic is not there or cannot be read, `since` names a partition that it does not have, or `each` fails.
pub fn read(
    config: &Config,
    since: &BTreeMap<u32, u64>,
    notice: &Notice,
    each: &mut dyn FnMut(Filed) -> Result<()>,
) -> Result<BTreeMap<u32, u64>, Failure> {
    let cluster = Cluster::from(&config.sink);
    let topic = config.sink.full_name(Topic::DeadLetters.name());
    let brokers = Kafka::new(cluster, Arc::clone(notice));
    let count = brokers.topics().map_err(Failure::Failed)?.get(&topic).copied().unwrap_or(0);
    if count == 0 {
        return Err(Failure::Failed(anyhow!(
            "no topic {topic} at {}: correct [sink.kafka], or make it with `tidemark topics create`",
            brokers.address()
        )));
    }
    if let Some(beyond) = since.keys().find(|number| **number >= count) {
        return Err(Failure::Usage(format!("--since names partition {beyond}, and topic {topic} has {count}, counted from 0")));
    }
    let places: Vec<Place> = (0..count).map(|number| (topic.clone(), number)).collect();
    let mut ends = BTreeMap::new();
    for (place, (low, high)) in brokers.bounds(&places, End::High).map_err(Failure::Failed)? {
        let number = place.1;
        ends.insert(number, high);
        let start = since.get(&number).map_or(low, |given| low.max(*given));
        let one = BTreeMap::from([(place, (start, high))]);
        let mut take = |message: &Record<'_>| {
            let offset = message.offset;
            if offset >= high {
                return Ok(());
            }
            match DeadLetter::read(message.body) {
                Ok(letter) => each(Filed { partition: number, offset, letter }),
                Err(why) => {
                    let at = format!("topic {topic}, partition {number}, offset {offset}");
                    notice(&format!("{at} is no dead letter and is left out: {why}"));
                    Ok(())
                }
            }
        };
        brokers.read(&one, patience(config), &mut take).map_err(Failure::Failed)?;
    }
    Ok(ends)
}

/// The letters of a file of corrected ones: one a line, as `dlq list --json` prints them.
///
/// # Errors
/// Where the file cannot be read, or a line is no dead letter.
pub(super) fn corrected(path: &Path) -> Result<Vec<DeadLetter>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| Failure::Usage(format!("cannot read the dead letters in {}: {cause}", path.display())))?;
    letters_of(&text).map_err(|why| Failure::Usage(format!("{}:{why}; nothing was sent", path.display())))
}

fn letters_of(text: &str) -> Result<Vec<DeadLetter>, String> {
    let lines = (1_usize..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let read = DeadLetter::read(line.as_bytes());
            read.map_err(|why| format!("{number}: this line is no dead letter as `tidemark dlq list --json` prints it: {why}"))
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sinks::letter::{Letter, Payload};

    pub(crate) const BET: &str = r#"{"event_id":"e-1","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p42","occurred_at":"2026-03-01T10:00:00Z","bet_id":"b-77","amount":"2.50","currency":"SEK"}"#;

    pub(crate) fn letter(topic: &str, kind: &str, payload: Payload) -> DeadLetter {
        let letter = Letter {
            kind: kind.to_owned(),
            error: "why".to_owned(),
            field: None,
            topic: topic.to_owned(),
            partition: 3,
            offset: 4_711,
            payload,
            brand: None,
            player: None,
            event_id: Some("e-1".to_owned()),
        };
        let mut bytes = Vec::new();
        letter.write(&mut bytes);
        DeadLetter::read(&bytes).unwrap()
    }

    pub(crate) fn text(topic: &str, kind: &str, payload: &str) -> DeadLetter {
        letter(topic, kind, Payload::Text(payload.to_owned()))
    }

    #[test]
    fn a_letter_that_is_printed_can_be_read_again_as_it_was() {
        for payload in [
            Payload::Text(BET.to_owned()),
            Payload::Bytes(vec![0xff, 0]),
            Payload::Cut { head: b"{".to_vec(), bytes: 200_000, sha256: "ab".to_owned() },
        ] {
            let one = letter("bets.v1", "missing_fx", payload);
            let line = serde_json::to_string(&one).unwrap();
            assert!(line.contains(r#""event_type":"DeadLetter""#), "{line}");
            assert_eq!(letters_of(&format!("\n{line}\n")).unwrap(), [one]);
        }
    }

    #[test]
    fn a_line_that_is_no_letter_is_named_by_its_number() {
        let line = serde_json::to_string(&text("bets.v1", "conflict", BET)).unwrap();
        let why = letters_of(&format!("{line}\n\n{{\"event_id\":\"e\"}}\n")).unwrap_err();
        assert!(why.starts_with("3: ") && why.contains("kind"), "{why}");
    }

    #[test]
    fn a_filter_takes_what_it_names_and_without_names_everything() {
        let one = text("bets.v1", "missing_fx", BET);
        let filter = |topic: Option<&str>, kind: Option<&str>, ids: &[&str]| Filter {
            topic: topic.map(str::to_owned),
            kind: kind.map(str::to_owned),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        assert!(filter(None, None, &[]).takes(&one));
        assert!(filter(Some("bets.v1"), Some("missing_fx"), &["other", "e-1"]).takes(&one));
        assert!(filter(None, None, &[one.event_id.as_str()]).takes(&one));
        assert!(!filter(Some("wins.v1"), None, &[]).takes(&one));
        assert!(!filter(None, Some("conflict"), &[]).takes(&one));
        assert!(!filter(None, None, &["e-2"]).takes(&one));
    }
}
