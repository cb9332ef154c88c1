//! Erasure: the records that say who was erased, and what stands where their events stood.
//!
//! They hold ids of profiles and keyed hashes of identifiers, never an identifier: whoever reads the log learns
//! that somebody was erased and when, and with the directory's secret can check whether it was a given person.
//!
//! ```text
//! erasure (kind 7): these people are gone from here on, and so are their events before
//!   now_ms       i64   the machine's clock; moves no clock
//!   rids         u32 count, each 16 bytes, ascending: every profile that the people ever were
//!   identifiers  u32 count, each: key u16, hash 16 bytes, from u64, until u64; ascending: theirs in
//!                records of LSNs from `from` on and before `until`
//!   kept         u32 count, each: u32 length, a profile as snapshots hold it: what anonymizing leaves
//! erased (kind 8): the erasure is carried out in every file
//!   erasure      u64   the LSN of its record
//!   tombstones   u64   records of events that were replaced, in all
//! tombstone (kind 9): stands where an erased person's event stood, under its LSN
//!   flags        u16   1 event clock, 2 client's uuid, 8 has a source line, 16 moves no clock: as an event's;
//!                      128 took identifiers from others
//!   configuration u32
//!   now_ms       i64   processing time
//!   uuid         16 bytes, the keyed hash by which repeats are known; only with flag 2
//!   database, table  text, and
//!   source       32 bytes hash of the file, u64 line; only with flag 8
//!   moved        u8 count, each: 16 bytes the profile that it left, key u16, hash 16 bytes; only with flag 128
//! ```
//!
//! A tombstone keeps what replay needs of an event that is nobody's: that its uuid was seen, how far its file
//! is dealt with, how late it was, and which identifiers others lost by it. Invariant: it is shorter than the event.

use super::{
    BadRecord, EventReplay, FLAG_CLIENT_UUID, FLAG_EVENT_CLOCK, FLAG_SOURCE, FLAG_STILL,
    RecordedOutcome, SourceLine, put_source, read_outcome, read_source, skip_text,
};
use crate::profile::{Identifier, Rid};
use crate::value::codec::{Bytes, put_text};

/// Record kind of an erasure.
pub const KIND_ERASURE: u8 = 7;
/// Record kind of the note that an erasure is carried out.
pub const KIND_ERASED: u8 = 8;
/// Record kind of what stands where an erased event stood.
pub const KIND_TOMBSTONE: u8 = 9;

/// A flag of tombstones alone.
const FLAG_MOVED: u16 = 128;

/// Bytes of one identifier in an erasure's record.
const IDENTIFIER_BYTES: usize = 2 + 16 + 8 + 8;

/// An erased person's identifier, unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErasedIdentifier {
    /// The key's number.
    pub key: u16,
    /// The keyed hash of its value.
    pub hash: [u8; 16],
    /// LSN from which on it was theirs.
    pub from: u64,
    /// LSN from which on it was not theirs any more.
    pub until: u64,
}

/// Who is erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasureRecord {
    /// When, epoch milliseconds of the machine's clock.
    pub now_ms: i64,
    /// Every profile that the people ever were, ascending.
    pub rids: Vec<[u8; 16]>,
    /// Every identifier that they ever had, ascending.
    pub identifiers: Vec<ErasedIdentifier>,
    /// What anonymizing leaves: profiles as snapshots hold them.
    pub kept: Vec<Vec<u8>>,
}

impl ErasureRecord {
    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.now_ms.to_le_bytes());
        out.extend_from_slice(&(self.rids.len() as u32).to_le_bytes());
        self.rids.iter().for_each(|rid| out.extend_from_slice(rid));
        out.extend_from_slice(&(self.identifiers.len() as u32).to_le_bytes());
        for identifier in &self.identifiers {
            out.extend_from_slice(&identifier.key.to_le_bytes());
            out.extend_from_slice(&identifier.hash);
            out.extend_from_slice(&identifier.from.to_le_bytes());
            out.extend_from_slice(&identifier.until.to_le_bytes());
        }
        out.extend_from_slice(&(self.kept.len() as u32).to_le_bytes());
        for profile in &self.kept {
            out.extend_from_slice(&(profile.len() as u32).to_le_bytes());
            out.extend_from_slice(profile);
        }
        out
    }

    /// Reads a record of kind [`KIND_ERASURE`].
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode` writes.
    pub fn decode(payload: &[u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        let now_ms = bytes.i64()?;
        let count = bytes.count(16)?;
        let rids = bytes.several(count, |bytes| bytes.array())?;
        let count = bytes.count(IDENTIFIER_BYTES)?;
        let identifiers = bytes.several(count, |bytes| {
            let (key, hash) = (bytes.u16()?, bytes.array()?);
            Ok(ErasedIdentifier { key, hash, from: bytes.u64()?, until: bytes.u64()? })
        })?;
        let count = bytes.count(4)?;
        let kept = bytes.several(count, |bytes| {
            let length = bytes.u32()? as usize;
            bytes.take(length).map(<[u8]>::to_vec)
        })?;
        if !bytes.is_empty() {
            return Err(BadRecord("bytes follow an erasure"));
        }
        Ok(Self { now_ms, rids, identifiers, kept })
    }
}

/// That an erasure is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErasedRecord {
    /// The LSN of the erasure's record.
    pub erasure: u64,
    /// Records of events that were replaced.
    pub tombstones: u64,
}

impl ErasedRecord {
    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [self.erasure.to_le_bytes(), self.tombstones.to_le_bytes()].concat()
    }

    /// Reads a record of kind [`KIND_ERASED`].
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode` writes.
    pub fn decode(payload: &[u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        let (erasure, tombstones) = (bytes.u64()?, bytes.u64()?);
        if !bytes.is_empty() {
            return Err(BadRecord("bytes follow the end of an erasure"));
        }
        Ok(Self { erasure, tombstones })
    }
}

/// What stands where an erased event stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone<'a> {
    /// Whether processing time came from events.
    pub event_clock: bool,
    /// Whether the record moves processing time.
    pub moves_clock: bool,
    /// Number of the configuration in force.
    pub configuration: u32,
    /// Processing time, epoch milliseconds.
    pub now_ms: i64,
    /// What the client's uuid is remembered as, when it sent one.
    pub uuid: Option<u128>,
    /// File and line that it came from, with database and table.
    pub source: Option<(&'a str, &'a str, SourceLine)>,
    /// Identifiers that a guard rail took from others for it: whose, and each unreadable.
    pub moved: Vec<Lost>,
}

/// An identifier that a profile lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The profile that it left.
    pub rid: [u8; 16],
    /// The key's number.
    pub key: u16,
    /// The keyed hash of its value.
    pub hash: [u8; 16],
}

impl<'a> Tombstone<'a> {
    /// What is left of an event; `dedup` gives what a client's uuid is remembered as, `hash` what stands for an
    /// identifier.
    pub fn of(
        event: &EventReplay<'a>,
        dedup: impl FnOnce(&[u8; 16]) -> u128,
        hash: impl Fn(u16, &str) -> [u8; 16],
    ) -> Self {
        let lost = |(position, rid): &(u8, Rid)| {
            let Identifier { key, value } = event.identifiers.get(usize::from(*position))?;
            Some(Lost { rid: rid.0, key: *key, hash: hash(*key, value) })
        };
        let moved = match &event.outcome {
            RecordedOutcome::Moved(moved) => moved.moved.iter().filter_map(lost).collect(),
            _ => Vec::new(),
        };
        Self {
            moved,
            event_clock: event.event_clock,
            moves_clock: event.moves_clock,
            configuration: event.configuration,
            now_ms: event.now_ms,
            uuid: event.client_uuid.then(|| dedup(&event.uuid)),
            source: event.source.map(|source| (event.database, event.table, source)),
        }
    }

    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let flag = |set: bool, bit: u16| if set { bit } else { 0 };
        let flags = flag(self.event_clock, FLAG_EVENT_CLOCK)
            | flag(self.uuid.is_some(), FLAG_CLIENT_UUID)
            | flag(self.source.is_some(), FLAG_SOURCE)
            | flag(!self.moves_clock, FLAG_STILL)
            | flag(!self.moved.is_empty(), FLAG_MOVED);
        let mut out = flags.to_le_bytes().to_vec();
        out.extend_from_slice(&self.configuration.to_le_bytes());
        out.extend_from_slice(&self.now_ms.to_le_bytes());
        if let Some(uuid) = self.uuid {
            out.extend_from_slice(&uuid.to_le_bytes());
        }
        if let Some((database, table, source)) = self.source {
            put_text(&mut out, database);
            put_text(&mut out, table);
            put_source(&mut out, source);
        }
        if !self.moved.is_empty() {
            out.push(self.moved.len() as u8);
            for lost in &self.moved {
                out.extend_from_slice(&lost.rid);
                out.extend_from_slice(&lost.key.to_le_bytes());
                out.extend_from_slice(&lost.hash);
            }
        }
        out
    }

    /// Reads a record of kind [`KIND_TOMBSTONE`].
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode` writes.
    pub fn decode(payload: &'a [u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        let flags = bytes.u16()?;
        let (configuration, now_ms) = (bytes.u32()?, bytes.i64()?);
        let uuid = match flags & FLAG_CLIENT_UUID {
            0 => None,
            _ => Some(u128::from_le_bytes(bytes.array()?)),
        };
        let source = match flags & FLAG_SOURCE {
            0 => None,
            _ => Some((bytes.text()?, bytes.text()?, read_source(&mut bytes)?)),
        };
        let moved = match flags & FLAG_MOVED {
            0 => Vec::new(),
            _ => {
                let count = usize::from(bytes.u8()?);
                bytes.several(count, |bytes| {
                    Ok(Lost { rid: bytes.array()?, key: bytes.u16()?, hash: bytes.array()? })
                })?
            }
        };
        if !bytes.is_empty() {
            return Err(BadRecord("bytes follow a tombstone"));
        }
        Ok(Self {
            event_clock: flags & FLAG_EVENT_CLOCK != 0,
            moves_clock: flags & FLAG_STILL == 0,
            configuration,
            now_ms,
            uuid,
            source,
            moved,
        })
    }
}

/// Whose event a record is and by which identifiers, read without the rest.
#[derive(Debug, PartialEq, Eq)]
pub struct Whose<'a> {
    /// Usable identifiers: key and value.
    pub identifiers: Vec<(u16, &'a str)>,
    /// Identity's outcome.
    pub outcome: RecordedOutcome,
}

impl<'a> Whose<'a> {
    /// Reads the head of an event's record, up to the outcome.
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode_head` writes.
    pub fn decode(payload: &'a [u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        bytes.take(2 + 4 + 8 + 8 + 16)?;
        skip_text(&mut bytes)?;
        skip_text(&mut bytes)?;
        let count = usize::from(bytes.u8()?);
        let identifiers = bytes.several(count, |bytes| Ok((bytes.u16()?, bytes.text()?)))?;
        let ignored = usize::from(bytes.u8()?);
        bytes.take(ignored * 3)?;
        Ok(Self { identifiers, outcome: read_outcome(&mut bytes)? })
    }

    /// Whether it bound its identifiers to a profile: not on a table that is no destination, and not when there was
    /// no memory for one more profile.
    #[must_use]
    pub fn binds(&self) -> bool {
        !matches!(self.outcome, RecordedOutcome::Nobody | RecordedOutcome::Passing(_))
    }

    /// The profiles that the event was about: the one that it ended in first.
    pub fn rids(&self) -> impl Iterator<Item = &[u8; 16]> {
        let (rid, merged, joined): (_, &[[u8; 16]], &[Rid]) = match &self.outcome {
            RecordedOutcome::Nobody => (None, &[], &[]),
            RecordedOutcome::New(rid)
            | RecordedOutcome::Known(rid)
            | RecordedOutcome::Extended(rid)
            | RecordedOutcome::Passing(rid) => (Some(rid), &[], &[]),
            RecordedOutcome::Merged(rid, merged) => (Some(rid), merged, &[]),
            RecordedOutcome::Moved(moved) => (Some(&moved.rid.0), &[], &moved.merged),
        };
        rid.into_iter().chain(merged).chain(joined.iter().map(|rid| &rid.0))
    }

    /// The identifiers that left another profile for this one: positions in `identifiers`.
    pub fn moved(&self) -> impl Iterator<Item = usize> {
        let moved = match &self.outcome {
            RecordedOutcome::Moved(moved) => moved.moved.as_slice(),
            _ => &[],
        };
        moved.iter().map(|(position, _)| usize::from(*position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_reads_back_as_it_was_written_and_no_part_of_it_does() {
        let erasure = ErasureRecord {
            now_ms: 5,
            rids: vec![[1; 16], [2; 16]],
            identifiers: vec![ErasedIdentifier { key: 3, hash: [9; 16], from: 1, until: 77 }],
            kept: vec![vec![1, 2, 3], Vec::new()],
        };
        let bytes = erasure.encode();
        assert_eq!(ErasureRecord::decode(&bytes).unwrap(), erasure);
        for length in 0..bytes.len() {
            assert!(ErasureRecord::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
        let done = ErasedRecord { erasure: 8, tombstones: 3 };
        assert_eq!(ErasedRecord::decode(&done.encode()).unwrap(), done);
        assert!(ErasedRecord::decode(&[0; 17]).is_err());
        let source = SourceLine { file: [7; 32], line: 9 };
        for (uuid, source) in [(Some(1), Some(("db", "t", source))), (None, None)] {
            let tombstone = Tombstone {
                event_clock: uuid.is_some(),
                moves_clock: source.is_none(),
                configuration: 4,
                now_ms: -1,
                uuid,
                source,
                moved: vec![Lost { rid: [5; 16], key: 2, hash: [6; 16] }; source.iter().count()],
            };
            let bytes = tombstone.encode();
            assert_eq!(Tombstone::decode(&bytes).unwrap(), tombstone);
            assert!(Tombstone::decode(&bytes[1..]).is_err());
        }
    }
}
