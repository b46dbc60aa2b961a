//! The names of this crate's metrics.

use metrics::{counter, gauge, histogram};
use std::time::Duration;

/// Requests, by operation and status.
const REQUESTS: &str = "twinhub_http_requests_total";
/// How long requests took, by operation, in seconds.
const SECONDS: &str = "twinhub_http_request_seconds";
/// Streams of events that are open.
const EVENT_STREAMS: &str = "twinhub_http_event_streams";

/// A request was answered.
pub fn answered(operation: &'static str, status: http::StatusCode, took: Duration) {
    counter!(REQUESTS, "operation" => operation, "status" => status.as_u16().to_string())
        .increment(1);
    histogram!(SECONDS, "operation" => operation).record(took.as_secs_f64());
}

/// A stream of events, counted until it is dropped.
pub struct OpenStream(());

impl OpenStream {
    /// One more.
    pub fn count() -> Self {
        gauge!(EVENT_STREAMS).increment(1);
        OpenStream(())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!(EVENT_STREAMS).decrement(1);
    }
}
