//! The names of this crate's metrics.

use metrics::{counter, histogram};
use std::time::Duration;

/// Requests, by operation and status.
const REQUESTS: &str = "twinhub_http_requests_total";
/// How long requests took, by operation, in seconds.
const SECONDS: &str = "twinhub_http_request_seconds";

/// A request was answered.
pub fn answered(operation: &'static str, status: http::StatusCode, took: Duration) {
    counter!(REQUESTS, "operation" => operation, "status" => status.as_u16().to_string())
        .increment(1);
    histogram!(SECONDS, "operation" => operation).record(took.as_secs_f64());
}
