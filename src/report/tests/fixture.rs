//! A small folder as a replay leaves it: two players, one of them with a name that looks like markup.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// What stands in which file.
pub(super) struct Out {
    pub(super) files: Vec<(&'static str, Vec<String>)>,
    pub(super) summary: String,
}

fn fact(kind: &str, player: &str, occurred_at: &str, as_of: &str, cause: &str, body: &str) -> String {
    format!(
        r#"{{"event_id":"00000000-0000-8000-8000-000000000000","event_type":"{kind}","schema_version":1,"brand_id":"b1","player_id":"{player}","seq":1,"occurred_at":"{occurred_at}","as_of":"{as_of}","cause_event_id":{cause},"config_version":1,{body}}}"#
    )
}

fn posted(player: &str, at: &str, body: &str) -> String {
    fact("PointsPosted", player, at, at, r#""e-1""#, body)
}

fn ledger() -> Vec<String> {
    let bet = |id: &str, kind: &str, amount: &str, more: &str| {
        format!(
            r#""entry_type":"{kind}","points":"{amount}","balance_after":{{"available":"0","blocked":"0"}},"bet_id":"{id}","base_amount":"{amount}","weight":"1","multiplier":"1"{more}"#
        )
    };
    let points = |kind: &str, points: &str| {
        format!(r#""entry_type":"{kind}","points":"{points}","balance_after":{{"available":"0","blocked":"0"}}"#)
    };
    let late = bet("b-3", "accrue", "100.5", r#","late":true"#);
    vec![
        posted("p1", "2026-03-03T10:00:00.000Z", &bet("b-1", "accrue", "10004.2", "")),
        fact("PointsPosted", "<b>", "2026-03-01T09:00:00.000Z", "2026-03-05T09:00:00.000Z", r#""e-2""#, &late),
        posted("<b>", "2026-03-05T09:01:00.000Z", &bet("b-3", "reverse", "-40.25", r#","reason":"provider_rollback""#)),
        posted("<b>", "2026-03-05T10:00:00.000Z", &points("adjust", "1000")),
        posted("<b>", "2026-03-05T11:00:00.000Z", &points("block", "1000")),
        posted("<b>", "2026-03-05T12:00:00.000Z", &points("redeem", "1000")),
        posted("p1", "2026-03-20T10:00:00.000Z", &bet("b-2", "accrue", "820", "")),
    ]
}

fn tier_changes() -> Vec<String> {
    let body = |from: &str, to: &str, direction: &str, reason: &str, sums: [&str; 4]| {
        let [cumulative, rolling, entry, maintain] = sums;
        format!(
            r#""from":"{from}","to":"{to}","direction":"{direction}","step":1,"reason":"{reason}","cumulative":"{cumulative}","rolling_30d":"{rolling}","thresholds":{{"entry":"{entry}","maintain":"{maintain}"}},"entitlements":[],"effective_at":"2026-03-03T10:00:00.000Z""#
        )
    };
    let up = body("Bronze", "Silver", "up", "threshold", ["10004.2", "10004.2", "10000", "1000"]);
    let down = body("Silver", "Bronze", "down", "decay", ["10824.2", "820", "0", "0"]);
    // The day begins in Malta at 22:00 UTC of the day before.
    let midnight = "2026-04-03T22:00:00.000Z";
    vec![
        fact("TierChanged", "p1", "2026-03-03T10:00:00.000Z", "2026-03-03T10:00:00.000Z", r#""e-1""#, &up),
        fact("TierChanged", "p1", midnight, midnight, "null", &down),
    ]
}

fn profiles() -> Vec<String> {
    let body = |lost: &str, cumulative: &str, points: [&str; 5]| {
        let [available, accrued, reversed, redeemed, adjusted] = points;
        format!(
            r#""tier":"Bronze","earned_tier":"Bronze","forced":null,"cumulative":"{cumulative}","rolling_30d":"0","points":{{"available":"{available}","blocked":"0","accrued":"{accrued}","reversed":"{reversed}","redeemed":"{redeemed}","expired":"0","adjusted":"{adjusted}"}},"reached_at":null,"lost":[{lost}],"last_bet_at":"2026-03-20T10:00:00.000Z""#
        )
    };
    let end = "2026-04-05T00:00:00.000Z";
    let first = body(r#""Silver""#, "10824.2", ["10824.2", "10824.2", "0", "0", "0"]);
    let second = body("", "60.25", ["60.25", "100.5", "40.25", "1000", "1000"]);
    vec![fact("PlayerProfile", "p1", end, end, "null", &first), fact("PlayerProfile", "<b>", end, end, "null", &second)]
}

fn dead_letters() -> Vec<String> {
    let letter = |kind: &str, error: &str, field: &str, payload: &str| {
        format!(
            r#"{{"event_id":"00000000-0000-8000-8000-000000000001","event_type":"DeadLetter","schema_version":1,"kind":"{kind}","error":"{error}","field":{field},"topic":"bets.v1","partition":0,"offset":7,{payload}}}"#
        )
    };
    let markup = r#""payload":"{\"player_id\":\"<script>alert(1)</script>\"}""#;
    vec![
        letter("schema_violation", "a required field is missing", r#""amount""#, markup),
        letter("schema_violation", "a required field is missing", r#""amount""#, r#""payload":"{}""#),
        letter("size", "over 64 KiB", "null", r#""payload_base64":"e30=""#),
        letter("too_late", "its bet did not come", r#""original_bet_id""#, r#""payload":"{}""#),
    ]
}

impl Out {
    /// Where everything agrees.
    pub(super) fn sound() -> Self {
        let at = "2026-03-05T12:00:00.000Z";
        let trigger = r#""trigger":"level_up","params":{"tier":"Silver"}"#;
        let grant = r#""grant_id":"g","kind":"points_conversion","campaign_id":"redemption","amount":"10","currency":"EUR","trigger":"redemption","wager":{"multiplier":"0","base":"bonus","required":"0"},"valid_to":null,"idempotency_key":"g""#;
        let audit = r#""actor":"u7","role":"loyalty_admin","action":"PointsAdjust","target":"points","before":"0","after":"1000","reason":"goodwill","decision":"allowed","prev_hash":"0","hash":"1""#;
        Self {
            files: vec![
                ("loyalty.tier-changes.v1", tier_changes()),
                ("loyalty.points-ledger.v1", ledger()),
                ("promo.grants.v1", vec![fact("GrantIssued", "<b>", at, at, r#""e-5""#, grant)]),
                ("crm.triggers.v1", vec![fact("TriggerFired", "p1", at, at, r#""e-1""#, trigger)]),
                ("crm.player-profile.v1", profiles()),
                ("audit.events.v1", vec![fact("Audited", "<b>", at, at, r#""e-3""#, audit)]),
                ("pipeline.dlq.v1", dead_letters()),
            ],
            summary: r#"{"events_in":14,"applied":8,"duplicates":2,"late":1,"dead_letters":3,"unmatched_reversals":1,"skipped_unknown":1,"beyond_until":0,"facts":{"loyalty.tier-changes.v1":2,"loyalty.points-ledger.v1":7,"promo.grants.v1":1,"crm.triggers.v1":1,"audit.events.v1":1,"pipeline.dlq.v1":4},"facts_digest":"5eed","logical_time":"2026-04-05T00:00:00.000Z"}"#.to_owned(),
        }
    }

    /// Of an input without events.
    pub(super) fn empty() -> Self {
        Self {
            files: Vec::new(),
            summary: r#"{"events_in":0,"applied":0,"duplicates":0,"late":0,"dead_letters":0,"unmatched_reversals":0,"skipped_unknown":0,"beyond_until":0,"facts":{},"facts_digest":"00","logical_time":null}"#.to_owned(),
        }
    }

    /// Replaces text in one file.
    pub(super) fn with(mut self, topic: &str, from: &str, to: &str) -> Self {
        for (name, lines) in &mut self.files {
            if *name == topic {
                assert!(lines.iter().any(|line| line.contains(from)), "{from} is not there");
                lines.iter_mut().for_each(|line| *line = line.replace(from, to));
            }
        }
        self
    }

    /// Writes the records of one file twice.
    pub(super) fn again(&mut self, topic: &str) {
        for (_, lines) in self.files.iter_mut().filter(|(name, _)| *name == topic) {
            lines.extend_from_within(..);
        }
    }

    /// As a folder.
    pub(super) fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        self.write_into(folder.path());
        folder
    }

    fn write_into(&self, folder: &Path) {
        for (topic, lines) in &self.files {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            fs::write(folder.join(format!("{topic}.jsonl")), text).unwrap();
        }
        fs::write(folder.join("summary.json"), &self.summary).unwrap();
    }
}
