//! Routing settings that are not taken.

use twinhub_core::routing::InvalidRouting;

use crate::error_codes as codes;
use crate::refusal::Refusal;

impl From<InvalidRouting> for Refusal {
    fn from(error: InvalidRouting) -> Self {
        let message = error.to_string();
        match error {
            InvalidRouting::Source { .. } => Refusal::new(codes::INVALID_SOURCE_ON_ROUTE, message),
            InvalidRouting::SourceNotInTier { .. } => {
                Refusal::new(codes::NOT_AVAILABLE_IN_TIER, message)
            }
            InvalidRouting::TooManyRoutes { .. }
            | InvalidRouting::TooManyEndpoints { .. }
            | InvalidRouting::TooManyEnrichments { .. } => {
                Refusal::new(codes::QUOTA_EXCEEDED, message)
            }
            InvalidRouting::RouteName(_)
            | InvalidRouting::EndpointName(_)
            | InvalidRouting::NamedTwice(_)
            | InvalidRouting::EndpointsOfRoute { .. }
            | InvalidRouting::NoSuchEndpoint { .. }
            | InvalidRouting::EndpointInUse { .. }
            | InvalidRouting::Condition { .. }
            | InvalidRouting::SecretMissing { .. }
            | InvalidRouting::SecretMasked { .. }
            | InvalidRouting::EncodingChanged(_)
            | InvalidRouting::Target { .. }
            | InvalidRouting::Enrichment { .. } => Refusal::invalid(message),
        }
    }
}
