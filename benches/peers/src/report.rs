//! What was measured: a table on the terminal, `benches/results/peers.json` for those who compare
//! later.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use crate::case::Case;
use crate::engines::{Engine, Refusal};
use crate::measure::ROUNDS;

const NAME_WIDTH: usize = 22;
const FIGURE_WIDTH: usize = 10;

/// One engine's figures for one case: nanoseconds of one run, by its ways.
pub struct Cell {
    /// At least one.
    pub ways: Vec<(&'static str, f64)>,
}

impl Cell {
    /// The fastest way, which is what counts.
    fn fastest(&self) -> (&'static str, f64) {
        let fastest = self.ways.iter().min_by(|left, right| left.1.total_cmp(&right.1));
        *fastest.expect("an engine has a way")
    }

    fn json(&self) -> Json {
        let (way, ns) = self.fastest();
        let ways: Map<String, Json> =
            self.ways.iter().map(|(way, ns)| ((*way).to_owned(), json!(rounded(*ns)))).collect();
        match ways.len() {
            1 => json!({"ns": rounded(ns)}),
            _ => json!({"ns": rounded(ns), "way": way, "ways_ns": ways}),
        }
    }
}

/// One case: a cell for each engine, ours first.
pub struct Row<'c> {
    /// What ran.
    pub case: &'c Case,
    /// In the engines' order.
    pub cells: Vec<Result<Cell, Refusal>>,
}

/// The whole run.
pub struct Report<'c> {
    engines: Vec<(&'static str, String)>,
    control_ns: f64,
    /// In the cases' order.
    pub rows: Vec<Row<'c>>,
}

impl Row<'_> {
    fn ours_ns(&self) -> Option<f64> {
        self.cells[0].as_ref().ok().map(|cell| cell.fastest().1)
    }

    /// The fastest other engine: its position and its figure.
    fn fastest_peer(&self) -> Option<(usize, f64)> {
        let peers = self.cells.iter().enumerate().skip(1);
        peers
            .filter_map(|(position, cell)| Some((position, cell.as_ref().ok()?.fastest().1)))
            .min_by(|left, right| left.1.total_cmp(&right.1))
    }

    /// How many times as long as ours the fastest other engine takes.
    fn ratio(&self) -> Option<f64> {
        Some(self.fastest_peer()?.1 / self.ours_ns()?)
    }
}

/// The version of a package in this workspace's own lock file.
fn version_of(package: &str) -> String {
    let lock: toml::Table = include_str!("../Cargo.lock").parse().expect("a lock file");
    let packages = lock["package"].as_array().expect("packages");
    let found = packages.iter().find(|entry| entry["name"].as_str() == Some(package));
    found.and_then(|entry| entry["version"].as_str()).expect("a dependency").to_owned()
}

/// Three figures that matter, whatever the size.
fn figure(ns: f64) -> String {
    match ns {
        _ if ns < 10.0 => format!("{ns:.2}"),
        _ if ns < 100.0 => format!("{ns:.1}"),
        _ => format!("{ns:.0}"),
    }
}

fn rounded(ns: f64) -> f64 {
    (ns * 100.0).round() / 100.0
}

impl<'c> Report<'c> {
    /// An empty report.
    pub fn new(engines: &[Box<dyn Engine>], control_ns: f64) -> Self {
        let engines =
            engines.iter().map(|engine| (engine.name(), version_of(engine.package()))).collect();
        Self { engines, control_ns, rows: Vec::new() }
    }

    /// The table's head, with the control's row.
    pub fn print_head(&self) {
        for (name, version) in &self.engines {
            println!("  {name} {version}");
        }
        print!("\n{:<NAME_WIDTH$}", "nanoseconds a run");
        for (name, _) in &self.engines {
            print!("{name:>FIGURE_WIDTH$}");
        }
        println!("  {:>9}", "peer/ours");
        println!("{:<NAME_WIDTH$}{:>FIGURE_WIDTH$}", "control", figure(self.control_ns));
    }

    /// One case.
    pub fn print_row(&self, row: &Row<'_>) {
        print!("{:<NAME_WIDTH$}", row.case.name);
        for cell in &row.cells {
            let text = match cell {
                Ok(cell) => figure(cell.fastest().1),
                Err(Refusal::Language(_)) => "-".to_owned(),
                Err(Refusal::Compile(_)) => "refused".to_owned(),
            };
            print!("{text:>FIGURE_WIDTH$}");
        }
        match (row.ratio(), row.fastest_peer()) {
            (Some(ratio), Some((peer, _))) => {
                let (name, _) = &self.engines[peer];
                let verdict = if ratio > 1.0 { "" } else { "  NOT THE FASTEST" };
                println!("  {ratio:>8.2}x  {name}{verdict}");
            }
            _ => println!("  {:>9}  not available", "-"),
        }
    }

    /// What has no figure and why, the ways that counted, and the sums.
    pub fn print_end(&self) {
        println!("\nNo figure (-: the language cannot say it; refused: it does not compile):");
        for row in &self.rows {
            for ((engine, _), cell) in self.engines.iter().zip(&row.cells) {
                if let Err(Refusal::Language(why) | Refusal::Compile(why)) = cell {
                    println!("  {}, {engine}: {}", row.case.name, why.trim());
                }
            }
        }
        println!("\nFastest ways, and in how many cases:");
        for (position, (engine, _)) in self.engines.iter().enumerate() {
            println!("  {engine}: {}", self.ways_of(position).join(", "));
        }
        let compared = self.rows.iter().filter(|row| row.ratio().is_some()).count();
        println!("\np13n runs {compared} of {} cases.", self.rows.len());
        if let Some(mean) = self.geometric_mean() {
            println!(
                "The fastest peer takes {mean:.2} times as long (geometric mean over {compared})."
            );
        }
        println!("p13n is the fastest on {} of them.", compared - self.slower().len());
        if !self.slower().is_empty() {
            println!("Not on: {}.", self.slower().join(", "));
        }
    }

    fn ways_of(&self, engine: usize) -> Vec<String> {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for cell in self.rows.iter().filter_map(|row| row.cells[engine].as_ref().ok()) {
            let (fastest, _) = cell.fastest();
            match counts.iter_mut().find(|(way, _)| *way == fastest) {
                Some((_, count)) => *count += 1,
                None => counts.push((fastest, 1)),
            }
        }
        counts.into_iter().map(|(way, count)| format!("{way} {count}")).collect()
    }

    /// Of the fastest peer over ours, where both have a figure.
    fn geometric_mean(&self) -> Option<f64> {
        let logs: Vec<f64> = self.rows.iter().filter_map(Row::ratio).map(f64::ln).collect();
        (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())
    }

    /// The cases on which a peer is as fast or faster.
    fn slower(&self) -> Vec<&str> {
        let slower = self.rows.iter().filter(|row| row.ratio().is_some_and(|ratio| ratio <= 1.0));
        slower.map(|row| row.case.name.as_str()).collect()
    }

    /// Writes `benches/results/peers.json`, a line for each case.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self) -> Result<(), String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/peers.json");
        std::fs::write(&path, self.json()).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn json(&self) -> String {
        let versions: Map<String, Json> = self
            .engines
            .iter()
            .map(|(name, version)| ((*name).to_owned(), json!(version)))
            .collect();
        let head = [
            ("versions", Json::Object(versions)),
            ("rounds", json!(ROUNDS)),
            ("control_ns", json!(rounded(self.control_ns))),
            ("cases_compared", json!(self.rows.iter().filter_map(Row::ratio).count())),
            ("fastest_peer_over_p13n_geometric_mean", json!(self.geometric_mean().map(rounded))),
            ("not_the_fastest", json!(self.slower())),
        ];
        let head: String =
            head.iter().map(|(name, value)| format!("  \"{name}\": {value},\n")).collect();
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| format!("    \"{}\": {}", row.case.name, self.row_json(row)))
            .collect();
        format!("{{\n{head}  \"cases\": {{\n{}\n  }}\n}}\n", rows.join(",\n"))
    }

    fn row_json(&self, row: &Row<'_>) -> Json {
        let cells = self.engines.iter().zip(&row.cells).map(|((engine, _), cell)| {
            let cell = match cell {
                Ok(cell) => cell.json(),
                Err(Refusal::Language(why)) => json!({"cannot": why}),
                Err(Refusal::Compile(why)) => json!({"refused": why}),
            };
            ((*engine).to_owned(), cell)
        });
        let mut members: Map<String, Json> = cells.collect();
        members.insert("why".to_owned(), json!(row.case.why));
        if let (Some((peer, _)), Some(ratio)) = (row.fastest_peer(), row.ratio()) {
            members.insert("fastest_peer".to_owned(), json!(self.engines[peer].0));
            members.insert("fastest_peer_over_p13n".to_owned(), json!(rounded(ratio)));
        }
        Json::Object(members)
    }
}
