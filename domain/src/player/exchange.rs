//! Exchange rates: what an amount is in the base currency of its brand (rule 2).

use super::{Now, Player, Scene};
use crate::event::Event;
use crate::fact::Note;
use crate::money::Decimal;
use crate::rules::Rules;

impl Player {
    /// Base currency per one unit of a bet's currency (rule 2).
    pub(super) fn rate(event: &Event<'_>, currency: &str, stated: Option<Decimal>, base: &str, rules: &Rules) -> Option<Decimal> {
        if stated.is_some() {
            return stated;
        }
        if currency == base {
            return Some(Decimal::ONE);
        }
        rules.rates().find(currency, base, event.occurred_at)
    }

    /// Counts an amount that is no bet's where there is no rate for it: it is 0 in base currency.
    pub(super) fn note_missing_fx(event: &Event<'_>, currency: &str, now: &Now<'_>, scene: &mut Scene<'_>) {
        let base = &now.programme.brand(event.brand).base_currency;
        if Self::rate(event, currency, None, base, scene.rules).is_none() {
            scene.out.note(Note::FxMissing);
        }
    }
}
