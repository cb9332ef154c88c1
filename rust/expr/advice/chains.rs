//! Chains: a name, its members and indexes, followed through what is known of each.

use super::super::ast::{ChainPart, ChainPartKind, Element, Expr, ExprKind};
use super::super::builtins;
use super::super::error::Span;
use super::calls::Method;
use super::types::{Kinds, Measure, Type};
use super::{Advisor, ProfileTypes, constant_name, has_method, nearest};
use crate::value::{Value, array_index, ops};

/// Fields that help names, when there are no more.
const FIELDS_LISTED_MAX: usize = 10;

impl Advisor<'_> {
    /// What `base` with `parts` behind it reads.
    pub(super) fn chain(&mut self, base: &Expr, parts: &[ChainPart]) -> Type {
        let (mut is, mut at) = self.head(base, parts);
        let mut may_stop = false;
        while let Some(part) = parts.get(at) {
            let end = if at == 0 { base.span.end } else { parts[at - 1].span.end };
            let subject = base.span.start..end;
            if part.optional {
                may_stop |= is.kinds.meets(Kinds::NULLISH);
                if is.kinds.only(Kinds::NULLISH) {
                    return Type::undefined();
                }
            } else if is.kinds.only(Kinds::NULLISH) {
                let message = format!(
                    "{} is always {}: reading anything of it throws",
                    self.named(&subject),
                    is.kinds.words()
                );
                self.warn("W0221", &subject, message, None);
                is = Type::unknown();
            }
            is = is.without(Kinds::NULLISH);
            is = match &part.kind {
                ChainPartKind::Member(name) => match parts.get(at + 1) {
                    Some(ChainPart { kind: ChainPartKind::Call(arguments), optional, .. }) => {
                        at += 1;
                        may_stop |= *optional;
                        let place = part.span.clone();
                        let method = Method { name, place, subject, optional: *optional };
                        self.method(&is, &method, arguments)
                    }
                    _ => self.property(&is, &subject, &part.span, name),
                },
                ChainPartKind::Index(index) => self.index(&is, &subject, &part.span, index),
                ChainPartKind::Call(arguments) => {
                    self.unread(arguments);
                    Type::unknown()
                }
            };
            at += 1;
        }
        if may_stop { is.or_undefined() } else { is }
    }

    /// Reads arguments of which nothing is asked.
    pub(super) fn unread(&mut self, arguments: &[Element]) {
        for argument in arguments {
            self.expr(&argument.value);
        }
    }

    /// What the base is, and how many parts that took.
    fn head(&mut self, base: &Expr, parts: &[ChainPart]) -> (Type, usize) {
        let ExprKind::Name(name) = &base.kind else { return (self.expr(base), 0) };
        let parameter = self.parameters.iter().rev().find(|(known, _)| known == name);
        let local = self.types.locals.iter().rev().find(|(known, _)| known == name);
        if let Some((_, is)) = parameter.or(local) {
            return (is.clone(), 0);
        }
        if let Some(value) = constant_name(name) {
            return (Type::of_value(&value), 0);
        }
        // A method of `EVENT` itself is no field of it.
        let called = matches!(parts.get(1).map(|part| &part.kind), Some(ChainPartKind::Call(_)));
        let member = parts.first().and_then(super::reads::member_name);
        match (name.as_str(), member) {
            ("PROFILE", Some(member)) => match &self.types.profile {
                ProfileTypes::Declared(type_of) => (self.declared(*type_of, member), 1),
                ProfileTypes::Object => (Type::of_kinds(Kinds::OBJECT), 0),
            },
            // A profile's name before the event, and when an attribute last changed.
            ("BEFORE", Some(member)) => match &self.types.profile {
                ProfileTypes::Declared(type_of) => (self.declared(*type_of, member), 1),
                ProfileTypes::Object => (Type::unknown(), 0),
            },
            ("UPDATED", Some(_)) => (Type::milliseconds().or_undefined(), 1),
            ("EVENT", Some(member)) if !called => (self.event_field(member), 1),
            ("PROFILE" | "EVENT", _) => (Type::of_kinds(Kinds::OBJECT), 0),
            _ if builtins::is_global(name) => self.builtin(base, name, parts),
            _ => (Type::unknown(), 0),
        }
    }

    fn declared(&self, type_of: &dyn Fn(&str) -> Option<Type>, name: &str) -> Type {
        match type_of(name) {
            Some(is) => is,
            None if name == "rid" => Type::text().or_undefined(),
            None => Type::unknown(),
        }
    }

    fn event_field(&self, name: &str) -> Type {
        let mut is = match (name, &self.types.profile) {
            ("time", ProfileTypes::Declared(_)) => Type::number(),
            ("uuid", ProfileTypes::Declared(_)) => Type::text(),
            _ => Type::json(),
        };
        if name == "time" {
            is.measure = Measure::Seconds;
        }
        is
    }

    /// `Math.PI`, `Math.max(...)`, `Number(...)`.
    fn builtin(&mut self, base: &Expr, name: &str, parts: &[ChainPart]) -> (Type, usize) {
        let member = parts.first().and_then(super::reads::member_name);
        let call_at = usize::from(member.is_some());
        if let Some(ChainPart { kind: ChainPartKind::Call(arguments), span, .. }) =
            parts.get(call_at)
        {
            let (namespace, name) = member.map_or(("", name), |member| (name, member));
            let call = base.span.start..span.end;
            return (self.function(namespace, name, &call, arguments), call_at + 1);
        }
        match member.and_then(|member| builtins::constant(name, member)) {
            Some(number) => (Type::of_value(&Value::Number(number)), 1),
            None => (Type::of_kinds(Kinds::FUNCTION), call_at),
        }
    }

    fn index(&mut self, is: &Type, subject: &Span, part: &Span, index: &Expr) -> Type {
        let by = self.expr(index);
        if let Some(name) = by.constant.and_then(|value| ops::to_text(&value, usize::MAX).ok()) {
            return self.property(is, subject, part, &name);
        }
        match is.kinds {
            Kinds::LIST if by.kinds.only(Kinds::NUMBER) => is.item().or_undefined(),
            Kinds::TEXT if by.kinds.only(Kinds::NUMBER) => Type::text().or_undefined(),
            _ => Type::unknown(),
        }
    }

    /// A property of what is neither `undefined` nor `null`.
    pub(super) fn property(&mut self, is: &Type, subject: &Span, part: &Span, name: &str) -> Type {
        let at_index = array_index(name).is_some();
        let mut found: Option<Type> = None;
        let mut lacking = false;
        for (kind, _, _) in is.kinds.each() {
            let of_kind = match kind {
                Kinds::TEXT | Kinds::LIST if name == "length" => Some(Type::count()),
                Kinds::TEXT if at_index => Some(Type::text().or_undefined()),
                Kinds::LIST if at_index => Some(is.item().or_undefined()),
                Kinds::OBJECT => is.field(name),
                Kinds::SET if name == "size" => Some(Type::count()),
                Kinds::REGEXP | Kinds::MATCH | Kinds::FUNCTION => Some(Type::unknown()),
                _ => None,
            };
            match (of_kind, &mut found) {
                (None, _) => lacking = true,
                (Some(of_kind), None) => found = Some(of_kind),
                (Some(of_kind), Some(found)) => *found = found.clone().or(of_kind),
            }
        }
        match found {
            Some(found) if lacking => found.or_undefined(),
            Some(found) => found,
            None => {
                if lacking {
                    self.lacks(is, subject, part, name);
                }
                Type::unknown()
            }
        }
    }

    /// Says that a value has no such property.
    fn lacks(&mut self, is: &Type, subject: &Span, part: &Span, name: &str) {
        let (named, words) = (self.named(subject), is.kinds.words());
        if has_method(is.kinds, name) {
            let message = format!("`{name}` is a method of {words}, and is not called here");
            let help = self.help(&[subject], |texts| format!("write {}.{name}()", texts[0]));
            return self.warn("W0214", part, message, help);
        }
        let message = format!("{named} is {words}, which has no `{name}`: it is always undefined");
        let help = self.property_help(is, subject, name);
        self.warn("W0213", part, message, help);
    }

    fn property_help(&self, is: &Type, subject: &Span, name: &str) -> Option<String> {
        if is.kinds.only(Kinds::LIST.or(Kinds::TEXT)) {
            if name.starts_with('-') && name[1..].parse::<u32>().is_ok() {
                return self.help(&[subject], |texts| format!("write {}.at({name})", texts[0]));
            }
            let item_has = is.known_items().is_some_and(|item| {
                item.field_names().is_some_and(|mut names| names.any(|known| known == name))
            });
            if item_has {
                return self.help(&[subject], |texts| {
                    format!("its elements have it: write {}.at(-1)?.{name}", texts[0])
                });
            }
            if matches!(name, "size" | "count") {
                return Some("write .length".to_owned());
            }
        }
        if is.kinds.only(Kinds::SET) && matches!(name, "length" | "count") {
            return Some("write .size".to_owned());
        }
        let own: Vec<&str> = match is.field_names() {
            Some(names) => names.collect(),
            None => vec![],
        };
        let mut known = own.clone();
        known.extend(is.kinds.meets(Kinds::LIST.or(Kinds::TEXT)).then_some("length"));
        for method in builtins::method_names() {
            if has_method(is.kinds, method) {
                known.push(method);
            }
        }
        if let Some(near) = nearest(name, known.into_iter()) {
            return Some(format!("did you mean `{near}`?"));
        }
        let listed: Vec<String> = own.iter().map(|name| format!("`{name}`")).collect();
        match listed.as_slice() {
            [] => None,
            [one] => Some(format!("it has {one}")),
            [others @ .., last] if others.len() < FIELDS_LISTED_MAX => {
                Some(format!("it has {} and {last}", others.join(", ")))
            }
            _ => None,
        }
    }
}
