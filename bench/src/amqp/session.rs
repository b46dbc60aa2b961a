//! What both sides of a session and of its links count.

use twinhub_amqp_engine::performatives::Flow;

/// How many transfers a client lets a server send before it hears of it again: any.
pub const WINDOW: u32 = i32::MAX as u32;

/// What both sides of a session count.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionState {
    /// The number of our next transfer.
    pub next_outgoing: u32,
    /// The number of the server's next transfer.
    pub next_incoming: u32,
    /// How many transfers the server takes from here on.
    pub window: u32,
}

/// A link that is open.
#[derive(Debug, Clone, Copy)]
pub struct Attached {
    /// Our number of it.
    pub handle: u32,
    /// The server's number of it.
    pub remote_handle: u32,
    /// How many messages the server takes from here on, if we are to send.
    pub credit: u32,
    /// How many deliveries it has seen.
    pub delivery_count: u32,
}

impl SessionState {
    /// Learns what the server takes from here on.
    pub fn hear(&mut self, flow: &Flow, links: &mut [Attached]) {
        let expected = flow.next_incoming_id.unwrap_or_default();
        self.window = expected
            .wrapping_add(flow.incoming_window)
            .wrapping_sub(self.next_outgoing);
        let Some(link) = links
            .iter_mut()
            .find(|link| Some(link.remote_handle) == flow.handle)
        else {
            return;
        };
        link.credit = flow
            .delivery_count
            .unwrap_or_default()
            .wrapping_add(flow.link_credit.unwrap_or_default())
            .wrapping_sub(link.delivery_count);
    }

    /// Lets the server send so many messages.
    pub fn grant(&self, link: &Attached, credit: u32) -> Flow {
        Flow {
            next_incoming_id: Some(self.next_incoming),
            incoming_window: WINDOW,
            next_outgoing_id: self.next_outgoing,
            outgoing_window: WINDOW,
            handle: Some(link.handle),
            delivery_count: Some(link.delivery_count),
            link_credit: Some(credit),
            ..Flow::default()
        }
    }
}
