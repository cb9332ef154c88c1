//! Compiler: a tree to a program, with every name resolved.
//!
//! `PROFILE.x` becomes a slot, `EVENT.x` a field index, chains of members one instruction,
//! constant subexpressions constants. Whatever cannot be resolved is a `CompileError` here, so
//! that the machine never looks a name up.

mod calls;
mod chains;
mod fold;

use super::ast::{Arrow, BinaryOperator, Element, Expr, ExprKind, LogicalOperator, Property};
use super::error::{CompileError, Span};
use super::program::{Base, Block, Callback, Op, Program};
use super::{Names, ProfileNames, builtins, refused};
use crate::value::{Text, Value};

type Compiled<T> = Result<T, CompileError>;

/// Compiles a tree; spans are in `source`.
pub(super) fn compile(source: &str, expr: &Expr, names: &mut Names<'_>) -> Compiled<Program> {
    let mut compiler = Compiler {
        names,
        program: Program {
            source: source.into(),
            blocks: vec![Block::default()],
            constants: Vec::new(),
            chains: Vec::new(),
            shapes: Vec::new(),
            callbacks: Vec::new(),
            parameters: 0,
        },
        block: 0,
        parameters: Vec::new(),
    };
    compiler.expr(expr)?;
    Ok(compiler.program)
}

struct Compiler<'a, 'n> {
    names: &'a mut Names<'n>,
    program: Program,
    /// The block that instructions go to.
    block: usize,
    /// Names of the parameters in scope, by place.
    parameters: Vec<Text>,
}

/// What a name stands for.
enum Resolved {
    Read(Base),
    Profile,
    Event,
    Constant(Value),
    /// `Math`, `Number`, …: something with members, or to be called.
    Builtin,
}

impl Compiler<'_, '_> {
    fn emit(&mut self, op: Op, span: &Span) -> usize {
        let block = &mut self.program.blocks[self.block];
        block.ops.push(op);
        block.spans.push(span.clone());
        block.ops.len() - 1
    }

    fn here(&self) -> u32 {
        self.program.blocks[self.block].ops.len() as u32
    }

    /// Lets the jump at `at` go to the next instruction.
    fn land(&mut self, at: usize) {
        let here = self.here();
        self.program.blocks[self.block].landing = here as usize;
        match &mut self.program.blocks[self.block].ops[at] {
            Op::Jump(target)
            | Op::JumpIfFalse(target)
            | Op::JumpIfFalsyKeep(target)
            | Op::JumpIfTruthyKeep(target)
            | Op::JumpUnlessNullishKeep(target)
            | Op::JumpIfNullish(target)
            | Op::JumpUnlessMethod { target, .. }
            | Op::JumpIfParameterDefined { target, .. } => *target = here,
            other => unreachable!("{other:?} is no jump"),
        }
    }

    fn constant(&mut self, value: Value) -> u32 {
        self.program.constants.push(value);
        (self.program.constants.len() - 1) as u32
    }

    fn emit_constant(&mut self, value: Value, span: &Span) {
        let index = self.constant(value);
        self.emit(Op::Constant(index), span);
    }

    fn expr(&mut self, expr: &Expr) -> Compiled<()> {
        if let Some(value) = self.fold(expr) {
            self.emit_constant(value, &expr.span);
            return Ok(());
        }
        match &expr.kind {
            ExprKind::Literal(value) => self.emit_constant(value.clone(), &expr.span),
            ExprKind::Paren(inner) => self.expr(inner)?,
            ExprKind::Name(_) => self.chain(expr, expr, &[])?,
            ExprKind::Chain { base, parts } => self.chain(expr, base, parts)?,
            ExprKind::Template { texts, parts } => self.template(expr, texts, parts)?,
            ExprKind::Array(elements) => self.array(expr, elements)?,
            ExprKind::Object(properties) => self.object(expr, properties)?,
            ExprKind::Unary { operator, operand } => {
                self.expr(operand)?;
                self.emit(Op::Unary(*operator), &expr.span);
            }
            ExprKind::Binary { first, rest } => self.binary(expr, first, rest)?,
            ExprKind::Logical { operator, operands } => self.logical(*operator, operands)?,
            ExprKind::Conditional { arms, otherwise } => self.conditional(arms, otherwise)?,
            ExprKind::New { class, arguments } => self.construction(expr, class, arguments)?,
            ExprKind::Arrow(_) => {
                let message =
                    "an arrow function stands only as an argument of a method that takes one";
                return Err(CompileError::new("E0303", expr.span.clone(), message)
                    .help("pass it to a method: list.map(x => x.value)"));
            }
        }
        Ok(())
    }

    fn template(&mut self, expr: &Expr, texts: &[Text], parts: &[Expr]) -> Compiled<()> {
        let mut count = 0;
        for (position, text) in texts.iter().enumerate() {
            if !text.is_empty() {
                self.emit_constant(Value::String(text.clone()), &expr.span);
                count += 1;
            }
            if let Some(part) = parts.get(position) {
                self.expr(part)?;
                count += 1;
            }
        }
        self.emit(Op::Concatenate(count), &expr.span);
        Ok(())
    }

    fn array(&mut self, expr: &Expr, elements: &[Element]) -> Compiled<()> {
        if elements.iter().any(|element| element.spread) {
            self.list(elements)?;
            self.emit(Op::ListEnd, &expr.span);
            return Ok(());
        }
        for element in elements {
            self.expr(&element.value)?;
        }
        self.emit(Op::MakeArray(elements.len() as u32), &expr.span);
        Ok(())
    }

    /// Elements with spreads, into a list that the machine builds.
    fn list(&mut self, elements: &[Element]) -> Compiled<()> {
        let start = elements.first().map_or(0..0, |element| element.value.span.clone());
        self.emit(Op::ListStart, &start);
        for element in elements {
            self.expr(&element.value)?;
            let op = if element.spread { Op::ListSpread } else { Op::ListPush };
            self.emit(op, &element.value.span);
        }
        Ok(())
    }

    fn shape(&mut self, names: Vec<Text>) -> u32 {
        self.program.shapes.push(names.into());
        (self.program.shapes.len() - 1) as u32
    }

    fn object(&mut self, expr: &Expr, properties: &[Property]) -> Compiled<()> {
        let named: Option<Vec<Text>> = properties
            .iter()
            .map(|property| match property {
                Property::Named { name, .. } => Some(name.clone()),
                _ => None,
            })
            .collect();
        if let Some(names) = named {
            for property in properties {
                if let Property::Named { value, .. } = property {
                    self.expr(value)?;
                }
            }
            let shape = self.shape(names);
            self.emit(Op::MakeObject(shape), &expr.span);
            return Ok(());
        }
        self.emit(Op::EntriesStart, &expr.span);
        for property in properties {
            match property {
                Property::Named { name, value } => {
                    self.expr(value)?;
                    let name = self.constant(Value::String(name.clone()));
                    self.emit(Op::EntriesPush(name), &value.span);
                }
                Property::Computed { name, value } => {
                    self.expr(name)?;
                    self.expr(value)?;
                    self.emit(Op::EntriesPushComputed, &name.span);
                }
                Property::Spread(value) => {
                    self.expr(value)?;
                    self.emit(Op::EntriesSpread, &value.span);
                }
            }
        }
        self.emit(Op::EntriesEnd, &expr.span);
        Ok(())
    }

    fn binary(
        &mut self,
        expr: &Expr,
        first: &Expr,
        rest: &[(BinaryOperator, Expr)],
    ) -> Compiled<()> {
        let (folded, rest) = self.fold_prefix(first, rest);
        match folded {
            Some(value) => self.emit_constant(value, &first.span),
            None => self.expr(first)?,
        }
        for (operator, operand) in rest {
            let span = expr.span.start..operand.span.end;
            if let Some(value) = self.fold(operand) {
                let constant = self.constant(value);
                self.emit_binary_constant(*operator, constant, &span);
            } else {
                self.expr(operand)?;
                self.emit(Op::Binary(*operator), &span);
            }
        }
        Ok(())
    }

    /// Joins the operator to the read before it, where no jump lands between the two.
    fn emit_binary_constant(&mut self, operator: BinaryOperator, constant: u32, span: &Span) {
        let block = &mut self.program.blocks[self.block];
        match block.ops.last_mut() {
            Some(op) if block.landing < block.spans.len() || block.landing == 0 => {
                if let Op::Read { base, chain } = *op {
                    *op = Op::ReadBinary { base, chain, operator, constant };
                    return;
                }
            }
            _ => {}
        }
        self.emit(Op::BinaryConstant(operator, constant), span);
    }

    fn logical(&mut self, operator: LogicalOperator, operands: &[Expr]) -> Compiled<()> {
        let mut jumps = Vec::new();
        for (position, operand) in operands.iter().enumerate() {
            self.expr(operand)?;
            if position + 1 < operands.len() {
                let op = match operator {
                    LogicalOperator::And => Op::JumpIfFalsyKeep(0),
                    LogicalOperator::Or => Op::JumpIfTruthyKeep(0),
                    LogicalOperator::Nullish => Op::JumpUnlessNullishKeep(0),
                };
                jumps.push(self.emit(op, &operand.span));
            }
        }
        jumps.into_iter().for_each(|jump| self.land(jump));
        Ok(())
    }

    fn conditional(&mut self, arms: &[(Expr, Expr)], otherwise: &Expr) -> Compiled<()> {
        let mut ends = Vec::new();
        for (condition, value) in arms {
            self.expr(condition)?;
            let skip = self.emit(Op::JumpIfFalse(0), &condition.span);
            self.expr(value)?;
            ends.push(self.emit(Op::Jump(0), &value.span));
            self.land(skip);
        }
        self.expr(otherwise)?;
        ends.into_iter().for_each(|end| self.land(end));
        Ok(())
    }

    /// Compiles an arrow function to a block of its own.
    fn arrow(&mut self, arrow: &Arrow) -> Compiled<u32> {
        let outer = self.block;
        let first = self.parameters.len();
        self.program.blocks.push(Block::default());
        self.block = self.program.blocks.len() - 1;
        let block = self.block;
        self.parameters.extend(arrow.parameters.iter().map(|parameter| parameter.name.clone()));
        self.program.parameters = self.program.parameters.max(self.parameters.len());
        for (position, parameter) in arrow.parameters.iter().enumerate() {
            let Some(default) = &parameter.default else { continue };
            let place = (first + position) as u32;
            let op = Op::JumpIfParameterDefined { parameter: place, target: 0 };
            let skip = self.emit(op, &parameter.span);
            self.expr(default)?;
            self.emit(Op::SetParameter(place), &parameter.span);
            self.land(skip);
        }
        self.expr(&arrow.body)?;
        self.parameters.truncate(first);
        self.block = outer;
        self.program.callbacks.push(Callback::Arrow {
            block,
            first,
            count: arrow.parameters.len(),
            rest: arrow.parameters.last().is_some_and(|parameter| parameter.rest),
        });
        Ok((self.program.callbacks.len() - 1) as u32)
    }

    /// What a name stands for: parameters hide locals, locals hide everything else.
    fn resolve(&self, name: &str, span: &Span) -> Compiled<Resolved> {
        if let Some(place) = self.parameters.iter().rposition(|known| known == name) {
            return Ok(Resolved::Read(Base::Parameter(place as u32)));
        }
        if let Some(local) = self.names.locals.iter().rposition(|known| known == name) {
            return Ok(Resolved::Read(Base::Local(local as u32)));
        }
        Ok(match name {
            "PROFILE" => Resolved::Profile,
            "EVENT" => Resolved::Event,
            "undefined" => Resolved::Constant(Value::Undefined),
            "NaN" => Resolved::Constant(Value::Number(f64::NAN)),
            "Infinity" => Resolved::Constant(Value::Number(f64::INFINITY)),
            "SEGMENT" | "CATALOG" | "BEFORE" | "UPDATED" | "REQUEST" => {
                return Err(refused::not_built(name, span.clone()));
            }
            "RegExp" => return Err(refused::dynamic_pattern(span.clone())),
            "Intl" => {
                let message = "`Intl` is not allowed: it depends on the place";
                return Err(CompileError::new("E0303", span.clone(), message));
            }
            _ if builtins::is_global(name) => Resolved::Builtin,
            _ => return Err(self.unknown_name(name, span)),
        })
    }

    fn unknown_name(&self, name: &str, span: &Span) -> CompileError {
        let mut known: Vec<&str> = vec!["PROFILE", "EVENT", "undefined", "true", "false", "null"];
        for name in builtins::globals() {
            known.push(name);
        }
        known.extend(self.parameters.iter().chain(self.names.locals).map(Text::as_str));
        let error =
            CompileError::new("E0304", span.clone(), format!("there is no name `{name}` here"));
        if let Some(help) = refused::foreign_value(name) {
            return error.help(help);
        }
        if let ProfileNames::Slots(slots) = &self.names.profile
            && slots.slot(name).is_some()
        {
            return error.help(format!("write `PROFILE.{name}`"));
        }
        suggest(error, name, known.into_iter())
    }
}

/// Adds "did you mean" when one of the known names is close.
fn suggest<'n>(
    error: CompileError,
    name: &str,
    known: impl Iterator<Item = &'n str>,
) -> CompileError {
    let near = known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= 2.max(name.chars().count() / 4))
        .filter(|(distance, candidate)| *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance);
    match near {
        Some((_, candidate)) => error.help(format!("did you mean `{candidate}`?")),
        None => error,
    }
}

/// Letters to add, drop or change; case counts for nothing.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().take(128).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, l) in left.to_lowercase().chars().take(128).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, r) in right.iter().enumerate() {
            let above = row[column + 1];
            let change = diagonal + usize::from(l != *r);
            row[column + 1] = change.min(above + 1).min(row[column] + 1);
            diagonal = above;
        }
    }
    row[right.len()]
}
