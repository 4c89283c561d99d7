//! Rule 8: what has been seen, whole and by name, until its day is forgotten.

use std::collections::BTreeMap;

use super::catalogue;
use super::coverage::Coverage;
use super::decode::{Event, Field};
use super::zone::{Day, Ms};

/// What is compared when the same thing comes twice.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Body {
    kind: String,
    at: Option<Ms>,
    fields: BTreeMap<String, Field>,
}

/// Type, field, value; for (source, event_id) the type is empty.
type Key = (String, String, String);

struct Seen {
    key: Key,
    body: Body,
    day: Day,
    payment: bool,
    refused: bool,
}

/// Which identities an applied event leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    /// Refused, all kept.
    Refused,
    /// Only (source, event_id), so that it can be sent again.
    SourceOnly,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    New,
    Duplicate,
    Conflict,
}

#[derive(Default)]
pub(crate) struct Memory {
    seen: Vec<Seen>,
    /// For the counts only.
    forgotten: Vec<Key>,
    not_open: Vec<Key>,
}

fn body(event: &Event) -> Body {
    let at = if catalogue::is_command(&event.kind) { None } else { event.at };
    Body { kind: event.kind.clone(), at, fields: event.fields.clone() }
}

/// The name by which an event as such is known.
fn source_key(event: &Event) -> Key {
    (String::new(), event.source.clone(), event.event_id.clone())
}

fn keys(event: &Event) -> Vec<Key> {
    let named = catalogue::identities(&event.kind).iter();
    let own = named.filter_map(|f| event.text(f).map(|v| (event.kind.clone(), (*f).to_owned(), v.to_owned())));
    own.chain([source_key(event)]).collect()
}

fn duplicate_case(key: &Key) -> &'static str {
    match (key.0.as_str(), key.1.as_str()) {
        ("", _) => "R8.duplicate.event_id",
        (_, "bet_id") => "R8.duplicate.bet_id",
        (_, "win_id") => "R8.duplicate.win_id",
        (_, "payment_id") => "R8.duplicate.payment_id",
        (_, "redemption_id") => "R8.duplicate.redemption_id",
        (_, "session_id") => "R8.duplicate.session_id",
        _ => "R8.duplicate.request_id",
    }
}

impl Memory {
    /// Any identity known with another body is a conflict, else any known one a duplicate.
    pub(crate) fn judge(&self, event: &Event, cover: &mut Coverage) -> Judged {
        let (keys, body) = (keys(event), body(event));
        let met: Vec<&Seen> = self.seen.iter().filter(|s| keys.contains(&s.key)).collect();
        if let Some(other) = met.iter().find(|s| s.body != body) {
            cover.hit("R8.conflict");
            cover.hit_if(other.key.1 == "bet_id", "R8.conflict.bet_id");
            cover.hit_if(other.key.0.is_empty(), "R8.conflict.event_id");
            return Judged::Conflict;
        }
        if met.is_empty() {
            let listed = |list: &[Key]| keys.iter().any(|k| list.contains(k));
            cover.hit_if(listed(&self.forgotten), "R8.forgotten");
            cover.hit_if(listed(&self.not_open), "R8.not_open_again");
            return Judged::New;
        }
        cover.hit("R8.duplicate");
        // With the event's own name known too it is the same record again, else the same thing under a new name.
        let own = source_key(event);
        let telling = met.iter().find(|s| s.key == own).or_else(|| met.first()).map(|s| duplicate_case(&s.key));
        cover.hit(telling.unwrap_or("R8.duplicate"));
        cover.hit_if(met.iter().any(|s| s.refused), "R8.retry_of_refused");
        Judged::Duplicate
    }

    pub(crate) fn remember(&mut self, event: &Event, day: Day, keep: Keep) {
        if keep == Keep::None {
            return;
        }
        for key in keys(event) {
            if keep == Keep::SourceOnly && !key.0.is_empty() {
                self.not_open.push(key);
                continue;
            }
            let payment = catalogue::is_payment(&event.kind);
            self.seen.push(Seen { key, body: body(event), day, payment, refused: keep == Keep::Refused });
        }
    }

    /// At the rollover into `today`: what belongs to day D is forgotten at D + days + 2.
    pub(crate) fn forget(&mut self, today: Day, days: i64, payment_days: i64) {
        let stays = |s: &Seen| today < s.day + if s.payment { payment_days } else { days } + 2;
        self.forgotten.extend(self.seen.iter().filter(|s| !stays(s)).map(|s| s.key.clone()));
        self.seen.retain(stays);
    }
}
