//! Scheduled: the lock and the condition variable of the schedule tester, with the faces of the real ones.
//!
//! The tester knows no time. A wait with a limit is therefore over at once, after everybody else may have
//! run, and says by the schedule's own dice whether it timed out; whoever waits in a loop is tried
//! both ways. Invariant: a panic while a lock is held poisons nothing, as with the real ones.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use shuttle::rand::Rng;
use shuttle::sync as tester;

/// A lock.
#[derive(Default)]
pub struct Mutex<T>(tester::Mutex<T>);

impl<T> Mutex<T> {
    /// A lock around a value.
    pub const fn new(value: T) -> Self {
        Self(tester::Mutex::new(value))
    }

    /// Takes the lock, waiting for it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { lock: self, held: Some(self.take()) }
    }

    fn take(&self) -> tester::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock when it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let held = match self.0.try_lock() {
            Ok(held) => held,
            Err(tester::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(tester::TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { lock: self, held: Some(held) })
    }

    /// The value, when nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, out of its lock.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex(..)")
    }
}

/// A lock taken.
pub struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    /// `None` only while a condition variable waits.
    held: Option<tester::MutexGuard<'a, T>>,
}

const HELD: &str = "a guard is empty only inside of a wait";

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect(HELD)
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect(HELD)
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Whether a wait ended by its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether a wait ended by its limit.
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// A condition variable.
#[derive(Debug, Default)]
pub struct Condvar(tester::Condvar);

impl Condvar {
    /// A condition variable that nobody waits for.
    pub const fn new() -> Self {
        Self(tester::Condvar::new())
    }

    /// Waits until somebody notifies.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.held.take().expect(HELD);
        guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for a limited time: see above.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        Self::limited(guard)
    }

    /// Waits up to a moment: see above.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) -> WaitTimeoutResult {
        Self::limited(guard)
    }

    fn limited<T>(guard: &mut MutexGuard<'_, T>) -> WaitTimeoutResult {
        drop(guard.held.take().expect(HELD));
        shuttle::thread::yield_now();
        guard.held = Some(guard.lock.take());
        WaitTimeoutResult(shuttle::rand::thread_rng().gen_bool(0.5))
    }

    /// Wakes one that waits.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all that wait.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
