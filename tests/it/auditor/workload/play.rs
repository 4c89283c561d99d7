//! What players do: payments, sessions, commands; their bets are in `stakes`.

use super::super::rulebook::Rulebook;
use super::super::zone::{DAY, HOUR, MINUTE, Ms, SECOND, Zone, write_time};
use super::draft::{Draft, money, quoted};
use super::random::Random;
use super::rules::Period;

/// A player to be, with the days on which they play.
pub(crate) struct Figure {
    pub(crate) brand: String,
    pub(crate) id: String,
    pub(crate) zone: Zone,
    /// Bets are whole tens of the base currency, so that thresholds are met exactly.
    pub(crate) round: bool,
    bursts: Vec<(Ms, Ms)>,
    pub(crate) bets: Vec<(String, Ms, i64)>,
    redemptions: Vec<(String, Ms)>,
    pub(crate) forgetting: i64,
}

/// Writes drafts.
pub(crate) struct Author<'a> {
    pub(crate) random: Random,
    pub(crate) books: &'a [Rulebook],
    pub(crate) period: Period,
    pub(crate) until: Option<Ms>,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) made: u64,
}

const QUIET: &[(&str, &str)] = &[
    ("players.v1", "PlayerRegistered"),
    ("players.v1", "ProfileUpdated"),
    ("players.v1", "KycStatusChanged"),
    ("players.v1", "ConsentChanged"),
    ("players.v1", "LimitChanged"),
    ("sessions.v1", "DepositOpened"),
    ("bets.v1", "RoundClosed"),
    ("bonuses.v1", "CustomEvent"),
    ("crm.v1", "MessageSent"),
    ("config.v1", "TierConfig"),
];

impl<'a> Author<'a> {
    pub(crate) fn new(random: Random, books: &'a [Rulebook], period: Period, until: Option<Ms>) -> Author<'a> {
        Author { random, books, period, until, drafts: Vec::new(), made: 0 }
    }

    pub(crate) fn figures(&mut self) -> Vec<Figure> {
        let count = self.random.between(8, 20);
        let span = self.period.end - self.period.start;
        let figures = (0..count).map(|n| {
            let brand = self.random.case(&[(3, "default"), (3, "b1"), (3, "b2"), (1, "nova")]).to_owned();
            let zone = Zone::named(&self.books[0].brand(&brand).time_zone);
            let bursts = (0..self.random.between(1, 5)).map(|_| {
                let from = self.period.any(&mut self.random);
                let long = self.random.between(HOUR, (span / 8).clamp(2 * HOUR, 12 * DAY));
                (from, (from + long).min(self.period.end))
            });
            let bursts = bursts.collect();
            Figure {
                brand,
                id: format!("p{n}"),
                zone,
                round: self.random.chance(30),
                bursts,
                bets: vec![],
                redemptions: vec![],
                forgetting: self.books[0].clock.history_days,
            }
        });
        figures.collect()
    }

    pub(crate) fn draft(&mut self, topic: &'static str, kind: &'static str, who: &Figure, at: Ms) -> Draft {
        self.made += 1;
        Draft {
            topic,
            kind,
            event_id: format!("e{}", self.made),
            source: self.random.case(&[(6, "wallet"), (1, "pms"), (1, "backoffice")]),
            brand: who.brand.clone(),
            player: Some(who.id.clone()),
            at: Some(at),
            delay: self.delay(who.forgetting),
            fields: vec![],
            lane: None,
        }
    }

    /// How long a record takes: mostly no time, sometimes longer than anything is remembered.
    pub(crate) fn delay(&mut self, forgetting: i64) -> Ms {
        let random = &mut self.random;
        match random.case(&[(70, 0), (14, 1), (9, 2), (4, 3), (2, 4)]) {
            0 => random.between(0, SECOND),
            1 => random.between(0, 10 * MINUTE),
            2 => random.between(0, 6 * HOUR),
            3 => random.between(0, forgetting * DAY),
            _ => forgetting * DAY + random.between(-HOUR, 4 * DAY),
        }
    }

    /// An instant at which something may be about to change.
    fn edge(&mut self, who: &Figure, near: Ms) -> Ms {
        let midnight = who.zone.start(who.zone.day(near));
        let books = self.books;
        let book = self.random.pick(books);
        let promotions = book.promotions.list.iter().flat_map(|p| [p.from, p.to]);
        let mut edges: Vec<Ms> = promotions.chain(books.iter().map(|b| b.effective_from)).chain(self.until).collect();
        edges.retain(|e| (self.period.start..=self.period.end).contains(e));
        let chosen = if edges.is_empty() || self.random.chance(60) { midnight } else { *self.random.pick(&edges) };
        chosen + self.random.case(&[(3, 0), (1, 1), (1, -1)])
    }

    pub(crate) fn moment(&mut self, who: &Figure) -> Ms {
        let (from, to) = *self.random.pick(&who.bursts);
        let at = if self.random.chance(85) { self.random.between(from, to) } else { self.period.any(&mut self.random) };
        if self.random.chance(7) { self.edge(who, at) } else { at }
    }

    /// One thing a player does.
    pub(crate) fn act(&mut self, who: &mut Figure) {
        let at = self.moment(who);
        match self.random.case(&[(52, 0), (13, 1), (5, 2), (4, 3), (6, 4), (4, 5), (8, 6), (5, 7), (3, 8)]) {
            0 => self.bet(who, at),
            1 => self.reversal(who),
            2 => self.correction(who),
            3 => self.win(who, at),
            4 => self.payment(who, at),
            5 => self.session(who, at),
            6 => self.redemption(who, at),
            7 if self.random.chance(60) => self.adjust(who, at),
            7 => self.force(who, at),
            _ => self.quiet(who, at),
        }
    }

    fn payment(&mut self, who: &Figure, at: Ms) {
        let id = format!("pay{}", self.random.between(0, 60));
        let kind = self.random.case(&[
            (6, "DepositMade"),
            (1, "DepositFailed"),
            (1, "DepositReversed"),
            (1, "WithdrawalRequested"),
            (1, "WithdrawalPaid"),
        ]);
        let mut payment = self.draft("payments.v1", kind, who, at);
        if kind == "DepositReversed" {
            payment = payment.text("original_payment_id", &id).text("kind", "refund");
        } else {
            payment = payment.text("payment_id", &id).amount("amount", 20_000_000).text("currency", "EUR");
        }
        if kind == "DepositMade"
            && let Some(status) = self.random.case(&[(4, None), (3, Some("approved")), (3, Some("rejected"))])
        {
            payment = payment.text("status", status);
        }
        self.drafts.push(payment);
    }

    fn session(&mut self, who: &Figure, at: Ms) {
        let id = format!("s{}", self.random.between(0, 60));
        let start = self.draft("sessions.v1", "SessionStarted", who, at).text("session_id", &id).text("channel", "web");
        self.drafts.push(start);
        if self.random.chance(40) {
            let end = self.draft("sessions.v1", "SessionEnded", who, at + HOUR).text("session_id", &id);
            self.drafts.push(end);
        }
    }

    fn command(&mut self, kind: &'static str, who: &Figure, at: Ms) -> Draft {
        let mut draft = self.draft("loyalty.commands.v1", kind, who, at);
        if self.random.chance(70) {
            draft.delay = self.random.between(0, SECOND);
        }
        if self.random.chance(70) {
            draft = draft.text("actor", "u7").text("role", "loyalty_admin");
        }
        if self.random.chance(60) {
            let request = format!("q{}", self.made);
            draft = draft.text("request_id", &request);
        }
        draft
    }

    fn redemption(&mut self, who: &mut Figure, at: Ms) {
        let terms = &self.books[0].redemption;
        let (step, within) = (terms.step, terms.confirm_within);
        let id = format!("red{}", who.redemptions.len());
        let points = match self.random.case(&[(8, 0), (2, 1), (1, 2), (1, 3)]) {
            0 => step * self.random.between(1, 3),
            1 => step * 1_000_000,
            2 => step + 1,
            _ => 0,
        };
        let request =
            self.command("RedemptionRequested", who, at).text("redemption_id", &id).with("points", quoted(&points.to_string()));
        self.drafts.push(request);
        who.redemptions.push((id.clone(), at));
        let answer = match self.random.case(&[(5, 0), (2, 1), (3, 2), (2, 3), (1, 4)]) {
            0 => Some(at + self.random.between(SECOND, within - SECOND)),
            1 => None,
            2 => Some(at + within + self.random.case(&[(4, 0), (1, -1), (1, 1)])),
            3 => Some(at - self.random.between(SECOND, HOUR)),
            _ => Some(at + within + HOUR),
        };
        let Some(when) = answer else { return };
        let kind = self.random.case(&[(5, "RedemptionConfirmed"), (2, "RedemptionCancelled")]);
        let first = self.command(kind, who, when).text("redemption_id", &id);
        self.drafts.push(first);
        if when < at || self.random.chance(20) {
            let soon = at + self.random.between(SECOND, within / 2);
            let mut again = self.command(kind, who, soon).text("redemption_id", &id);
            again.fields.retain(|(f, _)| *f != "actor" && *f != "role" && *f != "request_id");
            self.drafts.push(again);
        }
    }

    fn adjust(&mut self, who: &Figure, at: Ms) {
        let micros = self.random.case(&[(4, 1), (3, -1), (1, -50), (1, 0)]) * self.random.between(1, 120) * 500_000;
        let adjust = self.command("PointsAdjust", who, at).with("amount", quoted(&money(micros))).text("reason", "goodwill");
        self.drafts.push(adjust);
    }

    fn force(&mut self, who: &Figure, at: Ms) {
        let mode = self.random.case(&[(3, "floor"), (3, "ceiling"), (3, "exact"), (2, "none")]);
        let mut force = self.command("StatusForce", who, at).text("mode", mode);
        if mode != "none" {
            let tier =
                self.random.case(&[(2, "Bronze"), (5, "Silver"), (5, "Gold"), (3, "Platinum"), (1, "Amber"), (1, "Diamond")]);
            let days = self.random.between(1, 25);
            let until = match self.random.case(&[(4, 0), (3, 1), (2, 2), (1, 3), (1, 4)]) {
                0 => at + days * DAY,
                1 => who.zone.start(who.zone.day(at) + days),
                2 => at + self.random.between(1, 5) * HOUR,
                3 => at - HOUR,
                _ => at,
            };
            force = force.text("tier", tier).with("until", quoted(&write_time(until))).text("reason", "vip_match");
        }
        self.drafts.push(force);
        if self.random.chance(15) {
            // One bet across several tiers, some of them hidden.
            let bet = self.draft("bets.v1", "BetPlaced", who, at + MINUTE).text("bet_id", &format!("leap{}", self.made));
            let amount = self.random.between(20, 150) * 10_000_000;
            self.drafts.push(bet.amount("amount", amount).text("currency", "EUR").with("exchange_rate", quoted("1")));
        }
    }

    fn quiet(&mut self, who: &Figure, at: Ms) {
        let (topic, kind) = *self.random.pick(QUIET);
        let draft = self.draft(topic, kind, who, at);
        self.drafts.push(draft);
    }

    /// Forced statuses to the tiers that a revision takes away, shortly before it does.
    pub(crate) fn before_removals(&mut self, figures: &[Figure]) {
        let pairs = self.books.iter().zip(self.books.iter().skip(1));
        for (old, new) in pairs {
            for level in old.tiers.levels.iter().filter(|l| new.place(&l.name).is_none()) {
                for who in figures.iter().step_by(2) {
                    let at = new.effective_from - self.random.between(HOUR, 3 * DAY);
                    let mode = *self.random.pick(&["floor", "exact", "ceiling"]);
                    let until = new.effective_from + self.random.between(0, 5) * DAY;
                    let force = self.command("StatusForce", who, at).text("mode", mode).text("tier", &level.name);
                    self.drafts.push(force.with("until", quoted(&write_time(until))));
                }
            }
        }
    }

    /// Events that name no player.
    pub(crate) fn nobody(&mut self, who: &Figure) {
        let at = self.moment(who);
        let (topic, kind) = *self.random.pick(&[
            ("backoffice.v1", "TicketOpened"),
            ("crm.v1", "CampaignCost"),
            ("crm.v1", "FirstContact"),
            ("backoffice.v1", "OperatorAction"),
        ]);
        let mut draft = self.draft(topic, kind, who, at);
        draft.player = None;
        self.drafts.push(draft);
    }
}
