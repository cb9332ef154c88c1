//! Flow: from where the value of a program can come.
//!
//! A walk over the compiled program that gathers every slot, field and local whose value can reach
//! the result, whatever the way: through members, calls, functions, patterns, text, lists and maps.
//! It says too much rather than too little: what a method is called on and all that it is given
//! count, whatever the method does with them, and so does what decides between two values.
//!
//! Only a question does not carry the value that it asks about: `!x`, `typeof x`, `x` compared with
//! a constant, and `x` where only its truth is asked, with `x` a name and members that are written
//! out. Its answer is one of a few that the author of the expression foresaw, each with what comes
//! of it. A comparison with anything else counts: whoever chooses the other side of `PROFILE.pin <
//! EVENT.guess` reads the value bit by bit.
//!
//! Invariant: parameters of functions count nothing by themselves. What they hold comes from the
//! call around the function, all of whose parts count.

use std::collections::BTreeSet;

use super::ast::UnaryOperator;
use super::operators::is_relation;
use super::program::{
    Arguments, Base, Binding, Callback, Entry, Item, MethodCall, Node, NodeKind, Part, PartKind,
    Pattern, Program, PropertyName, Read,
};
use super::template::{self, Template};

/// From where a value can come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Slots: `PROFILE.<name>` and the other spaces.
    pub slots: BTreeSet<u32>,
    /// `EVENT.<field>`, by field index.
    pub fields: BTreeSet<u32>,
    /// `ITEM` and the names of `let`, by local index.
    pub locals: BTreeSet<u32>,
    /// Whether it can come from any field of `EVENT`.
    pub whole_event: bool,
}

impl Sources {
    /// Adds all that another value can come from.
    pub fn add(&mut self, other: &Self) {
        self.slots.extend(&other.slots);
        self.fields.extend(&other.fields);
        self.locals.extend(&other.locals);
        self.whole_event |= other.whole_event;
    }

    /// With what the locals come from in the place of the locals; a local beyond them has no value.
    #[must_use]
    pub fn through(mut self, locals: &[Self]) -> Self {
        for local in std::mem::take(&mut self.locals) {
            if let Some(sources) = locals.get(local as usize) {
                self.add(sources);
            }
        }
        self
    }
}

impl Program {
    /// From where the program's value can come.
    pub fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        sources.node(&self.root);
        sources
    }
}

impl Template {
    /// From where the template's value can come.
    pub fn sources(&self) -> Sources {
        let mut sources = Sources::default();
        sources.template(self);
        sources
    }
}

impl Sources {
    fn template(&mut self, template: &Template) {
        match template {
            Template::Expression(program) => self.node(&program.root),
            Template::Text(parts) => {
                for part in parts {
                    if let template::Part::Expression(program) = part {
                        self.node(&program.root);
                    }
                }
            }
            Template::Literal(_) => {}
            Template::List(items) => items.iter().for_each(|item| self.template(item)),
            Template::Map(entries) => {
                entries.iter().for_each(|(_, template)| self.template(template));
            }
            Template::Sensitive(inner) => self.template(inner),
        }
    }

    /// What reaches a node's value.
    fn node(&mut self, node: &Node) {
        match &node.kind {
            NodeKind::Constant(_) | NodeKind::Pattern(_) | NodeKind::Rid | NodeKind::Compare(_) => {
            }
            NodeKind::Read(read) => self.read(read),
            NodeKind::Lookup(slot) => drop(self.slots.insert(*slot)),
            NodeKind::Row { key, .. } => self.node(key),
            NodeKind::Chain { base, parts } => {
                self.node(base);
                parts.iter().for_each(|part| self.part(part));
            }
            NodeKind::Not(operand) => self.truth(operand),
            NodeKind::Unary { operator: UnaryOperator::TypeOf, operand } if is_name(operand) => {}
            NodeKind::Unary { operator: UnaryOperator::Void, .. } => {}
            NodeKind::Unary { operand, .. } => self.node(operand),
            NodeKind::Binary { operator, operands } => {
                let [left, right] = &**operands;
                let with_constant =
                    (is_name(left) && is_constant(right)) || (is_constant(left) && is_name(right));
                if !(is_relation(*operator) && with_constant) {
                    self.node(left);
                    self.node(right);
                }
            }
            NodeKind::Operators { first, rest } => {
                self.node(first);
                rest.iter().for_each(|(_, operand)| self.node(operand));
            }
            NodeKind::And(nodes)
            | NodeKind::Or(nodes)
            | NodeKind::Coalesce(nodes)
            | NodeKind::Concatenate(nodes)
            | NodeKind::List(nodes) => nodes.iter().for_each(|node| self.node(node)),
            NodeKind::Conditional { arms, otherwise } => {
                for (condition, value) in arms {
                    self.truth(condition);
                    self.node(value);
                }
                self.node(otherwise);
            }
            NodeKind::Spread(items) => self.items(items),
            NodeKind::Object { values, .. } => values.iter().for_each(|value| self.node(value)),
            NodeKind::Entries(entries) => entries.iter().for_each(|entry| self.entry(entry)),
            NodeKind::Call { arguments, .. } => self.arguments(arguments),
        }
    }

    /// What reaches the answer where only a node's truth is asked.
    fn truth(&mut self, node: &Node) {
        match &node.kind {
            NodeKind::Not(operand) => self.truth(operand),
            NodeKind::And(nodes) | NodeKind::Or(nodes) => {
                nodes.iter().for_each(|node| self.truth(node));
            }
            _ if is_name(node) => {}
            _ => self.node(node),
        }
    }

    fn read(&mut self, read: &Read) {
        match read.base {
            Base::Profile(slot) => drop(self.slots.insert(slot)),
            Base::Field(field) => drop(self.fields.insert(field)),
            Base::Local(local) => drop(self.locals.insert(local)),
            Base::Event => self.whole_event = true,
            // An ordinary object, outside a configuration only.
            Base::ProfileObject | Base::Parameter(_) => {}
        }
    }

    fn part(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Members(_) => {}
            PartKind::Index(index) => self.node(index),
            PartKind::Method(call) => {
                let MethodCall { arguments, .. } = &**call;
                self.arguments(arguments);
            }
            PartKind::Computed(call) => {
                self.node(&call.name);
                self.arguments(&call.arguments);
            }
        }
    }

    fn arguments(&mut self, arguments: &Arguments) {
        self.items(&arguments.items);
        if let Some(Callback::Arrow(arrow)) = &arguments.callback {
            arrow.bindings.iter().for_each(|binding| self.binding(binding));
            self.node(&arrow.body);
        }
    }

    fn binding(&mut self, binding: &Binding) {
        if let Some(default) = &binding.default {
            self.node(default);
        }
        match &binding.pattern {
            None => {}
            Some(Pattern::Object { properties, .. }) => {
                for (name, binding) in properties {
                    if let PropertyName::Computed(name) = name {
                        self.node(name);
                    }
                    self.binding(binding);
                }
            }
            Some(Pattern::Array { elements, rest }) => {
                elements.iter().flatten().for_each(|binding| self.binding(binding));
                if let Some(rest) = rest {
                    self.binding(rest);
                }
            }
        }
    }

    fn items(&mut self, items: &[Item]) {
        items.iter().for_each(|item| self.node(&item.node));
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Named(_, value) | Entry::Spread(value) => self.node(value),
            Entry::Computed(name, value) => {
                self.node(name);
                self.node(value);
            }
        }
    }
}

/// Whether a node is a name with members that are written out.
fn is_name(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Read(_) => true,
        NodeKind::Chain { base, parts } => {
            is_name(base) && parts.iter().all(|part| matches!(part.kind, PartKind::Members(_)))
        }
        _ => false,
    }
}

fn is_constant(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Constant(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{FieldTable, Names, ProfileNames, ProfileSlots};
    use crate::value::Text;

    struct Slots;

    impl ProfileSlots for Slots {
        fn slot(&self, name: &str) -> Option<u32> {
            self.names().iter().position(|known| *known == name).map(|at| at as u32)
        }

        fn names(&self) -> Vec<&str> {
            vec!["email", "items", "open"]
        }
    }

    /// Names of all that can reach the value of a text with `${...}`.
    fn reach(source: &str) -> Vec<String> {
        let locals = [Text::new_static("a"), Text::new_static("b")];
        let mut fields = FieldTable::default();
        let mut names =
            Names { profile: ProfileNames::Slots(&Slots), fields: &mut fields, locals: &locals };
        let template = Template::scalar(source, &mut names)
            .unwrap_or_else(|error| panic!("{source}: {}", error.message));
        let sources = template.sources();
        let slots = sources.slots.iter().map(|at| Slots.names()[*at as usize].to_owned());
        let read =
            sources.fields.iter().map(|at| format!("EVENT.{}", fields.names()[*at as usize]));
        let locals = sources.locals.iter().map(|at| locals[*at as usize].to_string());
        let whole = sources.whole_event.then(|| "EVENT".to_owned());
        slots.chain(read).chain(locals).chain(whole).collect()
    }

    #[test]
    fn a_value_is_followed_on_every_way_that_the_language_has() {
        for carries in [
            "${PROFILE.email}",
            "Dear ${PROFILE.email}!",
            "${PROFILE[\"email\"]}",
            "${PROFILE.email?.user?.name}",
            "${PROFILE.email.length}",
            "${PROFILE.email[EVENT.x === 1 ? 0 : 1]}",
            "${`to ${PROFILE.email}`}",
            "${\"to \" + PROFILE.email + \"!\"}",
            "${-PROFILE.email}",
            "${PROFILE.email || \"none\"}",
            "${PROFILE.email && \"some\"}",
            "${PROFILE.email ?? \"none\"}",
            "${EVENT.x === 1 ? PROFILE.email : 0}",
            "${EVENT.x === 1 ? 0 : PROFILE.email}",
            "${[PROFILE.email]}",
            "${[...PROFILE.email]}",
            "${({mail: PROFILE.email})}",
            "${({[PROFILE.email]: 1})}",
            "${({...PROFILE.email})}",
            "${PROFILE.email.toLowerCase()}",
            "${PROFILE.email.split(\"@\")[1]}",
            "${PROFILE.email.slice(-1)[0].value}",
            "${PROFILE.email.filter(e => e.value === \"a\").length}",
            "${PROFILE.email.map(e => e.value)}",
            "${PROFILE.email.map(({value}) => value)}",
            "${PROFILE.email.reduce((all, e) => all + e.value, \"\")}",
            "${[1, 2].map(() => PROFILE.email)}",
            "${[1, 2].map((x = PROFILE.email) => x)}",
            "${[{}].map(({x = PROFILE.email}) => x)}",
            "${[{}].map(({[PROFILE.email]: x}) => x)}",
            "${[[]].map(([x = PROFILE.email]) => x)}",
            "${[1, 2].filter(x => x < PROFILE.email)}",
            "${[[1]].map(x => x.map(y => PROFILE.email))}",
            "${JSON.stringify(PROFILE.email)}",
            "${JSON.parse(PROFILE.email)}",
            "${Object.keys(PROFILE.email)}",
            "${Object.assign({}, PROFILE.email)}",
            "${String(PROFILE.email)}",
            "${Math.max(0, PROFILE.email)}",
            "${Math.max(...PROFILE.email)}",
            "${new Set(PROFILE.email)}",
            "${new Date(PROFILE.email)}",
            "${encodeURIComponent(PROFILE.email)}",
            "${escapeHtml(PROFILE.email)}",
            "${bucket(PROFILE.email)}",
            "${\"x\".repeat(PROFILE.email)}",
            "${\"abc\".indexOf(PROFILE.email)}",
            "${\"abc\".replace(/b/, PROFILE.email)}",
            "${\"a,b\".split(\",\").concat(PROFILE.email)}",
            "${PROFILE.email in {a: 1} ? 0 : [PROFILE.email]}",
            // A question with an answer that somebody else may choose the other side of.
            "${/a/.test(PROFILE.email)}",
            "${PROFILE.email.startsWith(\"a\")}",
            "${PROFILE.email.startsWith(\"a\") ? 1 : 2}",
            "${!PROFILE.email.startsWith(\"a\")}",
            "${(\"\" + PROFILE.email) === \"a\"}",
        ] {
            assert!(reach(carries).contains(&"email".to_owned()), "{carries}");
        }
        for carries in ["${PROFILE.email === EVENT.x}", "${PROFILE.email < EVENT.x ? 1 : 2}"] {
            assert_eq!(reach(carries), ["email", "EVENT.x"], "{carries}");
        }
    }

    #[test]
    fn a_question_does_not_carry_what_it_asks_about() {
        for question in [
            "${!PROFILE.email}",
            "${!!PROFILE.email}",
            "${!PROFILE.email?.user}",
            "${typeof PROFILE.email}",
            "${void PROFILE.email}",
            "${PROFILE.email === undefined}",
            "${undefined !== PROFILE.email}",
            "${PROFILE.email.length > 3}",
            "${PROFILE.email ? \"known\" : \"unknown\"}",
            "${PROFILE.email && PROFILE.items ? 1 : 2}",
            "${!(PROFILE.email || PROFILE.items)}",
            "${PROFILE.email >= 65 ? \"senior\" : PROFILE.email >= 18 ? \"adult\" : \"minor\"}",
            "${PROFILE.rid}",
            "${1 + 1}",
            "text",
        ] {
            assert!(reach(question).is_empty(), "{question}: {:?}", reach(question));
        }
    }

    #[test]
    fn fields_locals_and_the_whole_event_are_told_apart() {
        assert_eq!(reach("${EVENT.x.y + a}"), ["EVENT.x", "a"]);
        assert_eq!(reach("${b.map(x => x + EVENT.z)}"), ["EVENT.z", "b"]);
        for whole in
            ["${EVENT}", "${EVENT[a]}", "${JSON.stringify(EVENT)}", "${Object.keys(EVENT)}"]
        {
            assert!(reach(whole).contains(&"EVENT".to_owned()), "{whole}");
        }
        assert_eq!(reach("${[EVENT].map(({x}) => x)}"), ["EVENT"]);
    }

    #[test]
    fn locals_stand_for_what_they_come_from() {
        let of = |slot: u32| Sources { slots: [slot].into(), ..Sources::default() };
        let read = Sources { locals: [0, 2].into(), ..of(7) };
        let through = read.through(&[of(1), of(2), Sources { whole_event: true, ..of(3) }]);
        assert_eq!(through.slots, [1, 3, 7].into());
        assert!(through.whole_event && through.locals.is_empty());
    }
}
