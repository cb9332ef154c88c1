//! Listed: an identifier where it stands in a packed profile.
//!
//! A UUID in lower case takes 16 bytes, every other text its own. Looking a profile up compares bytes and makes
//! no text. Invariant: one identifier has one spelling, or it would be found under one and not the other.

use smallvec::SmallVec;

use super::Identifier;
use super::compact::{self, put_signed, put_varint};
use crate::value::Text;
use crate::value::codec::{BadBytes, Bytes};

/// An identifier's value where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling<'a> {
    Uuid([u8; 16]),
    Text(&'a [u8]),
}

impl<'a> Spelling<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        match compact::uuid_of(text) {
            Some(uuid) => Self::Uuid(uuid),
            None => Self::Text(text.as_bytes()),
        }
    }

    pub(super) fn text(&self) -> Result<Text, BadBytes> {
        match self {
            Self::Uuid(uuid) => Ok(compact::uuid_text(uuid)),
            Self::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Text::new(text)),
                Err(_) => Err(BadBytes("a text is not UTF-8")),
            },
        }
    }
}

/// An identifier of a profile where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'a> {
    pub(super) key: u16,
    pub(super) value: Spelling<'a>,
    pub(super) seen_ms: i64,
}

impl<'a> Listed<'a> {
    /// An event's identifier, seen at `seen_ms`.
    pub(super) fn new(identifier: &'a Identifier, seen_ms: i64) -> Self {
        Self { key: identifier.key, value: Spelling::of(&identifier.value), seen_ms }
    }

    pub(super) fn is(&self, other: &Listed<'_>) -> bool {
        self.key == other.key && self.value == other.value
    }

    /// The identifier, in an allocation of its own.
    pub(super) fn identifier(&self) -> Identifier {
        Identifier {
            key: self.key,
            value: self.value.text().expect("a listed identifier was written or checked"),
        }
    }

    pub(super) fn put(&self, updated_ms: i64, out: &mut Vec<u8>) {
        let is_uuid = matches!(self.value, Spelling::Uuid(_));
        put_varint(out, u64::from(self.key) << 1 | u64::from(is_uuid));
        put_signed(out, updated_ms.wrapping_sub(self.seen_ms));
        match self.value {
            Spelling::Uuid(uuid) => out.extend_from_slice(&uuid),
            Spelling::Text(text) => {
                put_varint(out, text.len() as u64);
                out.extend_from_slice(text);
            }
        }
    }

    pub(super) fn take(updated_ms: i64, bytes: &mut Bytes<'a>) -> Result<Self, BadBytes> {
        let head = compact::varint(bytes)?;
        let key = u16::try_from(head >> 1).map_err(|_| BadBytes("a key's number is too large"))?;
        let seen_ms = updated_ms.wrapping_sub(compact::signed(bytes)?);
        let value = if head & 1 == 1 {
            Spelling::Uuid(bytes.array()?)
        } else {
            let length = compact::count(bytes, 1)?;
            Spelling::Text(bytes.take(length)?)
        };
        Ok(Self { key, value, seen_ms })
    }
}

/// Identifiers of a profile: most have one or two.
pub(super) type ListedAll<'a> = SmallVec<[Listed<'a>; 4]>;

impl Spelling<'_> {
    /// The most bytes that an identifier of this value takes.
    pub(super) fn room(&self) -> usize {
        16 + match self {
            Self::Uuid(_) => 16,
            Self::Text(text) => text.len(),
        }
    }
}

impl Spelling<'_> {
    /// Whether it is spelled as [`Spelling::of`] does.
    pub(super) fn check(&self) -> Result<(), BadBytes> {
        match self {
            Self::Uuid(_) => Ok(()),
            Self::Text(text) => match std::str::from_utf8(text) {
                // One identifier has one spelling, or it would be found under one and not the other.
                Ok(text) if compact::uuid_of(text).is_none() => Ok(()),
                Ok(_) => Err(BadBytes("a UUID is written as text")),
                Err(_) => Err(BadBytes("a text is not UTF-8")),
            },
        }
    }
}
