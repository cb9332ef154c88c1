//! Memory: how many bytes a profile takes, all in, and what an event costs among ever more of them.
//!
//! The profile is the specification's (page 4.4): a UUID and an identifier of 24 characters, a list of ten
//! strings of 12 characters, a counter with 12 buckets, a URL of 40 characters and a number. A million of them
//! come in as events, over weeks; what they take is the difference in resident memory, dedup apart because the
//! events bring no uuid, and beside it what the store itself accounts for. Then events of clients drawn at
//! random cost so and so much of a core's time among 10,000 and among 5,000,000 profiles: cache misses.
//! `cargo bench --bench memory`; P13N_BENCH_PROFILES and P13N_BENCH_CLIENTS for fewer.

mod seed;

use std::fs;
use std::hint::black_box;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use p13n::config::SourceFile;
use p13n::reactor::{Options, Reactor, Request};
use seed::{Event, Order};

/// The bar of page 4.4.
const BYTES_MAX: f64 = 600.0;
const EVENTS_A_PROFILE: usize = 12;
const EVENTS: usize = 500_000;
const ROUNDS: usize = 3;
/// Between two events of one profile: a bucket of the counter.
const PAUSE_MS: i64 = 12 * 3_600_000;
/// The events end about now: nothing has expired.
const AGE_MS: i64 = 7 * 86_400_000;

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: memory
database: your_database
keys:
  - name: td_client_id
  - name: customer_id
events:
  - {name: pageview, table: pageviews}
attributes:
  - name: viewed
    type: list
    max_items: 10
    set: [{event: pageview, value: "${EVENT.product}"}]
  - name: views
    type: counter
    duration: 30d
    set: [{event: pageview}]
  - name: last_url
    type: single
    set: [{event: pageview, value: "${EVENT.url}"}]
  - name: price
    type: single
    set: [{event: pageview, value: "${EVENT.price}"}]
offers: []
tokens:
  - {name: server, value: e65d8a9df2094f02b84cd660efff6f27}
"#;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |given| given.parse().expect("a number"))
}

fn main() {
    let profiles = number("P13N_BENCH_PROFILES", 1_000_000);
    let clients = number("P13N_BENCH_CLIENTS", 5_000_000);
    let memory = measure_memory(profiles);
    println!("{profiles} profiles of the specification's");
    println!("  by resident memory   {:>8.1} bytes a profile, all in", memory.resident);
    println!("  by accounting        {:>8.1} bytes a profile", memory.accounted);
    println!("  bar                  {BYTES_MAX:>8.1}");
    let few = measure_cost(10_000);
    let many = measure_cost(clients);
    println!("events of clients at random, in memory, one thread");
    println!("  among     10,000 profiles {few:>8.0} ns");
    println!("  among {clients:>10} profiles {many:>8.0} ns: {:.2} times as much", many / few);
    println!("  transparent huge pages: {}", huge_pages());
    let json = format!(
        "{{\"bench\":\"memory\",\"profiles\":{profiles},\"resident_bytes_a_profile\":{:.1},\
         \"accounted_bytes_a_profile\":{:.1},\"bytes_max\":{BYTES_MAX},\"clients\":{clients},\
         \"event_ns_among_10000\":{few:.0},\"event_ns_among_clients\":{many:.0},\
         \"huge_pages\":\"{}\",\"cores\":{}}}\n",
        memory.resident,
        memory.accounted,
        huge_pages(),
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    fs::create_dir_all("benches/results").expect("the repository's folder");
    fs::write("benches/results/memory.json", json).expect("a file in benches/results");
}

fn open(configuration: &'static str) -> Reactor {
    let source = SourceFile::new("memory.yaml", configuration);
    Reactor::open(&source, &Options::default()).expect("the configuration is good").0
}

struct Memory {
    resident: f64,
    accounted: f64,
}

fn measure_memory(profiles: usize) -> Memory {
    let reactor = open(CONFIGURATION);
    let mut answer = Vec::new();
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    let begin_ms = since_epoch.as_millis() as i64 - AGE_MS;
    let before = resident_bytes();
    for event in 0..EVENTS_A_PROFILE {
        for profile in 0..profiles {
            // Scattered, so that neighbours in memory are not neighbours in time.
            let profile = profile.wrapping_mul(7_919) % profiles;
            let body = body(profile, event);
            // Each event of a profile comes some time after the last of all others.
            let now_ms = begin_ms + event as i64 * PAUSE_MS + (profile % 40_000_000) as i64;
            let request = Request {
                now_ms: Some(now_ms),
                moves_clock: false,
                decide: false,
                ..Request::new("your_database", "pageviews", body.as_bytes())
            };
            reactor.personalize_json(&request, &mut answer).expect("a good event");
        }
    }
    let resident = resident_bytes() - before;
    assert_eq!(reactor.sizes(), (profiles, 2 * profiles));
    check(&reactor, profiles);
    let of = |bytes: usize| bytes as f64 / profiles as f64;
    Memory { resident: of(resident), accounted: of(reactor.memory_bytes()) }
}

/// The event number `event` of a profile.
fn body(profile: usize, event: usize) -> String {
    let mixed = (profile as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        concat!(
            r#"{{"td_client_id":"{:08x}-d9b1-4baa-9eb2-{:012x}","customer_id":"customer-{:015}","#,
            r#""product":"product-{:04}","url":"https://shop.example.com/category/{:06}","#,
            r#""price":{}.{:02}}}"#
        ),
        mixed >> 32,
        profile,
        profile,
        (profile + event) % 10_000,
        (profile * 7 + event) % 1_000_000,
        profile % 1_000,
        event + 10,
    )
}

/// Nothing is told of profiles that do not hold what they should.
fn check(reactor: &Reactor, profiles: usize) {
    for profile in [0, profiles / 2, profiles - 1] {
        let customer = format!("customer-{profile:015}");
        assert_eq!(customer.len(), 24);
        let held = reactor.profile("customer_id", &customer).expect("a key").expect("a profile");
        let text = format!("{:?}", held.attributes);
        assert_eq!(text.matches("product-").count(), 10, "{text}");
        assert_eq!(text.matches("https://").count(), 1, "{text}");
        assert!(text.contains("\"views\", Number(12.0)"), "{text}");
    }
}

fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a figure");
    let kib = line.split_whitespace().nth(1).and_then(|figure| figure.parse::<usize>().ok());
    kib.expect("a figure") * 1024
}

fn huge_pages() -> String {
    let text = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    let text = text.unwrap_or_default();
    let chosen = text.split('[').nth(1).and_then(|rest| rest.split(']').next());
    chosen.unwrap_or("unknown").to_owned()
}

/// What this thread took of a CPU so far: the first figure of its schedstat file, nanoseconds.
fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with schedstat");
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a figure"))
}

/// Nanoseconds that an event takes among so many profiles, the median of some rounds.
fn measure_cost(clients: usize) -> f64 {
    let reactor = open(seed::CONFIGURATION);
    let (mut event, mut order, mut answer) = (Event::new(), Order(1), Vec::new());
    let mut send = |client: usize| {
        let request = Request::new("your_database", "pageviews", event.of(client));
        reactor.personalize_json(&request, &mut answer).expect("a good event");
        black_box(&answer);
    };
    (0..clients).for_each(&mut send);
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = thread_cpu();
            (0..EVENTS).for_each(|_| send(order.next() % clients));
            (thread_cpu() - begun).as_secs_f64() * 1e9 / EVENTS as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}
