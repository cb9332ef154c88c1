//! Configuration: a publish as the log has it, with the numbers that names were given.
//!
//! The layout stands with the other records' (`record`). Invariant: what is written can be compiled for ever,
//! without the file and without its secrets.

use super::BadRecord;
use crate::value::Text;
use crate::value::codec::{Bytes, put_text};

/// A configuration's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationRecord {
    /// Number of the publish, from 1.
    pub number: u32,
    /// When it was published, epoch milliseconds; moves no clock.
    pub now_ms: i64,
    /// SHA-256 of the text.
    pub hash: [u8; 32],
    /// Names of keys by number.
    pub keys: Vec<Text>,
    /// Names of attributes by number.
    pub attributes: Vec<Text>,
    /// Names of fields by index.
    pub fields: Vec<Text>,
    /// Numbers of keys that are not configured, and since which processing time.
    pub asleep_keys: Vec<(u16, i64)>,
    /// Numbers of attributes that are not configured, likewise.
    pub asleep_attributes: Vec<(u16, i64)>,
    /// The text, secrets replaced by digests.
    pub text: String,
}

impl ConfigurationRecord {
    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() + 1024);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.now_ms.to_le_bytes());
        out.extend_from_slice(&self.hash);
        for names in [&self.keys, &self.attributes, &self.fields] {
            out.extend_from_slice(&(names.len() as u32).to_le_bytes());
            for name in names {
                put_text(&mut out, name);
            }
        }
        for asleep in [&self.asleep_keys, &self.asleep_attributes] {
            out.extend_from_slice(&(asleep.len() as u32).to_le_bytes());
            for (number, since_ms) in asleep {
                out.extend_from_slice(&number.to_le_bytes());
                out.extend_from_slice(&since_ms.to_le_bytes());
            }
        }
        put_text(&mut out, &self.text);
        out
    }

    /// Reads a record of kind [`KIND_CONFIGURATION`].
    ///
    /// # Errors
    /// `BadRecord` when the bytes are not what `encode` writes.
    pub fn decode(payload: &[u8]) -> Result<Self, BadRecord> {
        let mut bytes = Bytes(payload);
        let number = bytes.u32()?;
        let now_ms = bytes.i64()?;
        let hash = bytes.array()?;
        let mut names = || -> Result<Vec<Text>, BadRecord> {
            (0..bytes.u32()?).map(|_| Ok(Text::new(bytes.text()?))).collect()
        };
        let (keys, attributes, fields) = (names()?, names()?, names()?);
        let mut asleep = || -> Result<Vec<(u16, i64)>, BadRecord> {
            let count = bytes.count(2 + 8)?;
            Ok(bytes.several(count, |bytes| Ok((bytes.u16()?, bytes.i64()?)))?)
        };
        let (asleep_keys, asleep_attributes) = (asleep()?, asleep()?);
        let text = bytes.text()?.to_owned();
        Ok(Self {
            number,
            now_ms,
            hash,
            keys,
            attributes,
            fields,
            asleep_keys,
            asleep_attributes,
            text,
        })
    }
}
