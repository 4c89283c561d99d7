//! What every fact must agree with, whatever a table expects: its envelope, its id, the purse that
//! its postings add up to (M-1, P-1), the chain of audit facts.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use tidemark_domain::fact::{DeadKind, EntryType, Fact, FactId, FactKind, Facts, Note, PointsPosted, Unmatched};
use tidemark_domain::money::Micros;
use tidemark_domain::rules::Rules;
use tidemark_domain::time::{Instant, Zone};

use super::line::{member, of};
use super::told::Told;

/// The books of one player, kept from facts alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    seq: u64,
    pub(crate) available: i128,
    pub(crate) blocked: i128,
    /// Sums by the order of a profile: accrued, reversed, redeemed, expired, adjusted.
    pub(crate) sums: [i128; 5],
    /// Tiers whose `level_up` has fired (T-3).
    rewarded: BTreeSet<String>,
    /// Base amounts of all postings (T-1).
    pub(crate) turnover: i128,
    hash: Option<String>,
}

impl Book {
    fn post(&mut self, entry: EntryType, points: i128) {
        let [accrued, reversed, redeemed, expired, adjusted] = &mut self.sums;
        match entry {
            EntryType::Accrue => (*accrued, self.available) = (*accrued + points, self.available + points),
            EntryType::Reverse => (*reversed, self.available) = (*reversed - points, self.available + points),
            EntryType::Expire => (*expired, self.available) = (*expired - points, self.available + points),
            EntryType::Adjust => (*adjusted, self.available) = (*adjusted + points, self.available + points),
            EntryType::Block => (self.available, self.blocked) = (self.available - points, self.blocked + points),
            EntryType::Unblock => (self.available, self.blocked) = (self.available + points, self.blocked - points),
            EntryType::Redeem => (self.blocked, *redeemed) = (self.blocked - points, *redeemed + points),
        }
    }

    const fn total(&self) -> i128 {
        let [accrued, reversed, redeemed, expired, adjusted] = self.sums;
        accrued - reversed - redeemed - expired + adjusted
    }
}

/// Takes facts, checks each one, and keeps them in words.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) lines: Vec<String>,
    /// Every fact's id with its words, over the whole scenario.
    pub(crate) ids: Vec<(FactId, String)>,
    pub(crate) wrong: Vec<String>,
    pub(crate) books: BTreeMap<String, Book>,
    /// Every event so far, by its id.
    pub(crate) told: BTreeMap<String, Told>,
    /// The event that is being applied; none while time passes.
    pub(crate) current: Option<Told>,
    causes: BTreeMap<String, u32>,
    rules: Rules,
}

impl Desk {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            lines: Vec::new(),
            ids: Vec::new(),
            wrong: Vec::new(),
            books: BTreeMap::new(),
            told: BTreeMap::new(),
            current: None,
            causes: BTreeMap::new(),
            rules: rules.clone(),
        }
    }

    fn check(&mut self, holds: bool, fact: &Fact<'_>, what: &str) {
        if !holds {
            self.wrong.push(format!("{what}: {fact:?}"));
        }
    }

    /// Envelope: what it says about its cause (CONTRACTS section 4).
    fn check_envelope(&mut self, fact: &Fact<'_>) {
        let told = fact.cause.map(|id| self.told.get(id).cloned());
        match (&told, self.current.clone()) {
            (None, _) => {
                self.check(fact.occurred_at == fact.as_of && !fact.late && !fact.clamped, fact, "a timer's times");
                let under = [fact.as_of, fact.as_of.plus(-1)].map(|at| self.rules.at(at).revision);
                self.check(under.contains(&fact.config_version), fact, "config_version of a timer");
            }
            (Some(Some(cause)), Some(current)) => {
                self.check(fact.occurred_at == cause.occurred_at, fact, "occurred_at is the cause's");
                self.check(fact.as_of == current.as_of, fact, "as_of is that of the event applied");
                self.check(fact.late == current.late, fact, "late is that of the event applied");
                self.check(fact.clamped == cause.clamped, fact, "clamped is the cause's");
                self.check(fact.config_version == self.rules.at(fact.as_of).revision, fact, "config_version");
            }
            (Some(_), _) => self.check(false, fact, "an unknown cause"),
        }
        let source = told.flatten().map(|cause| format!("{}\n{}", cause.source, cause.id));
        self.check_id(fact, source.unwrap_or_else(|| format!("\ntimer {}", fact.as_of)));
    }

    /// The id is that of (brand, player, cause, rule, number).
    fn check_id(&mut self, fact: &Fact<'_>, cause: String) {
        let player = fact.player.unwrap_or("");
        let scope = format!("{}\n{player}\n{cause}", fact.brand);
        let number = self.causes.entry(scope.clone()).or_default();
        let text = format!("{scope}\n{}\n{number}", fact.kind.event_type());
        *number += 1;
        self.check(fact.brand == "*" || FactId::over(text.as_bytes()) == fact.id, fact, "id");
        let known = self.ids.iter().any(|(id, _)| *id == fact.id);
        self.check(!known, fact, "an id stands twice");
    }

    fn check_posting(&mut self, fact: &Fact<'_>, book: &mut Book, posted: &PointsPosted<'_>) {
        book.post(posted.entry, posted.points.0);
        self.check(
            (posted.available, posted.blocked) == (Micros(book.available), Micros(book.blocked)),
            fact,
            "M-1: balances are the sums of postings",
        );
        self.check(book.available + book.blocked == book.total(), fact, "P-1: the purse is balanced");
        book.turnover += posted.bet.map_or(0, |bet| bet.base_amount.0);
        let named = posted.bet.map(|bet| bet.bet_id.to_owned());
        let meant = fact.cause.and_then(|id| self.told.get(id)).and_then(|told| {
            use tidemark_domain::catalogue::Field::{BetId, OriginalBetId};
            told.text(OriginalBetId).or_else(|| told.text(BetId)).map(ToOwned::to_owned)
        });
        self.check(named.is_none() || named == meant, fact, "the bet is that of the cause");
    }

    fn check_audit(&mut self, fact: &Fact<'_>, book: &mut Book, canonical: &str, hash: &str) {
        let before = book.hash.clone().unwrap_or_else(|| "0".repeat(64));
        self.check(member(canonical, "prev_hash") == Some(before.clone()), fact, "A-1: the chain");
        let digest = Sha256::digest(format!("{before}\n{canonical}").as_bytes());
        let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.check(text == hash, fact, "A-1: the hash");
        self.check(member(canonical, "event_id") == Some(fact.id.to_string()), fact, "the audit's id");
        self.check(canonical.contains(&format!("\"seq\":{},", fact.seq)), fact, "the audit's seq");
        let command = fact.cause.and_then(|id| self.told.get(id)).map(|told| told.kind.name().to_owned());
        self.check(fact.brand == "*" || member(canonical, "action") == command, fact, "the audit's action");
        book.hash = Some(hash.to_owned());
    }

    /// What stands before the words: who else caused it, or when it was due.
    fn prefix(&self, fact: &Fact<'_>) -> String {
        match fact.cause {
            Some(id) if self.current.as_ref().is_some_and(|event| event.id == *id) => String::new(),
            Some(id) => format!("[by {id}] "),
            None => format!("[{}] ", due(fact.as_of, &self.rules, fact.brand)),
        }
    }
}

/// A timer's due time: the local day where it is a rollover, else the instant.
fn due(at: Instant, rules: &Rules, brand: &str) -> String {
    let zone: &Zone = &rules.at(at).brand(brand).zone.0;
    let day = zone.day(at);
    if zone.start_of(day) == at { day.to_string() } else { at.to_string() }
}

impl Facts for Desk {
    fn fact(&mut self, fact: &Fact<'_>) {
        let key = format!("{}:{}", fact.brand, fact.player.unwrap_or(""));
        let mut book = self.books.remove(&key).unwrap_or_default();
        book.seq += 1;
        self.check(fact.seq == book.seq, fact, "seq counts by one");
        self.check_envelope(fact);
        match &fact.kind {
            FactKind::PointsPosted(posted) => self.check_posting(fact, &mut book, posted),
            FactKind::Audited(audited) => self.check_audit(fact, &mut book, audited.canonical, audited.hash),
            FactKind::TriggerFired(tidemark_domain::fact::Trigger::LevelUp { tier }) => {
                let new = book.rewarded.insert((*tier).to_owned());
                self.check(new, fact, "T-3: level_up once per tier");
            }
            FactKind::TierChanged(changed) => {
                let programme = [fact.as_of, fact.as_of.plus(-1)].map(|at| self.rules.at(at).clone());
                let fits = programme.iter().any(|each| {
                    each.tiers.index(changed.to).and_then(|at| each.tiers.level(at)).is_some_and(|level| {
                        (level.entry, level.maintain) == (changed.entry, changed.maintain)
                            && *level.entitlements == *changed.entitlements
                            && each
                                .tiers
                                .index(changed.from)
                                .is_none_or(|from| (each.tiers.index(changed.to) > Some(from)) == changed.up)
                    })
                });
                self.check(fits && changed.from != changed.to, fact, "thresholds, entitlements, direction");
            }
            FactKind::TriggerFired(_) | FactKind::GrantIssued(_) => {}
        }
        self.books.insert(key, book);
        let line = format!("{}{}", self.prefix(fact), of(&fact.kind));
        self.ids.push((fact.id, line.clone()));
        self.lines.push(line);
    }

    fn unmatched(&mut self, letter: &Unmatched<'_>) {
        let record = letter.record;
        if (record.topic, record.partition, record.offset, record.payload) != ("bets.v1", 3, 7, letter.event_id) {
            self.wrong.push(format!("the record of {letter:?}"));
        }
        let word = if letter.dead.kind == DeadKind::TooLate { "unmatched" } else { letter.dead.kind.name() };
        self.lines.push(format!("{word} {} {}", letter.event_id, letter.dead.field));
    }

    fn note(&mut self, note: Note) {
        self.lines.push(match note {
            Note::UnknownGame => "note unknown_game".to_owned(),
            Note::FxMissing => "note fx_missing".to_owned(),
            Note::ForceEnded => "note force_ended".to_owned(),
        });
    }
}
