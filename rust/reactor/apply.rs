//! Apply: an event's filters and attribute rules, the same for live traffic and replay.
//!
//! Rules run in file order over one event and see its identity and all earlier rules of this event
//! (page 2). Nothing here reads a clock, draws a random number or decides identity. What goes wrong
//! inside a rule is noted and the event goes on (page 3.4).
//!
//! Any change of what this computes raises `record::APPLY_EPOCH`.

use super::draws::{Drawer, Draws, EventKey};
use super::scope::{EventScope, ProfileView};
use crate::config::plan::{Action, AttributeRule, Plan, Table};
use crate::expr::limits::LIST_ITEMS_MAX;
use crate::expr::{EvalError, EvalErrorKind, Fuel, Template, Vm};
use crate::offer::{Audience, EventId};
use crate::profile::identity::Refusal;
use crate::profile::{Draft, Moment, Operation, Rejected};
use crate::value::Value;

/// What a rule met on its way; told to the counters once the locks are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A filter of an entry of `events` threw.
    Filter(EventId, EvalErrorKind),
    /// A rule of the attribute at this position threw.
    Rule(usize, EvalErrorKind),
    /// The attribute at this position did not take a value.
    Value(usize, Rejected),
    /// `each` of a rule of the attribute at this position was no list.
    NoList(usize),
    /// A key's value was not usable; the key by its number.
    Identifier(u16, Refusal),
    /// A rule of the offer at this position threw.
    Offer(usize, EvalErrorKind),
    /// An entry of `ignore` threw.
    Ignore(EvalErrorKind),
}

/// What the plan reads of one event while it is applied.
pub struct Facts<'a> {
    /// `EVENT.<field>` by index.
    pub fields: &'a [Value],
    /// `EVENT` as an object.
    pub whole: &'a Value,
    /// When the event is applied.
    pub moment: Moment,
    /// What keys its random numbers.
    pub key: EventKey<'a>,
}

/// The tools that one event needs.
pub struct Bench<'a> {
    /// Runs programs.
    pub vm: &'a mut Vm,
    /// The budget of apply: filters and attributes together.
    pub fuel: &'a mut Fuel,
    /// What went wrong.
    pub troubles: &'a mut Vec<Trouble>,
}

/// The entries of `events` that an event on `table` matches, in file order.
pub fn match_events(
    plan: &Plan,
    table: &Table,
    facts: &Facts<'_>,
    bench: &mut Bench<'_>,
    matched: &mut Vec<EventId>,
) {
    matched.clear();
    for (event, filter) in &table.events {
        let Some(filter) = filter else {
            matched.push(*event);
            continue;
        };
        let draws = Draws::new(facts.key, Drawer::Filter(*event));
        let scope = scope::<Draft<'_>>(plan, None, facts, &draws);
        match bench.vm.test(filter, &scope, bench.fuel) {
            Ok(true) => matched.push(*event),
            Ok(false) => {}
            Err(error) => bench.troubles.push(Trouble::Filter(*event, error.kind)),
        }
    }
}

/// Runs all attribute rules of an event over a draft.
pub fn apply_rules(
    plan: &Plan,
    matched: &[EventId],
    facts: &Facts<'_>,
    draft: &mut Draft<'_>,
    bench: &mut Bench<'_>,
) {
    let rules = plan.rules.iter().enumerate();
    for (position, rule) in rules.filter(|(_, rule)| rule.events.matches(matched)) {
        let draws = Draws::new(facts.key, Drawer::Attribute(position));
        if let Err(error) = apply_rule(plan, rule, facts, &draws, draft, bench) {
            bench.troubles.push(Trouble::Rule(rule.attribute, error.kind));
        }
    }
}

fn apply_rule(
    plan: &Plan,
    rule: &AttributeRule,
    facts: &Facts<'_>,
    draws: &Draws<'_>,
    draft: &mut Draft<'_>,
    bench: &mut Bench<'_>,
) -> Result<(), EvalError> {
    let Some(each) = &rule.each else {
        return apply_once(plan, rule, facts, draws, draft, bench, None);
    };
    let scope = scope(plan, Some(&*draft), facts, draws);
    let elements = bench.vm.evaluate(each, &scope, bench.fuel)?;
    let Some(elements) = elements.items() else {
        bench.troubles.push(Trouble::NoList(rule.attribute));
        return Ok(());
    };
    if elements.len() > LIST_ITEMS_MAX {
        bench.troubles.push(Trouble::Rule(rule.attribute, EvalErrorKind::Limit));
        return Ok(());
    }
    for element in elements.iter() {
        // One element that throws is counted and does not take the others with it.
        let item = Some(element.element().clone());
        if let Err(error) = apply_once(plan, rule, facts, draws, draft, bench, item) {
            bench.troubles.push(Trouble::Rule(rule.attribute, error.kind));
        }
    }
    Ok(())
}

fn apply_once(
    plan: &Plan,
    rule: &AttributeRule,
    facts: &Facts<'_>,
    draws: &Draws<'_>,
    draft: &mut Draft<'_>,
    bench: &mut Bench<'_>,
    item: Option<Value>,
) -> Result<(), EvalError> {
    let mut scope = scope(plan, Some(&*draft), facts, draws);
    scope.locals.extend(item);
    for condition in &rule.conditions {
        if !bench.vm.test(condition, &scope, bench.fuel)? {
            return Ok(());
        }
    }
    let Some(operation) = operation(rule, &scope, bench)? else { return Ok(()) };
    let attribute = &plan.attributes[rule.attribute];
    let taken = draft.apply(attribute.id, &attribute.spec, operation, plan.value_bytes_max);
    if let Err(rejected) = taken {
        bench.troubles.push(Trouble::Value(rule.attribute, rejected));
    }
    Ok(())
}

/// What the rule's action comes to; `None` where `undefined` applies nothing.
fn operation<P: ProfileView>(
    rule: &AttributeRule,
    scope: &EventScope<'_, P>,
    bench: &mut Bench<'_>,
) -> Result<Option<Operation>, EvalError> {
    let mut value = |template: &Template| {
        let mut inner = |error: EvalError| {
            bench.troubles.push(Trouble::Rule(rule.attribute, error.kind));
        };
        template.evaluate(bench.vm, scope, bench.fuel, &mut inner)
    };
    Ok(match &rule.action {
        Action::Increment => Some(Operation::Increment),
        Action::Clear => Some(Operation::Clear),
        Action::Delete(template) => {
            Some(value(template)?).filter(is_defined).map(Operation::Delete)
        }
        Action::Set(template) => {
            let is_map = matches!(template, Template::Map(_));
            match value(template)? {
                Value::Undefined => None,
                Value::Object(fields) if is_map => Some(Operation::SetFields(fields)),
                value => Some(Operation::Set(value)),
            }
        }
    })
}

fn is_defined(value: &Value) -> bool {
    !matches!(value, Value::Undefined)
}

fn scope<'a, P>(
    plan: &'a Plan,
    profile: Option<&'a P>,
    facts: &Facts<'a>,
    draws: &'a Draws<'a>,
) -> EventScope<'a, P> {
    EventScope {
        plan,
        profile,
        fields: facts.fields,
        whole: facts.whole,
        now_ms: facts.moment.now_ms,
        draws,
        locals: Vec::new(),
        audience: Audience::SERVER,
    }
}
