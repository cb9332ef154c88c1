//! Person: who somebody was and is, read from the identity log.
//!
//! There is no index: such questions are rare, and the log is read through at hundreds of megabytes a second.
//! What is held in memory is what belongs to the one asked for. A person is found by going through the log
//! again until nothing is added: profiles that merged are one person, and so is a profile that was evicted and
//! the one that its identifiers led to when they came again. What a guard rail moved, and what a profile let
//! go of, leads to nobody else.
//!
//! Invariant: read beside a running reactor, without its lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::IDENTITY_FOLDER;
use super::entry::{Change, ChangeKind, Entry};
use crate::log::{Error, Reader, ReplayError};
use crate::profile::{Identifier, Rid};
use crate::record::BadRecord;
use crate::storage::Disk;
use crate::value::Text;

/// All that the identity log knows of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The profile that is theirs now, or was last.
    pub rid: Rid,
    /// Every profile that ever was theirs, oldest first, that one included.
    pub rids: Vec<Rid>,
    /// Every identifier that an event ever brought to one of those profiles, in order of key and value, and the
    /// profile that it belongs to now when that is somebody else's.
    pub identifiers: Vec<(Identifier, Option<Rid>)>,
}

/// The identity log of a reactor's directory, for reading.
pub struct Register {
    reader: Reader,
}

impl Register {
    /// The identity log of a reactor's own directory as it is now.
    ///
    /// # Errors
    /// `Io` when there is none, `Corrupted`, `NewerFormat`.
    pub fn open(directory: &Path, disk: Arc<dyn Disk>) -> Result<Self, Error> {
        Ok(Self { reader: Reader::open(&directory.join(IDENTITY_FOLDER), disk)? })
    }

    /// Shows every entry, in order.
    ///
    /// # Errors
    /// `Log` for damage and for what the disk refused, `Apply` for an entry that cannot be read.
    pub fn entries(&self, mut visit: impl FnMut(&Entry)) -> Result<(), ReplayError<BadRecord>> {
        self.reader.records(|record| {
            visit(&Entry::decode(record.kind, record.payload)?);
            Ok(())
        })
    }

    /// The names of all keys that changes were written under, by number.
    ///
    /// # Errors
    /// As [`Register::entries`].
    pub fn names(&self) -> Result<Vec<Text>, ReplayError<BadRecord>> {
        let mut names = Vec::new();
        self.entries(|entry| {
            if let Entry::Names(_, keys) = entry {
                names.clone_from(keys);
            }
        })?;
        Ok(names)
    }

    /// The profile that `rid` is part of by now; `None` when no change names it.
    ///
    /// # Errors
    /// As [`Register::entries`].
    pub fn alias(&self, rid: Rid) -> Result<Option<Rid>, ReplayError<BadRecord>> {
        let mut current = None;
        self.changes(|change| {
            if change.rid == rid {
                current.get_or_insert(rid);
            }
            let now = current.unwrap_or(rid);
            if change.merged.contains(&now) {
                current = Some(change.rid);
            }
        })?;
        Ok(current)
    }

    /// The person whose identifier it is, or was last; `None` when no event ever brought it.
    ///
    /// # Errors
    /// As [`Register::entries`].
    pub fn person_of(
        &self,
        identifier: &Identifier,
    ) -> Result<Option<Person>, ReplayError<BadRecord>> {
        let mut holder = None;
        self.changes(|change| {
            if change.identifiers.contains(identifier)
                || holder.is_some_and(|rid| change.merged.contains(&rid))
            {
                holder = Some(change.rid);
            }
        })?;
        holder.map_or(Ok(None), |rid| self.person(rid))
    }

    /// The person one of whose profiles is, or was, `rid`; `None` when no change names it.
    ///
    /// # Errors
    /// As [`Register::entries`].
    pub fn person(&self, rid: Rid) -> Result<Option<Person>, ReplayError<BadRecord>> {
        if self.alias(rid)?.is_none() {
            return Ok(None);
        }
        let mut search = Search::of(rid);
        loop {
            let before = search.size();
            search.begin();
            self.entries(|entry| search.see(entry))?;
            if search.size() == before {
                return Ok(Some(search.found(rid)));
            }
        }
    }

    fn changes(&self, mut visit: impl FnMut(&Change)) -> Result<(), ReplayError<BadRecord>> {
        self.entries(|entry| {
            if let Entry::Change(change) = entry {
                visit(change);
            }
        })
    }
}

/// What is known of the person so far, and where one reading stands.
struct Search {
    rids: BTreeSet<Rid>,
    /// Their identifiers, and whose each is at this place of the reading.
    identifiers: BTreeMap<Identifier, Option<Rid>>,
    /// Of all that held one of the identifiers so far, those that were evicted.
    evicted: BTreeSet<Rid>,
    /// The profile of theirs that the last change named.
    newest: Option<Rid>,
}

impl Search {
    fn of(rid: Rid) -> Self {
        Self {
            rids: BTreeSet::from([rid]),
            identifiers: BTreeMap::new(),
            evicted: BTreeSet::new(),
            newest: None,
        }
    }

    fn size(&self) -> usize {
        self.rids.len() + self.identifiers.len()
    }

    fn begin(&mut self) {
        self.identifiers.values_mut().for_each(|holder| *holder = None);
        self.evicted.clear();
        self.newest = None;
    }

    fn see(&mut self, entry: &Entry) {
        match entry {
            Entry::Change(change) => self.change(change),
            Entry::Gone(gone) => {
                for rid in &gone.rids {
                    let holds = self.identifiers.values().any(|holder| *holder == Some(*rid));
                    if holds || self.rids.contains(rid) {
                        self.evicted.insert(*rid);
                    }
                }
            }
            Entry::Names(..) | Entry::Mark(_) => {}
        }
    }

    fn change(&mut self, change: &Change) {
        let own = |rids: &BTreeSet<Rid>| {
            rids.contains(&change.rid) || change.merged.iter().any(|rid| rids.contains(rid))
        };
        let returned: Vec<Rid> = self.returned(change).collect();
        if own(&self.rids) || returned.iter().any(|rid| self.rids.contains(rid)) {
            self.rids.insert(change.rid);
            self.rids.extend(&change.merged);
            self.rids.extend(returned);
            self.newest = Some(change.rid);
            for identifier in &change.identifiers {
                self.identifiers.insert(identifier.clone(), Some(change.rid));
            }
            if change.kind == ChangeKind::NotKept {
                self.evicted.insert(change.rid);
            }
            return;
        }
        for holder in self.identifiers.values_mut() {
            if holder.is_some_and(|rid| change.merged.contains(&rid)) {
                *holder = Some(change.rid);
            }
        }
        for identifier in &change.identifiers {
            if let Some(holder) = self.identifiers.get_mut(identifier) {
                *holder = Some(change.rid);
                if change.kind == ChangeKind::NotKept {
                    self.evicted.insert(change.rid);
                }
            }
        }
    }

    /// Evicted profiles whose identifiers this change brings again.
    fn returned(&self, change: &Change) -> impl Iterator<Item = Rid> {
        let holders = change.identifiers.iter().filter_map(|own| *self.identifiers.get(own)?);
        holders.filter(|rid| self.evicted.contains(rid))
    }

    fn found(self, asked: Rid) -> Person {
        let Self { rids, identifiers, newest, .. } = self;
        let identifiers = identifiers.into_iter().map(|(identifier, holder)| {
            let other = holder.filter(|rid| !rids.contains(rid));
            (identifier, other)
        });
        let identifiers = identifiers.collect();
        let rid = newest.unwrap_or(asked);
        Person { rid, rids: rids.into_iter().collect(), identifiers }
    }
}
