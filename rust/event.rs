//! Event: one thing that happened, as the plan sees it.
