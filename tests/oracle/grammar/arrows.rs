//! Arrows: functions as arguments, their parameters, and built-in functions in their place.

use super::super::group::Group;
use super::super::kind::Kind;
use super::super::tree::{Tree, level};
use super::Grammar;

const PARAMETERS: &[&str] =
    &["x", "y", "z", "item", "i", "acc", "list", "EVENT", "name", "$", "_1"];

const BY_NAME: &[&str] = &[
    "Number",
    "String",
    "Boolean",
    "parseInt",
    "parseFloat",
    "isNaN",
    "isFinite",
    "Math.abs",
    "Math.max",
    "Math.floor",
    "Array.isArray",
    "Number.isInteger",
    "encodeURIComponent",
    "Object.keys",
    "Array.of",
    "JSON.stringify",
    "Math.round",
    "Object.entries",
    "escapeHtml",
    "String.fromCharCode",
    "Math.min",
    "Number.isNaN",
    "Object.values",
    "Array.from",
];

impl Grammar<'_> {
    /// `(element, index, list) => true or false`.
    pub fn predicate(&mut self, element: Kind, depth: u32) -> Tree {
        let of = if self.random.percent(80) { Kind::Bool } else { Kind::Any };
        self.callback(&[element, Kind::Number, element.list()], of, depth)
    }

    /// `(element, index, list) => anything`.
    pub fn mapper(&mut self, element: Kind, depth: u32) -> Tree {
        self.callback(&[element, Kind::Number, element.list()], Kind::Any, depth)
    }

    /// `(total, element, index, list) => total`.
    pub fn reducer(&mut self, element: Kind, depth: u32) -> Tree {
        self.callback(&[element, element, Kind::Number, element.list()], element, depth)
    }

    /// `(left, right) => number`, mostly one that orders.
    pub fn comparator(&mut self, element: Kind, depth: u32) -> Tree {
        let orders = [
            "(a, b) => a - b",
            "(a, b) => b - a",
            "(a, b) => a < b ? -1 : a > b ? 1 : 0",
            "(a, b) => (a?.time ?? 0) - (b?.time ?? 0)",
            "() => 0",
            "undefined",
            "(a, b) => String(a).length - String(b).length",
        ];
        match self.random.below(10) {
            0 => self.callback(&[element, element], Kind::Number, depth),
            1 => Tree::leaf(
                level::ARROW,
                self.random.pick(&[
                    "(a, b) => a < b",
                    "(a, b) => a > b",
                    "(a, b) => 1",
                    "(a, b) => -1",
                ]),
            ),
            2 => self.expr(Kind::Any, depth),
            _ => Tree::leaf(level::ARROW, self.random.pick(&orders)),
        }
    }

    /// What `replace` puts in: text with patterns, or a function.
    pub fn replacement(&mut self, depth: u32) -> Tree {
        match self.random.below(4) {
            0 => {
                self.callback(&[Kind::Text, Kind::Any, Kind::Number, Kind::Text], Kind::Text, depth)
            }
            1 => self.expr(Kind::Text, depth),
            _ => Tree::atom(self.random.pick(&[
                "\"x\"",
                "\"\"",
                "\"$&\"",
                "\"[$`|$']\"",
                "\"$$\"",
                "\"$1\"",
                "\"$<n>\"",
                "\"$10$01$0\"",
                "\"$\"",
                "\"$2-$1\"",
                "undefined",
                "null",
            ])),
        }
    }

    /// `(name, value) => value`, for `JSON.stringify`.
    pub fn replacer(&mut self, depth: u32) -> Tree {
        self.callback(&[Kind::Text, Kind::Any], Kind::Any, depth)
    }

    /// `(name, value) => value`, for `JSON.parse`; mostly there is none.
    pub fn reviver(&mut self, depth: u32) -> Tree {
        match self.has(Group::JsonFunctions) && self.random.percent(70) {
            true => self.callback(&[Kind::Text, Kind::Any], Kind::Any, depth),
            false => Tree::atom(self.random.pick(&["undefined", "null", "1", "\"a\""])),
        }
    }

    /// A function that is given these kinds and mostly gives that one.
    fn callback(&mut self, given: &[Kind], gives: Kind, depth: u32) -> Tree {
        match self.random.below(40) {
            0..4 => return Tree::leaf(level::CALL, self.random.pick(BY_NAME)),
            4 => return self.expr(Kind::Any, depth),
            _ => {}
        }
        let outer = self.locals.len();
        // Either names that hide others, or defaults: a default that reads a later parameter throws a
        // ReferenceError in JavaScript, and is refused here.
        let before = std::mem::replace(&mut self.hides, self.random.percent(50));
        let count = self.random.below(given.len() as u64 + 1) as usize;
        let mut names: Vec<String> = Vec::new();
        let mut parameters = Vec::new();
        for kind in &given[..count] {
            let parameter = self.parameter(*kind, &mut names, depth);
            parameters.push(parameter);
        }
        if self.random.percent(5) {
            let name = self.fresh(&mut names);
            parameters.push(Tree::leaf(level::ARROW, format!("...{name}")));
            self.locals.push((name, Kind::Mixed));
        }
        self.hides = before;
        let body = self.expr(gives, depth.saturating_sub(1));
        self.locals.truncate(outer);
        Tree::new(level::ARROW).text("(").items(parameters).text(") => ").body(body)
    }

    /// A name that this function's parameters do not have yet.
    fn fresh(&mut self, names: &mut Vec<String>) -> String {
        let free: Vec<&str> = PARAMETERS
            .iter()
            .copied()
            .filter(|name| names.iter().all(|used| used != name))
            .filter(|name| self.hides || (*name != "EVENT" && !self.is_local(name)))
            .collect();
        let name = match free.is_empty() {
            true => format!("p{}_{}", self.locals.len(), names.len()),
            false => self.random.pick(&free).to_string(),
        };
        names.push(name.clone());
        name
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|(local, _)| local == name)
    }

    /// A default, written after what it belongs to and made before its names are known.
    fn default(&mut self, kind: Kind, percent: u64, depth: u32) -> Option<Tree> {
        let wanted = !self.hides && self.random.percent(percent);
        wanted.then(|| self.expr(kind, depth.saturating_sub(1)))
    }

    fn parameter(&mut self, kind: Kind, names: &mut Vec<String>, depth: u32) -> Tree {
        let default = self.default(kind, 12, depth);
        let taken = self.has(Group::Destructuring) && self.random.percent(25);
        let parameter = match taken {
            true => self.taken_apart(kind, names, depth),
            false => {
                let name = self.fresh(names);
                self.locals.push((name.clone(), kind));
                Tree::leaf(level::ARROW, name)
            }
        };
        with_default(parameter, default)
    }

    /// `{value, time: t = 1, ...rest}` or `[a, , b = 2, ...rest]`.
    fn taken_apart(&mut self, kind: Kind, names: &mut Vec<String>, depth: u32) -> Tree {
        let as_list = kind.is_list() || (kind != Kind::Visit && self.random.percent(30));
        let mut parts = Vec::new();
        for _ in 0..self.random.below(3) {
            let part = match as_list {
                true if self.random.percent(10) => Tree::atom(""),
                true => self.parameter(kind.element(), names, depth.saturating_sub(1)),
                false => self.named_part(names, depth),
            };
            parts.push(part);
        }
        if self.random.percent(20) {
            let name = self.fresh(names);
            parts.push(Tree::leaf(level::ARROW, format!("...{name}")));
            self.locals.push((name, if as_list { kind } else { Kind::Object }));
        }
        let (open, close) = if as_list { ("[", "]") } else { ("{", "}") };
        Tree::new(level::ARROW).text(open).items(parts).text(close)
    }

    fn named_part(&mut self, names: &mut Vec<String>, depth: u32) -> Tree {
        let property = self.random.pick(&["value", "time", "a", "b", "length", "city"]);
        let shorthand = names.iter().all(|used| used != property) && self.random.percent(60);
        let shorthand = shorthand && (self.hides || !self.is_local(property));
        if !shorthand {
            let inner = self.parameter(Kind::Any, names, depth.saturating_sub(1));
            let property = match self.random.below(4) {
                0 => format!("\"{property}\""),
                1 => format!("[\"{property}\"]"),
                _ => property.to_string(),
            };
            return Tree::new(level::ARROW)
                .text(format!("{property}: "))
                .place(inner, level::ARROW);
        }
        let default = self.default(Kind::Any, 30, depth);
        names.push(property.to_string());
        self.locals.push((property.to_string(), Kind::Any));
        with_default(Tree::leaf(level::ARROW, property), default)
    }
}

fn with_default(parameter: Tree, default: Option<Tree>) -> Tree {
    match default {
        Some(default) => Tree::new(level::ARROW)
            .place(parameter, level::ARROW)
            .text(" = ")
            .place(default, level::CONDITIONAL),
        None => parameter,
    }
}
