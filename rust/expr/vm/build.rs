//! Building text, lists and maps, within the limits, paid for.

use std::borrow::Cow;

use super::super::builtins::MATCH_NAMES;
use super::super::error::{EvalErrorKind, Fault};
use super::super::limits::{
    BYTES_PER_FUEL, LIST_FUEL, LIST_ITEMS_MAX, MAP_FUEL, NAME_FUEL, STRING_BYTES_MAX, TEXT_FUEL,
    VALUE_DEPTH_MAX,
};
use super::super::operators::too_long;
use super::super::program::{Entry, Item, Node};
use super::{Lent, Machine, char_value, index_name, kind_of, too_many, unit_value};
use crate::value::{Instance, Text, Value, string};

impl<'m> Machine<'m> {
    /// A list whose elements are written out.
    pub(super) fn list<const TRACED: bool>(
        &mut self,
        nodes: &'m [Node],
    ) -> Result<Lent<'m>, Fault> {
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            items.push(self.eval::<TRACED>(node)?.into_owned());
        }
        self.array(items).map(Cow::Owned)
    }

    /// A list with `...` in it.
    pub(super) fn spread<const TRACED: bool>(
        &mut self,
        elements: &'m [Item],
    ) -> Result<Lent<'m>, Fault> {
        let mut out = Vec::new();
        for element in elements {
            let value = self.eval::<TRACED>(&element.node)?;
            if element.spread {
                let items = self.iterate(&value).map_err(|fault| fault.at(&element.node.span))?;
                if out.len() + items.len() > LIST_ITEMS_MAX {
                    return Err(too_many());
                }
                self.charge(items.len())?;
                out.extend(items.iter().map(|item| item.element().clone()));
            } else {
                self.charge(1)?;
                out.push(value.into_owned());
            }
        }
        self.array(out).map(Cow::Owned)
    }

    /// A map whose names are written out.
    pub(super) fn written<const TRACED: bool>(
        &mut self,
        names: &'m [Text],
        nodes: &'m [Node],
    ) -> Result<Lent<'m>, Fault> {
        let mut entries = Vec::with_capacity(names.len());
        for (name, node) in names.iter().zip(nodes) {
            entries.push((name.clone(), self.eval::<TRACED>(node)?.into_owned()));
        }
        self.object(entries).map(Cow::Owned)
    }

    /// A map with `...` or computed names in it.
    pub(super) fn entries<const TRACED: bool>(
        &mut self,
        entries: &'m [Entry],
    ) -> Result<Lent<'m>, Fault> {
        let mut out = Vec::new();
        for entry in entries {
            match entry {
                Entry::Named(name, node) => {
                    self.charge(1)?;
                    out.push((name.clone(), self.eval::<TRACED>(node)?.into_owned()));
                }
                Entry::Computed(name, node) => {
                    self.charge(1)?;
                    let name_value = self.eval::<TRACED>(name)?;
                    let text = self.text_of(&name_value).map_err(|fault| fault.at(&name.span))?;
                    out.push((text, self.eval::<TRACED>(node)?.into_owned()));
                }
                Entry::Spread(node) => {
                    let value = self.eval::<TRACED>(node)?;
                    self.charge(2)?;
                    out.extend(self.own_entries(&value)?);
                }
            }
            if out.len() > LIST_ITEMS_MAX {
                return Err(too_many());
            }
        }
        self.object(out).map(Cow::Owned)
    }

    /// The entries that `...` copies into a map: a map's, a list's by index, a text's units.
    pub(super) fn own_entries(&mut self, value: &Value) -> Result<Vec<(Text, Value)>, Fault> {
        if let Value::Object(object) = value {
            self.charge(object.len())?;
            return Ok(object.entries().to_vec());
        }
        if let Value::Instance(instance) = value
            && let Instance::Match(found) = &**instance
        {
            let items = found.items();
            self.charge(items.len() + MATCH_NAMES.len())?;
            let named = |name| instance.property(name).map(|value| (Text::new_static(name), value));
            let entries = items.iter().cloned().enumerate();
            let entries = entries.map(|(at, item)| (index_name(at), item));
            return Ok(entries.chain(MATCH_NAMES.into_iter().filter_map(named)).collect());
        }
        let items = self.own_items(value)?;
        // Each is given a name that is spelt for it.
        self.charge(items.len() * NAME_FUEL)?;
        let items = items.into_iter().enumerate();
        Ok(items
            .filter(|(_, item)| !matches!(item, Value::Hole))
            .map(|(at, item)| (index_name(at), item))
            .collect())
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
                // A text is made of each character.
                self.charge(text.len() * 3 / 4)?;
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
                // A text is made of each.
                self.charge(4 * length)?;
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
        self.charge(TEXT_FUEL + text.len() / BYTES_PER_FUEL)?;
        Ok(Value::String(text))
    }

    /// A new list, within the limit.
    pub(in super::super) fn array(&mut self, items: Vec<Value>) -> Result<Value, Fault> {
        if items.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.charge_list(items.len())?;
        Ok(Value::array(items))
    }

    /// The price of a new list.
    pub(super) fn charge_list(&mut self, items: usize) -> Result<(), Fault> {
        self.containers += 1;
        self.charge(LIST_FUEL + items)
    }

    /// A new map, within the limit.
    pub(in super::super) fn object(&mut self, entries: Vec<(Text, Value)>) -> Result<Value, Fault> {
        if entries.len() > LIST_ITEMS_MAX {
            return Err(too_many());
        }
        self.containers += 1;
        // Four an entry: names are looked at, and sorted when there are many.
        self.charge(MAP_FUEL + entries.len() * 4)?;
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
        let inner = match value {
            Value::Array(items) => items,
            Value::Object(object) => {
                let Some(levels) = levels.checked_sub(1) else { return Err(too_deep()) };
                self.charge(object.len() / BYTES_PER_FUEL + 1)?;
                let mut entries = object.entries().iter();
                return entries.try_for_each(|(_, item)| self.check_depth(item, levels));
            }
            // What is no data is dropped level by level all the same.
            Value::Instance(instance) => match &**instance {
                Instance::Set(set) => set.items(),
                Instance::Iterator(iter) => iter.items(),
                Instance::Match(found) => found.items(),
                Instance::Date(_) | Instance::RegExp(_) | Instance::Function(_) => return Ok(()),
            },
            _ => return Ok(()),
        };
        let Some(levels) = levels.checked_sub(1) else { return Err(too_deep()) };
        self.charge(inner.len() / BYTES_PER_FUEL + 1)?;
        inner.iter().try_for_each(|item| self.check_depth(item, levels))
    }
}

#[cold]
fn too_deep() -> Fault {
    Fault::new(EvalErrorKind::Limit, format!("a value nests deeper than {VALUE_DEPTH_MAX} levels"))
}
