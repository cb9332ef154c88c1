//! Reads: which two parts of an expression surely give the same value.
//!
//! Everything in this language is a pure function of what it reads but `Math.random`, so two parts
//! of the same shape are the same. Shapes are written out as short keys; what is long has none.

use std::fmt::Write;

use super::super::ast::{ChainPart, ChainPartKind, Element, Expr, ExprKind};
use super::bare;
use crate::value::Value;

/// Bytes of a key; longer shapes are compared with nothing.
const KEY_BYTES_MAX: usize = 200;

/// The key of an expression: equal keys give equal values.
pub(super) fn key(expr: &Expr) -> Option<String> {
    let mut key = String::new();
    write(expr, &mut key)?;
    Some(key)
}

/// The name that a part reads, when it is written out.
pub(super) fn member_name(part: &ChainPart) -> Option<&str> {
    match &part.kind {
        ChainPartKind::Member(name) => Some(name),
        _ => None,
    }
}

fn write(expr: &Expr, key: &mut String) -> Option<()> {
    if key.len() > KEY_BYTES_MAX {
        return None;
    }
    match &bare(expr).kind {
        ExprKind::Literal(value) => literal(value, key)?,
        ExprKind::Name(name) => key.push_str(name),
        ExprKind::Chain { base, parts } => {
            write(base, key)?;
            for part in parts {
                chain_part(part, key)?;
            }
        }
        ExprKind::Unary { operator, operand } => {
            write!(key, "{operator:?}(").ok()?;
            write(operand, key)?;
            key.push(')');
        }
        ExprKind::Binary { first, rest } => {
            key.push('(');
            write(first, key)?;
            for (operator, operand) in rest {
                write!(key, " {operator:?} ").ok()?;
                write(operand, key)?;
            }
            key.push(')');
        }
        _ => return None,
    }
    (key.len() <= KEY_BYTES_MAX).then_some(())
}

fn literal(value: &Value, key: &mut String) -> Option<()> {
    match value {
        Value::Null => key.push_str("null"),
        Value::Bool(truth) => write!(key, "{truth}").ok()?,
        Value::Number(number) => write!(key, "{number}").ok()?,
        Value::String(text) if text.len() <= KEY_BYTES_MAX => write!(key, "{text:?}").ok()?,
        _ => return None,
    }
    Some(())
}

fn chain_part(part: &ChainPart, key: &mut String) -> Option<()> {
    if part.optional {
        key.push('?');
    }
    match &part.kind {
        ChainPartKind::Member(name) if name == "random" => return None,
        ChainPartKind::Member(name) => write!(key, ".{name:?}").ok()?,
        ChainPartKind::Index(index) => {
            key.push('[');
            write(index, key)?;
            key.push(']');
        }
        ChainPartKind::Call(arguments) => {
            key.push('(');
            for Element { spread, value } in arguments {
                key.push_str(if *spread { ",..." } else { "," });
                write(value, key)?;
            }
            key.push(')');
        }
    }
    Some(())
}
