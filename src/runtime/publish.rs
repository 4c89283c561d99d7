//! A revision of the programme on its way to the topic `config.v1` (rule 16).
//!
//! What the service would set aside is refused here, with the same words: the record goes through the same decoder and
//! the same book, after everything that was published before. That matters more here than elsewhere: `config.v1` is
//! compacted by `id:revision`, so another body under a key that is there would delete the one that holds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::producer::BaseRecord;
use serde::Serialize;
use tidemark_domain::programme::source::SourceFile;
use tidemark_domain::programme::{Programme, resolve};
use tidemark_domain::time::Instant;

use super::Failure;
use super::programme::load_programme;
use crate::brokers::{Brokers as _, End, Place, Record};
use crate::config::Config;
use crate::hex;
use crate::kafka::{self, Cluster, Notice};
use crate::runtime::cluster::Kafka;
use crate::sources::RECORD_BYTES_MAX;
use crate::sources::decode::{Scratch, decode};
use crate::sources::reference::{self, Book, Found};

/// The topic of publications, without its prefix.
const TOPIC: &str = reference::RULEBOOKS;
/// How long a transaction of somebody else may be open in it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who publishes.
#[derive(Clone, Copy, Debug, Default)]
pub struct By<'a> {
    /// By name.
    pub author: Option<&'a str>,
    /// In which role.
    pub role: Option<&'a str>,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The topic, as Kafka names it.
    pub topic: String,
    /// The brokers.
    pub brokers: String,
    /// The programme.
    pub id: String,
    /// Its revision.
    pub revision: u64,
    /// From when it holds, unless it becomes known later.
    pub effective_from: Instant,
    /// Of the body.
    pub sha256: String,
    /// The size of the record.
    pub bytes: usize,
    /// Whether it is new; otherwise the same was there and nothing was sent.
    pub is_new: bool,
}

/// A publication as it stands in its topic.
#[derive(Serialize)]
struct Event<'a> {
    event_id: String,
    event_type: &'static str,
    schema_version: u32,
    source: &'static str,
    id: &'a str,
    revision: u64,
    effective_from: String,
    sha256: &'a str,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
}

/// Publishes a programme as a revision of the job's, and waits until it is written.
///
/// # Errors
/// Where it is not sound, the service would refuse it, or it cannot be written.
pub fn publish(config: &Config, path: &Path, by: By<'_>, notice: &Notice) -> Result<Published, Failure> {
    let Some(source) = config.sources.iter().find(|each| each.topics.iter().any(|topic| topic == TOPIC)) else {
        return Err(Failure::Mismatch(format!(
            "no [[source]] reads {TOPIC}, so the job would not see what is published; add it to the `topics` of one"
        )));
    };
    let (programme, files) = load_programme(path)?;
    let refused = |why: &str| {
        let (id, revision) = (&programme.id, programme.revision);
        Failure::Usage(format!("revision {revision} of the programme \"{id}\" ({}) is not published: {why}", path.display()))
    };
    let (first, _) = load_programme(&config.programme.path)?;
    may_follow(&first, &programme)
        .map_err(|why| refused(&format!("{why} ([programme] path: {})", config.programme.path.display())))?;
    let body = one_body(&programme, &files).map_err(|why| refused(&why))?;
    let sha256 = hex::sha256(body.as_bytes());
    let record = record(&programme, &body, &sha256, by).map_err(|why| refused(&why))?;

    let cluster = Cluster::from(source);
    let topic = format!("{}{TOPIC}", source.topic_prefix);
    let mut book = Book::new(&[Arc::new(first)]).map_err(Failure::Usage)?;
    for earlier in published_before(&cluster, &topic, notice)? {
        book.take(&earlier, None);
    }
    let is_new = match book.take(&record, None) {
        Some(Found::Applied) => true,
        Some(Found::Duplicate) => false,
        Some(Found::Dead(dead)) => return Err(refused(&format!("{}. Raise `revision` or correct it", dead.error))),
        None => return Err(refused("the service would not know it as a publication")),
    };
    if is_new {
        send(&cluster, &topic, &key(&programme), &record)?;
    }
    Ok(Published {
        topic,
        brokers: cluster.brokers,
        id: programme.id.to_string(),
        revision: programme.revision,
        effective_from: programme.effective_from,
        sha256,
        bytes: record.len(),
        is_new,
    })
}

/// Whether the job that began with one programme can take another as a later revision.
///
/// # Errors
/// Why not, in words.
fn may_follow(first: &Programme, programme: &Programme) -> Result<(), String> {
    if first.id == programme.id && first.revision == programme.revision {
        return Err("the job began with this revision. Leave that one where it is, and publish a copy with a higher `revision`"
            .to_owned());
    }
    resolve::check_change(first, programme)
}

fn send(cluster: &Cluster, topic: &str, key: &str, record: &str) -> Result<(), Failure> {
    let written = kafka::producer(cluster).and_then(|producer| {
        kafka::send(&producer, BaseRecord::to(topic).key(key.as_bytes()).payload(record.as_bytes()))?;
        kafka::finish(&producer)
    });
    written.map_err(|cause| {
        Failure::Failed(anyhow::Error::new(cause).context(format!(
            "the publication may not be in topic {topic} at {}. Give the same command again: the same revision counts once",
            cluster.brokers
        )))
    })
}

/// The key under which compaction keeps it (CONTRACTS section 3).
fn key(programme: &Programme) -> String {
    format!("{}:{}", programme.id, programme.revision)
}

/// One text that is the same programme as its files.
///
/// # Errors
/// Why there is none, in words.
fn one_body(programme: &Programme, files: &[SourceFile]) -> Result<String, String> {
    let body = joined(files)?;
    let file = SourceFile { name: "body".to_owned(), text: body.clone() };
    let same = resolve::load(&[file]).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        format!(
            "its files are sound each for itself, and not one behind the other: write them as a single file.{}",
            lines.concat()
        )
    })?;
    let is_same = same.values == programme.values
        && same.id == programme.id
        && same.revision == programme.revision
        && same.effective_from == programme.effective_from;
    if is_same {
        Ok(body)
    } else {
        Err("its files one behind the other are another programme: write them as a single file".to_owned())
    }
}

/// The texts of files whose top-level keys are disjoint, one behind the other (CONTRACTS section 1).
fn joined(files: &[SourceFile]) -> Result<String, String> {
    let within: Vec<&str> = files.iter().map(|file| file.name.as_str()).filter(|name| name.starts_with("campaigns/")).collect();
    if !within.is_empty() {
        return Err(format!(
            "a publication is one text, and {} would have to become part of `campaigns:`. Write the campaigns into one file \
             of the folder itself",
            within.join(", ")
        ));
    }
    if let [one] = files {
        return Ok(one.text.clone());
    }
    let mut body = String::new();
    for file in files {
        let mut begun = false;
        for line in file.text.strip_prefix('\u{feff}').unwrap_or(&file.text).lines() {
            // The mark at which a document begins: there is only one now.
            if !begun && line.trim_end() == "---" {
                begun = true;
                continue;
            }
            begun = begun || !(line.trim().is_empty() || line.starts_with('#'));
            body.push_str(line);
            body.push('\n');
        }
    }
    Ok(body)
}

/// The record, as the service's own decoder takes it.
///
/// # Errors
/// Why there is none, in words.
fn record(programme: &Programme, body: &str, sha256: &str, by: By<'_>) -> Result<String, String> {
    let event = Event {
        event_id: format!("programme:{}:{}:{sha256}", programme.id, programme.revision),
        event_type: "ProgrammePublished",
        schema_version: 1,
        source: "tidemark",
        id: &programme.id,
        revision: programme.revision,
        effective_from: programme.effective_from.to_string(),
        sha256,
        body,
        author: by.author,
        role: by.role,
    };
    let text = serde_json::to_string(&event).map_err(|cause| cause.to_string())?;
    if text.len() > RECORD_BYTES_MAX {
        return Err(format!(
            "its text has {} bytes and the record would have {}, more than the {RECORD_BYTES_MAX} that a record may have. \
             Leave out comments and what has its default value",
            body.len(),
            text.len()
        ));
    }
    decode(&text, &mut Scratch::default()).map_err(|rejected| rejected.error)?;
    Ok(text)
}

/// What the topic holds, in the order in which the service takes it in.
fn published_before(cluster: &Cluster, topic: &str, notice: &Notice) -> Result<Vec<String>, Failure> {
    let brokers = Kafka::new(cluster.clone(), Arc::clone(notice));
    let count = brokers.topics().map_err(Failure::Failed)?.get(topic).copied().unwrap_or(0);
    if count == 0 {
        return Err(Failure::Failed(anyhow::anyhow!(
            "no topic {topic} at {}; nothing was published. `tidemark topics create` makes it",
            cluster.brokers
        )));
    }
    let places: Vec<Place> = (0..count).map(|number| (topic.to_owned(), number)).collect();
    let bounds = brokers.bounds(&places, End::High).map_err(Failure::Failed)?;
    let mut all = Vec::new();
    let mut take = |message: &Record<'_>| {
        let bytes = if message.body.len() <= RECORD_BYTES_MAX { message.body } else { &[] };
        if let Ok(text) = std::str::from_utf8(bytes) {
            all.push((message.partition, message.offset, text.to_owned()));
        }
        Ok(())
    };
    brokers.read(&bounds, PATIENCE, &mut take).map_err(Failure::Failed)?;
    all.sort();
    Ok(all.into_iter().map(|(_, _, text)| text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version: 1\nprogramme: {id: vip, revision: 2, effective_from: 2026-04-01T02:00:00+02:00}\n";
    const LADDER: &str = "tiers:\n  levels:\n    - {name: Bronze, entry: \"0\", maintain: \"0\"}\n";

    fn files(texts: &[(&str, &str)]) -> Vec<SourceFile> {
        texts.iter().map(|(name, text)| SourceFile { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
    }

    fn vip() -> (Programme, String) {
        let parts = files(&[("a.yaml", HEAD), ("b.yaml", LADDER)]);
        let programme = resolve::load(&parts).unwrap();
        let body = one_body(&programme, &parts).unwrap();
        (programme, body)
    }

    #[test]
    fn files_with_other_keys_become_one_body_of_the_same_programme() {
        let parts = files(&[("a.yaml", "\u{feff}# the head\n---\nversion: 1\r\n"), ("b.yaml", "---\n# the rest\na: 1")]);
        assert_eq!(joined(&parts).unwrap(), "# the head\nversion: 1\n# the rest\na: 1\n");
        let (programme, body) = vip();
        assert_eq!(body, format!("{HEAD}{LADDER}"));
        assert_eq!(key(&programme), "vip:2");
    }

    #[test]
    fn a_single_file_is_its_own_body_to_the_byte() {
        let text = format!("---\n{HEAD}{LADDER}# the end");
        assert_eq!(joined(&files(&[("programme.yaml", text.as_str())])).unwrap(), text);
    }

    #[test]
    fn a_folder_of_campaigns_is_refused_by_name() {
        let why = joined(&files(&[("a.yaml", HEAD), ("campaigns/welcome.yaml", "[]")])).unwrap_err();
        assert!(why.contains("campaigns/welcome.yaml"), "{why}");
    }

    #[test]
    fn files_that_do_not_go_together_are_not_published() {
        let flow = "{tiers: {levels: [{name: Bronze, entry: \"0\", maintain: \"0\"}]}}\n";
        let parts = files(&[("a.yaml", HEAD), ("b.yaml", flow)]);
        let programme = resolve::load(&parts).unwrap();
        let why = one_body(&programme, &parts).unwrap_err();
        assert!(why.contains("single file"), "{why}");
    }

    #[test]
    fn a_record_is_what_the_service_takes_as_a_publication() {
        let (programme, body) = vip();
        let sha256 = hex::sha256(body.as_bytes());
        let text = record(&programme, &body, &sha256, By { author: Some("ann"), role: None }).unwrap();
        assert!(text.contains(&format!("\"event_id\":\"programme:vip:2:{sha256}\"")), "{text}");
        assert!(text.contains("\"author\":\"ann\"") && !text.contains("\"role\""), "{text}");
        let before = format!("{}{LADDER}", HEAD.replace("revision: 2", "revision: 1"));
        let first = resolve::load(&files(&[("first.yaml", before.as_str())])).unwrap();
        let mut book = Book::new(&[Arc::new(first)]).unwrap();
        assert_eq!(book.take(&text, None), Some(Found::Applied));
        assert_eq!(book.take(&text, None), Some(Found::Duplicate));
    }

    #[test]
    fn what_the_service_would_refuse_after_the_first_revision_is_refused() {
        let (programme, _) = vip();
        assert!(may_follow(&programme, &programme).unwrap_err().contains("higher `revision`"));
        let moved =
            format!("{}{LADDER}brands: {{default: {{time_zone: Europe/Malta}}}}\n", HEAD.replace("revision: 2", "revision: 3"));
        let other = resolve::load(&files(&[("moved.yaml", moved.as_str())])).unwrap();
        assert!(may_follow(&programme, &other).unwrap_err().contains("time_zone"));
    }

    #[test]
    fn a_body_beyond_one_record_is_refused_with_both_sizes() {
        let (programme, body) = vip();
        let long = format!("{body}#{}\n", "\"".repeat(RECORD_BYTES_MAX / 2));
        let why = record(&programme, &long, &hex::sha256(long.as_bytes()), By::default()).unwrap_err();
        assert!(why.contains(&format!("{} bytes", long.len())) && why.contains("65536"), "{why}");
    }
}
