//! Patterns: regular expression literals without look-around and back-references (page 3.6.3).
//!
//! Captures never stand inside what is repeated: which of their matches is kept differs on purpose.

use super::super::tree::Tree;
use super::Grammar;

const ATOMS: &[&str] = &[
    "a", "b", "c", "1", ".", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "[a-c]", "[^b]", "[\\d.]",
    "[A-Z]", "\\.", "\\/", "x", "\\x61", "\\u0061", "-", "@", "[^]", "\u{df}", "[\\w-]", " ", ",",
    "&", "\\t", "[]a]", "\\$", "=", "[.]", "\\cJ", "[\\b]", "\\0", "\u{e9}",
];

const QUANTIFIERS: &[&str] =
    &["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{2,}", "{0}", "{1,2}?"];

const WHOLE: &[&str] = &[
    "/a/",
    "/a/g",
    "/./g",
    "/\\d+/",
    "/\\d+/g",
    "/\\s+/",
    "/(\\w)(\\d)?/",
    "/^\\/shop/",
    "/[aeiou]/gi",
    "/(?<n>\\w+)@(?<host>\\w+)/",
    "/,\\s*/",
    "/\\b/g",
    "/^/gm",
    "/$/gm",
    "/(?:)/",
    "/(?:)/g",
    "/x?/g",
    "/\\u{1F600}/u",
    "/./gu",
    "/(a)|(b)/g",
    "/a|ab/",
    "/(?:a|b)+/",
    "/\\S/y",
    "/A/i",
    "/[^\\s@]+@[^\\s@]+/",
    "/\\p{L}+/u",
    "/\\p{Lu}/gu",
    "/\\d{4}-\\d{2}-\\d{2}/",
    "/(\\d+)\\.(\\d+)/",
    "/.$/s",
    "/\u{17f}/i",
    "/k/iu",
];

impl Grammar<'_> {
    /// A regular expression literal.
    pub fn pattern(&mut self) -> Tree {
        let flags = match self.random.below(8) {
            0 => "i",
            1 | 2 => "g",
            3 => "gi",
            4 => self.random.pick(&["m", "s", "y", "gm", "gs", "im", "gy", "d"]),
            _ => "",
        };
        self.pattern_with(flags)
    }

    /// One with the flag `g`, as `matchAll` asks for.
    pub fn global_pattern(&mut self) -> Tree {
        let flags = self.random.pick(&["g", "g", "gi", "gm", "gs"]);
        self.pattern_with(flags)
    }

    fn pattern_with(&mut self, flags: &str) -> Tree {
        if self.random.percent(40) && (flags.is_empty() || self.random.percent(20)) {
            return Tree::atom(self.random.pick(WHOLE));
        }
        let mut names = 0;
        let mut body = self.alternatives(2, true, &mut names);
        if body.is_empty() || body.starts_with('*') {
            body = "(?:)".to_string();
        }
        Tree::atom(format!("/{body}/{flags}"))
    }

    fn alternatives(&mut self, depth: u32, captures: bool, names: &mut u32) -> String {
        let mut text = self.sequence(depth, captures, names);
        if self.random.percent(20) {
            text.push('|');
            text.push_str(&self.sequence(depth, captures, names));
        }
        text
    }

    fn sequence(&mut self, depth: u32, captures: bool, names: &mut u32) -> String {
        let mut text = String::new();
        if self.random.percent(8) {
            text.push_str(self.random.pick(&["^", "\\b", "\\B"]));
        }
        for _ in 0..=self.random.below(3) {
            text.push_str(&self.term(depth, captures, names));
        }
        if self.random.percent(8) {
            text.push('$');
        }
        text
    }

    fn term(&mut self, depth: u32, captures: bool, names: &mut u32) -> String {
        let quantified = self.random.percent(30);
        let atom = match depth > 0 && self.random.percent(25) {
            false => (self.random.pick(ATOMS)).to_string(),
            true => {
                let keeps = captures && !quantified;
                let open = match self.random.below(3) {
                    0 if keeps => "(".to_string(),
                    1 if keeps => {
                        *names += 1;
                        format!(
                            "(?<n{}>",
                            if *names == 1 { String::new() } else { names.to_string() }
                        )
                    }
                    _ => "(?:".to_string(),
                };
                format!("{open}{})", self.alternatives(depth - 1, keeps, names))
            }
        };
        match quantified {
            true => format!("{atom}{}", self.random.pick(QUANTIFIERS)),
            false => atom,
        }
    }
}
