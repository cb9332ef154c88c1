//! In process: the seed's event in, answer bytes out, over a real log with `sync: interval`.
//!
//! One thread does what the server's loop does without HTTP: take, identify, apply, append, decide,
//! encode. Beside the rate stand controls of the same run: fdatasync, memory copy, pure compute, and
//! the CPU that the log's own threads took. `taskset -c 0 cargo bench --bench reactor`.

mod seed;

use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use p13n::config::SourceFile;
use p13n::error::ErrorKind;
use p13n::log::SyncPolicy;
use p13n::reactor::{Options, Reactor, Request};
use seed::{CONFIGURATION, Event, Order};

const ROUNDS: usize = 5;
/// Rounds before the timed ones: profiles fill up first.
const WARM_UP_ROUNDS: usize = 5;
const EVENTS_PER_ROUND: usize = 400_000;

/// 100,000 unless P13N_BENCH_CLIENTS says otherwise.
fn clients() -> usize {
    let given = std::env::var("P13N_BENCH_CLIENTS").ok();
    given.map_or(100_000, |clients| clients.parse().expect("P13N_BENCH_CLIENTS is a number"))
}

fn main() {
    let clients = clients();
    let mut event = Event::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = Options {
        data_dir: Some(directory.path().to_path_buf()),
        sync: SyncPolicy::Interval { ms: 100 },
        ..Options::default()
    };
    let source = SourceFile::new("bench.yaml", CONFIGURATION);
    let (reactor, _) = Reactor::open(&source, &options).expect("the configuration is good");

    check_answers(&reactor, &mut event);
    let mut order = Order(1);
    let mut rates = Vec::new();
    let mut own_cpu = Duration::ZERO;
    let cpu_before = process_cpu();
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        let (took, cpu) = run(&reactor, clients, &mut event, &mut order);
        let rate = EVENTS_PER_ROUND as f64 / cpu.as_secs_f64();
        let wall = EVENTS_PER_ROUND as f64 / took.as_secs_f64();
        println!("round {round}: {rate:>9.0} events/s of a core's time, {wall:>9.0} by the clock");
        own_cpu += cpu;
        if round >= WARM_UP_ROUNDS {
            rates.push(rate);
        }
    }
    let all_cpu = process_cpu() - cpu_before;
    rates.sort_by(f64::total_cmp);
    let rate = rates[rates.len() / 2];
    let log_share = (all_cpu.as_secs_f64() - own_cpu.as_secs_f64()) / own_cpu.as_secs_f64();
    let controls = Controls::measure(directory.path());
    println!();
    println!("in process, Rust, interval, {clients} clients, {} B", event.of(0).len());
    println!("  events/s of one core (median of {ROUNDS})   {rate:>12.0}");
    println!("  the log's threads beside it, of its CPU     {:>11.0}%", log_share * 100.0);
    println!("  control: fdatasync p50                      {:>9.3} ms", controls.fdatasync_ms);
    println!("  control: memory copy                        {:>7.1} GB/s", controls.copy_gb_s);
    println!("  control: pure compute loop                  {:>6.2} ns/step", controls.step_ns);
    write_results(clients, rate, log_share, &controls);
}

/// Nothing is timed before its answers are known to be right.
fn check_answers(reactor: &Reactor, event: &mut Event) {
    let mut answer = Vec::new();
    for _ in 0..2 {
        let request = Request::new("your_database", "pageviews", event.of(0));
        reactor.personalize_json(&request, &mut answer).expect("a good event");
    }
    let second = concat!(
        r#"{"offers":{"preferences_known":{"attributes":{"#,
        r#""td_client_id":"42a508e2-d9b1-4baa-9eb2-000000000000","preferences":"women"}},"#,
        r#""women":{"attributes":{"banner":"women"}},"#,
        r#""returning":{"attributes":{"last_url":"https://example.com/retail/shop/women"}},"#,
        r#""kids":{"attributes":{"product":"women's-tank-top"}}}}"#
    );
    assert_eq!(String::from_utf8_lossy(&answer), second);
}

fn run(
    reactor: &Reactor,
    clients: usize,
    event: &mut Event,
    order: &mut Order,
) -> (Duration, Duration) {
    let mut answer = Vec::new();
    let (begun, cpu) = (Instant::now(), thread_cpu());
    for _ in 0..EVENTS_PER_ROUND {
        let body = event.of(order.next() % clients);
        let request = Request::new("your_database", "pageviews", body);
        while let Err(error) = reactor.personalize_json(&request, &mut answer) {
            assert!(matches!(error.kind(), ErrorKind::Busy), "{error}");
            let log = reactor.log();
            log.wait(log.appended(), Duration::from_secs(60)).expect("the disk keeps up");
        }
        black_box(&answer);
    }
    (begun.elapsed(), thread_cpu() - cpu)
}

struct Controls {
    fdatasync_ms: f64,
    copy_gb_s: f64,
    step_ns: f64,
}

impl Controls {
    fn measure(directory: &std::path::Path) -> Self {
        Self { fdatasync_ms: fdatasync_ms(directory), copy_gb_s: copy_gb_s(), step_ns: step_ns() }
    }
}

fn fdatasync_ms(directory: &std::path::Path) -> f64 {
    let mut file = fs::File::create(directory.join("control")).expect("a file");
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            file.write_all(&[7; 4096]).expect("room on the disk");
            let begun = Instant::now();
            file.sync_data().expect("a sync");
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn copy_gb_s() -> f64 {
    let from = vec![1u8; 64 << 20];
    let mut to = vec![0u8; 64 << 20];
    let begun = Instant::now();
    for _ in 0..8 {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    }
    8.0 * from.len() as f64 / begun.elapsed().as_secs_f64() / 1e9
}

fn step_ns() -> f64 {
    let steps = 50_000_000u64;
    let begun = Instant::now();
    let mut order = Order(black_box(3));
    for _ in 0..steps {
        black_box(order.next());
    }
    begun.elapsed().as_secs_f64() * 1e9 / steps as f64
}

fn thread_cpu() -> Duration {
    cpu_of("/proc/thread-self/schedstat")
}

fn process_cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("Linux");
    let of_thread = |thread: fs::DirEntry| cpu_of(thread.path().join("schedstat"));
    threads.flatten().map(of_thread).sum()
}

/// Nanoseconds on a CPU, the first figure of a schedstat file.
fn cpu_of(file: impl AsRef<std::path::Path>) -> Duration {
    let text = fs::read_to_string(file).expect("Linux with schedstat");
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a figure"))
}

fn write_results(clients: usize, rate: f64, log_share: f64, controls: &Controls) {
    let Controls { fdatasync_ms, copy_gb_s, step_ns } = controls;
    let json = format!(
        "{{\"bench\":\"reactor\",\"events_per_s_of_a_core\":{rate:.0},\"clients\":{clients},\
         \"sync\":\"interval\",\"log_threads_cpu_share\":{log_share:.3},\
         \"fdatasync_p50_ms\":{fdatasync_ms:.3},\"copy_gb_per_s\":{copy_gb_s:.1},\
         \"compute_step_ns\":{step_ns:.2},\"cores\":{}}}\n",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    fs::create_dir_all("benches/results").expect("the repository's folder");
    fs::write("benches/results/reactor.json", json).expect("a file in benches/results");
}
