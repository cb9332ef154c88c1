//! Sync: the locks, condition variables, threads, channels and atomics that the log and the store are built from.
//!
//! One place, so that a test build can put a scheduler's own in their place and try orders that no run
//! would show (specification 5.7). The feature `shuttle` does that; nothing else changes with it.
//! Invariant: nothing that a schedule depends on is taken from elsewhere.

#[cfg(feature = "shuttle")]
mod scheduled;

#[cfg(not(feature = "shuttle"))]
pub use std::sync::{atomic, mpsc};
#[cfg(not(feature = "shuttle"))]
pub use std::thread;

#[cfg(not(feature = "shuttle"))]
pub use parking_lot::{Condvar, Mutex, MutexGuard};

#[cfg(feature = "shuttle")]
pub use shuttle::sync::{atomic, mpsc};
#[cfg(feature = "shuttle")]
pub use shuttle::thread;

#[cfg(feature = "shuttle")]
pub use scheduled::{Condvar, Mutex, MutexGuard, WaitTimeoutResult};
