//! What clients are given to connect with.

use twinhub_sas::ConnectionString;

use crate::portal::Settings;

/// The hub's host name for back ends, with the port if it is not the usual one.
pub fn service_host(settings: &Settings) -> String {
    match settings.https_port {
        443 => settings.host.clone(),
        port => format!("{}:{port}", settings.host),
    }
}

/// The connection string of a shared access policy.
pub fn of_policy(host: &str, policy: &str, key: &str) -> String {
    ConnectionString::for_policy(host, policy, key)
        .map(|string| string.to_string())
        .unwrap_or_default()
}

/// The connection string of the built-in endpoint for clients of Event Hubs,
/// which dial ports of their own.
pub fn of_endpoint(settings: &Settings, policy: &str, key: &str) -> String {
    format!(
        "Endpoint=sb://{}/;SharedAccessKeyName={policy};SharedAccessKey={key};EntityPath={}",
        settings.host, settings.hub
    )
}
