//! Types: what a configuration says of the values that its expressions read.
//!
//! Only advice reads them; nothing runs by them. An attribute's items have the fields that its
//! rules give them now: what an earlier configuration left in a profile may have others.

use super::model::{
    Action, Attribute, AttributeKind, AttributeRule, Configuration, ListAggregation,
};
use super::quantity::is_json_number;
use super::yaml::{Content, Node};
use crate::expr::advice::Type;
use crate::profile::attribute::{Aggregation, DataType, ListFold};
use crate::value::Text;

/// What `PROFILE.<name>` reads, in the order of slots: keys, then each attribute and its windows.
pub fn of_names(configuration: &Configuration) -> Vec<Type> {
    let mut reads: Vec<Type> = Vec::new();
    reads.extend(configuration.keys.iter().map(|_| Type::text().or_undefined()));
    for attribute in &configuration.attributes {
        let own = of_attribute(attribute);
        match &attribute.kind {
            AttributeKind::Counter { windows, .. } => {
                reads.extend(std::iter::repeat_n(own, windows.len() + 1));
            }
            AttributeKind::List { aggregations, .. } => {
                reads.push(own.clone());
                reads.extend(aggregations.iter().map(|entry| of_aggregation(entry, &own)));
            }
            AttributeKind::Single { .. }
            | AttributeKind::Computed { .. }
            | AttributeKind::Imported => reads.push(own),
        }
    }
    reads
}

fn of_aggregation(entry: &ListAggregation, list: &Type) -> Type {
    match entry.fold {
        ListFold::First | ListFold::Last => field_of(entry, list).or_undefined(),
        ListFold::Distinct => Type::list_of(field_of(entry, list)),
        ListFold::Sum => Type::number(),
        ListFold::Min | ListFold::Max => Type::number().or_undefined(),
        ListFold::Count => Type::count(),
    }
}

/// What an item's field is where the item has it.
fn field_of(entry: &ListAggregation, list: &Type) -> Type {
    list.element().known_field(&entry.field).unwrap_or_else(Type::json).never_null()
}

/// What a value is that was converted to a data type.
fn of_data_type(data_type: DataType) -> Type {
    match data_type {
        DataType::Number => Type::number(),
        DataType::String => Type::text(),
        DataType::Boolean => Type::boolean(),
        DataType::Timestamp => Type::milliseconds(),
        DataType::StringArray => Type::list_of(Type::text()),
        DataType::NumberArray => Type::list_of(Type::number()),
    }
}

fn of_attribute(attribute: &Attribute) -> Type {
    match &attribute.kind {
        AttributeKind::Counter { by: Some(_), .. } => Type::map(),
        AttributeKind::Counter { .. } if attribute.rules.iter().all(counts) => Type::count(),
        AttributeKind::Counter { .. } => Type::number(),
        AttributeKind::Single { aggregation, .. } => match aggregation {
            Aggregation::Count => Type::count().or_undefined(),
            Aggregation::Sum | Aggregation::Min | Aggregation::Max | Aggregation::Mean => {
                Type::number().or_undefined()
            }
            // `null` clears a single.
            Aggregation::Last | Aggregation::First => match attribute.data_type {
                Some(data_type) => of_data_type(data_type).or_undefined(),
                None => Type::json().never_null(),
            },
        },
        AttributeKind::Imported => match attribute.data_type {
            Some(data_type) => of_data_type(data_type).or_undefined(),
            None => Type::json().never_null(),
        },
        AttributeKind::Computed { .. } => match attribute.data_type {
            Some(data_type) => of_data_type(data_type).or_undefined(),
            None => Type::json(),
        },
        AttributeKind::List { fields, .. } => {
            let items = attribute.rules.iter().filter_map(|rule| match &rule.action {
                Action::Set(node) => Some(item_of(node, attribute.data_type, fields)),
                _ => None,
            });
            Type::list_of(items.reduce(Type::or).unwrap_or_else(Type::unknown))
        }
    }
}

/// Whether a rule of a counter adds nothing but whole numbers from 0.
fn counts(rule: &AttributeRule) -> bool {
    match &rule.action {
        Action::Set(node) => node.scalar().is_some_and(|scalar| {
            is_json_number(&scalar.text) && scalar.text.bytes().all(|byte| byte.is_ascii_digit())
        }),
        _ => true,
    }
}

/// The item that a rule's `value` becomes.
fn item_of(value: &Node, own: Option<DataType>, types: &[(Text, DataType)]) -> Type {
    let mut fields: Vec<(Text, Type)> = match &value.content {
        Content::Map(entries) => {
            let names = entries.iter().map(|entry| Text::new(&entry.name.value));
            // A field whose value is `undefined` is left out.
            let typed = |name: &Text| {
                let known = types.iter().find(|(known, _)| known == name);
                known.map_or_else(Type::json, |(_, known)| of_data_type(*known).or_undefined())
            };
            names.map(|name| (name.clone(), typed(&name))).collect()
        }
        _ => vec![(Text::new_static("value"), own.map_or_else(Type::json, of_data_type))],
    };
    fields.push((Text::new_static("time"), Type::milliseconds()));
    Type::object(fields)
}
