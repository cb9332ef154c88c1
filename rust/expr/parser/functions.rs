//! Functions: arrow functions and their parameters, plain, with defaults, rest, and taken apart.

use super::super::ast::{Arrow, Expr, ExprKind, Parameter, PatternName, Target, TargetKind};
use super::super::error::{CompileError, Span};
use super::super::lexer::{Token, TokenKind};
use super::super::refused;
use super::{Parsed, Parser};
use crate::value::{Text, number};

impl Parser<'_> {
    /// Whether an arrow function starts here.
    pub(super) fn arrow_ahead(&self) -> bool {
        let kind = |at: usize| self.tokens.get(at).map(|token| &token.kind);
        match self.peek() {
            TokenKind::Name(_) => kind(self.at + 1) == Some(&TokenKind::Punct("=>")),
            TokenKind::Punct("(") => {
                let mut depth = 0_usize;
                for (offset, token) in self.tokens[self.at..].iter().enumerate() {
                    match &token.kind {
                        TokenKind::Punct("(" | "[" | "{") => depth += 1,
                        TokenKind::Punct(")" | "]" | "}") => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        return kind(self.at + offset + 1) == Some(&TokenKind::Punct("=>"));
                    }
                }
                false
            }
            _ => false,
        }
    }

    pub(super) fn arrow(&mut self) -> Parsed<Expr> {
        let start = self.peek_span().start;
        let parameters = if self.take("(") {
            self.parameters()?
        } else {
            let (name, span) = self.binding_name()?;
            let target = Target { kind: TargetKind::Name(name), default: None, span };
            vec![Parameter { target, rest: false }]
        };
        self.expect("=>")?;
        if self.is("{") {
            let message = "a function's body is one expression, not statements in braces";
            return Err(CompileError::new("E0303", self.peek_span(), message)
                .help("write x => expression, or x => ({…}) for an object"));
        }
        let body = self.expression()?;
        let span = start..body.span.end;
        Ok(Expr { kind: ExprKind::Arrow(Box::new(Arrow { parameters, body })), span })
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        let mut parameters: Vec<Parameter> = Vec::new();
        while !self.take(")") {
            let rest = self.take("...");
            let parameter = Parameter { target: self.target(!rest)?, rest };
            let mut names = Vec::new();
            parameters.iter().for_each(|earlier| earlier.target.names(&mut names));
            let earlier = names.len();
            parameter.target.names(&mut names);
            let twice = (earlier..names.len()).find(|&at| names[..at].contains(&names[at]));
            if let Some(name) = twice.map(|at| names[at]) {
                let message = format!("parameter `{name}` is named twice");
                return Err(CompileError::new("E0301", parameter.target.span, message));
            }
            parameters.push(parameter);
            if rest && !self.is(")") {
                return Err(self.rest_not_last());
            }
            if !self.take(",") && !self.is(")") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        Ok(parameters)
    }

    fn rest_not_last(&self) -> CompileError {
        let message = "what takes the rest (`...`) stands last";
        CompileError::new("E0301", self.peek_span(), message)
    }

    /// A name or a pattern, with its default where one may stand.
    fn target(&mut self, defaults: bool) -> Parsed<Target> {
        self.nested(|parser| {
            let start = parser.peek_span().start;
            let kind = if parser.take("{") {
                parser.object_pattern()?
            } else if parser.take("[") {
                parser.array_pattern()?
            } else {
                TargetKind::Name(parser.binding_name()?.0)
            };
            parser.defaulted(kind, start, defaults)
        })
    }

    fn defaulted(&mut self, kind: TargetKind, start: usize, defaults: bool) -> Parsed<Target> {
        let end = self.tokens[self.at - 1].span.end;
        let default = if defaults && self.take("=") { Some(self.expression()?) } else { None };
        Ok(Target { kind, default, span: start..end })
    }

    /// A name that a value may be given to.
    fn binding_name(&mut self) -> Parsed<(Text, Span)> {
        let Token { kind, span } = self.advance();
        let TokenKind::Name(name) = kind else {
            self.at -= usize::from(!matches!(kind, TokenKind::End));
            return Err(self.unexpected("a parameter's name"));
        };
        // Operators and literals, and what strict mode keeps for later.
        let literal = matches!(
            name.as_str(),
            "true"
                | "false"
                | "null"
                | "new"
                | "typeof"
                | "void"
                | "in"
                | "implements"
                | "interface"
                | "package"
                | "private"
                | "protected"
                | "public"
                | "static"
        );
        if let Some(error) = refused::word(&name, span.clone()) {
            return Err(error);
        }
        if literal {
            let message = format!("`{name}` cannot name a parameter");
            return Err(CompileError::new("E0301", span, message));
        }
        Ok((name, span))
    }

    /// Behind `{`, up to its `}`, which is taken too.
    fn object_pattern(&mut self) -> Parsed<TargetKind> {
        let (mut properties, mut rest) = (Vec::new(), None);
        while !self.take("}") {
            if self.take("...") {
                rest = Some(self.binding_name()?.0);
                if !self.is("}") {
                    return Err(self.rest_not_last());
                }
                continue;
            }
            properties.push(self.property_pattern()?);
            if !self.take(",") && !self.is("}") {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
        Ok(TargetKind::Object { properties, rest })
    }

    fn property_pattern(&mut self) -> Parsed<(PatternName, Target)> {
        let start = self.peek_span().start;
        let Token { kind, span } = self.advance();
        let name = match kind {
            TokenKind::Punct("[") => {
                let name = self.expression()?;
                self.expect("]")?;
                self.expect(":")?;
                return Ok((PatternName::Computed(name), self.target(true)?));
            }
            TokenKind::Name(name) if !self.is(":") => {
                self.at -= 1;
                let kind = TargetKind::Name(self.binding_name()?.0);
                return Ok((PatternName::Written(name), self.defaulted(kind, start, true)?));
            }
            TokenKind::Name(name) | TokenKind::String(name) => name,
            TokenKind::Number(number) => number::to_text(number),
            other => {
                self.at -= usize::from(!matches!(other, TokenKind::End));
                return Err(self.unexpected("a property's name"));
            }
        };
        refused::member(&name, span)?;
        self.expect(":")?;
        Ok((PatternName::Written(name), self.target(true)?))
    }

    /// Behind `[`, up to its `]`, which is taken too.
    fn array_pattern(&mut self) -> Parsed<TargetKind> {
        let (mut elements, mut rest) = (Vec::new(), None);
        while !self.take("]") {
            if self.take(",") {
                elements.push(None);
                continue;
            }
            if self.take("...") {
                rest = Some(Box::new(self.target(false)?));
                if !self.is("]") {
                    return Err(self.rest_not_last());
                }
                continue;
            }
            elements.push(Some(self.target(true)?));
            if !self.take(",") && !self.is("]") {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
        Ok(TargetKind::Array { elements, rest })
    }
}
