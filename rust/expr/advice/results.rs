//! Results: what each built-in gives, by the names of the closed list.
//!
//! A row for a name that this release has not is harmless; a test holds that every built-in of this
//! release has its row. Invariant: a row holds at least every value that the built-in can give.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::builtins::Kind;
use super::types::{Kinds, Measure, Type};

/// What a built-in gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    Anything,
    Boolean,
    Number,
    NumberOrUndefined,
    Count,
    Index,
    Milliseconds,
    /// A number of the measure of the first argument.
    Rounded,
    Text,
    TextOrUndefined,
    TextOrNull,
    /// Text, or the argument where it is `undefined` or `null`.
    TextOrNullish,
    Texts,
    Undefined,
    Json,
    Object,
    /// A list of which nothing more is known.
    List,
    Date,
    Set,
    RegExp,
    Iterator,
    MatchOrNull,
    /// What it is called on.
    Receiver,
    /// An element of what it is called on, or `undefined`.
    Item,
    /// A list of what the function gives.
    Mapped,
    /// What the function gives, or the initial value, or an element.
    Folded,
}

impl Gives {
    /// The type, where neither receiver nor arguments have a say.
    pub(super) fn plain(self) -> Type {
        match self {
            Self::Boolean => Type::boolean(),
            Self::Number | Self::Rounded => Type::number(),
            Self::NumberOrUndefined => Type::number().or_undefined(),
            Self::Count => Type::count(),
            Self::Index => Type::measured(Measure::Index),
            Self::Milliseconds => Type::milliseconds(),
            Self::Text => Type::text(),
            Self::TextOrUndefined => Type::text().or_undefined(),
            Self::TextOrNull => Type::of_kinds(Kinds::TEXT.or(Kinds::NULL)),
            Self::TextOrNullish => Type::of_kinds(Kinds::TEXT.or(Kinds::NULLISH)),
            Self::Texts => Type::list_of(Type::text().or_undefined()),
            Self::Undefined => Type::undefined(),
            Self::Json => Type::json(),
            Self::Object => Type::of_kinds(Kinds::OBJECT),
            Self::List | Self::Mapped => Type::of_kinds(Kinds::LIST),
            Self::Date => Type::of_kinds(Kinds::DATE),
            Self::Set => Type::of_kinds(Kinds::SET),
            Self::RegExp => Type::of_kinds(Kinds::REGEXP),
            Self::Iterator => Type::of_kinds(Kinds::ITERATOR),
            Self::MatchOrNull => Type::of_kinds(Kinds::MATCH.or(Kinds::NULL)),
            Self::Anything | Self::Receiver | Self::Item | Self::Folded => Type::unknown(),
        }
    }
}

const METHODS: &[(Kind, Gives, &str)] = &[
    (
        Kind::String,
        Gives::Text,
        "charAt concat normalize padEnd padStart repeat replace replaceAll slice substr substring \
         toLowerCase toString toUpperCase toWellFormed trim trimEnd trimLeft trimRight trimStart \
         valueOf",
    ),
    (Kind::String, Gives::TextOrUndefined, "at"),
    (Kind::String, Gives::Number, "charCodeAt"),
    (Kind::String, Gives::NumberOrUndefined, "codePointAt"),
    (Kind::String, Gives::Index, "indexOf lastIndexOf search"),
    (Kind::String, Gives::Boolean, "endsWith includes isWellFormed startsWith"),
    (Kind::String, Gives::Texts, "split"),
    (Kind::String, Gives::MatchOrNull, "match"),
    (Kind::String, Gives::Iterator, "matchAll"),
    (Kind::Array, Gives::Receiver, "filter reverse slice sort toReversed toSorted valueOf"),
    (Kind::Array, Gives::Item, "at find findLast"),
    (Kind::Array, Gives::Index, "findIndex findLastIndex indexOf lastIndexOf"),
    (Kind::Array, Gives::Boolean, "every includes some"),
    (Kind::Array, Gives::List, "concat flat flatMap toSpliced with"),
    (Kind::Array, Gives::Mapped, "map"),
    (Kind::Array, Gives::Folded, "reduce reduceRight"),
    (Kind::Array, Gives::Text, "join toString"),
    (Kind::Array, Gives::Undefined, "forEach"),
    (Kind::Array, Gives::Iterator, "entries keys values"),
    (Kind::Number, Gives::Text, "toExponential toFixed toPrecision toString"),
    (Kind::Number, Gives::Receiver, "valueOf"),
    (Kind::Boolean, Gives::Text, "toString"),
    (Kind::Boolean, Gives::Receiver, "valueOf"),
    (Kind::Object, Gives::Text, "toString"),
    (Kind::Object, Gives::Receiver, "valueOf"),
    (
        Kind::Date,
        Gives::Number,
        "getDate getDay getFullYear getHours getMilliseconds getMinutes getMonth getSeconds \
         getTimezoneOffset getUTCDate getUTCDay getUTCFullYear getUTCHours getUTCMilliseconds \
         getUTCMinutes getUTCMonth getUTCSeconds getYear",
    ),
    (Kind::Date, Gives::Milliseconds, "getTime valueOf"),
    (
        Kind::Date,
        Gives::Text,
        "toDateString toGMTString toISOString toString toTimeString toUTCString",
    ),
    (Kind::Date, Gives::TextOrNull, "toJSON"),
    (Kind::Set, Gives::Boolean, "has"),
    (Kind::Set, Gives::Undefined, "forEach"),
    (Kind::Set, Gives::Iterator, "entries keys values"),
    (Kind::Set, Gives::Text, "toString"),
    (Kind::Set, Gives::Receiver, "valueOf"),
    (Kind::RegExp, Gives::Boolean, "test"),
    (Kind::RegExp, Gives::MatchOrNull, "exec"),
    (Kind::RegExp, Gives::Text, "toString"),
    (Kind::RegExp, Gives::Receiver, "valueOf"),
    (Kind::Iterator, Gives::Object, "next"),
    (Kind::Iterator, Gives::Text, "toString"),
    (Kind::Iterator, Gives::Receiver, "valueOf"),
    (Kind::Function, Gives::Text, "toString"),
    (Kind::Function, Gives::Receiver, "valueOf"),
];

/// Methods that every kind of receiver gives alike.
const EVERYWHERE: &[(Gives, &str)] =
    &[(Gives::Boolean, "hasOwnProperty isPrototypeOf propertyIsEnumerable")];

const FUNCTIONS: &[(&str, Gives, &str)] = &[
    ("", Gives::Text, "Date String"),
    ("", Gives::Text, "decodeURI decodeURIComponent encodeURI encodeURIComponent"),
    ("", Gives::TextOrNullish, "escapeHtml"),
    ("", Gives::Number, "Number parseFloat parseInt"),
    ("", Gives::Boolean, "Boolean isFinite isNaN"),
    ("", Gives::Milliseconds, "ago"),
    ("", Gives::Count, "bucket"),
    ("", Gives::List, "Array"),
    ("", Gives::Anything, "Object"),
    ("", Gives::RegExp, "RegExp"),
    (
        "Math",
        Gives::Number,
        "abs acos acosh asin asinh atan atan2 atanh cbrt clz32 cos cosh exp expm1 fround hypot \
         imul log log10 log1p log2 max min pow random sign sin sinh sqrt tan tanh",
    ),
    ("Math", Gives::Rounded, "ceil floor round trunc"),
    ("String", Gives::Text, "fromCharCode fromCodePoint raw"),
    ("Number", Gives::Boolean, "isFinite isInteger isNaN isSafeInteger"),
    ("Number", Gives::Number, "parseFloat parseInt"),
    ("Array", Gives::Boolean, "isArray"),
    ("Array", Gives::List, "from of"),
    ("Object", Gives::Object, "assign fromEntries groupBy"),
    ("Object", Gives::List, "entries values"),
    ("Object", Gives::Texts, "getOwnPropertyNames keys"),
    ("Object", Gives::Boolean, "hasOwn is isExtensible isFrozen isSealed"),
    ("Object", Gives::Anything, "freeze getOwnPropertyDescriptor getPrototypeOf seal"),
    ("JSON", Gives::Json, "parse"),
    ("JSON", Gives::TextOrUndefined, "stringify"),
    ("Date", Gives::Milliseconds, "UTC now parse"),
    ("new", Gives::Date, "Date"),
    ("new", Gives::Set, "Set"),
    ("new", Gives::RegExp, "RegExp"),
];

static METHOD_ROWS: LazyLock<HashMap<&'static str, Vec<(Kind, Gives)>>> = LazyLock::new(|| {
    let mut rows: HashMap<&'static str, Vec<(Kind, Gives)>> = HashMap::new();
    for (kind, gives, names) in METHODS {
        for name in names.split_ascii_whitespace() {
            rows.entry(name).or_default().push((*kind, *gives));
        }
    }
    rows
});

static FUNCTION_ROWS: LazyLock<HashMap<(&'static str, &'static str), Gives>> =
    LazyLock::new(|| {
        let mut rows = HashMap::new();
        for (namespace, gives, names) in FUNCTIONS {
            for name in names.split_ascii_whitespace() {
                rows.insert((*namespace, name), *gives);
            }
        }
        rows
    });

/// What the method gives on that kind of receiver.
pub(super) fn of_method(kind: Kind, name: &str) -> Option<Gives> {
    let everywhere = EVERYWHERE
        .iter()
        .find(|(_, names)| names.split_ascii_whitespace().any(|known| known == name))
        .map(|(gives, _)| *gives);
    let rows = METHOD_ROWS.get(name).into_iter().flatten();
    everywhere.or_else(|| {
        let mut of_kind = rows.filter(|(known, _)| *known == kind);
        of_kind.next().map(|(_, gives)| *gives)
    })
}

/// What `name(...)` (no namespace), `namespace.name(...)` or `new name(...)` gives.
pub(super) fn of_function(namespace: &str, name: &str) -> Option<Gives> {
    let rows: &HashMap<(&str, &str), Gives> = &FUNCTION_ROWS;
    rows.get(&(namespace, name)).copied()
}

#[cfg(test)]
mod tests {
    use super::super::super::builtins;
    use super::*;

    const KINDS: [Kind; 10] = [
        Kind::String,
        Kind::Array,
        Kind::Number,
        Kind::Boolean,
        Kind::Object,
        Kind::Date,
        Kind::Set,
        Kind::RegExp,
        Kind::Iterator,
        Kind::Function,
    ];

    #[test]
    fn every_method_has_its_row() {
        let mut without = Vec::new();
        for name in builtins::method_names() {
            let method = builtins::method(name).expect("a name of the list");
            let kinds = KINDS.iter().filter(|kind| method.is_of(**kind));
            let missing = kinds.filter(|kind| of_method(**kind, name).is_none());
            without.extend(missing.map(|kind| format!("{kind:?} {name}")));
        }
        assert!(without.is_empty(), "methods without a row: {without:?}");
    }

    #[test]
    fn every_function_has_its_row() {
        let mut without = Vec::new();
        for global in builtins::globals().chain(["new"]) {
            if builtins::function(global, None).is_some() && of_function("", global).is_none() {
                without.push(global.to_owned());
            }
            let members = builtins::members(global);
            let missing = members.filter(|member| of_function(global, member).is_none());
            without.extend(missing.map(|member| format!("{global}.{member}")));
        }
        assert!(without.is_empty(), "functions without a row: {without:?}");
    }
}
