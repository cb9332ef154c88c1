//! People: every profile and every identifier that somebody ever was, found from any one identifier.
//!
//! A merge leaves one profile, and with it the ids of the others are forgotten in memory; an eviction leaves
//! none. So the log is gone through until nothing more is found: an event binds the profile that it ended in,
//! those that merged into it, and the identifiers that it carried. An identifier that a guard rail gave to
//! another person (last login wins) is his from there on, and theirs before; one that was erased is from there on
//! whose it becomes. Identifiers are held as keyed hashes, so that an erasure can be completed by who only has
//! its record.
//!
//! Invariants: what is found does not depend on how often or in which order it is looked for, nor on whether
//! earlier erasures are carried out in the files yet; an event without a profile binds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::Secret;
use super::pending::Pending;
use crate::identity_log::{Entry, Register};
use crate::log::{Reader, ReplayError};
use crate::profile::{Identifier, Packed, Rid};
use crate::record::{
    BadRecord, ErasedIdentifier, ErasureRecord, KIND_ERASURE, KIND_EVENT, KIND_TOMBSTONE,
    Tombstone, Whose,
};
use crate::value::Text;

/// An identifier, unreadable: its key's number, and the keyed hash of its value.
type Known = (u16, [u8; 16]);

/// Who is looked for, and what was found of them.
#[derive(Debug, Default)]
pub struct People {
    rids: BTreeSet<[u8; 16]>,
    /// Theirs, with the LSN of the record from which on it was theirs, and the one from which on it was not.
    identifiers: BTreeSet<(Known, u64, u64)>,
    /// The LSNs of all records by which an identifier left a person, ascending, as far as the log was read.
    moves: BTreeMap<Known, Vec<u64>>,
    /// Erasures from before, which files do not show yet: what they erase binds nobody.
    before: Vec<Arc<Pending>>,
    /// The identifiers as they are, as far as they were met: for a proof, and for nothing that is written.
    texts: BTreeSet<Text>,
}

impl People {
    /// Those of an erasure that is recorded already.
    #[must_use]
    pub fn of(record: &ErasureRecord) -> Self {
        let identifiers = record.identifiers.iter();
        Self {
            rids: record.rids.iter().copied().collect(),
            identifiers: identifiers
                .map(|known| ((known.key, known.hash), known.from, known.until))
                .collect(),
            ..Self::default()
        }
    }

    /// Passes over what these erasures erase, as if it were gone from the files: all that are older than the one
    /// that the people are looked for.
    pub fn pass_over(&mut self, before: Vec<Arc<Pending>>) {
        self.before = before;
    }

    fn is_gone<'r>(&self, mut rids: impl Iterator<Item = &'r [u8; 16]>, lsn: u64) -> bool {
        rids.any(|rid| self.before.iter().any(|erasure| erasure.erases(rid, lsn)))
    }

    /// Every profile found.
    pub fn rids(&self) -> impl Iterator<Item = Rid> {
        self.rids.iter().map(|rid| Rid(*rid))
    }

    /// How many identifiers were found.
    #[must_use]
    pub fn identifier_count(&self) -> usize {
        self.identifiers.len()
    }

    /// Every identifier that was met.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.texts.iter()
    }

    /// How much was found: it only grows.
    #[must_use]
    pub fn size(&self) -> usize {
        self.rids.len() + self.identifiers.len()
    }

    /// Adds an identifier as it is now.
    pub fn add_identifier(&mut self, key: u16, value: &str, secret: &Secret) {
        self.add((key, secret.identifier_hash(key, value)), u64::MAX - 1, value);
    }

    /// Adds a profile as it is now, with all its identifiers.
    pub fn add_profile(&mut self, profile: &Packed, secret: &Secret) {
        self.rids.insert(profile.rid().0);
        for seen in profile.identifiers() {
            self.add_identifier(seen.identifier.key, &seen.identifier.value, secret);
        }
    }

    /// Whether the identifier was theirs at `lsn`.
    #[must_use]
    pub fn has(&self, identifier: &Identifier, lsn: u64, secret: &Secret) -> bool {
        let known = (identifier.key, secret.identifier_hash(identifier.key, &identifier.value));
        let (from, until) = self.span(&known, lsn);
        self.identifiers.contains(&(known, from, until))
    }

    /// Adds an identifier for as long as it belonged to who had it at `lsn`.
    fn add(&mut self, known: Known, lsn: u64, value: &str) {
        let (from, until) = self.span(&known, lsn);
        if self.identifiers.insert((known, from, until)) {
            self.texts.insert(Text::new(value));
        }
    }

    /// From which LSN on, and until which, an identifier belonged to who had it at `lsn`.
    fn span(&self, known: &Known, lsn: u64) -> (u64, u64) {
        let Some(moves) = self.moves.get(known) else { return (1, u64::MAX) };
        let later = moves.partition_point(|moved| *moved <= lsn);
        let from = later.checked_sub(1).map_or(1, |at| moves[at]);
        (from, moves.get(later).copied().unwrap_or(u64::MAX))
    }

    /// Goes through the identity log, which knows of records that the log let go of, once; `until` as for
    /// [`People::look_through`].
    ///
    /// # Errors
    /// As [`People::look_through`].
    pub fn look_up(
        &mut self,
        register: &Register,
        until: u64,
        secret: &Secret,
    ) -> Result<(), ReplayError<BadRecord>> {
        register.entries(|entry| {
            let Entry::Change(change) = entry else { return };
            if change.lsn >= until {
                return;
            }
            let hash = |one: &Identifier| (one.key, secret.identifier_hash(one.key, &one.value));
            let has = |one: &Identifier| {
                let known = hash(one);
                let (from, until) = self.span(&known, change.lsn);
                self.identifiers.contains(&(known, from, until))
            };
            let mut rids = change.merged.iter().chain([&change.rid]);
            if self.is_gone(rids.clone().map(|rid| &rid.0), change.lsn) {
                return;
            }
            if rids.any(|rid| self.rids.contains(&rid.0)) || change.identifiers.iter().any(has) {
                self.rids.extend(change.merged.iter().chain([&change.rid]).map(|rid| rid.0));
                for one in &change.identifiers {
                    self.add(hash(one), change.lsn, &one.value);
                }
            }
        })
    }

    /// As [`People::note_moves`], of the identity log, and before it.
    ///
    /// # Errors
    /// As [`People::look_through`].
    pub fn look_up_moves(
        &mut self,
        register: &Register,
        until: u64,
        secret: &Secret,
    ) -> Result<(), ReplayError<BadRecord>> {
        self.moves.clear();
        register.entries(|entry| {
            let Entry::Change(change) = entry else { return };
            if change.lsn >= until {
                return;
            }
            for (position, _) in &change.moved {
                if let Some(one) = change.identifiers.get(usize::from(*position)) {
                    let known = (one.key, secret.identifier_hash(one.key, &one.value));
                    self.moves.entry(known).or_default().push(change.lsn);
                }
            }
        })
    }

    /// Takes note of every record before `until` by which an identifier changed hands; what was found before ends
    /// where it changed hands.
    ///
    /// # Errors
    /// As [`People::look_through`].
    pub fn note_moves(
        &mut self,
        reader: &Reader,
        until: u64,
        secret: &Secret,
    ) -> Result<(), ReplayError<BadRecord>> {
        reader.records(|record| {
            let lsn = record.lsn.counter;
            if lsn < until {
                for known in left_by(record.kind, record.payload, secret)? {
                    self.moves.entry(known).or_default().push(lsn);
                }
            }
            Ok(())
        })?;
        for moves in self.moves.values_mut() {
            moves.sort_unstable();
            moves.dedup();
        }
        let found = std::mem::take(&mut self.identifiers);
        for (known, from, until) in found {
            // One that was open is of its last owner, when nothing was known of changes yet.
            let at = if until == u64::MAX { from.max(1) } else { until - 1 };
            let (from, until) = self.span(&known, at);
            self.identifiers.insert((known, from, until));
        }
        Ok(())
    }

    /// Goes through the log's records before `until` once.
    ///
    /// # Errors
    /// What reading the log answers; `BadRecord` for an event that cannot be read.
    pub fn look_through(
        &mut self,
        reader: &Reader,
        until: u64,
        secret: &Secret,
    ) -> Result<(), ReplayError<BadRecord>> {
        reader.records(|record| {
            let lsn = record.lsn.counter;
            if record.kind == KIND_EVENT && lsn < until {
                self.look_at(&Whose::decode(record.payload)?, lsn, secret);
            }
            Ok(())
        })
    }

    fn look_at(&mut self, whose: &Whose<'_>, lsn: u64, secret: &Secret) {
        if !whose.binds() || self.is_gone(whose.rids(), lsn) {
            return;
        }
        let is_theirs = |(key, value): &(u16, &str)| {
            let known = (*key, secret.identifier_hash(*key, value));
            let (from, until) = self.span(&known, lsn);
            self.identifiers.contains(&(known, from, until))
        };
        let is_known = whose.rids().any(|rid| self.rids.contains(rid))
            || whose.identifiers.iter().any(is_theirs);
        if is_known {
            self.rids.extend(whose.rids());
            for (key, value) in &whose.identifiers {
                self.add((*key, secret.identifier_hash(*key, value)), lsn, value);
            }
        }
    }

    /// The record that says who is erased.
    #[must_use]
    pub fn record(&self, now_ms: i64, kept: Vec<Vec<u8>>) -> ErasureRecord {
        let identifiers = self.identifiers.iter().map(|((key, hash), from, until)| {
            ErasedIdentifier { key: *key, hash: *hash, from: *from, until: *until }
        });
        ErasureRecord {
            now_ms,
            rids: self.rids.iter().copied().collect(),
            identifiers: identifiers.collect(),
            kept,
        }
    }
}

/// The identifiers that are nobody's or another's from a record on: those that a guard rail gave away, also when
/// only the tombstone of that event is left, and those that an erasure took.
fn left_by(kind: u8, payload: &[u8], secret: &Secret) -> Result<Vec<Known>, BadRecord> {
    match kind {
        KIND_EVENT => {
            let whose = Whose::decode(payload)?;
            let moved = whose.moved().filter_map(|position| whose.identifiers.get(position));
            Ok(moved.map(|(key, value)| (*key, secret.identifier_hash(*key, value))).collect())
        }
        KIND_TOMBSTONE => {
            let tombstone = Tombstone::decode(payload)?;
            Ok(tombstone.moved.iter().map(|lost| (lost.key, lost.hash)).collect())
        }
        KIND_ERASURE => {
            let erasure = ErasureRecord::decode(payload)?;
            let held = erasure.identifiers.iter().filter(|known| known.until == u64::MAX);
            Ok(held.map(|known| (known.key, known.hash)).collect())
        }
        _ => Ok(Vec::new()),
    }
}
