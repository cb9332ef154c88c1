//! Compile: from a file to the plan that runs, or to all that is wrong with it.
//!
//! Numbers of keys and attributes are given once a name by the data directory: known names keep
//! theirs, new ones get the next, so that no publish rewrites a profile (page 4.4).
//! Invariant: of equal text and equal numbers comes an equal plan, on every machine.

use std::collections::HashMap;

use regex::RegexBuilder;
use sha2::{Digest, Sha256};

use super::check;
use super::computed;
use super::diagnostic::Diagnostic;
use super::expressions::{Expressions, Locals};
use super::limits::{FILE_BYTES_MAX, NUMBERS_MAX, REGEX_BYTES_MAX};
use super::load;
use super::model::{self, AttributeKind, Configuration};
use super::numbers::Numbers;
use super::plan::{
    Action, Attribute, AttributeRule, Catalog, EventId, EventSet, Ignore, Imported, Key, Offer,
    OfferRule, Plan, Rails, Segment, Slot, Table,
};
use super::secret::{self, Environment, Secrets};
use super::sensitive::{RuleOf, Sensitivity};
use super::slots::Slots;
use super::source::{Problems, SourceFile, Spanned, too_large};
use super::types;
use super::yaml;
use crate::expr::advice::Type;
use crate::expr::{FieldTable, Program, Space, Template};
use crate::profile::attribute::{Aggregate, AttributeSpec, Conversion};
use crate::value::Text;

/// What came of a file without errors.
#[derive(Debug)]
pub struct Compiled {
    /// The plan; its `number` is 0 until it is published.
    pub plan: Plan,
    /// Warnings, in the file's order.
    pub warnings: Vec<Diagnostic>,
    /// The numbers given, with those of new names, and the plan's field names.
    pub numbers: Numbers,
}

/// Compiles a configuration file for a publish.
///
/// # Errors
/// All diagnostics, errors and warnings, in the file's order, when there is an error.
pub fn compile(
    file: &SourceFile,
    numbers: &Numbers,
    secrets: &dyn Secrets,
) -> Result<Compiled, Vec<Diagnostic>> {
    if file.text.len() > FILE_BYTES_MAX {
        return Err(vec![too_large(&file.name, file.text.len())]);
    }
    // A publish makes its own field table; only a replay reads a recorded one.
    let numbers = Numbers { fields: None, ..numbers.clone() };
    let mut problems = Problems::new(&file.name, file.body());
    let built = build(numbers, Some(secrets), &mut problems);
    let has_errors = problems.has_errors();
    let found = problems.into_sorted();
    match built {
        Some((plan, numbers)) if !has_errors => Ok(Compiled { plan, warnings: found, numbers }),
        _ => Err(found),
    }
}

/// Compiles a recorded text for replay: digests instead of secrets, no environment, no checks; an
/// expression that is no longer accepted becomes one that throws. The plan has the numbers and
/// field indices of `numbers`.
///
/// # Errors
/// Diagnostics, when the text is not even YAML.
pub fn compile_recorded(text: &str, numbers: &Numbers) -> Result<Plan, Vec<Diagnostic>> {
    let mut problems = Problems::new("recorded configuration", text);
    match build(numbers.clone(), None, &mut problems) {
        Some((plan, _)) => Ok(plan),
        None => Err(problems.into_sorted()),
    }
}

/// All diagnostics of a file, as `p13n check` prints them. Secrets are looked up as on a start.
pub fn diagnose(file: &SourceFile) -> Vec<Diagnostic> {
    match compile(file, &Numbers::default(), &Environment::beside(&file.name)) {
        Ok(compiled) => compiled.warnings,
        Err(found) => found,
    }
}

fn build(
    numbers: Numbers,
    secrets: Option<&dyn Secrets>,
    problems: &mut Problems<'_>,
) -> Option<(Plan, Numbers)> {
    let root = yaml::read(problems)?;
    let configuration = load::configuration(&root, problems);
    check::check(&configuration, problems);
    let events = configuration.events.iter().enumerate();
    let events = events.map(|(id, event)| (event.name.value.as_str(), id as EventId)).collect();
    let built = Builder { configuration: &configuration, numbers, secrets, events }.plan(problems);
    // Another zone would compute other values: without the one that is meant there is no plan.
    configuration.time_zone.map(|_| built)
}

/// Builds the plan part by part.
struct Builder<'a> {
    configuration: &'a Configuration,
    numbers: Numbers,
    secrets: Option<&'a dyn Secrets>,
    /// Events by name.
    events: HashMap<&'a str, EventId>,
}

impl Builder<'_> {
    fn plan(mut self, problems: &mut Problems<'_>) -> (Plan, Numbers) {
        let configuration = self.configuration;
        let tokens = secret::resolve(&configuration.tokens, self.secrets, problems);
        let recorded_text = secret::recorded_text(problems.text(), &configuration.tokens, &tokens);
        let mut keys = self.keys(problems);
        let rails = self.rails(&keys);
        let mut attributes = self.attributes(problems);
        let imported = self.imported(&attributes);
        let (segments, catalogs) = self.batch_names();
        let mut slots = slots(&keys, &attributes, &imported);
        let reads = types::of_names(configuration);
        let mut names = Slots::default();
        for ((name, slot), reads) in slots.iter().zip(reads) {
            match slot {
                Slot::Imported(_) => names.push_looked_up(name, reads),
                _ => names.push(name, reads),
            }
        }
        for (name, slot) in updated_slots(&attributes) {
            names.push_in(Space::Updated, &name);
            slots.push((name, slot));
        }
        push_segments(&mut slots, &mut names, &segments);
        names.set_catalogs(catalogs.iter().map(|catalog| catalog.name.clone()).collect());
        let recorded_fields = self.numbers.fields.iter().flatten();
        let mut fields = FieldTable::from_names(recorded_fields.map(|name| name.as_str()));
        let key_fields: Vec<u32> = keys.iter().map(|key| fields.intern(&key.name)).collect();
        let recorded = self.secrets.is_none();
        let mut expressions = Expressions::new(fields, &names, problems, recorded);
        for (key, model) in keys.iter_mut().zip(&configuration.keys) {
            key.from = model.from.iter().filter_map(|node| expressions.from(node)).collect();
        }
        let (tables, routes) = self.tables(&mut expressions);
        let computed = computed::build(self.configuration, &slots, &mut expressions);
        for (attribute, entry) in attributes.iter_mut().zip(&configuration.attributes) {
            attribute.by = by(entry, &mut expressions);
        }
        let rules = self.rules(&mut expressions);
        let sensitivity = Sensitivity::of(
            configuration,
            &keys,
            &key_fields,
            &attributes,
            (&rules, &computed),
            (&slots, &names),
            &imported,
        );
        let offers = self.offers(&mut expressions, &sensitivity);
        let ignore = self.ignore(&mut expressions);
        let fields = expressions.fields;
        let (sensitive_keys, sensitive_attributes) = sensitivity.flags();
        keys.iter_mut().zip(sensitive_keys).for_each(|(key, is)| key.sensitive = is);
        attributes.iter_mut().zip(sensitive_attributes).for_each(|(one, is)| one.sensitive = is);
        let before = names.take_before();
        for (at, slot) in before.iter().enumerate() {
            slots.push((slots[*slot as usize].0.clone(), Slot::Before(at)));
        }
        self.numbers.fields = Some(fields.names().to_vec());
        let plan = Plan {
            number: 0,
            hash: Sha256::digest(recorded_text.as_bytes()).into(),
            recorded_text,
            name: configuration.name.clone(),
            account: configuration.account,
            instance: configuration.instance,
            clock_skew_ms: configuration.clock_skew_ms,
            value_bytes_max: configuration.value_bytes_max,
            time_zone: configuration.time_zone.unwrap_or_default(),
            keys,
            rails,
            fields,
            key_fields,
            routes,
            tables,
            events: configuration.events.iter().map(|event| event.name.value.clone()).collect(),
            attributes,
            rules,
            slots,
            before,
            computed,
            imported,
            segments,
            catalogs,
            offers,
            tokens,
            ignore,
            reads_request: configuration.ignore.iter().any(reads_request),
            profile_ttl_ms: configuration.profile_ttl_ms,
        };
        (plan, self.numbers)
    }

    fn keys(&mut self, problems: &mut Problems<'_>) -> Vec<Key> {
        let mut keys = Vec::new();
        for key in &self.configuration.keys {
            keys.push(Key {
                id: number(&mut self.numbers.keys, &key.name, problems),
                name: key.name.value.clone(),
                normalize: key.normalize.clone(),
                valid_regexp: key.valid_regexp.as_ref().and_then(|text| regexp(text, problems)),
                invalid_texts: key.invalid_texts.clone(),
                from: Vec::new(),
                stitches_public: key.stitches_public.unwrap_or(true),
                sensitive: false,
            });
        }
        keys
    }

    fn rails(&self, keys: &[Key]) -> Rails {
        let keys = keys.iter().zip(&self.configuration.keys);
        Rails::new(keys.filter_map(|(key, model)| Some((key.id, model.max_values?))))
    }

    fn attributes(&mut self, problems: &mut Problems<'_>) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        for attribute in &self.configuration.attributes {
            let (spec, windows) = spec(&attribute.kind);
            let (conversion, aggregates) = readings(attribute);
            attributes.push(Attribute {
                id: self.attribute_number(attribute, problems),
                name: attribute.name.value.clone(),
                spec,
                windows,
                conversion,
                aggregates,
                by: None,
                reset: attribute.reset,
                sensitive: false,
            });
        }
        attributes
    }

    /// The number of an attribute: its own, that of the name that it had, or the next.
    fn attribute_number(&mut self, entry: &model::Attribute, problems: &mut Problems<'_>) -> u16 {
        let names = &mut self.numbers.attributes;
        if let Some(was) = &entry.was
            && !names.contains(&entry.name.value)
            && let Some(held) = names.iter_mut().find(|name| **name == was.value)
        {
            *held = entry.name.value.clone();
        }
        number(names, &entry.name, problems)
    }

    fn imported(&self, attributes: &[Attribute]) -> Vec<Imported> {
        let models = &self.configuration.attributes;
        let imported = attributes.iter().zip(models).enumerate();
        let imported =
            imported.filter(|(_, (_, model))| matches!(model.kind, AttributeKind::Imported));
        let imported = imported.map(|(at, (attribute, model))| Imported {
            attribute: at,
            id: attribute.id,
            name: attribute.name.clone(),
            data_type: model.data_type,
        });
        imported.collect()
    }

    fn batch_names(&self) -> (Vec<Segment>, Vec<Catalog>) {
        let segments = self.configuration.segments.iter().map(|segment| Segment {
            id: segment.id.value.clone(),
            name: segment.name.value.clone(),
        });
        let catalogs = self.configuration.catalogs.iter().map(|catalog| Catalog {
            name: catalog.name.value.clone(),
            key: catalog.key.value.clone(),
            columns: (catalog.columns.iter())
                .map(|column| (column.name.value.clone(), column.data_type))
                .collect(),
        });
        (segments.collect(), catalogs.collect())
    }

    /// Destinations, then tables that only `events` names, in file order.
    fn tables(
        &self,
        expressions: &mut Expressions<'_, '_>,
    ) -> (Vec<Table>, HashMap<Text, HashMap<Text, u16>>) {
        let mut tables: Vec<Table> = Vec::new();
        let mut routes: HashMap<Text, HashMap<Text, u16>> = HashMap::new();
        let mut table_of = |place: &model::Place, tables: &mut Vec<Table>| -> usize {
            let next = tables.len() as u16;
            let database = routes.entry(place.database.clone()).or_default();
            let id = *database.entry(place.table.value.clone()).or_insert(next);
            if id == next {
                tables.push(Table {
                    database: place.database.clone(),
                    table: place.table.value.clone(),
                    events: Vec::new(),
                });
            }
            usize::from(id)
        };
        for place in &self.configuration.destinations {
            table_of(place, &mut tables);
        }
        for (id, event) in self.configuration.events.iter().enumerate() {
            let filter = expressions.filter(&event.conditions);
            if let Some(place) = &event.place {
                let table = table_of(place, &mut tables);
                tables[table].events.push((id as EventId, filter));
            }
        }
        (tables, routes)
    }

    fn event_set(&self, names: Option<&Vec<Spanned<Text>>>) -> EventSet {
        let Some(names) = names else { return EventSet::Every };
        let id = |name: &Spanned<Text>| self.events.get(name.value.as_str()).copied();
        let mut ids: Vec<EventId> = names.iter().filter_map(id).collect();
        ids.sort_unstable();
        ids.dedup();
        EventSet::Of(ids)
    }

    /// The ids of segments that are given by id or name.
    fn segment_ids(&self, named: &[Spanned<Text>]) -> Vec<Text> {
        let known = &self.configuration.segments;
        let id_of = |text: &Text| {
            let mut known = known.iter();
            known.find(|segment| segment.id.value == *text || segment.name.value == *text)
        };
        named.iter().filter_map(|text| Some(id_of(&text.value)?.id.value.clone())).collect()
    }

    fn rules(&self, expressions: &mut Expressions<'_, '_>) -> Vec<AttributeRule> {
        let mut rules = Vec::new();
        for (attribute, entry) in self.configuration.attributes.iter().enumerate() {
            for rule in &entry.rules {
                let mut locals = Locals::default();
                let each = rule.each.as_ref().map(|each| {
                    let each = expressions.each(each);
                    let item = each.as_ref().map_or_else(Type::unknown, |(_, item)| item.clone());
                    locals.push(Text::new_static("ITEM"), item);
                    each.map(|(program, _)| program)
                });
                let conditions = expressions.conditions(&rule.conditions, &locals);
                let action = action(&rule.action, &locals, expressions);
                // A part that did not compile is noted: there will be no plan with this rule.
                let (Some(action), Some(each)) = (action, each.map_or(Some(None), |e| e.map(Some)))
                else {
                    continue;
                };
                let events = self.event_set(rule.events.as_ref());
                rules.push(AttributeRule { attribute, events, conditions, each, action });
            }
        }
        rules
    }

    fn ignore(&self, expressions: &mut Expressions<'_, '_>) -> Vec<Ignore> {
        let entries = self.configuration.ignore.iter();
        let compiled = entries.map(|entry| {
            let condition = expressions.ignore(&entry.conditions)?;
            Some(Ignore { condition, store: entry.store })
        });
        compiled.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn offers(
        &self,
        expressions: &mut Expressions<'_, '_>,
        sensitivity: &Sensitivity<'_>,
    ) -> Vec<Offer> {
        let mut offers = Vec::new();
        for offer in &self.configuration.offers {
            let (mut rules, mut shows_sensitive) = (Vec::new(), false);
            for rule in &offer.rules {
                let Some(mut compiled) = self.offer_rule(rule, expressions) else { continue };
                let lets: Vec<_> = compiled.lets.iter().map(Program::sources).collect();
                let (fields, problems) = expressions.parts();
                let entry = RuleOf { offer, rule, lets };
                shows_sensitive |= sensitivity.guard(&entry, &mut compiled.data, fields, problems);
                rules.push(compiled);
            }
            let (name, server_only) = (offer.name.value.clone(), offer.server_only);
            offers.push(Offer { name, server_only, shows_sensitive, rules });
        }
        offers
    }

    fn offer_rule(
        &self,
        rule: &model::OfferRule,
        expressions: &mut Expressions<'_, '_>,
    ) -> Option<OfferRule> {
        let mut locals = Locals::default();
        let mut lets: Vec<Option<Program>> = Vec::new();
        for (name, node) in &rule.lets {
            let what = format!("`{}` under `let`", name.value);
            let exact = expressions.exact(node, &what, &locals);
            let (program, reads) =
                exact.map_or((None, Type::unknown()), |(program, yields)| (Some(program), yields));
            lets.push(program);
            locals.push(name.value.clone(), reads);
        }
        let conditions = expressions.conditions(&rule.conditions, &locals);
        let data = match &rule.data {
            Some(data) => expressions.template(data, &locals)?,
            None => Template::Map(Vec::new()),
        };
        let lets = lets.into_iter().collect::<Option<Vec<_>>>()?;
        let events = self.event_set(rule.events.as_ref());
        let batch_segments = rule.batch_segments.as_ref().map(|named| self.segment_ids(named));
        Some(OfferRule { events, lets, conditions, data, batch_segments })
    }
}

/// Whether an entry may read who sent the event: its text says `REQUEST`.
fn reads_request(entry: &model::Ignore) -> bool {
    let mut texts = entry.conditions.iter().filter_map(|node| node.scalar());
    texts.any(|scalar| scalar.text.contains("REQUEST"))
}

fn action(
    action: &model::Action,
    locals: &Locals,
    expressions: &mut Expressions<'_, '_>,
) -> Option<Action> {
    match action {
        model::Action::Set(node) => expressions.template(node, locals).map(Action::Set),
        model::Action::Delete(node) => expressions.template(node, locals).map(Action::Delete),
        model::Action::Increment => Some(Action::Increment),
        model::Action::Clear => Some(Action::Clear),
    }
}

/// The number of a name: the one it has, or the next.
fn number(names: &mut Vec<Text>, name: &Spanned<Text>, problems: &mut Problems<'_>) -> u16 {
    if let Some(known) = names.iter().position(|known| *known == name.value) {
        return known as u16;
    }
    if names.len() >= NUMBERS_MAX {
        let sentence = format!(
            "This data directory has given numbers to {NUMBERS_MAX} names over time; \
             there is none left for `{}`.",
            name.value
        );
        problems.error_with_help("E0240", name.span.clone(), sentence, "reuse an older name");
        return 0;
    }
    names.push(name.value.clone());
    (names.len() - 1) as u16
}

fn spec(kind: &AttributeKind) -> (AttributeSpec, Vec<Text>) {
    match kind {
        AttributeKind::Single { aggregation, duration_ms } => {
            let (aggregation, duration_ms) = (*aggregation, *duration_ms);
            (AttributeSpec::Single { aggregation, duration_ms }, Vec::new())
        }
        AttributeKind::List { max_items, duration_ms, distinct, id, .. } => {
            let (max_items, duration_ms, distinct) = (*max_items, *duration_ms, *distinct);
            let id = id.as_ref().map(|id| id.value.clone());
            (AttributeSpec::List { max_items, duration_ms, distinct, id }, Vec::new())
        }
        AttributeKind::Computed { .. } | AttributeKind::Imported => {
            (AttributeSpec::Stateless, Vec::new())
        }
        AttributeKind::Counter { duration_ms, windows, by } => {
            let windows_ms = windows.iter().map(|(_, duration_ms)| *duration_ms).collect();
            let names = windows.iter().map(|(name, _)| name.value.clone()).collect();
            let (duration_ms, by) = (*duration_ms, by.is_some());
            (AttributeSpec::Counter { duration_ms, windows_ms, by }, names)
        }
    }
}

/// What is made of an attribute's values, and what its items come to under names of their own.
fn readings(attribute: &model::Attribute) -> (Conversion, Vec<Aggregate>) {
    let mut conversion = Conversion { own: attribute.data_type, fields: Vec::new() };
    let AttributeKind::List { aggregations, fields, .. } = &attribute.kind else {
        return (conversion, Vec::new());
    };
    conversion.fields.clone_from(fields);
    let aggregates = aggregations.iter().map(|entry| Aggregate {
        name: entry.name.value.clone(),
        fold: entry.fold,
        field: entry.field.clone(),
    });
    (conversion, aggregates.collect())
}

/// The program of a counter's `by`.
fn by(attribute: &model::Attribute, expressions: &mut Expressions<'_, '_>) -> Option<Program> {
    let AttributeKind::Counter { by: Some(node), .. } = &attribute.kind else { return None };
    expressions.exact(node, "`by`", &Locals::default()).map(|(program, _)| program)
}

/// When each attribute that holds state last changed.
fn updated_slots(attributes: &[Attribute]) -> Vec<(Text, Slot)> {
    let holding = attributes.iter().enumerate().filter(|(_, entry)| entry.spec.holds_state());
    holding.map(|(at, attribute)| (attribute.name.clone(), Slot::Updated(at))).collect()
}

/// Keys, then each attribute with its windows or aggregates.
fn slots(keys: &[Key], attributes: &[Attribute], imported: &[Imported]) -> Vec<(Text, Slot)> {
    let mut computed = 0;
    let mut slots: Vec<(Text, Slot)> = Vec::new();
    slots.extend(keys.iter().enumerate().map(|(at, key)| (key.name.clone(), Slot::Key(at))));
    for (at, attribute) in attributes.iter().enumerate() {
        let own = match imported.iter().position(|imported| imported.attribute == at) {
            Some(position) => Slot::Imported(position),
            None if attribute.spec.holds_state() => Slot::Attribute(at),
            None => {
                computed += 1;
                Slot::Computed(computed - 1)
            }
        };
        slots.push((attribute.name.clone(), own));
        let aggregates = attribute.aggregates.iter().enumerate();
        slots.extend(aggregates.map(|(n, entry)| (entry.name.clone(), Slot::Aggregate(at, n))));
        let windows = attribute.windows.iter().enumerate();
        slots.extend(windows.map(|(window, name)| (name.clone(), Slot::Window(at, window))));
    }
    slots
}

/// `PROFILE.segments`, and the segments behind `SEGMENT`.
fn push_segments(slots: &mut Vec<(Text, Slot)>, names: &mut Slots, segments: &[Segment]) {
    let all = Text::new_static("segments");
    names.push_looked_up(&all, Type::list_of(Type::text()));
    slots.push((all, Slot::Segments));
    for (at, segment) in segments.iter().enumerate() {
        slots.push((segment.name.clone(), Slot::Segment(at)));
        names.push_looked_up_in(Space::Segment, &segment.name);
    }
}

fn regexp(text: &Spanned<Text>, problems: &mut Problems<'_>) -> Option<regex::Regex> {
    match RegexBuilder::new(&text.value).size_limit(REGEX_BYTES_MAX).build() {
        Ok(regexp) => Some(regexp),
        Err(error) => {
            let words = error.to_string();
            let last = words.lines().last().unwrap_or_default();
            let reason = last.strip_prefix("error: ").unwrap_or(last);
            let sentence = format!("This regular expression does not compile: {reason}.");
            let span = text.span.clone();
            match ["look-around", "backreference"].iter().any(|word| reason.contains(word)) {
                true => problems.error_with_help(
                    "E0220",
                    span,
                    sentence,
                    "matching runs in linear time, which leaves these two out",
                ),
                false => problems.error("E0220", span, sentence),
            }
            None
        }
    }
}
