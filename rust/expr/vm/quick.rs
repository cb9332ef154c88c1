//! Quick: what conditions ask most of lists and text, answered by reference.
//!
//! The answers and the prices are those of the built-ins.

use std::borrow::Cow;

use memchr::memmem;

use super::super::error::Fault;
use super::super::limits::{BYTES_PER_FUEL, CALL_FUEL};
use super::super::program::Search;
use super::{Lent, Machine, UNDEFINED};
use crate::value::{Value, ops, string};

impl<'m> Machine<'m> {
    /// Asks for one text in another, or for one value in a list; `None` for other receivers.
    pub(super) fn search(
        &mut self,
        search: Search,
        receiver: &Value,
        wanted: &Value,
    ) -> Result<Option<Value>, Fault> {
        match (receiver, wanted) {
            (Value::String(text), Value::String(wanted)) => {
                self.charge(CALL_FUEL)?;
                self.charge_bytes(2 * text.len())?;
                self.charge_bytes(wanted.len())?;
                Ok(Some(search_text(search, text, wanted)))
            }
            (Value::Array(items), wanted) => {
                // Long texts are compared byte by byte, and paid for so, by the built-in.
                if matches!(wanted, Value::String(text) if text.len() >= BYTES_PER_FUEL) {
                    return Ok(None);
                }
                let found = match search {
                    Search::Includes => {
                        position(items, wanted, |item| ops::same_value_zero(item.element(), wanted))
                    }
                    Search::IndexOf => {
                        position(items, wanted, |item| ops::strict_equals(item, wanted))
                    }
                    Search::EndsWith | Search::StartsWith => return Ok(None),
                };
                self.charge(CALL_FUEL + found.map_or(items.len(), |at| at + 1))?;
                Ok(Some(match search {
                    Search::Includes => Value::Bool(found.is_some()),
                    _ => Value::Number(found.map_or(-1.0, |at| at as f64)),
                }))
            }
            _ => Ok(None),
        }
    }

    /// `list.at(position)`.
    pub(super) fn item_at(&self, list: &Lent<'m>, items: &[Value], position: f64) -> Lent<'m> {
        let at = if position < 0.0 { items.len() as f64 + position } else { position };
        if at < 0.0 || at >= items.len() as f64 {
            return Cow::Borrowed(&UNDEFINED);
        }
        lent_item(list, at as usize)
    }

    /// `list.slice(start, end)[index]`.
    pub(super) fn slice_item(
        &mut self,
        list: &Lent<'m>,
        start: f64,
        end: f64,
        index: u32,
    ) -> Result<Lent<'m>, Fault> {
        let length = list.items().map_or(0, |items| items.len()) as f64;
        let bound = |position: f64| {
            let at = if position < 0.0 { (length + position).max(0.0) } else { position };
            at.min(length) as usize
        };
        let (start, end) = (bound(start), bound(end));
        let count = end.saturating_sub(start);
        self.charge(CALL_FUEL)?;
        self.charge_list(count)?;
        Ok(if (index as usize) < count {
            lent_item(list, start + index as usize)
        } else {
            Cow::Borrowed(&UNDEFINED)
        })
    }
}

/// An element as it is lent: borrowed from a list that is.
pub(super) fn lent_item<'m>(list: &Lent<'m>, at: usize) -> Lent<'m> {
    let element = |items: &'m [Value]| items.get(at).map_or(&UNDEFINED, Value::element);
    match list {
        Cow::Borrowed(Value::Array(items)) => Cow::Borrowed(element(items)),
        Cow::Owned(Value::Array(items)) => {
            Cow::Owned(items.get(at).map_or(Value::Undefined, |item| item.element().clone()))
        }
        _ => Cow::Borrowed(&UNDEFINED),
    }
}

fn search_text(search: Search, text: &str, wanted: &str) -> Value {
    match search {
        Search::StartsWith => Value::Bool(text.starts_with(wanted)),
        Search::EndsWith => Value::Bool(text.ends_with(wanted)),
        Search::Includes => Value::Bool(find(text, wanted).is_some()),
        Search::IndexOf => Value::Number(
            find(text, wanted).map_or(-1.0, |at| string::units_before(text, at) as f64),
        ),
    }
}

/// Where a text stands in another, in bytes.
fn find(text: &str, wanted: &str) -> Option<usize> {
    match wanted.as_bytes() {
        [] => Some(0),
        [byte] => memchr::memchr(*byte, text.as_bytes()),
        wanted => memmem::find(text.as_bytes(), wanted),
    }
}

/// The first item that is like `wanted`; texts, which are asked for most, without a call each.
fn position(items: &[Value], wanted: &Value, alike: impl Fn(&Value) -> bool) -> Option<usize> {
    match wanted {
        Value::String(wanted) => items
            .iter()
            .position(|item| matches!(item, Value::String(text) if text.as_str() == wanted)),
        _ => items.iter().position(alike),
    }
}
