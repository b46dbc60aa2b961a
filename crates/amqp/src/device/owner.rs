//! The identity that a session serves, while it has its place.

use std::mem;
use std::sync::Arc;

use twinhub_amqp_engine::performatives::AmqpError;
use twinhub_amqp_server::{ConnectionContext, HubError};
use twinhub_core::access::DevicePermit;
use twinhub_core::ports::{Interests, Mailbox, MethodInterest};
use twinhub_core::presence::ConnectionEntry;

use super::DeviceServices;

/// The identity that a session serves. Dropping it leaves the place.
pub(super) struct Owner {
    pub(super) services: Arc<DeviceServices>,
    pub(super) connection: Arc<ConnectionContext>,
    pub(super) permit: DevicePermit,
    pub(super) model_id: Option<Box<str>>,
    place: Option<Place>,
    listens: Listens,
    /// Whether the client has done something that makes its connection count.
    active: bool,
}

struct Place {
    mailbox: Mailbox,
    presence: ConnectionEntry,
}

/// What a session listens to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Listens {
    pub(super) to_methods: bool,
    pub(super) to_messages: bool,
}

impl Owner {
    pub(super) fn new(
        services: Arc<DeviceServices>,
        connection: Arc<ConnectionContext>,
        permit: DevicePermit,
        mailbox: Mailbox,
        presence: ConnectionEntry,
    ) -> Self {
        Owner {
            services,
            connection,
            permit,
            model_id: None,
            place: Some(Place { mailbox, presence }),
            listens: Listens::default(),
            active: false,
        }
    }

    /// What the session is told; nothing once it has left its place.
    pub(super) fn mailbox(&mut self) -> Option<&mut Mailbox> {
        self.place.as_mut().map(|place| &mut place.mailbox)
    }

    /// Something was received from or sent to the identity.
    pub(super) fn touch(&self) {
        if let Some(place) = &self.place {
            place.presence.touch();
        }
    }

    /// The client sends or subscribes: from the first time on readers of
    /// events know it as connected.
    pub(super) fn counts_as_active(&mut self) {
        if !mem::replace(&mut self.active, true) {
            self.services.connection_events.active(&self.permit);
        }
    }

    /// What the session listens to from now on.
    pub(super) fn listens(&mut self, listens: Listens) {
        if self.listens == listens {
            return;
        }
        self.listens = listens;
        if let Some(place) = &self.place {
            place.mailbox.listens_to(Interests {
                methods: match listens.to_methods {
                    true => MethodInterest::All,
                    false => MethodInterest::None,
                },
                messages: listens.to_messages,
            });
        }
    }

    /// An error as the client sees it.
    pub(super) fn error(&self, error: impl Into<HubError>) -> AmqpError {
        self.connection.error(error)
    }

    /// The client took its leave: it answers no call that it was handed.
    pub(super) fn hung_up(&self) {
        if let Some(place) = &self.place {
            let session = place.mailbox.session();
            self.services.methods.hung_up(&self.permit, session);
        }
    }

    /// Leaves the place, if that has not been done.
    pub(super) fn leave(&mut self) {
        if self.place.take().is_some() {
            self.services.connection_events.ended(&self.permit);
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.leave();
    }
}
