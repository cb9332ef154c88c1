//! Memory budget: what the process really holds while three times as many profiles arrive as fit (page 4.4).
//!
//! Visitors arrive over weeks, each once. Resident memory and the accounting are read all the time; the most
//! of each, over what the process held before, is compared with the budget, once the budget is reached.
//! `cargo bench --bench memory_budget`; P13N_BENCH_BUDGET_MIB for another budget.

use std::fs;
use std::time::Instant;

use p13n::config::SourceFile;
use p13n::reactor::{MemoryPolicy, OnMemoryFull, Options, Reactor, Request};
use p13n::record::EvictionReason;

const CONFIGURATION: &str = r#"
version: 1
account: 1
instance: 8
name: memory
database: shop
keys: [{name: customer_id}, {name: td_client_id}]
events: [{name: pageview, table: pageviews}]
attributes:
  - {name: viewed, type: list, max_items: 10, set: [{event: pageview, value: "${EVENT.path}"}]}
  - {name: views, type: counter, duration: 30d, set: [{event: pageview}]}
  - {name: last_path, type: single, set: [{event: pageview, value: "${EVENT.path}"}]}
offers: []
tokens: [{name: server, value: e65d8a9df2094f02b84cd660efff6f27}]
"#;

const BEGIN_MS: i64 = 1_700_000_000_000;
const LOOK_EVERY: usize = 2_000;

fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split(' ').nth(1).expect("resident").parse().expect("a number");
    pages * 4_096
}

fn main() {
    let mebibytes =
        std::env::var("P13N_BENCH_BUDGET_MIB").map_or(256, |text| text.parse().expect("MiB"));
    let budget: usize = mebibytes << 20;
    let memory = MemoryPolicy { budget_bytes: Some(budget), on_full: OnMemoryFull::Keep };
    let source = SourceFile::new("memory.yaml", CONFIGURATION);
    let (reactor, _) =
        Reactor::open(&source, &Options { memory, ..Options::default() }).expect("it opens");
    let before = resident_bytes();
    let evicted = || {
        EvictionReason::ALL
            .iter()
            .map(|reason| reactor.counters().evicted(*reason).get())
            .sum::<u64>()
    };
    let mut answer = Vec::new();
    let (mut fit, mut arrived) = (0, 0);
    let (mut accounted, mut resident, mut least) = (0, 0, usize::MAX);
    let begun = Instant::now();
    while fit == 0 || arrived < 3 * fit {
        // Four a second: the budget is days of visitors.
        let now_ms = BEGIN_MS + arrived as i64 * 250;
        let body = format!(
            r#"{{"td_client_id":"0190a1b2-c3d4-7000-8000-{arrived:012x}","path":"/a/{arrived}"}}"#
        );
        let request = Request {
            now_ms: Some(now_ms),
            decide: false,
            ..Request::new("shop", "pageviews", body.as_bytes())
        };
        reactor.personalize_json(&request, &mut answer).expect("a good event");
        arrived += 1;
        if arrived % LOOK_EVERY == 0 {
            if fit == 0 && evicted() > 0 {
                fit = arrived;
            }
            let figures = reactor.memory();
            let used = figures.profile_bytes + figures.beside_bytes;
            accounted = accounted.max(used);
            resident = resident.max(resident_bytes() - before);
            if fit > 0 {
                least = least.min(used);
            }
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let percent = |bytes: usize| 100.0 * bytes as f64 / budget as f64;
    println!("budget {mebibytes} MiB; {fit} profiles fit, {arrived} arrived in {took:.1} s");
    println!("  accounted at most  {:>6.1} %", percent(accounted));
    println!("  accounted at least {:>6.1} % once it was reached", percent(least));
    println!("  resident at most   {:>6.1} %", percent(resident));
    println!("  evicted {}, not kept {}", evicted(), reactor.counters().not_kept.get());
    let json = format!(
        "{{\"bench\":\"memory_budget\",\"budget_bytes\":{budget},\"profiles_fit\":{fit},\"arrived\":{arrived},\
         \"seconds\":{took:.1},\"accounted_percent_max\":{:.1},\"accounted_percent_min\":{:.1},\
         \"resident_percent_max\":{:.1},\"evicted\":{},\"not_kept\":{}}}\n",
        percent(accounted),
        percent(least),
        percent(resident),
        evicted(),
        reactor.counters().not_kept.get()
    );
    fs::create_dir_all("benches/results").expect("the repository's folder");
    fs::write("benches/results/memory_budget.json", json).expect("a file in benches/results");
}
