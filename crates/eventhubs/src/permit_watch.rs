//! A permit that goes on counting: renewed with the connection's newest token,
//! lost when that expires or when the policy behind it changes.

use std::sync::Arc;
use std::time::Duration;

use twinhub_amqp_server::ConnectionContext;
use twinhub_core::access::{Access, Refused, ServicePermit};

/// How long a link may live on a key that is no longer good.
const CHECK: Duration = Duration::from_secs(1);

/// A permit, and who to ask for the next one.
pub(crate) struct PermitWatch {
    access: Arc<Access>,
    connection: Arc<ConnectionContext>,
    path: Vec<String>,
    permit: ServicePermit,
}

impl PermitWatch {
    /// Asks for a permit for what is at this path.
    pub(crate) async fn obtain(
        access: Arc<Access>,
        connection: Arc<ConnectionContext>,
        path: &[&str],
    ) -> Result<Self, Refused> {
        let permit = connection.credentials.service_for(path).await?;
        Ok(PermitWatch {
            access,
            connection,
            path: path.iter().map(|segment| (*segment).to_owned()).collect(),
            permit,
        })
    }

    /// The permit as it is now.
    pub(crate) fn permit(&self) -> &ServicePermit {
        &self.permit
    }

    /// Asks for a new permit if this one no longer counts.
    pub(crate) async fn check(&mut self) -> Result<(), Refused> {
        let in_time = self.permit.expires() > self.connection.now();
        if in_time && self.access.service_still_holds(&self.permit) {
            return Ok(());
        }
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        self.permit = self.connection.credentials.service_for(&path).await?;
        Ok(())
    }

    /// Waits until it is time to check again.
    pub(crate) async fn until_next_check(&self) {
        let left = self.permit.expires().since(self.connection.now());
        // Timers are in milliseconds: not before the expiry, nor in a spin.
        let left = left + Duration::from_millis(1);
        tokio::time::sleep(left.min(CHECK)).await;
    }
}
