//! Calls: methods and functions from the tables, with arguments that mostly fit.

use super::super::group::Group;
use super::super::kind::Kind;
use super::super::tree::{Tree, level};
use super::super::world::{NAMES, quoted};
use super::Grammar;
use super::tables::{CONSTANTS, FUNCTIONS, Gives, METHODS, Method, On, TRANSCENDENTAL};

impl On {
    /// A kind that has these methods.
    fn kind(self, grammar: &mut Grammar<'_>) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::List => grammar.random.pick(&[
                Kind::Numbers,
                Kind::Numbers,
                Kind::Texts,
                Kind::Visits,
                Kind::Mixed,
                Kind::Lists,
                Kind::Pairs,
            ]),
            Self::Number => Kind::Number,
            Self::Bool => Kind::Bool,
            Self::Object => Kind::Object,
            Self::Date => Kind::Date,
            Self::Set => Kind::Set,
            Self::RegExp => Kind::RegExp,
        }
    }
}

impl Grammar<'_> {
    /// A call that gives this kind, if the tables have one; whatever else they have, if not.
    pub fn call(&mut self, kind: Kind, depth: u32) -> Tree {
        if kind == Kind::Number && self.random.percent(25) {
            return self.counted(depth);
        }
        if self.random.percent(if matches!(kind, Kind::Number) { 35 } else { 20 }) {
            return self.function(kind, depth);
        }
        let fits: Vec<&Method> = METHODS
            .iter()
            .filter(|(on, group, _, _, gives)| {
                let right = match gives {
                    Gives::A(Kind::Any) => true,
                    Gives::A(of) => *of == kind,
                    Gives::Same => *on == On::List && kind.is_list(),
                    Gives::Element => true,
                };
                right && self.has(*group)
            })
            .collect();
        if fits.is_empty() {
            return self.function(kind, depth);
        }
        let method = self.random.pick(&fits);
        self.method(method, kind, depth)
    }

    fn method(&mut self, method: &Method, kind: Kind, depth: u32) -> Tree {
        let (on, _, name, letters, gives) = *method;
        let of = match gives {
            Gives::Same => kind,
            Gives::Element => kind.list(),
            Gives::A(_) => on.kind(self),
        };
        let receiver = self.expr(of, depth - 1);
        let arguments = self.arguments(letters, of, depth);
        let dot = match self.random.below(30) {
            0 => "?.",
            _ => ".",
        };
        let open = if self.random.percent(3) { "?.(" } else { "(" };
        let tight = if self.random.percent(90) { level::CALL } else { level::PRIMARY };
        Tree::new(level::CALL)
            .place(receiver, tight)
            .text(format!("{dot}{name}{open}"))
            .items(arguments)
            .text(")")
    }

    /// `length`, `size`, or a constant.
    fn counted(&mut self, depth: u32) -> Tree {
        match self.random.below(6) {
            0 => Tree::leaf(level::CALL, self.random.pick(CONSTANTS)),
            1 if self.has(Group::Set) => {
                let set = self.expr(Kind::Set, depth - 1);
                Tree::new(level::CALL).place(set, level::CALL).text(".size")
            }
            2 if self.has(Group::Functions) => {
                let of = self.any_kind();
                let (_, _, name, ..) = self.random.pick(METHODS);
                let owner = self.expr(of, depth - 1);
                Tree::new(level::UNARY).text(self.random.pick(&["typeof ", "!"])).place(
                    Tree::new(level::CALL).place(owner, level::CALL).text(format!(".{name}")),
                    level::UNARY,
                )
            }
            _ => {
                let of = self.random.pick(&[Kind::Text, Kind::Texts, Kind::Mixed, Kind::Visits]);
                let list = self.expr(of, depth - 1);
                Tree::new(level::CALL).place(list, level::CALL).text(".length")
            }
        }
    }

    fn function(&mut self, kind: Kind, depth: u32) -> Tree {
        if kind == Kind::Number && self.random.percent(25) {
            return self.transcendental(depth);
        }
        let or_any = self.random.percent(15);
        let fits: Vec<_> = FUNCTIONS
            .iter()
            .filter(|(group, _, _, gives)| {
                self.has(*group) && (*gives == kind || (or_any && *gives == Kind::Any))
            })
            .collect();
        let (_, path, letters, _) = match fits.is_empty() {
            true => FUNCTIONS[0],
            false => *self.random.pick(&fits),
        };
        let arguments = self.arguments(letters, Kind::Mixed, depth);
        Tree::new(level::CALL).text(format!("{path}(")).items(arguments).text(")")
    }

    fn transcendental(&mut self, depth: u32) -> Tree {
        if self.random.percent(20) {
            let arguments = self.arguments("nn", Kind::Number, depth);
            return Tree::new(level::CALL).text("Math.pow(").items(arguments).text(")").power();
        }
        let (name, letters) = self.random.pick(TRANSCENDENTAL);
        let arguments = self.arguments(letters, Kind::Number, depth);
        Tree::new(level::CALL)
            .text(format!("Math.{name}("))
            .items(arguments)
            .text(")")
            .transcendental()
    }

    /// Arguments as the letters say, now and then too few, too many, or of another kind.
    fn arguments(&mut self, letters: &str, of: Kind, depth: u32) -> Vec<Tree> {
        let mut arguments = Vec::new();
        for letter in letters.chars() {
            let may_end = match letter {
                'z' => 0,
                letter if letter.is_ascii_uppercase() => 50,
                _ => 3,
            };
            if self.random.percent(may_end) {
                break;
            }
            let argument = self.argument(letter.to_ascii_lowercase(), of, depth - 1);
            arguments.push(argument);
        }
        if self.random.percent(2) {
            let more = self.expr(Kind::Any, depth - 1);
            arguments.push(more);
        }
        if self.random.percent(2) {
            let list = self.expr(Kind::Mixed, depth - 1);
            arguments.push(Tree::new(level::ARROW).text("...").place(list, level::CONDITIONAL));
        }
        arguments
    }

    fn argument(&mut self, letter: char, of: Kind, depth: u32) -> Tree {
        let is_fixed = matches!(letter, 'p' | 'm' | 'f' | 'c' | 'z' | 'g' | 'h');
        if !is_fixed && self.random.percent(5) {
            return self.expr(Kind::Any, depth);
        }
        match letter {
            'i' => self.index(depth),
            'n' => self.expr(Kind::Number, depth),
            'r' => Tree::leaf(
                level::UNARY,
                self.random.pick(&[
                    "0",
                    "1",
                    "2",
                    "3",
                    "10",
                    "16",
                    "36",
                    "7",
                    "20",
                    "100",
                    "101",
                    "37",
                    "-1",
                    "1.9",
                    "undefined",
                    "NaN",
                    "\"2\"",
                    "null",
                ]),
            ),
            't' => self.short_text(depth),
            's' if self.has(Group::RegExp) && self.random.percent(60) => self.pattern(),
            's' => self.short_text(depth),
            'h' => self.searched(),
            'g' => self.global_pattern(),
            'e' => self.expr(of.element(), depth),
            'l' => self.expr(of, depth),
            'p' => self.predicate(of.element(), depth),
            'm' => self.mapper(of.element(), depth),
            'f' => self.reducer(of.element(), depth),
            'c' => self.comparator(of.element(), depth),
            'x' => self.replacement(depth),
            'k' if self.random.percent(70) => Tree::atom(quoted(self.random.pick(NAMES))),
            'k' => self.index(depth),
            'o' => {
                let kinds = [Kind::Object, Kind::Visit, Kind::Mixed, Kind::Any];
                let kind = self.random.pick(&kinds);
                self.expr(kind, depth)
            }
            'q' if self.random.percent(85) => self.expr(Kind::Pairs, depth),
            'u' => self.iterated(depth),
            'z' => self.object(depth.max(1)),
            'j' => self.json_text(depth),
            'w' => self.expr(Kind::Moment, depth),
            'd' => {
                let list = self.expr(Kind::Numbers, depth);
                Tree::new(level::ARROW).text("...").place(list, level::CONDITIONAL)
            }
            'b' => self.stringify_option(depth),
            'y' => self.space(depth),
            'v' => self.reviver(depth),
            _ => self.expr(Kind::Any, depth),
        }
    }

    /// What is looked for: a pattern, or a text that is one.
    fn searched(&mut self) -> Tree {
        match self.random.percent(85) {
            true => self.pattern(),
            false => Tree::atom(self.random.pick(&[
                "\"a\"",
                "\"\"",
                "\".\"",
                "\"b|c\"",
                "\"\\\\d\"",
                "1",
                "EVENT.text",
                "undefined",
            ])),
        }
    }

    fn short_text(&mut self, depth: u32) -> Tree {
        match self.random.percent(70) {
            true => Tree::atom(self.random.pick(&[
                "\"a\"",
                "\"\"",
                "\"b\"",
                "\",\"",
                "\" \"",
                "\"ab\"",
                "\"1\"",
                "\"\u{1f600}\"",
                "\".\"",
                "\"c\"",
            ])),
            false => self.expr(Kind::Text, depth),
        }
    }

    /// Something that is iterated, or only has a length.
    fn iterated(&mut self, depth: u32) -> Tree {
        match self.random.below(6) {
            0 => {
                let length = self.index(depth);
                Tree::new(level::PRIMARY)
                    .text("{length: ")
                    .place(length, level::CONDITIONAL)
                    .text("}")
            }
            1 => self.expr(Kind::Text, depth),
            2 if self.has(Group::Set) => self.expr(Kind::Set, depth),
            3 if self.has(Group::Iterators) => self.expr(Kind::Iterator, depth),
            _ => self.expr(Kind::Mixed, depth),
        }
    }

    fn json_text(&mut self, depth: u32) -> Tree {
        match self.random.below(3) {
            0 => {
                let value = self.expr(Kind::Any, depth);
                Tree::new(level::CALL).text("JSON.stringify(").items(vec![value]).text(")")
            }
            1 => Tree::atom(self.random.pick(&[
                "'{\"b\": 1, \"a\": [true, null]}'",
                "'[1, 2.5e3, -0]'",
                "'\"\\\\u00e9\\\\n\"'",
                "' 5 '",
                "'{\"2\": 1, \"1\": 2}'",
                "'[1,]'",
                "'01'",
                "'{\"a\":1,\"a\":2}'",
                "''",
                "'nul'",
                "'1e999'",
                "'[[[]]]'",
                "'{\"__proto__\": 1}'",
                "'\"\\\\ud83d\\\\ude00\"'",
                "'\"\t\"'",
                "'\\ufeff1'",
            ])),
            _ => self.expr(Kind::Text, depth),
        }
    }

    /// The second argument of `JSON.stringify`.
    fn stringify_option(&mut self, depth: u32) -> Tree {
        if self.has(Group::JsonFunctions) && self.random.percent(40) {
            return self.replacer(depth);
        }
        match self.random.below(4) {
            0 => Tree::atom(self.random.pick(&["null", "undefined", "2", "\"a\""])),
            1 => Tree::atom(self.random.pick(&[
                "[\"a\", \"value\"]",
                "[]",
                "[\"10\", 2, \"a\", \"a\"]",
                "[null]",
            ])),
            2 => self.expr(Kind::Texts, depth),
            _ => self.expr(Kind::Any, depth),
        }
    }

    /// The third.
    fn space(&mut self, depth: u32) -> Tree {
        let known =
            ["null", "undefined", "2", "\"\\t\"", "20", "-1", "\"--------->\"", "1.9", "[2]"];
        match self.random.percent(70) {
            true => Tree::atom(self.random.pick(&known)),
            false => self.expr(Kind::Any, depth),
        }
    }
}
