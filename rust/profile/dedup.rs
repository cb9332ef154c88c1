//! Dedup: the uuids that clients sent of late, as keyed hashes in two generations (page 1.6).
//!
//! Generations are aligned to hours of recorded processing time and turn early when a shard's
//! share is full, so they depend on the log alone and replay turns them where live traffic did.
//! Invariants: looking up changes nothing; only `remember` does, and it is called at install.

use std::mem;

use hashbrown::HashTable;

use crate::value::codec::{BadBytes, Bytes};

const HOUR_MS: i64 = 3_600_000;

/// One shard's generations.
#[derive(Debug)]
pub struct Generations {
    hour: i64,
    current: HashTable<u128>,
    previous: HashTable<u128>,
    entries_max: usize,
    cut: DedupCut,
}

/// What a shard does for a cut under way (see `cut`): it is small and taken whole.
#[derive(Debug, Default)]
enum DedupCut {
    /// Nothing: none is under way, or this shard's is taken.
    #[default]
    None,
    /// Nobody has taken it yet, and nothing has changed since.
    Due,
    /// As it stood at the cut, put aside at the first change.
    Aside(Vec<u8>),
}

/// Which of two generations an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Remembered until the hour after next, unless its share fills up.
    Current,
    /// Forgotten at the next turn.
    Previous,
}

impl Generations {
    /// Nothing remembered; at most `entries_max` (at least 1) a generation.
    pub fn new(entries_max: usize) -> Self {
        Self {
            hour: i64::MIN,
            current: HashTable::new(),
            previous: HashTable::new(),
            entries_max: entries_max.max(1),
            cut: DedupCut::None,
        }
    }

    /// Whether the hash is remembered at `now_ms`.
    pub fn contains(&self, hash: u128, now_ms: i64) -> bool {
        let within =
            |table: &HashTable<u128>| table.find(bucket(hash), |held| *held == hash).is_some();
        match now_ms.div_euclid(HOUR_MS).saturating_sub(self.hour) {
            ..=0 => within(&self.current) || within(&self.previous),
            1 => within(&self.current),
            _ => false,
        }
    }

    /// What the generations take, bytes.
    pub fn memory_bytes(&self) -> usize {
        self.current.allocation_size() + self.previous.allocation_size()
    }

    /// Makes room for one more entry, so that remembering it need not.
    pub fn reserve(&mut self) {
        self.current.reserve(1, |hash| bucket(*hash));
    }

    /// Remembers a hash that is not yet remembered, at the processing time of its record.
    pub fn remember(&mut self, hash: u128, now_ms: i64) {
        if matches!(self.cut, DedupCut::Due) {
            self.cut = DedupCut::Aside(self.encode());
        }
        let hour = now_ms.div_euclid(HOUR_MS);
        match hour.saturating_sub(self.hour) {
            ..=0 => {}
            1 => {
                self.turn();
                self.hour = hour;
            }
            _ => {
                self.current.clear();
                self.previous.clear();
                self.hour = hour;
            }
        }
        if self.current.len() >= self.entries_max {
            self.turn();
        }
        self.current.insert_unique(bucket(hash), hash, |hash| bucket(*hash));
    }

    /// Everything remembered at `now_ms`, with its generation.
    pub fn entries(&self, now_ms: i64) -> impl Iterator<Item = (Generation, u128)> + '_ {
        let age = now_ms.div_euclid(HOUR_MS).saturating_sub(self.hour);
        let (newer, older) = match age {
            ..=0 => (Some(Generation::Current), Some(Generation::Previous)),
            1 => (Some(Generation::Previous), None),
            _ => (None, None),
        };
        let of =
            |table| move |generation| HashTable::iter(table).map(move |hash| (generation, *hash));
        let newer = newer.into_iter().flat_map(of(&self.current));
        newer.chain(older.into_iter().flat_map(of(&self.previous)))
    }

    /// The shard's bytes: its hour i64, then two generations, the current one first: u32 count, 16 bytes
    /// each.
    pub fn encode(&self) -> Vec<u8> {
        let entries = self.current.len() + self.previous.len();
        let mut out = Vec::with_capacity(16 + 16 * entries);
        out.extend_from_slice(&self.hour.to_le_bytes());
        for table in [&self.current, &self.previous] {
            out.extend_from_slice(&(table.len() as u32).to_le_bytes());
            table.iter().for_each(|hash| out.extend_from_slice(&hash.to_le_bytes()));
        }
        out
    }

    /// Reads what `encode` wrote: the hour, and each hash with its generation.
    ///
    /// # Errors
    /// `BadBytes` when the bytes are anything else.
    pub fn decode(
        bytes: &mut Bytes<'_>,
        mut each: impl FnMut(i64, Generation, u128),
    ) -> Result<(), BadBytes> {
        let hour = bytes.i64()?;
        for generation in [Generation::Current, Generation::Previous] {
            for _ in 0..bytes.count(16)? {
                each(hour, generation, u128::from_le_bytes(bytes.array()?));
            }
        }
        Ok(())
    }

    /// Takes in what another shard remembered in its `hour`: shards of other numbers may have
    /// written it. What that shard would have forgotten by this one's hour is forgotten.
    pub(super) fn take_in(&mut self, hour: i64, generation: Generation, hash: u128) {
        match hour.saturating_sub(self.hour) {
            ..=0 => {}
            1 => self.turn(),
            _ => {
                self.current.clear();
                self.previous.clear();
            }
        }
        self.hour = self.hour.max(hour);
        let table = match (self.hour.saturating_sub(hour), generation) {
            (0, Generation::Current) => &mut self.current,
            (0, Generation::Previous) | (1, Generation::Current) => &mut self.previous,
            _ => return,
        };
        table.insert_unique(bucket(hash), hash, |hash| bucket(*hash));
    }

    pub(super) fn begin_cut(&mut self) {
        self.cut = DedupCut::Due;
    }

    /// The shard's bytes at the cut; the cut is over for it.
    pub(super) fn take_cut(&mut self) -> Vec<u8> {
        match mem::take(&mut self.cut) {
            DedupCut::Aside(bytes) => bytes,
            DedupCut::Due | DedupCut::None => self.encode(),
        }
    }

    pub(super) fn end_cut(&mut self) {
        self.cut = DedupCut::None;
    }

    fn turn(&mut self) {
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.clear();
    }
}

/// The hash is keyed and well mixed: its low half picks the bucket, the store picks shards from the
/// high half.
fn bucket(hash: u128) -> u64 {
    hash as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_remembered_through_the_hour_after_its_own() {
        let mut generations = Generations::new(10);
        generations.remember(7, HOUR_MS * 5 + 10);
        assert!(generations.contains(7, HOUR_MS * 5 + 10));
        assert!(generations.contains(7, HOUR_MS * 7 - 1));
        assert!(!generations.contains(7, HOUR_MS * 7));
        assert!(!generations.contains(8, HOUR_MS * 5 + 10));
        generations.remember(8, HOUR_MS * 6);
        assert!(generations.contains(7, HOUR_MS * 6) && generations.contains(8, HOUR_MS * 6));
        generations.remember(9, HOUR_MS * 7);
        assert!(!generations.contains(7, HOUR_MS * 7));
        assert!(generations.contains(8, HOUR_MS * 7));
        generations.remember(10, HOUR_MS * 20);
        assert_eq!(generations.entries(HOUR_MS * 20).count(), 1);
    }

    #[test]
    fn a_full_share_turns_early_and_forgets_the_oldest_generation() {
        let mut generations = Generations::new(2);
        for hash in 1..=5 {
            generations.remember(hash, 0);
        }
        let mut held: Vec<u128> = generations.entries(0).map(|(_, hash)| hash).collect();
        held.sort_unstable();
        assert_eq!(held, [3, 4, 5]);
        assert!(!generations.contains(2, 0) && generations.contains(3, 0));
    }

    #[test]
    fn entries_are_those_that_a_look_up_finds_before_and_after_a_turn() {
        let mut generations = Generations::new(100);
        for hash in 0..50 {
            generations.remember(hash, hash as i64 * HOUR_MS / 20);
        }
        for now_ms in (49 * HOUR_MS / 20..6 * HOUR_MS).step_by(HOUR_MS as usize / 4) {
            let mut held: Vec<u128> = generations.entries(now_ms).map(|(_, hash)| hash).collect();
            held.sort_unstable();
            let found: Vec<u128> =
                (0..50).filter(|hash| generations.contains(*hash, now_ms)).collect();
            assert_eq!(held, found);
        }
    }
}
