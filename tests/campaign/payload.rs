//! Payload: the record of an id, all of whose bytes follow from the id, so that nothing need be kept to check it.
//!
//! An id names its sender (the lane) and how many that lane sent before. The bytes carry the id and a checksum
//! of their own, which is not the log's: a log that checks nothing would still be caught.

use crate::random::Random;

/// Lane and number of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl Id {
    /// The `number`-th record, from 0, of a lane.
    pub fn new(lane: u64, number: u64) -> Self {
        Self(lane << 32 | number)
    }

    /// Who sent it.
    pub fn lane(self) -> u64 {
        self.0 >> 32
    }

    /// How many its lane sent before.
    pub fn number(self) -> u64 {
        self.0 & 0xFFFF_FFFF
    }

    /// The log's kind byte of its record.
    pub fn kind(self) -> u8 {
        (self.0 ^ self.0 >> 32) as u8
    }

    /// Its record's bytes: mostly short, a few longer than the smallest segment.
    pub fn payload(self) -> Vec<u8> {
        let mut random = Random::part(0x7031_336E, self.0);
        let length = match random.below(100) {
            0..75 => random.below(120),
            75..95 => random.below(700),
            _ => random.below(3000),
        };
        let mut bytes = self.0.to_le_bytes().to_vec();
        if random.percent(15) {
            forge_batches(&mut bytes);
        }
        let end = bytes.len() + length as usize;
        while bytes.len() < end {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        bytes.truncate(end);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The id of a record's bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of_record(kind: u8, payload: &[u8]) -> Result<Self, String> {
        let Some((head, _)) = payload.split_first_chunk::<8>() else {
            return Err(format!("a record of {} bytes is none of ours", payload.len()));
        };
        let id = Self(u64::from_le_bytes(*head));
        if kind != id.kind() || payload != id.payload() {
            return Err(format!("the record that says it is {id} has other bytes"));
        }
        Ok(id)
    }
}

/// Appends what a clever client would send: headers of batches that say much was synced, one for each way
/// to lie at a multiple of 8. Left behind in a torn tail they must be taken for what they are (the idea is that
/// of PostgreSQL's crafted ends of its log, `src/test/recovery/t/039_end_of_wal.pl`).
fn forge_batches(bytes: &mut Vec<u8>) {
    for _ in 0..8 {
        bytes.extend_from_slice(b"p13b\0\0\0\0");
        for word in [16_u32, 1] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for word in [1_u64 << 40, 1 << 40, (1 << 40) - 1, 0] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.push(b'-');
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.lane(), self.number())
    }
}
