//! Limits of a configuration: every figure in one place (page 2), each tested at it and one over.

/// Bytes of a file.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Levels of maps and lists inside each other.
pub const YAML_DEPTH_MAX: usize = 64;
/// Tokens of a reactor.
pub const TOKENS_MAX: usize = 50;
/// Tables of a reactor.
pub const TABLES_MAX: usize = 100;
/// Entries of `ignore`.
pub const IGNORES_MAX: usize = 50;
/// Keys of a reactor.
pub const KEYS_MAX: usize = 100;
/// `max_values` of a key, at most: the identifiers that a profile may have in all.
pub const VALUES_MAX: u64 = crate::profile::IDENTIFIERS_MAX as u64;
/// Keys, attributes and activations together.
pub const NAMED_MAX: usize = 600;
/// Numbers that a data directory gives to names of keys, and again of attributes, for good.
pub const NUMBERS_MAX: usize = 1 << 16;
/// Attributes that hold state in a profile.
pub const STATE_ATTRIBUTES_MAX: usize = 200;
/// Characters of a name that expressions use, and of an event's name.
pub const NAME_CHARS_MAX: usize = 128;
/// Characters of a name that is wire data (offers, entries of `data`).
pub const WIRE_NAME_CHARS_MAX: usize = 256;
/// Characters of a token.
pub const TOKEN_CHARS_MAX: usize = 128;
/// Characters of a database's or table's name, at least.
pub const TABLE_NAME_CHARS_MIN: usize = 3;
/// Characters of a database's or table's name, at most.
pub const TABLE_NAME_CHARS_MAX: usize = 128;
/// `max_items`, at most.
pub const LIST_ITEMS_MAX: u64 = 10_000;
/// `max_items`, when not given (page 4.2).
pub const LIST_ITEMS_DEFAULT: usize = 100;
/// `duration` of a list, when not given: 90 days.
pub const LIST_DURATION_DEFAULT_MS: i64 = 90 * DAY_MS;
/// `clock_skew`, when not given: 5 minutes.
pub const CLOCK_SKEW_DEFAULT_MS: i64 = 5 * 60 * 1000;
/// `clock_skew`, at most.
pub const CLOCK_SKEW_MAX_MS: i64 = DAY_MS;
/// `ttl` of `profiles`, at least: a day, so that no repeat of an event outlives its profile.
pub const PROFILE_TTL_MIN_MS: i64 = DAY_MS;
/// `value_bytes_max`, when not given: 2 KiB.
pub const VALUE_BYTES_DEFAULT: usize = 2 * 1024;
/// `value_bytes_max`, at most: no event is larger.
pub const VALUE_BYTES_MAX: u64 = 1024 * 1024;
/// Any duration, at most: a hundred years, so that no sum of times overflows.
pub const DURATION_MAX_MS: i64 = 36_500 * DAY_MS;
/// Account and instance numbers, at most: what a double and every client holds exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;
/// Bytes of a compiled `valid_regexp`.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Batch segments of a reactor.
pub const SEGMENTS_MAX: usize = 1_000;
/// Catalogs of a reactor.
pub const CATALOGS_MAX: usize = 50;
/// Columns of a catalog, its key apart.
pub const CATALOG_COLUMNS_MAX: usize = 256;
/// Bytes of a segment's id.
pub const SEGMENT_ID_BYTES_MAX: usize = 128;
/// Bytes of a column's name.
pub const COLUMN_NAME_BYTES_MAX: usize = 256;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
