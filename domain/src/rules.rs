//! What is in force: the revisions of the programme and the exchange rates (rules 2 and 16).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::money::Decimal;
use crate::programme::Programme;
use crate::time::Instant;

/// One revision and from when it is in force.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The programme.
    pub programme: Arc<Programme>,
    /// The first instant at which it is in force.
    pub from: Instant,
    /// Whether it was published after the first one, and so leaves audit facts.
    pub publication: bool,
    /// Who published it, where that is known.
    pub author: Option<Box<str>>,
    /// In which role, where that is known.
    pub role: Option<Box<str>>,
}

/// All revisions and all rates that are known.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    revisions: Vec<Revision>,
    rates: Rates,
    /// Planted defects of test builds; empty in a release.
    pub defects: crate::defect::Defects,
}

impl Rules {
    /// Rules of these revisions, of which there must be one at least, and these rates.
    #[must_use]
    pub fn new(mut revisions: Vec<Revision>, rates: Rates) -> Self {
        // Of equal instants the higher revision holds: it stands later (rule 16).
        revisions.sort_by_key(|each| (each.from, each.programme.revision));
        Self { revisions, rates, defects: crate::defect::Defects::default() }
    }

    /// Every revision, in the order in which they come into force.
    #[must_use]
    pub fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// The number of the revision in force at an instant; before the earliest, the earliest.
    #[must_use]
    pub fn number_at(&self, at: Instant) -> u32 {
        let after = if self.revisions.len() == 1 { 1 } else { self.revisions.partition_point(|each| each.from <= at) };
        u32::try_from(after.max(1) - 1).unwrap_or(u32::MAX)
    }

    /// The revision in force at an instant.
    ///
    /// # Panics
    /// Never: [`Rules::new`] is given one revision at least.
    #[must_use]
    pub fn at(&self, at: Instant) -> &Programme {
        self.numbered(self.number_at(at))
    }

    /// The revision of that number.
    #[must_use]
    pub fn numbered(&self, number: u32) -> &Programme {
        let index = usize::try_from(number).unwrap_or(usize::MAX).min(self.revisions.len().saturating_sub(1));
        #[expect(clippy::expect_used, reason = "a programme is the precondition of everything")]
        let revision = self.revisions.get(index).expect("rules hold one revision at least");
        &revision.programme
    }

    /// The first instant after revision `number` came into force at which another one does.
    #[must_use]
    pub fn switch_after(&self, number: u32) -> Instant {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        self.revisions.get(index.saturating_add(1)).map_or(Instant::MAX, |next| next.from)
    }

    /// The exchange rates.
    #[must_use]
    pub const fn rates(&self) -> &Rates {
        &self.rates
    }
}

/// Exchange rates by currency and base (rule 2).
#[derive(Clone, Debug, Default)]
pub struct Rates {
    by_currency: BTreeMap<Box<str>, ByBase>,
}

/// Rates of one currency: by base, then by the instant from which they hold.
type ByBase = BTreeMap<Box<str>, BTreeMap<Instant, Decimal>>;

/// What a rate is beside those that are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateSeen {
    /// New.
    New,
    /// The same again.
    Same,
    /// Another one for the same currency, base and time: the first stands.
    Other,
}

impl Rates {
    /// Takes a rate: `rate` units of `base` for one of `currency`, from `valid_from` on.
    pub fn add(&mut self, currency: &str, base: &str, valid_from: Instant, rate: Decimal) -> RateSeen {
        let pair = self.by_currency.entry(currency.into()).or_default().entry(base.into()).or_default();
        match pair.get(&valid_from) {
            None => {
                pair.insert(valid_from, rate);
                RateSeen::New
            }
            Some(known) if *known == rate => RateSeen::Same,
            Some(_) => RateSeen::Other,
        }
    }

    /// The newest rate with `valid_from <= at`.
    #[must_use]
    pub fn find(&self, currency: &str, base: &str, at: Instant) -> Option<Decimal> {
        let pair = self.by_currency.get(currency)?.get(base)?;
        pair.range(..=at).next_back().map(|(_, rate)| *rate)
    }
}
