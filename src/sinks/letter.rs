//! Dead letters on their way out (CONTRACTS section 4): nothing is lost, the reason stands beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tidemark_domain::fact::FactId;

use super::encode::{digest_of, push_text};
use crate::hex;
use crate::sources::{KEPT_BYTES_MAX, Oversize};

/// A record that was set aside, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// `schema_violation`, `missing_fx` and so on.
    pub kind: String,
    /// What is wrong, in words.
    pub error: String,
    /// The field that is wrong, where one is.
    pub field: Option<String>,
    /// Where the record stands.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// The record, or its first part.
    pub payload: Payload,
    /// Whose it is, where that could be read.
    pub brand: Option<String>,
    /// Whose it is, where that could be read.
    pub player: Option<String>,
    /// Its own id, where that could be read.
    pub event_id: Option<String>,
}

/// The original of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// It is UTF-8.
    Text(String),
    /// It is not.
    Bytes(Vec<u8>),
    /// It is longer than what is kept of it.
    Cut {
        /// The first part.
        head: Vec<u8>,
        /// How long it is.
        bytes: u64,
        /// SHA-256 of all of it, in hex.
        sha256: String,
    },
}

impl Payload {
    /// The payload of a record of any bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(|_| Self::Bytes(bytes.to_vec()), |text| Self::Text(text.to_owned()))
    }

    /// The payload of a record that is too long.
    #[must_use]
    pub fn of_oversize(oversize: &Oversize) -> Self {
        if oversize.bytes <= KEPT_BYTES_MAX as u64 {
            return Self::of(&oversize.head);
        }
        let sha256 = hex::of(&oversize.sha256);
        Self::Cut { head: oversize.head.clone(), bytes: oversize.bytes, sha256 }
    }

    /// The bytes that are kept.
    fn kept(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Cut { head, .. } => head,
        }
    }
}

impl Letter {
    /// Appends the record's JSON, without a line's end.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"event_id\":\"");
        FactId::over(format!("{}\n{}\n{}\nDeadLetter", self.topic, self.partition, self.offset).as_bytes()).write(out);
        out.extend_from_slice(b"\",\"event_type\":\"DeadLetter\",\"schema_version\":1,\"kind\":");
        push_text(out, &self.kind);
        out.extend_from_slice(b",\"error\":");
        push_text(out, &self.error);
        out.extend_from_slice(b",\"field\":");
        push_maybe(out, self.field.as_deref());
        out.extend_from_slice(b",\"topic\":");
        push_text(out, &self.topic);
        out.extend_from_slice(format!(",\"partition\":{},\"offset\":{}", self.partition, self.offset).as_bytes());
        for (name, value) in [("brand_id", &self.brand), ("player_id", &self.player), ("original_event_id", &self.event_id)] {
            if let Some(text) = value {
                out.extend_from_slice(format!(",\"{name}\":").as_bytes());
                push_text(out, text);
            }
        }
        match std::str::from_utf8(self.payload.kept()) {
            Ok(text) => {
                out.extend_from_slice(b",\"payload\":");
                push_text(out, text);
            }
            Err(_) => {
                out.extend_from_slice(b",\"payload_base64\":\"");
                out.extend_from_slice(STANDARD.encode(self.payload.kept()).as_bytes());
                out.push(b'"');
            }
        }
        if let Payload::Cut { bytes, sha256, .. } = &self.payload {
            out.extend_from_slice(format!(",\"payload_bytes\":{bytes},\"payload_sha256\":\"{sha256}\"").as_bytes());
        }
        out.push(b'}');
    }

    /// What of it counts in `facts_digest`: kind, field and payload.
    #[must_use]
    pub fn digest(&self) -> u128 {
        let mut text = Vec::new();
        text.extend_from_slice(self.kind.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(self.field.as_deref().unwrap_or("").as_bytes());
        text.push(b'\n');
        text.extend_from_slice(self.payload.kept());
        if let Payload::Cut { bytes, sha256, .. } = &self.payload {
            text.extend_from_slice(format!("\n{bytes}\n{sha256}").as_bytes());
        }
        digest_of(super::Topic::DeadLetters, &text)
    }
}

fn push_maybe(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}
