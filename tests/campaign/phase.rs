//! Phase: what the log is doing when it makes a call of the disk, told from the call alone.

use std::path::Path;

use crate::watched::Act;

/// What a crash can hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Nothing is under way: the process has not begun with its disk, or waits.
    Idle = 0,
    /// A start: from the lock to the new segment.
    Recovery = 1,
    /// A batch on its way into the segment.
    Batch = 2,
    /// The sync of a batch.
    Sync = 3,
    /// A segment ends and the next one begins.
    Rotation = 4,
    /// A closed segment is compressed, or removed.
    Sealing = 5,
    /// A snapshot.
    Snapshot = 6,
}

/// All of them, in the order of their numbers.
pub const PHASES: [Phase; 7] = [
    Phase::Idle,
    Phase::Recovery,
    Phase::Batch,
    Phase::Sync,
    Phase::Rotation,
    Phase::Sealing,
    Phase::Snapshot,
];

impl Phase {
    /// The phase of a number.
    pub fn of_byte(byte: u8) -> Self {
        PHASES.get(usize::from(byte)).copied().unwrap_or(Self::Idle)
    }

    /// The phase that a call of a running log belongs to.
    pub fn of_call(act: Act, path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains("snap") {
            return Self::Snapshot;
        }
        let is_segment = name.ends_with(".log");
        match act {
            Act::Write if is_segment => Self::Batch,
            Act::Sync if is_segment => Self::Sync,
            Act::Create | Act::Rename | Act::SyncDirectory if is_segment => Self::Rotation,
            _ if name.contains("manifest") => Self::Rotation,
            Act::SyncDirectory => Self::Rotation,
            _ if name == "synced" => Self::Sync,
            _ => Self::Sealing,
        }
    }

    /// Its name in the figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Recovery => "recovery",
            Self::Batch => "batch",
            Self::Sync => "sync",
            Self::Rotation => "rotation",
            Self::Sealing => "sealing",
            Self::Snapshot => "snapshot",
        }
    }
}

/// How often each phase was hit.
#[derive(Debug, Clone, Default)]
pub struct Hits([u64; PHASES.len()]);

impl Hits {
    pub fn count(&mut self, phase: Phase) {
        self.0[phase as usize] += 1;
    }

    pub fn of(&self, phase: Phase) -> u64 {
        self.0[phase as usize]
    }

    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }
}

impl std::fmt::Display for Hits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for phase in PHASES.into_iter().filter(|phase| self.of(*phase) > 0) {
            write!(f, " {}={}", phase.name(), self.of(phase))?;
        }
        Ok(())
    }
}
