//! Entry: one record of the identity log, and what of the reactor's log becomes one.

use crate::profile::{Identifier, Rid};
use crate::record::{BadRecord, EventReplay, RecordedOutcome};
use crate::value::Text;
use crate::value::codec::{BadBytes, Bytes, put_text};

/// Record kind of a change.
const KIND_CHANGE: u8 = 1;
/// Record kind of the keys' names.
const KIND_NAMES: u8 = 2;
/// Record kind of a mark.
const KIND_MARK: u8 = 3;
/// Record kind of profiles that are gone.
const KIND_GONE: u8 = 4;

/// One record of the identity log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An event changed who is who.
    Change(Change),
    /// The names of all keys by number, as of an LSN.
    Names(u64, Vec<Text>),
    /// Nothing changed up to an LSN.
    Mark(u64),
    /// Profiles left memory.
    Gone(Gone),
}

/// What an event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// LSN of the event's record.
    pub lsn: u64,
    /// Its processing time, epoch milliseconds.
    pub now_ms: i64,
    /// What happened.
    pub kind: ChangeKind,
    /// The profile that the event ended in.
    pub rid: Rid,
    /// All identifiers that it carried, strongest first; from now on they are that profile's.
    pub identifiers: Vec<Identifier>,
    /// Profiles that became part of it, oldest first.
    pub merged: Vec<Rid>,
    /// Of the identifiers those that another profile lost: position, and that profile.
    pub moved: Vec<(u8, Rid)>,
}

/// What happened to the profile that an event ended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was made.
    Added,
    /// It got further identifiers.
    Extended,
    /// Others became part of it.
    Merged,
    /// A guard rail moved identifiers to it.
    Moved,
    /// A guard rail made it, and moved identifiers to it.
    MovedToNew,
    /// There was no room for it: it was answered and not kept, and its identifiers are nobody's.
    NotKept,
}

/// Profiles that left memory without an event of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// LSN of the record that says so.
    pub lsn: u64,
    /// Its processing time, epoch milliseconds.
    pub now_ms: i64,
    /// The profiles.
    pub rids: Vec<Rid>,
}

const KINDS: [ChangeKind; 6] = [
    ChangeKind::Added,
    ChangeKind::Extended,
    ChangeKind::Merged,
    ChangeKind::Moved,
    ChangeKind::MovedToNew,
    ChangeKind::NotKept,
];

impl Change {
    /// What an event's record says of identity; `None` when nothing changed.
    pub fn of(lsn: u64, event: EventReplay<'_>) -> Option<Self> {
        let (kind, rid, merged, moved) = match event.outcome {
            RecordedOutcome::Nobody | RecordedOutcome::Known(_) => return None,
            RecordedOutcome::New(rid) => (ChangeKind::Added, Rid(rid), Vec::new(), Vec::new()),
            RecordedOutcome::Passing(rid) => {
                (ChangeKind::NotKept, Rid(rid), Vec::new(), Vec::new())
            }
            RecordedOutcome::Extended(rid) => {
                (ChangeKind::Extended, Rid(rid), Vec::new(), Vec::new())
            }
            RecordedOutcome::Merged(rid, merged) => {
                (ChangeKind::Merged, Rid(rid), merged.into_iter().map(Rid).collect(), Vec::new())
            }
            RecordedOutcome::Moved(moved) => {
                let kind = if moved.is_new { ChangeKind::MovedToNew } else { ChangeKind::Moved };
                (kind, moved.rid, moved.merged, moved.moved)
            }
        };
        let (now_ms, identifiers) = (event.now_ms, event.identifiers);
        Some(Self { lsn, now_ms, kind, rid, identifiers, merged, moved })
    }

    /// The identifiers that a profile lost by this.
    pub fn lost_by(&self, rid: Rid) -> impl Iterator<Item = &Identifier> {
        let lost = self.moved.iter().filter(move |(_, from)| *from == rid);
        lost.filter_map(|(position, _)| self.identifiers.get(usize::from(*position)))
    }
}

impl Entry {
    /// LSN of the reactor's log up to which this and all before it speak.
    pub fn lsn(&self) -> u64 {
        match self {
            Self::Change(Change { lsn, .. }) | Self::Gone(Gone { lsn, .. }) => *lsn,
            Self::Names(lsn, _) | Self::Mark(lsn) => *lsn,
        }
    }

    /// The record's kind and bytes.
    pub fn encode(&self) -> (u8, Vec<u8>) {
        let mut out = Vec::new();
        out.extend_from_slice(&self.lsn().to_le_bytes());
        let kind = match self {
            Self::Change(change) => {
                encode_change(change, &mut out);
                KIND_CHANGE
            }
            Self::Names(_, keys) => {
                out.extend_from_slice(&(keys.len() as u32).to_le_bytes());
                keys.iter().for_each(|key| put_text(&mut out, key));
                KIND_NAMES
            }
            Self::Mark(_) => KIND_MARK,
            Self::Gone(gone) => {
                out.extend_from_slice(&gone.now_ms.to_le_bytes());
                out.push(1);
                out.extend_from_slice(&(gone.rids.len() as u32).to_le_bytes());
                gone.rids.iter().for_each(|rid| out.extend_from_slice(&rid.0));
                KIND_GONE
            }
        };
        (kind, out)
    }

    /// Reads a record of the identity log.
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode` writes.
    pub fn decode(kind: u8, payload: &[u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        let lsn = bytes.u64()?;
        Ok(match kind {
            KIND_CHANGE => Self::Change(read_change(lsn, &mut bytes)?),
            KIND_NAMES => {
                let count = bytes.count(4)?;
                Self::Names(lsn, bytes.several(count, |bytes| Ok(Text::new(bytes.text()?)))?)
            }
            KIND_MARK => Self::Mark(lsn),
            KIND_GONE => {
                let now_ms = bytes.i64()?;
                if bytes.u8()? != 1 {
                    return Err(BadRecord("why profiles are gone is unknown"));
                }
                let count = bytes.count(16)?;
                let rids = bytes.several(count, |bytes| Ok(Rid(bytes.array()?)))?;
                Self::Gone(Gone { lsn, now_ms, rids })
            }
            _ => return Err(BadRecord("the identity log holds no records of this kind")),
        })
    }
}

fn encode_change(change: &Change, out: &mut Vec<u8>) {
    out.extend_from_slice(&change.now_ms.to_le_bytes());
    out.push(change.kind as u8 + 1);
    out.extend_from_slice(&change.rid.0);
    out.push(change.identifiers.len() as u8);
    for identifier in &change.identifiers {
        out.extend_from_slice(&identifier.key.to_le_bytes());
        put_text(out, &identifier.value);
    }
    out.push(change.merged.len() as u8);
    change.merged.iter().for_each(|rid| out.extend_from_slice(&rid.0));
    out.push(change.moved.len() as u8);
    for (position, from) in &change.moved {
        out.push(*position);
        out.extend_from_slice(&from.0);
    }
}

fn read_change(lsn: u64, bytes: &mut Bytes<'_>) -> Result<Change, BadBytes> {
    let now_ms = bytes.i64()?;
    let kind = usize::from(bytes.u8()?).checked_sub(1).and_then(|at| KINDS.get(at).copied());
    let kind = kind.ok_or(BadBytes("its change is unknown"))?;
    let rid = Rid(bytes.array()?);
    let count = usize::from(bytes.u8()?);
    let identifiers = bytes.several(count, |bytes| {
        Ok(Identifier { key: bytes.u16()?, value: Text::new(bytes.text()?) })
    })?;
    let count = usize::from(bytes.u8()?);
    let merged = bytes.several(count, |bytes| Ok(Rid(bytes.array()?)))?;
    let count = usize::from(bytes.u8()?);
    let moved = bytes.several(count, |bytes| Ok((bytes.u8()?, Rid(bytes.array()?))))?;
    Ok(Change { lsn, now_ms, kind, rid, identifiers, merged, moved })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rid() -> impl Strategy<Value = Rid> {
        any::<[u8; 16]>().prop_map(Rid)
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let identifier = (any::<u16>(), ".{0,20}")
            .prop_map(|(key, value)| Identifier { key, value: value.into() });
        let change = (
            (any::<u64>(), any::<i64>(), 0..KINDS.len(), rid()),
            prop::collection::vec(identifier, 0..4),
            prop::collection::vec(rid(), 0..3),
            prop::collection::vec((any::<u8>(), rid()), 0..3),
        );
        let change = change.prop_map(|((lsn, now_ms, kind, rid), identifiers, merged, moved)| {
            let kind = KINDS[kind];
            Entry::Change(Change { lsn, now_ms, kind, rid, identifiers, merged, moved })
        });
        let names =
            (any::<u64>(), prop::collection::vec("[a-z_]{1,9}", 0..5)).prop_map(|(lsn, names)| {
                Entry::Names(lsn, names.into_iter().map(Text::from).collect())
            });
        let gone = (any::<u64>(), any::<i64>(), prop::collection::vec(rid(), 0..4))
            .prop_map(|(lsn, now_ms, rids)| Entry::Gone(Gone { lsn, now_ms, rids }));
        prop_oneof![change, names, any::<u64>().prop_map(Entry::Mark), gone]
    }

    proptest! {
        #[test]
        fn an_entry_reads_back_as_it_was_written(entry in entry()) {
            let (kind, bytes) = entry.encode();
            prop_assert_eq!(Entry::decode(kind, &bytes).expect("its own bytes"), entry);
        }

        #[test]
        fn a_cut_or_garbled_entry_is_an_error_and_never_a_panic(
            entry in entry(), cut: prop::sample::Index, garbage: Vec<u8>, kind: u8,
        ) {
            let (own, bytes) = entry.encode();
            prop_assert!(Entry::decode(own, &bytes[..cut.index(bytes.len())]).is_err());
            let _either = Entry::decode(kind, &garbage);
        }
    }
}
