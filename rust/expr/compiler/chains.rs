//! Chains: a name, its members, indexes and calls, as few instructions as can be.

use super::super::ast::{ChainPart, ChainPartKind, Expr, ExprKind};
use super::super::error::{CompileError, Span};
use super::super::program::{Base, NO_CHAIN, Op, Step};
use super::super::{ProfileNames, refused};
use super::{Compiled, Compiler, Resolved, suggest};
use crate::value::{Text, Value, ops};

/// What stands before the parts that are still to compile.
enum Head {
    /// Not read yet: members join the read.
    Base(Base),
    /// On the stack.
    Pushed,
}

impl Compiler<'_, '_> {
    /// Compiles `base` with `parts` behind it; `whole` is the chain's own expression.
    pub(super) fn chain(&mut self, whole: &Expr, base: &Expr, parts: &[ChainPart]) -> Compiled<()> {
        let (head, used) = self.head(whole, base, parts)?;
        let mut jumps = Vec::new();
        self.parts(head, base, parts, used, &mut jumps)?;
        jumps.into_iter().for_each(|jump| self.land(jump));
        Ok(())
    }

    /// Resolves the base; gives how many parts it swallowed.
    fn head(&mut self, whole: &Expr, base: &Expr, parts: &[ChainPart]) -> Compiled<(Head, usize)> {
        let ExprKind::Name(name) = &base.kind else {
            match self.folded_receiver(base) {
                Some(value) if !parts.is_empty() => self.emit_constant(value, &base.span),
                _ => self.expr(base)?,
            }
            return Ok((Head::Pushed, 0));
        };
        match self.resolve(name, &base.span)? {
            Resolved::Read(base) => Ok((Head::Base(base), 0)),
            Resolved::Constant(value) => {
                self.emit_constant(value, &base.span);
                Ok((Head::Pushed, 0))
            }
            Resolved::Profile => self.profile(base, parts),
            Resolved::Event => Ok(self.event(parts)),
            Resolved::Builtin => {
                let used = self.builtin(whole, name, &base.span, parts)?;
                Ok((Head::Pushed, used))
            }
        }
    }

    fn profile(&mut self, base: &Expr, parts: &[ChainPart]) -> Compiled<(Head, usize)> {
        let names = match &self.names.profile {
            ProfileNames::Absent(sentence) => {
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
            return Ok((Head::Base(Base::Profile(slot)), 1));
        }
        match name.as_str() {
            "rid" => {
                self.emit(Op::Rid, &span);
                Ok((Head::Pushed, 1))
            }
            "segments" => Err(refused::not_built("PROFILE.segments", span)),
            _ => {
                let message = format!("the configuration declares no `{name}` for PROFILE");
                let error = CompileError::new("E0304", span, message);
                Err(suggest(error, name, names.names().into_iter().chain(["rid"])))
            }
        }
    }

    fn event(&mut self, parts: &[ChainPart]) -> (Head, usize) {
        if let Some(ChainPart { kind: ChainPartKind::Member(name), .. }) = parts.first()
            && !matches!(parts.get(1), Some(ChainPart { kind: ChainPartKind::Call(_), .. }))
        {
            return (Head::Base(Base::Field(self.names.fields.intern(name))), 1);
        }
        self.names.fields.need_whole();
        (Head::Base(Base::Event), 0)
    }

    fn parts(
        &mut self,
        mut head: Head,
        base: &Expr,
        parts: &[ChainPart],
        used: usize,
        jumps: &mut Vec<usize>,
    ) -> Compiled<()> {
        let start = base.span.start;
        let end_before = |at: usize| if at == 0 { base.span.end } else { parts[at - 1].span.end };
        let mut at = used;
        loop {
            // Members up to the first part that is something else.
            let mut steps = Vec::new();
            let from = at;
            while let Some(name) = parts.get(at).and_then(|_| self.plain_member(parts, at)) {
                if parts[at].optional && (at > from || matches!(head, Head::Base(_))) {
                    break;
                }
                if parts[at].optional {
                    let span = start..end_before(at);
                    jumps.push(self.emit(Op::JumpIfNullish(0), &span));
                }
                steps.push(Step::new(name, end_before(at)));
                at += 1;
            }
            let span = start..end_before(at);
            self.read(head, steps, &span);
            head = Head::Pushed;
            let Some(part) = parts.get(at) else { return Ok(()) };
            if self.plain_member(parts, at).is_some() {
                continue;
            }
            if part.optional && !matches!(part.kind, ChainPartKind::Call(_)) {
                jumps.push(self.emit(Op::JumpIfNullish(0), &span));
            }
            match &part.kind {
                ChainPartKind::Index(index) => {
                    self.expr(index)?;
                    self.emit(Op::Index, &(start..part.span.end));
                    at += 1;
                }
                ChainPartKind::Member(name) => {
                    let Some(ChainPart { kind: ChainPartKind::Call(arguments), optional, span }) =
                        parts.get(at + 1)
                    else {
                        unreachable!("a member that is no plain read is a call's");
                    };
                    let name_span = part.span.clone();
                    let whole = start..span.end;
                    let optional = optional.then_some(&mut *jumps);
                    self.method_call(name, name_span, arguments, whole, optional)?;
                    at += 2;
                }
                ChainPartKind::Call(_) => {
                    let message = "only methods and built-in functions can be called";
                    return Err(CompileError::new("E0303", part.span.clone(), message)
                        .help("functions are not values here"));
                }
            }
        }
    }

    /// The name that the part reads, unless it is computed, or called.
    fn plain_member(&self, parts: &[ChainPart], at: usize) -> Option<Text> {
        match &parts[at].kind {
            ChainPartKind::Member(name) => {
                let called = matches!(
                    parts.get(at + 1),
                    Some(ChainPart { kind: ChainPartKind::Call(_), .. })
                );
                (!called).then(|| name.clone())
            }
            ChainPartKind::Index(index) => match self.fold(index)? {
                value @ (Value::Number(_) | Value::Bool(_) | Value::Null | Value::Undefined) => {
                    ops::to_text(&value, usize::MAX).ok()
                }
                _ => None,
            },
            ChainPartKind::Call(_) => None,
        }
    }

    fn read(&mut self, head: Head, steps: Vec<Step>, span: &Span) {
        let chain = if steps.is_empty() {
            NO_CHAIN
        } else {
            self.program.chains.push(steps);
            (self.program.chains.len() - 1) as u32
        };
        match head {
            Head::Base(base) => {
                self.emit(Op::Read { base, chain }, span);
            }
            Head::Pushed if chain != NO_CHAIN => {
                self.emit(Op::Members(chain), span);
            }
            Head::Pushed => {}
        }
    }
}
