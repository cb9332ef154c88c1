//! The table of cases (`cases.toml`): one piece of work, said in each engine's language.
//!
//! A language that cannot say it has a sentence of why instead, and the run repeats that sentence;
//! a case is never left out silently. A case with `sizes` is one case a size, over a list that long.

use serde::Deserialize;

use crate::customer;
use crate::engines::{Language, Refusal};

/// One piece of work.
#[derive(Debug)]
pub struct Case {
    /// Unique, `snake_case`, the size last.
    pub name: String,
    /// What it stands for.
    pub why: String,
    /// Whether its answer is a truth, read back as a `bool`.
    pub condition: bool,
    javascript: String,
    cel: Translation,
    rhai: Translation,
    zen: Translation,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Translation {
    Source(String),
    Cannot { cannot: String },
}

#[derive(Deserialize)]
struct Table {
    case: Vec<Written>,
}

/// A case as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    why: String,
    #[serde(default)]
    condition: bool,
    /// `LIST` in the sources is the list of that many items, `LAST` its last item's name.
    #[serde(default)]
    sizes: Vec<usize>,
    javascript: String,
    cel: Translation,
    rhai: Translation,
    zen: Translation,
}

/// Every case, in the file's order.
///
/// # Errors
/// The file's first mistake.
pub fn all() -> Result<Vec<Case>, String> {
    let table: Table =
        toml::from_str(include_str!("../cases.toml")).map_err(|error| error.to_string())?;
    let cases: Vec<Case> = table.case.iter().flat_map(Written::cases).collect();
    for (position, case) in cases.iter().enumerate() {
        if cases[..position].iter().any(|earlier| earlier.name == case.name) {
            return Err(format!("cases.toml has {} twice", case.name));
        }
    }
    Ok(cases)
}

impl Written {
    fn cases(&self) -> Vec<Case> {
        if self.sizes.is_empty() {
            return vec![self.case(self.name.clone(), str::to_owned)];
        }
        let sized = |&size: &usize| {
            self.case(format!("{}_{size}", self.name), |source| {
                source
                    .replace("LIST", &format!("PROFILE.{}", customer::list_name(size)))
                    .replace("LAST", &customer::item_name(size - 1))
            })
        };
        self.sizes.iter().map(sized).collect()
    }

    fn case(&self, name: String, fill: impl Fn(&str) -> String) -> Case {
        let filled = |translation: &Translation| match translation {
            Translation::Source(source) => Translation::Source(fill(source)),
            cannot => cannot.clone(),
        };
        Case {
            name,
            why: self.why.clone(),
            condition: self.condition,
            javascript: fill(&self.javascript),
            cel: filled(&self.cel),
            rhai: filled(&self.rhai),
            zen: filled(&self.zen),
        }
    }
}

impl Case {
    /// The case in a language.
    ///
    /// # Errors
    /// Why the language cannot say it.
    pub fn source_for(&self, language: Language) -> Result<&str, Refusal> {
        let translation = match language {
            Language::JavaScript => return Ok(&self.javascript),
            Language::Cel => &self.cel,
            Language::Rhai => &self.rhai,
            Language::Zen => &self.zen,
        };
        match translation {
            Translation::Source(source) => Ok(source),
            Translation::Cannot { cannot } => Err(Refusal::Language(cannot.clone())),
        }
    }
}
