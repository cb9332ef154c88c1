//! Operators: arithmetic, bits, comparisons, and the ones that stand in front.

use super::super::kind::Kind;
use super::super::tree::{Tree, level};
use super::super::world::{NAMES, quoted};
use super::Grammar;

/// An operator, how tightly it binds, and what its left and right operands must.
type Infix = (&'static str, u8, u8, u8);

const ARITHMETIC: &[Infix] = &[
    (" + ", level::SUM, level::SUM, level::PRODUCT),
    (" - ", level::SUM, level::SUM, level::PRODUCT),
    (" * ", level::PRODUCT, level::PRODUCT, level::POWER),
    (" / ", level::PRODUCT, level::PRODUCT, level::POWER),
    (" % ", level::PRODUCT, level::PRODUCT, level::POWER),
    (" ** ", level::POWER, level::NUMERAL, level::POWER),
    (" << ", level::SHIFT, level::SHIFT, level::SUM),
    (" >> ", level::SHIFT, level::SHIFT, level::SUM),
    (" >>> ", level::SHIFT, level::SHIFT, level::SUM),
    (" & ", level::BIT_AND, level::BIT_AND, level::EQUALITY),
    (" ^ ", level::BIT_XOR, level::BIT_XOR, level::BIT_AND),
    (" | ", level::BIT_OR, level::BIT_OR, level::BIT_XOR),
];

const COMPARISONS: &[Infix] = &[
    (" < ", level::RELATION, level::RELATION, level::SHIFT),
    (" <= ", level::RELATION, level::RELATION, level::SHIFT),
    (" > ", level::RELATION, level::RELATION, level::SHIFT),
    (" >= ", level::RELATION, level::RELATION, level::SHIFT),
    (" == ", level::EQUALITY, level::EQUALITY, level::RELATION),
    (" != ", level::EQUALITY, level::EQUALITY, level::RELATION),
    (" === ", level::EQUALITY, level::EQUALITY, level::RELATION),
    (" !== ", level::EQUALITY, level::EQUALITY, level::RELATION),
];

impl Grammar<'_> {
    fn infix(&mut self, operators: &[Infix], left: Tree, right: Tree) -> Tree {
        let (text, own, before, after) = self.random.pick(operators);
        let tree = Tree::new(own).place(left, before).text(text).place(right, after);
        if text == " ** " { tree.power() } else { tree }
    }

    /// An operator that gives a number, mostly.
    pub fn arithmetic(&mut self, depth: u32) -> Tree {
        if self.random.percent(20) {
            return self.in_front(depth);
        }
        let kind = if self.random.percent(85) { Kind::Number } else { Kind::Any };
        let left = self.expr(kind, depth - 1);
        let right = self.expr(kind, depth - 1);
        self.infix(ARITHMETIC, left, right)
    }

    /// `-x`, `+x`, `~x`, with a space where two signs would meet.
    fn in_front(&mut self, depth: u32) -> Tree {
        let kind = if self.random.percent(60) { Kind::Number } else { Kind::Any };
        let operand = self.expr(kind, depth - 1);
        let operator = self.random.pick(&["- ", "+ ", "~"]);
        Tree::new(level::UNARY).text(operator).place(operand, level::UNARY)
    }

    /// Something that is true or false.
    pub fn comparison(&mut self, depth: u32) -> Tree {
        match self.random.below(10) {
            0 => {
                let operand = self.expr(Kind::Any, depth - 1);
                return Tree::new(level::UNARY)
                    .text(self.random.pick(&["!", "!!"]))
                    .place(operand, level::UNARY);
            }
            1 => return self.contained(depth),
            _ => {}
        }
        let kind = self.random.pick(&[Kind::Number, Kind::Text, Kind::Any, Kind::Any]);
        let left = self.expr(kind, depth - 1);
        let right = match self.random.percent(15) {
            true => left.clone(),
            false => self.expr(kind, depth - 1),
        };
        self.infix(COMPARISONS, left, right)
    }

    /// `name in object`.
    fn contained(&mut self, depth: u32) -> Tree {
        let name = match self.random.percent(60) {
            true => Tree::atom(quoted(self.random.pick(NAMES))),
            false => self.index(depth - 1),
        };
        let of = self.random.pick(&[Kind::Object, Kind::Mixed, Kind::Visit, Kind::Any]);
        let object = self.expr(of, depth - 1);
        Tree::new(level::RELATION)
            .place(name, level::RELATION)
            .text(" in ")
            .place(object, level::SHIFT)
    }

    /// What gives nothing.
    pub fn void(&mut self, depth: u32) -> Tree {
        let operand = self.expr(Kind::Any, depth - 1);
        let operator = self.random.pick(&["void ", "typeof "]);
        Tree::new(level::UNARY).text(operator).place(operand, level::UNARY)
    }
}
