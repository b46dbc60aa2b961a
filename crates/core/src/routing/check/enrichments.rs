//! What an enrichment may be.

use crate::routing::condition::TwinPath;
use crate::routing::settings::Enrichment;

/// The longest key, in bytes.
const MAX_KEY: usize = 128;
/// The longest value, in bytes.
const MAX_VALUE: usize = 1_024;

pub(super) fn check(enrichment: &Enrichment) -> Result<(), &'static str> {
    let key = enrichment.key.as_str();
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if !(1..=MAX_KEY).contains(&key.len()) || !key.bytes().all(is_allowed) {
        return Err("a key has 1 to 128 letters, digits and - _ .");
    }
    if enrichment.destinations.is_empty() {
        return Err("it names no endpoint");
    }
    check_value(&enrichment.value)
}

fn check_value(value: &str) -> Result<(), &'static str> {
    if !(1..=MAX_VALUE).contains(&value.len()) {
        return Err("a value has 1 to 1,024 bytes");
    }
    if value.chars().any(char::is_control) {
        return Err("a value has no control characters");
    }
    let lowered = value.to_ascii_lowercase();
    let names_twin = lowered == "$twin" || lowered.starts_with("$twin.");
    if names_twin && TwinPath::parse(value).is_none() {
        return Err(
            "a value from a twin is $twin.tags., $twin.properties.desired. or \
             $twin.properties.reported. and a property",
        );
    }
    Ok(())
}
