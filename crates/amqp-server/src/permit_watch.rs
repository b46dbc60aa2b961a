//! The right of a link to exist: renewed with the connection's newest token,
//! withdrawn when that expires or when the policy behind it changes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use twinhub_core::access::{Refused, ServicePermit};

use crate::context::ConnectionContext;

/// How long a link may live on a key that is no longer good.
const CHECK: Duration = Duration::from_secs(1);

/// A permit to serve back ends that goes on counting.
pub struct PermitWatch {
    connection: Arc<ConnectionContext>,
    path: Vec<String>,
    permit: ServicePermit,
    next_check: Instant,
}

impl PermitWatch {
    /// Asks for a permit for what is at this path, see
    /// [`Credentials::service_for`](crate::Credentials::service_for).
    pub async fn obtain(
        connection: Arc<ConnectionContext>,
        path: &[&str],
    ) -> Result<Self, Refused> {
        let permit = connection.credentials.service_for(path).await?;
        Ok(PermitWatch {
            next_check: next_check(&connection, &permit),
            connection,
            path: path.iter().map(|segment| (*segment).to_owned()).collect(),
            permit,
        })
    }

    /// The permit as it is now.
    pub fn permit(&self) -> &ServicePermit {
        &self.permit
    }

    /// The connection of the link.
    pub fn connection(&self) -> &ConnectionContext {
        &self.connection
    }

    /// Returns once the peer has nothing left that gives it the right: its
    /// token expired and was not renewed, or its key is no longer good. Safe
    /// to cancel, and to be called anew however often.
    pub async fn withdrawn(&mut self) -> Refused {
        loop {
            sleep_until(self.next_check).await;
            let credentials = &self.connection.credentials;
            let in_time = self.permit.expires() > self.connection.now();
            if !in_time || !credentials.still_good(&self.permit) {
                let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
                match credentials.service_for(&path).await {
                    Ok(permit) => self.permit = permit,
                    Err(refused) => return refused,
                }
            }
            self.next_check = next_check(&self.connection, &self.permit);
        }
    }
}

fn next_check(connection: &ConnectionContext, permit: &ServicePermit) -> Instant {
    let left = permit.expires().since(connection.now());
    // Timers are in milliseconds: not before the expiry, nor in a spin.
    let left = left + Duration::from_millis(1);
    Instant::now() + left.min(CHECK)
}
