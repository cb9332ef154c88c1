//! Comparisons: those that come out the same whatever the values are.

use super::super::ast::{BinaryOperator, Expr, ExprKind};
use super::super::error::Span;
use super::arithmetic::{folded, is_type_of};
use super::types::{Kinds, Measure, Type};
use super::{Advisor, Side, bare, is_nan_name, nearest, reads};
use crate::value::{Value, number};

/// What `typeof` can give.
const TYPE_NAMES: [&str; 8] =
    ["undefined", "object", "boolean", "number", "string", "function", "symbol", "bigint"];
/// What has no order of its own.
const WITHOUT_ORDER: Kinds = Kinds::COMPOUND.without(Kinds::DATE);

/// A comparing operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub operator: BinaryOperator,
    pub text: &'static str,
    /// `===`, `!==`.
    strict: bool,
    /// `!=`, `!==`.
    negated: bool,
    /// `<`, `<=`, `>`, `>=`.
    ordering: bool,
}

/// The operator as a comparison, if it is one.
pub(super) fn relation(operator: BinaryOperator) -> Option<Relation> {
    use BinaryOperator as B;
    let (text, strict, negated, ordering) = match operator {
        B::Equal => ("==", false, false, false),
        B::NotEqual => ("!=", false, true, false),
        B::StrictEqual => ("===", true, false, false),
        B::StrictNotEqual => ("!==", true, true, false),
        B::Less => ("<", false, false, true),
        B::LessOrEqual => ("<=", false, false, true),
        B::Greater => (">", false, false, true),
        B::GreaterOrEqual => (">=", false, false, true),
        _ => return None,
    };
    Some(Relation { operator, text, strict, negated, ordering })
}

impl Relation {
    /// What comes of values that never are equal.
    fn when_unequal(self) -> &'static str {
        if self.negated { "always true" } else { "always false" }
    }
}

/// Whether an expression makes a new list or object, which equals nothing but itself.
pub(super) fn is_fresh(expr: &Expr) -> bool {
    matches!(bare(expr).kind, ExprKind::Array(_) | ExprKind::Object(_) | ExprKind::New { .. })
}

/// The text that JavaScript makes of what has none.
pub(super) fn text_of(kinds: Kinds) -> &'static str {
    match kinds {
        Kinds::SET => "[object Set]",
        Kinds::ITERATOR => "[object Iterator]",
        _ => "[object Object]",
    }
}

impl Advisor<'_> {
    /// `left op right`; says so where it comes out the same whatever the values are.
    pub(super) fn comparison(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        relation: Relation,
        span: &Span,
    ) -> Type {
        let is_known = self.check_nan(left, right, relation, span)
            || self.check_type_of(left, right, relation, span);
        if is_known {
            return Type::boolean();
        }
        if let Some(is) = folded(relation.operator, left, right) {
            return is;
        }
        let _ = self.check_same(left, right, relation, span)
            || self.check_units(left, right, relation.text, span)
            || self.check_range(left, right, relation, span)
            || match relation.ordering {
                true => self.check_order(left, right, relation, span),
                false => {
                    self.check_fresh(left, right, relation, span)
                        || self.check_kinds(left, right, relation, span)
                }
            };
        Type::boolean()
    }

    /// `a < b < c`: true or false is compared with `c`.
    pub(super) fn compared_twice(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        operator: BinaryOperator,
        span: &Span,
    ) -> Type {
        if !right.is.kinds.meets(Kinds::BOOLEAN) || relation(operator).is_some_and(|r| r.ordering) {
            let message = format!(
                "{} is true or false, and that is compared with {}",
                self.named(&left.span),
                self.named(&right.span)
            );
            let help = "write both comparisons: a < b && b < c".to_owned();
            self.warn("W0202", span, message, Some(help));
        }
        folded(operator, left, right).unwrap_or_else(Type::boolean)
    }

    fn check_nan(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        relation: Relation,
        span: &Span,
    ) -> bool {
        let is_nan = |side: &Side<'_>| side.expr.is_some_and(is_nan_name);
        let other = match (is_nan(left), is_nan(right)) {
            (false, false) => return false,
            (true, _) => right,
            (false, true) => left,
        };
        let message = format!("nothing equals NaN: this is {}", relation.when_unequal());
        let not = if relation.negated { "!" } else { "" };
        let help =
            self.help(&[&other.span], |texts| format!("write {not}Number.isNaN({})", texts[0]));
        self.warn("W0204", span, message, help);
        true
    }

    /// `typeof x === "strnig"`, `typeof x === undefined`.
    fn check_type_of(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        relation: Relation,
        span: &Span,
    ) -> bool {
        let (asked, name) = match (is_type_of(left.expr), is_type_of(right.expr)) {
            (true, false) => (left, right),
            (false, true) => (right, left),
            _ => return false,
        };
        if relation.ordering {
            return false;
        }
        let operand = match asked.expr.map(|expr| &bare(expr).kind) {
            Some(ExprKind::Unary { operand, .. }) => operand.span.clone(),
            _ => return false,
        };
        let (message, help) = match &name.is.constant {
            Some(Value::String(text)) if TYPE_NAMES.contains(&text.as_str()) => return false,
            Some(Value::String(text)) => {
                let help = match text.as_str() {
                    "array" | "list" => {
                        self.help(&[&operand], |texts| format!("write Array.isArray({})", texts[0]))
                    }
                    "null" => {
                        self.help(&[&operand], |texts| format!("write {} === null", texts[0]))
                    }
                    "text" => Some("did you mean \"string\"?".to_owned()),
                    "NaN" => {
                        self.help(&[&operand], |texts| format!("write Number.isNaN({})", texts[0]))
                    }
                    _ => nearest(text, TYPE_NAMES.into_iter())
                        .map(|near| format!("did you mean \"{near}\"?")),
                };
                (format!("`typeof` never gives {}", self.named(&name.span)), help)
            }
            Some(Value::Undefined | Value::Null) => {
                let written = self.short(&name.span).unwrap_or("undefined");
                let help = match name.is.constant {
                    Some(Value::Undefined) => Some("write \"undefined\" in quotes".to_owned()),
                    _ => self.help(&[&operand], |texts| format!("write {} === null", texts[0])),
                };
                (format!("`typeof` gives text, never {written}"), help)
            }
            _ => return false,
        };
        let message = format!("{message}: this is {}", relation.when_unequal());
        self.warn("W0205", span, message, help);
        true
    }

    /// `x === x`.
    fn check_same(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        relation: Relation,
        span: &Span,
    ) -> bool {
        let (Some(one), Some(other)) = (left.expr, right.expr) else { return false };
        if !matches!(bare(one).kind, ExprKind::Name(_) | ExprKind::Chain { .. }) {
            return false;
        }
        let (Some(one), Some(other)) = (reads::key(one), reads::key(other)) else { return false };
        if one != other {
            return false;
        }
        let message = format!("both sides of `{}` are {}", relation.text, self.named(&left.span));
        let help = match relation.ordering {
            true => None,
            false => {
                let not = if relation.negated { "" } else { "!" };
                self.help(&[&left.span], |texts| {
                    format!("to ask for NaN write {not}Number.isNaN({})", texts[0])
                })
            }
        };
        self.warn("W0210", span, message, help);
        true
    }

    fn check_fresh(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        relation: Relation,
        span: &Span,
    ) -> bool {
        let fresh = |side: &Side<'_>| side.expr.is_some_and(is_fresh);
        let (made, other) = match (fresh(left), fresh(right)) {
            (false, false) => return false,
            (_, true) => (right, left),
            (true, false) => (left, right),
        };
        if !relation.strict && !other.is.kinds.only(Kinds::COMPOUND) {
            return false;
        }
        let message = format!(
            "{} is made here, and equals nothing but itself: this is {}",
            self.named(&made.span),
            relation.when_unequal()
        );
        let sign = if relation.negated { ">" } else { "===" };
        let empty = |expr: &Expr| matches!(&bare(expr).kind, ExprKind::Array(elements) if elements.is_empty());
        let is_empty_list = made.expr.is_some_and(empty);
        let help = self.help(&[&other.span], |texts| match is_empty_list {
            true => format!("write {}.length {sign} 0", texts[0]),
            false => "compare what is in it, or JSON.stringify of both".to_owned(),
        });
        self.warn("W0206", span, message, help);
        true
    }

    /// Values of kinds that are never equal.
    fn check_kinds(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        relation: Relation,
        span: &Span,
    ) -> bool {
        if !never_equal(&left.is, &right.is, relation.strict) {
            return false;
        }
        let message = match (&left.is.constant, &right.is.constant) {
            (None, Some(_)) => self.never(left, right),
            (Some(_), None) => self.never(right, left),
            _ => format!(
                "{} is {}, and {} is {}",
                self.named(&left.span),
                left.is.kinds.words(),
                self.named(&right.span),
                right.is.kinds.words()
            ),
        };
        let message = format!("{message}: this is {}", relation.when_unequal());
        let help = self
            .kinds_help(left, right, relation)
            .or_else(|| self.kinds_help(right, left, relation));
        self.warn("W0201", span, message, help);
        true
    }

    /// `PROFILE.visits is a number, never text`.
    fn never(&self, side: &Side<'_>, written: &Side<'_>) -> String {
        const KINDS_NAMED_MAX: usize = 3;
        let (named, never) = (self.named(&side.span), written.is.kinds.words());
        match side.is.kinds.each().count() <= KINDS_NAMED_MAX {
            true => format!("{named} is {}, never {never}", side.is.kinds.words()),
            false => format!("{named} is never {never}"),
        }
    }

    /// What to write where `side` is compared with what it never is.
    fn kinds_help(&self, side: &Side<'_>, other: &Side<'_>, relation: Relation) -> Option<String> {
        let kinds = side.is.kinds;
        let not = if relation.negated { "!" } else { "" };
        let equal = if relation.negated { "!==" } else { "===" };
        self.help(&[&side.span, &other.span], |texts| {
            let (side_text, text) = (texts[0], texts[1]);
            match (&other.is.constant, kinds) {
                (Some(Value::Null), _) if kinds.meets(Kinds::UNDEFINED) => Some(format!(
                    "what is absent is undefined: write {side_text} {equal} undefined"
                )),
                (Some(Value::Undefined | Value::Null), Kinds::LIST) => Some(format!(
                    "a list is always there: write {side_text}.length {} 0",
                    if relation.negated { ">" } else { "===" }
                )),
                (Some(Value::Undefined | Value::Null), Kinds::NUMBER) => {
                    Some(format!("a number is always there: write {side_text} {equal} 0"))
                }
                (Some(Value::String(written)), _) if kinds.meets(Kinds::NUMBER) => {
                    let is_number = !number::from_text(written).is_nan() && !written.is_empty();
                    is_number.then(|| format!("write {side_text} {equal} {written}"))
                }
                (Some(Value::Number(written)), _) if kinds.meets(Kinds::TEXT) => {
                    Some(format!("write {side_text} {equal} \"{}\"", number::to_text(*written)))
                }
                (Some(Value::String(written)), Kinds::BOOLEAN)
                    if written == "true" || written == "false" =>
                {
                    Some(format!("write {written} without quotes"))
                }
                (_, Kinds::LIST) if !other.is.kinds.meets(Kinds::NULLISH) => {
                    let item = side.is.known_items();
                    let field = item.map_or("name", Type::main_field);
                    Some(match item.is_some_and(|item| item.kinds.only(Kinds::OBJECT)) {
                        true => {
                            format!("write {not}{side_text}.some(item => item.{field} === {text})")
                        }
                        false => format!("write {not}{side_text}.includes({text})"),
                    })
                }
                _ => None,
            }
            .unwrap_or_default()
        })
        .filter(|help| !help.is_empty())
    }

    /// Order where there is none.
    fn check_order(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        relation: Relation,
        span: &Span,
    ) -> bool {
        for (side, other) in [(left, right), (right, left)] {
            let named = self.named(&side.span);
            let kinds = side.is.kinds;
            if kinds.only(Kinds::UNDEFINED) {
                let message = format!("{named} is always undefined: this is always false");
                self.warn("W0202", span, message, None);
                return true;
            }
            if kinds.only(WITHOUT_ORDER) {
                let message = format!(
                    "{named} is {}, and `{}` takes numbers or text",
                    kinds.words(),
                    relation.text
                );
                let help = self.help(&[&side.span], |texts| match kinds {
                    Kinds::LIST => format!("did you mean {}.length?", texts[0]),
                    Kinds::SET => format!("did you mean {}.size?", texts[0]),
                    _ => "compare what is in it".to_owned(),
                });
                self.warn("W0202", span, message, help);
                return true;
            }
            if let Some(Value::String(text)) = &side.is.constant
                && number::from_text(text).is_nan()
                && other.is.kinds.only(Kinds::NUMBER)
            {
                let message = format!(
                    "{named} is text that is no number, and {} is a number: this is always false",
                    self.named(&other.span)
                );
                self.warn("W0202", span, message, None);
                return true;
            }
        }
        false
    }

    /// Counts from 0, and positions from -1, against numbers below.
    fn check_range(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        relation: Relation,
        span: &Span,
    ) -> bool {
        use BinaryOperator as B;
        let (counted, written, operator) = match (&left.is.constant, &right.is.constant) {
            (None, Some(Value::Number(written))) => (left, *written, relation.operator),
            (Some(Value::Number(written)), None) => (right, *written, mirrored(relation.operator)),
            _ => return false,
        };
        let least = match counted.is.measure {
            Measure::Count => 0.0,
            Measure::Index => -1.0,
            _ => return false,
        };
        if !counted.is.kinds.only(Kinds::NUMBER) {
            return false;
        }
        let outcome = match operator {
            B::GreaterOrEqual if written <= least => true,
            B::Greater if written < least => true,
            B::Less if written <= least => false,
            B::LessOrEqual if written < least => false,
            B::StrictEqual | B::Equal if written < least || written.fract() != 0.0 => false,
            B::StrictNotEqual | B::NotEqual if written < least || written.fract() != 0.0 => true,
            _ => return false,
        };
        let what = if least == 0.0 { "an integer from 0" } else { "a position, or -1" };
        let message = format!("{} is {what}: this is always {outcome}", self.named(&counted.span));
        let help = match (operator, least == 0.0) {
            (B::GreaterOrEqual, true) => {
                self.help(&[&counted.span], |texts| format!("did you mean {} > 0?", texts[0]))
            }
            (B::Less, true) => {
                self.help(&[&counted.span], |texts| format!("did you mean {} === 0?", texts[0]))
            }
            (B::GreaterOrEqual, false) => {
                self.help(&[&counted.span], |texts| format!("did you mean {} >= 0?", texts[0]))
            }
            _ => None,
        };
        self.warn(if outcome { "W0208" } else { "W0209" }, span, message, help);
        true
    }
}

/// The operator with its sides exchanged.
pub(super) fn mirrored(operator: BinaryOperator) -> BinaryOperator {
    use BinaryOperator as B;
    match operator {
        B::Less => B::Greater,
        B::LessOrEqual => B::GreaterOrEqual,
        B::Greater => B::Less,
        B::GreaterOrEqual => B::LessOrEqual,
        other => other,
    }
}

/// Whether no value of the one equals a value of the other.
fn never_equal(left: &Type, right: &Type, strict: bool) -> bool {
    if left.kinds == Kinds::NONE || right.kinds == Kinds::NONE || left.kinds.meets(right.kinds) {
        return false;
    }
    strict || never_loosely_equal(left, right) || never_loosely_equal(right, left)
}

/// The same for `==`, of kinds that do not meet; half of the cases, the other half mirrored.
fn never_loosely_equal(one: &Type, other: &Type) -> bool {
    let primitive = Kinds::BOOLEAN.or(Kinds::NUMBER).or(Kinds::TEXT);
    if one.kinds.only(Kinds::NULLISH) {
        return !other.kinds.meets(Kinds::NULLISH);
    }
    if one.kinds.only(Kinds::OBJECT.or(Kinds::SET)) {
        // Its text is [object Object], which nobody compares with.
        // One with a `toString` or `valueOf` of its own throws instead.
        let mut names = one.field_names().into_iter().flatten();
        return other.kinds.only(primitive.without(Kinds::TEXT))
            && !names.any(|name| matches!(name, "toString" | "valueOf"));
    }
    if one.kinds.only(Kinds::COMPOUND) && other.kinds.only(Kinds::COMPOUND) {
        return true;
    }
    match &one.constant {
        Some(Value::String(text)) => {
            number::from_text(text).is_nan() && other.kinds.only(Kinds::NUMBER.or(Kinds::BOOLEAN))
        }
        _ => false,
    }
}
