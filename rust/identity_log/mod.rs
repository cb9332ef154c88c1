//! Identity log: every change of who is who, on disk, for as long as the reactor is kept.
//!
//! The reactor's log is retired and profiles are evicted; an erasure, a receipt and an administrator ask long
//! after that which ids and identifiers one person ever had. So each record of the reactor's log that changes
//! identity is copied, reduced to that, into a second log of the same format (`log`) in the folder
//! `identities` beside it, which nothing retires.
//!
//! # The entries
//!
//! All integers are little endian, texts as in `value::codec`.
//!
//! ```text
//! change (kind 1)
//!   lsn              u64   of the event's record in the reactor's log
//!   now_ms           i64   its processing time
//!   change           u8    1 added, 2 extended, 3 merged, 4 moved, 5 moved to a new profile, 6 not kept
//!   rid              16 bytes, the profile that the event ended in
//!   identifiers      u8 count, each: key u16, value text: all that the event carried
//!   merged           u8 count, each 16 bytes: profiles that became part of `rid`
//!   moved            u8 count, each: u8 position in identifiers, 16 bytes the profile that lost it to `rid`
//! names (kind 2): the names of all keys, by number; stands before the first change that needs it
//!   lsn              u64   as of which record
//!   keys             u32 count, texts
//! mark (kind 3): nothing changed up to here since the entry before
//!   lsn              u64
//! gone (kind 4): profiles that left memory; their identifiers are nobody's until somebody brings them again
//!   lsn              u64
//!   now_ms           i64
//!   reason           u8    1 evicted
//!   rids             u32 count, each 16 bytes
//! ```
//!
//! # Exactly once
//!
//! A follower (`follow`) reads synced records of the reactor's log only, one after another, and writes one
//! entry for each that matters, naming its LSN. At a start it goes on behind the last entry's. A mark is written
//! when much went by without a change. The reactor's log keeps what lies behind the last durable entry.
//!
//! Invariants: entries stand in the order of their LSNs, which only rise; what is read here no crash takes
//! back; a failure here is told and tried again, and never harms the reactor.

mod entry;
mod follow;
pub mod limits;
mod person;
mod row;

pub use entry::{Change, ChangeKind, Entry, Gone};
pub use follow::{Figures, Follow, Follower};
pub use person::{Person, Register};
pub use row::{ProfileChange, Row};

/// Folder of the identity log inside a reactor's directory.
pub const IDENTITY_FOLDER: &str = "identities";
