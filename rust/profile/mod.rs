//! Profiles: what is known of one customer, who they are, and where they are kept (page 4).
//!
//! A profile is plain state: identifiers and attributes with the times that order them. Whatever
//! decides (which profile, which rule, which time) is given in, so that live traffic and replay
//! run the same moves.
//!
//! Invariants: profiles never heard of offers, expressions or disks; nothing here reads a clock or
//! draws a random number; `attributes` ascend by id; `identifiers` stand in the order in which
//! they were last seen, the newest last.

pub mod attribute;
mod compact;
mod cut;
#[cfg(test)]
mod cut_tests;
pub mod dedup;
mod draft;
#[cfg(test)]
mod draft_tests;
mod evict;
pub mod guard;
#[cfg(test)]
mod guard_tests;
pub mod identity;
mod listed;
mod load;
mod lock;
mod packed;
#[cfg(test)]
mod packed_tests;
mod remove;
pub mod store;
#[cfg(test)]
mod store_tests;

use std::borrow::Cow;
use std::fmt;

pub use attribute::{AttributeSpec, AttributeState, Moment, Operation, Rejected, Stamp};
pub use cut::{Cut, Encoded};
pub use draft::{Change, Draft};
pub use evict::{LockedOut, Looked, Place};
pub use guard::{NO_RAILS, Rails};
pub use identity::{Moved, Outcome};
pub use lock::{AbortOnPanic, Diverged, Locked};
pub use packed::Packed;
pub use store::{Barrier, Store};

use crate::value::{Text, Value};

/// At most so many identifiers a profile; over that the least recently seen is let go (page 4.1).
pub const IDENTIFIERS_MAX: usize = 200;

/// A profile's internal id: a UUID v7 of the processing time of the record that made the profile
/// and of a keyed hash of that record's uuid. Orders by age: the oldest is the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(pub [u8; 16]);

/// The bits of a UUID v7 that hold the hash: 12 in front of the variant, 62 behind it.
const TAIL_BITS: u32 = 62;
const TAIL_MASK: u128 = (1 << TAIL_BITS) - 1;

impl Rid {
    /// The id of a profile made at `processing_time_ms` (epoch milliseconds; negative counts as 0)
    /// by the event whose uuid hashes to `hash`, of which the low 74 bits are kept.
    pub fn new(processing_time_ms: i64, hash: u128) -> Self {
        let time = (processing_time_ms.max(0) as u128) & 0xffff_ffff_ffff;
        let head = (hash >> TAIL_BITS) & 0xfff;
        let bits = (time << 80) | (0x7 << 76) | (head << 64) | (0b10 << 62) | (hash & TAIL_MASK);
        Self(to_bytes(bits))
    }

    /// The same hash at another processing time.
    pub fn at(self, processing_time_ms: i64) -> Self {
        let bits = self.bits();
        Self::new(processing_time_ms, (((bits >> 64) & 0xfff) << TAIL_BITS) | (bits & TAIL_MASK))
    }

    /// The processing time within, epoch milliseconds.
    pub fn time_ms(self) -> i64 {
        (self.bits() >> 80) as i64
    }

    /// Well mixed bits that do not depend on the time, for shards and buckets.
    pub(crate) fn mixed(self) -> u64 {
        ((self.bits() & TAIL_MASK) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn bits(self) -> u128 {
        self.0.iter().fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
    }
}

fn to_bytes(bits: u128) -> [u8; 16] {
    std::array::from_fn(|index| (bits >> (120 - 8 * index)) as u8)
}

impl fmt::Display for Rid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.write_str("-")?;
            }
            write!(out, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Rid({self})")
    }
}

/// One way to recognise a customer: a key's number and its normalized value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// The key's number, given once a name by the directory.
    pub key: u16,
    /// The value after normalization.
    pub value: Text,
}

/// An identifier of a profile, and when an event last carried it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenIdentifier {
    /// The identifier.
    pub identifier: Identifier,
    /// Processing time of the last event that carried it, epoch milliseconds.
    pub seen_ms: i64,
}

/// What is known of one customer.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its internal id.
    pub rid: Rid,
    /// Its identifiers, the least recently seen first.
    pub identifiers: Vec<SeenIdentifier>,
    /// Its attributes, ascending by id.
    pub attributes: Vec<(u16, AttributeState)>,
    /// Processing time of the last event applied, epoch milliseconds.
    pub updated_ms: i64,
    /// LSN of the last record that changed it; 0 before it is installed.
    pub changed_lsn: u64,
}

impl Profile {
    /// A profile of which nothing is known yet.
    pub fn new(rid: Rid, now_ms: i64) -> Self {
        Self {
            rid,
            identifiers: Vec::new(),
            attributes: Vec::new(),
            updated_ms: now_ms,
            changed_lsn: 0,
        }
    }

    /// The state of attribute `id`, if it was ever touched.
    pub fn attribute(&self, id: u16) -> Option<&AttributeState> {
        let at = self.attributes.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(&self.attributes[at].1)
    }

    /// The most recently seen value of `key`: what `PROFILE.<key>` reads.
    pub fn newest_value(&self, key: u16) -> Option<&Text> {
        self.identifiers
            .iter()
            .rev()
            .find_map(|seen| (seen.identifier.key == key).then_some(&seen.identifier.value))
    }

    /// How many values of `key` it has.
    pub fn value_count(&self, key: u16) -> usize {
        self.identifiers.iter().filter(|seen| seen.identifier.key == key).count()
    }

    /// What `PROFILE.<attribute>` reads at `now_ms`.
    pub fn read(&self, id: u16, spec: &AttributeSpec, now_ms: i64) -> Cow<'_, Value> {
        match self.attribute(id) {
            Some(state) => state.read(spec, now_ms),
            None => Cow::Owned(spec.nothing()),
        }
    }

    /// What the counter's window number `window` reads at `now_ms`.
    pub fn read_window(&self, id: u16, spec: &AttributeSpec, window: usize, now_ms: i64) -> Value {
        match self.attribute(id) {
            Some(state) => state.read_window(spec, window, now_ms),
            None => spec.nothing(),
        }
    }

    /// Takes over what another profile knows (page 4.1, merge of attributes). Of identifiers that
    /// were seen at one time the survivor's, this one's, count as the newer.
    pub(crate) fn unite<'s>(
        &mut self,
        other: &Profile,
        spec: &impl Fn(u16) -> Option<&'s AttributeSpec>,
        now_ms: i64,
    ) {
        let mine = std::mem::replace(&mut self.identifiers, other.identifiers.clone());
        self.identifiers.extend(mine);
        self.identifiers.sort_by_key(|seen| seen.seen_ms);
        for (id, theirs) in &other.attributes {
            match self.attributes.binary_search_by_key(id, |(id, _)| *id) {
                Err(at) => self.attributes.insert(at, (*id, theirs.clone())),
                Ok(at) => {
                    if let Some(spec) = spec(*id) {
                        self.attributes[at].1.merge(theirs, spec, now_ms);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rid_is_a_uuid_v7_that_keeps_its_time_and_orders_by_age() {
        let rid = Rid::new(1_700_000_000_123, u128::MAX);
        assert_eq!(rid.to_string(), "018bcfe5-687b-7fff-bfff-ffffffffffff");
        assert_eq!(rid.time_ms(), 1_700_000_000_123);
        assert!(Rid::new(1, u128::MAX) < Rid::new(2, 0));
        let hash = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        assert_eq!(Rid::new(5, hash).at(9), Rid::new(9, hash));
        assert_eq!(Rid::new(5, hash).mixed(), Rid::new(9, hash).mixed());
    }

    #[test]
    fn the_newest_value_of_a_key_is_the_one_seen_last() {
        let seen = |value: &str, seen_ms| SeenIdentifier {
            identifier: Identifier { key: 3, value: value.into() },
            seen_ms,
        };
        let mut profile = Profile::new(Rid::new(0, 0), 1);
        profile.identifiers = vec![seen("b", 1), seen("a", 1)];
        for newest in [profile.newest_value(3).cloned(), profile.packed().newest_value(3)] {
            assert_eq!(newest.as_deref(), Some("a"));
        }
        assert_eq!(profile.newest_value(4), None);
        assert_eq!(profile.packed().newest_value(4), None);
    }
}
