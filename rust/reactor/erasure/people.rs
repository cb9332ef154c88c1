//! People: every profile and every identifier that somebody ever was, found from any one identifier.
//!
//! A merge leaves one profile, and with it the ids of the others are forgotten in memory; an eviction leaves
//! none. So the log is gone through until nothing more is found: an event binds the profile that it ended in,
//! those that merged into it, and the identifiers that it carried. Identifiers are held as keyed hashes, so that
//! an erasure can be completed by who only has its record.
//!
//! Invariants: what is found does not depend on how often or in which order it is looked for; an event without
//! a profile binds nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Secret;
use crate::log::{Reader, ReplayError};
use crate::profile::{Identifier, Profile, Rid};
use crate::record::{
    BadRecord, ErasedIdentifier, ErasureRecord, KIND_EVENT, RecordedOutcome, Whose,
};
use crate::value::Text;

/// Who is looked for, and what was found of them.
#[derive(Debug, Default)]
pub struct People {
    rids: BTreeSet<[u8; 16]>,
    /// The LSN until which an identifier was theirs; all of it.
    identifiers: BTreeMap<(u16, [u8; 16]), u64>,
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
            identifiers: identifiers.map(|known| ((known.key, known.hash), u64::MAX)).collect(),
            texts: BTreeSet::new(),
        }
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

    /// Adds a profile.
    pub fn add_rid(&mut self, rid: [u8; 16]) {
        self.rids.insert(rid);
    }

    /// Adds an identifier.
    pub fn add_identifier(&mut self, key: u16, value: &str, secret: &Secret) {
        let known = (key, secret.identifier_hash(key, value));
        if self.identifiers.insert(known, u64::MAX).is_none() {
            self.texts.insert(Text::new(value));
        }
    }

    /// Adds a profile and all its identifiers.
    pub fn add_profile(&mut self, profile: &Profile, secret: &Secret) {
        self.add_rid(profile.rid.0);
        for seen in &profile.identifiers {
            self.add_identifier(seen.identifier.key, &seen.identifier.value, secret);
        }
    }

    /// Whether one of them has, or had, the identifier.
    #[must_use]
    pub fn has(&self, identifier: &Identifier, secret: &Secret) -> bool {
        let hash = secret.identifier_hash(identifier.key, &identifier.value);
        self.identifiers.contains_key(&(identifier.key, hash))
    }

    /// How much was found: it only grows.
    #[must_use]
    pub fn size(&self) -> usize {
        self.rids.len() + self.identifiers.len()
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
            if record.kind == KIND_EVENT && record.lsn.counter < until {
                self.look_at(&Whose::decode(record.payload)?, secret);
            }
            Ok(())
        })
    }

    fn look_at(&mut self, whose: &Whose<'_>, secret: &Secret) {
        if whose.outcome == RecordedOutcome::Nobody {
            return;
        }
        let is_known = whose.rids().any(|rid| self.rids.contains(rid))
            || whose.identifiers.iter().any(|(key, value)| {
                self.identifiers.contains_key(&(*key, secret.identifier_hash(*key, value)))
            });
        if is_known {
            whose.rids().for_each(|rid| self.add_rid(*rid));
            for (key, value) in &whose.identifiers {
                self.add_identifier(*key, value, secret);
            }
        }
    }

    /// The record that says who is erased.
    #[must_use]
    pub fn record(&self, now_ms: i64, kept: Vec<Vec<u8>>) -> ErasureRecord {
        let identifiers = self.identifiers.iter().map(|((key, hash), until)| ErasedIdentifier {
            key: *key,
            hash: *hash,
            from: 1,
            until: *until,
        });
        ErasureRecord {
            now_ms,
            rids: self.rids.iter().copied().collect(),
            identifiers: identifiers.collect(),
            kept,
        }
    }
}
