//! Calls: methods by name, built-in functions by path, and the functions given to them.

use std::sync::Arc;

use super::super::ast::{ChainPart, ChainPartKind, Element, Expr, ExprKind};
use super::super::builtins::{self, Function};
use super::super::error::{CompileError, Span};
use super::super::limits::EXPRESSION_CHARS_MAX;
use super::super::program::{
    Arguments, Callback, Item, MethodCall, Node, NodeKind, PartKind, Quick, Search, Visit,
};
use super::super::{refused, regexp};
use super::{Compiled, Compiler, Resolved, suggest};
use crate::value::{Instance, Value, ops};

impl Compiler<'_, '_> {
    /// A call of `name`; `optional` is for `name?.(…)`.
    pub(super) fn method_call(
        &mut self,
        name: &str,
        name_span: Span,
        arguments: &[Element],
        optional: bool,
    ) -> Compiled<PartKind> {
        let Some(method) = builtins::method(name) else {
            let error = refused::method(name, name_span.clone()).unwrap_or_else(|| {
                let message = format!("there is no method `{name}`");
                let error = CompileError::new("E0304", name_span, message);
                if let Some(help) = refused::foreign_method(name) {
                    return error.help(help);
                }
                suggest(error, name, builtins::method_names())
            });
            return Err(error);
        };
        let pattern = self.constant_pattern(name, arguments)?;
        let mut arguments = self.arguments(arguments, method.callback, name)?;
        if let (Some(pattern), Some(first)) = (pattern, arguments.items.first_mut()) {
            first.node.kind = NodeKind::Constant(pattern);
        }
        // Nobody sees which object a pattern is that such a method takes.
        if let ("match" | "matchAll" | "replace" | "replaceAll" | "search" | "split", Some(first)) =
            (name, arguments.items.first_mut())
            && let NodeKind::Pattern(regexp) = &first.node.kind
        {
            let regexp = Instance::RegExp(Arc::clone(regexp));
            first.node.kind = NodeKind::Constant(regexp.into());
        }
        let quick = quick(name, &arguments);
        Ok(PartKind::Method(Box::new(MethodCall { method, arguments, optional, quick })))
    }

    /// `new class(arguments)`: the class's constructor is the function `new class`.
    pub(super) fn construction(
        &mut self,
        expr: &Expr,
        class: &str,
        arguments: &[Element],
    ) -> Compiled<Node> {
        let Some(function) = builtins::function("new", Some(class)) else {
            unreachable!("the parser lets only classes through, and each has a constructor");
        };
        self.function_call(function, arguments, expr.span.clone())
    }

    /// What `match`, `matchAll` and `search` make of a constant that is no regular expression.
    fn constant_pattern(&self, name: &str, arguments: &[Element]) -> Compiled<Option<Value>> {
        let ("match" | "matchAll" | "search", Some(first)) = (name, arguments.first()) else {
            return Ok(None);
        };
        match self.fold(&first.value).filter(|_| !first.spread) {
            None | Some(Value::Undefined | Value::Instance(_)) => Ok(None),
            Some(other) => match ops::to_text(&other, EXPRESSION_CHARS_MAX) {
                Ok(text) => {
                    regexp::of_text(&text, name == "matchAll", first.value.span.clone()).map(Some)
                }
                Err(_) => Ok(None),
            },
        }
    }

    /// The arguments; a function leaves `undefined` in its place.
    pub(super) fn arguments(
        &mut self,
        elements: &[Element],
        callback_at: Option<usize>,
        name: &str,
    ) -> Compiled<Arguments> {
        let mut callback = None;
        let mut items = Vec::with_capacity(elements.len());
        let spread_at = elements.iter().position(|element| element.spread);
        for (position, element) in elements.iter().enumerate() {
            let value = &element.value;
            let takes = callback_at == Some(position) && spread_at.is_none_or(|at| at > position);
            let function = match &value.kind {
                ExprKind::Arrow(arrow) if takes => {
                    Some(Callback::Arrow(Box::new(self.arrow(arrow)?)))
                }
                ExprKind::Arrow(_)
                    if callback_at.is_some() && spread_at.is_some_and(|at| at < position) =>
                {
                    let message = "a function cannot stand behind `...` among the arguments";
                    return Err(CompileError::new("E0303", value.span.clone(), message)
                        .help("write the arguments out"));
                }
                ExprKind::Arrow(_) => {
                    let message = format!("`{name}` takes no function here");
                    return Err(CompileError::new("E0303", value.span.clone(), message));
                }
                _ if takes => self.function_reference(value).map(Callback::Function),
                _ => None,
            };
            let node = match function {
                Some(function) => {
                    callback = Some(function);
                    Node { kind: NodeKind::Constant(Value::Undefined), span: value.span.clone() }
                }
                None => self.expr(value)?,
            };
            items.push(Item { spread: element.spread, node });
        }
        Ok(Arguments { items: items.into(), callback })
    }

    /// `Number`, `Boolean`, `Math.abs`, … where a function is wanted.
    fn function_reference(&self, value: &Expr) -> Option<&'static Function> {
        let (name, member) = match &value.kind {
            ExprKind::Name(name) => (name, None),
            ExprKind::Chain { base, parts } => match (&base.kind, parts.as_slice()) {
                (ExprKind::Name(name), [ChainPart { kind: ChainPartKind::Member(member), .. }]) => {
                    (name, Some(member))
                }
                _ => return None,
            },
            _ => return None,
        };
        match self.resolve(name, &value.span) {
            Ok(Resolved::Builtin) => builtins::function(name, member.map(|m| m.as_str())),
            _ => None,
        }
    }

    /// `Math.PI`, `Math.max(…)`, `Number(…)`, `ago(…)`: gives how many parts it used.
    pub(super) fn builtin(
        &mut self,
        whole: &Expr,
        name: &str,
        span: &Span,
        parts: &[ChainPart],
    ) -> Compiled<(Node, usize)> {
        let (member, call_at) = match parts.first() {
            Some(ChainPart { kind: ChainPartKind::Member(member), .. }) => (Some(member), 1),
            _ => (None, 0),
        };
        let path_span = span.start..if call_at == 0 { span.end } else { parts[0].span.end };
        let path = match member {
            Some(member) => format!("{name}.{member}"),
            None => name.to_string(),
        };
        if let Some(ChainPart { kind: ChainPartKind::Call(arguments), span: call, .. }) =
            parts.get(call_at)
        {
            let Some(function) = builtins::function(name, member.map(|m| m.as_str())) else {
                return Err(self.no_function(name, member.map(|m| m.as_str()), &path, path_span));
            };
            if path == "Object.assign" {
                refuse_assign(arguments, &path_span)?;
            }
            if path == "ago" {
                self.check_duration(arguments)?;
            }
            let node = self.function_call(function, arguments, span.start..call.end)?;
            return Ok((node, call_at + 1));
        }
        if let Some(value) = member.and_then(|member| builtins::constant(name, member)) {
            let kind = NodeKind::Constant(Value::Number(value));
            return Ok((Node { kind, span: path_span }, 1));
        }
        if member.is_some() && builtins::function(name, member.map(|m| m.as_str())).is_none() {
            return Err(self.no_function(name, member.map(|m| m.as_str()), &path, path_span));
        }
        if let Some(value) = builtins::function_value(name, member.map(|m| m.as_str())) {
            let kind = NodeKind::Constant(value);
            return Ok((Node { kind, span: path_span }, call_at));
        }
        let message = format!("`{path}` is not a value");
        Err(CompileError::new("E0303", whole.span.start..path_span.end, message)
            .help(format!("read a member of it: {name}.something")))
    }

    /// A duration that is written out is checked before anything runs.
    fn check_duration(&self, arguments: &[Element]) -> Compiled<()> {
        let Some(Element { spread: false, value }) = arguments.first() else { return Ok(()) };
        match self.fold(value) {
            Some(Value::String(text)) if builtins::duration_ms(&text).is_some() => Ok(()),
            None => Ok(()),
            Some(_) => Err(CompileError::new(
                "E0303",
                value.span.clone(),
                "`ago` takes a duration: digits and one of s, m, h, d, w",
            )
            .help("write ago(\"7d\")")),
        }
    }

    fn no_function(
        &self,
        name: &str,
        member: Option<&str>,
        path: &str,
        span: Span,
    ) -> CompileError {
        match (name, member) {
            (class, None) if builtins::is_class(class) => return self.unknown_name(name, &span),
            ("String", Some("raw")) => {
                return CompileError::new("E0303", span, "tagged templates are not allowed");
            }
            (_, Some(member)) => {
                if let Some(error) = refused::method(member, span.clone()) {
                    return error;
                }
            }
            _ => {}
        }
        let error = CompileError::new("E0304", span, format!("there is no `{path}`"));
        match member {
            Some(member) => suggest(error, member, builtins::members(name)),
            None => error,
        }
    }

    fn function_call(
        &mut self,
        function: &'static Function,
        arguments: &[Element],
        span: Span,
    ) -> Compiled<Node> {
        let arguments = Box::new(self.arguments(arguments, function.callback, function.name())?);
        Ok(Node { kind: NodeKind::Call { function, arguments }, span })
    }
}

/// The machine's own answer to a call, where it has one.
fn quick(name: &str, arguments: &Arguments) -> Quick {
    if arguments.items.iter().any(|item| item.spread) {
        return Quick::None;
    }
    if arguments.callback.is_some() {
        return Quick::Visit(match name {
            "every" => Visit::Every,
            "filter" => Visit::Filter,
            "find" => Visit::Find,
            "findIndex" => Visit::FindIndex,
            "findLast" => Visit::FindLast,
            "findLastIndex" => Visit::FindLastIndex,
            "flatMap" => Visit::FlatMap,
            "forEach" => Visit::ForEach,
            "map" => Visit::Map,
            "reduce" => Visit::Reduce,
            "some" => Visit::Some,
            _ => return Quick::None,
        });
    }
    let constant = |position: usize| match arguments.items.get(position).map(|item| &item.node.kind)
    {
        Some(NodeKind::Constant(Value::Number(number))) if number.is_finite() => {
            Some(libm::trunc(*number))
        }
        _ => None,
    };
    match (name, arguments.items.len()) {
        ("endsWith", 1) => Quick::Search(Search::EndsWith),
        ("includes", 1) => Quick::Search(Search::Includes),
        ("indexOf", 1) => Quick::Search(Search::IndexOf),
        ("startsWith", 1) => Quick::Search(Search::StartsWith),
        ("at", 1) => constant(0).map_or(Quick::None, Quick::At),
        ("slice", 1) => {
            constant(0).map_or(Quick::None, |start| Quick::Slice { start, end: f64::INFINITY })
        }
        ("slice", 2) => match (constant(0), constant(1)) {
            (Some(start), Some(end)) => Quick::Slice { start, end },
            _ => Quick::None,
        },
        _ => Quick::None,
    }
}

/// `Object.assign` may only build on a literal.
fn refuse_assign(arguments: &[Element], span: &Span) -> Compiled<()> {
    match arguments.first() {
        Some(Element { spread: false, value: Expr { kind: ExprKind::Object(_), .. } }) => Ok(()),
        _ => Err(CompileError::new(
            "E0303",
            span.clone(),
            "`Object.assign` changes its first argument, which must be a literal here",
        )
        .help("write {...first, ...second}")),
    }
}
