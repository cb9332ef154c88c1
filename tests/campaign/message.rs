//! Message: what a driver process tells its parent, 32 bytes each, through a pipe that no crash of the disk reaches.
//!
//! A write of so few bytes to a pipe is atomic, so threads need no lock, and what was told before a kill is told.

use crate::payload::Id;
use crate::phase::Phase;

pub const BYTES: usize = 32;

/// One thing told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The disk is asked for something of this phase.
    Phase(Phase),
    /// About to be appended.
    Sends(Id),
    /// Appended at this LSN, at this time (nanoseconds of the system's clock).
    Tells { lsn: u64, id: Id, at_ns: u64 },
    /// Everything up to the LSN may be relied upon.
    Answers(u64),
    /// Not appended.
    Refuses(Id),
    /// Segments up to this LSN may go.
    GivesUp(u64),
    /// The log has started with these records: first and last LSN, and their digest.
    Recovered { first: u64, last: u64, digest: u64 },
    /// About to kill itself.
    Dies { at_ns: u64 },
    /// The log stopped because the disk failed.
    Stopped,
    /// The log did not start because the disk failed.
    NoStart,
    /// The process ends in order; everything was synced.
    Closed,
    /// Something is wrong: see standard error.
    Fault,
}

impl Message {
    pub fn encode(self) -> [u8; BYTES] {
        let (kind, words) = match self {
            Self::Phase(phase) => (1, [phase as u64, 0, 0]),
            Self::Sends(id) => (2, [id.0, 0, 0]),
            Self::Tells { lsn, id, at_ns } => (3, [lsn, id.0, at_ns]),
            Self::Answers(lsn) => (4, [lsn, 0, 0]),
            Self::Refuses(id) => (5, [id.0, 0, 0]),
            Self::GivesUp(lsn) => (6, [lsn, 0, 0]),
            Self::Recovered { first, last, digest } => (7, [first, last, digest]),
            Self::Dies { at_ns } => (8, [at_ns, 0, 0]),
            Self::Stopped => (9, [0; 3]),
            Self::NoStart => (10, [0; 3]),
            Self::Closed => (11, [0; 3]),
            Self::Fault => (12, [0; 3]),
        };
        let mut bytes = [0; BYTES];
        bytes[0] = kind;
        for (place, word) in bytes[8..].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The message of so many bytes; `None` for what no driver sends.
    pub fn decode(bytes: &[u8; BYTES]) -> Option<Self> {
        let mut words = [0; 3];
        for (word, place) in words.iter_mut().zip(bytes[8..].chunks_exact(8)) {
            *word = u64::from_le_bytes(place.try_into().ok()?);
        }
        let [first, second, third] = words;
        Some(match bytes[0] {
            1 => Self::Phase(Phase::of_byte(first as u8)),
            2 => Self::Sends(Id(first)),
            3 => Self::Tells { lsn: first, id: Id(second), at_ns: third },
            4 => Self::Answers(first),
            5 => Self::Refuses(Id(first)),
            6 => Self::GivesUp(first),
            7 => Self::Recovered { first, last: second, digest: third },
            8 => Self::Dies { at_ns: first },
            9 => Self::Stopped,
            10 => Self::NoStart,
            11 => Self::Closed,
            12 => Self::Fault,
            _ => return None,
        })
    }
}

/// The system's clock, the same in all processes.
pub fn now_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}
