//! Facts to JSON (CONTRACTS section 4), one line each, and their digest.

use tidemark_domain::digits::{Short, push_number};
use tidemark_domain::fact::{Audited, Fact, FactKind, GrantIssued, PointsPosted, TierChanged, Trigger};
use tidemark_domain::money::Micros;
use tidemark_domain::player::Profile;
use tidemark_domain::time::Instant;
use xxhash_rust::const_xxh3::const_custom_default_secret;
use xxhash_rust::xxh3::{SecretInput, xxh3_128_with_secret_input, xxh3_128_with_seed};

use super::Topic;

/// The hash of one record of a topic; a digest is the sum of these, so it knows no order.
#[must_use]
pub fn digest_of(topic: Topic, body: &[u8]) -> u128 {
    // Of longer ones XXH3 makes a secret out of the seed first, for each anew.
    match SECRETS.get(topic as usize) {
        Some(secret) if body.len() > SHORT => xxh3_128_with_secret_input(body, secret),
        _ => xxh3_128_with_seed(body, topic as u64 + 1),
    }
}

/// What XXH3 hashes with the seed itself, in bytes at most.
const SHORT: usize = 240;

/// The secret of each topic's seed.
static SECRETS: [SecretInput<[u8; 192]>; Topic::ALL.len()] =
    [secret(1), secret(2), secret(3), secret(4), secret(5), secret(6), secret(7)];

const fn secret(seed: u64) -> SecretInput<[u8; 192]> {
    SecretInput::new(const_custom_default_secret(seed))
}

/// The hash of one record that leaves with its key; what a progress record proves is the sum of these.
#[must_use]
pub fn output_hash(topic: Topic, key: &[u8], body: &[u8]) -> u128 {
    joined(digest_of(topic, body), key)
}

/// The hash of a record from that of its body. The key enters before anything is summed up, so that two
/// records which have swapped their keys give another sum.
#[must_use]
pub fn joined(body: u128, key: &[u8]) -> u128 {
    body ^ xxh3_128_with_seed(key, 0)
}

/// Where a fact goes.
#[must_use]
pub const fn topic_of(kind: &FactKind<'_>) -> Topic {
    match kind {
        FactKind::TierChanged(_) => Topic::TierChanges,
        FactKind::PointsPosted(_) => Topic::PointsLedger,
        FactKind::GrantIssued(_) => Topic::Grants,
        FactKind::TriggerFired(_) => Topic::Triggers,
        FactKind::Audited(_) => Topic::Audit,
    }
}

/// Appends a string in quotes.
#[inline]
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    if let Some(short) = Short::of(text.as_bytes()).filter(|short| short.is_plain()) {
        return short.push_quoted(out);
    }
    push_long(out, text);
}

/// The same for a text of any length.
fn push_long(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().fold(true, |plain, byte| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\')) {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_escaped(out, text);
    }
    out.push(b'"');
}

#[cold]
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            other => out.push(other),
        }
    }
}

fn push_micros(out: &mut Vec<u8>, value: Micros) {
    value.write_quoted(out);
}

fn push_instant(out: &mut Vec<u8>, value: Instant) {
    out.push(b'"');
    value.write(out);
    out.push(b'"');
}

fn push_list(out: &mut Vec<u8>, texts: impl Iterator<Item = impl AsRef<str>>) {
    out.push(b'[');
    for (at, text) in texts.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_text(out, text.as_ref());
    }
    out.push(b']');
}

/// Appends a fact's JSON, without a line's end.
pub fn push_fact(out: &mut Vec<u8>, fact: &Fact<'_>) {
    if let FactKind::Audited(audited) = &fact.kind {
        push_audited(out, audited);
        return;
    }
    out.extend_from_slice(b"{\"event_id\":\"");
    fact.id.write(out);
    out.extend_from_slice(b"\",\"event_type\":\"");
    out.extend_from_slice(fact.kind.event_type().as_bytes());
    out.extend_from_slice(b"\",\"schema_version\":1,\"brand_id\":");
    push_text(out, fact.brand);
    out.extend_from_slice(b",\"player_id\":");
    match fact.player {
        Some(player) => push_text(out, player),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"seq\":");
    push_number(out, fact.seq);
    out.extend_from_slice(b",\"occurred_at\":");
    let start = out.len();
    push_instant(out, fact.occurred_at);
    let end = out.len();
    out.extend_from_slice(b",\"as_of\":");
    if fact.as_of == fact.occurred_at {
        out.extend_from_within(start..end);
    } else {
        push_instant(out, fact.as_of);
    }
    out.extend_from_slice(b",\"cause_event_id\":");
    match fact.cause {
        Some(cause) => push_text(out, cause),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"config_version\":");
    push_number(out, fact.config_version);
    if fact.late {
        out.extend_from_slice(b",\"late\":true");
    }
    if fact.clamped {
        out.extend_from_slice(b",\"clamped\":true");
    }
    match &fact.kind {
        FactKind::PointsPosted(posted) => push_posted(out, posted),
        FactKind::TierChanged(changed) => push_tier(out, changed, fact.as_of),
        FactKind::GrantIssued(grant) => push_grant(out, grant, fact),
        FactKind::TriggerFired(trigger) => push_trigger(out, trigger),
        FactKind::Audited(_) => {}
    }
    out.push(b'}');
}

/// The canonical record with its hash put in.
fn push_audited(out: &mut Vec<u8>, audited: &Audited<'_>) {
    let open = audited.canonical.strip_suffix('}').unwrap_or(audited.canonical);
    out.extend_from_slice(open.as_bytes());
    out.extend_from_slice(b",\"hash\":\"");
    out.extend_from_slice(audited.hash.as_bytes());
    out.extend_from_slice(b"\"}");
}

fn push_posted(out: &mut Vec<u8>, posted: &PointsPosted<'_>) {
    out.extend_from_slice(b",\"entry_type\":\"");
    out.extend_from_slice(posted.entry.name().as_bytes());
    out.extend_from_slice(b"\",\"points\":");
    push_micros(out, posted.points);
    out.extend_from_slice(b",\"balance_after\":{\"available\":");
    push_micros(out, posted.available);
    out.extend_from_slice(b",\"blocked\":");
    push_micros(out, posted.blocked);
    out.push(b'}');
    if let Some(bet) = &posted.bet {
        out.extend_from_slice(b",\"bet_id\":");
        push_text(out, bet.bet_id);
        out.extend_from_slice(b",\"base_amount\":");
        push_micros(out, bet.base_amount);
        out.extend_from_slice(b",\"weight\":");
        bet.weight.write_quoted(out);
        out.extend_from_slice(b",\"multiplier\":");
        bet.multiplier.write_quoted(out);
    }
    if let Some(id) = posted.redemption_id {
        out.extend_from_slice(b",\"redemption_id\":");
        push_text(out, id);
    }
    if let Some(reason) = posted.reason {
        out.extend_from_slice(b",\"reason\":");
        push_text(out, reason);
    }
}

fn push_tier(out: &mut Vec<u8>, changed: &TierChanged<'_>, at: Instant) {
    out.extend_from_slice(b",\"from\":");
    push_text(out, changed.from);
    out.extend_from_slice(b",\"to\":");
    push_text(out, changed.to);
    out.extend_from_slice(if changed.up { b",\"direction\":\"up\"" } else { b",\"direction\":\"down\"" });
    out.extend_from_slice(b",\"step\":");
    push_number(out, u64::from(changed.step));
    out.extend_from_slice(b",\"reason\":");
    push_text(out, changed.reason.name());
    out.extend_from_slice(b",\"cumulative\":");
    push_micros(out, changed.cumulative);
    out.extend_from_slice(b",\"rolling_30d\":");
    push_micros(out, changed.rolling_30d);
    out.extend_from_slice(b",\"thresholds\":{\"entry\":");
    push_micros(out, changed.entry);
    out.extend_from_slice(b",\"maintain\":");
    push_micros(out, changed.maintain);
    out.extend_from_slice(b"},\"entitlements\":");
    push_list(out, changed.entitlements.iter());
    out.extend_from_slice(b",\"effective_at\":");
    push_instant(out, at);
}

fn push_grant(out: &mut Vec<u8>, grant: &GrantIssued<'_>, fact: &Fact<'_>) {
    out.extend_from_slice(b",\"grant_id\":\"");
    fact.id.write(out);
    out.extend_from_slice(b"\",\"kind\":");
    push_text(out, grant.kind);
    out.extend_from_slice(b",\"campaign_id\":");
    push_text(out, grant.campaign_id);
    out.extend_from_slice(b",\"amount\":");
    push_micros(out, grant.amount);
    out.extend_from_slice(b",\"currency\":");
    push_text(out, grant.currency);
    out.extend_from_slice(b",\"trigger\":");
    push_text(out, grant.trigger);
    out.extend_from_slice(b",\"wager\":{\"multiplier\":");
    grant.wager_multiplier.write_quoted(out);
    out.extend_from_slice(b",\"base\":\"bonus\",\"required\":");
    push_micros(out, grant.required);
    out.extend_from_slice(b"},\"valid_to\":null,\"idempotency_key\":\"");
    fact.id.write(out);
    out.push(b'"');
}

fn push_trigger(out: &mut Vec<u8>, trigger: &Trigger<'_>) {
    out.extend_from_slice(b",\"trigger\":");
    push_text(out, trigger.name());
    out.extend_from_slice(b",\"params\":{");
    match trigger {
        Trigger::LevelUp { tier } => {
            out.extend_from_slice(b"\"tier\":");
            push_text(out, tier);
        }
        Trigger::PointsExpiring { points, last, days } => {
            out.extend_from_slice(b"\"points\":");
            push_micros(out, *points);
            out.extend_from_slice(b",\"last_day\":\"");
            last.write(out);
            out.extend_from_slice(format!("\",\"days\":{days}").as_bytes());
        }
        Trigger::TierAtRisk { tier, to, on, needed } => {
            out.extend_from_slice(b"\"tier\":");
            push_text(out, tier);
            out.extend_from_slice(b",\"to\":");
            push_text(out, to);
            out.extend_from_slice(b",\"on\":\"");
            on.write(out);
            out.extend_from_slice(b"\",\"needed\":");
            push_micros(out, *needed);
        }
    }
    out.push(b'}');
}

/// Appends a profile's JSON, without a line's end.
pub fn push_profile(out: &mut Vec<u8>, profile: &Profile<'_>) {
    out.extend_from_slice(b"{\"event_id\":\"");
    profile.id.write(out);
    out.extend_from_slice(b"\",\"event_type\":\"PlayerProfile\",\"schema_version\":1,\"brand_id\":");
    push_text(out, profile.brand);
    out.extend_from_slice(b",\"player_id\":");
    push_text(out, profile.player);
    out.extend_from_slice(b",\"seq\":");
    push_number(out, profile.seq);
    for name in [",\"occurred_at\":", ",\"as_of\":"] {
        out.extend_from_slice(name.as_bytes());
        push_instant(out, profile.as_of);
    }
    out.extend_from_slice(b",\"cause_event_id\":null,\"config_version\":");
    push_number(out, profile.config_version);
    out.extend_from_slice(b",\"tier\":");
    push_text(out, profile.tier);
    out.extend_from_slice(b",\"earned_tier\":");
    push_text(out, profile.earned_tier);
    out.extend_from_slice(b",\"forced\":");
    match &profile.forced {
        None => out.extend_from_slice(b"null"),
        Some((tier, mode, until)) => {
            out.extend_from_slice(b"{\"tier\":");
            push_text(out, tier);
            out.extend_from_slice(format!(",\"mode\":\"{mode}\",\"until\":").as_bytes());
            push_instant(out, *until);
            out.push(b'}');
        }
    }
    out.extend_from_slice(b",\"cumulative\":");
    push_micros(out, profile.cumulative);
    out.extend_from_slice(b",\"rolling_30d\":");
    push_micros(out, profile.rolling_30d);
    out.extend_from_slice(b",\"points\":{");
    let names = ["available", "blocked", "accrued", "reversed", "redeemed", "expired", "adjusted"];
    for (at, (name, sum)) in names.iter().zip(profile.points).enumerate() {
        out.extend_from_slice(format!("{}\"{name}\":", if at == 0 { "" } else { "," }).as_bytes());
        push_micros(out, sum);
    }
    out.push(b'}');
    for (name, instant) in [("reached_at", profile.reached_at), ("last_bet_at", profile.last_bet_at)] {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        match instant {
            Some(instant) => push_instant(out, instant),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b",\"lost\":");
    push_list(out, profile.lost.iter());
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_seeded_hash_of_a_record_of_any_length() {
        let body: Vec<u8> = (0..3_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        for topic in Topic::ALL {
            for len in [0, 1, 16, 128, 129, 239, 240, 241, 242, 256, 1_024, 2_999, 3_000] {
                assert_eq!(
                    digest_of(topic, &body[..len]),
                    xxh3_128_with_seed(&body[..len], topic as u64 + 1),
                    "{topic:?}, {len}"
                );
            }
        }
    }
}
