//! The paths under which the hub tells how it stands.

use http::Method;

use super::folded;
use crate::refusal::Refusal;

/// A question of how the hub stands. All are additions of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusEndpoint {
    /// `GET /twinhub/v1/caller`
    Caller,
    /// `GET /twinhub/v1/status`
    Status,
    /// `GET /twinhub/v1/history`
    History,
    /// `GET /twinhub/v1/partitions`
    Partitions,
}

impl StatusEndpoint {
    /// The operation's name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            StatusEndpoint::Caller => "caller",
            StatusEndpoint::Status => "status",
            StatusEndpoint::History => "history",
            StatusEndpoint::Partitions => "partitions",
        }
    }
}

/// Finds the question if the path is one of them.
pub(super) fn route(method: &Method, segments: &[&str]) -> Option<Result<StatusEndpoint, Refusal>> {
    let folded = folded(segments);
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let endpoint = match folded.as_slice() {
        ["twinhub", "v1", "caller"] => StatusEndpoint::Caller,
        ["twinhub", "v1", "status"] => StatusEndpoint::Status,
        ["twinhub", "v1", "history"] => StatusEndpoint::History,
        ["twinhub", "v1", "partitions"] => StatusEndpoint::Partitions,
        _ => return None,
    };
    match *method {
        Method::GET => Some(Ok(endpoint)),
        _ => Some(Err(Refusal::wrong_method("GET"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{MessageEndpoint, Route};

    #[test]
    fn the_paths_of_our_own_lead_to_different_places() {
        let find = |path: &str| Route::find(&Method::GET, &["twinhub", "v1", path]);

        assert_eq!(find("Status"), Ok(Route::Status(StatusEndpoint::Status)));
        let events = Route::Messages(MessageEndpoint::FollowEvents);
        assert_eq!(find("events"), Ok(events));
        assert!(find("nothing").is_err());
    }

    #[test]
    fn the_hubs_standing_can_only_be_read() {
        let posted = Route::find(&Method::POST, &["twinhub", "v1", "status"]);

        assert_eq!(posted.unwrap_err().allow, Some("GET"));
    }
}
