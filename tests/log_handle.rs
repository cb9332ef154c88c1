//! The handle: what callers may rely on while the log runs. A gate in front of the disk's sync makes the
//! order of things certain instead of likely.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use p13n::log::storage::{Disk, DiskFile, LockGuard, RealDisk, Room, SimulatedDisk};
use p13n::log::{
    Busy, Failed, FailureKind, Log, Options, Reader, Record, Recovery, ReserveError, SyncPolicy,
    WaitError,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const DIRECTORY: &str = "/log";
const PATIENCE: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_millis(30);

/// A disk whose syncs of open files wait while the gate is shut.
#[derive(Clone, Default)]
struct GatedDisk {
    disk: SimulatedDisk,
    shut: Arc<(Mutex<bool>, Condvar)>,
}

impl GatedDisk {
    fn shut(&self, shut: bool) {
        *self.shut.0.lock().expect("no panic holds it") = shut;
        self.shut.1.notify_all();
    }

    fn gate(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(GatedFile { file, shut: Arc::clone(&self.shut) })
    }
}

impl Disk for GatedDisk {
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.create_directory(directory)
    }
    fn create(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.gate(self.disk.create(file)?))
    }
    fn open(&self, file: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.gate(self.disk.open(file, writable)?))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, file: &Path) -> io::Result<()> {
        self.disk.remove(file)
    }
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }
    fn names(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.names(directory)
    }
    fn room(&self, directory: &Path) -> io::Result<Room> {
        self.disk.room(directory)
    }
    fn lock(&self, file: &Path) -> io::Result<Option<LockGuard>> {
        self.disk.lock(file)
    }
}

struct GatedFile {
    file: Arc<dyn DiskFile>,
    shut: Arc<(Mutex<bool>, Condvar)>,
}

impl DiskFile for GatedFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
    fn sync(&self) -> io::Result<()> {
        let shut = self.shut.0.lock().expect("no panic holds it");
        drop(self.shut.1.wait_while(shut, |shut| *shut).expect("no panic holds it"));
        self.file.sync()
    }
}

fn start(disk: Arc<dyn Disk>, options: Options) -> Log {
    Recovery::open(Path::new(DIRECTORY), disk, options)
        .and_then(Recovery::start)
        .expect("the log starts")
}

fn gated(options: Options) -> (GatedDisk, Log) {
    let disk = GatedDisk::default();
    let log = start(Arc::new(disk.clone()), options);
    disk.shut(true);
    (disk, log)
}

fn append(log: &Log, payload: &[u8]) -> u64 {
    let reservation = log.reserve(payload.len()).expect("the queue has room");
    log.append(reservation, 1, &[payload]).expect("the log works")
}

fn busy(log: &Log, bytes: usize) -> Busy {
    match log.reserve(bytes).err() {
        Some(ReserveError::Busy(busy)) => busy,
        other => panic!("the queue should have no room: {other:?}"),
    }
}

fn is_signalled(log: &Log) -> bool {
    let mut polled = [PollFd::new(log, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).expect("it can be polled") == 1
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn first_segment(disk: &SimulatedDisk) -> Vec<u8> {
    disk.bytes(&Path::new(DIRECTORY).join("000000000001.log")).expect("there is one")
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn nobody_is_told_before_the_sync_and_everybody_after_it() {
    let (disk, log) = gated(Options::default());
    let lsn = append(&log, b"a record");
    until("the record is written", || holds(&first_segment(&disk.disk), b"a record"));
    assert!(matches!(log.wait(lsn, MOMENT), Err(WaitError::Timeout)));
    assert_eq!((log.appended(), log.synced()), (1, 0));
    assert!(!is_signalled(&log), "written is not synced");
    assert!(log.unsynced_since_ms().is_some_and(|age_ms| age_ms >= MOMENT.as_millis() as u64));
    disk.shut(false);
    log.wait(lsn, PATIENCE).expect("the log syncs");
    assert_eq!(log.synced(), 1);
    until("the descriptor is readable", || is_signalled(&log));
    assert_eq!(log.unsynced_since_ms(), None);
}

#[test]
fn what_comes_during_a_sync_shares_the_next_one() {
    let (disk, log) = gated(Options::default());
    append(&log, b"first");
    until("the first batch is written", || log.stats().batches == 1);
    for _ in 0..100 {
        append(&log, b"more");
    }
    disk.shut(false);
    log.wait(101, PATIENCE).expect("the log syncs");
    let stats = log.stats();
    assert_eq!((stats.batches, stats.syncs, stats.synced), (2, 2, 101));
}

#[test]
fn under_interval_a_slow_sync_does_not_hold_back_the_writes() {
    let sync = SyncPolicy::Interval { ms: 1 };
    let (disk, log) = gated(Options { sync, ..Options::default() });
    for number in 0..5_u32 {
        let payload = [b"record ", &number.to_le_bytes()[..]].concat();
        append(&log, &payload);
        until("the record is written", || holds(&first_segment(&disk.disk), &payload));
    }
    assert_eq!(log.synced(), 0);
    assert!(log.unsynced_since_ms().is_some());
    disk.shut(false);
    log.wait(5, PATIENCE).expect("the log syncs");
}

#[test]
fn a_full_queue_is_busy_until_something_is_synced_and_a_dropped_reservation_gives_room_back() {
    let (disk, log) = gated(Options { queue_bytes_max: 1000, ..Options::default() });
    let one = log.reserve(395).expect("there is room");
    let two = log.reserve(595).expect("there is room");
    let busy = busy(&log, 1);
    assert_eq!((busy.requested, busy.free, busy.queue_bytes_max), (6, 0, 1000));
    drop(two);
    assert_eq!(log.stats().queued_bytes, 400);
    // Shorter than reserved: the rest comes back at once.
    log.append(one, 1, &[&[7; 95]]).expect("the log works");
    assert_eq!(log.stats().queued_bytes, 100);
    assert!(log.reserve(896).is_err());
    disk.shut(false);
    log.wait(1, PATIENCE).expect("the log syncs");
    until("the room is given back", || log.stats().queued_bytes == 0);
}

#[test]
fn a_record_longer_than_its_reservation_is_taken_and_counted_and_a_huge_one_is_refused() {
    let (disk, log) = gated(Options { queue_bytes_max: 1000, ..Options::default() });
    let small = log.reserve(1).expect("there is room");
    log.append(small, 1, &[&[1; 3000]]).expect("the log works");
    assert_eq!(log.stats().queued_bytes, 3005);
    assert_eq!(busy(&log, 1).free, 0);
    disk.shut(false);
    until("the room is given back", || log.stats().queued_bytes == 0);
    let huge = vec![0; p13n::log::limits::RECORD_BYTES_MAX + 1];
    let refused = log.append(log.reserve(0).expect("there is room"), 1, &[&huge]);
    assert!(matches!(refused, Err(Failed::TooLarge { .. })));
    assert_eq!((log.stats().queued_bytes, log.appended()), (0, 1));
    assert_eq!(append(&log, b"the log goes on"), 2);
}

#[test]
fn the_largest_record_comes_back() {
    let disk = SimulatedDisk::default();
    let log = start(Arc::new(disk.clone()), Options::default());
    let largest: Vec<u8> =
        (0..p13n::log::limits::RECORD_BYTES_MAX).map(|at| (at % 251) as u8).collect();
    for _ in 0..3 {
        append(&log, &largest);
        append(&log, b"small");
    }
    log.close().expect("it closes");
    let reader = Reader::open(Path::new(DIRECTORY), Arc::new(disk)).expect("there is a log");
    let mut count = 0;
    reader
        .records(|record| {
            count += 1;
            let expected = if count % 2 == 1 { &largest[..] } else { b"small" };
            assert!(record.payload == expected, "record {count}");
            Ok::<_, ()>(())
        })
        .expect("the log is good");
    assert_eq!(count, 6);
}

#[test]
fn every_start_raises_the_term_and_the_counter_goes_on() {
    let disk = SimulatedDisk::default();
    for term in 1..=4 {
        let log = start(Arc::new(disk.clone()), Options::default());
        assert_eq!((log.term(), log.appended()), (term, u64::from(term - 1)));
        append(&log, b"one a term");
    }
    // A start that appends nothing raises the term all the same and leaves no segment behind.
    drop(start(Arc::new(disk.clone()), Options::default()));
    let mut lsns = Vec::new();
    let mut recovery =
        Recovery::open(Path::new(DIRECTORY), Arc::new(disk.clone()), Options::default())
            .expect("it opens");
    let collect = |record: Record<'_>| {
        lsns.push((record.lsn.term, record.lsn.counter));
        Ok::<_, ()>(())
    };
    recovery.replay(collect).expect("the log is good");
    assert_eq!(lsns, [(1, 1), (2, 2), (3, 3), (4, 4)]);
    assert_eq!(recovery.start().expect("it starts").term(), 6);
    let reader = Reader::open(Path::new(DIRECTORY), Arc::new(disk)).expect("there is a log");
    assert_eq!(reader.summary().expect("the log is good").segments.len(), 4);
}

#[test]
fn a_closed_log_has_everything_synced_and_takes_nothing_more() {
    for sync in [SyncPolicy::Always, SyncPolicy::Interval { ms: 60_000 }, SyncPolicy::Never] {
        let disk = SimulatedDisk::default();
        let log = start(Arc::new(disk.clone()), Options { sync, ..Options::default() });
        for _ in 0..10 {
            append(&log, b"a record");
        }
        log.close().expect("it closes");
        log.close().expect("and says so again");
        assert_eq!((log.synced(), log.failure().is_none()), (10, true));
        let refused = log.append(log.reserve(1).expect("there is room"), 1, &[b"x"]);
        let Err(Failed::Stopped(failure)) = refused else { panic!("{refused:?}") };
        assert_eq!(failure.kind, FailureKind::Closed);
        let after = disk.crash(|| 0);
        let reader = Reader::open(Path::new(DIRECTORY), Arc::new(after)).expect("there is a log");
        assert_eq!(reader.summary().expect("the log is good").synced_lsn, 10);
    }
}

#[test]
fn a_log_in_memory_gives_lsns_and_is_always_synced() {
    let log = Log::memory().expect("a descriptor is free");
    assert_eq!((append(&log, b"one"), append(&log, b"two")), (1, 2));
    assert_eq!((log.appended(), log.synced(), log.unsynced_since_ms()), (2, 2, None));
    log.wait(2, Duration::ZERO).expect("it is synced");
    log.close().expect("it closes");
}

#[test]
fn a_reader_beside_a_running_writer_sees_a_growing_prefix_and_never_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let options = Options { segment_bytes_max: 20_000, ..Options::default() };
    let log = Recovery::open(directory.path(), Arc::clone(&disk), options)
        .and_then(Recovery::start)
        .expect("the log starts");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..60 {
                for _ in 0..20 {
                    append(&log, &[9; 100]);
                }
                log.wait(log.appended(), PATIENCE).expect("the log syncs");
            }
            done.store(true, Ordering::Release);
        });
        let mut before = 0;
        loop {
            let last_look = done.load(Ordering::Acquire);
            let synced = log.synced();
            let reader = Reader::open(directory.path(), Arc::clone(&disk)).expect("it opens");
            let summary = reader.summary().expect("a running log is no damage");
            assert!(summary.last_lsn >= before.max(synced), "{} < {synced}", summary.last_lsn);
            // Noted before it is told, so it may take a moment.
            until("only what is synced counts as synced", || summary.synced_lsn <= log.synced());
            before = summary.last_lsn;
            if last_look {
                break;
            }
        }
        assert_eq!(before, 1200);
    });
}

#[test]
fn what_a_killed_writer_left_in_the_cache_is_synced_before_it_counts_as_synced() {
    let (disk, log) = gated(Options::default());
    append(&log, b"never synced by its writer");
    until("the record is written", || {
        holds(&first_segment(&disk.disk), b"never synced by its writer")
    });
    let killed = disk.disk.kill();
    disk.shut(false);
    drop(log);
    let log = start(Arc::new(killed.clone()), Options::default());
    assert_eq!(log.synced(), 1, "the next start takes it over");
    let after = killed.crash(|| 0);
    drop(log);
    let log = start(Arc::new(after), Options::default());
    assert_eq!(log.appended(), 1, "so a power cut cannot take it back");
}

#[test]
fn under_never_a_segment_is_synced_before_its_successor_is_named() {
    let sync = SyncPolicy::Never;
    let options = Options { sync, segment_bytes_max: 1024, ..Options::default() };
    let disk = SimulatedDisk::default();
    let log = start(Arc::new(disk.clone()), options);
    for batch in 1..=8 {
        append(&log, &[batch; 300]);
        until("the batch is written", || log.stats().batches == u64::from(batch));
    }
    assert!(log.stats().syncs >= 2, "only rotations sync in this test");
    let synced = log.synced();
    let after = disk.crash(|| 0);
    drop(log);
    let reopened = start(Arc::new(after), options);
    assert_eq!(reopened.appended(), synced);
    assert!(synced >= 4);
}

#[test]
fn under_never_a_sync_comes_when_somebody_asks_and_not_before() {
    let disk = SimulatedDisk::default();
    let options = Options { sync: SyncPolicy::Never, ..Options::default() };
    let log = start(Arc::new(disk.clone()), options);
    for number in 1..=50 {
        let lsn = append(&log, b"a record");
        if number % 10 == 0 {
            log.wait(lsn, PATIENCE).expect("the log syncs because somebody waits");
            assert!(log.synced() >= lsn);
        }
    }
    append(&log, b"nobody asks for this one");
    until("the record is written", || holds(&first_segment(&disk), b"nobody asks for this one"));
    assert_eq!(log.synced(), 50, "and nothing is synced unasked");
    let after = disk.crash(|| 0);
    drop(log);
    assert_eq!(start(Arc::new(after), options).appended(), 50);
}

#[test]
fn under_a_long_interval_a_sync_comes_when_somebody_asks_and_when_the_log_is_idle() {
    let sync = SyncPolicy::Interval { ms: 60_000 };
    let log = start(Arc::<SimulatedDisk>::default(), Options { sync, ..Options::default() });
    for _ in 1..=50 {
        let lsn = append(&log, b"a record");
        log.wait(lsn, PATIENCE).expect("the log syncs because somebody waits");
    }
    append(&log, b"nobody asks for this one");
    until("an idle log is synced", || log.synced() == 51);
    until("and nothing is left", || log.unsynced_since_ms().is_none());
}

#[test]
fn an_idle_log_writes_one_marker_and_then_rests() {
    for sync in [SyncPolicy::Always, SyncPolicy::Interval { ms: 5 }] {
        let disk = SimulatedDisk::default();
        let log = start(Arc::new(disk.clone()), Options { sync, ..Options::default() });
        let reader = || Reader::open(Path::new(DIRECTORY), Arc::new(disk.clone())).expect("opens");
        let batches = || reader().summary().expect("the log is good").batches;
        for marked in [2, 4] {
            append(&log, b"a record");
            until("a marker follows it", || batches() == marked);
            let calls = disk.calls();
            let begun = Instant::now();
            until("longer than it takes", || begun.elapsed() > Duration::from_millis(120));
            assert!(disk.calls() <= calls + 2, "its own sync, and no second marker");
        }
        assert_eq!(log.stats().batches, 2, "a marker is no batch of records");
    }
}

#[test]
fn someone_who_waits_for_a_record_to_come_is_told_when_it_has() {
    let log = start(
        Arc::<SimulatedDisk>::default(),
        Options { sync: SyncPolicy::Never, ..Options::default() },
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| log.wait(3, PATIENCE));
        for _ in 0..3 {
            append(&log, b"a record");
        }
        waiting.join().expect("no panic").expect("the log syncs");
    });
}
