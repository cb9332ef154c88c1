//! Group: the parts of the language that are switched on by name.
//!
//! What is refused on purpose in one state of the language is simply not generated.

/// A part of the language beside its core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Core,
    RegExp,
    Date,
    Set,
    Iterators,
    Holes,
    Destructuring,
    JsonFunctions,
    /// Functions read without being called.
    Functions,
    /// `normalize`, `isWellFormed`, `toWellFormed`, `Math.random` left out: it has no expectation.
    MoreText,
}

/// All groups with their names on the command line.
pub const ALL: &[(&str, Group)] = &[
    ("regexp", Group::RegExp),
    ("date", Group::Date),
    ("set", Group::Set),
    ("iterators", Group::Iterators),
    ("holes", Group::Holes),
    ("destructuring", Group::Destructuring),
    ("json_functions", Group::JsonFunctions),
    ("functions", Group::Functions),
    ("more_text", Group::MoreText),
];

/// What the language has today, and so what runs without being asked for.
pub const TODAY: &[Group] = &[
    Group::Date,
    Group::Set,
    Group::Iterators,
    Group::Holes,
    Group::JsonFunctions,
    Group::Destructuring,
    Group::RegExp,
    Group::Functions,
    Group::MoreText,
];
