//! Load, part two: attributes and offers, whose entries hold rules.

use super::fields::{Fields, duration_of, is_expression, text_of};
use super::limits;
use super::load::conditions;
use super::load_options;
use super::model::{Action, Attribute, AttributeKind, AttributeRule, Offer, OfferRule};
use super::names;
use super::schema::{self, either};
use super::source::{Problems, Spanned};
use super::yaml::{Content, Entry, Node};
use crate::profile::attribute::Aggregation;
use crate::value::Text;

/// The built types of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Single,
    List,
    Counter,
    Imported,
    Computed,
}

/// Reads an entry of `attributes`.
pub fn attribute(node: &Node, problems: &mut Problems<'_>) -> Option<Attribute> {
    let mut fields = Fields::open(node, schema::ATTRIBUTE, problems)?;
    let name = fields.required_text("name", "name: last_url", problems);
    if let Some(name) = &name {
        names::check_name(name, "An attribute's name", problems);
    }
    fields.require("type", "type: single", problems);
    let types = [
        ("single", Type::Single),
        ("list", Type::List),
        ("counter", Type::Counter),
        ("imported", Type::Imported),
        ("computed", Type::Computed),
    ];
    let later = schema::ATTRIBUTE_TYPES_LATER;
    let Some(kind) = fields.word("type", &types, later, problems) else {
        // The rest says nothing that could be checked without the type. The name stays known, so
        // that expressions that read it draw no errors of their own.
        return name.map(untyped);
    };
    let kind = kind.value;
    let options = options(&mut fields, kind, problems);
    let sensitive = fields.boolean("sensitive", problems).map(|sensitive| sensitive.value);
    let data_type = load_options::data_type(&mut fields, &options, problems);
    let was = fields.text("was", problems);
    let reset = fields.boolean("reset", problems).is_some_and(|reset| reset.value);
    let has_rules = !matches!(kind, Type::Computed | Type::Imported);
    let rules: &[Node] = if has_rules { fields.list("set", problems) } else { &[] };
    let rules: Vec<_> = rules.iter().filter_map(|node| rule(node, kind, problems)).collect();
    load_options::check_ids(&options, &rules, problems);
    if has_rules && !fields.has("set") {
        let span = fields.name_span("name");
        let sentence = "This attribute has no `set`: nothing ever fills it.";
        problems.warning("W0106", span, sentence, None);
    }
    fields.finish(problems);
    Some(Attribute { name: name?, kind: options, sensitive, data_type, was, reset, rules })
}

fn untyped(name: Spanned<Text>) -> Attribute {
    let kind = AttributeKind::Single { aggregation: Aggregation::Last, duration_ms: None };
    let (sensitive, data_type, was) = (None, None, None);
    Attribute { name, kind, sensitive, data_type, was, reset: false, rules: Vec::new() }
}

fn options(fields: &mut Fields<'_>, kind: Type, problems: &mut Problems<'_>) -> AttributeKind {
    refuse_options_of_other_types(fields, kind, problems);
    let duration_ms = match kind {
        Type::Counter => counter_duration(fields, problems),
        Type::Computed => None,
        _ => fields
            .duration("duration", 1000, limits::DURATION_MAX_MS, problems)
            .map(|duration| duration.value),
    };
    match kind {
        Type::Single => {
            AttributeKind::Single { aggregation: aggregation(fields, problems), duration_ms }
        }
        Type::List => load_options::list(fields, duration_ms, problems),
        Type::Counter => AttributeKind::Counter {
            duration_ms,
            windows: windows(fields, problems),
            by: load_options::by(fields, problems),
        },
        Type::Imported => AttributeKind::Imported,
        Type::Computed => AttributeKind::Computed { value: load_options::value(fields, problems) },
    }
}

fn refuse_options_of_other_types(fields: &mut Fields<'_>, kind: Type, problems: &mut Problems<'_>) {
    let own = match kind {
        Type::Single => "single",
        Type::List => "list",
        Type::Counter => "counter",
        Type::Imported => "imported",
        Type::Computed => "computed",
    };
    for (option, types) in schema::ATTRIBUTE_OPTIONS {
        if types.contains(&own) || !fields.has(option) {
            continue;
        }
        fields.take(option);
        let sentence =
            format!("`{option}` belongs to attributes of type {}, not `{own}`.", either(types));
        problems.error("E0207", fields.name_span(option), sentence);
    }
}

fn aggregation(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Aggregation {
    let words = [
        ("last", Aggregation::Last),
        ("first", Aggregation::First),
        ("sum", Aggregation::Sum),
        ("min", Aggregation::Min),
        ("max", Aggregation::Max),
        ("count", Aggregation::Count),
        ("mean", Aggregation::Mean),
    ];
    fields
        .word("aggregation", &words, &[], problems)
        .map_or(Aggregation::Last, |aggregation| aggregation.value)
}

/// A counter counts for a duration or for life: exactly one of the two is said.
fn counter_duration(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Option<i64> {
    let total_given = fields.has("total");
    let duration_given = fields.has("duration");
    let duration = fields.duration("duration", 1000, limits::DURATION_MAX_MS, problems);
    let total = fields.boolean("total", problems);
    if let Some(total) = &total
        && !total.value
    {
        let sentence = "`total` is `true` or left out.";
        problems.error("E0205", total.span.clone(), sentence);
    } else if total_given && duration_given {
        let sentence = "A counter has `duration` or `total: true`, not both.";
        problems.error("E0208", fields.name_span("total"), sentence);
    } else if !total_given && !duration_given {
        problems.error_with_help(
            "E0208",
            fields.name_span("type"),
            "A counter needs `duration` or `total: true`.",
            "add `duration: 30d` for a sliding window, or `total: true` to count for life",
        );
    }
    duration.map(|duration| duration.value)
}

fn windows(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Vec<(Spanned<Text>, i64)> {
    let mut windows = Vec::new();
    for entry in fields.map("windows", problems) {
        names::check_name(&as_text(entry), "A window's name", problems);
        let what = format!("Window `{}`", entry.name.value);
        let duration = text_of(&entry.value, &what, &entry.name.span, problems)
            .and_then(|text| duration_of(&text, &what, 1000, limits::DURATION_MAX_MS, problems));
        // A window with a bad duration still has its name, so that no expression fails for it.
        windows.push((as_text(entry), duration.unwrap_or(limits::DURATION_MAX_MS)));
    }
    windows
}

pub(super) fn as_text(entry: &Entry) -> Spanned<Text> {
    Spanned { value: Text::new(&entry.name.value), span: entry.name.span.clone() }
}

fn rule(node: &Node, kind: Type, problems: &mut Problems<'_>) -> Option<AttributeRule> {
    let mut fields = Fields::open(node, schema::ATTRIBUTE_RULE, problems)?;
    let events = events(&mut fields, problems);
    let conditions = conditions(&mut fields, problems);
    let each = each(&mut fields, kind, problems);
    let action = action(&mut fields, kind, problems);
    fields.finish(problems);
    Some(AttributeRule { events, conditions, each, action: action? })
}

fn each(fields: &mut Fields<'_>, kind: Type, problems: &mut Problems<'_>) -> Option<Node> {
    let entry = fields.take("each")?;
    if kind != Type::List {
        let sentence = "`each` belongs to the rules of lists.";
        problems.error("E0207", entry.name.span.clone(), sentence);
        return None;
    }
    is_expression(&entry.value, "`each`", &entry.name.span, problems).then(|| entry.value.clone())
}

fn action(fields: &mut Fields<'_>, kind: Type, problems: &mut Problems<'_>) -> Option<Action> {
    let given: Vec<&str> =
        ["value", "delete", "clear"].into_iter().filter(|name| fields.has(name)).collect();
    let value = fields.take("value");
    let delete = fields.take("delete");
    let clear = fields.boolean("clear", problems);
    if let [_, second, ..] = given.as_slice() {
        let sentence = "A rule has one of `value`, `delete` and `clear`.";
        problems.error_with_help(
            "E0208",
            fields.name_span(second),
            sentence,
            "write two rules; they run in the file's order",
        );
        return None;
    }
    match (value, delete, given.first()) {
        (Some(entry), ..) => set(entry, kind, problems),
        (_, Some(entry), _) => delete_action(entry, kind, problems),
        (.., Some(_)) => clear_action(clear?, fields, problems),
        (.., None) if kind == Type::Counter => Some(Action::Increment),
        (.., None) => {
            let (needed, example) = match kind {
                Type::List if fields.has("each") => ("`value` or `delete`", "\"${ITEM}\""),
                Type::List => ("`value`, `delete` or `clear`", "${EVENT.product}"),
                _ => ("`value` or `clear`", "${EVENT.td_url}"),
            };
            problems.error_with_help(
                "E0208",
                fields.span(),
                format!("This rule does nothing: it needs {needed}."),
                format!("add `value: {example}`"),
            );
            None
        }
    }
}

fn set(entry: &Entry, kind: Type, problems: &mut Problems<'_>) -> Option<Action> {
    if let (Type::List, Content::Map(fields)) = (kind, &entry.value.content) {
        for field in fields.iter().filter(|field| field.name.value == "time") {
            problems.error_with_help(
                "E0223",
                field.name.span.clone(),
                "An item of a list has its own `time`; a field cannot be called so.",
                "give the field another name, such as `at`",
            );
        }
    }
    check_wire_names(&entry.value, "value", problems);
    Some(Action::Set(entry.value.clone()))
}

fn delete_action(entry: &Entry, kind: Type, problems: &mut Problems<'_>) -> Option<Action> {
    if kind != Type::List {
        let sentence = "`delete` belongs to the rules of lists; use `clear: true` here.";
        problems.error("E0207", entry.name.span.clone(), sentence);
        return None;
    }
    if entry.value.is_empty() {
        let sentence = "`delete` is empty.";
        problems.error("E0204", entry.name.span.clone(), sentence);
        return None;
    }
    Some(Action::Delete(entry.value.clone()))
}

fn clear_action(
    clear: Spanned<bool>,
    fields: &Fields<'_>,
    problems: &mut Problems<'_>,
) -> Option<Action> {
    if !clear.value {
        problems.error("E0205", clear.span, "`clear` is `true` or left out.");
        return None;
    }
    if fields.has("each") {
        let sentence = "`clear` empties the list once; `each` has no meaning beside it.";
        problems.error("E0208", fields.name_span("each"), sentence);
    }
    Some(Action::Clear)
}

/// Takes `event`: one name or a list of names; absent means every event of the reactor.
fn events(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Option<Vec<Spanned<Text>>> {
    let (entry, nodes) = fields.one_or_many("event")?;
    if nodes.is_empty() {
        problems.error_with_help(
            "E0204",
            entry.name.span.clone(),
            "`event` names no event.",
            "name one, or remove `event` for a rule for every event",
        );
    }
    let names =
        nodes.into_iter().filter_map(|node| text_of(node, "`event`", &entry.name.span, problems));
    Some(names.collect())
}

/// Reads an entry of `offers`.
pub fn offer(node: &Node, problems: &mut Problems<'_>) -> Option<Offer> {
    let mut fields = Fields::open(node, schema::OFFER, problems)?;
    let name = fields.required_text("name", "name: welcome", problems);
    if let Some(name) = &name {
        names::check_wire(name, "An offer's name", problems);
    }
    fields.require("set", "set: [{event: pageview, data: {...}}]", problems);
    let rules = fields.list("set", problems).iter();
    let rules: Vec<_> = rules.filter_map(|node| offer_rule(node, problems)).collect();
    let (server_only, omit_sensitive) = audience(&mut fields, problems);
    fields.finish(problems);
    Some(Offer { name: name?, server_only, omit_sensitive, rules })
}

/// What public callers get of an offer: all, nothing, or all but what is sensitive.
fn audience(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> (bool, bool) {
    let server_only = fields.boolean("server_only", problems).is_some_and(|only| only.value);
    let omit_sensitive = fields.boolean("omit_sensitive", problems).is_some_and(|omit| omit.value);
    if server_only && omit_sensitive {
        problems.error_with_help(
            "E0208",
            fields.name_span("omit_sensitive"),
            "An offer has `server_only` or `omit_sensitive`, not both.",
            "with `server_only` public callers do not get the offer at all; \
             with `omit_sensitive` they get it without what is sensitive",
        );
    }
    (server_only, omit_sensitive)
}

fn offer_rule(node: &Node, problems: &mut Problems<'_>) -> Option<OfferRule> {
    let mut fields = Fields::open(node, schema::OFFER_RULE, problems)?;
    let at = fields.span().start;
    let events = events(&mut fields, problems);
    let lets = lets(&mut fields, problems);
    let conditions = conditions(&mut fields, problems);
    let conditional = fields.has("if");
    let data = data(&mut fields, problems);
    let batch_segments = batch_segments(&mut fields, problems);
    fields.finish(problems);
    Some(OfferRule { at, events, lets, conditions, conditional, data, batch_segments })
}

/// Takes `batch_segments`: ids or names; an empty list is as good as none.
fn batch_segments(
    fields: &mut Fields<'_>,
    problems: &mut Problems<'_>,
) -> Option<Vec<Spanned<Text>>> {
    let nodes = fields.list("batch_segments", problems);
    let at = fields.name_span("batch_segments");
    let entries = nodes.iter();
    let named: Vec<_> = entries
        .filter_map(|node| text_of(node, "An entry of `batch_segments`", &at, problems))
        .collect();
    (!nodes.is_empty()).then_some(named)
}

fn lets(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Vec<(Spanned<Text>, Node)> {
    let mut lets = Vec::new();
    for entry in fields.map("let", problems) {
        let name = as_text(entry);
        names::check_local(&name, problems);
        let what = format!("`{}` under `let`", entry.name.value);
        if is_expression(&entry.value, &what, &entry.name.span, problems) {
            lets.push((name, entry.value.clone()));
        }
    }
    lets
}

fn data(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Option<Node> {
    let entry = fields.take("data")?;
    match &entry.value.content {
        Content::Map(_) => {
            check_wire_names(&entry.value, "data", problems);
            Some(entry.value.clone())
        }
        // `data:` with every line under it commented out.
        Content::Scalar(scalar) if scalar.text.is_empty() => None,
        _ => {
            problems.error_with_help(
                "E0204",
                entry.value.span.clone(),
                format!("`data` is a map of names and values, not {}.", entry.value.kind()),
                "write `data: {name: \"${PROFILE.name}\"}`",
            );
            None
        }
    }
}

/// Names inside `data` and `value` are wire data, at every depth.
fn check_wire_names(node: &Node, field: &str, problems: &mut Problems<'_>) {
    match &node.content {
        Content::Scalar(_) => {}
        Content::List(items) => {
            items.iter().for_each(|item| check_wire_names(item, field, problems))
        }
        Content::Map(entries) => {
            for entry in entries {
                let what = format!("A name in `{field}`");
                names::check_wire(&as_text(entry), &what, problems);
                check_wire_names(&entry.value, field, problems);
            }
        }
    }
}
