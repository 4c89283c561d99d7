//! Audit facts: one for every command and every refusal (A-1), chained per player.
//!
//! The record stands in RFC 8785 form: keys in byte order, no blanks, the shortest escapes. Its hash is
//! the SHA-256, in hex, of the hash before it, a newline, and the record without `hash`.

use sha2::{Digest, Sha256};

use super::{Cause, Player, Scene};
use crate::event::{Command, Event};
use crate::fact::{Audited, Fact, FactId, FactKind};
use crate::money::Micros;

/// What an audit fact says.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct AuditRow<'a> {
    pub(crate) command: Command<'a>,
    pub(crate) action: &'a str,
    pub(crate) target: &'a str,
    pub(crate) before: Option<&'a str>,
    pub(crate) after: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) decision: &'a str,
}

impl Player {
    /// A command was carried out.
    #[expect(clippy::too_many_arguments, reason = "the columns of one audit row")]
    pub(super) fn audit_allowed(
        &mut self,
        cause: &mut Cause<'_>,
        event: &Event<'_>,
        command: Command<'_>,
        target: &str,
        before: Option<&str>,
        after: Option<&str>,
        reason: Option<&str>,
        scene: &mut Scene<'_>,
    ) {
        let row = AuditRow { command, action: event.event_type.name(), target, before, after, reason, decision: "allowed" };
        self.audit(cause, &row, scene);
    }

    /// A command moved points.
    pub(super) fn audit_moved(
        &mut self,
        cause: &mut Cause<'_>,
        event: &Event<'_>,
        command: Command<'_>,
        target: &str,
        before: Micros,
        scene: &mut Scene<'_>,
    ) {
        let (before, after) = (before.to_string(), self.purse.available.to_string());
        self.audit_allowed(cause, event, command, target, Some(&before), Some(&after), None, scene);
    }

    /// A command was refused.
    pub(super) fn audit_refused(
        &mut self,
        cause: &mut Cause<'_>,
        event: &Event<'_>,
        command: Command<'_>,
        target: &str,
        refusal: &str,
        scene: &mut Scene<'_>,
    ) {
        let row = AuditRow {
            command,
            action: event.event_type.name(),
            target,
            reason: Some(refusal),
            decision: "refused",
            ..AuditRow::default()
        };
        self.audit(cause, &row, scene);
    }

    /// A reversal was refused, in whole or in part.
    pub(super) fn audit_refused_reversal(
        &mut self,
        cause: &mut Cause<'_>,
        action: &str,
        bet_id: &str,
        refusal: &str,
        scene: &mut Scene<'_>,
    ) {
        let row = AuditRow { action, target: bet_id, reason: Some(refusal), decision: "refused", ..AuditRow::default() };
        self.audit(cause, &row, scene);
    }

    /// Somebody should look at what a reversal has left (rule 7).
    pub(super) fn audit_review(&mut self, cause: &mut Cause<'_>, action: &str, reason: &str, scene: &mut Scene<'_>) {
        let row = AuditRow { action, target: "tier", reason: Some(reason), decision: "review", ..AuditRow::default() };
        self.audit(cause, &row, scene);
    }

    fn audit(&mut self, cause: &mut Cause<'_>, row: &AuditRow<'_>, scene: &mut Scene<'_>) {
        self.seq += 1;
        let id = self.fact_id(cause, "Audited", scene);
        let previous = self.rare.as_ref().and_then(|rare| rare.audit);
        let envelope = Envelope {
            id,
            brand: self.brand(),
            player: self.id(),
            seq: self.seq,
            cause: *cause,
            config_version: scene.rules.numbered(self.standing.revision).revision,
        };
        let (canonical, hash) = close(&envelope, row, previous);
        let text = hex(&hash);
        scene.out.fact(&envelope.fact(&canonical, &text));
        self.rare.get_or_insert_default().audit = Some(hash);
    }
}

/// The envelope of an audit fact.
pub(crate) struct Envelope<'a> {
    id: FactId,
    brand: &'a str,
    player: Option<&'a str>,
    seq: u64,
    cause: Cause<'a>,
    config_version: u64,
}

impl Envelope<'_> {
    fn fact<'a>(&'a self, canonical: &'a str, hash: &'a str) -> Fact<'a> {
        Fact {
            id: self.id,
            brand: self.brand,
            player: self.player,
            seq: self.seq,
            occurred_at: self.cause.occurred_at,
            as_of: self.cause.as_of,
            cause: self.cause.id,
            config_version: self.config_version,
            late: self.cause.late,
            clamped: self.cause.clamped,
            kind: FactKind::Audited(Audited { canonical, hash }),
        }
    }
}

/// The canonical record and its hash.
fn close(envelope: &Envelope<'_>, row: &AuditRow<'_>, previous: Option<[u8; 32]>) -> (String, [u8; 32]) {
    let cause = &envelope.cause;
    let previous = hex(&previous.unwrap_or_default());
    let (as_of, occurred_at) = (cause.as_of.to_string(), cause.occurred_at.to_string());
    let mut record = Canonical::default();
    record.text("action", Some(row.action));
    record.text("actor", row.command.actor);
    record.text("after", row.after);
    record.text("as_of", Some(&as_of));
    record.text("before", row.before);
    record.text("brand_id", Some(envelope.brand));
    record.text("cause_event_id", cause.id);
    record.flag("clamped", cause.clamped);
    record.number("config_version", envelope.config_version);
    record.text("decision", Some(row.decision));
    record.text("event_id", Some(&envelope.id.to_string()));
    record.text("event_type", Some("Audited"));
    record.flag("late", cause.late);
    record.text("occurred_at", Some(&occurred_at));
    record.text("player_id", envelope.player);
    record.text("prev_hash", Some(&previous));
    record.text("reason", row.reason);
    record.text("request_id", row.command.request_id);
    record.text("role", row.command.role);
    record.number("schema_version", 1);
    record.number("seq", envelope.seq);
    record.text("target", Some(row.target));
    let text = record.close();
    let mut hasher = Sha256::new();
    hasher.update(previous.as_bytes());
    hasher.update(b"\n");
    hasher.update(text.as_bytes());
    (text, hasher.finalize().into())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// A JSON object in RFC 8785 form; keys must be given in byte order.
#[derive(Default)]
struct Canonical(String);

impl Canonical {
    fn key(&mut self, key: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.quoted(key);
        self.0.push(':');
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        match value {
            Some(text) => self.quoted(text),
            None => self.0.push_str("null"),
        }
    }

    fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.0.push_str(itoa::Buffer::new().format(value));
    }

    /// Only where it applies.
    fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.key(key);
            self.0.push_str("true");
        }
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        for character in text.chars() {
            match character {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\u{8}' => self.0.push_str("\\b"),
                '\t' => self.0.push_str("\\t"),
                '\n' => self.0.push_str("\\n"),
                '\u{c}' => self.0.push_str("\\f"),
                '\r' => self.0.push_str("\\r"),
                control if u32::from(control) < 0x20 => {
                    self.0.push_str("\\u00");
                    self.0.push_str(&hex(&[u8::try_from(u32::from(control)).unwrap_or(0)]));
                }
                other => self.0.push(other),
            }
        }
        self.0.push('"');
    }

    fn close(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// The chain of facts about the rulebook: brand `*`, no player (rule 16).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RulebookChain {
    /// The number of the last fact.
    pub seq: u64,
    /// The hash of the last one.
    pub hash: Option<[u8; 32]>,
}

impl RulebookChain {
    /// A publication comes into force: one audit fact per changed key, in byte order of the path.
    pub fn published(&mut self, number: u32, scene: &mut Scene<'_>) {
        let rules = scene.rules;
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let Some(revision) = rules.revisions().get(at).filter(|revision| revision.publication && at > 0) else { return };
        let (old, new) = (rules.numbered(number - 1), &revision.programme);
        let command = Command { actor: revision.author.as_deref(), role: revision.role.as_deref(), request_id: None };
        for (path, before, after) in crate::programme::resolve::changed(old, new) {
            self.seq += 1;
            let cause = Cause::timer(revision.from);
            let text = format!("*\n\n\ntimer {}\n{}:{}\n{path}", revision.from, new.id, new.revision);
            let envelope = Envelope {
                id: FactId::over(text.as_bytes()),
                brand: "*",
                player: None,
                seq: self.seq,
                cause,
                config_version: new.revision,
            };
            let row = AuditRow {
                command,
                action: "ProgrammePublished",
                target: &path,
                before: before.as_deref(),
                after: after.as_deref(),
                reason: None,
                decision: "allowed",
            };
            let (canonical, hash) = close(&envelope, &row, self.hash);
            scene.out.fact(&envelope.fact(&canonical, &hex(&hash)));
            self.hash = Some(hash);
        }
    }
}
