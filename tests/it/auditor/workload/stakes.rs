//! Bets, what takes them back, and wins.

use super::super::zone::{DAY, HOUR, Ms, SECOND};
use super::draft::{Draft, quoted};
use super::play::{Author, Figure};

impl Author<'_> {
    pub(crate) fn bet(&mut self, who: &mut Figure, at: Ms) {
        let n = who.bets.len();
        let id = format!("b{n}");
        let cents = match self.random.case(&[(4, 0), (4, 1), (3, 2), (1, 3)]) {
            0 => self.random.between(20, 900),
            1 => self.random.between(1, 10) * 100,
            2 => self.random.between(1, 9) * 1_000,
            _ => self.random.between(100, 30_000),
        };
        let micros = if who.round {
            self.random.between(1, 6) * 10_000_000
        } else if self.random.chance(1) {
            0
        } else {
            cents * 10_000 + if self.random.chance(5) { self.random.between(1, 9_999) } else { 0 }
        };
        let micros = if self.random.chance(2) { self.random.between(20, 150) * 10_000_000 } else { micros };
        who.bets.push((id.clone(), at, micros));
        if micros >= 200_000_000 && self.random.chance(60) {
            let when = at + self.random.between(SECOND, DAY);
            let void = self.draft("bets.v1", "BetVoided", who, when).text("original_bet_id", &id);
            self.drafts.push(void);
        }
        let home = &self.books[0].brand(&who.brand).base_currency;
        let mut bet = self.draft("bets.v1", "BetPlaced", who, at).text("bet_id", &id).amount("amount", micros);
        let foreign =
            if who.round { "home" } else { self.random.case(&[(65, "home"), (12, "SEK"), (6, "JPY"), (8, "GBP"), (2, "XXX")]) };
        let currency = if foreign == "home" { home.as_str() } else { foreign };
        bet = bet.text("currency", currency);
        if currency == "GBP" || (!who.round && self.random.chance(4)) {
            let rate = self.random.pick(&["1.17", "0.0123456789", "2", "1"]);
            bet = bet.with("exchange_rate", quoted(rate));
        }
        if let Some(game_type) = self.random.case(&[
            (5, Some("slots")),
            (2, Some("table")),
            (2, Some("live")),
            (1, Some("lottery")),
            (1, Some("keno")),
            (1, None),
        ]) {
            bet = bet.text("game_type", game_type);
        }
        if let Some(game) =
            self.random.case(&[(6, None), (2, Some("book-of-sun")), (1, Some("high-roller")), (1, Some("odd-slot"))])
        {
            bet = bet.text("game_id", game);
        }
        if self.random.chance(25) && micros > 0 {
            bet = self.split(bet, micros);
        }
        if self.random.chance(4) {
            bet = bet.with("free_spin", "{\"package_id\":\"fs1\"}".to_owned());
        }
        if self.random.chance(15) {
            bet = bet.text("round_id", &format!("r{}", n / 2)).text("session_id", "s1");
        }
        if !who.round && self.random.chance(1) {
            bet.set("amount", quoted("999999999999999"));
            bet.fields.retain(|(f, _)| !["exchange_rate", "real_amount", "bonus_amount", "free_spin"].contains(f));
            bet = bet.with("exchange_rate", quoted("2"));
        }
        self.drafts.push(bet);
    }

    fn split(&mut self, bet: Draft, micros: i64) -> Draft {
        let real = *self.random.pick(&[0, micros / 3, micros / 2, micros]);
        match self.random.case(&[(4, 0), (2, 1), (2, 2), (1, 3)]) {
            0 => bet.amount("real_amount", real).amount("bonus_amount", micros - real),
            1 => bet.amount("real_amount", real),
            2 => bet.amount("bonus_amount", micros - real),
            _ if self.random.chance(30) => bet.amount("bonus_amount", micros + 1),
            _ => bet.amount("real_amount", micros).amount("bonus_amount", 0),
        }
    }

    /// A bet to take back, and when: after it, before it, or when it is long forgotten.
    fn target(&mut self, who: &Figure) -> (String, Ms, i64) {
        if who.bets.is_empty() || self.random.chance(4) {
            return (format!("nobody{}", self.made), self.moment(who), 5_000_000);
        }
        let last = who.bets.len() as i64 - 1;
        let n = if self.random.chance(60) { self.random.between((last - 6).max(0), last) } else { self.random.between(0, last) };
        let (id, at, micros) = who.bets[n as usize].clone();
        let when = match self.random.case(&[(6, 0), (3, 1), (3, 2), (1, 3)]) {
            0 => at + self.random.between(SECOND, 3 * HOUR),
            1 => at + self.random.between(HOUR, 4 * DAY),
            2 => at - self.random.between(SECOND, 2 * HOUR),
            _ => at + who.forgetting * DAY + self.random.between(0, 4 * DAY),
        };
        (id, when, micros)
    }

    pub(crate) fn reversal(&mut self, who: &Figure) {
        let (id, at, micros) = self.target(who);
        let mut void = self.draft("bets.v1", "BetVoided", who, at).text("original_bet_id", &id);
        let part = match self.random.case(&[(9, 0), (6, 1), (3, 2), (3, 3), (2, 4), (1, 5)]) {
            0 => None,
            1 => Some(micros * self.random.between(1, 5) / 10),
            2 => Some(micros / 3),
            3 => Some(micros + 1_000_000),
            4 => Some(micros),
            _ => Some(0),
        };
        if let Some(part) = part {
            void = void.amount("amount", part);
        }
        if self.random.chance(50) {
            void = void.text("reason", "provider_rollback");
        }
        self.drafts.push(void);
    }

    pub(crate) fn correction(&mut self, who: &Figure) {
        let (id, at, micros) = self.target(who);
        let new = *self.random.pick(&[0, micros / 2, micros, micros * 3 / 2, micros * 4]);
        let correction = self.draft("bets.v1", "BetCorrected", who, at).text("original_bet_id", &id).amount("new_amount", new);
        self.drafts.push(correction);
    }

    pub(crate) fn win(&mut self, who: &Figure, at: Ms) {
        let id = format!("w{}", self.random.between(0, 40));
        let amount = self.random.between(0, 50) * 1_000_000;
        let win =
            self.draft("bets.v1", "WinCredited", who, at).text("win_id", &id).amount("amount", amount).text("currency", "EUR");
        self.drafts.push(win);
        if self.random.chance(15) {
            let later = at + HOUR;
            let reversed = self.draft("bets.v1", "WinReversed", who, later).text("original_win_id", &id);
            self.drafts.push(reversed);
        }
    }
}
