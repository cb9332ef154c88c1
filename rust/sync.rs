//! Sync: the locks, condition variables, threads and atomics that the log and the store are built from.
//!
//! One place, so that a test build can put a scheduler's own in their place and try orders that no run
//! would show (specification 5.7). Invariant: nothing that a schedule depends on is taken from elsewhere.

pub use std::sync::atomic;
pub use std::thread;

pub use parking_lot::{Condvar, Mutex, MutexGuard};
