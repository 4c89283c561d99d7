//! Facts to JSON (CONTRACTS section 4), one line each, and their digest.

use tidemark_domain::digits::{Append, Line, push, push_line, push_number, push_plain};
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
pub fn push_text(out: &mut impl Append, text: &str) {
    out.bytes(b"\"");
    push_inner(out, text);
    out.bytes(b"\"");
}

/// Appends a string without its quotes.
#[inline]
fn push_inner(out: &mut impl Append, text: &str) {
    if push_plain(out, text.as_bytes()) {
        return;
    }
    if text.bytes().fold(true, |plain, byte| plain & (byte >= 0x20) & (byte != b'"') & (byte != b'\\')) {
        out.bytes(text.as_bytes());
    } else {
        push_escaped(out, text);
    }
}

#[cold]
fn push_escaped(out: &mut impl Append, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' => out.bytes(b"\\\""),
            b'\\' => out.bytes(b"\\\\"),
            b'\n' => out.bytes(b"\\n"),
            b'\r' => out.bytes(b"\\r"),
            b'\t' => out.bytes(b"\\t"),
            0..=0x1f => out.bytes(format!("\\u{byte:04x}").as_bytes()),
            other => out.bytes(&[other]),
        }
    }
}

fn push_micros(out: &mut impl Append, value: Micros) {
    out.bytes(b"\"");
    value.write(out);
    out.bytes(b"\"");
}

fn push_instant(out: &mut impl Append, value: Instant) {
    out.bytes(b"\"");
    value.write(out);
    out.bytes(b"\"");
}

fn push_list(out: &mut impl Append, texts: impl Iterator<Item = impl AsRef<str>>) {
    out.bytes(b"[");
    for (at, text) in texts.enumerate() {
        if at > 0 {
            out.bytes(b",");
        }
        push_text(out, text.as_ref());
    }
    out.bytes(b"]");
}

/// Appends a fact's JSON, without a line's end.
pub fn push_fact(out: &mut Vec<u8>, fact: &Fact<'_>) {
    push_line(out, &FactLine(fact));
}

/// A fact's JSON.
struct FactLine<'f, 'a>(&'f Fact<'a>);

impl Line for FactLine<'_, '_> {
    #[inline]
    fn write(&self, out: &mut impl Append) {
        let fact = self.0;
        if let FactKind::Audited(audited) = &fact.kind {
            push_audited(out, audited);
            return;
        }
        out.bytes(b"{\"event_id\":\"");
        fact.id.write(out);
        out.bytes(b"\",\"event_type\":\"");
        push(out, fact.kind.event_type().as_bytes());
        out.bytes(b"\",\"schema_version\":1,\"brand_id\":\"");
        push_inner(out, fact.brand);
        match fact.player {
            Some(player) => {
                out.bytes(b"\",\"player_id\":\"");
                push_inner(out, player);
                out.bytes(b"\",\"seq\":");
            }
            None => out.bytes(b"\",\"player_id\":null,\"seq\":"),
        }
        push_number(out, fact.seq);
        out.bytes(b",\"occurred_at\":\"");
        let occurred_at = fact.occurred_at.text();
        out.bytes(&occurred_at);
        out.bytes(b"\",\"as_of\":\"");
        out.bytes(&if fact.as_of == fact.occurred_at { occurred_at } else { fact.as_of.text() });
        match fact.cause {
            Some(cause) => {
                out.bytes(b"\",\"cause_event_id\":\"");
                push_inner(out, cause);
                out.bytes(b"\",\"config_version\":");
            }
            None => out.bytes(b"\",\"cause_event_id\":null,\"config_version\":"),
        }
        push_number(out, fact.config_version);
        if fact.late {
            out.bytes(b",\"late\":true");
        }
        if fact.clamped {
            out.bytes(b",\"clamped\":true");
        }
        match &fact.kind {
            FactKind::PointsPosted(posted) => push_posted(out, posted),
            FactKind::TierChanged(changed) => push_tier(out, changed, fact.as_of),
            FactKind::GrantIssued(grant) => push_grant(out, grant, fact),
            FactKind::TriggerFired(trigger) => push_trigger(out, trigger),
            FactKind::Audited(_) => {}
        }
        out.bytes(b"}");
    }
}

/// The canonical record with its hash put in.
fn push_audited(out: &mut impl Append, audited: &Audited<'_>) {
    let open = audited.canonical.strip_suffix('}').unwrap_or(audited.canonical);
    out.bytes(open.as_bytes());
    out.bytes(b",\"hash\":\"");
    out.bytes(audited.hash.as_bytes());
    out.bytes(b"\"}");
}

fn push_posted(out: &mut impl Append, posted: &PointsPosted<'_>) {
    out.bytes(b",\"entry_type\":\"");
    push(out, posted.entry.name().as_bytes());
    out.bytes(b"\",\"points\":\"");
    posted.points.write(out);
    out.bytes(b"\",\"balance_after\":{\"available\":\"");
    posted.available.write(out);
    out.bytes(b"\",\"blocked\":\"");
    posted.blocked.write(out);
    out.bytes(b"\"}");
    if let Some(bet) = &posted.bet {
        out.bytes(b",\"bet_id\":\"");
        push_inner(out, bet.bet_id);
        out.bytes(b"\",\"base_amount\":\"");
        bet.base_amount.write(out);
        out.bytes(b"\",\"weight\":\"");
        bet.weight.write(out);
        out.bytes(b"\",\"multiplier\":\"");
        bet.multiplier.write(out);
        out.bytes(b"\"");
    }
    if let Some(id) = posted.redemption_id {
        out.bytes(b",\"redemption_id\":");
        push_text(out, id);
    }
    if let Some(reason) = posted.reason {
        out.bytes(b",\"reason\":");
        push_text(out, reason);
    }
}

fn push_tier(out: &mut impl Append, changed: &TierChanged<'_>, at: Instant) {
    out.bytes(b",\"from\":");
    push_text(out, changed.from);
    out.bytes(b",\"to\":");
    push_text(out, changed.to);
    out.bytes(if changed.up { b",\"direction\":\"up\"" } else { b",\"direction\":\"down\"" });
    out.bytes(b",\"step\":");
    push_number(out, u64::from(changed.step));
    out.bytes(b",\"reason\":");
    push_text(out, changed.reason.name());
    out.bytes(b",\"cumulative\":");
    push_micros(out, changed.cumulative);
    out.bytes(b",\"rolling_30d\":");
    push_micros(out, changed.rolling_30d);
    out.bytes(b",\"thresholds\":{\"entry\":");
    push_micros(out, changed.entry);
    out.bytes(b",\"maintain\":");
    push_micros(out, changed.maintain);
    out.bytes(b"},\"entitlements\":");
    push_list(out, changed.entitlements.iter());
    out.bytes(b",\"effective_at\":");
    push_instant(out, at);
}

fn push_grant(out: &mut impl Append, grant: &GrantIssued<'_>, fact: &Fact<'_>) {
    out.bytes(b",\"grant_id\":\"");
    fact.id.write(out);
    out.bytes(b"\",\"kind\":");
    push_text(out, grant.kind);
    out.bytes(b",\"campaign_id\":");
    push_text(out, grant.campaign_id);
    out.bytes(b",\"amount\":");
    push_micros(out, grant.amount);
    out.bytes(b",\"currency\":");
    push_text(out, grant.currency);
    out.bytes(b",\"trigger\":");
    push_text(out, grant.trigger);
    out.bytes(b",\"wager\":{\"multiplier\":\"");
    grant.wager_multiplier.write(out);
    out.bytes(b"\",\"base\":\"bonus\",\"required\":\"");
    grant.required.write(out);
    out.bytes(b"\"},\"valid_to\":null,\"idempotency_key\":\"");
    fact.id.write(out);
    out.bytes(b"\"");
}

fn push_trigger(out: &mut impl Append, trigger: &Trigger<'_>) {
    out.bytes(b",\"trigger\":");
    push_text(out, trigger.name());
    out.bytes(b",\"params\":{");
    match trigger {
        Trigger::LevelUp { tier } => {
            out.bytes(b"\"tier\":");
            push_text(out, tier);
        }
        Trigger::PointsExpiring { points, last, days } => {
            out.bytes(b"\"points\":");
            push_micros(out, *points);
            out.bytes(b",\"last_day\":\"");
            last.write(out);
            out.bytes(format!("\",\"days\":{days}").as_bytes());
        }
        Trigger::TierAtRisk { tier, to, on, needed } => {
            out.bytes(b"\"tier\":");
            push_text(out, tier);
            out.bytes(b",\"to\":");
            push_text(out, to);
            out.bytes(b",\"on\":\"");
            on.write(out);
            out.bytes(b"\",\"needed\":");
            push_micros(out, *needed);
        }
    }
    out.bytes(b"}");
}

/// Appends a profile's JSON, without a line's end.
pub fn push_profile(out: &mut Vec<u8>, profile: &Profile<'_>) {
    push_line(out, &ProfileLine(profile));
}

/// A profile's JSON.
struct ProfileLine<'p, 'a>(&'p Profile<'a>);

impl Line for ProfileLine<'_, '_> {
    #[inline]
    fn write(&self, out: &mut impl Append) {
        let profile = self.0;
        out.bytes(b"{\"event_id\":\"");
        profile.id.write(out);
        out.bytes(b"\",\"event_type\":\"PlayerProfile\",\"schema_version\":1,\"brand_id\":");
        push_text(out, profile.brand);
        out.bytes(b",\"player_id\":");
        push_text(out, profile.player);
        out.bytes(b",\"seq\":");
        push_number(out, profile.seq);
        for name in [",\"occurred_at\":", ",\"as_of\":"] {
            out.bytes(name.as_bytes());
            push_instant(out, profile.as_of);
        }
        out.bytes(b",\"cause_event_id\":null,\"config_version\":");
        push_number(out, profile.config_version);
        out.bytes(b",\"tier\":");
        push_text(out, profile.tier);
        out.bytes(b",\"earned_tier\":");
        push_text(out, profile.earned_tier);
        out.bytes(b",\"forced\":");
        match &profile.forced {
            None => out.bytes(b"null"),
            Some((tier, mode, until)) => {
                out.bytes(b"{\"tier\":");
                push_text(out, tier);
                out.bytes(format!(",\"mode\":\"{mode}\",\"until\":").as_bytes());
                push_instant(out, *until);
                out.bytes(b"}");
            }
        }
        out.bytes(b",\"cumulative\":");
        push_micros(out, profile.cumulative);
        out.bytes(b",\"rolling_30d\":");
        push_micros(out, profile.rolling_30d);
        let names = [
            ",\"points\":{\"available\":",
            ",\"blocked\":",
            ",\"accrued\":",
            ",\"reversed\":",
            ",\"redeemed\":",
            ",\"expired\":",
            ",\"adjusted\":",
        ];
        for (name, sum) in names.iter().zip(profile.points) {
            out.bytes(name.as_bytes());
            push_micros(out, sum);
        }
        out.bytes(b"}");
        for (name, instant) in [(",\"reached_at\":", profile.reached_at), (",\"last_bet_at\":", profile.last_bet_at)] {
            out.bytes(name.as_bytes());
            match instant {
                Some(instant) => push_instant(out, instant),
                None => out.bytes(b"null"),
            }
        }
        out.bytes(b",\"lost\":");
        push_list(out, profile.lost.iter());
        out.bytes(b"}");
    }
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
