//! Check: what needs the whole file. Unique names, known events, limits, rules never reached.

use std::collections::{HashMap, HashSet};

use super::limits::{
    CATALOG_COLUMNS_MAX, CATALOGS_MAX, IGNORES_MAX, KEYS_MAX, NAMED_MAX, SEGMENTS_MAX,
    STATE_ATTRIBUTES_MAX, TABLES_MAX, TOKENS_MAX,
};
use super::model::{Configuration, Offer, Place};
use super::schema::did_you_mean;
use super::source::{Problems, Span, Spanned};
use crate::value::Text;

/// Names of keys that many people share: an event with one would merge strangers.
const SHARED_KEYS: &[&str] = &["ip", "td_ip", "user_agent", "td_ua", "country", "language"];

/// Notes every problem between the parts of a configuration.
pub fn check(configuration: &Configuration, problems: &mut Problems<'_>) {
    keys(configuration, problems);
    names_are_unique(configuration, problems);
    destinations_are_unique(&configuration.destinations, problems);
    renames_are_of_what_is_gone(configuration, problems);
    events_are_known(configuration, problems);
    configuration.offers.iter().for_each(|offer| rules_are_reached(offer, problems));
    batch_names_are_sound(configuration, problems);
    limits(configuration, problems);
}

fn keys(configuration: &Configuration, problems: &mut Problems<'_>) {
    for key in &configuration.keys {
        let name = key.name.value.as_str();
        if SHARED_KEYS.contains(&name) {
            let sentence =
                format!("Many people share one `{name}`: as a key it would merge strangers.");
            let help =
                "remove it from `keys`; expressions read it as `EVENT.".to_owned() + name + "`";
            problems.warning("W0104", key.name.span.clone(), sentence, Some(help));
        }
        let has_public = configuration.tokens.iter().any(|token| token.is_public);
        if has_public && key.sensitive == Some(true) && key.stitches_public.is_none() {
            let sentence = format!(
                "`{name}` is sensitive and there is a public token: whoever holds that can send any \
                 `{name}` and be taken for its owner."
            );
            let help = "write `public: ignore`, so that events of public tokens are not identified by it, \
                        or `public: stitch` to take that risk";
            problems.error_with_help("E0261", key.name.span.clone(), sentence, help);
        }
    }
}

/// Keys, attributes and windows share one space: all are read as `PROFILE.name`.
fn names_are_unique(configuration: &Configuration, problems: &mut Problems<'_>) {
    let mut profile = Unique::default();
    for key in &configuration.keys {
        profile.take(&key.name, "a key", problems);
    }
    for attribute in &configuration.attributes {
        profile.take(&attribute.name, "an attribute", problems);
        let further = attribute.kind.further_names();
        further.into_iter().for_each(|(name, what)| profile.take(name, what, problems));
    }
    let mut events = Unique::default();
    configuration.events.iter().for_each(|event| events.take(&event.name, "an event", problems));
    let mut offers = Unique::default();
    configuration.offers.iter().for_each(|offer| offers.take(&offer.name, "an offer", problems));
    let mut tokens = Unique::default();
    configuration.tokens.iter().for_each(|token| tokens.take(&token.name, "a token", problems));
    for rule in configuration.offers.iter().flat_map(|offer| &offer.rules) {
        let mut locals = Unique::default();
        rule.lets.iter().for_each(|(name, _)| locals.take(name, "a name of `let`", problems));
    }
}

/// `was` names an attribute that the file has no more, and each one once.
fn renames_are_of_what_is_gone(configuration: &Configuration, problems: &mut Problems<'_>) {
    let attributes = &configuration.attributes;
    let mut taken: HashSet<&Text> = HashSet::new();
    for was in attributes.iter().filter_map(|attribute| attribute.was.as_ref()) {
        let sentence = if attributes.iter().any(|other| other.name.value == was.value) {
            format!("`{}` is still there: it cannot be what another was.", was.value)
        } else if !taken.insert(&was.value) {
            format!("Two attributes say that they were `{}`.", was.value)
        } else {
            continue;
        };
        let help = "say `was` of the one that takes over the values of a name that is gone";
        problems.error_with_help("E0227", was.span.clone(), sentence, help);
    }
}

/// Segments by id and name, catalogs and their columns, and the segments that offers name.
fn batch_names_are_sound(configuration: &Configuration, problems: &mut Problems<'_>) {
    let segments = &configuration.segments;
    let (mut names, mut ids) = (Unique::default(), Unique::default());
    for segment in segments {
        names.take(&segment.name, "a segment", problems);
        ids.take(&segment.id, "a segment's id", problems);
    }
    let mut catalogs = Unique::default();
    for catalog in &configuration.catalogs {
        catalogs.take(&catalog.name, "a catalog", problems);
        let mut columns = Unique::default();
        columns.take(&catalog.key, "the catalog's key", problems);
        catalog.columns.iter().for_each(|column| columns.take(&column.name, "a column", problems));
    }
    let rules = configuration.offers.iter().flat_map(|offer| &offer.rules);
    for named in rules.filter_map(|rule| rule.batch_segments.as_ref()).flatten() {
        let is_known = |segment: &super::model::Segment| {
            segment.id.value == named.value || segment.name.value == named.value
        };
        if segments.iter().any(is_known) {
            continue;
        }
        let known = segments.iter().flat_map(|segment| [&segment.name, &segment.id]);
        let help = did_you_mean(&named.value, known.map(|known| known.value.as_str()))
            .unwrap_or_else(|| {
                "declare it under `segments`: `- {id: \"1\", name: vip}`".to_owned()
            });
        let sentence = format!("There is no batch segment `{}`.", named.value);
        problems.error_with_help("E0217", named.span.clone(), sentence, help);
    }
}

/// Names seen so far, with what they name and where.
#[derive(Default)]
struct Unique {
    seen: HashMap<Text, (&'static str, Span)>,
}

impl Unique {
    fn take(&mut self, name: &Spanned<Text>, what: &'static str, problems: &mut Problems<'_>) {
        match self.seen.get(&name.value) {
            None => {
                self.seen.insert(name.value.clone(), (what, name.span.clone()));
            }
            Some((_, first)) if *first == name.span => {}
            Some((first_what, first)) => {
                let line = problems.line_of(first.start) + 1;
                let sentence = format!(
                    "`{}` is already the name of {first_what}, on line {line}.",
                    name.value
                );
                problems.error_with_help(
                    "E0212",
                    name.span.clone(),
                    sentence,
                    "rename one of the two",
                );
            }
        }
    }
}

fn destinations_are_unique(destinations: &[Place], problems: &mut Problems<'_>) {
    let mut seen = HashSet::new();
    for place in destinations {
        if !seen.insert((&place.database, &place.table.value)) {
            let sentence = format!(
                "Table `{}` of database `{}` is listed twice.",
                place.table.value, place.database
            );
            problems.error_with_help(
                "E0216",
                place.table.span.clone(),
                sentence,
                "remove one of the two",
            );
        }
    }
}

fn events_are_known(configuration: &Configuration, problems: &mut Problems<'_>) {
    let names = configuration.events.iter().map(|event| event.name.value.as_str());
    let known: Vec<&str> = names.collect();
    let set: HashSet<&str> = known.iter().copied().collect();
    let attribute_rules = configuration.attributes.iter().flat_map(|attribute| &attribute.rules);
    let offer_rules = configuration.offers.iter().flat_map(|offer| &offer.rules);
    let lists = attribute_rules
        .map(|rule| &rule.events)
        .chain(offer_rules.map(|rule| &rule.events))
        .flatten();
    for name in lists.flatten() {
        if set.contains(name.value.as_str()) {
            continue;
        }
        let help = did_you_mean(&name.value, known.iter().copied()).unwrap_or_else(|| match known
            .as_slice()
        {
            [] => "declare it under `events`: `- {name: pageview, table: pageviews}`".to_owned(),
            _ => format!("declare it under `events`, which has {}", listed(&known)),
        });
        let sentence = format!("There is no event `{}`.", name.value);
        problems.error_with_help("E0213", name.span.clone(), sentence, help);
    }
}

fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let mut names = names.to_vec();
    names.dedup();
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(SHOWN);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The first matching rule of an offer wins: what follows one without `if` is never reached.
fn rules_are_reached(offer: &Offer, problems: &mut Problems<'_>) {
    let mut every: Option<usize> = None;
    let mut covered: HashMap<&str, usize> = HashMap::new();
    for rule in &offer.rules {
        let by = match &rule.events {
            _ if every.is_some() => every,
            None => None,
            Some(names) => {
                let by: Option<Vec<usize>> =
                    names.iter().map(|name| covered.get(name.value.as_str()).copied()).collect();
                by.and_then(|lines| lines.into_iter().max())
            }
        };
        if let Some(by) = by {
            let line = problems.line_of(by) + 1;
            let sentence = format!(
                "This rule is never reached: the one on line {line} takes the same events and has no `if`."
            );
            let help = "move it up, or give the earlier rule an `if`".to_owned();
            problems.warning("W0103", rule.at..rule.at + 1, sentence, Some(help));
        } else if !rule.conditional && rule.lets.is_empty() {
            // A `let` that throws means that the rule does not match: it is a condition too.
            match &rule.events {
                None => every = Some(rule.at),
                Some(names) => {
                    covered.extend(names.iter().map(|name| (name.value.as_str(), rule.at)));
                }
            }
        }
    }
}

fn limits(configuration: &Configuration, problems: &mut Problems<'_>) {
    let key_names: Vec<&Span> = configuration.keys.iter().map(|key| &key.name.span).collect();
    let attribute_names: Vec<&Span> =
        configuration.attributes.iter().map(|attribute| &attribute.name.span).collect();
    let holding = configuration.attributes.iter().filter(|entry| entry.kind.holds_state());
    let holding: Vec<&Span> = holding.map(|attribute| &attribute.name.span).collect();
    let tokens: Vec<&Span> = configuration.tokens.iter().map(|token| &token.name.span).collect();
    let ignores: Vec<&Span> = configuration.ignore.iter().map(|entry| &entry.at).collect();
    let mut tables = HashSet::new();
    let places = configuration
        .destinations
        .iter()
        .chain(configuration.events.iter().filter_map(|event| event.place.as_ref()));
    let tables: Vec<&Span> = places
        .filter(|place| tables.insert((&place.database, &place.table.value)))
        .map(|place| &place.table.span)
        .collect();
    let segments: Vec<&Span> =
        configuration.segments.iter().map(|segment| &segment.name.span).collect();
    let catalogs: Vec<&Span> =
        configuration.catalogs.iter().map(|catalog| &catalog.name.span).collect();
    for catalog in &configuration.catalogs {
        if let Some(over) = catalog.columns.get(CATALOG_COLUMNS_MAX) {
            let found = catalog.columns.len();
            let sentence = format!(
                "A catalog has at most {CATALOG_COLUMNS_MAX} columns; this one has {found}."
            );
            problems.error("E0240", over.name.span.clone(), sentence);
        }
    }
    let named: Vec<&Span> = key_names.iter().chain(&attribute_names).copied().collect();
    for (what, found, most) in [
        ("tokens", tokens, TOKENS_MAX),
        ("tables", tables, TABLES_MAX),
        ("entries of `ignore`", ignores, IGNORES_MAX),
        ("keys", key_names, KEYS_MAX),
        ("attributes that hold state", holding, STATE_ATTRIBUTES_MAX),
        ("batch segments", segments, SEGMENTS_MAX),
        ("catalogs", catalogs, CATALOGS_MAX),
        ("keys, attributes and activations together", named, NAMED_MAX),
    ] {
        if let Some(first_over) = found.get(most) {
            let sentence =
                format!("A reactor has at most {most} {what}; this file has {}.", found.len());
            problems.error("E0240", (*first_over).clone(), sentence);
        }
    }
}
