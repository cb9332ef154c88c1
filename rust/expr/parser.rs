//! Parser: tokens to a tree, by binding powers (Pratt).
//!
//! What JavaScript has and this language refuses is recognised here and answered with its own
//! sentence. Invariant: recursion is counted and bounded, whatever the input.

mod functions;

use super::ast::{
    BinaryOperator, ChainPart, ChainPartKind, Element, Expr, ExprKind, LogicalOperator, Property,
    UnaryOperator,
};
use super::builtins;
use super::error::{CompileError, Span};
use super::lexer::{Token, TokenKind, tokenize};
use super::limits::{EXPRESSION_CHARS_MAX, NESTING_MAX};
use super::refused;
use crate::value::{Text, Value, number};

type Parsed<T> = Result<T, CompileError>;

/// Parses a whole text as one expression.
pub(super) fn parse(source: &str) -> Parsed<Expr> {
    check_length(source, 0..source.len())?;
    let mut parser = Parser { source, tokens: tokenize(source, 0, false)?, at: 0, nesting: 0 };
    let expr = parser.expression()?;
    parser.end(&expr)?;
    Ok(expr)
}

/// Parses the expression that starts at `start` and ends before its unmatched `}`; gives that
/// brace's offset too. Spans are in `source`.
pub(super) fn parse_embedded(source: &str, start: usize) -> Parsed<(Expr, usize)> {
    let tokens = tokenize(source, start, true)?;
    let close = tokens.last().map_or(source.len(), |token| token.span.start);
    check_length(&source[start..close], start..close)?;
    let mut parser = Parser { source, tokens, at: 0, nesting: 0 };
    let expr = parser.expression()?;
    parser.end(&expr)?;
    Ok((expr, close))
}

fn check_length(text: &str, span: Span) -> Parsed<()> {
    if text.len() > EXPRESSION_CHARS_MAX && text.chars().count() > EXPRESSION_CHARS_MAX {
        let message = format!("an expression has at most {EXPRESSION_CHARS_MAX} characters");
        return Err(CompileError::new("E0305", span, message));
    }
    Ok(())
}

enum Infix {
    Binary(BinaryOperator),
    Logical(LogicalOperator),
}

const POWER_BINDING: u8 = 12;

/// How tightly an infix operator binds, and what it is.
fn infix(kind: &TokenKind) -> Option<(u8, Infix)> {
    use BinaryOperator as B;
    use LogicalOperator as L;
    let spelling = match kind {
        TokenKind::Punct(punct) => punct,
        TokenKind::Name(name) if name == "in" => "in",
        _ => return None,
    };
    Some(match spelling {
        "??" => (1, Infix::Logical(L::Nullish)),
        "||" => (2, Infix::Logical(L::Or)),
        "&&" => (3, Infix::Logical(L::And)),
        "|" => (4, Infix::Binary(B::BitOr)),
        "^" => (5, Infix::Binary(B::BitXor)),
        "&" => (6, Infix::Binary(B::BitAnd)),
        "==" => (7, Infix::Binary(B::Equal)),
        "!=" => (7, Infix::Binary(B::NotEqual)),
        "===" => (7, Infix::Binary(B::StrictEqual)),
        "!==" => (7, Infix::Binary(B::StrictNotEqual)),
        "<" => (8, Infix::Binary(B::Less)),
        "<=" => (8, Infix::Binary(B::LessOrEqual)),
        ">" => (8, Infix::Binary(B::Greater)),
        ">=" => (8, Infix::Binary(B::GreaterOrEqual)),
        "in" => (8, Infix::Binary(B::In)),
        "<<" => (9, Infix::Binary(B::ShiftLeft)),
        ">>" => (9, Infix::Binary(B::ShiftRight)),
        ">>>" => (9, Infix::Binary(B::ShiftRightUnsigned)),
        "+" => (10, Infix::Binary(B::Add)),
        "-" => (10, Infix::Binary(B::Subtract)),
        "*" => (11, Infix::Binary(B::Multiply)),
        "/" => (11, Infix::Binary(B::Divide)),
        "%" => (11, Infix::Binary(B::Remainder)),
        "**" => (POWER_BINDING, Infix::Binary(B::Power)),
        _ => return None,
    })
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    fn peek_span(&self) -> Span {
        self.tokens[self.at].span.clone()
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        // `End` stays, so that the position is always a token's.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn is(&self, punct: &str) -> bool {
        matches!(self.peek(), TokenKind::Punct(found) if *found == punct)
    }

    fn take(&mut self, punct: &str) -> bool {
        let found = self.is(punct);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, punct: &str) -> Parsed<Span> {
        if self.is(punct) { Ok(self.advance().span) } else { Err(self.unexpected(punct)) }
    }

    /// The error for the token that stands here while `wanted` should.
    fn unexpected(&self, wanted: &str) -> CompileError {
        if let TokenKind::Punct(punct) = self.peek()
            && let Some(error) = refused::misspelt_operator(self.source, &self.peek_span())
                .or_else(|| refused::punctuation(punct, self.peek_span()))
        {
            return error;
        }
        if let TokenKind::Name(name) = self.peek()
            && let Some(error) = refused::word(name, self.peek_span())
        {
            return error;
        }
        let found = match self.peek() {
            TokenKind::End => "the expression ends".to_string(),
            _ => format!("`{}` stands", &self.source[self.peek_span()]),
        };
        let message = format!("expected {wanted} where {found}");
        let error = CompileError::new("E0301", self.peek_span(), message);
        match self.peek() {
            TokenKind::Name(name) => match refused::foreign_operator(name) {
                Some(help) => error.help(help),
                None => error,
            },
            _ => error,
        }
    }

    /// Refuses what follows a whole expression.
    fn end(&self, expr: &Expr) -> Parsed<()> {
        if matches!(self.peek(), TokenKind::End) {
            return Ok(());
        }
        if let ExprKind::Name(name) = &expr.kind
            && let Some(error) = refused::word(name, expr.span.clone())
        {
            return Err(error);
        }
        if let ExprKind::Name(name) = &expr.kind
            && name == "not"
        {
            let message = "there is no operator `not`";
            return Err(CompileError::new("E0301", expr.span.clone(), message)
                .help("write ! before the value"));
        }
        Err(self.unexpected("an operator or the end"))
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= NESTING_MAX {
            let message = format!("an expression nests at most {NESTING_MAX} levels");
            return Err(
                CompileError::new("E0305", self.peek_span(), message).help("split it with `let`")
            );
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    /// An arrow function or a conditional: whatever may stand between commas.
    fn expression(&mut self) -> Parsed<Expr> {
        self.nested(|parser| {
            if parser.arrow_ahead() {
                return parser.arrow();
            }
            parser.conditional()
        })
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let mut next = self.binary(0)?;
        let start = next.span.start;
        let mut arms = Vec::new();
        while self.take("?") {
            let value = self.expression()?;
            self.expect(":")?;
            if self.arrow_ahead() {
                return Err(self.unexpected("a value (functions stand as arguments only)"));
            }
            arms.push((next, value));
            next = self.binary(0)?;
        }
        if let TokenKind::Punct(punct) = self.peek()
            && let Some(error) = refused::misspelt_operator(self.source, &self.peek_span())
                .or_else(|| refused::assignment(punct, self.peek_span()))
        {
            return Err(error);
        }
        if arms.is_empty() {
            return Ok(next);
        }
        let span = start..next.span.end;
        Ok(Expr { kind: ExprKind::Conditional { arms, otherwise: Box::new(next) }, span })
    }

    fn binary(&mut self, binding_min: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        loop {
            let Some((binding, operator)) = infix(self.peek()) else { return Ok(left) };
            if binding < binding_min {
                return Ok(left);
            }
            let at = self.advance().span;
            match operator {
                Infix::Binary(BinaryOperator::Power) => {
                    if let ExprKind::Unary { .. } = left.kind {
                        let message = "a sign or `!` before `**` needs parentheses";
                        return Err(CompileError::new("E0301", left.span.start..at.end, message)
                            .help("write (-x) ** y or -(x ** y)"));
                    }
                    let right = self.nested(|parser| parser.binary(POWER_BINDING))?;
                    left = fold_binary(left, BinaryOperator::Power, right, false);
                }
                Infix::Binary(operator) => {
                    let right = self.binary(binding + 1)?;
                    let same = matches!(&left.kind, ExprKind::Binary { rest, .. }
                        if rest.first().is_some_and(|(first, _)| binding_of(*first) == binding));
                    left = fold_binary(left, operator, right, same);
                }
                Infix::Logical(operator) => {
                    let right = self.binary(binding + 1)?;
                    refuse_mixed(operator, &left, &right, &at)?;
                    left = fold_logical(left, operator, right);
                }
            }
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let operator = match self.peek() {
            TokenKind::Punct("!") => UnaryOperator::Not,
            TokenKind::Punct("-") => UnaryOperator::Negate,
            TokenKind::Punct("+") => UnaryOperator::Plus,
            TokenKind::Punct("~") => UnaryOperator::BitNot,
            TokenKind::Name(name) if name == "typeof" => UnaryOperator::TypeOf,
            TokenKind::Name(name) if name == "void" => UnaryOperator::Void,
            _ => return self.chain(),
        };
        let start = self.advance().span.start;
        let operand = self.nested(Self::unary)?;
        let span = start..operand.span.end;
        Ok(Expr { kind: ExprKind::Unary { operator, operand: Box::new(operand) }, span })
    }

    /// A primary with its members, indexes and calls.
    fn chain(&mut self) -> Parsed<Expr> {
        let base = self.primary()?;
        let mut parts = Vec::new();
        loop {
            let start = self.peek_span().start;
            let optional = self.take("?.");
            let kind = if self.take("[") {
                let index = self.expression()?;
                self.expect("]")?;
                match index.kind {
                    ExprKind::Literal(Value::String(name)) => {
                        refused::member(&name, index.span)?;
                        ChainPartKind::Member(name)
                    }
                    _ => ChainPartKind::Index(index),
                }
            } else if self.take("(") {
                ChainPartKind::Call(self.elements(")")?)
            } else if optional || self.take(".") {
                let name = self.advance();
                let TokenKind::Name(text) = name.kind else {
                    self.at -= usize::from(!matches!(name.kind, TokenKind::End));
                    return Err(self.unexpected("a name"));
                };
                refused::member(&text, name.span)?;
                ChainPartKind::Member(text)
            } else {
                break;
            };
            let end = self.tokens[self.at - 1].span.end;
            parts.push(ChainPart { kind, optional, span: start..end });
        }
        match self.peek() {
            TokenKind::TemplateStart => {
                let message = "tagged templates are not allowed";
                return Err(CompileError::new("E0303", self.peek_span(), message)
                    .help("call a function on the template instead"));
            }
            TokenKind::Punct(punct @ ("++" | "--")) => {
                return Err(refused::assignment(punct, self.peek_span())
                    .unwrap_or_else(|| self.unexpected("an operator")));
            }
            _ => {}
        }
        let Some(last) = parts.last() else { return Ok(base) };
        let span = base.span.start..last.span.end;
        Ok(Expr { kind: ExprKind::Chain { base: Box::new(base), parts }, span })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let Token { kind, span } = self.advance();
        let kind = match kind {
            TokenKind::Number(number) => ExprKind::Literal(Value::Number(number)),
            TokenKind::String(text) => ExprKind::Literal(Value::String(text)),
            TokenKind::RegExp { pattern, flags } => {
                ExprKind::Literal(super::regexp::literal(&pattern, &flags, span.start)?)
            }
            TokenKind::TemplateStart => return self.template(span.start),
            TokenKind::Name(name) => {
                let kind = self.name(name, span.clone())?;
                let end = self.tokens[self.at - 1].span.end;
                return Ok(Expr { kind, span: span.start..end });
            }
            TokenKind::Punct("(") => {
                let inner = self.expression()?;
                if self.is(",") {
                    return Err(refused::comma(self.peek_span()));
                }
                let end = self.expect(")")?.end;
                return Ok(Expr { kind: ExprKind::Paren(Box::new(inner)), span: span.start..end });
            }
            TokenKind::Punct("[") => {
                let elements = self.elements("]")?;
                let span = span.start..self.tokens[self.at - 1].span.end;
                return Ok(Expr { kind: ExprKind::Array(elements), span });
            }
            TokenKind::Punct("{") => return self.object(span.start),
            other => {
                self.at = self.tokens.iter().position(|t| t.span == span).unwrap_or(self.at);
                if let TokenKind::Punct(punct @ ("++" | "--")) = other
                    && let Some(error) = refused::assignment(punct, span)
                {
                    return Err(error);
                }
                return Err(self.unexpected("a value"));
            }
        };
        Ok(Expr { kind, span })
    }

    fn name(&mut self, name: Text, span: Span) -> Parsed<ExprKind> {
        Ok(match name.as_str() {
            "true" => ExprKind::Literal(Value::Bool(true)),
            "false" => ExprKind::Literal(Value::Bool(false)),
            "null" => ExprKind::Literal(Value::Null),
            "new" => return self.construction(span),
            _ => match refused::word(&name, span) {
                Some(error) => return Err(error),
                None => ExprKind::Name(name),
            },
        })
    }

    /// `new Date(…)`, `new Set(…)`; the arguments may be left out.
    fn construction(&mut self, span: Span) -> Parsed<ExprKind> {
        let TokenKind::Name(class) = self.peek().clone() else {
            return Err(refused::construction(self.peek(), span));
        };
        if !builtins::is_class(&class) {
            return Err(refused::construction(self.peek(), span));
        }
        self.advance();
        // `new Date.x` makes what `Date.x` is.
        if [".", "[", "?."].iter().any(|punct| self.is(punct)) {
            return Err(refused::construction(&TokenKind::End, span));
        }
        let arguments = if self.take("(") { self.elements(")")? } else { Vec::new() };
        Ok(ExprKind::New { class, arguments })
    }

    /// Elements up to `close`, which is taken too.
    fn elements(&mut self, close: &str) -> Parsed<Vec<Element>> {
        let mut elements = Vec::new();
        while !self.take(close) {
            if close == "]" && self.is(",") {
                let span = self.advance().span;
                let value = Expr { kind: ExprKind::Literal(Value::Hole), span };
                elements.push(Element { spread: false, value });
                continue;
            }
            let spread = self.take("...");
            elements.push(Element { spread, value: self.expression()? });
            if !self.take(",") && !self.is(close) {
                return Err(self.unexpected(if close == ")" {
                    "`,` or `)`"
                } else {
                    "`,` or `]`"
                }));
            }
        }
        Ok(elements)
    }

    fn template(&mut self, start: usize) -> Parsed<Expr> {
        let (mut texts, mut parts) = (Vec::new(), Vec::new());
        loop {
            let token = self.advance();
            let TokenKind::TemplateText { text, last } = token.kind else {
                self.at -= 1;
                return Err(self.unexpected("`}`"));
            };
            texts.push(text);
            if last {
                let span = start..token.span.end;
                return Ok(Expr { kind: ExprKind::Template { texts, parts }, span });
            }
            parts.push(self.expression()?);
        }
    }

    fn object(&mut self, start: usize) -> Parsed<Expr> {
        let mut properties = Vec::new();
        while !self.is("}") {
            properties.push(self.property()?);
            if !self.take(",") && !self.is("}") {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
        let end = self.expect("}")?.end;
        Ok(Expr { kind: ExprKind::Object(properties), span: start..end })
    }

    fn property(&mut self) -> Parsed<Property> {
        let Token { kind, span } = self.advance();
        let name = match kind {
            TokenKind::Punct("...") => return Ok(Property::Spread(self.expression()?)),
            TokenKind::Punct("[") => {
                let name = self.expression()?;
                self.expect("]")?;
                self.expect(":")?;
                return Ok(Property::Computed { name, value: self.expression()? });
            }
            TokenKind::Name(name) if self.is(",") || self.is("}") => {
                if matches!(name.as_str(), "true" | "false" | "null") {
                    let message = format!("`{name}` is no name whose value an object could take");
                    return Err(CompileError::new("E0301", span, message)
                        .help(format!("write {name}: {name}")));
                }
                let kind = self.name(name.clone(), span.clone())?;
                return Ok(Property::Named { name, value: Expr { kind, span } });
            }
            TokenKind::Name(name) if self.is("(") || matches!(self.peek(), TokenKind::Name(_)) => {
                let message = format!("`{name}` is a method here, which is not allowed");
                return Err(CompileError::new("E0303", span, message)
                    .help("objects hold values only: name: value"));
            }
            TokenKind::Name(name) | TokenKind::String(name) => name,
            TokenKind::Number(number) => number::to_text(number),
            _ => {
                self.at -= 1;
                return Err(self.unexpected("a name"));
            }
        };
        if name == "__proto__" {
            refused::member(&name, span)?;
        }
        self.expect(":")?;
        Ok(Property::Named { name, value: self.expression()? })
    }
}

fn binding_of(operator: BinaryOperator) -> u8 {
    use BinaryOperator as B;
    match operator {
        B::BitOr => 4,
        B::BitXor => 5,
        B::BitAnd => 6,
        B::Equal | B::NotEqual | B::StrictEqual | B::StrictNotEqual => 7,
        B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual | B::In => 8,
        B::ShiftLeft | B::ShiftRight | B::ShiftRightUnsigned => 9,
        B::Add | B::Subtract => 10,
        B::Multiply | B::Divide | B::Remainder => 11,
        B::Power => POWER_BINDING,
    }
}

fn fold_binary(left: Expr, operator: BinaryOperator, right: Expr, same: bool) -> Expr {
    let span = left.span.start..right.span.end;
    let kind = match left.kind {
        ExprKind::Binary { first, mut rest } if same => {
            rest.push((operator, right));
            ExprKind::Binary { first, rest }
        }
        kind => ExprKind::Binary {
            first: Box::new(Expr { kind, span: left.span }),
            rest: vec![(operator, right)],
        },
    };
    Expr { kind, span }
}

fn fold_logical(left: Expr, operator: LogicalOperator, right: Expr) -> Expr {
    let span = left.span.start..right.span.end;
    let operands = match left.kind {
        ExprKind::Logical { operator: earlier, mut operands } if earlier == operator => {
            operands.push(right);
            operands
        }
        kind => vec![Expr { kind, span: left.span }, right],
    };
    Expr { kind: ExprKind::Logical { operator, operands }, span }
}

/// `??` beside `||` or `&&` needs parentheses.
fn refuse_mixed(operator: LogicalOperator, left: &Expr, right: &Expr, at: &Span) -> Parsed<()> {
    let mixed = |side: &Expr| match &side.kind {
        ExprKind::Logical { operator: other, .. } => {
            (operator == LogicalOperator::Nullish) != (*other == LogicalOperator::Nullish)
        }
        _ => false,
    };
    if mixed(left) || mixed(right) {
        let message = "`??` cannot be mixed with `||` or `&&` without parentheses";
        return Err(CompileError::new("E0301", at.clone(), message)
            .help("write (a ?? b) || c or a ?? (b || c)"));
    }
    Ok(())
}
