//! Sensitive: which values a configuration marks as sensitive, and where they get to (page 4.5).
//!
//! Marked are keys and attributes. `EVENT.<field>` that feeds a marked one is sensitive as well,
//! and so is every key and attribute that a sensitive value reaches through its rules, until
//! nothing more is found. An offer that would show such a value to public callers must say which
//! of the two it means, `server_only` or `omit_sensitive`; without a word it is refused, whether
//! or not there are public callers today.
//!
//! Followed are values, as `expr::flow` does; what `if` asks is the author's to answer for.
//! `sensitive: false` is the author's word that an attribute shows nothing of what feeds it: the
//! way ends there.
//! Invariant: each reason names what was found sensitive before it, so that every reason ends at a
//! mark.

use std::collections::BTreeMap;

use super::model::{self, Configuration};
use super::plan::{Action, Attribute, AttributeRule, Computed, Imported, Key, Slot};
use super::slots::Slots;
use super::source::{Problems, Spanned};
use super::yaml::{Content, Node};
use crate::expr::{FieldTable, Sources, Template};
use crate::value::Text;

/// Something that has a value: `PROFILE.<name>` by its slot's owner, or `EVENT.<field>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// Position of a key.
    Key(usize),
    /// Position of an attribute; its windows and aggregations are parts of it.
    Attribute(usize),
    /// A field index.
    Field(u32),
    /// `EVENT` as an object.
    Event,
}

/// Why something is sensitive.
#[derive(Clone, Copy, Debug)]
enum Reason {
    /// The file says so.
    Marked,
    /// A field of which a marked key or attribute is made.
    Feeds(Origin),
    /// A value that takes a sensitive one.
    Takes(Origin),
    /// `EVENT` as an object, which holds a sensitive field.
    Holds(Origin),
}

/// Everything of a configuration that is sensitive.
#[derive(Debug)]
pub struct Sensitivity<'a> {
    keys: &'a [Key],
    attributes: &'a [Attribute],
    computed: &'a [Computed],
    slots: &'a [(Text, Slot)],
    imported: &'a [Imported],
    names: &'a Slots,
    reasons: BTreeMap<Origin, Reason>,
}

/// A rule of an offer, for sentences about its data.
pub struct RuleOf<'a> {
    /// The offer.
    pub offer: &'a model::Offer,
    /// The rule.
    pub rule: &'a model::OfferRule,
    /// From where the names of `let` come, in order.
    pub lets: Vec<Sources>,
}

/// What a key or an attribute is made of.
struct Feed {
    to: Origin,
    /// What the file says of it.
    mark: Option<bool>,
    from: Sources,
}

impl<'a> Sensitivity<'a> {
    /// Follows what the file marks.
    pub fn of(
        configuration: &Configuration,
        keys: &'a [Key],
        key_fields: &[u32],
        attributes: &'a [Attribute],
        (rules, computed): (&[AttributeRule], &'a [Computed]),
        (slots, names): (&'a [(Text, Slot)], &'a Slots),
        imported: &'a [Imported],
    ) -> Self {
        let reasons = BTreeMap::new();
        let mut found = Self { keys, attributes, computed, slots, imported, names, reasons };
        let mut feeds = Vec::new();
        for (at, (key, field)) in configuration.keys.iter().zip(key_fields).enumerate() {
            let mut from = Sources::default();
            match keys[at].from.as_slice() {
                [] => from.fields = [*field].into(),
                templates => templates.iter().for_each(|one| from.add(&one.sources())),
            }
            feeds.push(Feed { to: Origin::Key(at), mark: key.sensitive, from });
        }
        for (at, attribute) in configuration.attributes.iter().enumerate() {
            let from = fed_by(at, attributes, rules, computed);
            feeds.push(Feed { to: Origin::Attribute(at), mark: attribute.sensitive, from });
        }
        feeds.iter().for_each(|feed| found.mark(feed));
        while feeds.iter().any(|feed| found.spread(feed)) {}
        found
    }

    /// Whether each key and each attribute is sensitive, marked or reached.
    pub fn flags(&self) -> (Vec<bool>, Vec<bool>) {
        let is = |origin| self.reasons.contains_key(&origin);
        let keys = (0..self.keys.len()).map(|at| is(Origin::Key(at)));
        let attributes = (0..self.attributes.len()).map(|at| is(Origin::Attribute(at)));
        (keys.collect(), attributes.collect())
    }

    /// What is marked, and the fields that feed it.
    fn mark(&mut self, feed: &Feed) {
        if feed.mark != Some(true) {
            return;
        }
        self.reasons.insert(feed.to, Reason::Marked);
        for field in &feed.from.fields {
            self.reasons.entry(Origin::Field(*field)).or_insert(Reason::Feeds(feed.to));
            self.reasons.entry(Origin::Event).or_insert(Reason::Holds(Origin::Field(*field)));
        }
        if feed.from.whole_event {
            // Any field may be the one that was meant.
            self.reasons.insert(Origin::Event, Reason::Feeds(feed.to));
        }
    }

    /// Whether something was reached that was not known yet.
    fn spread(&mut self, feed: &Feed) -> bool {
        if feed.mark.is_some() || self.reasons.contains_key(&feed.to) {
            return false;
        }
        let Some(origin) = self.first_of(&feed.from) else { return false };
        self.reasons.insert(feed.to, Reason::Takes(origin));
        true
    }

    /// The first sensitive thing that a value can come from; its locals are resolved.
    fn first_of(&self, sources: &Sources) -> Option<Origin> {
        let slots = sources.slots.iter().filter_map(|slot| self.origin_of(*slot));
        let fields = sources.fields.iter().map(|field| Origin::Field(*field));
        let whole = sources.whole_event.then_some(Origin::Event);
        slots.chain(fields).chain(whole).find(|origin| self.reason_of(*origin).is_some())
    }

    fn reason_of(&self, origin: Origin) -> Option<Reason> {
        let own = self.reasons.get(&origin).copied();
        let whole = self.reasons.get(&Origin::Event);
        match (origin, own, whole) {
            // `EVENT` as a whole feeds a marked one: so does each of its fields.
            (Origin::Field(_), None, Some(reason @ Reason::Feeds(_))) => Some(*reason),
            _ => own,
        }
    }

    /// Whose value a slot reads; `None` where it shows nothing of a key's or attribute's value.
    fn origin_of(&self, slot: u32) -> Option<Origin> {
        let slot = self.names.through_before(slot);
        Some(match self.slots.get(slot as usize)?.1 {
            Slot::Key(key) => Origin::Key(key),
            Slot::Attribute(attribute)
            | Slot::Window(attribute, _)
            | Slot::Aggregate(attribute, _) => Origin::Attribute(attribute),
            Slot::Imported(position) => Origin::Attribute(self.imported[position].attribute),
            Slot::Computed(at) => Origin::Attribute(self.computed[at].attribute),
            // When it changed says nothing of what it holds.
            Slot::Updated(_) | Slot::Segments | Slot::Segment(_) => return None,
            Slot::Before(_) => unreachable!("a slot of BEFORE was followed to PROFILE's"),
        })
    }

    /// How it is written in an expression.
    fn name_of(&self, origin: Origin, fields: &FieldTable) -> String {
        match origin {
            Origin::Key(at) => format!("PROFILE.{}", self.keys[at].name),
            Origin::Attribute(at) => format!("PROFILE.{}", self.attributes[at].name),
            Origin::Field(at) => format!("EVENT.{}", fields.names()[at as usize]),
            Origin::Event => "EVENT".to_owned(),
        }
    }

    /// Why it is sensitive: "PROFILE.b takes PROFILE.a, which is marked `sensitive`".
    fn why(&self, origin: Origin, fields: &FieldTable) -> String {
        let mut sentence = self.name_of(origin, fields);
        let mut at = origin;
        let mut joint = " ";
        while let Some(reason) = self.reason_of(at) {
            sentence.push_str(joint);
            joint = ", which ";
            let (verb, next) = match reason {
                Reason::Marked => {
                    sentence.push_str("is marked `sensitive`");
                    break;
                }
                Reason::Feeds(next) => ("feeds", next),
                Reason::Takes(next) => ("takes", next),
                Reason::Holds(next) => ("holds", next),
            };
            sentence = format!("{sentence}{verb} {}", self.name_of(next, fields));
            at = next;
        }
        sentence
    }

    /// Wraps what public callers must not see of a rule's `data`; whether there is any. Says so
    /// where the offer does not.
    pub fn guard(
        &self,
        entry: &RuleOf<'_>,
        data: &mut Template,
        fields: &FieldTable,
        problems: Option<&mut Problems<'_>>,
    ) -> bool {
        if self.reasons.is_empty() {
            return false;
        }
        let mut shown = Vec::new();
        let lets = resolved(&entry.lets);
        if let Some(node) = &entry.rule.data {
            self.withhold(node, data, &lets, "", &mut shown);
        }
        let is_said = entry.offer.server_only || entry.offer.omit_sensitive;
        if let (false, Some(problems)) = (is_said, problems) {
            for one in &shown {
                self.note(entry, one, &lets, fields, problems);
            }
        }
        !shown.is_empty()
    }

    /// Wraps the entries of a map that can show a sensitive value, the innermost that have a name.
    fn withhold(
        &self,
        node: &Node,
        template: &mut Template,
        lets: &[Sources],
        above: &str,
        shown: &mut Vec<Shown>,
    ) {
        let (Content::Map(entries), Template::Map(templates)) = (&node.content, template) else {
            return;
        };
        for (entry, (name, template)) in entries.iter().zip(templates) {
            let path = format!("{above}{name}");
            if matches!(template, Template::Map(_)) {
                self.withhold(&entry.value, template, lets, &format!("{path}."), shown);
                continue;
            }
            let sources = template.sources();
            let Some(origin) = self.first_of(&sources.clone().through(lets)) else { continue };
            let name = Spanned { value: path, span: entry.name.span.clone() };
            shown.push(Shown { name, origin, sources });
            let inner = std::mem::replace(template, Template::List(Vec::new()));
            *template = Template::Sensitive(Box::new(inner));
        }
    }

    fn note(
        &self,
        entry: &RuleOf<'_>,
        shown: &Shown,
        lets: &[Sources],
        fields: &FieldTable,
        problems: &mut Problems<'_>,
    ) {
        let Shown { name, origin, sources } = shown;
        let directly = self.first_of(&Sources { locals: [].into(), ..sources.clone() }).is_some();
        let through = sources.locals.iter().filter(|_| !directly).find_map(|local| {
            let at = *local as usize;
            self.first_of(lets.get(at)?).map(|_| entry.rule.lets[at].0.value.as_str())
        });
        let mut why = self.why(*origin, fields);
        if let Some(name) = through {
            why = format!("`{name}` of `let` takes {}", why.replacen(' ', ", which ", 1));
        }
        problems.error_with_help(
            "E0260",
            name.span.clone(),
            format!(
                "Offer `{}` would show a sensitive value to public callers as `{}`: {why}.",
                entry.offer.name.value, name.value
            ),
            format!(
                "say in the offer `server_only: true` (public callers do not get it) or \
                 `omit_sensitive: true` (they get it without `{}`)",
                name.value
            ),
        );
    }
}

/// An entry of `data` that can show a sensitive value.
struct Shown {
    /// Its name, behind those of the maps around it.
    name: Spanned<String>,
    origin: Origin,
    sources: Sources,
}

/// From where an attribute's values come: all that its rules take. `ITEM` comes from `each`.
fn fed_by(
    attribute: usize,
    attributes: &[Attribute],
    rules: &[AttributeRule],
    computed: &[Computed],
) -> Sources {
    let mut fed = Sources::default();
    let own = computed.iter().filter(|computed| computed.attribute == attribute);
    own.for_each(|computed| fed.add(&computed.value.sources()));
    if let Some(by) = &attributes[attribute].by {
        fed.add(&by.sources());
    }
    for rule in rules.iter().filter(|rule| rule.attribute == attribute) {
        let each = rule.each.as_ref().map(crate::expr::Program::sources).unwrap_or_default();
        // How many elements there are shows in a counter and in a list, whatever is made of them.
        fed.add(&each);
        if let Action::Set(template) | Action::Delete(template) = &rule.action {
            fed.add(&template.sources().through(std::slice::from_ref(&each)));
        }
    }
    fed
}

/// From where each local of a rule comes in the end: a name of `let` may read those above it.
fn resolved(lets: &[Sources]) -> Vec<Sources> {
    let mut resolved: Vec<Sources> = Vec::with_capacity(lets.len());
    for sources in lets {
        resolved.push(sources.clone().through(&resolved));
    }
    resolved
}
