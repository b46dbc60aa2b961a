//! Settings that are read and checked, and that nothing obeys yet.
//!
//! They are taken, so that a file written for a later version works; an
//! operator who sets one hears that it does nothing.

use super::Config;

/// A sentence for each such setting that is not at its default.
pub(super) fn notices(config: &Config) -> Vec<String> {
    let default = Config::default();
    let hub = (&config.hub, &default.hub);
    [
        ("throttling", config.throttling != default.throttling),
        (
            "fault_injection",
            config.fault_injection != default.fault_injection,
        ),
        ("hub.partitions", hub.0.partitions != hub.1.partitions),
        (
            "hub.retention_days",
            hub.0.retention_days != hub.1.retention_days,
        ),
    ]
    .into_iter()
    .filter(|(_, is_set)| *is_set)
    .map(|(key, _)| format!("the setting `{key}` has no effect in this version"))
    .collect()
}
