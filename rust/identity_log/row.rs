//! Row: entries as the rows of Treasure Data's table `id_changes`, with columns of ours beside theirs.

use super::{Change, ChangeKind, Entry, Gone};
use crate::profile::{Identifier, Rid};
use crate::value::{Text, Value, write_json};

/// `profile_change_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileChange {
    /// `profile_added`.
    Added,
    /// `profile_updated_by_stitching`.
    Updated,
    /// `profile_deleted_by_stitching`.
    Deleted,
    /// `profile_evicted`: ours.
    Evicted,
    /// `profile_not_kept`: ours.
    NotKept,
}

impl ProfileChange {
    /// Its word in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "profile_added",
            Self::Updated => "profile_updated_by_stitching",
            Self::Deleted => "profile_deleted_by_stitching",
            Self::Evicted => "profile_evicted",
            Self::NotKept => "profile_not_kept",
        }
    }
}

/// One row. `event_type` is always `id`, `key_values` always null, `reactor_instance_id` the reactor's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// LSN of the event's record; several rows may have one.
    pub lsn: u64,
    /// Processing time, epoch milliseconds.
    pub time_ms: i64,
    /// `profile_change_type`.
    pub change: ProfileChange,
    /// `current_rid`: the profile that there is after the change.
    pub rid: Rid,
    /// `merged_rids`: profiles that became part of it by this row.
    pub merged: Vec<Rid>,
    /// `identifiers`, a column of ours: of an added or updated profile what the event brought, of one that
    /// lost identifiers to a guard rail what it lost.
    pub identifiers: Vec<Identifier>,
    /// `moved_to`, a column of ours: the profile that took the identifiers of this row from `rid`.
    pub moved_to: Option<Rid>,
}

impl Row {
    /// The rows of an entry, in the order in which they stand in the table.
    pub fn of(entry: &Entry) -> Vec<Self> {
        match entry {
            Entry::Change(change) => of_change(change),
            Entry::Gone(gone) => of_gone(gone),
            Entry::Names(..) | Entry::Mark(_) => Vec::new(),
        }
    }

    /// `current_id_attributes`: a JSON array of `key:value` of a profile that was added.
    pub fn current_id_attributes(&self, names: &[Text]) -> Option<String> {
        (self.change == ProfileChange::Added).then(|| self.identifiers_json(names))
    }

    /// The identifiers as a JSON array of `key:value`.
    pub fn identifiers_json(&self, names: &[Text]) -> String {
        let text = |Identifier { key, value }: &Identifier| {
            let name = names.get(usize::from(*key)).map_or("", Text::as_str);
            Value::text(format!("{name}:{value}"))
        };
        json(self.identifiers.iter().map(text).collect())
    }

    /// `merged_rids`: a JSON array.
    pub fn merged_json(&self) -> String {
        json(self.merged.iter().map(|rid| Value::text(rid.to_string())).collect())
    }
}

fn json(items: Vec<Value>) -> String {
    let mut out = Vec::new();
    write_json(&Value::array(items), &mut out);
    String::from_utf8(out).expect("JSON is text")
}

fn of_change(change: &Change) -> Vec<Row> {
    let row = |kind, rid, merged| Row {
        lsn: change.lsn,
        time_ms: change.now_ms,
        change: kind,
        rid,
        merged,
        identifiers: Vec::new(),
        moved_to: None,
    };
    let own = match change.kind {
        ChangeKind::Added | ChangeKind::MovedToNew => ProfileChange::Added,
        ChangeKind::NotKept => ProfileChange::NotKept,
        ChangeKind::Extended | ChangeKind::Merged | ChangeKind::Moved => ProfileChange::Updated,
    };
    let identifiers = change.identifiers.clone();
    let mut rows = vec![Row { identifiers, ..row(own, change.rid, change.merged.clone()) }];
    for rid in &change.merged {
        rows.push(row(ProfileChange::Deleted, change.rid, vec![*rid]));
    }
    let mut losers: Vec<Rid> = change.moved.iter().map(|(_, from)| *from).collect();
    losers.sort_unstable();
    losers.dedup();
    for rid in losers.into_iter().filter(|rid| *rid != change.rid && !change.merged.contains(rid)) {
        rows.push(Row {
            identifiers: change.lost_by(rid).cloned().collect(),
            moved_to: Some(change.rid),
            ..row(ProfileChange::Updated, rid, Vec::new())
        });
    }
    rows
}

fn of_gone(gone: &Gone) -> Vec<Row> {
    let row = |rid: &Rid| Row {
        lsn: gone.lsn,
        time_ms: gone.now_ms,
        change: ProfileChange::Evicted,
        rid: *rid,
        merged: Vec::new(),
        identifiers: Vec::new(),
        moved_to: None,
    };
    gone.rids.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_rails_entry_is_a_row_for_each_profile_that_changed() {
        let [deciding, drained, other] = [1, 2, 3].map(|time_ms| Rid::new(time_ms, 7));
        let own = |key, value: &str| Identifier { key, value: value.into() };
        let change = Change {
            lsn: 9,
            now_ms: 5_000,
            kind: ChangeKind::Moved,
            rid: deciding,
            identifiers: vec![own(0, "c"), own(1, "a\"b"), own(2, "d")],
            merged: vec![drained],
            moved: vec![(1, drained), (2, other)],
        };
        let rows = Row::of(&Entry::Change(change));
        let names = ["customer_id", "email", "device"].map(Text::from);
        let kinds: Vec<_> = rows.iter().map(|row| (row.change.name(), row.rid)).collect();
        assert_eq!(
            kinds,
            [
                ("profile_updated_by_stitching", deciding),
                ("profile_deleted_by_stitching", deciding),
                ("profile_updated_by_stitching", other),
            ]
        );
        assert_eq!(
            rows[0].identifiers_json(&names),
            r#"["customer_id:c","email:a\"b","device:d"]"#
        );
        assert_eq!(rows[0].current_id_attributes(&names), None);
        assert_eq!(rows[1].merged_json(), format!("[\"{drained}\"]"));
        assert_eq!(rows[2].identifiers_json(&names), r#"["device:d"]"#);
        assert_eq!(rows[2].moved_to, Some(deciding));
    }
}
