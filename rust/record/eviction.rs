//! Eviction: profiles that the live reactor let go, and why (page 4.4).
//!
//! ```text
//! eviction (kind 5): the profiles were taken out of memory here, with all their identifiers; moves no clock
//!   now_ms           i64   processing time by which it was decided
//!   reason           u8    1 expired, 2 room, for a fleeting profile, 3 room, for any profile
//!   profiles         u32 count, each 16 bytes: rid
//! ```
//!
//! Only the live reactor decides evictions, and each stands here before it is carried out; replay obeys.
//! No identifier is in it, so an erasure need not rewrite it.

use super::BadRecord;
use crate::profile::Rid;
use crate::value::codec::Bytes;

/// Record kind of an eviction.
pub const KIND_EVICTION: u8 = 5;

/// Why profiles were let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvictionReason {
    /// No event came for the time to live.
    Expired = 1,
    /// Room was needed, and they were fleeting: one identifier of the weakest key, no batch row, no event for
    /// a day.
    Fleeting = 2,
    /// Room was needed, and nothing fleeting was left.
    Room = 3,
}

impl EvictionReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Expired, Self::Fleeting, Self::Room];

    /// Its name in figures and in the log's listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Fleeting => "fleeting",
            Self::Room => "room",
        }
    }
}

/// An eviction's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvictionRecord {
    /// Processing time by which it was decided, epoch milliseconds.
    pub now_ms: i64,
    /// Why.
    pub reason: EvictionReason,
    /// The profiles.
    pub profiles: Vec<Rid>,
}

impl EvictionRecord {
    /// Length of the record of so many profiles, bytes.
    pub const fn bytes(profiles: usize) -> usize {
        8 + 1 + 4 + 16 * profiles
    }

    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::bytes(self.profiles.len()));
        out.extend_from_slice(&self.now_ms.to_le_bytes());
        out.push(self.reason as u8);
        out.extend_from_slice(&(self.profiles.len() as u32).to_le_bytes());
        self.profiles.iter().for_each(|rid| out.extend_from_slice(&rid.0));
        out
    }

    /// Reads a record of kind [`KIND_EVICTION`].
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode` writes.
    pub fn decode(payload: &[u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        let now_ms = bytes.i64()?;
        let reason = bytes.u8()?;
        let reason = EvictionReason::ALL.into_iter().find(|known| *known as u8 == reason);
        let reason = reason.ok_or(BadRecord("its reason for an eviction is unknown"))?;
        let count = bytes.count(16)?;
        let profiles = bytes.several(count, |bytes| Ok(Rid(bytes.array()?)))?;
        if !bytes.is_empty() {
            return Err(BadRecord("bytes follow the profiles"));
        }
        Ok(Self { now_ms, reason, profiles })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eviction_reads_back_as_it_was_written_and_nothing_else_does() {
        for reason in EvictionReason::ALL {
            let profiles = vec![Rid::new(1, 2), Rid::new(3, 4)];
            let record = EvictionRecord { now_ms: 1_700_000_000_123, reason, profiles };
            let bytes = record.encode();
            assert_eq!(bytes.len(), EvictionRecord::bytes(2));
            assert_eq!(EvictionRecord::decode(&bytes).unwrap(), record);
            for cut in 0..bytes.len() {
                assert!(EvictionRecord::decode(&bytes[..cut]).is_err(), "{cut}");
            }
            assert!(EvictionRecord::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
        let mut unknown =
            EvictionRecord { now_ms: 0, reason: EvictionReason::Room, profiles: vec![] }.encode();
        unknown[8] = 4;
        assert!(EvictionRecord::decode(&unknown).is_err());
    }
}
