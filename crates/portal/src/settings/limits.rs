//! Limits that follow from the tier, and those that nothing sets.

use twinhub_core::hubs::{MAX_POLICIES, Sku, Tier};
use twinhub_core::{c2d, certificates, messages, methods, twins};

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub of: &'static str,
    /// How many, or how large.
    pub most: u64,
    /// What it counts, if not things.
    pub unit: &'static str,
}

/// The limits of a hub of that tier; of one that nobody knows, those that do
/// not depend on it.
pub fn limits(sku: &str) -> Vec<Limit> {
    let count = |of, most: usize| Limit {
        of,
        most: most as u64,
        unit: "",
    };
    // Azure's kilobytes have 1,024 bytes.
    let size = |of, most: usize| Limit {
        of,
        most: most as u64 / 1024,
        unit: "KB",
    };
    let mut limits = Vec::new();
    if let Ok(sku) = sku.parse::<Sku>() {
        let tier = Tier { sku, units: 1 };
        limits.extend([
            Limit {
                of: match sku {
                    Sku::F1 => "Devices",
                    _ => "Devices and modules",
                },
                most: tier.max_identities(),
                unit: "",
            },
            count("Consumer groups", tier.max_consumer_groups()),
            count("Routes", tier.max_routes()),
            count("Custom endpoints", tier.max_endpoints()),
            count("Message enrichments", tier.max_enrichments()),
        ]);
    }
    limits.extend([
        count("Shared access policies", MAX_POLICIES),
        count("Certificates", certificates::MAX_AUTHORITIES),
        size("Device-to-cloud message", messages::MAX_DEVICE_TO_CLOUD),
        size("Cloud-to-device message", messages::MAX_CLOUD_TO_DEVICE),
        count("Messages that wait for a device", c2d::MAX_QUEUE_DEPTH),
        size("Payload of a method", methods::MAX_PAYLOAD),
        size("Tags of a twin", twins::MAX_TAGS_BYTES),
        size(
            "Desired or reported properties",
            twins::MAX_PROPERTIES_BYTES,
        ),
    ]);
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_the_tier() {
        let of = |sku: &str, what: &str| {
            let found = limits(sku).into_iter().find(|limit| limit.of == what);
            found.map(|limit| (limit.most, limit.unit))
        };

        assert_eq!(of("S3", "Devices and modules"), Some((1_000_000, "")));
        assert_eq!(of("F1", "Devices"), Some((500, "")));
        assert_eq!(of("F1", "Routes"), Some((5, "")));
        assert_eq!(of("unknown", "Routes"), None);
        assert_eq!(of("unknown", "Device-to-cloud message"), Some((256, "KB")));
    }
}
