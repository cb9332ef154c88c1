//! Rewrite: a kept snapshot written anew without some of its profiles.
//!
//! For erasures. The new file has the old one's head, cut and role; it is written and read back as any other,
//! then the manifest names it in the old one's place. Invariants: a crash at any step leaves the old or the new
//! one named, whole; remembered uuids, configurations and lines are taken over byte by byte.

use super::error::Error;
use super::load::split;
use super::read::{Buffers, Snapshot};
use super::write::Writer;
use super::{Kept, Kind, Shelf};
use crate::profile::{Encoded, Packed, Rid};
use crate::value::codec::Bytes;

impl Shelf {
    /// Leaves out the profiles that are `gone` of one of the snapshots kept; how many there were. Nothing is
    /// written when there are none.
    ///
    /// # Errors
    /// As [`Shelf::read`] and [`Shelf::keep`].
    pub fn leave_out(
        &mut self,
        kept: &Kept,
        apply_epoch: u32,
        gone: &dyn Fn(Rid) -> bool,
    ) -> Result<u64, Error> {
        let snapshot = self.read(kept, apply_epoch)?;
        let mut buffers = Buffers::default();
        let mut found = 0;
        for block in snapshot.blocks().iter().filter(|block| block.kind == Kind::Profiles) {
            let bytes = snapshot.block(block, &mut buffers)?;
            found += without(&snapshot, bytes, gone)?.1;
        }
        if found == 0 {
            return Ok(0);
        }
        let mut writer = Writer::create(self.disk(), &self.temporary(), snapshot.head())?;
        for block in snapshot.blocks() {
            let bytes = snapshot.block(block, &mut buffers)?;
            match block.kind {
                Kind::Profiles => {
                    let (mut left, _) = without(&snapshot, bytes, gone)?;
                    if left.profiles > 0 {
                        writer.profiles(&mut left)?;
                    }
                }
                Kind::Dedup => writer.dedup(bytes)?,
                Kind::Imports => writer.imports(bytes)?,
                Kind::Configurations | Kind::Lines => {
                    let mut records = Vec::new();
                    split(bytes, &mut records).map_err(|bad| snapshot.damaged(bad))?;
                    match block.kind {
                        Kind::Configurations => writer.configurations(&records)?,
                        _ => writer.lines(&records)?,
                    }
                }
            }
        }
        let written = writer.finish()?;
        self.exchange(kept, &written)?;
        Ok(found)
    }
}

/// A block's profiles but those that are gone, and how many these are.
fn without(
    snapshot: &Snapshot,
    bytes: &[u8],
    gone: &dyn Fn(Rid) -> bool,
) -> Result<(Encoded, u64), Error> {
    let mut left = Encoded::default();
    let mut found = 0;
    let mut rest = Bytes(bytes);
    while !rest.is_empty() {
        let before = rest.0;
        let profile = Packed::decode(&mut rest).map_err(|bad| snapshot.damaged(bad))?;
        if gone(profile.rid()) {
            found += 1;
            continue;
        }
        left.bytes.extend_from_slice(&before[..before.len() - rest.0.len()]);
        left.profiles += 1;
        left.identifiers += profile.identifier_count() as u64;
    }
    Ok((left, found))
}
