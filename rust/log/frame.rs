//! Frames: how records lie in a batch, and how a batch proves itself.
//!
//! Two checksums, because no length may be trusted before its own: the header's covers the header, the
//! batch's covers header and payload. Both begin with the segment's random salt, so that neither
//! another file's bytes nor a client's body can look like a batch of this segment. Byte picture in `mod.rs`.
//! Invariants: everything is little endian; a sealed batch is a multiple of 8 bytes long.

use super::limits::BATCH_BYTES_MAX;
use crate::mutant::{self, Mutant};

/// Bytes of a batch's header.
pub const BATCH_HEADER_BYTES: usize = 48;
/// Bytes before a record's payload: length (4) and kind (1).
pub const RECORD_HEADER_BYTES: usize = 5;
/// Batches begin at multiples of this.
pub const ALIGNMENT: usize = 8;

const MARK: [u8; 4] = *b"p13b";
const HEADER_CRC_FROM: usize = 8;
const BATCH_CRC_AT: usize = 44;

/// A segment's random salt, and the checksum state that begins with it.
#[derive(Debug, Clone)]
pub struct Salt {
    /// The random bytes.
    pub bytes: [u8; 16],
    begun: crc32fast::Hasher,
}

impl Salt {
    /// The checksum state after the salt's bytes.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        let mut begun = crc32fast::Hasher::new();
        begun.update(&bytes);
        Self { bytes, begun }
    }

    fn crc(&self, parts: &[&[u8]]) -> u32 {
        let mut hasher = self.begun.clone();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize()
    }
}

/// What a batch says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Bytes of payload, without the header and the padding.
    pub length: u32,
    /// Records; 0 in a marker, which carries only `synced_lsn`.
    pub count: u32,
    /// Counter of the first record; in a marker, of the next one to come.
    pub first_lsn: u64,
    /// Counter of the last record; always `first_lsn + count - 1`.
    pub last_lsn: u64,
    /// Highest counter that was synced when the batch was written.
    pub synced_lsn: u64,
    /// Checksum of the batch before; of the segment's header in the first.
    pub previous_crc: u32,
    /// Checksum over salt, header and payload.
    pub crc: u32,
}

impl BatchHeader {
    /// Bytes from this batch's beginning to the next one's.
    #[must_use]
    pub fn bytes(&self) -> usize {
        padded(BATCH_HEADER_BYTES + self.length as usize)
    }
}

/// Rounds up to the alignment.
#[must_use]
pub fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

/// Appends a record to a batch under construction.
pub fn push_record(batch: &mut Vec<u8>, kind: u8, parts: &[&[u8]], length: u32) {
    batch.reserve(RECORD_HEADER_BYTES + length as usize);
    let head = length.to_le_bytes();
    batch.extend_from_slice(&[head[0], head[1], head[2], head[3], kind]);
    parts.iter().for_each(|part| batch.extend_from_slice(part));
}

/// Completes a batch in place: `batch` holds room for the header and then the records. Pads it, writes
/// the header and gives the batch's checksum.
pub fn seal(
    batch: &mut Vec<u8>,
    salt: &Salt,
    first_lsn: u64,
    count: u32,
    synced_lsn: u64,
    previous_crc: u32,
) -> u32 {
    let length = batch.len() - BATCH_HEADER_BYTES;
    assert!(length <= BATCH_BYTES_MAX, "a batch of {length} bytes could not be read again");
    assert!(synced_lsn < first_lsn, "a batch cannot be synced before it is written");
    batch.resize(padded(batch.len()), 0);
    let last_lsn = first_lsn + u64::from(count) - 1;
    batch[0..4].copy_from_slice(&MARK);
    batch[8..12].copy_from_slice(&(length as u32).to_le_bytes());
    batch[12..16].copy_from_slice(&count.to_le_bytes());
    batch[16..24].copy_from_slice(&first_lsn.to_le_bytes());
    batch[24..32].copy_from_slice(&last_lsn.to_le_bytes());
    batch[32..40].copy_from_slice(&synced_lsn.to_le_bytes());
    batch[40..44].copy_from_slice(&previous_crc.to_le_bytes());
    let payload = &batch[BATCH_HEADER_BYTES..BATCH_HEADER_BYTES + length];
    let crc = salt.crc(&[&batch[HEADER_CRC_FROM..BATCH_CRC_AT], payload]);
    batch[BATCH_CRC_AT..BATCH_HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    let header_crc = salt.crc(&[&batch[HEADER_CRC_FROM..BATCH_HEADER_BYTES]]);
    batch[4..8].copy_from_slice(&header_crc.to_le_bytes());
    crc
}

/// Reads a header; what is wrong with it otherwise. Nothing is believed before the checksum agrees.
pub fn parse_header(bytes: &[u8], salt: &Salt) -> Result<BatchHeader, &'static str> {
    if bytes.len() < BATCH_HEADER_BYTES {
        return Err("a batch's header is cut");
    }
    if bytes[0..4] != MARK {
        return Err("no batch begins here");
    }
    let unchecked = mutant::is(Mutant::LengthUnchecked);
    if !unchecked && u32_at(bytes, 4) != salt.crc(&[&bytes[HEADER_CRC_FROM..BATCH_HEADER_BYTES]]) {
        return Err("a batch's header does not match its checksum");
    }
    let header = BatchHeader {
        length: u32_at(bytes, 8),
        count: u32_at(bytes, 12),
        first_lsn: u64_at(bytes, 16),
        last_lsn: u64_at(bytes, 24),
        synced_lsn: u64_at(bytes, 32),
        previous_crc: u32_at(bytes, 40),
        crc: u32_at(bytes, BATCH_CRC_AT),
    };
    let range = header.first_lsn.checked_add(u64::from(header.count));
    if !unchecked && header.length as usize > BATCH_BYTES_MAX
        || range.is_none()
        || range != header.last_lsn.checked_add(1)
        || header.synced_lsn >= header.first_lsn
        || u64::from(header.count) * RECORD_HEADER_BYTES as u64 > u64::from(header.length)
    {
        return Err("a batch's header contradicts itself");
    }
    Ok(header)
}

/// Checks payload and padding of a whole batch (`header.bytes()` bytes) against its checksum.
pub fn check_payload(batch: &[u8], header: &BatchHeader, salt: &Salt) -> Result<(), &'static str> {
    let end = BATCH_HEADER_BYTES + header.length as usize;
    let payload = &batch[BATCH_HEADER_BYTES..end];
    if mutant::is(Mutant::PayloadUnchecked) {
        return Ok(());
    }
    if salt.crc(&[&batch[HEADER_CRC_FROM..BATCH_CRC_AT], payload]) != header.crc {
        return Err("a batch does not match its checksum");
    }
    if batch[end..].iter().any(|byte| *byte != 0) {
        return Err("a batch's padding is not zero");
    }
    Ok(())
}

/// Takes the next record off `records`: its kind and payload. `None` when the bytes do not hold one.
pub fn next_record<'a>(records: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (head, rest) = records.split_at_checked(RECORD_HEADER_BYTES)?;
    let (payload, rest) = rest.split_at_checked(u32_at(head, 0) as usize)?;
    *records = rest;
    Some((head[4], payload))
}

/// Little-endian number at a position that the caller has checked.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// Little-endian number at a position that the caller has checked.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt() -> Salt {
        Salt::new(*b"sixteen bytes ab")
    }

    fn batch(records: &[(u8, &[u8])]) -> (Vec<u8>, u32) {
        let mut batch = vec![0; BATCH_HEADER_BYTES];
        for (kind, payload) in records {
            let (one, two) = payload.split_at(payload.len() / 2);
            push_record(&mut batch, *kind, &[one, two], payload.len() as u32);
        }
        let crc = seal(&mut batch, &salt(), 10, records.len() as u32, 4, 77);
        (batch, crc)
    }

    /// Gives a header with this field changed and a checksum that matches all the same.
    fn forged(at: usize, field: &[u8]) -> Vec<u8> {
        let (mut batch, _) = batch(&[(1, b"one"), (2, b"")]);
        batch[at..at + field.len()].copy_from_slice(field);
        let crc = salt().crc(&[&batch[HEADER_CRC_FROM..BATCH_HEADER_BYTES]]);
        batch[4..8].copy_from_slice(&crc.to_le_bytes());
        batch
    }

    #[test]
    fn a_batch_comes_back_as_it_was_sealed() {
        let records: [(u8, &[u8]); 3] = [(7, b"first"), (0, b""), (255, &[9; 300])];
        let (batch, crc) = batch(&records);
        let header = parse_header(&batch, &salt()).expect("it is a header");
        assert_eq!((header.count, header.first_lsn, header.last_lsn), (3, 10, 12));
        assert_eq!((header.synced_lsn, header.previous_crc, header.crc), (4, 77, crc));
        assert_eq!((header.bytes(), batch.len() % ALIGNMENT), (batch.len(), 0));
        check_payload(&batch, &header, &salt()).expect("it is whole");
        let mut left = &batch[BATCH_HEADER_BYTES..BATCH_HEADER_BYTES + header.length as usize];
        for record in records {
            assert_eq!(next_record(&mut left), Some(record));
        }
        assert_eq!((next_record(&mut left), left.len()), (None, 0));
    }

    #[test]
    fn the_bytes_of_a_batch_are_those_of_the_specification() {
        let (batch, crc) = batch(&[(7, b"abc")]);
        assert_eq!(&batch[0..4], b"p13b");
        assert_eq!(batch[8..16], [8, 0, 0, 0, 1, 0, 0, 0], "length and count");
        assert_eq!(batch[16..24], [10, 0, 0, 0, 0, 0, 0, 0], "first LSN");
        assert_eq!(batch[24..32], [10, 0, 0, 0, 0, 0, 0, 0], "last LSN");
        assert_eq!(batch[32..40], [4, 0, 0, 0, 0, 0, 0, 0], "synced LSN");
        assert_eq!(batch[40..44], [77, 0, 0, 0], "previous crc");
        assert_eq!(batch[48..56], [3, 0, 0, 0, 7, b'a', b'b', b'c'], "the record");
        let salted = [&b"sixteen bytes ab"[..], &batch[8..44], &batch[48..56]].concat();
        assert_eq!(crc, crc32fast::hash(&salted));
        assert_eq!(batch[44..48], crc.to_le_bytes());
        let salted = [&b"sixteen bytes ab"[..], &batch[8..48]].concat();
        assert_eq!(batch[4..8], crc32fast::hash(&salted).to_le_bytes());
    }

    #[test]
    fn a_length_over_the_limit_is_refused_although_its_checksum_matches() {
        for length in [BATCH_BYTES_MAX as u32 + 1, 1 << 31, u32::MAX] {
            assert!(parse_header(&forged(8, &length.to_le_bytes()), &salt()).is_err());
        }
        assert!(parse_header(&forged(8, &(BATCH_BYTES_MAX as u32).to_le_bytes()), &salt()).is_ok());
    }

    #[test]
    fn a_header_that_contradicts_itself_is_refused_although_its_checksum_matches() {
        let max = u64::MAX.to_le_bytes();
        for (at, field) in
            [(12, &[3, 0, 0, 0][..]), (16, &[11]), (24, &[12]), (32, &[10]), (16, &max)]
        {
            assert!(parse_header(&forged(at, field), &salt()).is_err(), "{at}: {field:?}");
        }
        let many =
            [&[255, 255, 0, 0][..], &10_u64.to_le_bytes(), &65_544_u64.to_le_bytes()].concat();
        assert!(parse_header(&forged(12, &many), &salt()).is_err(), "more records than bytes");
    }

    #[test]
    fn another_salt_reads_nothing() {
        let (batch, _) = batch(&[(1, b"one")]);
        assert!(parse_header(&batch, &Salt::new([1; 16])).is_err());
    }

    #[test]
    fn a_record_longer_than_the_bytes_that_are_left_is_none() {
        for bytes in [&[4, 0, 0, 0, 1, 9, 9, 9][..], &[255, 255, 255, 255, 1], &[0, 0, 0, 0], &[]] {
            let mut left = bytes;
            assert_eq!(next_record(&mut left), None);
            assert_eq!(left, bytes, "nothing is taken");
        }
    }
}
