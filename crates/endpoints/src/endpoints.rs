//! Which kind of endpoint is written by what.

use std::sync::Arc;

use twinhub_core::events::PartitionId;
use twinhub_core::hubs::Hub;
use twinhub_core::ports::{Containers, Target, Targets};
use twinhub_core::routing::{Endpoint, EndpointTarget};
use twinhub_core::time::Clock;

use crate::amqp::Amqp;
use crate::nats::Nats;
use crate::storage::Storage;
use crate::trust::{InvalidAuthorities, Trust};
use crate::unavailable::Unavailable;
use crate::webhook::{Hooks, Ways, Webhook};

/// Ways to endpoints of every kind.
pub struct Endpoints {
    containers: Arc<dyn Containers>,
    clock: Arc<dyn Clock>,
    trust: Trust,
    allows_http: bool,
    hooks: Hooks,
}

impl Endpoints {
    /// Ways to endpoints. Blobs go to `containers`; `clock` says when.
    pub fn new(containers: Arc<dyn Containers>, clock: Arc<dyn Clock>) -> Self {
        Endpoints {
            containers,
            clock,
            trust: Trust::default(),
            allows_http: false,
            hooks: Hooks::default(),
        }
    }

    /// Whoever these authorities, in PEM, vouch for is trusted, too.
    pub fn trusting(mut self, pem: &[u8]) -> Result<Self, InvalidAuthorities> {
        self.trust = Trust::from_pem(pem)?;
        Ok(self)
    }

    /// Whether webhooks of other machines may be reached without encryption,
    /// too.
    pub fn allowing_http(mut self, allowed: bool) -> Self {
        self.allows_http = allowed;
        self
    }
}

impl Targets for Endpoints {
    fn open(&self, hub: &Hub, endpoint: &Endpoint, partition: PartitionId) -> Box<dyn Target> {
        match &endpoint.target {
            EndpointTarget::Storage(target) => Box::new(Storage::new(
                self.containers.clone(),
                self.clock.clone(),
                hub.name(),
                target,
                partition,
            )),
            EndpointTarget::Amqp(target) => {
                Box::new(Amqp::new(target, self.trust.clone(), self.clock.clone()))
            }
            EndpointTarget::Webhook(target) => {
                let ways = Ways {
                    clock: &self.clock,
                    trust: &self.trust,
                    allows_http: self.allows_http,
                };
                match self.hooks.of(hub, endpoint, target, &ways) {
                    Ok(hook) => Box::new(Webhook::new(hook, partition)),
                    Err(failure) => Box::new(Unavailable::new(failure)),
                }
            }
            EndpointTarget::Nats(target) => Box::new(Nats::new(
                hub.name(),
                endpoint.id,
                target,
                partition,
                &self.trust,
            )),
        }
    }
}
