//! The names of this crate's metrics.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use twinhub_core::ids::HubName;

/// Events that became durable, by hub.
const EVENTS: &str = "twinhub_event_log_events_total";
/// Their bytes in the log, by hub.
const BYTES: &str = "twinhub_event_log_bytes_total";
/// Commits: a write and a flush each, by hub.
const COMMITS: &str = "twinhub_event_log_commits_total";
/// How long commits took, by hub, in seconds.
const COMMIT_SECONDS: &str = "twinhub_event_log_commit_seconds";
/// Bytes of events that the log holds, by hub.
const HELD_BYTES: &str = "twinhub_event_log_held_bytes";
/// 1 while the log refuses events because it can't be written, by hub.
const REFUSING: &str = "twinhub_event_log_refusing";

/// Events of changes that wait in the state for the event log, by hub.
const OUTBOX_EVENTS: &str = "twinhub_change_events_waiting";
/// 1 while changes that make events are refused, because too many wait, by hub.
const OUTBOX_REFUSING: &str = "twinhub_change_events_refusing";

/// The handles of the metrics of one hub's outbox.
pub(crate) struct OutboxMetrics {
    waiting: metrics::Gauge,
    refusing: metrics::Gauge,
}

impl OutboxMetrics {
    pub(crate) fn of(hub: &HubName) -> Self {
        let hub = hub.to_string();
        OutboxMetrics {
            waiting: gauge!(OUTBOX_EVENTS, "hub" => hub.clone()),
            refusing: gauge!(OUTBOX_REFUSING, "hub" => hub),
        }
    }

    /// So many events wait.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(crate) fn waiting(&self, events: i64) {
        self.waiting.set(events as f64);
    }

    /// Whether changes are refused.
    pub(crate) fn refusing(&self, refuses: bool) {
        self.refusing.set(if refuses { 1.0 } else { 0.0 });
    }
}

/// The handles of one hub's metrics: a commit is counted without looking up
/// names.
pub(crate) struct EventLogMetrics {
    events: metrics::Counter,
    bytes: metrics::Counter,
    commits: metrics::Counter,
    commit_seconds: metrics::Histogram,
    held_bytes: metrics::Gauge,
    refusing: metrics::Gauge,
}

impl EventLogMetrics {
    pub(crate) fn of(hub: &HubName) -> Self {
        let hub = hub.to_string();
        EventLogMetrics {
            events: counter!(EVENTS, "hub" => hub.clone()),
            bytes: counter!(BYTES, "hub" => hub.clone()),
            commits: counter!(COMMITS, "hub" => hub.clone()),
            commit_seconds: histogram!(COMMIT_SECONDS, "hub" => hub.clone()),
            held_bytes: gauge!(HELD_BYTES, "hub" => hub.clone()),
            refusing: gauge!(REFUSING, "hub" => hub),
        }
    }

    /// A commit is on disk.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(crate) fn committed(&self, events: u64, bytes: u64, took: Duration) {
        self.events.increment(events);
        self.bytes.increment(bytes);
        self.held_bytes.increment(bytes as f64);
        self.commits.increment(1);
        self.commit_seconds.record(took.as_secs_f64());
    }

    /// What the log holds.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(crate) fn held(&self, bytes: u64) {
        self.held_bytes.set(bytes as f64);
    }

    /// Whether the log refuses events.
    pub(crate) fn refusing(&self, refusing: bool) {
        self.refusing.set(if refusing { 1.0 } else { 0.0 });
    }
}
