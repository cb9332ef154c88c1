//! Vm: runs programs on a stack, under fuel.
//!
//! Names and their members are read by reference and only the last value is shared onto the
//! stack, so that reading allocates nothing; the stack, the argument lists and the places of
//! parameters are kept between evaluations. Invariants: every instruction costs fuel; recursion
//! happens through callbacks only, and those are counted.

use std::borrow::Cow;

use super::Scope;
use super::ast::{BinaryOperator, UnaryOperator};
use super::builtins::{self, Call, Function, Method};
use super::error::{EvalError, EvalErrorKind, Fault, Span};
use super::limits::{
    BYTES_PER_FUEL, CALL_DEPTH_MAX, EXPRESSION_FUEL_MAX, Fuel, LIST_ITEMS_MAX, STRING_BYTES_MAX,
    VALUE_DEPTH_MAX,
};
use super::operators::{self, too_long};
use super::program::{Base, Callback, NO_CALLBACK, NO_CHAIN, Op, Program, Step, StepKind};
use crate::value::{Object, Text, Value, array_index, number, ops, string};

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

/// A place that a read starts from, lent for one instruction.
macro_rules! base_value {
    ($machine:expr, $base:expr) => {
        match $base {
            Base::Profile(slot) => $machine.scope.profile(slot),
            Base::ProfileObject => Cow::Borrowed($machine.scope.profile_object()),
            Base::Field(index) => Cow::Borrowed($machine.scope.field(index)),
            Base::Event => Cow::Borrowed($machine.scope.event()),
            Base::Local(index) => Cow::Borrowed($machine.scope.local(index)),
            Base::Parameter(place) => Cow::Borrowed(&$machine.vm.parameters[place as usize]),
        }
    };
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

    /// One instruction; gives where to jump.
    #[inline]
    fn step(&mut self, op: Op, span: &Span) -> Result<Option<u32>, Fault> {
        let program = self.program;
        match op {
            Op::Constant(index) => self.push(program.constants[index as usize].clone()),
            Op::Read { base, chain } => {
                let value = if chain == NO_CHAIN {
                    base_value!(self, base).into_owned()
                } else {
                    let steps = &program.chains[chain as usize];
                    let mut left = self.left;
                    let read = follow(base_value!(self, base), steps, &mut left);
                    let value = read.map(Cow::into_owned);
                    self.left = left;
                    value.map_err(|stop| self.unreadable(stop, span))?
                };
                self.push(value);
            }
            Op::Members(chain) => {
                let object = self.pop();
                let mut left = self.left;
                let read =
                    follow(Cow::Borrowed(&object), &program.chains[chain as usize], &mut left);
                let value = read.map(Cow::into_owned);
                self.left = left;
                let value = value.map_err(|stop| self.unreadable(stop, span))?;
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

    /// Instructions that build text, lists and maps.
    fn build(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::Concatenate(count) => {
                let parts = self.take_arguments(count as usize);
                let mut out = String::new();
                for part in &parts {
                    out.push_str(&self.text_of(part)?);
                    if out.len() > STRING_BYTES_MAX {
                        return Err(too_long());
                    }
                }
                self.recycle(parts);
                let value = self.text(out)?;
                self.push(value);
            }
            Op::MakeArray(count) => {
                let first = self.vm.stack.len() - count as usize;
                let items = self.vm.stack.split_off(first);
                let value = self.array(items)?;
                self.push(value);
            }
            Op::MakeObject(shape) => {
                let names = &self.program.shapes[shape as usize];
                let first = self.vm.stack.len() - names.len();
                let values = self.vm.stack.drain(first..);
                let entries = names.iter().cloned().zip(values).collect();
                let value = self.object(entries)?;
                self.push(value);
            }
            Op::ListStart => self.vm.lists.push(Vec::new()),
            Op::ListPush => {
                let item = self.pop();
                self.extend_list([item])?;
            }
            Op::ListSpread => {
                let value = self.pop();
                let items = self.iterate(&value)?;
                self.extend_list(items.iter().cloned())?;
            }
            Op::ListEnd => {
                let items = self.vm.lists.pop().unwrap_or_default();
                let value = self.array(items)?;
                self.push(value);
            }
            _ => self.build_entries(op)?,
        }
        Ok(())
    }

    fn build_entries(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::EntriesStart => self.vm.entries.push(Vec::new()),
            Op::EntriesPush(name) => {
                let value = self.pop();
                if let Value::String(name) = &self.program.constants[name as usize] {
                    self.extend_entries([(name.clone(), value)])?;
                }
            }
            Op::EntriesPushComputed => {
                let value = self.pop();
                let name = self.pop();
                let name = self.text_of(&name)?;
                self.extend_entries([(name, value)])?;
            }
            Op::EntriesSpread => match self.pop() {
                Value::Object(object) => self.extend_entries(object.entries().iter().cloned())?,
                value @ (Value::Array(_) | Value::String(_)) => {
                    let items = self.own_items(&value)?;
                    let entries =
                        items.into_iter().enumerate().map(|(at, item)| (index_name(at), item));
                    self.extend_entries(entries)?;
                }
                _ => {}
            },
            Op::EntriesEnd => {
                let entries = self.vm.entries.pop().unwrap_or_default();
                let value = self.object(entries)?;
                self.push(value);
            }
            _ => {}
        }
        Ok(())
    }

    fn extend_list(&mut self, items: impl IntoIterator<Item = Value>) -> Result<(), Fault> {
        let Some(list) = self.vm.lists.last_mut() else { return Ok(()) };
        let before = list.len();
        list.extend(items.into_iter().take(LIST_ITEMS_MAX + 1));
        let added = list.len() - before;
        if list.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.charge(added)
    }

    fn extend_entries(
        &mut self,
        entries: impl IntoIterator<Item = (Text, Value)>,
    ) -> Result<(), Fault> {
        let Some(list) = self.vm.entries.last_mut() else { return Ok(()) };
        let before = list.len();
        list.extend(entries.into_iter().take(LIST_ITEMS_MAX + 1));
        let added = list.len() - before;
        if list.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.charge(added)
    }

    /// What spreading the value gives: a list's items, a text's characters.
    pub(super) fn iterate<'v>(&mut self, value: &'v Value) -> Result<Cow<'v, [Value]>, Fault> {
        match value {
            Value::Array(items) => Ok(Cow::Borrowed(items)),
            Value::String(text) => {
                self.charge_bytes(text.len())?;
                if text.len() > LIST_ITEMS_MAX && text.chars().count() > LIST_ITEMS_MAX {
                    return Err(too_many());
                }
                Ok(Cow::Owned(text.chars().map(char_value).collect()))
            }
            _ => Err(Fault::type_error(format!("{} is not iterable", kind_of(value)))),
        }
    }

    /// Items by index as own properties: a list's, or a text's units.
    pub(super) fn own_items(&mut self, value: &Value) -> Result<Vec<Value>, Fault> {
        match value {
            Value::Array(items) => {
                self.charge(items.len())?;
                Ok(items.to_vec())
            }
            Value::String(text) => {
                let length = string::length(text);
                self.charge(length)?;
                if length > LIST_ITEMS_MAX {
                    return Err(too_many());
                }
                if text.is_ascii() {
                    return Ok(text.chars().map(char_value).collect());
                }
                let units: Vec<u16> = text.encode_utf16().collect();
                Ok(units.into_iter().map(unit_value).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Text as a value, within the limit.
    pub(super) fn text(&mut self, text: impl Into<Text>) -> Result<Value, Fault> {
        let text = text.into();
        if text.len() > STRING_BYTES_MAX {
            return Err(too_long());
        }
        self.charge_bytes(text.len())?;
        Ok(Value::String(text))
    }

    /// A new list, within the limit.
    pub(super) fn array(&mut self, items: Vec<Value>) -> Result<Value, Fault> {
        if items.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.containers += 1;
        self.charge(items.len())?;
        Ok(Value::array(items))
    }

    /// A new map, within the limit.
    pub(super) fn object(&mut self, entries: Vec<(Text, Value)>) -> Result<Value, Fault> {
        if entries.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.containers += 1;
        // Three an entry: names are sorted when there are many.
        self.charge(entries.len() * 3)?;
        Ok(Value::object(entries))
    }

    /// `ToString`, paid for.
    pub(super) fn text_of(&mut self, value: &Value) -> Result<Text, Fault> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Array(items) => self.join(items, ","),
            _ => Ok(ops::to_text(value, STRING_BYTES_MAX)?),
        }
    }

    /// `join`, paid for by the elements visited and the bytes written.
    pub(super) fn join(&mut self, items: &[Value], separator: &str) -> Result<Text, Fault> {
        let before = usize::try_from(self.left).unwrap_or(usize::MAX);
        let mut visits = before;
        let joined = ops::join(items, separator, STRING_BYTES_MAX, &mut visits);
        self.charge(before - visits)?;
        if joined.is_err() && visits == 0 {
            return Err(Fault::fuel());
        }
        let text = joined?;
        self.charge_bytes(text.len())?;
        Ok(text)
    }

    /// `ToPrimitive`, paid for.
    pub(super) fn primitive<'v>(&mut self, value: &'v Value) -> Result<Cow<'v, Value>, Fault> {
        match value {
            Value::Array(_) | Value::Object(_) => {
                Ok(Cow::Owned(Value::String(self.text_of(value)?)))
            }
            _ => Ok(Cow::Borrowed(value)),
        }
    }

    /// `ToNumber`, paid for.
    pub(super) fn number_of(&mut self, value: &Value) -> Result<f64, Fault> {
        if let Value::Number(number) = value {
            return Ok(*number);
        }
        let primitive = self.primitive(value)?;
        if let Value::String(text) = &*primitive {
            self.charge_bytes(text.len())?;
        }
        Ok(ops::to_number(&primitive, STRING_BYTES_MAX)?)
    }

    /// A read against a constant: numbers and sameness are settled without sharing the value.
    #[inline]
    fn read_binary(
        &mut self,
        base: Base,
        chain: u32,
        operator: BinaryOperator,
        constant: u32,
        span: &Span,
    ) -> Result<Value, Fault> {
        let program = self.program;
        let steps: &[Step] = if chain == NO_CHAIN { &[] } else { &program.chains[chain as usize] };
        let right = &program.constants[constant as usize];
        let mut left = self.left;
        let read = follow(base_value!(self, base), steps, &mut left).map(|value| {
            let quick = match (&*value, right) {
                (Value::Number(number), Value::Number(right)) => {
                    operators::numeric(operator, *number, *right)
                }
                _ => None,
            };
            quick.ok_or_else(|| value.into_owned())
        });
        self.left = left;
        match read {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(value)) => self.binary_general(operator, &value, right),
            Err(stop) => Err(self.unreadable(stop, span)),
        }
    }

    fn unary(&mut self, operator: UnaryOperator, operand: Value) -> Result<Value, Fault> {
        match operator {
            UnaryOperator::Not | UnaryOperator::TypeOf | UnaryOperator::Void => {
                operators::unary(operator, &operand)
            }
            _ => operators::unary(operator, &Value::Number(self.number_of(&operand)?)),
        }
    }

    #[inline]
    fn binary(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        if let (Value::Number(left), Value::Number(right)) = (left, right)
            && let Some(value) = operators::numeric(operator, *left, *right)
        {
            return Ok(value);
        }
        self.binary_general(operator, left, right)
    }

    fn binary_general(
        &mut self,
        operator: BinaryOperator,
        left: &Value,
        right: &Value,
    ) -> Result<Value, Fault> {
        use BinaryOperator as B;
        if let (Value::String(left), Value::String(right)) = (left, right) {
            self.charge_bytes(left.len().min(right.len()))?;
        }
        match operator {
            B::StrictEqual | B::StrictNotEqual => return operators::binary(operator, left, right),
            B::Equal | B::NotEqual => {
                let compound = |v: &Value| matches!(v, Value::Array(_) | Value::Object(_));
                // Two lists or maps are compared as they are, and nothing is like null.
                if compound(left) == compound(right) || left.is_nullish() || right.is_nullish() {
                    return operators::binary(operator, left, right);
                }
            }
            B::In => return self.has_property(left, right),
            _ => {}
        }
        let left = self.primitive(left)?;
        let right = self.primitive(right)?;
        for side in [&left, &right] {
            if let Value::String(text) = &**side {
                self.charge_bytes(text.len())?;
            }
        }
        operators::binary(operator, &left, &right)
    }

    fn has_property(&mut self, name: &Value, object: &Value) -> Result<Value, Fault> {
        let found = match object {
            Value::Array(items) => {
                let name = self.text_of(name)?;
                array_index(&name).is_some_and(|index| (index as usize) < items.len())
                    || name == "length"
                    || builtins::inherits(object, &name)
            }
            Value::Object(map) => {
                let name = self.text_of(name)?;
                map.get(&name).is_some() || builtins::inherits(object, &name)
            }
            _ => {
                let message = format!("the right side of `in` is {}, no object", kind_of(object));
                return Err(Fault::type_error(message));
            }
        };
        Ok(Value::Bool(found))
    }

    /// `object[index]`.
    fn index(&mut self, object: &Value, index: &Value) -> Result<Value, Fault> {
        if let (Value::Array(items), Value::Number(number)) = (object, index) {
            let position = *number as usize;
            let exact = position as f64 == *number;
            return Ok(items.get(position).filter(|_| exact).cloned().unwrap_or_default());
        }
        if object.is_nullish() {
            let message = format!("cannot read a property of {}", kind_of(object));
            return Err(Fault::type_error(message));
        }
        let name = self.text_of(index)?;
        let mut left = self.left;
        let step = Step::new(name, 0);
        let value = member(object, &step, &mut left).map(Cow::into_owned);
        self.left = left;
        match value {
            Ok(value) => Ok(value),
            Err(Stop::Fuel) => Err(Fault::fuel()),
            Err(Stop::Nullish { .. }) => Ok(Value::Undefined),
        }
    }

    #[cold]
    fn unreadable(&mut self, stop: Stop, span: &Span) -> Fault {
        match stop {
            Stop::Fuel => {
                self.left = 0;
                Fault::fuel()
            }
            Stop::Nullish { name, kind, object_end } => {
                let object = span.start..object_end.max(span.start);
                let text = excerpt(&self.program.source, &object);
                let message = format!("cannot read `{name}` of {kind}: `{text}` is {kind}");
                Fault::type_error(message).at(&object)
            }
        }
    }

    fn take_arguments(&mut self, count: usize) -> Vec<Value> {
        let first = self.vm.stack.len().saturating_sub(count);
        let mut arguments = self.vm.spare.pop().unwrap_or_default();
        arguments.extend(self.vm.stack.drain(first..));
        arguments
    }

    fn spread_arguments(&mut self) -> Vec<Value> {
        match self.pop() {
            Value::Array(items) => items.to_vec(),
            _ => Vec::new(),
        }
    }

    fn recycle(&mut self, mut arguments: Vec<Value>) {
        arguments.clear();
        if self.vm.spare.len() < 16 && arguments.capacity() <= 64 {
            self.vm.spare.push(arguments);
        }
    }

    fn callback(&self, index: u32) -> Option<&'m Callback> {
        if index == NO_CALLBACK { None } else { self.program.callbacks.get(index as usize) }
    }

    fn call_method(
        &mut self,
        method: &'static Method,
        receiver: Value,
        arguments: Vec<Value>,
        callback: u32,
        span: &Span,
    ) -> Result<Value, Fault> {
        let Some(run) = method.of(&receiver) else {
            return Err(self.no_method(method, &receiver, span));
        };
        let callback = self.callback(callback);
        let mut call = Call { machine: self, receiver, arguments, callback };
        let value = run(&mut call);
        let arguments = std::mem::take(&mut call.arguments);
        self.recycle(arguments);
        value
    }

    #[cold]
    fn no_method(&self, method: &Method, receiver: &Value, span: &Span) -> Fault {
        let text = excerpt(&self.program.source, span);
        let kind = kind_of(receiver);
        let name = method.name;
        if receiver.is_nullish() {
            let message = format!("cannot call `{name}` of {kind}: `{text}`");
            return Fault::type_error(message);
        }
        Fault::type_error(format!("{kind} has no method `{name}`: `{text}`"))
    }

    fn call_function(
        &mut self,
        function: &'static Function,
        arguments: Vec<Value>,
        callback: u32,
    ) -> Result<Value, Fault> {
        let callback = self.callback(callback);
        let mut call = Call { machine: self, receiver: Value::Undefined, arguments, callback };
        let value = (function.run)(&mut call);
        let arguments = std::mem::take(&mut call.arguments);
        self.recycle(arguments);
        value
    }

    /// Calls a function that was given as an argument.
    pub(super) fn call(
        &mut self,
        callback: &'m Callback,
        given: &[&Value],
    ) -> Result<Value, Fault> {
        self.charge(1)?;
        if self.depth >= CALL_DEPTH_MAX {
            return Err(Fault::limit(format!("calls nest deeper than {CALL_DEPTH_MAX}")));
        }
        self.depth += 1;
        let value = match callback {
            Callback::Function(function) => {
                let mut arguments = self.vm.spare.pop().unwrap_or_default();
                arguments.extend(given.iter().map(|value| (*value).clone()));
                self.call_function(function, arguments, NO_CALLBACK)
            }
            Callback::Arrow { block, first, count, rest } => {
                let plain = count - usize::from(*rest);
                for position in 0..plain {
                    let value = given.get(position).map_or(Value::Undefined, |v| (*v).clone());
                    self.vm.parameters[first + position] = value;
                }
                if *rest {
                    let rest = given.get(plain..).unwrap_or(&[]);
                    let items = rest.iter().map(|value| (*value).clone()).collect();
                    self.vm.parameters[first + plain] = self.array(items)?;
                }
                self.run(*block)
            }
        };
        self.depth -= 1;
        value
    }

    /// Counts a list or map that was made elsewhere.
    pub(super) fn count_container(&mut self) {
        self.containers += 1;
    }

    /// Lists and maps made so far.
    pub(super) fn containers(&self) -> usize {
        self.containers
    }

    /// Refuses a value of more than `levels` levels; pays for every part.
    pub(super) fn check_depth(&mut self, value: &Value, levels: usize) -> Result<(), Fault> {
        let deeper = |machine: &mut Self, value: &Value| match value {
            Value::Array(_) | Value::Object(_) => match levels.checked_sub(1) {
                Some(levels) => machine.check_depth(value, levels),
                None => Ok(()),
            },
            _ => Ok(()),
        };
        match value {
            Value::Array(items) => {
                if levels == 0 {
                    return Err(too_deep());
                }
                self.charge(items.len() / BYTES_PER_FUEL + 1)?;
                items.iter().try_for_each(|item| deeper(self, item))
            }
            Value::Object(object) => {
                if levels == 0 {
                    return Err(too_deep());
                }
                self.charge(object.len() / BYTES_PER_FUEL + 1)?;
                object.entries().iter().try_for_each(|(_, item)| deeper(self, item))
            }
            _ => Ok(()),
        }
    }
}

/// Why a member cannot be read.
enum Stop {
    Fuel,
    Nullish { name: Text, kind: &'static str, object_end: usize },
}

/// Follows members by reference as far as they go.
#[inline]
fn follow<'v>(
    start: Cow<'v, Value>,
    steps: &[Step],
    left: &mut u64,
) -> Result<Cow<'v, Value>, Stop> {
    let mut current = start;
    for step in steps {
        current = match &current {
            Cow::Borrowed(value) => member(value, step, left)?,
            Cow::Owned(value) => Cow::Owned(member(value, step, left)?.into_owned()),
        };
    }
    Ok(current)
}

/// One member of a value.
#[inline]
fn member<'v>(value: &'v Value, step: &Step, left: &mut u64) -> Result<Cow<'v, Value>, Stop> {
    Ok(match value {
        Value::Object(object) => Cow::Borrowed(object.get(&step.name).unwrap_or(&UNDEFINED)),
        Value::Array(items) => match step.kind {
            StepKind::Length => Cow::Owned(Value::Number(items.len() as f64)),
            StepKind::Index(index) => {
                Cow::Borrowed(items.get(index as usize).unwrap_or(&UNDEFINED))
            }
            StepKind::Name => Cow::Borrowed(&UNDEFINED),
        },
        Value::String(text) => {
            if matches!(step.kind, StepKind::Name) {
                return Ok(Cow::Borrowed(&UNDEFINED));
            }
            // Text beyond ASCII is counted through.
            let price = (text.len() / BYTES_PER_FUEL) as u64;
            *left = left.checked_sub(price).ok_or(Stop::Fuel)?;
            match step.kind {
                StepKind::Index(index) => Cow::Owned(
                    string::unit_at(text, index as usize).map_or(Value::Undefined, unit_value),
                ),
                _ => Cow::Owned(Value::Number(string::length(text) as f64)),
            }
        }
        Value::Undefined | Value::Null => {
            return Err(Stop::Nullish {
                name: step.name.clone(),
                kind: kind_of(value),
                object_end: step.object_end,
            });
        }
        Value::Bool(_) | Value::Number(_) => Cow::Borrowed(&UNDEFINED),
    })
}

/// A value's kind in a sentence; never the value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Undefined => "undefined",
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A list beyond the limit.
#[cold]
pub(super) fn too_many() -> Fault {
    Fault::limit(format!("a list or map has more than {LIST_ITEMS_MAX} elements"))
}

#[cold]
fn too_deep() -> Fault {
    Fault::new(EvalErrorKind::Limit, format!("a value nests deeper than {VALUE_DEPTH_MAX} levels"))
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
