//! How a JavaScript engine is asked for an expression: a function compiled once, called per run.
//!
//! Which way of reaching `PROFILE` and `EVENT` is fastest depends on the engine and the case, so
//! all three are measured.

/// Where the function finds `PROFILE` and `EVENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// They are its arguments.
    Arguments,
    /// They are global names.
    Globals,
    /// They are variables of the function that made it.
    Captured,
}

impl Reach {
    /// All of them.
    pub const ALL: [Reach; 3] = [Reach::Arguments, Reach::Globals, Reach::Captured];

    /// The way's name.
    pub fn name(self) -> &'static str {
        match self {
            Reach::Arguments => "arguments",
            Reach::Globals => "globals",
            Reach::Captured => "captured",
        }
    }

    /// A script whose value is the function to call; of `Captured`, the function that makes it.
    pub fn script(self, expression: &str) -> String {
        match self {
            Reach::Arguments => {
                format!("'use strict'; (function (PROFILE, EVENT) {{ return ({expression}); }})")
            }
            Reach::Globals => format!("'use strict'; (function () {{ return ({expression}); }})"),
            Reach::Captured => format!(
                "'use strict'; (function (PROFILE, EVENT) {{ \
                 return function () {{ return ({expression}); }}; }})"
            ),
        }
    }
}
