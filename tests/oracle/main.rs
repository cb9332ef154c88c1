//! The oracle: the expression language held against JavaScript itself.
//!
//! Without a command, as `cargo test` runs it: 20,000 random programs, each evaluated here and by Node, or a
//! sentence that there is no Node. `fuzz --programs N --seed S` is the long form (`make fuzz-expr`), and
//! `evaluate` answers expressions that come as JSON lines, for `make test262`; `seeds` writes the golden suite
//! as a corpus for `make fuzz-core`.

mod body;
mod canonical;
#[allow(dead_code, reason = "other tests use more of it")]
mod engine;
mod fuzz;
mod grammar;
mod group;
mod judge;
mod kind;
mod lines;
mod node;
mod pick;
#[allow(dead_code, reason = "the campaign uses more of it")]
#[path = "../campaign/random.rs"]
mod random;
mod seeds;
mod shrink;
mod tree;
mod world;

use std::process::ExitCode;

use group::Group;

/// Programs of the short form.
const SHORT_PROGRAMS: u64 = 20_000;
/// The same programs each time, so that what others changed is not blamed on a change; new ones are
/// what the long form is for.
const SHORT_SEED: u64 = 262;
const FULL_PROGRAMS: u64 = 1_000_000;
const THREADS: u64 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("fuzz") => fuzz_as_asked(&words[1..]),
        Some("evaluate") => lines::answer_all(),
        Some("seeds") => seeds::write_all(words.get(1).map_or("fuzz/corpus", String::as_str)),
        _ if words.iter().any(|word| word == "--list") => ExitCode::SUCCESS,
        _ => fuzz(SHORT_SEED, SHORT_PROGRAMS, group::TODAY),
    }
}

fn fuzz_as_asked(words: &[String]) -> ExitCode {
    let (mut seed, mut programs) = (random::fresh_seed(), FULL_PROGRAMS);
    let mut groups = group::TODAY.to_vec();
    for pair in words.chunks(2) {
        let value = pair.get(1).map_or("", String::as_str);
        let good = match pair[0].as_str() {
            "--seed" => value.parse().map(|number| seed = number).is_ok(),
            "--programs" => value.parse().map(|number| programs = number).is_ok(),
            "--groups" => chosen(value).map(|chosen| groups = chosen).is_some(),
            _ => false,
        };
        if !good {
            eprintln!("oracle fuzz: {} {value}? --seed N, --programs N, --groups A,B", pair[0]);
            return ExitCode::from(2);
        }
    }
    fuzz(seed, programs, &groups)
}

/// The groups of these names: `all`, or some of them.
fn chosen(names: &str) -> Option<Vec<Group>> {
    if names == "all" {
        return Some(group::ALL.iter().map(|(_, group)| *group).collect());
    }
    names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| group::ALL.iter().find(|(known, _)| *known == name).map(|(_, group)| *group))
        .collect()
}

fn fuzz(seed: u64, programs: u64, groups: &[Group]) -> ExitCode {
    let Some(version) = node::version() else {
        println!("oracle: skipped, there is no `node` to compare with");
        return ExitCode::SUCCESS;
    };
    println!("oracle: {programs} programs against Node {version}, seed {seed}");
    let plan = fuzz::Plan { seed, programs, threads: THREADS, groups };
    let (text, mismatches) = fuzz::campaign(&plan);
    print!("{text}");
    match mismatches {
        0 => ExitCode::SUCCESS,
        _ => {
            println!("again: make fuzz-expr SEED={seed} PROGRAMS={programs}");
            ExitCode::FAILURE
        }
    }
}
