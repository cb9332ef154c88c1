//! Counters: what the reactor has done since it was opened; plain atomics, read by `stats`.
//!
//! Label sets are bounded by the configuration: names of keys, attributes, offers, never values.

use crate::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;

use crate::sync::Mutex;

use crate::record::EvictionReason;
use crate::value::Text;

/// Counts since the reactor was opened (replay included only where it says so).
#[derive(Debug, Default)]
pub struct Counters {
    /// Events stored.
    pub events: Count,
    /// Repeats answered.
    pub duplicates: Count,
    /// Imported rows of identifiers.
    pub linked: Count,
    /// Events of tables that are no destination, stored only.
    pub unrouted: Count,
    /// Events that `ignore` let into the log only.
    pub only_stored: Count,
    /// Events that `ignore` kept out of the log, too.
    pub dropped: Count,
    /// New profiles that found no room: answered from their event alone, and not kept.
    pub not_kept: Count,
    /// Profiles let go, by reason.
    evicted: [Count; EvictionReason::ALL.len()],
    /// Offers given; those in the answer to a repeat are not given again.
    pub offers: Count,
    /// Answers cut at their limit.
    pub answers_cut: Count,
    /// What went wrong inside a rule: (where, why) to a count.
    pub errors: Labelled,
    /// Identifiers that were not usable: (key, why) to a count.
    pub ignored: Labelled,
    /// Values an attribute did not take: (attribute, why) to a count.
    pub rejected: Labelled,
}

impl Counters {
    /// Profiles let go for this reason.
    pub fn evicted(&self, reason: EvictionReason) -> &Count {
        &self.evicted[reason as usize - 1]
    }
}

/// One count.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts by (name, reason); touched only when something went wrong.
#[derive(Debug, Default)]
pub struct Labelled(Mutex<BTreeMap<(Text, &'static str), u64>>);

impl Labelled {
    /// Adds one.
    pub fn add(&self, name: &Text, reason: &'static str) {
        *self.0.lock().entry((name.clone(), reason)).or_default() += 1;
    }

    /// All counts, ordered.
    pub fn snapshot(&self) -> Vec<(Text, &'static str, u64)> {
        let counts = self.0.lock();
        counts.iter().map(|((name, reason), count)| (name.clone(), *reason, *count)).collect()
    }
}
