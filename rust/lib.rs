//! p13n: a reactor for real-time personalization.
//!
//! One event in, its customer's profile stitched and updated, the event stored for good, the
//! offers that the customer now qualifies for out. `rust/README.md` is the source map.

pub mod batch;
pub mod clock;
pub mod config;
pub mod error;
pub mod event;
pub mod expr;
pub mod identity_log;
pub mod log;
pub mod mutant;
pub mod offer;
pub mod profile;
pub mod reactor;
pub mod record;
pub mod snapshot;
pub mod storage;
pub mod sync;
pub mod value;

#[cfg(feature = "python")]
mod python;
