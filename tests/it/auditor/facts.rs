//! What is published: facts with the fields the law pins. A null means: absent or null.

use serde_json::{Map, Value, json};

use super::amount::{Micro, plain};
use super::player::Player;
use super::zone::{Ms, write_time};

pub(crate) const TIERS: &str = "loyalty.tier-changes.v1";
pub(crate) const LEDGER: &str = "loyalty.points-ledger.v1";
pub(crate) const GRANTS: &str = "promo.grants.v1";
pub(crate) const TRIGGERS: &str = "crm.triggers.v1";
pub(crate) const AUDIT: &str = "audit.events.v1";
pub(crate) const DEAD: &str = "pipeline.dlq.v1";
pub(crate) const PROFILES: &str = "crm.player-profile.v1";

/// A fact and the topic it goes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    pub(crate) topic: &'static str,
    pub(crate) body: Map<String, Value>,
}

/// Why and when something happens.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// The event, or `None` for a timer.
    pub(crate) event: Option<String>,
    pub(crate) kind: String,
    pub(crate) occurred_at: Ms,
    pub(crate) as_of: Ms,
    pub(crate) late: bool,
    pub(crate) actor: Option<String>,
    pub(crate) role: Option<String>,
}

impl Cause {
    pub(crate) fn timer(at: Ms) -> Cause {
        Cause { event: None, kind: String::new(), occurred_at: at, as_of: at, late: false, actor: None, role: None }
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Player<'_> {
    /// Writes down a fact with the common fields.
    pub(crate) fn publish(&mut self, topic: &'static str, event_type: &str, cause: &Cause, body: Value) {
        let seq = self.facts.len() + 1;
        let mut all = object(json!({
            "event_type": event_type,
            "brand_id": self.brand,
            "player_id": self.id,
            "seq": seq,
            "occurred_at": write_time(cause.occurred_at),
            "as_of": write_time(cause.as_of),
            "cause_event_id": cause.event,
            "config_version": self.rules().revision,
            "late": cause.late,
            "clamped": false,
        }));
        all.extend(object(body));
        self.facts.push(Fact { topic, body: all });
    }

    /// A posting to the ledger of points; the balance is the one after it.
    pub(crate) fn post(&mut self, entry_type: &str, points: Micro, cause: &Cause, more: Value) {
        let mut body = object(json!({
            "entry_type": entry_type,
            "points": plain(points),
            "balance_after": {"available": plain(self.points.available), "blocked": plain(self.points.blocked)},
            "bet_id": null, "redemption_id": null, "base_amount": null, "weight": null, "multiplier": null,
        }));
        body.extend(object(more));
        self.publish(LEDGER, "PointsPosted", cause, Value::Object(body));
    }

    pub(crate) fn trigger(&mut self, trigger: &str, cause: &Cause, params: Value) {
        self.publish(TRIGGERS, "TriggerFired", cause, json!({"trigger": trigger, "params": params}));
    }

    /// One line of the audit; the reason of what is allowed is not pinned.
    pub(crate) fn audit(&mut self, decision: &str, reason: Option<&str>, cause: &Cause) {
        let mut body = object(json!({
            "actor": cause.actor, "role": cause.role, "action": cause.kind, "decision": decision,
        }));
        if let Some(reason) = reason {
            body.insert("reason".to_owned(), json!(reason));
        }
        self.publish(AUDIT, "Audited", cause, Value::Object(body));
    }
}
