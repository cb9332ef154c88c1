//! Calls: methods on what they are called on, built-in functions, and the functions given to them.

use super::super::ast::{
    Arrow, BinaryOperator, Element, Expr, ExprKind, PatternName, Target, TargetKind,
};
use super::super::builtins;
use super::super::error::Span;
use super::results::{self, Gives};
use super::types::{Kinds, Measure, Type};
use super::{Advisor, Side, bare, is_nan_name, reads};

/// A call of a method, and where its parts stand.
pub(super) struct Method<'e> {
    pub name: &'e str,
    /// The method's name with its dot.
    pub place: Span,
    /// What it is called on.
    pub subject: Span,
    /// `subject.name?.(...)`: only called where there is such a method.
    pub optional: bool,
}

/// What a call is given.
struct Given {
    arguments: Vec<Type>,
    /// What the function among them gives.
    function: Option<Type>,
}

/// Methods that ask the function given to them whether an element is one.
fn asks(name: &str) -> bool {
    matches!(
        name,
        "every" | "filter" | "find" | "findIndex" | "findLast" | "findLastIndex" | "some"
    )
}

impl Advisor<'_> {
    /// A call of a method on what is neither `undefined` nor `null`.
    pub(super) fn method(&mut self, is: &Type, method: &Method<'_>, arguments: &[Element]) -> Type {
        let Some(known) = builtins::method(method.name) else {
            self.unread(arguments);
            return Type::unknown();
        };
        let mut receiver = Kinds::NONE;
        for (kind, _, builtin) in is.kinds.each() {
            if builtin.is_some_and(|builtin| known.is_of(builtin)) {
                receiver = receiver.or(kind);
            }
        }
        if receiver == Kinds::NONE {
            let own = is.kinds.meets(Kinds::OBJECT)
                && is.field_names().is_some_and(|mut names| names.any(|name| name == method.name));
            if !method.optional && !own && is.kinds != Kinds::NONE {
                self.no_such_method(is, method);
            }
            self.unread(arguments);
            return Type::unknown();
        }
        let receiver = is.clone().without(Kinds::ALL.without(receiver));
        let given = self.given(method.name, &receiver, known.callback, arguments);
        self.check_method(&receiver, method, arguments, &given);
        let mut result: Option<Type> = None;
        for (_, _, kind) in receiver.kinds.each() {
            let gives = kind.and_then(|kind| results::of_method(kind, method.name));
            let of_kind = self.given_by(gives.unwrap_or(Gives::Anything), &receiver, &given);
            result = Some(match result {
                Some(result) => result.or(of_kind),
                None => of_kind,
            });
        }
        result.unwrap_or_else(Type::unknown)
    }

    fn given_by(&self, gives: Gives, receiver: &Type, given: &Given) -> Type {
        match (gives, &given.function) {
            (Gives::Receiver, _) => receiver.clone(),
            (Gives::Item, _) => receiver.item().or_undefined(),
            (Gives::Mapped, Some(function)) => Type::list_of(function.clone()),
            (Gives::Folded, Some(function)) => {
                let start = given.arguments.get(1).cloned().unwrap_or_else(|| receiver.item());
                function.clone().or(start).without_constant()
            }
            (gives, _) => gives.plain(),
        }
    }

    /// Reads the arguments, and the function among them with what it will be called with.
    fn given(
        &mut self,
        name: &str,
        receiver: &Type,
        callback_at: Option<usize>,
        arguments: &[Element],
    ) -> Given {
        let mut given = Given { arguments: Vec::with_capacity(arguments.len()), function: None };
        for (position, argument) in arguments.iter().enumerate() {
            let value = &argument.value;
            if callback_at != Some(position) {
                given.arguments.push(self.expr(value));
                continue;
            }
            given.function = match &value.kind {
                ExprKind::Arrow(arrow) => {
                    let parameters = parameters_of(name, receiver);
                    let asked = asks(name) && receiver.kinds.only(Kinds::LIST);
                    Some(self.arrow(arrow, &parameters, asked))
                }
                _ => function_of(value),
            };
            given.arguments.push(match given.function {
                Some(_) => Type::of_kinds(Kinds::FUNCTION),
                None => self.expr(value),
            });
        }
        given
    }

    /// What the body of a function gives.
    fn arrow(&mut self, arrow: &Arrow, given: &[Type], asked: bool) -> Type {
        let outside = self.parameters.len();
        for (position, parameter) in arrow.parameters.iter().enumerate() {
            let is = match given.get(position) {
                Some(is) if !parameter.rest => is.clone(),
                _ if parameter.rest => Type::of_kinds(Kinds::LIST),
                _ => Type::unknown(),
            };
            self.bind(&parameter.target, is);
        }
        let body = match asked {
            true => self.predicate(&arrow.body),
            false => self.expr(&arrow.body),
        };
        self.parameters.truncate(outside);
        body.without_constant()
    }

    /// Gives a value to a name, or its parts to the names of a pattern.
    fn bind(&mut self, target: &Target, mut is: Type) {
        if let Some(default) = &target.default {
            is = is.without(Kinds::UNDEFINED).or(self.expr(default).without_constant());
        }
        match &target.kind {
            TargetKind::Name(name) => self.parameters.push((name.clone(), is)),
            TargetKind::Object { properties, rest } => {
                let is = is.without(Kinds::NULLISH);
                for (name, part) in properties {
                    let of_part = match name {
                        // A default says that the property may well be missing.
                        PatternName::Written(_) if part.default.is_some() => Type::unknown(),
                        PatternName::Written(name) => {
                            self.property(&is, &target.span, &part.span, name)
                        }
                        PatternName::Computed(name) => {
                            self.expr(name);
                            Type::unknown()
                        }
                    };
                    self.bind(part, of_part);
                }
                let rest = rest.iter().map(|name| (name.clone(), Type::of_kinds(Kinds::OBJECT)));
                self.parameters.extend(rest);
            }
            TargetKind::Array { elements, rest } => {
                let item = match is.kinds.only(Kinds::LIST) {
                    true => is.item().or_undefined(),
                    false => Type::unknown(),
                };
                for part in elements.iter().flatten() {
                    self.bind(part, item.clone());
                }
                if let Some(rest) = rest {
                    self.bind(rest, Type::list_of(item));
                }
            }
        }
    }

    fn no_such_method(&mut self, is: &Type, method: &Method<'_>) {
        let (name, words) = (method.name, is.kinds.words());
        let named = self.named(&method.subject);
        let message = format!("{named} is {words}, which has no method `{name}`: this throws");
        let of_text = super::has_method(Kinds::TEXT, name);
        let of_list = super::has_method(Kinds::LIST, name);
        let help = self.help(&[&method.subject], |texts| match is.kinds {
            Kinds::LIST if of_text => {
                let item = match is.known_items().filter(|item| item.kinds.only(Kinds::OBJECT)) {
                    Some(item) => format!("item.{}", item.main_field()),
                    None => "item".to_owned(),
                };
                format!("for its elements write {}.map(item => {item}.{name}(...))", texts[0])
            }
            Kinds::TEXT if of_list => format!("make a list of it: {}.split(\",\")", texts[0]),
            kinds if of_text && kinds.only(Kinds::NUMBER.or(Kinds::BOOLEAN)) => {
                format!("write String({}).{name}(...)", texts[0])
            }
            Kinds::OBJECT if of_list => format!("write Object.values({}).{name}(...)", texts[0]),
            kinds => format!("`{name}` is a method of {}", receivers(name, kinds)),
        });
        self.warn("W0212", &method.place, message, help);
    }

    fn check_method(
        &mut self,
        receiver: &Type,
        method: &Method<'_>,
        arguments: &[Element],
        given: &Given,
    ) {
        if !receiver.kinds.only(Kinds::LIST) {
            return;
        }
        match method.name {
            "sort" | "toSorted" => self.check_sort(receiver, method, arguments, given),
            "map" | "flatMap" => self.check_parse_int(arguments),
            "includes" | "indexOf" | "lastIndexOf" => {
                self.check_search(receiver, method, arguments, given);
            }
            "join" => self.check_join(receiver, method),
            _ => {}
        }
    }

    fn check_sort(
        &mut self,
        receiver: &Type,
        method: &Method<'_>,
        arguments: &[Element],
        given: &Given,
    ) {
        let name = method.name;
        let of_numbers = receiver.known_items().is_some_and(|item| item.kinds.only(Kinds::NUMBER));
        if arguments.is_empty() && of_numbers {
            let message = format!("`{name}` without a function sorts numbers as text: 10 before 9");
            let help = format!("write {name}((a, b) => a - b)");
            return self.warn("W0218", &method.place, message, Some(help));
        }
        let gives_boolean =
            given.function.as_ref().is_some_and(|function| function.kinds.only(Kinds::BOOLEAN));
        if let (true, Some(Element { value, .. })) = (gives_boolean, arguments.first()) {
            let message = "a function for sorting gives a number below, at or above 0, and this \
                           one gives true or false";
            let help = self.difference(value);
            self.warn("W0219", &value.span, message, help);
        }
    }

    /// `a.time - b.time` for a function that gives `a.time > b.time`.
    fn difference(&self, function: &Expr) -> Option<String> {
        use BinaryOperator as B;
        let ExprKind::Arrow(arrow) = &function.kind else { return None };
        let ExprKind::Binary { first, rest } = &bare(&arrow.body).kind else { return None };
        let [(operator, second)] = rest.as_slice() else { return None };
        let (low, high) = match operator {
            B::Greater | B::GreaterOrEqual => (&first.span, &second.span),
            B::Less | B::LessOrEqual => (&second.span, &first.span),
            _ => return None,
        };
        self.help(&[low, high], |texts| format!("for numbers write {} - {}", texts[0], texts[1]))
    }

    fn check_parse_int(&mut self, arguments: &[Element]) {
        let Some(Element { spread: false, value }) = arguments.first() else { return };
        if !matches!(reads::key(value).as_deref(), Some("parseInt" | "Number.\"parseInt\"")) {
            return;
        }
        let message = "`parseInt` is given the element and its position, which it takes for the \
                       base of the number";
        let help = "write map(Number) or map(text => parseInt(text, 10))".to_owned();
        self.warn("W0220", &value.span, message, Some(help));
    }

    /// What can never be an element of the list is never found in it.
    fn check_search(
        &mut self,
        receiver: &Type,
        method: &Method<'_>,
        arguments: &[Element],
        given: &Given,
    ) {
        let (Some(Element { spread: false, value }), Some(wanted)) =
            (arguments.first(), given.arguments.first())
        else {
            return;
        };
        let name = method.name;
        if super::comparisons::is_fresh(value) {
            let message = format!(
                "`{name}` never finds {}, which is made here: lists and objects equal themselves \
                 only",
                self.named(&value.span)
            );
            let help = "compare what is in them: list.some(item => item.name === value)".to_owned();
            return self.warn("W0206", &value.span, message, Some(help));
        }
        if name != "includes" && is_nan_name(value) {
            let message = format!("`{name}` never finds NaN: nothing equals it");
            let help = Some("write includes(NaN)".to_owned());
            return self.warn("W0204", &value.span, message, help);
        }
        let Some(items) = receiver.known_items() else { return };
        let known = items.kinds != Kinds::NONE && wanted.kinds != Kinds::NONE;
        if known && !items.kinds.meets(wanted.kinds) {
            let message = format!(
                "the elements of {} are never {}: `{name}` finds nothing",
                self.named(&method.subject),
                wanted.kinds.words()
            );
            let field = items.main_field();
            let help = self.help(&[&method.subject, &value.span], |texts| {
                match items.kinds.only(Kinds::OBJECT) {
                    true => {
                        format!("write {}.some(item => item.{field} === {})", texts[0], texts[1])
                    }
                    false => "compare values of one kind".to_owned(),
                }
            });
            self.warn("W0201", &value.span, message, help);
        }
    }

    fn check_join(&mut self, receiver: &Type, method: &Method<'_>) {
        let objects = |item: &Type| item.kinds.only(Kinds::OBJECT);
        let Some(items) = receiver.known_items().filter(|item| objects(item)) else { return };
        let field = items.main_field();
        let message = format!(
            "the elements of {} are objects, of which `join` makes the text [object Object]",
            self.named(&method.subject)
        );
        let help = self.help(&[&method.subject], |texts| {
            format!("write {}.map(item => item.{field}).join(...)", texts[0])
        });
        self.warn("W0216", &method.place, message, help);
    }

    /// `name(...)`, `namespace.name(...)`.
    pub(super) fn function(
        &mut self,
        namespace: &str,
        name: &str,
        call: &Span,
        arguments: &[Element],
    ) -> Type {
        let member = (!namespace.is_empty()).then_some(name);
        let path = if namespace.is_empty() { name } else { namespace };
        let callback_at = builtins::function(path, member).and_then(|function| function.callback);
        let receiver = Type::unknown();
        if let ("Boolean", [Element { spread: false, value }]) = (name, arguments) {
            self.condition_of(value, false);
            return Type::boolean();
        }
        let given = self.given(name, &receiver, callback_at, arguments);
        self.check_function(namespace, name, call, arguments, &given);
        match results::of_function(namespace, name).unwrap_or(Gives::Anything) {
            Gives::Rounded => {
                Type::measured(given.arguments.first().map_or(Measure::Plain, |of| of.measure))
            }
            Gives::List if name == "from" => match (&given.function, given.arguments.first()) {
                (Some(function), _) => Type::list_of(function.clone()),
                (None, Some(of)) if of.kinds.only(Kinds::ELEMENTS) => {
                    Type::list_of(of.item().or_undefined())
                }
                _ => Type::of_kinds(Kinds::LIST),
            },
            gives => gives.plain(),
        }
    }

    fn check_function(
        &mut self,
        namespace: &str,
        name: &str,
        call: &Span,
        arguments: &[Element],
        given: &Given,
    ) {
        for (argument, is) in arguments.iter().zip(&given.arguments) {
            let is = if argument.spread { is.item() } else { is.clone() };
            let span = argument.value.span.clone();
            let side = Side { is, span, expr: Some(&argument.value) };
            match (namespace, name) {
                ("Math", "max" | "min" | "hypot")
                    if !argument.spread && side.is.kinds.only(Kinds::LIST.or(Kinds::SET)) =>
                {
                    let message = format!("`{name}` takes numbers one by one, and this is a list");
                    let help = self
                        .help(&[&side.span], |texts| format!("write Math.{name}(...{})", texts[0]));
                    self.warn("W0215", &side.span, message, help);
                }
                ("Math", _) | ("", "Number") if side.is.kinds.only(Kinds::COMPOUND) => {
                    self.counts(&side, call);
                }
                ("", "String") => self.joins_text(&argument.value, &side.is),
                _ => {}
            }
        }
    }

    /// `new class(...)`.
    pub(super) fn construction(&mut self, expr: &Expr, class: &str, arguments: &[Element]) -> Type {
        let given = self.given(class, &Type::unknown(), None, arguments);
        if let ("Date", [of], [Element { value, .. }]) =
            (class, given.arguments.as_slice(), arguments)
            && of.measure == Measure::Seconds
        {
            let message = format!(
                "{} is epoch seconds, and `new Date` takes milliseconds",
                self.named(&value.span)
            );
            let help =
                self.help(&[&value.span], |texts| format!("write new Date({} * 1000)", texts[0]));
            self.warn("W0203", &expr.span, message, help);
        }
        match (class, given.arguments.first()) {
            ("Set", Some(of)) if of.kinds.only(Kinds::ELEMENTS) => {
                Type::elements_of(Kinds::SET, of.item())
            }
            _ => results::of_function("new", class).unwrap_or(Gives::Anything).plain(),
        }
    }
}

/// The kinds that have a method of that name.
fn receivers(name: &str, besides: Kinds) -> String {
    let mut having = Kinds::NONE;
    for (kind, _, _) in Kinds::ALL.without(besides).without(Kinds::MATCH).each() {
        if super::has_method(kind, name) {
            having = having.or(kind);
        }
    }
    having.words()
}

/// What the function given to a method is called with.
fn parameters_of(name: &str, receiver: &Type) -> Vec<Type> {
    let item = match receiver.kinds.only(Kinds::ELEMENTS) {
        true => receiver.item(),
        false => Type::unknown(),
    };
    let own = receiver.clone();
    match name {
        "reduce" | "reduceRight" => vec![Type::unknown(), item, Type::count(), own],
        "sort" | "toSorted" => vec![item.clone(), item],
        "replace" | "replaceAll" => vec![Type::text()],
        "from" => vec![item, Type::count()],
        "forEach" if receiver.kinds.meets(Kinds::SET) => vec![item.clone(), item, own],
        _ => vec![item, Type::count(), own],
    }
}

/// What a built-in function gives that is passed by its name.
fn function_of(value: &Expr) -> Option<Type> {
    let (namespace, name) = match &bare(value).kind {
        ExprKind::Name(name) => ("", name.as_str()),
        ExprKind::Chain { base, parts } => match (&base.kind, parts.as_slice()) {
            (ExprKind::Name(namespace), [part]) => (namespace.as_str(), reads::member_name(part)?),
            _ => return None,
        },
        _ => return None,
    };
    results::of_function(namespace, name).map(Gives::plain)
}
