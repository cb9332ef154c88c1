//! Profiles: what is known of one customer, who they are, and where they are kept.
//!
//! Invariant: profiles never heard of offers, expressions or disks.

pub mod attribute;
