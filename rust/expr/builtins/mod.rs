//! Builtins: the closed list of methods, functions and constants, one file a receiver.
//!
//! A built-in sees a [`Call`]: receiver, arguments, the function given to it, and the machine that
//! it pays and calls through. Tables are resolved by name while compiling, never at run time.
//! Invariant: a built-in pays for every element and every 16 bytes that it reads or writes.

mod array;
mod array_callbacks;
mod global;
mod json;
mod math;
mod number;
mod object;
mod string;
mod string_search;

use std::sync::{Arc, LazyLock};

pub(super) use global::duration_ms;

use super::error::Fault;
use super::program::Callback;
use super::vm::{Machine, kind_of};
use crate::value::{Text, Value, number as numbers};

/// What a built-in is.
pub(super) type Builtin = fn(&mut Call<'_, '_>) -> Result<Value, Fault>;

static UNDEFINED: Value = Value::Undefined;

/// A method by name, for each kind of receiver that has it.
#[derive(Debug)]
pub(super) struct Method {
    pub name: &'static str,
    /// The argument that is a function.
    pub callback: Option<usize>,
    string: Option<Builtin>,
    array: Option<Builtin>,
    number: Option<Builtin>,
    boolean: Option<Builtin>,
    object: Option<Builtin>,
}

impl Method {
    /// The method as this receiver has it.
    pub(super) fn of(&self, receiver: &Value) -> Option<Builtin> {
        match receiver {
            Value::Undefined | Value::Null => None,
            Value::String(_) => self.string,
            Value::Array(_) => self.array,
            Value::Number(_) => self.number,
            Value::Bool(_) => self.boolean,
            Value::Object(_) => self.object,
        }
    }
}

/// A function by path (`Math.max`, `parseInt`).
#[derive(Debug)]
pub(super) struct Function {
    pub namespace: Option<&'static str>,
    pub member: &'static str,
    /// The argument that is a function.
    pub callback: Option<usize>,
    pub run: Builtin,
}

impl Function {
    pub(super) fn name(&self) -> &'static str {
        self.member
    }
}

/// One method of one kind of receiver, in the tables of this folder.
type Entry = (&'static str, Option<usize>, Builtin);

/// Where a method keeps what one kind of receiver does.
type Place = fn(&mut Method) -> &mut Option<Builtin>;

const fn within(namespace: &'static str, member: &'static str, run: Builtin) -> Function {
    Function { namespace: Some(namespace), member, callback: None, run }
}

const fn global(member: &'static str, run: Builtin) -> Function {
    Function { namespace: None, member, callback: None, run }
}

static METHODS: LazyLock<Vec<Method>> = LazyLock::new(|| {
    let mut methods: Vec<Method> = Vec::new();
    let tables: [(&[&[Entry]], Place); 5] = [
        (&[string::METHODS, string_search::METHODS], |method| &mut method.string),
        (&[array::METHODS, array_callbacks::METHODS], |method| &mut method.array),
        (&[number::METHODS], |method| &mut method.number),
        (&[number::BOOLEAN_METHODS], |method| &mut method.boolean),
        (&[object::METHODS], |method| &mut method.object),
    ];
    for (entries, place) in tables {
        for &(name, callback, run) in entries.iter().copied().flatten() {
            let at = methods.iter().position(|method| method.name == name).unwrap_or_else(|| {
                methods.push(Method {
                    name,
                    callback,
                    string: None,
                    array: None,
                    number: None,
                    boolean: None,
                    object: None,
                });
                methods.len() - 1
            });
            *place(&mut methods[at]) = Some(run);
        }
    }
    methods
});

const FUNCTIONS: [&[Function]; 7] = [
    array::FUNCTIONS,
    global::FUNCTIONS,
    json::FUNCTIONS,
    math::FUNCTIONS,
    number::FUNCTIONS,
    object::FUNCTIONS,
    string::FUNCTIONS,
];

static FUNCTION_TABLE: LazyLock<Vec<&'static Function>> =
    LazyLock::new(|| FUNCTIONS.iter().flat_map(|table| table.iter()).collect());

const NAMESPACES: &[&str] = &["Math", "Number", "String", "Boolean", "Array", "Object", "JSON"];

/// The method of that name, on whatever receiver.
pub(super) fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// All methods' names.
pub(super) fn method_names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.name)
}

/// The function `name` or `name.member`.
pub(super) fn function(name: &str, member: Option<&str>) -> Option<&'static Function> {
    FUNCTION_TABLE.iter().copied().find(|function| match (function.namespace, member) {
        (None, None) => function.member == name,
        (Some(namespace), Some(member)) => namespace == name && function.member == member,
        _ => false,
    })
}

/// `Math.PI` and its like.
pub(super) fn constant(name: &str, member: &str) -> Option<f64> {
    let table = match name {
        "Math" => math::CONSTANTS,
        "Number" => number::CONSTANTS,
        _ => return None,
    };
    table.iter().find(|(constant, _)| *constant == member).map(|(_, value)| *value)
}

/// Names of the members of `Math`, `Number`, ….
pub(super) fn members(name: &str) -> impl Iterator<Item = &'static str> {
    FUNCTION_TABLE
        .iter()
        .filter(move |function| function.namespace == Some(name))
        .map(|function| function.member)
}

/// Whether the name is a namespace or a function without one.
pub(super) fn is_global(name: &str) -> bool {
    NAMESPACES.contains(&name) || function(name, None).is_some()
}

/// All global names.
pub(super) fn globals() -> impl Iterator<Item = &'static str> {
    let functions = FUNCTION_TABLE
        .iter()
        .filter(|function| function.namespace.is_none())
        .map(|function| function.member);
    NAMESPACES.iter().copied().chain(functions)
}

/// Whether `name in object` holds by what JavaScript's objects inherit.
pub(super) fn inherits(object: &Value, name: &str) -> bool {
    matches!(
        name,
        "constructor"
            | "hasOwnProperty"
            | "isPrototypeOf"
            | "propertyIsEnumerable"
            | "toLocaleString"
            | "toString"
            | "valueOf"
            | "__proto__"
            | "__defineGetter__"
            | "__defineSetter__"
            | "__lookupGetter__"
            | "__lookupSetter__"
    ) || (matches!(object, Value::Array(_))
        && (method(name).is_some_and(|method| method.array.is_some())
            || matches!(
                name,
                "push"
                    | "pop"
                    | "shift"
                    | "unshift"
                    | "splice"
                    | "fill"
                    | "copyWithin"
                    | "keys"
                    | "values"
                    | "entries"
            )))
}

/// One call of a built-in.
pub(super) struct Call<'c, 'm> {
    pub machine: &'c mut Machine<'m>,
    pub receiver: Value,
    pub arguments: Vec<Value>,
    pub callback: Option<&'m Callback>,
}

impl<'m> Call<'_, 'm> {
    /// An argument, `undefined` when it is not given.
    fn argument(&self, position: usize) -> &Value {
        self.arguments.get(position).unwrap_or(&UNDEFINED)
    }

    /// Takes an argument out.
    fn take(&mut self, position: usize) -> Value {
        self.arguments.get_mut(position).map(std::mem::take).unwrap_or_default()
    }

    /// An argument's number.
    fn number(&mut self, position: usize) -> Result<f64, Fault> {
        match self.argument(position) {
            Value::Number(number) => Ok(*number),
            other => {
                let other = other.clone();
                self.machine.number_of(&other)
            }
        }
    }

    /// An argument as an integer or infinity; NaN is 0.
    fn integer(&mut self, position: usize) -> Result<f64, Fault> {
        Ok(numbers::to_integer(self.number(position)?))
    }

    /// An argument's text.
    fn text(&mut self, position: usize) -> Result<Text, Fault> {
        let argument = self.argument(position).clone();
        let text = self.machine.text_of(&argument)?;
        self.machine.charge_bytes(text.len())?;
        Ok(text)
    }

    /// Whether an argument is given and not `undefined`.
    fn given(&self, position: usize) -> bool {
        !matches!(self.argument(position), Value::Undefined)
    }

    /// A position relative to the end when negative, clamped to `0..=length`.
    fn relative(&mut self, position: usize, length: usize, default: usize) -> Result<usize, Fault> {
        if !self.given(position) {
            return Ok(default);
        }
        let integer = self.integer(position)?;
        let length_f64 = length as f64;
        let clamped = if integer < 0.0 { (length_f64 + integer).max(0.0) } else { integer };
        Ok(clamped.min(length_f64) as usize)
    }

    /// A position that may miss: relative to the end when negative, `None` outside.
    fn position(&mut self, position: usize, length: usize) -> Result<Option<usize>, Fault> {
        let integer = self.integer(position)?;
        let at = if integer < 0.0 { length as f64 + integer } else { integer };
        Ok((at >= 0.0 && at < length as f64).then_some(at as usize))
    }

    /// The receiver's items.
    fn items(&self) -> Arc<Vec<Value>> {
        match &self.receiver {
            Value::Array(items) => Arc::clone(items),
            _ => Arc::default(),
        }
    }

    /// The receiver's text, paid for.
    fn receiver_text(&mut self) -> Result<Text, Fault> {
        match &self.receiver {
            Value::String(text) => {
                let text = text.clone();
                self.machine.charge_bytes(text.len())?;
                Ok(text)
            }
            _ => Ok(Text::default()),
        }
    }

    /// The function that was given.
    fn function(&self, position: usize) -> Result<&'m Callback, Fault> {
        self.callback.ok_or_else(|| {
            let kind = kind_of(self.argument(position));
            Fault::type_error(format!("a function is expected, and {kind} is given"))
        })
    }
}
