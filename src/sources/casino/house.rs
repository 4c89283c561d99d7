//! What the house offers: its brands, currencies and games.

use super::calendar::Zone;

/// A brand of the synthetic casino.
pub(super) struct Brand {
    pub(super) name: &'static str,
    pub(super) jurisdiction: &'static str,
    /// Day and night of its players.
    pub(super) zone: Zone,
    /// Its part of all players, in percent.
    pub(super) share: u32,
    /// Currency, country and locale of its players, with how many in a hundred.
    pub(super) homes: &'static [(u64, Currency, &'static str, &'static str)],
}

/// All brands. The first takes the players that rounding leaves over, so it is never empty.
pub(super) const BRANDS: [Brand; 3] = [
    Brand {
        name: "b1",
        jurisdiction: "MT",
        zone: Zone { winter_hours: 1, summer_time: true },
        share: 50,
        homes: &[
            (40, Currency::Eur, "DE", "de-DE"),
            (20, Currency::Eur, "FI", "fi-FI"),
            (10, Currency::Eur, "MT", "en-MT"),
            (30, Currency::Sek, "SE", "sv-SE"),
        ],
    },
    Brand {
        name: "b2",
        jurisdiction: "GB",
        zone: Zone { winter_hours: 0, summer_time: true },
        share: 30,
        homes: &[(90, Currency::Gbp, "GB", "en-GB"), (10, Currency::Eur, "IE", "en-IE")],
    },
    Brand {
        name: "b3",
        jurisdiction: "BR",
        zone: Zone { winter_hours: -3, summer_time: false },
        share: 20,
        homes: &[(100, Currency::Eur, "BR", "pt-BR")],
    },
];

/// A currency in which players hold their money.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Currency {
    Eur,
    Sek,
    Gbp,
}

impl Currency {
    /// Its code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Eur => "EUR",
            Self::Sek => "SEK",
            Self::Gbp => "GBP",
        }
    }

    /// Euros per unit in ten-thousandths: the rate of the first day, near which it stays.
    pub(super) fn first_rate(self) -> i64 {
        match self {
            Self::Eur => 10_000,
            Self::Sek => 880,
            Self::Gbp => 11_700,
        }
    }

    /// What `cents` are in the minor unit of this currency, about.
    pub(super) fn minor_from_cents(self, cents: u64) -> u64 {
        cents * 10_000 / self.first_rate() as u64
    }

    /// What `minor` units of this currency are in cents, about.
    pub(super) fn cents_from_minor(self, minor: u64) -> u64 {
        minor * self.first_rate() as u64 / 10_000
    }
}

/// The kinds of games, in the order of [`GAMES`].
pub(super) const GAME_TYPES: [GameType; 4] = [
    GameType { name: "slots", first: 0, count: 18, weight: 2, seconds: (3, 9) },
    GameType { name: "table", first: 18, count: 8, weight: 1, seconds: (15, 45) },
    GameType { name: "live", first: 26, count: 7, weight: 3, seconds: (25, 60) },
    GameType { name: "exclusive", first: 33, count: 5, weight: 4, seconds: (4, 14) },
];

/// One kind of game.
pub(super) struct GameType {
    pub(super) name: &'static str,
    /// Its first game and how many follow in [`GAMES`].
    pub(super) first: u8,
    pub(super) count: u8,
    /// Points per euro in the default programme, doubled.
    pub(super) weight: u64,
    /// The shortest and the longest time from one bet to the next.
    pub(super) seconds: (i64, i64),
}

/// Every game with its provider, ordered by type; earlier ones of a type are more popular.
pub(super) const GAMES: [(&str, &str); 38] = [
    ("book-of-sun", "northwind"),
    ("fruit-harbour", "acme"),
    ("mega-lanterns", "northwind"),
    ("wolf-river", "ironclad"),
    ("candy-orbit", "pixelpit"),
    ("pharaohs-tide", "acme"),
    ("dragon-ledger", "redfort"),
    ("lucky-lighthouse", "ironclad"),
    ("gems-of-malta", "northwind"),
    ("neon-sevens", "pixelpit"),
    ("sunken-crown", "redfort"),
    ("wild-orchard", "acme"),
    ("aztec-clockwork", "ironclad"),
    ("star-ferry", "pixelpit"),
    ("viking-market", "northwind"),
    ("moon-garden", "redfort"),
    ("bandits-bay", "acme"),
    ("royal-koi", "pixelpit"),
    ("european-roulette", "acme"),
    ("blackjack-classic", "acme"),
    ("baccarat-gold", "redfort"),
    ("casino-holdem", "ironclad"),
    ("french-roulette", "northwind"),
    ("blackjack-duo", "ironclad"),
    ("three-card-poker", "redfort"),
    ("craps-corner", "acme"),
    ("live-roulette-valletta", "studio-nine"),
    ("live-blackjack-salon", "studio-nine"),
    ("live-baccarat-squeeze", "velvet-live"),
    ("live-wheel-of-tides", "velvet-live"),
    ("live-roulette-rio", "studio-nine"),
    ("live-sic-bo", "velvet-live"),
    ("live-holdem-club", "studio-nine"),
    ("high-roller-roulette", "acme"),
    ("house-jackpot", "in-house"),
    ("tide-of-fortune", "in-house"),
    ("members-blackjack", "in-house"),
    ("crown-crash", "pixelpit"),
];

/// The index in [`GAME_TYPES`] of a game.
pub(super) fn type_of(game: u8) -> usize {
    GAME_TYPES.iter().rposition(|kind| kind.first <= game).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{BRANDS, GAME_TYPES, GAMES, type_of};

    #[test]
    fn every_game_has_a_type_and_every_share_is_given_away() {
        let mut next = 0;
        for kind in &GAME_TYPES {
            assert_eq!(kind.first, next);
            next += kind.count;
        }
        assert_eq!(usize::from(next), GAMES.len());
        assert_eq!((type_of(0), type_of(17), type_of(18), type_of(37)), (0, 0, 1, 3));
        assert_eq!(BRANDS.iter().map(|brand| brand.share).sum::<u32>(), 100);
        for brand in &BRANDS {
            assert_eq!(brand.homes.iter().map(|home| home.0).sum::<u64>(), 100);
        }
    }
}
