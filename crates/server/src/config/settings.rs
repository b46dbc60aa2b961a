//! The settings that a variable can carry, and how its text is read.

use figment::value::Value;

/// How the text of a variable becomes a value.
#[derive(Clone, Copy)]
pub(super) enum Reading {
    /// As it stands.
    Text,
    /// Parts between commas.
    List,
    /// As in the file: a number, `true`, `false`.
    Literal,
}

/// Every setting with its key in the file.
pub(super) const SETTINGS: &[(&str, Reading)] = &[
    ("hostname", Reading::List),
    ("listen", Reading::List),
    ("log", Reading::Text),
    ("throttling", Reading::Literal),
    ("fault_injection", Reading::Literal),
    ("ports.https", Reading::Literal),
    ("ports.mqtts", Reading::Literal),
    ("ports.amqps", Reading::Literal),
    ("tls.cert", Reading::Text),
    ("tls.key", Reading::Text),
    ("hub.name", Reading::Text),
    ("hub.sku", Reading::Text),
    ("hub.units", Reading::Literal),
    ("hub.partitions", Reading::Literal),
    ("hub.retention_days", Reading::Literal),
    ("hub.max_log_gb", Reading::Literal),
    ("hub.max_backlog_gb", Reading::Literal),
    ("hub.module_event_names", Reading::Text),
    ("hub.module_update_events", Reading::Literal),
    ("limits.modules_per_device", Reading::Literal),
    ("sas.clock_skew_seconds", Reading::Literal),
    ("cloud_to_device.default_ttl_seconds", Reading::Literal),
    ("cloud_to_device.max_delivery_count", Reading::Literal),
    ("cloud_to_device.lock_expiry_counts", Reading::Literal),
    ("cloud_to_device.feedback_ttl_seconds", Reading::Literal),
    ("cloud_to_device.feedback_lock_seconds", Reading::Literal),
    (
        "cloud_to_device.feedback_max_delivery_count",
        Reading::Literal,
    ),
    ("cloud_to_device.feedback_max_records", Reading::Literal),
    ("outgoing.ca_file", Reading::Text),
    ("outgoing.allow_http", Reading::Literal),
    ("outgoing.hosts", Reading::List),
];

/// Variables that are no settings of a hub.
pub(super) const OTHER_VARIABLES: &[&str] = &["TWINHUB_DATA_DIR", "TWINHUB_CA_FILE"];

/// `ports.https` is set by `TWINHUB_PORTS_HTTPS`.
pub(super) fn variable(key: &str) -> String {
    format!("TWINHUB_{}", key.replace('.', "_").to_ascii_uppercase())
}

pub(super) fn read(text: &str, reading: Reading) -> Value {
    match reading {
        Reading::Text => text.into(),
        Reading::List => text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .into(),
        Reading::Literal => match text.parse::<Value>() {
            Ok(value) => value,
            Err(never) => match never {},
        },
    }
}

/// The candidate that `word` was probably meant to be.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (likeness(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// How alike two names are, whatever the order of their words: `MQTTS_PORT` is
/// like `PORTS_MQTTS`.
fn likeness(one: &str, other: &str) -> f64 {
    let sorted = |name: &str| {
        let mut words: Vec<&str> = name.split('_').collect();
        words.sort_unstable();
        words.join("_")
    };
    strsim::jaro_winkler(one, other).max(strsim::jaro_winkler(&sorted(one), &sorted(other)))
}
