//! Vm: runs programs on a stack, under fuel.
//!
//! Names and their members are read by reference and only the last value is shared onto the
//! stack, so that reading allocates nothing; the stack, the argument lists and the places of
//! parameters are kept between evaluations. Invariants: every instruction costs fuel; recursion
//! happens through callbacks only, and those are counted.

use super::Scope;
use super::error::{EvalError, Fault, Span};
use super::limits::{BYTES_PER_FUEL, EXPRESSION_FUEL_MAX, Fuel, LIST_ITEMS_MAX, VALUE_DEPTH_MAX};
use super::program::{NO_CALLBACK, Op, Program};
use crate::value::date::Zone;
use crate::value::{Instance, Object, Text, Value, number, ops};

mod build;
mod calls;
mod convert;
mod read;

static UNDEFINED: Value = Value::Undefined;

/// The machine that runs programs: one a thread, reused, so that evaluation allocates nothing.
#[derive(Debug, Default)]
pub struct Vm {
    stack: Vec<Value>,
    parameters: Vec<Value>,
    /// Lists with spreads, while they are built.
    lists: Vec<Vec<Value>>,
    /// Maps with spreads, while they are built.
    entries: Vec<Vec<(Text, Value)>>,
    /// Emptied argument lists, for the next call.
    spare: Vec<Vec<Value>>,
}

impl Vm {
    /// The program's value.
    ///
    /// # Errors
    /// What JavaScript would throw, or fuel or a limit that ran out.
    pub fn evaluate<S: Scope>(
        &mut self,
        program: &Program,
        scope: &S,
        fuel: &mut Fuel,
    ) -> Result<Value, EvalError> {
        let budget = fuel.left.min(EXPRESSION_FUEL_MAX);
        if self.parameters.len() < program.parameters {
            self.parameters.resize(program.parameters, Value::Undefined);
        }
        let mut machine =
            Machine { vm: self, program, scope, left: budget, depth: 0, containers: 0 };
        let mut outcome = machine.run(0);
        if machine.containers > 0
            && let Ok(value) = &outcome
        {
            let checked = machine.check_depth(value, VALUE_DEPTH_MAX);
            if let Err(fault) = checked {
                outcome = Err(fault);
            }
        }
        fuel.left -= budget - machine.left;
        let used_parameters = program.parameters;
        outcome.inspect(|_| self.forget(used_parameters)).map_err(|fault| {
            self.stack.clear();
            self.lists.clear();
            self.entries.clear();
            self.forget(used_parameters);
            fault.into_error(0..program.source.len())
        })
    }

    /// The program's truth, as JavaScript's `if` sees it.
    ///
    /// # Errors
    /// As [`Vm::evaluate`].
    pub fn test<S: Scope>(
        &mut self,
        program: &Program,
        scope: &S,
        fuel: &mut Fuel,
    ) -> Result<bool, EvalError> {
        self.evaluate(program, scope, fuel).map(|value| ops::truthy(&value))
    }

    /// Lets go of the values that parameters held.
    fn forget(&mut self, used: usize) {
        self.parameters[..used].fill(Value::Undefined);
    }
}

/// One evaluation under way.
pub(super) struct Machine<'m> {
    vm: &'m mut Vm,
    program: &'m Program,
    scope: &'m dyn Scope,
    left: u64,
    depth: usize,
    /// Lists and maps made so far: no value is deeper than its parts and this count.
    containers: usize,
}

impl<'m> Machine<'m> {
    /// Takes fuel.
    #[inline]
    pub(super) fn charge(&mut self, units: usize) -> Result<(), Fault> {
        match self.left.checked_sub(units as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Fault::fuel())
            }
        }
    }

    /// Takes fuel for bytes that a built-in reads or writes.
    #[inline]
    pub(super) fn charge_bytes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.charge(bytes / BYTES_PER_FUEL)
    }

    /// Processing time, epoch milliseconds.
    pub(super) fn now_ms(&self) -> i64 {
        self.scope.now_ms()
    }

    /// The zone of local time.
    pub(super) fn zone(&self) -> Zone {
        self.scope.zone()
    }

    /// The next random number, where there are any.
    pub(super) fn random(&self) -> Option<f64> {
        self.scope.random()
    }

    /// The profile's id.
    pub(super) fn rid(&self) -> Option<Text> {
        self.scope.rid()
    }

    fn push(&mut self, value: Value) {
        self.vm.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        self.vm.stack.pop().unwrap_or_default()
    }

    fn top(&self) -> &Value {
        self.vm.stack.last().unwrap_or(&UNDEFINED)
    }

    /// Runs a block to its end; its value is the one it leaves on the stack.
    fn run(&mut self, block: usize) -> Result<Value, Fault> {
        let program = self.program;
        let block = &program.blocks[block];
        if let ([op], [span]) = (block.ops.as_slice(), block.spans.as_slice()) {
            return self.run_one(*op, span);
        }
        let mut at = 0;
        while let Some(&op) = block.ops.get(at) {
            let Some(left) = self.left.checked_sub(1) else {
                return Err(Fault::fuel().at(&block.spans[at]));
            };
            self.left = left;
            match self.step(op, &block.spans[at]) {
                Ok(None) => at += 1,
                Ok(Some(target)) => at = target as usize,
                Err(fault) => return Err(fault.at(&block.spans[at])),
            }
        }
        Ok(self.pop())
    }

    /// Runs a block of one instruction, as most functions over lists are: `item => item.value`,
    /// `item => item.value === "x"`. What it reads need not pass over the stack.
    #[inline]
    fn run_one(&mut self, op: Op, span: &Span) -> Result<Value, Fault> {
        self.charge(1).map_err(|fault| fault.at(span))?;
        let value = match op {
            Op::Read { base, chain } => self.read(base, chain, span),
            Op::ReadBinary { base, chain, operator, constant } => {
                self.read_binary(base, chain, operator, constant, span)
            }
            _ => self.step(op, span).map(|_| self.pop()),
        };
        value.map_err(|fault| fault.at(span))
    }

    /// One instruction; gives where to jump.
    #[inline]
    fn step(&mut self, op: Op, span: &Span) -> Result<Option<u32>, Fault> {
        let program = self.program;
        match op {
            Op::Constant(index) => self.push(program.constants[index as usize].clone()),
            Op::Read { base, chain } => {
                let value = self.read(base, chain, span)?;
                self.push(value);
            }
            Op::Members(chain) => {
                let object = self.pop();
                let value = self.members(&object, chain, span)?;
                self.push(value);
            }
            Op::Rid => {
                let value = self.rid().map_or(Value::Undefined, Value::String);
                self.push(value);
            }
            Op::Index => {
                let index = self.pop();
                let object = self.pop();
                let value = self.index(&object, &index)?;
                self.push(value);
            }
            Op::ReadBinary { base, chain, operator, constant } => {
                let value = self.read_binary(base, chain, operator, constant, span)?;
                self.push(value);
            }
            Op::Unary(operator) => {
                let operand = self.pop();
                let value = self.unary(operator, operand)?;
                self.push(value);
            }
            Op::Binary(operator) => {
                let right = self.pop();
                let left = self.pop();
                let value = self.binary(operator, &left, &right)?;
                self.push(value);
            }
            Op::BinaryConstant(operator, constant) => {
                let left = self.pop();
                let value = self.binary(operator, &left, &program.constants[constant as usize])?;
                self.push(value);
            }
            Op::Jump(_)
            | Op::JumpIfFalse(_)
            | Op::JumpIfFalsyKeep(_)
            | Op::JumpIfTruthyKeep(_)
            | Op::JumpUnlessNullishKeep(_)
            | Op::JumpIfNullish(_)
            | Op::JumpUnlessMethod { .. }
            | Op::JumpIfParameterDefined { .. } => return Ok(self.jump(op)),
            Op::SetParameter(place) => {
                let value = self.pop();
                self.vm.parameters[place as usize] = value;
            }
            Op::CallMethod { method, arguments, callback } => {
                let arguments = self.take_arguments(arguments as usize);
                let receiver = self.pop();
                let value = self.call_method(method, receiver, arguments, callback, span)?;
                self.push(value);
            }
            Op::CallFunction { function, arguments, callback } => {
                let arguments = self.take_arguments(arguments as usize);
                let value = self.call_function(function, arguments, callback)?;
                self.push(value);
            }
            Op::CallMethodSpread { method } => {
                let arguments = self.spread_arguments();
                let receiver = self.pop();
                let value = self.call_method(method, receiver, arguments, NO_CALLBACK, span)?;
                self.push(value);
            }
            Op::CallFunctionSpread { function } => {
                let arguments = self.spread_arguments();
                let value = self.call_function(function, arguments, NO_CALLBACK)?;
                self.push(value);
            }
            _ => self.build(op)?,
        }
        Ok(None)
    }

    fn jump(&mut self, op: Op) -> Option<u32> {
        match op {
            Op::Jump(target) => Some(target),
            Op::JumpIfFalse(target) => {
                let condition = self.pop();
                (!ops::truthy(&condition)).then_some(target)
            }
            Op::JumpIfFalsyKeep(target) => self.keep_if(!ops::truthy(self.top()), target),
            Op::JumpIfTruthyKeep(target) => self.keep_if(ops::truthy(self.top()), target),
            Op::JumpUnlessNullishKeep(target) => self.keep_if(!self.top().is_nullish(), target),
            Op::JumpIfNullish(target) => {
                let nullish = self.top().is_nullish();
                self.undefined_if(nullish, target)
            }
            Op::JumpUnlessMethod { method, target } => {
                let receiver = self.top();
                let missing = !receiver.is_nullish() && method.of(receiver).is_none();
                self.undefined_if(missing, target)
            }
            Op::JumpIfParameterDefined { parameter, target } => {
                let defined = !matches!(self.vm.parameters[parameter as usize], Value::Undefined);
                defined.then_some(target)
            }
            _ => None,
        }
    }

    /// Keeps the top and jumps, or drops it.
    fn keep_if(&mut self, decided: bool, target: u32) -> Option<u32> {
        if decided {
            return Some(target);
        }
        self.pop();
        None
    }

    fn undefined_if(&mut self, ends: bool, target: u32) -> Option<u32> {
        if !ends {
            return None;
        }
        self.pop();
        self.push(Value::Undefined);
        Some(target)
    }
}

/// A value's kind in a sentence; never the value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Undefined | Value::Hole => "undefined",
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
        Value::Instance(instance) => match &**instance {
            Instance::Date(_) => "a date",
            Instance::Set(_) => "a set",
            Instance::RegExp(_) => "a regular expression",
            Instance::Match(_) => "an array",
            Instance::Iterator(_) => "an iterator",
            Instance::Function(_) => "a function",
        },
    }
}

/// A list beyond the limit.
#[cold]
pub(super) fn too_many() -> Fault {
    Fault::limit(format!("a list or map has more than {LIST_ITEMS_MAX} elements"))
}

/// One character as text.
pub(super) fn char_value(character: char) -> Value {
    Value::String(Text::new(character.encode_utf8(&mut [0; 4])))
}

/// One UTF-16 unit as text; half a pair is U+FFFD.
pub(super) fn unit_value(unit: u16) -> Value {
    char_value(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// The property name of a position.
pub(super) fn index_name(position: usize) -> Text {
    number::to_text(position as f64)
}

/// An object's entries, or nothing.
pub(super) fn entries_of(value: &Value) -> Option<&Object> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn excerpt(source: &str, span: &Span) -> String {
    let text = source.get(span.clone()).unwrap_or("");
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
