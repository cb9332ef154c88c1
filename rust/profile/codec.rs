//! Codec: a profile as bytes, for snapshots.
//!
//! The layout stands here, beside its writer and its reader. Integers are little endian; texts and values as
//! in `value::codec`. The state of an attribute is written by its kind (`attribute::codec`).
//!
//! ```text
//! profile
//!   rid           16 bytes
//!   updated_ms    i64
//!   changed_lsn   u64
//!   identifiers   u32 count, each: key u16, seen_ms i64, value text; the least recently seen first
//!   attributes    u32 count, each: id u16, state; ascending by id
//! ```
//!
//! Invariants: profiles stand one after another without any mark between them, so a damaged one damages
//! its block; reading never panics.

use super::attribute::AttributeState;
use super::{IDENTIFIERS_MAX, Identifier, Profile, Rid, SeenIdentifier};
use crate::value::Text;
use crate::value::codec::{BadBytes, Bytes, put_text};

/// Fewest bytes that an identifier takes, and an attribute.
const IDENTIFIER_BYTES_MIN: usize = 2 + 8 + 4;
const ATTRIBUTE_BYTES_MIN: usize = 2 + 1;

impl Profile {
    /// Appends the profile's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.rid.0);
        out.extend_from_slice(&self.updated_ms.to_le_bytes());
        out.extend_from_slice(&self.changed_lsn.to_le_bytes());
        out.extend_from_slice(&(self.identifiers.len() as u32).to_le_bytes());
        for seen in &self.identifiers {
            out.extend_from_slice(&seen.identifier.key.to_le_bytes());
            out.extend_from_slice(&seen.seen_ms.to_le_bytes());
            put_text(out, &seen.identifier.value);
        }
        out.extend_from_slice(&(self.attributes.len() as u32).to_le_bytes());
        for (id, state) in &self.attributes {
            out.extend_from_slice(&id.to_le_bytes());
            state.encode(out);
        }
    }

    /// Reads the next profile.
    ///
    /// # Errors
    /// `BadBytes` when the bytes are not what `encode` writes.
    pub fn decode(bytes: &mut Bytes<'_>) -> Result<Self, BadBytes> {
        let rid = Rid(bytes.array()?);
        let updated_ms = bytes.i64()?;
        let changed_lsn = bytes.u64()?;
        let count = bytes.count(IDENTIFIER_BYTES_MIN)?;
        if count > IDENTIFIERS_MAX {
            return Err(BadBytes("a profile has more identifiers than it may have"));
        }
        let mut identifiers = Vec::with_capacity(count);
        for _ in 0..count {
            let (key, seen_ms) = (bytes.u16()?, bytes.i64()?);
            let value = Text::new(bytes.text()?);
            identifiers.push(SeenIdentifier { identifier: Identifier { key, value }, seen_ms });
        }
        let count = bytes.count(ATTRIBUTE_BYTES_MIN)?;
        let mut attributes: Vec<(u16, AttributeState)> = Vec::with_capacity(count);
        for _ in 0..count {
            let id = bytes.u16()?;
            if attributes.last().is_some_and(|(last, _)| *last >= id) {
                return Err(BadBytes("a profile's attributes do not ascend"));
            }
            attributes.push((id, AttributeState::decode(bytes)?));
        }
        Ok(Self { rid, identifiers, attributes, updated_ms, changed_lsn })
    }
}
