//! Reactor: plan, store, log; the request told as a story.
