//! Deliveries from the peer, and what becomes of them.

use super::breach::Breach;
use super::link::LinkEnd;
use super::session::Handle;
use super::{Connection, DeliveryId, Event, LinkId};
use crate::performatives::{DeliveryState, Disposition, Role, Transfer, condition};

impl Connection {
    /// Settles a range of deliveries with one disposition.
    ///
    /// The range holds deliveries of this link only: the numbers of several
    /// links of a session may alternate.
    pub fn settle_incoming(
        &mut self,
        link: LinkId,
        first: DeliveryId,
        last: DeliveryId,
        state: &DeliveryState,
    ) {
        let Some(link) = self.links.get(link) else {
            return;
        };
        let disposition = Disposition {
            role: Role::Receiver,
            first: first.0,
            last: Some(last.0),
            settled: true,
            state: Some(state.clone()),
            batchable: false,
        };
        let written = self.wire.frame(link.channel, disposition);
        self.checked(written);
    }

    pub(super) fn take_transfer(&mut self, channel: u16, transfer: Transfer) -> Result<(), Breach> {
        let Some(session) = self.sessions.addressed(channel)? else {
            return Ok(());
        };
        if !session.count_incoming() {
            let why = "a transfer beyond the session's window";
            return Err(Breach::session(condition::WINDOW_VIOLATION, why));
        }
        let runs_low = session.window_runs_low(self.settings.incoming_window);
        let link = match session.handles.get(transfer.handle) {
            Some(Handle::Attached(link)) => Some(link),
            Some(Handle::Detached) => None,
            None => {
                let why = format!("no link has handle {}", transfer.handle);
                return Err(Breach::session(condition::UNATTACHED_HANDLE, why));
            }
        };
        if runs_low {
            self.write_session_flow(channel)?;
        }
        match link {
            Some(link) => self.take_delivery(link, transfer),
            None => Ok(()),
        }
    }

    fn take_delivery(&mut self, id: LinkId, transfer: Transfer) -> Result<(), Breach> {
        let Some(link) = self.links.get_mut(id) else {
            return Ok(());
        };
        let LinkEnd::Incoming(incoming) = &mut link.end else {
            let why = "a transfer on a link that its peer receives on";
            return Err(Breach::session(condition::ILLEGAL_STATE, why));
        };
        let whole = incoming
            .take(transfer, &mut self.partial)
            .map_err(|error| Breach::Link(id, error))?;
        let renewed = incoming.grant.renew();
        if let Some(delivery) = whole {
            self.events
                .push_back(Event::Delivery { link: id, delivery });
        }
        if renewed {
            self.write_link_flow(id)?;
        }
        Ok(())
    }
}
