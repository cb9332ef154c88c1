//! Crew: several threads that replay one log together.
//!
//! A profile is a function of its own events in their order, so events of different profiles may be replayed
//! at the same time: each event goes to the thread of its profile. What binds profiles together waits for
//! all that came before and holds up all that follows: profiles that merge, identifiers that move, a profile
//! that lets identifiers go (another one may take them up), a configuration. Uuids are remembered by the one
//! thread that reads, in the order of the log, because their generations turn when they are full.
//! Invariants: one profile's events keep their order; between two records that wait, an identifier gets an
//! owner at most once; the first error by LSN is the one told.

use crate::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::num::NonZeroUsize;

use super::Reactor;
use super::replay::{Hand, Refused, Replay, Uuids, pass_over};
use crate::log::{self, Lsn};
use crate::profile::Rid;
use crate::record::{Errand, EventReplay, KIND_EVENT, KIND_TOMBSTONE, RecordedOutcome, Tombstone};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, Scope};
use crate::sync::{Condvar, Mutex};

/// More threads would wait for the one that reads.
const HANDS_MAX: usize = 8;
/// Records go to a thread in chunks of about this many bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// How many chunks may wait for a thread.
const CHUNKS_AHEAD: usize = 8;

/// Records for one thread.
struct Chunk {
    bytes: Vec<u8>,
    /// LSN and end of each record in `bytes`.
    records: Vec<(Lsn, usize)>,
}

impl Default for Chunk {
    fn default() -> Self {
        // A record of the usual size may begin within the last of the chunk's bytes.
        Self { bytes: Vec::with_capacity(CHUNK_BYTES + 4_096), records: Vec::with_capacity(128) }
    }
}

/// What the threads tell the one that reads.
#[derive(Default)]
struct Board {
    /// Chunks given out and not yet done.
    under_way: Mutex<usize>,
    idle: Condvar,
    failed: AtomicBool,
    failure: Mutex<Option<(u64, Refused)>>,
}

impl Board {
    fn fail(&self, lsn: u64, refused: Refused) {
        let mut failure = self.failure.lock();
        if failure.as_ref().is_none_or(|(first, _)| lsn < *first) {
            *failure = Some((lsn, refused));
        }
        self.failed.store(true, Ordering::Release);
    }
}

/// A chunk that was given out; done when dropped, also by a panic, also unread.
struct UnderWay<'b>(&'b Board);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Release);
        }
        let mut under_way = self.0.under_way.lock();
        *under_way -= 1;
        if *under_way == 0 {
            self.0.idle.notify_all();
        }
    }
}

/// The threads, seen from the one that reads the log.
struct Crew<'r> {
    reactor: &'r Reactor,
    board: &'r Board,
    hands: Vec<(SyncSender<(Chunk, UnderWay<'r>)>, Chunk)>,
}

/// Replays what `feed` hands on, by as many threads as the machine has cores.
///
/// # Errors
/// What `feed` answers; the first record that was refused otherwise.
pub(super) fn replay_together<T, E>(
    reactor: &Reactor,
    replay: &mut Replay,
    feed: impl FnOnce(&mut dyn FnMut(&log::Record<'_>) -> Result<(), Refused>) -> Result<T, E>,
    refuse: impl FnOnce(u64, Refused) -> E,
) -> Result<T, E> {
    let hands = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(HANDS_MAX);
    let board = Board::default();
    let fed = thread::scope(|scope| {
        let mut crew = Crew::start(scope, reactor, &board, hands);
        let fed = feed(&mut |record| crew.record(replay, record));
        crew.settle();
        fed
    });
    // A thread's record precedes whatever the feeder stopped at because of it.
    match board.failure.into_inner() {
        Some((lsn, refused)) => Err(refuse(lsn, refused)),
        None => fed,
    }
}

impl<'r> Crew<'r> {
    fn start<'s>(
        scope: &'s Scope<'s, 'r>,
        reactor: &'r Reactor,
        board: &'r Board,
        hands: usize,
    ) -> Self {
        let hands = (0..hands).map(|_| {
            let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
            scope.spawn(move || work(reactor, board, receiver));
            (sender, Chunk::default())
        });
        Self { reactor, board, hands: hands.collect() }
    }

    fn record(&mut self, replay: &mut Replay, record: &log::Record<'_>) -> Result<(), Refused> {
        if self.board.failed.load(Ordering::Acquire) {
            return Err(Refused::Elsewhere);
        }
        if record.kind == KIND_TOMBSTONE {
            let tombstone = Tombstone::decode(record.payload)?;
            if !tombstone.moved.is_empty() {
                self.settle();
            }
            pass_over(self.reactor, &tombstone, record.lsn.counter);
            return Ok(());
        }
        if record.kind != KIND_EVENT {
            self.settle();
            return replay.record(self.reactor, record);
        }
        let errand = Errand::decode(record.payload)?;
        let Some(hand) = self.hand_of(&errand) else {
            self.settle();
            return replay.record(self.reactor, record);
        };
        if let Some(uuid) = errand.client_uuid {
            self.reactor.store.remember(self.reactor.secret.dedup(&uuid), errand.now_ms);
        }
        replay.events += 1;
        let chunk = &mut self.hands[hand].1;
        chunk.bytes.extend_from_slice(record.payload);
        chunk.records.push((record.lsn, chunk.bytes.len()));
        if chunk.bytes.len() >= CHUNK_BYTES {
            self.give(hand);
        }
        Ok(())
    }

    /// The thread whose profile the event belongs to; `None` when it concerns several threads' profiles.
    fn hand_of(&self, errand: &Errand) -> Option<usize> {
        if errand.lets_go {
            return None;
        }
        let of = |rid: &[u8; 16]| (Rid(*rid).mixed() >> 32) as usize % self.hands.len();
        match &errand.outcome {
            RecordedOutcome::Nobody => Some(0),
            RecordedOutcome::New(rid)
            | RecordedOutcome::Passing(rid)
            | RecordedOutcome::Known(rid)
            | RecordedOutcome::Extended(rid) => Some(of(rid)),
            RecordedOutcome::Merged(survivor, merged) => {
                let hand = of(survivor);
                merged.iter().all(|rid| of(rid) == hand).then_some(hand)
            }
            // What moves leaves one profile for another.
            RecordedOutcome::Moved(_) => None,
        }
    }

    fn give(&mut self, hand: usize) {
        let (sender, chunk) = &mut self.hands[hand];
        let chunk = std::mem::take(chunk);
        *self.board.under_way.lock() += 1;
        // Refused when the thread has panicked; its scope tells so.
        let _refused = sender.send((chunk, UnderWay(self.board)));
    }

    /// Waits until all that was handed out is done.
    fn settle(&mut self) {
        for hand in 0..self.hands.len() {
            if !self.hands[hand].1.records.is_empty() {
                self.give(hand);
            }
        }
        let mut under_way = self.board.under_way.lock();
        while *under_way > 0 {
            self.board.idle.wait(&mut under_way);
        }
    }
}

fn work(reactor: &Reactor, board: &Board, chunks: Receiver<(Chunk, UnderWay<'_>)>) {
    let mut hand = Hand::default();
    for (chunk, _under_way) in chunks {
        let published = reactor.published.load();
        let mut from = 0;
        for (lsn, to) in chunk.records {
            if board.failed.load(Ordering::Relaxed) {
                break;
            }
            let replayed =
                EventReplay::decode(&chunk.bytes[from..to]).map_err(Refused::from).and_then(
                    |event| hand.event(reactor, &published, &event, lsn, Uuids::Leave, &mut |_| {}),
                );
            if let Err(refused) = replayed {
                board.fail(lsn.counter, refused);
            }
            from = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Secret};
    use super::*;
    use crate::log::Log;

    #[test]
    fn what_a_thread_that_panics_leaves_unread_is_not_waited_for() {
        let log = Log::memory().expect("a descriptor is left");
        let reactor =
            Reactor::empty(log, Secret::fresh().expect("there is chance"), &Options::default());
        let board = Board::default();
        let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
        let mut crew =
            Crew { reactor: &reactor, board: &board, hands: vec![(sender, Chunk::default())] };
        let lsn = Lsn { partition: 0, term: 1, counter: 1 };
        for _ in 0..3 {
            // It says that it is longer than it is.
            crew.hands[0].1.records.push((lsn, 1));
            crew.give(0);
        }
        let panicked = thread::scope(|scope| {
            let (reactor, board) = (&reactor, &board);
            scope.spawn(move || work(reactor, board, receiver)).join().is_err()
        });
        assert!(panicked);
        crew.settle();
        assert!(board.failed.load(Ordering::Acquire));
    }
}
