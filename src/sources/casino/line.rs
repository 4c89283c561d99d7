//! Records as lines of JSON, put together from pieces that were made before the first record.

use super::calendar::{Stamp, push_pair};
use super::chance::mix;
use super::house::{BRANDS, GAME_TYPES, GAMES, type_of};
use super::player::Player;
use super::record::{KIND_NAMES, LIFT, MODES, Record, TIERS, VOID_REASONS, What};

const METHODS: [&str; 4] = ["card", "bank_transfer", "e_wallet", "voucher"];
const CHANNELS: [&str; 4] = ["mobile_web", "ios", "android", "desktop"];
const TRAFFIC: [(&str, &str); 5] = [
    ("organic", "none"),
    ("affiliate", "casino-compass"),
    ("search", "brand-words"),
    ("social", "spring-sun"),
    ("affiliate", "bonus-atlas"),
];

/// Writes records; keeps the pieces that repeat.
pub(super) struct Lines {
    /// From the end of `event_id` to the player's number, by kind and brand.
    heads: Vec<Vec<u8>>,
    /// From the end of `round_id` to the amount, by game.
    games: Vec<Vec<u8>>,
    stamp: Stamp,
    digits: itoa::Buffer,
}

impl Lines {
    /// A writer. `full` records have all of the envelope, and bets the provider of their game; the
    /// others leave out what may be missing (the benchmark input has about 270 bytes a record).
    pub(super) fn new(full: bool) -> Self {
        let mut heads = Vec::new();
        for (_, event_type, source) in KIND_NAMES {
            for brand in &BRANDS {
                let mut head = format!(r#"","event_type":"{event_type}","#);
                head += if full { r#""schema_version":1,"# } else { "" };
                head += &format!(r#""source":"{source}","brand_id":"{}","#, brand.name);
                if full {
                    head += &format!(r#""jurisdiction":"{}","#, brand.jurisdiction);
                }
                heads.push((head + r#""player_id":"p"#).into_bytes());
            }
        }
        let game = |(index, (name, provider)): (usize, &(&str, &str))| {
            let game_type = GAME_TYPES[type_of(index as u8)].name;
            let mut piece = format!(r#"","game_id":"{name}","game_type":"{game_type}""#);
            if full {
                piece += &format!(r#","provider":"{provider}""#);
            }
            (piece + r#","amount":""#).into_bytes()
        };
        let games = GAMES.iter().enumerate().map(game).collect();
        Self { heads, games, stamp: Stamp::new(), digits: itoa::Buffer::new() }
    }

    /// Replaces `line` with `record` in JSON, without a newline.
    pub(super) fn write(&mut self, line: &mut Vec<u8>, record: &Record, player: &Player) {
        line.clear();
        if let What::Rate { currency, rate } = record.what {
            return self.write_rate(line, record, currency.code(), rate);
        }
        push(line, r#"{"event_id":"e-"#);
        self.number(line, record.event);
        line.extend_from_slice(&self.heads[record.what.kind() * BRANDS.len() + player.brand_index()]);
        self.number(line, u64::from(player.number));
        push(line, r#"","occurred_at":""#);
        self.stamp.push(line, record.occurred_ms);
        match record.what {
            What::Bet { .. } | What::Win { .. } | What::Void { .. } | What::Correction { .. } => {
                self.write_play(line, &record.what, player);
            }
            What::Adjustment { .. } | What::Force { .. } => self.write_order(line, &record.what),
            _ => self.write_visit(line, &record.what, player),
        }
        push(line, "}");
    }

    /// The key under which a producer sends `record`.
    pub(super) fn write_key(&mut self, key: &mut Vec<u8>, record: &Record, player: &Player) {
        key.clear();
        if let What::Rate { currency, .. } = record.what {
            push(key, currency.code());
            push(key, ":EUR:");
            self.stamp.push(key, record.occurred_ms);
        } else {
            player.write_key(key);
        }
    }

    fn write_play(&mut self, line: &mut Vec<u8>, what: &What, player: &Player) {
        match *what {
            What::Bet { bet, session, game, minor } => {
                self.field(line, r#"","bet_id":"b-"#, bet);
                self.field(line, r#"","round_id":"r-"#, bet);
                if session != 0 {
                    self.field(line, r#"","session_id":"s-"#, u64::from(session));
                }
                line.extend_from_slice(&self.games[usize::from(game)]);
                self.money(line, minor);
                push_currency(line, player);
            }
            What::Win { bet, minor } => {
                self.field(line, r#"","win_id":"w-"#, bet);
                self.field(line, r#"","round_id":"r-"#, bet);
                self.field(line, r#"","bet_id":"b-"#, bet);
                push(line, r#"","amount":""#);
                self.money(line, minor);
                push_currency(line, player);
            }
            What::Void { bet, minor, reason } => {
                self.field(line, r#"","original_bet_id":"b-"#, bet);
                if minor != 0 {
                    push(line, r#"","amount":""#);
                    self.money(line, minor);
                }
                push_text(line, r#"","reason":""#, VOID_REASONS[usize::from(reason)]);
                push(line, "\"");
            }
            What::Correction { bet, minor } => {
                self.field(line, r#"","original_bet_id":"b-"#, bet);
                push(line, r#"","new_amount":""#);
                self.money(line, minor);
                push(line, "\"");
            }
            _ => {}
        }
    }

    fn write_visit(&mut self, line: &mut Vec<u8>, what: &What, player: &Player) {
        match *what {
            What::Registration => push_person(line, player),
            What::SessionStart { session } => {
                self.field(line, r#"","session_id":"s-"#, u64::from(session));
                push_device(line, player);
            }
            What::SessionEnd { session } => {
                self.field(line, r#"","session_id":"s-"#, u64::from(session));
            }
            What::Deposit { payment, minor } => {
                self.field(line, r#"","payment_id":"d-"#, payment);
                push(line, r#"","amount":""#);
                self.money(line, minor);
                push_currency(line, player);
                push_text(line, r#","method":""#, METHODS[(player.mark(1) & 3) as usize]);
                push(line, r#"","instrument_hash":""#);
                push_hex(line, player.mark(1));
                push(line, r#"","status":"approved"#);
            }
            What::RedemptionRequest { redemption, points } => {
                self.field(line, r#"","redemption_id":"rd-"#, redemption);
                self.field(line, r#"","points":""#, points);
            }
            What::RedemptionConfirm { redemption } | What::RedemptionCancel { redemption } => {
                self.field(line, r#"","redemption_id":"rd-"#, redemption);
            }
            _ => {}
        }
        push(line, "\"");
    }

    /// What somebody in the back office ordered.
    fn write_order(&mut self, line: &mut Vec<u8>, what: &What) {
        let (reason, request) = match *what {
            What::Adjustment { request, points } => {
                push(line, r#"","amount":""#);
                push(line, if points < 0 { "-" } else { "" });
                self.number(line, points.unsigned_abs());
                (if points < 0 { "abuse_correction" } else { "goodwill" }, request)
            }
            What::Force { request, mode, tier, until_ms } => {
                let lifted = mode == LIFT;
                push_text(line, r#"","mode":""#, MODES[usize::from(mode)]);
                if !lifted {
                    push_text(line, r#"","tier":""#, TIERS[usize::from(tier)]);
                    push(line, r#"","until":""#);
                    self.stamp.push(line, until_ms);
                }
                (if lifted { "review_done" } else { "vip_match" }, request)
            }
            _ => return,
        };
        push_text(line, r#"","reason":""#, reason);
        self.field(line, r#"","actor":"u"#, 1 + request % 9);
        push(line, r#"","role":"loyalty_admin"#);
        self.field(line, r#"","request_id":"q-"#, request);
        push(line, "\"");
    }

    fn write_rate(&mut self, line: &mut Vec<u8>, record: &Record, currency: &str, rate: i64) {
        self.field(line, r#"{"event_id":"e-"#, record.event);
        push(line, r#"","event_type":"FxRate","schema_version":1,"source":"treasury","currency":""#);
        push(line, currency);
        push(line, r#"","base":"EUR","rate":""#);
        self.number(line, rate as u64 / 10_000);
        push(line, ".");
        push_pair(line, rate / 100 % 100);
        push_pair(line, rate % 100);
        push(line, r#"","valid_from":""#);
        self.stamp.push(line, record.occurred_ms);
        push(line, "\"}");
    }

    fn field(&mut self, line: &mut Vec<u8>, name: &str, number: u64) {
        push(line, name);
        self.number(line, number);
    }

    fn number(&mut self, line: &mut Vec<u8>, number: u64) {
        push(line, self.digits.format(number));
    }

    fn money(&mut self, line: &mut Vec<u8>, minor: u64) {
        self.number(line, minor / 100);
        push(line, ".");
        push_pair(line, (minor % 100) as i64);
    }
}

fn push(line: &mut Vec<u8>, piece: &str) {
    line.extend_from_slice(piece.as_bytes());
}

fn push_text(line: &mut Vec<u8>, name: &str, text: &str) {
    push(line, name);
    push(line, text);
}

fn push_currency(line: &mut Vec<u8>, player: &Player) {
    push_text(line, r#"","currency":""#, player.currency.code());
    push(line, "\"");
}

/// 16 hexadecimal digits, as a salted hash of something personal would look.
fn push_hex(line: &mut Vec<u8>, number: u64) {
    for place in (0..16).rev() {
        let digit = ((number >> (4 * place)) & 15) as usize;
        line.push(b"0123456789abcdef"[digit]);
    }
}

fn push_person(line: &mut Vec<u8>, player: &Player) {
    let (_, _, country, locale) = player.home();
    let (source, campaign) = TRAFFIC[(player.mark(2) % 5) as usize];
    push_text(line, r#"","country":""#, country);
    push_text(line, r#"","traffic_source":""#, source);
    push_text(line, r#"","traffic_campaign":""#, campaign);
    push_text(line, r#"","locale":""#, locale);
    push_text(line, r#"","currency":""#, player.currency.code());
}

fn push_device(line: &mut Vec<u8>, player: &Player) {
    let network = player.mark(3);
    push(line, r#"","device_hash":""#);
    push_hex(line, mix(network));
    push(line, r#"","ip_hash":""#);
    push_hex(line, network);
    push(line, r#"","ip_prefix":"10."#);
    let mut digits = itoa::Buffer::new();
    push(line, digits.format(network as u8));
    push(line, ".");
    push(line, digits.format((network >> 8) as u8));
    push_text(line, r#".0/24","ip_country":""#, player.home().2);
    push_text(line, r#"","channel":""#, CHANNELS[(network >> 16) as usize & 3]);
}
