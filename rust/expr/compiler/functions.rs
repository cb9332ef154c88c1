//! Functions: arrow functions, their parameters' places, and the patterns that take values apart.

use super::super::ast::{Arrow as ArrowExpr, PatternName, Target, TargetKind};
use super::super::error::CompileError;
use super::super::limits::CALL_DEPTH_MAX;
use super::super::program::{Arrow, Binding, Pattern, PropertyName, Step};
use super::{Compiled, Compiler, Parameter};
use crate::value::Text;

impl Compiler<'_, '_> {
    pub(super) fn arrow(&mut self, arrow: &ArrowExpr) -> Compiled<Arrow> {
        if self.arrows >= CALL_DEPTH_MAX {
            let message = format!("functions nest deeper than {CALL_DEPTH_MAX}");
            return Err(CompileError::new("E0305", arrow.body.span.clone(), message));
        }
        self.arrows += 1;
        let first = self.parameters.len();
        for parameter in &arrow.parameters {
            let name = match &parameter.target.kind {
                TargetKind::Name(name) => Some(name.clone()),
                _ => None,
            };
            self.place(name);
        }
        // The names in patterns are in scope too, before they have values.
        for parameter in &arrow.parameters {
            self.pattern_places(&parameter.target);
        }
        let places_end = self.parameters.len();
        let mut free = first + arrow.parameters.len();
        let mut bindings = Vec::new();
        for (position, parameter) in arrow.parameters.iter().enumerate() {
            let binding = self.binding(&parameter.target, first + position, &mut free)?;
            if binding.default.is_some() || binding.pattern.is_some() {
                bindings.push(binding);
            }
        }
        let body = self.expr(&arrow.body)?;
        self.parameters.truncate(first);
        self.arrows -= 1;
        Ok(Arrow {
            first,
            count: arrow.parameters.len(),
            rest: arrow.parameters.last().is_some_and(|parameter| parameter.rest),
            places_end,
            bindings: bindings.into(),
            body,
        })
    }

    fn place(&mut self, name: Option<Text>) {
        self.parameters.push(Parameter { name, set: false });
    }

    /// Gives places to all parts of a pattern, in the order in which `pattern` takes them.
    fn pattern_places(&mut self, target: &Target) {
        let part = |compiler: &mut Self, part: &Target| {
            match &part.kind {
                TargetKind::Name(name) => compiler.place(Some(name.clone())),
                _ => compiler.place(None),
            }
            compiler.pattern_places(part);
        };
        match &target.kind {
            TargetKind::Name(_) => {}
            TargetKind::Object { properties, rest } => {
                properties.iter().for_each(|(_, target)| part(self, target));
                if let Some(name) = rest {
                    self.place(Some(name.clone()));
                }
            }
            TargetKind::Array { elements, rest } => {
                elements.iter().flatten().for_each(|target| part(self, target));
                if let Some(target) = rest {
                    part(self, target);
                }
            }
        }
    }

    /// What becomes of the value at `place`; parts of patterns take places from `free` on.
    fn binding(&mut self, target: &Target, place: usize, free: &mut usize) -> Compiled<Binding> {
        let default = match &target.default {
            Some(default) => Some(self.expr(default)?),
            None => None,
        };
        let pattern = self.pattern(target, free)?;
        self.parameters[place].set = true;
        Ok(Binding { place, default, pattern, span: target.span.clone() })
    }

    fn pattern(&mut self, target: &Target, free: &mut usize) -> Compiled<Option<Pattern>> {
        let taken = |free: &mut usize| {
            *free += 1;
            *free - 1
        };
        Ok(match &target.kind {
            TargetKind::Name(_) => None,
            TargetKind::Object { properties, rest } => {
                let mut compiled = Vec::with_capacity(properties.len());
                for (name, target) in properties {
                    let name = match name {
                        PatternName::Written(name) => {
                            PropertyName::Written(Step::new(name.clone(), target.span.end))
                        }
                        PatternName::Computed(name) => PropertyName::Computed(self.expr(name)?),
                    };
                    let place = taken(free);
                    compiled.push((name, self.binding(target, place, free)?));
                }
                let rest = rest.as_ref().map(|_| taken(free));
                if let Some(place) = rest {
                    self.parameters[place].set = true;
                }
                Some(Pattern::Object { properties: compiled.into(), rest })
            }
            TargetKind::Array { elements, rest } => {
                let mut compiled = Vec::with_capacity(elements.len());
                for element in elements {
                    compiled.push(match element {
                        Some(target) => {
                            let place = taken(free);
                            Some(self.binding(target, place, free)?)
                        }
                        None => None,
                    });
                }
                let rest = match rest {
                    Some(target) => {
                        let place = taken(free);
                        Some(Box::new(self.binding(target, place, free)?))
                    }
                    None => None,
                };
                Some(Pattern::Array { elements: compiled.into(), rest })
            }
        })
    }
}
