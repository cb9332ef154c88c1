//! Packed: a profile as it is kept, one allocation of compact bytes.
//!
//! A profile that is not being changed is bytes: a header, a directory from attribute to place, and the
//! states in the coding of `attribute::codec`. A profile in a million others costs a few cache misses
//! beside each other, and no more memory than it says; a snapshot holds the same bytes.
//!
//! ```text
//! profile
//!   rid            16 bytes
//!   changed_lsn    u64
//!   directory_at   u32: where the directory begins; the high bit: it is wide
//!   attributes     u16 count
//!   updated_ms     signed
//!   identifiers    varint count, each: varint key << 1 | is a UUID; signed updated_ms - seen_ms;
//!                  16 bytes of a UUID, or varint length and UTF-8; the least recently seen first
//!   directory      each: id u16, end u16 (wide: u32), counted from the end of the directory; ascending by id
//!   states         one after another
//! ```
//!
//! Integers are little endian. A state over [`PART_BYTES`] moves out into an allocation of its own, so that
//! a long list is not copied whenever something beside it changes; in the directory it takes no bytes.
//!
//! Invariants: bytes in the store were written here or went through [`Packed::decode`], which looks at every
//! one of them, so that reading from the store cannot fail; nothing but the LSN is ever written in place,
//! and that once.

use std::hint::black_box;
use std::sync::Arc;

use smallvec::SmallVec;

use super::attribute::{AttributeSpec, AttributeState, Written};
use super::compact::{self, put_signed, put_varint};
use super::listed::{Listed, ListedAll};
use super::{IDENTIFIERS_MAX, Profile, Rid, SeenIdentifier};
use crate::value::codec::{BadBytes, Bytes};
use crate::value::{Text, Value};

/// States that take more bytes have an allocation of their own.
const PART_BYTES: usize = 4_096;

const LSN_AT: usize = 16;
const DIRECTORY_AT: usize = 24;
const COUNT_AT: usize = 28;
const HEAD_BYTES: usize = 30;
const WIDE: u32 = 1 << 31;
const CACHE_LINE_BYTES: usize = 64;

/// What an allocation takes beside what was asked for, and what it is rounded to.
const ALLOCATION_HEAD_BYTES: usize = 8;
const ALLOCATION_STEP_BYTES: usize = 16;

/// A profile as it is kept.
#[derive(Clone, Debug)]
pub struct Packed(Form);

/// One allocation, or with states that moved out. As large as a boxed slice.
#[derive(Clone, Debug)]
enum Form {
    Whole(Box<[u8]>),
    Parted(Box<Parted>),
}

#[derive(Clone, Debug)]
struct Parted {
    bytes: Box<[u8]>,
    /// States that moved out, ascending by the attribute's id. Shared: an update that leaves one as it is
    /// does not copy it.
    parts: Vec<(u16, Arc<[u8]>)>,
}

/// Why reading what the store holds cannot fail.
const WAS_CHECKED: &str = "a packed profile was written or checked by its own code";

/// Where an attribute's state comes from when a profile is written.
pub(super) enum Source<'a> {
    /// It stays as it is.
    Kept(&'a [u8]),
    /// It stays as it is, in its own allocation.
    KeptPart(&'a Arc<[u8]>),
    /// It is new.
    State(&'a AttributeState),
    /// It is new, and a list that was changed as it stood.
    List(&'a Written),
}

/// Places in one allocation that wait for the record's LSN.
pub(super) type Pending = SmallVec<[u32; 8]>;

/// A packed profile whose record has no LSN yet.
#[derive(Debug)]
pub(super) struct Unsettled {
    packed: Packed,
    pending: Pending,
    pending_parts: Vec<(u16, Pending)>,
}

impl Unsettled {
    /// The profile, all of whose pending stamps are now `lsn`. Cannot fail.
    pub(super) fn settle(self, lsn: u64) -> Packed {
        let Self { mut packed, pending, pending_parts } = self;
        let write = |bytes: &mut [u8], places: &[u32]| {
            for place in places {
                let place = *place as usize;
                bytes[place..place + 8].copy_from_slice(&lsn.to_le_bytes());
            }
        };
        let bytes = match &mut packed.0 {
            Form::Whole(bytes) => bytes,
            Form::Parted(parted) => {
                for (id, places) in &pending_parts {
                    let part = parted.parts.iter_mut().find(|(part, _)| part == id);
                    let part = part.and_then(|(_, part)| Arc::get_mut(part));
                    write(part.expect("a new part is nobody else's yet"), places);
                }
                &mut parted.bytes
            }
        };
        write(bytes, &pending);
        bytes[LSN_AT..LSN_AT + 8].copy_from_slice(&lsn.to_le_bytes());
        packed
    }
}

/// Writes a profile. `attributes` ascend by id; states that are empty are left out.
pub(super) fn write(
    rid: Rid,
    updated_ms: i64,
    identifiers: &[Listed<'_>],
    attributes: &[(u16, Source<'_>)],
) -> Unsettled {
    let mut states = Vec::with_capacity(512);
    let mut directory: SmallVec<[(u16, u32); 16]> = SmallVec::new();
    let mut parts = Vec::new();
    let (mut pending, mut pending_parts) = (Pending::new(), Vec::new());
    for (id, source) in attributes {
        let begins = states.len();
        let waiting = pending.len();
        match source {
            Source::State(state) if state.is_empty() => continue,
            Source::State(state) => state.pack(&mut states, &mut pending),
            Source::List(list) if list.bytes.is_empty() => continue,
            Source::List(list) => {
                states.extend_from_slice(&list.bytes);
                pending.extend(list.pending.iter().map(|place| begins as u32 + place));
            }
            Source::Kept(bytes) => states.extend_from_slice(bytes),
            Source::KeptPart(part) => parts.push((*id, Arc::clone(part))),
        }
        if states.len() - begins > PART_BYTES {
            parts.push((*id, Arc::from(&states[begins..])));
            states.truncate(begins);
            let places: Pending = pending.drain(waiting..).collect();
            let within = |place: u32| place - begins as u32;
            pending_parts.push((*id, places.into_iter().map(within).collect::<Pending>()));
        }
        directory.push((*id, states.len() as u32));
    }
    let is_wide = states.len() > usize::from(u16::MAX);
    let texts: usize = identifiers.iter().map(|listed| listed.value.room()).sum();
    let room = HEAD_BYTES + 16 + texts + directory.len() * entry_bytes(is_wide) + states.len();
    let mut bytes = Vec::with_capacity(room);
    bytes.extend_from_slice(&rid.0);
    bytes.extend_from_slice(&[0; HEAD_BYTES - LSN_AT]);
    put_signed(&mut bytes, updated_ms);
    put_varint(&mut bytes, identifiers.len() as u64);
    identifiers.iter().for_each(|listed| listed.put(updated_ms, &mut bytes));
    let directory_at = bytes.len() as u32 | if is_wide { WIDE } else { 0 };
    bytes[DIRECTORY_AT..COUNT_AT].copy_from_slice(&directory_at.to_le_bytes());
    let count = directory.len() as u16;
    bytes[COUNT_AT..HEAD_BYTES].copy_from_slice(&count.to_le_bytes());
    for (id, end) in &directory {
        bytes.extend_from_slice(&id.to_le_bytes());
        bytes.extend_from_slice(&end.to_le_bytes()[..entry_bytes(is_wide) - 2]);
    }
    pending.iter_mut().for_each(|place| *place += bytes.len() as u32);
    bytes.extend_from_slice(&states);
    let bytes = bytes.into_boxed_slice();
    let form = if parts.is_empty() {
        Form::Whole(bytes)
    } else {
        Form::Parted(Box::new(Parted { bytes, parts }))
    };
    Unsettled { packed: Packed(form), pending, pending_parts }
}

const fn entry_bytes(is_wide: bool) -> usize {
    if is_wide { 6 } else { 4 }
}

/// The directory of a profile.
#[derive(Clone, Copy)]
struct Directory<'a> {
    entries: &'a [u8],
    states: &'a [u8],
    is_wide: bool,
}

impl<'a> Directory<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, BadBytes> {
        let at = u32::from_le_bytes(array(bytes, DIRECTORY_AT)?);
        let is_wide = at & WIDE != 0;
        let count = usize::from(u16::from_le_bytes(array(bytes, COUNT_AT)?));
        let mut rest = Bytes(bytes.get((at & !WIDE) as usize..).ok_or(CUT_SHORT)?);
        let entries = rest.take(count * entry_bytes(is_wide))?;
        Ok(Self { entries, states: rest.0, is_wide })
    }

    fn len(&self) -> usize {
        self.entries.len() / entry_bytes(self.is_wide)
    }

    fn id(&self, at: usize) -> u16 {
        let entry = &self.entries[at * entry_bytes(self.is_wide)..];
        u16::from_le_bytes([entry[0], entry[1]])
    }

    fn end(&self, at: usize) -> usize {
        let entry = &self.entries[at * entry_bytes(self.is_wide)..];
        match self.is_wide {
            false => usize::from(u16::from_le_bytes([entry[2], entry[3]])),
            true => u32::from_le_bytes([entry[2], entry[3], entry[4], entry[5]]) as usize,
        }
    }

    fn find(&self, id: u16) -> Option<usize> {
        let (mut from, mut to) = (0, self.len());
        // A few are found faster one by one.
        while to - from > 8 {
            let middle = from.midpoint(to);
            if self.id(middle) <= id { from = middle } else { to = middle }
        }
        (from..to).find(|at| self.id(*at) == id)
    }

    fn state(&self, at: usize) -> Result<&'a [u8], BadBytes> {
        let begins = if at == 0 { 0 } else { self.end(at - 1) };
        self.states.get(begins..self.end(at)).ok_or(CUT_SHORT)
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], BadBytes> {
    let found = bytes.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
    found.ok_or(CUT_SHORT)
}

const CUT_SHORT: BadBytes = BadBytes("a profile is cut short");

impl Packed {
    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Whole(bytes) => bytes,
            Form::Parted(parted) => &parted.bytes,
        }
    }

    fn parts(&self) -> &[(u16, Arc<[u8]>)] {
        match &self.0 {
            Form::Whole(_) => &[],
            Form::Parted(parted) => &parted.parts,
        }
    }

    fn directory(&self) -> Directory<'_> {
        Directory::of(self.bytes()).expect(WAS_CHECKED)
    }

    /// Its internal id.
    pub fn rid(&self) -> Rid {
        Rid(array(self.bytes(), 0).expect(WAS_CHECKED))
    }

    /// LSN of the last record that changed it.
    pub fn changed_lsn(&self) -> u64 {
        u64::from_le_bytes(array(self.bytes(), LSN_AT).expect(WAS_CHECKED))
    }

    /// Processing time of the last event applied, epoch milliseconds.
    pub fn updated_ms(&self) -> i64 {
        compact::signed(&mut Bytes(&self.bytes()[HEAD_BYTES..])).expect(WAS_CHECKED)
    }

    /// How many identifiers it has.
    pub fn identifier_count(&self) -> usize {
        let mut bytes = Bytes(&self.bytes()[HEAD_BYTES..]);
        compact::signed(&mut bytes).expect(WAS_CHECKED);
        compact::varint(&mut bytes).expect(WAS_CHECKED) as usize
    }

    /// Its identifiers where they stand, the least recently seen first.
    pub(super) fn listed(&self) -> impl Iterator<Item = Listed<'_>> {
        let mut bytes = Bytes(&self.bytes()[HEAD_BYTES..]);
        let updated_ms = compact::signed(&mut bytes).expect(WAS_CHECKED);
        let count = compact::varint(&mut bytes).expect(WAS_CHECKED);
        (0..count).map(move |_| Listed::take(updated_ms, &mut bytes).expect(WAS_CHECKED))
    }

    /// Its identifiers, the least recently seen first.
    pub fn identifiers(&self) -> impl Iterator<Item = SeenIdentifier> {
        self.listed().map(|listed| SeenIdentifier {
            identifier: listed.identifier(),
            seen_ms: listed.seen_ms,
        })
    }

    /// Whether it lists this identifier.
    pub(super) fn lists(&self, sought: &Listed<'_>) -> bool {
        self.listed().any(|listed| listed.is(sought))
    }

    /// How many values of `key` it has.
    pub fn value_count(&self, key: u16) -> usize {
        self.listed().filter(|listed| listed.key == key).count()
    }

    /// The most recently seen value of `key`: what `PROFILE.<key>` reads.
    pub fn newest_value(&self, key: u16) -> Option<Text> {
        let newest = self.listed().filter(|listed| listed.key == key).last()?;
        Some(newest.value.text().expect(WAS_CHECKED))
    }

    /// Where the state of an attribute stands.
    pub(super) fn state(&self, id: u16) -> Option<&[u8]> {
        let directory = self.directory();
        let state = directory.state(directory.find(id)?).expect(WAS_CHECKED);
        Some(if state.is_empty() { self.part(id) } else { state })
    }

    fn part(&self, id: u16) -> &Arc<[u8]> {
        let part = self.parts().iter().find(|(part, _)| *part == id);
        &part.expect(WAS_CHECKED).1
    }

    /// Whether attribute `id` has a state.
    pub fn has(&self, id: u16) -> bool {
        self.directory().find(id).is_some()
    }

    /// The state of attribute `id`, if it was ever touched.
    pub fn attribute(&self, id: u16) -> Option<AttributeState> {
        let mut bytes = Bytes(self.state(id)?);
        Some(AttributeState::unpack(&mut bytes).expect(WAS_CHECKED))
    }

    /// The attributes that it has, ascending by id, as they are written again.
    pub(super) fn sources(&self) -> impl Iterator<Item = (u16, Source<'_>)> {
        let directory = self.directory();
        (0..directory.len()).map(move |at| {
            let id = directory.id(at);
            let state = directory.state(at).expect(WAS_CHECKED);
            (
                id,
                if state.is_empty() {
                    Source::KeptPart(self.part(id))
                } else {
                    Source::Kept(state)
                },
            )
        })
    }

    /// Its attributes, ascending by id.
    pub fn attributes(&self) -> impl Iterator<Item = (u16, AttributeState)> {
        self.sources().map(|(id, source)| {
            let state: &[u8] = match &source {
                Source::Kept(state) => state,
                Source::KeptPart(part) => part,
                Source::State(_) | Source::List(_) => unreachable!("a packed profile holds bytes"),
            };
            (id, AttributeState::unpack(&mut Bytes(state)).expect(WAS_CHECKED))
        })
    }

    /// What `PROFILE.<attribute>` reads at `now_ms`.
    pub fn read(&self, id: u16, spec: &AttributeSpec, now_ms: i64) -> Value {
        match self.attribute(id) {
            Some(state) => state.read(spec, now_ms).into_owned(),
            None => spec.nothing(),
        }
    }

    /// What the counter's window number `window` reads at `now_ms`.
    pub fn read_window(&self, id: u16, spec: &AttributeSpec, window: usize, now_ms: i64) -> Value {
        match self.attribute(id) {
            Some(state) => state.read_window(spec, window, now_ms),
            None => spec.nothing(),
        }
    }

    /// The profile in its working form.
    pub fn unpack(&self) -> Profile {
        Profile {
            rid: self.rid(),
            identifiers: self.identifiers().collect(),
            attributes: self.attributes().collect(),
            updated_ms: self.updated_ms(),
            changed_lsn: self.changed_lsn(),
        }
    }

    /// Loads all of it into the cache, every line at once.
    pub(super) fn touch(&self) {
        let lines = self.bytes().iter().step_by(CACHE_LINE_BYTES);
        black_box(lines.map(|byte| usize::from(*byte)).sum::<usize>());
    }

    /// The bytes of memory that its allocations take, what the allocator rounds and keeps included.
    pub fn heap_bytes(&self) -> usize {
        let parts = match &self.0 {
            Form::Whole(_) => 0,
            Form::Parted(parted) => {
                let counts = 2 * size_of::<usize>();
                allocation(size_of::<Parted>())
                    + allocation(parted.parts.capacity() * size_of::<(u16, Arc<[u8]>)>())
                    + parted
                        .parts
                        .iter()
                        .map(|(_, part)| allocation(part.len() + counts))
                        .sum::<usize>()
            }
        };
        allocation(self.bytes().len()) + parts
    }

    /// Appends the profile's bytes for a snapshot: u32 length and bytes; u32 count of the states that moved
    /// out, each id u16, u32 length and bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut put = |bytes: &[u8]| {
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            out.extend_from_slice(bytes);
        };
        put(self.bytes());
        out.extend_from_slice(&(self.parts().len() as u32).to_le_bytes());
        for (id, part) in self.parts() {
            out.extend_from_slice(&id.to_le_bytes());
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
            out.extend_from_slice(part);
        }
    }

    /// Reads the next profile of a snapshot, and looks at every byte of it.
    ///
    /// # Errors
    /// `BadBytes` when the bytes are not what `encode` writes.
    pub fn decode(bytes: &mut Bytes<'_>) -> Result<Self, BadBytes> {
        let length = bytes.count(1)?;
        let whole = bytes.take(length)?;
        let count = bytes.count(PART_BYTES)?;
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            let id = bytes.u16()?;
            let length = bytes.count(1)?;
            parts.push((id, bytes.take(length)?));
        }
        check(whole, &parts)?;
        let whole = Box::from(whole);
        if parts.is_empty() {
            return Ok(Self(Form::Whole(whole)));
        }
        let parts = parts.into_iter().map(|(id, part)| (id, Arc::from(part))).collect();
        Ok(Self(Form::Parted(Box::new(Parted { bytes: whole, parts }))))
    }
}

/// Whether these bytes are what [`write`] writes, as far as reading cares.
fn check(bytes: &[u8], parts: &[(u16, &[u8])]) -> Result<(), BadBytes> {
    let mut rest = Bytes(bytes.get(HEAD_BYTES..).ok_or(CUT_SHORT)?);
    let updated_ms = compact::signed(&mut rest)?;
    let count = compact::varint(&mut rest)?;
    if count > IDENTIFIERS_MAX as u64 {
        return Err(BadBytes("a profile has more identifiers than it may have"));
    }
    for _ in 0..count {
        Listed::take(updated_ms, &mut rest)?.value.check()?;
    }
    let directory_at = u32::from_le_bytes(array(bytes, DIRECTORY_AT)?) & !WIDE;
    if directory_at as usize != bytes.len() - rest.0.len() {
        return Err(BadBytes("a profile's directory is elsewhere"));
    }
    let directory = Directory::of(bytes)?;
    let mut parts = parts.iter();
    for at in 0..directory.len() {
        if at > 0 && directory.id(at) <= directory.id(at - 1) {
            return Err(BadBytes("a profile's attributes do not ascend"));
        }
        let state = match directory.state(at)? {
            [] => match parts.next() {
                Some((id, part)) if *id == directory.id(at) => part,
                _ => return Err(BadBytes("a long state of a profile is missing")),
            },
            state => state,
        };
        let mut state = Bytes(state);
        AttributeState::unpack(&mut state)?;
        if !state.is_empty() {
            return Err(BadBytes("a state is longer than it says"));
        }
    }
    let ends = if directory.len() == 0 { 0 } else { directory.end(directory.len() - 1) };
    if ends != directory.states.len() || parts.next().is_some() {
        return Err(BadBytes("a profile is longer than it says"));
    }
    Ok(())
}

/// The bytes that an allocation of so many takes with the usual allocator.
const fn allocation(bytes: usize) -> usize {
    if bytes == 0 {
        return 0;
    }
    let rounded = (bytes + ALLOCATION_HEAD_BYTES).next_multiple_of(ALLOCATION_STEP_BYTES);
    if rounded < 2 * ALLOCATION_STEP_BYTES { 2 * ALLOCATION_STEP_BYTES } else { rounded }
}

impl Profile {
    /// The profile as it is kept; stamps that are pending stay so until it is settled.
    pub(super) fn pack(&self) -> Unsettled {
        let listed: ListedAll<'_> = self
            .identifiers
            .iter()
            .map(|seen| Listed::new(&seen.identifier, seen.seen_ms))
            .collect();
        let attributes: SmallVec<[(u16, Source<'_>); 16]> =
            self.attributes.iter().map(|(id, state)| (*id, Source::State(state))).collect();
        write(self.rid, self.updated_ms, &listed, &attributes)
    }

    /// The profile as it is kept, with the LSN that it says.
    pub fn packed(&self) -> Packed {
        self.pack().settle(self.changed_lsn)
    }
}
