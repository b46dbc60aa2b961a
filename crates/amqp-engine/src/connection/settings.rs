//! What a connection may cost, and what it tells its peer about itself.

use std::time::Duration;

use crate::decode::Limits;
use crate::value::Symbol;

/// The terms of a connection; the same for all of a server, as a rule.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who speaks, in `open`.
    pub container_id: String,
    /// The largest frame that is read, and the largest that is written even
    /// to a peer that reads larger ones.
    pub max_frame_size: u32,
    /// The highest channel: one less than the number of sessions.
    pub channel_max: u16,
    /// The highest handle of a link in its session.
    pub handle_max: u32,
    /// How long the peer may be silent. Never zero; some clients refuse less
    /// than five seconds.
    pub idle_timeout: Duration,
    /// How many transfers a session takes before it says that it takes more.
    pub incoming_window: u32,
    /// How many transfers a session has out, as far as the peer is told.
    pub outgoing_window: u32,
    /// Links of the connection, in all its sessions together.
    pub max_links: usize,
    /// Bytes of all deliveries of the connection whose last frame is still to come.
    pub max_partial_bytes: usize,
    /// Memory for what the peer said to attach its links, all of them together.
    pub max_attach_bytes: usize,
    /// Deliveries that the connection sent and its peer has not settled.
    pub max_unsettled: usize,
    /// [`max_links`](Self::max_links) until the host calls
    /// [`admitted`](super::Connection::admitted).
    pub stranger_links: usize,
    /// [`max_partial_bytes`](Self::max_partial_bytes) until then.
    pub stranger_partial_bytes: usize,
    /// [`max_attach_bytes`](Self::max_attach_bytes) until then.
    pub stranger_attach_bytes: usize,
    /// The SASL mechanisms on offer; none refuses the SASL layer.
    pub mechanisms: Vec<Symbol>,
    /// How much one frame may ask of the decoder.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            container_id: "twinhub".to_owned(),
            max_frame_size: 64 * 1024,
            channel_max: 1023,
            handle_max: 255,
            idle_timeout: Duration::from_secs(240),
            incoming_window: 5000,
            outgoing_window: 5000,
            max_links: 4096,
            max_partial_bytes: 4 * 1024 * 1024,
            max_attach_bytes: 12 * 1024 * 1024,
            max_unsettled: 4096,
            stranger_links: 8,
            stranger_partial_bytes: 64 * 1024,
            stranger_attach_bytes: 64 * 1024,
            mechanisms: ["MSSBCBS", "PLAIN", "ANONYMOUS"]
                .map(Symbol::from_static)
                .to_vec(),
            limits: Limits::default(),
        }
    }
}
