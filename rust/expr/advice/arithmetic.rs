//! Arithmetic: numbers that are none, text made of what has none, and the units of times.

use super::super::ast::{BinaryOperator, Expr, ExprKind};
use super::super::error::Span;
use super::super::{builtins, operators};
use super::types::{Kinds, Measure, Type};
use super::{Advisor, Side, comparisons};
use crate::value::{Value, array_index, number, ops};

/// What has neither a number nor text of its own to give.
const WITHOUT_NUMBER: Kinds = Kinds::COMPOUND.without(Kinds::DATE);
const MILLISECONDS_PER_SECOND: f64 = 1000.0;

impl Advisor<'_> {
    /// `first op rest op rest...`, read from the left.
    pub(super) fn binary(
        &mut self,
        expr: &Expr,
        first: &Expr,
        rest: &[(BinaryOperator, Expr)],
    ) -> Type {
        let mut left = self.side(first);
        let mut compared = false;
        for (operator, operand) in rest {
            let right = self.side(operand);
            let span = expr.span.start..operand.span.end;
            let is = match comparisons::relation(*operator) {
                Some(_) if compared => self.compared_twice(&left, &right, *operator, &span),
                Some(relation) => self.comparison(&left, &right, relation, &span),
                None => self.operation(&left, &right, *operator, &span),
            };
            compared = comparisons::relation(*operator).is_some();
            left = Side { is, span, expr: None };
        }
        left.is
    }

    fn operation(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        operator: BinaryOperator,
        span: &Span,
    ) -> Type {
        use BinaryOperator as B;
        match operator {
            B::In => {
                self.has_property(left, right);
                Type::boolean()
            }
            B::Add => self.sum(left, right, span),
            _ => {
                self.counts(left, span);
                self.counts(right, span);
                if operator == B::Subtract {
                    self.check_units(left, right, "-", span);
                }
                folded(operator, left, right)
                    .unwrap_or_else(|| Type::measured(measure_of(operator, left, right)))
            }
        }
    }

    /// `name in object`.
    fn has_property(&mut self, left: &Side<'_>, right: &Side<'_>) {
        let primitive = Kinds::BOOLEAN.or(Kinds::NUMBER).or(Kinds::TEXT).or(Kinds::NULLISH);
        if right.is.kinds.only(primitive) {
            let message = format!(
                "{} is {}, and `in` takes an object: this throws",
                self.named(&right.span),
                right.is.kinds.words()
            );
            let help = match right.is.kinds.meets(Kinds::TEXT) {
                true => self.help(&[&right.span, &left.span], |texts| {
                    format!("write {}.includes({})", texts[0], texts[1])
                }),
                false => None,
            };
            return self.warn("W0221", &right.span, message, help);
        }
        let is_place = match &left.is.constant {
            Some(Value::String(name)) => {
                // What lists inherit is in them too: `"map" in list`.
                name == "length"
                    || array_index(name).is_some()
                    || builtins::inherits(&Value::array(Vec::new()), name)
            }
            _ => true,
        };
        if right.is.kinds.only(Kinds::LIST) && left.is.kinds.only(Kinds::TEXT) && !is_place {
            let message = "`in` looks for a position in a list, never for an element: this is \
                           always false";
            let help = self.help(&[&right.span, &left.span], |texts| {
                format!("write {}.includes({})", texts[0], texts[1])
            });
            self.warn("W0201", &(left.span.start..right.span.end), message, help);
        }
    }

    /// Says so where a number is wanted and there is none.
    pub(super) fn counts(&mut self, side: &Side<'_>, whole: &Span) {
        let is = &side.is;
        let named = self.named(&side.span);
        if is.kinds.only(Kinds::UNDEFINED) {
            let message = match is.constant.is_some() {
                true => format!("{named} is no number: this is always NaN"),
                false => format!("{named} is always undefined: this is always NaN"),
            };
            return self.warn("W0215", whole, message, None);
        }
        if let Some(Value::String(text)) = &is.constant
            && number::from_text(text).is_nan()
        {
            let message = format!("{named} is text that is no number: this is always NaN");
            return self.warn("W0215", whole, message, None);
        }
        if is.kinds.only(WITHOUT_NUMBER) {
            let message = format!("{named} is {}, and arithmetic takes numbers", is.kinds.words());
            let help = self.help(&[&side.span], |texts| match is.kinds {
                Kinds::LIST => format!("write {}.length for how many there are", texts[0]),
                Kinds::SET => format!("write {}.size for how many there are", texts[0]),
                _ => "read a number of it".to_owned(),
            });
            self.warn("W0215", whole, message, help);
        }
    }

    fn sum(&mut self, left: &Side<'_>, right: &Side<'_>, span: &Span) -> Type {
        let numbers = Kinds::NULLISH.or(Kinds::BOOLEAN).or(Kinds::NUMBER);
        let both = [left, right];
        let is_compound = |side: &Side<'_>| side.is.kinds.only(WITHOUT_NUMBER);
        let is_number = |side: &Side<'_>| side.is.kinds.only(numbers);
        if both.into_iter().all(is_number) {
            if let Some(missing) =
                both.into_iter().find(|side| side.is.kinds.only(Kinds::UNDEFINED))
            {
                self.counts(missing, span);
            }
            let sum = folded(BinaryOperator::Add, left, right);
            return sum
                .unwrap_or_else(|| Type::measured(measure_of(BinaryOperator::Add, left, right)));
        }
        if both.into_iter().all(is_compound) || (is_compound(left) && is_number(right)) {
            self.text_of_compound(left, right, span);
        } else if is_compound(right) && is_number(left) {
            self.text_of_compound(right, left, span);
        } else {
            for side in both {
                if let Some(expr) = side.expr {
                    self.joins_text(expr, &side.is);
                }
            }
        }
        if let Some(text) = folded(BinaryOperator::Add, left, right) {
            return text;
        }
        let is_text = |side: &Side<'_>| side.is.kinds.only(Kinds::TEXT.or(Kinds::COMPOUND));
        match both.into_iter().any(is_text) {
            true => Type::text(),
            false => Type::of_kinds(Kinds::NUMBER.or(Kinds::TEXT)),
        }
    }

    /// `list + 1`, `list + list`.
    fn text_of_compound(&mut self, compound: &Side<'_>, other: &Side<'_>, span: &Span) {
        let words = compound.is.kinds.words();
        let message = format!("`+` makes text of {words} here: it adds numbers and joins text");
        let kinds = (compound.is.kinds, other.is.kinds);
        let help = self.help(&[&compound.span, &other.span], |texts| match kinds {
            (Kinds::LIST, Kinds::LIST) => format!("write [...{}, ...{}]", texts[0], texts[1]),
            (Kinds::OBJECT, Kinds::OBJECT) => {
                format!("write {{...{}, ...{}}}", texts[0], texts[1])
            }
            (Kinds::LIST, _) => format!("write {}.length for how many there are", texts[0]),
            _ => "read a number or text of it".to_owned(),
        });
        self.warn("W0216", span, message, help);
    }

    /// Says so where text is made of what has none.
    pub(super) fn joins_text(&mut self, expr: &Expr, is: &Type) {
        let kinds = is.kinds.without(Kinds::NULLISH);
        let objects = |item: &Type| item.kinds.only(Kinds::OBJECT);
        let of_objects = kinds.only(Kinds::LIST) && is.known_items().is_some_and(objects);
        let nothing = Kinds::OBJECT.or(Kinds::SET).or(Kinds::ITERATOR);
        if !of_objects && !kinds.only(nothing) {
            return;
        }
        let named = self.named(&expr.span);
        let message = match of_objects {
            true => format!("the elements of {named} are objects, whose text is [object Object]"),
            false => format!("{named} is {}, whose text is [object Object]", kinds.words())
                .replace("[object Object]", comparisons::text_of(kinds)),
        };
        let field = is.field_names().into_iter().flatten().next();
        let of_item = is.known_items().map_or("name", Type::main_field);
        let help = self.help(&[&expr.span], |texts| match (of_objects, field) {
            (true, _) => format!("write {}.map(item => item.{of_item}).join(\", \")", texts[0]),
            (false, Some(field)) if kinds == Kinds::OBJECT => {
                format!(
                    "read a field of it, {}.{field}, or write JSON.stringify({})",
                    texts[0], texts[0]
                )
            }
            (false, _) if kinds == Kinds::OBJECT => format!("write JSON.stringify({})", texts[0]),
            (false, _) => format!("write [...{}].join(\", \")", texts[0]),
        });
        self.warn("W0216", &expr.span, message, help);
    }

    /// Seconds beside milliseconds.
    pub(super) fn check_units(
        &mut self,
        left: &Side<'_>,
        right: &Side<'_>,
        operator: &str,
        span: &Span,
    ) -> bool {
        let compares = operator != "-";
        let units = (unit(left, compares), unit(right, compares));
        let (seconds, milliseconds) = match units {
            (Some(Measure::Seconds), Some(Measure::Milliseconds)) => (left, right),
            (Some(Measure::Milliseconds), Some(Measure::Seconds)) => (right, left),
            _ => return false,
        };
        let message = format!(
            "{} is epoch seconds, {} is milliseconds",
            self.named(&seconds.span),
            self.named(&milliseconds.span)
        );
        let seconds_are_left = std::ptr::eq(seconds, left);
        let written = seconds.is.constant.is_some();
        let help =
            self.help(&[&left.span, &right.span], |texts| match (seconds_are_left, written) {
                (true, false) => format!("write {} * 1000 {operator} {}", texts[0], texts[1]),
                (false, false) => format!("write {} {operator} {} * 1000", texts[0], texts[1]),
                (true, true) => format!("write {}000 {operator} {}", texts[0], texts[1]),
                (false, true) => format!("write {} {operator} {}000", texts[0], texts[1]),
            });
        self.warn("W0203", span, message, help);
        true
    }
}

/// The unit of a time; numbers that are written out have that of their size.
fn unit(side: &Side<'_>, compares: bool) -> Option<Measure> {
    const SECONDS: std::ops::Range<f64> = 1e9..1e11;
    const MILLISECONDS: std::ops::Range<f64> = 1e11..1e14;
    match (&side.is.constant, side.is.measure) {
        (Some(Value::Number(number)), _) if compares && SECONDS.contains(number) => {
            Some(Measure::Seconds)
        }
        (Some(Value::Number(number)), _) if compares && MILLISECONDS.contains(number) => {
            Some(Measure::Milliseconds)
        }
        (None, unit @ (Measure::Seconds | Measure::Milliseconds)) => Some(unit),
        _ => None,
    }
}

/// What a number counts that two numbers give.
fn measure_of(operator: BinaryOperator, left: &Side<'_>, right: &Side<'_>) -> Measure {
    use BinaryOperator as B;
    let by_1000 = |side: &Side<'_>| match &side.is.constant {
        Some(Value::Number(by)) => *by == MILLISECONDS_PER_SECOND,
        _ => false,
    };
    let is_time = |measure| matches!(measure, Measure::Seconds | Measure::Milliseconds);
    let (of_left, of_right) = (left.is.measure, right.is.measure);
    match operator {
        B::Multiply if of_left == Measure::Seconds && by_1000(right) => Measure::Milliseconds,
        B::Multiply if of_right == Measure::Seconds && by_1000(left) => Measure::Milliseconds,
        B::Divide if of_left == Measure::Milliseconds && by_1000(right) => Measure::Seconds,
        B::Add if of_left == Measure::Count && of_right == Measure::Count => Measure::Count,
        B::Add | B::Subtract if is_time(of_left) && !is_time(of_right) => of_left,
        B::Add if is_time(of_right) && !is_time(of_left) => of_right,
        _ => Measure::Plain,
    }
}

/// The value, where both operands are written out.
pub(super) fn folded(operator: BinaryOperator, left: &Side<'_>, right: &Side<'_>) -> Option<Type> {
    let (left, right) = (left.is.constant.as_ref()?, right.is.constant.as_ref()?);
    debug_assert!(!ops::is_compound(left) && !ops::is_compound(right));
    operators::binary(operator, left, right).ok().map(|value| Type::of_value(&value))
}

/// Whether an expression is written out as `typeof x`.
pub(super) fn is_type_of(expr: Option<&Expr>) -> bool {
    use super::super::ast::UnaryOperator;
    let bare = expr.map(|expr| &super::bare(expr).kind);
    matches!(bare, Some(ExprKind::Unary { operator: UnaryOperator::TypeOf, .. }))
}
