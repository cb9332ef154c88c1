//! Vm: evaluates programs node by node, under fuel.
//!
//! What is read stays where it is: nodes give `Cow`s that borrow from the program, the scope, or
//! what the evaluation keeps, so that reading neither allocates nor counts references; parameters
//! borrow the elements of the lists that functions are called over. Invariants: every node that is
//! no constant costs fuel; recursion goes no deeper than the source nests.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::Scope;
use super::error::{EvalError, Fault, Span};
use super::limits::{BYTES_PER_FUEL, EXPRESSION_FUEL_MAX, Fuel, LIST_ITEMS_MAX, VALUE_DEPTH_MAX};
use super::program::Program;
use crate::value::date::Zone;
use crate::value::{Instance, Object, Text, Value, number};

mod bind;
mod build;
mod calls;
mod chain;
mod convert;
mod eval;
mod kept;
mod operand;
mod quick;
mod read;
mod trace;
mod visit;

use kept::Kept;
use trace::Recorder;
pub use trace::{Trace, TraceEntry};

static UNDEFINED: Value = Value::Undefined;

/// What nodes give: borrowed wherever it can be.
type Lent<'m> = Cow<'m, Value>;

/// The machine that runs programs: one a thread, reused, so that evaluation allocates nothing.
#[derive(Debug, Default)]
pub struct Vm {
    /// Emptied argument lists, for the next call.
    spare: Vec<Vec<Value>>,
    /// Where text is put together.
    text: String,
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
        let kept = Kept::default();
        let mut machine = Machine::new(self, program, scope, &kept, fuel);
        let outcome = machine.whole::<false>();
        fuel.left -= machine.spent();
        outcome.map_err(|fault| fault.into_error(0..program.source.len()))
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
        let kept = Kept::default();
        let mut machine = Machine::new(self, program, scope, &kept, fuel);
        let outcome = machine.test::<false>(&program.root);
        fuel.left -= machine.spent();
        outcome.map_err(|fault| fault.into_error(0..program.source.len()))
    }
}

/// One evaluation under way.
pub(super) struct Machine<'m> {
    vm: &'m mut Vm,
    program: &'m Program,
    scope: &'m dyn Scope,
    kept: &'m Kept,
    budget: u64,
    left: u64,
    /// Lists and maps made so far: no value is deeper than its parts and this count.
    containers: usize,
    /// By place.
    parameters: SmallVec<[Lent<'m>; 4]>,
    recorder: Option<Box<Recorder>>,
    /// The value of the last operand, where it did not fit into registers.
    odd: Value,
}

impl<'m> Machine<'m> {
    fn new(
        vm: &'m mut Vm,
        program: &'m Program,
        scope: &'m dyn Scope,
        kept: &'m Kept,
        fuel: &Fuel,
    ) -> Self {
        let budget = fuel.left.min(EXPRESSION_FUEL_MAX);
        let parameters = SmallVec::new();
        let (left, containers, recorder) = (budget, 0, None);
        let odd = Value::Undefined;
        Self { vm, program, scope, kept, budget, left, containers, parameters, recorder, odd }
    }

    /// The whole program's value, no deeper than values may be.
    fn whole<const TRACED: bool>(&mut self) -> Result<Value, Fault> {
        let root = &self.program.root;
        let value = if TRACED {
            self.eval::<TRACED>(root)?.into_owned()
        } else {
            let operand = self.operand(root)?;
            self.owned(operand)
        };
        if self.containers > 0 {
            self.check_depth(&value, VALUE_DEPTH_MAX)?;
        }
        Ok(value)
    }

    fn spent(&self) -> u64 {
        self.budget - self.left
    }

    /// Takes fuel.
    #[inline]
    pub(super) fn charge(&mut self, units: usize) -> Result<(), Fault> {
        match self.left.checked_sub(units as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.exhausted()),
        }
    }

    #[cold]
    fn exhausted(&mut self) -> Fault {
        self.left = 0;
        Fault::fuel()
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
