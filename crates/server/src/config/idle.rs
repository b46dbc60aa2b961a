//! Settings that are read and checked, and that nothing obeys yet.
//!
//! They are taken, so that a file written for a later version works; an
//! operator who sets one hears that it does nothing.

use super::Config;

/// A sentence for each such setting that is not at its default.
pub(super) fn notices(config: &Config) -> Vec<String> {
    let default = Config::default();
    [("throttling", config.throttling != default.throttling)]
        .into_iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(key, _)| format!("the setting `{key}` has no effect in this version"))
        .collect()
}
