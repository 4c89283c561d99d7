//! Who plays: how often, for how much, and when they fall silent.

use crate::murmur2::murmur2;

use super::Casino;
use super::chance::{Chance, mix};
use super::house::{BRANDS, Currency};

/// In thousandths: how much of all play comes from the climbers.
const CLIMBERS_PLAY: u64 = 350;
/// The fewest records that make a climber, so that their stakes stay credible in a small casino.
const RECORDS_PER_CLIMBER: u64 = 2_500;
/// The turnover in cents for which a climber aims in their first weeks, by ordinal.
const AIMS: [u64; 12] = [PLATINUM, SILVER, SILVER, GOLD, SILVER, SILVER, GOLD, SILVER, SILVER, GOLD, SILVER, SILVER];
/// Aims that lie somewhat above the default programme's 10,000, 50,000 and 200,000 euros.
const SILVER: u64 = 1_500_000;
const GOLD: u64 = 7_000_000;
const PLATINUM: u64 = 28_000_000;
/// Who plays on without a break takes this many times as long, or would end at the top in any case.
const STEADY_SLOWER: u64 = 3;
/// Days in which a climber should have reached their aim.
const CLIMB_DAYS: u64 = 16;
/// Most that a climber stakes in one bet, in cents, about.
const STAKE_MAX: u64 = 500_000;
/// How many habits climbers have.
const HABITS: usize = 4;
/// A day that does not come.
const FOREVER: u16 = u16::MAX;

/// A player: what they are like, and what the generator must remember of them.
pub(super) struct Player {
    /// The number in their `player_id`, counted per brand from 1.
    pub(super) number: u32,
    /// The partition of their records in every keyed topic.
    pub(super) partition: u32,
    brand: u8,
    home: u8,
    pub(super) currency: Currency,
    /// Index of the game type they like best.
    pub(super) taste: u8,
    pub(super) registered: bool,
    /// Whether a session of theirs is open or planned.
    pub(super) busy: bool,
    /// Their usual stake in minor units.
    pub(super) stake: u32,
    pub(super) habit: Habit,
    /// Their balance in minor units, about.
    pub(super) purse: u64,
    /// Their points, about, in hundredths.
    pub(super) points: u64,
}

impl Player {
    fn new(brand: usize, number: u32, partitions: u32) -> Self {
        let mut player = Self {
            number,
            partition: 0,
            brand: brand as u8,
            home: 0,
            currency: Currency::Eur,
            taste: 0,
            registered: false,
            busy: false,
            stake: 100,
            habit: Habit::STEADY,
            purse: 0,
            points: 0,
        };
        let mut key = Vec::new();
        player.write_key(&mut key);
        player.partition = (murmur2(&key) & 0x7fff_ffff) % partitions;
        player
    }

    /// Appends `brand:player`, the key of their records.
    pub(super) fn write_key(&self, key: &mut Vec<u8>) {
        key.extend_from_slice(BRANDS[self.brand_index()].name.as_bytes());
        key.extend_from_slice(b":p");
        key.extend_from_slice(itoa::Buffer::new().format(self.number).as_bytes());
    }

    pub(super) fn brand_index(&self) -> usize {
        usize::from(self.brand)
    }

    /// What they usually stake on `day`, in minor units.
    pub(super) fn usual_stake(&self, day: u16) -> u64 {
        u64::from(if day >= self.habit.cools { self.stake / 8 } else { self.stake })
    }

    /// Their row in [`super::house::Brand::homes`].
    pub(super) fn home(&self) -> (u64, Currency, &'static str, &'static str) {
        BRANDS[self.brand_index()].homes[usize::from(self.home)]
    }

    /// A number of their own for each `salt`, the same in every run.
    pub(super) fn mark(&self, salt: u64) -> u64 {
        mix((u64::from(self.number) << 8 | u64::from(self.brand)) ^ (salt << 48))
    }
}

/// When somebody plays at all, in days since the start.
#[derive(Clone, Copy)]
pub(super) struct Habit {
    /// Their first day and the day from which they are gone for good.
    joins: u16,
    leaves: u16,
    /// Days of play, followed by days of silence, and so on.
    plays: u16,
    rests: u16,
    /// From this day on they stake an eighth.
    cools: u16,
}

impl Habit {
    /// Always there.
    const STEADY: Self = Self { joins: 0, leaves: FOREVER, plays: 1, rests: 0, cools: FOREVER };

    /// Whether they may play on `day`.
    pub(super) fn is_active(&self, day: u16) -> bool {
        if day < self.joins || day >= self.leaves {
            return false;
        }
        self.rests == 0 || (day - self.joins) % (self.plays + self.rests) < self.plays
    }

    /// What most people do: some stay, some come and go, some leave, some join later.
    fn ordinary(chance: &mut Chance, days: i64) -> Self {
        let mut habit = Self::STEADY;
        if chance.below(4) == 0 {
            habit.joins = chance.between(0, days / 2) as u16;
        }
        match chance.below(20) {
            0..9 => {}
            9..17 => {
                habit.plays = chance.between(8, 40) as u16;
                habit.rests = chance.between(15, 50) as u16;
            }
            _ => habit.leaves = chance.between(days / 8, days) as u16,
        }
        habit
    }

    /// What climbers do, in turn: rest and come back, stay, lose interest, leave.
    fn climbing(chance: &mut Chance, turn: usize) -> Self {
        let plays = chance.between(17, 24) as u16;
        match turn % HABITS {
            0 => Self { plays, rests: chance.between(33, 40) as u16, ..Self::STEADY },
            1 => Self::STEADY,
            2 => Self { cools: plays + 4, ..Self::STEADY },
            _ => Self { leaves: plays + 6, ..Self::STEADY },
        }
    }
}

/// All players, the first of each brand, and how much each plays.
pub(super) struct Crowd {
    pub(super) players: Vec<Player>,
    /// Where each brand's players begin, and the end.
    pub(super) first: [usize; BRANDS.len() + 1],
    pub(super) weights: Vec<u64>,
}

impl Crowd {
    /// Players of the first brand only, who stake and play log-normally.
    pub(super) fn of_one_brand(casino: &Casino, chance: &mut Chance) -> Self {
        let count = casino.players.max(1);
        let partitions = casino.partitions.max(1);
        let mut crowd = Self { players: Vec::new(), first: [count as usize; 4], weights: Vec::new() };
        crowd.first[0] = 0;
        for number in 1..=count {
            let mut player = Player::new(0, number, partitions);
            player.stake = stake(100, chance.log_normal(100));
            player.taste = taste(chance.below(100));
            crowd.players.push(player);
            crowd.weights.push(chance.log_normal(130));
        }
        crowd
    }

    /// The players of all brands: ordinary ones and, spread among them, a few climbers.
    pub(super) fn of_all_brands(casino: &Casino, chance: &mut Chance) -> Self {
        let count = u64::from(casino.players.max(1));
        let days = i64::from(casino.days.clamp(1, 30_000));
        let mut crowd = Self { players: Vec::new(), first: [0; 4], weights: Vec::new() };
        for (brand, of_brand) in brand_sizes(count as u32).into_iter().enumerate() {
            for number in 1..=of_brand {
                crowd.players.push(ordinary(chance, brand, number, casino));
                crowd.weights.push(chance.log_normal(100));
            }
            crowd.first[brand + 1] = crowd.players.len();
        }
        for player in &mut crowd.players {
            player.habit = Habit::ordinary(chance, days);
        }
        let climbers = (count / 25).min(casino.events / RECORDS_PER_CLIMBER).max(count.min(10));
        let total: u64 = crowd.weights.iter().sum();
        let weight = total * CLIMBERS_PLAY / (1_000 - CLIMBERS_PLAY) / climbers;
        let bets = bets_in_climb(casino, climbers, days as u64);
        for ordinal in 0..climbers {
            let index = (ordinal * count / climbers) as usize;
            crowd.weights[index] = weight.max(1);
            climb(chance, &mut crowd.players[index], ordinal as usize, bets);
        }
        crowd
    }
}

/// How many players each brand has.
fn brand_sizes(count: u32) -> [u32; BRANDS.len()] {
    let mut sizes = BRANDS.each_ref().map(|b| (u64::from(count) * u64::from(b.share) / 100) as u32);
    sizes[0] = count - sizes[1] - sizes[2];
    sizes
}

fn ordinary(chance: &mut Chance, brand: usize, number: u32, casino: &Casino) -> Player {
    let mut player = Player::new(brand, number, casino.partitions.max(1));
    let mut lot = chance.below(100);
    for (index, home) in BRANDS[brand].homes.iter().enumerate() {
        if lot < home.0 {
            player.home = index as u8;
            player.currency = home.1;
            break;
        }
        lot -= home.0;
    }
    player.taste = taste(chance.below(100));
    player.stake = stake(player.currency.minor_from_cents(110), chance.log_normal(80));
    player
}

/// About how many bets a climber makes until they should have reached their aim: their part of the
/// play of those days. It is more than an even part, because others are silent.
fn bets_in_climb(casino: &Casino, climbers: u64, days: u64) -> u64 {
    let theirs = casino.events / climbers * CLIMBERS_PLAY / 1_000;
    (theirs * CLIMB_DAYS.min(days) / days).max(1)
}

fn climb(chance: &mut Chance, player: &mut Player, ordinal: usize, bets: u64) {
    let turn = ordinal + ordinal / AIMS.len();
    let aim = AIMS[ordinal % AIMS.len()] * (90 + chance.below(50)) / 100;
    let slower = if turn % HABITS == 1 { STEADY_SLOWER } else { 1 };
    let cents = (aim / bets / slower).clamp(100, STAKE_MAX);
    player.stake = player.currency.minor_from_cents(cents) as u32;
    player.taste = (1 + chance.below(3)) as u8;
    player.habit = Habit::climbing(chance, turn);
}

/// Seven in ten like slots best.
fn taste(lot: u64) -> u8 {
    match lot {
        0..70 => 0,
        70..82 => 1,
        82..94 => 2,
        _ => 3,
    }
}

/// `median` times a factor in fixed point, of at least ten minor units.
fn stake(median: u64, factor: u64) -> u32 {
    ((median * factor) >> 16).clamp(10, STAKE_MAX) as u32
}
