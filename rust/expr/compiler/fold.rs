//! Fold: subexpressions that are constants, computed while compiling.
//!
//! Only primitives fold, by the very functions that the machine uses; what would throw is left
//! for the machine to throw. A list of constants folds where its identity cannot be seen: as the
//! receiver of a call or read.

use super::super::ast::{BinaryOperator, Expr, ExprKind, LogicalOperator, UnaryOperator};
use super::super::limits::STRING_BYTES_MAX;
use super::super::operators;
use super::{Compiler, Resolved};
use crate::value::{Value, ops};

impl Compiler<'_, '_> {
    /// The value of a constant expression.
    pub(super) fn fold(&self, expr: &Expr) -> Option<Value> {
        match &expr.kind {
            ExprKind::Literal(value) => (!ops::is_compound(value)).then(|| value.clone()),
            ExprKind::Paren(inner) => self.fold(inner),
            ExprKind::Name(name) => match self.resolve(name, &expr.span) {
                Ok(Resolved::Constant(value)) => Some(value),
                _ => None,
            },
            ExprKind::Template { texts, parts } => {
                let mut out = texts.first()?.to_string();
                for (text, part) in texts[1..].iter().zip(parts) {
                    out.push_str(&ops::to_text(&self.fold(part)?, STRING_BYTES_MAX).ok()?);
                    out.push_str(text);
                }
                (out.len() <= STRING_BYTES_MAX).then(|| Value::text(out))
            }
            ExprKind::Unary { operator, operand } => {
                let operand = self.fold(operand)?;
                match operator {
                    UnaryOperator::Void => Some(Value::Undefined),
                    _ => operators::unary(*operator, &operand).ok(),
                }
            }
            ExprKind::Binary { first, rest } => match self.fold_prefix(first, rest) {
                (Some(value), []) => Some(value),
                _ => None,
            },
            ExprKind::Logical { operator, operands } => {
                // Also the operands that are never reached must be constant, else they would go
                // uncompiled.
                let mut values: Vec<Value> =
                    operands.iter().map(|operand| self.fold(operand)).collect::<Option<_>>()?;
                let decided = values.iter().position(|value| match operator {
                    LogicalOperator::And => !ops::truthy(value),
                    LogicalOperator::Or => ops::truthy(value),
                    LogicalOperator::Nullish => !value.is_nullish(),
                });
                match decided {
                    Some(position) => Some(values.swap_remove(position)),
                    None => values.pop(),
                }
            }
            _ => None,
        }
    }

    /// Folds operands from the left as far as they are constant; the rest is left.
    pub(super) fn fold_prefix<'e>(
        &self,
        first: &Expr,
        rest: &'e [(BinaryOperator, Expr)],
    ) -> (Option<Value>, &'e [(BinaryOperator, Expr)]) {
        let Some(mut value) = self.fold(first) else { return (None, rest) };
        for (position, (operator, operand)) in rest.iter().enumerate() {
            let folded = self
                .fold(operand)
                .and_then(|operand| operators::binary(*operator, &value, &operand).ok());
            match folded {
                Some(next) => value = next,
                None => return (Some(value), &rest[position..]),
            }
        }
        (Some(value), &[])
    }

    /// A list of constants that nothing but a read or call of it will see.
    pub(super) fn folded_receiver(&self, base: &Expr) -> Option<Value> {
        let ExprKind::Array(elements) = &base.kind else {
            return match &base.kind {
                ExprKind::Literal(pattern @ Value::Instance(_)) => Some(pattern.clone()),
                _ => None,
            };
        };
        let items: Option<Vec<Value>> = elements
            .iter()
            .map(|element| if element.spread { None } else { self.fold(&element.value) })
            .collect();
        items.map(Value::array)
    }
}
