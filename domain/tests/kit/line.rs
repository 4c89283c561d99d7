//! A fact in words, as tables expect it.

use tidemark_domain::fact::{Audited, FactKind, PointsPosted, TierChanged, Trigger};
use tidemark_domain::programme::Factor;

/// The fact's own words.
pub(crate) fn of(kind: &FactKind<'_>) -> String {
    match kind {
        FactKind::TierChanged(changed) => tier(changed),
        FactKind::PointsPosted(posted) => points(posted),
        FactKind::GrantIssued(grant) => {
            let wager = match grant.wager_multiplier.0 {
                0 => String::new(),
                _ => format!(", wager x{} = {}", grant.wager_multiplier.decimal(), grant.required),
            };
            format!("grant {} {} {}{wager}", grant.amount, grant.currency, grant.kind)
        }
        FactKind::TriggerFired(trigger) => match trigger {
            Trigger::LevelUp { tier } => format!("level_up {tier}"),
            Trigger::PointsExpiring { points, last, days } => format!("points_expiring {points}, last {last}, in {days} days"),
            Trigger::TierAtRisk { tier, to, on, needed } => format!("tier_at_risk {tier} > {to} on {on}, needed {needed}"),
        },
        FactKind::Audited(audited) => audit(audited),
    }
}

fn tier(changed: &TierChanged<'_>) -> String {
    let TierChanged { from, to, step, reason, cumulative, rolling_30d, entitlements, .. } = changed;
    let rights: String = entitlements.iter().map(|right| format!(" +{right}")).collect();
    format!("tier {from} > {to} step {step} {} cum {cumulative} roll {rolling_30d}{rights}", reason.name())
}

fn points(posted: &PointsPosted<'_>) -> String {
    let mut text = posted.entry.name().to_owned();
    if let Some(id) = posted.redemption_id {
        text += &format!(" {id}");
    }
    text += &format!(" {} points", posted.points);
    if let Some(bet) = posted.bet {
        text += &format!(", base {}", bet.base_amount);
        if bet.weight != Factor::ONE {
            text += &format!(", weight {}", bet.weight.decimal());
        }
        if bet.multiplier != Factor::ONE.decimal() {
            text += &format!(", x{}", bet.multiplier);
        }
    }
    if let Some(reason) = posted.reason {
        text += &format!(", {reason}");
    }
    text
}

fn audit(audited: &Audited<'_>) -> String {
    let value = |key| member(audited.canonical, key);
    let or_null = |key| value(key).unwrap_or_else(|| "null".to_owned());
    let reason = value("reason").map(|reason| format!(" {reason}")).unwrap_or_default();
    let by = value("actor").map(|actor| format!(" by {actor}")).unwrap_or_default();
    match value("decision").unwrap().as_str() {
        "allowed" => {
            let (action, target) = (or_null("action"), or_null("target"));
            format!("allowed {action} {target} {} > {}{reason}{by}", or_null("before"), or_null("after"))
        }
        decision => format!("{decision}{reason}{by}"),
    }
}

/// A text member of a canonical record; none where it is null or absent. No test text has escapes.
pub(crate) fn member(canonical: &str, key: &str) -> Option<String> {
    let (_, rest) = canonical.split_once(&format!("\"{key}\":\""))?;
    rest.split_once('"').map(|(text, _)| text.to_owned())
}
