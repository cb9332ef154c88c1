//! Sort: new lists in order, stably, by a function or as text.
//!
//! Where the function contradicts itself (`(a, b) => a > b` does) the result depends on which pairs
//! are asked in which order. So this is TimSort step by step as V8 takes it: runs found or made by
//! binary insertion, merged under the classic invariant, galloping where one side wins on.

use super::super::ast::BinaryOperator;
use super::super::error::Fault;
use super::super::limits::{BYTES_PER_FUEL, CALLBACK_FUEL};
use super::super::program::{Base, Callback, Node, NodeKind, Read};
use super::{Call, Entry, array};
use crate::value::{Text, Value, string};

pub(super) const METHODS: &[Entry] = &[("sort", Some(0), sort), ("toSorted", Some(0), to_sorted)];

/// What spelling an element as text costs.
const KEY_FUEL: usize = 4;

/// Wins in a row after which a merge gallops.
const GALLOP_WINS: usize = 7;

/// What `a - b` costs: the call, two reads and the difference.
const SUBTRACTION_FUEL: u64 = CALLBACK_FUEL as u64 + 3;

/// `undefined` goes last, and holes after it.
fn sort(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut items = call.items().to_vec();
    let length = items.len();
    items.retain(|item| !matches!(item, Value::Hole));
    let mut sorted = sorted(call, items)?;
    sorted.resize(length, Value::Hole);
    call.machine.array(sorted)
}

fn to_sorted(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let items = array::read_items(&call.items());
    let sorted = sorted(call, items)?;
    call.machine.array(sorted)
}

fn sorted(call: &mut Call<'_, '_>, items: Vec<Value>) -> Result<Vec<Value>, Fault> {
    if call.callback.is_none() && call.given(0) {
        call.function(0)?;
    }
    let length = items.len();
    call.machine.charge(4 + length)?;
    let mut defined = items;
    defined.retain(|item| !matches!(item, Value::Undefined));
    let mut out = match call.callback {
        _ if defined.len() < 2 => defined,
        Some(function) => Sort::new(call, function, defined).run()?,
        None => sort_as_text(call, defined)?,
    };
    out.resize(length, Value::Undefined);
    Ok(out)
}

fn sort_as_text(call: &mut Call<'_, '_>, items: Vec<Value>) -> Result<Vec<Value>, Fault> {
    let mut keyed: Vec<(Text, Value)> = Vec::with_capacity(items.len());
    let mut bytes = 0;
    for item in items {
        call.machine.charge(KEY_FUEL)?;
        let key = call.machine.text_of(&item)?;
        bytes += key.len();
        keyed.push((key, item));
    }
    // So many comparisons, each of two whole keys at worst.
    let rounds = keyed.len().max(1).ilog2() as usize + 1;
    call.machine.charge((keyed.len() + bytes / BYTES_PER_FUEL) * rounds)?;
    keyed.sort_by(|(left, _), (right, _)| string::compare(left, right));
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

/// A run that is in order.
#[derive(Clone, Copy, Debug)]
struct Run {
    base: usize,
    length: usize,
}

/// One sort by a function under way.
struct Sort<'s, 'c, 'm> {
    call: &'s mut Call<'c, 'm>,
    function: &'m Callback,
    items: Vec<Value>,
    runs: Vec<Run>,
    /// The function is `(a, b) => a - b` (true) or `(a, b) => b - a`.
    subtracts: Option<bool>,
    /// Wins in a row after which this sort's next merge gallops.
    gallop_wins: usize,
}

impl<'s, 'c, 'm> Sort<'s, 'c, 'm> {
    fn new(call: &'s mut Call<'c, 'm>, function: &'m Callback, items: Vec<Value>) -> Self {
        let subtracts = subtracts(function);
        Self { call, function, items, runs: Vec::new(), subtracts, gallop_wins: GALLOP_WINS }
    }

    fn run(mut self) -> Result<Vec<Value>, Fault> {
        let length = self.items.len();
        let least = run_length_min(length);
        let mut low = 0;
        while low < length {
            let mut run = self.count_run(low)?;
            if run < least {
                let forced = least.min(length - low);
                self.insert(low, low + run, low + forced)?;
                run = forced;
            }
            self.runs.push(Run { base: low, length: run });
            self.collapse()?;
            low += run;
        }
        while self.runs.len() > 1 {
            let mut at = self.runs.len() - 2;
            if at > 0 && self.runs[at - 1].length < self.runs[at + 1].length {
                at -= 1;
            }
            self.merge_at(at)?;
        }
        Ok(self.items)
    }

    /// Whether the function puts `left` before `right`; what it gives that is no number is not less.
    fn less(&mut self, left: &Value, right: &Value) -> Result<bool, Fault> {
        if let (Some(rises), Value::Number(left), Value::Number(right)) =
            (self.subtracts, left, right)
            && self.call.machine.afford(SUBTRACTION_FUEL)
        {
            let order = if rises { left - right } else { right - left };
            return Ok(order < 0.0);
        }
        Ok(self.call.machine.order(self.function, left, right)? < 0.0)
    }

    /// The same, of an element and a value.
    fn item_less(&mut self, at: usize, right: &Value) -> Result<bool, Fault> {
        let left = self.items[at].clone();
        self.less(&left, right)
    }

    /// The length of the run that starts at `low`; one that falls is turned round.
    fn count_run(&mut self, low: usize) -> Result<usize, Fault> {
        let length = self.items.len();
        if low + 1 == length {
            return Ok(1);
        }
        let falls = self.item_less(low + 1, &self.items[low].clone())?;
        let mut end = low + 2;
        while end < length && self.item_less(end, &self.items[end - 1].clone())? == falls {
            end += 1;
        }
        if falls {
            self.items[low..end].reverse();
        }
        Ok(end - low)
    }

    /// Binary insertion of `start..high` into the run `low..start`.
    fn insert(&mut self, low: usize, start: usize, high: usize) -> Result<(), Fault> {
        for at in start..high {
            let pivot = self.items[at].clone();
            let (mut left, mut right) = (low, at);
            while left < right {
                let middle = left + (right - left) / 2;
                if self.less(&pivot, &self.items[middle].clone())? {
                    right = middle;
                } else {
                    left = middle + 1;
                }
            }
            self.items[left..=at].rotate_right(1);
        }
        Ok(())
    }

    /// Merges until each run is longer than the two after it together.
    fn collapse(&mut self) -> Result<(), Fault> {
        let holds = |runs: &[Run], at: usize| {
            at < 2 || runs[at - 2].length > runs[at - 1].length + runs[at].length
        };
        while self.runs.len() > 1 {
            let runs = &self.runs;
            let mut at = runs.len() - 2;
            if !holds(runs, at + 1) || !holds(runs, at) {
                if runs[at - 1].length < runs[at + 1].length {
                    at -= 1;
                }
            } else if runs[at].length > runs[at + 1].length {
                break;
            }
            self.merge_at(at)?;
        }
        Ok(())
    }

    /// Merges a run with the one after it.
    fn merge_at(&mut self, at: usize) -> Result<(), Fault> {
        let (left, right) = (self.runs[at], self.runs.remove(at + 1));
        self.runs[at].length = left.length + right.length;
        // What already stands in its place at either end takes no part.
        let first = self.items[right.base].clone();
        let skipped = self.gallop_right(None, &first, left, 0)?;
        let left = Run { base: left.base + skipped, length: left.length - skipped };
        if left.length == 0 {
            return Ok(());
        }
        let last = self.items[left.base + left.length - 1].clone();
        let length = self.gallop_left(None, &last, right, right.length - 1)?;
        let right = Run { base: right.base, length };
        if right.length == 0 {
            return Ok(());
        }
        Merge::new(self, left, right).run()
    }

    /// How many of the run are not behind `key`: those that it does not go before. Looks first at
    /// `hint`, then further and further away, then between. The run is of `aside`, or of the items.
    fn gallop_right(
        &mut self,
        aside: Option<&[Value]>,
        key: &Value,
        run: Run,
        hint: usize,
    ) -> Result<usize, Fault> {
        let before = |sort: &mut Self, at: usize| {
            let item = aside.unwrap_or(&sort.items)[run.base + at].clone();
            sort.less(key, &item)
        };
        let (mut last, mut offset) = (0, 1);
        let (mut low, mut high);
        if before(self, hint)? {
            let most = hint + 1;
            while offset < most && before(self, hint - offset)? {
                (last, offset) = (offset, 2 * offset + 1);
            }
            let offset = offset.min(most);
            (low, high) = (most - offset, hint - last);
        } else {
            let most = run.length - hint;
            while offset < most && !before(self, hint + offset)? {
                (last, offset) = (offset, 2 * offset + 1);
            }
            (low, high) = (hint + last + 1, hint + offset.min(most));
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self, middle)? {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(high)
    }

    /// How many of the run go before `key`; as [`Sort::gallop_right`].
    fn gallop_left(
        &mut self,
        aside: Option<&[Value]>,
        key: &Value,
        run: Run,
        hint: usize,
    ) -> Result<usize, Fault> {
        let behind = |sort: &mut Self, at: usize| {
            let item = aside.unwrap_or(&sort.items)[run.base + at].clone();
            sort.less(&item, key)
        };
        let (mut last, mut offset) = (0, 1);
        let (mut low, mut high);
        if behind(self, hint)? {
            let most = run.length - hint;
            while offset < most && behind(self, hint + offset)? {
                (last, offset) = (offset, 2 * offset + 1);
            }
            (low, high) = (hint + last + 1, hint + offset.min(most));
        } else {
            let most = hint + 1;
            while offset < most && !behind(self, hint - offset)? {
                (last, offset) = (offset, 2 * offset + 1);
            }
            let offset = offset.min(most);
            (low, high) = (most - offset, hint - last);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if behind(self, middle)? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(high)
    }
}

/// Whether the function takes the second from the first, or the first from the second.
fn subtracts(function: &Callback) -> Option<bool> {
    let Callback::Arrow(arrow) = function else { return None };
    let NodeKind::Binary { operator: BinaryOperator::Subtract, operands } = &arrow.body.kind else {
        return None;
    };
    let place = |node: &Node| match &node.kind {
        NodeKind::Read(Read { base: Base::Parameter(place), steps }) if steps.is_empty() => {
            (*place as usize).checked_sub(arrow.first)
        }
        _ => None,
    };
    let plain = arrow.count == 2 && !arrow.rest && arrow.bindings.is_empty();
    match (place(&operands[0]), place(&operands[1])) {
        (Some(0), Some(1)) if plain => Some(true),
        (Some(1), Some(0)) if plain => Some(false),
        _ => None,
    }
}

/// Two neighbouring runs on their way to be one.
///
/// The shorter one is copied aside and its place is filled from that end: from the front when it
/// is the left one. What has been placed and what is left always fill the place exactly, so the
/// two counts say where everything stands.
struct Merge<'a, 's, 'c, 'm> {
    sort: &'a mut Sort<'s, 'c, 'm>,
    aside: Vec<Value>,
    /// Whether the left run is aside and the place is filled from the front.
    forward: bool,
    start: usize,
    end: usize,
    /// Elements left of the left run, and of the right one.
    left: usize,
    right: usize,
}

impl<'a, 's, 'c, 'm> Merge<'a, 's, 'c, 'm> {
    fn new(sort: &'a mut Sort<'s, 'c, 'm>, left: Run, right: Run) -> Self {
        let forward = left.length <= right.length;
        let aside = if forward { left } else { right };
        let aside = sort.items[aside.base..aside.base + aside.length].to_vec();
        let (start, end) = (left.base, right.base + right.length);
        Self { sort, aside, forward, start, end, left: left.length, right: right.length }
    }

    fn run(mut self) -> Result<(), Fault> {
        // Galloping has shown already which one is first.
        self.take(!self.forward);
        let mut wins_min = self.sort.gallop_wins;
        while !self.is_over() {
            self.one_by_one(wins_min)?;
            let mut gallops = !self.is_over();
            while gallops {
                self.sort.gallop_wins = wins_min;
                gallops = self.gallop()? >= GALLOP_WINS && !self.is_over();
                // The longer it lasts the sooner the next one; leaving it costs a step.
                wins_min = if gallops { (wins_min - 1).max(1) } else { wins_min + 1 };
            }
            if !self.is_over() {
                self.sort.gallop_wins = wins_min;
            }
        }
        self.finish();
        Ok(())
    }

    /// Nothing is left to compare: one run is used up, or the one aside has a single element, which
    /// belongs beyond all that is left.
    fn is_over(&self) -> bool {
        let (aside, other) =
            if self.forward { (self.left, self.right) } else { (self.right, self.left) };
        other == 0 || aside <= 1
    }

    /// The next element of a run.
    fn next(&self, of_left: bool) -> &Value {
        match (self.forward, of_left) {
            (true, true) => &self.aside[self.aside.len() - self.left],
            (true, false) => &self.sort.items[self.end - self.right],
            (false, true) => &self.sort.items[self.start + self.left - 1],
            (false, false) => &self.aside[self.right - 1],
        }
    }

    /// Moves a run's next element to its place.
    fn take(&mut self, of_left: bool) {
        let value = self.next(of_left).clone();
        let place = if self.forward {
            self.end - self.left - self.right
        } else {
            self.start + self.left + self.right - 1
        };
        self.sort.items[place] = value;
        *(if of_left { &mut self.left } else { &mut self.right }) -= 1;
    }

    /// Takes the one that goes first until one run has won so often in a row, or all is over.
    fn one_by_one(&mut self, wins_min: usize) -> Result<(), Fault> {
        let (mut wins, mut last) = (0, None);
        while !self.is_over() && wins < wins_min {
            let (left, right) = (self.next(true).clone(), self.next(false).clone());
            let right_is_less = self.sort.less(&right, &left)?;
            // From the front the lesser goes first; from the back the greater.
            let of_left = right_is_less != self.forward;
            self.take(of_left);
            wins = if last == Some(of_left) { wins + 1 } else { 1 };
            last = Some(of_left);
        }
        Ok(())
    }

    /// Takes a stretch of the left run and one of the right, then the same the other way about;
    /// gives the longer stretch, or enough to go on where all is over.
    fn gallop(&mut self) -> Result<usize, Fault> {
        let key = self.next(false).clone();
        let (left_run, hint) = if self.forward {
            (Run { base: self.aside.len() - self.left, length: self.left }, 0)
        } else {
            (Run { base: self.start, length: self.left }, self.left - 1)
        };
        let aside = self.forward.then_some(&self.aside[..]);
        let found = self.sort.gallop_right(aside, &key, left_run, hint)?;
        let left_wins = if self.forward { found } else { self.left - found };
        (0..left_wins).for_each(|_| self.take(true));
        if self.is_over() {
            return Ok(GALLOP_WINS);
        }
        self.take(false);
        if self.is_over() {
            return Ok(GALLOP_WINS);
        }
        let key = self.next(true).clone();
        let (right_run, hint) = if self.forward {
            (Run { base: self.end - self.right, length: self.right }, 0)
        } else {
            (Run { base: 0, length: self.right }, self.right - 1)
        };
        let aside = (!self.forward).then_some(&self.aside[..]);
        let found = self.sort.gallop_left(aside, &key, right_run, hint)?;
        let right_wins = if self.forward { found } else { self.right - found };
        (0..right_wins).for_each(|_| self.take(false));
        if self.is_over() {
            return Ok(GALLOP_WINS);
        }
        self.take(true);
        Ok(left_wins.max(right_wins))
    }

    /// Puts what is left aside to where it belongs.
    fn finish(self) {
        let Self { sort, aside, forward, start, end, left, right } = self;
        if forward {
            for at in end - right..end {
                sort.items[at - left] = sort.items[at].clone();
            }
            sort.items[end - left..end].clone_from_slice(&aside[aside.len() - left..]);
        } else {
            for at in (start..start + left).rev() {
                sort.items[at + right] = sort.items[at].clone();
            }
            sort.items[start..start + right].clone_from_slice(&aside[..right]);
        }
    }
}

/// The least length of a run: such that they are merged in nearly equal parts.
fn run_length_min(length: usize) -> usize {
    let (mut rest, mut odd) = (length, 0);
    while rest >= 64 {
        odd |= rest & 1;
        rest >>= 1;
    }
    rest + odd
}
