//! Where an endpoint leads, in a line.

use crate::routes::document::Endpoint;

/// Of an endpoint in this list of the API.
pub fn of(list: &str, endpoint: &Endpoint) -> String {
    let connection = endpoint.text("connectionString");
    match list {
        "storageContainers" => join(&storage(connection), endpoint.text("containerName")),
        "amqpQueues" => join(connection, endpoint.text("address")),
        "webhooks" => endpoint.text("url").to_owned(),
        "natsSubjects" => join(endpoint.text("servers"), endpoint.text("subject")),
        _ => {
            let named = part(connection, "EntityPath").unwrap_or_default();
            let entity = endpoint.text("entityPath");
            let entity = if entity.is_empty() { named } else { entity };
            join(part(connection, "Endpoint").unwrap_or_default(), entity)
        }
    }
}

fn storage(connection: &str) -> String {
    let address = connection.split('?').next().unwrap_or_default();
    if part(address, "AccountName").is_none() && address.contains("://") {
        return address.to_owned();
    }
    let account = part(connection, "BlobEndpoint").or_else(|| part(connection, "AccountName"));
    account.unwrap_or_default().to_owned()
}

fn join(place: &str, within: &str) -> String {
    match (place.trim_end_matches('/'), within) {
        (place, "") => place.to_owned(),
        ("", within) => within.to_owned(),
        (place, within) => format!("{place}/{}", within.trim_start_matches('/')),
    }
}

/// A part of a connection string.
fn part<'c>(connection: &'c str, name: &str) -> Option<&'c str> {
    let mut parts = connection
        .split(';')
        .filter_map(|part| part.split_once('='));
    let found = parts.find(|(known, _)| known.trim().eq_ignore_ascii_case(name));
    found
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}
