//! Letting an identity in: from its first link to its place in the hub.

use std::sync::Arc;

use twinhub_amqp_server::{ConnectionContext, HubError, refusal};
use twinhub_core::connections::Connected;
use twinhub_core::faults::Fault;
use twinhub_core::ids::IdentityId;

use super::DeviceServices;
use super::end::of_fault;
use super::owner::Owner;

/// Lets an identity in whose credentials the connection has, and takes its
/// place.
pub(super) async fn admit(
    services: Arc<DeviceServices>,
    connection: Arc<ConnectionContext>,
    id: &IdentityId,
) -> Result<Owner, HubError> {
    let before = services.connections.before();
    let permit = connection.credentials.device(id).await;
    let permit = permit.map_err(|refused| refusal(&refused))?;
    if let Some(fault @ (Fault::Unauthorized | Fault::Throttled)) =
        services.faults.lasting_for(&permit)
    {
        return Err(of_fault(fault));
    }
    let Connected {
        mailbox,
        presence,
        in_doubt,
    } = services.connections.enter(&permit, before);
    let owner = Owner::new(services, connection, permit, mailbox, presence);
    if in_doubt {
        let holds = owner.services.access.still_holds(&owner.permit).await;
        holds.map_err(|refused| refusal(&refused))?;
    }
    Ok(owner)
}
