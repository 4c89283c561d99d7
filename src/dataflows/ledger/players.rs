//! The players of one worker: found by key, kept in place, listed when they changed.

use prefetch_index::prefetch_index;
use tidemark_domain::player::Player;

use super::index::Index;
use super::wheel::PHASE_MS_MAX;

/// Where a player is kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Slot(pub(super) u32);

/// So many players are weighed after each epoch.
const WEIGHED_AT_ONCE: u32 = 8;
/// Players stand in chunks, so that growing never moves them.
const CHUNK_BITS: u32 = 10;
const CHUNK: usize = 1 << CHUNK_BITS;

/// See the module's words.
#[derive(Default)]
pub(super) struct Players {
    index: Index,
    chunks: Vec<Vec<Kept>>,
    /// The key group of each, once more: one look at all of them is to cost little.
    groups: Vec<u8>,
    /// Those that changed since the last snapshot.
    changed: Vec<Slot>,
    /// Those of which something changed since their last profile, by key group.
    unpublished: Vec<Vec<Slot>>,
    count: u32,
    /// Bytes of all players, each as of when it was weighed last.
    bytes: u64,
    /// Who is weighed next.
    to_weigh: Slot,
}

/// A player and what is noted of it, in whole lines of memory; the first one begins with the hash.
#[repr(C, align(64))]
struct Kept {
    hash: u64,
    player: Player,
    scheduled: i64,
    group: u8,
    changed: bool,
    unpublished: bool,
    /// Its bytes when it was weighed last.
    bytes: u32,
}

/// Seven lines for each player: memory is asked for that many, and `docs/sizing.md` counts them.
const _: () = assert!(size_of::<Kept>() == 7 * 64, "a player takes other lines of memory than before");

impl Kept {
    /// What all players weigh with its own weight renewed.
    fn weigh(&mut self, all: u64) -> u64 {
        let before = std::mem::replace(&mut self.bytes, (self.player.bytes() + size_of::<Self>() - size_of::<Player>()) as u32);
        all - u64::from(before) + u64::from(self.bytes)
    }
}

impl Players {
    fn kept(&self, slot: Slot) -> &Kept {
        #[expect(clippy::indexing_slicing, reason = "slots are handed out by `insert` and never taken back")]
        &self.chunks[(slot.0 >> CHUNK_BITS) as usize][slot.0 as usize & (CHUNK - 1)]
    }

    fn kept_mut(&mut self, slot: Slot) -> &mut Kept {
        #[expect(clippy::indexing_slicing, reason = "slots are handed out by `insert` and never taken back")]
        &mut self.chunks[(slot.0 >> CHUNK_BITS) as usize][slot.0 as usize & (CHUNK - 1)]
    }

    /// Has the memory fetch what [`Players::guess`] will look at.
    pub(super) fn prefetch(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Who the player of a hash may be; to be asked before it is believed. The memory begins to fetch it.
    pub(super) fn guess(&self, hash: u64) -> Option<Slot> {
        let slot = self.index.find(hash, |_| true)?;
        let kept = self.kept(slot);
        for at in (0..size_of::<Kept>() / size_of::<u64>()).step_by(8) {
            // An index behind the hash is no error here: there the player stands.
            prefetch_index(std::slice::from_ref(&kept.hash), at);
        }
        Some(slot)
    }

    pub(super) fn get(&self, slot: Slot) -> &Player {
        &self.kept(slot).player
    }

    /// The player of that key, whose hash is `hash`.
    pub(super) fn find(&self, hash: u64, brand: &str, player: Option<&str>) -> Option<Slot> {
        self.index.find(hash, |slot| self.is(slot, brand, player))
    }

    /// Whether the player there has that key: a guess is to be asked.
    pub(super) fn is(&self, slot: Slot, brand: &str, player: Option<&str>) -> bool {
        let key = self.kept(slot).player.key();
        match player {
            None => key == brand,
            Some(id) => {
                key.len() == brand.len() + 1 + id.len()
                    && key.starts_with(brand)
                    && key.ends_with(id)
                    && key.as_bytes().get(brand.len()) == Some(&b':')
            }
        }
    }

    /// Takes in a new player.
    pub(super) fn insert(&mut self, hash: u64, group: u8, player: Player) -> Slot {
        let slot = Slot(self.count);
        self.count += 1;
        if slot.0 as usize & (CHUNK - 1) == 0 {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            let bytes = size_of::<Kept>() as u32;
            chunk.push(Kept { player, hash, scheduled: i64::MAX, group, changed: true, unpublished: false, bytes });
            self.bytes += u64::from(bytes);
        }
        self.changed.push(slot);
        self.groups.push(group);
        let chunks = &self.chunks;
        self.index.insert(hash, slot, |other| {
            let chunk = chunks.get((other.0 >> CHUNK_BITS) as usize);
            chunk.and_then(|kept| kept.get(other.0 as usize & (CHUNK - 1))).map_or(0, |kept| kept.hash)
        });
        slot
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut Player {
        &mut self.kept_mut(slot).player
    }

    /// Notes that a player changed.
    pub(super) fn touch(&mut self, slot: Slot) {
        let kept = self.kept_mut(slot);
        if !kept.changed {
            kept.changed = true;
            self.changed.push(slot);
        }
    }

    /// Notes that a player's profile is to be published.
    pub(super) fn unpublished(&mut self, slot: Slot) {
        let kept = self.kept_mut(slot);
        if !kept.unpublished {
            kept.unpublished = true;
            let group = usize::from(kept.group);
            if self.unpublished.len() <= group {
                self.unpublished.resize_with(group + 1, Vec::new);
            }
            if let Some(slots) = self.unpublished.get_mut(group) {
                slots.push(slot);
            }
        }
    }

    /// Those of a key group whose profile is to be published; asked once.
    pub(super) fn take_unpublished(&mut self, group: u32) -> Vec<Slot> {
        let slots = self.unpublished.get_mut(group as usize).map(std::mem::take).unwrap_or_default();
        for slot in &slots {
            self.kept_mut(*slot).unpublished = false;
        }
        slots
    }

    /// Nobody's profile is to be published any more.
    pub(super) fn all_published(&mut self) {
        for group in 0..self.unpublished.len() as u32 {
            self.take_unpublished(group);
        }
    }

    /// The key group of a player.
    pub(super) fn group(&self, slot: Slot) -> u32 {
        u32::from(self.kept(slot).group)
    }

    /// Every place that a player is kept in.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.count).map(Slot)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> u32 {
        self.count
    }

    /// When the player's timers are to be looked at.
    pub(super) fn scheduled(&self, slot: Slot) -> i64 {
        self.kept(slot).scheduled
    }

    pub(super) fn set_scheduled(&mut self, slot: Slot, at: i64) {
        self.kept_mut(slot).scheduled = at;
    }

    /// How long after its due time a player's timer fires: a stable spread.
    pub(super) fn phase(&self, slot: Slot) -> i64 {
        (self.kept(slot).hash & (PHASE_MS_MAX as u64 - 1)) as i64
    }

    /// Every player of the groups that are to be `whole` and those others that changed, each with its group and whether its
    /// profile is still to be published; then nothing counts as changed.
    pub(super) fn take(&mut self, whole: impl Fn(u8) -> bool, mut each: impl FnMut(u8, bool, &mut Player)) {
        let mut changed = std::mem::take(&mut self.changed);
        let groups = std::mem::take(&mut self.groups);
        let of_whole = (0..self.count).map(Slot).zip(&groups).filter(|(_, group)| whole(**group)).map(|(slot, _)| slot);
        changed.retain(|slot| !whole(self.kept(*slot).group));
        for slot in of_whole.chain(changed) {
            let before = self.bytes;
            let kept = self.kept_mut(slot);
            kept.changed = false;
            let after = kept.weigh(before);
            each(kept.group, kept.unpublished, &mut kept.player);
            self.bytes = after;
        }
        self.groups = groups;
    }

    /// Bytes of all players, each as of when it was weighed last.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Weighs some players, others each time: a snapshot weighs those that changed, and may be a day away.
    pub(super) fn weigh_some(&mut self) {
        for _ in 0..WEIGHED_AT_ONCE.min(self.count) {
            let slot = self.to_weigh;
            let before = self.bytes;
            self.bytes = self.kept_mut(slot).weigh(before);
            self.to_weigh = Slot((slot.0 + 1) % self.count);
        }
    }

    /// Nothing counts as changed: everything is in the snapshot that was restored.
    pub(super) fn all_saved(&mut self) {
        for slot in std::mem::take(&mut self.changed) {
            let before = self.bytes;
            let kept = self.kept_mut(slot);
            kept.changed = false;
            self.bytes = kept.weigh(before);
        }
    }
}
