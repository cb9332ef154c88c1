//! Calls: methods by name, built-in functions by path, and the functions given to them.

use super::super::ast::{ChainPart, ChainPartKind, Element, Expr, ExprKind};
use super::super::builtins::{self, Function};
use super::super::error::{CompileError, Span};
use super::super::limits::EXPRESSION_CHARS_MAX;
use super::super::program::{Callback, NO_CALLBACK, Op};
use super::super::{refused, regexp};
use super::{Compiled, Compiler, Resolved, suggest};
use crate::value::{Value, ops};

impl Compiler<'_, '_> {
    /// A call of `name` on the receiver that is on the stack. `jumps` is there for `name?.(…)`.
    pub(super) fn method_call(
        &mut self,
        name: &str,
        name_span: Span,
        arguments: &[Element],
        span: Span,
        jumps: Option<&mut Vec<usize>>,
    ) -> Compiled<()> {
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
        if let Some(jumps) = jumps {
            jumps.push(self.emit(Op::JumpUnlessMethod { method, target: 0 }, &span));
        }
        if self.has_spread(arguments, method.callback.is_some())? {
            self.list(arguments)?;
            self.emit(Op::ListEnd, &span);
            self.emit(Op::CallMethodSpread { method }, &span);
            return Ok(());
        }
        let pattern = self.constant_pattern(name, arguments)?;
        let callback = match (pattern, arguments) {
            (Some(pattern), [first, rest @ ..]) => {
                self.emit_constant(pattern, &first.value.span);
                self.arguments(rest, None, name)?
            }
            _ => self.arguments(arguments, method.callback, name)?,
        };
        let arguments = arguments.len() as u32;
        self.emit(Op::CallMethod { method, arguments, callback }, &span);
        Ok(())
    }

    /// `new class(arguments)`: the class's constructor is the function `new class`.
    pub(super) fn construction(
        &mut self,
        expr: &Expr,
        class: &str,
        arguments: &[Element],
    ) -> Compiled<()> {
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
        match self.fold(&first.value) {
            None | Some(Value::Undefined | Value::Instance(_)) => Ok(None),
            Some(other) => match ops::to_text(&other, EXPRESSION_CHARS_MAX) {
                Ok(text) => {
                    regexp::of_text(&text, name == "matchAll", first.value.span.clone()).map(Some)
                }
                Err(_) => Ok(None),
            },
        }
    }

    fn has_spread(&self, arguments: &[Element], takes_function: bool) -> Compiled<bool> {
        let Some(spread) = arguments.iter().find(|argument| argument.spread) else {
            return Ok(false);
        };
        if takes_function {
            let message = "`...` cannot stand among the arguments of what takes a function";
            return Err(CompileError::new("E0303", spread.value.span.clone(), message)
                .help("write the arguments out"));
        }
        Ok(true)
    }

    /// Pushes the arguments; a function leaves `undefined` in its place and is returned.
    fn arguments(
        &mut self,
        arguments: &[Element],
        callback_at: Option<usize>,
        name: &str,
    ) -> Compiled<u32> {
        let mut callback = NO_CALLBACK;
        for (position, argument) in arguments.iter().enumerate() {
            let value = &argument.value;
            let function = match &value.kind {
                ExprKind::Arrow(arrow) if callback_at == Some(position) => Some(self.arrow(arrow)?),
                ExprKind::Arrow(_) => {
                    let message = format!("`{name}` takes no function here");
                    return Err(CompileError::new("E0303", value.span.clone(), message));
                }
                _ if callback_at == Some(position) => self.function_reference(value).map(|f| {
                    self.program.callbacks.push(Callback::Function(f));
                    (self.program.callbacks.len() - 1) as u32
                }),
                _ => None,
            };
            match function {
                Some(index) => {
                    callback = index;
                    self.emit_constant(Value::Undefined, &value.span);
                }
                None => self.expr(value)?,
            }
        }
        Ok(callback)
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
    ) -> Compiled<usize> {
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
            self.function_call(function, arguments, span.start..call.end)?;
            return Ok(call_at + 1);
        }
        if let Some(value) = member.and_then(|member| builtins::constant(name, member)) {
            self.emit_constant(Value::Number(value), &path_span);
            return Ok(1);
        }
        if member.is_some() && builtins::function(name, member.map(|m| m.as_str())).is_none() {
            return Err(self.no_function(name, member.map(|m| m.as_str()), &path, path_span));
        }
        let message =
            format!("`{path}` is not a value: functions are called, or passed to methods");
        let help = if call_at == 0 && builtins::function(name, None).is_none() {
            format!("read a member of it: {name}.something")
        } else {
            format!("write {path}(…)")
        };
        Err(CompileError::new("E0303", whole.span.start..path_span.end, message).help(help))
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
            ("Math", Some("random")) => return refused::later("`Math.random`", span),
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
    ) -> Compiled<()> {
        if self.has_spread(arguments, function.callback.is_some())? {
            self.list(arguments)?;
            self.emit(Op::ListEnd, &span);
            self.emit(Op::CallFunctionSpread { function }, &span);
            return Ok(());
        }
        let callback = self.arguments(arguments, function.callback, function.name())?;
        let arguments = arguments.len() as u32;
        self.emit(Op::CallFunction { function, arguments, callback }, &span);
        Ok(())
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
