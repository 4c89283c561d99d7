//! Plays a scenario: applies its events, lets time pass, saves and restores on the way.

use std::collections::BTreeMap;

use tidemark_domain::fact::Outcome;
use tidemark_domain::player::{Player, RulebookChain, Saved, Scene};
use tidemark_domain::rules::Rules;
use tidemark_domain::time::{DAY_MS, Instant};

use super::book::Desk;
use super::programme;
use super::table::{Act, Scenario, Step};
use super::told::Told;

/// What happens to players between the steps; none of it may change anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Between {
    Nothing,
    /// Saved whole and restored.
    Full,
    /// Saved as a chain of deltas, and restored from the whole chain.
    Deltas,
    /// Time passes in steps of a few hours, and profiles are asked for.
    SmallSteps,
    /// Saved at some steps, in full or as a delta, as these bits say.
    Drawn(u64),
}

impl Between {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nothing, Self::Full, Self::Deltas, Self::SmallSteps, Self::Drawn(0x9e37_79b9_7f4a_7c15)];
}

/// A player and the records it was saved in.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) player: Player,
    records: Vec<Vec<u8>>,
}

impl Held {
    fn through_full(&mut self) {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        self.player.save(Saved::Full, &mut first);
        self.player = Player::restore(&first, None).unwrap();
        self.player.save(Saved::Full, &mut second);
        assert_eq!(first, second, "what was restored saves to the same bytes");
        assert_eq!(Player::key_of(&first), Ok(self.player.key()));
    }

    /// A full record first, then deltas; restored from the whole chain.
    fn through_chain(&mut self) {
        let saved = if self.records.is_empty() { Saved::Full } else { Saved::Delta };
        let mut record = Vec::new();
        self.player.save(saved, &mut record);
        self.records.push(record);
        let restored = self.records.iter().fold(None, |before, next| Some(Player::restore(next, before).unwrap()));
        self.player = restored.unwrap();
    }
}

/// Players under rules.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) desk: Desk,
    pub(crate) players: BTreeMap<String, Held>,
    pub(crate) now: Option<Instant>,
    between: Between,
    chain: RulebookChain,
    scratch: Vec<u8>,
    /// How many steps were made.
    steps: u32,
}

impl World {
    pub(crate) fn new(rules: Rules, between: Between) -> Self {
        let desk = Desk::new(&rules);
        let chain = RulebookChain::default();
        Self { rules, desk, players: BTreeMap::new(), now: None, between, chain, scratch: Vec::new(), steps: 0 }
    }

    /// Applies an event: every line it causes, its outcome where it is not that something was applied.
    pub(crate) fn apply(&mut self, told: &Told) -> Vec<String> {
        let (applied, mut lines) = self.outcome(told);
        match applied {
            Outcome::Applied => {}
            Outcome::Duplicate => lines.push("duplicate".to_owned()),
            Outcome::Dead(dead) => lines.push(format!("dead {} {}", dead.kind.name(), dead.field)),
        }
        lines
    }

    /// Applies an event: what became of it, and the lines it causes.
    pub(crate) fn outcome(&mut self, told: &Told) -> (Outcome, Vec<String>) {
        self.pass_to(told.as_of.plus(-1));
        let key = format!("{}:{}", told.brand, told.player);
        let held = self.players.remove(&key);
        let new = held.is_none();
        let mut held = held.unwrap_or_else(|| Held {
            player: Player::new(&told.brand, told.player(), told.as_of, &self.rules),
            records: Vec::new(),
        });
        let before = self.desk.told.insert(told.id.clone(), told.clone());
        self.desk.current = Some(told.clone());
        let outcome = held.player.apply(&told.event(), &mut Scene::new(&self.rules, &mut self.desk, &mut self.scratch));
        self.desk.current = None;
        if let Some(first) = before.filter(|_| outcome != Outcome::Applied) {
            self.desk.told.insert(told.id.clone(), first);
        }
        self.now = Some(told.as_of);
        // A dead letter creates no player (rule 8).
        if !(new && matches!(outcome, Outcome::Dead(_))) {
            self.players.insert(key, held);
        }
        self.keep();
        (outcome, core::mem::take(&mut self.desk.lines))
    }

    /// Lets time pass.
    pub(crate) fn time(&mut self, to: Instant) -> Vec<String> {
        self.pass_to(to.plus(-1));
        for held in self.players.values_mut() {
            held.player.advance(to, &mut Scene::new(&self.rules, &mut self.desk, &mut self.scratch));
        }
        self.now = Some(to);
        self.keep();
        core::mem::take(&mut self.desk.lines)
    }

    /// What a publication leaves about the rulebook.
    fn rulebook(&mut self, revision: u32) -> Vec<String> {
        self.chain.published(revision - 1, &mut Scene::new(&self.rules, &mut self.desk, &mut self.scratch));
        core::mem::take(&mut self.desk.lines)
    }

    /// In small steps: whatever the step, the same happens.
    fn pass_to(&mut self, to: Instant) {
        let Some(from) = self.now.filter(|_| self.between == Between::SmallSteps) else { return };
        let mut at = from;
        let step = ((to.0 - from.0) >> 9).max(DAY_MS * 7 / 24 + 1);
        while at.plus(step) < to {
            at = at.plus(step);
            for held in self.players.values_mut() {
                held.player.advance(at, &mut Scene::new(&self.rules, &mut self.desk, &mut self.scratch));
                assert_eq!(held.player.profile(at, &self.rules).is_some(), held.player.id().is_some());
            }
        }
    }

    /// Saves and restores, as this world does between its steps.
    fn keep(&mut self) {
        self.steps += 1;
        for held in self.players.values_mut() {
            match self.between {
                Between::Nothing | Between::SmallSteps => {}
                Between::Full => held.through_full(),
                Between::Deltas => held.through_chain(),
                Between::Drawn(bits) => match bits.rotate_right(self.steps * 2) & 3 {
                    0 => {}
                    1 => held.records.clear(),
                    _ => held.through_chain(),
                },
            }
        }
    }

    /// Compares one `state` line with the only player.
    fn state(&self, text: &str) -> Vec<String> {
        let held = self.players.values().next().unwrap_or_else(|| panic!("{text}: there is no player"));
        let pairs = text.strip_prefix("state ").unwrap().split(", ");
        let got: Vec<String> = pairs
            .map(|pair| {
                let (key, _) = pair.split_once(' ').unwrap();
                format!("{key} {}", self.value(&held.player, key))
            })
            .collect();
        vec![format!("state {}", got.join(", "))]
    }

    fn value(&self, player: &Player, key: &str) -> String {
        let at = self.now.unwrap();
        let profile = player.profile(at, &self.rules).unwrap();
        let [available, blocked, accrued, reversed, redeemed, expired, adjusted] = profile.points;
        let instant = |time: Option<Instant>| time.map_or_else(|| "never".to_owned(), |known| known.to_string());
        match key {
            "tier" => profile.tier.to_owned(),
            "earned" => profile.earned_tier.to_owned(),
            "forced" => {
                profile.forced.map_or_else(|| "none".to_owned(), |(tier, mode, until)| format!("{mode} {tier} until {until}"))
            }
            "cumulative" => profile.cumulative.to_string(),
            "rolling" => profile.rolling_30d.to_string(),
            "lost" if profile.lost.is_empty() => "none".to_owned(),
            "lost" => profile.lost.join("+"),
            "reached" => instant(profile.reached_at),
            "last_bet" => instant(profile.last_bet_at),
            "revision" => profile.config_version.to_string(),
            "available" => available.to_string(),
            "blocked" => blocked.to_string(),
            "accrued" => accrued.to_string(),
            "reversed" => reversed.to_string(),
            "redeemed" => redeemed.to_string(),
            "expired" => expired.to_string(),
            "adjusted" => adjusted.to_string(),
            "remembered" => player.remembered().to_string(),
            "seq" => profile.seq.to_string(),
            other => panic!("a state has no {other}"),
        }
    }

    /// Plays a line: what is expected of it, and what came.
    pub(crate) fn play(&mut self, step: &Step) -> (Vec<String>, Vec<String>) {
        let nothing = || vec!["nothing".to_owned()];
        let (expected, got) = match &step.act {
            Act::State => (vec![step.text.clone()], self.state(&step.text)),
            Act::Event(told) => (step.expected.clone(), self.apply(told)),
            Act::Time(to) => (step.expected.clone(), self.time(*to)),
            Act::Rulebook(revision) => (step.expected.clone(), self.rulebook(*revision)),
            Act::Said("nothing") if step.expected.is_empty() => (nothing(), nothing()),
            Act::Said(what) => (step.expected.clone(), vec![(*what).to_owned()]),
        };
        (expected, if got.is_empty() { nothing() } else { got })
    }
}

/// Plays a scenario and says what differs: table, line, expected and got.
pub(crate) fn differences(scenario: &Scenario, rules: &Rules, between: Between) -> Vec<String> {
    let mut world = World::new(rules.clone(), between);
    let mut found = Vec::new();
    for step in &scenario.steps {
        let (expected, got) = world.play(step);
        if expected != got {
            found.push(format!(
                "{}:{} [{}] ({between:?})\n    {}\n  expected\n    {}\n  got\n    {}",
                scenario.file,
                step.line,
                scenario.title,
                step.text,
                expected.join("\n    "),
                got.join("\n    ")
            ));
        }
        found.extend(world.desk.wrong.drain(..).map(|wrong| format!("{}:{}: {wrong}", scenario.file, step.line)));
    }
    found
}

/// The rules of a scenario.
pub(crate) fn rules_of(scenario: &Scenario) -> Rules {
    programme::rules(&scenario.drafts, &scenario.rates)
}
