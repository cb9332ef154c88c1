//! Offers: which hold for a profile, and the answer they make.
