//! Items: a packed list changed item by item, without taking the values out.
//!
//! Lists mostly grow by one item at the end. Making a hundred objects to drop the first and add one would cost
//! more than everything else that an event does, so items are moved as the bytes that they are; where it would
//! matter what a value means beyond its bytes, nothing is done here and the list is changed in its working
//! form (`list`). Invariant: what is written is what the working form would come to.

use smallvec::SmallVec;

use super::codec::{self, Head, Lsns, PLAIN};
use super::list::{Bounds, ListChange};
use super::{LSN_PENDING, Moment, Stamp, is_expired};
use crate::profile::compact::{put_signed, put_varint, signed, skip_value, varint};
use crate::profile::packed::Pending;
use crate::value::Value;
use crate::value::codec::{BadBytes, Bytes};

/// A list's next state, written.
pub(in crate::profile) struct Written {
    /// Its bytes; none when nothing is left.
    pub(in crate::profile) bytes: Vec<u8>,
    /// Places that wait for the record's LSN.
    pub(in crate::profile) pending: Pending,
}

/// An item as it stands.
#[derive(Clone, Copy)]
struct Item<'a> {
    stamp: Stamp,
    form: usize,
    body: Body<'a>,
}

/// An item's values.
#[derive(Clone, Copy)]
enum Body<'a> {
    Held(&'a [u8]),
    /// From here to there in the new ones.
    New(usize, usize),
}

/// A packed list taken apart into its items.
struct Items<'a> {
    head: Head<'a>,
    all: SmallVec<[Item<'a>; 24]>,
    changed_ms: i64,
    new: Vec<u8>,
}

/// Carries out changes of a packed list; `None` where only its working form can.
pub(in crate::profile) fn change(
    state: &[u8],
    bounds: &Bounds,
    moment: Moment,
    changes: &[ListChange],
) -> Option<Written> {
    let (bytes, changed_ms) = codec::of_list(state)?;
    let mut items = Items::parse(bytes, changed_ms).ok()?;
    changes.iter().try_for_each(|change| items.change(bounds, moment, change))?;
    Some(items.write())
}

impl<'a> Items<'a> {
    fn parse(mut bytes: Bytes<'a>, changed_ms: i64) -> Result<Self, BadBytes> {
        let head = Head::take(&mut bytes)?;
        let mut all = SmallVec::with_capacity(head.count + 1);
        let (mut lsns, mut time_ms) = (Lsns::default(), changed_ms);
        for at in 0..head.count {
            time_ms = match at {
                0 => changed_ms.wrapping_sub(signed(&mut bytes)?),
                _ => time_ms.wrapping_add(varint(&mut bytes)?.cast_signed()),
            };
            let stamp = Stamp { time_ms, lsn: lsns.take(&mut bytes)? };
            let form = if head.say_form { varint(&mut bytes)? as usize } else { PLAIN };
            let body = bytes.0;
            for _ in 0..head.value_count(form)? {
                skip_value(&mut bytes)?;
            }
            let body = Body::Held(&body[..body.len() - bytes.0.len()]);
            all.push(Item { stamp, form, body });
        }
        Ok(Self { head, all, changed_ms, new: Vec::new() })
    }

    /// As `List::change`.
    fn change(&mut self, bounds: &Bounds, moment: Moment, change: &ListChange) -> Option<()> {
        self.sweep(bounds, moment.now_ms);
        let changed = match change {
            ListChange::Push(item) => self.push(bounds, moment, item)?,
            ListChange::Clear => {
                let before = self.all.len();
                self.all.retain(|item| item.stamp.time_ms > moment.time_ms);
                self.all.len() < before
            }
            ListChange::Delete(_) => return None,
        };
        if changed {
            self.changed_ms = moment.now_ms;
        }
        Some(())
    }

    fn sweep(&mut self, bounds: &Bounds, now_ms: i64) {
        let is_old = |item: &&Item<'_>| is_expired(item.stamp.time_ms, bounds.duration_ms, now_ms);
        let expired = self.all.iter().take_while(is_old).count();
        self.all.drain(..expired);
        self.all.drain(..self.all.len().saturating_sub(bounds.max_items));
    }

    /// As `List::push`.
    fn push(&mut self, bounds: &Bounds, moment: Moment, item: &Value) -> Option<bool> {
        let is_told_by_bytes = bounds.keeps_repeats()
            || (bounds.drops_equal_values() && !self.head.say_form && has_one_spelling(item));
        if !is_told_by_bytes {
            return None;
        }
        let form = self.head.form_of(item, moment.time_ms)?;
        if is_expired(moment.time_ms, bounds.duration_ms, moment.now_ms) {
            return Some(false);
        }
        let begins = self.new.len();
        codec::put_body(&mut self.new, form, item);
        let body = Body::New(begins, self.new.len());
        let stamp = Stamp { time_ms: moment.time_ms, lsn: LSN_PENDING };
        let mut at = match self.all.last() {
            Some(newest) if newest.stamp > stamp => {
                self.all.partition_point(|held| held.stamp <= stamp)
            }
            _ => self.all.len(),
        };
        if !bounds.keeps_repeats()
            && let Some(held) =
                self.all.iter().position(|held| self.body(held.body) == self.body(body))
        {
            if held >= at {
                return Some(false);
            }
            self.all.remove(held);
            at -= 1;
        }
        if self.all.len() >= bounds.max_items {
            if at == 0 {
                return Some(false);
            }
            self.all.remove(0);
            at -= 1;
        }
        self.all.insert(at, Item { stamp, form, body });
        Some(true)
    }

    fn body<'s>(&'s self, body: Body<'s>) -> &'s [u8] {
        match body {
            Body::Held(bytes) => bytes,
            Body::New(from, to) => &self.new[from..to],
        }
    }

    fn write(&self) -> Written {
        let mut pending = Pending::new();
        if self.all.is_empty() {
            return Written { bytes: Vec::new(), pending };
        }
        let held: usize = self.all.iter().map(|item| self.body(item.body).len()).sum();
        let mut bytes = Vec::with_capacity(held + 12 * self.all.len() + 32);
        codec::begin_list(&mut bytes, self.changed_ms);
        self.head.put(&mut bytes, self.all.len());
        let (mut lsns, mut before_ms) = (Lsns::default(), None);
        for item in &self.all {
            let time_ms = item.stamp.time_ms;
            match before_ms {
                None => put_signed(&mut bytes, self.changed_ms.wrapping_sub(time_ms)),
                Some(before_ms) => {
                    put_varint(&mut bytes, time_ms.wrapping_sub(before_ms).cast_unsigned());
                }
            }
            before_ms = Some(time_ms);
            lsns.put(&mut bytes, item.stamp.lsn, &mut pending);
            if self.head.say_form {
                put_varint(&mut bytes, item.form as u64);
            }
            bytes.extend_from_slice(self.body(item.body));
        }
        Written { bytes, pending }
    }
}

/// Whether values equal to the item's, as JSON text has it, are those of equal bytes.
fn has_one_spelling(item: &Value) -> bool {
    match item.get("value") {
        Some(Value::String(_) | Value::Bool(_)) => true,
        Some(Value::Number(number)) => number.is_finite() && *number != 0.0,
        _ => false,
    }
}
