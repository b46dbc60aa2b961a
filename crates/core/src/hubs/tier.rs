//! A hub's tier: what it is called, and the sizes that follow from it.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling>

use std::fmt;
use std::str::FromStr;

use crate::events::EventSource;
use crate::routing::{MAX_ENDPOINTS, MAX_ENRICHMENTS, MAX_ROUTES};

/// The name of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "Azure's names, nothing to add")]
pub enum Sku {
    F1,
    B1,
    B2,
    B3,
    S1,
    S2,
    S3,
}

/// The text names no tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a tier; F1, B1, B2, B3, S1, S2 and S3 are")]
pub struct UnknownSku(pub String);

impl FromStr for Sku {
    type Err = UnknownSku;

    fn from_str(text: &str) -> Result<Self, UnknownSku> {
        match text.to_ascii_uppercase().as_str() {
            "F1" => Ok(Sku::F1),
            "B1" => Ok(Sku::B1),
            "B2" => Ok(Sku::B2),
            "B3" => Ok(Sku::B3),
            "S1" => Ok(Sku::S1),
            "S2" => Ok(Sku::S2),
            "S3" => Ok(Sku::S3),
            _ => Err(UnknownSku(text.to_owned())),
        }
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Sku {
    /// `Free`, `Basic` or `Standard`.
    pub fn family(self) -> &'static str {
        match self {
            Sku::F1 => "Free",
            Sku::B1 | Sku::B2 | Sku::B3 => "Basic",
            Sku::S1 | Sku::S2 | Sku::S3 => "Standard",
        }
    }
}

/// A tier and how many units of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// The tier.
    pub sku: Sku,
    /// How many units.
    pub units: u32,
}

impl Tier {
    /// Whether devices have twins: they do not in the Basic tiers.
    pub fn has_twins(self) -> bool {
        !matches!(self.sku, Sku::B1 | Sku::B2 | Sku::B3)
    }

    /// How many identities (devices and modules) the hub takes; on the free
    /// tier only devices count.
    pub fn max_identities(self) -> u64 {
        match self.sku {
            Sku::F1 => 500,
            _ => 1_000_000,
        }
    }

    /// How many consumer groups the hub's endpoint has at most, `$Default`
    /// among them: those of an event hub, on every tier.
    pub fn max_consumer_groups(self) -> usize {
        20
    }

    /// How many routes the hub has at most.
    pub fn max_routes(self) -> usize {
        match self.sku {
            Sku::F1 => 5,
            _ => MAX_ROUTES,
        }
    }

    /// How many custom endpoints the hub has at most, of all kinds together.
    pub fn max_endpoints(self) -> usize {
        match self.sku {
            Sku::F1 => 1,
            _ => MAX_ENDPOINTS,
        }
    }

    /// How many enrichments the hub has at most.
    pub fn max_enrichments(self) -> usize {
        match self.sku {
            Sku::F1 => 2,
            _ => MAX_ENRICHMENTS,
        }
    }

    /// Whether the tier has what events of a source tell of: the basic tiers
    /// have neither twins nor jobs.
    pub fn tells_of(self, source: EventSource) -> bool {
        match source {
            EventSource::Telemetry | EventSource::ConnectionState | EventSource::Lifecycle => true,
            EventSource::TwinChange
            | EventSource::JobLifecycle
            | EventSource::DigitalTwinChange => !matches!(self.sku, Sku::B1 | Sku::B2 | Sku::B3),
        }
    }
}
