//! Versions: what a publish makes of the values that profiles hold (page 2).
//!
//! Most changes keep them. A change under which a stored value would mean something else needs
//! `reset: true`, or the publish is refused with the count of profiles that would lose one. With
//! it the attribute gets a new number: the old one is given up, so that its values are gone for
//! everybody at once, and leave each profile when it next changes.
//! Invariant: all that is decided here stands in the configuration's record as numbers; replay
//! decides none of it again.

use std::collections::HashMap;

use super::Reactor;
use super::open::compile;
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::plan::{Attribute, AttributeId};
use crate::config::{Compiled, Numbers, SourceFile};
use crate::error::{ErrorKind, Result};
use crate::profile::AttributeSpec;
use crate::profile::attribute::Conversion;

/// What each attribute was when it was last configured; its values may sleep since.
pub type Known = HashMap<AttributeId, (AttributeSpec, Conversion)>;

/// Compiles a file for a publish on top of what was published before.
///
/// # Errors
/// `Config` where a change needs `reset: true` and does not have it.
pub fn accept(
    reactor: &Reactor,
    source: &SourceFile,
    mut numbers: Numbers,
    known: &Known,
) -> Result<Compiled> {
    numbers.give_up_sleepers(reactor.clock.read_ms());
    let compiled = compile(source, &numbers)?;
    let changed: Vec<(&Attribute, &'static str)> = compiled
        .plan
        .attributes
        .iter()
        .filter_map(|entry| Some((entry, change(known.get(&entry.id)?, entry)?)))
        .collect();
    let unsaid: Vec<_> = changed.iter().filter(|(entry, _)| !entry.reset).collect();
    if !unsaid.is_empty() {
        let refused = unsaid.into_iter().map(|(entry, what)| {
            let (spec, _) = &known[&entry.id];
            refusal(source, entry, what, holders(reactor, entry.id, spec))
        });
        return Err(ErrorKind::Config(refused.collect()).into());
    }
    if changed.is_empty() {
        return Ok(compiled);
    }
    // A renamed attribute is found by the name that it had.
    let reset: Vec<AttributeId> = changed.iter().map(|(entry, _)| entry.id).collect();
    reset.into_iter().for_each(|id| numbers.give_up_attribute(id));
    compile(source, &numbers)
}

/// How many profiles hold a value of an attribute.
fn holders(reactor: &Reactor, id: AttributeId, spec: &AttributeSpec) -> usize {
    let barrier = reactor.store.lock_all();
    let now_ms = reactor.clock.read_ms();
    let holds = barrier.profiles().filter(|profile| {
        profile.attribute(id).is_some_and(|state| state.changed_ms(spec, now_ms).is_some())
    });
    holds.count()
}

fn refusal(source: &SourceFile, entry: &Attribute, what: &str, holders: usize) -> Diagnostic {
    let (line, source_line) = line_naming(&source.text, &entry.name);
    let profiles = match holders {
        1 => "1 profile would lose its value".to_owned(),
        holders => format!("{holders} profiles would lose their values"),
    };
    Diagnostic {
        severity: Severity::Error,
        code: "E0290",
        file: source.name.clone(),
        line,
        column: source_line.find(entry.name.as_str()).map_or(1, |at| at + 1),
        length: entry.name.len(),
        source_line: source_line.to_owned(),
        message: format!("attribute `{}` changes its {what}: {profiles}", entry.name),
        help: Some(
            "write `reset: true` beside it to drop them, or give the attribute a new name"
                .to_owned(),
        ),
    }
}

/// Number, from 1, and text of the line that gives an attribute its name.
fn line_naming<'t>(text: &'t str, name: &str) -> (usize, &'t str) {
    let names_it = |line: &str| {
        line.split_once("name:").is_some_and(|(_, value)| {
            let value = value.split(['#', ',', '}']).next().unwrap_or_default();
            value.trim().trim_matches(['"', '\'']) == name
        })
    };
    let found = text.lines().enumerate().find(|(_, line)| names_it(line));
    found.map_or((1, text.lines().next().unwrap_or_default()), |(at, line)| (at + 1, line))
}

/// What of an attribute changes so that its stored values would mean something else.
fn change((old, converted): &(AttributeSpec, Conversion), new: &Attribute) -> Option<&'static str> {
    use AttributeSpec::{Counter, List, Single, Stateless};
    let differs = match (old, &new.spec) {
        // Nothing was stored.
        (Stateless, _) => return None,
        (Single { aggregation: old, .. }, Single { aggregation: new, .. }) => {
            (old != new).then_some("`aggregation`")
        }
        (List { distinct: old, id: was, .. }, List { distinct: new, id: is, .. }) => {
            let differs = (was != is).then_some("`id`");
            differs.or_else(|| (old != new).then_some("`distinct`"))
        }
        (Counter { duration_ms: old, by: was, .. }, Counter { duration_ms: new, by: is, .. }) => {
            let differs = (old.is_none() != new.is_none()).then_some("`duration` or `total`");
            differs.or_else(|| (was != is).then_some("`by`"))
        }
        _ => Some("type"),
    };
    differs.or_else(|| (*converted != new.conversion).then_some("`data_type`"))
}
