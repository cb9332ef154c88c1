//! Literals of every form, lists, objects, templates, and what `new` makes.

use super::super::group::Group;
use super::super::kind::Kind;
use super::super::tree::{Tree, level};
use super::super::world::{self, NAMES, quoted};
use super::Grammar;

const NUMERALS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "10",
    "0.5",
    "1.5",
    ".5",
    "5.",
    "1e3",
    "1E-3",
    "0x1F",
    "0b101",
    "0o17",
    "1_000",
    "1e21",
    "1e-7",
    "123456789",
    "2147483648",
    "4294967295",
    "9007199254740992",
    "9007199254740993",
    "1.7976931348623157e308",
    "5e-324",
    "0.1",
    "0.2",
    "0.30000000000000004",
    "123.456",
    "1.005",
    "2.5",
    "99.995",
    "1e300",
    "86400000",
    "1700000000000",
    "8.64e15",
];

const MOMENT_PARTS: &[&str] = &[
    "2024, 1, 29",
    "2023, 10",
    "2024, 2, 31, 1, 30",
    "2024, 9, 27, 2, 30, 0, 5",
    "99, 0",
    "1970, 0, 1",
    "0, 0",
    "2024, -1, 0",
    "2024, 13, 1.9",
    "275760, 8, 13",
    "2024, NaN",
    "\"2020\", \"5\"",
    "-1, 0",
    "2024, 0, 1, 24, 60, 60, 1000",
    "1900, 0, 1",
    "2038, 0, 19, 3, 14, 8",
    "2024, undefined",
];

impl Grammar<'_> {
    /// A literal of this kind.
    pub fn literal(&mut self, kind: Kind) -> Tree {
        match kind {
            Kind::Number => self.numeral(),
            Kind::Text => self.text_literal(),
            Kind::Moment => Tree::atom(quoted(world::moment(self.random))),
            Kind::Bool => Tree::atom(self.random.pick(&["true", "false"])),
            Kind::Nullish => Tree::atom(self.random.pick(&["undefined", "null"])),
            Kind::Visit => Tree::atom("{value: \"a\", time: 1}"),
            Kind::Object => Tree::atom(self.random.pick(&["{}", "{a: 1}", "{b: 1, 2: 3, a: []}"])),
            Kind::Date => self.date(0),
            Kind::Set => self.set(0),
            Kind::RegExp => self.pattern(),
            kind if kind.is_list() => self.list(kind, 0),
            _ => Tree::atom(self.random.pick(&["1", "\"a\"", "[]", "null"])),
        }
    }

    fn numeral(&mut self) -> Tree {
        match self.random.below(10) {
            0 => Tree::atom(self.random.pick(&["NaN", "Infinity"])),
            1 => {
                Tree::leaf(level::UNARY, self.random.pick(&["-0", "-1", "-1.5", "-Infinity", "-7"]))
            }
            2 => {
                let number = world::number(self.random);
                let own = if number.starts_with('-') { level::UNARY } else { level::NUMERAL };
                Tree::leaf(own, number)
            }
            _ => Tree::leaf(level::NUMERAL, self.random.pick(NUMERALS)),
        }
    }

    fn text_literal(&mut self) -> Tree {
        let text = world::text(self.random);
        match self.random.below(8) {
            0 => Tree::atom(escaped(&text)),
            1 if !text.contains(['`', '\\', '$', '\r']) => Tree::atom(format!("`{text}`")),
            2 if !text.contains(['\'', '\\', '\n', '\r']) => Tree::atom(format!("'{text}'")),
            _ => Tree::atom(quoted(&text)),
        }
    }

    /// A list in brackets.
    pub fn list(&mut self, kind: Kind, depth: u32) -> Tree {
        let below = depth.saturating_sub(1);
        let mut items: Vec<Tree> = (0..self.random.below(5))
            .map(|_| match self.random.percent(10) {
                true => {
                    let of = if self.random.percent(80) { kind } else { Kind::Any };
                    Tree::new(level::ARROW)
                        .text("...")
                        .place(self.expr(of, below), level::CONDITIONAL)
                }
                false => self.expr(kind.element(), below),
            })
            .collect();
        if kind == Kind::Pairs {
            items = items.into_iter().map(|item| self.pair(item)).collect();
        }
        if self.has(Group::Holes) && self.random.percent(12) {
            let at = self.random.below(items.len() as u64 + 1) as usize;
            items.insert(at, Tree::atom(""));
        }
        Tree::new(level::PRIMARY).text("[").items(items).text("]")
    }

    fn pair(&mut self, item: Tree) -> Tree {
        let name = quoted(self.random.pick(NAMES));
        Tree::new(level::PRIMARY).text("[").items(vec![Tree::atom(name), item]).text("]")
    }

    /// An object in braces.
    pub fn object(&mut self, depth: u32) -> Tree {
        let entries = (0..self.random.below(4)).map(|_| self.entry(depth)).collect();
        Tree::new(level::PRIMARY).text("{").items(entries).text("}")
    }

    fn entry(&mut self, depth: u32) -> Tree {
        let entry = Tree::new(level::ARROW);
        match self.random.below(10) {
            0 => {
                let of = self.random.pick(&[Kind::Object, Kind::Any]);
                let spread = self.expr(of, depth - 1);
                return entry.text("...").place(spread, level::CONDITIONAL);
            }
            1 => {
                let of = self.random.pick(&[Kind::Text, Kind::Number, Kind::Any]);
                let name = self.expr(of, depth - 1);
                let value = self.expr(Kind::Any, depth - 1);
                return entry
                    .text("[")
                    .place(name, level::ARROW)
                    .text("]: ")
                    .place(value, level::CONDITIONAL);
            }
            2 if !self.locals.is_empty() => {
                let at = self.random.below(self.locals.len() as u64) as usize;
                return entry.text(self.locals[at].0.clone());
            }
            _ => {}
        }
        let name = match self.random.below(4) {
            0 => quoted(self.random.pick(NAMES)),
            1 => {
                (self.random.pick(&["1", "0", "1.5", "0x10", "1e3", "if", "undefined"])).to_string()
            }
            _ => (self.random.pick(&["value", "time", "a", "b", "city", "k"])).to_string(),
        };
        let value = self.expr(Kind::Any, depth - 1);
        entry.text(name).text(": ").place(value, level::CONDITIONAL)
    }

    /// A template literal, or text joined by `+`.
    pub fn joined(&mut self, depth: u32) -> Tree {
        if self.random.percent(50) {
            let left = self.expr(Kind::Text, depth - 1);
            let right = self.expr(Kind::Any, depth - 1);
            let (left, right) = if self.random.percent(50) { (left, right) } else { (right, left) };
            return Tree::new(level::SUM)
                .place(left, level::SUM)
                .text(" + ")
                .place(right, level::PRODUCT);
        }
        let mut template = Tree::new(level::PRIMARY).text("`");
        for _ in 0..=self.random.below(2) {
            let between = self.random.pick(&["", " ", "a", "\\n", "\u{1f600}", "$", "\\`", "}"]);
            let value = self.expr(Kind::Any, depth - 1);
            template = template.text(between).text("${").place(value, level::ARROW).text("}");
        }
        template.text("`")
    }

    /// `new Date(...)`.
    pub fn date(&mut self, depth: u32) -> Tree {
        let made = Tree::new(level::CALL).text("new Date(");
        let below = depth.saturating_sub(1);
        let argument = match self.random.below(8) {
            0 => return made.text(")"),
            1 => return made.text(self.random.pick(MOMENT_PARTS)).text(")"),
            2 if depth > 0 => {
                let parts = (0..2 + self.random.below(4)).map(|_| self.index(below)).collect();
                return made.items(parts).text(")");
            }
            3 => self.expr(Kind::Any, below),
            4 | 5 => self.literal(Kind::Moment),
            _ => self.expr(Kind::Number, below),
        };
        made.items(vec![argument]).text(")")
    }

    /// `new Set(...)`.
    pub fn set(&mut self, depth: u32) -> Tree {
        let made = Tree::new(level::CALL).text("new Set(");
        let of =
            self.random.pick(&[Kind::Numbers, Kind::Texts, Kind::Mixed, Kind::Set, Kind::Text]);
        match self.random.percent(8) {
            true => made.text(")"),
            false => {
                let argument = self.expr(of, depth.saturating_sub(1));
                made.items(vec![argument]).text(")")
            }
        }
    }
}

/// The text as a literal in which every unit is an escape.
fn escaped(text: &str) -> String {
    let units: String = text
        .chars()
        .map(|c| match u32::from(c) {
            code @ 0..0x100 => format!("\\x{code:02x}"),
            code @ 0x100..0x1_0000 => format!("\\u{code:04X}"),
            code => format!("\\u{{{code:x}}}"),
        })
        .collect();
    format!("\"{units}\"")
}
