//! Settings that are handed to librdkafka as they are, and the secrets among them.

use std::collections::BTreeMap;
use std::fs;

use super::document::{Table, Value, leaves, quoted};
use super::reader::{Origin, Reader, Section};
use crate::kafka;

/// What Tidemark sets itself, and where it is set instead: another value would break that facts are published once.
const OURS: [(&str, &str); 15] = [
    ("bootstrap.servers", "write `brokers` in the same section"),
    ("metadata.broker.list", "write `brokers` in the same section"),
    ("group.id", "it is tidemark.JOB, by `name` in [job]"),
    ("transactional.id", "it is tidemark.JOB.SHARD, by `name` in [job]"),
    ("transaction.timeout.ms", "write `transaction_timeout` in [sink.kafka]"),
    ("enable.auto.commit", "offsets are committed together with the facts, by `commit_interval` in [epoch]"),
    ("auto.commit.enable", "offsets are committed together with the facts, by `commit_interval` in [epoch]"),
    ("enable.auto.offset.store", "offsets are committed together with the facts, by `commit_interval` in [epoch]"),
    ("auto.offset.reset", "the journal in [store] says where a partition goes on, and a new one begins at its start"),
    ("isolation.level", "it is always read_committed"),
    ("enable.partition.eof", "it is always on"),
    ("enable.idempotence", "it is always on"),
    ("acks", "it is always all"),
    ("request.required.acks", "it is always all"),
    ("partitioner", "it is always murmur2_random, so that a player stays in one partition; see `shards` in [job]"),
];

/// Settings that are secrets. Besides, whatever has one of [`SECRET_WORDS`] in its name.
const SECRETS: [&str; 5] =
    ["ssl.key.pem", "ssl_key", "sasl.oauthbearer.config", "sasl.oauthbearer.assertion.private.key.pem", "sasl.jaas.config"];
const SECRET_WORDS: [&str; 3] = ["password", "passphrase", "secret"];

/// How a value is kept out of the file.
const ELSEWHERE: &str = "write { env = \"NAME\" } for an environment variable or { file = \"PATH\" } for a file";

/// A setting's value.
struct Setting {
    value: String,
    /// Where it was taken from, if not from the configuration itself: it is shown to nobody.
    source: Option<String>,
}

/// Reads the table `librdkafka` of a section.
pub(super) fn settings(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<BTreeMap<String, String>> {
    let mut settings = BTreeMap::new();
    let Some(node) = section.take("librdkafka") else { return Some(settings) };
    let path = section.path("librdkafka");
    let Value::Table(table) = &node.value else {
        let found = node.value.in_words();
        reader.problem(&Origin::File(node.place), format!("{path}: {found} is found, a table of settings is due"));
        return None;
    };
    if !table.is_empty() {
        reader.heading(format!("[{}.librdkafka]", section.name));
    }
    for (key, leaf) in leaves(table) {
        let origin = Origin::File(leaf.key);
        match setting(reader, &key, &leaf.value) {
            Ok(Setting { value, source }) => {
                if let Some(lack) = lacking(&key, &value) {
                    reader.problem(&origin, format!("{path}: `{key}` {lack}"));
                    continue;
                }
                if let Err(wrong) = kafka::check_setting(&key, &value) {
                    reader.problem(&origin, format!("{path}: {wrong}"));
                    continue;
                }
                match &source {
                    None => reader.row(&quoted(&key), leaf.value.written(), &origin),
                    Some(source) => reader.secret_row(&quoted(&key), source),
                }
                if settings.insert(key.clone(), value).is_some() {
                    reader.problem(&origin, format!("{path}: `{key}` is given twice"));
                }
            }
            Err(wrong) => reader.problem(&origin, format!("{path}: `{key}` {wrong}")),
        }
    }
    Some(settings)
}

fn setting(reader: &mut Reader<'_>, key: &str, value: &Value) -> Result<Setting, String> {
    if let Some((_, instead)) = OURS.iter().find(|(ours, _)| *ours == key) {
        return Err(format!("is set by Tidemark itself; {instead}"));
    }
    let literal = match value {
        Value::Text(text) => text.clone(),
        Value::Whole(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Table(table) => return elsewhere(reader, table),
        other => return Err(format!("is {}; a text, a whole number, true or false is due, or {ELSEWHERE}", other.in_words())),
    };
    if is_secret(key) {
        return Err(format!("is a secret, which does not belong in this file; {ELSEWHERE}"));
    }
    Ok(Setting { value: literal, source: None })
}

/// Why this build cannot do what a setting asks for. Its value may be a secret, and is not told.
fn lacking(key: &str, value: &str) -> Option<&'static str> {
    let value = value.to_ascii_lowercase();
    let is_mechanism = key == "sasl.mechanism" || key == "sasl.mechanisms";
    if is_mechanism && value == "gssapi" {
        return Some("asks for Kerberos, which no build has; SCRAM-SHA-512, SCRAM-SHA-256 and PLAIN are there");
    }
    let needs_tls = match key {
        "security.protocol" => value.ends_with("ssl"),
        "enable.ssl.certificate.verification" | "enable.sasl.oauthbearer.unsecure.jwt" => true,
        _ if is_mechanism => value.starts_with("scram") || value == "oauthbearer",
        _ => key.starts_with("ssl.") || key.starts_with("sasl.oauthbearer."),
    };
    let has_tls = cfg!(feature = "tls");
    (needs_tls && !has_tls)
        .then_some("needs a build with TLS and SCRAM, which this one is not: cargo build --release --features tls")
}

fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key) || SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Fetches a value from where a table says it is.
fn elsewhere(reader: &mut Reader<'_>, table: &Table) -> Result<Setting, String> {
    let mut entries = table.iter();
    let (Some((kind, node)), None) = (entries.next(), entries.next()) else {
        return Err(format!("has a table that is not understood; {ELSEWHERE}"));
    };
    let Value::Text(name) = &node.value else {
        return Err(format!("has {} as `{kind}`; {ELSEWHERE}", node.value.in_words()));
    };
    let (value, source) = match kind.as_str() {
        "env" => {
            let value = reader.variable(name).filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| format!("is to come from the environment variable {name}, which is not set"))?;
            (value, format!("the environment variable {name}"))
        }
        "file" => {
            let text = fs::read_to_string(name).map_err(|cause| format!("cannot be read from the file {name}: {cause}"))?;
            (text.trim_end_matches(['\r', '\n']).to_owned(), format!("the file {name}"))
        }
        _ => return Err(format!("has a table that is not understood; {ELSEWHERE}")),
    };
    Ok(Setting { value, source: Some(source) })
}
