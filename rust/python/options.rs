//! Options: the keyword arguments of the reactor's constructors, each within its limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::reactor::PyRecoveryProgress;
use crate::clock::ClockMode;
use crate::log::SyncPolicy;
use crate::reactor::{
    MEMORY_BUDGET_BYTES_MIN, MemoryPolicy, OnMemoryFull, Options, Retention, machine,
};

const DAY_MS: i64 = 86_400_000;
/// A hundred years; more would be a mistake in the unit.
const RETENTION_DAYS_MAX: i64 = 36_500;
/// Shards of each table of the store.
const SHARDS_MAX: usize = 65_536;

/// The keyword arguments of both constructors.
pub(super) struct Keywords<'a> {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) sync: &'a str,
    pub(super) sync_interval_ms: u64,
    pub(super) clock: &'a str,
    pub(super) commit_timeout_ms: u64,
    pub(super) queue_bytes_max: usize,
    pub(super) dedup_max: usize,
    pub(super) shards: usize,
    pub(super) retention: Retention,
    pub(super) memory: MemoryPolicy,
    pub(super) progress: Option<&'a PyRecoveryProgress>,
}

impl Keywords<'_> {
    pub(super) fn options(self) -> PyResult<Options> {
        let sync = match self.sync {
            "always" => SyncPolicy::Always,
            "interval" => SyncPolicy::Interval { ms: self.sync_interval_ms },
            "never" => SyncPolicy::Never,
            _ => {
                return Err(PyValueError::new_err("sync is \"always\", \"interval\" or \"never\""));
            }
        };
        let clock = match self.clock {
            "server" => ClockMode::Server,
            "event" => ClockMode::Event,
            _ => return Err(PyValueError::new_err("clock is \"server\" or \"event\"")),
        };
        Ok(Options {
            data_dir: self.data_dir,
            sync,
            clock,
            commit_timeout: Duration::from_millis(self.commit_timeout_ms),
            queue_bytes_max: self.queue_bytes_max,
            dedup_max: self.dedup_max,
            shards: self.shards,
            retention: self.retention,
            memory: self.memory,
            progress: self.progress.map(|progress| Arc::clone(&progress.0)),
            ..Options::default()
        })
    }
}

/// Each shard has a lock of its own: more than this would be a mistake.
pub(super) fn shards_within(shards: usize) -> PyResult<usize> {
    if (1..=SHARDS_MAX).contains(&shards) {
        return Ok(shards);
    }
    Err(PyValueError::new_err(format!("shards is 1 to {SHARDS_MAX}")))
}

/// 0 days: not by age; 0 bytes: the default share of the disk.
pub(super) fn retention(days: i64, bytes: i64) -> PyResult<Retention> {
    if !(0..=RETENTION_DAYS_MAX).contains(&days) {
        let message = format!("retention_days is 0 to {RETENTION_DAYS_MAX}");
        return Err(PyValueError::new_err(message));
    }
    let bytes =
        u64::try_from(bytes).map_err(|_| PyValueError::new_err("retention_bytes is 0 or more"))?;
    let share = Retention::default().disk_percent;
    Ok(Retention {
        age_ms: (days > 0).then(|| days * DAY_MS),
        bytes: (bytes > 0).then_some(bytes),
        disk_percent: share.filter(|_| bytes == 0),
        ..Retention::default()
    })
}

/// 0: the default share of the machine.
pub(super) fn memory(budget_bytes: usize, on_full: &str) -> PyResult<MemoryPolicy> {
    if (1..MEMORY_BUDGET_BYTES_MIN).contains(&budget_bytes) {
        let message = format!("memory_budget is 0 or at least {MEMORY_BUDGET_BYTES_MIN}");
        return Err(PyValueError::new_err(message));
    }
    let on_full = match on_full {
        "keep" => OnMemoryFull::Keep,
        "evict" => OnMemoryFull::Evict,
        _ => return Err(PyValueError::new_err("on_memory_full is \"keep\" or \"evict\"")),
    };
    let budget_bytes = Some(budget_bytes).filter(|bytes| *bytes > 0).or_else(machine::budget_bytes);
    Ok(MemoryPolicy { budget_bytes, on_full })
}
