//! Clock: processing time, as recorded in the log (page 4.2 "Time").
//!
//! With the server's clock it is the last known time plus a monotonic clock, so that a step of the
//! wall clock cannot reach the profiles unseen; with the event clock it is the greatest event time
//! so far. Invariants: along the log it never goes backwards, and only appended event records move
//! it: a time is proposed first, and taken in the log's order or not at all.

use crate::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::sync::{Mutex, MutexGuard};

/// A wall clock that is further off than this is not followed at once, milliseconds.
pub const STEP_MS_MAX: i64 = 60_000;
/// A step is followed once it has held for so long, milliseconds.
pub const STEP_HOLD_MS: i64 = 60_000;
/// The wall clock is looked at no more often than this, milliseconds.
const LOOK_EVERY_MS: i64 = 1_000;
/// No processing time yet.
const NEVER: i64 = i64::MIN;

/// Where processing time comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockMode {
    /// The server's clock at reception.
    #[default]
    Server,
    /// The greatest event time so far (backfill and tests).
    Event,
}

/// Processing time for one reactor.
#[derive(Debug)]
pub struct Clock {
    mode: ClockMode,
    last_ms: AtomicI64,
    /// Held from the last look at a proposed time until its record is appended.
    order: Mutex<()>,
    server: ServerClock,
}

/// A processing time that is proposed for an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Epoch milliseconds.
    pub now_ms: i64,
    /// Whether the event's record moves the clock.
    pub moves: bool,
}

/// The right to append the next event record: nobody else's time comes between.
pub struct Turn<'a> {
    clock: &'a Clock,
    tick: Tick,
    _order: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// The record is appended: its time is the last one now.
    pub fn taken(self) {
        if self.tick.moves {
            self.clock.last_ms.store(self.tick.now_ms, Ordering::Relaxed);
        }
    }
}

impl Clock {
    /// A clock that has not yet seen a record.
    pub fn new(mode: ClockMode) -> Self {
        let server = ServerClock::start();
        Self { mode, last_ms: AtomicI64::new(NEVER), order: Mutex::new(()), server }
    }

    /// Where time comes from.
    pub fn mode(&self) -> ClockMode {
        self.mode
    }

    /// The server's clock, epoch milliseconds; never before the last record's time.
    pub fn server_ms(&self) -> i64 {
        self.server.now_ms()
    }

    /// The processing time of an event: `now_ms` when the caller gives it, else by the mode. Moves
    /// nothing; [`Clock::turn`] does, once the event is computed and about to be appended.
    pub fn tick(&self, event_time_s: Option<i64>, now_ms: Option<i64>) -> Tick {
        let last = self.last_ms.load(Ordering::Relaxed);
        let candidate = match (now_ms, self.mode, event_time_s) {
            (Some(given), _, _) => given,
            (None, ClockMode::Event, Some(seconds)) => seconds * 1_000,
            // Before the first event time it is the server's clock, which moves nothing.
            (None, ClockMode::Event, None) if last == NEVER => {
                return Tick { now_ms: self.server_ms(), moves: false };
            }
            (None, ClockMode::Event, None) => last,
            (None, ClockMode::Server, _) => self.server_ms(),
        };
        Tick { now_ms: candidate.max(last), moves: true }
    }

    /// The right to append a record of this time; `None` when another event has meanwhile moved the
    /// clock past it, and the event must be computed anew. Log order is the order of turns.
    pub fn turn(&self, tick: Tick) -> Option<Turn<'_>> {
        let order = self.order.lock();
        let last = self.last_ms.load(Ordering::Relaxed);
        let fits = if tick.moves { last <= tick.now_ms } else { last == NEVER };
        fits.then_some(Turn { clock: self, tick, _order: order })
    }

    /// Gives no turns while the guard lives: for records of other kinds whose place among the events
    /// counts.
    pub fn hold(&self) -> MutexGuard<'_, ()> {
        self.order.lock()
    }

    /// Takes over the time of a replayed record.
    pub fn replayed(&self, recorded_ms: i64) {
        self.last_ms.fetch_max(recorded_ms, Ordering::Relaxed);
    }

    /// Ends recovery: from here on the server's clock goes on from the last record.
    pub fn recovered(&self) {
        if self.mode == ClockMode::Server {
            self.server.not_before(self.last_ms.load(Ordering::Relaxed));
        }
    }

    /// The time that reads see: the last record's, or by the server's clock what it is now.
    pub fn read_ms(&self) -> i64 {
        let last = self.last_ms.load(Ordering::Relaxed);
        match self.mode {
            ClockMode::Event if last != NEVER => last,
            _ => self.server_ms().max(last),
        }
    }

    /// The last record's time, when there was one.
    pub fn last_ms(&self) -> Option<i64> {
        Some(self.last_ms.load(Ordering::Relaxed)).filter(|&last| last != NEVER)
    }

    /// A step of the wall clock that is seen and not followed (yet), milliseconds.
    pub fn step_ms(&self) -> Option<i64> {
        self.server.state.lock().step.map(|step| step.offset_ms)
    }
}

/// A wall clock read through a monotonic one.
#[derive(Debug)]
struct ServerClock {
    origin: Instant,
    /// Wall time of `origin`, epoch milliseconds.
    base_ms: AtomicI64,
    looked_ms: AtomicI64,
    state: Mutex<Steps>,
}

#[derive(Debug, Default)]
struct Steps {
    step: Option<Step>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    offset_ms: i64,
    since_ms: i64,
}

impl ServerClock {
    fn start() -> Self {
        Self {
            origin: Instant::now(),
            base_ms: AtomicI64::new(wall_ms()),
            looked_ms: AtomicI64::new(0),
            state: Mutex::default(),
        }
    }

    fn now_ms(&self) -> i64 {
        let elapsed_ms = self.elapsed_ms();
        let looked_ms = self.looked_ms.load(Ordering::Relaxed);
        if elapsed_ms - looked_ms >= LOOK_EVERY_MS
            && self
                .looked_ms
                .compare_exchange(looked_ms, elapsed_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.look(elapsed_ms, wall_ms());
        }
        self.base_ms.load(Ordering::Relaxed) + elapsed_ms
    }

    fn elapsed_ms(&self) -> i64 {
        self.origin.elapsed().as_millis() as i64
    }

    fn not_before(&self, at_least_ms: i64) {
        let elapsed_ms = self.elapsed_ms();
        self.base_ms.fetch_max(at_least_ms.saturating_sub(elapsed_ms), Ordering::Relaxed);
    }

    /// Follows small drifts at once, steps when they have held for a minute.
    fn look(&self, elapsed_ms: i64, wall_ms: i64) {
        let offset_ms = wall_ms - (self.base_ms.load(Ordering::Relaxed) + elapsed_ms);
        let mut state = self.state.lock();
        let follow = if offset_ms.abs() <= STEP_MS_MAX {
            true
        } else {
            match state.step {
                Some(step) if (step.offset_ms - offset_ms).abs() <= STEP_MS_MAX => {
                    elapsed_ms - step.since_ms >= STEP_HOLD_MS
                }
                _ => {
                    state.step = Some(Step { offset_ms, since_ms: elapsed_ms });
                    false
                }
            }
        };
        if follow {
            state.step = None;
            self.base_ms.store(wall_ms - elapsed_ms, Ordering::Relaxed);
        }
    }
}

/// The machine's clock, epoch milliseconds; for ages of files, never for profiles.
pub fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_millis() as i64,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The processing time of an event whose record is appended.
    fn appended(clock: &Clock, event_time_s: Option<i64>, now_ms: Option<i64>) -> i64 {
        let tick = clock.tick(event_time_s, now_ms);
        clock.turn(tick).expect("nobody came between").taken();
        tick.now_ms
    }

    #[test]
    fn the_event_clock_is_the_greatest_event_time_so_far() {
        let clock = Clock::new(ClockMode::Event);
        assert_eq!(appended(&clock, Some(100), None), 100_000);
        assert_eq!(appended(&clock, Some(90), None), 100_000);
        assert_eq!(appended(&clock, None, None), 100_000);
        assert_eq!(appended(&clock, Some(101), None), 101_000);
    }

    #[test]
    fn before_the_first_event_time_it_is_the_servers_and_moves_nothing() {
        let clock = Clock::new(ClockMode::Event);
        assert!(appended(&clock, None, None) > 1_600_000_000_000);
        assert_eq!(clock.last_ms(), None);
        assert_eq!(appended(&clock, Some(5), None), 5_000);
    }

    #[test]
    fn a_given_time_that_is_smaller_counts_as_the_last_one() {
        let clock = Clock::new(ClockMode::Server);
        assert_eq!(appended(&clock, None, Some(2_000)), 2_000);
        assert_eq!(appended(&clock, None, Some(1_000)), 2_000);
    }

    #[test]
    fn what_is_not_appended_moves_nothing() {
        let clock = Clock::new(ClockMode::Event);
        appended(&clock, Some(5), None);
        assert_eq!(clock.tick(Some(9), None), Tick { now_ms: 9_000, moves: true });
        drop(clock.turn(clock.tick(Some(9), None)));
        assert_eq!(clock.last_ms(), Some(5_000));
    }

    #[test]
    fn a_time_that_was_overtaken_gets_no_turn() {
        let clock = Clock::new(ClockMode::Event);
        let (timeless, early) = (clock.tick(None, None), clock.tick(Some(5), None));
        appended(&clock, Some(9), None);
        assert!(clock.turn(timeless).is_none());
        assert!(clock.turn(early).is_none());
        assert!(clock.turn(clock.tick(Some(5), None)).is_some());
    }

    #[test]
    fn a_step_is_not_followed_until_it_holds_for_a_minute() {
        let clock = ServerClock::start();
        let base = clock.base_ms.load(Ordering::Relaxed);
        clock.look(1_000, base + 1_000 + 3_600_000);
        assert_eq!(clock.base_ms.load(Ordering::Relaxed), base);
        clock.look(30_000, base + 30_000 + 3_600_000);
        assert_eq!(clock.base_ms.load(Ordering::Relaxed), base);
        clock.look(61_000, base + 61_000 + 3_600_000);
        assert_eq!(clock.base_ms.load(Ordering::Relaxed), base + 3_600_000);
    }

    #[test]
    fn a_small_drift_is_followed_at_once() {
        let clock = ServerClock::start();
        let base = clock.base_ms.load(Ordering::Relaxed);
        clock.look(1_000, base + 1_000 + 250);
        assert_eq!(clock.base_ms.load(Ordering::Relaxed), base + 250);
    }

    #[test]
    fn after_recovery_time_goes_on_from_the_last_record() {
        let clock = Clock::new(ClockMode::Server);
        let ahead = wall_ms() + 30_000;
        clock.replayed(ahead);
        clock.recovered();
        assert!(clock.tick(None, None).now_ms >= ahead);
    }
}
