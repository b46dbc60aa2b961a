//! The right of a link to exist, and its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};
use twinhub_amqp_engine::performatives::AmqpError;
use twinhub_amqp_server::ConnectionContext;
use twinhub_core::access::{Access, ServicePermit};

/// How long a link may live on a key that is no longer good.
const CHECK: Duration = Duration::from_secs(1);

/// Who asks, and for what.
#[derive(Clone)]
pub(super) struct Asker {
    pub connection: Arc<ConnectionContext>,
    pub access: Arc<Access>,
    pub path: &'static [&'static str],
}

impl Asker {
    /// Asks for the right to serve back ends.
    pub async fn ask(self) -> Result<Permission, AmqpError> {
        let permit = self.permit().await?;
        let mut check = interval(CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Permission {
            asker: self,
            permit,
            check,
        })
    }

    async fn permit(&self) -> Result<ServicePermit, AmqpError> {
        let asked = self.connection.credentials.service_for(self.path).await;
        asked.map_err(|refused| self.connection.error(&refused))
    }
}

/// The right of a link to exist.
pub(super) struct Permission {
    asker: Asker,
    permit: ServicePermit,
    check: Interval,
}

impl Permission {
    pub fn permit(&self) -> &ServicePermit {
        &self.permit
    }

    pub fn connection(&self) -> &ConnectionContext {
        &self.asker.connection
    }

    /// Returns once the peer has nothing left that gives it the right: its
    /// token expired and was not renewed, or its key is no longer good. Safe
    /// to cancel.
    pub async fn withdrawn(&mut self) -> AmqpError {
        loop {
            self.check.tick().await;
            let is_over = self.permit.expires() <= self.asker.connection.now();
            if !is_over && self.asker.access.service_still_holds(&self.permit) {
                continue;
            }
            match self.asker.permit().await {
                Ok(permit) => self.permit = permit,
                Err(error) => return error,
            }
        }
    }
}
