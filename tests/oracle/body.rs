//! Body: a program under test: a tree, or a tree's tokens after damage.
//!
//! Damaged programs ask whether both sides refuse the same texts.

use super::random::Random;
use super::tree::{Style, Tree};

/// A program's text, in a form that can be made smaller.
#[derive(Clone, Debug)]
pub enum Body {
    Whole(Tree),
    Damaged(Vec<String>),
}

const TOKENS: &[&str] = &[
    "(", ")", "[", "]", "{", "}", ",", ".", "?.", "...", "=>", "?", ":", "+", "-", "!", "**", "??",
    "||", "&&", "x", "1", "\"a\"", "in", "typeof", "`", "/", "=", "==", "new", "null", "0x", "1e",
    "_", "..", "void", "1_", "01", "\\", "this", "async", "let", "of", "await", "yield", "get",
    "static",
];

impl Body {
    pub fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }

    pub fn source(&self, style: Style) -> String {
        match self {
            Self::Whole(tree) => tree.source(style),
            Self::Damaged(tokens) => tokens.concat(),
        }
    }

    pub fn has_transcendental(&self) -> bool {
        match self {
            Self::Whole(tree) => tree.has_transcendental(),
            Self::Damaged(_) => false,
        }
    }

    /// One or two tokens gone, doubled, swapped, or others in their place.
    pub fn damage(tree: &Tree, random: &mut Random) -> Self {
        let mut tokens = tokens(&tree.source(Style::default()));
        for _ in 0..=random.below(2) {
            if tokens.is_empty() {
                break;
            }
            let at = random.below(tokens.len() as u64) as usize;
            match random.below(5) {
                0 => drop(tokens.remove(at)),
                1 => tokens.insert(at, tokens[at].clone()),
                2 if at > 0 => tokens.swap(at, at - 1),
                3 => tokens.insert(at, (random.pick(TOKENS)).to_string()),
                _ => tokens[at] = (random.pick(TOKENS)).to_string(),
            }
        }
        Self::Damaged(tokens)
    }

    /// Every body that is one step smaller.
    pub fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Whole(tree) => tree.smaller().into_iter().map(Self::Whole).collect(),
            Self::Damaged(tokens) => {
                smaller_tokens(tokens).into_iter().map(Self::Damaged).collect()
            }
        }
    }
}

/// The tokens without one, two, four... of them in a row.
fn smaller_tokens(tokens: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut run = tokens.len() / 2;
    while run > 0 {
        for at in (0..=tokens.len() - run).step_by(run.div_ceil(2)) {
            let mut fewer = tokens.to_vec();
            fewer.drain(at..at + run);
            found.push(fewer);
        }
        run /= 2;
    }
    found
}

/// Words, numbers, texts and single signs, spaces with what stands before them.
fn tokens(source: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut quote = None;
    let mut before = ' ';
    for c in source.chars() {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let continues = match quote {
            Some(_) => true,
            None => (word(c) && word(before)) || c == ' ',
        };
        match found.last_mut() {
            Some(last) if continues => last.push(c),
            _ => found.push(c.to_string()),
        }
        match quote {
            Some(open) if c == open && before != '\\' => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        before = c;
    }
    found
}
