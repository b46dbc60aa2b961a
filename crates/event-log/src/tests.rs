//! Behaviours of the whole log.
