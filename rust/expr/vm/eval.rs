//! Eval: the value of a node, and its truth where only that is asked for.
//!
//! Both cost the same fuel. `TRACED` writes down what each node gave; without it the machine code
//! holds nothing of that.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::ast::{BinaryOperator, UnaryOperator};
use super::super::error::{EvalErrorKind, Fault};
use super::super::limits::{LOOKUP_FUEL, PIECE_FUEL, STRING_BYTES_MAX};
use super::super::operators::{self, too_long};
use super::super::program::{Comparison, Node, NodeKind};
use super::convert::push_number;
use super::{Lent, Machine, UNDEFINED};
use crate::value::{Instance, Text, Value, ops};

impl<'m> Machine<'m> {
    /// The value of a node.
    pub(super) fn eval<const TRACED: bool>(&mut self, node: &'m Node) -> Result<Lent<'m>, Fault> {
        if !TRACED
            && let NodeKind::Read(_)
            | NodeKind::Compare(_)
            | NodeKind::Not(_)
            | NodeKind::Binary { .. }
            | NodeKind::Operators { .. }
            | NodeKind::Call { .. } = &node.kind
        {
            let operand = self.operand(node)?;
            return Ok(self.lent(operand));
        }
        let mut outcome = match &node.kind {
            NodeKind::Constant(value) => return Ok(Cow::Borrowed(value)),
            _ => self.compute::<TRACED>(node),
        };
        if TRACED {
            self.record(node, &outcome);
        }
        // In place: a value that is moved is waited for.
        if let Err(fault) = &mut outcome {
            fault.blame(&node.span);
        }
        outcome
    }

    /// What is neither constant nor plainly read.
    pub(super) fn compute<const TRACED: bool>(
        &mut self,
        node: &'m Node,
    ) -> Result<Lent<'m>, Fault> {
        self.charge(1)?;
        match &node.kind {
            NodeKind::Constant(value) => Ok(Cow::Borrowed(value)),
            NodeKind::Read(read) => self.read(read, node.span.start),
            NodeKind::Compare(comparison) => Ok(truth(self.comparison::<TRACED>(comparison)?)),
            NodeKind::Rid => {
                Ok(self.rid().map_or(Cow::Borrowed(&UNDEFINED), |rid| Cow::Owned(rid.into())))
            }
            NodeKind::Lookup(slot) => {
                self.charge(LOOKUP_FUEL)?;
                let value = self.scope.profile(*slot);
                self.looked_up(value)
            }
            NodeKind::Row { catalog, key } => {
                self.charge(LOOKUP_FUEL)?;
                let key = self.eval::<TRACED>(key)?;
                let row = self.scope.catalog(*catalog, &key);
                self.looked_up(Cow::Owned(row))
            }
            NodeKind::Chain { base, parts } => self.chain::<TRACED>(base, parts),
            NodeKind::Not(operand) => Ok(truth(!self.test::<TRACED>(operand)?)),
            NodeKind::Unary { operator, operand } => self.unary::<TRACED>(*operator, operand),
            NodeKind::Binary { operator, operands } => {
                let left = self.eval::<TRACED>(&operands[0])?;
                let right = self.eval::<TRACED>(&operands[1])?;
                self.binary(*operator, &left, &right).map(Cow::Owned)
            }
            NodeKind::Operators { first, rest } => {
                let left = self.eval::<TRACED>(first)?;
                self.operators_from::<TRACED>(node, left, rest, 0)
            }
            NodeKind::And(operands) => {
                self.settled::<TRACED>(operands, |value| !ops::truthy(value))
            }
            NodeKind::Or(operands) => self.settled::<TRACED>(operands, ops::truthy),
            NodeKind::Coalesce(operands) => {
                self.settled::<TRACED>(operands, |value| !value.is_nullish())
            }
            NodeKind::Conditional { arms, otherwise } => {
                for (condition, value) in arms {
                    if self.test::<TRACED>(condition)? {
                        return self.eval::<TRACED>(value);
                    }
                }
                self.eval::<TRACED>(otherwise)
            }
            NodeKind::Pattern(regexp) => {
                Ok(Cow::Owned(Instance::RegExp(Arc::clone(regexp)).into()))
            }
            NodeKind::Concatenate(pieces) => self.concatenate::<TRACED>(pieces),
            NodeKind::List(nodes) => self.list::<TRACED>(nodes),
            NodeKind::Spread(items) => self.spread::<TRACED>(items),
            NodeKind::Object { names, values } => self.written::<TRACED>(names, values),
            NodeKind::Entries(entries) => self.entries::<TRACED>(entries),
            NodeKind::Call { function, arguments } => {
                let given = self.arguments::<TRACED>(arguments)?;
                self.call_function(function, given, arguments.callback.as_ref()).map(Cow::Owned)
            }
        }
    }

    /// What a look-up gave, unless it could not be made.
    fn looked_up(&self, value: Lent<'m>) -> Result<Lent<'m>, Fault> {
        match self.scope.take_failure() {
            None => Ok(value),
            Some(sentence) => Err(Fault::new(EvalErrorKind::Unreadable, sentence)),
        }
    }

    /// The first operand whose value settles it, or the last.
    fn settled<const TRACED: bool>(
        &mut self,
        operands: &'m [Node],
        settles: fn(&Value) -> bool,
    ) -> Result<Lent<'m>, Fault> {
        let mut value = Cow::Borrowed(&UNDEFINED);
        for operand in operands {
            value = self.eval::<TRACED>(operand)?;
            if settles(&value) {
                if TRACED {
                    self.settle();
                }
                break;
            }
        }
        Ok(value)
    }

    /// The truth of a node.
    #[inline]
    pub(super) fn test<const TRACED: bool>(&mut self, node: &'m Node) -> Result<bool, Fault> {
        if TRACED {
            return Ok(ops::truthy(&*self.eval::<TRACED>(node)?));
        }
        match &node.kind {
            NodeKind::Compare(_) | NodeKind::And(_) | NodeKind::Or(_) | NodeKind::Not(_) => {
                match self.truth(node) {
                    Ok(truth) => Ok(truth),
                    Err(fault) => Err(fault.at(&node.span)),
                }
            }
            _ => {
                let operand = self.operand(node)?;
                Ok(self.truth_of(operand))
            }
        }
    }

    /// The truth of what yields true or false, or of operands of which the truth is enough.
    fn truth(&mut self, node: &'m Node) -> Result<bool, Fault> {
        self.charge(1)?;
        match &node.kind {
            NodeKind::Compare(comparison) => self.comparison::<false>(comparison),
            NodeKind::And(operands) => {
                for operand in operands {
                    if !self.test::<false>(operand)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            NodeKind::Or(operands) => {
                for operand in operands {
                    if self.test::<false>(operand)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            NodeKind::Not(operand) => Ok(!self.test::<false>(operand)?),
            _ => Ok(ops::truthy(&*self.compute::<false>(node)?)),
        }
    }

    /// A read against a constant; its own unit of fuel is paid already.
    #[inline]
    pub(super) fn comparison<const TRACED: bool>(
        &mut self,
        comparison: &'m Comparison,
    ) -> Result<bool, Fault> {
        self.charge(1)?;
        let span = &comparison.read_span;
        if !TRACED {
            let operand = match self.read_operand(&comparison.read, span.start) {
                Ok(operand) => operand,
                Err(fault) => return Err(fault.at(span)),
            };
            if let (Some(left), &Value::Number(right)) = (operand.number(), &comparison.constant)
                && let Some(truth) = operators::related(comparison.operator, left, right)
            {
                return Ok(truth);
            }
            let value = self.lent(operand);
            return self.relation(comparison.operator, &value, &comparison.constant);
        }
        let value = match self.read(&comparison.read, span.start) {
            Ok(value) => value,
            Err(fault) => {
                let outcome = Err(fault.at(span));
                if TRACED {
                    self.record_at(span, &outcome);
                }
                return outcome.map(|_| false);
            }
        };
        if TRACED {
            self.record_at(span, &Ok(Cow::Borrowed(&*value)));
        }
        self.relation(comparison.operator, &value, &comparison.constant)
    }

    fn unary<const TRACED: bool>(
        &mut self,
        operator: UnaryOperator,
        operand: &'m Node,
    ) -> Result<Lent<'m>, Fault> {
        let operand = self.eval::<TRACED>(operand)?;
        match operator {
            UnaryOperator::Not | UnaryOperator::TypeOf | UnaryOperator::Void => {
                operators::unary(operator, &operand).map(Cow::Owned)
            }
            _ => {
                let number = Value::Number(self.number_of(&operand)?);
                operators::unary(operator, &number).map(Cow::Owned)
            }
        }
    }

    /// Operators of one precedence, from the left, of which the first `done` are in `left` already.
    pub(super) fn operators_from<const TRACED: bool>(
        &mut self,
        node: &'m Node,
        mut left: Lent<'m>,
        rest: &'m [(BinaryOperator, Node)],
        done: usize,
    ) -> Result<Lent<'m>, Fault> {
        for (position, (operator, operand)) in rest.iter().enumerate().skip(done) {
            let span = node.span.start..operand.span.end;
            if position > 0 {
                self.charge(1).map_err(|fault| fault.at(&span))?;
            }
            let right = self.eval::<TRACED>(operand)?;
            let outcome = self.binary(*operator, &left, &right).map(Cow::Owned);
            if TRACED && position + 1 < rest.len() {
                self.record_at(&span, &outcome);
            }
            left = match outcome {
                Ok(value) => value,
                Err(fault) => return Err(fault.at(&span)),
            };
        }
        Ok(left)
    }

    /// Values as one text.
    fn concatenate<const TRACED: bool>(&mut self, pieces: &'m [Node]) -> Result<Lent<'m>, Fault> {
        let mut out = std::mem::take(&mut self.vm.text);
        out.clear();
        for piece in pieces {
            let value = self.eval::<TRACED>(piece)?;
            match &*value {
                Value::String(text) => out.push_str(text),
                Value::Number(number) => {
                    self.charge(PIECE_FUEL)?;
                    push_number(*number, &mut out);
                }
                other => out.push_str(&self.text_of(other)?),
            }
            if out.len() > STRING_BYTES_MAX {
                return Err(too_long());
            }
        }
        let text = Text::new(&out);
        self.vm.text = out;
        self.text(text).map(Cow::Owned)
    }
}

fn truth<'m>(truth: bool) -> Lent<'m> {
    Cow::Owned(Value::Bool(truth))
}
