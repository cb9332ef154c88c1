//! Builtins: the closed list of methods, functions and constants, one file a receiver.
//!
//! A built-in sees a [`Call`]: receiver, arguments, the function given to it, and the machine that
//! it pays and calls through. Tables are resolved by name while compiling, never at run time.
//! Invariant: a built-in pays for every element and every 16 bytes that it reads or writes.

mod array;
mod array_callbacks;
mod call;
mod date;
mod global;
mod json;
mod math;
mod number;
mod object;
mod regexp;
mod set;
mod sort;
mod string;
mod string_search;
mod substitute;

use std::sync::LazyLock;

pub(super) use call::Call;
pub(super) use global::duration_ms;
pub(super) use object::{MATCH_NAMES, owns};

use super::error::Fault;
use super::program::Callback;
use crate::value::{self, Instance, Value};

/// What a built-in is.
pub(super) type Builtin = fn(&mut Call<'_, '_>) -> Result<Value, Fault>;

/// What kind of receiver a method is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Array,
    Number,
    Boolean,
    Object,
    Date,
    Set,
    RegExp,
    Iterator,
    Function,
}

impl Kind {
    const COUNT: usize = Self::Function as usize + 1;

    /// The class that the kind's methods are of.
    fn class(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Array => "Array",
            Self::Number => "Number",
            Self::Boolean => "Boolean",
            Self::Object => "Object",
            Self::Date => "Date",
            Self::Set => "Set",
            Self::RegExp => "RegExp",
            Self::Iterator => "Iterator",
            Self::Function => "Function",
        }
    }

    /// The kind of a value; `undefined` and `null` have none.
    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Undefined | Value::Hole | Value::Null => return None,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Boolean,
            Value::Object(_) => Self::Object,
            Value::Instance(instance) => match &**instance {
                Instance::Date(_) => Self::Date,
                Instance::Set(_) => Self::Set,
                Instance::RegExp(_) => Self::RegExp,
                Instance::Match(_) => Self::Array,
                Instance::Iterator(_) => Self::Iterator,
                Instance::Function(_) => Self::Function,
            },
        })
    }
}

/// A method by name, for each kind of receiver that has it.
#[derive(Debug)]
pub(super) struct Method {
    pub name: &'static str,
    /// The argument that is a function.
    pub callback: Option<usize>,
    of_kind: [Option<Builtin>; Kind::COUNT],
}

impl Method {
    /// The method as this receiver has it.
    pub(super) fn of(&self, receiver: &Value) -> Option<Builtin> {
        self.of_kind[Kind::of(receiver)? as usize]
    }

    /// Whether receivers of that kind have it.
    pub(super) fn is_of(&self, kind: Kind) -> bool {
        self.of_kind[kind as usize].is_some()
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
    /// The same of one number, where that is all that it does.
    pub number: Option<fn(f64) -> f64>,
    /// The same of any count of numbers, for a unit of fuel each.
    pub fold: Option<Fold>,
}

/// A function of numbers, one after the other.
#[derive(Debug)]
pub(super) struct Fold {
    pub start: f64,
    pub step: fn(f64, f64) -> f64,
}

impl Function {
    pub(super) fn name(&self) -> &'static str {
        self.member
    }
}

/// One method of one kind of receiver, in the tables of this folder.
type Entry = (&'static str, Option<usize>, Builtin);

const fn within(namespace: &'static str, member: &'static str, run: Builtin) -> Function {
    Function { namespace: Some(namespace), member, callback: None, run, number: None, fold: None }
}

const fn global(member: &'static str, run: Builtin) -> Function {
    Function { namespace: None, member, callback: None, run, number: None, fold: None }
}

static METHODS: LazyLock<Vec<Method>> = LazyLock::new(|| {
    let mut methods: Vec<Method> = Vec::new();
    let tables: &[(Kind, &[&[Entry]])] = &[
        (Kind::String, &[string::METHODS, string_search::METHODS]),
        (Kind::Array, &[array::METHODS, array_callbacks::METHODS, sort::METHODS]),
        (Kind::Number, &[number::METHODS]),
        (Kind::Boolean, &[number::BOOLEAN_METHODS]),
        (Kind::Object, &[object::METHODS]),
        (Kind::RegExp, &[regexp::METHODS]),
        (Kind::Date, &[date::METHODS]),
        (Kind::Set, &[set::METHODS]),
        (Kind::Iterator, &[object::METHODS]),
        (Kind::Function, &[object::METHODS]),
    ];
    for (kind, entries) in tables {
        for &(name, callback, run) in entries.iter().copied().flatten() {
            let at = methods.iter().position(|method| method.name == name).unwrap_or_else(|| {
                methods.push(Method { name, callback, of_kind: [None; Kind::COUNT] });
                methods.len() - 1
            });
            debug_assert_eq!(methods[at].callback, callback, "{name}: one place for a function");
            methods[at].of_kind[*kind as usize] = Some(run);
        }
    }
    methods
});

const FUNCTIONS: &[&[Function]] = &[
    array::FUNCTIONS,
    date::FUNCTIONS,
    global::FUNCTIONS,
    json::FUNCTIONS,
    math::FUNCTIONS,
    number::FUNCTIONS,
    object::FUNCTIONS,
    set::FUNCTIONS,
    string::FUNCTIONS,
];

static FUNCTION_TABLE: LazyLock<Vec<&'static Function>> =
    LazyLock::new(|| FUNCTIONS.iter().flat_map(|table| table.iter()).collect());

const NAMESPACES: &[&str] =
    &["Math", "Number", "String", "Boolean", "Array", "Object", "JSON", "Date"];

/// What `new` may stand before: each class has a function `new class` in [`FUNCTIONS`].
const CLASSES: &[&str] = &["Date", "Set"];

/// Whether `new name(…)` is a construction that there is.
pub(super) fn is_class(name: &str) -> bool {
    CLASSES.contains(&name)
}

/// The method of that name, on whatever receiver.
pub(super) fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// Whether every object has a method of that name.
pub(super) fn is_object_method(name: &str) -> bool {
    method(name).is_some_and(|method| method.is_of(Kind::Object))
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

/// The function or class, where it is read and not called.
pub(super) fn function_value(name: &str, member: Option<&str>) -> Option<Value> {
    let value = |owner, name| Instance::Function(value::Function::new(owner, name)).into();
    if let Some(function) = function(name, member) {
        return Some(value(function.namespace.unwrap_or(""), function.member));
    }
    let classes = NAMESPACES.iter().chain(CLASSES).copied();
    let mut classes =
        classes.filter(|class| member.is_none() && !matches!(*class, "Math" | "JSON"));
    classes.find(|class| *class == name).map(|class| value("", class))
}

/// The method of this receiver, where it is read and not called.
pub(super) fn method_value(method: &Method, receiver: &Value) -> Value {
    let owner = Kind::of(receiver).map_or("", Kind::class);
    Instance::Function(value::Function::new(owner, method.name)).into()
}

/// How a function is called that is a value. A method so called has no receiver, and
/// throws, but for the text that everything has.
pub(super) fn callback(function: value::Function) -> &'static Callback {
    static CALLBACKS: LazyLock<Vec<(value::Function, Callback)>> = LazyLock::new(|| {
        let value = |function: &Function| {
            value::Function::new(function.namespace.unwrap_or(""), function.member)
        };
        FUNCTION_TABLE.iter().map(|known| (value(known), Callback::Function(known))).collect()
    });
    static WITHOUT_RECEIVER: Callback = Callback::Function(&global("method", |_| {
        Err(Fault::type_error("a method is called without its receiver"))
    }));
    static TEXT_OF_NOTHING: Callback =
        Callback::Function(&global("toString", |_| Ok(Value::from("[object Undefined]"))));
    if function == value::Function::new("Object", "toString") {
        return &TEXT_OF_NOTHING;
    }
    let found = CALLBACKS.iter().find(|(known, _)| *known == function);
    found.map_or(&WITHOUT_RECEIVER, |(_, callback)| callback)
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
    NAMESPACES.contains(&name) || CLASSES.contains(&name) || function(name, None).is_some()
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
    ) || Kind::of(object).is_some_and(|kind| {
        let known: &[&str] = match kind {
            Kind::Array => &["push", "pop", "shift", "unshift", "splice", "fill", "copyWithin"],
            Kind::Set => &["add", "delete", "clear", "size"],
            Kind::Iterator => &["next"],
            _ => &[],
        };
        known.contains(&name) || method(name).is_some_and(|method| method.is_of(kind))
    })
}
