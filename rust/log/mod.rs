//! The log: the write-ahead log that is the ingest store. It sees bytes only.
