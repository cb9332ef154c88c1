//! Golden configurations: every file of `golden/config/valid` compiles, every file of
//! `golden/config/invalid` draws exactly the diagnostics that stand beside it.
//!
//! `P13N_UPDATE_GOLDEN=1 cargo test --test config_golden` rewrites what is expected; the change is
//! then read by a person, since nothing else says that a sentence is good.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use p13n::config::diagnostic::{CODES, render_all};
use p13n::config::{Diagnostic, Numbers, Secrets, SourceFile, compile, compile_recorded};

/// The environment that golden cases may name.
struct GoldenSecrets;

impl Secrets for GoldenSecrets {
    fn variable(&self, name: &str) -> Option<String> {
        match name {
            "GOLDEN_TOKEN" => Some("0123456789abcdef0123456789abcdef".to_owned()),
            "GOLDEN_SPACED" => Some("not a token".to_owned()),
            "GOLDEN_EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    fn file(&self, path: &str) -> io::Result<String> {
        match path {
            "token.txt" => Ok("fedcba9876543210fedcba9876543210\n".to_owned()),
            "locked.txt" => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder of golden configurations");
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

/// A file under its bare name, so that expectations name no directory.
fn source(path: &Path) -> Result<SourceFile, Box<Diagnostic>> {
    let name = path.file_name().expect("a file name").to_string_lossy();
    SourceFile::from_bytes(&name, std::fs::read(path).expect("a readable case"))
}

/// All diagnostics of a case, and whether it compiles.
fn diagnose(path: &Path) -> (Vec<Diagnostic>, bool) {
    let file = match source(path) {
        Ok(file) => file,
        Err(diagnostic) => return (vec![*diagnostic], false),
    };
    match compile(&file, &Numbers::default(), &GoldenSecrets) {
        Ok(compiled) => (compiled.warnings, true),
        Err(found) => (found, false),
    }
}

/// What differs from the expectation beside the case; rewrites it when asked to.
fn difference(path: &Path, rendered: &str) -> Option<String> {
    let expected_path = path.with_extension("expected");
    if std::env::var_os("P13N_UPDATE_GOLDEN").is_some() {
        match rendered {
            "" => drop(std::fs::remove_file(&expected_path)),
            _ => std::fs::write(&expected_path, rendered).expect("a writable expectation"),
        }
        return None;
    }
    let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
    (expected != rendered)
        .then(|| format!("{}\n--- expected\n{expected}\n--- found\n{rendered}", path.display()))
}

fn compare(folder: &str, compiles: bool) -> BTreeSet<&'static str> {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for path in cases(folder) {
        let (found, compiled) = diagnose(&path);
        let rendered = render_all(&found);
        if compiled != compiles {
            wrong.push(format!("{} compiles: {compiled}\n{rendered}", path.display()));
        }
        wrong.extend(difference(&path, &rendered));
        seen.extend(found.iter().map(|diagnostic| diagnostic.code));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    seen
}

#[test]
fn valid_configurations_compile_with_the_expected_warnings() {
    compare("valid", true);
}

#[test]
fn invalid_configurations_draw_exactly_the_expected_diagnostics() {
    compare("invalid", false);
}

#[test]
fn every_code_has_a_case() {
    let mut seen = BTreeSet::new();
    for path in cases("valid").iter().chain(&cases("invalid")) {
        seen.extend(diagnose(path).0.iter().map(|diagnostic| diagnostic.code));
    }
    let without: Vec<_> =
        CODES.iter().map(|(code, _)| code).filter(|c| !seen.contains(*c)).collect();
    assert!(without.is_empty(), "codes without a case: {without:?}");
    let ours = |code: &&&str| !code.starts_with("E03");
    let known: BTreeSet<_> = CODES.iter().map(|(code, _)| *code).collect();
    let unlisted: Vec<_> = seen.iter().filter(ours).filter(|c| !known.contains(*c)).collect();
    assert!(unlisted.is_empty(), "codes that the table does not list: {unlisted:?}");
}

#[test]
fn a_recorded_text_compiles_to_the_same_plan_without_secrets() {
    for path in cases("valid") {
        let file = source(&path).expect("text");
        let compiled = compile(&file, &Numbers::default(), &GoldenSecrets).expect("a plan");
        let (plan, numbers) = (compiled.plan, compiled.numbers);
        let replayed = compile_recorded(&plan.recorded_text, &numbers).expect("a plan");
        assert_eq!(replayed.hash, plan.hash, "{}", path.display());
        assert_eq!(replayed.recorded_text, plan.recorded_text);
        assert_eq!(replayed.fields.names(), plan.fields.names());
        let shape = |plan: &p13n::config::Plan| {
            format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                plan.keys,
                plan.key_fields,
                plan.attributes,
                plan.rules,
                plan.slots,
                plan.offers,
                plan.tokens
            )
        };
        assert_eq!(shape(&replayed), shape(&plan), "{}", path.display());
    }
}

/// Whether a code is one of the pitfalls of expressions in YAML.
fn is_pitfall(diagnostic: &Diagnostic) -> bool {
    ("E0120".."E0140").contains(&diagnostic.code)
}

/// The text with every line that a pitfall stands on replaced by the line its help proposes.
fn corrected(text: &str, found: &[Diagnostic]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for diagnostic in found.iter().filter(|diagnostic| is_pitfall(diagnostic)) {
        let help = diagnostic.help.as_deref().expect("a pitfall has a corrected line");
        let (words, proposed) = help.split_once('\n').expect("a corrected line");
        let line = &mut lines[diagnostic.line - 1];
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        // A block takes the place of its first line only: the others are its content already.
        let block = words.starts_with("write it as a block");
        let proposed = proposed.trim();
        *line = match proposed.split_once('\n').filter(|_| block) {
            None => format!("{indent}{proposed}"),
            Some((opening, content)) => {
                let first = content.lines().next().expect("content").trim();
                let deeper = " ".repeat(if opening.starts_with('-') { 2 } else { 1 });
                format!("{indent}{opening}\n{indent}{deeper}{first}")
            }
        };
    }
    lines.join("\n")
}

#[test]
fn the_corrected_line_of_every_pitfall_corrects_it() {
    let mut pitfalls = 0;
    for path in cases("invalid") {
        let (found, _) = diagnose(&path);
        if !found.iter().any(is_pitfall) {
            continue;
        }
        pitfalls += found.iter().filter(|diagnostic| is_pitfall(diagnostic)).count();
        let text = std::fs::read_to_string(&path).expect("a readable case");
        let file = SourceFile::new("corrected.yaml", corrected(&text, &found));
        let left = match compile(&file, &Numbers::default(), &GoldenSecrets) {
            Ok(compiled) => compiled.warnings,
            Err(left) => left,
        };
        let wrong: Vec<_> =
            left.iter().filter(|left| is_pitfall(left) || left.code == "E0102").collect();
        assert!(wrong.is_empty(), "{}\n{}\n{wrong:?}", path.display(), file.text);
    }
    assert!(pitfalls >= 30, "{pitfalls}");
}
