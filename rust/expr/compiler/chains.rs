//! Chains: a name, its members, indexes and calls, as few nodes as can be.

use super::super::ast::{ChainPart, ChainPartKind, Element, Expr, ExprKind};
use super::super::error::{CompileError, Span};
use super::super::program::{
    Base, ComputedCall, Node, NodeKind, Part, PartKind, Quick, Read, Step, StepKind, Visit,
};
use super::super::{Found, ProfileNames, ProfileSlots, RequestNames, Space, builtins};
use super::{Compiled, Compiler, Resolved, suggest};
use crate::value::{Text, Value, ops};

/// What stands before the parts that are still to compile.
enum Head {
    /// A name: members join it.
    Base(Base),
    Made(Node),
}

impl Compiler<'_, '_> {
    /// Compiles `base` with `parts` behind it; `whole` is the chain's own expression.
    pub(super) fn chain(
        &mut self,
        whole: &Expr,
        base: &Expr,
        parts: &[ChainPart],
    ) -> Compiled<Node> {
        let (head, used) = self.head(whole, base, parts)?;
        let end_before = |at: usize| if at == 0 { base.span.end } else { parts[at - 1].span.end };
        let mut at = used;
        let base_node = match head {
            Head::Made(node) => node,
            Head::Base(place) => {
                let mut steps = Vec::new();
                while let Some(name) = self.plain_member(parts, at)
                    && !parts[at].optional
                {
                    steps.push(Step::new(name, end_before(at)));
                    at += 1;
                }
                let read = Read { base: place, steps: steps.into() };
                Node { kind: NodeKind::Read(read), span: base.span.start..end_before(at) }
            }
        };
        if at == parts.len() {
            return Ok(base_node);
        }
        let parts = self.parts(base, parts, at)?;
        let kind = NodeKind::Chain { base: Box::new(base_node), parts: parts.into() };
        Ok(Node { kind, span: whole.span.clone() })
    }

    /// Resolves the base; gives how many parts it swallowed.
    fn head(&mut self, whole: &Expr, base: &Expr, parts: &[ChainPart]) -> Compiled<(Head, usize)> {
        let constant =
            |value| Head::Made(Node { kind: NodeKind::Constant(value), span: base.span.clone() });
        let ExprKind::Name(name) = &base.kind else {
            return Ok(match self.folded_receiver(base) {
                Some(value) if !parts.is_empty() => (constant(value), 0),
                _ => (Head::Made(self.expr(base)?), 0),
            });
        };
        match self.resolve(name, &base.span)? {
            Resolved::Read(base) => Ok((Head::Base(base), 0)),
            Resolved::Constant(value) => Ok((constant(value), 0)),
            Resolved::Profile => self.profile(base, parts),
            Resolved::Space(space) => self.space(space, base, parts),
            Resolved::Catalog => self.catalog(base, parts),
            Resolved::Event => Ok(self.event(parts)),
            Resolved::Builtin => {
                let (node, used) = self.builtin(whole, name, &base.span, parts)?;
                Ok((Head::Made(node), used))
            }
        }
    }

    fn profile(&mut self, base: &Expr, parts: &[ChainPart]) -> Compiled<(Head, usize)> {
        let names = match &self.names.profile {
            ProfileNames::Absent(sentence) | ProfileNames::Request(sentence) => {
                return Err(CompileError::new("E0304", base.span.clone(), *sentence));
            }
            ProfileNames::Object => return Ok((Head::Base(Base::ProfileObject), 0)),
            ProfileNames::Slots(names) => *names,
        };
        let Some(ChainPart { kind: ChainPartKind::Member(name), span, .. }) = parts.first() else {
            let message = "`PROFILE` is read only as PROFILE.name or PROFILE[\"name\"]";
            return Err(CompileError::new("E0303", base.span.clone(), message)
                .help("write the attribute's name out"));
        };
        let span = base.span.start..span.end;
        if let Some(slot) = names.slot(name) {
            return Ok((slot_head(names, slot, span), 1));
        }
        match name.as_str() {
            "rid" => Ok((Head::Made(Node { kind: NodeKind::Rid, span }), 1)),
            _ => {
                let message = format!("the configuration declares no `{name}` for PROFILE");
                let error = CompileError::new("E0304", span, message);
                Err(suggest(error, name, names.names().into_iter().chain(["rid"])))
            }
        }
    }

    /// A name behind `SEGMENT`, `BEFORE`, `UPDATED` or `REQUEST`.
    fn space(&mut self, space: Space, base: &Expr, parts: &[ChainPart]) -> Compiled<(Head, usize)> {
        let word = space.word();
        let names = self.declared(word, base)?;
        let Some(ChainPart { kind: ChainPartKind::Member(name), span, .. }) = parts.first() else {
            let message = format!("`{word}` is read only as {word}.name");
            return Err(
                CompileError::new("E0303", base.span.clone(), message).help("write the name out")
            );
        };
        let span = base.span.start..span.end;
        match names.find(space, name) {
            Found::Slot(slot) => Ok((slot_head(names, slot, span), 1)),
            Found::Absent(sentence) => Err(CompileError::new("E0304", span, sentence)),
            Found::Unknown => {
                let message = format!("the configuration declares no `{name}` for {word}");
                let error = CompileError::new("E0304", span, message);
                Err(suggest(error, name, names.names_in(space).into_iter()))
            }
        }
    }

    /// `CATALOG.<name>.get(key)`.
    fn catalog(&mut self, base: &Expr, parts: &[ChainPart]) -> Compiled<(Head, usize)> {
        let names = self.declared("CATALOG", base)?;
        let [
            ChainPart { kind: ChainPartKind::Member(name), span: name_span, .. },
            ChainPart { kind: ChainPartKind::Member(get), .. },
            ChainPart { kind: ChainPartKind::Call(arguments), span, .. },
            ..,
        ] = parts
        else {
            let message = "a catalog is read only as CATALOG.name.get(key)";
            return Err(CompileError::new("E0303", base.span.clone(), message));
        };
        let Some(catalog) = names.catalog(name) else {
            let message = format!("the configuration declares no catalog `{name}`");
            let error = CompileError::new("E0304", base.span.start..name_span.end, message);
            return Err(suggest(error, name, names.catalogs().into_iter()));
        };
        match arguments.as_slice() {
            [Element { spread: false, value }] if get == "get" => {
                let key = Box::new(self.expr(value)?);
                let span = base.span.start..span.end;
                let kind = NodeKind::Row { catalog, key };
                Ok((Head::Made(Node { kind, span }), 3))
            }
            _ => {
                let message = "a catalog is read only as CATALOG.name.get(key), with one key";
                Err(CompileError::new("E0303", base.span.start..span.end, message))
            }
        }
    }

    /// The configuration's names, for what is read only where there are some.
    fn declared(&self, word: &str, base: &Expr) -> Compiled<&'_ dyn ProfileSlots> {
        let error = |sentence: String| CompileError::new("E0304", base.span.clone(), sentence);
        match &self.names.profile {
            ProfileNames::Slots(names) => Ok(*names),
            ProfileNames::Request(_) if word == Space::Request.word() => Ok(&RequestNames),
            ProfileNames::Absent(sentence) | ProfileNames::Request(sentence) => {
                Err(error((*sentence).to_owned()))
            }
            ProfileNames::Object => Err(error(format!("`{word}` is read only in a configuration"))),
        }
    }

    fn event(&mut self, parts: &[ChainPart]) -> (Head, usize) {
        if let Some(ChainPart { kind: ChainPartKind::Member(name), .. }) = parts.first()
            && !matches!(parts.get(1), Some(ChainPart { kind: ChainPartKind::Call(_), .. }))
            && !builtins::is_object_method(name)
        {
            return (Head::Base(Base::Field(self.names.fields.intern(name))), 1);
        }
        self.names.fields.need_whole();
        (Head::Base(Base::Event), 0)
    }

    fn parts(&mut self, base: &Expr, parts: &[ChainPart], from: usize) -> Compiled<Vec<Part>> {
        let start = base.span.start;
        let end_before = |at: usize| if at == 0 { base.span.end } else { parts[at - 1].span.end };
        let mut at = from;
        let mut compiled: Vec<Part> = Vec::new();
        while let Some(part) = parts.get(at) {
            let optional = part.optional;
            let kind = if self.plain_member(parts, at).is_some() {
                let mut steps = Vec::new();
                while let Some(name) = self.plain_member(parts, at)
                    && (steps.is_empty() || !parts[at].optional)
                {
                    steps.push(Step::new(name, end_before(at)));
                    at += 1;
                }
                PartKind::Members(steps.into())
            } else {
                let call = match parts.get(at + 1) {
                    Some(ChainPart { kind: ChainPartKind::Call(arguments), optional, span }) => {
                        Some((arguments.as_slice(), *optional, start..span.end))
                    }
                    _ => None,
                };
                at += 1 + usize::from(call.is_some());
                match (&part.kind, call) {
                    (ChainPartKind::Index(index), None) => {
                        PartKind::Index(Box::new(self.expr(index)?))
                    }
                    (ChainPartKind::Index(name), Some((arguments, optional, _))) => {
                        self.computed_call(name, arguments, optional)?
                    }
                    (ChainPartKind::Member(name), Some((arguments, optional, _))) => {
                        self.method_call(name, part.span.clone(), arguments, optional)?
                    }
                    _ => return Err(no_function(part.span.clone())),
                }
            };
            compiled.push(Part { kind, optional, span: start..end_before(at) });
            join_slice(&mut compiled);
        }
        Ok(compiled)
    }

    /// `object[name](…)`: a name that is a constant is as good as written out.
    fn computed_call(
        &mut self,
        name: &Expr,
        arguments: &[Element],
        optional: bool,
    ) -> Compiled<PartKind> {
        let written = self.fold(name).and_then(|name| ops::to_text(&name, usize::MAX).ok());
        if let Some(written) = written
            && builtins::method(&written).is_some()
        {
            return self.method_call(&written, name.span.clone(), arguments, optional);
        }
        let node = self.expr(name)?;
        let arguments = self.arguments(arguments, None, "a method with a computed name")?;
        Ok(PartKind::Computed(Box::new(ComputedCall { name: node, arguments, optional })))
    }

    /// The name that the part reads, unless it is computed, or called.
    fn plain_member(&self, parts: &[ChainPart], at: usize) -> Option<Text> {
        if matches!(parts.get(at + 1), Some(ChainPart { kind: ChainPartKind::Call(_), .. })) {
            return None;
        }
        match &parts.get(at)?.kind {
            ChainPartKind::Member(name) => Some(name.clone()),
            ChainPartKind::Index(index) => match self.fold(index)? {
                value @ (Value::Number(_) | Value::Bool(_) | Value::Null | Value::Undefined) => {
                    ops::to_text(&value, usize::MAX).ok()
                }
                _ => None,
            },
            ChainPartKind::Call(_) => None,
        }
    }
}

fn no_function(span: Span) -> CompileError {
    let message = "only methods and built-in functions can be called";
    CompileError::new("E0303", span, message).help("functions are not values here")
}

/// Makes one of a `slice` with the element that is read of it, and of a `filter` with its length.
fn join_slice(parts: &mut [Part]) {
    let [.., Part { kind: PartKind::Method(call), .. }, Part { kind, optional: false, .. }] = parts
    else {
        return;
    };
    let PartKind::Members(steps) = kind else { return };
    match (call.quick, steps.first().map(|step| step.kind)) {
        (Quick::Slice { start, end }, Some(StepKind::Index(index))) => {
            call.quick = Quick::SliceItem { start, end, index };
        }
        (Quick::Visit(Visit::Filter), Some(StepKind::Length)) if steps.len() == 1 => {
            call.quick = Quick::Count;
        }
        _ => {}
    }
}

/// Where a name of the configuration is read: at once, or by a look-up, which has its price.
fn slot_head(names: &dyn ProfileSlots, slot: u32, span: Span) -> Head {
    if names.is_looked_up(slot) {
        Head::Made(Node { kind: NodeKind::Lookup(slot), span })
    } else {
        Head::Base(Base::Profile(slot))
    }
}
