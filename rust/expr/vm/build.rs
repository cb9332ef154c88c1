//! Building text, lists and maps, within the limits, paid for.

use std::borrow::Cow;

use super::super::error::{EvalErrorKind, Fault};
use super::super::limits::{BYTES_PER_FUEL, LIST_ITEMS_MAX, STRING_BYTES_MAX, VALUE_DEPTH_MAX};
use super::super::operators::too_long;
use super::super::program::Op;
use super::{Machine, char_value, index_name, kind_of, too_many, unit_value};
use crate::value::{Instance, Text, Value, string};

impl Machine<'_> {
    /// Instructions that build text, lists and maps.
    pub(super) fn build(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::Concatenate(count) => {
                let parts = self.take_arguments(count as usize);
                let mut out = String::new();
                for part in &parts {
                    out.push_str(&self.text_of(part)?);
                    if out.len() > STRING_BYTES_MAX {
                        return Err(too_long());
                    }
                }
                self.recycle(parts);
                let value = self.text(out)?;
                self.push(value);
            }
            Op::MakeArray(count) => {
                let first = self.vm.stack.len() - count as usize;
                let items = self.vm.stack.split_off(first);
                let value = self.array(items)?;
                self.push(value);
            }
            Op::MakeObject(shape) => {
                let names = &self.program.shapes[shape as usize];
                let first = self.vm.stack.len() - names.len();
                let values = self.vm.stack.drain(first..);
                let entries = names.iter().cloned().zip(values).collect();
                let value = self.object(entries)?;
                self.push(value);
            }
            Op::ListStart => self.vm.lists.push(Vec::new()),
            Op::ListPush => {
                let item = self.pop();
                self.extend_list([item])?;
            }
            Op::ListSpread => {
                let value = self.pop();
                let items = self.iterate(&value)?;
                self.extend_list(items.iter().cloned())?;
            }
            Op::ListEnd => {
                let items = self.vm.lists.pop().unwrap_or_default();
                let value = self.array(items)?;
                self.push(value);
            }
            _ => self.build_entries(op)?,
        }
        Ok(())
    }

    pub(super) fn build_entries(&mut self, op: Op) -> Result<(), Fault> {
        match op {
            Op::EntriesStart => self.vm.entries.push(Vec::new()),
            Op::EntriesPush(name) => {
                let value = self.pop();
                if let Value::String(name) = &self.program.constants[name as usize] {
                    self.extend_entries([(name.clone(), value)])?;
                }
            }
            Op::EntriesPushComputed => {
                let value = self.pop();
                let name = self.pop();
                let name = self.text_of(&name)?;
                self.extend_entries([(name, value)])?;
            }
            Op::EntriesSpread => match self.pop() {
                Value::Object(object) => self.extend_entries(object.entries().iter().cloned())?,
                value @ (Value::Array(_) | Value::String(_)) => {
                    let items = self.own_items(&value)?;
                    let entries =
                        items.into_iter().enumerate().map(|(at, item)| (index_name(at), item));
                    let entries = entries.filter(|(_, item)| !matches!(item, Value::Hole));
                    self.extend_entries(entries)?;
                }
                _ => {}
            },
            Op::EntriesEnd => {
                let entries = self.vm.entries.pop().unwrap_or_default();
                let value = self.object(entries)?;
                self.push(value);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn extend_list(
        &mut self,
        items: impl IntoIterator<Item = Value>,
    ) -> Result<(), Fault> {
        let Some(list) = self.vm.lists.last_mut() else { return Ok(()) };
        let before = list.len();
        list.extend(items.into_iter().take(LIST_ITEMS_MAX + 1));
        let added = list.len() - before;
        if list.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.charge(added)
    }

    pub(super) fn extend_entries(
        &mut self,
        entries: impl IntoIterator<Item = (Text, Value)>,
    ) -> Result<(), Fault> {
        let Some(list) = self.vm.entries.last_mut() else { return Ok(()) };
        let before = list.len();
        list.extend(entries.into_iter().take(LIST_ITEMS_MAX + 1));
        let added = list.len() - before;
        if list.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.charge(added)
    }

    /// What spreading the value gives: a list's items, a text's characters.
    pub(in super::super) fn iterate<'v>(
        &mut self,
        value: &'v Value,
    ) -> Result<Cow<'v, [Value]>, Fault> {
        match value {
            Value::Array(items) if items.iter().any(|item| matches!(item, Value::Hole)) => {
                Ok(Cow::Owned(items.iter().map(|item| item.element().clone()).collect()))
            }
            Value::Array(items) => Ok(Cow::Borrowed(items)),
            Value::Instance(instance) => match &**instance {
                Instance::Match(found) => Ok(Cow::Borrowed(found.items())),
                Instance::Set(set) => Ok(Cow::Borrowed(set.items())),
                Instance::Iterator(iter) => Ok(Cow::Borrowed(iter.items())),
                _ => Err(Fault::type_error(format!("{} is not iterable", kind_of(value)))),
            },
            Value::String(text) => {
                self.charge_bytes(text.len())?;
                if text.len() > LIST_ITEMS_MAX && text.chars().count() > LIST_ITEMS_MAX {
                    return Err(too_many());
                }
                Ok(Cow::Owned(text.chars().map(char_value).collect()))
            }
            _ => Err(Fault::type_error(format!("{} is not iterable", kind_of(value)))),
        }
    }

    /// Items by index as own properties: a list's, or a text's units.
    pub(in super::super) fn own_items(&mut self, value: &Value) -> Result<Vec<Value>, Fault> {
        match value {
            Value::Array(items) => {
                self.charge(items.len())?;
                Ok(items.to_vec())
            }
            Value::String(text) => {
                let length = string::length(text);
                self.charge(length)?;
                if length > LIST_ITEMS_MAX {
                    return Err(too_many());
                }
                if text.is_ascii() {
                    return Ok(text.chars().map(char_value).collect());
                }
                let units: Vec<u16> = text.encode_utf16().collect();
                Ok(units.into_iter().map(unit_value).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Text as a value, within the limit.
    pub(in super::super) fn text(&mut self, text: impl Into<Text>) -> Result<Value, Fault> {
        let text = text.into();
        if text.len() > STRING_BYTES_MAX {
            return Err(too_long());
        }
        self.charge_bytes(text.len())?;
        Ok(Value::String(text))
    }

    /// A new list, within the limit.
    pub(in super::super) fn array(&mut self, items: Vec<Value>) -> Result<Value, Fault> {
        if items.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.containers += 1;
        self.charge(items.len())?;
        Ok(Value::array(items))
    }

    /// A new map, within the limit.
    pub(in super::super) fn object(&mut self, entries: Vec<(Text, Value)>) -> Result<Value, Fault> {
        if entries.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.containers += 1;
        // Three an entry: names are sorted when there are many.
        self.charge(entries.len() * 3)?;
        Ok(Value::object(entries))
    }

    /// Counts a list or map that was made elsewhere.
    pub(in super::super) fn count_container(&mut self) {
        self.containers += 1;
    }

    /// Lists and maps made so far.
    pub(in super::super) fn containers(&self) -> usize {
        self.containers
    }

    /// Refuses a value of more than `levels` levels; pays for every part.
    pub(in super::super) fn check_depth(
        &mut self,
        value: &Value,
        levels: usize,
    ) -> Result<(), Fault> {
        let deeper = |machine: &mut Self, value: &Value| match value {
            Value::Array(_) | Value::Object(_) => match levels.checked_sub(1) {
                Some(levels) => machine.check_depth(value, levels),
                None => Ok(()),
            },
            _ => Ok(()),
        };
        match value {
            Value::Array(items) => {
                if levels == 0 {
                    return Err(too_deep());
                }
                self.charge(items.len() / BYTES_PER_FUEL + 1)?;
                items.iter().try_for_each(|item| deeper(self, item))
            }
            Value::Object(object) => {
                if levels == 0 {
                    return Err(too_deep());
                }
                self.charge(object.len() / BYTES_PER_FUEL + 1)?;
                object.entries().iter().try_for_each(|(_, item)| deeper(self, item))
            }
            _ => Ok(()),
        }
    }
}

#[cold]
fn too_deep() -> Fault {
    Fault::new(EvalErrorKind::Limit, format!("a value nests deeper than {VALUE_DEPTH_MAX} levels"))
}
