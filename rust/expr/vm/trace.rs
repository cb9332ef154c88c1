//! Trace: what each subexpression gave in one evaluation, and the one that decided.
//!
//! Invariant: a traced evaluation gives the value or error, and costs the fuel, of a plain one.

use std::borrow::Cow;

use super::super::Scope;
use super::super::error::{EvalError, Fault, Span};
use super::super::limits::{Fuel, TRACE_ENTRIES_MAX, TRACE_SPAN_ENTRIES_MAX};
use super::super::program::{Node, NodeKind, Program};
use super::kept::Kept;
use super::{Lent, Machine, Vm};
use crate::value::Value;

/// What one subexpression gave, once.
#[derive(Clone, Debug)]
pub struct TraceEntry {
    /// The subexpression, in the program's source.
    pub span: Span,
    /// Its value, or what it threw.
    pub outcome: Result<Value, EvalError>,
}

/// One evaluation, subexpression by subexpression.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The whole expression's value, or what it threw.
    pub outcome: Result<Value, EvalError>,
    /// In the order in which they had their values; literals and what was skipped are not there.
    pub entries: Vec<TraceEntry>,
    /// Whether entries were left out: a function's body is shown for its first calls only.
    pub cut: bool,
    /// The smallest subexpression that settled the result.
    pub decided: Span,
}

/// What is written down while a traced evaluation goes on.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    entries: Vec<TraceEntry>,
    /// How often each span was written down, by its start and end.
    counts: std::collections::BTreeMap<(usize, usize), usize>,
    cut: bool,
    /// What settled the node that was evaluated last.
    decided: Span,
    /// Whether an operand settles the node around it.
    settled: bool,
}

impl Vm {
    /// Evaluates the program and tells what each of its subexpressions gave.
    pub fn trace<S: Scope>(&mut self, program: &Program, scope: &S, fuel: &mut Fuel) -> Trace {
        let kept = Kept::default();
        let whole = 0..program.source.len();
        let mut machine = Machine::new(self, program, scope, &kept, fuel);
        machine.recorder =
            Some(Box::new(Recorder { decided: whole.clone(), ..Recorder::default() }));
        let outcome = machine.whole::<true>().map_err(|fault| fault.into_error(whole.clone()));
        fuel.left -= machine.spent();
        let recorder = machine.recorder.take().unwrap_or_default();
        let decided = match (&outcome, &program.root.kind) {
            (Err(error), _) => error.span.clone(),
            (Ok(_), NodeKind::Constant(_)) => program.root.span.clone(),
            (Ok(_), _) => recorder.decided,
        };
        Trace { outcome, entries: recorder.entries, cut: recorder.cut, decided }
    }
}

impl<'m> Machine<'m> {
    /// Writes down what a node gave, and whether it or a part of it decided.
    pub(super) fn record(&mut self, node: &'m Node, outcome: &Result<Lent<'m>, Fault>) {
        if let Some(recorder) = &mut self.recorder {
            let follows = match &node.kind {
                // All operands held, or none did: no single one decided.
                NodeKind::And(_) | NodeKind::Or(_) | NodeKind::Coalesce(_) => recorder.settled,
                NodeKind::Not(_) | NodeKind::Conditional { .. } => true,
                _ => false,
            };
            recorder.settled = false;
            if !follows {
                recorder.decided = node.span.clone();
            }
        }
        self.record_at(&node.span, outcome);
    }

    /// The operand that was evaluated last settles the node around it.
    pub(super) fn settle(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.settled = true;
        }
    }

    /// Writes down what a span gave.
    pub(super) fn record_at(&mut self, span: &Span, outcome: &Result<Cow<'_, Value>, Fault>) {
        let whole = 0..self.program.source.len();
        let Some(recorder) = &mut self.recorder else { return };
        let count = recorder.counts.entry((span.start, span.end)).or_insert(0);
        *count += 1;
        if *count > TRACE_SPAN_ENTRIES_MAX || recorder.entries.len() >= TRACE_ENTRIES_MAX {
            recorder.cut = true;
            return;
        }
        let outcome = match outcome {
            Ok(value) => Ok(value.element().clone()),
            Err(fault) => Err(fault.clone().at(span).into_error(whole)),
        };
        recorder.entries.push(TraceEntry { span: span.clone(), outcome });
    }
}
