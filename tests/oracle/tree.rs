//! Tree: a generated program that knows its parts, so that it can be written and made smaller.
//!
//! A node is text with places for other nodes; every place says how tightly what stands there must bind, so
//! that parentheses are written only where the standard asks for them: the precedence is under test too.

use std::borrow::Cow;

/// How tightly an expression binds, loosest first.
pub mod level {
    pub const ARROW: u8 = 0;
    pub const CONDITIONAL: u8 = 2;
    pub const COALESCE: u8 = 3;
    pub const OR: u8 = 4;
    pub const AND: u8 = 5;
    pub const BIT_OR: u8 = 6;
    pub const BIT_XOR: u8 = 7;
    pub const BIT_AND: u8 = 8;
    pub const EQUALITY: u8 = 9;
    pub const RELATION: u8 = 10;
    pub const SHIFT: u8 = 11;
    pub const SUM: u8 = 12;
    pub const PRODUCT: u8 = 13;
    pub const POWER: u8 = 14;
    pub const UNARY: u8 = 15;
    /// A numeric literal: a member of it needs parentheses.
    pub const NUMERAL: u8 = 16;
    /// A call or an optional chain: whatever follows continues it.
    pub const CALL: u8 = 17;
    pub const PRIMARY: u8 = 18;
}

/// One node.
#[derive(Clone, Debug)]
pub struct Tree {
    parts: Vec<Part>,
    level: u8,
    doubt: Doubt,
}

/// Whether the last two units in the last place of what a node gives are V8's own (page 3.6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    Never,
    /// A transcendental function.
    Always,
    /// `x ** y` or `Math.pow(x, y)`: where `y` is no integer.
    Power,
}

/// A piece of a node.
#[derive(Clone, Debug)]
enum Part {
    Text(Cow<'static, str>),
    /// A node that binds at least so tightly.
    Place(Tree, u8),
    /// The body of an arrow function.
    Body(Tree),
    /// Nodes between commas; each may be dropped.
    Items(Vec<Tree>),
}

/// How a tree is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Round what transcendental functions give to so many digits.
    pub digits: Option<u8>,
}

impl Tree {
    /// A node without parts of its own.
    pub fn leaf(level: u8, text: impl Into<Cow<'static, str>>) -> Self {
        Self { parts: vec![Part::Text(text.into())], level, doubt: Doubt::Never }
    }

    /// A literal or a name.
    pub fn atom(text: impl Into<Cow<'static, str>>) -> Self {
        Self::leaf(level::PRIMARY, text)
    }

    /// A node to which parts are added.
    pub fn new(level: u8) -> Self {
        Self { parts: Vec::new(), level, doubt: Doubt::Never }
    }

    pub fn text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.parts.push(Part::Text(text.into()));
        self
    }

    pub fn place(mut self, tree: Tree, least: u8) -> Self {
        self.parts.push(Part::Place(tree, least));
        self
    }

    pub fn body(mut self, tree: Tree) -> Self {
        self.parts.push(Part::Body(tree));
        self
    }

    pub fn items(mut self, items: Vec<Tree>) -> Self {
        self.parts.push(Part::Items(items));
        self
    }

    /// Says that V8 may differ in the last two units.
    pub fn transcendental(mut self) -> Self {
        self.doubt = Doubt::Always;
        self
    }

    /// Says that V8 may differ in the last two units where the exponent is no integer.
    pub fn power(mut self) -> Self {
        self.doubt = Doubt::Power;
        self
    }

    /// The program's text.
    pub fn source(&self, style: Style) -> String {
        let mut out = String::new();
        self.write(style, &mut out);
        out
    }

    fn write(&self, style: Style, out: &mut String) {
        let Some(digits) = style.digits.filter(|_| self.doubt != Doubt::Never) else {
            return self.write_parts(style, out);
        };
        let mut own = String::new();
        self.write_parts(style, &mut own);
        let rounded = match self.doubt {
            Doubt::Power => format!(
                "[[{}]].map(two => Number.isInteger(Number(two[1])) ? two[0] ** two[1] \
                 : Number((two[0] ** two[1]).toPrecision({digits})))[0]",
                self.operands(style).join(", ")
            ),
            _ => format!("Number(({own}).toPrecision({digits}))"),
        };
        out.push_str(&rounded);
    }

    fn operands(&self, style: Style) -> Vec<String> {
        self.children().map(|child| child.source(style)).collect()
    }

    fn write_parts(&self, style: Style, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(tree, least) if tree.level >= *least => tree.write(style, out),
                Part::Place(tree, _) => tree.write_in_parentheses(style, out),
                Part::Body(tree) => {
                    let body = tree.source(style);
                    match body.starts_with('{') {
                        true => tree.write_in_parentheses(style, out),
                        false => out.push_str(&body),
                    }
                }
                Part::Items(items) => {
                    for (position, item) in items.iter().enumerate() {
                        out.push_str(if position == 0 { "" } else { ", " });
                        item.write(style, out);
                    }
                }
            }
        }
    }

    fn write_in_parentheses(&self, style: Style, out: &mut String) {
        out.push('(');
        self.write(style, out);
        out.push(')');
    }

    /// Whether some node's last two units are V8's own.
    pub fn has_transcendental(&self) -> bool {
        self.doubt != Doubt::Never || self.children().any(Tree::has_transcendental)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        1 + self.children().map(Tree::len).sum::<usize>()
    }

    fn children(&self) -> impl Iterator<Item = &Tree> {
        self.parts.iter().flat_map(|part| match part {
            Part::Text(_) => &[][..],
            Part::Place(tree, _) | Part::Body(tree) => std::slice::from_ref(tree),
            Part::Items(items) => items,
        })
    }

    /// Every tree that is one step smaller: a node gone, hoisted in its parent's place, or replaced
    /// by something plain.
    pub fn smaller(&self) -> Vec<Tree> {
        let mut found: Vec<Tree> = self.children().cloned().collect();
        let plain = ["1", "0", "\"a\"", "undefined", "null", "[]", "({})", "true"];
        if self.len() > 1 || !plain.contains(&self.source(Style::default()).as_str()) {
            found.extend(plain.map(Tree::atom));
        }
        for at in 0..self.parts.len() {
            let with = |part: Part| {
                let mut tree = self.clone();
                tree.parts[at] = part;
                tree
            };
            match &self.parts[at] {
                Part::Text(_) => {}
                Part::Place(child, least) => {
                    found.extend(child.smaller().into_iter().map(|c| with(Part::Place(c, *least))));
                }
                Part::Body(child) => {
                    found.extend(child.smaller().into_iter().map(|c| with(Part::Body(c))));
                }
                Part::Items(items) => {
                    found.extend(smaller_lists(items).into_iter().map(|i| with(Part::Items(i))));
                }
            }
        }
        found
    }
}

/// The list without one item, and with one item smaller.
fn smaller_lists(items: &[Tree]) -> Vec<Vec<Tree>> {
    let mut found = Vec::new();
    for at in 0..items.len() {
        let mut fewer = items.to_vec();
        fewer.remove(at);
        found.push(fewer);
        for item in items[at].smaller() {
            let mut changed = items.to_vec();
            changed[at] = item;
            found.push(changed);
        }
    }
    found
}
