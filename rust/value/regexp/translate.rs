//! Translate: a pattern's tree as what the automata are built from.
//!
//! Two things differ from what automata do by themselves. JavaScript gives up an iteration that
//! matched nothing once the least number is reached (`/(?:|a)*/` takes all of "aaa"), so that
//! what is repeated is rewritten here to what never matches nothing. And text is bytes, in which
//! half a pair is three bytes, as UTF-8 would have it were it allowed.
//! Invariant: the number of parts is bounded, as rewriting may multiply them.

use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, Hir, HirKind, Look as HirLook, Repetition,
};

use super::pattern::{Look, Node, line_ends};
use super::set::CodePoints;

/// More parts than the limit.
#[derive(Debug)]
pub(super) struct TooLarge;

type Translated<T> = Result<T, TooLarge>;

/// How text is spelt in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it is, pairs in halves where the pattern is of units.
    Plain,
    /// Each line end between two line feeds, so that one byte tells on both sides of it.
    Lines,
}

/// The pattern as bytes match it.
pub(super) fn translate(node: &Node, spelling: Spelling, parts_max: usize) -> Translated<Hir> {
    Translator { spelling, parts_left: parts_max }.full(node)
}

/// One character of the set.
pub(super) fn one_of(set: &CodePoints, spelling: Spelling) -> Hir {
    let mut arms = Vec::new();
    let mut plain = set.clone();
    if spelling == Spelling::Lines {
        let ends = set.intersection(&line_ends());
        plain = set.difference(&line_ends());
        for code in ends.ranges().iter().flat_map(|&(first, last)| first..=last) {
            arms.push(Hir::literal(spell_line_end(code)));
        }
    }
    let class = plain.to_class();
    if !class.ranges().is_empty() {
        arms.push(Hir::class(Class::Unicode(class)));
    }
    let halves = plain.intersection(&CodePoints::of(&[(0xD800, 0xDFFF)]));
    for &(first, last) in halves.ranges() {
        push_halves(&mut arms, first, last);
    }
    Hir::alternation(arms)
}

/// A line end between line feeds; the byte between tells which it is.
pub(super) fn spell_line_end(code: u32) -> [u8; 3] {
    [b'\n', if code < 0x80 { code as u8 + b'@' } else { (code - 0x2028) as u8 + b'P' }, b'\n']
}

/// Half a pair in three bytes.
pub(super) fn spell_half(unit: u32) -> [u8; 3] {
    [0xED, 0x80 | (unit >> 6 & 0x3F) as u8, 0x80 | (unit & 0x3F) as u8]
}

/// Ranges of halves as few sequences of byte ranges.
fn push_halves(arms: &mut Vec<Hir>, first: u32, last: u32) {
    let mut at = first;
    while at <= last {
        let block_end = at | 0x3F;
        let end = if at & 0x3F == 0 && last >= block_end {
            // As many whole blocks as there are.
            ((last + 1) & !0x3F) - 1
        } else {
            block_end.min(last)
        };
        let (from, to) = (spell_half(at), spell_half(end));
        arms.push(Hir::concat(vec![
            Hir::literal([0xED]),
            byte_range(from[1], to[1]),
            byte_range(from[2], to[2]),
        ]));
        at = end + 1;
    }
}

fn byte_range(first: u8, last: u8) -> Hir {
    Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(first, last)])))
}

/// One way to match: with something, or with nothing.
enum Way {
    Something(Hir),
    Nothing { hir: Hir, always: bool },
}

impl Way {
    fn hir(&self) -> &Hir {
        match self {
            Self::Something(hir) | Self::Nothing { hir, .. } => hir,
        }
    }
}

/// Parts of what is copied; the tree is no deeper than the pattern.
fn parts_of(hir: &Hir) -> usize {
    let inner: usize = match hir.kind() {
        HirKind::Repetition(repetition) => parts_of(&repetition.sub),
        HirKind::Capture(capture) => parts_of(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(parts_of).sum(),
        _ => 0,
    };
    inner + 1
}

struct Translator {
    spelling: Spelling,
    parts_left: usize,
}

impl Translator {
    fn count(&mut self) -> Translated<()> {
        self.spend(1)
    }

    fn spend(&mut self, parts: usize) -> Translated<()> {
        self.parts_left = self.parts_left.checked_sub(parts).ok_or(TooLarge)?;
        Ok(())
    }

    fn full(&mut self, node: &Node) -> Translated<Hir> {
        self.count()?;
        Ok(match node {
            Node::Empty => Hir::empty(),
            Node::Set(set) => one_of(set, self.spelling),
            Node::Look(look) => Hir::look(look_of(*look)),
            Node::Concat(parts) => Hir::concat(self.all(parts)?),
            Node::Alternate(arms) => Hir::alternation(self.all(arms)?),
            Node::Capture { index, inner } => capture(*index, self.full(inner)?),
            Node::Repeat { min, max, greedy, inner } => {
                let least = self.full(inner)?;
                if !matches_nothing(inner) {
                    return Ok(repetition(*min, *max, *greedy, least));
                }
                let more = max.map(|max| max - min);
                let beyond = self.something(inner)?;
                Hir::concat(vec![
                    repetition(*min, Some(*min), true, least),
                    repetition(0, more, *greedy, beyond),
                ])
            }
        })
    }

    fn all(&mut self, nodes: &[Node]) -> Translated<Vec<Hir>> {
        nodes.iter().map(|node| self.full(node)).collect()
    }

    /// The node, less its ways to match nothing.
    fn something(&mut self, node: &Node) -> Translated<Hir> {
        let ways = self.ways(node)?.into_iter().filter_map(|way| match way {
            Way::Something(hir) => Some(hir),
            Way::Nothing { .. } => None,
        });
        Ok(Hir::alternation(ways.collect()))
    }

    /// All ways to match, in their order of preference.
    fn ways(&mut self, node: &Node) -> Translated<Vec<Way>> {
        if !matches_nothing(node) {
            return Ok(vec![Way::Something(self.full(node)?)]);
        }
        self.count()?;
        let ways = match node {
            Node::Empty => vec![Way::Nothing { hir: Hir::empty(), always: true }],
            Node::Look(look) => {
                vec![Way::Nothing { hir: Hir::look(look_of(*look)), always: false }]
            }
            Node::Set(set) => vec![Way::Something(one_of(set, self.spelling))],
            Node::Concat(parts) => self.ways_in_row(parts)?,
            Node::Alternate(arms) => {
                let mut ways = Vec::new();
                for arm in arms {
                    ways.extend(self.ways(arm)?);
                }
                ways
            }
            Node::Capture { index, inner } => {
                let ways = self.ways(inner)?.into_iter();
                ways.map(|way| match way {
                    Way::Something(hir) => Way::Something(capture(*index, hir)),
                    Way::Nothing { hir, always } => {
                        Way::Nothing { hir: capture(*index, hir), always }
                    }
                })
                .collect()
            }
            Node::Repeat { min, max, greedy, inner } => {
                self.ways_repeated(*min, *max, *greedy, inner)?
            }
        };
        Ok(first_nothing(ways))
    }

    /// From the last part to the first, so that long rows need no stack.
    fn ways_in_row(&mut self, parts: &[Node]) -> Translated<Vec<Way>> {
        let mut ways = vec![Way::Nothing { hir: Hir::empty(), always: true }];
        for (at, part) in parts.iter().enumerate().rev() {
            let mut row = Vec::new();
            for way in self.ways(part)? {
                match way {
                    Way::Something(hir) => {
                        let mut whole = vec![hir];
                        whole.extend(self.all(&parts[at + 1..])?);
                        row.push(Way::Something(Hir::concat(whole)));
                    }
                    Way::Nothing { hir, always } => {
                        self.extend_after(&mut row, &hir, always, &ways)?;
                    }
                }
            }
            ways = first_nothing(row);
        }
        Ok(ways)
    }

    /// The ways of what follows a part that matched nothing; copies are parts too.
    fn extend_after(
        &mut self,
        row: &mut Vec<Way>,
        before: &Hir,
        before_always: bool,
        rest: &[Way],
    ) -> Translated<()> {
        for way in rest {
            self.spend(parts_of(before) + parts_of(way.hir()))?;
            let join = |hir: &Hir| Hir::concat(vec![before.clone(), hir.clone()]);
            row.push(match way {
                Way::Something(hir) => Way::Something(join(hir)),
                Way::Nothing { hir, always } => {
                    Way::Nothing { hir: join(hir), always: *always && before_always }
                }
            });
        }
        Ok(())
    }

    fn ways_repeated(
        &mut self,
        min: u32,
        max: Option<u32>,
        greedy: bool,
        inner: &Node,
    ) -> Translated<Vec<Way>> {
        self.count()?;
        let more = max.map(|max| max - min);
        let mut ways = vec![Way::Nothing { hir: Hir::empty(), always: true }];
        if more != Some(0) {
            let once = self.something(inner)?;
            let again = self.something(inner)?;
            let rest = repetition(0, more.map(|more| more - 1), greedy, again);
            let something = Way::Something(Hir::concat(vec![once, rest]));
            ways.insert(usize::from(!greedy), something);
        }
        // Each iteration that must be goes before those.
        for left in 0..min {
            let mut row = Vec::new();
            for way in self.ways(inner)? {
                match way {
                    Way::Something(hir) => {
                        let rest = self.repeated(left, more, greedy, inner)?;
                        row.push(Way::Something(Hir::concat(vec![hir, rest])));
                    }
                    Way::Nothing { hir, always } => {
                        self.extend_after(&mut row, &hir, always, &ways)?;
                    }
                }
            }
            ways = first_nothing(row);
        }
        Ok(ways)
    }

    fn repeated(
        &mut self,
        min: u32,
        more: Option<u32>,
        greedy: bool,
        inner: &Node,
    ) -> Translated<Hir> {
        let least = self.full(inner)?;
        let beyond = self.something(inner)?;
        Ok(Hir::concat(vec![
            repetition(min, Some(min), true, least),
            repetition(0, more, greedy, beyond),
        ]))
    }
}

/// Without the ways to match nothing that come after one that never fails.
fn first_nothing(ways: Vec<Way>) -> Vec<Way> {
    let mut found = false;
    let keep = ways.into_iter().filter(|way| match way {
        Way::Something(_) => true,
        Way::Nothing { always, .. } => {
            let is_first = !found;
            found |= *always;
            is_first
        }
    });
    keep.collect()
}

fn capture(index: u32, inner: Hir) -> Hir {
    Hir::capture(Capture { index, name: None, sub: Box::new(inner) })
}

fn repetition(min: u32, max: Option<u32>, greedy: bool, inner: Hir) -> Hir {
    Hir::repetition(Repetition { min, max, greedy, sub: Box::new(inner) })
}

fn look_of(look: Look) -> HirLook {
    match look {
        Look::Start => HirLook::Start,
        Look::End => HirLook::End,
        Look::LineStart => HirLook::StartLF,
        Look::LineEnd => HirLook::EndLF,
        Look::Word => HirLook::WordAscii,
        Look::NotWord => HirLook::WordAsciiNegate,
    }
}

/// Whether the node can match without a character.
fn matches_nothing(node: &Node) -> bool {
    match node {
        Node::Empty | Node::Look(_) => true,
        Node::Set(_) => false,
        Node::Concat(parts) => parts.iter().all(matches_nothing),
        Node::Alternate(arms) => arms.iter().any(matches_nothing),
        Node::Capture { inner, .. } => matches_nothing(inner),
        Node::Repeat { min, inner, .. } => *min == 0 || matches_nothing(inner),
    }
}
