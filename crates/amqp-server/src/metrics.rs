//! The names of this crate's metrics.

use metrics::{Counter, Gauge, counter, gauge};

/// Connections that are open.
const CONNECTIONS: &str = "twinhub_amqp_connections";
/// Links that are open.
const LINKS: &str = "twinhub_amqp_links";
/// Deliveries from peers (`in`) and to them (`out`).
const DELIVERIES: &str = "twinhub_amqp_deliveries_total";

/// What the links of a connection count; looked up once.
#[derive(Clone)]
pub(crate) struct LinkMetrics {
    links: Gauge,
    deliveries_in: Counter,
    deliveries_out: Counter,
}

impl LinkMetrics {
    pub(crate) fn new() -> Self {
        LinkMetrics {
            links: gauge!(LINKS),
            deliveries_in: counter!(DELIVERIES, "direction" => "in"),
            deliveries_out: counter!(DELIVERIES, "direction" => "out"),
        }
    }

    pub(crate) fn opened(&self) {
        self.links.increment(1);
    }

    pub(crate) fn closed(&self) {
        self.links.decrement(1);
    }

    /// So many deliveries came and went.
    pub(crate) fn moved(&self, incoming: u64, outgoing: u64) {
        if incoming > 0 {
            self.deliveries_in.increment(incoming);
        }
        if outgoing > 0 {
            self.deliveries_out.increment(outgoing);
        }
    }
}

/// A connection, counted until it is dropped.
pub(crate) struct OpenConnection(());

impl OpenConnection {
    pub(crate) fn count() -> Self {
        gauge!(CONNECTIONS).increment(1);
        OpenConnection(())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        gauge!(CONNECTIONS).decrement(1);
    }
}
