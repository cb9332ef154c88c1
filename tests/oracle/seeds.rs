//! Seeds: the golden suite as a corpus for coverage-guided fuzzing, a file each.

use std::path::Path;
use std::process::ExitCode;

/// Writes `<folder>/{parse,evaluate,template}/<case>`.
pub fn write_all(folder: &str) -> ExitCode {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/expr");
    let mut written = 0;
    for entry in std::fs::read_dir(golden).expect("the golden suite") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let table: toml::Table = text.parse().expect("TOML");
        for case in table["case"].as_array().expect("cases") {
            let field = |name: &str| case.get(name).and_then(|value| value.as_str());
            let source = field("expression").expect("every case has one");
            let (profile, event) =
                (field("profile").unwrap_or("{}"), field("event").unwrap_or("{}"));
            let seeds = [
                ("parse", source.to_string()),
                ("evaluate", format!("{source}\0{profile}\0{event}")),
                ("template", format!("a ${{{source}}} b")),
            ];
            for (target, seed) in seeds {
                let folder = Path::new(folder).join(target);
                std::fs::create_dir_all(&folder).expect("a folder for the corpus");
                std::fs::write(folder.join(format!("golden-{written:05}")), seed).expect("a seed");
            }
            written += 1;
        }
    }
    println!("{written} seeds for each target");
    ExitCode::SUCCESS
}
