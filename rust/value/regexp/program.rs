//! Program: the automata of one pattern, and what a search with them costs.
//!
//! Never a backtracking search: a full automaton where it is small (nearly always), and else a
//! simulation, which is as linear and many times slower. Which it is is settled while compiling
//! and told in the price, so that the price of a search depends on the pattern and the text alone.
//!
//! Searches one after the other over one text (`g`, `split`) could look at the rest of the text
//! each time. What each has looked at is counted by walking the automaton, and paid for.

use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton, onepass};
use regex_automata::meta;
use regex_automata::nfa::thompson::{self, NFA};
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Capture, Hir, Repetition};

use super::Limits;
use super::set::CodePoints;
use super::translate::{Spelling, one_of};

/// Bytes of a full automaton, beyond which a pattern is simulated.
const AUTOMATON_BYTES_MAX: usize = 512 * 1024;
/// How many times dearer a simulated byte is: 5 ns of each unit at the worst that was measured.
const SIMULATED_PRICE: usize = 16;
/// Units of each search, and of each look for groups, whatever its bytes.
const SET_UP_PRICE: usize = 8;
/// Program size under which a byte costs the same: calls and set-up are not free.
const STATES_MIN: usize = 16;
/// The divisor of page 3.4: bytes times program size over 16.
const PRICE_DIVISOR: usize = 16;

/// The automata of one pattern.
#[derive(Debug)]
pub(super) struct Program {
    engine: meta::Regex,
    /// The full automaton, where it is small.
    walker: Option<DFA<Vec<u32>>>,
    /// Whether groups are found without a simulation.
    is_one_pass: bool,
    /// The program's size.
    states: usize,
    /// Whether the pattern stands behind a prefix of its own, which makes its whole a group.
    whole_group: Option<usize>,
}

/// Bytes where a match lies, and its groups.
pub(super) type Slots = Vec<Option<NonMaxUsize>>;

impl Program {
    /// Compiles what the pattern was translated to; `None` beyond the limit of bytes.
    pub(super) fn new(hir: Hir, groups: u32, spelling: Spelling, limits: &Limits) -> Option<Self> {
        let behind_prefix = spelling == Spelling::Lines;
        let hir = if behind_prefix { after_any(hir, groups + 1) } else { hir };
        let has_groups = hir.properties().explicit_captures_len() > 0;
        let bytes_max = Some(limits.program_bytes_max);
        let nfa = thompson::Compiler::new()
            .configure(thompson::Config::new().utf8(!behind_prefix).nfa_size_limit(bytes_max))
            .build_from_hir(&hir)
            .ok()?;
        let engine = meta::Builder::new()
            .configure(
                meta::Config::new()
                    .utf8_empty(!behind_prefix)
                    // The program read backwards is larger where characters have many bytes.
                    .nfa_size_limit(Some(8 * limits.program_bytes_max))
                    .dfa_size_limit(Some(8 * AUTOMATON_BYTES_MAX))
                    .dfa_state_limit(None)
                    .onepass_size_limit(Some(2 * AUTOMATON_BYTES_MAX))
                    .hybrid_cache_capacity(AUTOMATON_BYTES_MAX),
            )
            .build_from_hir(&hir)
            .ok()?;
        Some(Self {
            engine,
            walker: if behind_prefix { None } else { full_automaton(&nfa) },
            is_one_pass: !behind_prefix && has_groups && one_pass(&nfa),
            states: nfa.states().len().max(STATES_MIN),
            whole_group: behind_prefix.then_some(groups as usize + 1),
        })
    }

    /// What it costs to search that many bytes.
    pub(super) fn search_price(&self, bytes: usize) -> usize {
        let dearer = if self.walker.is_some() { 1 } else { SIMULATED_PRICE };
        SET_UP_PRICE + bytes * self.states * dearer / PRICE_DIVISOR
    }

    /// What it costs to find the groups in a match of that many bytes.
    pub(super) fn groups_price(&self, bytes: usize) -> usize {
        let dearer = if self.is_one_pass { 1 } else { SIMULATED_PRICE };
        SET_UP_PRICE + bytes * self.states * dearer / PRICE_DIVISOR
    }

    fn input<'h>(&self, bytes: &'h [u8], from: usize, to: usize, sticky: bool) -> Input<'h> {
        let anchored = sticky || self.whole_group.is_some();
        let anchored = if anchored { Anchored::Yes } else { Anchored::No };
        Input::new(bytes).span(from..to).anchored(anchored)
    }

    /// Whether the pattern matches anywhere.
    pub(super) fn is_match(&self, bytes: &[u8], sticky: bool) -> bool {
        if sticky && self.whole_group.is_some() {
            return self.find(bytes, 0, true).is_some();
        }
        self.engine.is_match(self.input(bytes, 0, bytes.len(), sticky))
    }

    /// The first match at or after `from`.
    pub(super) fn find(&self, bytes: &[u8], from: usize, sticky: bool) -> Option<(usize, usize)> {
        let input = self.input(bytes, from, bytes.len(), sticky);
        let Some(whole) = self.whole_group else {
            let found = self.engine.search(&input)?;
            return Some((found.start(), found.end()));
        };
        let mut slots = vec![None; 2 * whole + 2];
        self.engine.search_slots(&input, &mut slots)?;
        let (start, end) = (slots[2 * whole]?.get(), slots[2 * whole + 1]?.get());
        // The prefix takes as little as it can, so that a later start means no match here.
        (!sticky || start == from).then_some((start, end))
    }

    /// The groups of a match that was found there, the whole as the first.
    pub(super) fn groups(&self, bytes: &[u8], start: usize, end: usize, groups: u32) -> Slots {
        let mut slots = vec![None; 2 * (groups as usize + 1)];
        let input = Input::new(bytes).span(start..end).anchored(Anchored::Yes);
        if self.engine.search_slots(&input, &mut slots).is_none() {
            unreachable!("a match that was found is found again");
        }
        slots
    }

    /// How many bytes a search from there looks at, and whether it finds anything; `None` where
    /// nothing but a search can tell.
    pub(super) fn walk(&self, bytes: &[u8], from: usize, sticky: bool) -> Option<(usize, bool)> {
        let automaton = self.walker.as_ref()?;
        let input = self.input(bytes, from, bytes.len(), sticky);
        let mut state = automaton.start_state_forward(&input).ok()?;
        let mut found = false;
        for (count, &byte) in bytes[from..].iter().enumerate() {
            state = automaton.next_state(state, byte);
            if automaton.is_special_state(state) {
                if automaton.is_match_state(state) {
                    found = true;
                } else if automaton.is_dead_state(state) {
                    return Some((count + 1, found));
                }
            }
        }
        let end = automaton.next_eoi_state(state);
        Some((bytes.len() - from, found || automaton.is_match_state(end)))
    }
}

/// The pattern after as few characters as can be, and its whole as a group.
fn after_any(hir: Hir, group: u32) -> Hir {
    let any = one_of(&CodePoints::all(true), Spelling::Lines);
    let prefix = Repetition { min: 0, max: None, greedy: false, sub: Box::new(any) };
    let whole = Capture { index: group, name: None, sub: Box::new(hir) };
    Hir::concat(vec![Hir::repetition(prefix), Hir::capture(whole)])
}

fn full_automaton(nfa: &NFA) -> Option<DFA<Vec<u32>>> {
    let config = dense::Config::new()
        .starts_for_each_pattern(true)
        .determinize_size_limit(Some(AUTOMATON_BYTES_MAX))
        .dfa_size_limit(Some(AUTOMATON_BYTES_MAX));
    dense::Builder::new().configure(config).build_from_nfa(nfa).ok()
}

fn one_pass(nfa: &NFA) -> bool {
    let config = onepass::Config::new().size_limit(Some(AUTOMATON_BYTES_MAX));
    onepass::Builder::new().configure(config).build_from_nfa(nfa.clone()).is_ok()
}
