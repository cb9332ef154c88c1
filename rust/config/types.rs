//! Types: what a configuration says of the values that its expressions read.
//!
//! Only advice reads them; nothing runs by them. An attribute's items have the fields that its
//! rules give them now: what an earlier configuration left in a profile may have others.

use super::model::{Action, Attribute, AttributeKind, AttributeRule, Configuration};
use super::quantity::is_json_number;
use super::yaml::{Content, Node};
use crate::expr::advice::Type;
use crate::profile::attribute::Aggregation;
use crate::value::Text;

/// What `PROFILE.<name>` reads, in the order of slots: keys, then each attribute and its windows.
pub fn of_names(configuration: &Configuration) -> Vec<Type> {
    let mut reads: Vec<Type> = Vec::new();
    reads.extend(configuration.keys.iter().map(|_| Type::text().or_undefined()));
    for attribute in &configuration.attributes {
        let own = of_attribute(attribute);
        if let AttributeKind::Counter { windows, .. } = &attribute.kind {
            reads.extend(std::iter::repeat_n(own.clone(), windows.len() + 1));
        } else {
            reads.push(own);
        }
    }
    reads
}

fn of_attribute(attribute: &Attribute) -> Type {
    match &attribute.kind {
        AttributeKind::Counter { .. } if attribute.rules.iter().all(counts) => Type::count(),
        AttributeKind::Counter { .. } => Type::number(),
        AttributeKind::Single { aggregation, .. } => match aggregation {
            Aggregation::Count => Type::count().or_undefined(),
            Aggregation::Sum | Aggregation::Min | Aggregation::Max | Aggregation::Mean => {
                Type::number().or_undefined()
            }
            // `null` clears a single.
            Aggregation::Last | Aggregation::First => Type::json().never_null(),
        },
        AttributeKind::List { .. } => {
            let items = attribute.rules.iter().filter_map(|rule| match &rule.action {
                Action::Set(node) => Some(item_of(node)),
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
fn item_of(value: &Node) -> Type {
    let mut fields: Vec<(Text, Type)> = match &value.content {
        Content::Map(entries) => {
            let names = entries.iter().map(|entry| Text::new(&entry.name.value));
            names.map(|name| (name, Type::json())).collect()
        }
        _ => vec![(Text::new_static("value"), Type::json())],
    };
    fields.push((Text::new_static("time"), Type::milliseconds()));
    Type::object(fields)
}
