//! Load, part three: the options of attributes that are more than a word or a number.
//!
//! What an option says is checked here against the attribute's own type and rules; names against
//! each other are `check`'s.

use super::fields::{Fields, is_expression, text_of, word_of};
use super::limits;
use super::load::count;
use super::load_rules::as_text;
use super::model::{Action, AttributeKind, AttributeRule, ListAggregation};
use super::names;
use super::source::{Problems, Spanned};
use super::yaml::{Content, Entry, Node};
use crate::profile::attribute::{Aggregation, DataType, ListFold};
use crate::value::Text;

/// The words of `aggregations`.
const FOLDS: [(&str, ListFold); 7] = [
    ("first", ListFold::First),
    ("last", ListFold::Last),
    ("sum", ListFold::Sum),
    ("min", ListFold::Min),
    ("max", ListFold::Max),
    ("count", ListFold::Count),
    ("distinct", ListFold::Distinct),
];

/// The options of a list.
pub fn list(
    fields: &mut Fields<'_>,
    duration_ms: Option<i64>,
    problems: &mut Problems<'_>,
) -> AttributeKind {
    let distinct = fields.boolean("distinct", problems).is_some_and(|distinct| distinct.value);
    let id = fields.text("id", problems);
    if distinct && id.is_some() {
        problems.error_with_help(
            "E0208",
            fields.name_span("distinct"),
            "A list tells items apart by `distinct` or by `id`, not both.",
            "keep `id`: a repeat of it replaces the item",
        );
    }
    if let Some(id) = &id {
        names::check_wire(id, "The field of `id`", problems);
    }
    AttributeKind::List {
        max_items: count(fields, "max_items", limits::LIST_ITEMS_MAX, problems)
            .unwrap_or(limits::LIST_ITEMS_DEFAULT),
        duration_ms: duration_ms.unwrap_or(limits::LIST_DURATION_DEFAULT_MS),
        distinct,
        id,
        aggregations: aggregations(fields, problems),
        fields: field_types(fields, problems),
    }
}

/// `aggregations: {cart_worth: {sum: price}}`.
fn aggregations(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Vec<ListAggregation> {
    let mut aggregations = Vec::new();
    for entry in fields.map("aggregations", problems) {
        let name = as_text(entry);
        names::check_name(&name, "An aggregation's name", problems);
        let what = format!("Aggregation `{}`", name.value);
        // One that is malformed still has its name, so that no expression fails for it.
        let (fold, field) = aggregation(entry, &what, problems)
            .unwrap_or((ListFold::Last, Text::new_static("value")));
        aggregations.push(ListAggregation { name, fold, field });
    }
    aggregations
}

fn aggregation(entry: &Entry, what: &str, problems: &mut Problems<'_>) -> Option<(ListFold, Text)> {
    let Content::Map(folds) = &entry.value.content else {
        return one_fold(entry, what, problems);
    };
    let [fold] = folds.as_slice() else { return one_fold(entry, what, problems) };
    let word = as_text(fold);
    let fold_of = word_of(&word, what, &FOLDS, &[], problems);
    let field =
        text_of(&fold.value, &format!("The field of `{}`", word.value), &word.span, problems);
    Some((fold_of?, field?.value))
}

fn one_fold(entry: &Entry, what: &str, problems: &mut Problems<'_>) -> Option<(ListFold, Text)> {
    problems.error_with_help(
        "E0204",
        entry.name.span.clone(),
        format!("{what} is one way to fold and a field of the items."),
        format!("write `{}: {{sum: price}}`", entry.name.value),
    );
    None
}

/// `fields: {price: number}`.
fn field_types(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Vec<(Text, DataType)> {
    let mut types = Vec::new();
    for entry in fields.map("fields", problems) {
        let name = as_text(entry);
        names::check_wire(&name, "A field of `fields`", problems);
        let what = format!("The type of `{}`", name.value);
        let word = text_of(&entry.value, &what, &name.span, problems);
        let data_type =
            word.and_then(|word| word_of(&word, &what, &DataType::WORDS, &[], problems));
        types.extend(data_type.map(|data_type| (name.value, data_type)));
    }
    types
}

/// `data_type`, where what it makes can be what the attribute folds.
pub fn data_type(
    fields: &mut Fields<'_>,
    kind: &AttributeKind,
    problems: &mut Problems<'_>,
) -> Option<DataType> {
    let data_type = fields.word("data_type", &DataType::WORDS, &[], problems)?;
    let folds_numbers = match kind {
        AttributeKind::Single { aggregation, .. } => matches!(
            aggregation,
            Aggregation::Sum | Aggregation::Min | Aggregation::Max | Aggregation::Mean
        ),
        AttributeKind::Counter { .. } => true,
        AttributeKind::List { .. } | AttributeKind::Computed { .. } | AttributeKind::Imported => {
            false
        }
    };
    if folds_numbers && !data_type.value.is_numeric() {
        problems.error_with_help(
            "E0208",
            data_type.span,
            "This attribute folds numbers: no value of this type would ever be taken.",
            "write `data_type: number`",
        );
        return None;
    }
    Some(data_type.value)
}

/// `by` of a counter: an expression.
pub fn by(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Option<Node> {
    expression(fields.take("by")?, "`by`", problems)
}

/// `value` of a computed attribute.
pub fn value(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Option<Node> {
    fields.require("value", "value: \"${PROFILE.views > 100}\"", problems);
    let entry = fields.take("value")?;
    if entry.value.is_empty() {
        problems.error("E0204", entry.name.span.clone(), "`value` is empty.");
        return None;
    }
    Some(entry.value.clone())
}

fn expression(entry: &Entry, what: &str, problems: &mut Problems<'_>) -> Option<Node> {
    is_expression(&entry.value, what, &entry.name.span, problems).then(|| entry.value.clone())
}

/// Of a list with `id` every rule that adds gives a map with that field.
pub fn check_ids(kind: &AttributeKind, rules: &[AttributeRule], problems: &mut Problems<'_>) {
    let AttributeKind::List { id: Some(id), .. } = kind else { return };
    for rule in rules {
        let Action::Set(node) = &rule.action else { continue };
        if !gives_field(node, id) {
            let name = &id.value;
            problems.error_with_help(
                "E0224",
                node.span.clone(),
                format!("The list's `id` is `{name}`: this `value` is not a map that has it."),
                format!("write `value: {{{name}: \"${{EVENT.{name}}}\"}}`"),
            );
        }
    }
}

fn gives_field(node: &Node, id: &Spanned<Text>) -> bool {
    match &node.content {
        Content::Map(entries) => entries.iter().any(|entry| entry.name.value == *id.value),
        Content::Scalar(scalar) => scalar.damaged,
        Content::List(_) => false,
    }
}
