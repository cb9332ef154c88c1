//! Computed: attributes that are computed from others, and the order in which they can be.
//!
//! A computed attribute may read others. Each is given the list of those that it needs, so that a
//! request evaluates them one after the other and never one inside the other; those that read
//! each other in a circle have no value, and are refused by name.

use super::expressions::{Expressions, Locals};
use super::model::{AttributeKind, Configuration};
use super::plan::{Computed, Slot};
use super::source::Spanned;
use super::yaml::Node;
use crate::expr::Template;
use crate::value::{Text, Value};

impl Expressions<'_, '_> {
    /// The `value` of a computed attribute, over `PROFILE` alone, and the slots that it reads.
    fn computed(&mut self, node: &Node) -> (Option<Template>, Vec<u32>) {
        let fields = std::mem::take(&mut self.fields);
        self.slots.start_reading(true);
        let template = self.template(node, &Locals::default());
        let read = self.slots.start_reading(false);
        let own = std::mem::replace(&mut self.fields, fields);
        if own.names().is_empty() && !own.needs_whole() {
            return (template, read);
        }
        if self.recorded {
            return (self.throwing().map(Template::Expression), Vec::new());
        }
        self.problems.error_with_help(
            "E0226",
            node.span.clone(),
            "A computed attribute reads PROFILE, not EVENT: it is read with and without an event.",
            "keep what it needs of events in an attribute of type single, list or counter",
        );
        (None, read)
    }

    /// Notes a computed attribute that needs itself.
    fn refuse_circle(&mut self, name: &Spanned<Text>) {
        if !self.recorded {
            self.problems.error_with_help(
                "E0225",
                name.span.clone(),
                format!("`{}` is computed from itself, directly or through others.", name.value),
                "break the circle: let one of them read what events leave",
            );
        }
    }
}

/// Compiles all computed attributes; `slots` are those of `PROFILE`.
pub fn build(
    configuration: &Configuration,
    slots: &[(Text, Slot)],
    expressions: &mut Expressions<'_, '_>,
) -> Vec<Computed> {
    let mut computed: Vec<Computed> = Vec::new();
    let mut reads: Vec<Vec<usize>> = Vec::new();
    for (attribute, entry) in configuration.attributes.iter().enumerate() {
        let AttributeKind::Computed { value } = &entry.kind else { continue };
        let (template, read) =
            value.as_ref().map_or((None, Vec::new()), |node| expressions.computed(node));
        // What did not compile is noted: there will be no plan with this value.
        let value = template.unwrap_or(Template::Literal(Value::Undefined));
        computed.push(Computed { attribute, value, needs: Vec::new() });
        reads.push(read.iter().filter_map(|slot| computed_at(slots, *slot)).collect());
    }
    for (at, one) in computed.iter_mut().enumerate() {
        match order(&reads, at) {
            Some(needs) => one.needs = needs,
            None => {
                let entry = &configuration.attributes[one.attribute];
                expressions.refuse_circle(&entry.name);
            }
        }
    }
    computed
}

fn computed_at(slots: &[(Text, Slot)], slot: u32) -> Option<usize> {
    match slots.get(slot as usize) {
        Some((_, Slot::Computed(at))) => Some(*at),
        _ => None,
    }
}

/// All that `of` needs, each behind what it reads itself; `None` when it needs itself.
fn order(reads: &[Vec<usize>], of: usize) -> Option<Vec<usize>> {
    let mut done: Vec<usize> = Vec::new();
    // What is being gone through, and how many of its reads have been.
    let mut path: Vec<(usize, usize)> = vec![(of, 0)];
    while let Some((at, next)) = path.last_mut() {
        match reads[*at].get(*next).copied() {
            Some(read) => {
                *next += 1;
                if read == of {
                    return None;
                }
                let is_under_way = path.iter().any(|(at, _)| *at == read);
                if !is_under_way && !done.contains(&read) {
                    path.push((read, 0));
                }
            }
            None => {
                done.push(*at);
                path.pop();
            }
        }
    }
    done.pop();
    Some(done)
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn each_stands_behind_what_it_reads_and_a_circle_has_no_order() {
        let reads = [vec![1, 2], vec![2], vec![], vec![0, 1]];
        assert_eq!(order(&reads, 0), Some(vec![2, 1]));
        assert_eq!(order(&reads, 2), Some(vec![]));
        assert_eq!(order(&reads, 3), Some(vec![2, 1, 0]));
        let circle = [vec![1], vec![2], vec![0], vec![3], vec![0]];
        assert_eq!(order(&circle, 1), None);
        assert_eq!(order(&circle, 3), None);
        assert!(order(&circle, 4).is_some());
    }
}
