//! A record before it is written: what happened, when, and how long it takes to arrive.

use super::super::zone::{Ms, write_time};

/// A record to be.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) topic: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) event_id: String,
    pub(crate) source: &'static str,
    pub(crate) brand: String,
    pub(crate) player: Option<String>,
    pub(crate) at: Option<Ms>,
    /// When it arrives in its partition, after `at`.
    pub(crate) delay: Ms,
    /// The type's own fields, as JSON.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// The name of the player's partition, if the record does not go to that of its player.
    pub(crate) lane: Option<u32>,
}

/// A JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Millionths as a plain number.
pub(crate) fn money(micros: i64) -> String {
    super::super::amount::plain(i128::from(micros))
}

impl Draft {
    pub(crate) fn with(mut self, name: &'static str, json: String) -> Draft {
        self.fields.push((name, json));
        self
    }

    pub(crate) fn text(self, name: &'static str, text: &str) -> Draft {
        self.with(name, quoted(text))
    }

    pub(crate) fn amount(self, name: &'static str, micros: i64) -> Draft {
        self.with(name, quoted(&money(micros)))
    }

    pub(crate) fn set(&mut self, name: &str, json: String) {
        for (field, value) in &mut self.fields {
            if *field == name {
                json.clone_into(value);
            }
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(f, _)| *f == name).map(|(_, v)| v.as_str())
    }

    /// When it arrives.
    pub(crate) fn arrives(&self) -> Ms {
        self.at.unwrap_or(0) + self.delay
    }

    /// The fields of the record, the envelope's first.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("event_id".to_owned(), quoted(&self.event_id)),
            ("event_type".to_owned(), quoted(self.kind)),
            ("schema_version".to_owned(), "1".to_owned()),
            ("source".to_owned(), quoted(self.source)),
        ];
        if self.brand != "default" || self.event_id.len().is_multiple_of(2) {
            pairs.push(("brand_id".to_owned(), quoted(&self.brand)));
        }
        if let Some(player) = &self.player {
            pairs.push(("player_id".to_owned(), quoted(player)));
        }
        if let Some(at) = self.at {
            pairs.push(("occurred_at".to_owned(), quoted(&write_time(at))));
        }
        pairs.extend(self.fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone())));
        pairs
    }
}

/// Writes a record from its fields.
pub(crate) fn line(pairs: &[(String, String)]) -> Vec<u8> {
    let written: Vec<String> = pairs.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", written.join(",")).into_bytes()
}
