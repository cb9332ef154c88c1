//! Mutants: twelve ways to lose an answered event, compiled in for the campaign that must catch each.
//!
//! A campaign that never turns red proves nothing (specification 5.7). Each mutant is one deliberate fault
//! at the place where it would really be made. Without the feature `mutants` [`is`] is `false` for the
//! compiler and nothing of this is in the binary; with it, `P13N_MUTANT` names at most one.

/// One deliberate fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A batch counts as synced although nobody synced it.
    NoSync,
    /// Waiters are released before the sync that covers them.
    AnswerBeforeSync,
    /// New names are not made durable.
    NoDirectorySync,
    /// Whatever is bad, everything behind it is cut.
    CutAtFirstBadRecord,
    /// A failed sync is made again and believed.
    RetrySync,
    /// The last batches before an idle time are never synced.
    NoSyncWhenIdle,
    /// A batch's payload is not compared with its checksum.
    PayloadUnchecked,
    /// A batch's length is used before its checksum has matched.
    LengthUnchecked,
    /// A snapshot gets its name before its bytes are synced.
    SnapshotBeforeSync,
    /// Segments go although only a snapshot not yet read back covers them.
    RetainTooLittle,
    /// Recovery serves a tail that is only in the page cache.
    ServeBeforeSync,
    /// Reads and repeats do not wait for the LSN that they saw.
    ReadsDoNotWait,
}

#[cfg(feature = "mutants")]
const NAMES: [(Mutant, &str); 12] = [
    (Mutant::NoSync, "no-sync"),
    (Mutant::AnswerBeforeSync, "answer-before-sync"),
    (Mutant::NoDirectorySync, "no-directory-sync"),
    (Mutant::CutAtFirstBadRecord, "cut-at-first-bad-record"),
    (Mutant::RetrySync, "retry-sync"),
    (Mutant::NoSyncWhenIdle, "no-sync-when-idle"),
    (Mutant::PayloadUnchecked, "payload-unchecked"),
    (Mutant::LengthUnchecked, "length-unchecked"),
    (Mutant::SnapshotBeforeSync, "snapshot-before-sync"),
    (Mutant::RetainTooLittle, "retain-too-little"),
    (Mutant::ServeBeforeSync, "serve-before-sync"),
    (Mutant::ReadsDoNotWait, "reads-do-not-wait"),
];

/// Whether this mutant is the one alive.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
#[must_use]
pub const fn is(_mutant: Mutant) -> bool {
    false
}

/// Whether this mutant is the one alive.
///
/// # Panics
/// When `P13N_MUTANT` names none of the twelve: a campaign must not run without its fault.
#[cfg(feature = "mutants")]
#[must_use]
pub fn is(mutant: Mutant) -> bool {
    use std::sync::OnceLock;
    static ALIVE: OnceLock<Option<Mutant>> = OnceLock::new();
    let alive = ALIVE.get_or_init(|| {
        let name = std::env::var("P13N_MUTANT").ok()?;
        let found = NAMES.iter().find(|(_, known)| *known == name);
        Some(found.unwrap_or_else(|| panic!("P13N_MUTANT={name} is no mutant")).0)
    });
    *alive == Some(mutant)
}
