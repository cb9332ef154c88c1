//! Offer expressions: JavaScript's semantics, compiled once, evaluated many times.
//!
//! Text becomes tokens (`lexer`), tokens a tree (`parser`, `ast`), the tree a program of slots and
//! fused member chains (`compiler`, `program`), and the program a value (`vm`, `builtins`), under
//! fuel (`limits`). This module never heard of profiles or HTTP: it sees slots.

mod ast;
mod builtins;
mod compiler;
pub mod error;
mod lexer;
pub mod limits;
mod operators;
mod parser;
mod program;
mod refused;
pub mod template;
mod vm;

pub use error::{CompileError, EvalError, EvalErrorKind, Span};
pub use limits::Fuel;
pub use program::Program;
pub use template::Template;
pub use vm::Vm;

use std::borrow::Cow;

use crate::value::{Text, Value};

/// Interns the names of `EVENT.<field>` that the programs of one plan read: name -> field index.
#[derive(Clone, Debug, Default)]
pub struct FieldTable {
    names: Vec<Text>,
    whole: bool,
}

impl FieldTable {
    /// The index of `name`, given a new one when it is not yet known.
    pub fn intern(&mut self, name: &str) -> u32 {
        match self.names.iter().position(|known| known == name) {
            Some(index) => index as u32,
            None => {
                self.names.push(Text::new(name));
                (self.names.len() - 1) as u32
            }
        }
    }

    /// Field names by index.
    pub fn names(&self) -> &[Text] {
        &self.names
    }

    /// Notes that some program reads `EVENT` as an object (`EVENT[name]`, `Object.keys(EVENT)`).
    pub fn need_whole(&mut self) {
        self.whole = true;
    }

    /// Whether some program reads `EVENT` as an object.
    pub fn needs_whole(&self) -> bool {
        self.whole
    }
}

/// What `PROFILE` is while compiling.
pub enum ProfileNames<'a> {
    /// A configuration's slots: `PROFILE.<name>` compiles to the slot that the function gives.
    Slots(&'a dyn ProfileSlots),
    /// Outside a configuration: an ordinary object (`Scope::profile_object`).
    Object,
    /// Not readable here, with the sentence that says so (an event's filter sees EVENT only).
    Absent(&'static str),
}

/// The names a configuration gives to `PROFILE.<name>`.
pub trait ProfileSlots {
    /// The slot of a declared name.
    fn slot(&self, name: &str) -> Option<u32>;
    /// All declared names, for suggestions.
    fn names(&self) -> Vec<&str>;
}

/// What the names of an expression resolve to while it is compiled.
pub struct Names<'a> {
    /// `PROFILE`.
    pub profile: ProfileNames<'a>,
    /// `EVENT.<field>` is interned here.
    pub fields: &'a mut FieldTable,
    /// `ITEM` and the names of `let`, by local index; of equal names the last wins.
    pub locals: &'a [Text],
}

/// What a program reads while it runs.
pub trait Scope {
    /// `PROFILE.<name>` by slot.
    fn profile(&self, slot: u32) -> Cow<'_, Value>;
    /// `PROFILE` as an object (outside a configuration only).
    fn profile_object(&self) -> &Value;
    /// `EVENT.<field>` by field index; `undefined` when absent.
    fn field(&self, index: u32) -> &Value;
    /// `EVENT` as an object; asked for only when the field table needs the whole.
    fn event(&self) -> &Value;
    /// A local by index.
    fn local(&self, index: u32) -> &Value;
    /// Processing time, epoch milliseconds (`ago`).
    fn now_ms(&self) -> i64;
    /// The profile's id as text (`PROFILE.rid`, `bucket`); `None` outside a profile.
    fn rid(&self) -> Option<Text>;
}

/// Compiles one bare expression (`if`, `let`, `each`).
///
/// # Errors
/// The first mistake, with its span in `source`.
pub fn compile(source: &str, names: &mut Names<'_>) -> Result<Program, CompileError> {
    let expr = parser::parse(source)?;
    compiler::compile(source, &expr, names)
}
