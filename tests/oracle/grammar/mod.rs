//! Grammar: random programs that mostly do something.
//!
//! Generation is typed loosely: every place asks for a kind and gets it nine times in ten; the tenth time it
//! gets anything, so that every coercion of every pair comes up.

mod arrows;
mod calls;
mod literals;
mod operators;
mod patterns;
mod tables;

use super::group::Group;
use super::kind::Kind;
use super::random::Random;
use super::tree::{Tree, level};
use super::world::{FIELDS, NAMES};

/// Nodes after which only leaves are made.
const NODES_MAX: u32 = 45;

/// Makes programs.
pub struct Grammar<'r> {
    random: &'r mut Random,
    groups: &'r [Group],
    /// Parameters of the arrow functions around this place.
    locals: Vec<(String, Kind)>,
    /// Whether parameters may hide outer names.
    hides: bool,
    nodes: u32,
}

/// A random program over these groups of the language.
pub fn program(random: &mut Random, groups: &[Group]) -> Tree {
    let mut grammar = Grammar { random, groups, locals: Vec::new(), hides: false, nodes: 0 };
    let depth = 2 + grammar.random.below(4) as u32;
    let kind = grammar.any_kind();
    grammar.expr(kind, depth)
}

impl Grammar<'_> {
    fn has(&self, group: Group) -> bool {
        group == Group::Core || self.groups.contains(&group)
    }

    fn any_kind(&mut self) -> Kind {
        let kinds = [
            Kind::Text,
            Kind::Text,
            Kind::Number,
            Kind::Number,
            Kind::Bool,
            Kind::Bool,
            Kind::Nullish,
            Kind::Numbers,
            Kind::Texts,
            Kind::Visits,
            Kind::Lists,
            Kind::Mixed,
            Kind::Pairs,
            Kind::Object,
            Kind::Moment,
            Kind::Visit,
        ];
        let later = [
            (Group::Date, Kind::Date),
            (Group::Set, Kind::Set),
            (Group::RegExp, Kind::RegExp),
            (Group::Iterators, Kind::Iterator),
        ];
        if self.random.percent(25) {
            let (group, kind) = self.random.pick(&later);
            if self.has(group) {
                return kind;
            }
        }
        self.random.pick(&kinds)
    }

    /// An expression that probably gives this kind.
    pub fn expr(&mut self, kind: Kind, depth: u32) -> Tree {
        self.nodes += 1;
        let kind = match kind {
            Kind::Any => self.any_kind(),
            _ if self.random.percent(5) => self.any_kind(),
            kind => kind,
        };
        if depth == 0 || self.nodes > NODES_MAX {
            return self.leaf(kind);
        }
        match self.random.below(100) {
            0..20 => self.leaf(kind),
            20..27 => self.choice(kind, depth),
            27..32 => self.reached(kind, depth),
            _ => self.made(kind, depth),
        }
    }

    /// Something of this kind that is more than a name or a literal.
    fn made(&mut self, kind: Kind, depth: u32) -> Tree {
        match kind {
            Kind::Number if !self.random.percent(55) => self.arithmetic(depth),
            Kind::Bool if !self.random.percent(40) => self.comparison(depth),
            Kind::Text if self.random.percent(35) => self.joined(depth),
            Kind::Object | Kind::Visit if self.random.percent(60) => self.object(depth),
            Kind::Nullish => self.void(depth),
            Kind::Date => self.date(depth),
            Kind::Set if self.random.percent(80) => self.set(depth),
            Kind::RegExp => self.pattern(),
            kind if kind.is_list() && self.random.percent(35) => self.list(kind, depth),
            kind => self.call(kind, depth),
        }
    }

    /// A name or a literal.
    pub fn leaf(&mut self, kind: Kind) -> Tree {
        self.nodes += 1;
        if self.random.percent(60)
            && let Some(local) = self.local(kind)
        {
            return local;
        }
        let known: Vec<_> = FIELDS.iter().filter(|(_, _, of)| *of == kind).collect();
        if !known.is_empty() && self.random.percent(45) {
            let (owner, name, _) = self.random.pick(&known);
            return self.member(Tree::atom(*owner), name);
        }
        self.literal(kind)
    }

    /// A parameter of this kind, if some function around has one.
    fn local(&mut self, kind: Kind) -> Option<Tree> {
        let fits: Vec<&String> = self
            .locals
            .iter()
            .filter(|(_, of)| *of == kind || *of == Kind::Any)
            .map(|(name, _)| name)
            .collect();
        if fits.is_empty() {
            return None;
        }
        let name = self.random.pick(&fits).to_string();
        Some(Tree::atom(name))
    }

    /// `base.name` or `base["name"]`, now and then with `?.`.
    fn member(&mut self, base: Tree, name: &str) -> Tree {
        let optional = self.random.percent(8);
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
        let dotted = is_name && !self.random.percent(5);
        let text = match (dotted, optional) {
            (true, false) => format!(".{name}"),
            (true, true) => format!("?.{name}"),
            (false, false) => format!("[{}]", super::world::quoted(name)),
            (false, true) => format!("?.[{}]", super::world::quoted(name)),
        };
        Tree::new(level::CALL).place(base, level::CALL).text(text)
    }

    /// What is reached through an object or a list: a member, an index, a chain.
    fn reached(&mut self, kind: Kind, depth: u32) -> Tree {
        let tight = if self.random.percent(85) { level::CALL } else { level::PRIMARY };
        if self.random.percent(50) {
            let base = self.expr(kind.list(), depth - 1);
            let index = self.index(depth - 1);
            let open = if self.random.percent(15) { "?.[" } else { "[" };
            return Tree::new(level::CALL)
                .place(base, tight)
                .text(open)
                .place(index, level::ARROW)
                .text("]");
        }
        let of = self.random.pick(&[Kind::Object, Kind::Visit, Kind::Any]);
        let base = self.expr(of, depth - 1);
        let name = self.random.pick(NAMES);
        self.member(base, name)
    }

    /// `a ? b : c`, `a ?? b`, `a || b`, `a && b`.
    fn choice(&mut self, kind: Kind, depth: u32) -> Tree {
        let (left, operator, right, own) = match self.random.below(4) {
            0 => {
                let test = self.expr(Kind::Bool, depth - 1);
                let (yes, no) = (self.expr(kind, depth - 1), self.expr(kind, depth - 1));
                return Tree::new(level::CONDITIONAL)
                    .place(test, level::COALESCE)
                    .text(" ? ")
                    .place(yes, level::CONDITIONAL)
                    .text(" : ")
                    .place(no, level::CONDITIONAL);
            }
            1 => (level::BIT_OR, " ?? ", level::BIT_OR, level::COALESCE),
            2 => (level::OR, " || ", level::AND, level::OR),
            _ => (level::AND, " && ", level::BIT_OR, level::AND),
        };
        let first = if self.random.percent(40) { Kind::Nullish } else { kind };
        let (one, other) = (self.expr(first, depth - 1), self.expr(kind, depth - 1));
        Tree::new(own).place(one, left).text(operator).place(other, right)
    }

    /// An index, mostly a small one.
    pub fn index(&mut self, depth: u32) -> Tree {
        match self.random.below(10) {
            0..6 => Tree::leaf(level::NUMERAL, self.random.pick(&["0", "1", "2", "3", "5"])),
            6 => Tree::leaf(level::UNARY, self.random.pick(&["-1", "-2", "-0", "-Infinity"])),
            7 => Tree::atom(self.random.pick(&[
                "NaN",
                "Infinity",
                "undefined",
                "null",
                "\"1\"",
                "true",
                "\"length\"",
                "[]",
                "{}",
            ])),
            8 => Tree::leaf(
                level::NUMERAL,
                self.random.pick(&["1.5", "0.9", "1e3", "4294967295", "4294967296", "1e300"]),
            ),
            _ => self.expr(Kind::Number, depth.saturating_sub(1)),
        }
    }
}
