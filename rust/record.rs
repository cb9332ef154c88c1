//! Record: what the reactor writes into the log, and reads back on replay.
//!
//! An event's record holds its verdict, the facts that must never be decided twice (page 5.2), the
//! values that the plan took from the parsed event, and the body verbatim. The layout stands here,
//! beside its writer and its reader. All integers are little endian; text is a `u32` length and
//! UTF-8 bytes.
//!
//! ```text
//! event (kind 1)
//!   flags            u16   1 event clock, 2 client's uuid, 4 routed, 8 has a source line,
//!                          16 moves no clock (page 4.2: without `time`, before the first),
//!                          32 may let identifiers go: replay runs it with nothing else under way,
//!                          64 kept out by `ignore`: stored, and to no profile, whatever its table (never routed),
//!                          128 batch data could not be read: replay must not read it either,
//!                          256 of a public caller, whose `public: ignore` keys do not identify
//!   configuration    u32   number of the publish
//!   now_ms           i64   processing time
//!   time_s           i64   the event's own time, -1 when it sent none
//!   uuid             16 bytes
//!   database, table  text
//!   identifiers      u8 count, each: key u16, value text (normalized)
//!   ignored          u8 count, each: key u16, reason u8
//!   outcome          u8    0 nobody, 1 new, 2 known, 3 extended, 4 merged, 5 moved by a guard rail,
//!                          6 moved to a new profile, 7 passing: new, and not kept
//!   rid              16 bytes, unless nobody
//!   merged           u8 count, each 16 bytes, when merged or moved
//!   bound            u16   the key whose bound would have been broken, when moved
//!   moved            u8 count, each: u8 position in identifiers, 16 bytes the profile that it left, when moved
//!   events           u16 count, each u16
//!   fuel             u32   what the filters left of apply's fuel to the attribute rules
//!   taken            u32 count, each a value, by the plan's field index
//!   whole            a value: the event as an object when the plan reads it so, else undefined
//!   activations      u8    0: none are decided in this version
//!   source           32 bytes hash of the file, u64 line; only with flag 8
//!   body             u32 length, bytes
//! configuration (kind 2)
//!   number           u32
//!   now_ms           i64
//!   hash             32 bytes, SHA-256 of the text
//!   keys, attributes, fields   each: u32 count, texts; position is the number given, and an empty
//!                    text that it was given up
//!   asleep keys, asleep attributes   each: u32 count, each: number u16, since i64: those that are not
//!                    configured, and since which processing time
//!   text             text, every secret replaced by its digest
//! import (kind 16): batch data, as in `batch::ledger`
//! lines (kind 3): of a file, all up to this one are dealt with; written when the last of them left
//! no record of their own, being repeats or refused
//!   database, table  text
//!   source           32 bytes hash of the file, u64 line
//! ```
//!
//! Texts and values are as in `value::codec`; evictions stand in `eviction`, what erasing people writes in
//! `erasure`.

mod configuration;
mod erasure;
mod eviction;

pub use configuration::ConfigurationRecord;
pub use erasure::{
    ErasedIdentifier, ErasedRecord, ErasureRecord, KIND_ERASED, KIND_ERASURE, KIND_TOMBSTONE, Lost,
    Tombstone, Whose,
};
pub use eviction::{EvictionReason, EvictionRecord, KIND_EVICTION};

use crate::profile::{Identifier, Moved, Outcome, Rid};
use crate::value::codec::{BadBytes, Bytes, put_text, put_value};
use crate::value::{Text, Value};

/// Record kind of an event.
pub const KIND_EVENT: u8 = 1;
/// Record kind of a published configuration.
pub const KIND_CONFIGURATION: u8 = 2;
/// Record kind of a file's lines that left no record.
pub const KIND_LINES: u8 = 3;
/// Record kind of a change of batch data.
pub const KIND_IMPORT: u8 = 16;
/// Database that the records of imported identifiers name: no event can come in for it.
pub const IDENTITY_DATABASE: &str = "IMPORT";
/// Table that the records of imported identifiers name: no event can come in for it.
pub const IDENTITY_TABLE: &str = "IDENTITIES";
/// Raised by any change of what apply computes (page 5.3).
pub const APPLY_EPOCH: u32 = 2;

const FLAG_EVENT_CLOCK: u16 = 1;
const FLAG_CLIENT_UUID: u16 = 2;
const FLAG_ROUTED: u16 = 4;
const FLAG_SOURCE: u16 = 8;
const FLAG_STILL: u16 = 16;
const FLAG_LETS_GO: u16 = 32;
const FLAG_KEPT_OUT: u16 = 64;
const FLAG_UNREADABLE: u16 = 128;
const FLAG_PUBLIC: u16 = 256;
/// A record that cannot be decoded although its checksum holds.
#[derive(Debug, thiserror::Error)]
#[error("a record cannot be decoded: {0}")]
pub struct BadRecord(pub &'static str);

impl From<BadBytes> for BadRecord {
    fn from(bad: BadBytes) -> Self {
        Self(bad.0)
    }
}

/// Who the event was found to be from, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedOutcome {
    /// No usable identifier, or a table that is no destination.
    Nobody,
    /// A new profile.
    New([u8; 16]),
    /// A known profile, nothing new.
    Known([u8; 16]),
    /// A known profile with further identifiers.
    Extended([u8; 16]),
    /// Several profiles became one.
    Merged([u8; 16], Vec<[u8; 16]>),
    /// A new profile for which there was no room: answered from the event alone, and not kept.
    Passing([u8; 16]),
    /// A guard rail kept profiles apart.
    Moved(Box<Moved>),
}

impl From<&Outcome> for RecordedOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Nobody => Self::Nobody,
            Outcome::New(rid) => Self::New(rid.0),
            Outcome::Known(rid) => Self::Known(rid.0),
            Outcome::Extended(rid) => Self::Extended(rid.0),
            Outcome::Merged { survivor, merged } => {
                Self::Merged(survivor.0, merged.iter().map(|rid| rid.0).collect())
            }
            Outcome::Moved(moved) => Self::Moved(moved.clone()),
        }
    }
}

impl From<&RecordedOutcome> for Outcome {
    fn from(outcome: &RecordedOutcome) -> Self {
        match outcome {
            RecordedOutcome::Nobody => Self::Nobody,
            RecordedOutcome::New(rid) | RecordedOutcome::Passing(rid) => Self::New(Rid(*rid)),
            RecordedOutcome::Known(rid) => Self::Known(Rid(*rid)),
            RecordedOutcome::Extended(rid) => Self::Extended(Rid(*rid)),
            RecordedOutcome::Merged(survivor, merged) => Self::Merged {
                survivor: Rid(*survivor),
                merged: merged.iter().map(|rid| Rid(*rid)).collect(),
            },
            RecordedOutcome::Moved(moved) => Self::Moved(moved.clone()),
        }
    }
}

/// The line of a file that an event came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// SHA-256 of the file.
    pub file: [u8; 32],
    /// Line, from 1.
    pub line: u64,
}

/// An event's record, borrowed from what it is written from.
#[derive(Debug)]
pub struct EventRecord<'a> {
    /// Number of the configuration in force.
    pub configuration: u32,
    /// Whether processing time came from events.
    pub event_clock: bool,
    /// Whether the record moves processing time.
    pub moves_clock: bool,
    /// Whether the uuid was the client's.
    pub client_uuid: bool,
    /// Whether the event goes to a profile: its table is a destination, and `ignore` let it in.
    pub routed: bool,
    /// Whether `ignore` kept it from profiles.
    pub kept_out: bool,
    /// Whether a public caller sent it.
    pub public: bool,
    /// Whether the profile may have to let identifiers go.
    pub lets_go: bool,
    /// Whether the rules could not read batch data.
    pub unreadable: bool,
    /// Processing time, epoch milliseconds.
    pub now_ms: i64,
    /// The event's own time, epoch seconds.
    pub time_s: Option<i64>,
    /// The event's uuid.
    pub uuid: [u8; 16],
    /// Database.
    pub database: &'a str,
    /// Table.
    pub table: &'a str,
    /// Usable identifiers, strongest first.
    pub identifiers: &'a [Identifier],
    /// Key numbers whose value was not usable, and why.
    pub ignored: &'a [(u16, u8)],
    /// Identity's outcome.
    pub outcome: &'a RecordedOutcome,
    /// Matched events.
    pub events: &'a [u16],
    /// Fuel that the filters left to the attribute rules.
    pub fuel: u32,
    /// Values by field index.
    pub taken: &'a [Value],
    /// The event as an object, when the plan reads it so.
    pub whole: &'a Value,
    /// File and line, for bulk ingestion from files.
    pub source: Option<SourceLine>,
    /// The body as it came.
    pub body: &'a [u8],
}

/// An event's record, read back.
#[derive(Debug)]
pub struct EventReplay<'a> {
    /// Number of the configuration in force.
    pub configuration: u32,
    /// Whether processing time came from events.
    pub event_clock: bool,
    /// Whether the record moves processing time.
    pub moves_clock: bool,
    /// Whether the uuid was the client's.
    pub client_uuid: bool,
    /// Whether the event goes to a profile: its table is a destination, and `ignore` let it in.
    pub routed: bool,
    /// Whether the rules could not read batch data.
    pub unreadable: bool,
    /// Whether `ignore` kept it from profiles.
    pub kept_out: bool,
    /// Whether a public caller sent it.
    pub public: bool,
    /// Processing time, epoch milliseconds.
    pub now_ms: i64,
    /// The event's own time, epoch seconds.
    pub time_s: Option<i64>,
    /// The event's uuid.
    pub uuid: [u8; 16],
    /// Database.
    pub database: &'a str,
    /// Table.
    pub table: &'a str,
    /// Usable identifiers.
    pub identifiers: Vec<Identifier>,
    /// Key numbers whose value was not usable, and why.
    pub ignored: Vec<(u16, u8)>,
    /// Identity's outcome.
    pub outcome: RecordedOutcome,
    /// Matched events.
    pub events: Vec<u16>,
    /// Fuel that the filters left to the attribute rules.
    pub fuel: u32,
    /// Values by field index.
    pub taken: Vec<Value>,
    /// The event as an object, or undefined.
    pub whole: Value,
    /// File and line.
    pub source: Option<SourceLine>,
    /// The body as it came.
    pub body: &'a [u8],
}

impl EventRecord<'_> {
    /// Appends all but the body to `out`, which the log takes as one part, the body as the next.
    pub fn encode_head(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u16| if set { bit } else { 0 };
        let flags = flag(self.event_clock, FLAG_EVENT_CLOCK)
            | flag(self.client_uuid, FLAG_CLIENT_UUID)
            | flag(self.routed, FLAG_ROUTED)
            | flag(self.source.is_some(), FLAG_SOURCE)
            | flag(!self.moves_clock, FLAG_STILL)
            | flag(self.lets_go, FLAG_LETS_GO)
            | flag(self.kept_out, FLAG_KEPT_OUT)
            | flag(self.unreadable, FLAG_UNREADABLE)
            | flag(self.public, FLAG_PUBLIC);
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&self.configuration.to_le_bytes());
        out.extend_from_slice(&self.now_ms.to_le_bytes());
        out.extend_from_slice(&self.time_s.unwrap_or(-1).to_le_bytes());
        out.extend_from_slice(&self.uuid);
        put_text(out, self.database);
        put_text(out, self.table);
        out.push(self.identifiers.len() as u8);
        for identifier in self.identifiers {
            out.extend_from_slice(&identifier.key.to_le_bytes());
            put_text(out, &identifier.value);
        }
        out.push(self.ignored.len() as u8);
        for (key, reason) in self.ignored {
            out.extend_from_slice(&key.to_le_bytes());
            out.push(*reason);
        }
        put_outcome(out, self.outcome);
        out.extend_from_slice(&(self.events.len() as u16).to_le_bytes());
        for event in self.events {
            out.extend_from_slice(&event.to_le_bytes());
        }
        out.extend_from_slice(&self.fuel.to_le_bytes());
        out.extend_from_slice(&(self.taken.len() as u32).to_le_bytes());
        for value in self.taken {
            put_value(out, value);
        }
        put_value(out, self.whole);
        out.push(0);
        if let Some(source) = self.source {
            put_source(out, source);
        }
        out.extend_from_slice(&(self.body.len() as u32).to_le_bytes());
    }
}

/// Where an event's record belongs: what replay must know to give it to one of several threads.
#[derive(Debug, PartialEq, Eq)]
pub struct Errand {
    /// Processing time, epoch milliseconds.
    pub now_ms: i64,
    /// The uuid, when it was the client's.
    pub client_uuid: Option<[u8; 16]>,
    /// Whether the profile may have to let identifiers go.
    pub lets_go: bool,
    /// Whose event it is.
    pub outcome: RecordedOutcome,
}

impl Errand {
    /// Reads the head of a record of kind [`KIND_EVENT`], up to the outcome.
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode_head` writes.
    pub fn decode(payload: &[u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        let flags = bytes.u16()?;
        bytes.take(4)?;
        let now_ms = bytes.i64()?;
        bytes.take(8)?;
        let uuid = bytes.array()?;
        skip_text(&mut bytes)?;
        skip_text(&mut bytes)?;
        for _ in 0..bytes.u8()? {
            bytes.take(2)?;
            skip_text(&mut bytes)?;
        }
        let ignored = usize::from(bytes.u8()?);
        bytes.take(ignored * 3)?;
        let outcome = read_outcome(&mut bytes)?;
        let client_uuid = (flags & FLAG_CLIENT_UUID != 0).then_some(uuid);
        Ok(Self { now_ms, client_uuid, lets_go: flags & FLAG_LETS_GO != 0, outcome })
    }
}

impl<'a> EventReplay<'a> {
    /// Whether it is an imported row of identifiers: they are linked, and no rule runs.
    #[must_use]
    pub fn links_only(&self) -> bool {
        (self.database, self.table) == (IDENTITY_DATABASE, IDENTITY_TABLE)
    }

    /// Reads a record of kind [`KIND_EVENT`].
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode_head` writes.
    pub fn decode(payload: &'a [u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        let flags = bytes.u16()?;
        let configuration = bytes.u32()?;
        let now_ms = bytes.i64()?;
        let time_s = Some(bytes.i64()?).filter(|&seconds| seconds >= 0);
        let uuid = bytes.array()?;
        let database = bytes.text()?;
        let table = bytes.text()?;
        let count = usize::from(bytes.u8()?);
        let identifiers = bytes.several(count, |bytes| {
            Ok(Identifier { key: bytes.u16()?, value: Text::new(bytes.text()?) })
        })?;
        let count = usize::from(bytes.u8()?);
        let ignored = bytes.several(count, |bytes| Ok((bytes.u16()?, bytes.u8()?)))?;
        let outcome = read_outcome(&mut bytes)?;
        let count = usize::from(bytes.u16()?);
        let events = bytes.several(count, Bytes::u16)?;
        let fuel = bytes.u32()?;
        let count = bytes.count(1)?;
        let taken = bytes.several(count, Bytes::value)?;
        let whole = bytes.value()?;
        if bytes.u8()? != 0 {
            return Err(BadRecord("it holds activations, which this version does not know"));
        }
        let source = match flags & FLAG_SOURCE {
            0 => None,
            _ => Some(read_source(&mut bytes)?),
        };
        let length = bytes.u32()? as usize;
        let body = bytes.take(length)?;
        if !bytes.is_empty() {
            return Err(BadRecord("bytes follow the body"));
        }
        Ok(Self {
            configuration,
            event_clock: flags & FLAG_EVENT_CLOCK != 0,
            moves_clock: flags & FLAG_STILL == 0,
            client_uuid: flags & FLAG_CLIENT_UUID != 0,
            routed: flags & FLAG_ROUTED != 0,
            unreadable: flags & FLAG_UNREADABLE != 0,
            kept_out: flags & FLAG_KEPT_OUT != 0,
            public: flags & FLAG_PUBLIC != 0,
            now_ms,
            time_s,
            uuid,
            database,
            table,
            identifiers,
            ignored,
            outcome,
            events,
            fuel,
            taken,
            whole,
            source,
            body,
        })
    }
}

/// How far a file is dealt with for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinesRecord<'a> {
    /// Database.
    pub database: &'a str,
    /// Table.
    pub table: &'a str,
    /// File, and the last line dealt with.
    pub source: SourceLine,
}

impl<'a> LinesRecord<'a> {
    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_text(&mut out, self.database);
        put_text(&mut out, self.table);
        put_source(&mut out, self.source);
        out
    }

    /// Reads a record of kind [`KIND_LINES`].
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode` writes.
    pub fn decode(payload: &'a [u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        Ok(Self { database: bytes.text()?, table: bytes.text()?, source: read_source(&mut bytes)? })
    }
}

fn put_source(out: &mut Vec<u8>, source: SourceLine) {
    out.extend_from_slice(&source.file);
    out.extend_from_slice(&source.line.to_le_bytes());
}

fn put_outcome(out: &mut Vec<u8>, outcome: &RecordedOutcome) {
    match outcome {
        RecordedOutcome::Nobody => out.push(0),
        RecordedOutcome::New(rid) => put_rid(out, 1, rid),
        RecordedOutcome::Known(rid) => put_rid(out, 2, rid),
        RecordedOutcome::Extended(rid) => put_rid(out, 3, rid),
        RecordedOutcome::Merged(rid, merged) => {
            put_rid(out, 4, rid);
            out.push(merged.len() as u8);
            merged.iter().for_each(|rid| out.extend_from_slice(rid));
        }
        RecordedOutcome::Passing(rid) => put_rid(out, 7, rid),
        RecordedOutcome::Moved(moved) => {
            put_rid(out, if moved.is_new { 6 } else { 5 }, &moved.rid.0);
            out.push(moved.merged.len() as u8);
            moved.merged.iter().for_each(|rid| out.extend_from_slice(&rid.0));
            out.extend_from_slice(&moved.bound.to_le_bytes());
            out.push(moved.moved.len() as u8);
            for (position, from) in &moved.moved {
                put_rid(out, *position, &from.0);
            }
        }
    }
}

fn put_rid(out: &mut Vec<u8>, tag: u8, rid: &[u8; 16]) {
    out.push(tag);
    out.extend_from_slice(rid);
}

fn skip_text(bytes: &mut Bytes<'_>) -> Result<(), BadBytes> {
    let length = bytes.u32()? as usize;
    bytes.take(length).map(|_| ())
}

fn read_source(bytes: &mut Bytes<'_>) -> Result<SourceLine, BadBytes> {
    Ok(SourceLine { file: bytes.array()?, line: bytes.u64()? })
}

fn read_outcome(bytes: &mut Bytes<'_>) -> Result<RecordedOutcome, BadBytes> {
    Ok(match bytes.u8()? {
        0 => RecordedOutcome::Nobody,
        1 => RecordedOutcome::New(bytes.array()?),
        2 => RecordedOutcome::Known(bytes.array()?),
        3 => RecordedOutcome::Extended(bytes.array()?),
        4 => {
            let survivor = bytes.array()?;
            let merged = (0..bytes.u8()?).map(|_| bytes.array()).collect::<Result<_, _>>()?;
            RecordedOutcome::Merged(survivor, merged)
        }
        7 => RecordedOutcome::Passing(bytes.array()?),
        tag @ (5 | 6) => RecordedOutcome::Moved(Box::new(read_moved(bytes, tag == 6)?)),
        _ => return Err(BadBytes("its identity outcome is unknown")),
    })
}

fn read_moved(bytes: &mut Bytes<'_>, is_new: bool) -> Result<Moved, BadBytes> {
    let rid = Rid(bytes.array()?);
    let count = usize::from(bytes.u8()?);
    let merged = bytes.several(count, |bytes| Ok(Rid(bytes.array()?)))?;
    let bound = bytes.u16()?;
    let count = usize::from(bytes.u8()?);
    let moved = bytes.several(count, |bytes| Ok((bytes.u8()?, Rid(bytes.array()?))))?;
    Ok(Moved { rid, is_new, bound, merged, moved })
}

#[cfg(test)]
mod tests;
