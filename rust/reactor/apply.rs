//! Apply: an event's filters and attribute rules, the same for live traffic and replay.
//!
//! Rules run in file order over one event and see its identity and all earlier rules of this event
//! (page 2). Nothing here reads a clock, draws a random number or decides identity. What goes wrong
//! inside a rule is noted and the event goes on (page 3.4).
//!
//! Any change of what this computes raises `record::APPLY_EPOCH`.

use super::computed::{ComputedValues, read_before};
use super::draws::{Drawer, Draws, EventKey};
use super::lookups::Lookups;
use super::scope::{EventScope, ProfileView, Seen, Unchanged};
use crate::config::plan::{Action, AttributeRule, Plan, Table};
use crate::expr::limits::LIST_ITEMS_MAX;
use crate::expr::{EvalError, EvalErrorKind, Fuel, Program, Template, Vm};
use crate::offer::{Audience, EventId};
use crate::profile::identity::Refusal;
use crate::profile::{Draft, Moment, Operation, Rejected};
use crate::value::{Text, Value, number};

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
    /// What batch data gives.
    pub lookups: &'a Lookups<'a>,
    /// What computed attributes came to since the profile last changed.
    pub computed: &'a ComputedValues,
}

impl<'a> Facts<'a> {
    /// `BEFORE.<name>` of an event whose rules have not run, as in [`Plan::before`]: of the profile
    /// that it meets, of the united one where profiles meet.
    pub fn before(&self, plan: &Plan, draft: &Draft<'_>) -> Vec<Value> {
        self.before_of(plan, Some(&Unchanged(draft)))
    }

    /// As [`Facts::before`], of a profile that no event changes.
    pub fn before_of<P: ProfileView>(&self, plan: &Plan, profile: Option<&P>) -> Vec<Value> {
        if plan.before.is_empty() {
            return Vec::new();
        }
        let draws = Draws::new(self.key, Drawer::Offer(0, 0));
        let before = read_before(plan, &scope(plan, profile, self, &[], &draws));
        // A key may read otherwise once the event's own identifiers are in.
        self.computed.forget();
        before
    }
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
        let scope = scope::<Draft<'_>>(plan, None, facts, &[], &draws);
        match bench.vm.test(filter, &scope, bench.fuel) {
            Ok(true) => matched.push(*event),
            Ok(false) => {}
            Err(error) => bench.troubles.push(Trouble::Filter(*event, error.kind)),
        }
    }
}

/// Runs all attribute rules of an event over a draft. What `BEFORE` reads is given back for the
/// offers.
pub fn apply_rules(
    plan: &Plan,
    matched: &[EventId],
    facts: &Facts<'_>,
    draft: &mut Draft<'_>,
    bench: &mut Bench<'_>,
) -> Vec<Value> {
    let before = facts.before(plan, draft);
    run_rules(plan, matched, (facts, &before), draft, bench);
    facts.computed.drain_into(bench.troubles);
    before
}

/// What an event's rules read beside the profile: its facts, and `BEFORE`.
type Given<'g> = (&'g Facts<'g>, &'g [Value]);

fn run_rules(
    plan: &Plan,
    matched: &[EventId],
    given: Given<'_>,
    draft: &mut Draft<'_>,
    bench: &mut Bench<'_>,
) {
    let (facts, _) = given;
    let rules = plan.rules.iter().enumerate();
    for (position, rule) in rules.filter(|(_, rule)| rule.events.matches(matched)) {
        let draws = Draws::new(facts.key, Drawer::Attribute(position));
        if let Err(error) = apply_rule(plan, rule, given, &draws, draft, bench) {
            bench.troubles.push(Trouble::Rule(rule.attribute, error.kind));
        }
    }
}

fn apply_rule(
    plan: &Plan,
    rule: &AttributeRule,
    given: Given<'_>,
    draws: &Draws<'_>,
    draft: &mut Draft<'_>,
    bench: &mut Bench<'_>,
) -> Result<(), EvalError> {
    let Some(each) = &rule.each else {
        return apply_once(plan, rule, given, draws, draft, bench, None);
    };
    let scope = scope(plan, Some(&*draft), given.0, given.1, draws);
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
        if let Err(error) = apply_once(plan, rule, given, draws, draft, bench, item) {
            bench.troubles.push(Trouble::Rule(rule.attribute, error.kind));
        }
    }
    Ok(())
}

fn apply_once(
    plan: &Plan,
    rule: &AttributeRule,
    given: Given<'_>,
    draws: &Draws<'_>,
    draft: &mut Draft<'_>,
    bench: &mut Bench<'_>,
    item: Option<Value>,
) -> Result<(), EvalError> {
    let mut scope = scope(plan, Some(&*draft), given.0, given.1, draws);
    scope.locals.extend(item);
    for condition in &rule.conditions {
        if !bench.vm.test(condition, &scope, bench.fuel)? {
            return Ok(());
        }
    }
    let Some(operation) = operation(rule, &scope, bench)? else { return Ok(()) };
    let attribute = &plan.attributes[rule.attribute];
    let operation = match &attribute.by {
        Some(by) => named(by, operation, &scope, bench)?,
        None => Ok(Some(operation)),
    };
    let taken = operation.and_then(|operation| {
        let Some(operation) = operation else { return Ok(()) };
        let operation = match attribute.conversion.is_none() {
            true => operation,
            false => attribute.conversion.operation(&attribute.spec, operation, plan.time_zone)?,
        };
        draft.apply(attribute.id, &attribute.spec, operation, plan.value_bytes_max)
    });
    given.0.computed.forget();
    if let Err(rejected) = taken {
        bench.troubles.push(Trouble::Value(rule.attribute, rejected));
    }
    Ok(())
}

/// The operation on the counter that `by` names; none where that is `undefined` or `null`.
fn named<P: ProfileView>(
    by: &Program,
    operation: Operation,
    scope: &EventScope<'_, P>,
    bench: &mut Bench<'_>,
) -> Result<Result<Option<Operation>, Rejected>, EvalError> {
    let amount = match operation {
        Operation::Increment => Value::Number(1.0),
        Operation::Set(amount) => amount,
        operation => return Ok(Ok(Some(operation))),
    };
    let name = match bench.vm.evaluate(by, scope, bench.fuel)? {
        Value::Undefined | Value::Hole | Value::Null => return Ok(Ok(None)),
        Value::String(name) => name,
        Value::Number(number) => number::to_text(number),
        Value::Bool(truth) => Text::new_static(if truth { "true" } else { "false" }),
        Value::Array(_) | Value::Object(_) | Value::Instance(_) => {
            return Ok(Err(Rejected::NoName));
        }
    };
    Ok(Ok(Some(Operation::CountOf(name, amount))))
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
    before: &'a [Value],
    draws: &'a Draws<'a>,
) -> EventScope<'a, P> {
    EventScope {
        plan,
        profile,
        fields: facts.fields,
        whole: facts.whole,
        now_ms: facts.moment.now_ms,
        lookups: facts.lookups,
        draws,
        locals: Vec::new(),
        before,
        computed: facts.computed,
        audience: Audience::SERVER,
        seen: Seen::default(),
    }
}
