//! Room: whether there is memory for one more profile, asked on the way of every event that would make one.
//!
//! Measuring all shards takes microseconds and their locks, so it is the evictor's; between two measures
//! the profiles made since count by themselves. Above the line a new profile waits a moment for the
//! evictor, and is not kept when that has nothing left to let go (page 4.4).
//! Invariants: asking is a few atomic reads; whoever waits holds no lock; what the budget cannot be held
//! by is said and counted, never cut.

use std::time::{Duration, Instant};

use crate::profile::Store;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex};

/// What happens to a new profile when nothing more can be let go for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMemoryFull {
    /// The profiles that are there are kept: the new one is answered from its event alone, and not kept.
    #[default]
    Keep,
    /// Others are let go, approximately the oldest first.
    Evict,
}

/// The least budget that a person can state, bytes: below it tables weigh more than profiles.
pub const MEMORY_BUDGET_BYTES_MIN: usize = 16 << 20;

/// How much memory profiles may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryPolicy {
    /// The budget, bytes; `None`: there is none.
    pub budget_bytes: Option<usize>,
    /// What happens when it is spent.
    pub on_full: OnMemoryFull,
}

/// What memory is used for, and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryFigures {
    /// The budget, bytes; 0: there is none.
    pub budget_bytes: usize,
    /// Profiles, their tables and the index, bytes.
    pub profile_bytes: usize,
    /// What else counts to the budget: remembered uuids, and old states put aside for a snapshot, bytes.
    pub beside_bytes: usize,
    /// Whether new profiles are not kept at the moment.
    pub full: bool,
}

/// Thousandths of the profiles' share above which the evictor makes room.
const HIGH: usize = 915;
/// Thousandths of the share down to which it makes room.
const LOW: usize = 900;
/// Thousandths of the share up to which new profiles are made.
/// Tables double shard by shard, also for who is not kept: that takes a part of the 5 % above.
const LINE: usize = 955;
/// Part of the share that may be made new between two measures before the evictor is woken.
const WAKE_PART: usize = 128;
/// How long an event waits at once for room.
const WAIT: Duration = Duration::from_millis(5);

/// Shared by the events and the evictor.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The budget, bytes; 0: nobody measures, and there is room.
    budget_bytes: AtomicUsize,
    /// What is left of the budget for profiles, bytes.
    share_bytes: AtomicUsize,
    profile_bytes: AtomicUsize,
    /// The profiles made since the last measure.
    since_bytes: AtomicUsize,
    /// How far tables had grown at the last measure.
    grown_bytes: AtomicUsize,
    /// Nothing is left to let go.
    spent: AtomicBool,
    /// The evictor is asked to look at once.
    asked: AtomicBool,
    stopping: Mutex<bool>,
    wake: Condvar,
    freed: Condvar,
}

impl Room {
    pub(super) fn set_budget(&self, bytes: usize) {
        self.share_bytes.store(bytes, Ordering::Relaxed);
        self.budget_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Whether there is room for a new profile of about so many bytes. `grown_bytes`: [`Store::grown_bytes`].
    pub(super) fn has(&self, bytes: usize, grown_bytes: usize) -> bool {
        if self.budget_bytes.load(Ordering::Relaxed) == 0 {
            return true;
        }
        let share = self.share_bytes.load(Ordering::Relaxed);
        let grown = grown_bytes.saturating_sub(self.grown_bytes.load(Ordering::Relaxed));
        let since = self.since_bytes.load(Ordering::Relaxed) + bytes + grown;
        let line = share / 1_000 * LINE;
        let has_room = self.profile_bytes.load(Ordering::Relaxed) + since <= line;
        // Nobody is woken for what cannot be helped.
        let asks = (!has_room || since > share / WAKE_PART) && self.is_worth_waiting();
        if asks && !self.asked.swap(true, Ordering::Relaxed) {
            self.wake.notify_all();
        }
        has_room
    }

    /// A new profile was made, of so many bytes.
    pub(super) fn made(&self, bytes: usize) {
        self.since_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether waiting may help: the evictor has something left to let go.
    pub(super) fn is_worth_waiting(&self) -> bool {
        !self.spent.load(Ordering::Relaxed)
    }

    /// Waits until something was freed, for a moment.
    pub(super) fn wait(&self) {
        let mut stopping = self.stopping.lock();
        if !*stopping {
            self.freed.wait_for(&mut stopping, WAIT);
        }
    }

    /// Measures. Profiles get at least half of the budget, whatever else there is.
    pub(super) fn measure(&self, store: &Store) {
        let beside_bytes = store.beside_bytes();
        let budget = self.budget_bytes.load(Ordering::Relaxed);
        self.asked.store(false, Ordering::Relaxed);
        self.since_bytes.store(0, Ordering::Relaxed);
        self.grown_bytes.store(store.grown_bytes(), Ordering::Relaxed);
        self.profile_bytes.store(store.memory_bytes(), Ordering::Relaxed);
        let share = budget.saturating_sub(beside_bytes).max(budget / 2);
        self.share_bytes.store(share, Ordering::Relaxed);
    }

    /// Whether room must be made.
    pub(super) fn is_tight(&self) -> bool {
        self.is_over(HIGH)
    }

    /// Whether enough room is made.
    pub(super) fn is_relieved(&self) -> bool {
        !self.is_over(LOW)
    }

    /// Whether the evictor should look often.
    pub(super) fn is_near(&self) -> bool {
        self.is_over(LOW * 9 / 10)
    }

    fn is_over(&self, thousandths: usize) -> bool {
        let share = self.share_bytes.load(Ordering::Relaxed) as u64;
        let used = self.profile_bytes.load(Ordering::Relaxed) as u64;
        self.budget_bytes.load(Ordering::Relaxed) > 0 && used * 1_000 > share * thousandths as u64
    }

    pub(super) fn set_spent(&self, spent: bool) {
        self.spent.store(spent, Ordering::Relaxed);
        self.freed.notify_all();
    }

    /// Whether new profiles are not kept at the moment.
    pub(super) fn is_full(&self) -> bool {
        !self.is_worth_waiting() && self.is_tight()
    }

    /// What was measured just now, in figures.
    pub(super) fn figures(&self, profile_bytes: usize, beside_bytes: usize) -> MemoryFigures {
        let budget_bytes = self.budget_bytes.load(Ordering::Relaxed);
        MemoryFigures { budget_bytes, profile_bytes, beside_bytes, full: self.is_full() }
    }

    /// Sleeps until it is time to look again; `false` once the evictor is to stop.
    pub(super) fn pause(&self, most: Duration) -> bool {
        let until = Instant::now() + most;
        let mut stopping = self.stopping.lock();
        while !*stopping && !self.asked.load(Ordering::Relaxed) {
            if self.wake.wait_until(&mut stopping, until).timed_out() {
                break;
            }
        }
        !*stopping
    }

    pub(super) fn stop(&self) {
        *self.stopping.lock() = true;
        self.wake.notify_all();
        self.freed.notify_all();
    }
}
