//! Computed: attributes that are computed from others, and the order in which they can be.
//!
//! A computed attribute may read others. Each is given the list of those that it needs, so that a
//! request evaluates them one after the other and never one inside the other; those that read
//! each other in a circle have no value, and are refused by name.

use super::expressions::Expressions;
use super::model::{AttributeKind, Configuration};
use super::plan::{Computed, Slot};
use crate::expr::Template;
use crate::value::{Text, Value};

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
    for at in 0..computed.len() {
        match order(&reads, at) {
            Some(needs) => computed[at].needs = needs,
            None => {
                let entry = &configuration.attributes[computed[at].attribute];
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
