//! Conditions: what is always true, always false, said twice, or contradicts itself.

use std::collections::{HashMap, HashSet};

use super::super::ast::{
    BinaryOperator, ChainPartKind, Expr, ExprKind, LogicalOperator, UnaryOperator,
};
use super::super::error::Span;
use super::comparisons::{mirrored, relation};
use super::types::{Kinds, Type};
use super::{Advisor, bare, constant_name, reads};
use crate::value::{Value, number, ops};

/// Methods that give a position, which is true for -1 and false for 0.
const POSITIONS: [&str; 5] = ["findIndex", "findLastIndex", "indexOf", "lastIndexOf", "search"];

impl Advisor<'_> {
    /// A whole condition; one that is just `true` or `false` is meant so.
    pub(super) fn whole_condition(&mut self, expr: &Expr) -> Type {
        match &bare(expr).kind {
            ExprKind::Literal(value @ Value::Bool(_)) => Type::of_value(value),
            _ => self.condition_of(expr, false),
        }
    }

    /// An expression that is asked whether it is true.
    pub(super) fn condition(&mut self, expr: &Expr) {
        self.condition_of(expr, false);
    }

    /// The same, under a `!` or not.
    pub(super) fn condition_of(&mut self, expr: &Expr, negated: bool) -> Type {
        match &bare(expr).kind {
            ExprKind::Logical { operator, operands } => self.logical(*operator, operands, true),
            ExprKind::Unary { operator: UnaryOperator::Not, .. } => self.expr(expr),
            _ => {
                let is = self.expr(expr);
                if !self.check_position(expr) {
                    self.check_truth(expr, &is, negated);
                }
                is
            }
        }
    }

    /// The body of a function that is asked of each element.
    pub(super) fn predicate(&mut self, body: &Expr) -> Type {
        match &bare(body).kind {
            ExprKind::Logical { .. } | ExprKind::Unary { operator: UnaryOperator::Not, .. } => {
                self.condition_of(body, false)
            }
            _ => {
                let is = self.expr(body);
                if let Some(truth) = is.truth() {
                    let message = format!("this function is {truth} for every element");
                    let words = is.kinds.words();
                    let help = is
                        .kinds
                        .only(Kinds::COMPOUND)
                        .then(|| format!("it gives {words}, which is true whatever it holds"));
                    self.warn("W0217", &body.span, message, help);
                } else {
                    self.check_position(body);
                }
                is
            }
        }
    }

    /// `if: text.indexOf("a")`.
    fn check_position(&mut self, expr: &Expr) -> bool {
        let ExprKind::Chain { parts, .. } = &bare(expr).kind else { return false };
        let [.., method, call] = parts.as_slice() else { return false };
        let (Some(name), ChainPartKind::Call(_)) = (reads::member_name(method), &call.kind) else {
            return false;
        };
        if !POSITIONS.contains(&name) {
            return false;
        }
        let message = format!("`{name}` gives -1 for nowhere, which is true, and 0 for the first");
        let help = match name {
            "indexOf" | "lastIndexOf" => "write includes(...), or compare: >= 0",
            "search" => "write test(...) of the regular expression, or compare: >= 0",
            _ => "write some(...), or compare: >= 0",
        };
        self.warn("W0207", &expr.span, message, Some(help.to_owned()));
        true
    }

    fn check_truth(&mut self, expr: &Expr, is: &Type, negated: bool) {
        let Some(truth) = is.truth() else { return };
        let code = if truth { "W0208" } else { "W0209" };
        let named = self.named(&expr.span);
        if is.constant.is_some() || !truth {
            let message = format!("{named} is always {truth}");
            return self.warn(code, &expr.span, message, None);
        }
        let words = is.kinds.words();
        let message = match is.kinds {
            Kinds::LIST => format!("{named} is a list, which is true even when it is empty"),
            _ => format!("{named} is {words}, which is true whatever it holds"),
        };
        let sign = if negated { "===" } else { ">" };
        let help = self.help(&[&expr.span], |texts| match (is.kinds, negated) {
            (Kinds::LIST, _) => format!("write {}.length {sign} 0", texts[0]),
            (Kinds::SET, _) => format!("write {}.size {sign} 0", texts[0]),
            _ => String::new(),
        });
        self.warn(code, &expr.span, message, help.filter(|help| !help.is_empty()));
    }

    /// Operands of one logical operator; `tested`: the outcome is asked whether it is true.
    pub(super) fn logical(
        &mut self,
        operator: LogicalOperator,
        operands: &[Expr],
        tested: bool,
    ) -> Type {
        let mut yields = Type::of_kinds(Kinds::NONE);
        for (position, operand) in operands.iter().enumerate() {
            let last = position + 1 == operands.len();
            let asked = match operator {
                LogicalOperator::Nullish => tested && last,
                _ => tested || !last,
            };
            let before = position.checked_sub(1).map(|at| &operands[at]);
            let is = match asked {
                true if self.check_bare_alternative(operator, before, operand) => {
                    self.expr(operand)
                }
                true => self.condition_of(operand, false),
                false => self.expr(operand),
            };
            let passes = if last { is } else { passing(operator, is) };
            yields = if position == 0 { passes } else { yields.or(passes.without_constant()) };
        }
        if operator != LogicalOperator::Nullish {
            self.check_repeats(operator, operands);
            self.check_contradictions(operator, operands);
        }
        if operands.len() > 1 { yields.without_constant() } else { yields }
    }

    /// `x === "a" || "b"`.
    fn check_bare_alternative(
        &mut self,
        operator: LogicalOperator,
        before: Option<&Expr>,
        operand: &Expr,
    ) -> bool {
        let (LogicalOperator::Or, ExprKind::Literal(Value::String(_) | Value::Number(_))) =
            (operator, &bare(operand).kind)
        else {
            return false;
        };
        let Some(ExprKind::Binary { first, rest }) = before.map(|before| &bare(before).kind) else {
            return false;
        };
        let [(BinaryOperator::Equal | BinaryOperator::StrictEqual, _)] = rest.as_slice() else {
            return false;
        };
        let truth = matches!(&bare(operand).kind, ExprKind::Literal(value) if ops::truthy(value));
        let message =
            format!("{} stands alone here, and is always {truth}", self.named(&operand.span));
        let help = self.help(&[&first.span, &operand.span], |texts| {
            format!("write the comparison again: {} === {}", texts[0], texts[1])
        });
        self.warn(if truth { "W0208" } else { "W0209" }, &operand.span, message, help);
        true
    }

    /// `a && a`.
    fn check_repeats(&mut self, operator: LogicalOperator, operands: &[Expr]) {
        let sign = if operator == LogicalOperator::And { "&&" } else { "||" };
        let mut seen: HashSet<String> = HashSet::new();
        for operand in operands {
            if matches!(bare(operand).kind, ExprKind::Literal(_)) {
                continue;
            }
            let Some(key) = reads::key(operand) else { continue };
            if !seen.insert(key) {
                let named = self.named(&operand.span);
                let message = format!("{named} stands twice in one `{sign}`");
                self.warn("W0210", &operand.span, message, None);
            }
        }
    }

    /// `x === "a" && x === "b"`, `x > 5 && x < 3`, `x !== "a" || x !== "b"`.
    fn check_contradictions(&mut self, operator: LogicalOperator, operands: &[Expr]) {
        let mut known: HashMap<String, Known> = HashMap::new();
        for operand in operands {
            let Some(fact) = fact(operand) else { continue };
            let known = known.entry(fact.read.clone()).or_default();
            let Some(earlier) = known.contradicts(operator, &fact) else {
                known.add(operator, fact);
                continue;
            };
            let (outcome, instead) = match operator {
                LogicalOperator::And => ("false", "||"),
                _ => ("true", "&&"),
            };
            let message = format!(
                "{} and {} together are always {outcome}",
                self.named(&earlier),
                self.named(&operand.span)
            );
            let help = fact.is_equality().then(|| format!("did you mean `{instead}`?"));
            self.warn("W0211", &operand.span, message, help);
        }
    }
}

/// What of an operand that is not the last can be the outcome.
fn passing(operator: LogicalOperator, is: Type) -> Type {
    match operator {
        LogicalOperator::And => is.without(Kinds::COMPOUND),
        LogicalOperator::Or | LogicalOperator::Nullish => is.without(Kinds::NULLISH),
    }
}

/// A comparison of one read with one value that is written out.
struct Fact {
    /// The key of the read.
    read: String,
    operator: BinaryOperator,
    value: Value,
    span: Span,
}

impl Fact {
    fn is_equality(&self) -> bool {
        use BinaryOperator as B;
        matches!(self.operator, B::Equal | B::StrictEqual | B::NotEqual | B::StrictNotEqual)
    }

    fn is_strict(&self) -> bool {
        matches!(self.operator, BinaryOperator::StrictEqual | BinaryOperator::StrictNotEqual)
    }
}

fn fact(operand: &Expr) -> Option<Fact> {
    let ExprKind::Binary { first, rest } = &bare(operand).kind else { return None };
    let [(operator, second)] = rest.as_slice() else { return None };
    relation(*operator)?;
    let (read, value, operator) = match (written(first), written(second)) {
        (None, Some(value)) => (first.as_ref(), value, *operator),
        (Some(value), None) => (second, value, mirrored(*operator)),
        _ => return None,
    };
    Some(Fact { read: reads::key(read)?, operator, value, span: operand.span.clone() })
}

/// The value of what is written out: a literal, a name for one, a negative number.
fn written(expr: &Expr) -> Option<Value> {
    match &bare(expr).kind {
        ExprKind::Literal(
            value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)),
        ) => Some(value.clone()),
        ExprKind::Name(name) => constant_name(name),
        ExprKind::Unary { operator: UnaryOperator::Negate, operand } => match &bare(operand).kind {
            ExprKind::Literal(Value::Number(number)) => Some(Value::Number(-number)),
            _ => None,
        },
        _ => None,
    }
}

/// What the operands so far say of one read.
#[derive(Default)]
struct Known {
    /// It equals this (in `&&`), or does not (in `||`).
    equality: Option<Fact>,
    /// It does not equal these (in `&&`); the newest few.
    unequal: Vec<Fact>,
    low: Option<Fact>,
    high: Option<Fact>,
}

impl Known {
    /// The place of what the fact contradicts.
    fn contradicts(&self, operator: LogicalOperator, fact: &Fact) -> Option<Span> {
        use BinaryOperator as B;
        let place = |earlier: &Fact| earlier.span.clone();
        let equality = self.equality.as_ref();
        match (operator, fact.operator) {
            (LogicalOperator::And, B::Equal | B::StrictEqual) => {
                let other = equality.filter(|earlier| differ(earlier, fact)).map(place);
                let same = |earlier: &&Fact| {
                    earlier.is_strict() == fact.is_strict()
                        && ops::strict_equals(&earlier.value, &fact.value)
                };
                let outside = |bound: &&Fact| outside(&fact.value, bound);
                other
                    .or_else(|| self.unequal.iter().find(same).map(place))
                    .or_else(|| self.low.as_ref().filter(outside).map(place))
                    .or_else(|| self.high.as_ref().filter(outside).map(place))
            }
            (LogicalOperator::And, B::NotEqual | B::StrictNotEqual) => equality
                .filter(|earlier| earlier.is_strict() == fact.is_strict())
                .filter(|earlier| ops::strict_equals(&earlier.value, &fact.value))
                .map(place),
            (LogicalOperator::And, B::Less | B::LessOrEqual) => equality
                .filter(|earlier| outside(&earlier.value, fact))
                .or_else(|| self.low.as_ref().filter(|low| is_empty(low, fact)))
                .map(place),
            (LogicalOperator::And, B::Greater | B::GreaterOrEqual) => equality
                .filter(|earlier| outside(&earlier.value, fact))
                .or_else(|| self.high.as_ref().filter(|high| is_empty(fact, high)))
                .map(place),
            (LogicalOperator::Or, B::NotEqual | B::StrictNotEqual) => {
                equality.filter(|earlier| differ(earlier, fact)).map(place)
            }
            _ => None,
        }
    }

    fn add(&mut self, operator: LogicalOperator, fact: Fact) {
        use BinaryOperator as B;
        const UNEQUAL_MAX: usize = 8;
        let is_and = operator == LogicalOperator::And;
        match fact.operator {
            B::Equal | B::StrictEqual if is_and => self.equality = Some(fact),
            B::NotEqual | B::StrictNotEqual if is_and && self.unequal.len() < UNEQUAL_MAX => {
                self.unequal.push(fact);
            }
            B::NotEqual | B::StrictNotEqual if !is_and => self.equality = Some(fact),
            B::Less | B::LessOrEqual if is_and => self.high = Some(fact),
            B::Greater | B::GreaterOrEqual if is_and => self.low = Some(fact),
            _ => {}
        }
    }
}

/// Whether no value equals both.
fn differ(one: &Fact, other: &Fact) -> bool {
    if one.is_strict() && other.is_strict() {
        return !ops::strict_equals(&one.value, &other.value);
    }
    // Loosely, `1` equals `"1"` and `"01"`: only values that read one way are told apart.
    match (&one.value, &other.value) {
        (Value::Number(one), Value::Number(other)) => one != other,
        (Value::String(one), Value::String(other)) => {
            one != other && number::from_text(one).is_nan() && number::from_text(other).is_nan()
        }
        _ => false,
    }
}

/// Whether a number lies beyond a bound.
fn outside(value: &Value, bound: &Fact) -> bool {
    use BinaryOperator as B;
    let (Value::Number(number), Value::Number(limit)) = (value, &bound.value) else {
        return false;
    };
    match bound.operator {
        B::Less => number >= limit,
        B::LessOrEqual => number > limit,
        B::Greater => number <= limit,
        B::GreaterOrEqual => number < limit,
        _ => false,
    }
}

/// Whether no number lies above the one bound and below the other.
fn is_empty(low: &Fact, high: &Fact) -> bool {
    let (Value::Number(from), Value::Number(to)) = (&low.value, &high.value) else { return false };
    let open = matches!(low.operator, BinaryOperator::Greater)
        || matches!(high.operator, BinaryOperator::Less);
    from > to || (from == to && open)
}
