//! The gateway's limits.

use std::time::Duration;

/// What the hub allows a telemetry message, in bytes.
const MESSAGE_LIMIT: usize = 256 * 1024;
/// The longest string of MQTT, and some room for headers.
const TOPIC_AND_HEADERS: usize = 65_535 + 1024;

/// The gateway's limits, with defaults that suit every SDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long a peer may take until its CONNECT is complete: 30 s. It counts
    /// from the start of [`serve`](crate::Gateway::serve), however the bytes
    /// trickle in.
    pub connect_deadline: Duration,
    /// The largest CONNECT, in bytes: 72 KiB, which has room for the largest
    /// will and for a token. All that a stranger can make us hold.
    pub max_connect: usize,
    /// The largest packet of an admitted client, in bytes: the message limit
    /// of 256 KiB and room for topic and headers.
    pub max_packet: usize,
    /// How long a peer may take to accept what was written to it (some 100 KB
    /// at most): 60 s. A peer that does not read is closed after that.
    pub write_deadline: Duration,
    /// How much telemetry of a client may be on its way to the disk, in bytes:
    /// 1 MiB. More stays unread until some of it is there.
    pub max_unstored: usize,
    /// How many deliveries of QoS 1 a client may leave unacknowledged: 4096.
    /// One more, and the connection is closed.
    pub max_unacknowledged: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            connect_deadline: Duration::from_secs(30),
            max_connect: 72 * 1024,
            max_packet: MESSAGE_LIMIT + TOPIC_AND_HEADERS,
            write_deadline: Duration::from_secs(60),
            max_unstored: 1024 * 1024,
            max_unacknowledged: 4096,
        }
    }
}
