//! The names of core's metrics.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::ids::HubName;
use crate::ports::FailureReason;
use crate::routing::Endpoint;
use crate::transfer::{Ended, TransferKind};

/// Telemetry, by hub and outcome: `success` for each copy that the built-in
/// endpoint got, `fallback` for those that the fallback route took, `orphaned`
/// for messages that nobody wanted, `invalid` for copies that enrichments made
/// too large. As Azure's `d2c.telemetry.egress.*`.
/// <https://learn.microsoft.com/azure/iot-hub/monitor-iot-hub-reference>
const EGRESS: &str = "twinhub_routing_telemetry_egress_total";
/// Reads of twins that routes ask about, which failed.
const TWIN_FAILURES: &str = "twinhub_routing_twin_failures_total";
/// Events that custom endpoints accepted.
const DELIVERED: &str = "twinhub_routing_delivered_total";
/// How long the oldest event of each delivery took from the hub to the
/// endpoint, in seconds.
const LATENCY: &str = "twinhub_routing_latency_seconds";
/// Deliveries that failed and are tried again, by reason.
const FAILURES: &str = "twinhub_routing_failures_total";
/// Events that an endpoint can never take, which are left out.
const INVALID: &str = "twinhub_routing_invalid_total";
/// Events that went with the backlog's retention before they were delivered.
const DROPPED: &str = "twinhub_routing_dropped_total";
/// Events that are damaged on the disk, which are left out.
const DAMAGED: &str = "twinhub_routing_damaged_total";
/// Events that wait.
const WAITING: &str = "twinhub_routing_backlog_events";
/// Bytes of the disk that an endpoint's backlog takes.
const BACKLOG_BYTES: &str = "twinhub_routing_backlog_bytes";
/// 1 while an endpoint refuses events.
const REFUSING: &str = "twinhub_routing_endpoint_refusing";
/// Events of changes that were moved to where routes lead.
const MOVED: &str = "twinhub_change_events_total";
/// How old the oldest event of a change is that can't be stored now, in
/// seconds; 0 while there is none.
const STUCK: &str = "twinhub_change_events_stuck_seconds";

/// Imports and exports that have ended, by how.
const TRANSFERS: &str = "twinhub_transfer_jobs_total";
/// Identities that imports and exports did, and lines that imports could not
/// do.
const TRANSFERRED: &str = "twinhub_transfer_items_total";

/// The handles of what is counted of a hub's telemetry on its way in.
pub(crate) struct EgressMetrics {
    pub success: Counter,
    pub fallback: Counter,
    pub orphaned: Counter,
    pub invalid: Counter,
}

impl EgressMetrics {
    pub(crate) fn of(hub: &HubName) -> Self {
        let egress = |outcome: &'static str| counter!(EGRESS, "hub" => hub.to_string(), "outcome" => outcome);
        EgressMetrics {
            success: egress("success"),
            fallback: egress("fallback"),
            orphaned: egress("orphaned"),
            invalid: egress("invalid"),
        }
    }
}

/// The handle of what is counted of a hub's reads of twins for its routes.
pub(crate) struct TwinReadMetrics(Counter);

impl TwinReadMetrics {
    pub(crate) fn of(hub: &HubName) -> Self {
        TwinReadMetrics(counter!(TWIN_FAILURES, "hub" => hub.to_string()))
    }

    /// A read failed.
    pub(crate) fn failed(&self) {
        self.0.increment(1);
    }
}

/// The handles of one endpoint's metrics, by hub, endpoint and kind.
pub(crate) struct DeliveryMetrics {
    labels: [(&'static str, String); 3],
    delivered: Counter,
    latency: Histogram,
    invalid: Counter,
    dropped: Counter,
    damaged: Counter,
    waiting: Gauge,
    backlog_bytes: Gauge,
    refusing: Gauge,
}

impl DeliveryMetrics {
    pub(crate) fn of(hub: &HubName, endpoint: &Endpoint) -> Self {
        let labels = [
            ("hub", hub.to_string()),
            ("endpoint", endpoint.name.to_string()),
            ("kind", endpoint.target.kind().to_owned()),
        ];
        DeliveryMetrics {
            delivered: counter!(DELIVERED, &labels),
            latency: histogram!(LATENCY, &labels),
            invalid: counter!(INVALID, &labels),
            dropped: counter!(DROPPED, &labels),
            damaged: counter!(DAMAGED, &labels),
            waiting: gauge!(WAITING, &labels),
            backlog_bytes: gauge!(BACKLOG_BYTES, &labels),
            refusing: gauge!(REFUSING, &labels),
            labels,
        }
    }

    /// The endpoint accepted events; the oldest came so long ago.
    pub(crate) fn delivered(&self, events: u64, latency: Duration) {
        self.delivered.increment(events);
        self.latency.record(latency.as_secs_f64());
    }

    /// A delivery failed, and is tried again.
    pub(crate) fn failed(&self, reason: FailureReason) {
        let [hub, endpoint, kind] = self.labels.clone();
        let reason = ("reason", reason.last_known_error().to_owned());
        counter!(FAILURES, &[hub, endpoint, kind, reason]).increment(1);
    }

    /// An event can never be delivered.
    pub(crate) fn invalid(&self) {
        self.invalid.increment(1);
    }

    /// Events went before they were delivered.
    pub(crate) fn dropped(&self, events: u64) {
        self.dropped.increment(events);
    }

    /// Events are damaged.
    pub(crate) fn damaged(&self, events: u64) {
        self.damaged.increment(events);
    }

    /// What waits, and whether the endpoint refuses it.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(crate) fn backlog(&self, events: u64, bytes: u64, refusing: bool) {
        self.waiting.set(events as f64);
        self.backlog_bytes.set(bytes as f64);
        self.refusing.set(if refusing { 1.0 } else { 0.0 });
    }
}

/// The handles of a hub's imports or exports.
#[derive(Debug)]
pub(crate) struct TransferMetrics {
    labels: [(&'static str, String); 2],
    done: Counter,
    failed: Counter,
}

impl TransferMetrics {
    pub(crate) fn of(hub: &HubName, kind: TransferKind) -> Self {
        let kind = match kind {
            TransferKind::Export => "export",
            TransferKind::Import => "import",
        };
        let labels = [("hub", hub.to_string()), ("kind", kind.to_owned())];
        let items = |outcome: &'static str| {
            let [hub, kind] = labels.clone();
            counter!(TRANSFERRED, &[hub, kind, ("outcome", outcome.to_owned())])
        };
        TransferMetrics {
            done: items("done"),
            failed: items("failed"),
            labels,
        }
    }

    /// Identities were exported, or lines imported.
    pub(crate) fn done(&self, items: u64) {
        self.done.increment(items);
    }

    /// A line could not be imported.
    pub(crate) fn failed(&self) {
        self.failed.increment(1);
    }

    /// The job has ended.
    pub(crate) fn ended(&self, how: &Ended) {
        let status = match how {
            Ended::Completed => "completed",
            Ended::Failed { .. } => "failed",
            Ended::Cancelled => "cancelled",
        };
        let [hub, kind] = self.labels.clone();
        counter!(TRANSFERS, &[hub, kind, ("status", status.to_owned())]).increment(1);
    }
}

/// The handles of what a hub tells of its changes.
pub(crate) struct PumpMetrics {
    moved: Counter,
    stuck: Gauge,
}

impl PumpMetrics {
    pub(crate) fn of(hub: &HubName) -> Self {
        let hub = hub.to_string();
        PumpMetrics {
            moved: counter!(MOVED, "hub" => hub.clone()),
            stuck: gauge!(STUCK, "hub" => hub),
        }
    }

    /// Events are where routes lead.
    pub(crate) fn moved(&self, events: u64) {
        self.moved.increment(events);
    }

    /// Events can't be stored now, and the oldest is of so long ago; zero once
    /// they can.
    pub(crate) fn stuck(&self, oldest: Duration) {
        self.stuck.set(oldest.as_secs_f64());
    }
}
