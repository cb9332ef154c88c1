//! Limits of batch data: every figure in one place, each tested at it and one over.

/// Bytes of a row's key: an identifier's value, or the key of a catalog's row.
pub const KEY_BYTES_MAX: usize = 512;
/// Bytes of a row beside its key, as a generation holds it.
pub const ROW_BYTES_MAX: usize = 64 * 1024;
/// Columns of one generation, its key apart.
pub const COLUMNS_MAX: usize = 256;
/// Bytes of a column's name.
pub const COLUMN_NAME_BYTES_MAX: usize = 256;
/// Segments of one row.
pub const SEGMENTS_MAX: usize = 1_000;
/// Bytes of a segment's id.
pub const SEGMENT_ID_BYTES_MAX: usize = 128;
/// Bytes of one record of an imported file: a line of JSON, or a row of CSV however many lines it has.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Malformed rows that are told of one by one; the rest is counted.
pub const PROBLEMS_SHOWN_MAX: usize = 100;
/// Layers that one kind of data, or one catalog, may have: imports without `replace` that have not been
/// merged yet.
pub const LAYERS_MAX: usize = 16;
/// So many layers are left alone; beyond that the newest ones are merged.
pub const LAYERS_CALM: usize = 4;
/// A profile's identifiers that batch data is looked up under: the strongest ones.
pub const IDENTIFIERS_READ_MAX: usize = 16;
/// Rows of catalogs that one request keeps beside it.
pub const ROWS_KEPT_MAX: usize = 64;

/// A block takes no further row that would make it longer, unless it would be its first.
pub const BLOCK_BYTES: usize = 4 * 1024;
/// Bytes of a block, at most: rows whose keys have one hash stand in one block.
pub const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of rows that are sorted in memory; beyond that they go to disk in sorted runs.
pub const SORT_BYTES: usize = 64 * 1024 * 1024;
/// Sorted runs that are read at once; beyond that they are made one.
pub const RUNS_MAX: usize = 128;
/// Bytes that each sorted run is read by, and each file written by.
pub const BUFFER_BYTES: usize = 256 * 1024;
/// Bytes that may be unsynced while a generation is written: the log's syncs never queue behind more.
pub const SYNC_BYTES: u64 = 16 * 1024 * 1024;
