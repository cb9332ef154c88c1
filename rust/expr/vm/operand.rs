//! Operand: values on their way to an operator, in registers.
//!
//! A value that moves through memory is written in parts and read whole, for which the processor
//! waits. So what most operands are - numbers, truths, what lies where it is read - goes in two
//! registers, and all else is left with the machine (`Machine::odd`) for whoever asked.
//! Invariant: values, errors and fuel are those of `eval`, which does what is traced.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::super::ast::BinaryOperator;
use super::super::builtins::{Fold, Function};
use super::super::error::Fault;
use super::super::limits::{CALL_FUEL, CALLBACK_FUEL, LIST_ITEMS_MAX};
use super::super::operators;
use super::super::program::{
    Arguments, Base, Callback, Item, Node, NodeKind, Read, Step, StepKind,
};
use super::{Lent, Machine, UNDEFINED, too_many};
use crate::value::{Value, ops};

static TRUE: Value = Value::Bool(true);
static FALSE: Value = Value::Bool(false);

/// What a node gave. Truths are lent: a byte beside the tag would send all of it through memory.
#[derive(Clone, Copy)]
pub(super) enum Operand<'m> {
    Number(f64),
    Lent(&'m Value),
    /// In `Machine::odd`, until another node is evaluated.
    Odd,
}

impl Operand<'_> {
    #[inline]
    fn truth(truth: bool) -> Self {
        Operand::Lent(if truth { &TRUE } else { &FALSE })
    }

    #[inline]
    pub(super) fn number(self) -> Option<f64> {
        match self {
            Operand::Number(number) | Operand::Lent(&Value::Number(number)) => Some(number),
            _ => None,
        }
    }
}

impl<'m> Machine<'m> {
    /// The operand as a value.
    #[inline]
    pub(super) fn lent(&mut self, operand: Operand<'m>) -> Lent<'m> {
        match operand {
            Operand::Number(number) => Cow::Owned(Value::Number(number)),
            Operand::Lent(value) => Cow::Borrowed(value),
            Operand::Odd => Cow::Owned(std::mem::take(&mut self.odd)),
        }
    }

    /// The operand as a value of its own.
    #[inline]
    pub(super) fn owned(&mut self, operand: Operand<'m>) -> Value {
        match operand {
            Operand::Number(number) => Value::Number(number),
            Operand::Lent(value) => value.clone(),
            Operand::Odd => std::mem::take(&mut self.odd),
        }
    }

    #[inline]
    fn hand(&mut self, value: Lent<'m>) -> Operand<'m> {
        match value {
            Cow::Borrowed(value) => Operand::Lent(value),
            Cow::Owned(Value::Number(number)) => Operand::Number(number),
            Cow::Owned(value) => {
                self.odd = value;
                Operand::Odd
            }
        }
    }

    /// The operand's truth.
    #[inline]
    pub(super) fn truth_of(&mut self, operand: Operand<'m>) -> bool {
        match operand {
            Operand::Number(number) => number != 0.0 && !number.is_nan(),
            Operand::Lent(value) => ops::truthy(value),
            Operand::Odd => ops::truthy(&std::mem::take(&mut self.odd)),
        }
    }

    fn is_nullish(&self, operand: Operand<'m>) -> bool {
        match operand {
            Operand::Number(_) => false,
            Operand::Lent(value) => value.is_nullish(),
            Operand::Odd => self.odd.is_nullish(),
        }
    }

    /// What a node gives.
    pub(super) fn operand(&mut self, node: &'m Node) -> Result<Operand<'m>, Fault> {
        let outcome = match &node.kind {
            NodeKind::Constant(value) => return Ok(Operand::Lent(value)),
            NodeKind::Read(read) => match self.charge(1) {
                Ok(()) => self.read_operand(read, node.span.start),
                Err(fault) => Err(fault),
            },
            _ => self.compute_operand(node),
        };
        match outcome {
            Ok(operand) => Ok(operand),
            Err(fault) => Err(fault.at(&node.span)),
        }
    }

    fn compute_operand(&mut self, node: &'m Node) -> Result<Operand<'m>, Fault> {
        match &node.kind {
            NodeKind::Compare(comparison) => {
                self.charge(1)?;
                self.comparison::<false>(comparison).map(Operand::truth)
            }
            NodeKind::Not(operand) => {
                self.charge(1)?;
                Ok(Operand::truth(!self.test::<false>(operand)?))
            }
            NodeKind::Binary { operator, operands } => {
                self.charge(1)?;
                self.pair(*operator, operands)
            }
            NodeKind::Operators { first, rest } => {
                self.charge(1)?;
                self.row(node, first, rest)
            }
            NodeKind::Conditional { arms, otherwise } => {
                self.charge(1)?;
                for (condition, value) in arms {
                    if self.test::<false>(condition)? {
                        return self.operand(value);
                    }
                }
                self.operand(otherwise)
            }
            NodeKind::Coalesce(operands) => {
                self.charge(1)?;
                let mut operand = Operand::Lent(&UNDEFINED);
                for node in operands {
                    operand = self.operand(node)?;
                    if !self.is_nullish(operand) {
                        break;
                    }
                }
                Ok(operand)
            }
            NodeKind::Call { function, arguments } if arguments.callback.is_none() => {
                match (&function.fold, function.number, &*arguments.items) {
                    (Some(fold), ..) => {
                        self.charge(1)?;
                        self.fold_call(function, fold, arguments)
                    }
                    (None, Some(number), [Item { spread: false, node }]) => {
                        self.charge(1)?;
                        let operand = self.operand(node)?;
                        self.charge(CALL_FUEL)?;
                        let given = match operand.number() {
                            Some(given) => given,
                            None => {
                                let value = self.lent(operand);
                                self.number_of(&value)?
                            }
                        };
                        Ok(Operand::Number(number(given)))
                    }
                    _ => self.general_operand(node),
                }
            }
            _ => self.general_operand(node),
        }
    }

    fn general_operand(&mut self, node: &'m Node) -> Result<Operand<'m>, Fault> {
        let value = self.compute::<false>(node)?;
        Ok(self.hand(value))
    }

    /// What a name and its members hold; the whole stands from `start` on.
    #[inline]
    pub(super) fn read_operand(
        &mut self,
        read: &'m Read,
        start: usize,
    ) -> Result<Operand<'m>, Fault> {
        let value: &'m Value = match read.base {
            Base::Profile(slot) => match self.kept.find(slot) {
                Some(value) => value,
                None => match self.scope.profile(slot) {
                    Cow::Borrowed(value) => value,
                    Cow::Owned(value) if ops::is_compound(&value) => self.kept.keep(slot, value),
                    Cow::Owned(value) => {
                        let value = self.follow_owned(value, &read.steps, start)?;
                        return Ok(self.hand(value));
                    }
                },
            },
            Base::Field(index) => self.scope.field(index),
            Base::Parameter(place) => match &self.parameters[place as usize] {
                Cow::Borrowed(value) => value,
                Cow::Owned(Value::Number(number)) if read.steps.is_empty() => {
                    return Ok(Operand::Number(*number));
                }
                Cow::Owned(_) => {
                    let value = self.read_parameter(place, &read.steps, start)?;
                    return Ok(self.hand(value));
                }
            },
            Base::Local(index) => self.scope.local(index),
            Base::Event => self.scope.event(),
            Base::ProfileObject => self.scope.profile_object(),
        };
        if let Some(value) = walk(value, &read.steps) {
            return Ok(Operand::Lent(value));
        }
        if let (Value::Array(items), [Step { kind: StepKind::Length, .. }]) = (value, &*read.steps)
        {
            return Ok(Operand::Number(items.len() as f64));
        }
        let value = self.follow(value, &read.steps, start)?;
        Ok(self.hand(value))
    }

    /// An operator of two operands; its own unit of fuel is paid already.
    pub(super) fn pair(
        &mut self,
        operator: BinaryOperator,
        operands: &'m [Node; 2],
    ) -> Result<Operand<'m>, Fault> {
        let left = self.operand(&operands[0])?;
        let (left, right) = match left.number() {
            Some(left) => {
                let right = self.operand(&operands[1])?;
                if let Some(right) = right.number()
                    && operator != BinaryOperator::In
                {
                    return Ok(match operators::related(operator, left, right) {
                        Some(truth) => Operand::truth(truth),
                        None => {
                            self.charge(operators::number_fuel(operator))?;
                            Operand::Number(operators::computed(operator, left, right))
                        }
                    });
                }
                (Cow::Owned(Value::Number(left)), self.lent(right))
            }
            None => {
                let left = self.lent(left);
                let right = self.operand(&operands[1])?;
                (left, self.lent(right))
            }
        };
        if operators::is_relation(operator) {
            return self.relation(operator, &left, &right).map(Operand::truth);
        }
        let value = self.arithmetic(operator, &left, &right)?;
        Ok(self.hand(Cow::Owned(value)))
    }

    /// Operators of one precedence, from the left, as long as all are numbers.
    fn row(
        &mut self,
        node: &'m Node,
        first: &'m Node,
        rest: &'m [(BinaryOperator, Node)],
    ) -> Result<Operand<'m>, Fault> {
        let first = self.operand(first)?;
        let Some(mut left) = first.number() else {
            let left = self.lent(first);
            let value = self.operators_from::<false>(node, left, rest, 0)?;
            return Ok(self.hand(value));
        };
        for (position, (operator, operand)) in rest.iter().enumerate() {
            let span = || node.span.start..operand.span.end;
            if position > 0 {
                self.charge(1).map_err(|fault| fault.at(&span()))?;
            }
            let right = self.operand(operand)?;
            match right.number() {
                Some(right) if !operators::is_relation(*operator) => {
                    self.charge(operators::number_fuel(*operator))
                        .map_err(|fault| fault.at(&span()))?;
                    left = operators::computed(*operator, left, right);
                }
                _ => {
                    let right = self.lent(right);
                    let value = self
                        .binary(*operator, &Value::Number(left), &right)
                        .map_err(|fault| fault.at(&span()))?;
                    let left = Cow::Owned(value);
                    let value = self.operators_from::<false>(node, left, rest, position + 1)?;
                    return Ok(self.hand(value));
                }
            }
        }
        Ok(Operand::Number(left))
    }

    /// `Math.max` and its like: numbers are folded where they are, all else goes to the built-in.
    fn fold_call(
        &mut self,
        function: &'static Function,
        fold: &'static Fold,
        arguments: &'m Arguments,
    ) -> Result<Operand<'m>, Fault> {
        let mut numbers: SmallVec<[f64; 8]> = SmallVec::new();
        for (position, item) in arguments.items.iter().enumerate() {
            let operand = self.operand(&item.node)?;
            if let (false, Some(number)) = (item.spread, operand.number()) {
                numbers.push(number);
                continue;
            }
            let before = numbers.len();
            if let (true, Operand::Lent(Value::Array(items))) = (item.spread, operand)
                && all_numbers(items, &mut numbers)
            {
                if numbers.len() > LIST_ITEMS_MAX {
                    return Err(too_many());
                }
                self.charge(items.len())?;
                continue;
            }
            numbers.truncate(before);
            let value = self.lent(operand);
            let mut given = self.vm.spare.pop().unwrap_or_default();
            given.extend(numbers.into_iter().map(Value::Number));
            self.give(item, value, &mut given)?;
            self.arguments_from::<false>(&arguments.items[position + 1..], &mut given)?;
            let value = self.call_function(function, given, None)?;
            return Ok(self.hand(Cow::Owned(value)));
        }
        self.charge(CALL_FUEL + numbers.len())?;
        Ok(Operand::Number(numbers.into_iter().fold(fold.start, fold.step)))
    }

    /// What a comparing function says of two values, as a number.
    pub(in super::super) fn order(
        &mut self,
        callback: &'m Callback,
        left: &Value,
        right: &Value,
    ) -> Result<f64, Fault> {
        if let Callback::Arrow(arrow) = callback
            && arrow.count == 2
            && !arrow.rest
            && arrow.bindings.is_empty()
            && self.recorder.is_none()
        {
            self.charge(CALLBACK_FUEL)?;
            self.room(arrow.places_end);
            self.parameters[arrow.first] = Cow::Owned(left.element().clone());
            self.parameters[arrow.first + 1] = Cow::Owned(right.element().clone());
            let operand = self.operand(&arrow.body)?;
            if let Some(order) = operand.number() {
                return Ok(order);
            }
            let value = self.lent(operand);
            return self.number_of(&value);
        }
        let value = self.call(callback, &[left, right])?;
        self.number_of(&value)
    }

    /// Takes fuel when there is enough of it, and says whether there was.
    #[inline]
    pub(in super::super) fn afford(&mut self, units: u64) -> bool {
        let affords = self.recorder.is_none() && self.left >= units;
        self.left -= if affords { units } else { 0 };
        affords
    }
}

/// The member, where each step is an entry of a map or an element of a list; that costs nothing.
#[inline]
pub(super) fn walk<'v>(mut value: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    for step in steps {
        value = match (value, step.kind) {
            (Value::Object(object), _) => object.get(&step.name)?,
            (Value::Array(items), StepKind::Index(index)) => {
                items.get(index as usize).map_or(&UNDEFINED, Value::element)
            }
            _ => return None,
        };
    }
    Some(value)
}

/// Adds the items while they are numbers; whether all were.
fn all_numbers(items: &[Value], numbers: &mut SmallVec<[f64; 8]>) -> bool {
    numbers.reserve(items.len());
    items.iter().all(|item| match item {
        Value::Number(number) => {
            numbers.push(*number);
            true
        }
        _ => false,
    })
}
