//! Refused: what JavaScript has and this language has not, each with its own sentence.
//!
//! `E0303` is refused for good (page 3.1), `E0302` is not in this version or not built yet.

use super::error::{CompileError, Span};
use super::lexer::TokenKind;

/// Words that name constructs or reach outside the sandbox.
const WORDS: &[(&str, &str, &str)] = &[
    ("this", "`this` is not allowed", "name what you mean: PROFILE, EVENT or a parameter"),
    ("function", "`function` is not allowed", "write an arrow function: x => expression"),
    ("class", "`class` is not allowed", "use objects: {name: value}"),
    ("async", "`async` is not allowed", "expressions never wait: leave it out"),
    ("await", "`await` is not allowed", "expressions never wait: leave it out"),
    ("yield", "`yield` is not allowed", "build a list with map or flatMap"),
    (
        "delete",
        "`delete` is not allowed",
        "values never change: build a new object without the name",
    ),
    ("import", "`import` is not allowed", "only the built-ins of the language reference exist"),
    ("export", "`export` is not allowed", "write one expression"),
    ("super", "`super` is not allowed", "write one expression"),
    ("if", "statements are not allowed: `if`", "write condition ? value : other"),
    ("else", "statements are not allowed: `else`", "write condition ? value : other"),
    ("for", "statements are not allowed: `for`", "use map, filter, reduce, some or every"),
    ("while", "statements are not allowed: `while`", "use map, filter, reduce, some or every"),
    ("do", "statements are not allowed: `do`", "use map, filter, reduce, some or every"),
    ("return", "statements are not allowed: `return`", "write the value itself"),
    ("throw", "statements are not allowed: `throw`", "yield `undefined` instead"),
    ("try", "statements are not allowed: `try`", "use ?. and ?? where something may be missing"),
    (
        "catch",
        "statements are not allowed: `catch`",
        "use ?. and ?? where something may be missing",
    ),
    ("finally", "statements are not allowed: `finally`", "write one expression"),
    ("switch", "statements are not allowed: `switch`", "write condition ? value : other"),
    ("case", "statements are not allowed: `case`", "write condition ? value : other"),
    ("default", "statements are not allowed: `default`", "write condition ? value : other"),
    ("break", "statements are not allowed: `break`", "write one expression"),
    ("continue", "statements are not allowed: `continue`", "write one expression"),
    ("var", "statements are not allowed: `var`", "name values with `let` in the configuration"),
    ("let", "statements are not allowed: `let`", "name values with `let` in the configuration"),
    ("const", "statements are not allowed: `const`", "name values with `let` in the configuration"),
    ("with", "statements are not allowed: `with`", "write one expression"),
    ("debugger", "statements are not allowed: `debugger`", "use p13n eval"),
    ("enum", "`enum` is not allowed", "use objects: {name: value}"),
    ("instanceof", "`instanceof` is not allowed", "use typeof or Array.isArray"),
    (
        "globalThis",
        "`globalThis` is not allowed",
        "only the built-ins of the language reference exist",
    ),
    ("window", "`window` is not allowed", "only the built-ins of the language reference exist"),
    ("eval", "`eval` is not allowed", "write the expression itself"),
    ("Function", "`Function` is not allowed", "write an arrow function: x => expression"),
    ("arguments", "`arguments` is not allowed", "write a rest parameter: (...list) => list"),
];

/// The error for a word that may not stand as a name.
pub(super) fn word(name: &str, span: Span) -> Option<CompileError> {
    let (_, message, help) = WORDS.iter().find(|(word, _, _)| *word == name)?;
    Some(CompileError::new("E0303", span, *message).help(*help))
}

/// What to write for an operator that another language spells as a word.
pub(super) fn foreign_operator(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "and" => "write && instead",
        "or" => "write || instead",
        "is" | "eq" => "write === instead",
        "not" => "write ! before the value",
        "contains" => "write left.includes(right)",
        "startswith" => "write left.startsWith(right)",
        "endswith" => "write left.endsWith(right)",
        "like" | "matches" => "write text.includes(part), startsWith or endsWith",
        "between" => "write a <= x && x <= b",
        "xor" => "write a !== b",
        "mod" => "write % instead",
        "then" | "unless" => "write condition ? value : other",
        _ => return None,
    })
}

/// What to write for a value that another language spells in its own way.
pub(super) fn foreign_value(word: &str) -> Option<&'static str> {
    Some(match word {
        "True" | "TRUE" | "yes" | "on" => "write true",
        "False" | "FALSE" | "no" | "off" => "write false",
        "None" | "NULL" | "nil" => "write null",
        "Set" => "write new Set(list)",
        "escape" => "write encodeURIComponent(text)",
        "unescape" => "write decodeURIComponent(text)",
        "Map" | "WeakMap" => "write an object: {name: value}",
        "BigInt" => "numbers are doubles: write Number(value)",
        "Symbol" | "Proxy" | "Reflect" | "Promise" | "require" | "module" => {
            "only the built-ins of the language reference exist"
        }
        "document" | "navigator" | "location" | "process" | "global" | "self" => {
            "an expression sees PROFILE, EVENT and the built-ins, nothing else"
        }
        "console" => "an expression has no output: try it with p13n eval",
        "fetch" | "setTimeout" | "setInterval" | "alert" => {
            "an expression gives a value and does nothing else"
        }
        "len" | "length" | "count" | "size" => "write value.length",
        "upper" | "lower" => "write text.toUpperCase() or text.toLowerCase()",
        "str" => "write String(value)",
        "int" => "write Math.trunc(Number(value))",
        "float" => "write Number(value)",
        "abs" | "ceil" | "floor" | "max" | "min" | "pow" | "round" | "sqrt" => {
            "write Math. before it"
        }
        "now" => "write Date.now()",
        "ITEM" => "ITEM is the element of a rule with `each`; this rule has none",
        _ => return None,
    })
}

/// Methods of other languages and libraries, and what to write instead.
const FOREIGN_METHODS: &[(&str, &str)] = &[
    ("contains", "write includes"),
    ("toUpper", "write toUpperCase"),
    ("upper", "write toUpperCase"),
    ("toLower", "write toLowerCase"),
    ("lower", "write toLowerCase"),
    ("strip", "write trim"),
    ("any", "write some"),
    ("exists", "write some"),
    ("all", "write every"),
    ("length", "`length` is no method: write it without ()"),
    ("size", "write .length without ()"),
    ("count", "write .length without ()"),
    ("first", "write [0]"),
    ("last", "write .at(-1)"),
    ("isEmpty", "write .length === 0"),
];

/// What to write for a method that is another language's.
pub(super) fn foreign_method(name: &str) -> Option<&'static str> {
    FOREIGN_METHODS.iter().find(|(method, _)| *method == name).map(|(_, help)| *help)
}

/// Refuses members that reach for prototypes and constructors.
pub(super) fn member(name: &str, span: Span) -> Result<(), CompileError> {
    if !matches!(name, "constructor" | "prototype" | "__proto__") {
        return Ok(());
    }
    Err(CompileError::new("E0303", span, format!("`{name}` is not allowed"))
        .help("values have no prototypes here; rename the field if it is yours"))
}

/// The error for an assignment operator.
pub(super) fn assignment(punct: &str, span: Span) -> Option<CompileError> {
    match punct {
        "++" | "--" => Some(
            CompileError::new(
                "E0303",
                span,
                format!("`{punct}` is not allowed: values never change"),
            )
            .help(if punct == "++" { "write x + 1" } else { "write x - 1" }),
        ),
        "=" => Some(
            CompileError::new("E0303", span, "assignment is not allowed: values never change")
                .help("to compare, write === instead of ="),
        ),
        "+=" | "-=" | "*=" | "/=" | "%=" | "**=" | "<<=" | ">>=" | ">>>=" | "&=" | "|=" | "^="
        | "&&=" | "||=" | "??=" => Some(
            CompileError::new(
                "E0303",
                span,
                format!("assignment is not allowed: values never change (`{punct}`)"),
            )
            .help(format!("write x {} y", punct.trim_end_matches('='))),
        ),
        _ => None,
    }
}

/// The error for an operator that JavaScript spells otherwise: what stands around `span` tells.
pub(super) fn misspelt_operator(source: &str, span: &Span) -> Option<CompileError> {
    let (before, after) = (source.get(..span.start)?, source.get(span.end..)?);
    let (start, end, help) = match source.get(span.clone())? {
        ">" if before.ends_with('<') => (1, 0, "write !== instead of <>"),
        "=" if after.starts_with('<') => (0, 1, "write <= instead of =<"),
        "=" if before.ends_with("!==") => (3, 0, "write !== instead of !==="),
        "=" if before.ends_with("===") => (3, 0, "write === instead of ===="),
        "=" if after.starts_with('!') => (0, 1, "write !== instead of =!"),
        _ => return None,
    };
    let whole = span.start - start..span.end + end;
    let message = format!("there is no operator `{}`", &source[whole.clone()]);
    Some(CompileError::new("E0301", whole, message).help(help))
}

/// The error for the comma operator.
pub(super) fn comma(span: Span) -> CompileError {
    CompileError::new("E0303", span, "the comma operator is not allowed")
        .help("write one expression; lists stand in [ ]")
}

/// The error for punctuation that is refused wherever it stands.
pub(super) fn punctuation(punct: &str, span: Span) -> Option<CompileError> {
    match punct {
        "," => Some(comma(span)),
        ";" => Some(
            CompileError::new("E0303", span, "statements are not allowed: `;`")
                .help("write one expression without `;`"),
        ),
        "=>" => Some(
            CompileError::new("E0303", span, "an arrow function stands only as an argument")
                .help("pass it to a method: list.map(x => x.value)"),
        ),
        "#" => Some(
            CompileError::new("E0303", span, "`#` is not allowed")
                .help("a comment starts with //, a name with a letter, `_` or `$`"),
        ),
        "@" => Some(
            CompileError::new("E0303", span, "`@` is not allowed")
                .help("text stands in quotes: \"a@b\""),
        ),
        _ => assignment(punct, span),
    }
}

/// The error for `new …`.
pub(super) fn construction(what: &TokenKind, span: Span) -> CompileError {
    match what {
        TokenKind::Name(name) if name == "RegExp" => dynamic_pattern(span),
        TokenKind::Name(name) => {
            let help = match name.as_str() {
                "Object" | "Map" | "WeakMap" => "write an object: {name: value}",
                "Array" => "write a list: [1, 2], or Array.from({length: 3})",
                "Number" | "String" | "Boolean" => "leave `new` out",
                "Error" | "TypeError" | "RangeError" => "yield `undefined` instead",
                "Promise" => "expressions never wait: write the value itself",
                "Function" => "write an arrow function: x => expression",
                _ => "write values as literals: [1, 2], {name: value}, \"text\"",
            };
            CompileError::new("E0303", span, format!("`new {name}` is not allowed")).help(help)
        }
        _ => CompileError::new("E0303", span, "`new` is not allowed")
            .help("write values as literals: [1, 2], {name: value}, \"text\""),
    }
}

/// The error for a regular expression from text.
pub(super) fn dynamic_pattern(span: Span) -> CompileError {
    let message = "`RegExp` is not allowed: regular expressions are compiled with the expression";
    CompileError::new("E0303", span, message).help("write a literal: /pattern/flags")
}

/// `setFullYear`, `setUTCHours` and their like.
fn is_date_setter(name: &str) -> bool {
    name.strip_prefix("set").is_some_and(|rest| {
        matches!(
            rest.strip_prefix("UTC").unwrap_or(rest),
            "Year"
                | "FullYear"
                | "Month"
                | "Date"
                | "Hours"
                | "Minutes"
                | "Seconds"
                | "Milliseconds"
                | "Time"
        )
    })
}

const MUTATORS: &[(&str, &str)] = &[
    ("push", "write [...list, item]"),
    ("pop", "write list.slice(0, -1), or list.at(-1) for the item"),
    ("shift", "write list.slice(1), or list[0] for the item"),
    ("unshift", "write [item, ...list]"),
    ("splice", "write list.toSpliced(start, count)"),
    ("fill", "write list.map(() => value)"),
    ("copyWithin", "write slices: [...list.slice(0, 2), ...list.slice(4)]"),
    ("add", "write new Set([...set, item])"),
    ("delete", "write new Set([...set].filter(item => item !== gone))"),
    ("clear", "write new Set()"),
    ("next", "spread the iterator, or take it apart: [...iterator][0]"),
    ("freeze", "leave it out: every value is frozen"),
    ("isFrozen", "leave it out: every value is frozen"),
    ("seal", "leave it out: every value is sealed"),
    ("isSealed", "leave it out: every value is sealed"),
    ("preventExtensions", "leave it out: no value can be extended"),
    ("isExtensible", "leave it out: no value can be extended"),
    ("set", "build a new object: {...object, name: value}"),
    ("defineProperty", "build a new object: {...object, name: value}"),
    ("defineProperties", "build a new object: {...object, name: value}"),
    ("setPrototypeOf", "values have no prototypes here"),
];

/// The error for a method that exists in JavaScript and is refused or not there yet.
pub(super) fn method(name: &str, span: Span) -> Option<CompileError> {
    if let Some((_, help)) = MUTATORS.iter().find(|(mutator, _)| *mutator == name) {
        let message = format!("`{name}` is not allowed: values never change");
        return Some(CompileError::new("E0303", span, message).help(*help));
    }
    if is_date_setter(name) {
        let message = format!("`{name}` is not allowed: values never change");
        return Some(CompileError::new("E0303", span, message).help(
            "make a new date: new Date(date.getTime() + milliseconds), or new Date(year, month, ...)",
        ));
    }
    match name {
        "compile" => Some(
            CompileError::new("E0303", span, "`compile` is not allowed: values never change")
                .help("write another literal: /pattern/flags"),
        ),
        "localeCompare" | "toLocaleString" | "toLocaleUpperCase" | "toLocaleLowerCase"
        | "toLocaleDateString" | "toLocaleTimeString" => Some(
            CompileError::new(
                "E0303",
                span,
                format!("`{name}` is not allowed: it depends on the place"),
            )
            .help(match name {
                "localeCompare" => "use <: a < b ? -1 : a > b ? 1 : 0",
                "toLocaleUpperCase" => "use toUpperCase",
                "toLocaleLowerCase" => "use toLowerCase",
                "toLocaleString" => "use toFixed for numbers, toISOString for dates",
                _ => "use toISOString, or getFullYear, getMonth, getDate and their like",
            }),
        ),
        "isPrototypeOf"
        | "getPrototypeOf"
        | "create"
        | "getOwnPropertyDescriptor"
        | "getOwnPropertyDescriptors"
        | "getOwnPropertySymbols"
        | "__defineGetter__"
        | "__defineSetter__"
        | "__lookupGetter__"
        | "__lookupSetter__" => Some(
            CompileError::new("E0303", span, format!("`{name}` is not allowed"))
                .help("values have no prototypes here; read names with Object.keys"),
        ),
        "groupBy" => Some(
            CompileError::new("E0303", span, format!("`{name}` is not in ES2023"))
                .help("write reduce, or one filter a group"),
        ),
        "call" | "apply" | "bind" => Some(
            CompileError::new(
                "E0303",
                span,
                format!("`{name}` is not allowed: functions are not values"),
            )
            .help("call the function itself"),
        ),
        _ => None,
    }
}
