//! Snapshots: a million profiles written beside traffic, loaded again, and the log replayed without them.
//!
//! One thread sends the seed's event without a pause, as in `reactor.rs`; what each request takes is told with
//! and without a snapshot under way. `cargo bench --bench snapshot`; P13N_BENCH_PROFILES for fewer profiles.

mod seed;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use p13n::config::SourceFile;
use p13n::error::ErrorKind;
use p13n::log::SyncPolicy;
use p13n::reactor::open::{SNAPSHOT_FOLDER, directory_of};
use p13n::reactor::{Options, Reactor, Request, SnapshotPolicy, SnapshotReport};
use p13n::sync::atomic::{AtomicBool, Ordering};
use seed::{CONFIGURATION, Event, Order};

/// Events of each client before anything is timed.
const EVENTS_A_PROFILE: usize = 2;
/// How long requests are timed without a snapshot.
const ALONE: Duration = Duration::from_secs(5);
/// Snapshots that are taken, and times that each restart is made.
const ROUNDS: usize = 3;

fn profiles() -> usize {
    let given = std::env::var("P13N_BENCH_PROFILES").ok();
    given.map_or(1_000_000, |number| number.parse().expect("P13N_BENCH_PROFILES is a number"))
}

fn options(data_dir: &Path) -> Options {
    Options {
        data_dir: Some(data_dir.to_path_buf()),
        sync: SyncPolicy::Interval { ms: 100 },
        snapshots: SnapshotPolicy {
            bytes_min: u64::MAX,
            at_close: false,
            ..SnapshotPolicy::default()
        },
        ..Options::default()
    }
}

fn open(data_dir: &Path) -> Reactor {
    let source = SourceFile::new("bench.yaml", CONFIGURATION);
    Reactor::open(&source, &options(data_dir)).expect("the configuration is good").0
}

fn main() {
    let profiles = profiles();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let reactor = open(directory.path());
    let (mut event, mut answer) = (Event::new(), Vec::new());
    for round in 0..EVENTS_A_PROFILE {
        for client in 0..profiles {
            // Scattered, so that neighbours in memory are not neighbours in time.
            let client = client.wrapping_mul(7_919) % profiles;
            send(&reactor, event.of(client), &mut answer);
        }
        println!("{} profiles after {} events", reactor.sizes().0, (round + 1) * profiles);
    }
    let log = reactor.log();
    log.wait(log.appended(), Duration::from_secs(600)).expect("the disk keeps up");

    let mut order = Order(1);
    let mut alone = Times::default();
    let begun = Instant::now();
    while begun.elapsed() < ALONE {
        alone.some(&reactor, &mut event, &mut order, profiles);
    }
    let rss_before = resident_bytes();
    let mut beside = Times::default();
    let mut reports = Vec::new();
    for _ in 0..ROUNDS {
        reports.push(take_beside(&reactor, &mut beside, &mut event, &mut order, profiles));
    }
    let hash = reactor.state_hash();
    reactor.snapshot().expect("it is taken");
    reactor.close().expect("it closes");
    drop(reactor);

    let loads: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let reactor = open(directory.path());
            assert_eq!((reactor.recovery().events, reactor.state_hash()), (0, hash));
            reactor.recovery().snapshot_ms as f64 / 1e3
        })
        .collect();
    let snapshots = directory_of(directory.path(), 1, 8).join(SNAPSHOT_FOLDER);
    fs::remove_dir_all(&snapshots).expect("it is there");
    let replays: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let reactor = open(directory.path());
            assert_eq!(reactor.state_hash(), hash);
            reactor.recovery().events_per_s as f64
        })
        .collect();

    let write_s: Vec<f64> = reports.iter().map(|report| report.ms as f64 / 1e3).collect();
    let last = reports.last().expect("some were taken");
    let results = [
        ("profiles", last.profiles as f64),
        ("file_mb", last.bytes as f64 / 1e6),
        ("write_s", median(write_s)),
        ("load_s", median(loads)),
        ("replay_events_per_s", median(replays)),
        ("request_p50_us_alone", alone.percentile(0.5)),
        ("request_p50_us_beside", beside.percentile(0.5)),
        ("request_p99_us_alone", alone.percentile(0.99)),
        ("request_p99_us_beside", beside.percentile(0.99)),
        ("request_p999_us_alone", alone.percentile(0.999)),
        ("request_p999_us_beside", beside.percentile(0.999)),
        ("resident_mb_before", rss_before as f64 / 1e6),
        ("resident_mb_peak", beside.resident_bytes_max as f64 / 1e6),
        (
            "side_mb_max",
            reports.iter().map(|one| one.side_bytes_max).max().unwrap_or(0) as f64 / 1e6,
        ),
    ];
    println!();
    for (name, figure) in results {
        println!("  {name:<26} {figure:>14.2}");
    }
    let fields: Vec<_> =
        results.iter().map(|(name, figure)| format!("\"{name}\":{figure:.2}")).collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let json = format!("{{\"bench\":\"snapshot\",{},\"cores\":{cores}}}\n", fields.join(","));
    fs::create_dir_all("benches/results").expect("the repository's folder");
    fs::write("benches/results/snapshot.json", json).expect("a file in benches/results");
}

/// Takes a snapshot on another thread while this one sends.
fn take_beside(
    reactor: &Reactor,
    times: &mut Times,
    event: &mut Event,
    order: &mut Order,
    profiles: usize,
) -> SnapshotReport {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let taking = scope.spawn(|| {
            let report = reactor.snapshot().expect("it is taken");
            is_done.store(true, Ordering::Release);
            report
        });
        while !is_done.load(Ordering::Acquire) {
            times.some(reactor, event, order, profiles);
        }
        taking.join().expect("it does not panic")
    })
}

fn send(reactor: &Reactor, body: &[u8], answer: &mut Vec<u8>) {
    let request = Request::new("your_database", "pageviews", body);
    while let Err(error) = reactor.personalize_json(&request, answer) {
        assert!(matches!(error.kind(), ErrorKind::Busy), "{error}");
        let log = reactor.log();
        log.wait(log.appended(), Duration::from_secs(600)).expect("the disk keeps up");
    }
}

/// What requests took, in nanoseconds, and the most memory seen meanwhile.
#[derive(Default)]
struct Times {
    ns: Vec<u32>,
    resident_bytes_max: u64,
    answer: Vec<u8>,
}

impl Times {
    fn some(&mut self, reactor: &Reactor, event: &mut Event, order: &mut Order, profiles: usize) {
        for _ in 0..4_096 {
            let body = event.of(order.next() % profiles);
            let begun = Instant::now();
            send(reactor, body, &mut self.answer);
            self.ns.push(begun.elapsed().as_nanos().min(u128::from(u32::MAX)) as u32);
        }
        self.resident_bytes_max = self.resident_bytes_max.max(resident_bytes());
    }

    /// In microseconds.
    fn percentile(&mut self, share: f64) -> f64 {
        let at = ((self.ns.len() as f64 * share) as usize).min(self.ns.len() - 1);
        f64::from(*self.ns.select_nth_unstable(at).1) / 1e3
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a figure");
    let kib: u64 = line.split_whitespace().nth(1).expect("a figure").parse().expect("a number");
    kib * 1_024
}
