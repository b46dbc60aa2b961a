//! The way from the hub's own name for its events to where they are read.

use std::sync::Arc;

use bytestring::ByteString;
use twinhub_amqp_engine::performatives::{AmqpError, condition};
use twinhub_amqp_engine::value::{Map, Symbol};
use twinhub_amqp_server::{ConnectionContext, PendingLink};
use twinhub_core::hubs::Hub;

/// Refuses a link with where to go instead, if its peer may know.
pub(crate) async fn serve(
    connection: Arc<ConnectionContext>,
    link: PendingLink,
    tail: Vec<String>,
    port: u16,
) {
    let error = match connection.credentials.service().await {
        Ok(permit) => {
            let hub = permit.hub();
            let tracking_id = connection.tracking_id(connection.now());
            elsewhere(hub, link.address().host(), port, &tail, tracking_id)
        }
        Err(refused) => connection.error(&refused),
    };
    link.refuse(error);
}

/// The same host, under the name that the peer has dialled it by.
fn elsewhere(
    hub: &Hub,
    dialled: Option<&str>,
    port: u16,
    tail: &[String],
    tracking_id: String,
) -> AmqpError {
    let host = dialled.filter(|host| hub.answers_to(host));
    let host = host.unwrap_or_else(|| hub.host_name()).to_owned();
    let tail = tail.join("/");
    let address = format!("amqps://{host}:{port}/{}/{tail}", hub.name());
    let host = ByteString::from(host);
    AmqpError {
        condition: condition::LINK_REDIRECT,
        description: None,
        info: Map::new()
            .with(Symbol::from_static("hostname"), host.clone())
            .with(Symbol::from_static("network-host"), host)
            .with(Symbol::from_static("port"), i32::from(port))
            .with(Symbol::from_static("address"), address)
            .with(
                Symbol::from_static("com.microsoft:tracking-id"),
                tracking_id,
            ),
    }
}
