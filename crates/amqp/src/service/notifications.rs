//! `/messages/serviceBound/filenotifications`: that devices have stored files.
//!
//! Nothing is sent: devices cannot store files with this hub. SDKs attach
//! the link all the same, and wait.

use twinhub_amqp_server::{OutgoingTerms, PendingLink};

use super::Asker;

/// Serves such a link until it ends.
pub(super) async fn serve(link: PendingLink, asker: Asker) {
    let mut permission = match asker.ask().await {
        Ok(permission) => permission,
        Err(error) => return link.refuse(error),
    };
    let mut link = link.accept_outgoing(OutgoingTerms::default());
    loop {
        tokio::select! {
            drained = link.draining() => match drained {
                Ok(()) => link.drained(),
                Err(_) => return,
            },
            refused = permission.withdrawn() => {
                return link.end(Some(permission.connection().error(&refused)));
            }
        }
    }
}
